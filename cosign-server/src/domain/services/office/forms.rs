//! Forms that applicants read before they confirm them, and what the end of a certificate brings along.

use zeroize::Zeroizing;

use super::{Office, User};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _,
        account::Account,
        application::{self, Application, ApplicationState, Business},
        catalogue::{Item, Shelf, TemplateKind},
        enterprise::Enterprise,
        holding::{Holder, HoldingState},
        person::Person,
        personal::{Kind, Personal},
        providers::{KeptMail, Mail, MailAddress},
        seal::{Seal, SealState},
    },
    once::Once,
    operators::{Acting, SeesRequests},
    page::Page,
};

/// The lines of a form, and the warnings that belong to it.
pub type Form = (Vec<(&'static str, String)>, Vec<&'static str>);

impl Office {
    /// What somebody wrote, in the clear, for whoever the caller has found entitled.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn read_words(&self, words: &Personal) -> Result<String, Error> {
        Ok(self.ports.vault.open(Kind::Words, words)?.to_string())
    }

    /// The form of an application of a user, filled from what was verified, and the warnings that belong to it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn application_form(&self, user: &User, id: Id) -> Result<Form, Error> {
        let form = self.application(user, id).await?.entity;
        self.form_of(&form).await
    }

    /// The same, for those who review it.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn application_form_for(&self, _: &Acting<SeesRequests>, id: Id) -> Result<Form, Error> {
        self.form_of(&self.find::<Application>(id).await?.entity).await
    }

    /// A file of an application, for those who review it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a file that is none of it; storage faults.
    pub async fn application_file_for(
        &self,
        _: &Acting<SeesRequests>,
        id: Id,
        file: Id,
    ) -> Result<Id, Error> {
        let found = self.find::<Application>(id).await?.entity;
        let is_of = found.form == Some(file) || found.attachments.contains(&file);
        if is_of { Ok(file) } else { Err(Error::NotFound) }
    }

    fn mail(&self) -> Result<&dyn Mail, Error> {
        self.ports.mail.as_deref().ok_or(Error::NotOffered("this server sends no e-mail"))
    }

    /// What a sandbox kept of letters to an address, newest first; `None` when letters are really sent, or none are.
    #[must_use]
    pub fn kept_mails(&self, to: &MailAddress) -> Option<Vec<KeptMail>> {
        self.ports.mail.as_ref()?.kept(to)
    }

    /// Has the form of an application sent by e-mail, to be printed, stamped and handed in as a scan.
    ///
    /// # Errors
    /// [`Error::NotOffered`], [`Error::NotFound`] for another's, [`Error::Conflict`] when it is handed in or was sent often
    /// enough; storage faults.
    pub async fn mail_form(
        &self,
        user: &User,
        id: Id,
        to: &MailAddress,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.mail()?;
        let to = self.ports.vault.seal(Kind::Text, to.expose())?;
        self.with_application(user, id, &application::Event::Mail(to), once).await.map(drop)
    }

    /// What the letter with a form says: the template for such forms, and its lines.
    pub(super) async fn send_form(&self, key: &str, id: Id, to: &Personal) -> Result<String, Error> {
        let to = MailAddress::parse(&self.ports.vault.open(Kind::Text, to)?)?;
        let (lines, warnings) = self.form_of(&self.find::<Application>(id).await?.entity).await?;
        let templates = self.offered(Shelf::Template, None, &Page::default()).await?.items;
        let template = templates.into_iter().find_map(|entry| match entry.entity.item {
            Item::Template(template) if template.kind == TemplateKind::Application => Some(template.text),
            _ => None,
        });
        let mut text = Zeroizing::new(template.unwrap_or_default());
        for (name, value) in &lines {
            text.push_str(&format!("\n{name}: {value}"));
        }
        for warning in warnings {
            text.push_str(&format!("\n{warning}"));
        }
        self.mail()?.send(key, &to, "application form", &text).await
    }

    async fn form_of(&self, form: &Application) -> Result<Form, Error> {
        let mut lines = vec![("business", form.business.as_str().to_owned())];
        if let Holder::Enterprise(enterprise) = form.holder {
            let facts = self.find::<Enterprise>(enterprise).await?.entity.facts;
            lines.push(("enterprise", facts.name.as_str().to_owned()));
            lines.push(("uscc", facts.uscc.as_str().to_owned()));
        }
        let person = self.find::<Person>(form.account).await.ok().and_then(|person| person.entity.claim);
        if let Some(claim) = person {
            lines.push(("name", self.ports.vault.open(Kind::PersonName, &claim.name)?.to_string()));
            lines.push(("document", claim.document.as_str().to_owned()));
            let number = self.ports.vault.open(Kind::IdNumber, &claim.number)?;
            lines.push(("number", masked(&number)));
        }
        if let Some(phone) = self.masked_phone(&self.find::<Account>(form.account).await?.entity)? {
            lines.push(("phone", phone));
        }
        lines.push(("authority", form.authority.to_string()));
        lines.push(("platform", form.platform.clone().map_or_else(|| "national".to_owned(), String::from)));
        if !matches!(form.business, Business::Revoke | Business::Seal | Business::SealChange) {
            lines.push(("years", form.years.to_string()));
        }
        let warnings = match form.business {
            Business::Revoke => vec!["seals-cancelled", "decryption-ends", "irreversible"],
            Business::Reissue => vec!["old-device-ends"],
            Business::New
            | Business::Renew
            | Business::Change
            | Business::Medium
            | Business::Seal
            | Business::SealChange => Vec::new(),
        };
        Ok((lines, warnings))
    }

    /// How many seals and applications end with a certificate of a user, and whether a decryption key does.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn consequences(&self, user: &User, id: Id) -> Result<(u32, u32, bool), Error> {
        let (holding, certificate) = self.holding(user, id).await?;
        let is_over = matches!(holding.entity.state(), HoldingState::Superseded | HoldingState::Revoked);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let seals = self.all_under::<Seal>(id).await?;
        let seals = seals.iter().filter(|seal| {
            use SealState::{Applied, Expired, Replacing, Returned, Review, Valid};
            matches!(seal.entity.state(), Applied | Review | Returned | Valid | Replacing | Expired)
        });
        let applications = self.all_under::<Application>(holding.entity.holder.id()).await?;
        let applications = applications.iter().filter(|one| {
            use ApplicationState::{Closed, Erased, Refused, Withdrawn};
            one.entity.holding == Some(id)
                && !matches!(one.entity.state(), Closed | Refused | Withdrawn | Erased)
        });
        Ok((count(seals.count()), count(applications.count()), !is_over && certificate.pair.is_some()))
    }
}

/// The number of a document as it may be shown: its first and last characters.
fn masked(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    match &letters[..] {
        [first, .., last] => format!("{first}****{last}"),
        _ => "****".to_owned(),
    }
}
