//! The second request: the opening, once, of what was committed to.

use super::*;
use crate::{
    DeviceId,
    server::{ReplayCache, Status},
    tests::model::OTHER,
};

/// A session that waits for its opening, and the right one.
fn waiting(count: u16) -> (Pair, Vec<u8>) {
    let mut pair = active();
    let items = some_items(&pair, count);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    assert_eq!(code(&pair.ask(&commit, NOW)), None);
    (pair, reveal)
}

/// The frame is refused with `expected`, and then the right one comes too late: the nonces are used up.
fn uses_up((mut pair, reveal): (Pair, Vec<u8>), wrong: &[u8], now_ms: u64, expected: Code) {
    let logged = pair.model.audit.len();
    let answer = pair.ask(wrong, now_ms);
    assert_eq!(code(&answer), Some(expected));
    assert_eq!(pair.open(), 0);
    assert_eq!(pair.model.audit.len(), logged + 1, "a failed opening is in the log");
    assert!(pair.model.audit.last().unwrap().signatures.is_empty());
    assert_eq!(pair.ask(wrong, now_ms), answer, "the identical frame gets the identical answer");
    if wrong != reveal {
        assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
    }
}

/// The frame is refused with `expected`, and the right one is answered after it.
fn leaves(wrong: &[u8], device: &DeviceId, expected: Code) {
    let (mut pair, reveal) = waiting(1);
    let wrong = if wrong.is_empty() { reveal.clone() } else { wrong.to_vec() };
    assert_eq!(code(&pair.model.handle(&wrong, device, NOW, &mut SysRng)), Some(expected));
    assert_eq!(pair.open(), 1);
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
}

#[test]
fn what_has_no_shape_or_comes_from_another_device_uses_nothing_up() {
    let (_, reveal) = waiting(1);
    assert_eq!(reveal.len(), 82 + 96 + 32);
    leaves(&reveal[..209], &OWN, Code::Length);
    leaves(&[&reveal[..], &[0]].concat(), &OWN, Code::Length);
    leaves(&[&reveal[..80], &[0, 0], &reveal[82..]].concat(), &OWN, Code::Batch);
    leaves(&[&reveal[..80], &[0, 2], &reveal[82..]].concat(), &OWN, Code::Length);
    leaves(&[&reveal[..48], &[1], &reveal[49..]].concat(), &OWN, Code::Version);
    leaves(&[&reveal[..3], &[1], &reveal[4..]].concat(), &OWN, Code::Version);
    leaves(&[], &OTHER, Code::Key);
    leaves(&[&reveal[..24], &[2; 16], &reveal[40..]].concat(), &OWN, Code::Session);
}

#[test]
fn only_what_was_committed_to_is_opened() {
    let (_, reveal) = waiting(2);
    for position in [23, 82, 82 + 31, 82 + 96, 82 + 191, 82 + 192, reveal.len() - 1] {
        let (pair, reveal) = waiting(2);
        let mut wrong = reveal.clone();
        wrong[position] ^= 1;
        let expected = if position == 23 { Code::Epoch } else { Code::Proof };
        uses_up((pair, reveal), &wrong, NOW, expected);
    }
    // Other points that are on the curve, and fewer of them.
    let (pair, reveal) = waiting(2);
    let [_, other] = frames(&pair, sid(1), &some_items(&pair, 2));
    uses_up((pair, reveal), &other, NOW, Code::Proof);
    let (pair, reveal) = waiting(2);
    let [_, fewer] = frames(&pair, sid(1), &reveal[82..178]);
    uses_up((pair, reveal), &fewer, NOW, Code::Proof);
}

#[test]
fn committed_items_must_decode_and_differ() {
    let pair = active();
    let good = some_items(&pair, 2);
    let n = (Scalar::ZERO - Scalar::ONE).to_bytes().map(|_| 0xff);
    let mut negative = good[32..96].to_vec();
    let y: [u8; 32] = negative[32..].try_into().unwrap();
    negative[32..].copy_from_slice(&minus(&y));
    for (items, expected) in [
        ([&n[..], &good[32..]].concat(), Code::Digest),
        ([&good[..96], &n, &good[128..]].concat(), Code::Digest),
        ([&good[..32], &[0; 64], &good[96..]].concat(), Code::Point),
        ([&good[..191], &[good[191] ^ 1]].concat(), Code::Point),
        ([&good[..128], &good[32..96]].concat(), Code::DupPoint),
        ([&good[..128], &negative].concat(), Code::DupPoint),
    ] {
        let mut pair = active();
        let [commit, reveal] = frames(&pair, sid(1), &items);
        assert_eq!(code(&pair.ask(&commit, NOW)), None);
        uses_up((pair, reveal.clone()), &reveal, NOW, expected);
    }
}

/// p - y.
fn minus(y: &[u8; 32]) -> [u8; 32] {
    let p = hex::decode("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff").unwrap();
    let mut borrow = 0;
    let mut out = [0; 32];
    for i in (0..32).rev() {
        let difference = i16::from(p[i]) - i16::from(y[i]) - borrow;
        borrow = i16::from(difference < 0);
        out[i] = u8::try_from(difference + 256 * borrow).unwrap();
    }
    out
}

#[test]
fn a_session_is_opened_once() {
    let (mut pair, reveal) = waiting(2);
    let answer = pair.ask(&reveal, NOW);
    assert_eq!((answer.len(), code(&answer)), (22 + 2 * 32, None));
    let logged = pair.model.audit.len();
    assert_eq!(pair.ask(&reveal, NOW), answer, "the identical frame gets the identical answer");
    assert_eq!(pair.model.audit.len(), logged, "and is not computed again");
    // The same items once more, told apart by nothing but the time that they claim.
    let mut other = reveal.clone();
    other[47] ^= 1;
    assert_eq!(code(&pair.ask(&other, NOW)), Some(Code::Session));
    assert_eq!(pair.model.audit.len(), logged + 1, "a refusal is in the log");
    assert_eq!(pair.model.audit.last().unwrap().code, Some(Code::Session));
    // An opening whose result could not be made durable: the nonces are gone with it.
    pair.model.cache().abandon(pair.key.key_id(), sid(1), Op::Reveal);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
}

#[test]
fn nonces_live_for_half_a_minute() {
    let (mut pair, reveal) = waiting(1);
    assert_eq!(code(&pair.ask(&reveal, NOW + 30_000)), None);
    let (mut pair, reveal) = waiting(1);
    // Also where nobody cleans up between requests.
    let late = pair.model.handle(&reveal, &OWN, NOW + 30_001, &mut SysRng);
    assert_eq!(code(&late), Some(Code::Session));
    assert_eq!(pair.open(), 0);
}

/// As long as an entry of its time lives, which is longer than any frame of it passes the clock.
#[test]
fn an_answered_opening_is_repeated_for_four_minutes() {
    let (mut pair, reveal) = waiting(1);
    let answer = pair.ask(&reveal, NOW);
    assert_eq!(pair.ask(&reveal, NOW + 240_000), answer);
    assert_eq!(code(&pair.ask(&reveal, NOW + 240_001)), Some(Code::Session));
}

#[test]
fn the_time_of_an_opening_is_that_of_the_server() {
    for (ts_ms, expected) in [
        (NOW - 120_000, None),
        (NOW + 120_000, None),
        (NOW - 120_001, Some(Code::Time)),
        (NOW + 120_001, Some(Code::Time)),
    ] {
        let (mut pair, mut reveal) = waiting(1);
        reveal[40..48].copy_from_slice(&ts_ms.to_be_bytes());
        assert_eq!(code(&pair.ask(&reveal, NOW)), expected);
    }
}

#[test]
fn what_was_decided_meanwhile_counts() {
    for change in [0, 1, 2, 3, 4] {
        let (mut pair, reveal) = waiting(1);
        let record = pair.model.keys.get_mut(&pair.key.key_id()).unwrap();
        match change {
            0 => record.status = Status::Suspended,
            1 => record.status = Status::Revoked,
            2 => record.gate.fails = 10,
            3 => record.gate.total = 30,
            _ => record.gate.refresh_required = true,
        }
        uses_up((pair, reveal.clone()), &reveal, NOW, Code::Key);
    }
    let (mut pair, reveal) = waiting(1);
    pair.model.keys.get_mut(&pair.key.key_id()).unwrap().epoch = 2;
    uses_up((pair, reveal.clone()), &reveal, NOW, Code::Epoch);
    let (pair, reveal) = waiting(1);
    let mut early = reveal.clone();
    early[40..48].copy_from_slice(&(NOW - 120_001).to_be_bytes());
    uses_up((pair, reveal), &early, NOW, Code::Time);
    // A wrong PIN elsewhere is no reason to stop a session under the right one.
    let (mut pair, reveal) = waiting(1);
    pair.gate().fails = 3;
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
    assert_eq!(pair.gate().fails, 3, "an opening judges no PIN");
}

/// A restart loses the nonces. The client gets a clean error, and the commitment is not answered a second time.
#[test]
fn a_restart_ends_the_session() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    pair.ask(&commit, NOW);
    let spent = pair.model.audit.last().unwrap().clone();
    let mut cache = ReplayCache::new(1000, 1 << 24, 1000);
    cache.restore(spent.key_id, spent.sid, spent.fingerprint, spent.until_ms);
    pair.model.cache = Some(cache);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
    let again = pair.model.handle(&commit, &OWN, NOW, &mut Script::new(Vec::new()));
    assert_eq!(code(&again), Some(Code::Session));
    let logged: Vec<_> = pair.model.audit.iter().rev().take(2).map(|audit| (audit.op, audit.code)).collect();
    assert_eq!(logged, [(Op::Commit, Some(Code::Session)), (Op::Reveal, Some(Code::Session))]);
    let other = some_items(&pair, 1);
    let [other, _] = frames(&pair, sid(1), &other);
    assert_eq!(code(&pair.ask(&other, NOW)), Some(Code::SidConflict));
    pair.sign(&digests(1)).unwrap();
}

/// A full cache cannot promise to repeat the answer: the session is over.
#[test]
fn a_full_cache_opens_nothing() {
    let (mut pair, reveal) = waiting(1);
    let session = pair.model.cache().open.take(pair.key.key_id(), sid(1), NOW).unwrap();
    let mut full = ReplayCache::new(0, 0, 10);
    assert!(full.open.reserve(session.key_id, session.sid, 1, NOW));
    full.open.fill(session);
    pair.model.cache = Some(full);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
    assert_eq!(pair.open(), 0);
}

/// The points of the client can cancel the server's only by chance; then there is no other nonce to take.
#[test]
fn a_sum_that_is_the_identity_is_not_answered() {
    let pair = active();
    let nonces = sign::commit::OpenNonces::draw(&[1; 32], 1, &[2; 32], &mut SysRng).unwrap();
    let k2 = PublicPoint::from_bytes(&nonces.body().try_into().unwrap()).unwrap();
    let h_req = [3; 32];
    let rho = Scalar::from_u128(hash::committed_factors(&h_req, &[k2])[0]);
    let inverse = SecretScalar::from_bytes(&(-rho).to_bytes()).unwrap().invert();
    let item = sign::commit::Item { digest: digests(1)[0], point: k2.mul(&inverse) };
    let outcome = nonces.respond(pair.server_share(), &h_req, &[item]);
    assert_eq!(outcome.err(), Some(Code::Internal));
}
