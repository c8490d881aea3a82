//! Responses without a time stamp. Source: RFC 3161, 2.4.2.

use super::encode::{named_bits, seq};
use crate::asn1::number;
use crate::fields::{BIT_STRING, element};
use crate::tsp::PkiStatus;

/// Why there is no stamp, by its bit in PKIFailureInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The hash algorithm is not supported.
    BadAlg = 0,
    /// What is asked for is not permitted.
    BadRequest = 2,
    /// The request is not well-formed.
    BadDataFormat = 5,
    /// There is no time.
    TimeNotAvailable = 14,
    /// The policy is not one of the authority's.
    UnacceptedPolicy = 15,
    /// There is an extension, and none is known.
    UnacceptedExtension = 16,
    /// Additional information is not understood or not available.
    AddInfoNotAvailable = 17,
    /// Something is wrong with the authority.
    SystemFailure = 25,
}

/// The response in DER that there is no stamp, and why; `text` is for people. Nobody signs it.
#[must_use]
pub fn rejection(why: Failure, text: &str) -> Vec<u8> {
    const UTF8_STRING: u8 = 0x0c;
    let text = match text {
        "" => Vec::new(),
        text => seq(&[&element(UTF8_STRING, &[text.as_bytes()])]),
    };
    let failure = element(BIT_STRING, &[&named_bits(1 << (why as u8))]);
    seq(&[&seq(&[&number(PkiStatus::Rejection as u32), &text, &failure])])
}
