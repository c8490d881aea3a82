//! What the rules of authorities need from outside: storage, and whoever signs.

use cosign_core::{DeviceId, sm_primitives::sm2::PublicKey};
use futures_util::future::BoxFuture;

use super::{
    Authority, AuthorityId, AuthorityKey, Certificate, EscrowedKey, Profile, Quorum, Reason, Request,
    RequestId, Role, Serial, certificate::Change,
};
use crate::domain::{Error, page::Page, ports::StoreError};

/// One change in the registry. Part of a [`Unit`](crate::domain::ports::Unit) like any other write.
#[derive(Clone, Debug)]
pub enum RegistryWrite {
    /// A new authority with its key, if the key is here. `Duplicate` when its id is taken.
    AddAuthority(Box<Authority>),
    /// A key of an authority. `Duplicate` when it has one for this duty.
    AddKey(AuthorityKey),
    /// Ends the issuing of an authority. `Stale` when it is unknown or retired.
    Retire {
        /// Which.
        authority: AuthorityId,
        /// Unix milliseconds.
        at_ms: u64,
    },
    /// A key under another wrapping key. `Stale` when it is not as it was.
    ResealKey {
        /// As it is sealed now.
        old: Vec<u8>,
        /// As it is to be sealed.
        new: Vec<u8>,
    },
    /// A new certificate. `Duplicate` when its number is taken or its owner has one in force for the same subject and role;
    /// `Stale` when the authority is retired.
    AddCertificate(Box<Certificate>),
    /// Changes a certificate. `Stale` when it does not stand where it should.
    Change(Change),
    /// The key of a certificate is now on another device.
    Rehome {
        /// Who issued it.
        authority: AuthorityId,
        /// Which.
        serial: Serial,
        /// The other one of its pair.
        pair: Serial,
        /// Whose it is now.
        device: DeviceId,
        /// Under which key id.
        key_id: cosign_core::KeyId,
    },
    /// A new request. `Duplicate` when its id is taken.
    AddRequest(Box<Request>),
    /// A request as it is now; its version is that which was read. `Stale` when it changed meanwhile.
    SaveRequest(Box<Request>),
    /// An escrowed key. `Duplicate` when it is there.
    AddEscrow(EscrowedKey),
    /// A revocation list in the place of the one before it. `Stale` unless its number is the next one and the status of the
    /// authority is the one that it tells.
    KeepList(List),
}

/// A revocation list as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Whose.
    pub authority: AuthorityId,
    /// Whether it only adds to the full one.
    pub delta: bool,
    /// Its number, from 1, counted for full lists and delta lists together.
    pub number: u64,
    /// The status of the authority that it tells.
    pub status_version: u64,
    /// When it was signed, unix milliseconds.
    pub this_update_ms: u64,
    /// When there will be a newer one.
    pub next_update_ms: u64,
    /// The list, DER.
    pub der: Vec<u8>,
}

/// Which revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// The newest full one.
    Full,
    /// The newest delta list.
    Delta,
    /// The full one that delta lists add to: the first of its interval.
    Base,
}

/// What a revocation list says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub serial: Serial,
    /// Since when, unix milliseconds.
    pub since_ms: u64,
    /// Why; `RemoveFromCrl` in a delta list for what is off the lists again.
    pub reason: Reason,
}

/// Which certificates.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Of this authority.
    pub authority: Option<AuthorityId>,
    /// Of this device.
    pub device: Option<DeviceId>,
    /// With this key, X || Y.
    pub public_key: Option<[u8; 64]>,
    /// Newest first, by the time that they were issued and their serial number.
    pub page: Page,
}

/// What is kept of authorities. Writes go through [`Store::commit`](crate::domain::ports::Store::commit).
pub trait Registry: Send + Sync {
    /// All authorities, oldest first.
    fn authorities(&self) -> BoxFuture<'_, Result<Vec<Authority>, StoreError>>;
    /// One of them.
    fn authority<'a>(&'a self, id: &'a AuthorityId) -> BoxFuture<'a, Result<Option<Authority>, StoreError>>;
    /// A certificate.
    fn certificate<'a>(
        &'a self,
        authority: &'a AuthorityId,
        serial: &'a Serial,
    ) -> BoxFuture<'a, Result<Option<Certificate>, StoreError>>;
    /// Certificates.
    fn certificates(&self, which: Which) -> BoxFuture<'_, Result<Vec<Certificate>, StoreError>>;
    /// Those in force whose end has come, at most `limit`.
    fn ended(&self, now_ms: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Certificate>, StoreError>>;
    /// What the lists of an authority say that changed after this version, and what does not stand in them any more.
    fn listed<'a>(
        &'a self,
        authority: &'a AuthorityId,
        after: Option<u64>,
    ) -> BoxFuture<'a, Result<Vec<Listed>, StoreError>>;
    /// A list.
    fn list<'a>(
        &'a self,
        authority: &'a AuthorityId,
        which: ListKind,
    ) -> BoxFuture<'a, Result<Option<List>, StoreError>>;
    /// A request.
    fn request<'a>(&'a self, id: &'a RequestId) -> BoxFuture<'a, Result<Option<Request>, StoreError>>;
    /// The requests of a device, or of all, newest first, by the time that they were made and their id.
    fn requests<'a>(
        &'a self,
        device: Option<&'a DeviceId>,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<Request>, StoreError>>;
    /// An escrowed key.
    fn escrowed<'a>(
        &'a self,
        public_key: &'a [u8; 64],
    ) -> BoxFuture<'a, Result<Option<EscrowedKey>, StoreError>>;
}

/// One certificate that is to be issued.
#[derive(Clone, Debug)]
pub struct Order {
    /// The request it belongs to.
    pub request: RequestId,
    /// The certification request, DER; that of the signing key.
    pub csr: Vec<u8>,
    /// Whom it certifies, DER; whom the certification request names if `None`.
    pub subject: Option<Vec<u8>>,
    /// What is certified of the subject.
    pub profile: Profile,
    /// Which of a pair it is to be.
    pub role: Role,
    /// The key.
    pub public_key: PublicKey,
    /// The number that it gets. An authority outside gives its own.
    pub serial: Serial,
    /// From when, unix milliseconds.
    pub not_before_ms: u64,
    /// Until when.
    pub not_after_ms: u64,
}

/// What came of an order.
#[derive(Clone, Debug)]
pub enum Certified {
    /// The certificates, in the order of the orders, verified.
    Now(Vec<pki::Certificate>),
    /// The authority has not answered yet: ask again with the same orders.
    Later,
}

/// A revocation list that is to be signed.
#[derive(Clone, Debug)]
pub struct ListOrder {
    /// Its number.
    pub number: u64,
    /// The number of the full list that it adds to, for a delta list.
    pub base: Option<u64>,
    /// When, unix milliseconds.
    pub this_update_ms: u64,
    /// Until when, unix milliseconds.
    pub next_update_ms: u64,
    /// What it says.
    pub entries: Vec<Listed>,
}

/// What is answered about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was issued and stands in no list.
    Good,
    /// Since when, unix milliseconds, and why not.
    Revoked(u64, Reason),
    /// It was not issued here.
    Unknown,
}

/// An OCSP answer that is to be signed.
#[derive(Clone, Debug)]
pub struct AnswerOrder {
    /// What was asked.
    pub request: pki::ocsp::OcspRequest,
    /// What is said of each certificate in it, in order.
    pub standings: Vec<Standing>,
    /// When, unix milliseconds.
    pub this_update_ms: u64,
    /// Until when, unix milliseconds.
    pub next_update_ms: u64,
    /// Signed by whom the authority has appointed, not by itself.
    pub delegated: bool,
}

/// Who signs in the name of authorities: the keys in the database, or an institution outside.
pub trait Certifier: Send + Sync {
    /// Issues certificates. The same orders again give the same certificates where the authority is outside.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a request that cannot be certified, [`Error::Busy`], [`Error::Internal`].
    fn certify<'a>(
        &'a self,
        authority: &'a Authority,
        orders: Vec<Order>,
    ) -> BoxFuture<'a, Result<Certified, Error>>;

    /// Signs a revocation list, DER.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an authority whose key is not here; [`Error::Busy`], [`Error::Internal`].
    fn sign_list<'a>(
        &'a self,
        authority: &'a Authority,
        order: ListOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>>;

    /// Signs an OCSP answer, DER.
    ///
    /// # Errors
    /// As [`Self::sign_list`].
    fn answer<'a>(
        &'a self,
        authority: &'a Authority,
        order: AnswerOrder,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>>;

    /// Answers a time-stamp request, DER in and out.
    ///
    /// # Errors
    /// As [`Self::sign_list`].
    fn stamp<'a>(
        &'a self,
        authority: &'a Authority,
        request: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, Error>>;
}

/// A decryption key that the key centre made. Its private half left in the envelope and in the escrow only.
#[derive(Clone, Debug)]
pub struct Made {
    /// The key.
    pub public_key: PublicKey,
    /// SM2EnvelopedKey to the requester's protection key, DER.
    pub enveloped: Vec<u8>,
    /// The escrow.
    pub container: Vec<u8>,
}

/// Makes decryption keys.
pub trait KeyCentre: Send + Sync {
    /// Makes a key, seals it to `protection` and to the quorum, and forgets it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a quorum that is none, [`Error::Internal`].
    fn make(&self, authority: &AuthorityId, quorum: &Quorum, protection: &PublicKey) -> Result<Made, Error>;
}
