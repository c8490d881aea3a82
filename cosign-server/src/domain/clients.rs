//! Clients of the API: programs of trading platforms. They sign their requests and have no device.

mod bucket;
pub mod ports;
mod url;

use std::{collections::BTreeSet, fmt, str::FromStr};

use cosign_core::{
    DeviceId,
    sm_primitives::{sm2::PublicKey, sm3::Sm3},
};

pub use self::{bucket::Buckets, url::WebhookUrl};
use super::{Error, ca::AuthorityId, device::Name};

/// Most requests a minute that a client can be allowed.
pub const MAX_RATE: u32 = 60_000;
/// Requests a minute of a client for which nothing is said.
pub const DEFAULT_RATE: u32 = 600;
/// Most authorities that a client can be held to.
pub const MAX_AUTHORITIES: usize = 32;

/// Names a client: 16 random bytes, so that no two servers know one client by the same name, and a request that is signed for
/// one of them is of no use at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId([u8; 16]);

impl ClientId {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Who it is where a device is expected: in what is remembered of named requests.
    #[must_use]
    pub fn owner(&self) -> DeviceId {
        DeviceId::from_bytes(Sm3::new().chain(b"cosign API client").chain(&self.0).finalize())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for ClientId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        let small = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if small => Ok(Self(bytes)),
            _ => Err(Error::BadRequest("a client id has 32 hexadecimal digits, small ones")),
        }
    }
}

/// One thing that a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read certificates.
    CertificatesRead,
    /// Read events, and be told of them.
    EventsRead,
    /// Set its webhook, try it, see and repeat deliveries.
    WebhooksWrite,
    /// Ask users by codes that they scan, and verify signatures.
    ScansWrite,
    /// File tasks to be signed.
    TasksWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::CertificatesRead, Self::EventsRead, Self::WebhooksWrite, Self::ScansWrite, Self::TasksWrite];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CertificatesRead => "certificates:read",
            Self::EventsRead => "events:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::ScansWrite => "scans:write",
            Self::TasksWrite => "tasks:write",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// Whether a client is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// Not now; no event waits for it meanwhile.
    Suspended,
    /// Never again.
    Closed,
}

impl State {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Closed].into_iter().find(|state| state.as_str() == name)
    }

    /// The state after the operator wants another one. What is closed stays closed.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn change(self, to: Self) -> Result<Self, Error> {
        match (self, to) {
            (Self::Closed, Self::Active | Self::Suspended) => {
                Err(Error::Conflict("the client is closed; add another one"))
            }
            _ => Ok(to),
        }
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClient {
    /// Its id, the key id of its signatures.
    pub id: ClientId,
    /// What people call it.
    pub name: Name,
    /// What its signatures are verified with.
    pub public_key: PublicKey,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Requests a minute, 1..=[`MAX_RATE`].
    pub rate: u32,
    /// Where events are sent to.
    pub webhook: Option<WebhookUrl>,
    /// The authorities that it sees anything of; `None`: all of them, and devices and keys too.
    pub authorities: Option<BTreeSet<AuthorityId>>,
    /// Whether it is served.
    pub state: State,
    /// Since when, unix milliseconds.
    pub created_ms: u64,
    /// Grows with every change.
    pub version: i64,
}

impl ApiClient {
    /// Whether it can be.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn check(&self) -> Result<(), Error> {
        if self.rate == 0 || self.rate > MAX_RATE {
            return Err(Error::BadRequest("a client has 1 to 60000 requests a minute"));
        }
        if self.authorities.as_ref().is_some_and(|some| some.is_empty() || some.len() > MAX_AUTHORITIES) {
            return Err(Error::BadRequest("a client is held to 1 to 32 authorities, or to none"));
        }
        Ok(())
    }

    /// Whether it is served now.
    ///
    /// # Errors
    /// [`Error::ClientSuspended`].
    pub fn served(&self) -> Result<(), Error> {
        if self.state == State::Active { Ok(()) } else { Err(Error::ClientSuspended) }
    }

    /// Whether it may do this.
    ///
    /// # Errors
    /// [`Error::ScopeMissing`].
    pub fn may(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::ScopeMissing(scope.as_str())) }
    }

    /// Whether it may see what this authority does.
    #[must_use]
    pub fn sees(&self, authority: &AuthorityId) -> bool {
        self.authorities.as_ref().is_none_or(|some| some.contains(authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_shown_only() {
        let id = ClientId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &"zz".repeat(16)] {
            assert!(text.parse::<ClientId>().is_err(), "{text}");
        }
        assert_ne!(id.owner(), ClientId::from_bytes([0xac; 16]).owner());
    }

    #[test]
    fn what_is_closed_stays_closed() {
        use State::{Active, Closed, Suspended};
        for from in [Active, Suspended, Closed] {
            for to in [Active, Suspended, Closed] {
                let allowed = from != Closed || to == Closed;
                assert_eq!(from.change(to).is_ok(), allowed, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn names_are_read_again() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::from_name("events:write"), None);
    }
}
