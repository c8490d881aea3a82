//! What somebody may do in an enterprise. Values of these types are made only by the judgement that they stand for, and
//! services have them judged inside the plan, so they hold when it is committed.

use super::{
    Entity as _, Id,
    enterprise::{Enterprise, EnterpriseState, Legal},
    membership::{Membership, MembershipState},
    person::VerifiedPerson,
};
use crate::domain::{
    Error,
    operators::{Acting, Right},
};

/// An active member of an enterprise.
#[derive(Clone, Copy, Debug)]
pub struct Belongs {
    account: Id,
    enterprise: Id,
}

/// An administrator of an enterprise.
#[derive(Clone, Copy, Debug)]
pub struct Administers {
    account: Id,
    enterprise: Id,
}

/// The legal representative of an enterprise, or of what is to become one.
#[derive(Clone, Copy, Debug)]
pub struct Represents {
    account: Id,
    place: Id,
}

/// An operator who reviews.
#[derive(Clone, Copy, Debug)]
pub struct Reviews {
    operator: Id,
}

macro_rules! of_enterprise {
    ($($name:ident . $place:ident),+) => {$(
        impl $name {
            /// Whose account.
            #[must_use]
            pub const fn account(self) -> Id {
                self.account
            }

            /// Of which enterprise.
            #[must_use]
            pub const fn enterprise(self) -> Id {
                self.$place
            }
        }
    )+};
}

of_enterprise!(Belongs.enterprise, Administers.enterprise, Represents.place);

impl Belongs {
    /// Judges it.
    ///
    /// # Errors
    /// [`Error::NotFound`]: others know nothing of it.
    pub fn judge(membership: &Membership) -> Result<Self, Error> {
        if membership.state() != MembershipState::Active {
            return Err(Error::NotFound);
        }
        Ok(Self { account: membership.account, enterprise: membership.enterprise })
    }
}

impl Administers {
    /// Judges it.
    ///
    /// # Errors
    /// [`Error::RoleMissing`]; [`Error::NotFound`] when the enterprise is not active.
    pub fn judge(belongs: Belongs, enterprise: &Enterprise) -> Result<Self, Error> {
        let Belongs { account, enterprise: id } = belongs;
        if enterprise.state() != EnterpriseState::Active || id != enterprise.id() {
            return Err(Error::NotFound);
        }
        if !enterprise.administrators.contains(&account) {
            return Err(Error::RoleMissing("this takes an administrator of the enterprise"));
        }
        Ok(Self { account, enterprise: id })
    }
}

impl Represents {
    /// Judges it: it is the person whom the register names.
    ///
    /// # Errors
    /// [`Error::RoleMissing`].
    pub fn judge(person: &VerifiedPerson, legal: Option<&Legal>, place: Id) -> Result<Self, Error> {
        if legal.is_none_or(|legal| legal.number_name != person.claim().number_name) {
            return Err(Error::RoleMissing("this takes the legal representative of the enterprise"));
        }
        Ok(Self { account: person.account(), place })
    }
}

impl Reviews {
    /// The operator, as the log of operations names them: by the first half of the device's id.
    #[must_use]
    pub fn judge<R: Right>(by: &Acting<R>) -> Option<Self> {
        by.device().id.as_bytes().first_chunk().map(|id| Self { operator: Id::from_bytes(*id) })
    }

    #[cfg(test)]
    pub(super) const fn test(operator: Id) -> Self {
        Self { operator }
    }
}

#[cfg(test)]
impl Belongs {
    pub(super) const fn test(account: Id, enterprise: Id) -> Self {
        Self { account, enterprise }
    }
}

#[cfg(test)]
impl Administers {
    pub(super) const fn test(account: Id, enterprise: Id) -> Self {
        Self { account, enterprise }
    }
}

#[cfg(test)]
impl Represents {
    pub(super) const fn test(account: Id, place: Id) -> Self {
        Self { account, place }
    }
}

/// By what right somebody decides.
#[derive(Clone, Copy, Debug)]
pub enum Authority {
    /// As an administrator.
    Administers(Administers),
    /// As the legal representative.
    Represents(Represents),
    /// As an operator.
    Reviews(Reviews),
}

impl Authority {
    /// Who.
    #[must_use]
    pub const fn who(self) -> Id {
        match self {
            Self::Administers(by) => by.account,
            Self::Represents(by) => by.account,
            Self::Reviews(by) => by.operator,
        }
    }

    /// Whether it is of this enterprise, or of an operator, whose right is everywhere.
    #[must_use]
    pub fn reaches(self, place: Id) -> bool {
        match self {
            Self::Administers(by) => by.enterprise == place,
            Self::Represents(by) => by.place == place,
            Self::Reviews(_) => true,
        }
    }
}
