//! The vault of personal data: one key, sealed like a share, under which texts are encrypted and by which they are found.
//!
//! ```text
//! key    = HKDF-SM3(personal key, info = "cosign-per-v1" || kind, 16 bytes)
//! sealed = 1 | nonce 12 | SM4-GCM ciphertext | tag 16     aad = "cosign-per-v1" || kind
//! file   = the same with aad = "cosign-per-v1" || id of the file
//! name   = HMAC-SM3(HKDF-SM3(personal key, info = "cosign-idx-v1" || kind, 32 bytes), text)
//! ```
//! A wrapping key may be rotated away: only the personal key is sealed under it.

use std::sync::Arc;

use cosign_core::sm_primitives::{sm3, sm4::gcm};
use zeroize::Zeroizing;

use super::{Place, SealError, WrappingKeys};
use crate::domain::{
    Error,
    office::{
        Id, Named as _,
        personal::{Kind, Personal},
        ports::{OfficeWrite, Vault},
    },
    ports::{Entropy, Store, StoreError, Write},
};

const FORM: u8 = 1;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const ENCRYPTION: &[u8] = b"cosign-per-v1";
const INDEX: &[u8] = b"cosign-idx-v1";

/// Encrypts, reads and finds personal data. Wiped on drop.
pub struct PersonalVault {
    key: Box<Zeroizing<[u8; 32]>>,
    entropy: Arc<dyn Entropy>,
}

impl PersonalVault {
    /// Opens the personal key; makes it if there is none.
    ///
    /// # Errors
    /// [`Error::Internal`] when it does not open; storage faults.
    pub async fn open(
        keys: &WrappingKeys,
        store: &dyn Store,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        if store.personal_key().await?.is_none() {
            let mut fresh = Zeroizing::new([0; 32]);
            entropy.fill(fresh.as_mut())?;
            let sealed = keys.seal(&Place::personal_key(), &fresh[..], &*entropy);
            let sealed = sealed.map_err(|_| Error::Internal)?;
            match store.commit([Write::Office(OfficeWrite::SetPersonalKey(sealed))].into()).await {
                // Another process was first.
                Ok(()) | Err(StoreError::Duplicate) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let sealed = store.personal_key().await?.ok_or(Error::Internal)?;
        let opened = keys.open(&Place::personal_key(), &sealed).map_err(|error| {
            tracing::error!(%error, "the key of personal data does not open");
            Error::Internal
        })?;
        let mut key = Box::new(Zeroizing::new([0; 32]));
        if opened.len() != key.len() {
            return Err(Error::Internal);
        }
        key.copy_from_slice(&opened);
        Ok(Self { key, entropy })
    }

    fn derived<const N: usize>(&self, label: &[u8], kind: Kind) -> Result<Zeroizing<[u8; N]>, SealError> {
        let mut derived = Zeroizing::new([0; N]);
        let info = [label, kind.as_str().as_bytes()].concat();
        sm3::hkdf(&self.key[..], &[], &info, derived.as_mut()).map_err(|_| SealError::Format)?;
        Ok(derived)
    }

    fn sealed(&self, kind: Kind, aad: &[&[u8]], bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce)?;
        let key = self.derived(ENCRYPTION, kind).map_err(|_| Error::Internal)?;
        let mut body = Zeroizing::new(bytes.to_vec());
        let tag = gcm::seal_in_place(&key, &nonce, &aad.concat(), &mut body).map_err(|_| Error::Internal)?;
        Ok([&[FORM][..], &nonce, &body, &tag].concat())
    }

    fn opened(&self, kind: Kind, aad: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (form, rest) = sealed.split_first().ok_or(SealError::Format)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Format)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(SealError::Format)?;
        if *form != FORM {
            return Err(SealError::Format);
        }
        let mut bytes = Zeroizing::new(body.to_vec());
        gcm::open_in_place(&*self.derived(ENCRYPTION, kind)?, nonce, &aad.concat(), &mut bytes, tag)
            .map_err(|_| SealError::Forged)?;
        Ok(bytes)
    }
}

impl Vault for PersonalVault {
    fn seal(&self, kind: Kind, text: &str) -> Result<Personal, Error> {
        let sealed = self.sealed(kind, &[ENCRYPTION, kind.as_str().as_bytes()], text.as_bytes())?;
        Ok(Personal::from_sealed(hex::encode(sealed)))
    }

    fn open(&self, kind: Kind, sealed: &Personal) -> Result<Zeroizing<String>, Error> {
        let bytes = hex::decode(sealed.as_sealed()).map_err(|_| Error::Internal)?;
        let opened = self.opened(kind, &[ENCRYPTION, kind.as_str().as_bytes()], &bytes);
        let text = opened.and_then(|text| {
            std::str::from_utf8(&text)
                .map(|text| Zeroizing::new(text.to_owned()))
                .map_err(|_| SealError::Format)
        });
        text.map_err(|error| {
            tracing::error!(%error, kind = kind.as_str(), "personal data does not open");
            Error::Internal
        })
    }

    fn seal_file(&self, id: Id, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.sealed(Kind::File, &[ENCRYPTION, id.as_bytes()], bytes)
    }

    fn open_file(&self, id: Id, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.opened(Kind::File, &[ENCRYPTION, id.as_bytes()], sealed).map_err(|error| {
            tracing::error!(%error, %id, "a file does not open");
            Error::Internal
        })
    }

    fn name(&self, kind: Kind, text: &str) -> Result<[u8; 32], Error> {
        let key = self.derived::<32>(INDEX, kind).map_err(|_| Error::Internal)?;
        Ok(sm3::hmac(&key[..], &[text.as_bytes()]))
    }
}
