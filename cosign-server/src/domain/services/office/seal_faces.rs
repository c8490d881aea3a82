//! What seals show, of whom, and the first ones of a holder.

use zeroize::Zeroizing;

use super::{Made, Making, Office, User, pictures, plan::Plan, seals::is_kept};
use crate::domain::{
    Error,
    office::{
        Effect, Entity as _, Id,
        authority::Belongs,
        claim::Claim,
        enterprise::Enterprise,
        holding::{Holder, Holding},
        personal::Kind,
        seal::{self, Bearer, Face, Order, Seal, SealKind},
    },
    page::Page,
};

/// Longest name on a form, in characters.
const MAX_NAME: usize = 60;

/// What a kind is called.
const fn called(kind: SealKind) -> &'static str {
    match kind {
        SealKind::Company => "企业公章",
        SealKind::LegalSignature => "法人签名",
        SealKind::LegalSeal => "法人章",
        SealKind::Finance => "财务专用章",
        SealKind::Contract => "合同专用章",
        SealKind::Invoice => "发票专用章",
        SealKind::CustomSignature => "自定义签名",
        SealKind::PersonalSeal => "个人名章",
        SealKind::PersonalSignature => "个人签名",
    }
}

impl Office {
    /// The name that a seal shows: of the person, of the enterprise or of its legal representative.
    pub(super) async fn seal_text(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        holder: Holder,
        kind: SealKind,
    ) -> Result<String, Error> {
        let person = self.person_in(plan, account).await?;
        let Holder::Enterprise(enterprise) = holder else {
            return Ok(self.ports.vault.open(Kind::PersonName, &person.claim().name)?.to_string());
        };
        let facts = plan.find::<Enterprise>(enterprise).await?.entity.facts;
        if !kind.is_of_legal() {
            return Ok(facts.name.as_str().to_owned());
        }
        let legal = facts.legal.ok_or(Error::Internal)?;
        Ok(self.ports.vault.open(Kind::PersonName, &legal.name)?.to_string())
    }

    /// Whether a seal of this kind is made of this, for this holder.
    pub(super) fn may_be_made(&self, holder: Holder, kind: SealKind, making: &Making) -> Result<(), Error> {
        if matches!(holder, Holder::Person(_)) {
            return Ok(());
        }
        match making {
            Making::Photo { .. } if !self.rules.photographed_seals.contains(&kind) => {
                Err(Error::BadRequest("a seal of this kind is not made from a stamped form"))
            }
            Making::Template { .. } if kind == SealKind::CustomSignature => {
                Err(Error::BadRequest("a custom signature is drawn by hand"))
            }
            _ => Ok(()),
        }
    }

    /// The seals that come with the first certificate: of a person the one with the name. Those of an enterprise are made from
    /// what was handed in with its claim, by the seal maker; what was not handed in is drawn.
    pub(super) async fn first_seals(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        id: Id,
        holding: &Holding,
    ) -> Result<(), Error> {
        let owner = holding.holder.id();
        let known = plan.all_under::<Seal>(owner).await?;
        let has = |kind: SealKind| {
            known.iter().any(|seal| seal.entity.kind == kind && is_kept(seal.entity.state()))
        };
        let Holder::Enterprise(enterprise) = holding.holder else {
            if has(SealKind::PersonalSeal) {
                return Ok(());
            }
            return self.draw_first(plan, (account, None), (id, holding), SealKind::PersonalSeal).await;
        };
        let manager = self.first_manager(plan, account, enterprise).await?;
        let claim = self.under::<Claim>(Claim::accepted_of(enterprise), &Page::first(1)).await?.items.pop();
        let form = claim.and_then(|claim| claim.entity.form);
        let (seal, signature) = form.map_or((None, None), |form| (form.seal, form.signature));
        for (kind, photo) in
            [(SealKind::Company, seal), (SealKind::LegalSignature, signature), (SealKind::LegalSeal, None)]
        {
            if has(kind) {
                continue;
            }
            let manager = Some(manager).filter(|_| kind.is_of_organisation());
            let made = match photo {
                Some(photo) => self.photo_of_claim(kind, photo).await?,
                None => None,
            };
            match made {
                Some(made) => {
                    let face = self.keep(plan, enterprise, &made)?;
                    self.make_first(plan, (account, manager), (id, holding), (kind, called(kind), face))?;
                }
                // A signature that nobody wrote is none.
                None if kind.is_signature() => {}
                None => self.draw_first(plan, (account, manager), (id, holding), kind).await?,
            }
        }
        Ok(())
    }

    /// Who looks after the first seals: who installs the certificate, or else whoever administers the enterprise for longest.
    async fn first_manager(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        enterprise: Id,
    ) -> Result<Belongs, Error> {
        match self.belongs(plan, account, enterprise).await {
            Err(Error::NotFound) => {}
            judged => return judged,
        }
        let administrators = plan.find::<Enterprise>(enterprise).await?.entity.administrators;
        let first = administrators.first().ok_or(Error::Internal)?;
        self.belongs(plan, *first, enterprise).await
    }

    async fn draw_first(
        &self,
        plan: &mut Plan<'_>,
        by: (Id, Option<Belongs>),
        (id, holding): (Id, &Holding),
        kind: SealKind,
    ) -> Result<(), Error> {
        let text = self.seal_text(plan, by.0, holding.holder, kind).await?;
        let name = if kind.is_personal() { text.clone() } else { called(kind).to_owned() };
        // A name that the font cannot write gets a seal by another way.
        let Ok(made) = pictures::drawn(kind, text, false, String::new()).await else {
            return Ok(());
        };
        let face = self.keep(plan, holding.holder.id(), &made)?;
        self.make_first(plan, by, (id, holding), (kind, &name, face))
    }

    /// A photo of a claim; nothing if it is gone with the account of the claimant, or shows nothing.
    async fn photo_of_claim(&self, kind: SealKind, photo: Id) -> Result<Option<Made>, Error> {
        let bytes = match self.read_attachment(photo).await {
            Ok((_, bytes)) => bytes,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        match pictures::uncut(kind, bytes).await {
            Ok(made) => Ok(Some(made)),
            Err(Error::BadRequest(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make_first(
        &self,
        plan: &mut Plan<'_>,
        (account, manager): (Id, Option<Belongs>),
        (id, holding): (Id, &Holding),
        (kind, name, face): (SealKind, &str, Face),
    ) -> Result<(), Error> {
        let bearer = Bearer::of(id, holding, account, plan.now_ms)?;
        let name = self.ports.vault.seal(Kind::Words, name)?;
        let order = Order { bearer, kind, name, face, manager, is_applied_for: false };
        plan.bring(Effect::make::<Seal>(seal::Event::Make(Box::new(order))));
        Ok(())
    }

    /// The form that is printed and stamped for a seal of an enterprise.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's certificate, [`Error::RoleMissing`], [`Error::BadRequest`] for a kind that is not made
    /// so, [`Error::Conflict`] when the certificate is not in force; storage faults.
    pub async fn stamped_form(
        &self,
        user: &User,
        holding: Id,
        kind: SealKind,
        name: &str,
    ) -> Result<Zeroizing<String>, Error> {
        let (found, _) = self.holding(user, holding).await?;
        found.entity.is_in_force(self.ports.clock.now_ms())?;
        let Holder::Enterprise(enterprise) = found.entity.holder else {
            return Err(Error::BadRequest("this kind of seal is not of this kind of holder"));
        };
        self.may_be_made(found.entity.holder, kind, &Making::Photo { attachment: holding, whole: true })?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::BadRequest("a seal has a name of at most 60 characters"));
        }
        let facts = self.find::<Enterprise>(enterprise).await?.entity.facts;
        let applicant = self.person_name(user.account().id).await?.ok_or(Error::NotVerified)?;
        let (company, uscc, kind) = (facts.name.as_str(), facts.uscc.as_str(), called(kind));
        Ok(Zeroizing::new(format!(
            "电子印章申请表\n\n企业:{company}(统一社会信用代码:{uscc})\n印章类型:{kind}\n印章名称:{name}\n经办人:{}\n\n\
             请在下方空白处加盖实体印章,印迹完整、清晰:\n\n\n\n\n年    月    日\n",
            *applicant,
        )))
    }
}
