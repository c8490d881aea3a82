//! Work on the bytes of a document: on a thread of its own, a few at once, within the limits of the crate `seal`.

use std::{io::Cursor, sync::Arc};

use cosign_core::sm_primitives::{sm2::Signature, sm3};
use pki::{
    Certificate, RevocationList, Time,
    validate::{Validator, Verdict},
};
use seal::{
    document::{Document, Look, Sealing, SealingForm},
    geometry::Size,
    picture::Font,
    place::{Finder as _, Hit, Pages, Place},
    preview::{self, Fallback},
    report::{Format, Report},
    ses::{ElectronicSeal, unsigned_data},
    verify::Terms,
};
use zeroize::Zeroizing;

use super::Office;
use crate::domain::{
    Error,
    ca::Backend,
    office::document::{DocumentFormat, MAX_BYTES, MAX_PAGES},
};

/// Pixels per inch of the picture of a page.
const RESOLUTION: f64 = 96.0;
/// Most places of a text that are told.
pub(super) const MAX_FOUND: usize = 1000;

/// The bytes of a document.
pub(super) type Bytes = Zeroizing<Vec<u8>>;
type Opened = Document<Cursor<Bytes>>;

/// What a document is.
pub(super) struct Facts {
    pub(super) format: DocumentFormat,
    /// In millimetres.
    pub(super) pages: Vec<Size>,
}

/// What a seal is put on with.
pub(super) struct Tools {
    /// The seal as its maker signed it, DER.
    pub(super) seal: Bytes,
    /// The certificate that signs, DER.
    pub(super) signer: Vec<u8>,
    /// When, unix milliseconds.
    pub(super) at_ms: u64,
    /// Most bytes of a time-stamp over the signature, if there is to be one.
    pub(super) stamp: Option<usize>,
}

/// A document that was sealed.
pub(super) struct Pressed {
    pub(super) bytes: Bytes,
    /// How the document names the signature.
    pub(super) signature: String,
}

/// What a document or a seal that cannot be worked on says.
pub(super) fn refused(error: seal::Error) -> Error {
    match error {
        seal::Error::Unusable(why) => Error::Conflict(why),
        seal::Error::TooLarge(_) => Error::BadRequest("the document has more in it than is looked at"),
        seal::Error::InvalidSignature => {
            Error::BadRequest("a signature does not verify with the certificate")
        }
        seal::Error::Unsupported(_) | seal::Error::Malformed(_) => {
            Error::BadRequest("the document is no PDF or OFD that can be read")
        }
        error => {
            tracing::error!(%error, "a document was not worked on");
            Error::Internal
        }
    }
}

pub(super) fn time(ms: u64) -> Result<Time, Error> {
    Time::from_unix(ms / 1000).ok_or(Error::Internal)
}

fn open(bytes: Bytes) -> Result<Opened, Error> {
    Document::open(Cursor::new(bytes)).map_err(refused)
}

/// What a document is, if it is one.
pub(super) fn facts(bytes: Bytes) -> Result<Facts, Error> {
    let mut document = open(bytes)?;
    let format = match document.format() {
        Format::Pdf => DocumentFormat::Pdf,
        Format::Ofd | Format::Seal => DocumentFormat::Ofd,
    };
    let pages = document.pages().map_err(refused)?;
    if pages.is_empty() || pages.len() > MAX_PAGES {
        return Err(Error::BadRequest("a document has 1 to 2000 pages"));
    }
    Ok(Facts { format, pages })
}

/// Where a text stands.
pub(super) fn find(bytes: Bytes, text: &str) -> Result<Vec<Hit>, Error> {
    let mut hits = open(bytes)?.find(text).map_err(refused)?;
    hits.truncate(MAX_FOUND);
    Ok(hits)
}

/// The picture of a page, from 1: PNG.
pub(super) fn picture(bytes: Bytes, format: DocumentFormat, page: usize) -> Result<Vec<u8>, Error> {
    let fallback = Fallback::font(Font::bundled().as_bytes().to_vec()).map_err(refused)?;
    let pages = Pages::one(page);
    let drawn = match format {
        DocumentFormat::Pdf => preview::pdf(bytes, &pages, RESOLUTION, &fallback),
        DocumentFormat::Ofd => preview::ofd(Cursor::new(bytes), &pages, RESOLUTION, &fallback),
    };
    let drawn = drawn.map_err(refused)?.into_iter().next();
    drawn.map(|picture| picture.bytes).ok_or(Error::NotFound)
}

impl Tools {
    fn read(&self) -> Result<(ElectronicSeal, Look, Certificate, Time), Error> {
        const UNREADABLE: Error = Error::BadRequest("the seal or its picture cannot be read");
        let seal = ElectronicSeal::parse(&self.seal).map_err(|_| UNREADABLE)?;
        let look = Look::new(seal.picture()).map_err(|_| UNREADABLE)?;
        let signer = Certificate::from_der(&self.signer)
            .map_err(|_| Error::BadRequest("the certificate cannot be read"))?;
        Ok((seal, look, signer, time(self.at_ms)?))
    }

    const fn sealing<'a>(
        &self,
        (seal, look): (&'a ElectronicSeal, &'a Look),
        (signer, time): (&'a Certificate, Time),
        places: &'a [Place],
    ) -> Sealing<'a> {
        Sealing {
            form: SealingForm::Seal(seal, look),
            signer,
            time,
            time_stamp: self.stamp,
            places,
            reason: None,
            location: None,
            finish: false,
        }
    }

    /// What is to be signed for a document.
    pub(super) fn digest(&self, bytes: Bytes, places: &[Place]) -> Result<[u8; 32], Error> {
        let (seal, look, signer, time) = self.read()?;
        let mut document = open(bytes)?;
        let prepared =
            document.prepare(&self.sealing((&seal, &look), (&signer, time), places)).map_err(refused)?;
        Ok(*prepared.digest())
    }

    /// Puts the seal on, and judges what came of it before anybody has it.
    pub(super) fn press(
        &self,
        bytes: Bytes,
        places: &[Place],
        (signature, token): (&[u8; 64], Option<&[u8]>),
        terms: &Terms<'_>,
        worst: Verdict,
    ) -> Result<Pressed, Error> {
        let (seal, look, signer, time) = self.read()?;
        let mut document = open(bytes)?;
        let signature = Signature::from_bytes(signature)
            .map_err(|_| Error::BadRequest("a signature does not verify with the certificate"))?;
        let prepared =
            document.prepare(&self.sealing((&seal, &look), (&signer, time), places)).map_err(refused)?;
        let mut out = Zeroizing::new(Vec::new());
        prepared.write(&signature, token, &mut *out).map_err(refused)?;
        if out.len() > MAX_BYTES {
            return Err(Error::Conflict("the document would be longer than a document may be"));
        }
        let report = open(out.clone())?.verify(terms).map_err(refused)?;
        let last = report.signatures.last().ok_or(Error::Internal)?;
        let is_own = last.signer.as_ref().is_some_and(|found| found.as_der() == signer.as_der());
        if !is_own || last.verdict > worst {
            tracing::warn!(error = ?last.reasons, "what was sealed does not verify");
            return Err(Error::Conflict("the seal does not verify in the document"));
        }
        Ok(Pressed { bytes: out, signature: last.id.clone() })
    }

    /// What is to be signed for a digest of something elsewhere.
    pub(super) fn digest_of(&self, digest: &[u8; 32], info: &str) -> Result<[u8; 32], Error> {
        let (seal, _, signer, time) = self.read()?;
        let unsigned = unsigned_data(&seal, &signer, time, digest, info).map_err(refused)?;
        Ok(*unsigned.digest())
    }

    /// The sealed data of something elsewhere, DER.
    pub(super) fn data_of(
        &self,
        digest: &[u8; 32],
        info: &str,
        signature: &[u8; 64],
    ) -> Result<Vec<u8>, Error> {
        let (seal, _, signer, time) = self.read()?;
        let signature = Signature::from_bytes(signature).map_err(|_| Error::Internal)?;
        let unsigned = unsigned_data(&seal, &signer, time, digest, info).map_err(refused)?;
        unsigned.to_der(&signature, None).map_err(refused)
    }
}

/// What verification finds.
pub(super) fn judge(bytes: Bytes, terms: &Terms<'_>) -> Result<Report, Error> {
    open(bytes)?.verify(terms).map_err(refused)
}

/// The last signature: how it is named, and the certificate of who made it, DER.
pub(super) fn last(bytes: Bytes, now: Time) -> Result<(String, Vec<u8>), Error> {
    let validator = Validator::new();
    let report = judge(bytes, &Terms::new(&validator, now))?;
    let last = report.signatures.last().ok_or(Error::Conflict("the document has no seal"))?;
    let signer = last.signer.as_ref().ok_or(Error::Conflict("who made the last seal is not known"))?;
    Ok((last.id.clone(), signer.as_der().to_vec()))
}

/// A document without its last signature, which is this one.
pub(super) fn without_last(bytes: Bytes, id: &str, now: Time) -> Result<Bytes, Error> {
    let mut document = open(bytes)?;
    let mut out = Zeroizing::new(Vec::new());
    document.remove_last(id, now, &mut *out).map_err(refused)?;
    open(out.clone())?.pages().map_err(refused)?;
    Ok(out)
}

/// SM3 of bytes.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    sm3::digest(bytes)
}

impl Office {
    /// Does something that computes for long on a thread for that; no more than so many at once.
    ///
    /// # Errors
    /// [`Error::Busy`] while as many are worked on as may be; what the work says.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.presses).try_acquire_owned().map_err(|_| Error::Busy)?;
        // The permit goes along: who asked may be gone before the work is done.
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| {
            tracing::error!("work on a document ended early");
            Error::Internal
        })?
    }

    /// What documents are judged by: the authorities of this server, and whom they revoked.
    ///
    /// # Errors
    /// [`Error::Busy`], storage faults.
    pub(super) async fn trust(&self) -> Result<Validator, Error> {
        let mut validator = Validator::new();
        for authority in self.ports.authorities.list().await? {
            let mut chain = authority.chain.into_iter().rev();
            if let Some(root) = chain.next() {
                validator = validator.with_anchor(root);
            }
            validator = chain.fold(validator, Validator::with_intermediate);
            if authority.options.backend == Backend::Embedded {
                let list = self.ports.authorities.revocation_list(&authority.id, false).await?;
                let list = RevocationList::from_der(&list.der).map_err(|_| Error::Internal)?;
                validator = validator.with_list(list);
            }
        }
        Ok(validator)
    }
}
