//! Online certificate status: requests and answers. Source: RFC 6960; GB/T 19713.
//!
//! Certificates are named by hashes with SHA-1, SHA-2 or SM3, whatever whoever asks has chosen.

mod basic;
mod cert_id;
mod request;
mod response;
mod single;

pub use basic::BasicResponse;
pub use cert_id::CertId;
pub use request::OcspRequest;
pub use response::{OcspResponse, ResponseStatus};
pub use single::{CertStatus, OcspDefect, ResponderId, SingleResponse};

use crate::error::Error;
use crate::extension::Extension;
use crate::fields::{Fields, OCTET_STRING};
use crate::oid;

/// How far clocks may be apart, in seconds, where nothing else is said: 5 minutes.
pub const TOLERANCE: u64 = 300;

/// For how many seconds an answer counts that does not say when there will be a newer one: 7 days. RFC 6960 has none: it
/// says that there is something newer at any time.
pub const UNDATED_AGE: u64 = 7 * 86_400;

/// The nonce among extensions: the octets of its OCTET STRING, or, of those who leave that out, of the extension.
fn nonce(extensions: &[Extension]) -> Option<Vec<u8>> {
    let extension = extensions.iter().find(|extension| extension.id == oid::OCSP_NONCE)?;
    let inner = || -> Result<Vec<u8>, Error> {
        let mut value = Fields::new(&extension.value, "nonce");
        let octets = value.expect(OCTET_STRING)?.body.to_vec();
        value.finish()?;
        Ok(octets)
    };
    Some(inner().unwrap_or_else(|_| extension.value.clone()))
}
