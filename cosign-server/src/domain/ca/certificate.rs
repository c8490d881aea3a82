//! Certificates as they are kept: states, and the one function that changes them.
//!
//! | from | event | to | beside it, in the same transaction |
//! |---|---|---|---|
//! | valid | freeze | frozen | on hold in the lists, key suspended |
//! | frozen | unfreeze | valid | off the lists, key active again |
//! | valid, needs-change | expire, at its end | expired | |
//! | frozen | expire, at its end | expired | key active again |
//! | valid | outdate | needs-change | |
//! | valid, expired | supersede by renewal | superseded | |
//! | needs-change | supersede by change | superseded | in the lists |
//! | valid, needs-change, expired | supersede by reissue | superseded | in the lists, key revoked |
//! | all but revoked | revoke | revoked | in the lists, key revoked |
//!
//! Nothing leads out of `revoked`. Out of `superseded` leads only a revocation: a certificate that was renewed has the key
//! of its successor, and may be valid for months.

use cosign_core::{DeviceId, KeyId};
pub use pki::crl::RevocationReason as Reason;

use super::{authority::AuthorityId, request::RequestId};
use crate::domain::Error;

/// A serial number: the body of its INTEGER, 1 to 20 octets, positive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Reads the body of an INTEGER. Source: RFC 5280, 4.1.2.2.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for one that is negative, zero, not the shortest form, or longer than 20 octets.
    pub fn new(body: &[u8]) -> Result<Self, Error> {
        let shortest = match body {
            [] | [0] => false,
            [0, second, ..] => second & 0x80 != 0,
            [first, ..] => first & 0x80 == 0,
        };
        if !shortest || body.len() > 20 {
            return Err(Error::BadRequest("a serial number is positive and has at most 20 octets"));
        }
        Ok(Self(body.to_vec()))
    }

    /// Reads it in hex, with or without leading zeros.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
        let bytes = hex::decode(even).map_err(|_| Error::BadRequest("a serial number is written in hex"))?;
        let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
        let rest = bytes.get(start..).unwrap_or_default();
        let sign: &[u8] = if rest.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
        Self::new(&[sign, rest].concat())
    }

    /// The body of the INTEGER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for Serial {
    /// In hex, without a leading sign octet.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0[..] {
            [0, rest @ ..] => f.write_str(&hex::encode(rest)),
            all => f.write_str(&hex::encode(all)),
        }
    }
}

/// Which certificate of a pair it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its key signs.
    Sign,
    /// Its key decrypts.
    Encrypt,
}

impl Role {
    /// `sign` or `encrypt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sign, Self::Encrypt].into_iter().find(|role| role.as_str() == name)
    }
}

/// Where a certificate stands. That it expires soon is not a state: [`Certificate::is_expiring`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertState {
    /// In force.
    Valid,
    /// Its end has come.
    Expired,
    /// Suspended.
    Frozen,
    /// What it says of its subject is not true any more.
    NeedsChange,
    /// Another one took its place.
    Superseded,
    /// Ended for good.
    Revoked,
}

impl CertState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Valid, Self::Expired, Self::Frozen, Self::NeedsChange, Self::Superseded, Self::Revoked];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Frozen => "frozen",
            Self::NeedsChange => "needs-change",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// How another certificate takes the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Successor {
    /// The same for longer; keys stay.
    Renewal,
    /// Of the subject as it is called now; keys stay.
    Change,
    /// Of the same subject on another device, with another signing key.
    Reissue,
}

/// What happens to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The operator suspends it.
    Freeze,
    /// The operator puts it in force again.
    Unfreeze,
    /// The data of the subject have changed.
    Outdate,
    /// Time goes by.
    Expire,
    /// Another one is installed in its place.
    Supersede(Successor),
    /// The subject, the operator or a review ends it.
    Revoke(Reason),
}

/// What has to happen together with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It stands in the revocation lists from now on.
    List(Reason),
    /// It leaves the revocation lists.
    Unlist,
    /// All shares of its key are suspended.
    SuspendKey,
    /// Its key is active again.
    ResumeKey,
    /// All shares of its key are destroyed.
    RevokeKey,
}

/// The state after an event and what belongs to it: the one place that decides it. `now_ms` and `not_after_ms` are unix
/// milliseconds.
///
/// # Errors
/// [`Error::Conflict`] when the state does not allow the event.
pub fn transition(
    state: CertState,
    event: Event,
    not_after_ms: u64,
    now_ms: u64,
) -> Result<(CertState, &'static [Effect]), Error> {
    use CertState::{Expired, Frozen, NeedsChange, Revoked, Superseded, Valid};
    let refused = |why| Err(Error::Conflict(why));
    let ended = now_ms > not_after_ms;
    match (state, event) {
        (Revoked, _) => refused("the certificate is revoked"),
        (_, Event::Revoke(reason)) => match revocation(reason) {
            Some(effects) => Ok((Revoked, effects)),
            None => refused("a certificate is not revoked for this reason; to suspend it, freeze it"),
        },
        (Superseded, _) => refused("another certificate has taken its place"),
        (Valid | NeedsChange, Event::Expire) if ended => Ok((Expired, &[])),
        (Frozen, Event::Expire) if ended => Ok((Expired, &[Effect::ResumeKey])),
        (_, Event::Expire) => refused("its end has not come"),
        (Valid, Event::Freeze) if !ended => {
            Ok((Frozen, &[Effect::List(Reason::CertificateHold), Effect::SuspendKey]))
        }
        (Frozen, Event::Unfreeze) if !ended => Ok((Valid, &[Effect::Unlist, Effect::ResumeKey])),
        (Valid, Event::Outdate) if !ended => Ok((NeedsChange, &[])),
        (_, Event::Freeze | Event::Outdate) => refused("the certificate is not in force"),
        (_, Event::Unfreeze) => refused("the certificate is not suspended, or its end has come"),
        (Frozen, Event::Supersede(_)) => refused("the certificate is suspended"),
        (Valid | Expired, Event::Supersede(Successor::Renewal)) => Ok((Superseded, &[])),
        (NeedsChange, Event::Supersede(Successor::Renewal)) => {
            refused("what it says of its subject has changed; apply for a change")
        }
        (NeedsChange, Event::Supersede(Successor::Change)) => {
            Ok((Superseded, &[Effect::List(Reason::AffiliationChanged)]))
        }
        (Valid | Expired, Event::Supersede(Successor::Change)) => {
            refused("what it says of its subject has not changed, or its end has come")
        }
        (Valid | NeedsChange | Expired, Event::Supersede(Successor::Reissue)) => {
            Ok((Superseded, &[Effect::List(Reason::Superseded), Effect::RevokeKey]))
        }
    }
}

/// The effects of a revocation; `None` for what is no reason to end a certificate.
const fn revocation(reason: Reason) -> Option<&'static [Effect]> {
    use Effect::{List, RevokeKey};
    Some(match reason {
        Reason::Unspecified => &[List(Reason::Unspecified), RevokeKey],
        Reason::KeyCompromise => &[List(Reason::KeyCompromise), RevokeKey],
        Reason::CaCompromise => &[List(Reason::CaCompromise), RevokeKey],
        Reason::AffiliationChanged => &[List(Reason::AffiliationChanged), RevokeKey],
        Reason::Superseded => &[List(Reason::Superseded), RevokeKey],
        Reason::CessationOfOperation => &[List(Reason::CessationOfOperation), RevokeKey],
        Reason::PrivilegeWithdrawn => &[List(Reason::PrivilegeWithdrawn), RevokeKey],
        Reason::CertificateHold | Reason::RemoveFromCrl | Reason::AaCompromise => return None,
    })
}

/// A certificate as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Who issued it.
    pub authority: AuthorityId,
    /// Its number with that authority.
    pub serial: Serial,
    /// Which of a pair it is.
    pub role: Role,
    /// Where it stands.
    pub state: CertState,
    /// The subject's name, DER.
    pub subject: Vec<u8>,
    /// X || Y of the certified key.
    pub public_key: [u8; 64],
    /// Whose it is; `None` for what the operator issued to no device.
    pub device: Option<DeviceId>,
    /// The key id of that device with a share of the key.
    pub key_id: Option<KeyId>,
    /// The other one of the pair.
    pub pair: Option<Serial>,
    /// The one whose place it took.
    pub replaces: Option<Serial>,
    /// What it was applied for with.
    pub request: Option<RequestId>,
    /// First moment at which it is valid, unix milliseconds.
    pub not_before_ms: u64,
    /// Last one.
    pub not_after_ms: u64,
    /// When it was issued, unix milliseconds.
    pub issued_ms: u64,
    /// Since when and why it stands in the revocation lists.
    pub listed: Option<(u64, Reason)>,
    /// Version of the authority's status at which that changed last.
    pub status_version: u64,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Whether it ends within `days`.
    #[must_use]
    pub const fn is_expiring(&self, days: u64, now_ms: u64) -> bool {
        matches!(self.state, CertState::Valid)
            && now_ms.saturating_add(days.saturating_mul(86_400_000)) >= self.not_after_ms
    }
}

/// A change of a certificate that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who issued it.
    pub authority: AuthorityId,
    /// Which.
    pub serial: Serial,
    /// Where it must stand.
    pub from: CertState,
    /// Where it is to stand.
    pub to: CertState,
    /// What the lists say of it from now on, if that changes.
    pub listed: Option<Option<(u64, Reason)>>,
}
