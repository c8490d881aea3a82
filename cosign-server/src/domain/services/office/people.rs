//! Who is behind an account.

use super::{Office, User};
use crate::domain::{
    Error,
    office::person::{Level, Person, VerifiedPerson},
};

impl Office {
    /// The person behind an account, if verified at least as well as demanded.
    ///
    /// # Errors
    /// [`Error::NotVerified`]; storage faults.
    pub async fn verified(&self, user: &User, demanded: Level) -> Result<VerifiedPerson, Error> {
        let account = user.account().id;
        match self.find::<Person>(account).await {
            Ok(person) => person.entity.verified(account, demanded),
            Err(Error::NotFound) => Err(Error::NotVerified),
            Err(error) => Err(error),
        }
    }
}
