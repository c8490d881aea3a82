//! Several nodes on one database.

use cosign_core::{Code, Progress, Purpose, Suite};
use futures_util::future::join_all;

use super::replay::reuse_session;
use crate::{
    domain::{once::Once, ports::Store as _, services::Wanted},
    testing::{Phone, WRONG_PIN, World, digest, name, records, row, status},
};

/// Two nodes, and a phone with a key that both have in memory.
async fn nodes() -> (World, World, Phone, cosign_core::LocalRecord, cosign_core::ClientKey) {
    let one = World::new().await;
    let two = one.beside().await;
    let phone = Phone::enrolled(&one, 1).await;
    let (record, key) = phone.key(&one, Purpose::Sign).await;
    for node in [&one, &two] {
        phone.sign(node, &key, digest(1)).await.unwrap();
    }
    (one, two, phone, record, key)
}

/// What the log has since then: what was asked for, what came of it, how many signatures.
async fn refusals(world: &World, before: usize) -> Vec<(&'static str, &'static str, usize)> {
    let since = records(world).await.split_off(before);
    since
        .iter()
        .map(|record| (record.event.act.as_str(), record.event.outcome(), record.event.items.len()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_at_several_nodes_are_counted_together() {
    let (one, two, phone, record, key) = nodes().await;
    let guess = phone.unlock(&record, WRONG_PIN);
    for fails in 1..=3u8 {
        let node = if fails % 2 == 0 { &one } else { &two };
        let answer = phone.ask(node, &phone.start(node, &guess, &[digest(fails)]).0).await;
        assert_eq!((status(&answer), answer[22]), (Some(Code::Pin), 10 - fails));
    }
    // Many at once: some may be told to try again, but none is compared beyond the fifth.
    let frames: Vec<_> = (0..16).map(|index| phone.start(&one, &guess, &[digest(index)]).0).collect();
    let at = |index: usize| if index.is_multiple_of(2) { &one } else { &two };
    let asked = frames.iter().enumerate().map(|(index, frame)| phone.ask(at(index), frame));
    let answers = join_all(asked).await;
    assert!(answers.iter().all(|answer| matches!(status(answer), Some(Code::Pin | Code::Busy))));
    let gate = row(&one, &record.key_id()).await.gate;
    assert!((4..=5).contains(&gate.fails), "{gate:?}");
    if gate.fails == 4 {
        phone.ask(&two, &phone.start(&two, &guess, &[digest(1)]).0).await;
    }
    // The wait is everybody's.
    for node in [&one, &two] {
        let answer = phone.ask(node, &phone.start(node, &key, &[digest(9)]).0).await;
        assert_eq!((status(&answer), answer[22]), (Some(Code::Pin), 5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_is_used_up_at_all_nodes() {
    let (one, two, phone, _, key) = nodes().await;
    let (frame, _) = phone.start(&one, &key, &[digest(1)]);
    assert_eq!(status(&phone.ask(&one, &frame).await), None);
    let forged = reuse_session(&one, &key, &frame);
    let before = records(&one).await.len();
    assert_eq!(status(&phone.ask(&two, &forged).await), Some(Code::SidConflict));
    assert_eq!(refusals(&one, before).await, [("sign", "E_SID_CONFLICT", 0)]);
    // At the same moment, one of the two is the first.
    for index in 0..8 {
        let (frame, _) = phone.start(&one, &key, &[digest(index)]);
        let forged = reuse_session(&one, &key, &frame);
        let answers = join_all([phone.ask(&one, &frame), phone.ask(&two, &forged)]).await;
        let mut codes: Vec<_> = answers.iter().map(|answer| status(answer)).collect();
        codes.sort_unstable_by_key(Option::is_some);
        assert_eq!(codes, [None, Some(Code::SidConflict)]);
    }
}

/// One commitment is answered by one set of nonces ever: who opens it may reach another node than who committed to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commitment_is_answered_at_one_node() {
    let one = World::new().await;
    let two = one.beside().await;
    let phone = Phone::enrolled(&one, 1).await;
    let (_, key) = phone.key_of(&one, Suite::F2, Purpose::Sign).await;
    let (frame, awaiting) = phone.start(&one, &key, &[digest(1)]);
    let answer = phone.ask(&one, &frame).await;
    let Progress::Next(awaiting) = awaiting.finish(&answer).unwrap() else { panic!("one round only") };
    let before = records(&one).await.len();
    assert_eq!(status(&phone.ask(&two, &frame).await), Some(Code::Session));
    assert_eq!(refusals(&one, before).await, [("commit", "E_SESSION", 0)]);
    assert_eq!(status(&phone.ask(&two, awaiting.frame()).await), Some(Code::Session));
    assert_eq!(phone.ask(&one, &frame).await, answer, "the node that has the nonces says the same again");
    let answer = phone.ask(&one, awaiting.frame()).await;
    assert!(matches!(awaiting.finish(&answer), Ok(Progress::Done(_))));
    // At the same moment, one of the two is the first.
    for index in 0..8 {
        let (frame, _) = phone.start(&one, &key, &[digest(index)]);
        let answers = join_all([phone.ask(&one, &frame), phone.ask(&two, &frame)]).await;
        let mut codes: Vec<_> = answers.iter().map(|answer| status(answer)).collect();
        codes.sort_unstable_by_key(Option::is_some);
        assert_eq!(codes, [None, Some(Code::Session)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_suspended_at_one_node_signs_at_none() {
    let (one, two, phone, record, key) = nodes().await;
    one.keys.freeze(&phone.device, &record.key_id(), None).await.unwrap();
    let refused = phone.sign(&two, &key, digest(2)).await;
    assert_eq!(refused.unwrap_err().code(), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_named_request_has_its_effect_once() {
    let (one, two, phone, ..) = nodes().await;
    let ask = |node: &World| {
        let keys = std::sync::Arc::clone(&node.keys);
        let device = phone.device.clone();
        async move {
            let once = Once::new("a-name-of-its-own", &[b"POST", b"/v1/keys", b"{}"]).unwrap();
            let wanted = Wanted::New(Suite::D, Purpose::Sign, cosign_core::PinMode::Base);
            keys.issue(&device, wanted, name("key"), Some(&once)).await.unwrap().key_id
        }
    };
    let issued = join_all([ask(&one), ask(&two), ask(&one), ask(&two)]).await;
    assert!(issued.windows(2).all(|pair| pair[0] == pair[1]), "{issued:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_log_grows_from_several_nodes_and_each_signs_heads_over_all_of_it() {
    let (one, two, phone, _, key) = nodes().await;
    for round in 0..4 {
        let sign = |node| phone.sign(node, &key, digest(round));
        let signed = join_all([sign(&one), sign(&two), sign(&one)]).await;
        assert!(signed.iter().all(Result::is_ok), "{signed:?}");
        let (first, second) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        first.heads.publish().await.unwrap();
        second.heads.publish().await.unwrap();
        let head = one.database.tree_head(None).await.unwrap().unwrap();
        assert_eq!(head.head().size, records(&one).await.len() as u64);
    }
    let walked = one.operator.verify_audit(None).await.unwrap().unwrap();
    assert_eq!(walked.end.size, records(&two).await.len() as u64);
}

/// A head over the same records that another node has signed by a clock that is ahead does not keep this one from signing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_behind_another_nodes_signs_all_the_same() {
    let one = World::new().await;
    let phone = Phone::enrolled(&one, 1).await;
    one.heads.publish().await.unwrap();
    one.clock.advance(10_000);
    let two = one.beside().await;
    one.clock.go_back(10_000);
    phone.key(&one, Purpose::Sign).await;
    one.heads.publish().await.unwrap();
    let head = two.database.tree_head(None).await.unwrap().unwrap();
    assert_eq!(head.head().size, records(&one).await.len() as u64);
}
