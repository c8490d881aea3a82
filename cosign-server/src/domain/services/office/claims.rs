//! Claiming enterprises.

use zeroize::Zeroizing;

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Id, Stored,
        account::Account,
        authority::Represents,
        claim::{self, Claim, Form, MAX_LETTER, Shown},
        code::{ProvenPhone, Purpose},
        enterprise::{Enterprise, EnterpriseState, Facts, Legal, Sort, Uscc},
        person::{Document, DocumentNumber, Method, PersonName},
        personal::{Kind, Phone},
        providers::{self, FourFactors},
    },
    once::Once,
    page::{Page, Paged},
};

/// What a claimant fills in, in the clear.
pub struct ClaimForm {
    /// What kind of organisation.
    pub sort: Sort,
    /// Its whole name.
    pub name: Name,
    /// Its code.
    pub uscc: Uscc,
    /// The name of the legal representative.
    pub legal_name: PersonName,
    /// What kind of identity document that person has.
    pub legal_document: Document,
    /// Its number.
    pub legal_number: DocumentNumber,
    /// That person's phone.
    pub legal_phone: Phone,
    /// A picture of the licence.
    pub licence: Id,
    /// Whether the licence has no end.
    pub long_term: bool,
    /// The letter, page by page.
    pub letter: Vec<Id>,
    /// A picture of the company's seal.
    pub seal: Option<Id>,
    /// A picture of the legal representative's signature.
    pub signature: Option<Id>,
}

impl Office {
    /// Begins a claim. Only a verified person does.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::Conflict`] when the enterprise is claimed already, or cancelled; [`Error::NotFound`]
    /// for files of others; storage faults.
    pub async fn draft_claim(&self, user: &User, form: ClaimForm, once: Option<&Once>) -> Result<Id, Error> {
        let form = self.seal_form(user, form).await?;
        let account = user.account().id;
        self.act(&Actor::user(user), once, |plan| {
            let form = form.clone();
            Box::pin(async move {
                let name = self.name_of(plan, account).await?;
                unclaimed(plan, &form.facts.uscc).await?;
                let id = plan.id()?;
                plan.make::<Claim>(id, &claim::Event::Draft { claimant: account, name, form })?;
                Ok(id)
            })
        })
        .await
    }

    /// Fills a claim in anew.
    ///
    /// # Errors
    /// As [`Self::draft_claim`]; [`Error::Conflict`] when others decide on it, or it is over.
    pub async fn fill_claim(
        &self,
        user: &User,
        id: Id,
        form: ClaimForm,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let form = self.seal_form(user, form).await?;
        let account = user.account().id;
        self.act(&Actor::user(user), once, |plan| {
            let form = form.clone();
            Box::pin(async move {
                own_claim(plan, id, account).await?;
                unclaimed(plan, &form.facts.uscc).await?;
                plan.happen::<Claim>(id, &claim::Event::Fill(form)).await?;
                Ok(())
            })
        })
        .await
    }

    /// The claimant gives a claim up.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`]; storage faults.
    pub async fn withdraw_claim(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        let account = user.account().id;
        self.act(&Actor::user(user), once, |plan| {
            Box::pin(async move {
                own_claim(plan, id, account).await?;
                plan.happen::<Claim>(id, &claim::Event::Withdraw).await?;
                Ok(())
            })
        })
        .await
    }

    /// Hands a claim in with a letter, which operators look at.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], [`Error::BadRequest`] without a letter; storage faults.
    pub async fn claim_by_letter(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        self.show_claim(user, id, once, || Shown::Letter).await
    }

    /// Hands a claim in, and asks the legal representative to sign it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`]; storage faults.
    pub async fn claim_by_others(&self, user: &User, id: Id, once: Option<&Once>) -> Result<(), Error> {
        self.show_claim(user, id, once, || Shown::Remote).await
    }

    /// Hands a claim in with the code that the legal representative's phone got.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], also for a code to another phone; [`Error::NotFound`], [`Error::Conflict`]; storage faults.
    pub async fn claim_by_phone(&self, user: &User, id: Id, code_id: Id, code: &str) -> Result<(), Error> {
        let form = self.claim_of(user, id).await?.entity.form.ok_or(Error::NotFound)?;
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Legal))).await?;
        self.compare_legal(id, form.facts.legal.as_ref().ok_or(Error::Internal)?).await?;
        self.show_claim(user, id, None, || Shown::Phone(phone.clone())).await
    }

    /// The claimant is the legal representative, and signs.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::RoleMissing`] for anybody else; [`Error::NotFound`], [`Error::Conflict`]; storage
    /// faults.
    pub async fn sign_claim(&self, user: &User, id: Id, code_id: Id, code: &str) -> Result<(), Error> {
        let phone = self.signed(user, code_id, code).await?;
        let account = user.account().id;
        self.act(&Actor::user(user), None, |plan| {
            let phone = phone.clone();
            Box::pin(async move {
                own_claim(plan, id, account).await?;
                let by = self.represents_claim(plan, account, id).await?;
                plan.happen::<Claim>(id, &claim::Event::Show(Shown::Signed(by, phone))).await?;
                Ok(())
            })
        })
        .await
    }

    /// The carrier compares the legal representative with the phone.
    async fn compare_legal(&self, claim: Id, legal: &Legal) -> Result<(), Error> {
        let vault = &self.ports.vault;
        let name = PersonName::parse(&vault.open(Kind::PersonName, &legal.name)?)?;
        let number = DocumentNumber::parse(legal.document, &vault.open(Kind::IdNumber, &legal.number)?)?;
        let phone = Phone::parse(&vault.open(Kind::Phone, &legal.phone)?)?;
        let facts = providers::Facts {
            method: Method::Carrier,
            name: &name,
            number: &number,
            phone: Some(&phone),
            card: None,
        };
        match self.identity()?.compare(claim, &facts).await? {
            None => Ok(()),
            Some(_) => Err(Error::Conflict("the carrier knows this phone under another name")),
        }
    }

    async fn show_claim(
        &self,
        user: &User,
        id: Id,
        once: Option<&Once>,
        shown: impl Fn() -> Shown + Send + Sync,
    ) -> Result<(), Error> {
        let account = user.account().id;
        let shown = &shown;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                own_claim(plan, id, account).await?;
                plan.verified(account, self.rules.levels.enterprise).await?;
                plan.happen::<Claim>(id, &claim::Event::Show(shown())).await?;
                Ok(())
            })
        })
        .await
    }

    /// That a person signs with the phone of the account.
    pub(super) async fn signed(&self, user: &User, code_id: Id, code: &str) -> Result<ProvenPhone, Error> {
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Sign))).await?;
        let account: &Account = &user.account().entity;
        if account.is_of(&phone, Purpose::Sign) { Ok(phone) } else { Err(Error::CodeInvalid) }
    }

    /// That the person behind an account is the legal representative of what is claimed.
    pub(super) async fn represents_claim(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        id: Id,
    ) -> Result<Represents, Error> {
        let claim = plan.find::<Claim>(id).await?.entity;
        let person = plan.verified(account, self.rules.levels.enterprise).await?;
        Represents::judge(&person, claim.form.as_ref().and_then(|form| form.facts.legal.as_ref()), id)
    }

    /// The keyed hash of the name of the verified person behind an account.
    pub(super) async fn name_of(&self, plan: &mut Plan<'_>, account: Id) -> Result<[u8; 32], Error> {
        let person = plan.verified(account, self.rules.levels.enterprise).await?;
        let name = self.ports.vault.open(Kind::PersonName, &person.claim().name)?;
        self.ports.vault.name(Kind::PersonName, &name)
    }

    async fn seal_form(&self, user: &User, form: ClaimForm) -> Result<Form, Error> {
        if form.letter.len() > MAX_LETTER {
            return Err(Error::BadRequest("a letter has at most 8 pages"));
        }
        let files = form.letter.iter().chain([&form.licence]).chain(&form.seal).chain(&form.signature);
        for file in files {
            self.attachment(user, *file).await?;
        }
        let legal =
            self.seal_legal(&form.legal_name, form.legal_document, &form.legal_number, &form.legal_phone)?;
        let said = FourFactors {
            name: form.name.as_str(),
            uscc: &form.uscc,
            legal_name: form.legal_name.expose(),
            legal_number: form.legal_number.expose(),
        };
        let is_registered = match &self.ports.registry {
            Some(registry) => registry.agrees(&said).await?,
            None => false,
        };
        let facts = Facts {
            sort: form.sort,
            name: form.name.clone(),
            uscc: form.uscc.clone(),
            legal: Some(legal),
            licence: form.licence,
            long_term: form.long_term,
        };
        let ClaimForm { letter, seal, signature, .. } = form;
        Ok(Form { facts, letter, seal, signature, is_registered })
    }

    pub(super) fn seal_legal(
        &self,
        name: &PersonName,
        document: Document,
        number: &DocumentNumber,
        phone: &Phone,
    ) -> Result<Legal, Error> {
        let (name, number) = (name.expose(), number.expose());
        let vault = &self.ports.vault;
        Ok(Legal {
            name: vault.seal(Kind::PersonName, name)?,
            document,
            number: vault.seal(Kind::IdNumber, number)?,
            number_name: vault.name(Kind::IdNumber, number)?,
            phone: vault.seal(Kind::Phone, phone.expose())?,
            phone_name: vault.name(Kind::Phone, phone.expose())?,
        })
    }

    /// The claims of a user, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn claims(&self, user: &User, page: &Page) -> Result<Paged<Stored<Claim>>, Error> {
        self.under::<Claim>(user.account().id, page).await
    }

    /// A claim of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn claim_of(&self, user: &User, id: Id) -> Result<Stored<Claim>, Error> {
        let found = self.find::<Claim>(id).await?;
        if found.entity.claimant == user.account().id { Ok(found) } else { Err(Error::NotFound) }
    }
}

/// That a claim is this account's.
pub(super) async fn own_claim(plan: &mut Plan<'_>, id: Id, account: Id) -> Result<(), Error> {
    let claim = plan.find::<Claim>(id).await?.entity;
    if claim.claimant == account { Ok(()) } else { Err(Error::NotFound) }
}

/// That nobody has the enterprise, and nobody had it a short while ago.
async fn unclaimed(plan: &mut Plan<'_>, uscc: &Uscc) -> Result<(), Error> {
    match plan.find::<Enterprise>(Enterprise::id_of(uscc)).await {
        Ok(found) => match found.entity.state() {
            EnterpriseState::Active => Err(Error::Conflict("the enterprise is claimed already")),
            EnterpriseState::Cancelled => Err(Error::Conflict("the enterprise is cancelled")),
            EnterpriseState::Erased => Ok(()),
        },
        Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Office {
    /// The letter of a claim, to be printed and stamped.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn claim_letter(&self, user: &User, id: Id) -> Result<Zeroizing<String>, Error> {
        self.claim_text(&self.claim_of(user, id).await?.entity).await
    }

    /// The same, for whoever the caller has found entitled.
    pub(super) async fn claim_text(&self, claim: &Claim) -> Result<Zeroizing<String>, Error> {
        let form = claim.form.as_ref().ok_or(Error::NotFound)?;
        let legal = form.facts.legal.as_ref().ok_or(Error::NotFound)?;
        let (legal_name, ..) = self.read_legal(legal)?;
        let claimant = self.person_name(claim.claimant).await?.ok_or(Error::NotVerified)?;
        let (name, uscc) = (form.facts.name.as_str(), form.facts.uscc.as_str());
        Ok(Zeroizing::new(format!(
            "企业授权书\n\n{name}(统一社会信用代码:{uscc})授权{}为本企业管理员,代表本企业办理数字证书与电子印章业务。\n\n\
             法定代表人:{}(签字)\n\n{name}(公章)\n\n年    月    日\n",
            *claimant, *legal_name,
        )))
    }

    /// The name of a legal representative, the number and the phone masked.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn read_legal(&self, legal: &Legal) -> Result<(Zeroizing<String>, String, String), Error> {
        let vault = &self.ports.vault;
        let number = vault.open(Kind::IdNumber, &legal.number)?;
        let phone = Phone::parse(&vault.open(Kind::Phone, &legal.phone)?)?;
        Ok((vault.open(Kind::PersonName, &legal.name)?, masked_number(&number), phone.masked()))
    }
}

/// The first and the last characters of a number.
fn masked_number(number: &str) -> String {
    let count = number.chars().count();
    let shown = |at: usize| count > 4 && (at < 1 || at >= count.saturating_sub(1));
    number.chars().enumerate().map(|(at, one)| if shown(at) { one } else { '*' }).collect()
}
