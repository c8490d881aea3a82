//! HTTP requests of the API over HTTP/3 or HTTP/2: small, buffered, bounded.

use bytes::{Buf, Bytes};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::JoinSet;

use super::{Failure, Target, dial};
use crate::{address::ServerAddress, error::Error};

/// No answer of the API is longer.
const MAX_ANSWER: usize = 4 << 20;

/// A request that may be sent more than once.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) content_type: Option<&'static str>,
    pub(super) idempotency_key: Option<String>,
    /// Others.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Call {
    fn request<B>(&self, server: &ServerAddress, body: B) -> Result<Request<B>, Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("https://{server}{}", self.path))
            .header(header::USER_AGENT, concat!("smsign/", env!("CARGO_PKG_VERSION")));
        if let Some(content_type) = self.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(body).map_err(|_| Error::Internal("the request cannot be written as HTTP"))
    }
}

/// A complete answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// An open HTTP connection; many calls at once.
pub(super) enum HttpLink {
    H3 {
        link: dial::QuicLink,
        requests: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
        _driver: JoinSet<()>,
    },
    H2 {
        requests: hyper::client::conn::http2::SendRequest<Full<Bytes>>,
        _driver: JoinSet<()>,
    },
}

impl HttpLink {
    pub(super) async fn h3(target: &Target) -> Result<Self, Error> {
        let link = dial::quic(target, b"h3").await?;
        let transport = h3_quinn::Connection::new(link.connection.clone());
        let (mut connection, requests) =
            h3::client::new(transport).await.map_err(|error| target.unreachable(&error.to_string()))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            connection.wait_idle().await;
        });
        Ok(Self::H3 { link, requests, _driver: driver })
    }

    pub(super) async fn h2(target: &Target) -> Result<Self, Error> {
        let stream = dial::tls(target, b"h2").await?;
        let (requests, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(dial::KEEP_ALIVE)
            .keep_alive_timeout(dial::IDLE - dial::KEEP_ALIVE)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| target.unreachable(&error.to_string()))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ended shows in the requests.
            let _ = connection.await;
        });
        Ok(Self::H2 { requests, _driver: driver })
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::H3 { link, .. } => link.connection.close_reason().is_some(),
            Self::H2 { requests, .. } => requests.is_closed(),
        }
    }

    pub(super) async fn close(&self) {
        if let Self::H3 { link, .. } = self {
            link.close().await;
        }
    }

    pub(super) async fn call(&self, server: &ServerAddress, call: &Call) -> Result<Answer, Failure> {
        match self {
            Self::H3 { requests, .. } => over_h3(requests.clone(), server, call).await,
            Self::H2 { requests, .. } => over_h2(requests.clone(), server, call).await,
        }
    }
}

async fn over_h3(
    mut requests: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    server: &ServerAddress,
    call: &Call,
) -> Result<Answer, Failure> {
    let request = call.request(server, ()).map_err(Failure::Final)?;
    let mut stream = requests.send_request(request).await.map_err(|_| Failure::NotSent)?;
    if !call.body.is_empty() {
        stream.send_data(call.body.clone()).await.map_err(|_| Failure::Lost)?;
    }
    stream.finish().await.map_err(|_| Failure::Lost)?;
    let (head, ()) = stream.recv_response().await.map_err(|_| Failure::Lost)?.into_parts();
    let mut body = Vec::new();
    while let Some(mut chunk) = stream.recv_data().await.map_err(|_| Failure::Lost)? {
        if body.len() + chunk.remaining() > MAX_ANSWER {
            return Err(too_long());
        }
        while chunk.has_remaining() {
            let part = chunk.chunk();
            body.extend_from_slice(part);
            let read = part.len();
            chunk.advance(read);
        }
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).cloned();
    Ok(Answer { status: head.status, content_type, body: body.into() })
}

async fn over_h2(
    mut requests: hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    server: &ServerAddress,
    call: &Call,
) -> Result<Answer, Failure> {
    let request = call.request(server, Full::new(call.body.clone())).map_err(Failure::Final)?;
    requests.ready().await.map_err(|_| Failure::NotSent)?;
    let (head, body) = requests.send_request(request).await.map_err(|_| Failure::Lost)?.into_parts();
    let body = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(too_long()),
        Err(_) => return Err(Failure::Lost),
    };
    Ok(Answer { status: head.status, content_type: head.headers.get(header::CONTENT_TYPE).cloned(), body })
}

fn too_long() -> Failure {
    Failure::Final(Error::BadAnswer("longer than 4 MiB"))
}
