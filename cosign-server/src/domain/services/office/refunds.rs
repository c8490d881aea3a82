//! Money that goes back.

use zeroize::Zeroizing;

use super::{Actor, Office, User, orders::own_order};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        personal::{Kind, Personal},
        refund::{self, Asked, Refund, RefundState},
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// Longest opinion in characters.
const MAX_OPINION: usize = 500;

impl Office {
    /// An opinion of a reviewer, sealed.
    pub(super) fn opinion(&self, text: Option<&str>) -> Result<Option<Personal>, Error> {
        let Some(text) = text else { return Ok(None) };
        if text.is_empty() || text.chars().count() > MAX_OPINION {
            return Err(Error::BadRequest("an opinion has 1 to 500 characters"));
        }
        self.ports.vault.seal(Kind::Words, text).map(Some)
    }

    /// What somebody wrote.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn written(&self, sealed: Option<&Personal>) -> Result<Option<Zeroizing<String>>, Error> {
        sealed.map(|sealed| self.ports.vault.open(Kind::Words, sealed)).transpose()
    }

    /// A user asks the money for a line back.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's, [`Error::BadRequest`] for a reason that is too short or long, [`Error::Conflict`]
    /// when it was used or asked back before; storage faults.
    pub async fn ask_refund(
        &self,
        user: &User,
        (order, line): (Id, Id),
        reason: &str,
        once: Option<&Once>,
    ) -> Result<Stored<Refund>, Error> {
        if !(10..=500).contains(&reason.chars().count()) {
            return Err(Error::BadRequest("a reason has 10 to 500 characters"));
        }
        let (reason, actor) = (&self.ports.vault.seal(Kind::Words, reason)?, Actor::user(user));
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let found = own_order(plan, user, order).await?.entity;
                let payment = found.payment.filter(|_| found.is_paid());
                let payment = payment.ok_or(Error::Conflict("the order was not paid"))?;
                let asked = Asked::of(order, payment, &found, found.line(line)?);
                let id = plan.id()?;
                plan.make::<Refund>(id, &refund::Event::Ask { asked, reason: reason.clone() })?;
                Ok(id)
            })
        });
        self.find::<Refund>(act.await?).await
    }

    /// The refunds of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn refunds(&self, user: &User, page: &Page) -> Result<Paged<Stored<Refund>>, Error> {
        self.under::<Refund>(user.account().id, page).await
    }

    /// Refunds in a state, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn refunds_in(
        &self,
        _: &Acting<SeesRequests>,
        state: RefundState,
        page: &Page,
    ) -> Result<Paged<Stored<Refund>>, Error> {
        self.in_state::<Refund>(state, page).await
    }

    /// A reviewer decides on a refund; `None` tries again what the channel did not do.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it was decided; storage faults.
    pub async fn decide_refund(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        is_good: Option<bool>,
        opinion: Option<&str>,
        once: Option<&Once>,
    ) -> Result<Stored<Refund>, Error> {
        let (actor, opinion) = (Actor::operator(by), &self.opinion(opinion)?);
        let act = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let event = match is_good {
                    Some(true) => refund::Event::Approve(opinion.clone()),
                    Some(false) => refund::Event::Refuse(opinion.clone()),
                    None => refund::Event::Retry,
                };
                plan.happen::<Refund>(id, &event).await?;
                Ok(())
            })
        });
        act.await?;
        self.find::<Refund>(id).await
    }
}
