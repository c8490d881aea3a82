//! What is to be certified.

use sm_primitives::sm2::PublicKey;

use super::{Identifier, Profile, ProfileKind, SerialNumber};
use crate::certificate::Validity;
use crate::error::Error;
use crate::extension::GeneralName;
use crate::name::Name;

/// What the key of an end entity is for. CAs and services only sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyRole {
    /// digitalSignature and nonRepudiation; of a CA keyCertSign and cRLSign.
    #[default]
    Signing,
    /// keyEncipherment, dataEncipherment and keyAgreement.
    Encryption,
}

/// Who is certified.
#[derive(Clone, Debug)]
pub struct Subject {
    name: Name,
    ids: Vec<Identifier>,
    alt_names: Vec<GeneralName>,
}

impl Subject {
    /// By a name.
    #[must_use]
    pub const fn new(name: Name) -> Self {
        Self { name, ids: Vec::new(), alt_names: Vec::new() }
    }

    /// Adds an identifier of GM/T 0015.
    #[must_use]
    pub fn with_id(mut self, id: Identifier) -> Self {
        self.ids.push(id);
        self
    }

    /// Adds a name to subjectAltName.
    #[must_use]
    pub fn with_alt_name(mut self, name: GeneralName) -> Self {
        self.alt_names.push(name);
        self
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    pub(super) fn ids(&self) -> &[Identifier] {
        &self.ids
    }

    pub(super) fn alt_names(&self) -> &[GeneralName] {
        &self.alt_names
    }
}

/// One certificate that is to be issued.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    pub(super) profile: &'a Profile,
    pub(super) subject: &'a Subject,
    pub(super) key: PublicKey,
    pub(super) serial: SerialNumber,
    pub(super) validity: Validity,
    pub(super) role: KeyRole,
}

impl<'a> Order<'a> {
    /// A certificate for signatures.
    #[must_use]
    pub const fn new(
        profile: &'a Profile,
        subject: &'a Subject,
        key: PublicKey,
        serial: SerialNumber,
        validity: Validity,
    ) -> Self {
        Self { profile, subject, key, serial, validity, role: KeyRole::Signing }
    }

    /// For the key's role.
    #[must_use]
    pub const fn with_role(mut self, role: KeyRole) -> Self {
        self.role = role;
        self
    }

    /// What is wrong with it whoever issues.
    pub(super) fn check(&self) -> Result<(), Error> {
        let kind = self.profile.kind();
        if self.subject.name.is_empty() {
            return Err(Error::Unusable("a certificate without a subject"));
        }
        if self.role == KeyRole::Encryption && !kind.has_encryption() {
            return Err(Error::Unusable("an encryption certificate of a subject that only signs"));
        }
        if self.validity.not_before > self.validity.not_after {
            return Err(Error::Unusable("a certificate that ends before it begins"));
        }
        if kind == ProfileKind::TlsServer
            && !self
                .subject
                .alt_names
                .iter()
                .any(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)))
        {
            return Err(Error::Unusable("a server without the name or address of a host"));
        }
        let mut seen = Vec::new();
        for identifier in &self.subject.ids {
            if !kind.takes(identifier.kind()) {
                return Err(Error::Unusable("identifier of a subject: the profile does not have its kind"));
            }
            if seen.contains(&identifier.id()) {
                return Err(Error::Unusable("identifier of a subject: an extension would stand twice"));
            }
            seen.push(identifier.id());
        }
        Ok(())
    }
}
