//! Many sessions, a network that forgets nothing, a clock, and a reference that says what each frame must get.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cosign_core::{
    ClientKey, Code, Digest, Error, KeyId, Progress, Purpose, SessionId, Suite,
    server::{Gate, KeyRecord, ReplayCache},
    sign::{self, AwaitingSignatures},
};
use cosign_tests::{
    frames::{self, Facts},
    model::{DEVICE, NOW, Pair, Server},
    random::Seeded,
};
use sm_primitives::sm2::dsa;

/// How far a frame's time may be from the server's, milliseconds.
const WINDOW_MS: u64 = 120_000;

/// A request and everything that belongs to it.
struct Session {
    frame: Vec<u8>,
    digests: Vec<Digest>,
    /// Whether the tag is that of the right PIN.
    right: bool,
    waiting: Option<AwaitingSignatures<'static>>,
    answers: Vec<Vec<u8>>,
    released: u32,
}

impl Session {
    fn ts_ms(&self) -> u64 {
        u64::from_be_bytes(self.frame[40..48].try_into().unwrap())
    }

    fn sid(&self) -> SessionId {
        SessionId::from_bytes(self.frame[24..40].try_into().unwrap())
    }
}

/// What the PIN gate must do, counted a second time.
#[derive(Clone, Copy, Default)]
struct Counters {
    fails: u8,
    total: u8,
    until_ms: u64,
}

impl Counters {
    /// The status of a request that reaches the gate, and what it leaves behind.
    fn judge(&mut self, right: bool, now_ms: u64) -> u8 {
        if self.fails >= 10 || self.total >= 30 {
            return Code::Key.byte();
        }
        if now_ms < self.until_ms {
            return Code::Pin.byte();
        }
        self.until_ms = 0;
        if right {
            self.fails = 0;
            return 0;
        }
        self.fails += 1;
        self.total += 1;
        let minutes = match self.fails {
            5 => 1,
            6 => 5,
            7 => 15,
            8 => 60,
            9 => 24 * 60,
            _ => 0,
        };
        if minutes > 0 && self.total < 30 {
            self.until_ms = now_ms + minutes * 60_000;
        }
        Code::Pin.byte()
    }
}

pub(crate) struct World {
    key: &'static ClientKey,
    key_id: KeyId,
    wrong: Facts,
    server: Server,
    rng: Seeded,
    now_ms: u64,
    counter: u64,
    sessions: Vec<Session>,
    /// Answered frames of this life of the server, with the time until which they are kept.
    cached: BTreeMap<usize, (Vec<u8>, u64)>,
    counters: Counters,
    snapshot: (KeyRecord, Counters),
    nonces: BTreeSet<Vec<u8>>,
    /// `(e, r)` of every signature that was released.
    released: BTreeSet<(Digest, [u8; 32])>,
}

fn copy(record: &KeyRecord) -> KeyRecord {
    KeyRecord { share: Arc::clone(&record.share), oprf: record.oprf.clone(), pending: None, ..*record }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let Pair { mut server, key, rng, .. } = Pair::active(Suite::D, Purpose::Sign, seed);
        server.audit.clear();
        server.cache = ReplayCache::new(1000, 1 << 22, 1000);
        let wrong = Facts {
            suite: 1,
            key_id: *key.key_id().as_bytes(),
            epoch: 1,
            public_key: key.public_key().as_point().to_bytes(),
            auth: [1; 32],
        };
        Self {
            key_id: key.key_id(),
            snapshot: (copy(&server.keys[&key.key_id()]), Counters::default()),
            // Lives as long as the test, so that sessions can borrow it.
            key: Box::leak(Box::new(key)),
            wrong,
            server,
            rng,
            now_ms: NOW,
            counter: 0,
            sessions: Vec::new(),
            cached: BTreeMap::new(),
            counters: Counters::default(),
            nonces: BTreeSet::new(),
            released: BTreeSet::new(),
        }
    }

    pub(crate) fn step(&mut self) {
        let pick = self.rng.below(self.sessions.len().max(1));
        match self.rng.below(20) {
            0..5 => self.start(),
            5..10 if !self.sessions.is_empty() => self.request_arrives(pick),
            10..15 if !self.sessions.is_empty() => self.answer_arrives(pick),
            15 => self.now_ms += [1, 1000, 30_000, 100_000][self.rng.below(4)],
            16 if self.rng.below(3) == 0 => self.guess(),
            17 if self.rng.below(4) == 0 => self.server_dies(),
            18 if self.rng.below(4) == 0 => self.client_dies(),
            19 if self.rng.below(4) == 0 => self.snapshot_or_restore(),
            _ => {}
        }
        self.compare();
    }

    /// What the client sends is new, whatever came before.
    fn start(&mut self) {
        self.counter += 1;
        let count = 1 + self.rng.below(3);
        let digests: Vec<_> = (0..count).map(|_| Digest::reduce(&[self.rng.bytes(1)[0] % 4; 32])).collect();
        let started = sign::start(self.key, &digests, self.now_ms, self.counter, &mut self.rng);
        let (frame, waiting) = started.unwrap();
        for item in frame[82..].chunks(160) {
            assert!(self.nonces.insert(item[32..96].to_vec()) && self.nonces.insert(item[96..].to_vec()));
        }
        let waiting = Some(waiting);
        self.sessions.push(Session {
            frame,
            digests,
            right: true,
            waiting,
            answers: Vec::new(),
            released: 0,
        });
    }

    /// Somebody tries a PIN.
    fn guess(&mut self) {
        let points = [2, 3].map(|k: u128| {
            let k = sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::from_u128(k)).unwrap();
            sm_primitives::PublicPoint::mul_base(&k).to_bytes()
        });
        let items = [&[5; 32][..], &points[0], &points[1]].concat();
        let sid = self.rng.bytes(16).try_into().unwrap();
        let frame = frames::request(&self.wrong, 1, sid, self.now_ms, &items);
        self.sessions.push(Session {
            frame,
            digests: Vec::new(),
            right: false,
            waiting: None,
            answers: Vec::new(),
            released: 0,
        });
        self.request_arrives(self.sessions.len() - 1);
    }

    /// The frame reaches the server, for the first time or again.
    fn request_arrives(&mut self, index: usize) {
        let session = &self.sessions[index];
        let (now, ts) = (self.now_ms, session.ts_ms());
        let kept =
            self.cached.get(&index).filter(|(_, until)| *until >= now).map(|(answer, _)| answer.clone());
        let made_before = self.made();
        let answer = self.server.handle(&session.frame, &DEVICE, now, &mut self.rng);
        let made = self.made() - made_before;
        if now.abs_diff(ts) > WINDOW_MS {
            assert_eq!((answer[2], made), (Code::Time.byte(), 0));
            return;
        }
        if let Some(kept) = kept {
            assert_eq!((&answer, made), (&kept, 0), "the identical frame has one answer");
        } else {
            assert_eq!(answer[2], self.counters.judge(session.right, now));
            if answer[2] == 0 {
                assert_eq!(made, session.digests.len());
                self.cached.insert(index, (answer.clone(), now.max(ts) + 2 * WINDOW_MS));
                for item in answer[22..].chunks(96) {
                    assert!(self.nonces.insert(item[..64].to_vec()), "a K2 came twice");
                }
            } else {
                assert_eq!(made, 0);
            }
        }
        self.sessions[index].answers.push(answer);
    }

    /// Signatures that the server made.
    fn made(&self) -> usize {
        self.server.audit.iter().map(|audit| audit.signatures.len()).sum()
    }

    /// An answer reaches the client: its own or that of another session, the first or a copy, in time or too late.
    fn answer_arrives(&mut self, index: usize) {
        let from = if self.rng.below(5) == 0 { self.rng.below(self.sessions.len()) } else { index };
        let answers = &self.sessions[from].answers;
        if answers.is_empty() {
            return;
        }
        let answer = answers[self.rng.below(answers.len())].clone();
        let own = self.sessions[from].sid() == self.sessions[index].sid();
        let session = &mut self.sessions[index];
        let Some(waiting) = session.waiting.take() else { return };
        if self.now_ms > waiting.deadline_ms() {
            return; // The client gave it up.
        }
        match waiting.finish(&answer) {
            Ok(Progress::Done(signed)) => {
                assert!(own && answer[2] == 0);
                session.released += 1;
                assert_eq!(signed.signatures.len(), session.digests.len());
                for (digest, signature) in session.digests.iter().zip(signed.signatures) {
                    dsa::verify_digest(self.key.public_key(), digest.as_bytes(), &signature).unwrap();
                    self.released.insert((*digest, signature.r().to_bytes()));
                }
            }
            Ok(Progress::Next(_)) => unreachable!("suite D has one round"),
            Ok(Progress::Busy(_)) => unreachable!("nothing here is busy"),
            Err(Error::Refused(refusal)) => assert!(own && refusal.code.byte() == answer[2]),
            Err(error) => assert!(!own, "{error:?}"),
        }
    }

    /// The server's process dies. Its database says which sessions are spent; now and then that is lost as well.
    fn server_dies(&mut self) {
        self.server.cache = ReplayCache::new(1000, 1 << 22, 1000);
        if self.rng.below(2) == 0 {
            for audit in self.server.audit.iter().filter(|audit| audit.code.is_none()) {
                self.server.cache.restore(audit.key_id, audit.sid, audit.fingerprint, audit.until_ms);
            }
        }
        self.cached.clear();
    }

    fn client_dies(&mut self) {
        self.sessions.iter_mut().for_each(|session| session.waiting = None);
        self.counter = 0;
        self.now_ms += 1;
    }

    /// The server's database is copied, or brought back as it was.
    fn snapshot_or_restore(&mut self) {
        let record = self.server.keys.get_mut(&self.key_id).unwrap();
        if self.rng.below(3) == 0 {
            *record = copy(&self.snapshot.0);
            self.counters = self.snapshot.1;
            self.server_dies();
        } else {
            self.snapshot = (copy(record), self.counters);
        }
    }

    fn compare(&self) {
        let Gate { fails, total, .. } = self.server.keys[&self.key_id].gate;
        assert_eq!((fails, total), (self.counters.fails, self.counters.total));
        assert!(self.sessions.iter().all(|session| session.released <= 1));
    }

    /// Everything that was released is in the log, and a new session succeeds as soon as the gate lets it.
    pub(crate) fn finish(mut self) -> [usize; 3] {
        let logged: BTreeSet<_> =
            self.server.audit.iter().flat_map(|audit| audit.signatures.iter().copied()).collect();
        assert!(self.released.is_subset(&logged));
        self.now_ms = self.now_ms.max(self.counters.until_ms) + 10 * WINDOW_MS;
        let (released, before) = (self.released.len(), self.counters);
        self.start();
        let last = self.sessions.len() - 1;
        self.request_arrives(last);
        self.compare();
        let locked = before.fails >= 10 || before.total >= 30;
        assert_eq!(self.sessions[last].answers[0][2] == 0, !locked);
        [released, logged.len(), usize::from(before.total)]
    }
}
