//! The PIN mask: how a six-digit PIN protects a share without giving anybody a test for it.
//!
//! The phone stores `u = dA / m` with `m` derived from the PIN and a device secret. Every PIN gives a share that looks
//! valid; only the server can tell, by the tag that the same derivation yields, and it tells before it answers.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{
    SecretScalar, Zeroizing, ct,
    rand_core::TryCryptoRng,
    sm3::{
        self,
        hmac::{HmacKey, hmac},
    },
};
use subtle::ConstantTimeEq;

use crate::{
    error::{ApiMisuse, Error},
    hash::{self, Dst, Label},
    ids::{KeyId, PinMode},
    oprf::Rwd,
};

/// Fewest PBKDF2 iterations of a local record.
pub const MIN_ITERATIONS: u32 = 100_000;

pub(crate) type Salt = [u8; 16];

/// A PIN: 6 to 32 ASCII digits, or empty for a key without one. Wiped on drop.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes a PIN as the user typed it.
    ///
    /// # Errors
    /// [`ApiMisuse::PinFormat`] unless it is empty or 6 to 32 ASCII digits.
    pub fn new(digits: &str) -> Result<Self, Error> {
        let allowed = digits.is_empty() || (6..=32).contains(&digits.len());
        if !allowed || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::ApiMisuse(ApiMisuse::PinFormat));
        }
        // Secret from here on; that it has the form of a PIN is all that its check tells.
        let mut digits = Zeroizing::new(Vec::from(digits));
        ct::into_secret_bytes(&mut digits);
        Ok(Self(digits))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// The device secret `K_dev`, 32 bytes; from a secure element where there is one. Wiped on drop.
pub struct DeviceKey(Zeroizing<[u8; 32]>);

impl DeviceKey {
    /// Takes a stored secret.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut bytes = Zeroizing::new(bytes);
        ct::into_secret(&mut *bytes);
        Self(bytes)
    }

    /// Draws a new secret.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        Ok(Self(random_bytes(rng)?))
    }

    /// The secret, for the store of the device only.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// HMAC-SM3 under the device secret.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hmac(&self.0[..], parts))
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

/// `K_auth`: the MAC key by which the server tells a right PIN. 32 bytes, wiped on drop.
pub(crate) struct AuthKey {
    bytes: Zeroizing<[u8; 32]>,
    /// The key as it is used, made once for all requests.
    mac: HmacKey,
}

impl AuthKey {
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut bytes = Zeroizing::new(*bytes);
        ct::into_secret(&mut *bytes);
        Self { mac: HmacKey::new(&bytes[..]), bytes }
    }

    pub(crate) fn expose_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Tag of a request: binds its hash and its time.
    pub(crate) fn tag(&self, h_req: &[u8; 32], ts_ms: u64) -> [u8; 32] {
        self.mac(Label::PIN_TAG, &[h_req, &ts_ms.to_be_bytes()])
    }

    pub(crate) fn mac(&self, label: Label, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac.start();
        label.parts().iter().chain(parts).for_each(|part| mac.update(part));
        mac.finalize()
    }
}

/// What a PIN and a device secret derive for one key.
pub(crate) struct Mask {
    /// `m`, in [1, n-1].
    pub(crate) mask: SecretScalar,
    pub(crate) auth: AuthKey,
}

/// How a record derives its mask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derivation {
    pub(crate) salt: Salt,
    pub(crate) iterations: u32,
    pub(crate) mode: PinMode,
}

/// PBKDF2 of a PIN.
pub(crate) struct Stretched(Zeroizing<[u8; 32]>);

impl Derivation {
    /// A fresh salt; every refresh takes a new one, also when the PIN stays.
    pub(crate) fn fresh(
        mode: PinMode,
        iterations: u32,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        if iterations < MIN_ITERATIONS {
            return Err(Error::ApiMisuse(ApiMisuse::Iterations));
        }
        Ok(Self { salt: public_bytes(rng)?, iterations, mode })
    }

    /// PBKDF2, the first step in both modes. Timing: depends on the iterations and the PIN's length only.
    pub(crate) fn stretch(&self, pin: &Pin) -> Result<Stretched, Error> {
        let mut stretched = Zeroizing::new([0; 32]);
        sm3::pbkdf2(pin.as_bytes(), &self.salt, self.iterations, &mut stretched[..])?;
        Ok(Stretched(stretched))
    }

    /// The mask in base mode: `z = PBKDF2(PIN)`.
    ///
    /// Timing: depends on the iterations and the PIN's length only.
    pub(crate) fn mask(&self, pin: &Pin, device_key: &DeviceKey, key_id: &KeyId) -> Result<Mask, Error> {
        if self.mode != PinMode::Base {
            return Err(Error::ApiMisuse(ApiMisuse::PinMode));
        }
        Mask::derive(&self.stretch(pin)?.0, device_key, key_id)
    }
}

impl Stretched {
    /// The mask in oblivious mode: `z = HKDF(rwd || PBKDF2(PIN))`.
    ///
    /// Timing: independent of the secrets.
    pub(crate) fn mask(&self, rwd: &Rwd, device_key: &DeviceKey, key_id: &KeyId) -> Result<Mask, Error> {
        let mut input = Zeroizing::new([0; 64]);
        input[..32].copy_from_slice(rwd.expose_bytes());
        input[32..].copy_from_slice(&self.0[..]);
        let mut z = Zeroizing::new([0; 32]);
        sm3::hkdf(&input[..], &[], b"SM2-COSIGN-D-V1/po-z", &mut z[..])?;
        Mask::derive(&z, device_key, key_id)
    }
}

impl Mask {
    /// `w = HMAC(K_dev, key_id || z)`, `m` and `K_auth` from `w`.
    fn derive(z: &[u8; 32], device_key: &DeviceKey, key_id: &KeyId) -> Result<Self, Error> {
        let [prefix, name, end] = Label::PIN.parts();
        let w = device_key.mac(&[prefix, name, end, key_id.as_bytes(), &z[..]]);
        let mut auth = Zeroizing::new([0; 32]);
        sm3::hkdf(&w[..], &[], b"SM2-COSIGN-D-V1/auth", &mut auth[..])?;
        Ok(Self { mask: hash::to_scalar(Dst::PIN_MASK, &[&w[..]]), auth: AuthKey::from_bytes(&auth) })
    }
}

/// Compares two tags in constant time. Whether they are equal becomes public: the answer shows it.
pub(crate) fn tags_equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    ct::into_public_choice(a[..].ct_eq(&b[..]))
}

/// `N` random bytes that are sent or stored as they are.
pub(crate) fn public_bytes<const N: usize>(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<[u8; N], Error> {
    let mut bytes = *random_bytes(rng)?;
    ct::into_public(&mut bytes);
    Ok(bytes)
}

/// `N` random bytes.
pub(crate) fn random_bytes<const N: usize>(
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    rng.try_fill_bytes(&mut bytes[..]).map_err(|_| Error::RandomFailed)?;
    Ok(bytes)
}
