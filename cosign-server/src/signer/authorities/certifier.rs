//! What authorities sign.

use std::sync::Arc;

use cosign_core::sm_primitives::sm2::{PrivateKey, dsa};
use futures_util::future::BoxFuture;
use pki::{
    certificate::Validity,
    issue::{
        AnswerTimes, Batch, Failure, Issuer, KeyRole, ListBuilder, Order as Wanted, ProfileKind, Responder,
        SerialNumber, StampAuthority, Subject, rejection,
    },
    ocsp::CertStatus,
};

use super::{profile, refused, sign, time};
use crate::domain::{
    Error,
    ca::{
        self, Authority, Duty, Role,
        ports::{AnswerOrder, Certified, Certifier, ListOrder, Order, Standing},
    },
};
use crate::signer::{rng::EntropyRng, sealer::Sealer};

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

    /// Who answers for an authority.
    async fn responder(
        &self,
        authority: &Authority,
        delegated: bool,
    ) -> Result<(Box<PrivateKey>, Responder), Error> {
        if !delegated {
            let (key, issuer) = self.sealer.issuer(authority).await?;
            return Ok((key, Responder::of_ca(&issuer)));
        }
        let (key, certificate) = self.sealer.authority_key(&authority.id, Duty::Answer).await?;
        let issuer = Issuer::new(authority.certificate()?.clone()).map_err(|_| Error::Internal)?;
        Ok((key, Responder::delegated(&issuer, certificate).map_err(|_| Error::Internal)?))
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
        let named = order.subject.as_deref().unwrap_or(request.subject());
        let subject = Subject::new(pki::Name::from_der(named).map_err(|_| Error::Internal)?);
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
            let (key, responder) = self.responder(authority, order.delegated).await?;
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
