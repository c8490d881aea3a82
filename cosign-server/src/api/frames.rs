//! Any number of protocol frames in one request: the stream of `cosign/1` as the body of a POST, and its answers, as they
//! become ready, as the body of the answer.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use cosign_core::framing::{self, Kind};
use http_body::Frame;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    task::JoinSet,
    time::timeout,
};

use super::{
    Api, Problem,
    extract::{Enrolled, From, demand_type},
    openapi::{Octets, Problems},
};
use crate::{
    domain::Error,
    frames::{self, Ended, Lasting, Pause, Terms},
};

/// Media type of protocol frames in the framing of `cosign/1`.
const FRAMES: &str = "application/vnd.cosign.frames";
/// Bytes of answers on their way from the frames to the connection.
const PIPE: usize = 16 * 1024;
/// Of the last frame of answers that end before their time.
const END: u64 = u64::MAX;

/// Any number of two-party operations in one request
///
/// The body is what a stream of `cosign/1` is: frames with a length, an id and a kind. Answers come as they become ready, each
/// with the id of its frame; whoever was cut off sends again, byte for byte, the frames whose ids were not answered.
#[utoipa::path(
    post, path = "/v1/frames", tag = "keys",
    request_body(content = Octets, content_type = "application/vnd.cosign.frames"),
    responses((status = 200, body = Octets, content_type = "application/vnd.cosign.frames"), Problems),
)]
pub(super) async fn stream(
    State(api): State<Api>,
    From(caller): From,
    _: Enrolled,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    demand_type(&parts.headers, FRAMES)?;
    let terms = parts.extensions.get::<Terms>().cloned().ok_or(Error::Internal)?;
    let call = terms.begin_call().ok_or(Error::Busy)?;
    let (mut output, answers) = duplex(PIPE);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (input, limit) = (body.into_data_stream(), terms.limit());
        let signer = Arc::clone(&api.signer);
        let ended = frames::serve(input, &mut output, caller, signer, terms, Pause::Limited).await;
        let outcome = match ended {
            Ok(()) => Ok(()),
            Err(ended) => {
                tracing::debug!(source = %caller.source, %ended, "a call ended");
                say(ended, &mut output, limit).await
            }
        };
        drop((output, call));
        outcome
    });
    let body = Body::new(Answers { answers, serving });
    let mut response =
        ([(header::CONTENT_TYPE, FRAMES), (header::CACHE_CONTROL, "no-store")], body).into_response();
    response.extensions_mut().insert(Lasting);
    Ok(response)
}

/// Tells the peer in a last frame why there are no more, if it still listens.
async fn say(ended: Ended, output: &mut DuplexStream, limit: Duration) -> Result<(), Ended> {
    let mut last = Vec::new();
    framing::encode(END, Kind::Refused, ended.code().ok_or(ended)?.as_bytes(), &mut last)?;
    match timeout(limit, output.write_all(&last)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Ended::Unread),
    }
}

/// The body of the answer. Dropped, nothing more is begun.
struct Answers {
    answers: DuplexStream,
    serving: JoinSet<Result<(), Ended>>,
}

impl http_body::Body for Answers {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut buffer = vec![0; PIPE];
        let mut read = ReadBuf::new(&mut buffer);
        ready!(Pin::new(&mut self.answers).poll_read(context, &mut read))?;
        let length = read.filled().len();
        if length > 0 {
            buffer.truncate(length);
            return Poll::Ready(Some(Ok(Frame::data(buffer.into()))));
        }
        // Answers that broke off must not look whole.
        match ready!(self.serving.poll_join_next(context)) {
            None | Some(Ok(Ok(()))) => Poll::Ready(None),
            Some(Ok(Err(ended))) => Poll::Ready(Some(Err(io::Error::other(ended)))),
            Some(Err(error)) => Poll::Ready(Some(Err(io::Error::other(error)))),
        }
    }
}
