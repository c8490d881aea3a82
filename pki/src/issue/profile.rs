//! What a certificate is for, and what stands in all certificates of a kind. Source: RFC 5280, 4.2; GB/T 20518.

use der::asn1::ObjectIdentifier;

use super::alt_name::uri;
use super::extensions;
use crate::algorithm::HashAlgorithm;
use crate::error::Error;
use crate::extension::{SubjectIdKind, Usage};
use crate::oid;

use super::order::KeyRole;

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileKind {
    /// A CA that nobody is above of.
    Root {
        /// How many CAs may stand below it in a path; `None`: any number.
        path_len: Option<u32>,
    },
    /// A CA below another.
    SubordinateCa {
        /// How many CAs may stand below it in a path; `None`: any number.
        path_len: Option<u32>,
    },
    /// A person.
    Personal,
    /// An organisation.
    Enterprise,
    /// Who makes electronic seals (制章人).
    SealMaker,
    /// A server of TLS, with the role of signing alone, or of TLCP, with both.
    TlsServer,
    /// A time-stamping authority.
    TimeStamping,
    /// Who answers about revocation for the issuer.
    OcspSigner,
}

impl ProfileKind {
    /// Whether certificates are issued with it.
    #[must_use]
    pub const fn is_ca(self) -> bool {
        matches!(self, Self::Root { .. } | Self::SubordinateCa { .. })
    }

    /// Whether its subjects have a certificate for encryption beside that for signatures.
    #[must_use]
    pub const fn has_encryption(self) -> bool {
        matches!(self, Self::Personal | Self::Enterprise | Self::SealMaker | Self::TlsServer)
    }

    pub(super) const fn path_len(self) -> Option<u32> {
        match self {
            Self::Root { path_len } | Self::SubordinateCa { path_len } => path_len,
            _ => None,
        }
    }

    /// Key purposes, and whether they are critical.
    pub(super) const fn purpose(self) -> Option<(ObjectIdentifier, bool)> {
        match self {
            Self::TlsServer => Some((oid::SERVER_AUTH, false)),
            Self::TimeStamping => Some((oid::TIME_STAMPING, true)),
            Self::OcspSigner => Some((oid::OCSP_SIGNING, false)),
            _ => None,
        }
    }

    pub(super) const fn usages(self, role: KeyRole) -> &'static [Usage] {
        match (self, role) {
            (Self::Root { .. } | Self::SubordinateCa { .. }, _) => &[Usage::KeyCertSign, Usage::CrlSign],
            (_, KeyRole::Signing) => &[Usage::DigitalSignature, Usage::NonRepudiation],
            (_, KeyRole::Encryption) => {
                &[Usage::KeyEncipherment, Usage::DataEncipherment, Usage::KeyAgreement]
            }
        }
    }

    /// Whether a subject of it may have an identifier of a kind.
    pub(super) const fn takes(self, kind: SubjectIdKind) -> bool {
        let of_person = matches!(
            kind,
            SubjectIdKind::ResidentId
                | SubjectIdKind::MilitaryId
                | SubjectIdKind::Passport
                | SubjectIdKind::SocialInsurance
        );
        match self {
            Self::Personal => of_person,
            Self::Enterprise | Self::TlsServer => !of_person,
            Self::SealMaker => true,
            _ => false,
        }
    }
}

/// How subjectKeyIdentifier is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyIdMethod {
    /// SHA-1 of the key's octets, 20 bytes. Source: RFC 5280, 4.2.1.2, method 1.
    #[default]
    Sha1,
    /// SM3 of the key's octets, 32 bytes, as GmSSL does it.
    Sm3,
}

impl KeyIdMethod {
    pub(super) fn of(self, key_octets: &[u8]) -> Vec<u8> {
        let hash = match self {
            Self::Sha1 => HashAlgorithm::Sha1,
            Self::Sm3 => HashAlgorithm::Sm3,
        };
        hash.digest(key_octets)
    }
}

/// What certificates of a kind have in common.
#[derive(Clone, Debug)]
pub struct Profile {
    kind: ProfileKind,
    key_id: KeyIdMethod,
    policies: Vec<ObjectIdentifier>,
    policy_bodies: Vec<u8>,
    crl_points: Vec<u8>,
    freshest: Vec<u8>,
    access: Vec<u8>,
}

impl Profile {
    /// Of a kind, without policies and places.
    #[must_use]
    pub const fn new(kind: ProfileKind) -> Self {
        Self {
            kind,
            key_id: KeyIdMethod::Sha1,
            policies: Vec::new(),
            policy_bodies: Vec::new(),
            crl_points: Vec::new(),
            freshest: Vec::new(),
            access: Vec::new(),
        }
    }

    /// Computes subjectKeyIdentifier otherwise than with SHA-1.
    #[must_use]
    pub const fn with_key_id(mut self, method: KeyIdMethod) -> Self {
        self.key_id = method;
        self
    }

    /// Adds a policy, with the place of its practice statement if there is one.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a policy that is there, a place that is no URI.
    pub fn with_policy(mut self, policy: ObjectIdentifier, statement: Option<&str>) -> Result<Self, Error> {
        if self.policies.contains(&policy) {
            return Err(Error::Unusable("a certificate policy stands twice"));
        }
        self.policies.push(policy);
        self.policy_bodies.extend(extensions::policy(policy, statement)?);
        Ok(self)
    }

    /// Adds a place of the revocation list.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no URI.
    pub fn with_crl(mut self, place: &str) -> Result<Self, Error> {
        self.crl_points.extend(extensions::distribution_point(&uri(place)?));
        Ok(self)
    }

    /// Adds a place of the delta revocation list.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no URI.
    pub fn with_freshest_crl(mut self, place: &str) -> Result<Self, Error> {
        self.freshest.extend(extensions::distribution_point(&uri(place)?));
        Ok(self)
    }

    /// Adds a place where OCSP is answered.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no URI.
    pub fn with_ocsp(mut self, place: &str) -> Result<Self, Error> {
        self.access.extend(extensions::access(oid::ACCESS_OCSP, &uri(place)?));
        Ok(self)
    }

    /// Adds a place of the issuer's certificate.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no URI.
    pub fn with_ca_issuers(mut self, place: &str) -> Result<Self, Error> {
        self.access.extend(extensions::access(oid::ACCESS_CA_ISSUERS, &uri(place)?));
        Ok(self)
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ProfileKind {
        self.kind
    }

    pub(super) const fn key_id(&self) -> KeyIdMethod {
        self.key_id
    }

    /// The extensions that are the same in all certificates of the profile, one after another.
    pub(super) fn places(&self) -> Vec<u8> {
        let lists = [
            (oid::CERTIFICATE_POLICIES, &self.policy_bodies),
            (oid::CRL_POINTS, &self.crl_points),
            (oid::FRESHEST_CRL, &self.freshest),
            (oid::AUTHORITY_INFO_ACCESS, &self.access),
        ];
        let written = lists.iter().filter(|(_, body)| !body.is_empty());
        written.flat_map(|(id, body)| extensions::list(*id, body)).collect()
    }
}
