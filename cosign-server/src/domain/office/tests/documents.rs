//! Documents, walked at random, and what becomes of their bytes.

use super::{
    super::{
        Effect, Entity as _, Id, Moment, Rules,
        document::{Blob, Document, DocumentFormat, DocumentState, Event, Mark, MarkKind, New},
        proof::Hash,
    },
    Choices, personal, walk,
};

const CLIENT: Id = Id::from_bytes([5; 16]);
const SCAN: Id = Id::from_bytes([6; 16]);
const OTHER: Id = Id::from_bytes([7; 16]);

const fn blob(owner: u8) -> Blob {
    Blob {
        id: Id::from_bytes([9; 16]),
        owner: Id::from_bytes([owner; 16]),
        digest: Hash([owner; 32]),
        len: 7,
    }
}

fn keep() -> Event {
    let new = New { client: CLIENT, name: personal(), format: DocumentFormat::Pdf, pages: 1, blob: blob(1) };
    Event::Keep(Box::new(new))
}

fn change(by: Option<Id>, owner: u8) -> Event {
    let signature = "Signature1".to_owned();
    let mark = Mark { kind: MarkKind::Sealed, signature, seal: None, certificate: None, by, at_ms: 1 };
    Event::Change { by, blob: blob(owner), mark }
}

#[test]
fn documents() {
    let by = |choices: &mut Choices| choices.of(&[SCAN, SCAN, OTHER]);
    walk::<Document>(|choices| match choices.below(10) {
        0 => keep(),
        1 | 2 => Event::Hold(by(choices)),
        3 | 4 => change(Some(by(choices)), 6),
        5 => change(None, 8),
        6 | 7 => Event::Release { by: by(choices), keep: choices.below(2) == 0 },
        8 => Event::Delete,
        _ => Event::Lapse,
    });
}

/// What became of a document after these events, and whose files were forgotten by the last one.
fn after(events: &[Event]) -> Option<(Document, Vec<Id>)> {
    let rules = Rules::default();
    let moment = Moment { id: Id::from_bytes([1; 16]), now_ms: 1, rules: &rules };
    let (mut now, mut forgotten) = (None, Vec::new());
    for event in events {
        let moved = Document::transition(now.as_ref(), event, moment).ok()?;
        forgotten = moved
            .effects
            .iter()
            .filter_map(|effect| if let Effect::Detach(owner) = effect { Some(*owner) } else { None })
            .collect();
        now = Some(moved.entity);
    }
    now.map(|now| (now, forgotten))
}

#[test]
fn what_is_sealed_in_a_session_counts_when_that_ends_well() {
    let release = |keep| Event::Release { by: SCAN, keep };
    let (held, none) = after(&[keep(), Event::Hold(SCAN), change(Some(SCAN), 6)]).unwrap();
    assert_eq!((held.state(), held.present(), none), (DocumentState::Held, blob(6), Vec::new()));
    assert!(held.given().is_err() && held.marks().is_empty());
    let (kept, forgotten) =
        after(&[keep(), Event::Hold(SCAN), change(Some(SCAN), 6), release(true)]).unwrap();
    assert_eq!((kept.given(), kept.marks().len()), (Ok(blob(6)), 1));
    assert_eq!(forgotten, [Id::from_bytes([1; 16])], "the bytes before it");
    let (back, forgotten) =
        after(&[keep(), Event::Hold(SCAN), change(Some(SCAN), 6), release(false)]).unwrap();
    assert_eq!((back.given(), back.marks().len()), (Ok(blob(1)), 0));
    assert_eq!(forgotten, [SCAN], "the work of the session");
    // Nobody else changes it, lets it go or forgets it meanwhile.
    for event in [change(Some(OTHER), 6), change(None, 6), Event::Delete, Event::Lapse, Event::Hold(OTHER)] {
        assert!(after(&[keep(), Event::Hold(SCAN), event]).is_none());
    }
    assert!(after(&[keep(), Event::Hold(SCAN), Event::Release { by: OTHER, keep: true }]).is_none());
    // It is sealed so often and not more.
    let mut events = vec![keep()];
    events.extend((0..100).map(|_| change(None, 8)));
    assert!(after(&events).is_some());
    events.push(change(None, 8));
    assert!(after(&events).is_none());
}
