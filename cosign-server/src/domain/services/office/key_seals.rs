//! Documents that are sealed with a key elsewhere, on a USB key, say: the same preparation and the same judgement.

use pki::validate::Verdict;
use seal::place::Place;
use zeroize::Zeroizing;

use super::{Actor, Office, documents::own_document, paper::Tools};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Id,
        document::{self, Document, Mark, MarkKind, Spot},
        proof::Hash,
    },
    once::Once,
};

/// How far the time of a seal that was made elsewhere may be off, milliseconds.
const KEY_MS: u64 = 300_000;
/// Longest seal of elsewhere in bytes.
pub const MAX_SEAL: usize = 256 * 1024;

/// What is sealed with a key that is elsewhere: on a USB key, say.
pub struct KeySeal {
    /// The certificate of the key, DER.
    pub certificate: Vec<u8>,
    /// The seal as its maker signed it, DER.
    pub seal: Vec<u8>,
    /// Where it shows.
    pub spots: Vec<Spot>,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

impl Office {
    /// What a key elsewhere is to sign, so that it seals a document. Nothing changes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`], [`Error::Conflict`] when it cannot be sealed so, [`Error::Busy`]; storage
    /// faults.
    pub async fn digest_for_key(&self, client: &ApiClient, id: Id, seal: &KeySeal) -> Result<Hash, Error> {
        let (_, bytes) = self.given_document(client, id).await?;
        let (tools, places) = self.key_tools(seal)?;
        self.aside(move || tools.digest(bytes, &places).map(Hash)).await
    }

    /// A key elsewhere has signed that: the seal is put on, and what came of it is judged.
    ///
    /// # Errors
    /// As [`Self::digest_for_key`]; [`Error::BadRequest`] for another signature.
    pub async fn seal_by_key(
        &self,
        client: &ApiClient,
        id: Id,
        (seal, signature): (&KeySeal, &[u8; 64]),
        once: &Once,
    ) -> Result<(), Error> {
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let document = own_document(plan, client, id).await?;
                let bytes = self.document_bytes(document.given()?).await?;
                let (tools, places) = self.key_tools(seal)?;
                // Who issued the certificate is for whoever relies on it to judge; that it holds is judged here.
                let worst = Verdict::Indeterminate;
                let pressed = self.press(plan, (tools, places), bytes, (*signature, None), worst).await?;
                let owner = plan.id()?;
                let (blob, keep) = self.document_blob(plan, owner, pressed.bytes).await?;
                let mark = Mark {
                    kind: MarkKind::Sealed,
                    signature: pressed.signature,
                    seal: None,
                    certificate: None,
                    by: None,
                    at_ms: plan.now_ms,
                };
                plan.happen::<Document>(id, &document::Event::Change { by: None, blob, mark }).await?;
                plan.write(keep);
                Ok(())
            })
        })
        .await
    }

    fn key_tools(&self, seal: &KeySeal) -> Result<(Tools, Vec<Place>), Error> {
        if seal.at_ms.abs_diff(self.ports.clock.now_ms()) > KEY_MS {
            return Err(Error::BadRequest("the time of a seal is now"));
        }
        if seal.seal.len() > MAX_SEAL {
            return Err(Error::BadRequest("the seal or its picture cannot be read"));
        }
        let places = Spot::places(&seal.spots)?;
        let (der, signer) = (Zeroizing::new(seal.seal.clone()), seal.certificate.clone());
        Ok((Tools { seal: der, signer, at_ms: seal.at_ms, stamp: None }, places))
    }
}
