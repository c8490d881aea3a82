//! Health, version, measurements.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use cosign_core::{MAX_BATCH, MIN_ITERATIONS, Suite};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, Problem, openapi::Problems};

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Whether the process answers
#[utoipa::path(get, path = "/livez", tag = "server", security(()), responses((status = 200, body = Health)))]
pub(super) async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the process can do its work
///
/// The database takes writes, the master key opens what it seals.
#[utoipa::path(
    get, path = "/readyz", tag = "server", security(()), responses((status = 200, body = Health), Problems),
)]
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    api.readiness.ready().await?;
    Ok(Json(Health { status: "ok" }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
}

/// Which program this is
#[utoipa::path(get, path = "/version", tag = "server", security(()), responses((status = 200, body = Version)))]
pub(super) async fn version() -> Json<Version> {
    Json(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") })
}

#[derive(Serialize, ToSchema)]
pub(super) struct Server {
    version: &'static str,
    time_ms: u64,
    suites: Vec<&'static str>,
    /// Most items of one request.
    max_batch: usize,
    /// Fewest iterations that stretch a PIN.
    pbkdf2_iterations_min: u32,
}

/// What a client needs to know before it starts
#[utoipa::path(get, path = "/v1/server", tag = "server", security(()), responses((status = 200, body = Server)))]
pub(super) async fn server(State(api): State<Api>) -> Json<Server> {
    Json(Server {
        version: env!("CARGO_PKG_VERSION"),
        time_ms: api.clock.now_ms(),
        suites: [Suite::D, Suite::F2].map(Suite::as_str).to_vec(),
        max_batch: MAX_BATCH,
        pbkdf2_iterations_min: MIN_ITERATIONS,
    })
}

/// All measurements as Prometheus text
#[utoipa::path(
    get, path = "/metrics", tag = "server", security(()),
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.telemetry.render())
        .into_response()
}
