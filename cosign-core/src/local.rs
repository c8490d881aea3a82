//! What the client stores of a key: 188 bytes that test no PIN.

use core::fmt;

use once_cell::race::OnceBox;
use sm_primitives::{SecretScalar, Zeroizing, batch::Multiplier, point::PublicPoint, sm2::PublicKey};

use crate::{
    error::{ApiMisuse, Error},
    ids::{KeyId, PinMode, Purpose, RefreshId, Suite},
    oprf::Rwd,
    pin::{Derivation, DeviceKey, MIN_ITERATIONS, Mask, Pin, tags_equal},
    share::{self, ClientKey, Reserved},
    wire::{Fields, VERSION},
};

/// Offset of the tag, which covers everything before it.
const TAG: usize = LocalRecord::LEN - 32;

/// The client's record of one key in one epoch: written whole at key generation and at each refresh.
///
/// | offset | field | | offset | field |
/// |---|---|---|---|---|
/// | 0 | version 01 | | 39 | `P`, 64 |
/// | 1 | suite | | 103 | salt, 16 |
/// | 2 | purpose | | 119 | derivation, 01 base, 02 oblivious |
/// | 3 | key id, 16 | | 120 | iterations, 4 |
/// | 19 | epoch, 4 | | 124 | masked share `u`, 32 |
/// | 23 | refresh id, 16 | | 156 | HMAC-SM3 under the device secret, 32 |
pub struct LocalRecord {
    key_id: KeyId,
    suite: Suite,
    purpose: Purpose,
    epoch: u32,
    rid: RefreshId,
    public_key: PublicKey,
    base: PublicPoint,
    derivation: Derivation,
    masked: SecretScalar,
    tag: [u8; 32],
}

/// The public part of a record.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) key_id: KeyId,
    pub(crate) suite: Suite,
    pub(crate) purpose: Purpose,
    pub(crate) epoch: u32,
    pub(crate) rid: RefreshId,
    pub(crate) public_key: PublicKey,
}

impl LocalRecord {
    /// Length in bytes.
    pub const LEN: usize = 188;

    /// Masks a share and signs the record under the device secret.
    pub(crate) fn new(
        facts: Facts,
        derivation: Derivation,
        share: &SecretScalar,
        mask: &Mask,
        device_key: &DeviceKey,
    ) -> Option<Self> {
        let mut record = Self {
            key_id: facts.key_id,
            suite: facts.suite,
            purpose: facts.purpose,
            epoch: facts.epoch,
            rid: facts.rid,
            public_key: facts.public_key,
            base: share::base(&facts.public_key)?,
            derivation,
            masked: share.mul(&mask.mask.invert()),
            tag: [0; 32],
        };
        record.tag = record.expected_tag(device_key);
        Some(record)
    }

    /// Reads a stored record. Whether it belongs to this device shows in [`Self::unlock`].
    ///
    /// # Errors
    /// [`Error::InvalidRecord`] for any length, version, suite, purpose, point, derivation or scalar out of range.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(bytes).ok_or(Error::InvalidRecord)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let &[version, suite, purpose] = fields.take()?;
        let (suite, purpose) = (Suite::from_byte(suite)?, Purpose::from_byte(purpose)?);
        let key_id = KeyId::from_bytes(*fields.take()?);
        let epoch = fields.u32()?;
        let rid = RefreshId::from_bytes(*fields.take()?);
        let public_key = PublicKey::from(PublicPoint::from_bytes(fields.take()?)?);
        let salt = *fields.take()?;
        let &[derivation] = fields.take()?;
        let mode = PinMode::from_byte(derivation)?;
        let iterations = fields.u32()?;
        let masked = SecretScalar::from_bytes(fields.take()?)?;
        let tag = *fields.take()?;
        let whole = fields.0.is_empty() && epoch >= 1 && iterations >= MIN_ITERATIONS;
        (version == VERSION && whole).then_some(Self {
            key_id,
            suite,
            purpose,
            epoch,
            rid,
            base: share::base(&public_key)?,
            public_key,
            derivation: Derivation { salt, iterations, mode },
            masked,
            tag,
        })
    }

    /// The stored form, to be kept where only this user can read it.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = self.body();
        bytes[TAG..].copy_from_slice(&self.tag);
        bytes
    }

    fn body(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let masked = self.masked.expose_bytes();
        let fields: [&[u8]; 10] = [
            &[VERSION, self.suite.byte(), self.purpose.byte()],
            self.key_id.as_bytes(),
            &self.epoch.to_be_bytes(),
            self.rid.as_bytes(),
            &self.public_key.as_point().to_bytes(),
            &self.derivation.salt,
            &[self.derivation.mode.byte()],
            &self.derivation.iterations.to_be_bytes(),
            &masked[..],
            &[0; 32],
        ];
        let mut rest = &mut bytes[..];
        for field in fields {
            let (head, tail) = rest.split_at_mut(field.len());
            head.copy_from_slice(field);
            rest = tail;
        }
        bytes
    }

    fn expected_tag(&self, device_key: &DeviceKey) -> [u8; 32] {
        *device_key.mac(&[&self.body()[..TAG]])
    }

    /// Takes the PIN mask off, in base mode. **A wrong PIN gives another key, not an error**: only the server can tell.
    ///
    /// Runs PBKDF2. Timing: depends on the iterations and the PIN's length only.
    ///
    /// # Errors
    /// [`Error::InvalidRecord`] if the record was changed or belongs to another device. [`ApiMisuse::PinMode`] in
    /// oblivious mode: the way there is [`crate::evaluate::unlock`].
    pub fn unlock(&self, pin: &Pin, device_key: &DeviceKey) -> Result<ClientKey, Error> {
        self.authenticate(device_key)?;
        let mask = self.derivation.mask(pin, device_key, &self.key_id)?;
        Ok(self.unmask(mask, Reserved::default()))
    }

    /// Takes the mask off in oblivious mode, with what the server evaluated for this PIN and the record's salt.
    pub(crate) fn unlock_evaluated(
        &self,
        pin: &Pin,
        rwd: &Rwd,
        device_key: &DeviceKey,
    ) -> Result<ClientKey, Error> {
        self.authenticate(device_key)?;
        let mask = self.oblivious()?.stretch(pin)?.mask(rwd, device_key, &self.key_id)?;
        Ok(self.unmask(mask, Reserved::default()))
    }

    /// Whether it is unchanged and of this device.
    pub(crate) fn authenticate(&self, device_key: &DeviceKey) -> Result<(), Error> {
        let genuine = tags_equal(&self.tag, &self.expected_tag(device_key));
        if genuine { Ok(()) } else { Err(Error::InvalidRecord) }
    }

    /// How the mask is derived with the server's help.
    pub(crate) fn oblivious(&self) -> Result<Derivation, Error> {
        match self.derivation.mode {
            PinMode::Oblivious => Ok(self.derivation),
            PinMode::Base => Err(Error::ApiMisuse(ApiMisuse::PinMode)),
        }
    }

    pub(crate) fn unmask(&self, Mask { mask, auth }: Mask, first: Reserved) -> ClientKey {
        ClientKey {
            key_id: self.key_id,
            suite: self.suite,
            purpose: self.purpose,
            mode: self.derivation.mode,
            epoch: self.epoch,
            public_key: self.public_key,
            base: Multiplier::new(self.base),
            verifier: OnceBox::new(),
            share: self.masked.mul(&mask),
            auth,
            first,
        }
    }

    /// The key.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// How it signs.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How its PIN is turned into its mask.
    #[must_use]
    pub const fn pin_mode(&self) -> PinMode {
        self.derivation.mode
    }

    /// The epoch of the share.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The refresh that made the share.
    #[must_use]
    pub const fn refresh_id(&self) -> RefreshId {
        self.rid
    }

    /// The joint public key `P`.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// PBKDF2 iterations of the PIN.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.derivation.iterations
    }
}

impl fmt::Debug for LocalRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRecord")
            .field("key_id", &self.key_id)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
