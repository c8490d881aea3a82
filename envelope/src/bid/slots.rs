//! Who holds which share, wrapped. The only part of a bid that may change.

use alloc::vec::Vec;

use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{Ciphertext, PrivateKey, pke},
};

use super::{
    InvalidBid, MAX_SLOTS_LEN,
    fields::{Broken, Fields, number, sequence},
    lock::Lock,
    manifest::Manifest,
    sharing::Share,
};
use crate::{
    der::{CONSTRUCTED, INTEGER, SEQUENCE, context, element},
    error::{ApiMisuse, Error},
    recipient::{IssuerAndSerial, RecipientId, SubjectKeyId},
    sm2::Sm2Recipient,
};

/// Most slots of a bid.
pub const MAX_SLOTS: usize = 1024;

/// One share wrapped to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    share: u8,
    recipient: RecipientId,
    wrapped: Ciphertext,
}

impl Slot {
    /// Wraps a share. Timing: independent of it.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn wrap(
        share: &Share,
        recipient: &Sm2Recipient,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let bytes = share.expose_bytes();
        let wrapped =
            pke::encrypt(recipient.public_key(), bytes.as_slice(), rng).map_err(|_| Error::RandomFailed)?;
        Ok(Self { share: share.number(), recipient: recipient.id().clone(), wrapped })
    }

    /// The number of the share, from 1.
    #[must_use]
    pub const fn share(&self) -> u8 {
        self.share
    }

    /// Whose slot it is.
    #[must_use]
    pub const fn recipient(&self) -> &RecipientId {
        &self.recipient
    }

    /// The wrapped share: what two-party decryption takes. [`Manifest::share`] takes what it gives.
    #[must_use]
    pub const fn ciphertext(&self) -> &Ciphertext {
        &self.wrapped
    }

    /// Unwraps the share with a local key. Timing: independent of the key.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`InvalidBid::ShareMismatch`].
    pub fn unwrap(&self, manifest: &Manifest, key: &PrivateKey) -> Result<Share, Error> {
        let bytes = pke::decrypt(key, &self.wrapped).map_err(|_| Error::WrongKey)?;
        Ok(manifest.share(self.share, &bytes)?)
    }
}

/// The slots of a bid and its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    slots: Vec<Slot>,
    lock: Option<Ciphertext>,
}

impl Slots {
    /// At least one slot for each share of the policy, so that everybody can open who shall.
    ///
    /// # Errors
    /// [`ApiMisuse::BidHolders`]: a share without a slot, a slot without a share, or more than 1,024 slots.
    /// [`ApiMisuse::BidLock`]: a lock without an opening, or the other way round.
    pub fn new(manifest: &Manifest, slots: Vec<Slot>, lock: Option<Ciphertext>) -> Result<Self, Error> {
        let held = manifest.policy().shares().all(|share| slots.iter().any(|slot| slot.share == share));
        let known = slots.iter().all(|slot| manifest.policy().role(slot.share).is_some());
        if !held || !known || slots.len() > MAX_SLOTS {
            return Err(ApiMisuse::BidHolders.into());
        }
        let lock = lock.filter(|lock| lock.c2().len() == Lock::LEN);
        if lock.is_some() != manifest.opening().is_some() {
            return Err(ApiMisuse::BidLock.into());
        }
        Ok(Self { slots, lock })
    }

    /// Every slot.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The lock: what the signing server takes.
    #[must_use]
    pub const fn lock(&self) -> Option<&Ciphertext> {
        self.lock.as_ref()
    }

    /// The slots that name one of these, in their order.
    pub fn find<'a>(&'a self, ids: &'a [RecipientId]) -> impl Iterator<Item = &'a Slot> {
        self.slots.iter().filter(|slot| ids.contains(&slot.recipient))
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let too_large = |_| Error::from(ApiMisuse::BidHolders);
        let mut slots = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let wrapped = slot.wrapped.to_der().map_err(too_large)?;
            slots.push(sequence(&[number(u64::from(slot.share)), slot.recipient.to_der(), wrapped]));
        }
        let mut fields = alloc::vec![sequence(&slots)];
        if let Some(lock) = &self.lock {
            fields.push(element(context(0) | CONSTRUCTED, &[&lock.to_der().map_err(too_large)?]));
        }
        let bytes = sequence(&fields);
        if bytes.len() > MAX_SLOTS_LEN { Err(ApiMisuse::BidHolders.into()) } else { Ok(bytes) }
    }

    /// Reads the slots of a bid with this manifest.
    pub(super) fn from_bytes(bytes: &[u8], manifest: &Manifest) -> Result<Self, InvalidBid> {
        let broken = |_: Broken| InvalidBid::Slots;
        let mut fields = Fields::of_sequence(bytes).map_err(broken)?;
        let mut list = fields.sequence().map_err(broken)?;
        let lock = fields.optional(context(0) | CONSTRUCTED).map_err(broken)?;
        fields.finish().map_err(broken)?;

        let mut slots = Vec::new();
        while !list.is_empty() {
            if slots.len() == MAX_SLOTS {
                return Err(InvalidBid::TooManySlots);
            }
            let place = u32::try_from(slots.len()).unwrap_or(u32::MAX);
            slots.push(slot(list.sequence().map_err(broken)?, place, manifest)?);
        }
        if slots.is_empty() {
            return Err(InvalidBid::NoSlots);
        }
        let lock =
            lock.map(|der| ciphertext(der, Lock::LEN).ok_or(InvalidBid::LockCiphertext)).transpose()?;
        match (&lock, manifest.opening()) {
            (None, Some(_)) => Err(InvalidBid::LockMissing),
            (Some(_), None) => Err(InvalidBid::LockUnexpected),
            _ => Ok(Self { slots, lock }),
        }
    }
}

fn slot(mut fields: Fields<'_>, place: u32, manifest: &Manifest) -> Result<Slot, InvalidBid> {
    let number = fields.number().map_err(|_| InvalidBid::Slots)?;
    let share = u8::try_from(number).ok().filter(|&share| manifest.policy().role(share).is_some());
    let share = share.ok_or(InvalidBid::SlotShare(number))?;
    let recipient = recipient(&mut fields).map_err(|_| InvalidBid::Slots)?;
    let wrapped = fields.next().map_err(|_| InvalidBid::Slots)?.whole;
    fields.finish().map_err(|_| InvalidBid::Slots)?;
    let wrapped = ciphertext(wrapped, Share::LEN).ok_or(InvalidBid::SlotCiphertext(place))?;
    Ok(Slot { share, recipient, wrapped })
}

fn recipient(fields: &mut Fields<'_>) -> Result<RecipientId, Broken> {
    if let Some(id) = fields.optional(context(0))? {
        return SubjectKeyId::new(id).map(RecipientId::SubjectKeyId).map_err(|_| Broken);
    }
    let mut name = fields.sequence()?;
    let issuer = name.next()?;
    let serial = name.expect(INTEGER)?;
    name.finish()?;
    if issuer.tag != SEQUENCE {
        return Err(Broken);
    }
    IssuerAndSerial::new(issuer.whole, serial).map(RecipientId::IssuerAndSerial).map_err(|_| Broken)
}

/// An SM2 ciphertext of `len` bytes.
fn ciphertext(der: &[u8], len: usize) -> Option<Ciphertext> {
    Ciphertext::from_der(der).ok().filter(|ciphertext| ciphertext.c2().len() == len)
}
