//! What everybody may know: revocation lists, OCSP answers, time stamps.
//!
//! Every list and every kept answer carries the status version that it tells, and is looked at beside the present one
//! before it is given out. So what one process revokes, another one answers from its next request on.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use cosign_core::sm_primitives::sm3;
use pki::{
    issue::{Responder, refusal},
    ocsp::{CertId, OcspRequest, ResponseStatus},
};

use super::{ATTEMPTS, Authorities, event};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        Authority, AuthorityId, Backend, CertState, Duty, Serial,
        ports::{AnswerOrder, List, ListKind, ListOrder, RegistryWrite, Standing, Which},
    },
    page::Page,
    ports::{StoreError, Write},
};

/// Answers that are kept.
const MAX_ANSWERS: usize = 1 << 16;
/// Most certificates in a request that is answered.
const MAX_ASKED: usize = 32;

/// An answer that may be given out again.
#[derive(Clone, Debug)]
pub struct Answer {
    /// OCSPResponse, DER.
    pub der: Vec<u8>,
    /// When it was signed and until when it may be kept, unix milliseconds; `None` for one that may not.
    pub valid_ms: Option<(u64, u64)>,
}

impl Answer {
    fn refusal(why: ResponseStatus) -> Self {
        Self { der: refusal(why), valid_ms: None }
    }
}

/// Answers that were signed for one certificate, by authority and certificate, with what they say.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<Asked, (Standing, Answer)>>);

/// Whom, and about which certificate.
type Asked = (AuthorityId, Vec<u8>);

impl Answers {
    fn get(&self, key: &Asked, standing: Standing, now_ms: u64) -> Option<Answer> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, answer) = kept.get(key)?;
        // Used for half of its time, so that whoever gets it can keep it for a while.
        let (from_ms, until_ms) = answer.valid_ms?;
        let is_fresh =
            now_ms >= from_ms && now_ms.saturating_sub(from_ms) * 2 <= until_ms.saturating_sub(from_ms);
        (*said == standing && is_fresh).then(|| answer.clone())
    }

    fn keep(&self, key: Asked, standing: Standing, answer: Answer) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_ANSWERS {
            kept.clear();
        }
        kept.insert(key, (standing, answer));
    }
}

impl Authorities {
    /// The present revocation list, signed anew if the one that is kept is not that.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown authority and for one that is outside, [`Error::Busy`], storage faults.
    pub async fn revocation_list(&self, id: &AuthorityId, delta: bool) -> Result<List, Error> {
        for _ in 0..ATTEMPTS {
            let authority = self.authority(id).await?;
            if authority.options.backend != Backend::Embedded {
                return Err(Error::NotFound);
            }
            let now_ms = self.clock.now_ms();
            let which = if delta { ListKind::Delta } else { ListKind::Full };
            if let Some(kept) = self.registry.list(id, which).await?
                && kept.status_version == authority.status_version
                && now_ms < due_ms(&kept, interval_s(&authority, delta))
            {
                return Ok(kept);
            }
            match self.sign_list(&authority, delta, now_ms).await {
                Ok(Some(list)) => return Ok(list),
                Ok(None) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// `None`: something was changed meanwhile.
    async fn sign_list(
        &self,
        authority: &Authority,
        delta: bool,
        now_ms: u64,
    ) -> Result<Option<List>, Error> {
        let id = &authority.id;
        let base = match self.registry.list(id, ListKind::Base).await? {
            Some(base) if delta && base.next_update_ms > now_ms => Some(base),
            _ if delta => {
                // Without a full list there is nothing to add to.
                Box::pin(self.sign_list(authority, false, now_ms)).await?;
                self.registry.list(id, ListKind::Base).await?
            }
            _ => None,
        };
        let mut numbers = Vec::new();
        for which in [ListKind::Full, ListKind::Delta] {
            numbers.extend(self.registry.list(id, which).await?.map(|list| list.number));
        }
        let entries = self.registry.listed(id, base.as_ref().map(|base| base.status_version)).await?;
        let interval_ms = u64::from(interval_s(authority, delta)).saturating_mul(1000);
        // Whole seconds, as the list has them.
        let this_update_ms = now_ms - now_ms % 1000;
        let order = ListOrder {
            number: numbers.into_iter().max().unwrap_or(0).saturating_add(1),
            base: base.map(|base| base.number),
            this_update_ms,
            next_update_ms: this_update_ms.saturating_add(interval_ms + interval_ms / 4),
            entries,
        };
        let (number, next_update_ms) = (order.number, order.next_update_ms);
        let der = self.certifier.sign_list(authority, order).await?;
        let note = format!("{id} {} list {number}", if delta { "delta" } else { "full" });
        let log = Event { h_req: Some(sm3::digest(&der)), ..event(now_ms, Act::REVOCATION_LIST, None, note) };
        let list = List {
            authority: id.clone(),
            delta,
            number,
            status_version: authority.status_version,
            this_update_ms,
            next_update_ms,
            der,
        };
        let keep = RegistryWrite::KeepList(list.clone());
        match self.store.commit([Write::Registry(keep), Write::Log(log)].into()).await {
            Ok(()) => Ok(Some(list)),
            Err(StoreError::Stale) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers an OCSP request, whatever it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown authority and for one that is outside.
    pub async fn answer_ocsp(&self, id: &AuthorityId, request: &[u8]) -> Result<Answer, Error> {
        let authority = self.authority(id).await?;
        if authority.options.backend != Backend::Embedded {
            return Err(Error::NotFound);
        }
        let request = match Responder::read(request) {
            Ok(request) if request.ids().len() <= MAX_ASKED => request,
            Ok(_) => return Ok(Answer::refusal(ResponseStatus::MalformedRequest)),
            Err(why) => return Ok(Answer::refusal(why)),
        };
        let own = authority.certificate()?;
        if !request.ids().iter().any(|id| id.is_of(own)) {
            return Ok(Answer::refusal(ResponseStatus::Unauthorized));
        }
        match self.answer(&authority, request).await {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_retryable() => Ok(Answer::refusal(ResponseStatus::TryLater)),
            Err(error) => Err(error),
        }
    }

    async fn answer(&self, authority: &Authority, request: OcspRequest) -> Result<Answer, Error> {
        let mut standings = Vec::with_capacity(request.ids().len());
        for id in request.ids() {
            standings.push(self.standing(authority, id).await?);
        }
        let now_ms = self.clock.now_ms();
        let has_nonce = request.nonce().is_some();
        let kept_by = match (request.ids(), &standings[..]) {
            ([id], [standing]) if !has_nonce && *standing != Standing::Unknown => {
                Some(((authority.id.clone(), id.as_der().to_vec()), *standing))
            }
            _ => None,
        };
        if let Some((key, standing)) = &kept_by
            && let Some(answer) = self.answers.get(key, *standing, now_ms)
        {
            return Ok(answer);
        }
        let this_update_ms = now_ms - now_ms % 1000;
        let validity_ms = u64::from(authority.options.ocsp_validity_s).saturating_mul(1000);
        let next_update_ms = this_update_ms.saturating_add(validity_ms);
        let delegated = self.serves(&authority.id, Duty::Answer).await?;
        let order = AnswerOrder { request, standings, this_update_ms, next_update_ms, delegated };
        let der = self.certifier.answer(authority, order).await?;
        let valid_ms = (!has_nonce).then_some((this_update_ms, next_update_ms));
        let answer = Answer { der, valid_ms };
        if let Some((key, standing)) = kept_by {
            self.answers.keep(key, standing, answer.clone());
        }
        Ok(answer)
    }

    async fn standing(&self, authority: &Authority, id: &CertId) -> Result<Standing, Error> {
        if !id.is_of(authority.certificate()?) {
            return Ok(Standing::Unknown);
        }
        let Ok(serial) = Serial::new(id.serial()) else { return Ok(Standing::Unknown) };
        Ok(match self.registry.certificate(&authority.id, &serial).await? {
            None => Standing::Unknown,
            Some(certificate) => match certificate.listed {
                Some((since_ms, reason)) => Standing::Revoked(since_ms, reason),
                None => Standing::Good,
            },
        })
    }

    /// Whether an authority has a key for this, whose certificate stands.
    async fn serves(&self, id: &AuthorityId, duty: Duty) -> Result<bool, Error> {
        let keys = self.store.authority_keys().await?;
        let Some(key) = keys.iter().find(|key| key.authority == *id && key.duty == duty) else {
            return Ok(false);
        };
        let public_key = Some(key.public_key.as_point().to_bytes());
        let own = self
            .registry
            .certificates(Which { public_key, page: Page::first(1), ..Which::default() })
            .await?;
        Ok(own.iter().all(|own| own.state == CertState::Valid))
    }

    /// Answers a time-stamp request.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown authority and for one that stamps nothing, or does not any more; [`Error::Busy`],
    /// storage faults.
    pub async fn stamp(&self, id: &AuthorityId, request: Vec<u8>) -> Result<Vec<u8>, Error> {
        let authority = self.authority(id).await?;
        if !self.serves(id, Duty::Stamp).await? {
            return Err(Error::NotFound);
        }
        self.certifier.stamp(&authority, request).await
    }

    /// What is done beside all this every few seconds: certificates expire, lists are signed before they run out.
    pub async fn maintain(&self) {
        if let Err(error) = self.expire().await {
            tracing::warn!(%error, "certificates whose end has come were not marked");
        }
        let Ok(authorities) = self.list().await else { return };
        for authority in authorities {
            if authority.options.backend != Backend::Embedded {
                continue;
            }
            for delta in [false, true] {
                if let Err(error) = self.revocation_list(&authority.id, delta).await {
                    tracing::error!(authority = %authority.id, delta, %error, "no revocation list was signed");
                }
            }
        }
    }
}

const fn interval_s(authority: &Authority, delta: bool) -> u32 {
    if delta { authority.options.delta_interval_s } else { authority.options.crl_interval_s }
}

/// When the next list is signed: a while before this one runs out.
fn due_ms(list: &List, interval_s: u32) -> u64 {
    list.this_update_ms.saturating_add(u64::from(interval_s).saturating_mul(1000))
}
