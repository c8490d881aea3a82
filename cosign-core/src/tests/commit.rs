//! Signing with suite F2: honest runs, and each check against a peer that does not follow it.

mod client;
mod commitment;
mod opening;

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    Scalar, SecretScalar,
    point::PublicPoint,
    sm2::{Signature, dsa},
};

use super::{
    life::{NOW, Pair},
    model::{Model, OWN, active as record_of},
    script::{Fields as _, Script, client_key, hexed, load, unhex},
};
use crate::{
    ClientKey, Code, Digest, Op, Progress, Purpose, SessionId, Suite, hash,
    server::{KeyRecord, MAX_OPEN, ServerShare},
    sign::{self, AwaitingSignatures},
};

fn digests(count: u16) -> Vec<Digest> {
    (0..count).map(|i| Digest::reduce(&sm_primitives::sm3::digest(&i.to_be_bytes()))).collect()
}

fn active() -> Pair {
    Pair::active(Suite::F2, Purpose::Sign)
}

/// The code of a refusal; `None` for any other answer.
fn code(answer: &[u8]) -> Option<Code> {
    Code::from_status(answer[2])
}

fn sid(byte: u8) -> SessionId {
    SessionId::from_bytes([byte; 16])
}

/// The items of a request: digests and nonce points.
fn items(digests: &[Digest], points: &[PublicPoint]) -> Vec<u8> {
    digests.iter().zip(points).flat_map(|(e, q)| [&e.as_bytes()[..], &q.to_bytes()].concat()).collect()
}

/// `count` honest items.
fn some_items(pair: &Pair, count: u16) -> Vec<u8> {
    let point = |_| pair.key.base.point().mul(&SecretScalar::random(&mut SysRng).unwrap());
    items(&digests(count), &(0..count).map(point).collect::<Vec<_>>())
}

/// Both frames of a session about these items, whatever they are, with a salt of zeros.
fn frames(pair: &Pair, sid: SessionId, items: &[u8]) -> [Vec<u8>; 2] {
    let count = u16::try_from(items.len() / 96).unwrap();
    let opening = [items, &[0; 32]].concat();
    let commitment = pair.key.request(&sid, count).commitment(&opening);
    let (commit, _) = pair.key.tagged_frame(Op::Commit, &sid, NOW, count, &commitment);
    [commit, pair.key.header(Op::Reveal, &sid, NOW, count, [0; 32]).frame(&opening)]
}

impl Pair {
    /// Starts a session and takes it to where its opening is to be sent.
    fn committed(&mut self, digests: &[Digest], counter: u64) -> AwaitingSignatures<'_> {
        let Self { model, key, .. } = self;
        let (commit, waiting) = sign::start(key, digests, NOW, counter, &mut SysRng).unwrap();
        let answer = model.handle(&commit, &OWN, NOW, &mut SysRng);
        let Progress::Next(waiting) = waiting.finish(&answer).unwrap() else { panic!("not the next round") };
        waiting
    }

    fn ask(&mut self, frame: &[u8], now_ms: u64) -> Vec<u8> {
        // What a server does between two requests.
        self.model.cache().purge(now_ms);
        self.model.handle(frame, &OWN, now_ms, &mut SysRng)
    }

    fn open(&mut self) -> usize {
        self.model.cache().open()
    }

    fn gate(&mut self) -> &mut crate::server::Gate {
        let id = self.key.key_id();
        &mut self.model.keys.get_mut(&id).unwrap().gate
    }
}

/// Every byte of a session, with the shares and the randomness of the vectors injected on both sides.
#[test]
fn transcripts() {
    let vectors = load("suite-f2/sign");
    let key = ClientKey { suite: Suite::F2, ..client_key(&vectors["key"]) };
    for vector in vectors.list("sessions") {
        let mut model = Model::new(vector.array("nonce_key"));
        let mut record = KeyRecord { suite: Suite::F2, ..record_of(&vectors["key"]) };
        record.gate.fails = vector.u8("fails_before");
        model.keys.insert(record.key_id, record);
        let digests: Vec<_> = vector
            .list("digests")
            .iter()
            .map(|e| Digest::from_bytes(&unhex(e.as_str().unwrap()).try_into().unwrap()).unwrap())
            .collect();
        let mut rng = Script::new(vector.bytes("client_randomness"));
        let (ts_ms, counter) = (vector.u64("ts_ms"), vector.u64("ctr"));
        let (m1, waiting) = sign::start(&key, &digests, ts_ms, counter, &mut rng).unwrap();
        rng.assert_used_up();
        assert_eq!(m1, vector.bytes("m1"));
        let mut rng = Script::new(vector.bytes("server_randomness"));
        let m2 = model.handle(&m1, &OWN, ts_ms, &mut rng);
        rng.assert_used_up();
        assert_eq!(m2, vector.bytes("m2"));
        let Progress::Next(waiting) = waiting.finish(&m2).unwrap() else { panic!("not the next round") };
        assert_eq!(waiting.frame(), vector.bytes("m3"));
        let m4 = model.handle(waiting.frame(), &OWN, ts_ms, &mut Script::new(Vec::new()));
        assert_eq!(m4, vector.bytes("m4"));
        let Progress::Done(signed) = waiting.finish(&m4).unwrap() else { panic!("not done") };
        assert_eq!(signed.failures, vector.u8("fails_before"));
        let signatures: Vec<_> = signed.signatures.iter().map(|s| hexed(&s.to_bytes())).collect();
        assert_eq!(
            signatures,
            vector.list("signatures").iter().map(|s| s.as_str().unwrap()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn signatures_of_every_batch_size_verify() {
    let mut pair = active();
    for count in [1, 2, 3, 31, 40, 256] {
        let digests = digests(count);
        let signatures = pair.sign(&digests).unwrap();
        assert_eq!(signatures.len(), digests.len());
        for (digest, signature) in digests.iter().zip(&signatures) {
            dsa::verify_digest(pair.key.public_key(), digest.as_bytes(), signature).unwrap();
        }
        let [.., commit, reveal] = &pair.model.audit[..] else { panic!("two records") };
        assert_eq!((commit.op, reveal.op, commit.sid), (Op::Commit, Op::Reveal, reveal.sid));
        assert_eq!((commit.count, reveal.count), (count, count));
        assert!(commit.signatures.is_empty(), "nothing is signed before the opening");
        let logged: Vec<_> = reveal.signatures.iter().map(|(e, r)| (*e, *r)).collect();
        let made: Vec<_> = digests.iter().zip(&signatures).map(|(e, s)| (*e, s.r().to_bytes())).collect();
        assert_eq!(logged, made);
        assert_eq!(pair.open(), 0);
    }
}

#[test]
fn extreme_digests_verify() {
    let mut pair = active();
    let n_minus_1 = (Scalar::ZERO - Scalar::ONE).to_bytes();
    let extremes = [[0; 32], Scalar::ONE.to_bytes(), n_minus_1].map(|e| Digest::from_bytes(&e).unwrap());
    for (digest, signature) in extremes.iter().zip(pair.sign(&extremes).unwrap()) {
        dsa::verify_digest(pair.key.public_key(), digest.as_bytes(), &signature).unwrap();
    }
}

#[test]
fn the_wrong_pins_before_are_reported_once_the_signatures_are_there() {
    let mut pair = active();
    pair.gate().fails = 3;
    let (frame, waiting) = sign::start(&pair.key, &digests(1), NOW, 7, &mut SysRng).unwrap();
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(answer[3], 3);
    let Progress::Next(waiting) = waiting.finish(&answer).unwrap() else { panic!() };
    let answer = pair.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    assert_eq!(answer[3], 0);
    let Progress::Done(signed) = waiting.finish(&answer).unwrap() else { panic!() };
    assert_eq!(signed.failures, 3);
}

/// Sessions of one key side by side, answered in another order than they were begun.
#[test]
fn sessions_of_one_key_do_not_meet() {
    let mut pair = active();
    let digests = digests(3);
    let key = pair.record.unlock(&super::life::pin("258013"), &pair.device_key).unwrap();
    let mut waiting = Vec::new();
    for counter in 0..u64::try_from(MAX_OPEN).unwrap() {
        let (frame, first) = sign::start(&key, &digests, NOW, counter, &mut SysRng).unwrap();
        let Progress::Next(next) = first.finish(&pair.ask(&frame, NOW)).unwrap() else { panic!() };
        waiting.push(next);
    }
    assert_eq!(pair.open(), MAX_OPEN);
    for next in waiting.into_iter().rev() {
        let answer = pair.ask(next.frame(), NOW);
        assert!(matches!(next.finish(&answer).unwrap(), Progress::Done(_)));
    }
    assert_eq!(pair.open(), 0);
}

#[test]
fn a_pending_key_signs_once_whatever_it_committed_to() {
    let mut pair = Pair::pending(Suite::F2, Purpose::Sign);
    assert_eq!(pair.sign(&digests(2)).unwrap_err().code(), Some(Code::Batch));
    let items = [some_items(&pair, 1), some_items(&pair, 1)];
    let [commit, reveal] = frames(&pair, sid(1), &items[0]);
    let [other_commit, other_reveal] = frames(&pair, sid(2), &items[1]);
    assert_eq!(code(&pair.ask(&commit, NOW)), None);
    assert!(!pair.model.record_changed, "nothing is signed yet");
    assert_eq!(code(&pair.ask(&other_commit, NOW)), None);
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
    assert!(pair.model.record_changed, "the one signature is spent durably before the answer");
    assert_eq!(code(&pair.ask(&other_reveal, NOW)), Some(Code::Quota));
    // From then on no commitment is answered either.
    let [third, _] = frames(&pair, sid(3), &items[0]);
    let answer = pair.ask(&third, NOW);
    assert_eq!(code(&answer), Some(Code::Quota));
    assert_eq!((pair.ask(&third, NOW), pair.open()), (answer, 0));
}

/// A fault in the share is found before anything leaves, and the nonces are gone.
#[test]
fn a_faulty_share_releases_nothing() {
    let mut pair = active();
    let record = pair.model.keys.get_mut(&pair.key.key_id()).unwrap();
    let faulty = ServerShare {
        share: record.share.share.mul(&record.share.share),
        inverse: record.share.share.invert(),
        auth: crate::pin::AuthKey::from_bytes(record.share.auth.expose_bytes()),
    };
    record.share = faulty.into();
    assert_eq!(pair.sign(&digests(2)).unwrap_err().code(), Some(Code::Internal));
    assert!(pair.model.audit.last().unwrap().signatures.is_empty());
    assert_eq!(pair.open(), 0);
}

#[test]
fn a_server_without_randomness_opens_no_session() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    let answer = pair.model.handle(&commit, &OWN, NOW, &mut Script::new(Vec::new()));
    assert_eq!((answer.len(), code(&answer)), (22, Some(Code::Internal)));
    assert_eq!(pair.open(), 0);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
}

/// A client that shifts its nonce point by a multiple of G: what comes out is valid for no digest of its choice.
#[test]
fn a_shifted_nonce_point_signs_no_chosen_digest() {
    let mut pair = active();
    let [logged, wanted] = digests(2)[..] else { panic!() };
    let shift = logged.scalar() - wanted.scalar();
    for round in 0..20 {
        let n = SecretScalar::random(&mut SysRng).unwrap();
        let shifted = PublicPoint::generator().mul_vartime(&shift).unwrap();
        let point = pair.key.base.point().mul(&n).add(&shifted).unwrap();
        let items = items(&[logged], &[point]);
        let [commit, reveal] = frames(&pair, sid(round), &items);
        let k2 = PublicPoint::from_bytes(&pair.ask(&commit, NOW)[22..86].try_into().unwrap()).unwrap();
        let s2 = Scalar::from_bytes(&pair.ask(&reveal, NOW)[22..54].try_into().unwrap()).unwrap();
        let h_req = pair.key.request(&sid(round), 1).hash(Op::Reveal, &items);
        let rho = Scalar::from_u128(hash::committed_factors(&h_req, &[k2])[0]);
        let t =
            n.mul_public(&rho).unwrap().add(&pair.key.share.mul_public(&s2).unwrap()).unwrap().declassify();
        let (e, r) = pair.model.audit.last().unwrap().signatures[0];
        assert_eq!(e, logged);
        // What the algebra gives: a signature on e - rho * shift, a digest that the client cannot choose.
        let bound = rho * shift;
        let r = Scalar::from_bytes(&r).unwrap() - bound;
        let signature = Signature::from_scalars(r, t - r).unwrap();
        let random = (logged.scalar() - bound).to_bytes();
        dsa::verify_digest(pair.key.public_key(), &random, &signature).unwrap();
        for digest in [logged, wanted] {
            assert!(dsa::verify_digest(pair.key.public_key(), digest.as_bytes(), &signature).is_err());
        }
    }
}

#[test]
fn nothing_secret_is_printed() {
    let mut pair = active();
    let printed = std::format!("{:?}", pair.committed(&digests(1), 1));
    assert!(printed.starts_with("AwaitingSignatures { sid: ") && printed.ends_with("), .. }"), "{printed}");
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    pair.ask(&commit, NOW);
    let session = pair.model.cache().open.take(pair.key.key_id(), sid(1), NOW).unwrap();
    assert_eq!(std::format!("{session:?}"), std::format!("OpenSession {{ sid: {:?}, .. }}", sid(1)));
    let incoming = std::format!("{:?}", crate::server::receive(&reveal).unwrap());
    assert!(!incoming.contains(&hex::encode(&items[..32])), "{incoming}");
}
