//! What else stands on an identity card, as its holder has confirmed it.

use serde::{Deserialize, Serialize};

use super::document::{Document, DocumentNumber, is_day};
use crate::domain::{Error, office::entity::states};

/// Longest text of one of them, in characters.
const LONGEST: usize = 128;

states! {
    /// What a card calls the sex.
    Sex {
        /// Male.
        Male = "male",
        /// Female.
        Female = "female",
    }
}

/// What else stands on an identity card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Particulars {
    /// The sex.
    pub sex: Sex,
    /// The day of birth, 8 digits.
    pub birth: String,
    /// The ethnic group.
    pub nation: String,
    /// The address.
    pub address: String,
    /// Who issued the card.
    pub issuer: String,
    /// From which day on it is good, 8 digits.
    pub valid_from: String,
}

impl Particulars {
    /// Whether they are of their form, and fit the number of the card.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn judge(&self, document: Document, number: &DocumentNumber) -> Result<(), Error> {
        let is_text = |text: &str| {
            let length = text.chars().take(LONGEST + 1).count();
            (1..=LONGEST).contains(&length) && !text.chars().any(char::is_control)
        };
        let texts = [&self.nation, &self.address, &self.issuer];
        if !texts.into_iter().all(|text| is_text(text)) || !is_day(&self.birth) || !is_day(&self.valid_from) {
            return Err(Error::BadRequest("this does not stand on an identity card"));
        }
        let number = number.expose().as_bytes();
        let says_male = number.get(16).is_some_and(|digit| digit % 2 == 1);
        let fits = number.get(6..14) == Some(self.birth.as_bytes()) && says_male == (self.sex == Sex::Male);
        if document == Document::IdCard && !fits {
            return Err(Error::BadRequest("the sex or the day of birth does not fit the number"));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Particulars {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Particulars(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_fit_the_number() {
        let number = DocumentNumber::parse(Document::IdCard, "11010519491231002X").unwrap();
        let good = Particulars {
            sex: Sex::Female,
            birth: "19491231".to_owned(),
            nation: "汉".to_owned(),
            address: "示例市示例路一号".to_owned(),
            issuer: "示例市公安局".to_owned(),
            valid_from: "20200229".to_owned(),
        };
        assert_eq!(good.judge(Document::IdCard, &number), Ok(()));
        assert!(!format!("{good:?}").contains('汉'));
        for wrong in [
            Particulars { sex: Sex::Male, ..good.clone() },
            Particulars { birth: "19491230".to_owned(), ..good.clone() },
            Particulars { birth: "1949-12-31".to_owned(), ..good.clone() },
            Particulars { valid_from: "20210229".to_owned(), ..good.clone() },
            Particulars { nation: String::new(), ..good.clone() },
            Particulars { address: "长".repeat(129), ..good.clone() },
            Particulars { issuer: "a\nb".to_owned(), ..good.clone() },
        ] {
            assert!(wrong.judge(Document::IdCard, &number).is_err());
        }
        // Another document says nothing of that in its number.
        let passport = DocumentNumber::parse(Document::Passport, "E12345678").unwrap();
        assert_eq!(good.judge(Document::Passport, &passport), Ok(()));
    }
}
