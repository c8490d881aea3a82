//! Certificates of the subjects of the office, which has found them entitled. They are part of its own units.

use cosign_core::sm_primitives::sm2::PublicKey;

use super::{BACKDATED_MS, DAY_MS, Installed};
use crate::domain::{
    Error,
    audit::Act,
    ca::{
        AuthorityId, Backend, CertEvent, CertState, Certificate, Decision, Kind, Profile, Request, RequestId,
        RequestState, Role, Serial, Successor,
        ports::{Order, RegistryWrite},
    },
    device::Device,
    ports::{Unit, Write},
    services::ca::{Authorities, apply::prove, event},
};

/// Longest certification request in bytes.
const MAX_CSR: usize = 8 * 1024;

/// What the office has granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its request, under the id that the office gave it.
    pub id: RequestId,
    /// At which authority.
    pub authority: AuthorityId,
    /// A new certificate, or one in the place of another.
    pub kind: Kind,
    /// What kind of subject.
    pub profile: Profile,
    /// The subject, DER.
    pub subject: Vec<u8>,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
    /// Days that it is valid.
    pub days: u64,
    /// Who passed it.
    pub decisions: Vec<Decision>,
}

impl Authorities {
    /// The unit that issues what was granted for a key of this device, and what it gives.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a certification request that does not hold, or without a protection key where one is
    /// needed; [`Error::Conflict`] when the key or the certificate that it takes the place of does not allow it;
    /// [`Error::NotFound`], storage faults.
    pub(in crate::domain) async fn grant(
        &self,
        device: &Device,
        granted: Granted,
        csr: Vec<u8>,
        protection: Option<&PublicKey>,
    ) -> Result<(Unit, Installed), Error> {
        let now_ms = self.clock.now_ms();
        let authority = self.authority(&granted.authority).await?;
        if authority.retired_ms.is_some() {
            return Err(Error::Conflict("the authority is retired"));
        }
        if authority.options.backend != Backend::Embedded {
            return Err(Error::Conflict("an authority outside takes requests of devices only"));
        }
        if csr.len() > MAX_CSR {
            return Err(Error::BadRequest("a certification request has at most 8192 bytes"));
        }
        let proven = prove(&csr)?;
        let key_id = self.signing_key(&device.id, &proven.key).await?.key_id;
        let replaced = match &granted.kind {
            Kind::Replace(serial, how) => {
                let old = self.certificate(&authority.id, serial).await?;
                may_replace(&old, *how, device, &proven.key)?;
                Some((serial.clone(), *how))
            }
            Kind::New | Kind::Revoke(..) => None,
        };
        let base = Order {
            request: granted.id,
            csr: csr.clone(),
            subject: Some(granted.subject),
            profile: granted.profile,
            role: Role::Sign,
            public_key: proven.key,
            serial: self.new_serial()?,
            not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
            not_after_ms: now_ms.saturating_add(DAY_MS.saturating_mul(granted.days)),
        };
        let draft = self.draft(&authority, base, granted.dual, replaced, protection).await?;
        let request = Request {
            id: granted.id,
            authority: granted.authority,
            kind: granted.kind,
            device: Some(device.id),
            csr,
            profile: granted.profile,
            dual: granted.dual,
            state: RequestState::Closed,
            decisions: granted.decisions,
            created_ms: now_ms,
            version: 1,
        };
        let note = format!("{} {} {}", request.authority, request.id, request.kind.as_str());
        let log = event(now_ms, Act::CERTIFICATE_REQUEST, Some(device), note);
        let add = RegistryWrite::AddRequest(Box::new(request));
        let (mut unit, installed) = self.issuing(&authority, (device, key_id), &draft, add, now_ms).await?;
        unit.0.push(Write::Log(log));
        Ok((unit, installed))
    }

    /// The unit that changes a certificate with its pair and their keys; nothing if it stands there already.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when its state does not allow it, storage faults.
    pub(in crate::domain) async fn changing(
        &self,
        authority: &AuthorityId,
        serial: &Serial,
        what: CertEvent,
    ) -> Result<Unit, Error> {
        let certificate = self.certificate(authority, serial).await?;
        let now_ms = self.clock.now_ms();
        match (certificate.state, what) {
            (CertState::Revoked, CertEvent::Revoke(_))
            | (CertState::Frozen, CertEvent::Freeze)
            | (CertState::Valid, CertEvent::Unfreeze)
            | (CertState::NeedsChange, CertEvent::Outdate) => Ok(Unit::default()),
            (_, CertEvent::Revoke(reason)) => self.revocation(authority, serial, reason, None, now_ms).await,
            _ => self.changes(vec![certificate], what, None, now_ms).await,
        }
    }
}

/// Renewed and changed certificates keep their key, on their device; a reissue is for another one.
fn may_replace(old: &Certificate, how: Successor, device: &Device, key: &PublicKey) -> Result<(), Error> {
    let same_key = old.public_key == key.as_point().to_bytes();
    match how {
        Successor::Reissue if same_key => Err(Error::Conflict("a certificate is reissued for another key")),
        Successor::Renewal | Successor::Change if old.device != Some(device.id) => Err(Error::NotFound),
        Successor::Renewal | Successor::Change if !same_key => {
            Err(Error::Conflict("the key of the certificate stays"))
        }
        _ => Ok(()),
    }
}
