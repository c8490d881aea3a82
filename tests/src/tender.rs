//! A tender at its opening: bidders with a decryption key each on a running server, what is sealed to them and locked until
//! a time, and the opening of all of it with one approval for each bidder.

use std::{future::pending, io::Cursor, sync::Arc, thread, time::Duration};

use cosign_client::{
    Client, Connection, Credentials, Decryption, LockAnswer, OpeningKey, SealedLock, Store, Target,
    Transport, Trust, clock, pin,
};
use cosign_core::Purpose;
use envelope::{
    Sm2Recipient,
    bid::{BodyKey, ChunkSize, Draft, LockSecret, Policy, Terms},
    io::bid::{Bid, seal},
};
use getrandom::SysRng;
use sm_primitives::sm2::PublicKey;
use tokio::runtime::{self, Runtime};

use crate::process::{PIN, ServerFolder, Signer, succeeded};

/// A bidder with a phone.
pub struct Bidder {
    signer: Signer,
    ca: Trust,
    /// The key that bids are sealed to.
    pub public_key: PublicKey,
}

/// A bidder whose connection is up.
struct Phone {
    runtime: Runtime,
    client: Client,
    store: Store,
}

/// A bid, and whose it is.
pub struct Sealed {
    /// Number of the bidder.
    pub bidder: usize,
    /// What it holds.
    offer: Vec<u8>,
    bid: Vec<u8>,
    lock: SealedLock,
}

impl Sealed {
    fn read(&self) -> Bid<Cursor<&[u8]>> {
        Bid::open(Cursor::new(&self.bid[..])).unwrap()
    }
}

/// Bidders on a server.
pub struct Tender {
    /// The bidders.
    pub bidders: Vec<Bidder>,
    /// What bids are locked to.
    pub opening_key: OpeningKey,
}

/// How long an opening took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Releasing the locks.
    pub locks: Duration,
    /// The approvals, PIN derivation included, all decryptions, and the opening of all bids.
    pub keys: Duration,
}

impl Bidder {
    /// Enrols a phone and makes a decryption key.
    #[must_use]
    pub fn new(folder: &ServerFolder) -> Self {
        let signer = Signer::new(folder, "quic");
        let code = folder.enrolment_code();
        succeeded(&signer.keygen(&["--purpose", "encrypt", "--enrol-code", &code]).output().unwrap());
        Self::of(signer, folder)
    }

    /// The holder of a key store with one decryption key.
    #[must_use]
    pub fn of(signer: Signer, folder: &ServerFolder) -> Self {
        let store = Store::open(&signer.home()).unwrap();
        let public_key = store.find(None, Some(Purpose::Encrypt)).unwrap().public_key();
        let ca = Trust::from_file(&folder.file("ca.pem")).unwrap();
        Self { signer, ca, public_key }
    }

    fn phone(&self) -> Phone {
        let store = Store::open(&self.signer.home()).unwrap();
        let key = store.find(None, Some(Purpose::Encrypt)).unwrap();
        let client = Client::new(Connection::new(Target {
            server: key.info.server.clone(),
            trust: self.ca.clone(),
            device: Some(store.device().unwrap().unwrap().identity),
            transport: Transport::Quic,
            connect_timeout: Duration::from_secs(10),
        }));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Phone { runtime, client, store }
    }

    /// Enters the PIN once, has all shares opened, and opens the bids with them and what was released.
    fn approve(&self, sealed: &[(&Sealed, &LockSecret)]) {
        let Phone { runtime, client, store } = self.phone();
        let device = store.device().unwrap().unwrap();
        let credentials = Arc::new(Credentials { pin: pin::existing(PIN).unwrap(), device: device.secret });
        let record = store.find(None, Some(Purpose::Encrypt)).unwrap().into_record().unwrap();
        let bids: Vec<_> = sealed.iter().map(|(sealed, _)| sealed.read()).collect();
        let slots = bids.iter().map(|bid| bid.header().slots().slots().first().unwrap());
        let mut batch = Decryption::new(slots.map(|slot| slot.ciphertext().clone()).collect());
        runtime.block_on(async {
            let key = client.unlock(record, credentials).await.unwrap();
            let failures = client.decrypt_many(&key, &mut batch, pending(), |_, _| ()).await.unwrap();
            assert_eq!(failures, 0);
            client.connection().close().await;
        });
        for ((item, bid), (sealed, lock)) in batch.items().iter().zip(bids).zip(sealed) {
            let manifest = bid.header().manifest();
            let share = manifest.share(1, item.plaintext().unwrap()).unwrap();
            let key = BodyKey::derive(manifest, &[share], Some(lock)).unwrap();
            let mut open = bid.unlock(key).unwrap();
            let entry = open.index().entries().first().unwrap().clone();
            assert_eq!(*open.read(&entry).unwrap(), sealed.offer);
        }
    }
}

impl Tender {
    /// Makes an opening key, and so many bidders.
    #[must_use]
    pub fn new(folder: &ServerFolder, bidders: usize) -> Self {
        succeeded(&folder.admin(&["opening-key", "create", "--label", "tenders"]));
        let bidders: Vec<_> = (0..bidders).map(|_| Bidder::new(folder)).collect();
        let Phone { runtime, client, .. } = bidders.first().unwrap().phone();
        let opening_key = runtime.block_on(client.opening_keys()).unwrap().pop().unwrap();
        Self { bidders, opening_key }
    }

    /// Seals so many for each bidder, locked until `not_before` (unix seconds).
    #[must_use]
    pub fn seal(&self, each: usize, not_before: u64) -> Vec<Sealed> {
        let one = |bidder: usize, number: usize, public_key: &PublicKey| {
            let draft = Draft {
                // Offers are small: a chunk of the usual size would be time for nothing.
                terms: Terms { chunk_size: ChunkSize::from_exponent(16).unwrap(), ..Terms::default() },
                policy: Policy::bidder(),
                holders: vec![(1, Sm2Recipient::from_public_key(public_key))],
                opening: Some((not_before, self.opening_key.public_key)),
                signer: None,
            };
            let offer = format!("offer {number} of bidder {bidder}").into_bytes();
            let files = [Ok(("offer.txt".to_owned(), &offer[..]))];
            let sealed = seal(draft, files.into_iter(), Vec::new(), &mut SysRng).unwrap();
            let lock = SealedLock::of(sealed.header()).unwrap();
            assert_eq!(lock.opening_key, self.opening_key.id);
            let bid = sealed.finish(&[]).unwrap();
            Sealed { bidder, offer, bid, lock }
        };
        let bidders = self.bidders.iter().enumerate();
        let all = bidders
            .flat_map(|(index, bidder)| (0..each).map(move |number| one(index, number, &bidder.public_key)));
        all.collect()
    }

    /// Asks for all locks, or only checks them.
    #[must_use]
    pub fn ask(&self, sealed: &[Sealed], release: bool) -> Vec<LockAnswer> {
        let locks: Vec<_> = sealed.iter().map(|sealed| sealed.lock.clone()).collect();
        let Phone { runtime, client, .. } = self.bidders.first().unwrap().phone();
        runtime.block_on(async {
            let asked =
                if release { client.release_locks(&locks).await } else { client.check_locks(&locks).await };
            client.connection().close().await;
            asked.unwrap()
        })
    }

    /// Releases all locks with one request, then lets every bidder approve once, `phones` at a time. Everything that comes
    /// out is compared with what was sealed.
    #[must_use]
    pub fn open(&self, sealed: &[Sealed], phones: usize) -> Took {
        let start = clock::instant();
        let secret = |answer: LockAnswer| match answer {
            LockAnswer::Released(lock) => lock.secret,
            other => panic!("{other:?}"),
        };
        let secrets: Vec<_> = self.ask(sealed, true).into_iter().map(secret).collect();
        let secrets = &secrets;
        let locks = start.elapsed();
        let start = clock::instant();
        thread::scope(|scope| {
            for phone in 0..phones {
                scope.spawn(move || {
                    for (index, bidder) in self.bidders.iter().enumerate().skip(phone).step_by(phones) {
                        let bids = sealed.iter().zip(secrets);
                        let own: Vec<_> = bids.filter(|(sealed, _)| sealed.bidder == index).collect();
                        bidder.approve(&own);
                    }
                });
            }
        });
        Took { locks, keys: start.elapsed() }
    }
}

/// Asserts of every answer that the time has not come, or in a check that it will open, with what was sealed.
pub fn assert_locked(answers: &[LockAnswer], sealed: &[Sealed]) {
    assert_eq!(answers.len(), sealed.len());
    for (answer, sealed) in answers.iter().zip(sealed) {
        let (LockAnswer::TooEarly(told) | LockAnswer::Good(told)) = answer else { panic!("{answer:?}") };
        sealed.read().header().manifest().check_lock(told).unwrap();
    }
}
