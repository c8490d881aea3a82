//! What is kept of certificates that were issued.

use cosign_core::{
    DeviceId, KeyId, PinMode, Purpose, Suite,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};

use super::{Draft, Recoverable};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        Authority, CertEvent, CertState, Certificate, EscrowedKey, Serial, Successor,
        ports::{Made, Order, RegistryWrite},
    },
    device::{Device, Name},
    key::{Change, IssuedKey, Origin, RECOVERY_TTL_MS, Status},
    ports::{Unit, Write},
    services::{
        ca::{Authorities, change::Plan, event},
        shares::change_unit,
    },
};

impl Authorities {
    /// The rows of what was issued, the key that goes to the device, and the writes that come after those of the plan.
    #[expect(clippy::too_many_arguments, reason = "the parts of one transaction")]
    pub(super) async fn rows(
        &self,
        authority: &Authority,
        device: &Device,
        key_id: KeyId,
        draft: &Draft,
        certificates: &[pki::Certificate],
        plan: &mut Plan,
        now_ms: u64,
    ) -> Result<(Vec<Certificate>, Option<Recoverable>, Unit), Error> {
        if certificates.len() != draft.orders.len() {
            return Err(Error::Internal);
        }
        let mut rows = Vec::with_capacity(certificates.len());
        for (order, certificate) in draft.orders.iter().zip(certificates) {
            rows.push(row(authority, order, certificate, now_ms)?);
        }
        let mut tail = Unit::default();
        let mut key = None;
        let (first, second) = match &mut rows[..] {
            [first] => (first, None),
            [first, second] => (first, Some(second)),
            _ => return Err(Error::Internal),
        };
        first.device = Some(device.id);
        first.key_id = Some(key_id);
        if let Some(second) = second {
            second.device = Some(device.id);
            second.pair = Some(first.serial.clone());
            first.pair = Some(second.serial.clone());
            match (&draft.made, &draft.replaced) {
                (Some(made), _) => {
                    let (id, writes) = self.order_key(&device.id, made.public_key, now_ms)?;
                    second.key_id = Some(id);
                    key = Some(Recoverable { key_id: id, enveloped: Some(made.enveloped.clone()) });
                    tail.0.extend(writes);
                    tail.0.extend(escrow(authority, made, id, now_ms));
                }
                (None, Some((_, Some(pair), _))) => {
                    second.key_id = pair.key_id;
                    second.replaces = Some(pair.serial.clone());
                }
                (None, _) => return Err(Error::Internal),
            }
        }
        if let Some((old, pair, how)) = &draft.replaced {
            first.replaces = Some(old.serial.clone());
            plan.add(old, CertEvent::Supersede(*how), Some(device), now_ms)?;
            match (pair, how) {
                (Some(pair), Successor::Reissue) => {
                    let (id, writes) = self.rehome(device, first, pair, now_ms).await?;
                    first.pair = Some(pair.serial.clone());
                    key = Some(Recoverable { key_id: id, enveloped: None });
                    tail.0.extend(writes);
                }
                (Some(pair), _) => plan.add(pair, CertEvent::Supersede(*how), Some(device), now_ms)?,
                (None, _) => {}
            }
        }
        for row in &rows {
            tail.0.push(Write::Registry(RegistryWrite::AddCertificate(Box::new(row.clone()))));
            tail.0.push(Write::Log(issued(row, Some(device), now_ms)));
        }
        Ok((rows, key, tail))
    }

    /// A key id under which a device imports a decryption key.
    fn order_key(
        &self,
        device: &DeviceId,
        public_key: PublicKey,
        now_ms: u64,
    ) -> Result<(KeyId, [Write; 2]), Error> {
        let issued = IssuedKey {
            key_id: KeyId::from_bytes(self.random()?),
            device: *device,
            suite: Suite::D,
            purpose: Purpose::Encrypt,
            mode: PinMode::Base,
            origin: Origin::Recovered(public_key),
            label: Name::try_from("decryption".to_owned())?,
            issued_ms: now_ms,
            expires_ms: now_ms.saturating_add(RECOVERY_TTL_MS),
            used_ms: None,
        };
        let note = format!("{}, certified", issued.purpose.as_str());
        let log = Event::administration(now_ms, Act::ISSUE, note).about(issued.key_id, None);
        Ok((issued.key_id, [Write::IssueKey(issued), Write::Log(log)]))
    }

    /// The decryption key of a pair goes to another device: what is left of it ends, and an id waits for its import.
    async fn rehome(
        &self,
        device: &Device,
        first: &Certificate,
        pair: &Certificate,
        now_ms: u64,
    ) -> Result<(KeyId, Vec<Write>), Error> {
        let point = PublicPoint::from_bytes(&pair.public_key);
        let mut shares = self.store.shares(&pair.public_key).await?;
        shares.retain(|share| share.status != Status::Revoked);
        let (unit, _) = change_unit(&pair.public_key, &shares, Change::Revoke, now_ms)?;
        let (key_id, writes) = self.order_key(&device.id, point.ok_or(Error::Internal)?.into(), now_ms)?;
        let rehome = RegistryWrite::Rehome {
            authority: pair.authority.clone(),
            serial: pair.serial.clone(),
            pair: first.serial.clone(),
            device: device.id,
            key_id,
        };
        let mut all = unit.0;
        all.extend(writes);
        all.push(Write::Registry(rehome));
        Ok((key_id, all))
    }
}

/// What is kept of a certificate, which must be of the ordered key.
pub(super) fn row(
    authority: &Authority,
    order: &Order,
    certificate: &pki::Certificate,
    now_ms: u64,
) -> Result<Certificate, Error> {
    if certificate.key().sm2() != Some(&order.public_key) {
        return Err(Error::Internal);
    }
    let validity = certificate.validity();
    Ok(Certificate {
        authority: authority.id.clone(),
        serial: Serial::new(certificate.serial())?,
        role: order.role,
        state: CertState::Valid,
        subject: certificate.subject().as_der().to_vec(),
        public_key: order.public_key.as_point().to_bytes(),
        device: None,
        key_id: None,
        pair: None,
        replaces: None,
        request: Some(order.request),
        not_before_ms: validity.not_before.as_unix().saturating_mul(1000),
        // All of its last second counts.
        not_after_ms: validity.not_after.as_unix().saturating_mul(1000).saturating_add(999),
        issued_ms: now_ms,
        listed: None,
        status_version: 0,
        der: certificate.as_der().to_vec(),
    })
}

pub(super) fn issued(row: &Certificate, device: Option<&Device>, now_ms: u64) -> Event {
    let note = format!("{} {} {}", row.authority, row.serial, row.role.as_str());
    Event {
        key_id: row.key_id,
        public_key: Some(row.public_key),
        ..event(now_ms, Act::CERTIFY, device, note)
    }
}

fn escrow(authority: &Authority, made: &Made, key_id: KeyId, now_ms: u64) -> [Write; 2] {
    let public_key = made.public_key.as_point().to_bytes();
    let quorum = authority.options.quorum.as_ref();
    let note = quorum.map_or_else(String::new, |quorum| {
        format!("{}, {} of {} custodians", authority.id, quorum.threshold, quorum.custodians.len())
    });
    let log = Event::administration(now_ms, Act::ESCROW, note).about(key_id, None);
    let kept = EscrowedKey {
        authority: authority.id.clone(),
        public_key,
        container: made.container.clone(),
        created_ms: now_ms,
    };
    [
        Write::Registry(RegistryWrite::AddEscrow(kept)),
        Write::Log(Event { public_key: Some(public_key), ..log }),
    ]
}
