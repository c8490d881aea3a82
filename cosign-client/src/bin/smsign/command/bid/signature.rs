//! Signatures of bids: made with a key at hand, and verified.

use std::{fs::File, io, path::Path, sync::Arc};

use cosign_client::{Batch, Client, Credentials, Error, Item, Store, StoredKey, clock};
use cosign_core::{Digest, Purpose};
use envelope::{
    bid::{Signatory, Statement},
    cms,
    io::bid::Bid,
    name,
};
use getrandom::SysRng;
use serde::Serialize;
use sm_primitives::sm2::{PrivateKey, PublicKey, Signature, dsa};

use super::broken;
use crate::{
    context::{Context, credentials, ensure_active, interrupted, unlock},
    keyfile::{self, PublicFile},
    output::Failure,
    progress::{Stopped, Unit},
};

/// What became of a bid's signature.
#[derive(Serialize)]
pub(super) struct Verdict {
    pub(super) valid: bool,
    /// Of the key that signed, as the manifest has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// What the certificate in the signature says.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// As the signer says.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// Never so far: who issued the certificate is for others to judge.
    chain_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Verdict {
    fn good(signatory: &Signatory) -> Self {
        Self {
            valid: true,
            key_id: Some(signatory.key_id().to_string()),
            subject: Some(name::display(signatory.certificate().subject())),
            signed_at: signatory.time().map(|time| time.to_string()),
            chain_verified: false,
            reason: None,
        }
    }

    pub(super) const fn bad(reason: String) -> Self {
        let (key_id, subject, signed_at) = (None, None, None);
        Self { valid: false, key_id, subject, signed_at, chain_verified: false, reason: Some(reason) }
    }

    /// The same as a line of text.
    pub(super) fn line(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        if !self.valid {
            return format!("signature: INVALID, {}", text(&self.reason));
        }
        let at = self.signed_at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let (subject, key_id) = (text(&self.subject), text(&self.key_id));
        format!("signed by {subject} (key {key_id}){at}; the chain of the certificate was not verified")
    }
}

/// Verifies the signature of a bid, which takes reading all of it; `None` for one that names no signer.
pub(super) fn verify(
    context: &Context,
    path: &Path,
    mut bid: Bid<File>,
) -> Result<(Bid<File>, Option<Verdict>), Failure> {
    let progress = context.progress("verifying", Unit::Bytes, bid.body_len());
    let (task, path) = (progress.clone(), path.to_owned());
    let verified = context.run(Context::blocking(move || {
        let passed = |len| Ok(task.advance(len).map_err(|_| io::Error::other(Stopped))?);
        let signatory = bid.verify(passed).map_err(|error| broken(error, &path))?;
        Ok((bid, signatory.as_ref().map(Verdict::good)))
    }))?;
    progress.finish();
    Ok(verified)
}

/// Who is going to sign a bid.
pub(super) struct BidSigner {
    signer: cms::Signer,
    key: Key,
    pub(super) public_key: PublicKey,
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

impl BidSigner {
    /// Finds the key, a label or id before a file of that name, and asks for its PIN.
    pub(super) fn prepare(context: &Context, whom: &str, certificate: &Path) -> Result<Self, Failure> {
        let PublicFile::Certificate(content, public_key) = PublicFile::read(certificate)? else {
            return Err(Failure::Usage(format!("{} is a key without a certificate", certificate.display())));
        };
        let bad =
            |error: envelope::Error| Error::BadFile { path: certificate.to_owned(), what: error.to_string() };
        let mut signer = cms::Signer::new(&content).map_err(bad)?;
        if let Some(time) = cms::Time::from_unix(clock::now_ms() / 1000) {
            signer = signer.at(time);
        }
        let known = || context.store().is_ok_and(|store| store.find(Some(whom), Some(Purpose::Sign)).is_ok());
        let other = || {
            Failure::Usage(format!(
                "the certificate in {} is of another key than {whom:?}",
                certificate.display()
            ))
        };
        if Path::new(whom).is_file() && !known() {
            let key = keyfile::private_key(Path::new(whom), Purpose::Sign, &context.passwords)?;
            if *key.public_key() != public_key {
                return Err(other());
            }
            return Ok(Self { signer, key: Key::Local(key), public_key });
        }
        let store = context.store()?;
        let key = store.find(Some(whom), Some(Purpose::Sign))?;
        if key.public_key() != public_key {
            return Err(other());
        }
        let (client, device) = context.client_for(&store, &key)?;
        let credentials = credentials(context, &key, device)?;
        let shared = Shared { store, client, key, credentials };
        Ok(Self { signer, key: Key::Shared(Box::new(shared)), public_key })
    }

    /// The SignedData over what was sealed.
    pub(super) fn sign(self, context: &Context, statement: &Statement) -> Result<Vec<u8>, Failure> {
        let unsigned = statement.unsigned(self.signer).map_err(Error::Envelope)?;
        let digest = unsigned.digests().first().ok_or(Error::Internal("nothing to sign"))?;
        let signature = match self.key {
            Key::Local(key) => {
                dsa::sign_digest(&key, digest, &mut SysRng).map_err(|_| Error::RandomFailed)?
            }
            Key::Shared(shared) => shared.sign(context, digest)?,
        };
        let signed = unsigned.complete(&[signature]).map_err(Error::Envelope)?;
        Ok(signed.detached().map_err(Error::Envelope)?)
    }
}

impl Shared {
    fn sign(self, context: &Context, digest: &[u8; 32]) -> Result<Signature, Failure> {
        let Self { store, client, key, credentials } = self;
        let unlocked = context.run(async {
            ensure_active(&store, &client, &key).await?;
            unlock(context, &store, &client, key, credentials).await
        })?;
        let mut batch = Batch::new(vec![Digest::reduce(digest)]);
        let failures = context.block_on(async {
            let signed = client.sign(&unlocked.key, &mut batch, interrupted(), |_, _| ()).await;
            client.connection().close().await;
            signed
        })?;
        context.output.pin_failures(failures);
        let signature = batch.items().first().and_then(Item::signature).copied();
        Ok(signature.ok_or(Error::Internal("no signature"))?)
    }
}
