//! Registering, logging in, passwords, sessions, the end of an account.

use cosign_core::sm_primitives::sm3;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Failed, Office};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, Moment, State as _, Stored,
        account::{self, Account, PasswordHash},
        code::{self, CodeState, ProvenPhone, Purpose, SmsCode},
        personal::{Kind, Phone},
        rules::{LoginPolicy, PasswordRule},
        session::{self, Session},
    },
    page::{Page, Paged},
};

/// Iterations that stretch a password.
const ITERATIONS: u32 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// A login with what it has to prove.
pub struct Login {
    /// What is proven.
    pub credential: Credential,
    /// What the user calls the device.
    pub device: Name,
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
}

impl Office {
    /// Sends a code to a phone. Gives its id, when it ends (unix milliseconds), and after how many seconds another may be
    /// asked for.
    ///
    /// # Errors
    /// [`Error::NotOffered`] without a provider; [`Error::TooManyRequests`] soon after another one, or after too many in a
    /// day; storage faults.
    pub async fn send_code(&self, purpose: Purpose, phone: &Phone) -> Result<(Id, u64, u64), Error> {
        if self.ports.sms.is_none() {
            return Err(Error::NotOffered("this server sends no SMS codes"));
        }
        let name = self.ports.vault.name(Kind::Phone, phone.expose())?;
        let id = self.carry_out(|| Box::pin(self.plan_code(purpose, phone, name))).await?;
        let sent = self.find::<SmsCode>(id).await?;
        let ends_ms = sent.created_ms.saturating_add(self.rules.sms_code_s.saturating_mul(1000));
        Ok((id, ends_ms, self.rules.sms_pause_s))
    }

    async fn plan_code(&self, purpose: Purpose, phone: &Phone, name: [u8; 32]) -> Result<Id, Failed> {
        let mut plan = self.plan(None);
        let page = Page::first(self.rules.sms_per_day);
        let sent = self.under::<SmsCode>(SmsCode::list_of(&name), &page).await?.items;
        let wait = |since_ms: u64, pause_ms: u64| {
            let until_ms = since_ms.saturating_add(pause_ms);
            let wait_s = until_ms.saturating_sub(plan.now_ms).div_ceil(1000);
            (wait_s > 0).then(|| u32::try_from(wait_s).unwrap_or(u32::MAX))
        };
        let soon = sent.first().and_then(|last| wait(last.created_ms, self.rules.sms_pause_s * 1000));
        let is_full = u32::try_from(sent.len()).is_ok_and(|count| count >= self.rules.sms_per_day);
        let full = sent.last().filter(|_| is_full).and_then(|oldest| wait(oldest.created_ms, DAY_MS));
        if let Some(retry_after_s) = full.or(soon) {
            return Err(Error::TooManyRequests { retry_after_s }.into());
        }
        let id = plan.id()?;
        // Of one purpose only the newest is good.
        for before in sent.iter().filter(|before| before.entity.state() == CodeState::Sent) {
            if before.entity.purpose == purpose {
                plan.happen::<SmsCode>(before.id, &code::Event::Replace).await?;
            }
        }
        let text = self.six_digits()?;
        let event = code::Event::Send {
            purpose,
            phone: self.ports.vault.seal(Kind::Phone, phone.expose())?,
            phone_name: name,
            hash: self.code_hash(id, &text)?,
            text: self.ports.vault.seal(Kind::Text, &text)?,
        };
        plan.make::<SmsCode>(id, &event)?;
        plan.commit().await?;
        Ok(id)
    }

    fn code_hash(&self, id: Id, text: &str) -> Result<[u8; 32], Error> {
        self.ports.vault.name(Kind::Text, &format!("{id}{text}"))
    }

    /// Uniformly distributed.
    fn six_digits(&self) -> Result<Zeroizing<String>, Error> {
        const ALL: u32 = 1_000_000;
        loop {
            let drawn = u32::from_be_bytes(self.random()?);
            if drawn < u32::MAX - u32::MAX % ALL {
                return Ok(Zeroizing::new(format!("{:06}", drawn % ALL)));
            }
        }
    }

    /// What a code proves. A wrong one is counted, whatever becomes of the rest.
    async fn prove(&self, code_id: Id, entered: &str, purpose: Purpose) -> Result<ProvenPhone, Failed> {
        let hash = self.code_hash(code_id, entered)?;
        let found = match self.find::<SmsCode>(code_id).await {
            Ok(found) => found,
            Err(Error::NotFound) => return Err(Error::CodeInvalid.into()),
            Err(error) => return Err(error.into()),
        };
        let mut plan = self.plan(None);
        if !found.entity.is(&hash) {
            plan.happen::<SmsCode>(code_id, &code::Event::Miss { hash }).await?;
            plan.commit().await?;
            return Err(Error::CodeInvalid.into());
        }
        let used = plan.happen::<SmsCode>(code_id, &code::Event::Enter { hash, purpose }).await?;
        plan.commit().await?;
        Ok(used.proof()?)
    }

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
        let event =
            session::Event::LogIn { account, token: sm3::digest(token.as_bytes()), device: login.device };
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

    /// Whether it is the password of an account. Takes as long without one.
    async fn check_password(
        &self,
        account: Option<&Stored<Account>>,
        password: &Zeroizing<String>,
    ) -> Result<(), Error> {
        let now_ms = self.ports.clock.now_ms();
        if let Some(account) = account {
            account.entity.may_try_password(Moment { id: account.id, now_ms, rules: &self.rules })?;
        }
        let kept = account.and_then(|account| account.entity.password.clone());
        let (salt, iterations) =
            kept.as_ref().map_or(([0; 16], ITERATIONS), |kept| (kept.salt, kept.iterations));
        let hash = stretched(password.clone(), salt, iterations).await?;
        let is_right = kept.is_some_and(|kept| kept.hash[..].ct_eq(&hash[..]).into());
        let Some(account) = account else { return Err(Error::PasswordInvalid) };
        let event = if is_right { account::Event::EnterPassword } else { account::Event::MissPassword };
        if !is_right || account.entity.has_misses() {
            self.carry_out(|| {
                Box::pin(async {
                    let mut plan = self.plan(Some(account.id));
                    plan.happen::<Account>(account.id, &event).await?;
                    plan.commit().await
                })
            })
            .await?;
        }
        if is_right { Ok(()) } else { Err(Error::PasswordInvalid) }
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
        Ok(User { account, session: session.id })
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

    /// Sets the password of a user; all other sessions end.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::BadRequest`] for a password that is not good enough; storage faults.
    pub async fn set_password(
        &self,
        user: &User,
        code_id: Id,
        code: &str,
        password: Zeroizing<String>,
    ) -> Result<(), Error> {
        check_rule(self.rules.password_rule, &password)?;
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Password))).await?;
        let salt = self.random()?;
        let hash = *stretched(password, salt, ITERATIONS).await?;
        let hash = PasswordHash { salt, iterations: ITERATIONS, hash };
        let event = account::Event::SetPassword { phone, hash, session: Some(user.session) };
        self.happens_to_account(user, &event).await
    }

    /// Cancels the account of a user. Its personal data is kept for the time in which it can be appealed for.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::Conflict`] when something hangs on the account; storage faults.
    pub async fn cancel_account(&self, user: &User, code_id: Id, code: &str) -> Result<(), Error> {
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Cancel))).await?;
        self.happens_to_account(user, &account::Event::Cancel { phone }).await
    }

    async fn happens_to_account(&self, user: &User, event: &account::Event) -> Result<(), Error> {
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

fn check_rule(rule: PasswordRule, password: &str) -> Result<(), Error> {
    if !(8..=16).contains(&password.chars().count()) || password.chars().any(char::is_control) {
        return Err(Error::BadRequest("a password has 8 to 16 characters"));
    }
    let has = |class: fn(&char) -> bool| password.chars().any(|letter| class(&letter));
    let (upper, lower, digit) =
        (has(char::is_ascii_uppercase), has(char::is_ascii_lowercase), has(char::is_ascii_digit));
    let other = password.chars().any(|letter| !letter.is_ascii_alphanumeric());
    let good = match rule {
        PasswordRule::ThreeOfFour => [upper, lower, digit, other].into_iter().filter(|has| *has).count() >= 3,
        PasswordRule::UpperLowerDigit => upper && lower && digit,
    };
    if good {
        Ok(())
    } else {
        Err(Error::BadRequest("the password does not have enough kinds of characters"))
    }
}

/// On a thread that may compute for long.
async fn stretched(
    password: Zeroizing<String>,
    salt: [u8; 16],
    iterations: u32,
) -> Result<Zeroizing<[u8; 32]>, Error> {
    let stretch = move || {
        let mut out = Zeroizing::new([0; 32]);
        sm3::pbkdf2(password.as_bytes(), &salt, iterations, &mut out[..]).map(|()| out)
    };
    let stretched = tokio::task::spawn_blocking(stretch).await.map_err(|_| Error::Internal)?;
    stretched.map_err(|_| Error::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_by_either_rule() {
        for (password, three_of_four, upper_lower_digit) in [
            ("Abcdefg1", true, true),
            ("abcdefg1!", true, false),
            ("ABCDEFG1!", true, false),
            ("abcdefgh", false, false),
            ("abcdefg1", false, false),
            ("Abcdef1", false, false),
            ("Abcdefghijklmno1", true, true),
            ("Abcdefghijklmnop1", false, false),
            ("密码Abcdef1", true, true),
            ("Abcdef1\n", false, false),
        ] {
            assert_eq!(check_rule(PasswordRule::ThreeOfFour, password).is_ok(), three_of_four, "{password}");
            let strict = check_rule(PasswordRule::UpperLowerDigit, password).is_ok();
            assert_eq!(strict, upper_lower_digit, "{password}");
        }
    }
}
