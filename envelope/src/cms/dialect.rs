//! What a message is written for.

use alloc::vec::Vec;

use super::oid;
use crate::der::{NULL, OID, SEQUENCE, element};

/// Whose form a message has. All of them hold the same; they differ in what other tools insist on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// By the book: identifiers of GM/T 0010, algorithms without parameters, signed attributes.
    #[default]
    Standard,
    /// CFCA SADK and gmsm: NULL parameters, no signed attributes, the bare SM4 identifier for SM4-CBC.
    Cfca,
    /// GmSSL 3: signatures of SM3(encoded ContentInfo) **without Z**, which only GmSSL verifies, and identifiers as it
    /// has them. Recipients are named by issuer and serial number.
    GmSsl,
    /// CMS of RFC 5652: Tongsuo (signatures), BouncyCastle. Identifiers and versions of the RFC, signed attributes.
    Rfc,
}

impl Dialect {
    /// Every dialect, in the order of the type.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Cfca, Self::GmSsl, Self::Rfc];

    /// A stable name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Cfca => "cfca",
            Self::GmSsl => "gmssl",
            Self::Rfc => "rfc",
        }
    }

    pub(super) const fn is_rfc(self) -> bool {
        matches!(self, Self::Rfc)
    }

    /// Whether signatures are over attributes.
    pub(super) const fn has_attributes(self) -> bool {
        matches!(self, Self::Standard | Self::Rfc)
    }

    /// SM4-CBC under the identifier without a mode.
    pub(super) const fn has_bare_sm4(self) -> bool {
        matches!(self, Self::Cfca)
    }

    pub(super) fn digest_algorithm(self) -> Vec<u8> {
        self.algorithm(oid::SM3)
    }

    pub(super) fn signature_algorithm(self) -> Vec<u8> {
        self.algorithm(match self {
            Self::Standard | Self::Cfca => oid::SM2_SIGNATURE,
            Self::GmSsl | Self::Rfc => oid::SM2_WITH_SM3,
        })
    }

    pub(super) fn key_encryption_algorithm(self) -> Vec<u8> {
        self.algorithm(match self {
            Self::Standard | Self::Cfca => oid::SM2_ENCRYPTION,
            Self::GmSsl => oid::SM2_KEY_EXCHANGE,
            Self::Rfc => oid::SM2_ENCRYPTION_SM3,
        })
    }

    fn algorithm(self, id: &[u8]) -> Vec<u8> {
        let null = if self == Self::Cfca { element(NULL, &[]) } else { Vec::new() };
        element(SEQUENCE, &[&element(OID, &[id]), &null])
    }
}
