//! Batches against a server in memory behind a socket that misbehaves as told.

mod decrypt;

use std::{
    collections::BTreeMap,
    future::{Ready, pending, ready},
    sync::Arc,
};

use cosign_core::{ClientKey, Digest, Op, Purpose, Suite};
use sm_primitives::sm2::{PublicKey, dsa};

use super::*;
use crate::{
    client::Credentials,
    testing::{FrameServer, Model, Reaction, device_key, pin},
};

/// A server with one key, and its owner with digests for several requests.
struct Desk {
    server: FrameServer,
    client: Client,
    key: Arc<ClientKey>,
    public_key: PublicKey,
    digests: Vec<Digest>,
    batch: Batch,
}

impl Desk {
    async fn new(count: u16, pin_digits: &str, suite: Suite, reactions: &[Reaction]) -> Self {
        let mut model = Model::new();
        let (record, _) = model.keygen(1, suite, Purpose::Sign, &pin("271828"), &device_key());
        let public_key = *record.public_key();
        let server = FrameServer::start(reactions, model.into_respond());
        let client = Client::new(server.connection());
        let credentials = Arc::new(Credentials { pin: pin(pin_digits), device: device_key() });
        let key = client.unlock(record, credentials).await.unwrap();
        let digests: Vec<_> =
            (0..count).map(|i| Digest::reduce(&[i.to_be_bytes(); 16].concat().try_into().unwrap())).collect();
        let batch = Batch::new(digests.clone());
        Self { server, client, key, public_key, digests, batch }
    }

    /// Signs what is missing. Every signature is handed over once, verifies, and is the one of the batch.
    async fn sign(&mut self, stop: impl Future<Output = ()>) -> Result<u8, Error> {
        let before: Vec<_> = self.batch.items().to_vec();
        let mut handed_over = BTreeMap::new();
        let outcome = self
            .client
            .sign(&self.key, &mut self.batch, stop, |position, signature| {
                let digest = self.digests[position].as_bytes();
                dsa::verify_digest(&self.public_key, digest, signature).unwrap();
                assert_eq!(handed_over.insert(position, *signature), None, "handed over twice");
            })
            .await;
        for (position, (item, before)) in self.batch.items().iter().zip(before).enumerate() {
            let known = before.signature().copied().or(handed_over.remove(&position));
            assert_eq!(item.signature().copied(), known, "{position}");
        }
        outcome
    }

    async fn finish(&mut self) {
        assert_eq!(self.sign(pending()).await.unwrap(), 0);
        assert!(self.batch.is_complete());
    }

    /// How many digests each request had.
    fn counts(&self) -> Vec<usize> {
        let count = |frame: &Vec<u8>| usize::from(u16::from_be_bytes([frame[80], frame[81]]));
        self.server.seen().iter().map(count).collect()
    }

    fn items(&self, wanted: Item) -> usize {
        self.batch.items().iter().filter(|item| **item == wanted).count()
    }

    /// No two frames of suite D share a session or a nonce point, unless they are the same frame.
    fn assert_nonces_are_used_once(&self) {
        let (mut sessions, mut points) = (BTreeMap::new(), BTreeMap::new());
        for frame in self.server.seen() {
            assert_eq!(frame[2], Op::Sign.byte());
            assert_eq!(sessions.entry(frame[24..40].to_vec()).or_insert_with(|| frame.clone()), &frame);
            let count = usize::from(u16::from_be_bytes([frame[80], frame[81]]));
            for (place, item) in frame[82..82 + 160 * count].chunks_exact(160).enumerate() {
                for (which, point) in item[32..].chunks_exact(64).enumerate() {
                    let user = (place, which, frame.clone());
                    assert_eq!(points.entry(point.to_vec()).or_insert_with(|| user.clone()), &user);
                }
            }
        }
    }
}

async fn after_600(pin_digits: &str, reactions: &[Reaction]) -> (Desk, Result<u8, Error>) {
    let mut desk = Desk::new(600, pin_digits, Suite::D, reactions).await;
    let outcome = desk.sign(pending()).await;
    (desk, outcome)
}

#[tokio::test]
async fn many_digests_go_in_several_requests() {
    let (desk, outcome) = after_600("271828", &[]).await;
    assert_eq!(outcome.unwrap(), 0);
    assert!(desk.batch.is_complete());
    assert_eq!(desk.counts()[0], 256);
    assert_eq!(desk.counts().iter().sum::<usize>(), 600);
    desk.assert_nonces_are_used_once();
}

#[tokio::test]
async fn a_wrong_pin_costs_one_attempt_however_large_the_batch() {
    let (desk, outcome) = after_600("271829", &[]).await;
    assert!(matches!(outcome, Err(Error::WrongPin { remaining: 9, .. })));
    assert_eq!((desk.items(Item::Failed(Category::Pin)), desk.items(Item::NotSent)), (256, 344));
    assert_eq!(desk.counts(), [256]);
}

#[tokio::test]
async fn what_failed_is_signed_by_the_next_call_with_nonces_of_its_own() {
    let refused = [Reaction::Respond, Reaction::Refuse("not_enrolled")];
    let (mut desk, outcome) = after_600("271828", &refused).await;
    assert!(matches!(outcome, Err(Error::Api(_))));
    assert_eq!(desk.counts().len(), 3, "the third request was under way");
    let failed = desk.items(Item::Failed(Category::Refused));
    assert!(failed == 256 || failed == 88, "one of them: {failed}");
    assert_eq!(desk.batch.signed(), 600 - failed);

    desk.finish().await;
    assert_eq!(desk.counts()[3..], [failed], "only what was missing");
    desk.assert_nonces_are_used_once();
    desk.finish().await;
    assert_eq!(desk.counts().len(), 4, "nothing is missing");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_signed_once() {
    let (desk, outcome) = after_600("271828", &[Reaction::RespondAndDrop]).await;
    assert_eq!(outcome.unwrap(), 0);
    assert!(desk.batch.is_complete());
    assert_eq!(desk.counts()[..2], [256, 256], "the same request twice");
    assert_eq!(desk.counts().iter().sum::<usize>(), 856);
    desk.assert_nonces_are_used_once();
}

#[tokio::test]
async fn a_stopped_batch_sends_nothing_more_and_can_go_on_later() {
    let silent = [Reaction::Respond, Reaction::Silence, Reaction::Silence, Reaction::Silence];
    let mut desk = Desk::new(1100, "271828", Suite::D, &silent).await;
    let watcher = desk.server.watcher();
    let all_under_way = async move {
        while watcher() < 5 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // The last of the four requests that were under way is answered, before the stop or after it.
    assert!(matches!(desk.sign(all_under_way).await, Err(Error::Interrupted)));
    assert_eq!(desk.items(Item::Failed(Category::Interrupted)), 1100 - desk.batch.signed());
    assert_eq!(desk.server.seen().len(), 5);
    desk.finish().await;
    desk.assert_nonces_are_used_once();
}

#[tokio::test]
async fn a_batch_that_is_stopped_at_once_sends_nothing() {
    for suite in [Suite::D, Suite::F2] {
        let mut desk = Desk::new(300, "271828", suite, &[]).await;
        assert!(matches!(desk.sign(ready(())).await, Err(Error::Interrupted)));
        assert!(desk.server.seen().is_empty());
        assert_eq!((desk.batch.signed(), desk.items(Item::NotSent)), (0, 300));
    }
}

#[tokio::test]
async fn a_stop_after_the_last_signature_is_none() {
    let mut desk = Desk::new(0, "271828", Suite::D, &[]).await;
    assert_eq!(desk.sign(ready(())).await.unwrap(), 0);
    assert!(desk.server.seen().is_empty(), "nothing to sign asks nobody");
}

#[tokio::test]
async fn an_exchange_begins_only_before_the_stop_and_ends_soon_after_it() {
    let (going, stopped) = watch::channel(());
    let stopped = Stopped(stopped);
    let answer: Ready<Result<u8, Error>> = ready(Ok(7));
    assert_eq!(stopped.clone().limit(answer).await.unwrap(), 7);
    let (endless, ()) =
        tokio::join!(stopped.clone().limit(pending::<Result<u8, Error>>()), async { drop(going) });
    assert!(matches!(endless, Err(Error::Interrupted)));
    let never = async { panic!("sent after the stop") };
    assert!(matches!(stopped.limit::<u8>(never).await, Err(Error::Interrupted)));
}
