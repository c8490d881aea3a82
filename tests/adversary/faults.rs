//! M12: one wrong value in memory, on either side, before or after any step.
//!
//! Where the product lets a test reach (records, shares, answers) the fault goes into the product. The steps between
//! are private, so they are written out here a second time with a place for a fault at each value; the client of the
//! product judges what comes out.

use std::{collections::BTreeSet, sync::Arc};

use cosign_core::{Code, Error, LocalRecord, Pin, Purpose, server::ServerShare, sign};
use cosign_tests::{
    model::{NOW, PIN, done},
    random::Seeded,
};
use sm_primitives::{PublicPoint, Scalar};

use crate::{
    algebra::{System, inverse, random, signature, small, sum, times_g, verifies},
    parties::{
        Item, Request, Shares, answer, ask, binding_factors, digest, digests, laid_open, read_answer,
        to_scalar,
    },
};

/// A value of the server's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Nothing,
    Share,
    NonceBeforeItsPoint,
    NonceAfterItsPoint,
    Point,
    Factor,
    Sum,
    R,
    S2,
}

const PLACES: [At; 8] = [
    At::Share,
    At::NonceBeforeItsPoint,
    At::NonceAfterItsPoint,
    At::Point,
    At::Factor,
    At::Sum,
    At::R,
    At::S2,
];

/// Whether the server looks at what it computed, as the product does, before it lets go of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    On,
    Off,
}

/// The server's step for one item with one value changed: the answer, unless the check stops it.
fn respond(
    keys: &Shares,
    request: &Request,
    nonce: Scalar,
    (at, by): (At, Scalar),
    check: Check,
) -> Option<(PublicPoint, Scalar)> {
    let value = |place, value: Scalar| if at == place { value + by } else { value };
    let before = value(At::NonceBeforeItsPoint, nonce);
    let k2 = times_g(before);
    let k2 = if at == At::Point { k2.add(&times_g(by))? } else { k2 };
    let after = value(At::NonceAfterItsPoint, before);
    let (b1, b2) = binding_factors(&request.h_req, 0, &k2);
    let Item { digest, qa, qb } = request.items[0];
    let total = sum(&[(value(At::Factor, b1), qa), (b2, qb), (Scalar::ONE, k2)])?;
    let total = if at == At::Sum { total.add(&times_g(by))? } else { total };
    let r = value(At::R, digest + total.x_scalar());
    let s2 = value(At::S2, value(At::Share, keys.server) * (after + r));
    // With the inverse that was stored on its own.
    let stands = s2 * inverse(keys.server) - r == after;
    (check == Check::Off || stands).then_some((k2, s2))
}

/// Single bits, bytes, words, everything.
fn flips() -> Vec<Scalar> {
    let bits = (0..128).step_by(9).map(|bit| small(1 << bit));
    let classes =
        [small(0xff), small(u128::from(u64::MAX)), small(u128::MAX), -small(1), to_scalar(b"flip", b"")];
    bits.chain(classes).collect()
}

/// Faults that do no harm: the answer is that of another nonce, and just as right.
const fn is_harmless(at: At) -> bool {
    matches!(at, At::Nothing | At::NonceBeforeItsPoint)
}

#[test]
fn m12_no_fault_of_the_server_becomes_a_signature() {
    let (pair, keys) = laid_open(Purpose::Sign, 1201);
    let mut rng = Seeded::new(1202);
    let flips = flips();
    let faults = PLACES.iter().flat_map(|at| flips.iter().map(move |by| (*at, *by)));
    let mut stopped = 0;
    for (counter, fault) in (0..).zip(faults.chain([(At::Nothing, Scalar::ONE)])) {
        let (frame, waiting) = sign::start(&pair.key, &[digest(1)], NOW, counter, &mut rng).unwrap();
        let request = Request::read(&frame, &keys.public);
        let nonce = random(&mut rng);
        let (k2, s2) = respond(&keys, &request, nonce, fault, Check::Off).unwrap();
        match waiting.finish(&answer(&request.sid, &[(k2.to_bytes(), s2)])) {
            Ok(progress) => {
                assert!(is_harmless(fault.0), "{fault:?}");
                assert!(verifies(&keys.public, request.items[0].digest, &done(progress).signatures[0]));
            }
            Err(error) => {
                assert_eq!(error, Error::PeerMisbehaved(Code::Verify), "{fault:?}");
                stopped += 1;
            }
        }
        // The server's own check sees the share and the product; the client's sees the rest.
        let seen = matches!(fault.0, At::Share | At::S2);
        assert_eq!(respond(&keys, &request, nonce, fault, Check::On).is_none(), seen, "{fault:?}");
    }
    assert_eq!(stopped, (PLACES.len() - 1) * flips.len());
}

/// The client's step with one value changed, and whether it verifies before it releases.
#[test]
fn m12_the_clients_last_check_sees_every_fault() {
    let (pair, keys) = laid_open(Purpose::Sign, 1203);
    let mut rng = Seeded::new(1204);
    // Written out: na, nb, the share, v, R, r, t, each with each flip.
    for place in 0..7 {
        for by in flips() {
            let value = |at, value: Scalar| if at == place { value + by } else { value };
            let (e, na, nb, nonce) = (random(&mut rng), random(&mut rng), random(&mut rng), random(&mut rng));
            let [qa, qb] = [na, nb].map(|n| keys.base.mul_vartime(&n).unwrap());
            let k2 = times_g(nonce);
            let (b1, b2) = binding_factors(&[7; 32], 0, &k2);
            let total = sum(&[(b1, qa), (b2, qb), (Scalar::ONE, k2)]).unwrap();
            let s2 = keys.server * (nonce + e + total.x_scalar());
            let v = value(3, b1 * value(0, na) + b2 * value(1, nb));
            let seen = keys.base.mul_vartime(&v).unwrap().add(&k2).unwrap();
            let seen = if place == 4 { seen.add(&times_g(by)).unwrap() } else { seen };
            let r = value(5, e + seen.x_scalar());
            let t = value(6, v + value(2, keys.client) * s2);
            let made = signature(r, t).unwrap();
            assert!(!verifies(&keys.public, e, &made), "place {place}");
        }
    }

    // A flipped bit of the stored record is seen before the share is used, every one of them.
    let record = pair.record.to_bytes();
    let pin = Pin::new(PIN).unwrap();
    for bit in 0..8 * record.len() {
        let mut flipped = *record;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let opened =
            LocalRecord::from_bytes(&flipped).and_then(|record| record.unlock(&pin, &pair.device_key));
        assert_eq!(opened.err(), Some(Error::InvalidRecord), "bit {bit}");
    }
}

/// A flipped bit of the stored share is seen when it is read; a wrong share that is whole signs nothing.
#[test]
fn m12_no_fault_of_the_stored_share_becomes_a_signature() {
    let (mut pair, keys) = laid_open(Purpose::Sign, 1205);
    let stored = *pair.server_record().share.expose_bytes();
    for bit in 0..8 * 64 {
        let mut flipped = stored;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ServerShare::from_bytes(&flipped).is_none(), "bit {bit}");
    }
    for by in flips() {
        let wrong = keys.server + by;
        let bytes = [&wrong.to_bytes()[..], &inverse(wrong).to_bytes(), &stored[64..]].concat();
        let share = Arc::new(ServerShare::from_bytes(&bytes.try_into().unwrap()).unwrap());
        pair.server.keys.values_mut().for_each(|record| record.share = Arc::clone(&share));
        assert_eq!(pair.sign(&digests(2)), Err(Error::PeerMisbehaved(Code::Verify)));
    }
}

/// `s2 = x + r*dB`, with `x = k2*dB` behind the same `K2`: two faulty answers with one nonce give the share.
#[derive(Default)]
struct Collector(System);

const SHARE: [u8; 64] = [0xff; 64];

impl Collector {
    fn add(&mut self, k2: &PublicPoint, r: Scalar, s2: Scalar) {
        self.0.push(&[(k2.to_bytes(), Scalar::ONE), (SHARE, r)], s2);
    }

    fn share(&self) -> Option<Scalar> {
        self.0.solve(&SHARE)
    }
}

/// The same request over and over, after a loss of the replay cache and with a fault in `r`: no nonce comes twice.
#[test]
fn m12_faulty_answers_to_one_request_do_not_fix_the_share() {
    let (mut pair, keys) = laid_open(Purpose::Sign, 1206);
    let (frame, _waiting) = sign::start(&pair.key, &digests(4), NOW, 1, &mut pair.rng).unwrap();
    let request = Request::read(&frame, &keys.public);
    let (mut collector, mut nonces) = (Collector::default(), BTreeSet::new());
    for life in 0..64u64 {
        pair.server.cache = cosign_core::server::ReplayCache::new(1000, 1 << 20, 1000);
        pair.rng = Seeded::new(life);
        let frame = ask(&mut pair, &frame);
        for (index, (k2, s2)) in read_answer(&frame).into_iter().enumerate() {
            assert!(nonces.insert(k2.to_bytes()), "a nonce came twice");
            collector.add(&k2, request.r(index, &k2).0, s2);
        }
    }
    assert_eq!(collector.share(), None);
}

/// A server whose nonce is a hash of the request and nothing else.
#[test]
fn m12_mutant_with_a_deterministic_nonce_gives_its_share_away() {
    let (mut pair, keys) = laid_open(Purpose::Sign, 1207);
    let (frame, _waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut pair.rng).unwrap();
    let request = Request::read(&frame, &keys.public);
    let nonce = to_scalar(b"nonce", &request.h_req);
    let mut collector = Collector::default();
    for (at, solved) in [(At::Nothing, false), (At::R, true)] {
        // Its own check does not see a fault in r.
        let fault = (at, small(1 << 77));
        let (k2, s2) = respond(&keys, &request, nonce, fault, Check::On).unwrap();
        let r = request.r(0, &k2).0;
        collector.add(&k2, if at == At::R { r + fault.1 } else { r }, s2);
        assert_eq!(collector.share(), solved.then_some(keys.server));
    }
}
