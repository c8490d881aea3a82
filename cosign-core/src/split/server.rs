//! The server's role in a split: the second half of a new share, for a key id that waits for it.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::{Zeroizing, rand_core::TryCryptoRng};

use super::{Kind, factor};
use crate::{
    error::Code,
    gate::Gate,
    ids::{KeyId, RefreshId},
    keygen::server::{Issued, Origin},
    oprf::OprfKey,
    pin::random_bytes,
    server::{KeyRecord, Parent, Status},
    wire::Fields,
};

/// Op 08 as the server read it.
pub(crate) struct Request {
    pub(crate) to: KeyId,
    kind: Kind,
    r_a: Zeroizing<[u8; 32]>,
    auth: Zeroizing<[u8; 32]>,
}

impl Request {
    pub(crate) fn read(item: &[u8]) -> Result<Self, Code> {
        let mut fields = Fields(item);
        let to = KeyId::from_bytes(*fields.take().ok_or(Code::Length)?);
        let &[kind] = fields.take().ok_or(Code::Length)?;
        let kind = Kind::from_byte(kind).ok_or(Code::Version)?;
        let r_a = Zeroizing::new(*fields.take().ok_or(Code::Length)?);
        let auth = Zeroizing::new(*fields.take().ok_or(Code::Length)?);
        Ok(Self { to, kind, r_a, auth })
    }

    /// Splits the share of `record` for the key id that was issued for that: the answer's item and the new key, which
    /// arrives with its first refresh.
    pub(crate) fn split(
        &self,
        record: &KeyRecord,
        issued: Option<&Issued>,
        free_seats: u32,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, KeyRecord), Code> {
        let KeyRecord { key_id, suite, purpose, .. } = *record;
        let fits = |issued: &&Issued| {
            let same = issued.suite == suite && issued.purpose == purpose && issued.mode == record.pin_mode();
            same && issued.origin == Origin::Split(key_id)
        };
        let device = issued.filter(fits).ok_or(Code::Key)?.device;
        let seat = match self.kind {
            Kind::Move => record.seat,
            Kind::Share if record.seat || free_seats == 0 => return Err(Code::Quota),
            Kind::Share => true,
        };
        let r_b = random_bytes::<32>(rng).map_err(|_| Code::Internal)?;
        let t = factor(&key_id, &self.to, record.epoch, &self.r_a, &r_b);
        let (share, point) = record.share.rescale(&t, &self.auth).ok_or(Code::Internal)?;
        // Its own: whoever has guesses at one share learns nothing of another's.
        let oprf = match record.oprf {
            Some(_) => Some(Arc::new(OprfKey::random(rng).map_err(|_| Code::Internal)?)),
            None => None,
        };
        let arriving = KeyRecord {
            key_id: self.to,
            device,
            suite,
            purpose,
            status: Status::Arriving,
            epoch: 1,
            rid: RefreshId::KEYGEN,
            public_key: record.public_key,
            created_ms: now_ms,
            gate: Gate::default(),
            decrypts: record.decrypts,
            pending_sign: None,
            parent: Some(Parent { key_id, kind: self.kind, active: true }),
            seat,
            share: Arc::new(share),
            oprf,
            pending: None,
        };
        Ok(([&r_b[..], &point.to_bytes()].concat(), arriving))
    }
}
