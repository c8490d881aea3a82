//! Codes that platforms show: asked, watched, ended.

use serde::{Deserialize, Serialize};

use super::{Actor, Failed, Office, Plan};
use crate::domain::{
    Error,
    clients::ApiClient,
    office::{
        Entity as _, Id, Stored,
        binding::{Binding, BindingState},
        catalogue::{Entry, Item as Catalogued, Service, platform_of},
        list_of,
        person::{Level, Person},
        personal::Kind,
        proof::{CertificateName, Hash, UsableCertificate},
        scan::{self, Form, Item, New, Plea, Scan, Section, Stop, System, Terms, qr},
        task::Task,
    },
    once::Once,
};

/// Longest message or envelope of a platform, in bytes.
pub const MAX_CONTENT: usize = 8 * 1024;
/// Longest text of a platform, in characters.
const MAX_TEXT: usize = scan::MAX_TEXT;

/// What a platform asks.
pub struct Asked {
    /// For what.
    pub plea: Plea,
    /// Under which terms.
    pub terms: Terms,
    /// Names it: 1 to 64 printable ASCII characters.
    pub nonce: String,
    /// What is to be signed or opened, as far as it is known.
    pub items: Vec<NewItem>,
    /// Whether the page shows a number that is entered on the phone.
    pub has_number: bool,
}

/// One thing to be signed or opened.
pub struct NewItem {
    /// What the platform calls it.
    pub name: String,
    /// What it is.
    pub form: Form,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// A code that is to be shown.
#[derive(Debug)]
pub struct Shown {
    /// Of which scan.
    pub id: Id,
    /// What the code holds, 32 hexadecimal digits. It is kept nowhere.
    pub token: String,
    /// The number that the page shows beside it.
    pub number: Option<u8>,
    /// Until when it can be scanned, unix milliseconds.
    pub expires_ms: u64,
}

/// A use that is paid for.
pub(super) struct Charged<'a> {
    /// Names it.
    pub(super) id: Id,
    /// Whose balance.
    pub(super) account: Id,
    /// For which system.
    pub(super) system: &'a System,
    /// Whether a seal was used.
    pub(super) has_seal: bool,
}

/// What became of an ask, stored for repetitions of the request.
#[derive(Serialize, Deserialize)]
struct Made {
    id: Id,
    has_number: bool,
    expires_ms: u64,
}

/// Verified data of a user, for a platform that they gave it to.
pub struct Shared {
    /// The name.
    pub name: zeroize::Zeroizing<String>,
    /// What kind of document.
    pub document: &'static str,
    /// Its number.
    pub number: zeroize::Zeroizing<String>,
}

/// A client, as the office names it.
pub(super) const fn named(client: &ApiClient) -> Id {
    Id::from_bytes(*client.id.as_bytes())
}

/// Whether a text of a platform is one.
pub(super) fn check_text(text: &str) -> Result<(), Error> {
    if text.is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(Error::BadRequest("a text has 1 to 200 characters and no control characters"));
    }
    Ok(())
}

impl Office {
    /// The system that a client is: the platform of the catalogue that calls by it, or the client itself.
    pub(super) async fn system(&self, client: &ApiClient) -> Result<System, Error> {
        let id = named(client);
        let entry = self.named::<Entry>(platform_of(client.id)).await?;
        Ok(match entry.map(|entry| (entry.id, entry.entity.item)) {
            Some((platform, Catalogued::Platform(of))) => {
                let code = of.code.as_str().to_owned();
                System { client: id, platform: Some(platform), code, name: of.name }
            }
            _ => System { client: id, platform: None, code: id.to_string(), name: client.name.clone() },
        })
    }

    /// Takes a use off what the user bought for a platform, and one of its seal if that was used.
    pub(super) async fn charge(&self, plan: &mut Plan<'_>, used: &Charged<'_>) -> Result<(), Error> {
        let Some(platform) = used.system.platform else { return Ok(()) };
        self.meter(plan, used.account, platform, Service::Ca, used.id).await?;
        if used.has_seal {
            let id = list_of("use of a seal", &[used.id.as_bytes()]);
            self.meter(plan, used.account, platform, Service::Seal, id).await?;
        }
        Ok(())
    }

    /// Makes a code for a page of a platform.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what cannot be asked, [`Error::Conflict`] when it is too early to open something,
    /// [`Error::NotFound`] for another's task; storage faults.
    pub async fn ask(&self, client: &ApiClient, asked: &Asked, once: &Once) -> Result<Shown, Error> {
        let Asked { terms, nonce, .. } = asked;
        if nonce.is_empty() || nonce.len() > 64 || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::BadRequest("a nonce has 1 to 64 printable ASCII characters"));
        }
        if terms.authorities.len() > 32 || terms.authorities.iter().any(|name| name.len() > 64) {
            return Err(Error::BadRequest("there are at most 32 authorities"));
        }
        for text in terms
            .title
            .iter()
            .chain(terms.section.iter().flat_map(|Section { project, section }| [project, section]))
        {
            check_text(text)?;
        }
        let actor = Actor::client(client);
        let made = self.act(&actor, Some(once), move |plan| {
            Box::pin(async move { self.plan_ask(plan, client, asked).await })
        });
        let Made { id, has_number, expires_ms } = made.await?;
        let number = has_number.then(|| self.scan_number(id)).transpose()?;
        Ok(Shown { id, token: self.scan_token(id)?, number, expires_ms })
    }

    async fn plan_ask(&self, plan: &mut Plan<'_>, client: &ApiClient, asked: &Asked) -> Result<Made, Failed> {
        // By mutual recognition, whoever knows the id has the code: all of it is chance.
        let id = Id::from_bytes(self.random()?);
        let system = self.system(client).await?;
        if let Some(task) = asked.terms.task {
            let task = plan.find::<Task>(task).await?;
            if task.entity.filed.system.client != system.client {
                return Err(Error::NotFound.into());
            }
        }
        if asked.terms.mutual && !qr::is_platform(&system.code) {
            return Err(Error::Conflict("the platform has no code of mutual recognition").into());
        }
        let number = asked.has_number.then(|| self.scan_number(id)).transpose()?;
        let (mut terms, mut items) = (asked.terms.clone(), self.items(&asked.items)?);
        self.about_document(plan, (client, asked.plea), &mut terms, &mut items).await?;
        let new = New {
            system,
            plea: asked.plea,
            terms,
            nonce: asked.nonce.clone(),
            token: Hash(self.token_name(&self.scan_token(id)?)?),
            number: number.map(|number| self.number_name(id, number)).transpose()?,
            items,
        };
        let scan = plan.make::<Scan>(id, &scan::Event::Create(Box::new(new)))?;
        Ok(Made { id, has_number: asked.has_number, expires_ms: scan.goes_on_until_ms() })
    }

    /// What the code of a scan holds. It is computed, so that a repeated request is answered with it and nobody stores it.
    fn scan_token(&self, id: Id) -> Result<String, Error> {
        let whole = self.ports.vault.name(Kind::Text, &format!("scan token {id}"))?;
        Ok(hex::encode(whole.first_chunk::<16>().ok_or(Error::Internal)?))
    }

    fn scan_number(&self, id: Id) -> Result<u8, Error> {
        let whole = self.ports.vault.name(Kind::Text, &format!("scan number {id}"))?;
        let drawn = u64::from_be_bytes(*whole.first_chunk().ok_or(Error::Internal)?);
        Ok(u8::try_from(drawn % 90).unwrap_or_default().saturating_add(10))
    }

    pub(super) fn token_name(&self, token: &str) -> Result<[u8; 32], Error> {
        self.ports.vault.name(Kind::Text, &format!("scanned {token}"))
    }

    pub(super) fn number_name(&self, id: Id, number: u8) -> Result<Hash, Error> {
        self.ports.vault.name(Kind::Text, &format!("number {id} {number}")).map(Hash)
    }

    pub(super) fn items(&self, items: &[NewItem]) -> Result<Vec<Item>, Error> {
        let item = |item: &NewItem| {
            check_text(&item.name)?;
            if item.content.is_empty() || item.content.len() > MAX_CONTENT {
                return Err(Error::BadRequest("an item has 1 to 8192 bytes"));
            }
            let digest = match item.form {
                Form::Digest => {
                    let bytes = item.content.as_slice().try_into();
                    Some(Hash(bytes.map_err(|_| Error::BadRequest("a digest has 32 bytes"))?))
                }
                Form::Message | Form::Envelope => None,
            };
            let seal = || self.ports.vault.seal(Kind::Words, &hex::encode(&item.content));
            let content = if digest.is_none() { Some(seal()?) } else { None };
            let (name, form) = (item.name.clone(), item.form);
            Ok(Item { name, form, content, digest, result: None, sealing: None })
        };
        items.iter().map(item).collect()
    }

    /// A scan of this platform.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn scan_of(&self, client: &ApiClient, id: Id) -> Result<Stored<Scan>, Error> {
        let found = self.find::<Scan>(id).await?;
        if found.entity.system.client.as_bytes() != client.id.as_bytes() {
            return Err(Error::NotFound);
        }
        Ok(found)
    }

    /// Something that the platform does with a scan of its own.
    async fn by_platform(
        &self,
        client: &ApiClient,
        id: Id,
        once: &Once,
        event: impl Fn() -> Result<scan::Event, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let event = &event;
        self.act(&Actor::client(client), Some(once), move |plan| {
            Box::pin(async move {
                let before = plan.find::<Scan>(id).await?.entity;
                if before.system.client != named(client) {
                    return Err(Error::NotFound.into());
                }
                let scan = plan.happen::<Scan>(id, &event()?).await?;
                self.charge_scan(plan, id, &before, &scan).await?;
                Ok(())
            })
        })
        .await
    }

    /// Takes the uses that count since it was as before off what was bought.
    pub(super) async fn charge_scan(
        &self,
        plan: &mut Plan<'_>,
        id: Id,
        before: &Scan,
        scan: &Scan,
    ) -> Result<(), Error> {
        let Some(account) = scan.enterprise.or(scan.account) else { return Ok(()) };
        for used in scan.uses_since(before, id) {
            let has_seal = used.seal.is_some();
            self.charge(plan, &Charged { id: used.id, account, system: &scan.system, has_seal }).await?;
        }
        Ok(())
    }

    /// The platform hands in digests for a user who waits.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`], [`Error::Conflict`] when nobody waits for them; storage faults.
    pub async fn hand_in(
        &self,
        client: &ApiClient,
        id: Id,
        items: &[NewItem],
        once: &Once,
    ) -> Result<(), Error> {
        if items.iter().any(|item| item.form == Form::Envelope) {
            return Err(Error::BadRequest("these are not the items that are needed for this"));
        }
        let scan = self.scan_of(client, id).await?.entity;
        let (certificate, _) = scan.chosen.ok_or(Error::Conflict("the user has not confirmed"))?;
        let made = items.iter().zip(self.items(items)?);
        let with_digest = made.map(|(new, item)| match item.digest {
            Some(_) => Ok(item),
            None => Ok(Item { digest: Some(certificate.digest(&new.content)?), ..item }),
        });
        let items = with_digest.collect::<Result<Vec<_>, Error>>()?;
        self.by_platform(client, id, once, || Ok(scan::Event::Add(items.clone()))).await
    }

    /// The platform has all that it wanted.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when something is not signed; storage faults.
    pub async fn finish(&self, client: &ApiClient, id: Id, once: &Once) -> Result<(), Error> {
        self.by_platform(client, id, once, || Ok(scan::Event::Finish)).await
    }

    /// The platform goes away, or cannot go on.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it is over; storage faults.
    pub async fn abort(
        &self,
        client: &ApiClient,
        id: Id,
        has_failed: bool,
        once: &Once,
    ) -> Result<(), Error> {
        let event = || if has_failed { scan::Event::Fail(Stop::Platform) } else { scan::Event::Abort };
        self.by_platform(client, id, once, || Ok(event())).await
    }

    /// Whether a message was signed with a certificate that the platform may know of. A text that is no signature is none
    /// that verifies.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a message that is empty or too long, [`Error::NotFound`] for another certificate; storage
    /// faults.
    pub async fn verifies(
        &self,
        client: &ApiClient,
        name: &CertificateName,
        message: &[u8],
        signature: &str,
    ) -> Result<bool, Error> {
        if message.is_empty() || message.len() > MAX_CONTENT {
            return Err(Error::BadRequest("an item has 1 to 8192 bytes"));
        }
        let certificate = self.certificate(name).await?;
        if !client.sees(&certificate.authority) {
            return Err(Error::NotFound);
        }
        match hex::decode(signature).ok().and_then(|bytes| bytes.try_into().ok()) {
            Some(signature) => UsableCertificate::verifies(&certificate, message, &signature),
            None => Ok(false),
        }
    }

    /// The tie between a platform and a user, if there is one.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn binding(&self, client: Id, account: Id) -> Result<Option<Stored<Binding>>, Error> {
        let found = self.named::<Binding>(Binding::name(client, account)).await?;
        Ok(found.filter(|binding| binding.entity.state() == BindingState::Bound))
    }

    /// What the user of a scan gave to its platform, as it is verified now.
    ///
    /// # Errors
    /// Storage faults, [`Error::Internal`].
    pub async fn shared(&self, scan: &Scan) -> Result<Option<Shared>, Error> {
        let Some(account) = scan.account.filter(|_| scan.gives_data()) else { return Ok(None) };
        let person = match self.find::<Person>(account).await {
            Ok(person) => person.entity,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(person) = person.verified(account, Level::Data) else { return Ok(None) };
        let claim = person.claim();
        Ok(Some(Shared {
            name: self.ports.vault.open(Kind::PersonName, &claim.name)?,
            document: crate::domain::office::Named::as_str(claim.document),
            number: self.ports.vault.open(Kind::IdNumber, &claim.number)?,
        }))
    }
}
