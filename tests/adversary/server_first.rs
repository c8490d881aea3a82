//! M4: a client that wants to see `K2` while it can still choose.
//!
//! The attacker provokes every kind of error, twice with different randomness on the server's side. Any byte that
//! differs may depend on a nonce.

use std::sync::Arc;

use cosign_core::{
    DeviceId, Purpose, Suite,
    server::{Gate, KeyRecord, LIFETIME_QUOTA, PendingRefresh, ReplayCache, Status},
    sign,
};
use cosign_tests::{
    frames,
    model::{DEVICE, NOW, Pair, Server},
    random::Seeded,
};
use sm_primitives::{
    PublicPoint, Scalar,
    rand_core::{TryCryptoRng, TryRng},
};

use crate::{
    algebra::{point, random, signature, sum, times_g, verifies},
    mutants::{self, Scheme},
    parties::{Item, Shares, digests, facts, to_scalar},
};

/// Counts what is drawn, and fails in the middle of the draw that would pass the limit.
struct Metered {
    source: Seeded,
    drawn: usize,
    limit: usize,
}

#[derive(Debug)]
struct Exhausted;

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more randomness")
    }
}

impl std::error::Error for Exhausted {}

impl TryRng for Metered {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Exhausted> {
        let some = out.len().min(self.limit.saturating_sub(self.drawn));
        self.source.fill(&mut out[..some]);
        self.drawn += some;
        if some == out.len() { Ok(()) } else { Err(Exhausted) }
    }
}

impl TryCryptoRng for Metered {}

fn copy(record: &KeyRecord) -> KeyRecord {
    let pending =
        record.pending.as_ref().map(|pending| PendingRefresh::from_bytes(&pending.expose_bytes()).unwrap());
    KeyRecord { share: Arc::clone(&record.share), oprf: record.oprf.clone(), pending, ..*record }
}

/// One way to get an error: how the server is before, and the frames; the last one is answered with the error.
struct Provocation {
    what: String,
    record: KeyRecord,
    /// Sessions that the replay cache holds.
    room: usize,
    device: DeviceId,
    /// Bytes after which the server's random source fails.
    limit: usize,
    frames: Vec<Vec<u8>>,
}

impl Provocation {
    /// The last answer, and how much randomness it took.
    fn provoke(&self, seed: u64) -> (Vec<u8>, usize) {
        let mut rng = Metered { source: Seeded::new(seed), drawn: 0, limit: self.limit };
        let mut server = Server::new();
        server.cache = ReplayCache::new(self.room, 1 << 20, 1000);
        server.keys.insert(self.record.key_id, copy(&self.record));
        let mut last = (Vec::new(), 0);
        for frame in &self.frames {
            let before = rng.drawn;
            last = (server.handle(frame, &self.device, NOW, &mut rng), rng.drawn - before);
        }
        last
    }
}

/// Every error that a request can get after which a nonce could have been drawn too early.
fn provocations(pair: &Pair) -> Vec<Provocation> {
    let mut rng = Seeded::new(401);
    let mut start = |count| sign::start(&pair.key, &digests(count), NOW, 1, &mut rng).unwrap().0;
    let (right, other) = (start(3), start(3));
    let facts = facts(pair);
    let mut all = Vec::new();
    let plain = |what: &str, frames: Vec<Vec<u8>>| Provocation {
        what: what.to_owned(),
        record: copy(pair.server_record()),
        room: 1000,
        device: DEVICE,
        limit: usize::MAX,
        frames,
    };

    // Partial sends, and any one byte changed.
    for length in (0..right.len()).step_by(13) {
        all.push(plain(&format!("the first {length} bytes"), vec![right[..length].to_vec()]));
    }
    for at in 0..right.len() {
        let mut changed = right.clone();
        changed[at] ^= 0x04;
        all.push(plain(&format!("byte {at} changed"), vec![changed]));
    }
    // Items of which only the last is wrong, under a right tag.
    let items = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut items = right[82..].to_vec();
        change(&mut items);
        frames::request(&facts, 1, [7; 16], NOW, &items)
    };
    let last = 2 * 160;
    all.push(plain("the last point is off the curve", vec![items(&|items| *items.last_mut().unwrap() ^= 1)]));
    all.push(plain("the last point is nothing", vec![items(&|items| items[last + 96..].fill(0))]));
    all.push(plain(
        "the last digest is not reduced",
        vec![items(&|items| items[last..last + 32].fill(0xff))],
    ));
    all.push(plain("a point twice", vec![items(&|items| items.copy_within(32..96, last + 96))]));
    all.push(plain("half an item more", vec![items(&|items| items.extend([1; 80]))]));
    let facts_of_nobody = frames::Facts { auth: [1; 32], ..facts.clone() };
    all.push(plain("a wrong tag", vec![frames::request(&facts_of_nobody, 1, [7; 16], NOW, &right[82..])]));
    for ms in [NOW - 120_001, NOW + 120_001] {
        all.push(plain("out of time", vec![frames::request(&facts, 1, [7; 16], ms, &right[82..])]));
    }
    // The session is known, with another frame.
    let again = frames::request(&facts, 1, right[24..40].try_into().unwrap(), NOW, &other[82..]);
    all.push(plain("another frame of the session", vec![right.clone(), again]));

    let mut with = |what: &str, change: &dyn Fn(&mut Provocation)| {
        let mut provocation = plain(what, vec![right.clone()]);
        change(&mut provocation);
        all.push(provocation);
    };
    with("another device", &|p| p.device = DeviceId::from_bytes([0x22; 32]));
    with("no room", &|p| p.room = 0);
    with("suspended", &|p| p.record.status = Status::Suspended);
    with("revoked", &|p| p.record.status = Status::Revoked);
    with("pending, three items", &|p| (p.record.status, p.record.created_ms) = (Status::Pending, NOW));
    with("another purpose", &|p| p.record.purpose = Purpose::Encrypt);
    with("another epoch", &|p| p.record.epoch = 2);
    with("locked", &|p| p.record.gate.fails = 10);
    with("waiting", &|p| {
        p.record.gate =
            Gate { fails: 5, total: 5, unlock_at_ms: NOW + 1, refresh_required: false, charge: None }
    });
    with("a refresh is due", &|p| p.record.gate.refresh_required = true);
    with("decryptions spent", &|p| {
        (p.record.purpose, p.record.decrypts) = (Purpose::Encrypt, LIFETIME_QUOTA);
        p.frames = vec![frames::request(&facts, 2, [7; 16], NOW, &right[82 + 32..82 + 96])];
    });
    with("a second signature of a pending key", &|p| {
        (p.record.status, p.record.created_ms) = (Status::Pending, NOW);
        p.frames =
            [[7; 16], [8; 16]].map(|sid| frames::request(&facts, 1, sid, NOW, &right[82..82 + 160])).to_vec();
    });
    for limit in [0, 1, 47, 48, 95, 96, 143] {
        with("the random source fails", &|p| p.limit = limit);
    }
    all
}

/// A point that an error shows, which differs with the server's randomness.
fn early_point(one: &[u8], two: &[u8]) -> Option<PublicPoint> {
    let decoded = |bytes: &[u8]| PublicPoint::from_bytes(bytes.try_into().unwrap());
    let places = one.len().saturating_sub(63);
    (0..places)
        .filter_map(|at| decoded(&one[at..at + 64]))
        .find(|point| !two.windows(64).any(|w| w == point.to_bytes()))
}

#[test]
fn m4_no_byte_of_an_error_depends_on_a_nonce() {
    let pair = Pair::active(Suite::D, Purpose::Sign, 402);
    let all = provocations(&pair);
    assert!(all.len() > 600);
    for provocation in &all {
        let what = &provocation.what;
        let ((one, drawn), (two, _)) = (provocation.provoke(1), provocation.provoke(2));
        assert_ne!(frames::answer(&one).status, 0, "{what}");
        assert_eq!(one, two, "{what}");
        assert_eq!(early_point(&one, &two), None, "{what}");
        // Not even drawn, unless the source itself fails.
        assert!(drawn == 0 || provocation.limit != usize::MAX, "{what}: {drawn} bytes were drawn");
    }
    // The comparison sees a nonce where there is one.
    let right = Provocation { frames: vec![sign_frame(&pair)], ..provocations(&pair).remove(0) };
    let ((one, drawn), (two, _)) = (right.provoke(1), right.provoke(2));
    assert_eq!(drawn, 48);
    assert!(early_point(&one, &two).is_some());
}

fn sign_frame(pair: &Pair) -> Vec<u8> {
    sign::start(&pair.key, &digests(1), NOW, 1, &mut Seeded::new(403)).unwrap().0
}

/// A weak server that answers item by item, and stops where an item does not decode.
struct Eager {
    keys: Shares,
    /// The nonce that the client has seen and that is not used up.
    waiting: Option<Scalar>,
    rng: Seeded,
}

impl Eager {
    /// An item that is cut off gets its `K2` ahead of the error.
    fn item(&mut self, bytes: &[u8]) -> Vec<u8> {
        let nonce = self.waiting.take().unwrap_or_else(|| random(&mut self.rng));
        if bytes.len() < 160 {
            self.waiting = Some(nonce);
            return [&times_g(nonce).to_bytes()[..], &[0x02]].concat();
        }
        let item = Item {
            digest: Scalar::reduce(bytes[..32].try_into().unwrap()),
            qa: point(&bytes[32..96]),
            qb: point(&bytes[96..]),
        };
        let (k2, s2, _) = mutants::respond(Scheme::Unbound, &self.keys, 0, &item, nonce);
        [&k2.to_bytes()[..], &s2.to_bytes()].concat()
    }
}

/// With `K2` in hand the client needs no shift: it looks for the digest whose logging gives the `r` that it wants.
#[test]
fn m4_mutant_that_shows_k2_first_signs_a_chosen_digest() {
    let mut rng = Seeded::new(404);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let eager = |seed| Eager { keys, waiting: None, rng: Seeded::new(seed) };
    let (mut server, mut twin) = (eager(405), eager(406));
    let k2 = early_point(&server.item(&[0; 100]), &twin.item(&[0; 100])).expect("an error that shows K2");

    let wanted = to_scalar(b"wanted", b"chosen after the fact");
    let (na, mine) = (random(&mut rng), random(&mut rng));
    let r = wanted + sum(&[(na, keys.base), (Scalar::ONE, k2)]).unwrap().x_scalar();
    // Any point will do for the request; the digest makes up for it.
    let qa = times_g(mine);
    let logged = r - sum(&[(Scalar::ONE, qa), (Scalar::ONE, k2)]).unwrap().x_scalar();
    let answer = server.item(&Item { digest: logged, qa, qb: keys.base }.to_bytes());
    let t = na + keys.client * Scalar::reduce(answer[64..].try_into().unwrap());
    let forged = signature(r, t).unwrap();
    assert!(verifies(&keys.public, wanted, &forged));
    assert!(!verifies(&keys.public, logged, &forged));
}
