//! What clients of the API may do: programs of trading platforms, which sign their requests.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod documents;
mod mutual;
pub(super) mod scans;
mod sealing;
mod signed;
mod tasks;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use cosign_core::sm_primitives::{sm2::PublicKey, sm3};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use self::{
    scans::CertificateRef,
    signed::{Anything, CertificatesRead, EventsRead, ScansWrite, Signed, TasksWrite, WebhooksWrite},
};
use super::{
    Api, Problem,
    certificates::CertificateBody,
    events,
    extract::{Parameters, Segments},
    openapi::{Named, Problems},
};
use crate::domain::{
    Error,
    ca::{AuthorityId, Serial},
    clients::{ApiClient, WebhookUrl},
    events::{Delivery, DeliveryState, Event},
};

/// Events and deliveries in one answer, if nothing is said.
const PAGE: u32 = 100;

/// The routes of clients.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(own))
        .routes(routes!(certificate))
        .routes(routes!(list_events))
        .routes(routes!(set_webhook))
        .routes(routes!(ping))
        .routes(routes!(deliveries))
        .routes(routes!(retry))
        .merge(mutual::routes())
        .merge(scans::routes())
        .merge(sealing::routes())
        .merge(documents::routes())
        .merge(tasks::routes())
}

/// Name of the key that webhooks are signed with.
pub(crate) fn webhook_key_id(key: &PublicKey) -> String {
    let id = sm3::digest(&key.as_point().to_bytes());
    hex::encode(id.split_at(16).0)
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookKey)]
struct WebhookKeyBody {
    key_id: String,
    /// PEM.
    public_key: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
struct ClientBody {
    client_id: String,
    name: String,
    scopes: Vec<&'static str>,
    requests_per_minute: u32,
    /// Only what is theirs; `null` for all.
    authorities: Option<Vec<String>>,
    webhook: Option<String>,
    /// What its webhooks are signed with.
    webhook_key: WebhookKeyBody,
}

fn body(api: &Api, client: &ApiClient) -> Json<ClientBody> {
    let some = client.authorities.as_ref();
    Json(ClientBody {
        client_id: client.id.to_string(),
        name: client.name.as_str().to_owned(),
        scopes: client.scopes.iter().map(|scope| scope.as_str()).collect(),
        requests_per_minute: client.rate,
        authorities: some.map(|some| some.iter().map(ToString::to_string).collect()),
        webhook: client.webhook.as_ref().map(ToString::to_string),
        webhook_key: WebhookKeyBody {
            key_id: webhook_key_id(&api.webhook_key),
            public_key: api.webhook_key.to_spki_pem(),
        },
    })
}

/// What the server knows of the client, and the key that its webhooks are signed with
#[utoipa::path(
    get, path = "/v1/client", tag = "clients", security(("client" = [])),
    responses((status = 200, body = ClientBody), Problems),
)]
async fn own(State(api): State<Api>, Signed { client, .. }: Signed<Anything>) -> Json<ClientBody> {
    body(&api, &client)
}

/// One certificate
#[utoipa::path(
    get, path = "/v1/client/certificates/{authority}/{serial}", tag = "clients", security(("client" = [])),
    params(("authority" = String, Path), ("serial" = String, Path, description = "hexadecimal")),
    responses((status = 200, body = CertificateBody), Problems),
)]
async fn certificate(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<CertificatesRead>,
) -> Result<Json<CertificateBody>, Problem> {
    let authority = AuthorityId::try_from(segments.get("authority")?.to_owned());
    let authority = authority.ok().filter(|authority| client.sees(authority)).ok_or(Error::NotFound)?;
    let serial = Serial::from_hex(segments.get("serial")?).map_err(|_| Error::NotFound)?;
    let found = api.authorities.certificate(&authority, &serial).await?;
    Ok(Json(CertificateBody::of(found, api.clock.now_ms())))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Behind {
    /// `next` of the answer before.
    after: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct EventBody {
    id: u64,
    at_ms: u64,
    kind: String,
    data: Value,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
struct EventsBody {
    events: Vec<EventBody>,
    /// The cursor behind them.
    next: u64,
}

/// Events behind a cursor
///
/// As `text/event-stream` also those that come.
#[utoipa::path(
    get, path = "/v1/client/events", tag = "clients", security(("client" = [])), params(Behind),
    responses((status = 200, content((EventsBody), (String = "text/event-stream"))), Problems),
)]
async fn list_events(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(Behind { after, limit }): Parameters<Behind>,
    Signed { client, .. }: Signed<EventsRead>,
) -> Result<Response, Problem> {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    if accepts.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == events::STREAM) {
        return events::to_client(&api, &headers, client, after).await;
    }
    let page = api.clients.events(&client, after.unwrap_or(0), limit.unwrap_or(PAGE)).await?;
    let shown = |Event { seq, at_ms, kind, data }| EventBody { id: seq, at_ms, kind, data };
    Ok(Json(EventsBody { events: page.events.into_iter().map(shown).collect(), next: page.next })
        .into_response())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Webhook)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    /// https; `null` for nowhere.
    url: Option<String>,
}

/// Where events are sent to
#[utoipa::path(
    post, path = "/v1/client/webhook", tag = "clients", security(("client" = [])), params(Named),
    request_body = WebhookBody, responses((status = 200, body = ClientBody), Problems),
)]
async fn set_webhook(
    State(api): State<Api>,
    signed: Signed<WebhooksWrite>,
) -> Result<Json<ClientBody>, Problem> {
    let WebhookBody { url } = signed.json()?;
    let url = url.map(WebhookUrl::try_from).transpose()?;
    let client = api.clients.set_webhook(&signed.client, url, signed.once()?).await?;
    Ok(body(&api, &client))
}

/// That it will be done.
#[derive(Serialize, ToSchema)]
struct Accepted {}

/// Send an event that says nothing
#[utoipa::path(
    post, path = "/v1/client/webhook/test", tag = "clients", security(("client" = [])), params(Named),
    responses((status = 202, body = Accepted), Problems),
)]
async fn ping(
    State(api): State<Api>,
    signed: Signed<WebhooksWrite>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    api.clients.ping(&signed.client, signed.once()?).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted {})))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DeliveryQuery {
    /// `pending`, `delivered` or `dead`.
    state: Option<String>,
    /// Only of events before this one.
    before: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryBody {
    event: u64,
    kind: String,
    state: &'static str,
    attempts: u32,
    made_at_ms: u64,
    next_at_ms: Option<u64>,
    /// Of the last answer.
    status: Option<u16>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending;
        Self {
            event: delivery.event,
            kind: delivery.kind,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            made_at_ms: delivery.made_ms,
            next_at_ms: waits.then_some(delivery.next_ms),
            status: delivery.status,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Deliveries)]
struct DeliveriesBody {
    deliveries: Vec<DeliveryBody>,
}

/// What became of events for the webhook, newest first
#[utoipa::path(
    get, path = "/v1/client/deliveries", tag = "clients", security(("client" = [])), params(DeliveryQuery),
    responses((status = 200, body = DeliveriesBody), Problems),
)]
async fn deliveries(
    State(api): State<Api>,
    Parameters(DeliveryQuery { state, before, limit }): Parameters<DeliveryQuery>,
    Signed { client, .. }: Signed<WebhooksWrite>,
) -> Result<Json<DeliveriesBody>, Problem> {
    let named = |name: &str| DeliveryState::from_name(name);
    let state = match state.as_deref() {
        Some(name) => {
            let unknown = Error::BadRequest("a delivery is pending, delivered or dead");
            Some(named(name).ok_or(unknown)?)
        }
        None => None,
    };
    let found = api.clients.deliveries(&client, state, before, limit.unwrap_or(PAGE)).await?;
    Ok(Json(DeliveriesBody { deliveries: found.into_iter().map(DeliveryBody::from).collect() }))
}

/// Try again what was given up
#[utoipa::path(
    post, path = "/v1/client/deliveries/{event}/retry", tag = "clients", security(("client" = [])),
    params(("event" = u64, Path), Named), responses((status = 202, body = Accepted), Problems),
)]
async fn retry(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<WebhooksWrite>,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let event = segments.get("event")?.parse().map_err(|_| Error::NotFound)?;
    api.clients.retry(&signed.client, event, signed.once()?).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted {})))
}
