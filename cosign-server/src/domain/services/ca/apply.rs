//! Requests: made, reviewed, withdrawn.

use cosign_core::{DeviceId, Purpose, sm_primitives::sm2::PublicKey};
use serde::{Deserialize, Serialize};

use super::{ATTEMPTS, Authorities, event};
use crate::domain::{
    Error,
    audit::Act,
    ca::{
        AuthorityId, Backend, CertState, Decision, Kind, Profile, Request, RequestEffect, RequestEvent,
        RequestId, RequestState, Successor, ports::RegistryWrite, request::transition,
    },
    device::{Device, Name},
    key::{Status, StoredKey},
    once::{self, Once},
    operators::{self, Acting},
    page::Page,
    ports::{StoreError, Unit, Write},
    services::operators::still,
};

/// Longest certification request in bytes.
const MAX_CSR: usize = 8 * 1024;
/// Most requests of a device that are not closed.
const MAX_OPEN: usize = 16;

/// What a device applies for.
#[derive(Clone, Debug)]
pub struct Application {
    /// At which authority.
    pub authority: AuthorityId,
    /// What.
    pub kind: Kind,
    /// The certification request, DER or PEM; empty for a revocation.
    pub csr: Vec<u8>,
    /// What kind of subject.
    pub profile: Profile,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
}

#[derive(Serialize, Deserialize)]
struct Named {
    request: String,
}

/// A certification request that holds: its key and its subject.
pub(super) struct Proven {
    pub(super) key: PublicKey,
    pub(super) subject: Vec<u8>,
}

/// Reads a certification request and verifies that the holder of its key signed it.
pub(super) fn prove(csr: &[u8]) -> Result<Proven, Error> {
    let request = pki::csr::Request::read(csr);
    let request = request.map_err(|_| Error::BadRequest("the certification request cannot be read"))?;
    let pki::SubjectKey::Sm2(key) = request.key() else {
        return Err(Error::BadRequest("the key in the certification request is not of SM2"));
    };
    request.verify().map_err(|_| Error::BadRequest("the signature of the certification request is wrong"))?;
    if pki::Name::from_der(request.subject()).map_or(true, |name| name.is_empty()) {
        return Err(Error::BadRequest("the certification request has no subject"));
    }
    Ok(Proven { key: *key, subject: request.subject().to_vec() })
}

impl Authorities {
    /// Applies for a certificate, or for the end of one. It waits for a review then.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a certification request that does not hold, [`Error::NotFound`] for an unknown authority
    /// and for a certificate that is not the device's, [`Error::Conflict`] when the state of things does not allow it,
    /// [`Error::IdempotencyMismatch`], storage faults.
    pub async fn apply(
        &self,
        device: &Device,
        application: Application,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        let now_ms = self.clock.now_ms();
        if let Some(Named { request }) = once::recall(&*self.store, &device.id, once, now_ms).await? {
            return self.request(&request.parse().map_err(|_| Error::Internal)?).await;
        }
        let authority = self.authority(&application.authority).await?;
        if authority.retired_ms.is_some() {
            return Err(Error::Conflict("the authority is retired"));
        }
        let Application { kind, csr, profile, dual, .. } = application;
        if csr.len() > MAX_CSR {
            return Err(Error::BadRequest("a certification request has at most 8192 bytes"));
        }
        if dual && !matches!(kind, Kind::New) {
            return Err(Error::BadRequest("what takes the place of a pair is a pair by itself"));
        }
        if dual && authority.options.quorum.is_none() {
            return Err(Error::Conflict("the authority makes no decryption keys: it has no custodians"));
        }
        if dual && authority.options.backend != Backend::Embedded {
            return Err(Error::Conflict("an authority outside makes decryption keys itself"));
        }
        self.judge(device, &authority.id, &kind, &csr).await?;
        let open = self.requests(Some(device), &Page::default()).await?;
        if open.items.iter().filter(|request| request.state != RequestState::Closed).count() >= MAX_OPEN {
            return Err(Error::Conflict("16 requests of this device are open"));
        }
        let draft = Request {
            id: RequestId::from_bytes(self.random()?),
            authority: authority.id,
            kind,
            device: Some(device.id),
            csr,
            profile,
            dual,
            state: RequestState::Draft,
            decisions: Vec::new(),
            created_ms: now_ms,
            version: 1,
        };
        let (request, _) = transition(&draft, &RequestEvent::Submit, authority.options.reviewers)?;
        let note = format!("{} {} {}", request.authority, request.id, request.kind.as_str());
        let log = event(now_ms, Act::CERTIFICATE_REQUEST, Some(device), note);
        let add = RegistryWrite::AddRequest(Box::new(request.clone()));
        let mut unit = Unit(vec![Write::Registry(add), Write::Log(log)]);
        if let Some(once) = once {
            let named = Named { request: request.id.to_string() };
            unit.0.push(Write::Remember(once::remember(&device.id, once, &named, now_ms)?));
        }
        self.store.commit(unit).await?;
        Ok(request)
    }

    /// Whether a device may apply for this, with this certification request.
    async fn judge(
        &self,
        device: &Device,
        authority: &AuthorityId,
        kind: &Kind,
        csr: &[u8],
    ) -> Result<(), Error> {
        let target = match kind.target() {
            Some(serial) => Some(self.certificate(authority, serial).await?),
            None => None,
        };
        if let (Kind::Revoke(..), Some(target)) = (kind, &target) {
            if target.device != Some(device.id) {
                return Err(Error::NotFound);
            }
            return if csr.is_empty() {
                Ok(())
            } else {
                Err(Error::BadRequest("a revocation has no certification request"))
            };
        }
        let proven = prove(csr)?;
        self.signing_key(&device.id, &proven.key).await?;
        let Some(target) = target else { return Ok(()) };
        if target.role != crate::domain::ca::Role::Sign {
            return Err(Error::Conflict(
                "name the certificate for signing; the other one of its pair goes along",
            ));
        }
        let (same_key, same_name) = {
            let old = pki::Name::from_der(&target.subject).map_err(|_| Error::Internal)?;
            let new = pki::Name::from_der(&proven.subject).map_err(|_| Error::Internal)?;
            (target.public_key == proven.key.as_point().to_bytes(), old == new)
        };
        match kind {
            Kind::Replace(_, Successor::Reissue) if same_key => {
                Err(Error::Conflict("a certificate is reissued for another key"))
            }
            Kind::Replace(_, Successor::Reissue) if !same_name => {
                Err(Error::Conflict("a certificate is reissued for the same subject"))
            }
            Kind::Replace(_, Successor::Reissue) => Ok(()),
            Kind::Replace(..) if target.device != Some(device.id) => Err(Error::NotFound),
            Kind::Replace(..) if !same_key => Err(Error::Conflict("the key of the certificate stays")),
            Kind::Replace(_, Successor::Renewal) if !same_name => {
                Err(Error::Conflict("a certificate is renewed for the same subject"))
            }
            Kind::Replace(_, Successor::Change) if target.state != CertState::NeedsChange => {
                Err(Error::Conflict("the data of its subject have not changed"))
            }
            Kind::New | Kind::Replace(..) | Kind::Revoke(..) => Ok(()),
        }
    }

    /// The active share of a signing key that a device has. Whoever was only given a share is certified as nobody.
    pub(super) async fn signing_key(&self, device: &DeviceId, key: &PublicKey) -> Result<StoredKey, Error> {
        let shares = self.store.shares(&key.as_point().to_bytes()).await?;
        let own = shares.into_iter().find(|share| {
            let is_own = share.device == *device && !share.seat;
            is_own && share.purpose == Purpose::Sign && share.status == Status::Active
        });
        own.ok_or(Error::Conflict("the key is not an active signing key of this device"))
    }

    /// A reviewer decides about a request. What the last of them passes may be installed, or is done at once if it ends a
    /// certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it does not wait for a review or this reviewer has decided before,
    /// [`Error::BadRequest`] for a return without an opinion; storage faults.
    pub async fn decide(
        &self,
        id: &RequestId,
        reviewer: Name,
        passed: bool,
        opinion: String,
    ) -> Result<Request, Error> {
        let at_ms = self.clock.now_ms();
        let note = format!("{id} {} by {}", if passed { "passed" } else { "returned" }, reviewer.as_str());
        let decision = Decision { reviewer, passed, opinion, at_ms };
        self.advance(id, None, (&RequestEvent::Decide(decision), Act::CERTIFICATE_REVIEW, &note), &[]).await
    }

    /// An operator decides about a request of somebody else: [`Self::decide`] under the operator's name, which is of one
    /// person for ever.
    ///
    /// # Errors
    /// As [`Self::decide`]; [`Error::Conflict`] for an own request; [`Error::IdempotencyMismatch`].
    pub async fn review(
        &self,
        by: &Acting<operators::Reviewer>,
        id: &RequestId,
        passed: bool,
        opinion: String,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        let (operator, device, at_ms) = (by.operator(), by.device(), self.clock.now_ms());
        if once::recall::<()>(&*self.store, &device.id, once, at_ms).await?.is_some() {
            return self.request(id).await;
        }
        if self.request(id).await?.device == Some(operator.id) {
            return Err(Error::Conflict("nobody reviews a request of their own"));
        }
        let mut beside = vec![still(by)];
        if let Some(once) = once {
            beside.push(Write::Remember(once::remember(&device.id, once, &(), at_ms)?));
        }
        let reviewer = operator.name.clone();
        let note = format!("{id} {} by {}", if passed { "passed" } else { "returned" }, reviewer.as_str());
        let step = RequestEvent::Decide(Decision { reviewer, passed, opinion, at_ms });
        match self.advance(id, Some(device), (&step, Act::CERTIFICATE_REVIEW, &note), &beside).await {
            Ok(request) => Ok(request),
            // The same request came twice at once, and the other one was first.
            Err(error) => match once::recall::<()>(&*self.store, &device.id, once, at_ms).await? {
                Some(()) => self.request(id).await,
                None => Err(error),
            },
        }
    }

    /// The applicant does not want it any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is closed, [`Error::IdempotencyMismatch`]; storage faults.
    pub async fn withdraw(
        &self,
        device: &Device,
        id: &RequestId,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        let done = self.was_done(device, once).await?;
        let own = self.own_request(device, id).await?;
        if done {
            return Ok(own);
        }
        let note = format!("{id} withdrawn");
        let step = (&RequestEvent::Withdraw, Act::CERTIFICATE_REQUEST, &*note);
        let remember = once.map(|once| once::remember(&device.id, once, &(), self.clock.now_ms()));
        let beside = remember.transpose()?.map(Write::Remember);
        let withdrawn = self.advance(id, Some(device), step, beside.as_slice()).await;
        self.or_done(withdrawn, device, id, once).await
    }

    async fn was_done(&self, device: &Device, once: Option<&Once>) -> Result<bool, Error> {
        let done = once::recall::<()>(&*self.store, &device.id, once, self.clock.now_ms()).await?;
        Ok(done.is_some())
    }

    /// What was refused only because the same request came twice at once, and the other one was first, is done.
    async fn or_done(
        &self,
        outcome: Result<Request, Error>,
        device: &Device,
        id: &RequestId,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        match outcome {
            Err(_) if self.was_done(device, once).await? => self.own_request(device, id).await,
            outcome => outcome,
        }
    }

    /// The applicant hands a returned request in again, corrected.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn resubmit(
        &self,
        device: &Device,
        id: &RequestId,
        csr: Vec<u8>,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        let done = self.was_done(device, once).await?;
        let request = self.own_request(device, id).await?;
        if done {
            return Ok(request);
        }
        let submitted = self.submit_again(device, &request, csr, once).await;
        self.or_done(submitted, device, id, once).await
    }

    async fn submit_again(
        &self,
        device: &Device,
        request: &Request,
        csr: Vec<u8>,
        once: Option<&Once>,
    ) -> Result<Request, Error> {
        self.judge(device, &request.authority, &request.kind, &csr).await?;
        if csr.len() > MAX_CSR {
            return Err(Error::BadRequest("a certification request has at most 8192 bytes"));
        }
        let authority = self.authority(&request.authority).await?;
        let (moved, _) = transition(request, &RequestEvent::Submit, authority.options.reviewers)?;
        let now_ms = self.clock.now_ms();
        let log =
            event(now_ms, Act::CERTIFICATE_REQUEST, Some(device), format!("{} submitted again", request.id));
        let save = RegistryWrite::SaveRequest(Box::new(Request { csr, ..moved }));
        let mut unit = Unit(vec![Write::Registry(save), Write::Log(log)]);
        if let Some(once) = once {
            unit.0.push(Write::Remember(once::remember(&device.id, once, &(), now_ms)?));
        }
        self.store.commit(unit).await?;
        self.request(&request.id).await
    }

    async fn advance(
        &self,
        id: &RequestId,
        device: Option<&Device>,
        (step, act, note): (&RequestEvent, Act, &str),
        beside: &[Write],
    ) -> Result<Request, Error> {
        for _ in 0..ATTEMPTS {
            let request = self.request(id).await?;
            let authority = self.authority(&request.authority).await?;
            let (moved, effect) = transition(&request, step, authority.options.reviewers)?;
            let now_ms = self.clock.now_ms();
            let mut unit = Unit(vec![
                Write::Registry(RegistryWrite::SaveRequest(Box::new(moved))),
                Write::Log(event(now_ms, act, device, note.to_owned())),
            ]);
            unit.0.extend_from_slice(beside);
            if let Some(RequestEffect::Revoke(serial, reason)) = effect {
                let revoked = self.revocation(&authority.id, &serial, reason, device, now_ms).await?;
                unit.0.extend(revoked.0);
            }
            match self.store.commit(unit).await {
                Ok(()) => return self.request(id).await,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Stale.into())
    }
}
