//! The last seal of a document goes, with the certificate that made it.

use super::{
    Failed, Office, Plan,
    documents::is_there,
    paper,
    scans::{NewItem, named},
};
use crate::domain::{
    Error,
    ca::Serial,
    clients::ApiClient,
    office::{
        Id,
        document::{Document, Mark, MarkKind},
        proof::{CertificateName, Hash},
        scan::{Form, Item, Plea, Scan, Terms},
    },
};

impl Office {
    /// What a session about a document asks for: it is there; and for the removal of its last seal, the certificate that made
    /// it, and a message to be signed with that.
    pub(super) async fn about_document(
        &self,
        plan: &mut Plan<'_>,
        (client, plea): (&ApiClient, Plea),
        terms: &mut Terms,
        items: &mut Vec<Item>,
    ) -> Result<(), Failed> {
        let Some(id) = terms.document else { return Ok(()) };
        let document = plan.find::<Document>(id).await?.entity;
        is_there(&document, named(client))?;
        if !items.is_empty() {
            return Err(Error::BadRequest("these are not the items that are needed for this").into());
        }
        if plea != Plea::RemoveSeal {
            return Ok(());
        }
        let (bytes, now) = (self.document_bytes(document.given()?).await?, paper::time(plan.now_ms)?);
        let (signature, signer) = self.aside(move || paper::last(bytes, now)).await?;
        let made_by = self.certificate_of(&signer).await?;
        if terms.certificate.as_ref().is_some_and(|wanted| *wanted != made_by) {
            return Err(Error::Conflict("another certificate made the last seal").into());
        }
        terms.certificate = Some(made_by);
        let content = removal(&document, &signature);
        *items = self.items(&[NewItem { name: signature, form: Form::Message, content }])?;
        Ok(())
    }

    /// Which certificate this is of those that were issued here.
    async fn certificate_of(&self, der: &[u8]) -> Result<CertificateName, Error> {
        let certificate = pki::Certificate::from_der(der).map_err(|_| Error::Internal)?;
        let serial = Serial::from_hex(&certificate.serial_hex())?;
        for authority in self.ports.authorities.list().await? {
            match self.ports.authorities.certificate(&authority.id, &serial).await {
                Ok(found) if found.der == der => return Ok(CertificateName::of(&found)),
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict("the last seal was made with a certificate of elsewhere"))
    }

    /// The user has signed that the last seal goes: it goes.
    pub(super) async fn take_off(&self, plan: &mut Plan<'_>, (id, scan): (Id, &Scan)) -> Result<(), Error> {
        let (Plea::RemoveSeal, Some(document), Some((chosen, _))) =
            (scan.plea, scan.terms.document, &scan.chosen)
        else {
            return Ok(());
        };
        let held = plan.find::<Document>(document).await?.entity;
        let bytes = self.document_bytes(held.present()).await?;
        let (own, now) = (self.certificate(&chosen.name).await?.der, paper::time(plan.now_ms)?);
        let (rest, signature) = self
            .aside(move || {
                let (signature, signer) = paper::last(bytes.clone(), now)?;
                if signer != own {
                    return Err(Error::Conflict("another certificate made the last seal"));
                }
                Ok((paper::without_last(bytes, &signature, now)?, signature))
            })
            .await?;
        let mark = Mark {
            kind: MarkKind::Removed,
            signature,
            seal: None,
            certificate: Some(chosen.name.clone()),
            by: Some(id),
            at_ms: plan.now_ms,
        };
        self.work_on(plan, (document, id), rest, mark).await
    }
}

/// What is signed so that a seal goes: which one, of which document.
fn removal(document: &Document, signature: &str) -> Vec<u8> {
    let Hash(digest) = document.present().digest;
    format!("cosign remove-seal 1\n{signature}\n{}\n", hex::encode(digest)).into_bytes()
}
