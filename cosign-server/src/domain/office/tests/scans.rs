//! Scans, tasks and what they leave behind.

use super::{super::*, Choices, personal, walk};
use crate::{
    domain::office::{
        binding::Binding,
        envelope::Envelope,
        person::{self, Level, Method, Person, VerifiedPerson},
        proof::{
            Hash,
            testing::{signed, usable},
        },
        record::{Record, Use},
        scan::{Form, Item, New, Plea, Scan, ScanState, Section, Stop, System, Terms},
        session::OwnDevice,
        task::{Filed, Task, TaskKind, TaskState},
    },
    testing::name,
};
use cosign_core::DeviceId;

const CLIENT: Id = Id::from_bytes([5; 16]);
const ACCOUNT: Id = Id::from_bytes([6; 16]);

fn system() -> System {
    System { client: CLIENT, platform: None, code: "M1100000001".to_owned(), name: name("平台") }
}

fn section() -> Section {
    Section { project: "P".to_owned(), section: "S".to_owned() }
}

fn item(form: Form) -> Item {
    let digest = (form == Form::Digest).then_some(Hash([3; 32]));
    let content = digest.is_none().then(personal);
    Item { name: "file".to_owned(), form, content, digest, result: None, sealing: None }
}

fn new(choices: &mut Choices) -> New {
    let plea = if choices.below(2) == 0 { Plea::Seal } else { choices.of(Plea::ALL) };
    let items = match plea {
        Plea::SignMessage => vec![item(Form::Message)],
        Plea::Decrypt => vec![item(Form::Envelope)],
        _ => Vec::new(),
    };
    let terms = Terms {
        section: Some(section()),
        opens_ms: Some(1),
        certificate: (plea == Plea::RemoveSeal).then(|| usable().name),
        task: (plea == Plea::OpenTask).then_some(Id::from_bytes([8; 16])),
        document: (plea == Plea::Seal && choices.below(2) == 0).then_some(Id::from_bytes([9; 16])),
        ..Terms::default()
    };
    let number = (choices.below(3) == 0).then_some(Hash([9; 32]));
    New { system: system(), plea, terms, nonce: "n".to_owned(), token: Hash([1; 32]), number, items }
}

fn person() -> VerifiedPerson {
    let case = Id::from_bytes([1; 16]);
    let claim = super::people::claim(case, Method::Data, 1);
    let moment = Moment { id: ACCOUNT, now_ms: 1, rules: &Rules::default() };
    let one = Person::transition(None, &person::Event::Check(claim), moment).unwrap().entity;
    let one = Person::transition(Some(&one), &person::Event::Match { case }, moment).unwrap().entity;
    one.verified(ACCOUNT, Level::Data).unwrap()
}

#[test]
fn scans() {
    // What a phone signs depends on what it was asked: it follows along.
    let mut digests: Vec<Hash> = Vec::new();
    let rules = Rules {
        scan_code_s: 1_000_000,
        scan_step_s: 1_000_000,
        scan_link_s: 1_000_000,
        scan_longest_min: 1_000_000,
        ..Rules::default()
    };
    super::walk_under::<Scan>(&rules, |choices, now| {
        let id = Id::from_bytes([1; 16]);
        let opened = match now {
            Some(scan) if scan.plea == Plea::Decrypt => vec!["00".to_owned()],
            _ => Vec::new(),
        };
        if let Some(scan) = now {
            digests = scan.to_sign(id, &opened).unwrap_or_default();
        }
        let device = OwnDevice::new(DeviceId::from_bytes([4; 32]));
        // Mostly it goes on as it should.
        let forward: &[u64] = match now.map(Entity::state) {
            None => &[0],
            Some(ScanState::Created) => &[1, 1, 3, 17],
            Some(ScanState::Scanned) => &[4, 4, 13, 16, 17],
            Some(ScanState::Chosen) => &[7, 7, 7, 16, 17],
            Some(ScanState::Confirmed) => &[9, 9, 9, 9, 12, 15, 17, 18],
            _ => &[9, 10, 10, 10, 11, 11, 11, 12, 15, 17, 18],
        };
        let choice = if choices.below(4) == 0 { choices.below(19) } else { choices.of(forward) };
        match choice {
            0 => scan::Event::Create(Box::new(new(choices))),
            1 | 2 => scan::Event::Scan { person: person(), device, number: Some(Hash([9; 32])) },
            3 => scan::Event::Scan { person: person(), device, number: None },
            4..=6 => {
                let event = envelope::Event::Seal {
                    client: CLIENT,
                    account: ACCOUNT,
                    section: section(),
                    certificate: usable().name,
                    opens_ms: None,
                };
                let moment = Moment { id, now_ms: 1, rules: &rules };
                let sealed = Envelope::transition(None, &event, moment).unwrap().entity;
                let digests = now.map_or(0, |scan| scan.items.len());
                let digests = vec![Some(Hash([3; 32])); digests];
                scan::Event::Choose {
                    certificate: usable(),
                    enterprise: None,
                    digests,
                    envelope: Some((id, sealed)),
                }
            }
            7 | 8 => scan::Event::Confirm { signed: signed(digests.clone()), opened, shares: true },
            9 => scan::Event::Add(vec![item(Form::Digest)]),
            10 => scan::Event::Sign(signed(digests.clone())),
            11 => scan::Event::Finish,
            12 => scan::Event::Beat,
            13 => scan::Event::Take,
            16 => scan::Event::Refuse,
            17 => scan::Event::Abort,
            18 => scan::Event::Fail(Stop::Phone),
            _ => scan::Event::Lapse,
        }
    });
}

#[test]
fn tasks() {
    super::walk_under::<Task>(&Rules::default(), |choices, now| {
        let forward = match now.map(Entity::state) {
            None => 0,
            Some(TaskState::Pending) => 4,
            _ => 7,
        };
        let choice = if choices.below(2) == 0 { forward } else { choices.below(14) };
        task_event(choices, choice)
    });
}

fn task_event(choices: &mut Choices, choice: u64) -> task::Event {
    match choice {
        0..=2 => {
            let account = (choices.below(2) == 0).then_some(ACCOUNT);
            let phone = account.is_none().then_some(Hash([2; 32]));
            task::Event::File(Filed {
                system: system(),
                batch: Id::from_bytes([7; 16]),
                kind: choices.of(TaskKind::ALL),
                title: Some(personal()),
                content: Some(personal()),
                paper: None,
                phone,
                account,
                until_ms: 5_000_000,
            })
        }
        3 => {
            let phone = (choices.below(2) == 0).then_some(Hash([2; 32]));
            task::Event::Open { account: ACCOUNT, phone }
        }
        4 | 5 => task::Event::Start { certificate: usable(), digest: Hash([3; 32]), sealing: None },
        6 => task::Event::Fail,
        7 => task::Event::Sign(signed(vec![Hash([3; 32])])),
        8 => task::Event::Refuse(personal()),
        9 => task::Event::Withdraw,
        10 => task::Event::Expire,
        11 => task::Event::Remove,
        12 => task::Event::Erase,
        _ => task::Event::Open { account: Id::from_bytes([9; 16]), phone: None },
    }
}

#[test]
fn what_scans_leave_behind() {
    walk::<Envelope>(|choices| match choices.below(2) {
        0 => envelope::Event::Seal {
            client: CLIENT,
            account: ACCOUNT,
            section: section(),
            certificate: usable().name,
            opens_ms: None,
        },
        _ => envelope::Event::Open,
    });
    walk::<Binding>(|choices| match choices.below(5) {
        0 => binding::Event::Bind { system: system(), account: ACCOUNT, certificate: usable().name },
        1 => binding::Event::Ask { system: system(), account: ACCOUNT, certificate: usable().name },
        2 => binding::Event::Pass,
        3 => binding::Event::Refuse,
        _ => binding::Event::End,
    });
    walk::<Record>(|_| {
        let (certificate, identity) = (usable().name, usable().identity);
        let operation = "login".to_owned();
        record::Event::Note(Use {
            account: ACCOUNT,
            certificate,
            identity,
            enterprise: Some(ACCOUNT),
            system: system(),
            operation,
            seal: None,
            about: CLIENT,
            units: 1,
        })
    });
}
