//! What a thief of a phone holds, and how every PIN is tried against a piece of evidence.
//!
//! The slow derivation (PBKDF2) is no part of the argument, only of its price, and 10^6 times it is more than a test
//! can pay: here `z = SM3(salt || PIN)` stands in its place, everything after it is the product's.

use std::ops::Range;

use sm_primitives::{PublicPoint, Scalar, batch, sm3::hmac::hmac};

use crate::{
    algebra::{hash, inverse, secret, sum},
    parties::{Phone, Shares, Unmasked, secrets},
};

/// All PINs of six digits.
pub(crate) const PINS: u32 = 1_000_000;

/// What a thief of a phone holds: the record and the device secret, here with the quick derivation.
pub(crate) struct Stolen {
    pub(crate) phone: Phone,
    pub(crate) device_key: [u8; 32],
}

impl Stolen {
    /// A phone that masks `share` under `pin`, with a salt of its own.
    pub(crate) fn new(
        share: Scalar,
        pin: u32,
        key_id: [u8; 16],
        salt: [u8; 16],
        device_key: [u8; 32],
    ) -> Self {
        let mut stolen = Self { phone: Phone { key_id, salt, iterations: 0, masked: share }, device_key };
        let (mask, _) = stolen.derive(pin);
        stolen.phone.masked = share * inverse(mask);
        stolen
    }

    fn derive(&self, pin: u32) -> (Scalar, [u8; 32]) {
        let z = hash(&[&self.phone.salt, format!("{pin:06}").as_bytes()]);
        secrets(&z, &self.device_key, &self.phone.key_id)
    }

    pub(crate) fn unmask(&self, pin: u32) -> Unmasked {
        let (mask, auth) = self.derive(pin);
        Unmasked { share: self.phone.masked * mask, auth }
    }
}

/// Something recorded that a PIN can be tested against.
pub(crate) enum Evidence {
    /// A tag of the PIN gate and what it covers.
    Tag { h_req: [u8; 32], ts_ms: u64, tag: [u8; 32] },
    /// `K_auth`, from the server's storage.
    Auth([u8; 32]),
    /// `PB`, or any other point that is `dA * base`.
    Multiple { base: PublicPoint, product: PublicPoint },
}

impl Evidence {
    /// One answer `K2, s2`: `dA*s2*B = K2 + r*G`.
    pub(crate) fn answer(keys: &Shares, k2: &PublicPoint, s2: Scalar, r: Scalar) -> Self {
        let product = sum(&[(Scalar::ONE, *k2), (r, PublicPoint::generator())]).unwrap();
        Self::Multiple { base: keys.base.mul_vartime(&s2).unwrap(), product }
    }

    pub(crate) fn fits(&self, candidate: &Unmasked) -> bool {
        match self {
            Self::Tag { h_req, ts_ms, tag } => {
                let input: [&[u8]; 3] = [b"SM2-COSIGN-D-V1/pintag\0", h_req, &ts_ms.to_be_bytes()];
                hmac(&candidate.auth, &input) == *tag
            }
            Self::Auth(auth) => candidate.auth == *auth,
            Self::Multiple { base, product } => base.mul(&secret(candidate.share)) == *product,
        }
    }
}

/// The PINs of a range that a piece of evidence does not rule out.
pub(crate) fn search(stolen: &Stolen, evidence: &Evidence, pins: Range<u32>) -> Vec<u32> {
    pins.filter(|&pin| evidence.fits(&stolen.unmask(pin))).collect()
}

/// The same for points, all multiplications of a thousand PINs together.
pub(crate) fn search_points(
    stolen: &Stolen,
    base: &PublicPoint,
    product: &PublicPoint,
    pins: Range<u32>,
) -> Vec<u32> {
    let pins: Vec<_> = pins.collect();
    let fits = pins.chunks(1000).flat_map(|pins| {
        let shares: Vec<_> = pins.iter().map(|&pin| secret(stolen.unmask(pin).share)).collect();
        let products = batch::mul_each(base, &shares);
        pins.iter()
            .zip(products)
            .filter(|(_, found)| found == product)
            .map(|(pin, _)| *pin)
            .collect::<Vec<_>>()
    });
    fits.collect()
}
