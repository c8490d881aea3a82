//! Documents on pictures: read, and shown to whoever handed the picture in.

use std::collections::BTreeMap;

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Id, Named as _, Stored,
        attachment::Media,
        personal::Kind,
        providers::Ocr,
        reading::{Field, Reading, Recognised, Side},
    },
    once::Once,
};

/// Longest text of a field, in characters.
const LONGEST: usize = 128;

impl Office {
    fn ocr(&self) -> Result<&dyn Ocr, Error> {
        self.ports.ocr.as_deref().ok_or(Error::NotOffered("this server reads no pictures"))
    }

    /// Whether nothing real is read.
    #[must_use]
    pub fn ocr_is_sandbox(&self) -> bool {
        self.ports.ocr.as_ref().is_some_and(|ocr| ocr.is_sandbox())
    }

    /// Reads a picture that a user handed in; one that was read before is not read again.
    ///
    /// # Errors
    /// [`Error::NotOffered`], [`Error::NotFound`] for another's file, [`Error::BadRequest`] for what is no picture; faults of
    /// the provider and storage.
    pub async fn recognise(
        &self,
        user: &User,
        file: Id,
        side: Side,
        once: Option<&Once>,
    ) -> Result<Stored<Reading>, Error> {
        let ocr = self.ocr()?;
        self.attachment(user, file).await?;
        let (id, owner) = (Reading::id_of(file, side), user.account().id);
        if let Some(known) = self.plan(None).seek::<Reading>(id).await? {
            return Ok(known);
        }
        let (media, picture) = self.read_attachment(file).await?;
        if media == Media::Pdf {
            return Err(Error::BadRequest("what is read stands on a PNG or JPEG picture"));
        }
        let seen = ocr.recognise(side, &picture).await?;
        let short = |text: &str| text.trim().chars().take(LONGEST).collect::<String>();
        let fields: BTreeMap<_, _> = seen
            .fields
            .iter()
            .filter(|(field, _)| side.fields().contains(field))
            .map(|(field, text)| (field.as_str(), short(text)))
            .collect();
        let fields = serde_json::to_string(&fields).map_err(|_| Error::Internal)?;
        let fields = &self.ports.vault.seal(Kind::Details, &fields)?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                // Or the same picture came twice at once, and was read twice.
                if plan.seek::<Reading>(id).await?.is_none() {
                    let event =
                        Recognised { owner, side, fields: fields.clone(), confidence: seen.confidence };
                    plan.make::<Reading>(id, &event)?;
                }
                Ok(())
            })
        })
        .await?;
        self.find::<Reading>(id).await
    }

    /// What was read, in the clear: what stands where, in the order in which it is looked for.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn read_fields(&self, reading: &Reading) -> Result<Vec<(Field, String)>, Error> {
        let fields = self.ports.vault.open(Kind::Details, &reading.fields)?;
        let mut fields: BTreeMap<String, String> =
            serde_json::from_str(&fields).map_err(|_| Error::Internal)?;
        let take = |field: &Field| fields.remove(field.as_str()).map(|text| (*field, text));
        Ok(reading.side.fields().iter().filter_map(take).collect())
    }
}
