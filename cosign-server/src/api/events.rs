//! Events as they come: `text/event-stream`, for pages that wait and for clients that listen.
//!
//! Nothing is kept for a slow reader: events are read from storage when there is room for them.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use cosign_core::KeyId;
use futures_util::stream;
use serde_json::Value;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    extract::{Enrolled, OfKey, Segments},
    keys,
    openapi::Problems,
    requests,
};
use crate::{
    domain::{
        Error,
        ca::RequestId,
        clients::{ApiClient, ClientId, Scope, ports::About},
        device::Device,
        events::Event,
        services::Follower,
    },
    frames::Lasting,
};

/// Media type of a stream.
pub(super) const STREAM: &str = "text/event-stream";
/// Pause after which a comment shows that the stream lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at a time.
const BATCH: u32 = 100;

/// The streams of devices.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(of_key)).routes(routes!(of_request))
}

/// Whose stream, about what.
enum Topic {
    Key(Device, KeyId),
    Request(Device, RequestId),
    Client(ClientId),
}

/// A key as it is, then its changes
#[utoipa::path(
    get, path = "/v1/keys/{key_id}/events", tag = "keys", params(("key_id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"), Problems),
)]
async fn of_key(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    OfKey(key_id): OfKey,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let newest = api.clients.newest().await?;
    let state = keys::body(api.keys.show(&device, &key_id).await?)?;
    begin(&api, &headers, Topic::Key(device, key_id), newest, Some(state)).await
}

/// A request as it is, then its changes
#[utoipa::path(
    get, path = "/v1/certificate-requests/{request}/events", tag = "certificate-requests",
    params(("request" = String, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"), Problems),
)]
async fn of_request(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = requests::request_id(&segments)?;
    let newest = api.clients.newest().await?;
    let state = requests::body(api.authorities.own_request(&device, &id).await?)?;
    begin(&api, &headers, Topic::Request(device, id), newest, Some(state)).await
}

/// `GET /v1/client/events` as a stream: what is behind the cursor `after`, or behind all that there is, then what comes.
pub(super) async fn to_client(
    api: &Api,
    headers: &HeaderMap,
    client: ApiClient,
    after: Option<u64>,
) -> Result<Response, Problem> {
    let newest = api.clients.newest().await?;
    begin(api, headers, Topic::Client(client.id), after.unwrap_or(newest), None).await
}

/// Begins a stream: with the state, or, when it goes on, behind the last event that its reader has.
async fn begin(
    api: &Api,
    headers: &HeaderMap,
    topic: Topic,
    cursor: u64,
    state: Option<Value>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").map(|last| {
        let last = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
        last.ok_or(Error::BadRequest("Last-Event-ID is the id of an event"))
    });
    let (cursor, state) = match last.transpose()? {
        Some(last) => (last, None),
        None => (cursor, state),
    };
    let owner = match &topic {
        Topic::Key(device, _) | Topic::Request(device, _) => *device.id.as_bytes(),
        Topic::Client(client) => *client.owner().as_bytes(),
    };
    let follower = api.feed.follow(owner)?;
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ready = state.map(|state| frame(cursor, "state", &state)).into_iter().collect();
    let mut streaming = Streaming { api: api.clone(), topic, cursor, ready, follower, heartbeat };
    // A cursor that was never given out is refused while it still can be.
    let waiting = streaming.read().await?;
    streaming.ready.extend(waiting);
    let frames = stream::unfold(streaming, |mut streaming| async {
        let bytes = streaming.next().await?;
        Some((Ok::<_, Infallible>(bytes), streaming))
    });
    let mut response = Body::from_stream(frames).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Some proxies keep answers back until they are whole.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    // It is each piece that must be taken in time.
    response.extensions_mut().insert(Lasting);
    Ok(response)
}

/// JSON has no line breaks in it.
fn frame(id: u64, name: &str, data: &Value) -> Bytes {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
}

struct Streaming {
    api: Api,
    topic: Topic,
    cursor: u64,
    ready: VecDeque<Bytes>,
    follower: Follower,
    heartbeat: Interval,
}

impl Streaming {
    /// The next piece, waiting for it; `None` when the server stops or the reader may not know more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            if !self.follower.mark() {
                return None;
            }
            let found = match self.read().await {
                Ok(found) => found,
                Err(error) => {
                    tracing::debug!(code = error.code(), "an event stream ends");
                    return None;
                }
            };
            if !found.is_empty() {
                self.ready.extend(found);
                continue;
            }
            tokio::select! {
                () = self.follower.changed() => {}
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    /// What is behind the cursor, if the reader may still know it.
    async fn read(&mut self) -> Result<Vec<Bytes>, Error> {
        let Self { api, topic, cursor, .. } = self;
        let client;
        let about = match &*topic {
            Topic::Key(device, key_id) => {
                api.keys.show(device, key_id).await?;
                About::Key(*key_id)
            }
            Topic::Request(device, request) => {
                api.authorities.own_request(device, request).await?;
                About::Request(*request)
            }
            Topic::Client(id) => {
                client = api.clients.client(id).await?;
                client.served()?;
                client.may(Scope::EventsRead)?;
                About::Client(&client)
            }
        };
        let page = api.clients.page(about, *cursor, BATCH).await?;
        *cursor = page.next;
        Ok(page.events.iter().map(|event| frame(event.seq, &event.kind, &Event::to_json(event))).collect())
    }
}
