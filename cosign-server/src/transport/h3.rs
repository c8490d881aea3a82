//! HTTP/3: the router behind the `h3` crate.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body};
use bytes::{Buf, Bytes};
use h3::{
    error::Code,
    server::{RequestResolver, RequestStream},
};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use quinn::Connection;
use tokio::{task::JoinSet, time::timeout};
use tower::ServiceExt;

use super::limits::Limits;
use crate::{
    domain::device::Caller,
    frames::{Lasting, Terms},
};

/// Longest header section in bytes.
const MAX_HEADERS: u64 = 16 * 1024;
/// Round trips, and the time at least, in which the last answers get to who is there before the connection is closed.
const LAST_ROUNDS: u32 = 4;
const LAST_TIME: Duration = Duration::from_millis(100);

type Resolver = RequestResolver<h3_quinn::Connection, Bytes>;
type Receive = RequestStream<h3_quinn::RecvStream, Bytes>;
type Answering = RequestStream<h3_quinn::SendStream<Bytes>, Bytes>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves the requests of a connection until it ends, or until the server stops and what was begun is answered.
pub(super) async fn serve(
    connection: Connection,
    caller: Caller,
    router: Router,
    limits: Limits,
    terms: Terms,
) {
    let (mut builder, under) = (h3::server::builder(), connection.clone());
    let built =
        builder.max_field_section_size(MAX_HEADERS).build(h3_quinn::Connection::new(connection)).await;
    let mut connection = match built {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "no HTTP/3 connection"),
    };
    let mut requests = JoinSet::new();
    let mut open = true;
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Ok(Some(resolver)) => {
                    requests.spawn(request(resolver, caller, router.clone(), limits, terms.clone()));
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%error, "the HTTP/3 connection ended");
                    break;
                }
            },
            Some(ended) = requests.join_next(), if !requests.is_empty() => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "a request was not answered");
                }
                if !open && requests.is_empty() {
                    break;
                }
            }
            () = terms.stopped(), if open => {
                open = false;
                // Says which requests will still be answered.
                if connection.shutdown(0).await.is_err() || requests.is_empty() {
                    break;
                }
            }
        }
    }
    while requests.join_next().await.is_some() {}
    // Closing it drops what was not sent or got lost.
    drop(timeout((under.rtt() * LAST_ROUNDS).max(LAST_TIME), under.closed()).await);
}

async fn request(
    resolver: Resolver,
    caller: Caller,
    router: Router,
    limits: Limits,
    terms: Terms,
) -> Result<(), Failure> {
    let (request, stream) = timeout(limits.header_timeout, resolver.resolve_request()).await??;
    let (mut send, receive) = stream.split();
    let mut request: Request<Body> = request.map(|()| Body::new(Incoming { receive, untouched: true }));
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(terms);
    let Ok(response) = router.oneshot(request).await;
    let answered = if response.extensions().get::<Lasting>().is_some() {
        answer(&mut send, response, limits.request_timeout).await
    } else {
        let answer = answer(&mut send, response, limits.request_timeout);
        timeout(limits.request_timeout, answer).await.unwrap_or_else(|late| Err(late.into()))
    };
    if answered.is_err() {
        // Dropped it would end as if it were whole.
        send.stop_stream(Code::H3_INTERNAL_ERROR);
    }
    answered
}

/// Sends an answer; each piece of it is to be taken within `limit`.
async fn answer(send: &mut Answering, response: Response<Body>, limit: Duration) -> Result<(), Failure> {
    let (parts, mut body) = response.into_parts();
    timeout(limit, send.send_response(Response::from_parts(parts, ()))).await??;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => timeout(limit, send.send_data(data)).await??,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    timeout(limit, send.send_trailers(trailers)).await??;
                }
            }
        }
    }
    timeout(limit, send.finish()).await??;
    Ok(())
}

/// A request body as it arrives.
struct Incoming {
    receive: Receive,
    /// Whether nothing of it was asked for yet.
    untouched: bool,
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = h3::error::StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.untouched = false;
        self.receive
            .poll_recv_data(context)
            .map_ok(|data| data.map(|mut data| Frame::data(data.copy_to_bytes(data.remaining()))))
            .map(Result::transpose)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Without this the stream is stopped with code 0, which some clients take for a failed request. Once a read has
        // begun it may panic: the read, pending, has the stream.
        if self.untouched {
            self.receive.stop_sending(Code::H3_NO_ERROR);
        }
    }
}
