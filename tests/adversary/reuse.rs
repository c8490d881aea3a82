//! M6: whoever sees every transcript of a client that crashes, is restored from snapshots, and gets its answers twice,
//! late and in the wrong order.
//!
//! Each released `t = b1*na + b2*nb + s2*dA` is a linear equation. Single-use nonces leave two unknowns for each.

use std::collections::BTreeMap;

use cosign_core::{ClientKey, Code, Digest, Error, Progress, Purpose, sign};
use cosign_tests::{model::NOW, random::Seeded};
use sm_primitives::{Scalar, sm2::Signature};

use crate::{
    algebra::{System, Unknown, random, t_of, times_g},
    mutants::{self, Scheme},
    parties::{Item, Request, Shares, answer, binding_factors, digest, digests, laid_open},
};

/// `dA`, after all points.
const SHARE: Unknown = [0xff; 64];

/// Everything that was ever released, as equations.
#[derive(Default)]
struct Transcripts {
    system: System,
    released: BTreeMap<Unknown, u32>,
}

impl Transcripts {
    fn add(&mut self, item: &Item, (b1, b2): (Scalar, Scalar), s2: Scalar, released: &Signature) {
        let (qa, qb) = (item.qa.to_bytes(), item.qb.to_bytes());
        self.system.push(&[(qa, b1), (qb, b2), (SHARE, s2)], t_of(released));
        *self.released.entry(qa).or_default() += 1;
    }

    fn add_session(&mut self, request: &Request, keys: &Shares, k2s: &[Scalar], signatures: &[Signature]) {
        for (index, (signature, nonce)) in signatures.iter().zip(k2s).enumerate() {
            let factors = binding_factors(&request.h_req, index, &times_g(*nonce));
            self.add(&request.items[index], factors, keys.server * (*nonce + *signature.r()), signature);
        }
    }

    fn share(&self) -> Option<Scalar> {
        self.system.solve(&SHARE)
    }
}

/// One life of a client process on a machine whose snapshots bring back even the state of its random source.
struct Process<'k> {
    key: &'k ClientKey,
    rng: Seeded,
    counter: u64,
    waiting: Vec<(Request, sign::AwaitingSignatures<'k>)>,
}

impl Process<'_> {
    fn start(&mut self, digests: &[Digest], now_ms: u64) {
        self.counter += 1;
        let started = sign::start(self.key, digests, now_ms, self.counter, &mut self.rng);
        let (frame, waiting) = started.unwrap();
        assert_eq!(waiting.frame(), frame);
        self.waiting.push((Request::read(&frame, self.key.public_key()), waiting));
    }
}

/// Whatever happens in any order: every pair of points is behind one signature at most, and the share stays unknown.
#[test]
fn m6_no_schedule_releases_two_equations_for_one_nonce() {
    let (pair, keys) = laid_open(Purpose::Sign, 601);
    let mut schedule = Seeded::new(602);
    let mut transcripts = Transcripts::default();
    let process = |rng| Process { key: &pair.key, rng, counter: 0, waiting: Vec::new() };
    let mut client = process(Seeded::new(603));
    let mut snapshot = (client.rng.clone(), client.counter);
    let mut old_answers: Vec<Vec<u8>> = Vec::new();
    let (mut now_ms, mut restored) = (NOW, 0);
    for step in 0..1500u64 {
        // Two processes never live in the same millisecond; time is the one thing that a snapshot does not bring back.
        now_ms += 1;
        let pick = schedule.below(client.waiting.len().max(1));
        match schedule.below(10) {
            0..4 => {
                let count = 1 + schedule.below(3) as u64;
                // The same digests again and again, as a client does that tries again.
                client.start(&digests(count), now_ms);
            }
            4..7 if !client.waiting.is_empty() => {
                // An answer, right or not, is the last thing that a session sees.
                let (request, waiting) = client.waiting.swap_remove(pick);
                let k2s: Vec<_> = request.items.iter().map(|_| random(&mut schedule)).collect();
                let answer = request.answer(keys.server, &k2s);
                match waiting.finish(&answer) {
                    Ok(Progress::Done(signed)) => {
                        transcripts.add_session(&request, &keys, &k2s, &signed.signatures);
                    }
                    other => assert!(other.is_err(), "step {step}: {other:?}"),
                }
                old_answers.push(answer);
            }
            7 if !client.waiting.is_empty() && !old_answers.is_empty() => {
                // The answer of another session: duplicated, late, in the wrong order, or of before the restore.
                let (_, waiting) = client.waiting.swap_remove(pick);
                let late = &old_answers[schedule.below(old_answers.len())];
                let error = waiting.finish(late).unwrap_err();
                assert!(
                    matches!(error, Error::InvalidMessage(Code::State | Code::Batch | Code::Length)),
                    "{error:?}"
                );
            }
            8 => snapshot = (client.rng.clone(), client.counter),
            9 if step % 3 == 0 => {
                // Killed, and either started anew or brought back as it was at the snapshot.
                client = process(snapshot.0.clone());
                client.counter = if schedule.below(2) == 0 { 0 } else { snapshot.1 };
                restored += 1;
            }
            _ => {}
        }
    }
    assert!(restored > 20 && transcripts.released.len() > 500, "{restored}, {}", transcripts.released.len());
    assert!(transcripts.released.values().all(|&count| count == 1));
    assert_eq!(transcripts.share(), None);
}

/// A client that keeps its nonces after an answer: two answers are not enough, three are.
#[test]
fn m6_mutant_that_answers_again_falls() {
    let mut rng = Seeded::new(604);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let client = mutants::Client::start(Scheme::Dual, keys, &[random(&mut rng)], &mut rng);
    let mut transcripts = Transcripts::default();
    for answers in 1..=3 {
        let (k2, s2, _) = mutants::respond(client.scheme, &keys, 0, &client.items[0], random(&mut rng));
        let released = client.finish(&[(k2, s2)]).unwrap();
        transcripts.add(&client.items[0], client.factors(0, &k2), s2, &released[0]);
        assert_eq!(transcripts.share(), (answers == 3).then_some(keys.client), "{answers} answers");
    }
}

/// Hedging ends where everything that it mixes is the same: randomness, share, session, time, counter and digest. The
/// same transcripts through the same equations give the share, so the caller must never bring all of it back.
#[test]
fn m6_a_client_of_which_everything_is_brought_back_falls() {
    let (pair, keys) = laid_open(Purpose::Sign, 605);
    let mut rng = Seeded::new(606);
    let lives = |changed: fn(u64) -> (u64, u64, u64)| {
        let mut transcripts = Transcripts::default();
        let mut k2s = Seeded::new(607);
        for life in 0..3 {
            let (ms, counter, message) = changed(life);
            let mut again = Seeded::new(608);
            let (frame, waiting) =
                sign::start(&pair.key, &[digest(message)], NOW + ms, counter, &mut again).unwrap();
            let request = Request::read(&frame, &keys.public);
            let nonces = [random(&mut k2s)];
            let outcome = waiting.finish(&request.answer(keys.server, &nonces)).unwrap();
            let Progress::Done(signed) = outcome else { continue };
            transcripts.add_session(&request, &keys, &nonces, &signed.signatures);
        }
        transcripts.share()
    };
    assert_eq!(lives(|_| (0, 1, 0)), Some(keys.client));
    // One of them is enough to differ.
    assert_eq!(lives(|life| (life, 1, 0)), None);
    assert_eq!(lives(|life| (0, life, 0)), None);
    assert_eq!(lives(|life| (0, 1, life)), None);
    // So does an answer that is refused: it releases nothing, whatever was brought back.
    let (frame, waiting) = sign::start(&pair.key, &[digest(0)], NOW, 1, &mut rng).unwrap();
    let request = Request::read(&frame, &keys.public);
    let wrong = answer(&request.sid, &[(times_g(random(&mut rng)).to_bytes(), random(&mut rng))]);
    assert_eq!(waiting.finish(&wrong).err(), Some(Error::PeerMisbehaved(Code::Verify)));
}
