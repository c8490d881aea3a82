//! One session of one item under every schedule of so many events.

use std::collections::BTreeSet;

use cosign_core::{
    Code, Digest, Error, Progress, Purpose, SessionId, Suite,
    server::{ReplayCache, refuse},
    sign,
};
use cosign_tests::{
    model::{DEVICE, NOW, Pair},
    random::Seeded,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The request, or a copy of it, reaches the server.
    Request,
    /// The oldest answer reaches the client, or a copy of it.
    FirstAnswer,
    /// The newest answer reaches the client.
    LastAnswer,
    /// The server says that it is still at it.
    Busy,
    /// The server loses its replay cache.
    ServerDies,
    /// The client loses the session.
    ClientDies,
}

const EVENTS: [Event; 6] = [
    Event::Request,
    Event::FirstAnswer,
    Event::LastAnswer,
    Event::Busy,
    Event::ServerDies,
    Event::ClientDies,
];

/// Plays a schedule; the number of signatures that the client released.
fn play(pair: &mut Pair, schedule: &[Event], seed: u64) -> usize {
    let mut rng = Seeded::new(seed);
    let digest = Digest::reduce(&[3; 32]);
    let (server, key) = (&mut pair.server, &pair.key);
    server.cache = ReplayCache::new(16, 1 << 16, 1000);
    server.audit.clear();
    let (frame, waiting) = sign::start(key, &[digest], NOW, seed, &mut rng).unwrap();
    let mut waiting = Some(waiting);
    let (mut answers, mut released) = (Vec::<Vec<u8>>::new(), 0);
    // Answers of one life of the cache are one answer.
    let (mut lives, mut answered_in_this_life) = (1, None::<Vec<u8>>);
    for event in schedule {
        match event {
            Event::Request => {
                let answer = server.handle(&frame, &DEVICE, NOW, &mut rng);
                assert_eq!(answer[2], 0, "{schedule:?}");
                let expected = answered_in_this_life.get_or_insert_with(|| answer.clone());
                assert_eq!(answer, *expected, "{schedule:?}");
                answers.push(answer);
            }
            Event::ServerDies => {
                server.cache = ReplayCache::new(16, 1 << 16, 1000);
                lives += 1;
                answered_in_this_life = None;
            }
            Event::ClientDies => waiting = None,
            Event::FirstAnswer | Event::LastAnswer | Event::Busy => {
                let sid = SessionId::from_bytes(frame[24..40].try_into().unwrap());
                let busy = refuse(Suite::D, &sid, Code::Busy);
                let answer = match event {
                    Event::FirstAnswer => answers.first(),
                    Event::LastAnswer => answers.last(),
                    _ => Some(&busy),
                };
                // Without an answer or a session there is nobody to hand anything to.
                let Some(answer) = answer else { continue };
                let Some(session) = waiting.take() else { continue };
                match session.finish(answer).unwrap() {
                    Progress::Done(signed) => released += signed.signatures.len(),
                    Progress::Next(_) => unreachable!("suite D has one round"),
                    Progress::Busy(session) => {
                        assert_eq!((*event, session.frame()), (Event::Busy, &frame[..]));
                        waiting = Some(session);
                    }
                }
            }
        }
    }
    // One log record for each life that was asked, one nonce for each of them.
    let distinct: BTreeSet<_> = answers.iter().map(|answer| answer[22..86].to_vec()).collect();
    assert_eq!(server.audit.len(), distinct.len(), "{schedule:?}");
    assert!(distinct.len() <= lives, "{schedule:?}");
    released
}

#[test]
fn every_schedule_of_five_events_releases_one_signature_at_most() {
    const LENGTH: u32 = 5;
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1);
    let mut outcomes = [0usize; 2];
    for number in 0..EVENTS.len().pow(LENGTH) {
        let schedule: Vec<_> =
            (0..LENGTH).map(|place| EVENTS[number / EVENTS.len().pow(place) % EVENTS.len()]).collect();
        // A request, later an answer, no death of the client in between.
        let released = play(&mut pair, &schedule, u64::try_from(number).unwrap());
        let lives = |event: &&Event| **event != Event::ClientDies;
        let expected =
            schedule.iter().take_while(lives).fold((false, false), |(asked, done), event| match event {
                Event::Request => (true, done),
                Event::FirstAnswer | Event::LastAnswer => (asked, done || asked),
                _ => (asked, done),
            });
        assert_eq!(released, usize::from(expected.1), "{schedule:?}");
        outcomes[released] += 1;
    }
    assert!(outcomes.iter().all(|&count| count > 500), "{outcomes:?}");
}

/// Any answer but busy is the last thing that a session sees; of every status the client says what it is.
#[test]
fn every_status_but_busy_ends_the_session() {
    let pair = Pair::active(Suite::D, Purpose::Sign, 2);
    let mut rng = Seeded::new(3);
    for status in 1..=0xff {
        let digest = Digest::reduce(&[1; 32]);
        let (frame, waiting) = sign::start(&pair.key, &[digest], NOW, status.into(), &mut rng).unwrap();
        let detail: u8 = match status {
            0x04 => 4,
            0x08 => 8,
            0x0a => 5,
            _ => 0,
        };
        let answer = [&[1, 1, status, 0][..], &frame[24..40], &[0, detail], &vec![0; detail.into()]].concat();
        // `finish` took the session; only busy gives it back.
        match waiting.finish(&answer) {
            Ok(Progress::Busy(again)) => assert_eq!((status, again.frame()), (Code::Busy.byte(), &frame[..])),
            Ok(Progress::Done(_) | Progress::Next(_)) => unreachable!("a refusal signs nothing"),
            Err(Error::Refused(refusal)) => assert_eq!(refusal.code.byte(), status),
            Err(error) => assert_eq!(error, Error::UnknownStatus(status)),
        }
    }
}
