//! Accounts: one for each phone number.

mod end;

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    code::{ProvenPhone, Purpose},
    entity::states,
    personal::Personal,
    session::{self, Session},
};
use crate::domain::Error;

/// How long wrong passwords are counted, milliseconds.
const MISSES_MS: u64 = 15 * 60_000;

states! {
    /// Where an account stands.
    AccountState {
        /// Its user can log in.
        Active = "active",
        /// The user cancelled it; its personal data is kept for a while, so that it can be appealed for.
        Cancelled = "cancelled",
        /// That while is over: nothing personal is left.
        Erased = "erased",
    }
    over Erased
}

/// What is kept of a password: PBKDF2 with HMAC-SM3 (GB/T 38635-like parameters stand with it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    /// Salt.
    #[serde(with = "hex::serde")]
    pub salt: [u8; 16],
    /// Iterations.
    pub iterations: u32,
    /// The hash.
    #[serde(with = "hex::serde")]
    pub hash: [u8; 32],
}

states! {
    /// By what a client enters the service.
    Entry {
        /// What belongs to this installation alone.
        Own = "own",
        /// National mutual recognition.
        Mutual = "mutual",
    }
}

/// That the user agreed to what has to be agreed to, in this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Of the agreements.
    pub version: String,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    state: AccountState,
    /// The number; `None` once it was erased.
    pub phone: Option<Personal>,
    /// Its keyed hash.
    #[serde(with = "hex::serde")]
    phone_name: [u8; 32],
    /// The password, if there is one.
    pub password: Option<PasswordHash>,
    /// The newest consent.
    pub consent: Consent,
    misses: u8,
    missed_ms: u64,
    /// When what is personal is erased.
    erase_ms: Option<u64>,
    /// By what its user enters, once that was chosen.
    #[serde(default)]
    pub entry: Option<Entry>,
}

/// What happens to an account.
#[derive(Debug)]
pub enum Event {
    /// Somebody with a phone that has no account logs in for the first time.
    Register {
        /// The phone.
        phone: ProvenPhone,
        /// The version of the agreements that was agreed to.
        agreement: String,
    },
    /// The user agrees to a newer version of the agreements.
    Agree {
        /// Which.
        agreement: String,
    },
    /// The user sets a password.
    SetPassword {
        /// The proof that it is the user.
        phone: ProvenPhone,
        /// The password.
        hash: PasswordHash,
        /// The session that goes on; all others end.
        session: Option<Id>,
    },
    /// The user chooses by what they enter.
    Choose(Entry),
    /// A wrong password is entered.
    MissPassword,
    /// The right password is entered.
    EnterPassword,
    /// The user cancels the account.
    Cancel {
        /// The proof that it is the user.
        phone: ProvenPhone,
    },
    /// It was appealed for, and is given back.
    Restore,
    /// The time for appeals is over.
    Erase,
}

/// An account whose user authorises what was applied for. Only [`Account::authorise`] makes one.
#[derive(Debug)]
pub struct Authorised(Id);

impl Authorised {
    /// The account.
    #[must_use]
    pub const fn account(&self) -> Id {
        self.0
    }
}

impl Account {
    /// Whether a password may be tried now.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] after too many wrong ones.
    pub fn may_try_password(&self, moment: Moment<'_>) -> Result<(), Error> {
        let until_ms = self.missed_ms.saturating_add(MISSES_MS);
        if self.misses >= moment.rules.password_tries && moment.now_ms < until_ms {
            let wait_s = until_ms.saturating_sub(moment.now_ms).div_ceil(1000);
            return Err(Error::TooManyRequests { retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    /// Whether wrong passwords are counted.
    #[must_use]
    pub const fn has_misses(&self) -> bool {
        self.misses > 0
    }

    /// The keyed hash of its phone.
    #[must_use]
    pub const fn phone_name(&self) -> [u8; 32] {
        self.phone_name
    }

    /// That the user of the account, who has its phone in hand, authorises what was applied for.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] for the proof of another phone or for something else.
    pub fn authorise(&self, account: Id, phone: &ProvenPhone) -> Result<Authorised, Error> {
        if self.is_of(phone, Purpose::Apply) { Ok(Authorised(account)) } else { Err(Error::CodeInvalid) }
    }

    /// Whether a proven phone is that of the account, and proven for this.
    #[must_use]
    pub fn is_of(&self, phone: &ProvenPhone, purpose: Purpose) -> bool {
        self.phone_name == phone.name && phone.purpose == purpose
    }

    fn all_sessions(moment: Moment<'_>, but: Option<Id>) -> Effect {
        Effect::on_all::<Session>(moment.id, but, session::Event::End)
    }
}

fn consent(agreement: &str, moment: Moment<'_>) -> Result<Consent, Error> {
    if agreement != moment.rules.agreement {
        return Err(Error::ConsentMissing);
    }
    Ok(Consent { version: agreement.to_owned(), at_ms: moment.now_ms })
}

impl Entity for Account {
    const KIND: &'static str = "account";
    type State = AccountState;
    type Event = Event;
    const MOVES: Moves<AccountState> = &[
        (None, "register", AccountState::Active),
        (Some(AccountState::Active), "agree", AccountState::Active),
        (Some(AccountState::Active), "set-password", AccountState::Active),
        (Some(AccountState::Active), "choose", AccountState::Active),
        (Some(AccountState::Active), "miss-password", AccountState::Active),
        (Some(AccountState::Active), "enter-password", AccountState::Active),
        (Some(AccountState::Active), "cancel", AccountState::Cancelled),
        (Some(AccountState::Cancelled), "restore", AccountState::Active),
        (Some(AccountState::Cancelled), "erase", AccountState::Erased),
    ];

    fn state(&self) -> AccountState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Register { .. } => "register",
            Event::Agree { .. } => "agree",
            Event::SetPassword { .. } => "set-password",
            Event::Choose(_) => "choose",
            Event::MissPassword => "miss-password",
            Event::EnterPassword => "enter-password",
            Event::Cancel { .. } => "cancel",
            Event::Restore => "restore",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Some(account) = now else {
            let Event::Register { phone, agreement } = event else { return Err(Error::NotFound) };
            if phone.purpose != Purpose::Login {
                return Err(Error::CodeInvalid);
            }
            return Ok(Moved::to(Self {
                state: AccountState::Active,
                phone: Some(phone.phone.clone()),
                phone_name: phone.name,
                password: None,
                consent: consent(agreement, moment)?,
                misses: 0,
                missed_ms: 0,
                erase_ms: None,
                entry: None,
            }));
        };
        match (account.state, event) {
            (AccountState::Active, Event::Agree { agreement }) => {
                Ok(Moved::to(Self { consent: consent(agreement, moment)?, ..account.clone() }))
            }
            (AccountState::Active, Event::SetPassword { phone, hash, session }) => {
                if !account.is_of(phone, Purpose::Password) {
                    return Err(Error::CodeInvalid);
                }
                let with = Self { password: Some(hash.clone()), misses: 0, ..account.clone() };
                Ok(Moved::to(with).with(Self::all_sessions(moment, *session)))
            }
            (AccountState::Active, Event::Choose(entry)) => {
                if !moment.rules.entries.contains(entry) {
                    return Err(Error::NotOffered("there is no such entry here"));
                }
                Ok(Moved::to(Self { entry: Some(*entry), ..account.clone() }))
            }
            (AccountState::Active, Event::MissPassword) => {
                account.may_try_password(moment)?;
                let goes_on = moment.now_ms < account.missed_ms.saturating_add(MISSES_MS);
                let misses = if goes_on { account.misses.saturating_add(1) } else { 1 };
                Ok(Moved::to(Self { misses, missed_ms: moment.now_ms, ..account.clone() }))
            }
            (AccountState::Active, Event::EnterPassword) => {
                account.may_try_password(moment)?;
                Ok(Moved::to(Self { misses: 0, ..account.clone() }))
            }
            (AccountState::Active, Event::Cancel { phone }) => {
                if !account.is_of(phone, Purpose::Cancel) {
                    return Err(Error::CodeInvalid);
                }
                let kept_ms = moment.rules.retention_days.saturating_mul(86_400_000);
                let cancelled = Self {
                    state: AccountState::Cancelled,
                    password: None,
                    erase_ms: Some(moment.now_ms.saturating_add(kept_ms)),
                    ..account.clone()
                };
                Ok(Moved { entity: cancelled, effects: account.cancels(moment) })
            }
            (AccountState::Cancelled, Event::Restore) => {
                Ok(Moved::to(Self { state: AccountState::Active, erase_ms: None, ..account.clone() }))
            }
            (AccountState::Cancelled, Event::Erase)
                if account.erase_ms.is_some_and(|erase_ms| moment.now_ms >= erase_ms) =>
            {
                let erased = Self {
                    state: AccountState::Erased,
                    phone: None,
                    phone_name: [0; 32],
                    erase_ms: None,
                    ..account.clone()
                };
                Ok(Moved { entity: erased, effects: account.erases(moment) })
            }
            (AccountState::Active, _) => Err(Error::Conflict("there is an account for this phone")),
            (AccountState::Cancelled | AccountState::Erased, _) => {
                Err(Error::Conflict("the account is cancelled"))
            }
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // A cancelled account leaves its phone free for another one.
        if self.state == AccountState::Active { vec![self.phone_name] } else { Vec::new() }
    }

    fn due_ms(&self) -> Option<u64> {
        self.erase_ms
    }

    fn when_due() -> Option<Event> {
        Some(Event::Erase)
    }
}
