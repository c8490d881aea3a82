//! Keys of certification authorities: made, sealed like shares, unsealed for one signature and wiped.

use std::sync::Arc;

use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey, dsa};
use futures_util::future::BoxFuture;
use pki::{
    Time,
    certificate::Validity,
    issue::{
        AnswerTimes, Batch, Failure, Issuer, KeyRole, ListBuilder, Order as Wanted, Profile, ProfileKind,
        Responder, SerialNumber, StampAuthority, Subject, Unsigned, rejection, root,
    },
    ocsp::CertStatus,
};

use super::{
    rng::EntropyRng,
    seal::Place,
    sealer::{Sealer, SealerError},
};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        self, Authority, AuthorityId, AuthorityKey, Backend, CertState, Certificate, Duty, Options, Role,
        Serial,
        ports::{AnswerOrder, Certified, Certifier, ListOrder, Order, RegistryWrite, Standing},
    },
    device::Name,
    ports::{StoreError, Unit, Write},
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

fn time(ms: u64) -> Result<Time, Error> {
    Time::from_unix(ms / 1000).ok_or(Error::Internal)
}

/// What a certificate cannot be made of is the caller's fault; anything else is not.
fn refused(error: pki::Error) -> Error {
    match error {
        pki::Error::Unusable(what) => Error::Conflict(what),
        error => {
            tracing::error!(%error, "not issued");
            Error::Internal
        }
    }
}

fn sign(unsigned: Unsigned, key: &PrivateKey, rng: &mut EntropyRng) -> Result<Vec<u8>, Error> {
    let signature = dsa::sign_digest(key, unsigned.digest(), rng).map_err(|_| Error::Internal)?;
    unsigned.assemble(&signature).map_err(|_| Error::Internal)
}

/// Places and policies that stand in everything that an authority issues.
fn profile(kind: ProfileKind, id: &AuthorityId, options: &Options) -> Result<Profile, Error> {
    let mut profile = Profile::new(kind);
    if let Some(policy) = &options.policy {
        let policy = pki::ObjectIdentifier::new(policy).map_err(|_| Error::Internal)?;
        profile = profile.with_policy(policy, None).map_err(refused)?;
    }
    if let Some(base) = &options.base_url {
        profile = profile
            .with_crl(&format!("{base}/ca/{id}.crl"))
            .and_then(|profile| profile.with_freshest_crl(&format!("{base}/ca/{id}.delta.crl")))
            .and_then(|profile| profile.with_ocsp(&format!("{base}/ocsp/{id}")))
            .and_then(|profile| profile.with_ca_issuers(&format!("{base}/ca/{id}.cer")))
            .map_err(refused)?;
    }
    Ok(profile)
}

impl Sealer {
    /// Makes an authority with its key; with a policy also a key for time stamps. All of it is on record before it is used.
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
        let stamps = match &authority.options.policy {
            Some(_) => Some(stamp_key(&authority, &key, now_ms, &mut rng)?),
            None => None,
        };
        loop {
            let mut unit =
                Unit(vec![Write::Registry(RegistryWrite::AddAuthority(Box::new(authority.clone())))]);
            let der = authority.certificate()?.as_der();
            unit.0.extend(self.add_key(&authority.id, Duty::Certify, &key, der, now_ms)?);
            if let Some(row) = &below {
                unit.0.extend(issued(row, now_ms));
            }
            if let Some((key, row)) = &stamps {
                unit.0.extend(self.add_key(&authority.id, Duty::Stamp, key, &row.der, now_ms)?);
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
                let order = Wanted::new(&profile, &subject, *key.public_key(), serial, validity);
                sign(root(&order, false).map_err(refused)?, key, &mut rng)?
            }
            Some(above) => {
                let (above_key, issuer) = self.issuer(above).await?;
                let bounds = above.certificate()?.validity();
                validity.not_before = validity.not_before.max(bounds.not_before);
                validity.not_after = validity.not_after.min(bounds.not_after);
                let kind = ProfileKind::SubordinateCa { path_len: None };
                let profile = profile(kind, &above.id, &above.options)?;
                let order = Wanted::new(&profile, &subject, *key.public_key(), serial, validity);
                sign(issuer.issue(&order).map_err(refused)?, &above_key, &mut rng)?
            }
        };
        let certificate = pki::Certificate::from_der(&der).map_err(|_| Error::Internal)?;
        Ok((certificate, new.under.as_ref().map_or_else(Vec::new, |above| above.chain.clone())))
    }

    fn add_key(
        &self,
        id: &AuthorityId,
        duty: Duty,
        key: &PrivateKey,
        certificate: &[u8],
        now_ms: u64,
    ) -> Result<[Write; 2], SealerError> {
        let public_key = key.public_key().as_point().to_bytes();
        let sealed =
            self.keys().seal(&Place::authority_key(&public_key), &key.expose_bytes()[..], &*self.entropy);
        let sealed = sealed.map_err(|error| SealerError::Seal {
            version: self.keys().newest().unwrap_or_default(),
            error,
        })?;
        let event = Event::administration(now_ms, Act::AUTHORITY, format!("{id}, to {}", duty.as_str()));
        let row = AuthorityKey {
            authority: id.clone(),
            duty,
            public_key: *key.public_key(),
            certificate: certificate.to_vec(),
            created_ms: now_ms,
            sealed,
        };
        Ok([
            Write::Registry(RegistryWrite::AddKey(row)),
            Write::Log(Event { public_key: Some(public_key), ..event }),
        ])
    }

    /// A key of an authority, on the heap so that no copy is left behind when it moves, and its certificate.
    async fn authority_key(
        &self,
        id: &AuthorityId,
        duty: Duty,
    ) -> Result<(Box<PrivateKey>, pki::Certificate), Error> {
        let keys = self.store.authority_keys().await?;
        let key = keys.into_iter().find(|key| key.authority == *id && key.duty == duty);
        let key = key.ok_or(Error::NotFound)?;
        if !self.keys().knows(&key.sealed)
            && let Err(error) = self.catch_up().await
        {
            tracing::warn!(%error, "the wrapping keys were not taken over");
        }
        let opened =
            self.keys().open(&Place::authority_key(&key.public_key.as_point().to_bytes()), &key.sealed);
        let opened = opened.map_err(|error| {
            tracing::error!(authority = %id, %error, "the key cannot be used");
            Error::Internal
        })?;
        let private = opened.as_slice().try_into().ok().and_then(PrivateKey::from_bytes).map(Box::new);
        let private =
            private.filter(|private| *private.public_key() == key.public_key).ok_or(Error::Internal)?;
        let certificate = pki::Certificate::from_der(&key.certificate).map_err(|_| Error::Internal)?;
        Ok((private, certificate))
    }

    async fn issuer(&self, authority: &Authority) -> Result<(Box<PrivateKey>, Issuer), Error> {
        let (key, certificate) = self.authority_key(&authority.id, Duty::Certify).await?;
        Ok((key, Issuer::new(certificate).map_err(|_| Error::Internal)?))
    }
}

/// A key for time stamps and its certificate, which the authority issues to itself.
fn stamp_key(
    authority: &Authority,
    key: &PrivateKey,
    now_ms: u64,
    rng: &mut EntropyRng,
) -> Result<(Box<PrivateKey>, Certificate), Error> {
    let own = authority.certificate()?;
    let issuer = Issuer::new(own.clone()).map_err(refused)?;
    let profile = profile(ProfileKind::TimeStamping, &authority.id, &authority.options)?;
    let stamps = PrivateKey::generate(rng).map_err(|_| Error::Internal)?;
    let serial = SerialNumber::random(rng).map_err(|_| Error::Internal)?;
    let name = pki::issue::NameBuilder::new()
        .with(pki::csr::SubjectAttribute::CommonName, &format!("{} time stamps", authority.id));
    let subject = Subject::new(name.build().map_err(refused)?);
    let order = Wanted::new(&profile, &subject, *stamps.public_key(), serial, own.validity());
    let der = sign(issuer.issue(&order).map_err(refused)?, key, rng)?;
    let row = own_row(&authority.id, *stamps.public_key(), &der, now_ms)?;
    Ok((Box::new(stamps), row))
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

/// The authorities whose keys are in the database.
pub struct AuthoritySigner {
    sealer: Arc<Sealer>,
}

impl AuthoritySigner {
    /// With the wrapping keys of the database.
    #[must_use]
    pub const fn new(sealer: Arc<Sealer>) -> Self {
        Self { sealer }
    }

    fn rng(&self) -> EntropyRng {
        EntropyRng::new(Arc::clone(&self.sealer.entropy))
    }
}

/// Runs what takes long on a thread where it keeps nobody waiting.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal)?
}

const fn kind_of(profile: ca::Profile) -> ProfileKind {
    match profile {
        ca::Profile::Personal => ProfileKind::Personal,
        ca::Profile::Enterprise => ProfileKind::Enterprise,
        ca::Profile::SealMaker => ProfileKind::SealMaker,
    }
}

fn certify(
    authority: &Authority,
    issuer: &Issuer,
    key: &PrivateKey,
    orders: &[Order],
    rng: &mut EntropyRng,
) -> Result<Vec<pki::Certificate>, Error> {
    let bounds = issuer.certificate().validity();
    let mut items = Vec::with_capacity(orders.len());
    for order in orders {
        let request = pki::csr::Request::read(&order.csr).map_err(|_| Error::Internal)?;
        let subject = Subject::new(pki::Name::from_der(request.subject()).map_err(|_| Error::Internal)?);
        let profile = profile(kind_of(order.profile), &authority.id, &authority.options)?;
        let serial = SerialNumber::from_bytes(order.serial.as_bytes()).map_err(refused)?;
        let validity = Validity {
            not_before: time(order.not_before_ms)?.max(bounds.not_before),
            not_after: time(order.not_after_ms)?.min(bounds.not_after),
        };
        let role = match order.role {
            Role::Sign => KeyRole::Signing,
            Role::Encrypt => KeyRole::Encryption,
        };
        let wanted = Wanted::new(&profile, &subject, order.public_key, serial, validity).with_role(role);
        items.push(issuer.issue(&wanted).map_err(refused)?);
    }
    let signed = Batch::new(items).sign(key, rng).map_err(|_| Error::Internal)?;
    signed.iter().map(|der| pki::Certificate::from_der(der).map_err(|_| Error::Internal)).collect()
}

fn status_of(standing: Standing) -> Result<CertStatus, Error> {
    Ok(match standing {
        Standing::Good => CertStatus::Good,
        Standing::Revoked(since_ms, reason) => CertStatus::Revoked { date: time(since_ms)?, reason },
        Standing::Unknown => CertStatus::Unknown,
    })
}

impl Certifier for AuthoritySigner {
    fn certify<'a>(
        &'a self,
        authority: &'a Authority,
        orders: Vec<Order>,
    ) -> BoxFuture<'a, Result<Certified, Error>> {
        Box::pin(async move {
            let (key, issuer) = self.sealer.issuer(authority).await?;
            let (authority, mut rng) = (authority.clone(), self.rng());
            let certificates = aside(move || certify(&authority, &issuer, &key, &orders, &mut rng)).await?;
            Ok(Certified::Now(certificates))
        })
    }

    fn sign_list<'a>(
        &'a self,
        authority: &'a Authority,
        order: ListOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let (key, issuer) = self.sealer.issuer(authority).await?;
            let freshest = authority
                .options
                .base_url
                .as_ref()
                .filter(|_| order.base.is_none())
                .map(|base| format!("{base}/ca/{}.delta.crl", authority.id));
            let mut rng = self.rng();
            aside(move || {
                let (from, until) = (time(order.this_update_ms)?, time(order.next_update_ms)?);
                let mut list = ListBuilder::new(&issuer, order.number, from, until).map_err(refused)?;
                if let Some(base) = order.base {
                    list = list.with_base(base).map_err(refused)?;
                }
                if let Some(place) = freshest {
                    list = list.with_freshest_crl(&place).map_err(refused)?;
                }
                for entry in order.entries {
                    let entry = pki::crl::Entry {
                        serial: entry.serial.as_bytes().to_vec(),
                        // A clock that went back must not keep a revocation out of the lists.
                        date: time(entry.since_ms)?.min(from),
                        reason: entry.reason,
                        invalidity: None,
                        has_unknown_critical: false,
                    };
                    list.push(&entry).map_err(refused)?;
                }
                sign(list.build(), &key, &mut rng)
            })
            .await
        })
    }

    fn answer<'a>(
        &'a self,
        authority: &'a Authority,
        order: AnswerOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let (key, issuer) = self.sealer.issuer(authority).await?;
            let responder = Responder::of_ca(&issuer);
            let this_update = time(order.this_update_ms)?;
            let times = AnswerTimes {
                produced_at: this_update,
                this_update,
                next_update: Some(time(order.next_update_ms)?),
            };
            let ids = order.request.ids().iter().zip(&order.standings);
            let known: Vec<_> = ids
                .map(|(id, standing)| Ok((id.serial().to_vec(), status_of(*standing)?)))
                .collect::<Result<_, Error>>()?;
            let unsigned = responder.answer(&order.request, times, |serial| {
                let found = known.iter().find(|(known, _)| known == serial);
                Ok(found.map_or(CertStatus::Unknown, |(_, status)| *status))
            });
            sign(unsigned.map_err(|_| Error::Internal)?, &key, &mut self.rng())
        })
    }

    fn stamp<'a>(
        &'a self,
        authority: &'a Authority,
        request: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let (key, certificate) = self.sealer.authority_key(&authority.id, Duty::Stamp).await?;
            let policy = authority.options.policy.as_ref().ok_or(Error::NotFound)?;
            let policy = pki::ObjectIdentifier::new(policy).map_err(|_| Error::Internal)?;
            let stamps = StampAuthority::new(certificate, policy).map_err(|_| Error::Internal)?;
            let stamps = stamps.with_chain(authority.certificate()?.clone());
            let mut rng = self.rng();
            let serial = SerialNumber::random(&mut rng).map_err(|_| Error::Internal)?;
            let now_ms = self.sealer.clock.now_ms();
            let micros = u32::try_from(now_ms % 1000 * 1000).map_err(|_| Error::Internal)?;
            let reject = |why: Failure| rejection(why, "");
            let request = match StampAuthority::read(&request) {
                Ok(request) => request,
                Err(why) => return Ok(reject(why)),
            };
            let unsigned = match stamps.stamp(&request, &serial, time(now_ms)?, micros) {
                Ok(unsigned) => unsigned,
                Err(why) => return Ok(reject(why)),
            };
            let signature =
                dsa::sign_digest(&key, unsigned.digest(), &mut rng).map_err(|_| Error::Internal)?;
            unsigned.assemble(&signature).map_err(|_| Error::Internal)
        })
    }
}

/// The key of a custodian's certificate, if shares may be wrapped to it.
pub(super) fn custodian(certificate: &[u8]) -> Option<PublicKey> {
    envelope::Sm2Recipient::from_certificate(certificate).ok().map(|recipient| *recipient.public_key())
}
