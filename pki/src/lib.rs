//! SM2 certificates: read, validated and issued; requests for them, and the files that keys are kept in. Certificates and
//! signatures of RSA and ECDSA are verified too: see [`foreign`].
//!
//! Pure functions over bytes. The crate reads no clock, opens no socket and draws no randomness of its own: the moment
//! that something is judged at and `rng` are arguments. Signatures are made by a callback that gets digests, so the key
//! may be in a file, in a security module or shared by two parties.
#![forbid(unsafe_code)]

pub mod algorithm;
mod asn1;
pub mod certificate;
pub mod cfca;
pub mod cms;
pub mod crl;
pub mod csr;
pub mod error;
pub mod extension;
pub mod fields;
pub mod foreign;
pub mod issue;
pub mod key;
pub mod key_file;
pub mod name;
pub mod ocsp;
mod oid;
pub mod password;
pub mod pkcs12;
pub mod pkcs8;
pub mod tsp;
pub mod validate;

pub use certificate::Certificate;
pub use crl::RevocationList;
pub use der::asn1::ObjectIdentifier;
pub use envelope::cms::Time;
pub use error::Error;
pub use key::SubjectKey;
pub use name::Name;
pub use oid::{extension_name, key_purpose_name};
