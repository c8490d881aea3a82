//! Bringing the database to the version of this program.

use std::sync::Arc;

use super::{
    config::Config,
    server::{Offline, StartError, lock},
};
use crate::{
    domain::ports::{Clock, Entropy},
    store::{Access, OpenError, Schema, look},
};

/// Applies every migration that is pending. What it was before.
///
/// # Errors
/// [`StartError`]; nothing was changed if a server runs beside which the change could not be made.
pub async fn migrate(
    config: &Config,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Schema, StartError> {
    let look = look(&config.database).await?;
    look.schema.is_known()?;
    let is_additive = look.schema.pending.iter().all(|step| step.is_additive());
    // Held until it is done: nobody starts meanwhile.
    let _lock = if is_additive { None } else { config.database.file().map(lock).transpose()? };
    if !is_additive && look.others > 0 {
        return Err(OpenError::InUse(look.others).into());
    }
    Offline::open(config, Access::Migrate, clock, entropy).await?.close().await;
    Ok(look.schema)
}
