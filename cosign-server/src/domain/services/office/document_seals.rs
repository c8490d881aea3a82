//! Sealing in a session: the platform says with which seal and where, the phone signs, the server puts it into the document.

use pki::validate::Verdict;

use super::{
    Actor, Office, Plan,
    paper::{Bytes, Tools},
    scans::{check_text, named},
    usable_seals::Sealer,
};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Entity as _, Id, Stored,
        catalogue::Service,
        document::{self, Document, Mark, MarkKind, Sealed, Sealing, Spot},
        ports::OfficeWrite,
        proof::{CertificateName, Hash},
        scan::{self, Form, Item, Plea, Scan, ScanState},
        seal::Seal,
    },
    once::Once,
    ports::Write,
};

/// Longest description of what was digested, in characters.
const MAX_INFO: usize = 200;

/// What a platform wants sealed in a session.
pub struct ToSeal {
    /// What the platform calls it.
    pub name: String,
    /// With which seal.
    pub seal: Id,
    /// What.
    pub what: Sealed,
}

/// Who seals in a scan, once its user has confirmed.
fn sealer(scan: &Scan) -> Result<Sealer<'_>, Error> {
    let confirmed = matches!(scan.state(), ScanState::Confirmed | ScanState::Running);
    match (scan.plea, scan.account, &scan.chosen) {
        (Plea::Seal, Some(account), Some((certificate, _))) if confirmed => {
            Ok(Sealer { account, enterprise: scan.enterprise, certificate })
        }
        _ => Err(Error::Conflict("nobody waits to seal")),
    }
}

impl Office {
    /// The seals that the user of a session may use now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when nobody waits to seal; storage faults.
    pub async fn seals_for_scan(&self, client: &ApiClient, id: Id) -> Result<Vec<Stored<Seal>>, Error> {
        let scan = self.scan_of(client, id).await?.entity;
        self.usable_seals(&mut self.plan(None), sealer(&scan)?).await
    }

    /// One of them.
    ///
    /// # Errors
    /// As [`Self::seals_for_scan`]; [`Error::NotFound`] for any other seal.
    pub async fn seal_for_scan(&self, client: &ApiClient, id: Id, seal: Id) -> Result<Stored<Seal>, Error> {
        let seals = self.seals_for_scan(client, id).await?;
        seals.into_iter().find(|one| one.id == seal).ok_or(Error::NotFound)
    }

    /// One of them as its maker signed it, DER.
    ///
    /// # Errors
    /// As [`Self::seal_for_scan`].
    pub async fn seal_data_for_scan(&self, client: &ApiClient, id: Id, seal: Id) -> Result<Vec<u8>, Error> {
        let seal = self.seal_for_scan(client, id, seal).await?;
        self.read_file(self.signed_file(&seal).await?).await
    }

    /// The platform says what is sealed next, with which seal and where: the phone is then to sign that.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's session and for a seal that the user may not use, [`Error::BadRequest`],
    /// [`Error::Conflict`] when nobody waits, nothing is left of what was bought, or the document cannot be sealed so;
    /// [`Error::Busy`], storage faults.
    pub async fn hand_in_sealing(
        &self,
        client: &ApiClient,
        id: Id,
        wanted: &ToSeal,
        once: &Once,
    ) -> Result<(), Error> {
        check_text(&wanted.name)?;
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let scan = plan.find::<Scan>(id).await?.entity;
                if scan.system.client != named(client) {
                    return Err(Error::NotFound.into());
                }
                let by = sealer(&scan)?;
                let owner = by.enterprise.unwrap_or(by.account);
                for service in [Service::Ca, Service::Seal] {
                    self.is_paid(plan, owner, &scan, service).await?;
                }
                let (digest, sealing) = self.prepared(plan, (id, &scan), by, wanted).await?;
                let item = Item {
                    name: wanted.name.clone(),
                    form: Form::Digest,
                    content: None,
                    digest: Some(digest),
                    result: None,
                    sealing: Some(Box::new(sealing)),
                };
                plan.happen::<Scan>(id, &scan::Event::Add(vec![item])).await?;
                Ok(())
            })
        })
        .await
    }

    async fn prepared(
        &self,
        plan: &mut Plan<'_>,
        (id, scan): (Id, &Scan),
        by: Sealer<'_>,
        wanted: &ToSeal,
    ) -> Result<(Hash, Sealing), Error> {
        if scan.terms.seal.is_some_and(|named| named != wanted.seal) {
            return Err(Error::NotFound);
        }
        let what = wanted.what.clone();
        if matches!(what, Sealed::Document(_)) != scan.terms.document.is_some() {
            return Err(Error::BadRequest("a session seals its document at places, or digests"));
        }
        if scan.items.iter().any(|item| item.is_of_document() && item.unsigned().is_some()) {
            return Err(Error::Conflict("the seal before this one is not signed yet"));
        }
        let sealing = self.sealing(plan, by, wanted.seal, what).await?;
        let held = scan.terms.document.map(|document| (document, id));
        Ok((self.digest_of(held, &by.certificate.name, &sealing).await?, sealing))
    }

    /// How something is sealed by somebody, now.
    pub(super) async fn sealing(
        &self,
        plan: &mut Plan<'_>,
        by: Sealer<'_>,
        seal: Id,
        what: Sealed,
    ) -> Result<Sealing, Error> {
        let usable = self.usable_seal(plan, by, seal).await?;
        let data = self.signed_file(&usable).await?;
        let stamp = match what {
            Sealed::Document(_) => self.stamp_len(&by.certificate.name.authority).await?,
            Sealed::Digest(..) => None,
        };
        Ok(Sealing { seal, data, at_ms: plan.now_ms, stamp, what })
    }

    async fn tools(&self, certificate: &CertificateName, sealing: &Sealing) -> Result<Tools, Error> {
        let seal = Bytes::new(self.read_file(sealing.data).await?);
        let signer = self.certificate(certificate).await?.der;
        Ok(Tools { seal, signer, at_ms: sealing.at_ms, stamp: sealing.stamp })
    }

    /// What is to be signed, so that something is sealed.
    pub(super) async fn digest_of(
        &self,
        held: Option<(Id, Id)>,
        certificate: &CertificateName,
        sealing: &Sealing,
    ) -> Result<Hash, Error> {
        let tools = self.tools(certificate, sealing).await?;
        let digest = match &sealing.what {
            Sealed::Document(spots) => {
                let places = Spot::places(spots)?;
                let (_, bytes) = self.held_document(held.ok_or(Error::Internal)?).await?;
                self.aside(move || tools.digest(bytes, &places)).await?
            }
            Sealed::Digest(Hash(digest), info) => {
                if info.is_empty() || info.chars().count() > MAX_INFO || info.chars().any(char::is_control) {
                    return Err(Error::BadRequest(
                        "a text has 1 to 200 characters and no control characters",
                    ));
                }
                let (digest, info) = (*digest, info.clone());
                self.aside(move || tools.digest_of(&digest, &info)).await?
            }
        };
        Ok(Hash(digest))
    }

    /// The phone has signed: what belongs into the document of a session is put there.
    pub(super) async fn put_seals(
        &self,
        plan: &mut Plan<'_>,
        (id, scan): (Id, &Scan),
        signatures: &[[u8; 64]],
    ) -> Result<(), Error> {
        let waiting = scan.items.iter().filter(|item| item.unsigned().is_some());
        for (item, signature) in waiting.zip(signatures) {
            let Some(sealing) = &item.sealing else { continue };
            let by = sealer(scan)?;
            self.still_usable(plan, by, sealing.seal).await?;
            if let (Sealed::Document(spots), Some(document)) = (&sealing.what, scan.terms.document) {
                let held = (document, id);
                self.put_seal(plan, held, (sealing, spots), &by.certificate.name, signature).await?;
            }
        }
        Ok(())
    }

    /// That a seal may still be used: it may have been cancelled since it was chosen, or its use withdrawn.
    pub(super) async fn still_usable(
        &self,
        plan: &mut Plan<'_>,
        by: Sealer<'_>,
        seal: Id,
    ) -> Result<(), Error> {
        match self.usable_seal(plan, by, seal).await {
            Ok(_) => Ok(()),
            Err(Error::NotFound) => Err(Error::Conflict("the seal cannot be used any more")),
            Err(error) => Err(error),
        }
    }

    /// Puts a seal that was signed for into a document, for who holds it.
    pub(super) async fn put_seal(
        &self,
        plan: &mut Plan<'_>,
        (document, by): (Id, Id),
        (sealing, spots): (&Sealing, &[Spot]),
        certificate: &CertificateName,
        signature: &[u8; 64],
    ) -> Result<(), Error> {
        let held = plan.find::<Document>(document).await?.entity;
        let bytes = self.document_bytes(held.present()).await?;
        let tools = (self.tools(certificate, sealing).await?, Spot::places(spots)?);
        let token = match sealing.stamp {
            Some(_) => Some(self.time_stamp(&certificate.authority, signature).await?),
            None => None,
        };
        let pressed = self.press(plan, tools, bytes, (*signature, token), Verdict::Valid).await?;
        let mark = Mark {
            kind: MarkKind::Sealed,
            signature: pressed.signature,
            seal: Some(sealing.seal),
            certificate: Some(certificate.clone()),
            by: Some(by),
            at_ms: sealing.at_ms,
        };
        self.work_on(plan, (document, by), pressed.bytes, mark).await
    }

    /// What came of a document in the hands of who holds it; what came of it there before is forgotten.
    pub(super) async fn work_on(
        &self,
        plan: &mut Plan<'_>,
        (document, by): (Id, Id),
        bytes: Bytes,
        mark: Mark,
    ) -> Result<(), Error> {
        let (blob, keep) = self.document_blob(plan, by, bytes).await?;
        let event = document::Event::Change { by: Some(by), blob, mark };
        plan.happen::<Document>(document, &event).await?;
        plan.write(Write::Office(OfficeWrite::Detach(by)));
        plan.write(keep);
        Ok(())
    }

    /// The sealed data over a digest that a platform handed in (`SES_Signature` of GB/T 38540-2020, DER).
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and for what is not signed or no such item; storage faults.
    pub async fn sealed_data(&self, client: &ApiClient, id: Id, index: usize) -> Result<Vec<u8>, Error> {
        let scan = self.scan_of(client, id).await?.entity;
        let item = scan.items.get(index).ok_or(Error::NotFound)?;
        let (Some(sealing), Some(signature), Some((certificate, _))) =
            (&item.sealing, &item.result, &scan.chosen)
        else {
            return Err(Error::NotFound);
        };
        let Sealed::Digest(Hash(digest), info) = &sealing.what else { return Err(Error::NotFound) };
        let signature = hex::decode(signature).ok().and_then(|bytes| bytes.try_into().ok());
        let signature: [u8; 64] = signature.ok_or(Error::Internal)?;
        let tools = self.tools(&certificate.name, sealing).await?;
        let (digest, info) = (*digest, info.clone());
        self.aside(move || tools.data_of(&digest, &info, &signature)).await
    }
}
