//! Health, version, measurements.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use cosign_core::{MAX_BATCH, MIN_ITERATIONS, Suite};
use serde::Serialize;

use super::{Api, Problem};

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// The process answers.
pub(super) async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The process can do its work: the database takes writes, the master key opens what it seals.
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    api.readiness.ready().await?;
    Ok(Json(Health { status: "ok" }))
}

#[derive(Serialize)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
}

/// Which program this is.
pub(super) async fn version() -> Json<Version> {
    Json(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") })
}

#[derive(Serialize)]
pub(super) struct Server {
    version: &'static str,
    time_ms: u64,
    suites: [&'static str; 2],
    max_batch: usize,
    pbkdf2_iterations_min: u32,
}

/// What a client needs to know before it starts.
pub(super) async fn server(State(api): State<Api>) -> Json<Server> {
    Json(Server {
        version: env!("CARGO_PKG_VERSION"),
        time_ms: api.clock.now_ms(),
        suites: [Suite::D, Suite::F2].map(Suite::as_str),
        max_batch: MAX_BATCH,
        pbkdf2_iterations_min: MIN_ITERATIONS,
    })
}

/// All measurements as Prometheus text.
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.telemetry.render())
        .into_response()
}
