//! Who signs a message: a local key, or a key of the store together with its server.

use std::{path::Path, sync::Arc};

use cosign_client::{Batch, Client, Credentials, Error, Store, StoredKey, clock};
use cosign_core::{Digest, Purpose};
use envelope::cms::{self, SignedContent, Unsigned};
use getrandom::SysRng;
use sm_primitives::sm2::{PrivateKey, PublicKey, Signature, dsa};

use crate::{
    context::{Context, credentials, ensure_active, interrupted, unlock},
    keyfile::{self, PublicFile},
    output::Failure,
};

/// A key that is about to sign, and its certificate.
pub(super) struct CertifiedSigner {
    key: Key,
    pub(super) public_key: PublicKey,
    /// As it is in its file: DER or PEM.
    pub(super) certificate: Vec<u8>,
    /// What goes into a message.
    pub(super) signer: cms::Signer,
}

enum Key {
    Local(PrivateKey),
    Shared(Box<Shared>),
}

/// A key of the store, and what unlocks it.
struct Shared {
    store: Store,
    client: Client,
    key: StoredKey,
    credentials: Arc<Credentials>,
}

impl CertifiedSigner {
    /// Finds the key, a label or id before a file of that name, or by its certificate, and asks for its PIN.
    pub(super) fn prepare(
        context: &Context,
        whom: Option<&str>,
        certificate: &Path,
    ) -> Result<Self, Failure> {
        let PublicFile::Certificate(content, public_key) = PublicFile::read(certificate)? else {
            return Err(Failure::Usage(format!("{} is a key without a certificate", certificate.display())));
        };
        let bad =
            |error: envelope::Error| Error::BadFile { path: certificate.to_owned(), what: error.to_string() };
        let mut signer = cms::Signer::new(&content).map_err(bad)?;
        if let Some(time) = cms::Time::from_unix(clock::now_ms() / 1000) {
            signer = signer.at(time);
        }
        let certified = |key| Self { key, public_key, certificate: content, signer };
        let known =
            |whom| context.store().is_ok_and(|store| store.find(Some(whom), Some(Purpose::Sign)).is_ok());
        if let Some(file) = whom.filter(|whom| Path::new(whom).is_file() && !known(whom)) {
            let key = keyfile::private_key(Path::new(file), Purpose::Sign, &context.passwords)?;
            if *key.public_key() != public_key {
                return Err(other_key(certificate, file));
            }
            return Ok(certified(Key::Local(key)));
        }
        let store = context.store()?;
        let key = match whom {
            Some(whom) => store.find(Some(whom), Some(Purpose::Sign))?,
            None => {
                let is_its =
                    |key: &StoredKey| key.purpose() == Purpose::Sign && key.public_key() == public_key;
                store.keys()?.into_iter().find(is_its).ok_or_else(|| Error::NoSuchKey {
                    purpose: Purpose::Sign.as_str(),
                    wanted: format!("of the certificate in {}", certificate.display()),
                })?
            }
        };
        if key.public_key() != public_key {
            return Err(other_key(certificate, whom.unwrap_or_default()));
        }
        let (client, device) = context.client_for(&store, &key)?;
        let credentials = credentials(context, &key, device)?;
        Ok(certified(Key::Shared(Box::new(Shared { store, client, key, credentials }))))
    }

    /// Signs what was hashed for this signer alone.
    pub(super) fn sign(self, context: &Context, unsigned: Unsigned) -> Result<SignedContent, Failure> {
        let signatures = self.sign_digests(context, unsigned.digests())?;
        Ok(unsigned.complete(&signatures).map_err(Error::Envelope)?)
    }

    /// Signs digests, all with one PIN entry; a signature for each, in their order.
    pub(super) fn sign_digests(
        self,
        context: &Context,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Signature>, Failure> {
        match self.key {
            Key::Local(key) => {
                let sign = |digest| dsa::sign_digest(&key, digest, &mut SysRng);
                Ok(digests.iter().map(sign).collect::<Result<_, _>>().map_err(|_| Error::RandomFailed)?)
            }
            Key::Shared(shared) => shared.sign(context, digests),
        }
    }
}

fn other_key(certificate: &Path, whom: &str) -> Failure {
    Failure::Usage(format!("the certificate in {} is of another key than {whom:?}", certificate.display()))
}

impl Shared {
    fn sign(self, context: &Context, digests: &[[u8; 32]]) -> Result<Vec<Signature>, Failure> {
        let Self { store, client, key, credentials } = self;
        let unlocked = context.run(async {
            ensure_active(&store, &client, &key).await?;
            unlock(context, &store, &client, key, credentials).await
        })?;
        let mut batch = Batch::new(digests.iter().map(Digest::reduce).collect());
        let failures = context.block_on(async {
            let signed = client.sign(&unlocked.key, &mut batch, interrupted(), |_, _| ()).await;
            client.connection().close().await;
            signed
        })?;
        context.output.pin_failures(failures);
        let signatures = batch.items().iter().map(|item| item.signature().copied()).collect::<Option<_>>();
        Ok(signatures.ok_or(Error::Internal("no signature"))?)
    }
}
