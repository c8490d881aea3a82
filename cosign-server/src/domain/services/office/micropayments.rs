//! A cent to the account of an enterprise that is claimed.

use zeroize::Zeroizing;

use super::{Actor, Failed, Office, User, claims::own_claim};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, State as _, Stored,
        claim::{self, Claim, ClaimState, Shown, Way},
        micropayment::{self, AMOUNT_FEN, Micropayment, MicropaymentState, Payee},
        personal::{Kind, Personal, masked_number},
        providers::{Cent, Entry, Landed, MicroPayment},
    },
    once::Once,
    page::Page,
};

const DAY_MS: u64 = 86_400_000;

/// An account at a bank, in the clear.
pub struct BankAccount {
    bank: Zeroizing<String>,
    number: Zeroizing<String>,
}

impl BankAccount {
    /// Reads one: a bank of 1 to 128 bytes and a number of 8 to 32 digits, which may be written in groups.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn parse(bank: &str, number: &str) -> Result<Self, Error> {
        const NONE: Error = Error::BadRequest("this is no account at a bank");
        let bank = Name::try_from(bank.trim().to_owned()).map_err(|_| NONE)?;
        let number: String = number.chars().filter(|one| !matches!(one, ' ' | '-')).collect();
        if !(8..=32).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NONE);
        }
        Ok(Self { bank: bank.as_str().to_owned().into(), number: number.into() })
    }
}

impl Office {
    fn bank(&self) -> Result<&dyn MicroPayment, Error> {
        const NOBODY: Error = Error::NotOffered("this server pays no cents to enterprises");
        self.ports.micropayments.as_deref().ok_or(NOBODY)
    }

    /// Whether the cents are none.
    #[must_use]
    pub fn bank_is_sandbox(&self) -> bool {
        self.ports.micropayments.as_ref().is_some_and(|bank| bank.is_sandbox())
    }

    /// The statement of an account at a sandbox; `None` where money is moved.
    #[must_use]
    pub fn statement(&self, account: &str) -> Option<Vec<Entry>> {
        self.ports.micropayments.as_ref()?.statement(account)
    }

    /// Has a cent paid to the account of the enterprise that a user claims. One before it that waits gives way.
    ///
    /// # Errors
    /// [`Error::NotOffered`], [`Error::NotFound`] for another's claim, [`Error::Conflict`] for one that was handed in,
    /// [`Error::BadRequest`] without a letter, [`Error::TooManyRequests`] after some in a day; storage faults.
    pub async fn pay_cent(
        &self,
        user: &User,
        claim: Id,
        to: &BankAccount,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        self.bank()?;
        if !self.rules.claim_ways.contains(&Way::Account) {
            return Err(Error::NotOffered("an enterprise is not claimed in this way here"));
        }
        let owner = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                own_claim(plan, claim, owner).await?;
                plan.verified(owner, self.rules.levels.enterprise).await?;
                let found = plan.find::<Claim>(claim).await?.entity;
                let form = found.form.as_ref().filter(|_| found.state() == ClaimState::Draft);
                let form = form.ok_or(Error::Conflict("others decide on the claim"))?;
                if form.letter.is_empty() {
                    return Err(Error::BadRequest("this takes a letter with the enterprise's seal").into());
                }
                let before = plan.all_under::<Micropayment>(Micropayment::of_claim(claim)).await?;
                let day_ms = plan.now_ms.saturating_sub(DAY_MS);
                // Whoever claims much does not guess more.
                let own = plan.all_under::<Micropayment>(owner).await?;
                let today = own.iter().filter(|one| one.created_ms > day_ms).count();
                if u64::try_from(today).is_ok_and(|today| today >= self.rules.micropayments_per_day.into()) {
                    return Err(Error::TooManyRequests { retry_after_s: 86_400 }.into());
                }
                for one in before.iter().filter(|one| !one.entity.state().is_over()) {
                    plan.happen::<Micropayment>(one.id, &micropayment::Event::Replace).await?;
                }
                let (id, number, vault) = (plan.id()?, self.six_digits()?, &self.ports.vault);
                let event = micropayment::Event::Order {
                    owner,
                    claim,
                    enterprise: found.enterprise,
                    payee: Payee {
                        name: form.facts.name.clone(),
                        bank: vault.seal(Kind::Details, &to.bank)?,
                        account: vault.seal(Kind::Details, &to.number)?,
                    },
                    hash: self.code_hash(id, &number)?,
                    remark: vault.seal(Kind::Text, &number)?,
                };
                plan.make::<Micropayment>(id, &event)?;
                Ok(id)
            })
        })
        .await
    }

    /// The newest payment for a claim of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, and when there is none; storage faults.
    pub async fn micropayment(&self, user: &User, claim: Id) -> Result<Stored<Micropayment>, Error> {
        self.claim_of(user, claim).await?;
        let newest = self.under::<Micropayment>(Micropayment::of_claim(claim), &Page::first(1)).await?;
        newest.items.into_iter().next().ok_or(Error::NotFound)
    }

    /// Where a payment went: the bank, and the number of the account, masked.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn read_payee(&self, payee: &Payee) -> Result<(Zeroizing<String>, String), Error> {
        let vault = &self.ports.vault;
        let number = vault.open(Kind::Details, &payee.account)?;
        Ok((vault.open(Kind::Details, &payee.bank)?, masked_number(&number)))
    }

    /// Asks the bank what became of the newest payment for a claim.
    ///
    /// # Errors
    /// [`Error::NotFound`]; faults of the bank and storage.
    pub async fn ask_bank(&self, user: &User, claim: Id) -> Result<(), Error> {
        let found = self.micropayment(user, claim).await?;
        if found.entity.state() != MicropaymentState::Sent {
            return Ok(());
        }
        let event = &match self.bank()?.landed(&found.id.to_string()).await? {
            Landed::Unknown => return Ok(()),
            Landed::Arrived => micropayment::Event::Arrive,
            Landed::Bounced => micropayment::Event::Bounce,
        };
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                plan.happen::<Micropayment>(found.id, event).await?;
                Ok(())
            })
        })
        .await
    }

    /// A claimant gives the number of the newest payment back: the claim is handed in with that. A wrong one is counted.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::Conflict`] when none waits or something else is claimed by now, [`Error::NotFound`];
    /// storage faults.
    pub async fn enter_remark(&self, user: &User, claim: Id, number: &str) -> Result<(), Error> {
        let id = self.micropayment(user, claim).await?.id;
        let (hash, owner) = (self.code_hash(id, number)?, user.account().id);
        let is_right = self
            .act(&Actor::user(user), None, move |plan| {
                Box::pin(async move {
                    own_claim(plan, claim, owner).await?;
                    plan.verified(owner, self.rules.levels.enterprise).await?;
                    if !plan.find::<Micropayment>(id).await?.entity.is(&hash) {
                        plan.happen::<Micropayment>(id, &micropayment::Event::Miss { hash }).await?;
                        return Ok(false);
                    }
                    let event = micropayment::Event::Enter { hash };
                    let proof = plan.happen::<Micropayment>(id, &event).await?.proof()?;
                    let shown = Shown::Account(proof);
                    plan.happen::<Claim>(claim, &claim::Event::Show(shown)).await?;
                    Ok(true)
                })
            })
            .await?;
        // A wrong number is counted, so it is committed.
        if is_right { Ok(()) } else { Err(Error::CodeInvalid) }
    }

    /// Has the bank pay what was ordered; what it calls that.
    pub(super) async fn send_cent(&self, id: Id, payee: &Payee, remark: &Personal) -> Result<String, Error> {
        // The claimant may have given it up meanwhile.
        if self.find::<Micropayment>(id).await?.entity.state() != MicropaymentState::Ordered {
            return Ok("given-up".to_owned());
        }
        let vault = &self.ports.vault;
        let (bank, account) =
            (vault.open(Kind::Details, &payee.bank)?, vault.open(Kind::Details, &payee.account)?);
        let remark = vault.open(Kind::Text, remark)?;
        let cent = Cent {
            name: payee.name.as_str(),
            bank: &bank,
            account: &account,
            amount_fen: AMOUNT_FEN,
            remark: &remark,
        };
        if let Some(receipt) = self.bank()?.pay(&id.to_string(), &cent).await? {
            return Ok(receipt);
        }
        match self.bounce(id).await {
            Ok(()) => Ok("bounced".to_owned()),
            Err(failed) => Err(failed.into()),
        }
    }

    async fn bounce(&self, id: Id) -> Result<(), Failed> {
        let mut plan = self.plan(None);
        plan.happen::<Micropayment>(id, &micropayment::Event::Bounce).await?;
        plan.commit().await
    }
}
