//! Around every request: a time limit, a count, a line in the log, a span.

use axum::{
    extract::{MatchedPath, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, Problem, problem};
use crate::{
    domain::{Error, device::Caller},
    telemetry::{Begun, Parent, within},
};

/// Logs ids and outcomes, never inputs.
pub(super) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let device = request.extensions().get::<Caller>().and_then(|caller| caller.device);
    let (method, version) = (request.method().clone(), request.version());
    let started_ns = api.clock.monotonic_ns();
    let mut span = api.telemetry.begin("request", parent(request.headers()));
    let answer = within(span.as_ref(), next.run(request));
    let mut response = match tokio::time::timeout(api.timeout, answer).await {
        Ok(response) => response,
        Err(_) => Problem::from(Error::Unavailable).into_response(),
    };
    let status = response.status().as_u16();
    let elapsed_us = api.clock.monotonic_ns().saturating_sub(started_ns) / 1000;
    let trace_id = span.as_ref().map(Begun::trace_id);
    if let Some(trace_id) = trace_id {
        problem::name_trace(&mut response, trace_id);
    }
    if let Some(span) = &mut span {
        span.attribute("route", route.clone());
        span.attribute("status", status);
    }
    let (device, trace_id) = (device.map(tracing::field::display), trace_id.map(tracing::field::display));
    tracing::info!(%method, ?version, route, status, elapsed_us, device, trace_id, "request");
    api.telemetry.request(route, status);
    response
}

/// The span of the caller, if there is one and no doubt about it.
fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut values = headers.get_all("traceparent").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Parent::parse(value.as_bytes())
}
