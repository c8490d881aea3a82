//! What certification authorities do: take requests, have them reviewed, issue, suspend, revoke, publish.

mod apply;
mod change;
mod install;
mod publish;
mod seal_maker;

use std::sync::Arc;

use cosign_core::sm_primitives::sm2::PublicKey;

pub use self::{
    apply::Application,
    install::{Direct, Granted, Installed, Recoverable},
    publish::{Answer, Answers},
};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        Authority, AuthorityId, Backend, Certificate, EscrowedKey, Options, Request, RequestId, Serial,
        ports::{Certifier, KeyCentre, Registry, RegistryWrite, Which},
    },
    device::{Device, Name},
    page::{Cursor, Page, Paged},
    ports::{Clock, Entropy, Store, Write},
};

/// Times it is tried again because something was changed meanwhile.
const ATTEMPTS: usize = 4;

/// Authorities and what they issue.
pub struct Authorities {
    store: Arc<dyn Store>,
    registry: Arc<dyn Registry>,
    certifier: Arc<dyn Certifier>,
    centre: Arc<dyn KeyCentre>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    answers: Answers,
}

/// What [`Authorities`] needs from outside.
pub struct AuthorityPorts {
    /// Where everything is committed.
    pub store: Arc<dyn Store>,
    /// Where authorities are read.
    pub registry: Arc<dyn Registry>,
    /// Who signs.
    pub certifier: Arc<dyn Certifier>,
    /// Who makes decryption keys.
    pub centre: Arc<dyn KeyCentre>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

impl Authorities {
    /// The service over its ports.
    #[must_use]
    pub fn new(ports: AuthorityPorts) -> Self {
        let AuthorityPorts { store, registry, certifier, centre, clock, entropy } = ports;
        Self { store, registry, certifier, centre, clock, entropy, answers: Answers::default() }
    }

    /// All authorities, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn list(&self) -> Result<Vec<Authority>, Error> {
        Ok(self.registry.authorities().await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn authority(&self, id: &AuthorityId) -> Result<Authority, Error> {
        self.registry.authority(id).await?.ok_or(Error::NotFound)
    }

    /// Adds an authority outside, which certifies by way of a folder. `chain`: its certificate, then those above it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for terms or a chain that are none, [`Error::Conflict`] for a name that is taken; storage
    /// faults.
    pub async fn add_outside(
        &self,
        id: AuthorityId,
        label: Name,
        chain: Vec<pki::Certificate>,
        options: Options,
    ) -> Result<Authority, Error> {
        options.check()?;
        if options.backend == Backend::Embedded || options.quorum.is_some() {
            return Err(Error::BadRequest(
                "an authority outside has a folder, and makes decryption keys itself",
            ));
        }
        if !chain.first().is_some_and(pki::Certificate::is_ca) {
            return Err(Error::BadRequest("the first certificate of the chain is not that of an authority"));
        }
        let created_ms = self.clock.now_ms();
        let note = format!("{id}, outside");
        let log = Event::administration(created_ms, Act::AUTHORITY, note);
        let authority =
            Authority { id, label, chain, options, created_ms, retired_ms: None, status_version: 0 };
        let add = RegistryWrite::AddAuthority(Box::new(authority.clone()));
        self.store.commit([Write::Registry(add), Write::Log(log)].into()).await?;
        Ok(authority)
    }

    /// Ends the issuing of an authority. It goes on to publish the status of what it issued. Again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn retire(&self, id: &AuthorityId) -> Result<Authority, Error> {
        let authority = self.authority(id).await?;
        if authority.retired_ms.is_some() {
            return Ok(authority);
        }
        let at_ms = self.clock.now_ms();
        let event = Event::administration(at_ms, Act::AUTHORITY_RETIRED, id.as_str());
        let retire = RegistryWrite::Retire { authority: id.clone(), at_ms };
        self.store.commit([Write::Registry(retire), Write::Log(event)].into()).await?;
        self.authority(id).await
    }

    /// A certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn certificate(&self, authority: &AuthorityId, serial: &Serial) -> Result<Certificate, Error> {
        self.registry.certificate(authority, serial).await?.ok_or(Error::NotFound)
    }

    /// Certificates, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn certificates(&self, which: Which) -> Result<Paged<Certificate>, Error> {
        let page = which.page.clone();
        let found = self.registry.certificates(which).await?;
        Ok(page.of(found, |one| Cursor { at_ms: one.issued_ms, id: one.serial.as_bytes().to_vec() }))
    }

    /// The certificates of a device, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn certificates_of(&self, device: &Device, page: Page) -> Result<Paged<Certificate>, Error> {
        self.certificates(Which { device: Some(device.id), page, ..Which::default() }).await
    }

    /// A certificate of a device.
    ///
    /// # Errors
    /// [`Error::NotFound`] for any other, storage faults.
    pub async fn own_certificate(
        &self,
        device: &Device,
        authority: &AuthorityId,
        serial: &Serial,
    ) -> Result<Certificate, Error> {
        let certificate = self.registry.certificate(authority, serial).await?;
        certificate.filter(|found| found.device == Some(device.id)).ok_or(Error::NotFound)
    }

    /// A request.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn request(&self, id: &RequestId) -> Result<Request, Error> {
        self.registry.request(id).await?.ok_or(Error::NotFound)
    }

    /// A request of a device.
    ///
    /// # Errors
    /// [`Error::NotFound`] for any other, storage faults.
    pub async fn own_request(&self, device: &Device, id: &RequestId) -> Result<Request, Error> {
        let request = self.registry.request(id).await?;
        request.filter(|found| found.device == Some(device.id)).ok_or(Error::NotFound)
    }

    /// All requests, or those of a device, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn requests(&self, device: Option<&Device>, page: &Page) -> Result<Paged<Request>, Error> {
        let found = self.registry.requests(device.map(|device| &device.id), page).await?;
        Ok(page.of(found, |one| Cursor { at_ms: one.created_ms, id: one.id.as_bytes().to_vec() }))
    }

    /// An escrowed key.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn escrowed(&self, public_key: &PublicKey) -> Result<EscrowedKey, Error> {
        self.registry.escrowed(&public_key.as_point().to_bytes()).await?.ok_or(Error::NotFound)
    }

    /// Records that custodians opened an escrow and sealed the key to `protection`. What they made is given out after it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a key without an escrow, storage faults.
    pub async fn record_opening(&self, key: &PublicKey, protection: &PublicKey) -> Result<(), Error> {
        self.escrowed(key).await?;
        let note = format!("sealed to {}", envelope::SubjectKeyId::of(protection));
        let event = Event {
            public_key: Some(key.as_point().to_bytes()),
            ..Event::administration(self.clock.now_ms(), Act::ESCROW_OPENED, note)
        };
        Ok(self.store.commit([Write::Log(event)].into()).await?)
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// 16 octets, positive, always as long: 126 random bits.
    fn new_serial(&self) -> Result<Serial, Error> {
        let mut octets = self.random::<16>()?;
        octets[0] = octets[0] & 0x3f | 0x40;
        Serial::new(&octets)
    }
}

/// A record about a certificate or the request of one.
fn event(at_ms: u64, act: Act, device: Option<&Device>, note: String) -> Event {
    Event { device: device.map(|device| device.id), ..Event::administration(at_ms, act, note) }
}
