//! The HTTP API: extract, one domain call, answer.
//!
//! **Invariant:** no SQL, no sockets and no key shares in here; status codes of errors live in `problem` only.

mod accounts;
mod applications;
mod audit;
mod ca;
mod cancellation;
mod catalogue;
mod certificate_logins;
mod certificates;
mod clients;
mod conditional;
mod devices;
mod documents;
mod enterprises;
mod events;
mod extract;
mod frames;
mod health;
mod help;
mod holdings;
mod identities;
mod keys;
mod media;
mod messages;
mod observe;
mod openapi;
mod opening;
mod operations;
mod operators;
mod page;
mod people;
mod problem;
mod readings;
mod requests;
mod scans;
mod seals;
mod settings;
mod shop;
mod tasks;
mod terminals;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, middleware};
use utoipa_axum::{router::OpenApiRouter, routes};

use cosign_core::sm_primitives::sm2::PublicKey;

use crate::{
    domain::{
        ports::{Clock, Opening, Readiness, Signer},
        services::{AuditLog, Authorities, Clients, Devices, Feed, Keys, Office, OpeningKeys, Operators},
        throttle::Throttle,
    },
    telemetry::Telemetry,
};

pub(crate) use clients::webhook_key_id;
pub use openapi::document;
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
    /// Clients of the API.
    pub clients: Arc<Clients>,
    /// Who waits for events.
    pub feed: Arc<Feed>,
    /// What webhooks are signed with.
    pub webhook_key: PublicKey,
    /// Operators.
    pub operators: Arc<Operators>,
    /// Accounts and all that hangs on them.
    pub office: Arc<Office>,
    /// The protocol.
    pub signer: Arc<dyn Signer>,
    /// Whether the server can do its work.
    pub readiness: Arc<dyn Readiness>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Measurements.
    pub telemetry: Arc<Telemetry>,
    /// Requests per source for what everybody may fetch.
    pub public: Arc<Throttle<IpAddr>>,
    /// Longest time for one request, from its headers to its answer.
    pub timeout: Duration,
}

/// What everybody may fetch, without TLS too: everything in it is signed.
fn public_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ca::file))
        .routes(routes!(ca::ocsp_post))
        .routes(routes!(ca::ocsp_get))
        .routes(routes!(ca::stamp))
}

/// What is there to watch the server by.
fn health_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::version))
        .routes(routes!(health::metrics))
}

/// Everything else.
fn versioned_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::server))
        .routes(routes!(openapi::show))
        .routes(routes!(openapi::problems))
        .routes(routes!(devices::enrol))
        .routes(routes!(devices::own))
        .routes(routes!(keys::list, keys::issue))
        .routes(routes!(keys::issued))
        .routes(routes!(keys::show))
        .routes(routes!(keys::freeze))
        .routes(routes!(audit::records))
        .routes(routes!(audit::head))
        .routes(routes!(audit::consistency))
        .routes(routes!(opening::list))
        .routes(routes!(opening::release))
        .routes(routes!(opening::check))
        .routes(routes!(operations::operate))
        .routes(routes!(frames::stream))
        .routes(routes!(certificates::authorities))
        .routes(routes!(certificates::list))
        .routes(routes!(certificates::show))
        .routes(routes!(requests::list, requests::apply))
        .routes(routes!(requests::show))
        .routes(routes!(requests::submit))
        .routes(routes!(requests::install))
        .routes(routes!(requests::withdraw))
        .merge(clients::routes())
        .merge(operators::routes())
        .merge(events::routes())
        .merge(accounts::routes())
        .merge(certificate_logins::routes())
        .merge(identities::routes())
        .merge(cancellation::routes())
        .merge(applications::routes())
        .merge(holdings::routes())
        .merge(media::routes())
        .merge(seals::routes())
        .merge(messages::routes())
        .merge(people::routes())
        .merge(readings::routes())
        .merge(catalogue::routes())
        .merge(enterprises::routes())
        .merge(scans::routes())
        .merge(tasks::routes())
        .merge(shop::routes())
        .merge(terminals::routes())
        .merge(settings::routes())
        .merge(help::routes())
        .merge(documents::routes())
        .layer(middleware::from_fn(conditional::answer))
}

fn all_routes() -> OpenApiRouter<Api> {
    openapi::describe(public_routes().merge(health_routes()).merge(versioned_routes()))
}

/// The routes of the plain HTTP socket: certificates of authorities, revocation lists, OCSP, time stamps.
pub fn public_router(api: Api) -> Router {
    serve(public_routes(), api)
}

/// The routes, the same for HTTP/1.1, HTTP/2 and HTTP/3. The transport puts a [`crate::domain::device::Caller`] into the
/// extensions of every request.
pub fn router(api: Api) -> Router {
    serve(all_routes(), api)
}

fn serve(routes: OpenApiRouter<Api>, api: Api) -> Router {
    let (router, _) = routes.split_for_parts();
    router
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .layer(middleware::from_fn(problem::translate))
        .with_state(api)
}
