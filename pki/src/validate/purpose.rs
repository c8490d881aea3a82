//! What a certificate is to be used for.

use core::fmt;
use core::str::FromStr;

use der::asn1::ObjectIdentifier;

use crate::certificate::Certificate;
use crate::extension::Usage;
use crate::oid;

/// What a certificate is to be used for. By keyUsage and extKeyUsage where they are there; what only extKeyUsage can
/// permit must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Whatever it says.
    #[default]
    Any,
    /// To sign: digitalSignature or nonRepudiation.
    DigitalSignature,
    /// To be encrypted to: keyEncipherment, dataEncipherment or keyAgreement.
    Encryption,
    /// To make electronic seals, as [`Purpose::DigitalSignature`]. Source: GM/T 0031.
    SealMaker,
    /// To sign documents, as [`Purpose::DigitalSignature`].
    DocumentSigning,
    /// To issue certificates: a CA with keyCertSign.
    CertificateSigning,
    /// To issue revocation lists: cRLSign.
    CrlSigning,
    /// To issue time stamps: extKeyUsage is critical and says timeStamping and nothing else. Source: RFC 3161, 2.3.
    TimeStamping,
    /// To answer for a CA: OCSPSigning. Source: RFC 6960, 4.2.2.2.
    OcspSigning,
    /// A server of TLS or TLCP.
    TlsServer,
    /// A client of TLS or TLCP.
    TlsClient,
    /// To sign programs.
    CodeSigning,
}

const SIGNING: &[Usage] = &[Usage::DigitalSignature, Usage::NonRepudiation];
const ENCRYPTION: &[Usage] = &[Usage::KeyEncipherment, Usage::DataEncipherment, Usage::KeyAgreement];
const TLS: &[Usage] = &[Usage::DigitalSignature, Usage::KeyEncipherment, Usage::KeyAgreement];

impl Purpose {
    /// All, in the order of their definition.
    pub const ALL: [Self; 12] = [
        Self::Any,
        Self::DigitalSignature,
        Self::Encryption,
        Self::SealMaker,
        Self::DocumentSigning,
        Self::CertificateSigning,
        Self::CrlSigning,
        Self::TimeStamping,
        Self::OcspSigning,
        Self::TlsServer,
        Self::TlsClient,
        Self::CodeSigning,
    ];

    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::DigitalSignature => "digital-signature",
            Self::Encryption => "encryption",
            Self::SealMaker => "seal-maker",
            Self::DocumentSigning => "document-signing",
            Self::CertificateSigning => "certificate-signing",
            Self::CrlSigning => "crl-signing",
            Self::TimeStamping => "time-stamping",
            Self::OcspSigning => "ocsp-signing",
            Self::TlsServer => "tls-server",
            Self::TlsClient => "tls-client",
            Self::CodeSigning => "code-signing",
        }
    }

    /// What of the certificate forbids this use, for people.
    pub(super) fn objection(self, certificate: &Certificate) -> Option<&'static str> {
        let (usages, needed): (&[Usage], Option<ObjectIdentifier>) = match self {
            Self::Any => return None,
            Self::DigitalSignature | Self::SealMaker | Self::DocumentSigning => (SIGNING, None),
            Self::Encryption => (ENCRYPTION, None),
            Self::CertificateSigning if !certificate.is_ca() => {
                return Some("it is not the certificate of a CA");
            }
            Self::CertificateSigning => (&[Usage::KeyCertSign], None),
            Self::CrlSigning => (&[Usage::CrlSign], None),
            Self::TimeStamping => (SIGNING, Some(oid::TIME_STAMPING)),
            Self::OcspSigning => (SIGNING, Some(oid::OCSP_SIGNING)),
            Self::TlsServer => (TLS, Some(oid::SERVER_AUTH)),
            Self::TlsClient => (TLS, Some(oid::CLIENT_AUTH)),
            Self::CodeSigning => (SIGNING, Some(oid::CODE_SIGNING)),
        };
        let extensions = certificate.extensions();
        if extensions.key_usage.is_some_and(|permitted| !permitted.permits_any(usages)) {
            return Some("keyUsage does not permit it");
        }
        match (needed, &extensions.ext_key_usage) {
            (Some(_), None) if matches!(self, Self::TlsServer | Self::TlsClient) => None,
            (Some(needed), Some(_)) if self == Self::TimeStamping => {
                let critical =
                    extensions.find(&oid::EXT_KEY_USAGE).is_some_and(|extension| extension.critical);
                let only = extensions.ext_key_usage.iter().flatten().all(|purpose| *purpose == needed);
                match (extensions.has_purpose(&needed) && only, critical) {
                    (false, _) => Some("extKeyUsage is not timeStamping alone"),
                    (true, false) => Some("extKeyUsage is not critical"),
                    (true, true) => None,
                }
            }
            (Some(needed), _) => {
                let any = matches!(self, Self::TlsServer | Self::TlsClient | Self::CodeSigning)
                    && extensions.has_purpose(&oid::ANY_EXT_KEY_USAGE);
                let permitted = extensions.has_purpose(&needed) || any;
                (!permitted).then_some("extKeyUsage does not permit it")
            }
            // Who may only stamp times or answer for a CA signs nothing else.
            (None, Some(purposes)) => {
                let service = |purpose| [oid::TIME_STAMPING, oid::OCSP_SIGNING].contains(purpose);
                let only_service = !purposes.is_empty() && purposes.iter().all(service);
                only_service.then_some("extKeyUsage permits only time stamps or OCSP answers")
            }
            (None, None) => None,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Purpose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is none of {names}")
        })
    }
}
