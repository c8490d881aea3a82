//! What a device may send to the server.

use super::{AT, KEYGEN_SID, OPENING_KEY, PENDING_KEY, fixture};
use crate::{
    frames::{self, Answer},
    model::{DEVICE, Server},
    naive,
    random::Seeded,
};

const E_INTERNAL: u8 = 0x0d;

/// Hands over a frame and reads the answer, which never blames the server.
fn handle(server: &mut Server, frame: &[u8]) -> Answer {
    let answer = frames::answer(&server.handle(frame, &DEVICE, AT, &mut Seeded::new(1)));
    assert_ne!(answer.status, E_INTERNAL, "no request may make the server fail");
    answer
}

/// A frame as it stands, to a server with an active key of each purpose, a pending key and an issued key id; then the
/// identical frame again.
pub(super) fn frame(data: &[u8]) -> bool {
    let mut server = fixture().server();
    let first = handle(&mut server, data);
    let second = handle(&mut server, data);
    let repeats = matches!(data.get(2), Some(1..=3)) && first.status == 0;
    assert!(!repeats || first == second, "an answered frame has one answer");
    first.status == 0
}

/// The items of a request: the first byte chooses the operation, header and PIN tag are right.
pub(super) fn request(data: &[u8]) -> bool {
    let Some((&choice, items)) = data.split_first() else { return false };
    let fixture = fixture();
    let confirmed;
    let (op, facts, items) = match choice % 4 {
        0 => (1, fixture.sign_facts.clone(), items),
        1 => (2, fixture.decrypt_facts.clone(), items),
        2 => (3, fixture.sign_facts.clone(), items),
        _ => {
            let (rid, auth) = fixture.pending_refresh();
            let proof = items.get(..96).unwrap_or(items);
            confirmed = frames::confirmation(&auth, &[&rid, proof].concat());
            let mut facts = fixture.sign_facts.clone();
            facts.epoch += 1;
            (5, facts, &confirmed[..])
        }
    };
    let sid = [0x5d; 16];
    let mut server = fixture.server();
    let answer = handle(&mut server, &frames::request(&facts, op, sid, AT, items));
    assert_eq!(answer.sid, sid);
    if answer.status != 0 {
        return false;
    }
    let count = usize::from(u16::from_be_bytes([answer.rest[0], answer.rest[1]]));
    let body = &answer.rest[2..];
    match op {
        1 => {
            assert_eq!((items.len(), body.len()), (160 * count, 96 * count));
            for item in body.chunks(96) {
                let _on_the_curve = naive::Point::from_bytes(&item[..64]);
                assert!(naive::int(&item[64..]) < *naive::N);
            }
            assert_eq!(server.audit.last().unwrap().signatures.len(), count);
        }
        2 => {
            assert_eq!((items.len(), body.len()), (64 * count, 64 * count));
            body.chunks(64).for_each(|point| drop(naive::Point::from_bytes(point)));
        }
        3 => assert_eq!((count, body.len()), (1, 96)),
        _ => assert_eq!((count, body), (1, &[0][..])),
    }
    true
}

/// An opening whose commitment was sent before.
pub(super) fn opening(data: &[u8]) -> bool {
    let fixture = fixture();
    let mut server = fixture.server();
    let [start, open] = fixture.key_generation(data);
    assert_eq!(handle(&mut server, &start).status, 0);
    let opened = handle(&mut server, &open).status == 0;
    let stored = server.keys.contains_key(&cosign_core::KeyId::from_bytes(OPENING_KEY));
    assert_eq!(opened, stored);
    assert_ne!(handle(&mut server, &open).status, 0, "an opening is used up");
    assert!(!opened || handle(&mut server, &start).status != 0, "a key id is used up");
    opened
}

/// A certification request for the pending key.
pub(super) fn certification_request(data: &[u8]) -> bool {
    let mut server = fixture().server();
    let frame = frames::activation(PENDING_KEY, KEYGEN_SID, data);
    let activated = handle(&mut server, &frame).status == 0;
    let status = server.keys[&cosign_core::KeyId::from_bytes(PENDING_KEY)].status;
    assert_eq!(activated, status == cosign_core::server::Status::Active);
    activated
}
