//! What must hold after every frame, whatever came before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use cosign_core::{
    DeviceId, Digest, KeyId, Purpose, RefreshId, Suite,
    server::{Charge, Gate, Issued, KeyRecord, LIFETIME_QUOTA, MAX_OPEN, OPEN_TTL_MS, Status},
    split::Kind,
};
use sm_primitives::{PublicPoint, Scalar, SecretScalar, sm2::PublicKey};

use super::super::fixture::{facts, function_key};
use crate::{
    frames::{self, Answer},
    model::Server,
};

mod arrival;
mod attempts;

pub(super) const E_INTERNAL: u8 = 0x0d;
const E_VERSION: u8 = 0x01;
const E_LENGTH: u8 = 0x02;
const E_KEY: u8 = 0x03;
const E_BATCH: u8 = 0x07;
const E_SESSION: u8 = 0x10;

/// What is kept of a key and tells no secret of its share.
#[derive(Debug, PartialEq, Eq)]
struct State {
    device: DeviceId,
    suite: Suite,
    purpose: Purpose,
    status: Status,
    epoch: u32,
    rid: RefreshId,
    gate: Gate,
    public_key: PublicKey,
    decrypts: u32,
    pending_sign: Option<Digest>,
    /// What it was split from, and what becomes of that.
    parent: Option<(KeyId, Kind)>,
    seat: bool,
    /// `k_o`, in oblivious mode.
    function_key: Option<[u8; 32]>,
}

impl State {
    fn of(record: &KeyRecord) -> Self {
        let KeyRecord { device, suite, purpose, status, epoch, rid, gate, .. } = *record;
        let KeyRecord { public_key, decrypts, pending_sign, parent, seat, .. } = *record;
        let parent = parent.map(|parent| (parent.key_id, parent.kind));
        Self {
            device,
            suite,
            purpose,
            status,
            epoch,
            rid,
            gate,
            public_key,
            decrypts,
            pending_sign,
            parent,
            seat,
            function_key: function_key(record),
        }
    }

    /// What never changes.
    const fn identity(&self) -> impl PartialEq + Debug + use<> {
        let Self { device, suite, purpose, public_key, parent, seat, function_key, .. } = *self;
        (device, suite, purpose, public_key, parent, seat, function_key)
    }
}

type States = BTreeMap<KeyId, State>;

fn states(server: &Server) -> States {
    server.keys.iter().map(|(key_id, record)| (*key_id, State::of(record))).collect()
}

/// What a frame says by its bytes alone, and how things stood when it came.
pub(super) struct Before {
    op: u8,
    key_id: KeyId,
    sid: [u8; 16],
    own: bool,
    now_ms: u64,
    states: States,
    issued: BTreeMap<KeyId, Issued>,
    free_seats: u32,
    /// Whether it was made by somebody who knows what the PIN derives.
    authentic: bool,
}

impl Before {
    pub(super) fn of(server: &Server, frame: &[u8], own: bool, now_ms: u64) -> Self {
        let op = frame.get(2).copied().unwrap_or(0);
        let field = |from: usize| frame.get(from..from + 16).map_or([0; 16], |id| id.try_into().unwrap());
        let key_id = KeyId::from_bytes(field(4));
        let sid = field(if op < 0x10 { 24 } else { 20 });
        let authentic = server.keys.get(&key_id).is_some_and(|record| is_authentic(record, op, frame));
        let (issued, free_seats) = (server.issued.clone(), server.free_seats);
        Self { op, key_id, sid, own, now_ms, states: states(server), issued, free_seats, authentic }
    }

    fn key(&self) -> Option<&State> {
        self.states.get(&self.key_id)
    }

    /// What is counted of the evaluation for a request in this session and can be given back.
    fn charge(&self) -> Option<Charge> {
        let session = frames::evaluation_session(self.key_id.as_bytes(), &self.sid);
        self.key()?.gate.charge.filter(|charge| *charge.session.as_bytes() == session)
    }
}

fn is_authentic(record: &KeyRecord, op: u8, frame: &[u8]) -> bool {
    let active = facts(record).auth;
    let pending = record.pending.as_ref().map(|pending| pending.expose_bytes()[212..244].try_into().unwrap());
    match op {
        1 | 2 | 3 | 6 | 8 => frames::is_tagged(&facts(record), frame),
        5 => frame.get(82..194).is_some_and(|item| {
            let of = |auth: &[u8; 32]| frames::confirmation(auth, item) == frame[82..];
            of(&active) || pending.as_ref().is_some_and(of)
        }),
        _ => false,
    }
}

/// An answered commitment that was not opened yet.
struct Open {
    at_ms: u64,
    commitment: Vec<u8>,
    points: Vec<PublicPoint>,
    /// Whether an opening was refused of which it cannot be told from outside whether it came that far.
    doubtful: bool,
}

impl Open {
    const fn is_recent(&self, now_ms: u64) -> bool {
        now_ms - self.at_ms <= OPEN_TTL_MS
    }
}

/// What was seen of the server so far.
#[derive(Default)]
pub(super) struct Known {
    /// Successful answers that are kept for the identical frame.
    answers: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Every `K2`.
    points: BTreeSet<[u8; 64]>,
    open: BTreeMap<(KeyId, [u8; 16]), Open>,
    /// `PB` of the key generations that were answered.
    pub(super) halves: BTreeMap<(KeyId, [u8; 16]), PublicPoint>,
    attempts: attempts::Attempts,
}

impl Known {
    /// What a new process of the server need not know any more.
    pub(super) fn restart(&mut self) {
        self.answers.retain(|frame, _| matches!(frame[2], 6 | 7));
        self.open.clear();
        self.halves.clear();
        self.attempts.restart();
    }

    /// The registration authority has set a key's counters to zero.
    pub(super) fn unlocked(&mut self, key_id: KeyId) {
        self.attempts.unlocked(key_id);
    }

    /// Checks an answer and what became of the keys; its status.
    pub(super) fn check(&mut self, before: &Before, server: &Server, frame: &[u8], bytes: &[u8]) -> u8 {
        let answer = frames::any_answer(bytes);
        assert_ne!(answer.status, E_INTERNAL, "no frame may make the server fail");
        let success = answer.status == 0;
        assert!(!success || before.own, "another device was served");
        let alive = |key: &State| !matches!(key.status, Status::Suspended | Status::Revoked);
        // An answered opening is repeated whatever became of its key: the device has the signatures.
        let repeated = before.op == 7 && self.answers.contains_key(frame);
        assert!(!success || repeated || before.key().is_none_or(alive), "a dead key was served");
        check_states(before, server, &answer);
        arrival::check(before, server, frame, success);
        self.attempts.check(before, server, frame, bytes, self.answers.contains_key(frame));
        if let Some(known) = self.answers.get(frame) {
            assert!(!success || known == bytes, "an answered frame has one answer");
            return answer.status;
        }
        if before.op == 7 && !success {
            self.refused_opening(before, answer.status);
        }
        if success {
            assert_eq!(answer.sid, before.sid);
            assert_eq!(answer.suite, frame[1]);
            self.accept(before, server, frame, &answer);
            if matches!(before.op, 1 | 2 | 3 | 6 | 7 | 8 | 0x0a) {
                self.answers.insert(frame.to_vec(), bytes.to_vec());
            }
        }
        answer.status
    }

    /// Whatever comes of an opening, it has used the session up.
    fn refused_opening(&mut self, before: &Before, status: u8) {
        let session = (before.key_id, before.sid);
        match (status, self.open.get_mut(&session)) {
            // Not an opening of this key, or one that the key does not allow now.
            (E_VERSION | E_LENGTH | E_KEY | E_BATCH, Some(open)) => open.doubtful = true,
            (E_SESSION, Some(open)) => assert!(open.doubtful || !open.is_recent(before.now_ms)),
            _ => drop(self.open.remove(&session)),
        }
    }

    /// A frame that was answered with success for the first time.
    fn accept(&mut self, before: &Before, server: &Server, frame: &[u8], answer: &Answer) {
        let Some(record) = server.keys.get(&before.key_id) else {
            assert!(matches!(before.op, 0x10 | 0x14), "only a key generation is about no key");
            self.attempts.start(before, frame, answer);
            let point = PublicPoint::from_bytes(answer.rest[..64].try_into().unwrap()).unwrap();
            self.halves.insert((before.key_id, before.sid), point);
            return;
        };
        assert_eq!(record.suite.byte(), frame[1], "a key is used in its own suite");
        let suites: &[Suite] = match before.op {
            1 => &[Suite::D],
            6 | 7 => &[Suite::F2],
            _ => &[Suite::D, Suite::F2],
        };
        assert!(suites.contains(&record.suite), "op {:02x} with a key of {:?}", before.op, record.suite);
        if before.op >= 0x10 {
            assert!(answer.rest.is_empty());
            if before.op == 0x11 {
                self.attempts.open(before, record);
            }
            return;
        }
        check_usable(before, record, frame);
        let count = usize::from(u16::from_be_bytes([answer.rest[0], answer.rest[1]]));
        assert_eq!(count, usize::from(u16::from_be_bytes([frame[80], frame[81]])));
        let (items, body) = (&frame[82..], &answer.rest[2..]);
        match before.op {
            1 => {
                let k2s: Vec<_> = body.chunks(96).map(|item| self.fresh(&item[..64])).collect();
                check_signatures(server, record, count, &k2s, body.chunks(96).map(|item| &item[64..]));
            }
            2 => check_decryptions(before, record, items, body),
            3 => {
                let pending = record.pending.as_ref().unwrap().expose_bytes();
                assert_eq!(body, [&pending[52..84], &pending[84..148]].concat());
            }
            8 => arrival::check_halves(before, server, items, body),
            0x0a => attempts::check_evaluations(record, items, body),
            5 => assert!(*body == [1] || (*body == [0] && before.authentic)),
            6 => {
                let points = body.chunks(64).map(|point| self.fresh(point)).collect();
                let commitment = items.to_vec();
                let open = Open { at_ms: before.now_ms, commitment, points, doubtful: false };
                let old = self.open.insert((before.key_id, before.sid), open);
                assert!(old.is_none_or(|old| !old.is_recent(before.now_ms)));
                let of_key = self.open.iter().filter(|((key_id, _), _)| *key_id == before.key_id);
                let sure = of_key.filter(|(_, open)| open.is_recent(before.now_ms) && !open.doubtful);
                assert!(sure.count() <= MAX_OPEN);
            }
            _ => {
                let open = self.open.remove(&(before.key_id, before.sid)).expect("nonces answer once");
                assert!(open.is_recent(before.now_ms));
                let facts = facts(record);
                let commitment = frames::commitment(&facts, before.sid, u16::try_from(count).unwrap(), items);
                assert_eq!(commitment[..], open.commitment, "what is signed was committed to");
                check_signatures(server, record, count, &open.points, body.chunks(32));
            }
        }
    }

    /// A `K2`, which no answer has shown before.
    fn fresh(&mut self, bytes: &[u8]) -> PublicPoint {
        let bytes = bytes.try_into().unwrap();
        assert!(self.points.insert(bytes), "a nonce was used twice");
        PublicPoint::from_bytes(&bytes).expect("on the curve")
    }
}

/// Whether an operation that was served was one that the key allows, behind an open gate.
fn check_usable(before: &Before, record: &KeyRecord, frame: &[u8]) {
    let key = before.key().unwrap();
    let (op, gate) = (before.op, &key.gate);
    let epoch = u32::from_be_bytes(frame[20..24].try_into().unwrap());
    let ts_ms = u64::from_be_bytes(frame[40..48].try_into().unwrap());
    assert!(before.now_ms.abs_diff(ts_ms) <= 120_000, "out of time");
    let next = op == 0x0a && epoch == key.epoch + 1;
    assert!(op == 5 || next || epoch == key.epoch, "there is one active epoch");
    assert!(matches!(op, 5 | 7 | 0x0a) || before.authentic, "a wrong tag");
    let refused = op == 5 && State::of(record) == *key;
    // What was counted before is judged behind a closed gate too.
    let counted = before.charge().is_some() || (op == 0x0a && *gate == record.gate);
    assert!(refused || counted || !gate.is_locked(), "the gate is locked");
    assert!(refused || counted || op == 7 || gate.wait_s(before.now_ms) == 0, "the wait is not over");
    assert!(op != 0x0a || key.function_key.is_some(), "an evaluation for a key in base mode");
    let fresh = !gate.refresh_required;
    match (key.status, op) {
        (Status::Pending, 0x0a) => assert_eq!(frame[80..82], [0, 1]),
        (Status::Pending, 1 | 6 | 7) => assert!(key.pending_sign.is_none(), "a pending key signs once"),
        (Status::Active, 1 | 6 | 7) => assert!(fresh && key.purpose == Purpose::Sign),
        (Status::Active, 2) => assert!(fresh && key.purpose == Purpose::Encrypt),
        (Status::Active, 8) => assert!(fresh),
        (Status::Active, 3 | 5 | 0x0a) => {}
        (Status::Arriving, 3 | 5 | 0x0a) => arrival::check_usable(before, record),
        (status, _) => panic!("op {op:02x} with a key that is {status:?}"),
    }
}

/// `s2*PB = K2 + r*G` for every item, with the `r` of the audit log.
fn check_signatures<'a>(
    server: &Server,
    record: &KeyRecord,
    count: usize,
    k2s: &[PublicPoint],
    s2s: impl Iterator<Item = &'a [u8]>,
) {
    let logged = &server.audit.last().unwrap().signatures;
    let s2s: Vec<Scalar> = s2s.map(|s2| Scalar::from_bytes(s2.try_into().unwrap()).unwrap()).collect();
    assert_eq!((logged.len(), k2s.len(), s2s.len()), (count, count, count));
    let inverse = SecretScalar::from_bytes(record.share.expose_bytes()[32..64].try_into().unwrap()).unwrap();
    let point = PublicPoint::mul_base(&inverse);
    for (((_, r), k2), s2) in logged.iter().zip(k2s).zip(s2s) {
        let r = Scalar::from_bytes(r).unwrap();
        let right = PublicPoint::mul_base_add_vartime(&r, k2, &Scalar::ONE);
        assert_eq!(point.mul_vartime(&s2), right);
    }
}

/// `T2 = dB^-1 * T1` for every item, and each is counted.
fn check_decryptions(before: &Before, record: &KeyRecord, items: &[u8], body: &[u8]) {
    let inverse = Scalar::reduce(record.share.expose_bytes()[32..64].try_into().unwrap());
    assert_eq!(items.len(), body.len());
    for (t1, t2) in items.chunks(64).zip(body.chunks(64)) {
        let t1 = PublicPoint::from_bytes(t1.try_into().unwrap()).unwrap();
        assert_eq!(t1.mul_vartime(&inverse).map(|point| point.to_bytes().to_vec()), Some(t2.to_vec()));
    }
    let counted = record.decrypts - before.key().unwrap().decrypts;
    assert_eq!(usize::try_from(counted), Ok(items.len() / 64));
    assert!(record.decrypts <= LIFETIME_QUOTA);
}

/// What may change of the keys, and on what.
fn check_states(before: &Before, server: &Server, answer: &Answer) {
    let (op, success) = (before.op, answer.status == 0);
    for (key_id, record) in &server.keys {
        let now = State::of(record);
        let Some(then) = before.states.get(key_id) else {
            let status = if op == 0x11 { Status::Pending } else { Status::Arriving };
            assert!(matches!(op, 0x08 | 0x11 | 0x13) && success && now.status == status);
            assert_eq!((now.epoch, now.rid), (1, RefreshId::KEYGEN));
            continue;
        };
        if *key_id != before.key_id || !before.own {
            let moved = arrival::moves_away(before, server, key_id);
            let then = State { status: if moved { Status::Revoked } else { then.status }, ..*then };
            assert_eq!(now, then, "a key that the frame is not about");
            continue;
        }
        assert_eq!(now.identity(), then.identity());
        let activated = op == 5 && success && now.epoch == then.epoch + 1;
        assert!(activated || (now.epoch, now.rid) == (then.epoch, then.rid));
        assert!(before.authentic || now.gate.fails >= then.gate.fails, "a wrong tag reset the counter");
        assert!(!activated || before.authentic);
        assert!(now.decrypts == then.decrypts || (op == 2 && success && now.decrypts > then.decrypts));
        let signed = success && matches!(op, 1 | 7) && then.pending_sign.is_none();
        assert!(signed || now.pending_sign == then.pending_sign, "one signature while pending");
        let begins = op == 0x12 && success && (then.status, now.status) == (Status::Pending, Status::Active);
        let arrives = activated && then.status == Status::Arriving;
        let status = if begins || arrives { Status::Active } else { then.status };
        assert_eq!(now.status, status);
        assert!(now.gate.refresh_required == then.gate.refresh_required || activated);
    }
}
