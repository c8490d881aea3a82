//! One session, one frame, one computation.

use cosign_core::{
    ClientKey, Code, Purpose, sign,
    sm_primitives::rand_core::{TryCryptoRng, TryRng},
};
use futures_util::future::join_all;

use crate::{
    domain::{Error, ports::Store as _},
    signer::EntropyRng,
    testing::{Phone, World, digest, records, row, status},
};

/// The same session id under another digest, with the tag of its own request.
fn other_frame_of(frame: &[u8], other: &[u8]) -> Vec<u8> {
    let mut forged = other.to_vec();
    forged[24..40].copy_from_slice(&frame[24..40]);
    forged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_identical_frame_is_computed_once() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    let answers = join_all((0..8).map(|_| phone.ask(&world, &frame))).await;
    let mut computed: Vec<_> = answers.iter().filter(|answer| status(answer) != Some(Code::Busy)).collect();
    computed.dedup();
    assert_eq!(computed.len(), 1);
    assert_eq!(&phone.ask(&world, &frame).await, computed[0]);
    let records = records(&world).await;
    assert_eq!(
        records.iter().filter(|record| record.event.count == 1 && record.event.sid.is_some()).count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spent_session_carries_no_other_frame_across_a_restart() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    let first = phone.ask(&world, &frame).await;
    assert_eq!(status(&first), None);

    let world = world.restart().await;
    world.signer.maintain().await;
    let metrics = world.metrics().await;
    assert!(metrics.contains("cosign_replay_sessions 2"), "{metrics}");
    // Its nonces would be used on another digest. The client library cannot make such a frame; a broken one could.
    let forged = reuse_session(&world, &key, &frame);
    assert_eq!(status(&phone.ask(&world, &forged).await), Some(Code::SidConflict));
    // The identical frame is answered anew: the server's own nonce is fresh, so nothing is used twice.
    let again = phone.ask(&world, &frame).await;
    assert_eq!(status(&again), None);
    assert_ne!(first[22..], again[22..]);
    // Once nobody could send it any more, the session is forgotten in storage too.
    world.clock.advance(360_001);
    world.signer.maintain().await;
    assert!(world.database.live_sessions(0).await.unwrap().is_empty());
}

/// A correctly tagged frame for another digest in the session of `frame`: what a client with a repeating random source
/// would send.
pub(super) fn reuse_session(world: &World, key: &ClientKey, frame: &[u8]) -> Vec<u8> {
    let mut source = Repeating { first: frame[24..40].to_vec(), rest: world.rng() };
    let (forged, _) = sign::start(key, &[digest(9)], world.now_ms(), 99, &mut source).unwrap();
    assert_eq!(forged[24..40], frame[24..40]);
    assert_ne!(forged, frame);
    forged
}

/// Gives one draw again, then fresh ones.
struct Repeating {
    first: Vec<u8>,
    rest: EntropyRng,
}

impl TryRng for Repeating {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.rest.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.rest.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        if self.first.len() == out.len() {
            out.copy_from_slice(&self.first);
            self.first.clear();
            return Ok(());
        }
        self.rest.try_fill_bytes(out)
    }
}

impl TryCryptoRng for Repeating {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guessed_tag_in_a_known_session_counts_as_a_wrong_pin() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
    let (other, _) = phone.start(&world, &key, &[digest(2)]);
    // The tag does not fit the moved session id.
    assert_eq!(status(&phone.ask(&world, &other_frame_of(&frame, &other)).await), Some(Code::Pin));
    assert_eq!(row(&world, &record.key_id()).await.gate.fails, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_stale_and_foreign_frames_get_their_code() {
    let world = World::new().await;
    let (phone, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    let with = |offset: usize, value: u8| {
        let mut changed = frame.clone();
        changed[offset] = value;
        changed
    };
    for (what, bytes, code) in [
        ("empty", Vec::new(), Code::Length),
        ("cut", frame[..frame.len() - 1].to_vec(), Code::Length),
        ("long", [&frame[..], &[0]].concat(), Code::Length),
        ("version", with(0, 2), Code::Version),
        ("flags", with(3, 1), Code::Version),
        ("unknown key", with(4, frame[4] ^ 1), Code::Key),
        ("epoch", with(23, 2), Code::Epoch),
        ("batch", with(81, 0), Code::Batch),
        ("off the curve", with(frame.len() - 1, frame[frame.len() - 1] ^ 1), Code::Point),
        ("digest", [&frame[..82], &[0xff; 32], &frame[114..]].concat(), Code::Digest),
        ("repeated point", [&frame[..178], &frame[114..178]].concat(), Code::DupPoint),
    ] {
        assert_eq!(status(&phone.ask(&world, &bytes).await), Some(code), "{what}");
    }
    assert_eq!(status(&other.ask(&world, &frame).await), Some(Code::Key));
    world.clock.advance(120_001);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Time));
    // None of it cost anything.
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
}
