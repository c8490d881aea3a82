//! Accounts, people, what they write and read.

use super::{personal, proven, walk};
use crate::{
    domain::office::{
        Id, Moment, Named as _, Rules,
        appeal::{self, Appeal},
        article::{self, Article, ArticleKind, Words},
        captcha::{self, Captcha},
        challenge::{self, Challenge},
        chat::{self, Chat, Line, LineEvent, Speaker},
        entity::Entity as _,
        linked::{self, Elsewhere, Linked},
        person::{self, Claim, Document, Finding, Level, Method, Person},
        reading::{Reading, Recognised, Side},
        session::OwnDevice,
        terminal::{self, Terminal, Unlocking},
    },
    testing::name,
};
use cosign_core::DeviceId;

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
        pictures: vec![case; 2],
        particulars: None,
        terminal: None,
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

#[test]
fn terminals() {
    walk::<Terminal>(|choices| match choices.below(8) {
        0 | 1 => terminal::Event::Bind {
            account: Id::from_bytes([2; 16]),
            device: name("phone"),
            own_device: (choices.below(2) == 0).then(|| OwnDevice::new(DeviceId::from_bytes([4; 32]))),
            secret: [3; 32],
            is_first: choices.below(2) == 0,
        },
        2 => terminal::Event::Use,
        3 => terminal::Event::Trust { on: choices.below(2) == 0, quiet_until_ms: None },
        4 => terminal::Event::Unlock(choices.of(Unlocking::ALL)),
        5 => terminal::Event::Lock,
        6 if choices.below(3) == 0 => terminal::Event::GiveWay,
        6 => terminal::Event::Use,
        _ => terminal::Event::Unbind,
    });
}

#[test]
fn bindings() {
    walk::<Linked>(|choices| match choices.below(2) {
        0 => linked::Event::Bind {
            account: Id::from_bytes([2; 16]),
            elsewhere: choices.of(Elsewhere::ALL),
            name: [3; 32],
        },
        _ => linked::Event::Unbind,
    });
}

#[test]
fn readings() {
    walk::<Reading>(|choices| Recognised {
        owner: Id::from_bytes([2; 16]),
        side: choices.of(Side::ALL),
        fields: personal(),
        confidence: 101,
    });
}

#[test]
fn captchas() {
    walk::<Captcha>(|choices| match choices.below(4) {
        0 => captcha::Event::Draw { hash: [1; 32] },
        1 | 2 => captcha::Event::Enter { hash: [u8::from(choices.below(2) == 0); 32] },
        _ => captcha::Event::Expire,
    });
}

#[test]
fn appeals() {
    let claim = Claim {
        case: Id::from_bytes([1; 16]),
        method: Method::Data,
        document: Document::IdCard,
        name: personal(),
        number: personal(),
        number_name: [1; 32],
        expires_ms: None,
        pictures: Vec::new(),
        particulars: None,
        terminal: None,
        challenge: None,
        agreement: "1".to_owned(),
    };
    let rules = Rules::default();
    let moment = Moment { id: Id::from_bytes([2; 16]), now_ms: 1, rules: &rules };
    let checking = Person::transition(None, &person::Event::Check(claim), moment).unwrap().entity;
    assert!(checking.verified(moment.id, Level::Data).is_err());
    let matched = person::Event::Match { case: Id::from_bytes([1; 16]) };
    let person = Person::transition(Some(&checking), &matched, moment).unwrap().entity;
    let person = Box::new(person.verified(moment.id, Level::Data).unwrap());
    walk::<Appeal>(|choices| match choices.below(3) {
        0 => appeal::Event::File { person: person.clone(), reason: personal() },
        1 => appeal::Event::Accept { opinion: None },
        _ => appeal::Event::Refuse { opinion: personal() },
    });
}

#[test]
fn articles() {
    let kind = ArticleKind::Notice;
    let words = Words::new(kind, "title".to_owned(), String::new(), None, None, None).unwrap();
    walk::<Article>(|choices| match choices.below(6) {
        0 | 1 => article::Event::Write { kind, words: words.clone() },
        2 | 3 => article::Event::Edit { kind: choices.of(&[kind, ArticleKind::Guide]), words: words.clone() },
        4 => article::Event::Publish,
        _ if choices.below(3) == 0 => article::Event::Withdraw,
        _ => article::Event::Publish,
    });
}

#[test]
fn chats() {
    let agent = Id::from_bytes([3; 16]);
    walk::<Chat>(|choices| match choices.below(10) {
        0 => chat::Event::Open { account: Id::from_bytes([2; 16]) },
        1..5 => {
            let agent = (choices.below(4) > 0).then_some(agent);
            chat::Event::Say { speaker: choices.of(Speaker::ALL), agent, words: personal() }
        }
        5 => chat::Event::Call,
        6 | 7 => chat::Event::Take { agent },
        8 => chat::Event::Lapse,
        _ if choices.below(3) == 0 => chat::Event::Close,
        _ => chat::Event::Lapse,
    });
    walk::<Line>(|_| LineEvent::of(agent, personal()));
}

#[test]
fn challenges() {
    walk::<Challenge>(|choices| {
        let device = OwnDevice::new(DeviceId::from_bytes([choices.of(&[4, 4, 5]); 32]));
        match choices.below(4) {
            0 | 1 => challenge::Event::Ask(device),
            2 => challenge::Event::Answer(device),
            _ => challenge::Event::Expire,
        }
    });
}
