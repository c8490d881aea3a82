//! Registering, logging in, sessions, the end of an account.

use cosign_core::{DeviceId, sm_primitives::sm3};
use zeroize::Zeroizing;

use super::{CertificateShown, Failed, Office};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, State as _, Stored,
        account::{self, Account},
        code::{ProvenPhone, Purpose},
        linked::{self, Elsewhere, Linked},
        personal::{Kind, Phone},
        rules::LoginPolicy,
        session::{self, Acts, OwnDevice, Session},
    },
    page::{Page, Paged},
};

/// What a login is made of.
const ONE_OF: &str =
    "a login proves a phone, or names one and shows a password or a key, or somebody from elsewhere";

/// A login with what it shows.
pub struct Login {
    /// Who it is, and how that is shown.
    pub shown: Presented,
    /// What the user calls the device.
    pub device: Name,
    /// The enrolled device whose own connection it comes over.
    pub own_device: Option<DeviceId>,
    /// What proves that the device is not new to the account, of a browser.
    pub terminal: Option<Zeroizing<String>>,
    /// The version of the agreements that the user agrees to, if not before.
    pub agreement: Option<String>,
}

/// What shows who somebody is: one of it, or as many as the rules demand.
#[derive(Default)]
pub struct Presented {
    /// An SMS code.
    pub code: Option<(Id, Zeroizing<String>)>,
    /// What a carrier gave to the phone.
    pub carrier: Option<Zeroizing<String>>,
    /// An account elsewhere, by what its page gave.
    pub elsewhere: Option<(Elsewhere, Zeroizing<String>)>,
    /// Whose account, where nothing else says so.
    pub phone: Option<Phone>,
    /// The password.
    pub password: Option<Zeroizing<String>>,
    /// That the own key of the device is to log in, which a finger or a face unlocks.
    pub by_key: bool,
    /// A certificate for logging in, whose PIN was entered.
    pub certificate: Option<CertificateShown>,
}

/// A user who has just logged in.
pub struct LoggedIn {
    /// The session.
    pub session: Stored<Session>,
    /// What proves it from now on: 64 hexadecimal digits. It is kept by nobody but the user.
    pub token: Zeroizing<String>,
    /// Whether there was no account before.
    pub is_new: bool,
    /// Whether the user has to say as whom they act before anything else.
    pub must_choose: bool,
    /// What a browser shows at the next login, if it did not this time.
    pub terminal: Option<Zeroizing<String>>,
}

/// A user whose session is good. Only [`Office::user`] makes one.
#[derive(Debug)]
pub struct User {
    account: Stored<Account>,
    session: Id,
    terminal: Id,
    own_device: Option<DeviceId>,
    acts: Option<Acts>,
    must_choose: bool,
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

    /// The device of the account that the user is at.
    #[must_use]
    pub const fn terminal(&self) -> Id {
        self.terminal
    }

    /// As whom the user acts, once that was said.
    #[must_use]
    pub const fn acts(&self) -> Option<Acts> {
        self.acts
    }

    /// That the user does not act for an enterprise: for what is a person's own.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub const fn as_oneself(&self) -> Result<(), Error> {
        match self.acts {
            None | Some(Acts::Person) => Ok(()),
            Some(Acts::Enterprise(_)) => {
                Err(Error::Conflict("you act for an enterprise: choose yourself for what is your own"))
            }
        }
    }

    /// That the user has said as whom they act, where that is demanded.
    ///
    /// # Errors
    /// [`Error::IdentityNeeded`].
    pub const fn has_chosen(&self) -> Result<(), Error> {
        if self.must_choose { Err(Error::IdentityNeeded) } else { Ok(()) }
    }

    /// The enrolled device that the user logged in with: its keys are the user's.
    ///
    /// # Errors
    /// [`Error::NoClientCertificate`] when there was none.
    pub fn device(&self) -> Result<DeviceId, Error> {
        self.own_device.ok_or(Error::NoClientCertificate)
    }
}

/// What a login has shown so far.
struct Proven {
    /// The account, if there is one.
    account: Option<Stored<Account>>,
    /// The phone.
    phone: Option<ProvenPhone>,
    /// Somebody elsewhere, who is not known here yet.
    stranger: Option<(Elsewhere, [u8; 32])>,
    /// Whether somebody elsewhere is.
    is_bound: bool,
    /// Whether a certificate on the device is.
    is_certified: bool,
}

impl Proven {
    const fn certified(account: Stored<Account>) -> Self {
        Self { account: Some(account), phone: None, stranger: None, is_bound: false, is_certified: true }
    }
}

impl Office {
    /// Logs a user in; registers whoever has no account.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::PasswordInvalid`], [`Error::PhoneNeeded`] on a device that is new to the account,
    /// [`Error::ConsentMissing`] unless the user has agreed to the present agreements, [`Error::TooManyRequests`] after too
    /// many wrong passwords; storage faults.
    pub async fn log_in(&self, login: Login) -> Result<LoggedIn, Error> {
        let agreement = login.agreement.as_deref();
        if agreement.is_some_and(|agreement| agreement != self.rules.agreement) {
            return Err(Error::ConsentMissing);
        }
        let proven = match &login.shown.certificate {
            Some(shown) => Proven::certified(self.by_certificate(shown, login.own_device).await?),
            None => self.proven(&login.shown).await?,
        };
        let Proven { account: known, phone, stranger, is_bound, is_certified } = proven;
        let has_password = known.as_ref().is_some_and(|account| account.entity.password.is_some());
        let all = self.rules.login_policy == LoginPolicy::AllOf;
        match &login.shown.password {
            Some(password) => self.check_password(known.as_ref(), password).await?,
            None if all && has_password => return Err(Error::PasswordInvalid),
            None => {}
        }
        let terminal = self.terminal_of(known.as_ref().map(|known| known.id), &login).await?;
        let by_key = login.shown.by_key && terminal.as_ref().is_some_and(|known| known.entity.is_trusted);
        if phone.is_none() && !is_bound && !is_certified && !by_key && login.shown.password.is_none() {
            return Err(Error::PasswordInvalid);
        }
        // A certificate is on the device that the user had it installed on.
        if phone.is_none() && (all || terminal.is_none() && !is_certified) {
            return Err(Error::PhoneNeeded);
        }
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
        if let Some((elsewhere, name)) = stranger {
            let id = plan.id()?;
            plan.make::<Linked>(id, &linked::Event::Bind { account, elsewhere, name })?;
        }
        let own_device = login.own_device.map(OwnDevice::new);
        let (terminal, secret) =
            plan.arrive(account, terminal, login.device.clone(), own_device, is_new).await?;
        let token = Zeroizing::new(hex::encode(self.random::<32>()?));
        let event = session::Event::LogIn {
            account,
            terminal,
            token: sm3::digest(token.as_bytes()),
            device: login.device,
            own_device,
        };
        let (id, now_ms) = (plan.id()?, plan.now_ms);
        let entity = plan.make::<Session>(id, &event)?;
        match plan.commit().await {
            Ok(()) => {}
            // The same phone registers twice at once: the other one was first.
            Err(Failed::Again) => return Err(Error::Conflict("the state changed meanwhile")),
            Err(Failed::For(error)) => return Err(error),
        }
        let session = Stored { id, created_ms: now_ms, changed_ms: now_ms, entity };
        let must_choose = self.must_choose(account).await?;
        Ok(LoggedIn { session, token, is_new, must_choose, terminal: secret })
    }

    /// Looks at everything that names or proves an account. Whatever is shown must be of the same one.
    async fn proven(&self, shown: &Presented) -> Result<Proven, Error> {
        let phone = match (&shown.code, &shown.carrier) {
            (Some((code_id, code)), None) => {
                Some(self.carry_out(|| Box::pin(self.prove(*code_id, code, Purpose::Login))).await?)
            }
            (None, Some(token)) => Some(self.carrier_phone(token).await?),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(Error::BadRequest(ONE_OF)),
        };
        let named = match (&phone, &shown.phone) {
            (Some(phone), None) => Some(phone.name),
            (None, Some(phone)) => Some(self.ports.vault.name(Kind::Phone, phone.expose())?),
            (None, None) => None,
            (Some(_), Some(_)) => return Err(Error::BadRequest(ONE_OF)),
        };
        let account = match named {
            Some(name) => self.named::<Account>(name).await?,
            None => None,
        };
        let Some((elsewhere, grant)) = &shown.elsewhere else {
            return Ok(Proven { account, phone, stranger: None, is_bound: false, is_certified: false });
        };
        let name = self.name_elsewhere(*elsewhere, grant).await?;
        let Some(binding) = self.named::<Linked>(name).await? else {
            // Who is not known here proves a phone, and is from then on.
            let stranger = Some((*elsewhere, name));
            return if phone.is_some() {
                Ok(Proven { account, phone, stranger, is_bound: false, is_certified: false })
            } else {
                Err(Error::PhoneNeeded)
            };
        };
        let bound = binding.entity.account;
        if named.is_some() && account.as_ref().map(|account| account.id) != Some(bound) {
            return Err(Error::Conflict("it is bound to another account"));
        }
        Ok(Proven {
            account: Some(self.find::<Account>(bound).await?),
            phone,
            stranger: None,
            is_bound: true,
            is_certified: false,
        })
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
        let acts = session.entity.acts;
        let must_choose = acts.is_none() && self.must_choose(account.id).await?;
        let (session, terminal) = (session.id, session.entity.terminal);
        Ok(User { account, session, terminal, own_device, acts, must_choose })
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
