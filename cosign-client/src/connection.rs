//! A connection to a server: protocol frames and API calls, over QUIC or over HTTP/2.
//!
//! Links are opened when they are needed and opened again when they were lost. What may be sent twice is decided here:
//! an API call with its idempotency key, and a protocol frame **byte for byte the same**, until the session's
//! deadline. A frame that opens something on the server (key generation) is never sent twice.

mod dial;
mod frames;
mod http;
mod signed;
#[cfg(test)]
mod tests;
mod user;

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::http::{Method, StatusCode};
use bytes::Bytes;
use cosign_core::{KeyId, Op};
use getrandom::SysRng;
use serde::{Serialize, de::DeserializeOwned};
use sm_primitives::rand_core::TryRng;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout_at},
};

pub use self::user::Body;
use self::{
    frames::FrameLink,
    http::{Answer, Call, HttpLink},
};
use crate::{
    address::ServerAddress,
    api::{Page, Problem},
    clock,
    error::Error,
    tls::{DeviceIdentity, Trust},
};

/// Media type of a protocol frame.
const FRAME_TYPE: &str = "application/vnd.cosign.frame";
/// How long one API call may take with all its attempts.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Most pages of one list.
const MAX_PAGES: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How the server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Frames on QUIC streams, the API over HTTP/3.
    #[default]
    Quic,
    /// Everything over HTTP/2 on TCP, for networks without UDP.
    Http2,
    /// QUIC, or HTTP/2 where QUIC does not get through.
    Auto,
}

impl FromStr for Transport {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "quic" => Ok(Self::Quic),
            "http2" => Ok(Self::Http2),
            "auto" => Ok(Self::Auto),
            _ => Err("quic, http2 or auto"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Http2 => "http2",
            Self::Auto => "auto",
        })
    }
}

/// Which server, trusted how, seen by it as whom.
#[derive(Clone)]
pub struct Target {
    /// Where it is; the host is the name its certificate must carry.
    pub server: ServerAddress,
    /// Who vouches for it.
    pub trust: Trust,
    /// This device; without it only the public part of the API answers.
    pub device: Option<Arc<DeviceIdentity>>,
    /// How to get there.
    pub transport: Transport,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
}

impl Target {
    fn unreachable(&self, cause: &str) -> Error {
        Error::Unreachable { server: self.server.to_string(), cause: cause.to_owned() }
    }

    fn untrusted(&self, cause: &str) -> Error {
        Error::Untrusted { server: self.server.to_string(), cause: cause.to_owned() }
    }
}

/// Why one attempt came to nothing.
enum Failure {
    /// The server did not see the request.
    NotSent,
    /// The server may have seen the request and acted on it.
    Lost,
    /// The transport refused the request before anything acted on it.
    Refused(Problem),
    /// No other attempt helps.
    Final(Error),
}

/// Whether a frame may go out again after its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// The identical bytes, until the deadline: the server answers a repeated frame once.
    Identical,
    /// Never: the server would refuse the second one.
    Never,
}

/// A server as this device sees it. Cheap to clone; all clones share their links.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    target: Target,
    /// Whether a link was ever up: a server that was never there is reported at once, one that went away may come back.
    reached: AtomicBool,
    /// What `Auto` came to.
    chosen: Mutex<Option<Transport>>,
    frames: Mutex<Option<Arc<FrameLink>>>,
    http: Mutex<Option<Arc<HttpLink>>>,
}

impl Connection {
    /// Nothing is opened before the first use.
    #[must_use]
    pub fn new(target: Target) -> Self {
        let chosen = match target.transport {
            Transport::Auto => None,
            fixed => Some(fixed),
        };
        let (frames, http) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner {
            target,
            reached: AtomicBool::new(false),
            chosen: Mutex::new(chosen),
            frames,
            http,
        }))
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &ServerAddress {
        &self.0.target.server
    }

    /// The transport in use; opens a connection if that is still to be found out.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Untrusted`].
    pub async fn transport(&self) -> Result<Transport, Error> {
        let mut chosen = self.0.chosen.lock().await;
        if let Some(transport) = *chosen {
            return Ok(transport);
        }
        let transport = match HttpLink::h3(&self.0.target).await {
            Ok(link) => {
                *self.0.http.lock().await = Some(Arc::new(link));
                Transport::Quic
            }
            Err(Error::Unreachable { .. }) => {
                let link = HttpLink::h2(&self.0.target).await?;
                *self.0.http.lock().await = Some(Arc::new(link));
                Transport::Http2
            }
            Err(error) => return Err(error),
        };
        self.0.reached.store(true, Ordering::Relaxed);
        *chosen = Some(transport);
        Ok(transport)
    }

    /// Says goodbye, so that the server need not wait for silence.
    pub async fn close(&self) {
        self.close_frames().await;
        if let Some(link) = self.0.http.lock().await.take() {
            link.close().await;
        }
    }

    /// Closes the connection for frames, with those that are not sent yet. The next frame opens another one.
    pub(crate) async fn close_frames(&self) {
        // While somebody else opens one, there is none to close.
        let link = self.0.frames.try_lock().ok().and_then(|mut slot| slot.take());
        if let Some(link) = link {
            link.close().await;
        }
    }

    /// Sends a protocol frame and gives its answer, a refusal of the protocol included.
    ///
    /// A lost frame is sent again, byte for byte, until `deadline`, if `resend` allows it. One that provably did not
    /// leave is sent again in any case.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if no connection was made, [`Error::NoAnswer`] if the frame left and no answer came,
    /// [`Error::Api`] if the transport refused it, [`Error::Untrusted`], [`Error::BadAnswer`].
    pub async fn exchange(
        &self,
        op: Op,
        key_id: KeyId,
        frame: &[u8],
        resend: Resend,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        match self.transport().await? {
            Transport::Http2 => {
                let call = frame_call(op, key_id, frame);
                let answer = self.attempt_until(deadline, resend, || self.call_once(&call)).await?;
                frame_answer(answer)
            }
            Transport::Quic | Transport::Auto => {
                self.attempt_until(deadline, resend, || async {
                    let link = self.frame_link().await.map_err(unreached)?;
                    link.exchange(frame).await
                })
                .await
            }
        }
    }

    /// All entries of a list, fetched page by page.
    ///
    /// # Errors
    /// As [`Self::call`]; [`Error::BadAnswer`] for a list that does not end.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        let mut page: Page<T> = self.call(Method::GET, path, None::<&()>).await?;
        let mut entries = page.items;
        for _ in 1..MAX_PAGES {
            let Some(next) = page.next else { return Ok(entries) };
            if next.is_empty() || !next.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Error::BadAnswer("no cursor"));
            }
            page = self.call(Method::GET, &format!("{path}?after={next}"), None::<&()>).await?;
            entries.append(&mut page.items);
        }
        Err(Error::BadAnswer("a list without an end"))
    }

    /// An API call with a JSON body or none, and the JSON of its answer.
    ///
    /// # Errors
    /// [`Error::Api`] for a refusal, [`Error::Unreachable`], [`Error::Untrusted`], [`Error::NoAnswer`],
    /// [`Error::BadAnswer`].
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Error> {
        self.transport().await?;
        let json = body
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|_| Error::Internal("the request has no JSON form"))?;
        // Sent twice, it acts once.
        let idempotency_key = if method == Method::POST { Some(random_token()?) } else { None };
        let call = Call {
            method,
            path: path.to_owned(),
            content_type: json.as_ref().map(|_| "application/json"),
            idempotency_key,
            headers: Vec::new(),
            body: json.map(Bytes::from).unwrap_or_default(),
        };
        let answer = self.answered(&call).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Error::BadAnswer("not the JSON of this API"))
    }

    /// The answer to a call that acts once however often it is sent, unless it is refused.
    async fn answered(&self, call: &Call) -> Result<Answer, Error> {
        let deadline = clock::instant() + CALL_TIME;
        let answer = self.attempt_until(deadline, Resend::Identical, || self.call_once(call)).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    async fn call_once(&self, call: &Call) -> Result<Answer, Failure> {
        let link = self.http_link().await.map_err(unreached)?;
        let answer = link.call(&self.0.target.server, call).await?;
        match answer.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Refused(problem(&answer)))
            }
            _ => Ok(answer),
        }
    }

    /// Repeats an attempt with growing pauses, as long as repeating is allowed and can help.
    async fn attempt_until<T, F>(
        &self,
        deadline: Instant,
        resend: Resend,
        attempt: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let end = deadline.into();
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match timeout_at(end, attempt()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                // In the middle of an attempt: whether anything left is not known.
                Err(_) => return Err(Error::NoAnswer),
            };
            let error = match failure {
                Failure::Final(error @ Error::Unreachable { .. })
                    if self.0.reached.load(Ordering::Relaxed) =>
                {
                    error
                }
                Failure::Final(error) => return Err(error),
                Failure::NotSent => Error::NoAnswer,
                Failure::Lost if resend == Resend::Never => return Err(Error::NoAnswer),
                Failure::Lost => Error::NoAnswer,
                Failure::Refused(problem) if problem.is_transient() => Error::Api(Box::new(problem)),
                Failure::Refused(problem) => return Err(Error::Api(Box::new(problem))),
            };
            let wait = match &error {
                Error::Api(problem) => pause.max(Duration::from_secs(problem.retry_after_s.unwrap_or(0))),
                _ => pause,
            };
            if clock::instant() + wait >= deadline {
                return Err(error);
            }
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn frame_link(&self) -> Result<Arc<FrameLink>, Error> {
        let mut slot = self.0.frames.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.is_closed()) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(FrameLink::connect(&self.0.target).await?);
        self.0.reached.store(true, Ordering::Relaxed);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }

    async fn http_link(&self) -> Result<Arc<HttpLink>, Error> {
        let transport = self.transport().await?;
        let mut slot = self.0.http.lock().await;
        if let Some(link) = slot.as_ref().filter(|link| !link.is_closed()) {
            return Ok(Arc::clone(link));
        }
        let link = match transport {
            Transport::Http2 => HttpLink::h2(&self.0.target).await?,
            Transport::Quic | Transport::Auto => HttpLink::h3(&self.0.target).await?,
        };
        self.0.reached.store(true, Ordering::Relaxed);
        let link = Arc::new(link);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }
}

fn unreached(error: Error) -> Failure {
    Failure::Final(error)
}

fn frame_call(op: Op, key_id: KeyId, frame: &[u8]) -> Call {
    let operation = match op {
        Op::Confirm => Op::Refresh.as_str(),
        Op::KeygenOblivious => Op::Keygen.as_str(),
        op => op.as_str(),
    };
    Call {
        method: Method::POST,
        path: format!("/v1/keys/{key_id}/{operation}"),
        content_type: Some(FRAME_TYPE),
        idempotency_key: None,
        headers: Vec::new(),
        body: Bytes::copy_from_slice(frame),
    }
}

fn frame_answer(answer: Answer) -> Result<Vec<u8>, Error> {
    if answer.status != StatusCode::OK {
        return Err(refusal(&answer));
    }
    if answer.content_type.is_none_or(|value| value != FRAME_TYPE) {
        return Err(Error::BadAnswer("not a protocol frame"));
    }
    Ok(answer.body.into())
}

fn refusal(answer: &Answer) -> Error {
    Error::Api(Box::new(problem(answer)))
}

/// The problem document of an answer; from a proxy it may be anything.
fn problem(answer: &Answer) -> Problem {
    let status = answer.status.as_u16();
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) => Problem { status, ..problem },
        Err(_) => {
            let code = match answer.status {
                StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
                StatusCode::SERVICE_UNAVAILABLE => "unavailable",
                _ => "not_the_api",
            };
            Problem { title: format!("HTTP status {status}"), ..Problem::bare(status, code) }
        }
    }
}

fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| Error::RandomFailed)?;
    Ok(hex::encode(bytes))
}
