//! Who issues.

use envelope::cms::Time;
use sm_primitives::sm2::PublicKey;

use super::encode::{authority_key_id, explicit, seq, sm2_with_sm3};
use super::{
    Batch, KeyIdMethod, KeyRole, Order, Profile, ProfileKind, SerialNumber, Subject, Unsigned, extensions,
};
use crate::algorithm::SignatureAlgorithm;
use crate::certificate::{Certificate, Validity};
use crate::error::Error;
use crate::extension::Usage;
use crate::fields::{INTEGER, element};
use crate::key::SubjectKey;
use crate::validate::constraints;

/// A CA: what of its certificate stands in everything that it issues.
#[derive(Clone, Debug)]
pub struct Issuer {
    certificate: Certificate,
    key: PublicKey,
    /// AlgorithmIdentifier.
    algorithm: Vec<u8>,
    key_id: Vec<u8>,
}

impl Issuer {
    /// The holder of a certificate. Whether the algorithm is written with NULL parameters is taken over from it. Its path is
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::Unusable`]: not of a CA, or with extensions that are malformed or not known and critical;
    /// [`Error::UnsupportedAlgorithm`]: another key or signature than SM2.
    pub fn new(certificate: Certificate) -> Result<Self, Error> {
        let SubjectKey::Sm2(key) = *certificate.key() else {
            return Err(Error::UnsupportedAlgorithm("key of a CA"));
        };
        let SignatureAlgorithm::Sm2WithSm3 { null_parameters } = certificate.algorithm() else {
            return Err(Error::UnsupportedAlgorithm("signature of a CA's certificate"));
        };
        let extensions = certificate.extensions();
        let sound = extensions.malformed.is_empty()
            && extensions.duplicates.is_empty()
            && extensions.unknown_critical.is_empty();
        if !certificate.is_ca() || !sound || certificate.subject().is_empty() {
            return Err(Error::Unusable("the certificate is not that of a CA"));
        }
        let own = extensions.subject_key_id.clone();
        let key_id = own.unwrap_or_else(|| KeyIdMethod::Sha1.of(certificate.key_octets()));
        Ok(Self { key, algorithm: sm2_with_sm3(null_parameters), key_id, certificate })
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    /// The extension that names its key.
    pub(super) fn authority(&self) -> Vec<u8> {
        authority_key_id(&self.key_id)
    }

    /// A certificate.
    ///
    /// # Errors
    /// [`Error::Unusable`]: what the profile does not permit, a validity that is not within that of the CA, a CA that may
    /// not stand below this one, a name outside of the name constraints of this one, a root, the CA's own key, or a CA that may issue no certificates.
    pub fn issue(&self, order: &Order<'_>) -> Result<Unsigned, Error> {
        order.check()?;
        self.check(order)?;
        let issuer = self.certificate.subject().as_der();
        let tbs = tbs(order, issuer, &self.algorithm, &self.authority())?;
        Ok(Unsigned::new(tbs, self.algorithm.clone(), self.key))
    }

    /// Many certificates, whose digests are signed together.
    ///
    /// # Errors
    /// As [`Issuer::issue`], and [`Error::Unusable`] for a serial number that stands twice. Then there is none.
    pub fn issue_all(&self, orders: &[Order<'_>]) -> Result<Batch, Error> {
        let mut serials: Vec<&[u8]> = orders.iter().map(|order| order.serial.as_bytes()).collect();
        serials.sort_unstable();
        if serials.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(Error::Unusable("a serial number stands twice"));
        }
        Ok(Batch::new(orders.iter().map(|order| self.issue(order)).collect::<Result<_, _>>()?))
    }

    /// The two certificates of one subject: for signatures, then for encryption. Source: GM/T 0034, dual certificates.
    ///
    /// # Errors
    /// As [`Issuer::issue_all`], and [`Error::Unusable`] if both have the same key.
    pub fn pair(
        &self,
        profile: &Profile,
        subject: &Subject,
        [signing, encryption]: [PublicKey; 2],
        [first, second]: [SerialNumber; 2],
        validity: Validity,
    ) -> Result<Batch, Error> {
        if signing == encryption {
            return Err(Error::Unusable("one key for signatures and for encryption"));
        }
        self.issue_all(&[
            Order::new(profile, subject, signing, first, validity),
            Order::new(profile, subject, encryption, second, validity).with_role(KeyRole::Encryption),
        ])
    }

    fn check(&self, order: &Order<'_>) -> Result<(), Error> {
        let (kind, own) = (order.profile.kind(), self.certificate.validity());
        if !self.certificate.permits(Usage::KeyCertSign) {
            return Err(Error::Unusable("the CA may not issue certificates"));
        }
        if matches!(kind, ProfileKind::Root { .. }) {
            return Err(Error::Unusable("a root is issued by itself"));
        }
        if order.key == self.key {
            return Err(Error::Unusable("a certificate of the CA's own key"));
        }
        if order.validity.not_before < own.not_before || order.validity.not_after > own.not_after {
            return Err(Error::Unusable("a certificate that is not within the validity of its CA"));
        }
        if let Some(constraints) = &self.certificate.extensions().name_constraints {
            let names = constraints::names(order.subject.name(), order.subject.alt_names());
            if names.iter().any(|name| constraints::violation(constraints, name).is_some()) {
                return Err(Error::Unusable("a name that the CA may not vouch for: nameConstraints"));
            }
        }
        let below =
            self.certificate.extensions().basic_constraints.and_then(|constraints| constraints.path_len);
        match below {
            Some(below) if kind.is_ca() && kind.path_len().is_none_or(|own| own >= below) => {
                Err(Error::Unusable("a CA that may not stand below this one: pathLenConstraint"))
            }
            _ => Ok(()),
        }
    }
}

/// The certificate of a root, which the key in it signs. `null_parameters`: whether algorithms are written with NULL here and
/// in all that it issues, as the Chinese national root has it; GM/T 0092 and RFC 5758 have them without.
///
/// # Errors
/// [`Error::Unusable`]: what the profile does not permit, or the profile of something else.
pub fn root(order: &Order<'_>, null_parameters: bool) -> Result<Unsigned, Error> {
    order.check()?;
    if !matches!(order.profile.kind(), ProfileKind::Root { .. }) {
        return Err(Error::Unusable("only a root is issued by itself"));
    }
    let algorithm = sm2_with_sm3(null_parameters);
    // Without authorityKeyIdentifier, as RFC 5280 permits where issuer and subject are one.
    let tbs = tbs(order, order.subject.name().as_der(), &algorithm, &[])?;
    Ok(Unsigned::new(tbs, algorithm, order.key))
}

/// TBSCertificate.
fn tbs(order: &Order<'_>, issuer: &[u8], algorithm: &[u8], authority: &[u8]) -> Result<Vec<u8>, Error> {
    let key_id = order.profile.key_id().of(&order.key.as_point().to_sec1());
    let extensions = extensions::all(order, &key_id, authority)?;
    let Validity { not_before, not_after } = order.validity;
    Ok(seq(&[
        &explicit(0, &[&[INTEGER, 1, 2]]),
        &element(INTEGER, &[order.serial.as_bytes()]),
        algorithm,
        issuer,
        &seq(&[&Time::to_der(not_before), &Time::to_der(not_after)]),
        order.subject.name().as_der(),
        &order.key.to_spki_der(),
        &explicit(3, &[&seq(&[&extensions])]),
    ]))
}
