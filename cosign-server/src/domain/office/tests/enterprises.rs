//! Machines of enterprises, walked at random.

use super::{super::*, Choices, name, personal, walk};
use crate::domain::office::{
    approval::{Approval, Ask, Ground, JoinRight, Judge},
    authority::{Administers, Authority, Represents, Reviews},
    claim::{Claim, Form, Shown},
    code::{ProvenPhone, Purpose},
    enterprise::{Alteration, Enterprise, Facts, Legal, Sort, Uscc},
    grant::{Grant, Terms, What},
    invitation::Invitation,
    membership::Membership,
    micropayment::{Micropayment, Payee, ProvenAccount},
    person::Document,
};

/// What the walks call the entity that they walk.
const ID: Id = Id::from_bytes([1; 16]);

fn account(choices: &mut Choices) -> Id {
    Id::from_bytes([2 + u8::try_from(choices.below(3)).unwrap(); 16])
}

fn some<const N: usize>(choices: &mut Choices, asks: [Ask; N]) -> Ask {
    let which = usize::try_from(choices.below(N as u64)).unwrap();
    asks.into_iter().nth(which).unwrap()
}

fn authority(choices: &mut Choices) -> Authority {
    let (who, place) = (account(choices), choices.of(&[ID, Id::from_bytes([9; 16])]));
    match choices.below(3) {
        0 => Authority::Administers(Administers::test(who, place)),
        1 => Authority::Represents(Represents::test(who, place)),
        _ => Authority::Reviews(Reviews::test(who)),
    }
}

pub(super) fn legal() -> Legal {
    Legal {
        name: personal(),
        document: Document::IdCard,
        number: personal(),
        number_name: [1; 32],
        phone: personal(),
        phone_name: [2; 32],
    }
}

pub(super) fn facts() -> Facts {
    Facts {
        sort: Sort::Company,
        name: name("示例有限公司"),
        uscc: Uscc::parse("91350100M000100Y43").unwrap(),
        legal: Some(legal()),
        licence: ID,
        long_term: true,
    }
}

#[test]
fn enterprises() {
    use enterprise::Event;
    walk::<Enterprise>(|choices| match choices.below(11) {
        0 | 1 => Event::Found { facts: facts(), founder: account(choices) },
        2 => Event::Restore { licence: ID, founder: account(choices) },
        3 => Event::Join,
        4 => Event::Part { account: account(choices) },
        5 => Event::Promote { account: account(choices) },
        6 => Event::HandOver { from: account(choices), to: account(choices) },
        7 => Event::Alter { to: Alteration::Name(name("示例集团")), licence: ID },
        8 => Event::Alter { to: Alteration::Legal(legal()), licence: ID },
        9 => Event::Cancel { by: authority(choices) },
        _ => Event::Erase,
    });
}

#[test]
fn memberships() {
    use membership::Event;
    walk::<Membership>(|choices| {
        let (account, enterprise) = (Id::from_bytes([2; 16]), ID);
        match choices.below(10) {
            0 => Event::Miss { account, enterprise },
            1 => Event::Ask { account, enterprise },
            2 => Event::Decline,
            3 => Event::Admit,
            4 => Event::Add { account, enterprise },
            5 => Event::Leave,
            6 | 7 => Event::Remove { by: authority(choices) },
            8 => Event::Dissolve,
            _ if choices.below(4) == 0 => Event::Erase,
            _ => Event::Decline,
        }
    });
}

#[test]
fn invitations() {
    use invitation::Event;
    walk::<Invitation>(|choices| match choices.below(6) {
        0..=2 => Event::Send {
            by: authority(choices),
            enterprise: ID,
            phone: personal(),
            phone_name: [1; 32],
            name: personal(),
            administrator: choices.below(2) == 0,
            text: personal(),
        },
        3 => Event::Accept {
            account: account(choices),
            phone_name: [u8::try_from(choices.below(2)).unwrap(); 32],
        },
        4 => Event::Expire,
        _ if choices.below(3) == 0 => Event::Withdraw,
        _ => Event::Expire,
    });
}

#[test]
fn approvals() {
    use approval::Event;
    walk::<Approval>(|choices| {
        let (applicant, to) = (account(choices), account(choices));
        match choices.below(12) {
            0 | 1 => Event::Ask {
                applicant,
                applicant_name: [1; 32],
                place: ID,
                ask: some(
                    choices,
                    [
                        Ask::Join {
                            membership: ID,
                            rights: vec![
                                JoinRight { grant: ID, by_legal: true },
                                JoinRight { grant: to, by_legal: false },
                            ],
                            order: Some(ID),
                        },
                        Ask::Leave(ID),
                        Ask::Claim(ID),
                        Ask::Rename { name: name("示例集团"), licence: ID, letter: ID },
                        Ask::Represent { legal: Some(Box::new(legal())), licence: ID, letter: ID },
                        Ask::Appeal { founder: applicant, licence: ID, letter: ID },
                        Ask::Certificate(ID),
                        Ask::Seal(ID),
                        Ask::Transfer { from: applicant, to },
                    ],
                ),
                reason: Some(personal()),
                stages: (0..=choices.below(3)).map(|_| choices.of(Judge::ALL)).collect(),
                tell: vec![account(choices)],
            },
            2..=6 => {
                let keep = (choices.below(4) == 0).then(|| vec![ID]);
                Event::Pass { by: authority(choices), words: None, mark: None, keep, stamp: None }
            }
            7 => Event::Return { by: authority(choices), ground: choices.of(Ground::ALL), words: personal() },
            8 => Event::Share { applicant, link: [4; 32] },
            9 if choices.below(2) == 0 => Event::Withdraw { applicant },
            10 if choices.below(3) == 0 => Event::Void,
            _ => Event::Erase,
        }
    });
}

#[test]
fn claims() {
    use claim::Event;
    walk::<Claim>(|choices| {
        let form = |choices: &mut Choices| Form {
            facts: facts(),
            letter: (0..choices.below(2)).map(|_| ID).collect(),
            seal: None,
            signature: None,
            is_registered: choices.below(2) == 0,
        };
        let phone = |choices: &mut Choices| {
            let purpose = choices.of(&[Purpose::Legal, Purpose::Sign]);
            ProvenPhone { phone: personal(), name: [2; 32], purpose }
        };
        match choices.below(12) {
            0 => Event::Draft { claimant: account(choices), name: [1; 32], form: form(choices) },
            1 => Event::Fill(form(choices)),
            2 => Event::Show(Shown::Letter),
            3 => Event::Show(Shown::Phone(phone(choices))),
            4 => {
                let by = Represents::test(account(choices), ID);
                Event::Show(Shown::Signed(by, phone(choices)))
            }
            5 if choices.below(2) == 0 => Event::Show(Shown::Remote),
            5 => {
                let facts = facts();
                let account = ProvenAccount::test(ID, Enterprise::id_of(&facts.uscc), facts.name);
                Event::Show(Shown::Account(account))
            }
            6 => Event::Accept,
            7 => Event::Return,
            8 if choices.below(3) == 0 => Event::Withdraw,
            9 if choices.below(3) == 0 => Event::Supersede,
            10 if choices.below(3) == 0 => Event::Erase,
            _ => Event::Return,
        }
    });
}

#[test]
fn micropayments() {
    use micropayment::Event;
    walk::<Micropayment>(|choices| {
        let hash = [u8::from(choices.below(4) == 0); 32];
        match choices.below(12) {
            0 | 1 => Event::Order {
                owner: account(choices),
                claim: ID,
                enterprise: ID,
                payee: Payee { name: name("示例有限公司"), bank: personal(), account: personal() },
                hash: [1; 32],
                remark: personal(),
            },
            2..=4 => Event::Sent,
            5 => Event::Arrive,
            6 if choices.below(3) == 0 => Event::Bounce,
            7 => Event::Enter { hash },
            8 if choices.below(3) == 0 => Event::Replace,
            9 => Event::Expire,
            _ => Event::Miss { hash },
        }
    });
}

#[test]
fn grants() {
    use grant::Event;
    walk::<Grant>(|choices| {
        let from_ms = 1_000_000 + choices.below(10_000_000);
        let terms = Terms {
            enterprise: ID,
            member: account(choices),
            what: choices.of(&[
                What::Certificate { platform: ID },
                What::Holding { holding: ID },
                What::Seal { seal: ID },
            ]),
            from_ms,
            until_ms: from_ms + choices.below(60) * 86_400_000,
        };
        match choices.below(10) {
            0 | 1 => Event::Ask { terms, by: account(choices) },
            8 => Event::Lose,
            9 => Event::Follow { to: ID },
            2 => Event::Give {
                terms,
                by: authority(choices),
                signed: choices.of(&[true, false]).then_some(None),
            },
            3 => Event::Pass,
            4 if choices.below(3) == 0 => Event::Refuse,
            5 if choices.below(3) == 0 => Event::Withdraw,
            _ => Event::Expire,
        }
    });
}
