//! What the rules need from outside: time, chance, storage, and the signer.

use std::collections::HashMap;

use cosign_core::{
    DeviceId, KeyId, SessionId,
    audit::{Frontier, Hash, Node},
};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{
    Error,
    audit::{Entry, Event, SealedAuditKey, SignedTreeHead},
    ca::{AuthorityKey, ports::RegistryWrite},
    clients::ports::ClientWrite,
    device::{Caller, Device},
    enrolment::CodeHash,
    key::{IssuedKey, Resealed, Status, StoredKey, WrappedKey},
    office::ports::OfficeWrite,
    once::Outcome,
    opening::{Answer, Ask, OpeningKey, Question},
    operators::ports::OperatorWrite,
    page::Page,
};

/// Time. The one implementation that reads a real clock is `app::clock`.
pub trait Clock: Send + Sync {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Nanoseconds since some fixed moment; never goes back.
    fn monotonic_ns(&self) -> u64;
}

/// Randomness fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the source fails; `out` is then not to be used.
    fn fill(&self, out: &mut [u8]) -> Result<(), Error>;
}

/// The server role of the co-signing protocol: one frame in, one frame out.
pub trait Signer: Send + Sync {
    /// Answers a protocol frame. Whatever the frame says, the answer is a protocol frame too.
    ///
    /// # Errors
    /// [`Error`] only where the protocol has no word for it: no certificate, too many failures, shutting down.
    fn answer(&self, caller: Caller, frame: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, Error>>;
}

/// What an opening key is used for: the time locks of bids.
pub trait Opening: Send + Sync {
    /// Answers for each lock, in order. `Ask::Release` gives what is in a lock only if the clock has reached the time that is
    /// inside; all releases and refusals are in the audit log before it returns.
    ///
    /// # Errors
    /// [`Error::BadRequest`] unless there are 1..=[`MAX_LOCKS`](super::opening::MAX_LOCKS); [`Error::TooManyRequests`],
    /// [`Error::Busy`], storage faults. Nothing was released then.
    fn open(
        &self,
        device: DeviceId,
        ask: Ask,
        questions: Vec<Question>,
    ) -> BoxFuture<'_, Result<Vec<Answer>, Error>>;
}

/// Whether the server can do its work now.
pub trait Readiness: Send + Sync {
    /// Tries storage and the master key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Internal`].
    fn ready(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// Why storage did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The row is not in the state that the write supposes.
    Stale,
    /// Something unique is there already.
    Duplicate,
    /// The session was spent on another request.
    SessionSpent,
    /// The session was to be new, and was spent on the identical request.
    SessionKnown,
    /// A bound is reached.
    Busy,
    /// The database does not answer, or the disk is full.
    Unavailable,
    /// A row does not have the form that this program writes.
    Corrupt,
}

/// One change. Those of a [`Unit`] happen together or not at all.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new enrolment code. `Duplicate` when it is known.
    AddCode {
        /// Hash of the code.
        code: CodeHash,
        /// How many devices it enrols.
        uses: u32,
        /// Now, unix milliseconds.
        created_ms: u64,
        /// Until when, unix milliseconds.
        expires_ms: u64,
    },
    /// Takes one use off a code. `Stale` when it has none left at `now_ms`.
    SpendCode {
        /// Hash of the code.
        code: CodeHash,
        /// Unix milliseconds.
        now_ms: u64,
    },
    /// A new device. `Duplicate` when it is enrolled.
    AddDevice(Device),
    /// A key id issued to a device.
    IssueKey(IssuedKey),
    /// The first message of key generation, a split or an import uses an issued id up. `Stale` when it was used, has
    /// expired, or never was.
    UseKeyId {
        /// The id.
        key_id: KeyId,
        /// Unix milliseconds.
        now_ms: u64,
    },
    /// A new key, its decryptions not counted yet. `Duplicate` when its id is known, and
    ///
    /// * of a generated key, when its public key is known;
    /// * of a recovered one (arriving, without a parent), when a share of its public key is not revoked.
    ///
    /// `Stale` for one that was split, unless its parent is active and has the same public key and, for one more seat, may
    /// give one. Instead of its own number of seats it gets its parent's if that moves.
    AddKey(Box<StoredKey>),
    /// Changes nothing; `Stale` unless the key still has this version.
    Expect {
        /// The key.
        key_id: KeyId,
        /// Version that an operation was judged on.
        version: i64,
    },
    /// Everything that the protocol changes of a key but the count of decryptions, if the row still has `version`; it has the
    /// next one then.
    SaveKey(Box<StoredKey>),
    /// Spends a session, if the key still has this version; `SessionSpent` when it was spent on another frame, `SessionKnown`
    /// when it was to be new and is not.
    Spend(Spend),
    /// Moves a key from one status to another and raises its version. `Stale` when it is not in the first.
    SetStatus {
        /// The key.
        key_id: KeyId,
        /// Present status.
        from: Status,
        /// New status. `Revoked` destroys the sealed shares.
        to: Status,
    },
    /// Revokes an active share in the unit in which another one takes its place. `Stale` when it is not active. Unlike any
    /// other revocation it goes on record after the commit: a crash in between must not end the key on both devices.
    MoveAway {
        /// The key.
        key_id: KeyId,
    },
    /// Resets the PIN counters of a key; it must be refreshed next. Raises its version. `Stale` when it is unknown.
    Unlock {
        /// The key.
        key_id: KeyId,
    },
    /// Sets how many shares its owner may give to others, for all of a public key that are not given themselves. `Stale`
    /// when none is left.
    SetSeats {
        /// X || Y.
        public_key: [u8; 64],
        /// How many.
        max: u32,
    },
    /// Changes nothing; `Stale` unless a public key has so many shares that are not revoked.
    ExpectShares {
        /// X || Y.
        public_key: [u8; 64],
        /// How many.
        live: u32,
    },
    /// A new wrapping key. `Duplicate` when its version is known, `Stale` when the database has another master key.
    AddWrappingKey {
        /// Name of the master key that wrapped it.
        master: [u8; 4],
        /// The key.
        key: WrappedKey,
    },
    /// The same secrets under another wrapping key. `Stale` when the row is not as it was.
    Reseal(Box<Resealed>),
    /// The audit key under another wrapping key. `Stale` when it is not as it was.
    ResealAuditKey {
        /// As it is sealed now.
        old: Vec<u8>,
        /// As it is to be sealed.
        new: Vec<u8>,
    },
    /// A new opening key. `Duplicate` when its id is known.
    AddOpeningKey(OpeningKey),
    /// Retires an opening key; it opens what it opened before. `Stale` when it is unknown or retired.
    RetireOpeningKey {
        /// X || Y.
        public_key: [u8; 64],
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// An opening key under another wrapping key. `Stale` when it is not as it was.
    ResealOpeningKey {
        /// As it is sealed now.
        old: Vec<u8>,
        /// As it is to be sealed.
        new: Vec<u8>,
    },
    /// A change in the registry of authorities.
    Registry(RegistryWrite),
    /// A change of the clients of the API, or of deliveries to them.
    Client(ClientWrite),
    /// A change of operators and proposals.
    Operators(OperatorWrite),
    /// A change in the office.
    Office(OfficeWrite),
    /// Drops the wrapping keys that are not the newest and that nothing is sealed under.
    DropWrappingKeys,
    /// Binds the database to another master key. `Stale` unless it is bound to `from` and `keys` are all there are.
    ReplaceMasterKey {
        /// Name of the present master key.
        from: [u8; 4],
        /// Name of the new one.
        to: [u8; 4],
        /// All wrapping keys, wrapped by the new one.
        keys: Vec<WrappedKey>,
    },
    /// Appends to the audit log.
    Log(Event),
    /// Keeps a tree head. `Stale` when one of more records, or a later one, is there.
    AddHead(SignedTreeHead),
    /// Keeps the audit key. `Duplicate` when there is one.
    SetAuditKey(SealedAuditKey),
    /// Keeps what a request did. `Duplicate` when its name is taken, `Busy` when the device has too many.
    Remember(Outcome),
    /// Drops what has expired: sessions, outcomes, events, codes, issued ids, keys never activated and keys that never arrived,
    /// requests for certificates that came to nothing. Of each kind so many rows at most, so that nobody waits long for it.
    Purge {
        /// Unix milliseconds.
        now_ms: u64,
        /// Most rows of each kind.
        rows: u32,
        /// How long a request that came to nothing is kept after it was made, milliseconds.
        requests_ms: u64,
    },
}

/// A session that a private-key operation used up.
#[derive(Clone, Debug)]
pub struct Spend {
    /// The key.
    pub key_id: KeyId,
    /// Version that the operation was admitted on.
    pub version: i64,
    /// The session.
    pub sid: SessionId,
    /// Hash of the whole request frame.
    pub fp: [u8; 32],
    /// How long the session is remembered, unix milliseconds.
    pub until_ms: u64,
    /// Whether it must not have been spent before, on the identical frame neither: what answered that, or what it is counted
    /// as, is another node's. Only of spends without decryptions.
    pub new: bool,
    /// Decryptions to count against the lifetime quota of the public key.
    pub decrypts: u32,
    /// That quota. `Stale` when all shares together would pass it: what the operation was admitted on was not the whole
    /// count.
    pub quota: u32,
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Unit(pub Vec<Write>);

impl<const N: usize> From<[Write; N]> for Unit {
    fn from(writes: [Write; N]) -> Self {
        Self(writes.into())
    }
}

/// A session that is still remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The key.
    pub key_id: KeyId,
    /// The session.
    pub sid: SessionId,
    /// Hash of its request frame.
    pub fp: [u8; 32],
    /// Until when, unix milliseconds.
    pub until_ms: u64,
}

/// Which audit records of a key.
#[derive(Clone, Copy, Debug)]
pub struct RecordsOfKey {
    /// The key.
    pub key_id: KeyId,
    /// Only those of this session.
    pub sid: Option<SessionId>,
    /// Only those after this number.
    pub after: u64,
    /// Only those up to this number.
    pub up_to: u64,
    /// At most so many.
    pub limit: u32,
}

/// Durable storage. Writes go through [`commit`](Store::commit); everything else reads.
pub trait Store: Send + Sync {
    /// Makes a unit durable. When it returns, the unit survives the loss of the process and of power.
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>>;
    /// A key with its sealed shares.
    fn key<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<StoredKey>, StoreError>>;
    /// The version of a key.
    fn key_version<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<i64>, StoreError>>;
    /// The keys of a device, or of all devices, oldest first, by the time that they were made and their id.
    fn keys<'a>(
        &'a self,
        device: Option<&'a DeviceId>,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>>;
    /// All shares of a public key, X || Y, oldest first; those revoked too.
    fn shares<'a>(&'a self, public_key: &'a [u8; 64]) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>>;
    /// An issued key id, used or not.
    fn issued<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<IssuedKey>, StoreError>>;
    /// How many keys a device has that are not revoked, and how many issued ids it may still use.
    fn key_counts<'a>(
        &'a self,
        device: &'a DeviceId,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>>;
    /// A device.
    fn device<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, StoreError>>;
    /// What a named request did.
    fn outcome<'a>(
        &'a self,
        device: &'a DeviceId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Outcome>, StoreError>>;
    /// The wrapping keys, oldest first.
    fn wrapping_keys(&self) -> BoxFuture<'_, Result<Vec<WrappedKey>, StoreError>>;
    /// Keys with a secret sealed under a wrapping key older than `version`, in the order of their ids, after `after`.
    fn sealed_before(
        &self,
        version: u32,
        after: Option<KeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredKey>, StoreError>>;
    /// Whether sessions or outcomes are there that have expired at `now_ms`.
    fn has_expired(&self, now_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// Sessions that are still remembered at `now_ms`.
    fn live_sessions(&self, now_ms: u64) -> BoxFuture<'_, Result<Vec<LiveSession>, StoreError>>;
    /// At most `limit` audit records after number `after`.
    fn audit(&self, after: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;
    /// Audit records that are about a key, in order.
    fn audit_of_key<'a>(&'a self, wanted: &'a RecordsOfKey) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>>;
    /// The tree of all audit records.
    fn audit_tree(&self) -> BoxFuture<'_, Result<Frontier, StoreError>>;
    /// Hashes of complete subtrees. `Corrupt` when a record that completes one is not there.
    fn audit_nodes(&self, nodes: Vec<Node>) -> BoxFuture<'_, Result<HashMap<Node, Hash>, StoreError>>;
    /// Follows the number of audit records that this process knows of.
    fn audit_growth(&self) -> watch::Receiver<u64>;
    /// The newest tree head, or the newest of this size.
    fn tree_head(&self, size: Option<u64>) -> BoxFuture<'_, Result<Option<SignedTreeHead>, StoreError>>;
    /// At most `limit` tree heads in the order in which they were signed, without the first `skip`.
    fn tree_heads(&self, skip: u64, limit: u32) -> BoxFuture<'_, Result<Vec<SignedTreeHead>, StoreError>>;
    /// The opening keys, oldest first; those retired too.
    fn opening_keys(&self) -> BoxFuture<'_, Result<Vec<OpeningKey>, StoreError>>;
    /// All keys of authorities.
    fn authority_keys(&self) -> BoxFuture<'_, Result<Vec<AuthorityKey>, StoreError>>;
    /// The key of personal data, sealed.
    fn personal_key(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;
    /// The sealed audit key.
    fn audit_key(&self) -> BoxFuture<'_, Result<Option<SealedAuditKey>, StoreError>>;
}

#[cfg(test)]
pub(crate) mod testing {
    //! Time and chance that tests control.

    use std::sync::atomic::{AtomicU64, Ordering};

    use cosign_core::sm_primitives::sm3::Sm3;

    use super::{Clock, Entropy, Error};

    /// A clock that stands still until it is moved.
    pub(crate) struct FakeClock(AtomicU64);

    impl FakeClock {
        pub(crate) const fn at(now_ms: u64) -> Self {
            Self(AtomicU64::new(now_ms))
        }

        pub(crate) fn go_back(&self, ms: u64) {
            self.0.fetch_sub(ms, Ordering::SeqCst);
        }

        pub(crate) fn advance(&self, ms: u64) {
            self.0.fetch_add(ms, Ordering::SeqCst);
        }
    }

    impl Clock for FakeClock {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }

        fn monotonic_ns(&self) -> u64 {
            self.now_ms().saturating_mul(1_000_000)
        }
    }

    /// SM3 of a counter: never repeats within a test, and is the same in every run.
    #[derive(Default)]
    pub(crate) struct CountingEntropy(AtomicU64);

    impl CountingEntropy {
        /// Another sequence for each number.
        pub(crate) fn of_seed(seed: u32) -> Self {
            Self(AtomicU64::new(u64::from(seed) << 32))
        }
    }

    impl Entropy for CountingEntropy {
        fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
            for chunk in out.chunks_mut(32) {
                let count = self.0.fetch_add(1, Ordering::SeqCst);
                let block = Sm3::new().chain(b"test entropy").chain(&count.to_be_bytes()).finalize();
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
            Ok(())
        }
    }
}
