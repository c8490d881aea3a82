//! Checks that no vector reaches: one test each fails when the check is taken out.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    SecretScalar,
    point::PublicPoint,
    sm2::{DistId, Signature, pke},
};

use super::{
    life::{NOW, Pair, done, pin},
    model::{OTHER, OWN},
};
use crate::{
    ApiMisuse, Code, DeviceKey, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Pin, Purpose, SessionId,
    csr, decrypt, keygen,
    pin::AuthKey,
    refresh,
    server::{
        Admission, Incoming, KEYGEN_TTL_MS, LIFETIME_QUOTA, PENDING_TTL_MS, PendingRefresh, ReplayCache,
        ServerShare, Status, receive,
    },
    sign,
};

const HOURS_24: u64 = 86_400_000;

fn digest(seed: u8) -> Digest {
    Digest::reduce(&sm_primitives::sm3::digest(&[seed]))
}

fn frame(pair: &Pair, counter: u64, now_ms: u64) -> Vec<u8> {
    sign::start(&pair.key, &[digest(1)], now_ms, counter, &mut SysRng).unwrap().0
}

/// The certification request of a pending key, signed.
fn request(pair: &mut Pair) -> Vec<u8> {
    let info = csr::info("somebody", pair.key.public_key());
    let digest = Digest::reduce(&DistId::default().digest(pair.key.public_key(), &info));
    let signature: Signature = pair.sign(&[digest]).unwrap().remove(0);
    csr::assemble(&info, &signature)
}

/// A record that was looked up for another key is no record of this one.
#[test]
fn a_record_of_another_key_is_refused() {
    let mut pair = Pair::active(Purpose::Sign);
    let frame = frame(&pair, 1, NOW);
    let record = pair.model.keys.get_mut(&pair.key.key_id()).unwrap();
    record.key_id = KeyId::from_bytes([8; 16]);
    let Ok(Incoming::Operation(operation)) = receive(&frame) else { panic!() };
    let mut cache = ReplayCache::new(10, 1000);
    let Admission::Answered(answered) = operation.admit(Some(record), &OWN, NOW, &mut cache) else {
        panic!("a record of another key was used");
    };
    assert_eq!(answered.frame[2], Code::Key.byte());
    assert!(answered.audit.is_none() && cache.is_empty());
}

/// After an unlock by the registration authority nothing but a refresh goes through, until one was activated.
#[test]
fn an_unlocked_key_must_be_refreshed_first() {
    let mut signing = Pair::active(Purpose::Sign);
    let key_id = signing.key.key_id();
    signing.model.keys.get_mut(&key_id).unwrap().gate.unlock();
    assert_eq!(signing.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Key));
    let new = refresh(&mut signing);
    signing.key = new.unlock(&pin("258013"), &signing.device_key).unwrap();
    signing.sign(&[digest(1)]).unwrap();

    let mut decrypting = Pair::active(Purpose::Encrypt);
    decrypting.model.keys.get_mut(&key_id).unwrap().gate.unlock();
    let ciphertext = pke::encrypt(decrypting.key.public_key(), b"bid", &mut SysRng).unwrap();
    let (frame, waiting) = decrypt::start(&decrypting.key, &[ciphertext], NOW, &mut SysRng).unwrap();
    let answer = decrypting.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&answer).unwrap_err().code(), Some(Code::Key));
}

/// Refreshes under the same PIN.
fn refresh(pair: &mut Pair) -> LocalRecord {
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new = done(waiting.finish(&r2, &pair.device_key));
    let stored = new.record.to_bytes();
    let (r3, waiting) = new.confirm(&stored[..], &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    new.record
}

/// A full cache is busy: it forgets no session that could be replayed. What has expired makes room.
#[test]
fn a_full_replay_cache_is_busy() {
    for (entries, bytes) in [(1, 1 << 20), (100, 1)] {
        let mut pair = Pair::active(Purpose::Sign);
        pair.model.cache = Some(ReplayCache::new(entries, bytes));
        let first = frame(&pair, 1, NOW);
        let answer = pair.model.handle(&first, &OWN, NOW, &mut SysRng);
        assert_eq!(answer[2], 0);
        let second = frame(&pair, 2, NOW);
        assert_eq!(pair.model.handle(&second, &OWN, NOW, &mut SysRng)[2], Code::Busy.byte());
        // The identical frame of a known session is still answered.
        assert_eq!(pair.model.handle(&first, &OWN, NOW, &mut SysRng), answer);

        let last = NOW + 240_000;
        let late = frame(&pair, 3, last);
        assert_eq!(pair.model.handle(&late, &OWN, last, &mut SysRng)[2], Code::Busy.byte());
        assert_eq!(pair.model.cache().len(), 1);
        let later = frame(&pair, 4, last + 1);
        assert_eq!(pair.model.handle(&later, &OWN, last + 1, &mut SysRng)[2], 0);
    }
}

/// An entry lives `2W` beyond the later of both clocks, whichever that is.
#[test]
fn an_entry_outlives_every_frame_of_its_session() {
    let mut pair = Pair::active(Purpose::Sign);
    for (ts_ms, until_ms) in [(NOW - 120_000, NOW + 240_000), (NOW + 120_000, NOW + 360_000)] {
        pair.model.audit.clear();
        pair.model.handle(&frame(&pair, 1, ts_ms), &OWN, NOW, &mut SysRng);
        assert_eq!(pair.model.audit[0].until_ms, until_ms);
    }
}

/// After a restart the identical frame is computed anew; any other frame of its session is a conflict.
#[test]
fn a_restored_session_takes_its_own_frame_only() {
    let mut pair = Pair::active(Purpose::Sign);
    let frame = frame(&pair, 1, NOW);
    let sid = SessionId::from_bytes(frame[24..40].try_into().unwrap());
    let key_id = pair.key.key_id();
    let fingerprint = sm_primitives::sm3::digest(&frame);
    let others = pair.model.cache().len();
    pair.model.cache().restore(key_id, sid, [0; 32], NOW);
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng)[2], Code::SidConflict.byte());
    pair.model.cache().restore(key_id, sid, fingerprint, NOW);
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(answer[2], 0);
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng), answer);
    assert_eq!(pair.model.cache().len(), others + 1);
}

/// A refused quota is an answer like others: the identical frame gets it again, whatever the quota is then.
#[test]
fn a_used_up_quota_is_answered_the_same_twice() {
    let mut pair = Pair::active(Purpose::Encrypt);
    let key_id = pair.key.key_id();
    let ciphertext = pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap();
    let ask = |pair: &mut Pair, decrypts: u32| {
        pair.model.keys.get_mut(&key_id).unwrap().decrypts = decrypts;
        let two = [ciphertext.clone(), ciphertext.clone()];
        let (frame, _waiting) = decrypt::start(&pair.key, &two, NOW, &mut SysRng).unwrap();
        (pair.model.handle(&frame, &OWN, NOW, &mut SysRng), frame)
    };
    assert_eq!(ask(&mut pair, LIFETIME_QUOTA - 2).0[2], 0, "the last two");
    let (answer, frame) = ask(&mut pair, LIFETIME_QUOTA - 1);
    assert_eq!(answer[2], Code::Quota.byte());
    assert_eq!(pair.model.keys[&key_id].decrypts, LIFETIME_QUOTA - 1, "refused whole");
    pair.model.keys.get_mut(&key_id).unwrap().decrypts = 0;
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng), answer);
}

/// A fault in a share makes no pending refresh, and activates none.
#[test]
fn a_faulty_share_is_neither_refreshed_nor_activated() {
    let mut pair = Pair::active(Purpose::Sign);
    let key_id = pair.key.key_id();
    let faulty = |share: &ServerShare| ServerShare {
        share: share.share.mul(&share.share),
        inverse: share.share.invert(),
        auth: AuthKey::from_bytes(share.auth.expose_bytes()),
    };
    let start = |pair: &Pair| {
        let iterations = MIN_ITERATIONS;
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, iterations, NOW, &mut SysRng).unwrap().0
    };
    let good = std::sync::Arc::clone(&pair.model.keys[&key_id].share);
    pair.model.keys.get_mut(&key_id).unwrap().share = faulty(&good).into();
    let r1 = start(&pair);
    assert_eq!(pair.model.handle(&r1, &OWN, NOW, &mut SysRng)[2], Code::Internal.byte());
    assert!(pair.model.keys[&key_id].pending.is_none());

    pair.model.keys.get_mut(&key_id).unwrap().share = good;
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new = done(waiting.finish(&r2, &pair.device_key));
    let pending = pair.model.keys.get_mut(&key_id).unwrap().pending.as_mut().unwrap();
    pending.share = faulty(&pending.share).into();
    let (r3, waiting) =
        refresh::confirm(&new.record, &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&r4).unwrap_err().code(), Some(Code::Internal));
    assert!(pair.model.keys[&key_id].pending.is_some(), "the pending share stays");
    assert_eq!(pair.model.keys[&key_id].epoch, 1);
}

/// What the gate counted before an activation is gone after it.
#[test]
fn an_activated_refresh_resets_the_counters() {
    let mut pair = Pair::active(Purpose::Sign);
    let key_id = pair.key.key_id();
    pair.model.keys.get_mut(&key_id).unwrap().gate.total = 29;
    refresh(&mut pair);
    assert_eq!(pair.model.keys[&key_id].gate, crate::server::Gate::default());
}

/// A lost key generation, refresh or pending key ends at its last millisecond, not before.
#[test]
fn waiting_states_end_in_time() {
    let pair = Pair::pending(Purpose::Sign);
    let mut model = pair.model;
    let key_id = KeyId::from_bytes([3; 16]);
    for (late_ms, code) in [(0, None), (1, Some(Code::Key))] {
        model.issued.insert(key_id, (OWN, Purpose::Sign));
        let (k1, waiting) = keygen::start(key_id, Purpose::Sign, &mut SysRng).unwrap();
        let k2 = model.handle(&k1, &OWN, NOW, &mut SysRng);
        let pin = Pin::new("").unwrap();
        let (k3, waiting) = waiting.finish(&k2, &pin, &pair.device_key, MIN_ITERATIONS, &mut SysRng).unwrap();
        let session = SessionId::from_bytes(k3[20..36].try_into().unwrap());
        let Ok(Incoming::KeygenOpen(open)) = receive(&k3) else { panic!() };
        let pending = model.keygens.remove(&(key_id, session));
        let outcome = open.respond(pending, &OWN, NOW + KEYGEN_TTL_MS + late_ms);
        let answer = outcome.map_or_else(|refusal| refusal, |(frame, _)| frame);
        assert_eq!(waiting.finish(&answer).err().and_then(|error| error.code()), code);
    }

    for (late_ms, refused) in [(0, false), (1, true)] {
        let mut pair = Pair::pending(Purpose::Sign);
        let now_ms = NOW + PENDING_TTL_MS + late_ms;
        assert_eq!(PENDING_TTL_MS, HOURS_24);
        let answer = pair.model.handle(&frame(&pair, 1, now_ms), &OWN, now_ms, &mut SysRng);
        assert_eq!(answer[2] == Code::Key.byte(), refused);

        let mut pair = Pair::pending(Purpose::Sign);
        let request = request(&mut pair);
        let (frame, waiting) = keygen::activate(pair.key.key_id(), &request, &mut SysRng).unwrap();
        let answer = pair.model.handle(&frame, &OWN, now_ms, &mut SysRng);
        assert_eq!(waiting.finish(&answer).is_err(), refused);
    }

    let mut pair = Pair::active(Purpose::Sign);
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    drop(done(waiting.finish(&r2, &pair.device_key)));
    for (now_ms, kept) in [(NOW + HOURS_24, true), (NOW + HOURS_24 + 1, false)] {
        let answer = pair.model.handle(&frame(&pair, 2, now_ms), &OWN, now_ms, &mut SysRng);
        assert_eq!(answer[2], 0);
        assert_eq!(pair.model.keys[&pair.key.key_id()].pending.is_some(), kept);
        assert_eq!(pair.model.record_changed, !kept, "a dropped refresh is made durable");
    }
}

/// Op 12 by another device, for no key, or of another length.
#[test]
fn an_activation_is_of_its_device_and_length() {
    let mut pair = Pair::pending(Purpose::Sign);
    let request = request(&mut pair);
    let key_id = pair.key.key_id();
    let activate = || keygen::activate(key_id, &request, &mut SysRng).unwrap().0;
    let (own, other) = (activate(), activate());
    assert_eq!(pair.model.handle(&other, &OTHER, NOW, &mut SysRng)[2], Code::Key.byte());

    let sized = |length: u32| {
        [&own[..36], &length.to_be_bytes(), &std::vec![0; usize::try_from(length).unwrap()]].concat()
    };
    for (frame, code) in [
        (sized(0), Code::Length),
        (sized(1), Code::Proof),
        (sized(16_384), Code::Proof),
        (sized(16_385), Code::Length),
        ([&own[..], &[0]].concat(), Code::Length),
        (own[..own.len() - 1].to_vec(), Code::Length),
        (own[..39].to_vec(), Code::Length),
    ] {
        assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng)[2], code.byte(), "{}", frame.len());
    }
    assert_eq!(pair.model.keys[&key_id].status, Status::Pending);
    assert_eq!(pair.model.handle(&own, &OWN, NOW, &mut SysRng)[2], 0);
    assert_eq!(pair.model.keys[&key_id].status, Status::Active);

    let misuse = Some(Error::ApiMisuse(ApiMisuse::RequestLength));
    for length in [0, 16_385] {
        assert_eq!(keygen::activate(key_id, &std::vec![0; length], &mut SysRng).err(), misuse);
    }
    assert!(keygen::activate(key_id, &[0; 16_384], &mut SysRng).is_ok());
}

/// A started key generation answers its device, its key and its session only, and stays for them.
#[test]
fn an_opening_is_for_one_generation() {
    let mut model = Pair::pending(Purpose::Sign).model;
    let ids = [1, 2].map(|byte| KeyId::from_bytes([byte; 16]));
    let mut pendings = Vec::new();
    let mut frames = Vec::new();
    for key_id in ids {
        model.issued.insert(key_id, (OWN, Purpose::Sign));
        let (k1, waiting) = keygen::start(key_id, Purpose::Sign, &mut SysRng).unwrap();
        let k2 = model.handle(&k1, &OWN, NOW, &mut SysRng);
        let device_key = DeviceKey::random(&mut SysRng).unwrap();
        let pin = Pin::new("").unwrap();
        frames.push(waiting.finish(&k2, &pin, &device_key, MIN_ITERATIONS, &mut SysRng).unwrap().0);
        let session = SessionId::from_bytes(k1[20..36].try_into().unwrap());
        pendings.push(model.keygens.remove(&(key_id, session)).unwrap());
    }
    let open = |frame: &[u8]| match receive(frame) {
        Ok(Incoming::KeygenOpen(open)) => open,
        other => panic!("{other:?}"),
    };
    let mixed =
        |key: usize, sid: usize| [&frames[key][..20], &frames[sid][20..36], &frames[0][36..]].concat();
    assert!(pendings[0].is_for(&open(&frames[0]), &OWN));
    for (frame, device) in [(mixed(1, 0), OWN), (mixed(0, 1), OWN), (frames[0].clone(), OTHER)] {
        assert!(!pendings[0].is_for(&open(&frame), &device));
    }
}

/// A stored record is read whole or not at all, before its tag is looked at.
#[test]
fn a_record_with_a_field_out_of_range_is_not_read() {
    let pair = Pair::pending(Purpose::Sign);
    let bytes = pair.record.to_bytes();
    let with = |at: usize, field: &[u8]| {
        let mut changed = *bytes;
        changed[at..at + field.len()].copy_from_slice(field);
        LocalRecord::from_bytes(&changed)
    };
    for (at, field) in [
        (0, &[2][..]),
        (1, &[2]),
        (2, &[0]),
        (2, &[3]),
        (19, &[0; 4]),
        (39, &[0; 64]),
        (119, &[2]),
        (120, &(MIN_ITERATIONS - 1).to_be_bytes()),
        (124, &[0; 32]),
        (124, &[0xff; 32]),
    ] {
        assert_eq!(with(at, field).err(), Some(Error::InvalidRecord), "offset {at}");
    }
    // `P = -G` makes `B` the identity.
    let minus_g = PublicPoint::generator().mul(&SecretScalar::from_bytes(&minus_one()).unwrap());
    assert_eq!(with(39, &minus_g.to_bytes()).err(), Some(Error::InvalidRecord));
    assert_eq!(with(120, &MIN_ITERATIONS.to_be_bytes()).unwrap().iterations(), MIN_ITERATIONS);
    assert_eq!(LocalRecord::from_bytes(&[&bytes[..], &[0]].concat()).err(), Some(Error::InvalidRecord));
}

fn minus_one() -> [u8; 32] {
    (sm_primitives::Scalar::ZERO - sm_primitives::Scalar::ONE).to_bytes()
}

/// What the server sealed of a refresh comes back whole or not at all.
#[test]
fn a_pending_refresh_is_read_back_whole() {
    let mut pair = Pair::active(Purpose::Sign);
    let (r1, _waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let bytes = pair.model.keys[&pair.key.key_id()].pending.as_ref().unwrap().expose_bytes();
    assert_eq!(bytes.len(), PendingRefresh::LEN);
    let again = PendingRefresh::from_bytes(&bytes).unwrap();
    assert_eq!(again.expose_bytes()[..], bytes[..]);
    assert!(PendingRefresh::from_bytes(&bytes[..bytes.len() - 1]).is_none());
    assert!(PendingRefresh::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
    let mut off_curve = bytes.clone();
    off_curve[84] ^= 1;
    assert!(PendingRefresh::from_bytes(&off_curve).is_none());
}

#[test]
fn too_few_iterations_are_misuse() {
    let pair = Pair::active(Purpose::Sign);
    let few = MIN_ITERATIONS - 1;
    let outcome = refresh::start(&pair.key, &pin("258013"), &pair.device_key, few, NOW, &mut SysRng);
    assert_eq!(outcome.err(), Some(Error::ApiMisuse(ApiMisuse::Iterations)));
}

/// Answers cut anywhere, and a status that this version does not know.
#[test]
fn answers_are_read_whole_or_not_at_all() {
    let pair = Pair::active(Purpose::Sign);
    let finish = |answer: &dyn Fn(&[u8]) -> Vec<u8>| {
        let (frame, waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
        waiting.finish(&answer(&frame[24..40])).unwrap_err()
    };
    let busy = |sid: &[u8]| [&[1, 1, 0x0c, 0], sid, &[0, 0]].concat();
    for length in 0..22 {
        let error = finish(&|sid| busy(sid)[..length].to_vec());
        assert_eq!(error, Error::InvalidMessage(Code::Length), "{length} bytes");
        let error = finish(&|sid| [&[1, 1, 0, 0], sid, &[0, 1]].concat()[..length].to_vec());
        assert_eq!(error, Error::InvalidMessage(Code::Length), "{length} bytes");
    }
    let unknown = |sid: &[u8], detail: &[u8]| [&[1, 1, 0x10, 0], sid, &[0, 2], detail].concat();
    assert_eq!(finish(&|sid| unknown(sid, &[7, 7])), Error::UnknownStatus(0x10));
    assert_eq!(finish(&|sid| unknown(sid, &[7])), Error::InvalidMessage(Code::Length));
    let with_detail = |sid: &[u8]| [&[1, 1, 0x0b, 0], sid, &[0, 1, 7]].concat();
    assert_eq!(finish(&with_detail), Error::InvalidMessage(Code::Length));
}
