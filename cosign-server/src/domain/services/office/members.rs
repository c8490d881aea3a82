//! Joining an enterprise, leaving it, and who belongs to it.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Actor, Failed, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Effect, Entity as _, Id, Moment, Named as _, Stored,
        account::Account,
        approval::{self, Approval, Ask, JoinRight, Judge},
        code::{ProvenPhone, Purpose},
        enterprise::{self, Enterprise, EnterpriseState},
        grant::{self, Grant, Terms, What},
        invitation::{self, Invitation, InvitationState},
        membership::{self, Membership},
        message::Notice,
        order::{Business, Order, OrderState},
        personal::{Kind, Phone},
        rules::{GrantPolicy, LeavePolicy},
    },
    once::Once,
    page::{Page, Paged},
};

/// Most rights that are asked for with a membership.
const MAX_RIGHTS: usize = 16;

/// By what somebody asks to join.
pub enum Joining {
    /// By knowing who administers it.
    Known {
        /// The name of an administrator.
        name: Zeroizing<String>,
        /// The last four digits of that person's phone.
        digits: Zeroizing<String>,
        /// Why, if it is said.
        reason: Option<Zeroizing<String>>,
    },
    /// By explaining why.
    Explained(Zeroizing<String>),
    /// With a code that the legal representative's phone got, for operators to look at.
    Legal(Id, Zeroizing<String>),
    /// With an order that is paid, for operators to look at.
    Bought(Id),
}

/// What a new member wants to use of an enterprise.
#[derive(Clone, Copy, Debug)]
pub struct RightWanted {
    /// What.
    pub what: What,
    /// From when on, unix milliseconds.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// A member as those who manage an enterprise see them.
pub struct Member {
    /// What the person is to it.
    pub membership: Stored<Membership>,
    /// The name.
    pub name: Option<Zeroizing<String>>,
    /// The phone, masked.
    pub phone: Option<String>,
}

/// A wrong guess is counted, so it is committed.
fn done_or_wrong(asked: Option<Id>) -> Result<Id, Error> {
    asked.ok_or(Error::Conflict("no administrator of the enterprise has this name and this phone"))
}

/// That an order was bought by this account for joining an enterprise, is paid, and was not used for that before.
fn is_for_joining(order: &Order, account: Id) -> Result<(), Error> {
    if order.of.buyer != account {
        return Err(Error::NotFound);
    }
    if order.of.business != Business::Join || order.state() != OrderState::Paid || order.handed_over {
        return Err(Error::Conflict("the order is not paid, was used, or is for something else"));
    }
    Ok(())
}

impl Office {
    /// Asks to join an enterprise. Gives the id of the approval.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] for no such enterprise, [`Error::Conflict`] when no administrator is called
    /// so and for a member, [`Error::TooManyRequests`] after five wrong names in a day; storage faults.
    pub async fn join(
        &self,
        user: &User,
        enterprise: Id,
        joining: Joining,
        rights: &[RightWanted],
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        let (actor, account) = (Actor::user(user), user.account().id);
        if rights.len() > MAX_RIGHTS {
            return Err(Error::BadRequest("at most 16 rights are asked for at once"));
        }
        let membership = Membership::id_of(enterprise, account);
        let (mut legal, mut order) = (None, None);
        let (known, reason) = match joining {
            Joining::Known { name, digits, reason } => (Some((name, digits)), reason),
            Joining::Explained(reason) => (None, Some(reason)),
            Joining::Legal(code_id, code) => {
                // Who may not is told before the code is used up.
                self.verified(user, self.rules.levels.enterprise).await?;
                if self.was_done(&actor, once).await?.is_none() {
                    let phone = self.carry_out(|| Box::pin(self.prove(code_id, &code, Purpose::Legal)));
                    legal = Some(phone.await?);
                }
                (None, None)
            }
            Joining::Bought(id) => {
                order = Some(id);
                (None, None)
            }
        };
        let (known, reason, legal) = (&known, &reason, &legal);
        let asked = self
            .act(&actor, once, move |plan| {
                Box::pin(async move {
                    let applicant_name = self.name_of(plan, account).await?;
                    let found = plan.find::<Enterprise>(enterprise).await?.entity;
                    if found.state() != EnterpriseState::Active {
                        return Err(Error::NotFound.into());
                    }
                    if let Some((name, digits)) = known
                        && !self.knows_administrator(plan, &found, account, (name, digits)).await?
                    {
                        return Ok(None);
                    }
                    let reason = reason.as_ref().map(|reason| self.words(reason)).transpose()?;
                    let ask = membership::Event::Ask { account, enterprise };
                    plan.bring(Effect::on::<Membership>(membership, ask));
                    let is_legals = |phone: &ProvenPhone| {
                        found.facts.legal.as_ref().is_some_and(|legal| legal.phone_name == phone.name)
                    };
                    if legal.as_ref().is_some_and(|phone| !is_legals(phone)) {
                        return Err(Error::CodeInvalid.into());
                    }
                    if let Some(order) = order {
                        is_for_joining(&plan.find::<Order>(order).await?.entity, account)?;
                    }
                    let stages = if legal.is_some() || order.is_some() {
                        vec![Judge::Reviewer; usize::from(self.rules.join_reviews.clamp(1, 4))]
                    } else {
                        self.rules.join_chain.clone()
                    };
                    let mut asked = Vec::new();
                    for right in rights {
                        asked.push(self.plan_right(plan, (account, enterprise), right).await?);
                    }
                    let id = plan.id()?;
                    let event = approval::Event::Ask {
                        applicant: account,
                        applicant_name,
                        place: enterprise,
                        ask: Ask::Join { membership, rights: asked, order },
                        reason,
                        stages,
                        tell: found.administrators.clone(),
                    };
                    plan.make::<Approval>(id, &event)?;
                    Ok(Some(id))
                })
            })
            .await?;
        done_or_wrong(asked)
    }

    /// Asks for a right together with a membership.
    async fn plan_right(
        &self,
        plan: &mut Plan<'_>,
        (member, enterprise): (Id, Id),
        wanted: &RightWanted,
    ) -> Result<JoinRight, Error> {
        let RightWanted { what, from_ms, until_ms } = *wanted;
        if let What::Certificate { platform } = what {
            self.platform(platform).await?;
        }
        let terms = Terms { enterprise, member, what, from_ms, until_ms };
        self.is_grantable(plan, &terms).await?;
        let grant = plan.id()?;
        plan.make::<Grant>(grant, &grant::Event::Ask { terms, by: member })?;
        let is_seal = matches!(what, What::Seal { .. });
        let by_legal = !is_seal && self.rules.certificate_grants == GrantPolicy::Legal;
        Ok(JoinRight { grant, by_legal })
    }

    /// Whether somebody knows who administers an enterprise. A wrong guess is counted, so the plan is committed then too.
    pub(super) async fn knows_administrator(
        &self,
        plan: &mut Plan<'_>,
        found: &Enterprise,
        account: Id,
        (name, digits): (&str, &str),
    ) -> Result<bool, Error> {
        let enterprise = found.id();
        let membership = Membership::id_of(enterprise, account);
        self.may_try(plan, membership).await?;
        if self.knows(plan, found, name, digits).await? {
            return Ok(true);
        }
        let miss = membership::Event::Miss { account, enterprise };
        plan.bring(Effect::on::<Membership>(membership, miss));
        Ok(false)
    }

    async fn may_try(&self, plan: &mut Plan<'_>, id: Id) -> Result<(), Error> {
        let now_ms = plan.now_ms;
        match plan.find::<Membership>(id).await {
            Ok(found) => found.entity.may_try(Moment { id, now_ms, rules: &self.rules }),
            Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether an administrator has this name, and a phone that ends so.
    async fn knows(
        &self,
        plan: &mut Plan<'_>,
        enterprise: &Enterprise,
        name: &str,
        digits: &str,
    ) -> Result<bool, Error> {
        let vault = &self.ports.vault;
        for account in &enterprise.administrators {
            let phone = plan.find::<Account>(*account).await?.entity.phone;
            let Some(phone) = phone.map(|phone| vault.open(Kind::Phone, &phone)).transpose()? else {
                continue;
            };
            let Some(known) = self.person_name(*account).await? else { continue };
            let end = phone.get(phone.len().saturating_sub(4)..).unwrap_or_default();
            let is_name: bool = known.as_bytes().ct_eq(name.trim().as_bytes()).into();
            let is_phone: bool = end.as_bytes().ct_eq(digits.as_bytes()).into();
            if is_name && is_phone {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A member leaves an enterprise, at once or when an administrator passes it. Gives the id of the approval, if there is
    /// one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for the only administrator, and while it is asked for; storage faults.
    pub async fn leave(
        &self,
        user: &User,
        enterprise: Id,
        reason: Option<Zeroizing<String>>,
        once: Option<&Once>,
    ) -> Result<Option<Id>, Error> {
        let account = user.account().id;
        let membership = Membership::id_of(enterprise, account);
        let reason = &reason;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.belongs(plan, account, enterprise).await?;
                let found = plan.find::<Enterprise>(enterprise).await?.entity;
                if found.administrators == [account] {
                    return Err(Error::Conflict("the only administrator hands over before leaving").into());
                }
                match self.rules.leave {
                    LeavePolicy::Notify => {
                        plan.happen::<Membership>(membership, &membership::Event::Leave).await?;
                        for to in found.administrators.iter().filter(|to| **to != account) {
                            plan.bring(Effect::tell::<Membership>(*to, Notice::MemberLeft, membership));
                        }
                        Ok(None)
                    }
                    LeavePolicy::Approve => {
                        let ask = Ask::Leave(membership);
                        let stages = vec![Judge::Administrator];
                        self.ask_for(plan, &found, account, ask, stages, reason.as_deref()).await.map(Some)
                    }
                }
            })
        })
        .await
    }

    /// Asks for something in an enterprise; one thing of a kind at a time.
    pub(super) async fn ask_for(
        &self,
        plan: &mut Plan<'_>,
        enterprise: &Enterprise,
        applicant: Id,
        ask: Ask,
        stages: Vec<Judge>,
        reason: Option<&String>,
    ) -> Result<Id, Failed> {
        let waiting = Approval::waiting_of(enterprise.id(), applicant);
        let waiting = self.under::<Approval>(waiting, &Page::default()).await?;
        if waiting.items.iter().any(|one| one.entity.ask.is_like(&ask)) {
            return Err(Error::Conflict("it is asked for already").into());
        }
        let applicant_name = self.name_of(plan, applicant).await?;
        let reason = reason.map(|reason| self.words(reason)).transpose()?;
        let id = plan.id()?;
        let (place, tell) = (enterprise.id(), enterprise.administrators.clone());
        let event = approval::Event::Ask { applicant, applicant_name, place, ask, reason, stages, tell };
        plan.make::<Approval>(id, &event)?;
        Ok(id)
    }

    /// Whoever manages an enterprise removes a member.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`] for the only administrator; storage faults.
    pub async fn remove_member(
        &self,
        user: &User,
        enterprise: Id,
        member: Id,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let by = self.manages(plan, account, enterprise).await?;
                self.belongs(plan, member, enterprise).await?;
                let id = Membership::id_of(enterprise, member);
                plan.happen::<Membership>(id, &membership::Event::Remove { by }).await?;
                Ok(())
            })
        })
        .await
    }

    /// An administrator hands the role over to a member: when the legal representative has signed that, or at once where
    /// the rules say so, and for the legal representative. Gives the id of the approval, if there is one.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`]; storage faults.
    pub async fn hand_over(
        &self,
        user: &User,
        enterprise: Id,
        to: Id,
        once: Option<&Once>,
    ) -> Result<Option<Id>, Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let from = self.administers(plan, account, enterprise).await?.account();
                let to = self.belongs(plan, to, enterprise).await?.account();
                let found = plan.find::<Enterprise>(enterprise).await?.entity;
                if found.administrators.contains(&to) {
                    return Err(Error::Conflict("the member is an administrator").into());
                }
                let may = !self.rules.transfer_needs_legal
                    || self.represents(plan, account, enterprise).await.is_ok();
                if may {
                    let event = enterprise::Event::HandOver { from, to };
                    plan.happen::<Enterprise>(enterprise, &event).await?;
                    return Ok(None);
                }
                let ask = Ask::Transfer { from, to };
                self.ask_for(plan, &found, account, ask, vec![Judge::Legal], None).await.map(Some)
            })
        })
        .await
    }

    /// Invites a person to an enterprise, whether they have an account or not.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`] while one to this phone waits; storage faults.
    pub async fn invite(
        &self,
        user: &User,
        enterprise: Id,
        name: &str,
        phone: &Phone,
        administrator: bool,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        let account = user.account().id;
        let vault = &self.ports.vault;
        let phone_name = vault.name(Kind::Phone, phone.expose())?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let by = self.manages(plan, account, enterprise).await?;
                let waiting =
                    self.under::<Invitation>(Invitation::list_of(&phone_name), &Page::default()).await?;
                if waiting.items.iter().any(|one| one.entity.enterprise == enterprise) {
                    return Err(Error::Conflict("the person is invited already").into());
                }
                let id = plan.id()?;
                let event = invitation::Event::Send {
                    by,
                    enterprise,
                    phone: vault.seal(Kind::Phone, phone.expose())?,
                    phone_name,
                    name: vault.seal(Kind::PersonName, name.trim())?,
                    administrator,
                    text: vault.seal(Kind::Text, Notice::Invited.as_str())?,
                };
                plan.make::<Invitation>(id, &event)?;
                Ok(id)
            })
        })
        .await
    }

    /// The invitations to the phone of a user, newest first, with what the enterprises are called.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn invitations(
        &self,
        user: &User,
        page: &Page,
    ) -> Result<Paged<(Stored<Invitation>, Stored<Enterprise>)>, Error> {
        let list = Invitation::list_of(&self.phone_name(user)?);
        let Paged { items, next } = self.under::<Invitation>(list, page).await?;
        let mut found = Vec::new();
        for one in items {
            let enterprise = self.find::<Enterprise>(one.entity.enterprise).await?;
            found.push((one, enterprise));
        }
        Ok(Paged { items: found, next })
    }

    fn phone_name(&self, user: &User) -> Result<[u8; 32], Error> {
        let phone = user.account().entity.phone.as_ref().ok_or(Error::NotFound)?;
        let phone = self.ports.vault.open(Kind::Phone, phone)?;
        self.ports.vault.name(Kind::Phone, &phone)
    }

    /// A verified person of the name and the phone that were invited becomes a member.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::NotFound`] for anybody else, [`Error::Conflict`] when it is over; storage faults.
    pub async fn accept_invitation(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        let phone_name = self.phone_name(user)?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let found = plan.find::<Invitation>(id).await?.entity;
                if !found.is_to(&phone_name) {
                    return Err(Error::NotFound.into());
                }
                let own = self.name_of(plan, account).await?;
                let invited = found.name.ok_or(Error::Conflict("the invitation is over"))?;
                let invited = self.ports.vault.open(Kind::PersonName, &invited)?;
                if self.ports.vault.name(Kind::PersonName, &invited)? != own {
                    return Err(Error::NotFound.into());
                }
                plan.happen::<Invitation>(id, &invitation::Event::Accept { account, phone_name }).await?;
                Ok(())
            })
        })
        .await
    }

    /// Whoever manages an enterprise takes an invitation back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`], [`Error::Conflict`]; storage faults.
    pub async fn withdraw_invitation(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let found = plan.find::<Invitation>(id).await?.entity;
                self.manages(plan, account, found.enterprise).await?;
                if found.state() != InvitationState::Sent {
                    return Err(Error::Conflict("the invitation is over").into());
                }
                plan.happen::<Invitation>(id, &invitation::Event::Withdraw).await?;
                Ok(())
            })
        })
        .await
    }

    /// The members of an enterprise, newest first, for whoever manages it; those whose name contains a text.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn members(
        &self,
        user: &User,
        enterprise: Id,
        text: Option<&str>,
        page: &Page,
    ) -> Result<Paged<Member>, Error> {
        let account = user.account().id;
        self.manages(&mut self.plan(Some(account)), account, enterprise).await?;
        let Paged { items, next } = self.under::<Membership>(enterprise, page).await?;
        let mut members = Vec::new();
        for membership in items {
            let of = membership.entity.account;
            let name = self.person_name(of).await?;
            let fits = text.is_none_or(|text| name.as_ref().is_some_and(|name| name.contains(text)));
            if fits {
                let phone = self.masked_phone(&self.find::<Account>(of).await?.entity)?;
                members.push(Member { membership, name, phone });
            }
        }
        Ok(Paged { items: members, next })
    }
}
