//! Who is behind an account.

use zeroize::Zeroizing;

use super::{Actor, Office, Plan, User};
use crate::domain::{
    Error,
    office::{
        Id, Moment, Stored,
        code::Purpose,
        person::{
            self, Claim, Document, DocumentNumber, Finding, Level, Method, Particulars, Person, PersonName,
            VerifiedPerson, Way,
        },
        personal::{Kind, Phone},
        providers::{Facts, Identity},
    },
    once::Once,
};

/// Pictures of a claim: the front of the document, its back, the person.
const PICTURES: usize = 3;

/// What a user says of the person behind the account.
pub struct Claiming {
    /// By what it is to be shown.
    pub method: Method,
    /// What kind of document.
    pub document: Document,
    /// The name.
    pub name: PersonName,
    /// The number of the document.
    pub number: DocumentNumber,
    /// Until when the document is good, unix milliseconds.
    pub expires_ms: Option<u64>,
    /// Files of the user.
    pub pictures: Vec<Id>,
    /// The phone that the bank knows.
    pub phone: Option<Phone>,
    /// What else stands on the identity card, as the user has confirmed it.
    pub particulars: Option<Particulars>,
    /// The number of the card. It is kept by nobody.
    pub card: Option<Zeroizing<String>>,
    /// What proves the phone that the carrier knows.
    pub code: Option<(Id, Zeroizing<String>)>,
    /// The version of the agreements that the user agrees to.
    pub agreement: String,
}

impl Plan<'_> {
    /// The person behind an account, if verified at least as well as demanded.
    ///
    /// # Errors
    /// [`Error::NotVerified`]; storage faults.
    pub(super) async fn verified(&mut self, account: Id, demanded: Level) -> Result<VerifiedPerson, Error> {
        let person = self.seek::<Person>(account).await?.ok_or(Error::NotVerified)?.entity;
        // Where each device is verified of its own, others are as good as none.
        let elsewhere = |(whose, terminal)| whose == account && !person.is_verified_on(terminal);
        if self.office().rules.verify_per_device && self.device().is_some_and(elsewhere) {
            return Err(Error::NotVerified);
        }
        person.verified(account, demanded)
    }
}

impl Office {
    pub(super) fn identity(&self) -> Result<&dyn Identity, Error> {
        self.ports.identity.as_deref().ok_or(Error::NotOffered("this server compares nobody with a register"))
    }

    /// Whether people are compared with nothing real.
    #[must_use]
    pub fn identity_is_sandbox(&self) -> bool {
        self.ports.identity.as_ref().is_some_and(|identity| identity.is_sandbox())
    }

    /// The person behind an account, if verified at least as well as demanded.
    ///
    /// # Errors
    /// [`Error::NotVerified`]; storage faults.
    pub async fn verified(&self, user: &User, demanded: Level) -> Result<VerifiedPerson, Error> {
        let mut plan = self.plan(None);
        plan.on(user.account().id, user.terminal());
        plan.verified(user.account().id, demanded).await
    }

    /// The person behind the account of a user, if they ever said who they are.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn person(&self, user: &User) -> Result<Option<Stored<Person>>, Error> {
        match self.find::<Person>(user.account().id).await {
            Ok(person) => Ok(Some(person)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A user says who they are. Providers that compare answer at once; the others are waited for.
    ///
    /// # Errors
    /// [`Error::ConsentMissing`], [`Error::CodeInvalid`], [`Error::BadRequest`], [`Error::Conflict`] when it is shown already
    /// or looked at, [`Error::TooManyRequests`] after many attempts in a day; faults of providers and storage.
    pub async fn claim_person(
        &self,
        user: &User,
        claiming: Claiming,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        let (actor, account) = (Actor::user(user), user.account().id);
        let now_ms = self.ports.clock.now_ms();
        if self.was_done(&actor, once).await?.is_some() {
            return Ok(());
        }
        if claiming.agreement != self.rules.agreement {
            return Err(Error::ConsentMissing);
        }
        let mut claim = self.claim(user, &claiming).await?;
        let now = self.person(user).await?.map(|person| person.entity);
        Person::may_claim(now.as_ref(), &claim, Moment { id: account, now_ms, rules: &self.rules })?;
        let proven = match (claiming.method, &claiming.code) {
            (Method::Carrier, Some((code_id, code))) => {
                Some(self.carry_out(|| Box::pin(self.prove(*code_id, code, Purpose::Person))).await?)
            }
            _ => None,
        };
        let proven = match &proven {
            Some(proven) => Some(Phone::parse(&self.ports.vault.open(Kind::Phone, &proven.phone)?)?),
            None => claiming.phone,
        };
        let facts = Facts {
            method: claiming.method,
            name: &claiming.name,
            number: &claiming.number,
            phone: proven.as_ref(),
            card: claiming.card.as_ref().map(|card| card.as_str()),
        };
        let finding = match claiming.method.way() {
            Way::Compared => Some(self.identity()?.compare(claim.case, &facts).await?),
            Way::Page | Way::Camera => {
                claim.challenge = Some(self.identity()?.begin(claim.case, &facts).await?);
                None
            }
            Way::Reviewed => None,
        };
        let claim = &claim;
        self.act(&actor, once, move |plan| {
            Box::pin(async move {
                let event = match claim.method {
                    Method::Review => person::Event::Review(claim.clone()),
                    _ => person::Event::Check(claim.clone()),
                };
                match plan.find::<Person>(account).await {
                    Ok(_) => drop(plan.happen::<Person>(account, &event).await?),
                    Err(Error::NotFound) => drop(plan.make::<Person>(account, &event)?),
                    Err(error) => return Err(error.into()),
                }
                if let Some(finding) = finding {
                    plan.happen::<Person>(account, &answered(claim.case, finding)).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The claim of a user, with what is personal in it encrypted.
    async fn claim(&self, user: &User, claiming: &Claiming) -> Result<Claim, Error> {
        let Claiming { method, document, pictures, .. } = claiming;
        let enough = match method {
            Method::Review => pictures.len() == PICTURES,
            Method::Carrier => pictures.len() >= 2,
            _ => true,
        };
        if !enough || pictures.len() > PICTURES {
            return Err(Error::BadRequest(
                "pictures: the front of the document, its back, and for a review the person",
            ));
        }
        if *method == Method::Review && *document != Document::IdCard && claiming.expires_ms.is_none() {
            return Err(Error::BadRequest("a review needs to know until when the document is good"));
        }
        let given = (claiming.code.is_some(), claiming.phone.is_some(), claiming.card.is_some());
        if given != (*method == Method::Carrier, *method == Method::BankCard, *method == Method::BankCard) {
            return Err(Error::BadRequest(
                "a carrier needs a code of the phone, a bank its phone and its card, and nobody else either",
            ));
        }
        for picture in pictures {
            self.attachment(user, *picture).await?;
        }
        let particulars = claiming.particulars.as_ref().map(|particulars| {
            particulars.judge(*document, &claiming.number)?;
            let text = Zeroizing::new(serde_json::to_string(particulars).map_err(|_| Error::Internal)?);
            self.ports.vault.seal(Kind::Details, &text)
        });
        let (name, number) = (claiming.name.expose(), claiming.number.expose());
        Ok(Claim {
            case: Id::from_bytes(self.random()?),
            method: *method,
            document: *document,
            name: self.ports.vault.seal(Kind::PersonName, name)?,
            number: self.ports.vault.seal(Kind::IdNumber, number)?,
            number_name: self.ports.vault.name(Kind::IdNumber, number)?,
            expires_ms: claiming.expires_ms,
            pictures: pictures.clone(),
            particulars: particulars.transpose()?,
            terminal: Some(user.terminal()),
            challenge: None,
            agreement: claiming.agreement.clone(),
        })
    }

    /// A picture of the person behind the account, as the open case demands it. It is kept by nobody.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no case waits for one; faults of providers and storage.
    pub async fn show_face(&self, user: &User, picture: &[u8]) -> Result<(), Error> {
        let claim = self.person(user).await?.and_then(|person| person.entity.claim);
        let (claim, challenge) = claim
            .filter(|claim| claim.method.way() == Way::Camera)
            .and_then(|claim| claim.challenge.clone().map(|challenge| (claim, challenge)))
            .ok_or(Error::Conflict("no picture is waited for"))?;
        let finding = self.identity()?.watch(claim.case, &challenge, picture).await?;
        self.happens_to_person(user.account().id, &answered(claim.case, finding)).await
    }

    /// Asks the provider what became of an open case. Whoever says that there is news need not be believed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such case; faults of providers and storage.
    pub async fn ask_provider(&self, case: Id) -> Result<(), Error> {
        let person = self.named::<Person>(Person::name_of(case)).await?.ok_or(Error::NotFound)?;
        match self.identity()?.outcome(case).await? {
            None => Ok(()),
            Some(outcome) => self.happens_to_person(person.id, &answered(case, outcome.err())).await,
        }
    }

    /// Presses a button on the page of a sandbox, which then says that there is news.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such page; faults of storage.
    pub async fn press_button(&self, case: Id, passed: bool) -> Result<(), Error> {
        self.identity()?.press(case, passed)?;
        self.ask_provider(case).await
    }

    /// A user says that their data has changed: they are to be verified anew.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`], [`Error::NotFound`], [`Error::Conflict`] for who is not verified; storage faults.
    pub async fn change_person(&self, user: &User, code_id: Id, code: &str) -> Result<(), Error> {
        let phone = self.carry_out(|| Box::pin(self.prove(code_id, code, Purpose::Person))).await?;
        if !user.account().entity.is_of(&phone, Purpose::Person) {
            return Err(Error::CodeInvalid);
        }
        self.happens_to_person(user.account().id, &person::Event::Change { phone }).await
    }

    /// The name and the number of a person, in the clear.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn open_claim(&self, claim: &Claim) -> Result<(Zeroizing<String>, Zeroizing<String>), Error> {
        let vault = &self.ports.vault;
        Ok((vault.open(Kind::PersonName, &claim.name)?, vault.open(Kind::IdNumber, &claim.number)?))
    }

    /// What else a person has confirmed of the identity card.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn open_particulars(&self, claim: &Claim) -> Result<Option<Particulars>, Error> {
        let Some(particulars) = &claim.particulars else { return Ok(None) };
        let text = self.ports.vault.open(Kind::Details, particulars)?;
        serde_json::from_str(&text).map(Some).map_err(|_| Error::Internal)
    }

    async fn happens_to_person(&self, account: Id, event: &person::Event) -> Result<(), Error> {
        self.carry_out(|| {
            Box::pin(async move {
                let mut plan = self.plan(Some(account));
                plan.happen::<Person>(account, event).await?;
                plan.commit().await
            })
        })
        .await
    }
}

const fn answered(case: Id, finding: Option<Finding>) -> person::Event {
    match finding {
        None => person::Event::Match { case },
        Some(finding) => person::Event::Differ { case, finding },
    }
}

impl Office {
    /// Words of a user or a reviewer, encrypted.
    pub(super) fn seal_words(&self, words: &str) -> Result<crate::domain::office::personal::Personal, Error> {
        self.ports.vault.seal(Kind::Words, words)
    }

    /// Words of a user or a reviewer, in the clear.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn open_words(
        &self,
        words: &crate::domain::office::personal::Personal,
    ) -> Result<Zeroizing<String>, Error> {
        self.ports.vault.open(Kind::Words, words)
    }
}
