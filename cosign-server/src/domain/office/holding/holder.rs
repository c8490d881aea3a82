//! Whose certificates and seals are, and where they are good.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Error,
    ca::Profile,
    office::{Id, authority::Authority, person::VerifiedPerson},
};

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A person, by the account.
    Person(Id),
    /// An enterprise.
    Enterprise(Id),
}

impl Holder {
    /// Which.
    #[must_use]
    pub const fn id(self) -> Id {
        match self {
            Self::Person(id) | Self::Enterprise(id) => id,
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Enterprise(_) => "enterprise",
        }
    }

    /// What its certificates are.
    #[must_use]
    pub const fn profile(self) -> Profile {
        match self {
            Self::Person(_) => Profile::Personal,
            Self::Enterprise(_) => Profile::Enterprise,
        }
    }
}

/// Who may act for a holder. Only a proof makes one.
#[derive(Clone, Copy, Debug)]
pub struct Acting {
    account: Id,
    holder: Holder,
}

impl Acting {
    /// The account.
    #[must_use]
    pub const fn account(&self) -> Id {
        self.account
    }

    /// For whom.
    #[must_use]
    pub const fn holder(&self) -> Holder {
        self.holder
    }
}

impl Acting {
    /// A person acts for themselves, and whoever manages an enterprise for that.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's.
    pub fn judge(holder: Holder, account: Id, by: Option<Authority>) -> Result<Self, Error> {
        let may = match (holder, by) {
            (Holder::Person(owner), _) => owner == account,
            (Holder::Enterprise(_), None | Some(Authority::Reviews(_))) => false,
            (Holder::Enterprise(place), Some(by)) => by.who() == account && by.reaches(place),
        };
        if may { Ok(Self { account, holder }) } else { Err(Error::NotFound) }
    }
}

impl From<&VerifiedPerson> for Acting {
    fn from(person: &VerifiedPerson) -> Self {
        Self { account: person.account(), holder: Holder::Person(person.account()) }
    }
}

/// Where a certificate is good: on one platform, or on all under national mutual recognition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform(String);

impl Platform {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Platform {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(known) {
            return Err(Error::BadRequest("a platform is named by 1 to 32 letters, digits and hyphens"));
        }
        Ok(Self(text))
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.0
    }
}
