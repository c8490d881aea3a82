//! Decryption of many against the same server in memory.

use std::{
    future::{pending, ready},
    sync::Arc,
};

use cosign_core::{ClientKey, Op, Purpose, Suite};
use getrandom::SysRng;
use sm_primitives::sm2::{Ciphertext, pke};

use super::super::{Decryption, DecryptionItem};
use crate::{
    client::{Client, Credentials},
    error::{Category, Error},
    testing::{FrameServer, Model, Reaction, device_key, pin},
};

struct Desk {
    server: FrameServer,
    client: Client,
    key: Arc<ClientKey>,
    batch: Decryption,
}

/// The plaintext of the ciphertext at this position.
fn plaintext(position: usize) -> Vec<u8> {
    [b"share ", &position.to_be_bytes()[..]].concat()
}

fn broken(ciphertext: &Ciphertext) -> Ciphertext {
    let mut bytes = ciphertext.to_c1c3c2();
    bytes[65] ^= 1;
    Ciphertext::from_c1c3c2(&bytes).unwrap()
}

impl Desk {
    async fn new(count: usize, breaks: &[usize], pin_digits: &str, reactions: &[Reaction]) -> Self {
        let mut model = Model::new();
        let (record, _) = model.keygen(1, Suite::D, Purpose::Encrypt, &pin("271828"), &device_key());
        let public_key = *record.public_key();
        let server = FrameServer::start(reactions, model.into_respond());
        let client = Client::new(server.connection());
        let credentials = Arc::new(Credentials { pin: pin(pin_digits), device: device_key() });
        let key = client.unlock(record, credentials).await.unwrap();
        let ciphertext = |position| {
            let whole = pke::encrypt(&public_key, &plaintext(position), &mut SysRng).unwrap();
            if breaks.contains(&position) { broken(&whole) } else { whole }
        };
        Self { server, client, key, batch: Decryption::new((0..count).map(ciphertext).collect()) }
    }

    /// Opens what is missing: each position is told of once, and opened ones have the plaintext of their place.
    async fn open(&mut self, stop: impl Future<Output = ()>) -> Result<u8, Error> {
        let mut told = Vec::new();
        let progress = |position: usize, item: &DecryptionItem| {
            match item {
                DecryptionItem::Opened(opened) => assert_eq!(**opened, plaintext(position)),
                other => assert!(matches!(other, DecryptionItem::Broken), "{other:?}"),
            }
            told.push(position);
        };
        let before = self.answered();
        let outcome = self.client.decrypt_many(&self.key, &mut self.batch, stop, progress).await;
        told.sort_unstable();
        let expected: Vec<_> =
            self.answered().into_iter().filter(|position| !before.contains(position)).collect();
        assert_eq!(told, expected);
        outcome
    }

    fn positions(&self, wanted: impl Fn(&DecryptionItem) -> bool) -> Vec<usize> {
        let items = self.batch.items().iter().enumerate();
        items.filter_map(|(position, item)| wanted(item).then_some(position)).collect()
    }

    fn answered(&self) -> Vec<usize> {
        self.positions(|item| matches!(item, DecryptionItem::Opened(_) | DecryptionItem::Broken))
    }

    fn counts(&self) -> Vec<usize> {
        let count = |frame: &Vec<u8>| {
            assert_eq!(frame[2], Op::Decrypt.byte());
            usize::from(u16::from_be_bytes([frame[80], frame[81]]))
        };
        self.server.seen().iter().map(count).collect()
    }
}

#[tokio::test]
async fn one_broken_ciphertext_hides_no_other_and_costs_no_further_request() {
    let breaks = [0, 100, 599];
    let mut desk = Desk::new(600, &breaks, "271828", &[]).await;
    assert_eq!(desk.open(pending()).await.unwrap(), 0);
    assert!(desk.batch.is_complete());
    assert_eq!(
        (desk.batch.opened(), desk.positions(|item| matches!(item, DecryptionItem::Broken))),
        (597, breaks.into())
    );
    assert_eq!((desk.counts()[0], desk.counts().iter().sum::<usize>()), (256, 600));
    assert_eq!(desk.open(pending()).await.unwrap(), 0);
    assert_eq!(desk.counts().len(), 3, "nothing is left to ask");
    let items = desk.batch.into_items();
    assert_eq!(items[1].plaintext(), Some(&plaintext(1)[..]));
    assert_eq!((items[0].plaintext(), format!("{:?}", items[1])), (None, "Opened(..)".to_owned()));
}

#[tokio::test]
async fn a_wrong_pin_is_one_attempt_and_opens_nothing() {
    let mut desk = Desk::new(300, &[], "271829", &[]).await;
    assert!(matches!(desk.open(pending()).await, Err(Error::WrongPin { remaining: 9, .. })));
    assert_eq!(desk.counts(), [256]);
    let failed = |item: &DecryptionItem| matches!(item, DecryptionItem::Failed(Category::Pin));
    assert_eq!(desk.positions(failed).len(), 256);
    assert_eq!(desk.positions(|item| matches!(item, DecryptionItem::NotSent)).len(), 44);
}

#[tokio::test]
async fn what_failed_is_opened_by_the_next_call() {
    let refused = [Reaction::Respond, Reaction::Refuse("not_enrolled")];
    let mut desk = Desk::new(600, &[3], "271828", &refused).await;
    assert!(matches!(desk.open(pending()).await, Err(Error::Api(_))));
    assert!(!desk.batch.is_complete());
    let missing = 600 - desk.answered().len();
    desk.open(pending()).await.unwrap();
    assert_eq!((desk.batch.opened(), desk.counts().split_off(3)), (599, vec![missing]));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_identical_frame() {
    let mut desk = Desk::new(10, &[], "271828", &[Reaction::RespondAndDrop]).await;
    desk.open(pending()).await.unwrap();
    let seen = desk.server.seen();
    assert_eq!((seen.len(), &seen[0]), (2, &seen[1]));
    assert_eq!(desk.batch.opened(), 10);
}

#[tokio::test]
async fn a_stop_before_the_first_request_sends_nothing() {
    let mut desk = Desk::new(10, &[], "271828", &[]).await;
    assert!(matches!(desk.open(ready(())).await, Err(Error::Interrupted)));
    assert!(desk.server.seen().is_empty());
    assert_eq!(desk.positions(|item| matches!(item, DecryptionItem::NotSent)).len(), 10);
    let mut none = Desk::new(0, &[], "271828", &[]).await;
    assert_eq!(none.open(ready(())).await.unwrap(), 0);
}
