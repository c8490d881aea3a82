//! Serial numbers.

use sm_primitives::rand_core::TryCryptoRng;

use crate::error::Error;

/// Octets that a random one has.
const LEN: usize = 16;

/// The serial number of a certificate that is to be issued: 16 to 20 octets, positive. Source: RFC 5280, 4.1.2.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// A random one of 16 octets, 126 bits of it random.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        let mut octets = [0; LEN];
        rng.try_fill_bytes(&mut octets).map_err(|_| Error::RandomFailed)?;
        // Positive, and always as long.
        octets[0] = octets[0] & 0x3f | 0x40;
        Ok(Self(octets.to_vec()))
    }

    /// One that was drawn before: the body of its INTEGER, 16 to 20 octets.
    ///
    /// # Errors
    /// [`Error::Unusable`]: another length, negative, or not the shortest encoding.
    pub fn from_bytes(body: &[u8]) -> Result<Self, Error> {
        let positive = match body {
            [0, second, ..] => *second >= 0x80,
            [first, ..] => *first < 0x80,
            [] => false,
        };
        if !positive || !(16..=20).contains(&body.len()) {
            return Err(Error::Unusable("serial number: 16 to 20 octets, positive"));
        }
        Ok(Self(body.to_vec()))
    }

    /// The body of the INTEGER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
