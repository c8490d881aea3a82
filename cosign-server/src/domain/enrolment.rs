//! Enrolment codes: a one-time right to make a device known.

use cosign_core::sm_primitives::sm3;
use zeroize::Zeroizing;

use super::{Error, ports::Entropy};

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS: usize = 4;
const GROUP_LEN: usize = 5;

/// A code of 20 base-32 characters (100 random bits), shown in four groups. Only its hash is ever stored.
pub struct EnrolmentCode(Zeroizing<String>);

impl EnrolmentCode {
    /// Draws a new code.
    ///
    /// # Errors
    /// [`Error::Internal`] when the random source fails.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; GROUPS * GROUP_LEN]);
        entropy.fill(bytes.as_mut())?;
        let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP_LEN + 1)));
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 && index % GROUP_LEN == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(byte & 31)]));
        }
        Ok(Self(text))
    }

    /// The text to hand to the device's owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    ///
    /// # Errors
    /// Never for a code made by [`Self::random`].
    pub fn hash(&self) -> Result<CodeHash, Error> {
        CodeHash::of(&self.0)
    }
}

/// SM3 of a code in its normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeHash(pub [u8; 32]);

impl CodeHash {
    /// Hashes a code as typed: case, dashes and spaces do not count.
    ///
    /// # Errors
    /// [`Error::EnrolmentCodeInvalid`] when it cannot be a code.
    pub fn of(typed: &str) -> Result<Self, Error> {
        let mut normal = Zeroizing::new(String::with_capacity(GROUPS * GROUP_LEN));
        for symbol in typed.chars().filter(|symbol| !matches!(symbol, '-' | ' ')) {
            let symbol = match symbol.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            if !symbol.is_ascii_alphanumeric() || symbol == 'U' || normal.len() == GROUPS * GROUP_LEN {
                return Err(Error::EnrolmentCodeInvalid);
            }
            normal.push(symbol);
        }
        if normal.len() != GROUPS * GROUP_LEN {
            return Err(Error::EnrolmentCodeInvalid);
        }
        Ok(Self(sm3::digest(normal.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::testing::CountingEntropy;

    #[test]
    fn a_code_is_found_again_however_it_is_typed() {
        let code = EnrolmentCode::random(&CountingEntropy::default()).unwrap();
        assert_eq!(code.expose().len(), 23);
        let typed = format!(" {} ", code.expose().to_lowercase().replace('-', " ").replace('0', "o"));
        assert_eq!(CodeHash::of(&typed).unwrap(), code.hash().unwrap());
    }

    #[test]
    fn what_cannot_be_a_code_is_refused() {
        for typed in
            ["", "ABC", "AAAAA-AAAAA-AAAAA-AAAA", "AAAAA-AAAAA-AAAAA-AAAAAA", "AAAAA-AAAAA-AAAAA-AAAA!"]
        {
            assert_eq!(CodeHash::of(typed), Err(Error::EnrolmentCodeInvalid), "{typed}");
        }
    }
}
