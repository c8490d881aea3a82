//! Identity documents and their numbers.

use std::fmt;

use zeroize::Zeroizing;

use crate::domain::{Error, office::entity::states};

/// Longest name of a person, in characters.
const MAX_NAME: usize = 64;

states! {
    /// What kind of identity document.
    Document {
        /// Resident identity card of the mainland.
        IdCard = "id-card",
        /// Residence permit for people from Hong Kong, Macao and Taiwan.
        ResidencePermit = "residence-permit",
        /// Mainland travel permit for people from Hong Kong and Macao.
        HomeReturnPermit = "home-return-permit",
        /// Mainland travel permit for people from Taiwan.
        TaiwanPermit = "taiwan-permit",
        /// Permanent residence card of a foreigner.
        ForeignerResidence = "foreigner-residence",
        /// Chinese passport of somebody who lives abroad.
        OverseasPassport = "overseas-passport",
        /// Passport of another country.
        Passport = "passport",
    }
}

/// The number of an identity document, of its form. Wiped on drop.
pub struct DocumentNumber(Zeroizing<String>);

impl DocumentNumber {
    /// Reads the number of a document. Those of identity cards and residence permits are checked by GB 11643.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn parse(document: Document, text: &str) -> Result<Self, Error> {
        let text = Zeroizing::new(text.trim().to_ascii_uppercase());
        let good = match document {
            Document::IdCard | Document::ResidencePermit => is_citizen_number(&text),
            _ => (5..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        };
        if good { Ok(Self(text)) } else { Err(Error::BadRequest("this is no number of such a document")) }
    }

    /// The whole number.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DocumentNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DocumentNumber(..)")
    }
}

/// The name of a person. Wiped on drop.
pub struct PersonName(Zeroizing<String>);

impl PersonName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let length = text.chars().take(MAX_NAME + 1).count();
        if length == 0 || length > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Error::BadRequest("the name of a person has 1 to 64 characters"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The whole name.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonName(..)")
    }
}

/// 17 digits with a date among them, and a check character (ISO 7064, MOD 11-2).
fn is_citizen_number(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let Some((digits, last)) = text.split_at_checked(17) else { return false };
    let Some(digits) = digits.chars().map(|digit| digit.to_digit(10)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let check = match (12 - sum % 11) % 11 {
        10 => "X".to_owned(),
        check => check.to_string(),
    };
    let number = |from: usize, to: usize| {
        digits.get(from..to).unwrap_or(&[]).iter().fold(0, |all, one| all * 10 + one)
    };
    is_date(number(6, 10), number(10, 12), number(12, 14)) && last == check
}

/// Whether these are the 8 digits of a day.
pub(super) fn is_day(text: &str) -> bool {
    let digits = text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_digit());
    let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse().ok()).unwrap_or(0);
    digits && is_date(part(0, 4), part(4, 6), part(6, 8))
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1800..2200).contains(&year) && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(document: Document, text: &str) -> bool {
        DocumentNumber::parse(document, text).is_ok()
    }

    #[test]
    fn numbers_of_documents() {
        // The example of GB 11643, and one whose check character is X.
        for good in ["11010519491231002X", "11010519491231002x", "440524188001010014"] {
            assert!(is_good(Document::IdCard, good), "{good}");
            assert!(!format!("{:?}", DocumentNumber::parse(Document::IdCard, good)).contains("1105"));
        }
        // Every other check character, another date, another length.
        for last in "0123456789".chars() {
            assert!(!is_good(Document::IdCard, &format!("11010519491231002{last}")));
        }
        for wrong in
            ["", "11010519491331002X", "11010519490230002X", "1101051949123100", "１1010519491231002"]
        {
            assert!(!is_good(Document::IdCard, wrong), "{wrong}");
        }
        assert!(is_good(Document::Passport, "e12345678"));
        for wrong in ["", "E123", "E1234-678", "E12345678901234567890", "护照123"] {
            assert!(!is_good(Document::Passport, wrong), "{wrong}");
        }
    }

    #[test]
    fn names_of_people() {
        assert_eq!(PersonName::parse(" 张三 ").unwrap().expose(), "张三");
        assert!(PersonName::parse(&"张".repeat(64)).is_ok());
        for wrong in ["", " ", "张\n三", &"张".repeat(65)] {
            assert!(PersonName::parse(wrong).is_err());
        }
        assert!(!format!("{:?}", PersonName::parse("张三")).contains('张'));
    }

    #[test]
    fn dates() {
        assert!(is_date(2000, 2, 29) && is_date(2024, 2, 29) && is_date(1999, 12, 31));
        assert!(!is_date(1900, 2, 29) && !is_date(2023, 2, 29) && !is_date(2000, 4, 31));
        assert!(
            !is_date(2000, 0, 1) && !is_date(2000, 13, 1) && !is_date(2000, 1, 0) && !is_date(1799, 1, 1)
        );
    }
}
