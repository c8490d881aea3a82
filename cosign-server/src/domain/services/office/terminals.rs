//! Devices on which users log in.

use zeroize::Zeroizing;

use super::{Actor, Login, Office, Plan, User};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, State as _, Stored,
        session::OwnDevice,
        terminal::{self, Terminal, Unlocking},
    },
    once::Once,
    page::{Page, Paged},
};

const DAY_MS: u64 = 86_400_000;

impl Plan<'_> {
    /// Somebody logs in on a device, which is bound if it is new. Gives what a new browser has to show the next time.
    pub(super) async fn arrive(
        &mut self,
        account: Id,
        known: Option<Stored<Terminal>>,
        device: Name,
        own_device: Option<OwnDevice>,
        is_first: bool,
    ) -> Result<(Id, Option<Zeroizing<String>>), Error> {
        if let Some(known) = known {
            self.happen::<Terminal>(known.id, &terminal::Event::Use).await?;
            return Ok((known.id, None));
        }
        let mut others = self.all_under::<Terminal>(account).await?;
        others.retain(|other| !other.entity.state().is_over());
        let most = usize::try_from(self.office().rules.terminals.max(1)).unwrap_or(usize::MAX);
        if others.len() >= most
            && let Some(oldest) = others.iter().min_by_key(|other| other.entity.used_ms)
        {
            self.happen::<Terminal>(oldest.id, &terminal::Event::GiveWay).await?;
        }
        let token = Zeroizing::new(hex::encode(self.office().random::<32>()?));
        let secret = match own_device {
            Some(own) => Terminal::name_of(account, own.id().as_bytes()),
            None => Terminal::name_of(account, token.as_bytes()),
        };
        let id = self.id()?;
        let event = terminal::Event::Bind { account, device, own_device, secret, is_first };
        self.make::<Terminal>(id, &event)?;
        Ok((id, own_device.is_none().then_some(token)))
    }
}

impl Office {
    /// The device that a login comes from, if it is known to the account.
    pub(super) async fn terminal_of(
        &self,
        account: Option<Id>,
        login: &Login,
    ) -> Result<Option<Stored<Terminal>>, Error> {
        let Some(account) = account else { return Ok(None) };
        let secret = match (&login.own_device, &login.terminal) {
            (Some(own), _) => Terminal::name_of(account, own.as_bytes()),
            (None, Some(token)) => Terminal::name_of(account, token.as_bytes()),
            (None, None) => return Ok(None),
        };
        self.named::<Terminal>(secret).await
    }

    /// The devices of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn terminals(&self, user: &User, page: &Page) -> Result<Paged<Stored<Terminal>>, Error> {
        self.under::<Terminal>(user.account().id, page).await
    }

    /// A user does not use a device any more: its logins end, and it has the phone proven before the next one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn unbind_terminal(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        self.happens_to_terminal(user, id, once, &terminal::Event::Unbind).await
    }

    /// The own key of the device that a user is at logs in from now on, or not any more.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a browser; storage faults.
    pub async fn trust_terminal(
        &self,
        user: &User,
        on: bool,
        quiet: bool,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let quiet_ms = self.rules.quiet_days.saturating_mul(DAY_MS);
        let quiet_until_ms = quiet.then(|| self.ports.clock.now_ms().saturating_add(quiet_ms));
        let event = terminal::Event::Trust { on, quiet_until_ms };
        self.happens_to_terminal(user, user.terminal(), once, &event).await
    }

    /// The device that a user is at remembers the password of its keys for a while, or has a finger or a face give it.
    ///
    /// # Errors
    /// [`Error::NotOffered`] where that is not allowed, [`Error::Conflict`] for a browser; storage faults.
    pub async fn unlock_terminal(
        &self,
        user: &User,
        by: Unlocking,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.happens_to_terminal(user, user.terminal(), once, &terminal::Event::Unlock(by)).await
    }

    /// The password of the keys of a device has to be entered from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn lock_terminal(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        self.happens_to_terminal(user, id, once, &terminal::Event::Lock).await
    }

    /// That the password of the keys of the user's device need not be entered now.
    pub(super) async fn is_unlocked(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        by: Unlocking,
    ) -> Result<(), Error> {
        let now_ms = plan.now_ms;
        plan.find::<Terminal>(user.terminal()).await?.entity.is_unlocked(by, now_ms)
    }

    async fn happens_to_terminal(
        &self,
        user: &User,
        id: Id,
        once: Option<&Once>,
        event: &terminal::Event,
    ) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if plan.find::<Terminal>(id).await?.entity.account != account {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Terminal>(id, event).await?;
                Ok(())
            })
        })
        .await
    }
}
