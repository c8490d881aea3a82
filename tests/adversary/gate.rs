//! Guessers of PINs and replayers at the edges of the rules.

use cosign_core::{Code, Digest, Purpose, Suite, server::ReplayCache, sign};
use cosign_tests::{
    frames::{self, Facts},
    model::{DEVICE, NOW, Pair},
    random::Seeded,
};

use crate::parties::{ask, digests, facts};

/// How far a request's time may be from the server's, milliseconds.
const WINDOW_MS: u64 = 120_000;

fn gate(pair: &Pair) -> (u8, u8) {
    let gate = pair.server_record().gate;
    (gate.fails, gate.total)
}

/// A session that was answered is no place to test tags for free: the identical frame has its answer and tests nothing,
/// any other tag is compared, and counts.
#[test]
fn a_tag_guess_in_a_known_session_counts() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1301);
    let facts_now = facts(&pair);
    let (frame, _waiting) = sign::start(&pair.key, &digests(1), NOW, 1, &mut pair.rng).unwrap();
    let answered = ask(&mut pair, &frame);
    assert_eq!(answered[2], 0);
    let sid = frame[24..40].try_into().unwrap();
    for guess in 1..=4u8 {
        // The same items and the same session under the tag of another PIN.
        let wrong = Facts { auth: [guess; 32], ..facts_now.clone() };
        let guessed = frames::request(&wrong, 1, sid, NOW, &frame[82..]);
        assert_ne!(guessed[48..80], frame[48..80]);
        let answer = frames::answer(&ask(&mut pair, &guessed));
        assert_eq!((answer.status, answer.rest[2]), (Code::Pin.byte(), 10 - guess));
        assert_eq!(gate(&pair), (guess, guess));
        assert_eq!(ask(&mut pair, &frame), answered, "the identical frame");
        assert_eq!(gate(&pair), (guess, guess), "which neither counts nor clears");
    }
    // A right tag in the known session is a conflict, and a success for the counter: it told the guesser nothing that a
    // new session would not have.
    let right = frames::request(&facts_now, 1, sid, NOW + 1, &frame[82..]);
    assert_eq!(ask(&mut pair, &right)[2], Code::SidConflict.byte());
    assert_eq!(gate(&pair), (0, 4));
}

/// A clone that guesses between the owner's logins never meets the ten in a row; it meets the thirty in all.
#[test]
fn a_clone_that_guesses_between_logins_locks_at_thirty() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1302);
    let clone = Facts { auth: [7; 32], ..facts(&pair) };
    let mut guesses = 0;
    let mut rng = Seeded::new(1303);
    let mut guess = |pair: &mut Pair| {
        let frame = frames::request(&clone, 1, rng.bytes(16).try_into().unwrap(), NOW, &item());
        ask(pair, &frame)[2]
    };
    let locked = loop {
        for _ in 0..4 {
            if guess(&mut pair) != Code::Pin.byte() {
                break;
            }
            guesses += 1;
        }
        match pair.sign(&digests(1)) {
            Ok(_) => assert!(guesses < 30, "the owner is told of {guesses} and goes on"),
            Err(error) => break error,
        }
    };
    assert_eq!((locked.code(), guesses), (Some(Code::Key), 30));
    assert_eq!(gate(&pair).1, 30);
    // Also for a refresh, and for any time later.
    let late = NOW + 365 * 24 * 3_600_000;
    let frame = frames::request(&facts(&pair), 1, [1; 16], late, &item());
    assert_eq!(pair.server.handle(&frame, &DEVICE, late, &mut pair.rng)[2], Code::Key.byte());
}

/// The gate without the count in all: the clone goes on for ever.
#[test]
fn mutant_that_counts_in_a_row_only_never_locks() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1304);
    let clone = Facts { auth: [7; 32], ..facts(&pair) };
    for round in 0..30u8 {
        for guess in 0..4 {
            let frame = frames::request(&clone, 1, [round * 4 + guess; 16], NOW, &item());
            assert_eq!(ask(&mut pair, &frame)[2], Code::Pin.byte());
        }
        assert!(pair.sign(&digests(1)).is_ok());
        pair.server.keys.values_mut().for_each(|record| record.gate.total = 0);
    }
}

/// An item with two points of the curve.
fn item() -> Vec<u8> {
    let points = [2, 3].map(|k| crate::algebra::times_g(crate::algebra::small(k)).to_bytes());
    [&[5; 32][..], &points[0], &points[1]].concat()
}

/// A recorded frame at each edge of the window: the cache outlives every time at which the frame is still in time.
#[test]
fn replays_at_the_edges_of_the_window_make_no_second_answer() {
    // How far the client's clock is ahead of the server's at the first sending.
    for ahead in [-120_000i64, -60_000, 0, 60_000, 120_000] {
        let mut pair = Pair::active(Suite::D, Purpose::Sign, 1305);
        let mut rng = Seeded::new(1306);
        let ts = NOW.saturating_add_signed(ahead);
        let (frame, _waiting) = sign::start(&pair.key, &digests(1), ts, 1, &mut rng).unwrap();
        let mut send = |pair: &mut Pair, now| {
            let answer = pair.server.handle(&frame, &DEVICE, now, &mut rng);
            let made = pair.server.audit.iter().map(|audit| audit.signatures.len()).sum::<usize>();
            (answer, made - 1)
        };
        let (first, made) = send(&mut pair, NOW);
        assert_eq!((first[2], made), (0, 1), "{ahead}");
        let (w, late) = (WINDOW_MS, Code::Time.byte());
        for now in [NOW, ts.max(NOW), ts + w - 1, ts + w] {
            if now >= NOW {
                assert_eq!(send(&mut pair, now), (first.clone(), 1), "{ahead}: at {now}");
            }
        }
        // From then on the time alone refuses it, long after the cache has forgotten.
        for now in [ts + w + 1, ts + 2 * w, NOW.max(ts) + 2 * w, NOW.max(ts) + 2 * w + 1, NOW + 100 * w] {
            let (answer, made) = send(&mut pair, now);
            assert_eq!((answer[2], made), (late, 1), "{ahead}: at {now}");
        }
        // A clock that goes back meets the frame again only if the cache is gone; then it is a new answer to the same
        // digest, with a new nonce, which harms nobody.
        pair.server.cache = ReplayCache::new(10, 1 << 16, 1000);
        let (again, made) = send(&mut pair, NOW);
        assert_eq!((again[2], made), (0, 2));
        assert_ne!(again[22..86], first[22..86], "K2");
    }
}

/// Times just outside are refused, whatever the digest.
#[test]
fn requests_outside_the_window_are_refused() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1307);
    let facts = facts(&pair);
    let digest = Digest::reduce(&[5; 32]);
    assert_eq!(item()[..32], *digest.as_bytes());
    for (sid, (ts, status)) in (0u8..).zip([
        (NOW - WINDOW_MS, 0),
        (NOW + WINDOW_MS, 0),
        (NOW - WINDOW_MS - 1, Code::Time.byte()),
        (NOW + WINDOW_MS + 1, Code::Time.byte()),
        (NOW + 2 * WINDOW_MS, Code::Time.byte()),
        (0, Code::Time.byte()),
        (u64::MAX, Code::Time.byte()),
    ]) {
        let frame = frames::request(&facts, 1, [sid; 16], ts, &item());
        assert_eq!(ask(&mut pair, &frame)[2], status, "{ts}");
    }
}
