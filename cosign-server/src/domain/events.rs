//! Events: what changed, for those who would otherwise ask again and again. Without personal data.
//!
//! What a unit tells is read off its writes, so no change can forget to tell it, and it is stored in the same transaction.

use cosign_core::{KeyId, Op};
use serde_json::{Map, Value, json};

use super::{
    audit::{self, Act},
    ca::{
        AuthorityId, CertState, Certificate, Request, RequestId, certificate::Change, ports::RegistryWrite,
    },
    clients::{ClientId, WebhookUrl, ports::ClientWrite},
    key::Status,
    ports::{Unit, Write},
};

/// How long events and their deliveries are kept, in milliseconds: 30 days.
pub const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How long it is tried to deliver an event, in milliseconds: a day.
pub const DELIVERED_WITHIN_MS: u64 = 24 * 60 * 60 * 1000;
/// Pause after the first failure, in milliseconds; it doubles with each.
const FIRST_PAUSE_MS: u64 = 5_000;
/// Longest pause, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 60 * 60 * 1000;

/// What a change tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What happened, a stable name.
    pub kind: &'static str,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// What it is about.
    pub subject: Subject,
    /// What else is to be known, an object.
    pub data: Value,
}

impl Notice {
    /// Tells a client alone.
    #[must_use]
    pub fn to_client(client: ClientId, at_ms: u64, kind: &'static str, data: Value) -> Write {
        let subject = Subject { client: Some(client), ..Subject::default() };
        Write::Client(ClientWrite::Tell(Box::new(Self { kind, at_ms, subject, data })))
    }
}

/// What an event can be found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The authority that did it.
    pub authority: Option<AuthorityId>,
    /// The key.
    pub key_id: Option<KeyId>,
    /// The certificate request.
    pub request: Option<RequestId>,
    /// The only client that it is for.
    pub client: Option<ClientId>,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number: the cursor behind it. Numbers grow, with gaps.
    pub seq: u64,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub kind: String,
    /// What else is to be known, an object.
    pub data: Value,
}

impl Event {
    /// As clients see it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "id": self.seq, "at_ms": self.at_ms, "kind": self.kind, "data": self.data })
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried, or waits to be.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead].into_iter().find(|state| state.as_str() == name)
    }
}

/// The delivery of an event to the webhook of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Of which event.
    pub event: u64,
    /// What happened.
    pub kind: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when, unix milliseconds.
    pub made_ms: u64,
    /// When it is tried next, unix milliseconds.
    pub next_ms: u64,
    /// Status of the last answer, if there was one.
    pub status: Option<u16>,
}

/// A delivery that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// To whom.
    pub client: ClientId,
    /// Where.
    pub webhook: WebhookUrl,
    /// What.
    pub event: Event,
    /// How often it was tried before.
    pub attempts: u32,
    /// Since when, unix milliseconds.
    pub made_ms: u64,
}

/// What becomes of a delivery after its `attempts`-th failure: when it is tried next, or that it is given up. `chance` spreads
/// those that failed together.
#[must_use]
pub fn after_failure(attempts: u32, made_ms: u64, now_ms: u64, chance: u32) -> (DeliveryState, u64) {
    let next_ms = now_ms.saturating_add(pause_ms(attempts, chance));
    if next_ms.saturating_sub(made_ms) > DELIVERED_WITHIN_MS {
        (DeliveryState::Dead, now_ms)
    } else {
        (DeliveryState::Pending, next_ms)
    }
}

/// The pause after the `failures`-th failure: between half and all of 5 s, 10 s, 20 s, ..., an hour at most.
#[must_use]
pub fn pause_ms(failures: u32, chance: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(20);
    let full = (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS);
    full / 2 + full / 2 * u64::from(chance) / u64::from(u32::MAX)
}

/// What a unit tells, in the order of its writes.
#[must_use]
pub fn told_by(unit: &Unit) -> Vec<Notice> {
    let logged = unit.0.iter().find_map(|write| match write {
        Write::Log(event) => Some(event.at_ms),
        _ => None,
    });
    let activates = unit.0.iter().any(|write| match write {
        Write::SaveKey(key) => key.status == Status::Active,
        _ => false,
    });
    unit.0.iter().filter_map(|write| told(write, logged.unwrap_or(0), activates)).collect()
}

fn told(write: &Write, at_ms: u64, activates: bool) -> Option<Notice> {
    match write {
        Write::AddDevice(device) => Some(Notice {
            kind: "device.enrolled",
            at_ms: device.enrolled_ms,
            subject: Subject::default(),
            data: json!({ "device_id": device.id.to_string() }),
        }),
        Write::SetStatus { key_id, from, to } if from != to => {
            let kind = match to {
                Status::Active => "key.unfrozen",
                Status::Suspended => "key.frozen",
                Status::Revoked => "key.revoked",
                Status::Pending | Status::Arriving => return None,
            };
            Some(of_key(kind, at_ms, *key_id, Map::new()))
        }
        Write::MoveAway { key_id } => Some(of_key("key.moved", at_ms, *key_id, Map::new())),
        Write::Log(event) if activates && event.result == 0 => {
            let kind = if event.note == audit::ACTIVATED {
                "key.refreshed"
            } else if event.act == Act::operation(Op::Activate) {
                "key.activated"
            } else {
                return None;
            };
            let data = [("epoch".to_owned(), event.epoch.into())];
            Some(of_key(kind, event.at_ms, event.key_id?, data.into_iter().collect()))
        }
        Write::Registry(RegistryWrite::AddCertificate(certificate)) => Some(issued(certificate)),
        Write::Registry(RegistryWrite::Change(change)) => changed(change, at_ms),
        Write::Registry(RegistryWrite::AddRequest(request) | RegistryWrite::SaveRequest(request)) => {
            Some(of_request(request, at_ms))
        }
        Write::Client(ClientWrite::Tell(notice)) => Some(Notice::clone(notice)),
        _ => None,
    }
}

fn of_key(kind: &'static str, at_ms: u64, key_id: KeyId, mut data: Map<String, Value>) -> Notice {
    data.insert("key_id".to_owned(), key_id.to_string().into());
    let subject = Subject { key_id: Some(key_id), ..Subject::default() };
    Notice { kind, at_ms, subject, data: data.into() }
}

fn issued(certificate: &Certificate) -> Notice {
    Notice {
        kind: "certificate.issued",
        at_ms: certificate.issued_ms,
        subject: Subject { authority: Some(certificate.authority.clone()), ..Subject::default() },
        data: json!({
            "authority": certificate.authority.as_str(),
            "serial": certificate.serial.to_string(),
            "role": certificate.role.as_str(),
            "request": certificate.request.map(|request| request.to_string()),
            "device_id": certificate.device.map(|device| device.to_string()),
            "key_id": certificate.key_id.map(|key_id| key_id.to_string()),
            "not_after_ms": certificate.not_after_ms,
        }),
    }
}

fn changed(change: &Change, at_ms: u64) -> Option<Notice> {
    let kind = match change.to {
        to if to == change.from => return None,
        CertState::Valid => "certificate.released",
        CertState::Frozen => "certificate.suspended",
        CertState::NeedsChange => "certificate.needs-change",
        CertState::Superseded => "certificate.superseded",
        CertState::Expired => "certificate.expired",
        CertState::Revoked => "certificate.revoked",
    };
    let reason = change.listed.flatten().map(|(_, reason)| reason.name());
    Some(Notice {
        kind,
        at_ms,
        subject: Subject { authority: Some(change.authority.clone()), ..Subject::default() },
        data: json!({
            "authority": change.authority.as_str(),
            "serial": change.serial.to_string(),
            "reason": reason,
        }),
    })
}

fn of_request(request: &Request, at_ms: u64) -> Notice {
    Notice {
        kind: "certificate-request.changed",
        at_ms,
        subject: Subject {
            authority: Some(request.authority.clone()),
            request: Some(request.id),
            ..Subject::default()
        },
        data: json!({
            "authority": request.authority.as_str(),
            "request": request.id.to_string(),
            "kind": request.kind.as_str(),
            "state": request.state.as_str(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_spread() {
        assert_eq!((pause_ms(1, 0), pause_ms(1, u32::MAX)), (2_500, 5_000));
        assert_eq!((pause_ms(2, 0), pause_ms(2, u32::MAX)), (5_000, 10_000));
        assert_eq!(pause_ms(100, u32::MAX), LONGEST_PAUSE_MS);
        assert_eq!(pause_ms(u32::MAX, 0), LONGEST_PAUSE_MS / 2);
    }

    #[test]
    fn it_is_tried_for_a_day_and_then_given_up() {
        let (mut now_ms, mut attempts, made_ms) = (7_000_u64, 0, 7_000);
        loop {
            attempts += 1;
            match after_failure(attempts, made_ms, now_ms, u32::MAX / 2) {
                (DeliveryState::Pending, next_ms) => {
                    assert!(next_ms > now_ms, "attempt {attempts}");
                    now_ms = next_ms;
                }
                (state, _) => {
                    assert_eq!(state, DeliveryState::Dead);
                    break;
                }
            }
        }
        assert!(now_ms - made_ms <= DELIVERED_WITHIN_MS);
        assert!(now_ms - made_ms > DELIVERED_WITHIN_MS - LONGEST_PAUSE_MS);
        assert!((20..60).contains(&attempts), "{attempts}");
    }

    #[test]
    fn what_changes_nothing_tells_nothing() {
        let key_id = KeyId::from_bytes([1; 16]);
        let set = |from, to| Write::SetStatus { key_id, from, to };
        let log = Write::Log(audit::Event::administration(9, Act::FREEZE, ""));
        let unit: Unit = [set(Status::Active, Status::Active), log.clone()].into();
        assert_eq!(told_by(&unit), []);
        let unit: Unit = [set(Status::Active, Status::Suspended), log].into();
        let told = told_by(&unit);
        assert_eq!((told.len(), told[0].kind, told[0].at_ms), (1, "key.frozen", 9));
        assert_eq!(told[0].data, json!({ "key_id": key_id.to_string() }));
    }
}
