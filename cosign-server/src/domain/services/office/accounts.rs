//! Registering, logging in, sessions, the end of an account.

use cosign_core::{DeviceId, sm_primitives::sm3};
use zeroize::Zeroizing;

use super::{Failed, Office};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, State as _, Stored,
        account::{self, Account},
        code::Purpose,
        personal::{Kind, Phone},
        rules::LoginPolicy,
        session::{self, OwnDevice, Session},
    },
    page::{Page, Paged},
};

/// A login with what it has to prove.
pub struct Login {
    /// What is proven.
    pub credential: Credential,
    /// What the user calls the device.
    pub device: Name,
    /// The enrolled device whose own connection it comes over.
    pub own_device: Option<DeviceId>,
    /// The version of the agreements that the user agrees to, if not before.
    pub agreement: Option<String>,
}

/// What proves who somebody is.
pub enum Credential {
    /// An SMS code, and the password where both are demanded.
    Sms {
        /// Which code.
        code_id: Id,
        /// What was entered.
        code: Zeroizing<String>,
        /// What was entered.
        password: Option<Zeroizing<String>>,
    },
    /// The password.
    Password {
        /// Whose.
        phone: Phone,
        /// What was entered.
        password: Zeroizing<String>,
    },
}

/// A user who has just logged in.
pub struct LoggedIn {
    /// The session.
    pub session: Stored<Session>,
    /// What proves it from now on: 64 hexadecimal digits. It is kept by nobody but the user.
    pub token: Zeroizing<String>,
    /// Whether there was no account before.
    pub is_new: bool,
}

/// A user whose session is good. Only [`Office::user`] makes one.
#[derive(Debug)]
pub struct User {
    account: Stored<Account>,
    session: Id,
    own_device: Option<DeviceId>,
}

impl User {
    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Stored<Account> {
        &self.account
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> Id {
        self.session
    }

    /// The enrolled device that the user logged in with: its keys are the user's.
    ///
    /// # Errors
    /// [`Error::NoClientCertificate`] when there was none.
    pub fn device(&self) -> Result<DeviceId, Error> {
        self.own_device.ok_or(Error::NoClientCertificate)
    }
}

impl Office {
    /// Logs a user in; registers whoever has no account.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::PasswordInvalid`], [`Error::ConsentMissing`] unless the user has agreed to the
    /// present agreements, [`Error::TooManyRequests`] after too many wrong passwords; storage faults.
    pub async fn log_in(&self, login: Login) -> Result<LoggedIn, Error> {
        let agreement = login.agreement.as_deref();
        let (known, phone) = match &login.credential {
            Credential::Sms { code_id, code, password } => {
                if agreement.is_some_and(|agreement| agreement != self.rules.agreement) {
                    return Err(Error::ConsentMissing);
                }
                let phone = self.carry_out(|| Box::pin(self.prove(*code_id, code, Purpose::Login))).await?;
                let known = self.named::<Account>(phone.name).await?;
                if let Some(account) = &known
                    && self.rules.login_policy == LoginPolicy::AllOf
                    && account.entity.password.is_some()
                {
                    let password = password.as_ref().ok_or(Error::PasswordInvalid)?;
                    self.check_password(Some(account), password).await?;
                }
                (known, Some(phone))
            }
            Credential::Password { phone, password } => {
                if self.rules.login_policy == LoginPolicy::AllOf {
                    return Err(Error::PasswordInvalid);
                }
                let name = self.ports.vault.name(Kind::Phone, phone.expose())?;
                let known = self.named::<Account>(name).await?;
                self.check_password(known.as_ref(), password).await?;
                (known, None)
            }
        };
        let mut plan = self.plan(known.as_ref().map(|account| account.id));
        let is_new = known.is_none();
        let account = match (known, phone) {
            (Some(account), _) => {
                if account.entity.consent.version != self.rules.agreement {
                    let agreement = agreement.ok_or(Error::ConsentMissing)?.to_owned();
                    plan.happen::<Account>(account.id, &account::Event::Agree { agreement }).await?;
                }
                account.id
            }
            (None, Some(phone)) => {
                let agreement = agreement.ok_or(Error::ConsentMissing)?.to_owned();
                let id = plan.id()?;
                plan.by(id);
                plan.make::<Account>(id, &account::Event::Register { phone, agreement })?;
                id
            }
            (None, None) => return Err(Error::PasswordInvalid),
        };
        let token = Zeroizing::new(hex::encode(self.random::<32>()?));
        let event = session::Event::LogIn {
            account,
            token: sm3::digest(token.as_bytes()),
            device: login.device,
            own_device: login.own_device.map(OwnDevice::new),
        };
        let (id, now_ms) = (plan.id()?, plan.now_ms);
        let entity = plan.make::<Session>(id, &event)?;
        match plan.commit().await {
            Ok(()) => {}
            // The same phone registers twice at once: the other one was first.
            Err(Failed::Again) => return Err(Error::Conflict("the state changed meanwhile")),
            Err(Failed::For(error)) => return Err(error),
        }
        Ok(LoggedIn { session: Stored { id, created_ms: now_ms, changed_ms: now_ms, entity }, token, is_new })
    }

    /// Whose session a token is.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] for a token that is none or not good any more; storage faults.
    pub async fn user(&self, token: &str) -> Result<User, Error> {
        let now_ms = self.ports.clock.now_ms();
        let session = self.named::<Session>(sm3::digest(token.as_bytes())).await?;
        let session = session.filter(|session| session.entity.is_good(now_ms)).ok_or(Error::NotLoggedIn)?;
        let account = self.find::<Account>(session.entity.account).await?;
        if account.entity.state() != account::AccountState::Active {
            return Err(Error::NotLoggedIn);
        }
        if session.entity.is_worth_noting(now_ms) {
            let mut plan = self.plan(Some(account.id));
            plan.happen::<Session>(session.id, &session::Event::Use).await?;
            // Whoever changed it meanwhile noted it too, or ended it: then the next request sees that.
            if let Err(Failed::For(error)) = plan.commit().await {
                return Err(error);
            }
        }
        let own_device = session.entity.own_device.map(OwnDevice::id);
        Ok(User { account, session: session.id, own_device })
    }

    /// The phone of a user, masked.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn masked_phone(&self, account: &Account) -> Result<Option<String>, Error> {
        let Some(phone) = &account.phone else { return Ok(None) };
        let text = self.ports.vault.open(Kind::Phone, phone)?;
        Ok(Some(Phone::parse(&text)?.masked()))
    }

    /// The sessions of a user that are good, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn sessions(&self, user: &User, page: &Page) -> Result<Paged<Stored<Session>>, Error> {
        self.under::<Session>(user.account.id, page).await
    }

    /// Ends one of the sessions of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and for one that is over; storage faults.
    pub async fn end_session(&self, user: &User, session: Id) -> Result<(), Error> {
        let found = self.find::<Session>(session).await?.entity;
        if found.account != user.account.id || found.state().is_over() {
            return Err(Error::NotFound);
        }
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(Some(user.account.id));
                plan.happen::<Session>(session, &session::Event::End).await?;
                plan.commit().await
            })
        })
        .await
    }

    /// Cancels the account of a user. Its personal data is kept for the time in which it can be appealed for.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::Conflict`] when something hangs on the account; storage faults.
    pub async fn cancel_account(&self, user: &User, code_id: Id, code: &str) -> Result<(), Error> {
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Cancel))).await?;
        self.happens_to_account(user, &account::Event::Cancel { phone }).await
    }

    pub(super) async fn happens_to_account(&self, user: &User, event: &account::Event) -> Result<(), Error> {
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(Some(user.account.id));
                plan.happen::<Account>(user.account.id, event).await?;
                plan.commit().await
            })
        })
        .await
    }
}
