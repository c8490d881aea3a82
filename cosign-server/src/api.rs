//! The HTTP API: extract, one domain call, answer.
//!
//! **Invariant:** no SQL, no sockets and no key shares in here; status codes of errors live in `problem` only.

mod audit;
mod ca;
mod certificates;
mod devices;
mod extract;
mod health;
mod keys;
mod observe;
mod opening;
mod operations;
mod problem;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{
    domain::{
        ports::{Clock, Opening, Readiness, Signer},
        services::{AuditLog, Authorities, Devices, Keys, OpeningKeys},
    },
    telemetry::Telemetry,
};

pub use problem::Problem;

/// Everything that handlers may call.
#[derive(Clone)]
pub struct Api {
    /// Enrolment.
    pub devices: Arc<Devices>,
    /// Keys.
    pub keys: Arc<Keys>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// Which opening keys there are.
    pub opening_keys: Arc<OpeningKeys>,
    /// What they open.
    pub opening: Arc<dyn Opening>,
    /// Certification authorities.
    pub authorities: Arc<Authorities>,
    /// The protocol.
    pub signer: Arc<dyn Signer>,
    /// Whether the server can do its work.
    pub readiness: Arc<dyn Readiness>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Measurements.
    pub telemetry: Arc<Telemetry>,
    /// Longest time for one request, from its headers to its answer.
    pub timeout: Duration,
}

/// What everybody may fetch, without TLS too: everything in it is signed.
fn public_routes() -> Router<Api> {
    Router::new()
        .route("/ca/{file}", get(ca::file))
        .route("/ocsp/{authority}", post(ca::ocsp_post))
        .route("/ocsp/{authority}/{*request}", get(ca::ocsp_get))
        .route("/tsa/{authority}", post(ca::stamp))
}

/// The routes of the plain HTTP socket: certificates of authorities, revocation lists, OCSP, time stamps.
pub fn public_router(api: Api) -> Router {
    public_routes()
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

/// The routes, the same for HTTP/1.1, HTTP/2 and HTTP/3. The transport puts a [`crate::domain::device::Caller`] into the
/// extensions of every request.
pub fn router(api: Api) -> Router {
    public_routes()
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/version", get(health::version))
        .route("/metrics", get(health::metrics))
        .route("/v1/server", get(health::server))
        .route("/v1/devices", post(devices::enrol))
        .route("/v1/device", get(devices::own))
        .route("/v1/keys", get(keys::list).post(keys::issue))
        .route("/v1/key-ids/{key_id}", get(keys::issued))
        .route("/v1/keys/{key_id}", get(keys::show))
        .route("/v1/keys/{key_id}/freeze", post(keys::freeze))
        .route("/v1/keys/{key_id}/records", get(audit::records))
        .route("/v1/audit/head", get(audit::head))
        .route("/v1/audit/consistency", get(audit::consistency))
        .route("/v1/opening-keys", get(opening::list))
        .route("/v1/locks/release", post(opening::release))
        .route("/v1/locks/check", post(opening::check))
        .route("/v1/keys/{key_id}/{operation}", post(operations::operate))
        .route("/v1/authorities", get(certificates::authorities))
        .route("/v1/certificates", get(certificates::list))
        .route("/v1/certificates/{authority}/{serial}", get(certificates::show))
        .route("/v1/certificate-requests", get(certificates::requests).post(certificates::apply))
        .route("/v1/certificate-requests/{request}", get(certificates::request))
        .route("/v1/certificate-requests/{request}/submit", post(certificates::submit))
        .route("/v1/certificate-requests/{request}/install", post(certificates::install))
        .route("/v1/certificate-requests/{request}/withdraw", post(certificates::withdraw))
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}
