//! Operators: enrolled devices with roles, and what two of them decide together.
//!
//! An operator is one person with one device; the device's id names it. Roles are granted and withdrawn on the command line
//! of the server only. What an operator may do is a type, [`Acting`]: only services make its values, for each request anew.
//!
//! **Invariant:** an operator has one name for ever and shares it with no other who has a role, so who is told apart by name
//! is told apart as a person. **Invariant:** the state of a proposal changes by [`transition`] only.

pub mod ports;
mod proposal;

use std::marker::PhantomData;

use super::{
    Error,
    device::{Device, Name},
};
use cosign_core::DeviceId;

pub use proposal::{
    Decided, KeyAct, MAX_OPEN, MAX_REASON, Person, Proposal, ProposalId, State, Step, TTL_MS, transition,
};

/// What an operator is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Keys, enrolment codes, devices.
    Administrator = 1,
    /// Requests for certificates.
    Reviewer = 2,
    /// Sees everything and changes nothing.
    Auditor = 4,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::Reviewer, Self::Auditor];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// The roles of one operator. An auditor has no other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// No role: an operator who was withdrawn.
    pub const NONE: Self = Self(0);

    /// From the sum of its roles; `None` for one that must not be.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits <= Role::Auditor as u8 { Some(Self(bits)) } else { None }
    }

    /// The sum of its roles.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether a role is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role as u8 != 0
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// With one more.
    ///
    /// # Errors
    /// [`Error::Conflict`] when an auditor would have another role.
    pub fn with(self, role: Role) -> Result<Self, Error> {
        Self::from_bits(self.0 | role as u8).ok_or(Error::Conflict(
            "an auditor has no other role: who changes things is not who looks after them",
        ))
    }

    /// Without one.
    #[must_use]
    pub const fn without(self, role: Role) -> Self {
        Self(self.0 & !(role as u8))
    }
}

/// An operator as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The device, which names the operator.
    pub id: DeviceId,
    /// What people call the operator.
    pub name: Name,
    /// What for; none when withdrawn.
    pub roles: Roles,
    /// When the first role was granted, unix milliseconds.
    pub granted_ms: u64,
}

/// What an act demands of the operator.
pub trait Right: Send + Sync + 'static {
    /// Any of these roles.
    const ROLES: &'static [Role];
    /// What is said without one.
    const MISSING: &'static str;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident: [$($role:ident),+], $missing:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Right for $name {
            const ROLES: &'static [Role] = &[$(Role::$role),+];
            const MISSING: &'static str = $missing;
        }
    )+};
}

rights! {
    /// Is an administrator.
    Administrator: [Administrator], "this takes the role administrator; `cosign-server operator grant` gives it";
    /// Is a reviewer.
    Reviewer: [Reviewer], "this takes the role reviewer; `cosign-server operator grant` gives it";
    /// Is an auditor.
    Auditor: [Auditor], "this takes the role auditor; `cosign-server operator grant` gives it";
    /// May see keys, devices and proposals.
    SeesKeys: [Administrator, Auditor],
        "this takes the role administrator or auditor; `cosign-server operator grant` gives it";
    /// May see requests for certificates.
    SeesRequests: [Reviewer, Auditor],
        "this takes the role reviewer or auditor; `cosign-server operator grant` gives it";
    /// Answers users.
    Agent: [Administrator, Reviewer],
        "this takes the role administrator or reviewer; `cosign-server operator grant` gives it";
    /// Has any role.
    Anyone: [Administrator, Reviewer, Auditor],
        "this device is no operator; `cosign-server operator grant` makes it one";
}

/// An operator who had the right when the request came.
#[derive(Debug)]
pub struct Acting<R> {
    operator: Operator,
    device: Device,
    right: PhantomData<fn() -> R>,
}

impl<R: Right> Acting<R> {
    /// The one place that decides whether an operator has a right.
    ///
    /// # Errors
    /// [`Error::RoleMissing`].
    pub(in crate::domain) fn judge(device: Device, operator: Option<Operator>) -> Result<Self, Error> {
        let operator = operator.filter(|operator| {
            operator.id == device.id && R::ROLES.iter().any(|role| operator.roles.has(*role))
        });
        operator
            .map(|operator| Self { operator, device, right: PhantomData })
            .ok_or(Error::RoleMissing(R::MISSING))
    }

    /// Who.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// With which device.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.to_owned().try_into().unwrap()
    }

    fn device(id: u8) -> Device {
        Device { id: DeviceId::from_bytes([id; 32]), name: name("phone"), enrolled_ms: 1 }
    }

    fn operator(id: u8, bits: u8) -> Operator {
        let roles = Roles::from_bits(bits).unwrap();
        Operator { id: DeviceId::from_bytes([id; 32]), name: name("one"), roles, granted_ms: 1 }
    }

    #[test]
    fn an_auditor_is_nothing_else() {
        let auditor = Roles::NONE.with(Role::Auditor).unwrap();
        let both = Roles::NONE.with(Role::Administrator).unwrap().with(Role::Reviewer).unwrap();
        assert_eq!(both.iter().collect::<Vec<_>>(), [Role::Administrator, Role::Reviewer]);
        for role in [Role::Administrator, Role::Reviewer] {
            assert!(auditor.with(role).is_err(), "{role:?}");
        }
        assert!(both.with(Role::Auditor).is_err());
        assert_eq!(auditor.with(Role::Auditor), Ok(auditor));
        assert_eq!(both.without(Role::Reviewer).without(Role::Administrator), Roles::NONE);
        for bits in 0..=u8::MAX {
            let roles = Roles::from_bits(bits);
            assert_eq!(roles.is_some(), bits < 5, "{bits}");
        }
    }

    #[test]
    fn a_right_is_one_of_its_roles_of_the_same_device() {
        fn has<R: Right>() -> [bool; 5] {
            [0, 1, 2, 3, 4].map(|bits| Acting::<R>::judge(device(1), Some(operator(1, bits))).is_ok())
        }
        assert_eq!(has::<Administrator>(), [false, true, false, true, false]);
        assert_eq!(has::<Reviewer>(), [false, false, true, true, false]);
        assert_eq!(has::<Auditor>(), [false, false, false, false, true]);
        assert_eq!(has::<SeesKeys>(), [false, true, false, true, true]);
        assert_eq!(has::<SeesRequests>(), [false, false, true, true, true]);
        assert_eq!(has::<Anyone>(), [false, true, true, true, true]);
        assert!(Acting::<Anyone>::judge(device(1), None).is_err());
        let other = Acting::<Anyone>::judge(device(1), Some(operator(2, 1))).unwrap_err();
        assert_eq!(other.code(), "role_missing");
    }
}
