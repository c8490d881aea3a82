//! Around every request: a time limit, a count, a line in the log.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, Problem};
use crate::domain::{Error, device::Caller};

/// Logs ids and outcomes, never inputs.
pub(super) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let device = request.extensions().get::<Caller>().and_then(|caller| caller.device);
    let (method, version) = (request.method().clone(), request.version());
    let started_ns = api.clock.monotonic_ns();
    let response = match tokio::time::timeout(api.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Error::Unavailable).into_response(),
    };
    let status = response.status().as_u16();
    let elapsed_us = api.clock.monotonic_ns().saturating_sub(started_ns) / 1000;
    let device = device.map(tracing::field::display);
    tracing::info!(%method, ?version, route, status, elapsed_us, device, "request");
    api.telemetry.request(route, status);
    response
}
