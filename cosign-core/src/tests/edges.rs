//! Lives of keys, stored records and answers at their edges: one test each fails when the check is taken out.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    SecretScalar,
    point::PublicPoint,
    sm2::{DistId, PrivateKey, Signature, dsa, pke},
};

use super::{
    checks::{digest, frame},
    life::{NOW, Pair, done, pin},
    model::{OTHER, OWN},
};
use crate::{
    ApiMisuse, Code, Detail, DeviceId, DeviceKey, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Op, Pin,
    PinMode, Purpose, Refusal, SessionId, Suite, csr, decrypt, keygen, refresh,
    server::{Incoming, Issued, KEYGEN_TTL_MS, Origin, PENDING_TTL_MS, PendingRefresh, Status, receive},
    sign,
    split::{self, Kind, Receiver},
};

const HOURS_24: u64 = 86_400_000;

/// The certification request of a pending key, signed.
fn request(pair: &mut Pair) -> Vec<u8> {
    let info = csr::info("somebody", pair.key.public_key());
    let digest = Digest::reduce(&DistId::default().digest(pair.key.public_key(), &info));
    let signature: Signature = pair.sign(&[digest]).unwrap().remove(0);
    csr::assemble(&info, &signature)
}

fn issued(device: DeviceId, purpose: Purpose) -> Issued {
    Issued { device, suite: Suite::D, purpose, mode: PinMode::Base, origin: Origin::Generated }
}

/// A lost key generation, refresh or pending key ends at its last millisecond, not before.
#[test]
fn waiting_states_end_in_time() {
    let pair = Pair::pending(Suite::D, Purpose::Sign);
    let mut model = pair.model;
    let key_id = KeyId::from_bytes([3; 16]);
    for (late_ms, code) in [(0, None), (1, Some(Code::Key))] {
        model.issued.insert(key_id, issued(OWN, Purpose::Sign));
        let (k1, waiting) = keygen::start(key_id, Suite::D, Purpose::Sign, &mut SysRng).unwrap();
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
        let mut pair = Pair::pending(Suite::D, Purpose::Sign);
        let now_ms = NOW + PENDING_TTL_MS + late_ms;
        assert_eq!(PENDING_TTL_MS, HOURS_24);
        let answer = pair.model.handle(&frame(&pair, 1, now_ms), &OWN, now_ms, &mut SysRng);
        assert_eq!(answer[2] == Code::Key.byte(), refused);

        let mut pair = Pair::pending(Suite::D, Purpose::Sign);
        let request = request(&mut pair);
        let (frame, waiting) = keygen::activate(&pair.key, &request, &mut SysRng).unwrap();
        let answer = pair.model.handle(&frame, &OWN, now_ms, &mut SysRng);
        assert_eq!(waiting.finish(&answer).is_err(), refused);
    }

    let mut pair = Pair::active(Suite::D, Purpose::Sign);
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
    let mut pair = Pair::pending(Suite::D, Purpose::Sign);
    let request = request(&mut pair);
    let key_id = pair.key.key_id();
    let activate = || keygen::activate(&pair.key, &request, &mut SysRng).unwrap().0;
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
        assert_eq!(keygen::activate(&pair.key, &std::vec![0; length], &mut SysRng).err(), misuse);
    }
    assert!(keygen::activate(&pair.key, &[0; 16_384], &mut SysRng).is_ok());
}

/// A started key generation answers its device, its key and its session only, and stays for them.
#[test]
fn an_opening_is_for_one_generation() {
    let mut model = Pair::pending(Suite::D, Purpose::Sign).model;
    let ids = [1, 2].map(|byte| KeyId::from_bytes([byte; 16]));
    let mut pendings = Vec::new();
    let mut frames = Vec::new();
    for key_id in ids {
        model.issued.insert(key_id, issued(OWN, Purpose::Sign));
        let (k1, waiting) = keygen::start(key_id, Suite::D, Purpose::Sign, &mut SysRng).unwrap();
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
    for (frame, device) in [(mixed(1, 0), OWN), (mixed(0, 1), OWN), (frames[0].to_vec(), OTHER)] {
        assert!(!pendings[0].is_for(&open(&frame), &device));
    }
}

/// A stored record is read whole or not at all, before its tag is looked at.
#[test]
fn a_record_with_a_field_out_of_range_is_not_read() {
    let pair = Pair::pending(Suite::D, Purpose::Sign);
    let bytes = pair.record.to_bytes();
    let with = |at: usize, field: &[u8]| {
        let mut changed = *bytes;
        changed[at..at + field.len()].copy_from_slice(field);
        LocalRecord::from_bytes(&changed)
    };
    for (at, field) in [
        (0, &[2][..]),
        (1, &[0]),
        (1, &[3]),
        (2, &[0]),
        (2, &[3]),
        (19, &[0; 4]),
        (39, &[0; 64]),
        (119, &[0]),
        (119, &[3]),
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
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
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
    let pair = Pair::active(Suite::D, Purpose::Sign);
    let few = MIN_ITERATIONS - 1;
    let outcome = refresh::start(&pair.key, &pin("258013"), &pair.device_key, few, NOW, &mut SysRng);
    assert_eq!(outcome.err(), Some(Error::ApiMisuse(ApiMisuse::Iterations)));
}

/// Answers cut anywhere, and a status that this version does not know.
#[test]
fn answers_are_read_whole_or_not_at_all() {
    let pair = Pair::active(Suite::D, Purpose::Sign);
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
    let unknown = |sid: &[u8], detail: &[u8]| [&[1, 1, 0x11, 0], sid, &[0, 2], detail].concat();
    assert_eq!(finish(&|sid| unknown(sid, &[7, 7])), Error::UnknownStatus(0x11));
    assert_eq!(finish(&|sid| unknown(sid, &[7])), Error::InvalidMessage(Code::Length));
    let detailed = |code: Code, detail: &[u8]| {
        let length = u8::try_from(detail.len()).unwrap();
        finish(&|sid| [&[1, 1, code.byte(), 0], sid, &[0, length], detail].concat())
    };
    for (code, bytes, detail) in [
        (Code::Epoch, &[0, 0, 1, 2][..], Detail::Epoch(258)),
        (Code::Time, &[0, 0, 0, 0, 0, 0, 1, 3], Detail::Time(259)),
        (Code::Pin, &[9, 0, 0, 1, 4], Detail::Pin { remaining: 9, retry_s: 260 }),
    ] {
        assert_eq!(detailed(code, bytes), Error::Refused(Refusal { code, detail }));
    }
    let with_detail = |sid: &[u8]| [&[1, 1, 0x0b, 0], sid, &[0, 1, 7]].concat();
    assert_eq!(finish(&with_detail), Error::InvalidMessage(Code::Length));
}

/// Answers to ops 11 and 12 have no body, and `E_BUSY` ends these sessions like any refusal.
#[test]
fn answers_of_key_generation_have_one_length() {
    let key = Pair::pending(Suite::D, Purpose::Sign).key;
    let finish = |answer: &dyn Fn(&[u8]) -> Vec<u8>| {
        let (frame, waiting) = keygen::activate(&key, &[0], &mut SysRng).unwrap();
        waiting.finish(&answer(&frame[20..36]))
    };
    assert_eq!(finish(&|sid| [&[1, 1, 0, 0], sid].concat()), Ok(()));
    let length = Err(Error::InvalidMessage(Code::Length));
    assert_eq!(finish(&|sid| [&[1, 1, 0, 0], sid, &[0]].concat()), length);
    assert_eq!(finish(&|sid| [&[1, 1, 0, 0], &sid[..15]].concat()), length);
    let busy = Err(Error::Refused(Code::Busy.into()));
    assert_eq!(finish(&|sid| [&[1, 1, 0x0c, 0], sid, &[0, 0]].concat()), busy);
}

/// A NAK went past no gate, so it reports no failures.
#[test]
fn a_refusal_to_activate_counts_nothing() {
    let sid = SessionId::from_bytes([6; 16]);
    let finish = |failures: u8, body: u8| {
        let answer = [&[1, 1, 0, failures], &sid.as_bytes()[..], &[0, 1, body]].concat();
        refresh::AwaitingActivation::with_sid(sid).finish(&answer)
    };
    assert_eq!(done(finish(0, 1)), refresh::Confirmation::Unknown);
    assert_eq!(finish(1, 1).err(), Some(Error::InvalidMessage(Code::Version)));
    assert_eq!(done(finish(9, 0)), refresh::Confirmation::Active { failures: 9 });
    assert_eq!(finish(10, 0).err(), Some(Error::InvalidMessage(Code::Version)));
}

/// Every waiting state keeps its frame for sending it again, and says when it is over.
#[test]
fn waiting_states_know_their_frame_and_end() {
    let pair = Pair::active(Suite::D, Purpose::Encrypt);
    let deadline = NOW + 60_000;
    let (frame, waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
    assert_eq!((waiting.frame(), waiting.deadline_ms()), (&frame[..], deadline));
    let ciphertext = pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap();
    let (frame, waiting) = decrypt::start(&pair.key, &[ciphertext], NOW, &mut SysRng).unwrap();
    assert_eq!((waiting.frame(), waiting.deadline_ms()), (&frame[..], deadline));
    let (frame, waiting) =
        refresh::start(&pair.key, &pin(""), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng).unwrap();
    assert_eq!((waiting.frame(), waiting.deadline_ms()), (&frame[..], deadline));
    let to = Receiver::new(pair.key.key_id(), KeyId::from_bytes([1; 16]), OTHER, &mut SysRng).unwrap();
    let waiting = split::start(&pair.key, to.invitation(), Kind::Move, NOW, &mut SysRng).unwrap();
    assert_eq!((waiting.frame()[2], waiting.deadline_ms()), (Op::Split.byte(), deadline));
}

/// K1 has one length, and its key id is the device's and for its purpose, whatever a caller looked up.
#[test]
fn a_key_id_serves_its_device_and_purpose() {
    let (k1, _waiting) =
        keygen::start(KeyId::from_bytes([1; 16]), Suite::D, Purpose::Sign, &mut SysRng).unwrap();
    let respond = |issued| match receive(&k1) {
        Ok(Incoming::KeygenStart(start)) => start.respond(issued, &OWN, NOW, &mut SysRng),
        other => panic!("{other:?}"),
    };
    assert!(respond(Some(issued(OWN, Purpose::Sign))).is_ok());
    let of_suite_f2 = Issued { suite: Suite::F2, ..issued(OWN, Purpose::Sign) };
    for other in
        [None, Some(issued(OTHER, Purpose::Sign)), Some(issued(OWN, Purpose::Encrypt)), Some(of_suite_f2)]
    {
        assert_eq!(respond(other).unwrap_err()[2], Code::Key.byte());
    }
    for frame in [[&k1[..], &[0]].concat(), k1[..68].to_vec()] {
        assert_eq!(receive(&frame).unwrap_err().frame[2], Code::Length.byte());
    }
}

#[test]
fn a_record_tells_what_it_is_of() {
    let pair = Pair::pending(Suite::D, Purpose::Encrypt);
    for (key_id, purpose, epoch) in [
        (pair.record.key_id(), pair.record.purpose(), pair.record.epoch()),
        (pair.key.key_id(), pair.key.purpose(), pair.key.epoch()),
    ] {
        assert_eq!((key_id, purpose, epoch), (KeyId::from_bytes([9; 16]), Purpose::Encrypt, 1));
    }
    assert_eq!(pair.record.public_key(), pair.key.public_key());
    assert_eq!(DeviceKey::from_bytes([7; 32]).expose_bytes()[..], [7; 32]);
}

/// The pending key signs any one digest, also that of a request for a foreign key, whose own signature would verify.
#[test]
fn a_request_names_the_key_that_it_activates() {
    let mut pair = Pair::pending(Suite::D, Purpose::Sign);
    let foreign = PrivateKey::generate(&mut SysRng).unwrap();
    let info = csr::info("somebody else", foreign.public_key());
    let digest = Digest::reduce(&DistId::default().digest(foreign.public_key(), &info));
    pair.sign(&[digest]).unwrap();
    let signature = dsa::sign_digest(&foreign, digest.as_bytes(), &mut SysRng).unwrap();
    assert_eq!(activate(&mut pair, &csr::assemble(&info, &signature)), Code::Proof.byte());
}

/// A request that verifies but is not the one that the pending key signed.
#[test]
fn a_request_is_the_one_that_was_signed() {
    let mut pair = Pair::pending(Suite::D, Purpose::Sign);
    let request = request(&mut pair);
    let key_id = pair.key.key_id();
    for signed in [None, Some(digest(1))] {
        pair.model.keys.get_mut(&key_id).unwrap().pending_sign = signed;
        assert_eq!(activate(&mut pair, &request), Code::Proof.byte());
    }
}

/// Hands in a request: the status of the answer.
fn activate(pair: &mut Pair, request: &[u8]) -> u8 {
    let (frame, _waiting) = keygen::activate(&pair.key, request, &mut SysRng).unwrap();
    let Ok(Incoming::Activate(read)) = receive(&frame) else { panic!() };
    assert_eq!(read.request(), request);
    pair.model.handle(&frame, &OWN, NOW, &mut SysRng)[2]
}
