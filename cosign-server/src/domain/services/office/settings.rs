//! What a user has set.

use super::{Actor, Office, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, State as _, Stored,
        account::{self, Account, Entry},
        linked::{Elsewhere, Linked},
        session::Session,
        terminal::Terminal,
    },
    once::Once,
};

/// What is kept of a user beside the account.
pub struct KeptOf {
    /// The devices that are known.
    pub terminals: Vec<Stored<Terminal>>,
    /// Accounts elsewhere that are bound.
    pub elsewhere: Vec<Elsewhere>,
    /// How many logins are good.
    pub sessions: usize,
}

impl Office {
    /// What is kept of a user beside the account.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn kept_of(&self, user: &User) -> Result<KeptOf, Error> {
        let (account, now_ms) = (user.account().id, self.ports.clock.now_ms());
        let mut terminals = self.all_under::<Terminal>(account).await?;
        terminals.retain(|terminal| !terminal.entity.state().is_over());
        let linked = self.all_under::<Linked>(account).await?;
        let linked = linked.iter().filter(|linked| !linked.entity.state().is_over());
        let sessions = self.all_under::<Session>(account).await?;
        Ok(KeptOf {
            terminals,
            elsewhere: linked.map(|linked| linked.entity.elsewhere).collect(),
            sessions: sessions.iter().filter(|session| session.entity.is_good(now_ms)).count(),
        })
    }

    /// A user chooses by what they enter.
    ///
    /// # Errors
    /// [`Error::NotOffered`] for what there is not here; storage faults.
    pub async fn choose_entry(&self, user: &User, entry: Entry, once: Option<&Once>) -> Result<(), Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                plan.happen::<Account>(user.account().id, &account::Event::Choose(entry)).await?;
                Ok(())
            })
        })
        .await
    }
}
