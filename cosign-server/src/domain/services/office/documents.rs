//! Documents of platforms: handed in, looked at, judged, given out, forgotten.

use std::sync::Arc;

use pki::validate::Verdict;
use seal::{
    geometry::Size,
    place::{Hit, Place},
    report::Report,
    verify::Terms,
};
use zeroize::Zeroizing;

use super::{
    Actor, Failed, Office, Plan, User,
    paper::{self, Bytes, Pressed, Tools},
    scans::{check_text, named},
};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Entity as _, Id, State as _, Stored,
        document::{self, Blob, Document, DocumentFormat, MAX_BYTES, MAX_KEPT, New},
        personal::Kind,
        ports::{AttachmentRow, OfficeWrite},
        proof::Hash,
    },
    once::Once,
    page::{Page, Paged},
    ports::Write,
};

/// Documents that are worked on at once: each takes a multiple of its length.
pub(super) const AT_ONCE: usize = 8;
impl Office {
    /// Keeps a document of a platform.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what is no document that can be read, [`Error::Conflict`] for one too many, [`Error::Busy`];
    /// storage faults.
    pub async fn hand_in_document(
        &self,
        client: &ApiClient,
        name: &str,
        bytes: &[u8],
        once: &Once,
    ) -> Result<Id, Error> {
        check_text(name)?;
        if bytes.is_empty() || bytes.len() > MAX_BYTES {
            return Err(Error::BadRequest("a document has at most 16 MiB"));
        }
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let list = Document::list(named(client));
                let page = Page::first(MAX_KEPT);
                let kept = self.ports.entities.entities_under(Document::KIND, list, &page).await?;
                if kept.len() >= usize::try_from(MAX_KEPT).unwrap_or(usize::MAX) {
                    return Err(Error::Conflict("the platform has as many documents here as it may").into());
                }
                let copy = Zeroizing::new(bytes.to_vec());
                let facts = self.aside(move || paper::facts(copy)).await?;
                let id = plan.id()?;
                let (blob, keep) = self.document_blob(plan, id, Zeroizing::new(bytes.to_vec())).await?;
                let new = New {
                    client: named(client),
                    name: self.ports.vault.seal(Kind::Words, name)?,
                    format: facts.format,
                    pages: u32::try_from(facts.pages.len()).unwrap_or(u32::MAX),
                    blob,
                };
                plan.make::<Document>(id, &document::Event::Keep(Box::new(new)))?;
                plan.write(keep);
                Ok(id)
            })
        })
        .await
    }

    /// Bytes of a document as they are to be kept: encrypted, and forgotten with an owner.
    pub(super) async fn document_blob(
        &self,
        plan: &Plan<'_>,
        owner: Id,
        bytes: Bytes,
    ) -> Result<(Blob, Write), Error> {
        let id = plan.id()?;
        let vault = Arc::clone(&self.ports.vault);
        let sealing = move || {
            let (digest, len) = (Hash(paper::digest(&bytes)), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            Ok((vault.seal_file(id, &bytes)?, Blob { id, owner, digest, len }))
        };
        let (sealed, blob) = self.aside(sealing).await?;
        let row = AttachmentRow { id, owner, created_ms: plan.now_ms, sealed };
        Ok((blob, Write::Office(OfficeWrite::Attach(Box::new(row)))))
    }

    /// The bytes of a document.
    pub(super) async fn document_bytes(&self, blob: Blob) -> Result<Bytes, Error> {
        let row = self.ports.entities.attachment(blob.id).await?.ok_or(Error::NotFound)?;
        let vault = Arc::clone(&self.ports.vault);
        self.aside(move || vault.open_file(blob.id, &row.sealed)).await
    }

    /// A document of a platform.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and for one that is gone; storage faults.
    pub async fn document_of(&self, client: &ApiClient, id: Id) -> Result<Stored<Document>, Error> {
        let found = self.find::<Document>(id).await?;
        is_there(&found.entity, named(client))?;
        Ok(found)
    }

    /// The documents of a platform that are there, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn documents_of(
        &self,
        client: &ApiClient,
        page: &Page,
    ) -> Result<Paged<Stored<Document>>, Error> {
        self.under::<Document>(Document::list(named(client)), page).await
    }

    /// What a document is called.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn document_name(&self, document: &Document) -> Result<Option<Zeroizing<String>>, Error> {
        document.name.as_ref().map(|name| self.ports.vault.open(Kind::Words, name)).transpose()
    }

    /// A document as it is given out.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] while it is being sealed, [`Error::Busy`]; storage faults.
    pub async fn given_document(&self, client: &ApiClient, id: Id) -> Result<(DocumentFormat, Bytes), Error> {
        let document = self.document_of(client, id).await?.entity;
        Ok((document.format, self.document_bytes(document.given()?).await?))
    }

    /// A document as it is now, for whoever holds it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whoever does not, [`Error::Busy`]; storage faults.
    pub(super) async fn held_document(&self, (id, by): (Id, Id)) -> Result<(DocumentFormat, Bytes), Error> {
        let document = self.find::<Document>(id).await?.entity;
        if document.held_by() != Some(by) {
            return Err(Error::NotFound);
        }
        Ok((document.format, self.document_bytes(document.present()).await?))
    }

    /// The document that a scan of a user is about, as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and once the scan is over; [`Error::Busy`], storage faults.
    pub async fn document_of_scan(&self, user: &User, id: Id) -> Result<(DocumentFormat, Bytes), Error> {
        let scan = self.scanned(user, id).await?.entity;
        self.held_document((scan.terms.document.ok_or(Error::NotFound)?, id)).await
    }

    /// The document that a task of a user is about, as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and once the task is over; [`Error::Busy`], storage faults.
    pub async fn document_of_task(&self, user: &User, id: Id) -> Result<(DocumentFormat, Bytes), Error> {
        let paper = self.task(user, id).await?.entity.filed.paper.ok_or(Error::NotFound)?;
        self.held_document((paper.document, id)).await
    }

    /// The sizes of the pages of a document, in millimetres.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Busy`]; storage faults.
    pub async fn document_pages(&self, client: &ApiClient, id: Id) -> Result<Vec<Size>, Error> {
        let document = self.document_of(client, id).await?.entity;
        let bytes = self.document_bytes(document.present()).await?;
        self.aside(move || paper::facts(bytes).map(|facts| facts.pages)).await
    }

    /// The picture of a page of a document as it is now, from 1: PNG. Within a session it shows what was sealed there.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no page too, [`Error::BadRequest`] for one that cannot be drawn, [`Error::Busy`]; storage faults.
    pub async fn document_picture(&self, client: &ApiClient, id: Id, page: u32) -> Result<Vec<u8>, Error> {
        let document = self.document_of(client, id).await?.entity;
        if page == 0 || page > document.pages {
            return Err(Error::NotFound);
        }
        let bytes = self.document_bytes(document.present()).await?;
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        self.aside(move || paper::picture(bytes, document.format, page)).await
    }

    /// Where a text stands in a document, in reading order; at most 1000 places.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`], [`Error::Busy`]; storage faults.
    pub async fn find_in_document(&self, client: &ApiClient, id: Id, text: &str) -> Result<Vec<Hit>, Error> {
        if text.trim().is_empty() || text.chars().count() > 200 {
            return Err(Error::BadRequest("a keyword has 1 to 200 characters"));
        }
        let document = self.document_of(client, id).await?.entity;
        let (bytes, text) = (self.document_bytes(document.present()).await?, text.to_owned());
        self.aside(move || paper::find(bytes, &text)).await
    }

    /// What verification finds in a document of a platform as it is given out.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] while it is being sealed, [`Error::Busy`]; storage faults.
    pub async fn judge_document(&self, client: &ApiClient, id: Id) -> Result<Report, Error> {
        let (_, bytes) = self.given_document(client, id).await?;
        self.judge_bytes(bytes).await
    }

    /// What verification finds in a document that a user has. It is not kept.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what is no document, [`Error::Busy`]; storage faults.
    pub async fn judge_document_of(&self, _: &User, bytes: &[u8]) -> Result<Report, Error> {
        self.judge_bytes(Zeroizing::new(bytes.to_vec())).await
    }

    async fn judge_bytes(&self, bytes: Bytes) -> Result<Report, Error> {
        let (trust, now) = (self.trust().await?, paper::time(self.ports.clock.now_ms())?);
        self.aside(move || paper::judge(bytes, &Terms::new(&trust, now))).await
    }

    /// The platform wants a document no more: its bytes are forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] while it is being sealed; storage faults.
    pub async fn delete_document(&self, client: &ApiClient, id: Id, once: &Once) -> Result<(), Error> {
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                own_document(plan, client, id).await?;
                plan.happen::<Document>(id, &document::Event::Delete).await?;
                Ok(())
            })
        })
        .await
    }

    /// Puts a seal on, and judges what came of it.
    pub(super) async fn press(
        &self,
        plan: &Plan<'_>,
        (tools, places): (Tools, Vec<Place>),
        bytes: Bytes,
        (signature, token): ([u8; 64], Option<Vec<u8>>),
        worst: Verdict,
    ) -> Result<Pressed, Error> {
        let (trust, now) = (self.trust().await?, paper::time(plan.now_ms)?);
        self.aside(move || {
            let signed = (&signature, token.as_deref());
            tools.press(bytes, &places, signed, &Terms::new(&trust, now), worst)
        })
        .await
    }
}

/// That a document is there, and this client's.
pub(super) fn is_there(document: &Document, client: Id) -> Result<(), Error> {
    if document.client == client && !document.state().is_over() { Ok(()) } else { Err(Error::NotFound) }
}

pub(super) async fn own_document(
    plan: &mut Plan<'_>,
    client: &ApiClient,
    id: Id,
) -> Result<Document, Failed> {
    let document = plan.find::<Document>(id).await?.entity;
    is_there(&document, named(client))?;
    Ok(document)
}
