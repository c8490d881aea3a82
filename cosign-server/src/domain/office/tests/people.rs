//! Accounts, people, what they write and read.

use super::{personal, proven, walk};
use crate::domain::office::{
    Id, Named as _,
    person::{self, Claim, Document, Finding, Method, Person},
};

/// What somebody says of themselves.
pub(super) fn claim(case: Id, method: Method, number: u64) -> Claim {
    Claim {
        case,
        method,
        document: Document::IdCard,
        name: personal(),
        number: personal(),
        number_name: [u8::from(number == 0); 32],
        expires_ms: None,
        pictures: Vec::new(),
        challenge: None,
        agreement: "1".to_owned(),
    }
}

#[test]
fn people() {
    walk::<Person>(|choices| {
        let case = Id::from_bytes([u8::from(choices.below(4) == 0); 16]);
        let claim = |method, number: u64| claim(case, method, number);
        match choices.below(12) {
            0..3 => person::Event::Check(claim(choices.of(Method::ALL), choices.below(9))),
            3 => person::Event::Review(claim(choices.of(&[Method::Review, Method::Data]), choices.below(9))),
            4 | 5 => person::Event::Match { case },
            6 => person::Event::Differ { case, finding: choices.of(Finding::ALL) },
            7 => person::Event::Lapse,
            8 => person::Event::Pass { case, opinion: Some(personal()) },
            9 => person::Event::Refuse { case, opinion: None },
            _ if choices.below(4) == 0 => person::Event::Erase,
            _ => person::Event::Change { phone: proven(choices) },
        }
    });
}
