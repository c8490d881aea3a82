//! P10.

use cosign_core::{Digest, MIN_ITERATIONS, Pin, Purpose, Suite, decrypt, refresh, sign};
use cosign_tests::model::{DEVICE, NOW, PIN, Pair, done};
use sm_primitives::{sm2::pke, sm3};

/// Hands a frame to the server again and again: the answers, and how many records the log got.
fn again(pair: &mut Pair, frame: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let Pair { server, rng, .. } = pair;
    let before = server.audit.len();
    let answers = (0..5).map(|delay| server.handle(frame, &DEVICE, NOW + delay * 20_000, rng)).collect();
    (answers, server.audit.len() - before)
}

#[test]
fn the_same_frame_acts_once() {
    for count in [1, 7, 256] {
        let mut pair = Pair::active(Suite::D, Purpose::Sign, 7);
        let digests: Vec<_> =
            (0..count).map(|i: usize| Digest::reduce(&sm3::digest(&i.to_be_bytes()))).collect();
        let (frame, _waiting) = sign::start(&pair.key, &digests, NOW, 1, &mut pair.rng).unwrap();
        let (answers, records) = again(&mut pair, &frame);
        assert!(answers[0][2] == 0 && answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(records, 1);

        let mut pair = Pair::active(Suite::D, Purpose::Encrypt, 8);
        let sealed = pke::encrypt(pair.key.public_key(), b"once", &mut pair.rng).unwrap();
        let (frame, _waiting) = decrypt::start(&pair.key, &vec![sealed; count], NOW, &mut pair.rng).unwrap();
        let (answers, records) = again(&mut pair, &frame);
        assert!(answers[0][2] == 0 && answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!((records, pair.server_record().decrypts), (1, u32::try_from(count).unwrap()));
    }
}

/// R1 acts once also where the cache is lost; R3 is answered each time and activates once.
#[test]
fn a_refresh_acts_once() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 9);
    let pin = Pin::new(PIN).unwrap();
    let Pair { server, key, device_key, rng, .. } = &mut pair;
    let (r1, waiting) = refresh::start(key, &pin, device_key, MIN_ITERATIONS, NOW, rng).unwrap();
    let r2 = server.handle(&r1, &DEVICE, NOW, rng);
    for delay in 0..4 {
        if delay % 2 == 0 {
            server.cache = cosign_core::server::ReplayCache::new(10, 1 << 16, 1000);
        }
        assert_eq!(server.handle(&r1, &DEVICE, NOW + delay, rng), r2);
    }
    let renewed = done(waiting.finish(&r2, device_key).unwrap());
    let stored = renewed.record.to_bytes();
    let (r3, waiting) = renewed.confirm(&stored[..], &pin, device_key, NOW, rng).unwrap();
    let r4 = server.handle(&r3, &DEVICE, NOW, rng);
    let record = |server: &cosign_tests::model::Server| {
        let record = &server.keys[&key.key_id()];
        (record.epoch, record.rid, record.share.expose_bytes().to_vec(), record.pending.is_none())
    };
    let after = record(server);
    assert_eq!((after.0, after.3), (2, true));
    for _ in 0..4 {
        assert_eq!(server.handle(&r3, &DEVICE, NOW, rng), r4);
        assert_eq!(record(server), after);
    }
    assert_eq!(done(waiting.finish(&r4).unwrap()), refresh::Confirmation::Active { failures: 0 });
}
