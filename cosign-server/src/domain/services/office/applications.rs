//! What is applied for: from the form to the approval.

use super::{Actor, Failed, Office, Purchase, User, Whose, plan::Plan};
use crate::domain::{
    Error,
    ca::{AuthorityId, Backend, Reason},
    office::{
        Entity as _, Id, Stored,
        account::Account,
        application::{self, Application, ApplicationState, Business, Opinion, Wish},
        attachment::Attachment,
        code::Purpose,
        holding::{Acting, Holder, Holding, HoldingState, Platform},
        order::{Order, OrderState},
        person::{Level, VerifiedPerson},
    },
    once::Once,
    operators::{self, Acting as ActingOperator, SeesRequests},
    page::{Page, Paged},
};

/// Most files that a platform gets.
const MAX_FILES: usize = 10;

/// What a user applies for.
#[derive(Clone, Debug)]
pub struct Applying {
    /// What for.
    pub business: Business,
    /// The certificate that it is about.
    pub holding: Option<Id>,
    /// Of which enterprise a new one is; otherwise it is the user's own.
    pub enterprise: Option<Id>,
    /// For which platform; `None` for all.
    pub platform: Option<Platform>,
    /// At which authority; that of the certificate if it is about one.
    pub authority: Option<AuthorityId>,
    /// Years that it is to be valid.
    pub years: u8,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
    /// Why a certificate is to be ended, as RFC 5280 calls it.
    pub reason: Option<String>,
    /// Version of the agreements that the user agrees to.
    pub agreement: String,
    /// What is bought with it.
    pub purchase: Purchase,
}

/// What a reviewer says of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good.
    Pass,
    /// It is to be corrected.
    Return,
    /// It is not to be had.
    Refuse,
}

impl Office {
    /// A user applies for a certificate, for another one in the place of one, or for the end of one.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::ConsentMissing`], [`Error::NotFound`] for another's certificate or an unknown
    /// authority, [`Error::Conflict`] when the state of things does not allow it; storage faults.
    pub async fn apply(
        &self,
        user: &User,
        wanted: &Applying,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        let account = user.account().id;
        let actor = Actor::user(user);
        let id = self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let mut wish = match wanted.holding {
                    Some(holding) => self.wish_about(plan, account, holding, wanted).await?,
                    None => self.wish_new(plan, account, wanted).await?,
                };
                if self.named::<Application>(Application::name_of(&wish)).await?.is_some() {
                    return Err(Error::Conflict("another application for this is under way").into());
                }
                if matches!(wish.business, Business::New | Business::Medium) {
                    wish.needs_attachments = self.demands_files(&wish).await?;
                }
                let id = plan.id()?;
                wish.purchase = self.price(plan, id, &wish, &wanted.purchase).await?;
                plan.make::<Application>(id, &application::Event::Draft(Box::new(wish)))?;
                Ok(id)
            })
        });
        self.find::<Application>(id.await?).await
    }

    pub(super) async fn person_in(&self, plan: &mut Plan<'_>, account: Id) -> Result<VerifiedPerson, Error> {
        plan.verified(account, self.rules.levels.certificate).await
    }

    async fn wish_new(&self, plan: &mut Plan<'_>, account: Id, wanted: &Applying) -> Result<Wish, Error> {
        let person = self.person_in(plan, account).await?;
        let by = match wanted.enterprise {
            Some(enterprise) => self.acts_as(plan, account, Holder::Enterprise(enterprise)).await?,
            None => Acting::from(&person),
        };
        let authority = wanted.authority.clone().ok_or(Error::BadRequest("name the authority"))?;
        let terms = wanted.platform.as_ref().map(|platform| self.rules.platforms.get(platform));
        let terms = match terms {
            Some(None)
                if !self.rules.platforms.is_empty() && !self.is_for_login(wanted.platform.as_ref()) =>
            {
                return Err(Error::BadRequest("there is no such platform"));
            }
            terms => terms.flatten(),
        };
        if terms.is_some_and(|terms| !terms.authorities.is_empty() && !terms.authorities.contains(&authority))
        {
            return Err(Error::Conflict("the platform does not take certificates of this authority"));
        }
        let name = Holding::name_of(by.holder(), wanted.platform.as_ref(), &authority);
        let is_medium = wanted.business == Business::Medium;
        if !is_medium && self.named::<Holding>(name).await?.is_some() {
            return Err(Error::Conflict("there is a certificate for this platform"));
        }
        let mut known = plan.all_under::<Holding>(by.holder().id()).await?;
        known.retain(|known| !self.is_for_login(known.entity.platform.as_ref()));
        let options = self.ports.authorities.authority(&authority).await?.options;
        if !is_medium && options.backend != Backend::Embedded {
            return Err(Error::Conflict("an authority outside takes requests of devices only"));
        }
        if wanted.dual && options.quorum.is_none() {
            return Err(Error::Conflict("the authority makes no decryption keys: it has no custodians"));
        }
        let is_for_login = self.is_for_login(wanted.platform.as_ref());
        if is_for_login && (wanted.dual || is_medium || !matches!(by.holder(), Holder::Person(_))) {
            return Err(Error::BadRequest(
                "a certificate for logging in is a person's, and decrypts nothing",
            ));
        }
        if is_for_login {
            // Whoever is behind it was looked at just before, and nobody looks again.
            plan.verified(account, Level::Face).await?;
        }
        let is_reviewed = !is_for_login && (known.is_empty() || !self.rules.review_first_only);
        Ok(Wish {
            by,
            business: wanted.business,
            holding: None,
            seal: None,
            platform: wanted.platform.clone(),
            authority,
            years: if is_for_login {
                self.rules.login_years.min(self.rules.certificate_years)
            } else {
                wanted.years
            },
            dual: wanted.dual,
            reason: None,
            agreement: wanted.agreement.clone(),
            purchase: None,
            needs_attachments: false,
            reviewers: match (is_medium, is_reviewed) {
                (true, _) => options.reviewers.max(1),
                (false, true) => options.reviewers,
                (false, false) => 0,
            },
        })
    }

    async fn wish_about(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        holding: Id,
        wanted: &Applying,
    ) -> Result<Wish, Error> {
        use HoldingState::{Expired, Frozen, NeedsChange, Revoked, Superseded, Valid};
        let found = plan.find::<Holding>(holding).await?;
        let by = self.acts_as(plan, account, found.entity.holder).await?;
        // Whoever has a certificate may end it, verified or not.
        if wanted.business != Business::Revoke {
            self.person_in(plan, account).await?;
        }
        let moment = plan.moment(holding);
        match (wanted.business, found.entity.state()) {
            (Business::Renew, Expired) | (Business::Reissue, Valid | NeedsChange | Expired) => {}
            (Business::Renew, Valid) if found.entity.is_expiring(moment) => {}
            (Business::Change, NeedsChange) | (Business::Revoke, Valid | Frozen | NeedsChange | Expired) => {}
            (_, Revoked) => return Err(Error::Conflict("the certificate is revoked")),
            (_, Superseded) => return Err(Error::Conflict("another certificate has taken its place")),
            (Business::Renew, Valid) => return Err(Error::Conflict("the certificate does not end soon")),
            (Business::Change, _) => return Err(Error::Conflict("the data of its subject have not changed")),
            _ => return Err(Error::Conflict("the certificate is not in force")),
        }
        if wanted.reason.as_deref().is_some_and(|reason| Reason::from_name(reason).is_none()) {
            return Err(Error::BadRequest("the reasons are those of RFC 5280, 5.3.1"));
        }
        let options = self.ports.authorities.authority(&found.entity.authority).await?.options;
        let is_reviewed = match wanted.business {
            Business::Reissue => false,
            Business::Renew => !self.rules.review_first_only,
            Business::New
            | Business::Change
            | Business::Revoke
            | Business::Medium
            | Business::Seal
            | Business::SealChange => true,
        };
        Ok(Wish {
            by,
            business: wanted.business,
            holding: Some(holding),
            seal: None,
            platform: found.entity.platform,
            authority: found.entity.authority,
            years: wanted.years,
            dual: false,
            reason: wanted.reason.clone(),
            agreement: wanted.agreement.clone(),
            purchase: None,
            needs_attachments: false,
            reviewers: if is_reviewed { options.reviewers } else { 0 },
        })
    }

    /// An application of a user, or of an enterprise that the user manages.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn application(&self, user: &User, id: Id) -> Result<Stored<Application>, Error> {
        self.application_in(&mut self.plan(None), user, id).await
    }

    /// The same, judged inside a plan.
    pub(super) async fn application_in(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        id: Id,
    ) -> Result<Stored<Application>, Error> {
        let found = plan.find::<Application>(id).await?;
        self.acts_as(plan, user.account().id, found.entity.holder).await?;
        Ok(found)
    }

    /// The applications of a user, or of an enterprise that the user manages, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn applications(
        &self,
        user: &User,
        whose: Whose,
        page: &Page,
    ) -> Result<Paged<Stored<Application>>, Error> {
        let (owner, _) = self.owner(&mut self.plan(None), user, whose).await?;
        self.under::<Application>(owner, page).await
    }

    /// Something happens to an application of a user.
    pub(super) async fn with_application(
        &self,
        user: &User,
        id: Id,
        event: &application::Event,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                self.application_in(plan, user, id).await?;
                plan.happen::<Application>(id, event).await?;
                Ok(())
            })
        })
        .await?;
        self.application(user, id).await
    }

    /// The applicant confirms the form, with a file if it is signed by hand or stamped; again after it was returned.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], storage faults.
    pub async fn confirm_application(
        &self,
        user: &User,
        id: Id,
        form: Option<Id>,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        let form = match form {
            Some(form) => Some(self.attachment(user, form).await?),
            None => None,
        };
        self.with_application(user, id, &application::Event::Confirm { form }, once).await
    }

    /// The applicant hands in the files that the platform demands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] for none or too many, [`Error::Conflict`], storage faults.
    pub async fn attach_to_application(
        &self,
        user: &User,
        id: Id,
        files: &[Id],
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        if files.is_empty() || files.len() > MAX_FILES {
            return Err(Error::BadRequest("hand in 1 to 10 files"));
        }
        let mut own: Vec<Attachment> = Vec::with_capacity(files.len());
        for file in files {
            own.push(self.attachment(user, *file).await?);
        }
        self.with_application(user, id, &application::Event::Attach(own), once).await
    }

    /// The applicant does not want it any more; what was paid goes back.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is closed, what was paid for is in use, or money may be on its way;
    /// storage faults.
    pub async fn withdraw_application(
        &self,
        user: &User,
        id: Id,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                if let Some(order) = self.application_in(plan, user, id).await?.entity.order
                    && plan.find::<Order>(order).await?.entity.state() == OrderState::TransferCheck
                {
                    return Err(Error::Conflict("the bank is asked for the money of this").into());
                }
                plan.happen::<Application>(id, &application::Event::Withdraw).await?;
                Ok(())
            })
        })
        .await?;
        self.application(user, id).await
    }

    /// The applicant authorises it with a code to the phone of the account.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::CodeInvalid`], [`Error::Conflict`], storage faults.
    pub async fn authorise_application(
        &self,
        user: &User,
        id: Id,
        code_id: Id,
        code: &str,
    ) -> Result<Stored<Application>, Error> {
        if self.application(user, id).await?.entity.state() != ApplicationState::Authorising {
            return Err(Error::Conflict("the request does not stand there"));
        }
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Apply))).await?;
        let account = user.account().id;
        let phone = &phone;
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                self.application_in(plan, user, id).await?;
                let authorised = plan.find::<Account>(account).await?.entity.authorise(account, phone)?;
                plan.happen::<Application>(id, &application::Event::Authorise(authorised)).await?;
                Ok(())
            })
        })
        .await?;
        self.application(user, id).await
    }

    /// Applications in a state, oldest first, for those who review them.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn applications_in(
        &self,
        _: &ActingOperator<SeesRequests>,
        state: ApplicationState,
        page: &Page,
    ) -> Result<Paged<Stored<Application>>, Error> {
        self.in_state::<Application>(state, page).await
    }

    /// One application, for those who review them.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn application_for(
        &self,
        _: &ActingOperator<SeesRequests>,
        id: Id,
    ) -> Result<Stored<Application>, Error> {
        self.find::<Application>(id).await
    }

    /// A reviewer decides about an application.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] for a return without an opinion, or one that is too long,
    /// [`Error::Conflict`], storage faults.
    pub async fn review_application(
        &self,
        by: &ActingOperator<operators::Reviewer>,
        id: Id,
        verdict: Verdict,
        words: &str,
        once: Option<&Once>,
    ) -> Result<Stored<Application>, Error> {
        let words = self.opinion(Some(words.trim()).filter(|words| !words.is_empty()))?;
        self.act(&Actor::operator(by), once, move |plan| {
            let opinion = Opinion {
                reviewer: *by.device().id.as_bytes(),
                name: by.operator().name.clone(),
                passed: verdict == Verdict::Pass,
                words: words.clone(),
                at_ms: plan.now_ms,
            };
            Box::pin(async move {
                let found = plan.find::<Application>(id).await?.entity;
                let passed = verdict == Verdict::Pass;
                match self.acts_as(plan, found.account, found.holder).await {
                    Err(Error::NotFound | Error::RoleMissing(_)) if passed => {
                        const GONE: Error =
                            Error::Conflict("the applicant does not manage the enterprise any more");
                        return Err(GONE.into());
                    }
                    Err(error) if passed => return Err(error.into()),
                    _ => {}
                }
                let event = match verdict {
                    Verdict::Pass | Verdict::Return => application::Event::Decide(opinion),
                    Verdict::Refuse => application::Event::Refuse(opinion),
                };
                plan.happen::<Application>(id, &event).await?;
                Ok::<_, Failed>(())
            })
        })
        .await?;
        self.find::<Application>(id).await
    }
}
