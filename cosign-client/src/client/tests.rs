use cosign_core::{Purpose, Suite};
use sm_primitives::sm2::dsa;

use super::*;
use crate::testing::{FrameServer, Model, Reaction, device_key, pin};

/// 600 digests to a server in memory behind a socket: how it ended, which positions got a signature that verifies,
/// and how many digests each request had.
async fn sign_600(pin_digits: &str, reactions: &[Reaction]) -> (Result<u8, Error>, Vec<usize>, Vec<usize>) {
    let mut model = Model::new();
    let (record, _) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
    let public_key = *record.public_key();
    let server = FrameServer::start(reactions, model.into_respond());
    let client = Client::new(server.connection());
    let credentials = Arc::new(Credentials { pin: pin(pin_digits), device: device_key() });
    let key = client.unlock(record, credentials).await.unwrap();
    let digests: Vec<Digest> =
        (0..600_u16).map(|i| Digest::reduce(&[i.to_be_bytes(); 16].concat().try_into().unwrap())).collect();
    let mut signed = Vec::new();
    let outcome = client
        .sign(&key, &digests, |range, signatures| {
            assert_eq!(range.len(), signatures.len());
            for (position, signature) in range.zip(signatures) {
                dsa::verify_digest(&public_key, digests[position].as_bytes(), &signature).unwrap();
                signed.push(position);
            }
        })
        .await;
    signed.sort_unstable();
    let counts =
        server.seen().iter().map(|frame| usize::from(u16::from_be_bytes([frame[80], frame[81]]))).collect();
    (outcome, signed, counts)
}

#[tokio::test]
async fn many_digests_go_in_several_requests() {
    let (outcome, signed, counts) = sign_600("271828", &[]).await;
    assert_eq!(outcome.unwrap(), 0);
    assert_eq!(signed, (0..600).collect::<Vec<_>>());
    assert_eq!(counts[0], 256);
    assert_eq!(counts.iter().sum::<usize>(), 600);
}

#[tokio::test]
async fn a_wrong_pin_costs_one_attempt_however_large_the_batch() {
    let (outcome, signed, counts) = sign_600("271829", &[]).await;
    assert!(matches!(outcome, Err(Error::WrongPin { remaining: 9, .. })));
    assert!(signed.is_empty());
    assert_eq!(counts, [256]);
}

#[tokio::test]
async fn what_was_signed_before_a_failure_is_handed_over() {
    let refused = [Reaction::Respond, Reaction::Refuse("not_enrolled")];
    let (outcome, signed, counts) = sign_600("271828", &refused).await;
    assert!(matches!(outcome, Err(Error::Api(_))));
    assert_eq!(counts.len(), 3, "the third request was under way");
    assert!(signed.len() == 256 + 256 || signed.len() == 256 + 88, "{}", signed.len());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_signed_once() {
    let lost = [Reaction::RespondAndDrop];
    let (outcome, signed, counts) = sign_600("271828", &lost).await;
    assert_eq!(outcome.unwrap(), 0);
    assert_eq!(signed.len(), 600);
    assert_eq!(counts[..2], [256, 256], "the same request twice");
    assert_eq!(counts.iter().sum::<usize>(), 856);
}

#[tokio::test]
async fn nothing_to_sign_asks_nobody() {
    let mut model = Model::new();
    let (record, key) = model.keygen(1, Suite::D, Purpose::Sign, &pin("271828"), &device_key());
    drop(record);
    let server = FrameServer::start(&[], model.into_respond());
    let client = Client::new(server.connection());
    let outcome = client.sign(&Arc::new(key), &[], |_, _| panic!("nothing to hand over")).await;
    assert_eq!(outcome.unwrap(), 0);
    assert!(server.seen().is_empty());
}

#[test]
fn batches_cover_everything_once() {
    for count in [0, 1, 255, 256, 257, 500, 512, 1000] {
        let runs: Vec<_> = batches(count).collect();
        assert!(runs.iter().all(|run| (1..=256).contains(&run.len())), "{count}");
        let covered: Vec<usize> = runs.into_iter().flatten().collect();
        assert_eq!(covered, (0..count).collect::<Vec<_>>());
    }
}
