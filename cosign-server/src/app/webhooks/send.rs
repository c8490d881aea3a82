//! One attempt: a signed POST, to an address that was looked at, without redirects.

use std::{fmt, fs, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use cosign_core::{
    http_signature::{self, Message, Terms},
    sm_primitives::sm2::PrivateKey,
};
use http::{Request, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{SIGNATURE_LIFE_S, address};
use crate::{
    api::webhook_key_id,
    domain::{clients::WebhookUrl, events::Event},
    signer::EntropyRng,
};

/// Bytes of an answer's headers that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Why nothing can be sent at all.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The certificates of `[webhooks] ca` cannot be used.
    #[error(
        "{path}: {what}; `[webhooks] ca` is a PEM file with the certificates that receivers are verified with"
    )]
    Ca {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// TLS.
    #[error("TLS for webhooks: {0}")]
    Tls(#[from] rustls::Error),
}

/// What may be sent to where.
pub(super) struct SenderSettings {
    pub(super) allow_http: bool,
    pub(super) allow_private: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) timeout: Duration,
}

/// Sends signed events.
pub(super) struct Sender {
    allow_http: bool,
    allow_private: bool,
    timeout: Duration,
    tls: TlsConnector,
    key: PrivateKey,
    key_id: String,
    rng: EntropyRng,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(in crate::app) enum Failed {
    /// It is not allowed.
    Refused(&'static str),
    /// The connection or TLS.
    Io(io::Error),
    /// HTTP.
    Http(hyper::Error),
    /// The answer is not a success.
    Status(u16),
    /// It took too long.
    TimedOut,
    /// The request cannot be made or signed.
    Internal,
}

impl Failed {
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Io(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the receiver answered {status}"),
            Self::TimedOut => f.write_str("the receiver took too long"),
            Self::Internal => f.write_str("the request cannot be made"),
        }
    }
}

impl Sender {
    pub(super) fn new(
        settings: SenderSettings,
        key: PrivateKey,
        rng: EntropyRng,
    ) -> Result<Self, WebhookError> {
        let SenderSettings { allow_http, allow_private, ca, timeout } = settings;
        let mut roots = RootCertStore::empty();
        match ca {
            Some(path) => read_roots(&mut roots, &path).map_err(|what| WebhookError::Ca { path, what })?,
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let tls = builder.with_safe_default_protocol_versions()?;
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let key_id = webhook_key_id(key.public_key());
        Ok(Self { allow_http, allow_private, timeout, tls: Arc::new(tls).into(), key, key_id, rng })
    }

    /// Sends an event; the status of the answer, a success. What else is in the answer is not looked at.
    pub(super) async fn send(&self, to: &WebhookUrl, event: &Event, now_s: u64) -> Result<u16, Failed> {
        let attempt = tokio::time::timeout(self.timeout, self.post(to, event, now_s));
        attempt.await.unwrap_or(Err(Failed::TimedOut))
    }

    async fn post(&self, to: &WebhookUrl, event: &Event, now_s: u64) -> Result<u16, Failed> {
        if !to.is_secure() && !self.allow_http {
            return Err(Failed::Refused("a webhook must be https"));
        }
        let request = self.request(to, event, now_s)?;
        let stream = self.connect(to).await?;
        let status = if to.is_secure() {
            let name = ServerName::try_from(to.host().to_owned()).map_err(|_| Failed::Internal)?;
            let stream = self.tls.connect(name, stream).await.map_err(Failed::Io)?;
            exchange(stream, request).await?
        } else {
            exchange(stream, request).await?
        };
        if (200..300).contains(&status) { Ok(status) } else { Err(Failed::Status(status)) }
    }

    fn request(&self, to: &WebhookUrl, event: &Event, now_s: u64) -> Result<Request<Full<Bytes>>, Failed> {
        let body = event.to_json().to_string();
        let id = format!("event-{}", event.seq);
        let (path, query) = match to.target().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (to.target(), None),
        };
        let message = Message {
            method: "POST",
            authority: to.authority(),
            path,
            query,
            idempotency_key: Some(&id),
            body: body.as_bytes(),
        };
        let expires_s = now_s.saturating_add(SIGNATURE_LIFE_S);
        let terms = Terms { key_id: &self.key_id, created_s: now_s, expires_s, nonce: None };
        let signed = http_signature::sign(&message, &terms, &self.key, &mut self.rng.clone());
        let signed = signed.map_err(|_| Failed::Internal)?;
        let request = Request::post(to.target())
            .header(header::HOST, to.authority())
            .header(header::USER_AGENT, concat!("cosign-server/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header("idempotency-key", id)
            .header("content-digest", signed.content_digest.unwrap_or_default())
            .header("signature-input", signed.signature_input)
            .header("signature", signed.signature);
        request.body(Full::new(body.into())).map_err(|_| Failed::Internal)
    }

    /// Connects to an address that was looked at, not to a name that could be another one by then.
    async fn connect(&self, to: &WebhookUrl) -> Result<TcpStream, Failed> {
        let found = tokio::net::lookup_host((to.host(), to.port())).await.map_err(Failed::Io)?;
        let mut last = Failed::Refused("the name of the webhook has no address");
        for address in found.collect::<Vec<SocketAddr>>() {
            if !self.allow_private && !address::is_public(address.ip()) {
                last = Failed::Refused("the webhook is at a private address");
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Failed::Io(error),
            }
        }
        Err(last)
    }
}

/// One request on a connection; the status of its answer.
pub(in crate::app) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    request: Request<Full<Bytes>>,
) -> Result<u16, Failed> {
    let mut builder = hyper::client::conn::http1::Builder::new();
    let (mut requests, connection) =
        builder.max_buf_size(MAX_ANSWER).handshake(TokioIo::new(stream)).await.map_err(Failed::Http)?;
    let answer = requests.send_request(request);
    tokio::pin!(answer, connection);
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended.map_err(Failed::Http)?;
            // It ended with an answer or without one, which shows there.
            answer.await
        }
    };
    Ok(answer.map_err(Failed::Http)?.status().as_u16())
}

fn read_roots(roots: &mut RootCertStore, path: &std::path::Path) -> Result<(), String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(()) }
}
