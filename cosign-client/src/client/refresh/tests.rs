//! The client is cut off at every effect on its disk and at every message. What comes back completes or undoes the
//! refresh, has one record that is the server's other half, and signs.

mod oblivious;
mod world;

use std::fs;

use cosign_core::{MIN_ITERATIONS, Purpose, Suite, server::Status};

use self::world::{NEW, OLD, WRONG, World};
use super::*;
use crate::testing::{Fate, pin, power};

#[test]
fn a_pin_changes_and_both_shares_with_it() {
    let world = World::new();
    let before = world.key().record().to_bytes();
    let renewed = world.change(OLD, NEW).unwrap();
    assert_eq!(renewed, Renewed { epoch: 2, failures: 0 });
    let key = world.key();
    assert!(key.next().is_none() && key.info.renewed_ms.is_some());
    assert_eq!(key.record().epoch(), 2);
    let after = key.record().to_bytes();
    assert_ne!(before[103..119], after[103..119], "the salt is new");
    assert_ne!(before[124..156], after[124..156], "the masked share is new");
    assert_eq!(world.sign(NEW).unwrap(), 0);
    assert!(matches!(world.sign(OLD), Err(Error::WrongPin { remaining: 9, .. })));

    // The shares alone: salt and share are new as well.
    assert_eq!(world.change(NEW, NEW).unwrap(), Renewed { epoch: 3, failures: 1 });
    assert_ne!(world.key().record().to_bytes()[103..119], after[103..119]);
    assert_eq!(world.sign(NEW).unwrap(), 0);
    assert_eq!(world.wrong_pins(), 0, "counted from new");
}

#[test]
fn a_wrong_old_pin_changes_nothing_and_is_counted() {
    let world = World::new();
    assert!(matches!(world.change(WRONG, NEW), Err(Error::WrongPin { remaining: 9, .. })));
    assert!(world.key().next().is_none());
    assert!(world.link.model.borrow().keys[&world.key_id].pending.is_none());
    assert_eq!(world.sign(OLD).unwrap(), 1);
}

#[test]
fn power_goes_before_every_effect_on_the_disk() {
    for lost in [false, true] {
        let mut outcomes = [0; 2];
        for effects in 0.. {
            let world = World::new();
            power::cut_after(effects);
            let outcome = world.change(OLD, NEW);
            if !power::restore(lost) {
                outcome.unwrap();
                assert!(effects > 10, "{effects} effects are not all of them");
                break;
            }
            assert!(outcome.is_err(), "after {effects} effects");
            let current = world.comes_back(OLD, NEW);
            outcomes[usize::from(current == NEW)] += 1;
            // From any state the next change goes through.
            world.change(current, "908172").unwrap();
            assert_eq!(world.sign("908172").unwrap(), 0);
        }
        assert!(outcomes[0] > 3 && outcomes[1] > 3, "{outcomes:?}");
    }
}

#[test]
fn power_goes_while_a_refresh_is_completed_or_undone() {
    for (fate, is_made) in [(Fate::Unanswered, true), (Fate::Lost, false)] {
        for lost in [false, true] {
            for effects in 0.. {
                let world = World::new();
                world.meets(1, fate);
                world.change(OLD, NEW).unwrap_err();
                if !is_made {
                    // As if it had lapsed.
                    world.link.model.borrow_mut().keys.get_mut(&world.key_id).unwrap().pending = None;
                }
                power::cut_after(effects);
                let _ = world.complete(NEW);
                let was_cut = power::restore(lost);
                assert_eq!(world.comes_back(OLD, NEW), if is_made { NEW } else { OLD });
                if !was_cut {
                    break;
                }
            }
        }
    }
}

#[test]
fn the_link_breaks_at_every_message() {
    for (message, fate, current) in [
        (0, Fate::Lost, OLD),
        (0, Fate::Unanswered, OLD),
        (0, Fate::Changed, OLD),
        (1, Fate::Lost, NEW),
        (1, Fate::Unanswered, NEW),
        (1, Fate::Changed, NEW),
    ] {
        let world = World::new();
        world.meets(message, fate);
        let error = world.change(OLD, NEW).unwrap_err();
        let two = world.key().next().is_some();
        assert_eq!(two, message == 1, "{message} {fate:?}");
        assert_eq!(matches!(error, Error::RefreshUnconfirmed { cause: Some(_), .. }), two, "{error:?}");
        assert_eq!(world.comes_back(OLD, NEW), current, "{message} {fate:?}");
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    for message in 0..2 {
        let world = World::new();
        world.meets(message, Fate::Busy);
        world.change(OLD, NEW).unwrap();
        assert_eq!(world.link.sent(), 3);
        assert_eq!(world.sign(NEW).unwrap(), 0);
    }
}

#[test]
fn a_lost_confirmation_is_asked_for_again_unless_the_pin_may_be_wrong() {
    let world = World::new();
    world.meets(1, Fate::Broken);
    assert_eq!(world.change(OLD, NEW).unwrap().epoch, 2);
    assert_eq!(world.link.sent(), 3, "R1, and R3 twice");

    world.meets(1, Fate::Lost);
    world.change(NEW, OLD).unwrap_err();
    let sent = world.link.sent();
    world.meets(0, Fate::Broken);
    let error = world.complete(WRONG).unwrap_err();
    assert!(
        matches!(&error, Error::RefreshUnconfirmed { cause: Some(cause), .. } if matches!(**cause, Error::NoAnswer))
    );
    assert_eq!((world.link.sent(), world.wrong_pins()), (sent + 1, 1), "one wrong PIN is one");
    world.complete(OLD).unwrap();
    assert_eq!(world.sign(OLD).unwrap(), 0);
}

#[test]
fn several_interrupted_refreshes_in_a_row() {
    let world = World::new();
    // Three that never got further than the server's pending share, each with another PIN.
    for new in [WRONG, "908172", "112358"] {
        world.meets(0, Fate::Unanswered);
        world.change(OLD, new).unwrap_err();
        assert_eq!(world.sign(OLD).unwrap(), 0, "the old record is in use meanwhile");
    }
    // One that the server confirmed, and nobody heard.
    world.meets(1, Fate::Unanswered);
    world.change(OLD, NEW).unwrap_err();
    assert!(matches!(world.change(OLD, "112358"), Err(Error::RefreshUnconfirmed { cause: None, .. })));
    // One whose completion was cut off twice, once on each way.
    for fate in [Fate::Lost, Fate::Unanswered] {
        world.meets(0, fate);
        let error = world.complete(NEW).unwrap_err();
        assert!(matches!(error, Error::RefreshUnconfirmed { cause: Some(_), .. }));
    }
    assert_eq!(world.comes_back(OLD, NEW), NEW);
}

#[test]
fn a_wrong_new_pin_is_counted_and_both_records_stay() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let world = World::new();
        world.meets(1, fate);
        world.change(OLD, NEW).unwrap_err();
        for (wrong, remaining) in [(OLD, 9), (WRONG, 8)] {
            let error = world.complete(wrong).unwrap_err();
            let Error::RefreshUnconfirmed { cause: Some(cause), .. } = &error else { panic!("{error}") };
            assert!(
                matches!(**cause, Error::WrongPin { remaining: left, .. } if left == remaining),
                "{cause}"
            );
            assert_eq!(error.category(), crate::Category::Pin);
            assert!(world.key().next().is_some());
        }
        let sent = world.link.sent();
        assert_eq!(world.complete(NEW).unwrap(), Renewed { epoch: 2, failures: 2 });
        assert_eq!(world.link.sent(), sent + 1);
        assert_eq!(world.complete(NEW).unwrap(), Renewed { epoch: 2, failures: 0 });
        assert_eq!(world.link.sent(), sent + 1, "nothing to complete, nothing sent");
        assert_eq!(world.sign(NEW).unwrap(), 0);
    }
}

#[test]
fn a_key_that_was_unlocked_or_frozen_keeps_both_records_until_it_is_served() {
    let world = World::new();
    let gate = |work: &dyn Fn(&mut cosign_core::server::KeyRecord)| {
        work(world.link.model.borrow_mut().keys.get_mut(&world.key_id).unwrap());
    };
    gate(&|key| key.gate.unlock());
    assert!(matches!(world.sign(OLD), Err(Error::KeyRefused)), "only a refresh is served");
    world.meets(1, Fate::Lost);
    world.change(OLD, NEW).unwrap_err();
    gate(&|key| key.status = Status::Suspended);
    let error = world.complete(NEW).unwrap_err();
    assert!(
        matches!(&error, Error::RefreshUnconfirmed { cause: Some(cause), .. } if matches!(**cause, Error::KeyRefused))
    );
    assert!(error.next_step().unwrap().contains("unlocked"));
    gate(&|key| key.status = Status::Active);
    world.complete(NEW).unwrap();
    assert_eq!(world.sign(NEW).unwrap(), 0, "served again");
}

#[test]
fn two_processes_that_renew_one_key_leave_one_record() {
    // Both have R2; the later R1 replaced what the server keeps of the earlier one.
    let world = World::new();
    let record = || world.key().into_record().unwrap();
    let share = |new: &str| {
        let (old, new) = (world.credentials(OLD), world.credentials(new));
        let key = record().unlock(&old.pin, &old.device).unwrap();
        new_share(&world.link, &key, &new, MIN_ITERATIONS, None).unwrap()
    };
    let (earlier, later) = (share(WRONG), share(NEW));
    let from = record().refresh_id();
    world.store.stage(from, &earlier.record).unwrap();
    assert!(matches!(world.store.stage(from, &later.record), Err(Error::RefreshUnconfirmed { .. })));
    // What one process staged, the other neither confirms nor removes.
    world.store.promote(world.key_id, later.record.refresh_id(), 1).unwrap();
    world.store.discard(world.key_id, later.record.refresh_id()).unwrap();
    assert!(matches!(world.complete(WRONG), Err(Error::RefreshUndone(_))));
    world.store.stage(from, &later.record).unwrap();
    world.complete(NEW).unwrap();
    // Too late: the key was renewed meanwhile.
    assert!(matches!(world.store.stage(from, &earlier.record), Err(Error::Epoch { active: 2 })));
    assert_eq!(world.sign(NEW).unwrap(), 0);
}

#[test]
fn a_record_that_is_not_read_back_as_written_is_not_confirmed() {
    let world = World::new();
    let (old, new) = (world.credentials(OLD), world.credentials(NEW));
    let record = world.key().into_record().unwrap();
    let key = record.unlock(&old.pin, &old.device).unwrap();
    let share = new_share(&world.link, &key, &new, MIN_ITERATIONS, None).unwrap();
    let mut stored = world.store.stage(record.refresh_id(), &share.record).unwrap();
    assert_eq!(stored[..], share.record.to_bytes()[..]);
    let confirm =
        |bytes: &[u8]| share.confirm(bytes, &new.pin, &new.device, clock::now_ms(), &mut SysRng).map(drop);
    assert_eq!(confirm(&stored), Ok(()));
    stored[130] ^= 1;
    assert_eq!(confirm(&stored), Err(cosign_core::Error::InvalidRecord));
    assert_eq!(confirm(&stored[..100]), Err(cosign_core::Error::InvalidRecord));
    assert_eq!(confirm(&record.to_bytes()[..]), Err(cosign_core::Error::InvalidRecord), "the old one");

    let sent = world.link.sent();
    let confirmed = confirm_stored(&world.link, &world.store, &share, &stored, &new, Place::Beside);
    assert!(matches!(confirmed, Err(Error::StoreDamaged { .. })));
    assert!(world.key().next().is_none(), "it goes");

    // Alike where the record stands alone, because its key arrives.
    let info = world.key().info;
    world.store.remove(world.key_id).unwrap();
    world.store.admit(&share.record, &info).unwrap();
    let confirmed = confirm_stored(&world.link, &world.store, &share, &stored, &new, Place::Alone);
    assert!(matches!(confirmed, Err(Error::StoreDamaged { .. })));
    assert!(world.store.keys().unwrap().is_empty());
    assert_eq!(world.link.sent(), sent, "nothing was sent");
}

#[test]
fn a_second_record_that_does_not_belong_is_damage() {
    let world = World::new();
    let folder = world.store.root().join("keys").join(world.key_id.to_string());
    let (record, next) = (folder.join("record"), folder.join("next"));
    let original = world.key().record().to_bytes();
    world.meets(1, Fate::Lost);
    world.change(OLD, NEW).unwrap_err();
    let staged = fs::read(&next).unwrap();
    let find = || world.store.find(None, None).map(|key| key.next().is_some());
    assert!(find().unwrap());

    let other = world
        .link
        .model
        .borrow_mut()
        .keygen(9, Suite::D, Purpose::Sign, &pin(NEW), &world.credentials(NEW).device)
        .0;
    for (what, bytes) in [("cut", &staged[..187]), ("of another key", &other.to_bytes()[..]), ("empty", &[])]
    {
        fs::write(&next, bytes).unwrap();
        assert!(matches!(find(), Err(Error::StoreDamaged { .. })), "{what}");
    }
    fs::write(&next, &staged).unwrap();
    // As a reader may see it that looked at `next` just before it became `record`.
    fs::write(&record, &staged).unwrap();
    assert!(!find().unwrap());
    fs::write(&next, &original[..]).unwrap();
    assert!(matches!(find(), Err(Error::StoreDamaged { .. })), "an older one");
}
