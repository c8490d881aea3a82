//! Files that users hand in.

use zeroize::Zeroizing;

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Id,
        attachment::{Attachment, Media},
        ports::{AttachmentRow, OfficeWrite},
    },
    once::Once,
    ports::Write,
};

/// Files that one account hands in within a day.
const PER_DAY: u64 = 200;
const DAY_MS: u64 = 86_400_000;

impl Office {
    /// Keeps a file of a user.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for one of another kind or too long, [`Error::TooManyRequests`] after many in a day; storage
    /// faults.
    pub async fn attach(&self, user: &User, bytes: &[u8], once: Option<&Once>) -> Result<Id, Error> {
        Media::of(bytes)?;
        let owner = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let since_ms = plan.now_ms.saturating_sub(DAY_MS);
                if self.ports.entities.attachments_of(owner, since_ms).await? >= PER_DAY {
                    return Err(Error::TooManyRequests { retry_after_s: 3600 }.into());
                }
                let id = plan.id()?;
                let sealed = self.ports.vault.seal_file(id, bytes)?;
                let row = AttachmentRow { id, owner, created_ms: plan.now_ms, sealed };
                plan.write(Write::Office(OfficeWrite::Attach(Box::new(row))));
                Ok(id)
            })
        })
        .await
    }

    /// A file of this user, for what refers to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn attachment(&self, user: &User, id: Id) -> Result<Attachment, Error> {
        let row = self.ports.entities.attachment(id).await?;
        row.filter(|row| row.owner == user.account().id)
            .map(|row| Attachment { id: row.id })
            .ok_or(Error::NotFound)
    }

    /// The bytes of a file, for whoever the caller has found entitled.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Internal`] when it does not open; storage faults.
    pub async fn read_attachment(&self, id: Id) -> Result<(Media, Zeroizing<Vec<u8>>), Error> {
        let row = self.ports.entities.attachment(id).await?.ok_or(Error::NotFound)?;
        let bytes = self.ports.vault.open_file(id, &row.sealed)?;
        Ok((Media::of(&bytes).map_err(|_| Error::Internal)?, bytes))
    }
}
