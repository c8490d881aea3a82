//! Seals: made, reviewed, replaced, ended.

use zeroize::Zeroizing;

use super::{Actor, Failed, Made, Making, Office, User, Whose, pictures, plan::Plan};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        grant::{Grant, What},
        holding::{Holder, Holding},
        personal::{Kind, Personal},
        seal::{self, Bearer, Order, Replacement, Seal, SealKind, SealState},
    },
    once::Once,
    operators::{Acting as ActingOperator, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// Longest name of a seal, and longest reason of a change, in characters.
const MAX_NAME: usize = 60;
const MAX_REASON: usize = 500;

/// A seal that a user wants.
#[derive(Clone, Debug)]
pub struct NewSeal {
    /// The certificate that it is bound to.
    pub holding: Id,
    /// What kind.
    pub kind: SealKind,
    /// What it is called.
    pub name: String,
    /// How its picture is made.
    pub making: Making,
    /// Which member of the enterprise looks after it.
    pub manager: Option<Id>,
}

/// What was done for a seal before it is planned.
pub(super) struct ReadySeal {
    /// What it is called.
    name: Personal,
    /// Its picture.
    made: Made,
    /// Whose it will be.
    holder: Holder,
}

impl Office {
    /// What the picture of a seal would be: of the user, or of the holder of a certificate.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] for another's certificate or file, [`Error::BadRequest`] for what no picture
    /// is made of.
    pub async fn preview_seal(
        &self,
        user: &User,
        holding: Option<Id>,
        kind: SealKind,
        making: &Making,
    ) -> Result<Made, Error> {
        let holder = match holding {
            Some(holding) => self.holding(user, holding).await?.0.entity.holder,
            None => Holder::Person(user.account().id),
        };
        let text = self.seal_text(&mut self.plan(None), user.account().id, holder, kind).await?;
        self.picture(user, kind, making, text).await
    }

    /// A user has a seal made: at once, or after the seal maker has looked at the photo. Whoever makes one of an enterprise that
    /// is good at once signs that with a code.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] for another's certificate or file, [`Error::Conflict`] when the certificate
    /// is not in force or has seals enough, [`Error::BadRequest`], [`Error::CodeInvalid`]; storage faults.
    pub async fn make_seal(
        &self,
        user: &User,
        new: &NewSeal,
        code: Option<(Id, Zeroizing<String>)>,
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let (actor, account) = (Actor::user(user), user.account().id);
        let ready = self.ready_seal(user, new).await?;
        let is_signed = matches!(ready.holder, Holder::Enterprise(_)) && !ready.made.source.is_reviewed();
        if is_signed && self.was_done(&actor, once).await?.is_none() {
            let (code_id, code) = code.ok_or(Error::CodeInvalid)?;
            self.signed(user, code_id, &code).await?;
        }
        let ready = &ready;
        let id = self.act(&actor, once, move |plan| {
            Box::pin(async move { self.plan_seal(plan, account, new, ready, false).await })
        });
        self.find::<Seal>(id.await?).await
    }

    /// What is done for a seal before it is planned.
    pub(super) async fn ready_seal(&self, user: &User, new: &NewSeal) -> Result<ReadySeal, Error> {
        let NewSeal { holding, kind, making, .. } = new;
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::BadRequest("a seal has a name of at most 60 characters"));
        }
        let name = self.ports.vault.seal(Kind::Words, name)?;
        // What the authority changed by itself counts.
        let holder = self.holding(user, *holding).await?.0.entity.holder;
        self.may_be_made(holder, *kind, making)?;
        let text = self.seal_text(&mut self.plan(None), user.account().id, holder, *kind).await?;
        Ok(ReadySeal { name, made: self.picture(user, *kind, making, text).await?, holder })
    }

    /// A seal is made, or applied for.
    pub(super) async fn plan_seal(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        new: &NewSeal,
        ready: &ReadySeal,
        is_applied_for: bool,
    ) -> Result<Id, Failed> {
        self.person_in(plan, account).await?;
        let found = plan.find::<Holding>(new.holding).await?;
        self.acts_as(plan, account, found.entity.holder).await?;
        self.is_for_business(&found.entity)?;
        let bearer = Bearer::of(new.holding, &found.entity, account, plan.now_ms)?;
        let seals = plan.all_under::<Seal>(new.holding).await?;
        if seals.iter().filter(|seal| is_kept(seal.entity.state())).count() >= self.rules.seals_at_most {
            return Err(Error::Conflict("the certificate has as many seals as it may").into());
        }
        let manager = match (new.manager, found.entity.holder) {
            (None, _) => None,
            (Some(_), Holder::Person(_)) => {
                return Err(Error::BadRequest("a person looks after their own seals").into());
            }
            (Some(member), Holder::Enterprise(enterprise)) => {
                Some(self.belongs(plan, member, enterprise).await?)
            }
        };
        let face = self.keep(plan, found.entity.holder.id(), &ready.made)?;
        let (kind, name) = (new.kind, ready.name.clone());
        let order = Order { bearer, kind, name, face, manager, is_applied_for };
        let id = plan.id()?;
        plan.make::<Seal>(id, &seal::Event::Make(Box::new(order)))?;
        Ok(id)
    }

    /// Another member of the enterprise looks after a seal of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for who is no member; [`Error::RoleMissing`], [`Error::Conflict`]; storage faults.
    pub async fn appoint_seal_manager(
        &self,
        user: &User,
        (id, member): (Id, Id),
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let holder = self.own_seal(plan, account, id).await?;
                let Holder::Enterprise(enterprise) = holder else { return Err(Error::NotFound.into()) };
                let manager = self.belongs(plan, member, enterprise).await?;
                plan.happen::<Seal>(id, &seal::Event::Appoint(manager)).await?;
                Ok(())
            })
        })
        .await?;
        self.find::<Seal>(id).await
    }

    /// That a seal is the user's own, or one of an enterprise that the user manages. Gives whose it is.
    async fn own_seal(&self, plan: &mut Plan<'_>, account: Id, id: Id) -> Result<Holder, Error> {
        let holder = plan.find::<Seal>(id).await?.entity.holder;
        self.acts_as(plan, account, holder).await.map(|by| by.holder())
    }

    /// A seal of a user, or of an enterprise if the user manages that, looks after the seal or may use it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn seal(&self, user: &User, id: Id) -> Result<Stored<Seal>, Error> {
        let found = self.find::<Seal>(id).await?;
        self.sees_seal(&mut self.plan(None), user.account().id, &found).await?;
        Ok(found)
    }

    /// The seals of a user, newest first; of an enterprise all for whoever manages it, and for a member those that the member
    /// may use.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn seals(&self, user: &User, whose: Whose, page: &Page) -> Result<Paged<Stored<Seal>>, Error> {
        let account = user.account().id;
        let Whose::Enterprise(enterprise) = whose else { return self.under::<Seal>(account, page).await };
        match self.manages(&mut self.plan(None), account, enterprise).await {
            Ok(_) => self.under::<Seal>(enterprise, page).await,
            Err(Error::RoleMissing(_)) => self.seals_of_member(account, enterprise, page).await,
            Err(error) => Err(error),
        }
    }

    async fn seals_of_member(
        &self,
        account: Id,
        enterprise: Id,
        page: &Page,
    ) -> Result<Paged<Stored<Seal>>, Error> {
        let now_ms = self.ports.clock.now_ms();
        let Paged { items, next } = self.under::<Grant>(Grant::live_of(enterprise, account), page).await?;
        let mut seals: Vec<Stored<Seal>> = Vec::new();
        for terms in items.iter().map(|grant| grant.entity.terms).filter(|terms| terms.is_now(now_ms)) {
            match terms.what {
                What::Seal { seal } if seals.iter().all(|known| known.id != seal) => {
                    seals.push(self.find::<Seal>(seal).await?);
                }
                _ => {}
            }
        }
        Ok(Paged { items: seals, next })
    }

    /// Another picture for a seal, or for one that was sent back. `reason`: why; none for what was sent back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`], [`Error::Conflict`] when its state or that of its certificate does not
    /// allow it; storage faults.
    pub async fn replace_seal(
        &self,
        user: &User,
        id: Id,
        (making, reason): (&Making, Option<&str>),
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let (actor, account) = (Actor::user(user), user.account().id);
        let ready = &self.ready_picture(user, id, making, reason).await?;
        self.act(&actor, once, move |plan| {
            Box::pin(async move { self.plan_picture(plan, account, id, ready, false).await })
        })
        .await?;
        self.find::<Seal>(id).await
    }

    /// What is done for another picture before it is planned: the picture, and why.
    pub(super) async fn ready_picture(
        &self,
        user: &User,
        id: Id,
        making: &Making,
        reason: Option<&str>,
    ) -> Result<(Made, Option<Personal>), Error> {
        let found = self.seal(user, id).await?;
        let account = user.account().id;
        let reason = reason.map(str::trim);
        if reason.is_some_and(|reason| reason.is_empty() || reason.chars().count() > MAX_REASON) {
            return Err(Error::BadRequest("a reason has 1 to 500 characters"));
        }
        let reason = reason.map(|reason| self.ports.vault.seal(Kind::Words, reason)).transpose()?;
        let (holder, kind) = (found.entity.holder, found.entity.kind);
        let text = self.seal_text(&mut self.plan(None), account, holder, kind).await?;
        Ok((self.picture(user, kind, making, text).await?, reason))
    }

    /// A seal gets another picture, or that is applied for.
    pub(super) async fn plan_picture(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        id: Id,
        (made, reason): &(Made, Option<Personal>),
        is_applied_for: bool,
    ) -> Result<(), Failed> {
        let holder = self.own_seal(plan, account, id).await?;
        let holding = plan.find::<Seal>(id).await?.entity.holding;
        plan.find::<Holding>(holding).await?.entity.is_in_force(plan.now_ms)?;
        let face = self.keep(plan, holder.id(), made)?;
        let event = match reason.clone() {
            Some(reason) => seal::Event::Replace(Replacement { face, reason, is_applied_for }),
            None => seal::Event::Correct(face),
        };
        plan.happen::<Seal>(id, &event).await?;
        Ok(())
    }

    /// The owner ends a seal for good, or removes one that nobody sealed with.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], storage faults.
    pub async fn end_seal(
        &self,
        user: &User,
        id: Id,
        event: &seal::Event,
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.own_seal(plan, account, id).await?;
                plan.happen::<Seal>(id, event).await?;
                Ok(())
            })
        })
        .await?;
        self.find::<Seal>(id).await
    }

    /// Seals in a state, oldest first, for the seal maker.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn seals_in(
        &self,
        _: &ActingOperator<SeesRequests>,
        state: SealState,
        page: &Page,
    ) -> Result<Paged<Stored<Seal>>, Error> {
        self.in_state::<Seal>(state, page).await
    }

    /// A seal, for the seal maker.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn seal_for(&self, _: &ActingOperator<SeesRequests>, id: Id) -> Result<Stored<Seal>, Error> {
        self.find::<Seal>(id).await
    }

    /// The seal maker takes the picture, or a cleaner one of it, or sends it back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] for a return without an opinion or a picture that cannot be read,
    /// [`Error::Conflict`], storage faults.
    pub async fn review_seal(
        &self,
        by: &ActingOperator<Reviewer>,
        id: Id,
        (passed, words, cleaner): (bool, &str, Option<Vec<u8>>),
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let found = self.find::<Seal>(id).await?;
        let words = &self.opinion(Some(words.trim()).filter(|words| !words.is_empty()))?;
        let made = match cleaner {
            Some(png) => Some(pictures::cleaned(found.entity.kind, png).await?),
            None => None,
        };
        let (made, owner) = (&made, found.entity.holder.id());
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                let event = match (passed, words.clone()) {
                    (true, words) => {
                        let face = made.as_ref().map(|made| self.keep(plan, owner, made)).transpose()?;
                        seal::Event::Pass { face, words }
                    }
                    (false, Some(words)) => seal::Event::Return(words),
                    (false, None) => {
                        return Err(Error::BadRequest("a request is returned with an opinion").into());
                    }
                };
                plan.happen::<Seal>(id, &event).await?;
                Ok(())
            })
        })
        .await?;
        self.find::<Seal>(id).await
    }
}

#[cfg(test)]
impl Office {
    /// Somebody seals with it.
    pub(crate) async fn use_seal(&self, id: Id) {
        let mut plan = self.plan(None);
        plan.happen::<Seal>(id, &seal::Event::Use).await.unwrap();
        plan.commit().await.unwrap();
    }
}

/// Whether a seal counts among those that a certificate has.
pub(super) const fn is_kept(state: SealState) -> bool {
    use SealState::{Cancelled, Deleted, Erased};
    !matches!(state, Cancelled | Deleted | Erased)
}
