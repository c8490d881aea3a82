//! Unified social credit codes (GB 32100-2015).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Error;

/// What a code is written with: no I, O, S, V, Z.
const DIGITS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A unified social credit code: 18 characters, of which the last one checks the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uscc(String);

impl Uscc {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a code, whatever the case of its letters.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        const NONE: Error = Error::BadRequest("this is no unified social credit code");
        if text.len() != 18 {
            return Err(NONE);
        }
        let text = text.to_ascii_uppercase();
        let (body, check) = text.split_at_checked(17).ok_or(NONE)?;
        if check_digit(body).is_none_or(|digit| check != digit.to_string()) {
            return Err(NONE);
        }
        Ok(Self(text))
    }
}

/// The 18th character for the first 17.
#[must_use]
pub fn check_digit(body: &str) -> Option<char> {
    let mut weight = 1;
    let mut sum = 0;
    for byte in body.bytes() {
        let value = DIGITS.iter().position(|digit| *digit == byte)?;
        sum = (sum + value * weight) % 31;
        weight = weight * 3 % 31;
    }
    DIGITS.get((31 - sum) % 31).map(|digit| char::from(*digit))
}

impl fmt::Debug for Uscc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Uscc {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Uscc> for String {
    fn from(code: Uscc) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_character_checks_the_others() {
        // The example of the standard's annex, and one in small letters.
        for good in ["91350100M000100Y43", "91350100m000100y43"] {
            assert_eq!(Uscc::parse(good).unwrap().as_str(), "91350100M000100Y43");
        }
        let good = "91350100M000100Y43";
        for place in 0..18 {
            for digit in DIGITS {
                let mut other = good.as_bytes().to_vec();
                other[place] = *digit;
                let other = String::from_utf8(other).unwrap();
                assert_eq!(Uscc::parse(&other).is_ok(), other == good, "{other}");
            }
        }
        for bad in ["", "9135", "91350100M000100Y431", "91350100I000100Y43", "九一三五〇一"] {
            assert!(Uscc::parse(bad).is_err(), "{bad}");
        }
    }
}
