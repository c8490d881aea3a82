//! What happens by itself: time passes, and providers are asked to do what was ordered.

use super::{Failed, Office};
use crate::domain::{
    Error,
    office::{
        Effect, Entity, Id,
        dispatch::{self, Dispatch, Job},
        kind_named,
        payment::Payment,
        personal::{Kind, Phone},
    },
    ports::StoreError,
};

/// Entities looked at in one go.
const AT_ONCE: u32 = 200;
/// How long an order is one process's alone, milliseconds.
const LEASE_MS: u64 = 30_000;

impl Office {
    /// Waits until an order was given in this process.
    pub async fn wait_for_work(&self) {
        self.work.notified().await;
    }

    /// Moves what time alone moves, and has providers carry out what waits. How many entities were looked at.
    ///
    /// # Errors
    /// Storage faults. What a single entity says is logged.
    pub async fn work(&self) -> Result<usize, Error> {
        let now_ms = self.ports.clock.now_ms();
        let due = self.ports.entities.entities_due(now_ms, AT_ONCE).await?;
        for (kind, id) in &due {
            let by_time = kind_named(kind).map(|kind| (kind.by_time)());
            let done = match by_time {
                Ok(Some(what)) => self.by_itself(Effect::On(*id, what)).await,
                Ok(None) => self.dispatch(*id).await,
                Err(error) => Err(Failed::For(error)),
            };
            match done {
                Ok(()) | Err(Failed::Again) => {}
                Err(Failed::For(error)) => tracing::warn!(kind, %id, %error, "what was due did not happen"),
            }
        }
        Ok(due.len())
    }

    async fn by_itself(&self, effect: Effect) -> Result<(), Failed> {
        let mut plan = self.plan(None);
        plan.bring(effect);
        plan.commit().await
    }

    async fn one<E: Entity>(&self, id: Id, event: &E::Event) -> Result<(), Failed> {
        let mut plan = self.plan(None);
        plan.happen::<E>(id, event).await?;
        plan.commit().await
    }

    async fn dispatch(&self, id: Id) -> Result<(), Failed> {
        let now_ms = self.ports.clock.now_ms();
        let waiting = self.find::<Dispatch>(id).await?.entity;
        if waiting.order.as_ref().is_none_or(|order| now_ms >= order.until_ms) {
            return self.one::<Dispatch>(id, &dispatch::Event::GiveUp).await;
        }
        let until_ms = now_ms.saturating_add(LEASE_MS);
        self.one::<Dispatch>(id, &dispatch::Event::Take { until_ms }).await?;
        let event = match self.send(id, &waiting).await {
            Ok(receipt) => dispatch::Event::Done { receipt },
            Err(error) => {
                tracing::warn!(%id, %error, "a provider did not do what was ordered");
                dispatch::Event::Retry
            }
        };
        match self.one::<Dispatch>(id, &event).await {
            // The lease ended meanwhile, and somebody else is at it: the provider knows the key of the order.
            Err(Failed::Again) => Err(Failed::For(StoreError::Stale.into())),
            done => done,
        }
    }

    async fn send(&self, id: Id, dispatch: &Dispatch) -> Result<String, Error> {
        let order = dispatch.order.as_ref().ok_or(Error::Internal)?;
        let key = id.to_string();
        match &order.job {
            Job::Sms { phone, template, text } => {
                let phone = Phone::parse(&self.ports.vault.open(Kind::Phone, phone)?)?;
                let text = self.ports.vault.open(Kind::Text, text)?;
                let sms = self.ports.sms.as_ref().ok_or(Error::Unavailable)?;
                sms.send(&key, &phone, *template, &text).await
            }
            Job::MailForm { application, to } => self.send_form(&key, *application, to).await,
            Job::PayCent { payment, payee, remark } => self.send_cent(*payment, payee, remark).await,
            Job::PayBack { payment, refund, amount_fen } => {
                let money = self.ports.money.as_ref().ok_or(Error::Unavailable)?;
                let due = self.find::<Payment>(*payment).await?.entity.due;
                // What goes back goes back once, however often it was ordered.
                let key = refund.unwrap_or(*payment).to_string();
                money.give_back(&key, due.channel, &due.number, *amount_fen).await
            }
            Job::Issue { invoice } => self.issue(*invoice).await,
            Job::Red { invoice } => self.take_back(*invoice).await,
            Job::Ship { invoice } => self.ship(*invoice).await,
        }
    }
}
