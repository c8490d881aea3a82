//! Issuing: certificates, revocation lists, answers about their status, time stamps.
//!
//! Everything is made in two phases, because the key of an authority may be in a file, in a security module or shared by
//! two parties: what is to be signed gives a digest, and with the signature it becomes a whole ([`Unsigned`]; many at a
//! time: [`Batch`]). Moments, serial numbers and randomness are arguments. A signature of another key is refused, so what
//! leaves here verifies.
//!
//! ```
//! use pki::issue::{Batch, Issuer, KeyRole, NameBuilder, Order, Profile, ProfileKind, SerialNumber, Subject, root};
//! use pki::csr::SubjectAttribute::{CommonName, Country};
//! use pki::certificate::Validity;
//! use sm_primitives::sm2::{PrivateKey, dsa};
//!
//! let mut rng = getrandom::SysRng;
//! let moment = |seconds| pki::Time::from_unix(seconds).unwrap();
//! let validity = Validity { not_before: moment(1_767_225_600), not_after: moment(1_798_761_600) };
//! let named = |cn| NameBuilder::new().with(Country, "CN").with(CommonName, cn).build().map(Subject::new);
//!
//! let ca = PrivateKey::generate(&mut rng).unwrap();
//! let subject = named("Example Root")?;
//! let profile = Profile::new(ProfileKind::Root { path_len: None });
//! let order = Order::new(&profile, &subject, *ca.public_key(), SerialNumber::random(&mut rng)?, validity);
//! let unsigned = root(&order, false)?;
//! let signature = dsa::sign_digest(&ca, unsigned.digest(), &mut rng).unwrap();
//! let issuer = Issuer::new(pki::Certificate::from_der(&unsigned.assemble(&signature)?)?)?;
//!
//! let (signing, encryption) = (PrivateKey::generate(&mut rng).unwrap(), PrivateKey::generate(&mut rng).unwrap());
//! let (profile, subject) = (Profile::new(ProfileKind::Personal), named("测试")?);
//! let serials = [SerialNumber::random(&mut rng)?, SerialNumber::random(&mut rng)?];
//! let pair = issuer.pair(&profile, &subject, [*signing.public_key(), *encryption.public_key()], serials, validity)?;
//! let certificates = pair.sign(&ca, &mut rng)?;
//! # assert_eq!(certificates.len(), 2);
//! # Ok::<_, pki::Error>(())
//! ```

mod alt_name;
mod answer;
mod applicant;
mod delivery;
mod encode;
mod extensions;
mod identifier;
mod issuer;
mod list;
mod name;
mod order;
mod profile;
mod rejection;
mod serial;
mod stamp;
mod unsigned;

pub(crate) use answer::successful;
pub use answer::{AnswerTimes, Responder, refusal};
pub use applicant::Applicant;
pub use delivery::Delivery;
pub use identifier::{Edition, Identifier};
pub use issuer::{Issuer, root};
pub use list::ListBuilder;
pub use name::NameBuilder;
pub use order::{KeyRole, Order, Subject};
pub use profile::{KeyIdMethod, Profile, ProfileKind};
pub use rejection::{Failure, rejection};
pub use serial::SerialNumber;
pub use stamp::{StampAuthority, UnsignedStamp};
pub use unsigned::{Batch, Unsigned};

/// PEM `CERTIFICATE`.
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    crate::pkcs8::pem("CERTIFICATE", der)
}

/// PEM `X509 CRL`.
#[must_use]
pub fn list_pem(der: &[u8]) -> String {
    crate::pkcs8::pem("X509 CRL", der)
}
