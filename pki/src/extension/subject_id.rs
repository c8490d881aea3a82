//! Identifiers of persons and organisations. Source: GM/T 0015-2012 and GM/T 0015-2023.
//!
//! The texts do not say how the CHOICE of identity codes is tagged, and issuers differ: implicit and explicit tags, bare
//! strings, and text that is not even DER are all read.

use der::asn1::ObjectIdentifier;

use crate::fields::{Fields, OCTET_STRING, SEQUENCE, SET};
use crate::name::{hex, text};

/// What kind of identifier it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectIdKind {
    /// 个人身份标识码 that does not say of which document.
    IdentityCode,
    /// 居民身份证.
    ResidentId,
    /// 军官证.
    MilitaryId,
    /// 护照.
    Passport,
    /// 个人社会保险号.
    SocialInsurance,
    /// 企业工商注册号.
    BusinessRegistration,
    /// 组织机构代码; many issuers put the unified social credit code here.
    OrganizationCode,
    /// 税号.
    Taxation,
    /// 统一社会信用代码.
    UnifiedSocialCredit,
}

impl SubjectIdKind {
    pub(super) fn of(id: &ObjectIdentifier) -> Option<Self> {
        // The arcs 1.2.156.10260.4 and the older 1.2.86.11.7.
        Some(match id.as_bytes() {
            [0x2a, 0x81, 0x1c, 0xd0, 0x14, 4, rest @ ..] => match rest {
                [1, 1] => Self::IdentityCode,
                [1, 1, 1] => Self::ResidentId,
                [1, 1, 2] => Self::Passport,
                [1, 2] => Self::SocialInsurance,
                [1, 3] => Self::BusinessRegistration,
                [1, 4] => Self::OrganizationCode,
                [1, 5] => Self::Taxation,
                [4] => Self::UnifiedSocialCredit,
                _ => return None,
            },
            [0x2a, 0x56, 11, 7, rest] => match rest {
                1 => Self::IdentityCode,
                3 => Self::BusinessRegistration,
                4 => Self::UnifiedSocialCredit,
                5 => Self::Taxation,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdentityCode => "identity-code",
            Self::ResidentId => "resident-id",
            Self::MilitaryId => "military-id",
            Self::Passport => "passport",
            Self::SocialInsurance => "social-insurance",
            Self::BusinessRegistration => "business-registration",
            Self::OrganizationCode => "organization-code",
            Self::Taxation => "taxation",
            Self::UnifiedSocialCredit => "unified-social-credit-code",
        }
    }
}

/// An identifier of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectId {
    /// What kind.
    pub kind: SubjectIdKind,
    /// The extension that it was in.
    pub id: ObjectIdentifier,
    /// The identifier; in hex after `#` if it is no text.
    pub value: String,
}

impl SubjectId {
    pub(super) fn read(kind: SubjectIdKind, id: ObjectIdentifier, value: &[u8]) -> Self {
        let (choice, found) = find(value, 0);
        let kind = match (kind, choice) {
            (SubjectIdKind::IdentityCode, Some(0)) => SubjectIdKind::ResidentId,
            (SubjectIdKind::IdentityCode, Some(1)) => SubjectIdKind::MilitaryId,
            (SubjectIdKind::IdentityCode, Some(2)) => SubjectIdKind::Passport,
            (kind, _) => kind,
        };
        Self { kind, id, value: found.or_else(|| plain(value)).unwrap_or_else(|| format!("#{}", hex(value))) }
    }
}

/// Deepest nesting that is looked into.
const MAX_DEPTH: u8 = 4;

/// The text in an element that is all of `value`, and the number of a CHOICE around it.
fn find(value: &[u8], depth: u8) -> (Option<u8>, Option<String>) {
    let mut fields = Fields::new(value, "subject identifier");
    let Ok(element) = fields.next() else { return (None, None) };
    if depth == MAX_DEPTH || !fields.is_empty() {
        return (None, None);
    }
    match element.tag {
        OCTET_STRING | SEQUENCE | SET => match find(element.body, depth + 1) {
            (choice, None) => (choice, plain(element.body)),
            found => found,
        },
        tag @ 0xa0..=0xa2 => (Some(tag & 0x1f), find(element.body, depth + 1).1),
        tag @ 0x80..=0x82 => (Some(tag & 0x1f), plain(element.body)),
        tag => (None, text(tag, element.body)),
    }
}

fn plain(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_one() {
        let id = ObjectIdentifier::new_unwrap("1.2.156.10260.4.1.1");
        let kind = SubjectIdKind::of(&id).unwrap();
        for (value, kind_read, text) in [
            (&b"\xa0\x04\x13\x02AB"[..], SubjectIdKind::ResidentId, "AB"),
            (b"\x80\x02AB", SubjectIdKind::ResidentId, "AB"),
            (b"\x81\x02AB", SubjectIdKind::MilitaryId, "AB"),
            (b"\xa2\x04\x13\x02AB", SubjectIdKind::Passport, "AB"),
            (b"\x13\x02AB", SubjectIdKind::IdentityCode, "AB"),
            (b"\x04\x02AB", SubjectIdKind::IdentityCode, "AB"),
            (b"\x30\x06\xa0\x04\x13\x02AB", SubjectIdKind::ResidentId, "AB"),
            (b"AB12345", SubjectIdKind::IdentityCode, "AB12345"),
            (b"\x02\x01\xff", SubjectIdKind::IdentityCode, "#0201ff"),
            (b"", SubjectIdKind::IdentityCode, "#"),
        ] {
            let read = SubjectId::read(kind, id, value);
            assert_eq!((read.kind, read.value.as_str()), (kind_read, text), "{value:?}");
        }
    }

    #[test]
    fn the_arcs() {
        for (dotted, name) in [
            ("1.2.156.10260.4.1.1.1", "resident-id"),
            ("1.2.156.10260.4.1.1.2", "passport"),
            ("1.2.156.10260.4.1.2", "social-insurance"),
            ("1.2.156.10260.4.1.3", "business-registration"),
            ("1.2.156.10260.4.1.4", "organization-code"),
            ("1.2.156.10260.4.1.5", "taxation"),
            ("1.2.156.10260.4.4", "unified-social-credit-code"),
            ("1.2.86.11.7.1", "identity-code"),
            ("1.2.86.11.7.3", "business-registration"),
            ("1.2.86.11.7.4", "unified-social-credit-code"),
            ("1.2.86.11.7.5", "taxation"),
        ] {
            let kind = SubjectIdKind::of(&ObjectIdentifier::new_unwrap(dotted)).map(SubjectIdKind::name);
            assert_eq!(kind, Some(name), "{dotted}");
        }
        assert_eq!(SubjectIdKind::of(&ObjectIdentifier::new_unwrap("1.2.156.10260.4.1.6")), None);
    }
}
