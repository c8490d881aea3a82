//! Requests: what is applied for, and the one function that moves it on.
//!
//! | from | event | to | beside it |
//! |---|---|---|---|
//! | draft, returned | submit | review, nobody has passed it | |
//! | review | pass by the first of two | review, one has passed it | |
//! | review | pass by the last, another person | approved | |
//! | the same, to revoke | pass by the last, another person | closed | the certificate is revoked |
//! | review | return with an opinion | returned | |
//! | approved | install | closed | certificates are issued; the one in whose place they come is superseded |
//! | all but closed | withdraw by its applicant | closed | |
//!
//! Nothing leads out of `closed`. The states in which an applicant authorises, pays or uploads come in front of `submit`
//! with a layer of orders, which moves a request from draft itself.

use cosign_core::DeviceId;
use serde::{Deserialize, Serialize};

use super::{
    authority::AuthorityId,
    certificate::{Reason, Serial, Successor},
};
use crate::domain::{Error, device::Name};

/// Longest opinion in bytes.
const MAX_OPINION: usize = 1500;

/// Names a request: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
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
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for RequestId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id)
            .map_err(|_| Error::BadRequest("a request is named by 32 hexadecimal digits"))?;
        Ok(Self(id))
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A first certificate.
    New,
    /// One in the place of another.
    Replace(Serial, Successor),
    /// The end of one.
    Revoke(Serial, Reason),
}

impl Kind {
    /// A stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Replace(_, Successor::Renewal) => "renew",
            Self::Replace(_, Successor::Change) => "change",
            Self::Replace(_, Successor::Reissue) => "reissue",
            Self::Revoke(..) => "revoke",
        }
    }

    /// From its name, the certificate that it is about, and the reason of a revocation.
    #[must_use]
    pub fn from_parts(name: &str, target: Option<Serial>, reason: Option<Reason>) -> Option<Self> {
        match (name, target) {
            ("new", None) => Some(Self::New),
            ("renew", Some(target)) => Some(Self::Replace(target, Successor::Renewal)),
            ("change", Some(target)) => Some(Self::Replace(target, Successor::Change)),
            ("reissue", Some(target)) => Some(Self::Replace(target, Successor::Reissue)),
            ("revoke", Some(target)) => Some(Self::Revoke(target, reason.unwrap_or(Reason::Unspecified))),
            _ => None,
        }
    }

    /// The certificate that it is about.
    #[must_use]
    pub const fn target(&self) -> Option<&Serial> {
        match self {
            Self::New => None,
            Self::Replace(serial, _) | Self::Revoke(serial, _) => Some(serial),
        }
    }
}

/// What kind of subject is certified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A person.
    #[default]
    Personal,
    /// An organisation.
    Enterprise,
    /// Who makes electronic seals.
    SealMaker,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Personal, Self::Enterprise, Self::SealMaker];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Enterprise => "enterprise",
            Self::SealMaker => "seal-maker",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestState {
    /// Not submitted.
    Draft,
    /// Waits for a reviewer.
    Review,
    /// Sent back with an opinion.
    Returned,
    /// May be installed.
    Approved,
    /// Over.
    Closed,
}

impl RequestState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Review, Self::Returned, Self::Approved, Self::Closed];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Review => "review",
            Self::Returned => "returned",
            Self::Approved => "approved",
            Self::Closed => "closed",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Who reviews.
pub type Reviewer = Name;

/// What a reviewer decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub reviewer: Reviewer,
    /// Whether it passed.
    pub passed: bool,
    /// Why; not empty unless it passed. At most 1500 bytes.
    pub opinion: String,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The applicant hands it in, again if it was returned.
    Submit,
    /// A reviewer decides.
    Decide(Decision),
    /// The applicant installs the certificates.
    Install,
    /// The applicant does not want it any more.
    Withdraw,
}

/// What has to happen together with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEffect {
    /// Certificates are issued, in the place of another if it says so.
    Issue(Option<(Serial, Successor)>),
    /// A certificate is revoked.
    Revoke(Serial, Reason),
}

/// A request as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// At which authority.
    pub authority: AuthorityId,
    /// What is wanted.
    pub kind: Kind,
    /// Whose; `None` for the operator's own.
    pub device: Option<DeviceId>,
    /// The certification request, DER; empty for a revocation.
    pub csr: Vec<u8>,
    /// What kind of subject it is.
    pub profile: Profile,
    /// Whether a certificate for decryption is wanted too, whose key the key centre makes.
    pub dual: bool,
    /// Where it stands.
    pub state: RequestState,
    /// What reviewers decided since it was submitted last, in order.
    pub decisions: Vec<Decision>,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// Grows with every change.
    pub version: i64,
}

/// The request after an event, and what belongs to it: the one place that decides it. `reviewers`: how many must pass it, 1
/// or 2.
///
/// # Errors
/// [`Error::Conflict`] when its state does not allow the event or the reviewer has passed it before,
/// [`Error::BadRequest`] for a return without an opinion, or one that is too long.
pub fn transition(
    request: &Request,
    event: &Event,
    reviewers: u8,
) -> Result<(Request, Option<RequestEffect>), Error> {
    use RequestState::{Approved, Closed, Draft, Returned, Review};
    let moved = |state, decisions| Request { state, decisions, ..request.clone() };
    let kept = || request.decisions.clone();
    match (request.state, event) {
        (Closed, _) => Err(Error::Conflict("the request is closed")),
        (Draft | Returned, Event::Submit) => Ok((moved(Review, Vec::new()), None)),
        (Review, Event::Decide(decision)) => {
            if decision.opinion.len() > MAX_OPINION {
                return Err(Error::BadRequest("an opinion has at most 1500 bytes"));
            }
            let mut decisions = kept();
            if decisions.iter().any(|before| before.reviewer == decision.reviewer) {
                return Err(Error::Conflict("this reviewer has decided already; it takes another person"));
            }
            decisions.push(decision.clone());
            if !decision.passed {
                if decision.opinion.trim().is_empty() {
                    return Err(Error::BadRequest("a request is returned with an opinion"));
                }
                return Ok((moved(Returned, decisions), None));
            }
            if decisions.len() < usize::from(reviewers) {
                return Ok((moved(Review, decisions), None));
            }
            match &request.kind {
                Kind::Revoke(serial, reason) => {
                    let effect = RequestEffect::Revoke(serial.clone(), *reason);
                    Ok((moved(Closed, decisions), Some(effect)))
                }
                Kind::New | Kind::Replace(..) => Ok((moved(Approved, decisions), None)),
            }
        }
        (Approved, Event::Install) => {
            let replaced = match &request.kind {
                Kind::Replace(serial, how) => Some((serial.clone(), *how)),
                Kind::New | Kind::Revoke(..) => None,
            };
            Ok((moved(Closed, kept()), Some(RequestEffect::Issue(replaced))))
        }
        (_, Event::Withdraw) => Ok((moved(Closed, kept()), None)),
        (_, Event::Submit) => Err(Error::Conflict("the request was submitted before")),
        (_, Event::Decide(_)) => Err(Error::Conflict("the request does not wait for a review")),
        (_, Event::Install) => Err(Error::Conflict("the request is not approved")),
    }
}
