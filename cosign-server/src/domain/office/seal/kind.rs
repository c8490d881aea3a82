//! Kinds of seals, and whose certificate they are bound to.

use super::{Order, Seal, SealState};
use crate::domain::{
    Error,
    office::{
        Id,
        authority::Belongs,
        entity::states,
        holding::{Holder, Holding},
    },
};

states! {
    /// What kind of seal.
    SealKind {
        /// 企业公章.
        Company = "company",
        /// 法人签名: the signature of the legal representative.
        LegalSignature = "legal-signature",
        /// 法人私章: the seal of the legal representative.
        LegalSeal = "legal-seal",
        /// 财务专用章.
        Finance = "finance",
        /// 合同专用章.
        Contract = "contract",
        /// 发票专用章.
        Invoice = "invoice",
        /// 自定义签名.
        CustomSignature = "custom-signature",
        /// 个人名章.
        PersonalSeal = "personal-seal",
        /// 个人签名.
        PersonalSignature = "personal-signature",
    }
}

states! {
    /// The colour of ink.
    InkColour {
        /// Black.
        Black = "black",
        /// Blue.
        Blue = "blue",
        /// Red, as seals are.
        Red = "red",
    }
}

impl SealKind {
    /// Whether it is a person's.
    #[must_use]
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::PersonalSeal | Self::PersonalSignature)
    }

    /// Whether it is the organisation's own, which somebody looks after.
    #[must_use]
    pub const fn is_of_organisation(self) -> bool {
        matches!(self, Self::Company | Self::Finance | Self::Contract | Self::Invoice)
    }

    /// Whether it shows the name of the legal representative.
    #[must_use]
    pub const fn is_of_legal(self) -> bool {
        matches!(self, Self::LegalSeal | Self::LegalSignature)
    }

    /// Whether it shows handwriting.
    #[must_use]
    pub const fn is_signature(self) -> bool {
        matches!(self, Self::LegalSignature | Self::CustomSignature | Self::PersonalSignature)
    }

    /// Sides in tenths of a millimetre.
    #[must_use]
    pub const fn size(self) -> (u32, u32) {
        match self {
            Self::Company | Self::Finance | Self::Contract => (420, 420),
            Self::Invoice => (400, 300),
            Self::LegalSeal | Self::PersonalSeal => (200, 200),
            Self::LegalSignature | Self::CustomSignature | Self::PersonalSignature => (400, 200),
        }
    }
}

/// Who has a certificate in force, for which seals may be made. Only that makes one.
#[derive(Clone, Copy, Debug)]
pub struct Bearer {
    pub(super) holding: Id,
    pub(super) holder: Holder,
    pub(super) account: Id,
}

impl Bearer {
    /// Of a certificate in force.
    ///
    /// # Errors
    /// [`Error::Conflict`] for one that is not.
    pub fn of(id: Id, holding: &Holding, account: Id, now_ms: u64) -> Result<Self, Error> {
        holding.is_in_force(now_ms)?;
        Ok(Self { holding: id, holder: holding.holder, account })
    }
}

pub(super) fn make(order: &Order) -> Result<Seal, Error> {
    let Order { bearer, kind, name, face, manager, is_applied_for } = order;
    if kind.is_personal() != matches!(bearer.holder, Holder::Person(_)) {
        return Err(Error::BadRequest("this kind of seal is not of this kind of holder"));
    }
    if kind.is_of_organisation() && manager.is_none() {
        return Err(Error::BadRequest("a seal of an organisation has a member who looks after it"));
    }
    if manager.is_some_and(|manager| Holder::Enterprise(manager.enterprise()) != bearer.holder) {
        return Err(Error::NotFound);
    }
    let state = if *is_applied_for {
        SealState::Applied
    } else if face.source.is_reviewed() {
        SealState::Review
    } else {
        SealState::Valid
    };
    Ok(Seal {
        state,
        holder: bearer.holder,
        account: bearer.account,
        holding: bearer.holding,
        kind: *kind,
        name: Some(name.clone()),
        face: face.clone(),
        version: 1,
        data: None,
        manager: manager.map(Belongs::account),
        next: None,
        opinion: None,
        is_used: false,
    })
}
