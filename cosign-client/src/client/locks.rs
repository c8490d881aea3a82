//! Opening keys of the server, and the time locks of bids.

use envelope::{
    SubjectKeyId,
    bid::{FileId, Header, Lock, LockCommitment, LockSecret},
};
use http::Method;
use serde::{Deserialize, Serialize};
use sm_primitives::{
    Zeroizing,
    sm2::{Ciphertext, PublicKey},
};

use super::Client;
use crate::error::Error;

/// Locks of one request, at most.
const MAX_LOCKS: usize = 1024;
const NOT_UNDERSTOOD: Error = Error::BadAnswer("not of opening keys or locks");

/// A key of the server that bids may be time-locked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningKey {
    /// How bids name it: derived from the public key, which was checked.
    pub id: SubjectKeyId,
    /// What bids are locked to.
    pub public_key: PublicKey,
    /// What the operator calls it.
    pub label: String,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// Since when no new bid is to be locked to it, unix milliseconds.
    pub retired_ms: Option<u64>,
}

/// The lock of a bid as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLock {
    /// The opening key that the bid names.
    pub opening_key: SubjectKeyId,
    /// An SM2 ciphertext of [`Lock::LEN`] bytes.
    pub ciphertext: Ciphertext,
}

impl SealedLock {
    /// The lock of this bid, if it has one.
    #[must_use]
    pub fn of(bid: &Header) -> Option<Self> {
        let (opening, ciphertext) = (bid.manifest().opening()?, bid.slots().lock()?);
        Some(Self { opening_key: opening.key().clone(), ciphertext: ciphertext.clone() })
    }
}

/// What the server answers about a lock. It can answer anything: check it with
/// [`Manifest::check_lock_secret`](envelope::bid::Manifest::check_lock_secret) or
/// [`Manifest::check_lock`](envelope::bid::Manifest::check_lock).
#[derive(Debug)]
pub enum LockAnswer {
    /// The time has come: what is in the lock.
    Released(Lock),
    /// The time has not come.
    TooEarly(LockCommitment),
    /// It will open at its time.
    Good(LockCommitment),
    /// The server has no such opening key.
    UnknownKey,
    /// It was changed, or is locked to another key.
    Invalid,
}

#[derive(Deserialize)]
struct KeysBody {
    opening_keys: Vec<KeyBody>,
}

#[derive(Deserialize)]
struct KeyBody {
    opening_key_id: String,
    public_key: String,
    label: String,
    created_at_ms: u64,
    retired_at_ms: Option<u64>,
}

impl KeyBody {
    fn read(self) -> Result<OpeningKey, Error> {
        let public_key = PublicKey::from_spki_pem(&self.public_key).map_err(|_| NOT_UNDERSTOOD)?;
        let id = SubjectKeyId::of(&public_key);
        if id.to_string() != self.opening_key_id {
            return Err(NOT_UNDERSTOOD);
        }
        let (label, created_ms, retired_ms) = (self.label, self.created_at_ms, self.retired_at_ms);
        Ok(OpeningKey { id, public_key, label, created_ms, retired_ms })
    }
}

#[derive(Serialize)]
struct LocksBody {
    locks: Vec<LockBody>,
}

#[derive(Serialize)]
struct LockBody {
    opening_key_id: String,
    lock: String,
}

impl From<&SealedLock> for LockBody {
    fn from(lock: &SealedLock) -> Self {
        let SealedLock { opening_key, ciphertext } = lock;
        Self { opening_key_id: opening_key.to_string(), lock: hex::encode(ciphertext.to_c1c3c2()) }
    }
}

#[derive(Deserialize)]
struct AnswersBody {
    locks: Vec<AnswerBody>,
}

#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum AnswerBody {
    Released { not_before: u64, file_id: String, secret: String },
    TooEarly { not_before: u64, file_id: String, commitment: String },
    Good { not_before: u64, file_id: String, commitment: String },
    UnknownOpeningKey,
    Invalid,
}

impl AnswerBody {
    /// What it says, if it may be said to this question.
    fn read(&self, release: bool) -> Result<LockAnswer, Error> {
        Ok(match self {
            Self::Released { not_before, file_id, secret } if release => {
                let mut bytes = Zeroizing::new([0; 32]);
                hex::decode_to_slice(secret.as_bytes(), bytes.as_mut()).map_err(|_| NOT_UNDERSTOOD)?;
                LockAnswer::Released(Lock {
                    not_before: *not_before,
                    file_id: FileId::from_bytes(fixed(file_id)?),
                    secret: LockSecret::from_bytes(&bytes),
                })
            }
            Self::TooEarly { not_before, file_id, commitment } if release => {
                LockAnswer::TooEarly(item(*not_before, file_id, commitment)?)
            }
            Self::Good { not_before, file_id, commitment } if !release => {
                LockAnswer::Good(item(*not_before, file_id, commitment)?)
            }
            Self::UnknownOpeningKey => LockAnswer::UnknownKey,
            Self::Invalid => LockAnswer::Invalid,
            Self::Released { .. } | Self::TooEarly { .. } | Self::Good { .. } => return Err(NOT_UNDERSTOOD),
        })
    }
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NOT_UNDERSTOOD)?;
    Ok(bytes)
}

fn item(not_before: u64, file_id: &str, commitment: &str) -> Result<LockCommitment, Error> {
    let file_id = FileId::from_bytes(fixed(file_id)?);
    Ok(LockCommitment { not_before, file_id, commitment: fixed(commitment)? })
}

impl Client {
    /// The opening keys of the server, oldest first. New bids are for one that is not retired.
    ///
    /// # Errors
    /// As [`Client::server`]; [`Error::Api`] with `not_enrolled`.
    pub async fn opening_keys(&self) -> Result<Vec<OpeningKey>, Error> {
        let body: KeysBody = self.get("/v1/opening-keys").await?;
        body.opening_keys.into_iter().map(KeyBody::read).collect()
    }

    /// Asks for what is in locks whose time has come, in requests of at most 1024 one after the other. One answer for
    /// each, in order. The server records what it releases and what it refuses.
    ///
    /// # Errors
    /// As [`Client::opening_keys`]. Asking again is harmless.
    pub async fn release_locks(&self, locks: &[SealedLock]) -> Result<Vec<LockAnswer>, Error> {
        self.ask_locks("/v1/locks/release", true, locks).await
    }

    /// Asks whether locks will open, and when; nothing is released. As [`Client::release_locks`] otherwise.
    ///
    /// # Errors
    /// As [`Client::opening_keys`].
    pub async fn check_locks(&self, locks: &[SealedLock]) -> Result<Vec<LockAnswer>, Error> {
        self.ask_locks("/v1/locks/check", false, locks).await
    }

    async fn ask_locks(
        &self,
        path: &str,
        release: bool,
        locks: &[SealedLock],
    ) -> Result<Vec<LockAnswer>, Error> {
        let mut answers = Vec::with_capacity(locks.len());
        for locks in locks.chunks(MAX_LOCKS) {
            let body = LocksBody { locks: locks.iter().map(LockBody::from).collect() };
            let answer: AnswersBody = self.connection.call(Method::POST, path, Some(&body)).await?;
            if answer.locks.len() != locks.len() {
                return Err(NOT_UNDERSTOOD);
            }
            for answer in &answer.locks {
                answers.push(answer.read(release)?);
            }
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, release: bool) -> Option<LockAnswer> {
        serde_json::from_str::<AnswerBody>(json).ok()?.read(release).ok()
    }

    #[test]
    fn an_answer_is_taken_for_its_own_question_only() {
        let (id, hash) = ("05".repeat(16), "ab".repeat(32));
        let released = format!(r#"{{"state":"released","not_before":7,"file_id":"{id}","secret":"{hash}"}}"#);
        let terms =
            |state| format!(r#"{{"state":"{state}","not_before":7,"file_id":"{id}","commitment":"{hash}"}}"#);
        let file_id = FileId::from_bytes([5; 16]);
        let wanted = LockCommitment { not_before: 7, file_id, commitment: [0xab; 32] };
        let Some(LockAnswer::Released(lock)) = read(&released, true) else { panic!("{released}") };
        assert_eq!((lock.not_before, lock.file_id, lock.secret.expose_bytes()), (7, file_id, &[0xab; 32]));
        assert!(
            matches!(read(&terms("too_early"), true), Some(LockAnswer::TooEarly(item)) if item == wanted)
        );
        assert!(matches!(read(&terms("good"), false), Some(LockAnswer::Good(item)) if item == wanted));
        assert!(matches!(read(r#"{"state":"invalid"}"#, true), Some(LockAnswer::Invalid)));
        assert!(matches!(read(r#"{"state":"unknown_opening_key"}"#, false), Some(LockAnswer::UnknownKey)));
        for (wrong, release) in [
            (released.clone(), false),
            (terms("too_early"), false),
            (terms("good"), true),
            (released.replace("abab", "ab"), true),
            (released.replace("0505", "xx05"), true),
            (terms("too_early").replace("abab", "ab"), true),
            (r#"{"state":"other"}"#.to_owned(), true),
        ] {
            assert!(read(&wrong, release).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_key_under_a_wrong_name_is_refused() {
        let key = sm_primitives::sm2::PrivateKey::generate(&mut getrandom::SysRng).unwrap();
        let body = |id: String| KeyBody {
            opening_key_id: id,
            public_key: key.public_key().to_spki_pem(),
            label: "tenders".to_owned(),
            created_at_ms: 1,
            retired_at_ms: None,
        };
        let id = SubjectKeyId::of(key.public_key());
        assert_eq!(body(id.to_string()).read().unwrap().id, id);
        assert!(matches!(body("00".repeat(20)).read(), Err(Error::BadAnswer(_))));
    }
}
