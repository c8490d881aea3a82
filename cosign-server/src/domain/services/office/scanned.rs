//! What the user of a phone does with a code that it scanned.

use super::{Actor, Failed, Office, Plan, User, usable_seals::Sealer};
use crate::domain::{
    Error,
    ca::{Certificate, Profile, Serial, ports::Which},
    office::{
        Entity as _, Id, Stored,
        balance::{Balance, NOTHING_LEFT},
        binding::Binding,
        catalogue::Service,
        enterprise::Enterprise,
        envelope::{self, Envelope, EnvelopeState},
        grant::What,
        holding::{Holder, Holding},
        person::Level,
        personal::Kind,
        proof::{CertificateName, Hash, Identity, UsableCertificate, obstacle},
        scan::{self, Form, Plea, Scan, ScanState, Stop},
        seal::Seal,
        session::OwnDevice,
        terminal::Unlocking,
    },
    once::Once,
    page::Page,
};

/// A certificate of the phone, and why it cannot be used, if so.
pub struct Offered {
    /// The certificate.
    pub certificate: Certificate,
    /// As whom its holder acts.
    pub identity: Identity,
    /// Whose it is, if it is an enterprise's and the office knows.
    pub enterprise: Option<Id>,
    /// Why not.
    pub obstacle: Option<&'static str>,
}

/// What the user does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The phone is still there.
    Beat,
    /// They go where the code leads.
    Take,
    /// They refuse.
    Refuse,
    /// They leave.
    Abort,
    /// The phone cannot do it.
    Fail,
}

impl Office {
    /// A user scans a code.
    ///
    /// # Errors
    /// [`Error::NoClientCertificate`] without an enrolled phone, [`Error::NotVerified`], [`Error::NotFound`] for a code
    /// that is none, was scanned or is over; storage faults.
    pub async fn scan(
        &self,
        user: &User,
        token: &str,
        number: Option<u8>,
        once: Option<&Once>,
    ) -> Result<Id, Error> {
        let device = OwnDevice::new(user.device()?);
        let name = self.token_name(token)?;
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let person = plan.verified(user.account().id, Level::Data).await?;
                let id = match self.named::<Scan>(name).await? {
                    Some(scan) => scan.id,
                    // By mutual recognition it is known by its id alone.
                    None => {
                        let id = token.parse().map_err(|_| Error::NotFound)?;
                        let scan = plan.seek::<Scan>(id).await?.ok_or(Error::NotFound)?;
                        if !scan.entity.terms.mutual || scan.entity.state() != ScanState::Created {
                            return Err(Error::NotFound.into());
                        }
                        id
                    }
                };
                let number = number.map(|number| self.number_name(id, number)).transpose()?;
                plan.happen::<Scan>(id, &scan::Event::Scan { person, device, number }).await?;
                Ok(id)
            })
        })
        .await
    }

    /// A scan of this user, on this phone.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another's; storage faults.
    pub async fn scanned(&self, user: &User, id: Id) -> Result<Stored<Scan>, Error> {
        let found = self.find::<Scan>(id).await?;
        is_own(&found.entity, user)?;
        Ok(found)
    }

    /// The certificates of the phone that are not another person's, with what stands against each.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn own_certificates(&self, user: &User, scan: Option<&Scan>) -> Result<Vec<Offered>, Error> {
        let which = Which { device: Some(user.device()?), page: Page::first(100), ..Which::default() };
        let now_ms = self.ports.clock.now_ms();
        let mut offered = Vec::new();
        for certificate in self.ports.authorities.certificates(which).await?.items {
            let identity = Identity::of(self.profile(&certificate).await?);
            let name = CertificateName::of(&certificate);
            let known = self.named::<Holding>(Holding::called(&name)).await?;
            let holder = known.map(|holding| holding.entity.holder);
            // Several people may use one device.
            if is_of_another(holder, user) {
                continue;
            }
            let unwanted = || scan.and_then(|scan| scan.terms.obstacle(&name, identity));
            let mut obstacle = obstacle(&certificate, now_ms).or_else(unwanted);
            let enterprise = holder.filter(|_| identity == Identity::Enterprise).map(Holder::id);
            if let (Some(_), None, Some(scan)) = (enterprise, obstacle, scan) {
                let usable = self.usable(user, &name).await?;
                obstacle = self.why_not(user, &usable, enterprise, scan).await?;
            }
            offered.push(Offered { certificate, identity, enterprise, obstacle });
        }
        Ok(offered)
    }

    /// Why a member does not use a certificate of the enterprise for a scan.
    async fn why_not(
        &self,
        user: &User,
        certificate: &UsableCertificate,
        enterprise: Option<Id>,
        scan: &Scan,
    ) -> Result<Option<&'static str>, Error> {
        let plan = &mut self.plan(None);
        match self.acts_for(plan, user, certificate, enterprise, Some(scan)).await {
            Ok(()) => {}
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => return Ok(Some("not-granted")),
        }
        match self.is_paid(plan, enterprise.unwrap_or(user.account().id), scan, Service::Ca).await {
            Ok(()) => Ok(None),
            Err(NOTHING_LEFT) => Ok(Some("not-paid")),
            Err(error) => Err(error),
        }
    }

    async fn profile(&self, certificate: &Certificate) -> Result<Profile, Error> {
        match &certificate.request {
            Some(request) => Ok(self.ports.authorities.request(request).await?.profile),
            None => Ok(Profile::default()),
        }
    }

    /// A certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn certificate(&self, name: &CertificateName) -> Result<Certificate, Error> {
        let authority = name.authority.clone().try_into().map_err(|_| Error::NotFound)?;
        let serial = Serial::from_hex(&name.serial).map_err(|_| Error::NotFound)?;
        self.ports.authorities.certificate(&authority, &serial).await
    }

    /// The one of its pair whose key decrypts.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn encrypting(&self, certificate: &Certificate) -> Result<Option<Certificate>, Error> {
        let Some(serial) = &certificate.pair else { return Ok(None) };
        self.ports.authorities.certificate(&certificate.authority, serial).await.map(Some)
    }

    /// A certificate that this user can sign with now.
    pub(super) async fn usable(
        &self,
        user: &User,
        name: &CertificateName,
    ) -> Result<UsableCertificate, Error> {
        let certificate = self.certificate(name).await?;
        let profile = self.profile(&certificate).await?;
        UsableCertificate::of(&certificate, profile, user.device()?, self.ports.clock.now_ms())
    }

    /// That a user may act with a certificate: for themselves, or for an enterprise whose it is and that lets them.
    pub(super) async fn acts_for(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        certificate: &UsableCertificate,
        enterprise: Option<Id>,
        scan: Option<&Scan>,
    ) -> Result<(), Error> {
        const OTHER: Error = Error::Conflict("the certificate is not that of the enterprise");
        let known = self.named::<Holding>(Holding::called(&certificate.name)).await?;
        if let Some(known) = &known {
            self.is_for_business(&known.entity)?;
            if is_of_another(Some(known.entity.holder), user) {
                return Err(Error::Conflict("the certificate is another person's"));
            }
        }
        let sealing = scan.and_then(|scan| scan.terms.seal.filter(|_| scan.plea == Plea::Seal));
        if let Some(seal) = sealing {
            let by = Sealer { account: user.account().id, enterprise, certificate };
            self.usable_seal(plan, by, seal).await?;
        }
        let enterprise = match (certificate.identity, enterprise) {
            (Identity::Person, None) => return Ok(()),
            (Identity::Person, Some(_)) => return Err(OTHER),
            (Identity::Enterprise, None) => {
                return Err(Error::Conflict(
                    "the certificate is an enterprise's: say which one it is used for",
                ));
            }
            (Identity::Enterprise, Some(enterprise)) => enterprise,
        };
        let mut what: Vec<What> = sealing.map(|seal| What::Seal { seal }).into_iter().collect();
        match known {
            Some(known) => {
                if plan.find::<Holding>(known.id).await?.entity.holder != Holder::Enterprise(enterprise) {
                    return Err(OTHER);
                }
                what.push(What::Holding { holding: known.id });
                // With which seal is said later, and judged then.
                if scan.is_some_and(Scan::names_seals_later) {
                    let seals = plan.all_under::<Seal>(known.id).await?;
                    what.extend(seals.iter().map(|seal| What::Seal { seal: seal.id }));
                }
            }
            // One that was issued without the office says whose it is.
            None => self.is_named(plan, certificate, enterprise).await?,
        }
        what.extend(
            scan.and_then(|scan| scan.system.platform).map(|platform| What::Certificate { platform }),
        );
        self.may_use_one(plan, user.account().id, enterprise, &what).await
    }

    /// That a certificate names an enterprise.
    async fn is_named(
        &self,
        plan: &mut Plan<'_>,
        certificate: &UsableCertificate,
        enterprise: Id,
    ) -> Result<(), Error> {
        const OTHER: Error = Error::Conflict("the certificate is not that of the enterprise");
        let named = plan.find::<Enterprise>(enterprise).await?.entity.facts.name;
        let subject = self.certificate(&certificate.name).await?.subject;
        let subject = pki::Name::from_der(&subject).map_err(|_| Error::Internal)?;
        if subject.short() == named.as_str() { Ok(()) } else { Err(OTHER) }
    }

    /// The user chooses a certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for a certificate that will not do; storage faults.
    pub async fn choose(
        &self,
        user: &User,
        id: Id,
        name: &CertificateName,
        enterprise: Option<Id>,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                let scan = own(plan, user, id).await?;
                let certificate = self.usable(user, name).await?;
                self.acts_for(plan, user, &certificate, enterprise, Some(&scan)).await?;
                let owner = enterprise.unwrap_or(user.account().id);
                self.is_paid(plan, owner, &scan, Service::Ca).await?;
                let digest = |item: &scan::Item| match (&item.content, item.form) {
                    (Some(content), Form::Message) => {
                        let message = self.ports.vault.open(Kind::Words, content)?;
                        let message = hex::decode(message.as_bytes()).map_err(|_| Error::Internal)?;
                        certificate.digest(&message).map(Some)
                    }
                    _ => Ok(None),
                };
                let digests = scan.items.iter().map(digest).collect::<Result<_, Error>>()?;
                let envelope = self.envelope(&scan).await?.map(|found| (found.id, found.entity));
                if matches!(scan.plea, Plea::Encrypt | Plea::GenerateFile | Plea::Decrypt) {
                    let certificate = self.certificate(name).await?;
                    if self.encrypting(&certificate).await?.is_none() {
                        return Err(
                            Error::Conflict("the certificate has none for encryption beside it").into()
                        );
                    }
                }
                let event = scan::Event::Choose { certificate, enterprise, digests, envelope };
                plan.happen::<Scan>(id, &event).await?;
                Ok(())
            })
        })
        .await
    }

    /// That something is left of what was bought for the platform, if it is one that takes it off.
    pub(super) async fn is_paid(
        &self,
        plan: &mut Plan<'_>,
        account: Id,
        scan: &Scan,
        service: Service,
    ) -> Result<(), Error> {
        let Some(platform) = scan.system.platform else { return Ok(()) };
        let balance = plan.seek::<Balance>(Balance::id(account, platform, service)).await?;
        let is_usable = balance.is_some_and(|balance| balance.entity.is_usable(plan.now_ms));
        if is_usable { Ok(()) } else { Err(NOTHING_LEFT) }
    }

    /// What the user encrypted last for the section of a scan.
    async fn envelope(&self, scan: &Scan) -> Result<Option<Stored<Envelope>>, Error> {
        let (Plea::Decrypt, Some(account), Some(section)) = (scan.plea, scan.account, &scan.terms.section)
        else {
            return Ok(None);
        };
        let list = Envelope::list(scan.system.client, account, section);
        Ok(self.under::<Envelope>(list, &Page::first(1)).await?.items.pop())
    }

    /// The items of a scan in the clear, for the phone that works on them: bytes in hexadecimal.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn content(&self, item: &scan::Item) -> Result<Option<zeroize::Zeroizing<String>>, Error> {
        item.content.as_ref().map(|content| self.ports.vault.open(Kind::Words, content)).transpose()
    }

    /// The user confirms, or the phone signs what came since. Every signature is verified here.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadRequest`] when a signature does not verify, [`Error::Conflict`] when nothing is to
    /// be signed, the certificate cannot be used any more, or the user is bound already; storage faults.
    pub async fn sign(
        &self,
        user: &User,
        id: Id,
        handed_in: &HandedIn,
        once: Option<&Once>,
    ) -> Result<(), Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move { self.plan_sign(plan, user, id, handed_in).await })
        })
        .await
    }

    async fn plan_sign(
        &self,
        plan: &mut Plan<'_>,
        user: &User,
        id: Id,
        handed_in: &HandedIn,
    ) -> Result<(), Failed> {
        let HandedIn { signatures, opened, shares, unlocked } = handed_in;
        if let Some(by) = unlocked {
            self.is_unlocked(plan, user, *by).await?;
        }
        let scan = own(plan, user, id).await?;
        let to_sign = scan.to_sign(id, opened)?;
        let (chosen, _) = scan.chosen.as_ref().ok_or(Error::Conflict("no certificate was chosen"))?;
        if to_sign.is_empty() {
            return Err(Error::Conflict("nothing is to be signed now").into());
        }
        // It may have been revoked since it was chosen.
        if self.usable(user, &chosen.name).await? != *chosen {
            return Err(Error::Conflict("the certificate cannot be used now").into());
        }
        // And who chose it may have left, or may not use it any more.
        self.acts_for(plan, user, chosen, scan.enterprise, Some(&scan)).await?;
        let signed = chosen.check(&to_sign, signatures)?;
        if scan.state() != ScanState::Chosen {
            self.put_seals(plan, (id, &scan), signatures).await?;
            let signed = plan.happen::<Scan>(id, &scan::Event::Sign(signed)).await?;
            self.charge_scan(plan, id, &scan, &signed).await?;
            return Ok(());
        }
        let account = user.account().id;
        if matches!(scan.plea, Plea::Bind | Plea::Register)
            && self.named::<Binding>(Binding::name(scan.system.client, account)).await?.is_some()
        {
            return Err(Error::Conflict("the user is bound to the platform already").into());
        }
        if scan.plea == Plea::Bind {
            self.may_bind(plan, account, &scan).await?;
        }
        if let Some(found) = self.envelope(&scan).await?
            && found.entity.state() == EnvelopeState::Sealed
        {
            plan.happen::<Envelope>(found.id, &envelope::Event::Open).await?;
        }
        self.take_off(plan, (id, &scan)).await?;
        let (opened, shares) = (opened.clone(), *shares);
        let confirmed = plan.happen::<Scan>(id, &scan::Event::Confirm { signed, opened, shares }).await?;
        self.charge_scan(plan, id, &scan, &confirmed).await?;
        Ok(())
    }

    /// That who binds is whom the platform knows, and administers the enterprise if it is one.
    async fn may_bind(&self, plan: &mut Plan<'_>, account: Id, scan: &Scan) -> Result<(), Error> {
        const OTHER: Error = Error::Conflict("the platform knows the user by another name or number");
        let identity = scan.chosen.as_ref().map(|(certificate, _)| certificate.identity);
        let holder = match (identity, scan.enterprise) {
            (Some(Identity::Enterprise), Some(enterprise)) => {
                self.administers(plan, account, enterprise).await?;
                let facts = plan.find::<Enterprise>(enterprise).await?.entity.facts;
                self.holder(facts.name.as_str(), facts.uscc.as_str())?
            }
            (Some(Identity::Person), None) => {
                let person = plan.verified(account, Level::Data).await?;
                let name = self.ports.vault.open(Kind::PersonName, &person.claim().name)?;
                let number = self.ports.vault.open(Kind::IdNumber, &person.claim().number)?;
                self.holder(&name, &number)?
            }
            _ => return Err(OTHER),
        };
        if scan.terms.holder == Some(holder) { Ok(()) } else { Err(OTHER) }
    }

    /// Keyed hash of a name and a number.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn holder(&self, name: &str, number: &str) -> Result<Hash, Error> {
        self.ports.vault.name(Kind::IdNumber, &format!("{name}\n{number}")).map(Hash)
    }

    /// What else the user does.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when it does not allow that; storage faults.
    pub async fn step(&self, user: &User, id: Id, step: Step, once: Option<&Once>) -> Result<(), Error> {
        self.act(&Actor::user(user), once, move |plan| {
            Box::pin(async move {
                own(plan, user, id).await?;
                let event = match step {
                    Step::Beat => scan::Event::Beat,
                    Step::Take => scan::Event::Take,
                    Step::Refuse => scan::Event::Refuse,
                    Step::Abort => scan::Event::Abort,
                    Step::Fail => scan::Event::Fail(Stop::Phone),
                };
                plan.happen::<Scan>(id, &event).await?;
                Ok(())
            })
        })
        .await
    }
}

/// What a phone hands in.
pub struct HandedIn {
    /// Signatures, r || s.
    pub signatures: Vec<[u8; 64]>,
    /// What was in envelopes, hexadecimal.
    pub opened: Vec<String>,
    /// Whether verified data of the user goes to the platform.
    pub shares: bool,
    /// By what the password of the key was given, if the user did not enter it.
    pub unlocked: Option<Unlocking>,
}

/// Whether it is known to be the one of another person.
fn is_of_another(holder: Option<Holder>, user: &User) -> bool {
    matches!(holder, Some(Holder::Person(owner)) if owner != user.account().id)
}

fn is_own(scan: &Scan, user: &User) -> Result<(), Error> {
    let device = OwnDevice::new(user.device()?);
    if scan.is_of(user.account().id, device) { Ok(()) } else { Err(Error::NotFound) }
}

pub(super) async fn own(plan: &mut Plan<'_>, user: &User, id: Id) -> Result<Scan, Error> {
    let scan = plan.find::<Scan>(id).await?.entity;
    is_own(&scan, user)?;
    Ok(scan)
}
