//! HTTP/3: the router behind the `h3` crate.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use bytes::{Buf, Bytes};
use h3::{
    error::Code,
    server::{RequestResolver, RequestStream},
};
use http::Request;
use http_body::Frame;
use http_body_util::BodyExt;
use quinn::Connection;
use tokio::{sync::watch, task::JoinSet};
use tower::ServiceExt;

use super::{limits::Limits, stopped};
use crate::domain::device::Caller;

/// Longest header section in bytes.
const MAX_HEADERS: u64 = 16 * 1024;
/// Media type of answers that go on until one of both ends them.
const EVENTS: &str = "text/event-stream";

type Resolver = RequestResolver<h3_quinn::Connection, Bytes>;
type Receive = RequestStream<h3_quinn::RecvStream, Bytes>;

/// Serves the requests of a connection until it ends, or until the server stops and what was begun is answered.
pub(super) async fn serve(
    connection: Connection,
    caller: Caller,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = h3::server::builder();
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
                    requests.spawn(request(resolver, caller, router.clone(), limits));
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
            () = stopped(&mut stop), if open => {
                open = false;
                // Says which requests will still be answered.
                if connection.shutdown(0).await.is_err() || requests.is_empty() {
                    break;
                }
            }
        }
    }
    while requests.join_next().await.is_some() {}
}

async fn request(
    resolver: Resolver,
    caller: Caller,
    router: Router,
    limits: Limits,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (request, stream) = tokio::time::timeout(limits.header_timeout, resolver.resolve_request()).await??;
    let (mut send, receive) = stream.split();
    let mut request: Request<Body> = request.map(|()| Body::new(Incoming { receive, ended: false }));
    request.extensions_mut().insert(caller);
    let Ok(response) = router.oneshot(request).await;
    let (parts, mut body) = response.into_parts();
    let endless = parts.headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind == EVENTS);
    let answer = async {
        send.send_response(http::Response::from_parts(parts, ())).await?;
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                // Of what has no end it is each piece that must be taken in time.
                Ok(data) if endless => {
                    tokio::time::timeout(limits.request_timeout, send.send_data(data)).await??;
                }
                Ok(data) => send.send_data(data).await?,
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        send.send_trailers(trailers).await?;
                    }
                }
            }
        }
        send.finish().await?;
        Ok(())
    };
    if endless { answer.await } else { tokio::time::timeout(limits.request_timeout, answer).await? }
}

/// A request body as it arrives.
struct Incoming {
    receive: Receive,
    ended: bool,
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = h3::error::StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.receive.poll_recv_data(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(mut data))) => {
                Poll::Ready(Some(Ok(Frame::data(data.copy_to_bytes(data.remaining())))))
            }
            Poll::Ready(Ok(None)) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Ready(Err(error)) => {
                self.ended = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Without this the stream is stopped with code 0, which some clients take for a failed request.
        if !self.ended {
            self.receive.stop_sending(Code::H3_NO_ERROR);
        }
    }
}
