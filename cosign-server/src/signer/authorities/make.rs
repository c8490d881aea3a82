//! New authorities.

use std::sync::Arc;

use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey};
use pki::{
    certificate::Validity,
    csr::SubjectAttribute,
    issue::{Issuer, NameBuilder, Order, Profile, ProfileKind, SerialNumber, Subject, root},
};

use super::{profile, refused, sign, time};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        Authority, AuthorityId, Backend, CertState, Certificate, Duty, Options, Role, Serial,
        ports::RegistryWrite,
    },
    device::Name,
    ports::{StoreError, Unit, Write},
};
use crate::signer::{
    rng::EntropyRng,
    sealer::{Sealer, SealerError},
};

const DAY_S: u64 = 86_400;
/// How much younger than the clock a certificate of an authority is, in seconds.
const BACKDATED_S: u64 = 300;

/// An authority that is to be made.
#[derive(Clone, Debug)]
pub struct NewAuthority {
    /// What paths and commands call it.
    pub id: AuthorityId,
    /// What people call it.
    pub label: Name,
    /// The subject of its certificate.
    pub subject: pki::Name,
    /// Days that its certificate is valid.
    pub days: u32,
    /// The authority above it; `None` for a root.
    pub under: Option<Authority>,
    /// Its terms.
    pub options: Options,
}

impl Sealer {
    /// Makes an authority with its key, and one that answers about revocation; with a policy also a key for time stamps. All
    /// of it is on record before it is used.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn new_authority(&self, new: NewAuthority) -> Result<Authority, SealerError> {
        new.options.check()?;
        if new.options.backend != Backend::Embedded {
            return Err(Error::BadRequest("an authority outside has its own key").into());
        }
        let mut rng = EntropyRng::new(Arc::clone(&self.entropy));
        let key = PrivateKey::generate(&mut rng).map_err(|_| Error::Internal)?;
        let now_ms = self.clock.now_ms();
        let (certificate, mut chain) = self.certificate_of(&new, &key, now_ms).await?;
        chain.insert(0, certificate);
        let authority = Authority {
            id: new.id,
            label: new.label,
            chain,
            options: new.options,
            created_ms: now_ms,
            retired_ms: None,
            status_version: 0,
        };
        let below = match &new.under {
            Some(above) => {
                let der = authority.certificate()?.as_der();
                Some(own_row(&above.id, *key.public_key(), der, now_ms)?)
            }
            None => None,
        };
        let mut helpers = vec![(Duty::Answer, helper(&authority, &key, Duty::Answer, now_ms, &mut rng)?)];
        if authority.options.policy.is_some() {
            helpers.push((Duty::Stamp, helper(&authority, &key, Duty::Stamp, now_ms, &mut rng)?));
        }
        loop {
            let mut unit =
                Unit(vec![Write::Registry(RegistryWrite::AddAuthority(Box::new(authority.clone())))]);
            let der = authority.certificate()?.as_der();
            unit.0.extend(self.add_key(&authority.id, Duty::Certify, &key, der, now_ms)?);
            if let Some(row) = &below {
                unit.0.extend(issued(row, now_ms));
            }
            for (duty, (key, row)) in &helpers {
                unit.0.extend(self.add_key(&authority.id, *duty, key, &row.der, now_ms)?);
                unit.0.extend(issued(row, now_ms));
            }
            match self.store.commit(unit).await {
                Ok(()) => return Ok(authority),
                // The wrapping key was dropped meanwhile.
                Err(StoreError::Stale) if self.catch_up().await? => {}
                Err(StoreError::Duplicate) => {
                    return Err(Error::Conflict("there is an authority of this name").into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn certificate_of(
        &self,
        new: &NewAuthority,
        key: &PrivateKey,
        now_ms: u64,
    ) -> Result<(pki::Certificate, Vec<pki::Certificate>), SealerError> {
        let mut rng = EntropyRng::new(Arc::clone(&self.entropy));
        let subject = Subject::new(new.subject.clone());
        let serial = SerialNumber::random(&mut rng).map_err(|_| Error::Internal)?;
        let now_s = now_ms / 1000;
        let end = now_s.saturating_add(DAY_S.saturating_mul(new.days.into()));
        let mut validity = Validity {
            not_before: time(now_s.saturating_sub(BACKDATED_S).saturating_mul(1000))?,
            not_after: time(end.saturating_mul(1000))?,
        };
        let der = match &new.under {
            None => {
                let profile = Profile::new(ProfileKind::Root { path_len: None });
                let order = Order::new(&profile, &subject, *key.public_key(), serial, validity);
                sign(root(&order, false).map_err(refused)?, key, &mut rng)?
            }
            Some(above) => {
                let (above_key, issuer) = self.issuer(above).await?;
                let bounds = above.certificate()?.validity();
                validity.not_before = validity.not_before.max(bounds.not_before);
                validity.not_after = validity.not_after.min(bounds.not_after);
                let kind = ProfileKind::SubordinateCa { path_len: None };
                let profile = profile(kind, &above.id, &above.options)?;
                let order = Order::new(&profile, &subject, *key.public_key(), serial, validity);
                sign(issuer.issue(&order).map_err(refused)?, &above_key, &mut rng)?
            }
        };
        let certificate = pki::Certificate::from_der(&der).map_err(|_| Error::Internal)?;
        Ok((certificate, new.under.as_ref().map_or_else(Vec::new, |above| above.chain.clone())))
    }
}

/// A key that does one thing for an authority, and its certificate, which the authority issues to itself.
fn helper(
    authority: &Authority,
    key: &PrivateKey,
    duty: Duty,
    now_ms: u64,
    rng: &mut EntropyRng,
) -> Result<(Box<PrivateKey>, Certificate), Error> {
    let (kind, what) = match duty {
        Duty::Answer => (ProfileKind::OcspSigner, "status"),
        Duty::Stamp => (ProfileKind::TimeStamping, "time stamps"),
        Duty::Certify => return Err(Error::Internal),
    };
    let own = authority.certificate()?;
    let issuer = Issuer::new(own.clone()).map_err(refused)?;
    let profile = profile(kind, &authority.id, &authority.options)?;
    let helper = PrivateKey::generate(rng).map_err(|_| Error::Internal)?;
    let serial = SerialNumber::random(rng).map_err(|_| Error::Internal)?;
    let name = NameBuilder::new().with(SubjectAttribute::CommonName, &format!("{} {what}", authority.id));
    let subject = Subject::new(name.build().map_err(refused)?);
    let order = Order::new(&profile, &subject, *helper.public_key(), serial, own.validity());
    let der = sign(issuer.issue(&order).map_err(refused)?, key, rng)?;
    let row = own_row(&authority.id, *helper.public_key(), &der, now_ms)?;
    Ok((Box::new(helper), row))
}

/// What is kept of a certificate that an authority issues to itself or to one below it.
fn own_row(id: &AuthorityId, key: PublicKey, der: &[u8], now_ms: u64) -> Result<Certificate, Error> {
    let certificate = pki::Certificate::from_der(der).map_err(|_| Error::Internal)?;
    let validity = certificate.validity();
    Ok(Certificate {
        authority: id.clone(),
        serial: Serial::new(certificate.serial())?,
        role: Role::Sign,
        state: CertState::Valid,
        subject: certificate.subject().as_der().to_vec(),
        public_key: key.as_point().to_bytes(),
        device: None,
        key_id: None,
        pair: None,
        replaces: None,
        request: None,
        not_before_ms: validity.not_before.as_unix().saturating_mul(1000),
        not_after_ms: validity.not_after.as_unix().saturating_mul(1000).saturating_add(999),
        issued_ms: now_ms,
        listed: None,
        status_version: 0,
        der: der.to_vec(),
    })
}

fn issued(row: &Certificate, now_ms: u64) -> [Write; 2] {
    let note = format!("{} {} {}", row.authority, row.serial, row.role.as_str());
    let event = Event::administration(now_ms, Act::CERTIFY, note);
    let add = RegistryWrite::AddCertificate(Box::new(row.clone()));
    [Write::Registry(add), Write::Log(Event { public_key: Some(row.public_key), ..event })]
}
