//! Applications, certificates and seals, walked at random.

use cosign_core::DeviceId;

use super::{Choices, personal, shop::wanted, walk, walk_under};
use crate::{
    domain::{
        ca::{CertState, Reason},
        office::{
            Entity, Id, Moment, Rules,
            account::{self, Account, Authorised},
            application::{self, Application, ApplicationState, Business, Opinion, Wish},
            attachment::Attachment,
            authority::{Administers, Authority, Belongs},
            code::{ProvenPhone, Purpose},
            holding::{self, Acting, Holder, Holding, Issued},
            medium::{self, Medium},
            order::OrderFlow,
            person::{self, Claim, Document, Level, Method, Person},
            seal::{self, Bearer, Face, Order, Replacement, Seal, SealKind, Source},
        },
    },
    testing::name,
};

const fn id(byte: u8) -> Id {
    Id::from_bytes([byte; 16])
}

/// An enterprise.
const FIRM: Id = id(9);

fn moment(rules: &Rules) -> Moment<'_> {
    Moment { id: id(1), now_ms: 1_000_000, rules }
}

/// A person who acts for themselves.
fn acting() -> Acting {
    let claim = Claim {
        case: id(3),
        method: Method::Digits,
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
    let person = Person::transition(None, &person::Event::Check(claim), moment(&rules)).unwrap().entity;
    let verified = Person::transition(Some(&person), &person::Event::Match { case: id(3) }, moment(&rules));
    Acting::from(&verified.unwrap().entity.verified(id(2), Level::Face).unwrap())
}

fn authorised(account: Id) -> Authorised {
    let phone = |purpose| ProvenPhone { phone: personal(), name: [1; 32], purpose };
    let register = account::Event::Register { phone: phone(Purpose::Login), agreement: "1".to_owned() };
    let rules = Rules::default();
    let registered = Account::transition(None, &register, moment(&rules)).unwrap().entity;
    assert!(registered.authorise(account, &phone(Purpose::Login)).is_err());
    registered.authorise(account, &phone(Purpose::Apply)).unwrap()
}

#[test]
fn applications() {
    let by = acting();
    walk_under::<Application>(&Rules::default(), |choices, now| {
        // Little time is spent in this state.
        if now.is_some_and(|now| now.state() == ApplicationState::Returned) {
            match choices.below(12) {
                0 => return application::Event::Erase,
                1 => return application::Event::Withdraw,
                2 => return application::Event::Lapse,
                _ => {}
            }
        }
        let file = Attachment { id: id(5) };
        let opinion = |choices: &mut Choices, passed| Opinion {
            reviewer: [choices.of(&[1, 2]); 32],
            name: name("reviewer"),
            passed,
            words: choices.of(&[true, false]).then(personal),
            at_ms: 1,
        };
        match choices.below(16) {
            15 => application::Event::Record { gave: id(6) },
            0 | 1 => {
                let businesses =
                    [Business::New, Business::Renew, Business::Revoke, Business::Seal, Business::Medium];
                let (business, flow) = (
                    choices.of(&businesses),
                    choices.of(&[None, Some(OrderFlow::PayFirst), Some(OrderFlow::ReviewFirst)]),
                );
                application::Event::Draft(Box::new(Wish {
                    by,
                    business,
                    holding: choices.of(&[None, Some(id(3))]),
                    seal: (business == Business::Seal).then_some(id(4)),
                    platform: None,
                    authority: "demo".to_owned().try_into().unwrap(),
                    years: choices.of(&[0, 1, 1, 1, 5, 5, 5, 6]),
                    dual: false,
                    reason: None,
                    agreement: choices.of(&["0", "1", "1", "1"]).to_owned(),
                    purchase: flow.map(|flow| wanted(Some(flow))),
                    needs_attachments: choices.below(2) == 0,
                    reviewers: choices.of(&[0, 0, 1, 2]),
                }))
            }
            2 | 10 => application::Event::Confirm { form: choices.of(&[None, Some(file)]) },
            3 | 4 => application::Event::Authorise(authorised(choices.of(&[id(2), id(2), id(9)]))),
            5 | 6 => application::Event::Attach(vec![file]),
            7 | 8 => {
                let passed = choices.below(2) > 0;
                application::Event::Decide(opinion(choices, passed))
            }
            12 => application::Event::Refuse(opinion(choices, false)),
            14 => application::Event::Mail(personal()),
            13 if choices.below(4) == 0 => application::Event::Lapse,
            9 => application::Event::Install {
                by,
                device: DeviceId::from_bytes([choices.of(&[1, 7]); 32]),
                gave: id(6),
            },
            11 if choices.below(3) == 0 => application::Event::Withdraw,
            11 if choices.below(3) == 0 => application::Event::Erase,
            _ => application::Event::Pay,
        }
    });
}

fn issued(replaces: Option<Id>) -> Box<Issued> {
    issued_to(acting(), replaces)
}

/// Whoever administers an enterprise.
fn administering() -> Acting {
    let by = Authority::Administers(Administers::test(id(2), FIRM));
    assert!(Acting::judge(Holder::Enterprise(id(8)), id(2), Some(by)).is_err());
    assert!(Acting::judge(Holder::Enterprise(FIRM), id(3), Some(by)).is_err());
    assert!(Acting::judge(Holder::Person(id(3)), id(2), Some(by)).is_err());
    Acting::judge(Holder::Enterprise(FIRM), id(2), Some(by)).unwrap()
}

fn issued_to(by: Acting, replaces: Option<Id>) -> Box<Issued> {
    Box::new(Issued {
        by,
        platform: None,
        authority: "demo".to_owned().try_into().unwrap(),
        serial: "42".to_owned(),
        device: "00".to_owned(),
        not_after_ms: 1_000_000 + 100 * 86_400_000,
        epoch: 1,
        replaces,
    })
}

#[test]
fn holdings() {
    walk::<Holding>(|choices| match choices.below(12) {
        0 => holding::Event::Install(issued(choices.of(&[None, Some(id(8))]))),
        1..=3 => holding::Event::Pass,
        4 => holding::Event::Freeze,
        5 if choices.below(3) == 0 => holding::Event::Strand,
        5 if choices.below(2) == 0 => holding::Event::Refresh(u32::try_from(choices.below(5)).unwrap()),
        5 => holding::Event::Unfreeze,
        6 => holding::Event::Outdate,
        7 if choices.below(3) == 0 => holding::Event::Supersede { by: id(8) },
        8 if choices.below(3) == 0 => holding::Event::Revoke(Reason::Unspecified),
        9 if choices.below(3) == 0 => holding::Event::Follow(CertState::Revoked),
        _ => holding::Event::Follow(choices.of(&CertState::ALL)),
    });
}

/// A holding that stands in each state is behind only of what it can follow.
#[test]
fn what_is_behind_can_follow() {
    let rules = Rules::default();
    let install = holding::Event::Install(issued(None));
    let valid = Holding::transition(None, &install, moment(&rules)).unwrap().entity;
    let mut all = vec![valid.clone()];
    for event in [
        holding::Event::Freeze,
        holding::Event::Outdate,
        holding::Event::Supersede { by: id(8) },
        holding::Event::Revoke(Reason::Unspecified),
    ] {
        all.push(Holding::transition(Some(&valid), &event, moment(&rules)).unwrap().entity);
    }
    for one in &all {
        for state in CertState::ALL {
            let follows = Holding::transition(Some(one), &holding::Event::Follow(state), moment(&rules));
            assert_eq!(one.is_behind(state), follows.is_ok(), "{one:?} {state:?}");
        }
    }
}

#[test]
fn seals() {
    let rules = Rules::default();
    let bearer_of = |by: Acting| {
        let install = holding::Event::Install(issued_to(by, None));
        let valid = Holding::transition(None, &install, moment(&rules)).unwrap().entity;
        assert!(Bearer::of(id(3), &valid, id(2), u64::MAX).is_err());
        Bearer::of(id(3), &valid, id(2), 1_000_000).unwrap()
    };
    let bearers = [bearer_of(acting()), bearer_of(administering())];
    let member = |choices: &mut Choices| Belongs::test(id(5), choices.of(&[FIRM, id(8)]));
    walk::<Seal>(|choices| {
        let source = choices.of(&[Source::Photo, Source::Handwriting, Source::Template]);
        let face = Face { picture: id(4), source, size: (100, 100) };
        match choices.below(17) {
            0 | 1 => seal::Event::Make(Box::new(Order {
                bearer: choices.of(&bearers),
                kind: choices.of(&[SealKind::PersonalSeal, SealKind::LegalSeal, SealKind::Company]),
                name: personal(),
                face,
                manager: (choices.below(2) == 0).then(|| member(choices)),
                is_applied_for: choices.below(2) == 0,
            })),
            2 => seal::Event::Pass { face: choices.of(&[true, false]).then_some(face), words: None },
            3 => seal::Event::Return(personal()),
            4 => seal::Event::Correct(face),
            5 => seal::Event::Replace(Replacement {
                face,
                reason: personal(),
                is_applied_for: choices.below(2) == 0,
            }),
            6 => seal::Event::Signed { data: id(7), version: choices.of(&[1, 2, 3]) },
            7 if choices.below(3) == 0 => seal::Event::Use,
            8 => seal::Event::Appoint(member(choices)),
            9 if choices.below(3) == 0 => seal::Event::Cancel,
            10 if choices.below(3) == 0 => seal::Event::Delete,
            11 if choices.below(3) == 0 => seal::Event::End,
            12 => seal::Event::Lapse,
            13 => seal::Event::Rebind { to: id(8) },
            14 if choices.below(4) == 0 => seal::Event::Erase,
            15 => seal::Event::Grant,
            16 => seal::Event::Drop,
            _ => seal::Event::Leave,
        }
    });
}

#[test]
fn media() {
    walk::<Medium>(|choices| match choices.below(3) {
        0 => medium::Event::Record(Box::new(medium::Facts {
            holder: acting().holder(),
            account: id(2),
            application: id(3),
            platform: None,
            authority: "demo".to_owned().try_into().unwrap(),
            serial: "42".to_owned(),
            not_after_ms: 1_000_000 + 10 * 86_400_000,
        })),
        _ => medium::Event::Expire,
    });
}
