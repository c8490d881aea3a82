//! What is asked for, and deciding on it.

use cosign_core::sm_primitives::sm3;
use zeroize::Zeroizing;

use super::{Actor, Office, Plan, Signing, User};
use crate::domain::{
    Error,
    office::{
        Id, Stored,
        approval::{self, Approval, ApprovalState, Ask, AskKind, Ground, JoinRight, Judge, Stamp},
        authority::{Authority, Reviews},
        claim::Claim,
        enterprise::Enterprise,
        grant::Grant,
        letter::Mark,
        personal::{Kind, Personal},
        proof::CertificateName,
    },
    once::Once,
    operators::{Acting, Reviewer, SeesRequests},
    page::{Page, Paged},
};

/// Longest reason or opinion, in characters.
const LONGEST: usize = 500;

/// What somebody decides, in the clear.
pub struct Decision {
    /// Why it is returned; `None` when it is passed.
    pub ground: Option<Ground>,
    /// In words; they are needed when it is returned.
    pub words: Option<Zeroizing<String>>,
    /// Which of the rights that are asked for with a membership are given; all of them, if it is not said.
    pub keep: Option<Vec<Id>>,
    /// A certificate of the enterprise, and what was signed with it over the letter.
    pub stamp: Option<(CertificateName, [u8; 64])>,
}

/// Which approvals of an enterprise.
#[derive(Default)]
pub struct Inbox {
    /// Of one kind.
    pub kind: Option<AskKind>,
    /// In one state.
    pub state: Option<ApprovalState>,
    /// Of applicants of one name, whatever kind and state.
    pub name: Option<Zeroizing<String>>,
}

impl Office {
    /// Words of 1 to 500 characters, encrypted.
    pub(super) fn words(&self, text: &str) -> Result<Personal, Error> {
        let text = text.trim();
        let count = text.chars().take(LONGEST + 1).count();
        if count == 0 || count > LONGEST {
            return Err(Error::BadRequest("a reason or an opinion has 1 to 500 characters"));
        }
        self.seal_words(text)
    }

    fn event(
        &self,
        by: Authority,
        decision: &Decision,
        (mark, stamp): (Option<Mark>, Option<Stamp>),
    ) -> Result<approval::Event, Error> {
        let words = decision.words.as_ref().map(|words| self.words(words)).transpose()?;
        let keep = decision.keep.clone();
        match (decision.ground, words) {
            (None, words) => Ok(approval::Event::Pass { by, words, mark, keep, stamp }),
            (Some(ground), Some(words)) => Ok(approval::Event::Return { by, ground, words }),
            (Some(_), None) => Err(Error::BadRequest("what is returned is returned with a reason")),
        }
    }

    /// By what right a user decides on an approval.
    async fn right(&self, plan: &mut Plan<'_>, account: Id, found: &Approval) -> Result<Authority, Error> {
        match found.ask {
            Ask::Appeal { .. } => Err(Error::NotFound),
            Ask::Claim(id) => match self.represents_claim(plan, account, id).await {
                Ok(by) => Ok(Authority::Represents(by)),
                // Others learn nothing of it.
                Err(Error::RoleMissing(_) | Error::NotVerified) => Err(Error::NotFound),
                Err(error) => Err(error),
            },
            _ if found.next() == Some(Judge::Legal) => {
                match self.represents(plan, account, found.place).await {
                    Ok(by) => Ok(Authority::Represents(by)),
                    // Who administers it may see it, and not decide.
                    Err(refused) => self.manages(plan, account, found.place).await.map_err(|_| refused),
                }
            }
            _ => self.manages(plan, account, found.place).await,
        }
    }

    /// A user decides on what is asked for. The legal representative signs that with a code or the password; others may.
    ///
    /// # Errors
    /// [`Error::NotFound`] for who has nothing to do with it, [`Error::RoleMissing`] for who has and may not decide on it now,
    /// [`Error::Conflict`] on one's own request and when it is decided; [`Error::CodeInvalid`]; storage faults.
    pub async fn decide(
        &self,
        user: &User,
        id: Id,
        decision: Decision,
        signing: Option<Signing>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let (account, actor) = (user.account().id, Actor::user(user));
        let found = self.find::<Approval>(id).await?.entity;
        self.right(&mut self.plan(Some(account)), account, &found).await?;
        let passes = decision.ground.is_none();
        let is_signed = passes && (signing.is_some() || found.next() == Some(Judge::Legal));
        let pen = if is_signed && self.was_done(&actor, once).await?.is_none() {
            self.signs(user, signing.as_ref()).await?
        } else {
            None
        };
        let (decision, pen) = (&decision, &pen);
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let found = plan.find::<Approval>(id).await?.entity;
                let by = self.right(plan, account, &found).await?;
                let mark = self.place(plan, account, pen.as_ref())?;
                let stamp = self.stamp(plan, user, (id, &found), decision).await?;
                plan.happen::<Approval>(id, &self.event(by, decision, (mark, stamp))?).await?;
                Ok(())
            })
        })
        .await
    }

    /// The letter that an administrator signs with a certificate of the enterprise when somebody joins.
    pub(super) async fn join_text(
        &self,
        plan: &mut Plan<'_>,
        id: Id,
        found: &Approval,
    ) -> Result<Zeroizing<String>, Error> {
        let facts = plan.find::<Enterprise>(found.place).await?.entity.facts;
        let name = self.person_name(found.applicant).await?.ok_or(Error::NotVerified)?;
        let (called, uscc) = (facts.name.as_str(), facts.uscc.as_str());
        Ok(Zeroizing::new(format!(
            "授权委托书\n\n{called}(统一社会信用代码:{uscc})授权{}为本企业办事人员,代表本企业办理数字证书与电子印章业务。\n\n\
             申请编号:{id}\n",
            *name,
        )))
    }

    /// The letter that is signed when an administrator passes a request to join, where that is demanded.
    async fn stamp(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        (id, found): (Id, &Approval),
        decision: &Decision,
    ) -> Result<Option<Stamp>, Error> {
        let is_join = matches!(found.ask, Ask::Join { .. });
        let Some((name, signature)) = decision.stamp.as_ref().filter(|_| is_join) else {
            let is_demanded = is_join && decision.ground.is_none() && self.rules.join_stamp;
            return match (is_demanded, &decision.stamp) {
                (false, None) => Ok(None),
                (true, _) => {
                    Err(Error::BadRequest("the letter is signed with a certificate of the enterprise"))
                }
                (false, Some(_)) => Err(Error::BadRequest("there is no letter to be signed")),
            };
        };
        let certificate = self.usable(user, name).await?;
        self.acts_for(plan, user, &certificate, Some(found.place), None).await?;
        let letter = self.join_text(plan, id, found).await?;
        let digest = certificate.digest(letter.as_bytes())?;
        certificate.check(&[digest], &[*signature])?;
        let letter = Some(self.seal_words(&letter)?);
        Ok(Some(Stamp { certificate: name.clone(), signature: hex::encode(signature), letter }))
    }

    /// An operator decides on what is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`] when somebody else decides on it now, [`Error::Conflict`] when the operator
    /// has decided on it before; storage faults.
    pub async fn review(
        &self,
        by: &Acting<Reviewer>,
        id: Id,
        decision: Decision,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        if decision.stamp.is_some() {
            return Err(Error::BadRequest("there is no letter to be signed"));
        }
        let reviews = Authority::Reviews(Reviews::judge(by).ok_or(Error::Internal)?);
        let decision = &decision;
        self.act(&Actor::operator(by), once, move |plan| {
            Box::pin(async move {
                plan.happen::<Approval>(id, &self.event(reviews, decision, (None, None))?).await?;
                Ok(())
            })
        })
        .await
    }

    /// What somebody asks for together with a membership, with where each stands.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn rights_asked(&self, found: &Approval) -> Result<Vec<(JoinRight, Stored<Grant>)>, Error> {
        let Ask::Join { rights, .. } = &found.ask else { return Ok(Vec::new()) };
        let mut asked = Vec::new();
        for right in rights {
            asked.push((*right, self.find::<Grant>(right.grant).await?));
        }
        Ok(asked)
    }

    /// What waits for operators, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn reviews(
        &self,
        _: &Acting<SeesRequests>,
        page: &Page,
    ) -> Result<Paged<Stored<Approval>>, Error> {
        self.in_state::<Approval>(ApprovalState::Review, page).await
    }

    /// One that operators decide on, or did.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for one that is the enterprise's alone; storage faults.
    pub async fn review_of(&self, _: &Acting<SeesRequests>, id: Id) -> Result<Stored<Approval>, Error> {
        let found = self.find::<Approval>(id).await?;
        let is_theirs = found.entity.stages.contains(&Judge::Reviewer);
        if is_theirs { Ok(found) } else { Err(Error::NotFound) }
    }

    /// The claim that operators decide on, or did.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is about something else; storage faults.
    pub async fn reviewed_claim(&self, by: &Acting<SeesRequests>, id: Id) -> Result<Stored<Claim>, Error> {
        match self.review_of(by, id).await?.entity.ask {
            Ask::Claim(claim) => self.find::<Claim>(claim).await,
            _ => Err(Error::NotFound),
        }
    }

    /// The files that operators look at before they decide.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn reviewed_files(&self, by: &Acting<SeesRequests>, id: Id) -> Result<Vec<Id>, Error> {
        match self.review_of(by, id).await?.entity.ask {
            Ask::Claim(claim) => {
                let form = self.find::<Claim>(claim).await?.entity.form.ok_or(Error::NotFound)?;
                Ok(form.files().collect())
            }
            ask => Ok(ask.files()),
        }
    }

    /// What was asked for in an enterprise, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RoleMissing`]; storage faults.
    pub async fn inbox(
        &self,
        user: &User,
        enterprise: Id,
        which: &Inbox,
        page: &Page,
    ) -> Result<Paged<Stored<Approval>>, Error> {
        let account = user.account().id;
        self.manages(&mut self.plan(Some(account)), account, enterprise).await?;
        let list = match &which.name {
            Some(name) => {
                Approval::list_by(enterprise, &self.ports.vault.name(Kind::PersonName, name.trim())?)
            }
            None => Approval::list_in(enterprise, which.kind, which.state),
        };
        self.under::<Approval>(list, page).await
    }

    /// What a user asked for, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn asked(&self, user: &User, page: &Page) -> Result<Paged<Stored<Approval>>, Error> {
        self.under::<Approval>(user.account().id, page).await
    }

    /// One that the user asked for, or may decide on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; storage faults.
    pub async fn approval(&self, user: &User, id: Id) -> Result<Stored<Approval>, Error> {
        let account = user.account().id;
        let found = self.find::<Approval>(id).await?;
        if found.entity.applicant != account {
            let seen = self.right(&mut self.plan(Some(account)), account, &found.entity).await;
            seen.map_err(|error| if error.is_retryable() { error } else { Error::NotFound })?;
        }
        Ok(found)
    }

    /// The one that a link leads to.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for whom it is not for; storage faults.
    pub async fn linked(&self, user: &User, link: &str) -> Result<Stored<Approval>, Error> {
        let found = self.named::<Approval>(sm3::digest(link.as_bytes())).await?.ok_or(Error::NotFound)?;
        self.approval(user, found.id).await
    }

    /// Who asked makes a link, to hand on to who decides. Gives what it says, this once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is decided; storage faults.
    pub async fn share(&self, user: &User, id: Id) -> Result<Zeroizing<String>, Error> {
        let applicant = user.account().id;
        let link = Zeroizing::new(hex::encode(self.random::<32>()?));
        let event = approval::Event::Share { applicant, link: sm3::digest(link.as_bytes()) };
        let event = &event;
        self.act(&Actor::user(user), None, move |plan| {
            Box::pin(async move {
                plan.happen::<Approval>(id, event).await?;
                Ok(())
            })
        })
        .await?;
        Ok(link)
    }

    /// Who asked does not any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is decided; storage faults.
    pub async fn unask(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let applicant = user.account().id;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                plan.happen::<Approval>(id, &approval::Event::Withdraw { applicant }).await?;
                Ok(())
            })
        })
        .await
    }
}
