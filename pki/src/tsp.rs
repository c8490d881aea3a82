//! Time stamps: requests, responses and tokens. Source: RFC 3161, RFC 5816; GM/T 0033-2014.
//!
//! A token is a signedData whose content is a TSTInfo. The types of both may be those of GM/T 0010 or of PKCS#7 and
//! S/MIME: tools write either. It is signed with SM2, RSA or ECDSA.

mod info;
mod request;
mod response;
mod token;

pub use info::{Accuracy, Imprint, TstInfo};
pub use request::TimeStampRequest;
pub use response::{PkiStatus, TimeStampResponse};
pub use token::{TimeStampToken, TspDefect, Verified};
