//! Seals: made, reviewed, replaced, ended.

use super::{Actor, Failed, Made, Making, Office, User, pictures, plan::Plan};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Stored,
        holding::{Acting, Holding},
        personal::Kind,
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
}

impl Office {
    /// What the picture of a seal would be.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::BadRequest`] for what no picture is made of, [`Error::NotFound`] for another's file.
    pub async fn preview_seal(&self, user: &User, kind: SealKind, making: &Making) -> Result<Made, Error> {
        let name = self.own_name(&mut self.plan(None), user).await?;
        self.picture(user, kind, making, name).await
    }

    async fn own_name(&self, plan: &mut Plan<'_>, user: &User) -> Result<String, Error> {
        let person = self.person_in(plan, user.account().id).await?;
        Ok(self.ports.vault.open(Kind::PersonName, &person.claim().name)?.to_string())
    }

    /// A user has a seal made: at once, or after the seal maker has looked at the photo.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] for another's certificate or file, [`Error::Conflict`] when the certificate
    /// is not in force or has seals enough, [`Error::BadRequest`]; storage faults.
    pub async fn make_seal(
        &self,
        user: &User,
        new: &NewSeal,
        once: Option<&Once>,
    ) -> Result<Stored<Seal>, Error> {
        let NewSeal { holding, kind, name, making } = new;
        let (holding, kind, account) = (*holding, *kind, user.account().id);
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::BadRequest("a seal has a name of at most 60 characters"));
        }
        let name = self.ports.vault.seal(Kind::Words, name)?;
        // What the authority changed by itself counts.
        self.holding(user, holding).await?;
        let shown = self.own_name(&mut self.plan(None), user).await?;
        let made = &self.picture(user, kind, making, shown).await?;
        let (actor, name) = (Actor::user(user), &name);
        let id = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                self.person_in(plan, account).await?;
                let found = plan.find::<Holding>(holding).await?;
                Acting::holding(&found.entity, account)?;
                let bearer = Bearer::of(holding, &found.entity, account, plan.now_ms)?;
                let seals = plan.all_under::<Seal>(holding).await?;
                if seals.iter().filter(|seal| is_kept(seal.entity.state())).count()
                    >= self.rules.seals_at_most
                {
                    return Err(Error::Conflict("the certificate has as many seals as it may").into());
                }
                let face = self.keep(plan, account, made)?;
                let order = Order { bearer, kind, name: name.clone(), face, manager: None };
                let id = plan.id()?;
                plan.make::<Seal>(id, &seal::Event::Make(Box::new(order)))?;
                Ok(id)
            })
        });
        self.find::<Seal>(id.await?).await
    }

    /// The seal of a person, made together with the first certificate.
    pub(super) async fn first_seal(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        id: Id,
        holding: &Holding,
    ) -> Result<(), Error> {
        let account = user.account().id;
        let seals = plan.all_under::<Seal>(account).await?;
        let has =
            |seal: &Stored<Seal>| seal.entity.kind == SealKind::PersonalSeal && is_kept(seal.entity.state());
        if seals.iter().any(has) {
            return Ok(());
        }
        let shown = self.own_name(plan, user).await?;
        let name = self.ports.vault.seal(Kind::Words, &shown)?;
        // A name that the font cannot write gets a seal by another way.
        let Ok(made) = pictures::drawn(SealKind::PersonalSeal, shown, false, String::new()).await else {
            return Ok(());
        };
        let bearer = Bearer::of(id, holding, account, plan.now_ms)?;
        let face = self.keep(plan, account, &made)?;
        let order = Order { bearer, kind: SealKind::PersonalSeal, name, face, manager: None };
        let seal = plan.id()?;
        plan.make::<Seal>(seal, &seal::Event::Make(Box::new(order)))?;
        Ok(())
    }

    /// A seal of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn seal(&self, user: &User, id: Id) -> Result<Stored<Seal>, Error> {
        let found = self.find::<Seal>(id).await?;
        if found.entity.holder.id() == user.account().id { Ok(found) } else { Err(Error::NotFound) }
    }

    /// The seals of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn seals(&self, user: &User, page: &Page) -> Result<Paged<Stored<Seal>>, Error> {
        self.under::<Seal>(user.account().id, page).await
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
        let found = self.seal(user, id).await?;
        let account = user.account().id;
        let reason = reason.map(str::trim);
        if reason.is_some_and(|reason| reason.is_empty() || reason.chars().count() > MAX_REASON) {
            return Err(Error::BadRequest("a reason has 1 to 500 characters"));
        }
        let reason = reason.map(|reason| self.ports.vault.seal(Kind::Words, reason)).transpose()?;
        let shown = self.own_name(&mut self.plan(None), user).await?;
        let made = &self.picture(user, found.entity.kind, making, shown).await?;
        let (actor, reason) = (Actor::user(user), &reason);
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let holding = plan.find::<Seal>(id).await?.entity.holding;
                plan.find::<Holding>(holding).await?.entity.is_in_force(plan.now_ms)?;
                let face = self.keep(plan, account, made)?;
                let event = match reason.clone() {
                    Some(reason) => seal::Event::Replace(Replacement { face, reason }),
                    None => seal::Event::Correct(face),
                };
                plan.happen::<Seal>(id, &event).await?;
                Ok::<_, Failed>(())
            })
        })
        .await?;
        self.find::<Seal>(id).await
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
        self.seal(user, id).await?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
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
        let (made, account) = (&made, found.entity.account);
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                let event = match (passed, words.clone()) {
                    (true, words) => {
                        let face = made.as_ref().map(|made| self.keep(plan, account, made)).transpose()?;
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
const fn is_kept(state: SealState) -> bool {
    use SealState::{Cancelled, Deleted, Erased};
    !matches!(state, Cancelled | Deleted | Erased)
}
