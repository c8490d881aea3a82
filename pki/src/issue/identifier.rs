//! Identifiers of persons and organisations. Source: GM/T 0015-2012 and GM/T 0015-2023.

use der::asn1::ObjectIdentifier;

use super::encode::{explicit, extension};
use crate::csr::is_printable;
use crate::error::Error;
use crate::extension::SubjectIdKind;
use crate::fields::element;

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;

/// Which text of GM/T 0015 an identifier is written by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edition {
    /// What most readers know.
    #[default]
    Of2012,
    /// Fewer kinds, with numbers of their own.
    Of2023,
}

/// An identifier of a subject, as an extension.
///
/// | kind | 2012 | 2023 |
/// |---|---|---|
/// | 居民身份证 | 1.2.156.10260.4.1.1, `[0]` | 1.2.156.10260.4.1.1.1 |
/// | 军官证 | 1.2.156.10260.4.1.1, `[1]` | |
/// | 护照 | 1.2.156.10260.4.1.1, `[2]` | 1.2.156.10260.4.1.1.2 |
/// | 社会保险号 | 1.2.156.10260.4.1.2 | the same |
/// | 工商注册号 | 1.2.156.10260.4.1.3 | |
/// | 组织机构代码 | 1.2.156.10260.4.1.4 | |
/// | 税号 | 1.2.156.10260.4.1.5 | |
/// | 统一社会信用代码 | 1.2.156.10260.4.1.4 | 1.2.156.10260.4.4 |
///
/// The text of 2012 does not say how the choice is tagged; it is written with explicit tags, the default of ASN.1. It is
/// older than the unified social credit code, which stands where the organisation code does, as is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    kind: SubjectIdKind,
    id: ObjectIdentifier,
    value: Vec<u8>,
}

impl Identifier {
    /// An identifier: 1 to 64 characters of PrintableString (military: UTF-8). Identity cards and unified social credit codes
    /// have 18 and their check digit is verified.
    ///
    /// # Errors
    /// [`Error::Unusable`]: another value, or a kind that the edition does not have.
    pub fn new(kind: SubjectIdKind, edition: Edition, value: &str) -> Result<Self, Error> {
        let printable = match kind {
            SubjectIdKind::MilitaryId => !value.chars().any(char::is_control),
            _ => value.chars().all(is_printable),
        };
        let checked = match kind {
            SubjectIdKind::ResidentId => is_identity_card(value),
            SubjectIdKind::UnifiedSocialCredit => is_social_credit_code(value),
            _ => true,
        };
        if !printable || !checked || !(1..=64).contains(&value.chars().count()) {
            return Err(Error::Unusable(
                "identifier of a subject: its characters, its length or its check digit",
            ));
        }
        let plain = |tag: u8| element(tag, &[value.as_bytes()]);
        let (dotted, der) = match (edition, kind) {
            (Edition::Of2012, SubjectIdKind::ResidentId) => {
                ("4.1.1", explicit(0, &[&plain(PRINTABLE_STRING)]))
            }
            (Edition::Of2012, SubjectIdKind::MilitaryId) => ("4.1.1", explicit(1, &[&plain(UTF8_STRING)])),
            (Edition::Of2012, SubjectIdKind::Passport) => ("4.1.1", explicit(2, &[&plain(PRINTABLE_STRING)])),
            (_, SubjectIdKind::SocialInsurance) => ("4.1.2", plain(PRINTABLE_STRING)),
            (Edition::Of2012, SubjectIdKind::BusinessRegistration) => ("4.1.3", plain(PRINTABLE_STRING)),
            (Edition::Of2012, SubjectIdKind::OrganizationCode | SubjectIdKind::UnifiedSocialCredit) => {
                ("4.1.4", plain(PRINTABLE_STRING))
            }
            (Edition::Of2012, SubjectIdKind::Taxation) => ("4.1.5", plain(PRINTABLE_STRING)),
            (Edition::Of2023, SubjectIdKind::ResidentId) => ("4.1.1.1", plain(PRINTABLE_STRING)),
            (Edition::Of2023, SubjectIdKind::Passport) => ("4.1.1.2", plain(PRINTABLE_STRING)),
            (Edition::Of2023, SubjectIdKind::UnifiedSocialCredit) => ("4.4", plain(PRINTABLE_STRING)),
            _ => return Err(Error::Unusable("identifier of a subject: the edition does not have its kind")),
        };
        let id = ObjectIdentifier::new(&format!("1.2.156.10260.{dotted}"))
            .map_err(|_| Error::Unusable("identifier of a subject"))?;
        Ok(Self { kind, id, value: der })
    }

    /// What kind.
    #[must_use]
    pub const fn kind(&self) -> SubjectIdKind {
        self.kind
    }

    pub(super) const fn id(&self) -> ObjectIdentifier {
        self.id
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        extension(self.id, false, &self.value)
    }
}

/// Source: GB 11643-1999, 18 characters with the check character of ISO 7064, MOD 11-2.
fn is_identity_card(text: &str) -> bool {
    let value = |(i, c): (usize, u8)| match c {
        b'0'..=b'9' => Some(u32::from(c - b'0')),
        b'X' if i == 17 => Some(10),
        _ => None,
    };
    let Some(digits) = text.bytes().enumerate().map(value).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let sum = digits.iter().fold(0, |sum, digit| (2 * sum + digit) % 11);
    digits.len() == 18 && sum == 1
}

/// Source: GB 32100-2015, 18 characters of 31, the last one to check.
fn is_social_credit_code(text: &str) -> bool {
    const CHARACTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let values: Option<Vec<usize>> = text.chars().map(|c| CHARACTERS.find(c)).collect();
    let Some(values) = values.filter(|values| values.len() == 18) else { return false };
    // Weights are powers of 3; with the last one of weight 1 the sum is 0.
    let weighted = values.iter().take(17).rev().fold(0, |sum, value| (3 * sum + value) % 31);
    values.last().is_some_and(|check| (weighted + check) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits() {
        // The example of GB 11643-1999, and codes that authorities publish as their own.
        assert!(is_identity_card("11010519491231002X"));
        for wrong in
            ["110105194912310021", "11010519491231002x", "1101051949123100X2", "11010519491231002", ""]
        {
            assert!(!is_identity_card(wrong), "{wrong}");
        }
        assert!(is_social_credit_code("91350100M000100Y43"));
        for wrong in
            ["91350100M000100Y44", "91350100M000100Y4", "91350100M000100I43", "", "91350100m000100y43"]
        {
            assert!(!is_social_credit_code(wrong), "{wrong}");
        }
    }
}
