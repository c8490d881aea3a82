//! Answers of a server that deviates: the exact code, and nothing released.

use super::*;
use crate::Error;

/// A session at its opening, with the right answer to it.
fn at_opening(pair: &mut Pair, count: u16) -> (AwaitingSignatures<'_>, Vec<u8>) {
    let Pair { model, key, .. } = pair;
    let (commit, waiting) = sign::start(key, &digests(count), NOW, 1, &mut SysRng).unwrap();
    let answer = model.handle(&commit, &OWN, NOW, &mut SysRng);
    let Progress::Next(waiting) = waiting.finish(&answer).unwrap() else { panic!("not the next round") };
    let answer = model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    (waiting, answer)
}

fn refused(waiting: AwaitingSignatures<'_>, answer: &[u8]) -> Error {
    waiting.finish(answer).expect_err("an error")
}

#[test]
fn answers_to_the_commitment() {
    let mut pair = active();
    let Pair { model, key, .. } = &mut pair;
    let mut counter = 0;
    let mut check = |change: &dyn Fn(&mut Vec<u8>), expected: Error| {
        counter += 1;
        let (commit, waiting) = sign::start(key, &digests(2), NOW, counter, &mut SysRng).unwrap();
        let mut answer = model.handle(&commit, &OWN, NOW, &mut SysRng);
        change(&mut answer);
        assert_eq!(refused(waiting, &answer), expected);
        model.cache().abandon(
            key.key_id(),
            SessionId::from_bytes(commit[24..40].try_into().unwrap()),
            Op::Commit,
        );
    };
    let invalid = Error::InvalidMessage;
    check(&|answer| answer[0] = 2, invalid(Code::Version));
    check(&|answer| answer[1] = 1, invalid(Code::Version));
    check(&|answer| answer[3] = 10, invalid(Code::Version));
    check(&|answer| answer[4] ^= 1, invalid(Code::State));
    check(&|answer| answer[21] = 1, invalid(Code::Batch));
    check(&|answer| answer.truncate(22 + 127), invalid(Code::Length));
    check(&|answer| answer.push(0), invalid(Code::Length));
    check(&|answer| answer[22..86].fill(0), invalid(Code::RespPoint));
    check(&|answer| answer[149] ^= 1, invalid(Code::RespPoint));
    // An answer of the other suite: points and scalars at once.
    check(&|answer| answer.extend([1; 64]), invalid(Code::Length));
}

#[test]
fn answers_to_the_opening() {
    let n = hex::decode("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123").unwrap();
    let n = &n;
    let invalid = Error::InvalidMessage;
    let verify = Error::PeerMisbehaved(Code::Verify);
    type Change<'a> = (&'a dyn Fn(&mut Vec<u8>), Error);
    let changes: [Change<'_>; 12] = [
        (&|answer| answer[0] = 2, invalid(Code::Version)),
        (&|answer| answer[1] = 1, invalid(Code::Version)),
        (&|answer| answer[3] = 1, invalid(Code::Version)),
        (&|answer| answer[4] ^= 1, invalid(Code::State)),
        (&|answer| answer[21] = 1, invalid(Code::Batch)),
        (&|answer| answer.truncate(22 + 63), invalid(Code::Length)),
        (&|answer| answer.push(0), invalid(Code::Length)),
        (&|answer| answer[22..54].fill(0), invalid(Code::RespRange)),
        (&|answer| answer[54..86].copy_from_slice(n), invalid(Code::RespRange)),
        (&|answer| answer[53] ^= 1, verify),
        (&|answer| answer[85] ^= 1, verify),
        (&|answer| answer[22..].rotate_left(32), verify),
    ];
    for (change, expected) in changes {
        let mut pair = active();
        let (waiting, mut answer) = at_opening(&mut pair, 2);
        change(&mut answer);
        assert_eq!(refused(waiting, &answer), expected);
    }
    let mut pair = active();
    let (waiting, answer) = at_opening(&mut pair, 2);
    assert!(matches!(waiting.finish(&answer), Ok(Progress::Done(_))));
}

/// A server that answers the opening under another nonce than it showed.
#[test]
fn the_shown_point_is_the_one_that_counts() {
    let mut pair = active();
    let Pair { model, key, .. } = &mut pair;
    let (commit, waiting) = sign::start(key, &digests(1), NOW, 1, &mut SysRng).unwrap();
    let mut answer = model.handle(&commit, &OWN, NOW, &mut SysRng);
    let other = PublicPoint::mul_base(&SecretScalar::random(&mut SysRng).unwrap());
    answer[22..].copy_from_slice(&other.to_bytes());
    let Progress::Next(waiting) = waiting.finish(&answer).unwrap() else { panic!() };
    let answer = model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    assert_eq!(refused(waiting, &answer), Error::PeerMisbehaved(Code::Verify));
}

#[test]
fn busy_leaves_each_round_where_it_was() {
    let mut pair = active();
    let Pair { model, key, .. } = &mut pair;
    let (frame, mut waiting) = sign::start(key, &digests(2), NOW, 1, &mut SysRng).unwrap();
    assert_eq!(waiting.deadline_ms(), NOW + 60_000);
    let busy = crate::server::refuse(
        Suite::F2,
        &SessionId::from_bytes(frame[24..40].try_into().unwrap()),
        Code::Busy,
    );
    for round in 0..2 {
        let before = waiting.frame().to_vec();
        let Progress::Busy(same) = waiting.finish(&busy).unwrap() else { panic!("round {round}") };
        assert_eq!((same.frame(), same.deadline_ms()), (&before[..], NOW + 60_000));
        let answer = model.handle(&before, &OWN, NOW, &mut SysRng);
        waiting = match same.finish(&answer).unwrap() {
            Progress::Next(next) => next,
            Progress::Done(signed) => return assert_eq!((round, signed.signatures.len()), (1, 2)),
            Progress::Busy(_) => panic!("busy"),
        };
    }
}

#[test]
fn a_lost_session_is_worth_a_new_one() {
    let mut pair = active();
    let Pair { model, key, .. } = &mut pair;
    let (commit, waiting) = sign::start(key, &digests(1), NOW, 1, &mut SysRng).unwrap();
    let Progress::Next(waiting) = waiting.finish(&model.handle(&commit, &OWN, NOW, &mut SysRng)).unwrap()
    else {
        panic!()
    };
    let late = model.handle(waiting.frame(), &OWN, NOW + 30_001, &mut SysRng);
    let error = refused(waiting, &late);
    assert_eq!(error, Error::Refused(Code::Session.into()));
    assert!(error.is_retryable());
}
