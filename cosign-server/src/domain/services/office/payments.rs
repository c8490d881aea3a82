//! How orders are paid.

use cosign_core::sm_primitives::sm2::{DistId, Signature, dsa};
use zeroize::Zeroizing;

use super::{Actor, Failed, Office, Plan, User, orders::own_order};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        order::{self, Order, OrderState, Transfer},
        payment::{self, Channel, Due, Payment, PaymentState},
        personal::Kind,
        providers::{Deposit, Money, Payee, Said, Signed},
    },
    once::Once,
    operators::{Acting, Reviewer},
};

/// Longest name or number of a bank account in bytes.
const MAX_ACCOUNT: usize = 128;

impl Office {
    fn money(&self) -> Result<&dyn Money, Error> {
        self.ports.money.as_deref().ok_or(Error::NotOffered("this server takes no money"))
    }

    /// Whether no money is moved.
    #[must_use]
    pub fn money_is_sandbox(&self) -> bool {
        self.ports.money.as_ref().is_some_and(|money| money.is_sandbox())
    }

    /// Where transfers go.
    ///
    /// # Errors
    /// [`Error::NotOffered`].
    pub fn payee(&self) -> Result<Payee, Error> {
        Ok(self.money()?.payee())
    }

    /// A user pays an order by a channel; gives the payment and the address at which it is paid.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when it is not to be paid so; faults of the provider and of
    /// storage.
    pub async fn pay(
        &self,
        user: &User,
        id: Id,
        channel: Channel,
        once: Option<&Once>,
    ) -> Result<(Stored<Payment>, String), Error> {
        let (money, actor) = (self.money()?, Actor::user(user));
        let act = self.act(&actor, once, move |plan| Box::pin(self.plan_payment(plan, user, id, channel)));
        let payment = self.find::<Payment>(act.await?).await?;
        let due = &payment.entity.due;
        let page = money.open(due.channel, &due.number, due.amount_fen).await?;
        Ok((payment, page))
    }

    async fn plan_payment(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        id: Id,
        channel: Channel,
    ) -> Result<Id, Failed> {
        let order = own_order(plan, user, id).await?.entity;
        if channel == Channel::Bank || order.of.business.is_by_transfer_only() {
            return Err(Error::Conflict("this is paid by bank transfer only").into());
        }
        if let (OrderState::Paying, Some(open)) = (order.state(), order.payment) {
            let payment = plan.find::<Payment>(open).await?.entity;
            if payment.due.channel == channel && payment.state() == PaymentState::Open {
                return Ok(open);
            }
            plan.happen::<Payment>(open, &payment::Event::Close).await?;
        }
        let (payment, amount_fen) = (plan.id()?, order.total_fen());
        let due = Due { order: id, channel, number: payment.to_string(), amount_fen };
        plan.make::<Payment>(payment, &payment::Event::Open(due))?;
        Ok(payment)
    }

    /// A user leaves the page of a payment.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::Conflict`] when none is open; storage faults.
    pub async fn leave_payment(
        &self,
        user: &User,
        id: Id,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        let actor = Actor::user(user);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let order = own_order(plan, user, id).await?.entity;
                let open = order.payment.filter(|_| order.state() == OrderState::Paying);
                let open = open.ok_or(Error::Conflict("no payment is open"))?;
                plan.happen::<Payment>(open, &payment::Event::Fail).await?;
                Ok(())
            })
        });
        act.await?;
        self.find::<Order>(id).await
    }

    /// A channel says what became of a payment. What it says twice, or late, harms nobody: money that nobody waits for goes
    /// back.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], [`Error::BadRequest`], [`Error::NotFound`], [`Error::Conflict`] when the amount differs;
    /// storage faults.
    pub async fn notify(&self, channel: Channel, signed: &Signed) -> Result<(), Error> {
        const FORGED: Error = Error::SignatureInvalid("the channel did not sign this");
        let key = self.money()?.key(channel).ok_or(Error::NotFound)?;
        let signature = Signature::from_bytes(&signed.signature).map_err(|_| FORGED)?;
        dsa::verify(&key, &DistId::default(), signed.text.as_bytes(), &signature).map_err(|_| FORGED)?;
        let said: Said = serde_json::from_str(&signed.text)
            .map_err(|_| Error::BadRequest("this says nothing of a payment"))?;
        let known = self.named::<Payment>(Due::name(channel, &said.number)).await?.ok_or(Error::NotFound)?;
        let said = &said;
        self.carry_out(move || Box::pin(self.settle(known.id, said))).await
    }

    async fn settle(&self, id: Id, said: &Said) -> Result<(), Failed> {
        let mut plan = self.plan(None);
        let payment = plan.find::<Payment>(id).await?.entity;
        let is_open = matches!(payment.state(), PaymentState::Open | PaymentState::Closed);
        let order = plan.find::<Order>(payment.due.order).await?.entity;
        let is_current = order.payment == Some(id) && order.state() == OrderState::Paying;
        let event = match (said.paid, is_open) {
            (_, false) => return Ok(()),
            (false, true) if is_current => payment::Event::Fail,
            (false, true) => payment::Event::Close,
            (true, true) if said.amount_fen != payment.due.amount_fen => {
                return Err(Error::Conflict("another amount was to be paid").into());
            }
            (true, true) if order.is_payable() => {
                payment::Event::Settle { transaction: said.transaction.clone() }
            }
            (true, true) => payment::Event::Return { transaction: said.transaction.clone() },
        };
        plan.happen::<Payment>(id, &event).await?;
        plan.commit().await
    }

    /// A user says to have paid an order by transfer: the bank is asked at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::BadRequest`], [`Error::Conflict`] when it is not to be paid; faults of the
    /// bank and of storage.
    pub async fn check_transfer(
        &self,
        user: &User,
        id: Id,
        (payer, account, date): (Zeroizing<String>, Zeroizing<String>, String),
    ) -> Result<Stored<Order>, Error> {
        let money = self.money()?;
        let fits =
            |text: &str| (1..=MAX_ACCOUNT).contains(&text.len()) && !text.chars().any(char::is_control);
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        if !fits(&payer) || !fits(&account) || !is_date {
            return Err(Error::BadRequest("a transfer has a payer, an account and a day of 8 digits"));
        }
        let transfer = Transfer {
            payer: self.ports.vault.seal(Kind::Details, &payer)?,
            account: self.ports.vault.seal(Kind::Details, &account)?,
            date: date.clone(),
        };
        let (actor, transfer) = (Actor::user(user), &transfer);
        let act = self.act(&actor, None, move |plan| {
            Box::pin(async move {
                own_order(plan, user, id).await?;
                let checked = plan.happen::<Order>(id, &order::Event::Check(transfer.clone())).await?;
                Ok(checked.total_fen())
            })
        });
        let amount_fen = act.await?;
        let deposit = Deposit { payer: payer.to_string(), account: account.to_string(), date, amount_fen };
        let entry = money.find(&deposit).await?;
        let entry = entry.as_deref();
        self.act(&actor, None, move |plan| Box::pin(self.plan_match(plan, id, entry))).await?;
        self.find::<Order>(id).await
    }

    /// An entry of the bank pays one order.
    async fn plan_match(&self, plan: &mut Plan<'_>, id: Id, entry: Option<&str>) -> Result<(), Failed> {
        let name = entry.map(|entry| Due::name(Channel::Bank, entry));
        let is_taken = match name {
            Some(name) => self.named::<Payment>(name).await?.is_some(),
            None => true,
        };
        let order = plan.find::<Order>(id).await?.entity;
        match entry {
            Some(entry) if !is_taken && order.state() == OrderState::TransferCheck => {
                let amount_fen = order.total_fen();
                let due = Due { order: id, channel: Channel::Bank, number: entry.to_owned(), amount_fen };
                let payment = plan.id()?;
                plan.make::<Payment>(payment, &payment::Event::Match(due))?;
            }
            _ => drop(plan.happen::<Order>(id, &order::Event::NoMatch).await?),
        }
        Ok(())
    }

    /// A reviewer says which entry of the bank a transfer is, or that there is none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it does not wait or the entry paid another order; storage faults.
    pub async fn decide_transfer(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        entry: Option<&str>,
        once: Option<&Once>,
    ) -> Result<Stored<Order>, Error> {
        if let Some(entry) = entry {
            if entry.is_empty() || entry.len() > MAX_ACCOUNT {
                return Err(Error::BadRequest("an entry of the bank has 1 to 128 bytes"));
            }
            if self.named::<Payment>(Due::name(Channel::Bank, entry)).await?.is_some() {
                return Err(Error::Conflict("this entry of the bank paid another order"));
            }
        }
        let actor = Actor::operator(by);
        self.act(&actor, once, move |plan| Box::pin(self.plan_match(plan, id, entry))).await?;
        self.find::<Order>(id).await
    }

    /// Somebody pays at the page of a sandbox, or does not; gives what the channel said of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no sandbox or no such payment; as [`Self::notify`].
    pub async fn press_pay(&self, number: &str, paid: bool) -> Result<(Channel, Signed), Error> {
        let (channel, signed) = self.money()?.press(number, paid).ok_or(Error::NotFound)?;
        self.notify(channel, &signed).await?;
        Ok((channel, signed))
    }

    /// A transfer comes in at the bank of a sandbox; what its entry is called.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no sandbox.
    pub fn deposit(&self, deposit: Deposit) -> Result<String, Error> {
        self.money()?.deposit(deposit).ok_or(Error::NotFound)
    }
}
