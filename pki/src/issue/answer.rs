//! Answers of OCSP. Source: RFC 6960, 4.2.

use super::encode::{explicit, id, octets, seq};
use crate::fields::{ENUMERATED, element};
use crate::ocsp::ResponseStatus;
use crate::oid;

/// OCSPResponse around a BasicOCSPResponse.
pub(super) fn successful(basic: &[u8]) -> Vec<u8> {
    let bytes = seq(&[&id(oid::OCSP_BASIC), &octets(basic)]);
    seq(&[&status(ResponseStatus::Successful), &explicit(0, &[&bytes])])
}

fn status(status: ResponseStatus) -> Vec<u8> {
    element(ENUMERATED, &[&[status as u8]])
}
