//! Personal data: encrypted wherever it is stored, found by a keyed hash, and shown only masked unless somebody is entitled.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::entity::states;
use crate::domain::Error;

states! {
    /// What kind of personal data.
    Kind {
        /// A mobile phone number, with its country code.
        Phone = "phone",
        /// The name of a person.
        PersonName = "person-name",
        /// The number of an identity document.
        IdNumber = "id-number",
        /// A text that a provider is to deliver.
        Text = "text",
        /// What a person wrote about something: a reason, an opinion.
        Words = "words",
        /// A title of invoices, a postal address, by what somebody paid.
        Details = "details",
        /// A file.
        File = "file",
    }
}

/// Something personal, encrypted. Only the vault reads it ([`super::ports::Vault`]).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal(pub(in crate::domain) String);

impl Personal {
    /// As the vault encrypted it, hexadecimal.
    #[must_use]
    pub const fn from_sealed(hex: String) -> Self {
        Self(hex)
    }

    /// The encrypted bytes, hexadecimal.
    #[must_use]
    pub fn as_sealed(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Personal(..)")
    }
}

/// A mobile phone number in the clear: `+` and 8 to 15 digits (ITU-T E.164). Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(Zeroizing<String>);

impl Phone {
    /// Reads a number; one without a country code is Chinese and has 11 digits that begin with 1.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        const NONE: Error = Error::BadRequest("this is no mobile phone number");
        let digits = text.strip_prefix('+').unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NONE);
        }
        let whole = if text.starts_with('+') {
            if !(8..=15).contains(&digits.len()) || digits.starts_with('0') {
                return Err(NONE);
            }
            format!("+{digits}")
        } else if digits.len() == 11 && digits.starts_with('1') {
            format!("+86{digits}")
        } else {
            return Err(NONE);
        };
        Ok(Self(Zeroizing::new(whole)))
    }

    /// The whole number.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The number as it may be shown: `+86138****8000`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (head, tail) = self.0.split_at(self.0.len().saturating_sub(4));
        let shown = head.len().saturating_sub(4);
        format!("{}****{tail}", head.get(..shown).unwrap_or_default())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Phone(..)")
    }
}

/// A name as it may be shown: `*三`.
#[must_use]
pub fn masked_name(name: &str) -> String {
    name.chars().last().map_or_else(String::new, |last| format!("*{last}"))
}

/// The number of a document or an account as it may be shown: `1****X`.
#[must_use]
pub fn masked_number(number: &str) -> String {
    let mut characters = number.chars();
    match (characters.next(), characters.next_back()) {
        (Some(first), Some(last)) => format!("{first}****{last}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_hide_all_but_the_ends() {
        assert_eq!(
            (masked_name("张三"), masked_name("三"), masked_name("")),
            ("*三".into(), "*三".into(), "".into())
        );
        assert_eq!(masked_number("11010519491231002X"), "1****X");
        assert_eq!((masked_number("1"), masked_number("")), (String::new(), String::new()));
    }

    #[test]
    fn phone_numbers() {
        for (text, whole, masked) in [
            ("13800138000", "+8613800138000", "+86138****8000"),
            ("+8613800138000", "+8613800138000", "+86138****8000"),
            ("+85212345678", "+85212345678", "+852****5678"),
        ] {
            let phone = Phone::parse(text).unwrap();
            assert_eq!((phone.expose(), phone.masked()), (whole, masked.to_owned()));
            assert!(!format!("{phone:?}").contains("138"));
        }
        for text in
            ["", "+", "1380013800", "23800138000", "138001380000", "+0123456789", "138-0013-8000", "+1234567"]
        {
            assert!(Phone::parse(text).is_err(), "{text}");
        }
    }
}
