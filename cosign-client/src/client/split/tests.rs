//! A key moves or is shared. The device that gets it is cut off at every effect on its disk and both devices at every
//! message: afterwards exactly one of them has the key, or both have a share.

mod world;

use cosign_core::{
    KeyId, MIN_ITERATIONS, PinMode, Purpose, RefreshId, Suite,
    server::{Origin, Status},
};

use self::world::{NEW, WRONG, World};
use super::*;
use crate::{
    api::{KeyPurpose, PinState},
    testing::{Fate, FrameServer, Model, device_key, pin, power},
};

#[test]
fn a_key_moves() {
    for (suite, purpose, mode) in [
        (Suite::D, Purpose::Sign, PinMode::Base),
        (Suite::F2, Purpose::Sign, PinMode::Base),
        (Suite::D, Purpose::Encrypt, PinMode::Base),
        (Suite::F2, Purpose::Sign, PinMode::Oblivious),
    ] {
        let world = World::with(suite, purpose, mode);
        let travelled = world.travelled(Kind::Move);
        assert!(world.arrived().is_none(), "nothing that travels is stored");
        assert_eq!(world.take_over(&travelled).unwrap(), Renewed { epoch: 2, failures: 0 });
        let key = world.arrived().unwrap();
        assert!(key.info.active && key.next().is_none());
        assert_eq!((key.record().epoch(), key.key_id()), (2, travelled.key_id()));
        assert_eq!(key.public_key(), *world.owned.public_key());
        assert!(!world.link.model.borrow().keys.contains_key(&world.owned.key_id()), "the old one is gone");
        if purpose == Purpose::Sign {
            assert_eq!(world.sign_here(NEW).unwrap(), 0);
            assert!(matches!(world.sign_there(), Err(Error::KeyRefused)));
            assert!(matches!(world.sign_here(WRONG), Err(Error::WrongPin { remaining: 9, .. })));
        }
    }
}

#[test]
fn a_shared_key_serves_both() {
    let world = World::new();
    world.link.model.borrow_mut().free_seats = 1;
    world.take_over(&world.travelled(Kind::Share)).unwrap();
    assert_eq!(world.sign_here(NEW).unwrap(), 0);
    assert_eq!(world.sign_there().unwrap(), 0);
    let theirs = world.arrived().unwrap().key_id();
    world.link.model.borrow_mut().keys.get_mut(&theirs).unwrap().status = Status::Revoked;
    assert!(matches!(world.sign_here(NEW), Err(Error::KeyRefused)), "withdrawn");
    assert_eq!(world.sign_there().unwrap(), 0);
}

#[test]
fn power_goes_before_every_effect_on_the_disk() {
    for lost in [false, true] {
        let mut outcomes = [0; 2];
        for effects in 0.. {
            let world = World::new();
            let travelled = world.travelled(Kind::Move);
            power::cut_after(effects);
            let outcome = world.take_over(&travelled);
            if !power::restore(lost) {
                outcome.unwrap();
                assert!(effects > 10, "{effects} effects are not all of them");
                break;
            }
            assert!(outcome.is_err(), "after {effects} effects");
            let here = world.comes_back();
            outcomes[usize::from(here)] += 1;
            if !here {
                // What had come so far is lost; another share is asked for.
                world.take_over(&world.travelled(Kind::Move)).unwrap();
                assert!(world.comes_back());
            }
        }
        assert!(outcomes[0] > 3 && outcomes[1] > 3, "{outcomes:?}");
    }
}

#[test]
fn power_goes_while_an_arrival_is_completed_or_undone() {
    for (fate, is_made) in [(Fate::Unanswered, true), (Fate::Lost, false)] {
        for lost in [false, true] {
            for effects in 0.. {
                let world = World::new();
                let travelled = world.travelled(Kind::Move);
                let key_id = travelled.key_id();
                world.link.meets(1, fate);
                world.take_over(&travelled).unwrap_err();
                if !is_made {
                    // As if it had lapsed.
                    world.link.model.borrow_mut().keys.get_mut(&key_id).unwrap().pending = None;
                }
                power::cut_after(effects);
                let _ = world.complete(key_id, NEW);
                let was_cut = power::restore(lost);
                assert_eq!(world.comes_back(), is_made, "after {effects} effects");
                if !was_cut {
                    break;
                }
            }
        }
    }
}

#[test]
fn the_link_breaks_at_every_message_of_the_new_device() {
    for (message, fate, here) in [
        (0, Fate::Lost, false),
        (0, Fate::Unanswered, false),
        (0, Fate::Changed, false),
        (1, Fate::Lost, true),
        (1, Fate::Unanswered, true),
        (1, Fate::Changed, true),
    ] {
        let world = World::new();
        let travelled = world.travelled(Kind::Move);
        world.link.meets(message, fate);
        let error = world.take_over(&travelled).unwrap_err();
        assert_eq!(world.arrived().is_some(), message == 1, "{message} {fate:?}");
        assert_eq!(
            matches!(error, Error::ArrivalUnconfirmed { cause: Some(_), .. }),
            message == 1,
            "{error:?}"
        );
        assert_eq!(world.comes_back(), here, "{message} {fate:?}");
    }
}

#[test]
fn the_link_breaks_while_a_share_is_handed_over() {
    for fate in [Fate::Lost, Fate::Unanswered, Fate::Changed, Fate::Broken] {
        let world = World::new();
        let request = world.asks();
        world.link.meets(0, fate);
        world.gives(&request, Kind::Move).unwrap_err();
        assert!(!world.comes_back(), "{fate:?}: the key stays where it is");
        world.take_over(&world.travelled(Kind::Move)).unwrap();
        assert!(world.comes_back());
    }
}

#[test]
fn a_busy_server_is_asked_again_with_the_identical_frame() {
    let world = World::new();
    let request = world.asks();
    world.link.meets(0, Fate::Busy);
    world.gives(&request, Kind::Move).unwrap();
    {
        let seen = world.link.seen.borrow();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0][2], Op::Split.byte());
    }
    for message in 0..2 {
        let world = World::new();
        let travelled = world.travelled(Kind::Move);
        let sent = world.link.sent();
        world.link.meets(message, Fate::Busy);
        world.take_over(&travelled).unwrap();
        assert_eq!(world.link.sent(), sent + 3);
        assert!(world.comes_back());
    }
}

#[test]
fn a_wrong_pin_at_the_completion_is_counted_and_the_record_stays() {
    for (fate, moved) in [(Fate::Lost, false), (Fate::Unanswered, true)] {
        let world = World::new();
        let travelled = world.travelled(Kind::Move);
        let key_id = travelled.key_id();
        world.link.meets(1, fate);
        world.take_over(&travelled).unwrap_err();
        assert_eq!(world.sign_there().is_err(), moved);
        let error = world.complete(key_id, WRONG).unwrap_err();
        let Error::ArrivalUnconfirmed { cause: Some(cause), .. } = &error else { panic!("{error}") };
        assert!(matches!(**cause, Error::WrongPin { remaining: 9, .. }), "{cause}");
        assert_eq!(error.category(), crate::Category::Pin);
        assert!(world.arrived().unwrap().is_arriving());
        let sent = world.link.sent();
        assert_eq!(world.complete(key_id, NEW).unwrap(), Renewed { epoch: 2, failures: 1 });
        assert_eq!(world.complete(key_id, NEW).unwrap(), Renewed { epoch: 2, failures: 0 });
        assert_eq!(world.link.sent(), sent + 1, "nothing to complete, nothing sent");
        assert!(world.comes_back());
    }
}

#[test]
fn a_lost_confirmation_is_asked_for_again() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    let sent = world.link.sent();
    world.link.meets(1, Fate::Broken);
    assert_eq!(world.take_over(&travelled).unwrap().epoch, 2);
    assert_eq!(world.link.sent(), sent + 3, "R1, and R3 twice");
    assert!(world.comes_back());
}

#[test]
fn a_share_that_the_server_does_not_know_leaves_nothing() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    let key_id = travelled.key_id();
    world.link.meets(1, Fate::Lost);
    world.take_over(&travelled).unwrap_err();
    world.link.model.borrow_mut().keys.get_mut(&key_id).unwrap().pending = None;
    // No PIN is asked for what is gone.
    assert!(matches!(world.complete(key_id, WRONG), Err(Error::ArrivalUndone(id)) if id == key_id));
    assert!(world.arrived().is_none());
    assert!(!world.comes_back());
}

#[test]
fn a_key_arrives_from_an_active_share_only() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    let status = |status| {
        let mut model = world.link.model.borrow_mut();
        model.keys.get_mut(&world.owned.key_id()).unwrap().status = status;
    };
    status(Status::Suspended);
    let refused = world.take_over(&travelled).unwrap_err();
    assert!(matches!(refused, Error::ArrivalRefused(id) if id == travelled.key_id()), "{refused:?}");
    assert!(world.arrived().is_none());

    status(Status::Active);
    world.link.meets(1, Fate::Lost);
    world.take_over(&travelled).unwrap_err();
    status(Status::Suspended);
    let error = world.complete(travelled.key_id(), NEW).unwrap_err();
    assert!(
        matches!(&error, Error::ArrivalUnconfirmed { cause: Some(cause), .. } if matches!(**cause, Error::KeyRefused)),
        "{error:?}"
    );
    assert!(error.next_step().unwrap().contains("smsign forget"));
    status(Status::Active);
    assert!(world.comes_back());
}

#[test]
fn a_record_that_was_changed_does_not_arrive() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    world.link.meets(1, Fate::Lost);
    world.take_over(&travelled).unwrap_err();
    let path = world.store.root().join("keys").join(travelled.key_id().to_string()).join("record");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[130] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let sent = world.link.sent();
    assert!(matches!(world.complete(travelled.key_id(), NEW), Err(Error::ForeignRecord(_))));
    assert_eq!(world.link.sent(), sent, "nothing was sent");
}

#[test]
fn a_label_that_was_taken_meanwhile_costs_nothing() {
    let world = World::new();
    let device = world.credentials(NEW).device;
    let (record, _) = world.link.model.borrow_mut().keygen(9, Suite::D, Purpose::Sign, &pin(NEW), &device);
    let bytes = record.to_bytes();
    world.store.admit(&record, &world.info(&record.unlock(&pin(NEW), &device).unwrap(), "a")).unwrap();
    assert!(matches!(world.take_over(&world.travelled(Kind::Move)), Err(Error::LabelTaken { .. })));
    assert_eq!(world.arrived().unwrap().record().to_bytes(), bytes);
    assert_eq!(world.sign_there().unwrap(), 0);
}

#[test]
fn a_key_that_was_generated_here_does_not_count_as_arriving() {
    let world = World::new();
    let device = world.credentials(NEW).device;
    let (record, key) = world.link.model.borrow_mut().keygen(9, Suite::D, Purpose::Sign, &pin(NEW), &device);
    world.store.admit(&record, &world.info(&key, "a")).unwrap();
    assert!(!world.arrived().unwrap().is_arriving());
    let sent = world.link.sent();
    assert_eq!(world.complete(key.key_id(), NEW).unwrap(), Renewed { epoch: 1, failures: 0 });
    assert_eq!(world.link.sent(), sent);
    // A word about an arrival does not concern it.
    world.store.welcome(key.key_id(), record.refresh_id()).unwrap();
    world.store.dismiss(key.key_id(), record.refresh_id()).unwrap();
    assert!(!world.arrived().unwrap().info.active);
    assert_eq!(world.sign_here(NEW).unwrap(), 0);
}

#[test]
fn what_the_server_says_tells_whether_a_key_arrived() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    world.link.meets(1, Fate::Unanswered);
    world.take_over(&travelled).unwrap_err();
    let key = world.arrived().unwrap();
    for (status, epoch, expected) in [
        ("arriving", 1, false),
        ("active", 2, true),
        ("suspended", 2, true),
        ("revoked", 1, false),
        ("active", 1, false),
        ("active", 3, false),
        ("pending", 2, false),
        ("arriving", 2, false),
    ] {
        assert_eq!(key.is_confirmed_by(&view(status, epoch)), expected, "{status} {epoch}");
    }
    // A word about another refresh of it changes nothing.
    world.store.welcome(key.key_id(), RefreshId::KEYGEN).unwrap();
    world.store.dismiss(key.key_id(), RefreshId::KEYGEN).unwrap();
    assert!(world.arrived().unwrap().is_arriving());
    world.store.set_active(key.key_id()).unwrap();
    assert_eq!(world.sign_here(NEW).unwrap(), 0, "without asking the server again");
}

fn view(status: &str, epoch: u32) -> KeyStatus {
    KeyStatus {
        key_id: String::new(),
        suite: "D".into(),
        purpose: KeyPurpose::Sign,
        pin_mode: "base".into(),
        label: String::new(),
        status: status.into(),
        epoch,
        public_key: None,
        created_at_ms: 0,
        pin: PinState {
            failures: 0,
            total: 0,
            locked: false,
            retry_s: 0,
            remaining: None,
            refresh_required: false,
        },
        decrypts: 0,
    }
}

#[test]
fn a_share_opens_for_the_request_that_it_was_made_for() {
    let world = World::new();
    let request = world.asks();
    let text = transfer::share_text(&world.gives(&request, Kind::Move).unwrap().sealed);
    assert_eq!(request.open(&text).unwrap().key_id(), request.invitation().key_id());
    assert!(matches!(world.asks().open(&text), Err(Error::ForeignShare)), "another request");
    let code = transfer::invitation_text(request.invitation());
    assert!(matches!(request.open(&code), Err(Error::BadText { .. })));
    assert!(matches!(request.open("cosign-share:AAAA"), Err(Error::ForeignShare)));
    // A share of a key that is not what the server issued the id for.
    let other = ShareRequest { suite: Suite::F2, ..request };
    assert!(matches!(other.open(&text), Err(Error::ForeignShare)));
    let other = ShareRequest { suite: Suite::D, purpose: Purpose::Encrypt, ..other };
    assert!(matches!(other.open(&text), Err(Error::ForeignShare)));
    let other = ShareRequest { purpose: Purpose::Sign, mode: PinMode::Oblivious, ..other };
    assert!(matches!(other.open(&text), Err(Error::ForeignShare)), "its giver chose the mode");
    let same = ShareRequest { mode: PinMode::Base, ..other };
    assert!(same.open(&text).is_ok());
}

#[test]
fn a_refused_split_says_why() {
    let [key_id, issued] = [1, 2].map(|byte| KeyId::from_bytes([byte; 16]));
    let why = |view: Option<&KeyStatus>| why_refused(view, key_id, issued);
    assert!(matches!(why(None), Error::KeyRefused));
    assert!(matches!(why(Some(&view("suspended", 1))), Error::KeyRefused));
    let mut active = view("active", 1);
    assert!(matches!(why(Some(&active)), Error::InvitationRefused(id) if id == issued));
    active.pin.locked = true;
    assert!(matches!(why(Some(&active)), Error::KeyRefused));
    active.pin = PinState { locked: false, refresh_required: true, ..active.pin };
    assert!(matches!(why(Some(&active)), Error::RefreshRequired(id) if id == key_id));
}

#[tokio::test]
async fn a_share_that_may_not_be_given_is_told_from_a_used_up_key() {
    let mut model = Model::new();
    let (_, key) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
    let origin = Origin::Split(key.key_id());
    let new = model.issue(2, Suite::D, Purpose::Sign, origin);
    let server = FrameServer::start(&[], model.into_respond());
    let client = Client::new(server.connection());
    let device = DeviceId::from_bytes([3; 32]);
    let receiver = Receiver::new(key.key_id(), new, device, &mut SysRng).unwrap();
    let key = Arc::new(key);
    let refused = client.hand_over(&key, receiver.invitation(), Kind::Share).await;
    assert!(matches!(refused, Err(Error::ShareRefused)));
    assert_eq!(server.seen().len(), 1);
    let foreign = Receiver::new(KeyId::from_bytes([8; 16]), new, device, &mut SysRng).unwrap();
    assert!(matches!(client.hand_over(&key, foreign.invitation(), Kind::Move).await, Err(Error::Misuse(_))));
    assert_eq!(server.seen().len(), 1, "not asked of the server");
}

#[test]
fn a_share_that_was_sent_is_refreshed_with_as_many_iterations_as_asked() {
    let world = World::new();
    let travelled = world.travelled(Kind::Move);
    let (info, credentials) = (world.info(&travelled, "a"), world.credentials(NEW));
    let iterations = MIN_ITERATIONS + 1;
    refresh::take_over(&world.link.links(), &world.store, &travelled, &info, &credentials, iterations)
        .unwrap();
    assert_eq!(world.arrived().unwrap().record().iterations(), iterations);
}
