//! Key generation: an id from the server, two round trips, a co-signed certification request, activation.

use std::{sync::Arc, time::Duration};

use cosign_core::{
    CLIENT_DEADLINE_MS, ClientKey, Digest, KeyId, LocalRecord, MIN_ITERATIONS, Op, PinMode, Purpose, Suite,
    csr, keygen,
};
use getrandom::SysRng;
use http::Method;
use serde::Serialize;
use sm_primitives::sm2::{DistId, Signature};

use super::{
    Channel, Client, Credentials, blocking,
    session::{self, Exchange},
};
use crate::{
    api::{KeyPurpose, NewKey},
    clock,
    error::Error,
};

/// PBKDF2 iterations of a new key: about a quarter of a second where it counts.
pub const ITERATIONS: u32 = 400_000;

/// More than any server has reason to ask for; the device would compute for minutes, each time the PIN is entered.
const MAX_ITERATIONS: u32 = 10_000_000;

/// What the new key shall be.
#[derive(Clone, Debug)]
pub struct KeygenRequest {
    /// How it signs, for its whole life.
    pub suite: Suite,
    /// What it is for.
    pub purpose: Purpose,
    /// How its PIN is protected, for its whole life.
    pub pin_mode: PinMode,
    /// What the server calls it in its lists; it also names the subject of the certification request.
    pub label: String,
}

/// Where a key generation stands, for whoever keeps the record.
pub enum Step {
    /// Both halves exist and agree: the record must be durable before this is acknowledged.
    Generated(Box<LocalRecord>),
    /// The server confirmed the activation.
    Active(KeyId),
    /// The server refused for good: the record is of no use to anybody.
    Discarded(KeyId),
}

#[derive(Serialize)]
struct KeyOrder<'a> {
    /// Left out for suite D, which servers take that know no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<&'static str>,
    purpose: KeyPurpose,
    /// Left out for base mode, for the same reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_mode: Option<&'static str>,
    label: &'a str,
}

impl Client {
    /// Generates a key, stores it through `keep`, co-signs its certification request and activates it.
    ///
    /// `keep` is called with [`Step::Generated`], then with [`Step::Active`] or [`Step::Discarded`]. If the last
    /// answer is lost and the server cannot be asked, neither comes: the record stays, and [`Client::key`] tells later
    /// whether the key became active.
    ///
    /// # Errors
    /// Those of `keep`; [`Error::SuiteNotOffered`]; [`Error::PinFormat`] for an empty PIN in oblivious mode;
    /// [`Error::BadAnswer`] if the server asks for too many iterations; [`Error::Api`] if the device is not enrolled;
    /// [`Error::ServerMisbehaved`]; network errors.
    pub async fn keygen(
        &self,
        request: KeygenRequest,
        credentials: Arc<Credentials>,
        mut keep: impl FnMut(Step) -> Result<(), Error> + Send + 'static,
    ) -> Result<KeyId, Error> {
        let server = self.server().await?;
        let suite = request.suite.as_str();
        if !server.suites.iter().any(|offered| offered == suite) {
            return Err(Error::SuiteNotOffered(suite));
        }
        let iterations = iterations(server.pbkdf2_iterations_min)?;
        let key_id = self.order_key(&request).await?;
        let channel = self.channel(key_id);
        blocking(move || {
            let (record, key) = generate(&channel, key_id, &request, &credentials, iterations)?;
            keep(Step::Generated(Box::new(record)))?;
            activate(&channel, &key, &request.label)
                .inspect_err(|error| {
                    if is_definite(error) {
                        // The cause matters more than a record that could not be removed.
                        let _ = keep(Step::Discarded(key_id));
                    }
                })
                .and_then(|()| keep(Step::Active(key_id)))
        })
        .await?;
        Ok(key_id)
    }

    async fn order_key(&self, request: &KeygenRequest) -> Result<KeyId, Error> {
        let suite = Some(request.suite).filter(|suite| *suite != Suite::D).map(Suite::as_str);
        let pin_mode = Some(request.pin_mode).filter(|mode| *mode != PinMode::Base).map(PinMode::as_str);
        let order = KeyOrder { suite, purpose: request.purpose.into(), pin_mode, label: &request.label };
        let issued: NewKey = self.connection().call(Method::POST, "/v1/keys", Some(&order)).await?;
        issued.key_id.parse().map_err(|_| Error::BadAnswer("not a key id"))
    }
}

/// PBKDF2 iterations of a new key, given what the server asks for at least.
pub(super) fn iterations(least: u32) -> Result<u32, Error> {
    if least > MAX_ITERATIONS {
        return Err(Error::BadAnswer("it asks for more PBKDF2 iterations than a device can do"));
    }
    Ok(ITERATIONS.max(least).max(MIN_ITERATIONS))
}

/// Ops 10 and 11; in oblivious mode 14 and 11.
fn generate(
    channel: &Channel,
    key_id: KeyId,
    request: &KeygenRequest,
    credentials: &Credentials,
    iterations: u32,
) -> Result<(LocalRecord, ClientKey), Error> {
    let (KeygenRequest { suite, purpose, .. }, Credentials { pin, device }) = (request, credentials);
    let opening = match request.pin_mode {
        PinMode::Base => {
            let (frame, waiting) =
                keygen::start(key_id, *suite, *purpose, &mut SysRng).map_err(session::local)?;
            let answer = send_once(channel, Op::Keygen, &frame)?;
            waiting.finish(&answer, pin, device, iterations, &mut SysRng)
        }
        PinMode::Oblivious => {
            let (frame, waiting) =
                keygen::start_oblivious(key_id, *suite, *purpose, pin, iterations, &mut SysRng)
                    .map_err(session::local)?;
            let answer = send_once(channel, Op::KeygenOblivious, &frame)?;
            waiting.finish(&answer, device)
        }
    };
    let (frame, waiting) = opening.map_err(session::local)?;
    let answer = send_once(channel, Op::Open, &frame)?;
    waiting.finish(&answer).map_err(session::local)
}

/// The one signature of a pending key, then op 12.
fn activate(channel: &Channel, key: &ClientKey, label: &str) -> Result<(), Error> {
    let info = csr::info(label, key.public_key());
    // A request is checked under the default id, whatever id the key will sign other messages with.
    let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
    let signed = session::sign(&channel.of(Op::Sign), key, &[digest], || channel.next_session())?;
    let signature: &Signature = signed.signatures.first().ok_or(Error::BadAnswer("no signature"))?;
    let request = csr::assemble(&info, signature);
    match hand_in(channel, key, &request) {
        Err(Error::NoAnswer) if is_active(channel)? => Ok(()),
        // The frame got lost, or the server is at it: it takes the request again while the key is pending.
        Err(Error::NoAnswer) => match hand_in(channel, key, &request) {
            Err(_) if is_active(channel)? => Ok(()),
            Err(Error::NoAnswer) => Err(Error::NotActive(key.key_id())),
            outcome => outcome,
        },
        outcome => outcome,
    }
}

/// Op 12.
fn hand_in(channel: &Channel, key: &ClientKey, request: &[u8]) -> Result<(), Error> {
    let (frame, waiting) = keygen::activate(key, request, &mut SysRng).map_err(session::local)?;
    let answer = send_once(channel, Op::Activate, &frame)?;
    waiting.finish(&answer).map_err(session::local)
}

fn is_active(channel: &Channel) -> Result<bool, Error> {
    Ok(channel.status()?.status == "active")
}

/// The server takes each of these frames once.
fn send_once(channel: &Channel, op: Op, frame: &[u8]) -> Result<Vec<u8>, Error> {
    let deadline = clock::instant() + Duration::from_millis(CLIENT_DEADLINE_MS);
    channel.once(op).exchange(frame, deadline)
}

/// Whether the key can never become active.
fn is_definite(error: &Error) -> bool {
    !matches!(
        error,
        Error::NoAnswer | Error::Unreachable { .. } | Error::Untrusted { .. } | Error::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use cosign_core::server::Origin;

    use super::*;
    use crate::testing::{FrameServer, Model, device_key, pin};

    /// A key in this mode, from a server that issued its id for that one.
    async fn made(mode: PinMode, issued: PinMode, digits: &str) -> (FrameServer, Result<LocalRecord, Error>) {
        let mut model = Model::new();
        model.mode = issued;
        let (suite, purpose) = (Suite::D, Purpose::Sign);
        let key_id = model.issue(1, suite, purpose, Origin::Generated);
        let server = FrameServer::start(&[], model.into_respond());
        let channel = Client::new(server.connection()).channel(key_id);
        let request = KeygenRequest { suite, purpose, pin_mode: mode, label: "a".into() };
        let credentials = Credentials { pin: pin(digits), device: device_key() };
        let made = blocking(move || {
            let (record, key) = generate(&channel, key_id, &request, &credentials, MIN_ITERATIONS)?;
            activate(&channel, &key, &request.label)?;
            Ok(record)
        });
        let made = made.await;
        (server, made)
    }

    #[tokio::test]
    async fn a_key_is_made_in_the_mode_of_its_id() {
        for (mode, first) in [(PinMode::Base, Op::Keygen), (PinMode::Oblivious, Op::KeygenOblivious)] {
            let (server, record) = made(mode, mode, "271828").await;
            assert_eq!(record.unwrap().pin_mode(), mode);
            let ops: Vec<u8> = server.seen().iter().map(|frame| frame[2]).collect();
            assert_eq!(ops, [first, Op::Open, Op::Sign, Op::Activate].map(Op::byte));
        }
    }

    #[tokio::test]
    async fn a_key_in_another_mode_than_asked_for_is_not_made() {
        let (server, record) = made(PinMode::Oblivious, PinMode::Base, "271828").await;
        assert!(matches!(record, Err(Error::KeyRefused)));
        assert_eq!(server.seen().len(), 1);
        let (server, record) = made(PinMode::Oblivious, PinMode::Oblivious, "").await;
        assert!(matches!(record, Err(Error::PinFormat)));
        assert!(server.seen().is_empty(), "without a PIN there is nothing to guess");
    }

    #[test]
    fn an_order_names_the_mode_unless_it_is_base() {
        let order = |pin_mode| KeyOrder { suite: None, purpose: KeyPurpose::Sign, pin_mode, label: "a" };
        let json = |pin_mode| serde_json::to_string(&order(pin_mode)).unwrap();
        assert_eq!(json(None), r#"{"purpose":"sign","label":"a"}"#);
        assert_eq!(json(Some("oblivious")), r#"{"purpose":"sign","pin_mode":"oblivious","label":"a"}"#);
    }

    #[test]
    fn a_server_raises_the_iterations_within_reason() {
        assert_eq!(iterations(0).unwrap(), ITERATIONS);
        assert_eq!(iterations(ITERATIONS + 1).unwrap(), ITERATIONS + 1);
        assert_eq!(iterations(MAX_ITERATIONS).unwrap(), MAX_ITERATIONS);
        assert!(matches!(iterations(MAX_ITERATIONS + 1), Err(Error::BadAnswer(_))));
    }
}
