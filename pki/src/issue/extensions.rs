//! Writing the extensions of certificates. Source: RFC 5280, 4.2.

use der::asn1::ObjectIdentifier;

use super::encode::{explicit, extension, flag, id, named_bits, seq};
use super::order::Order;
use crate::asn1;
use crate::error::Error;
use crate::extension::{GeneralName, Usage};
use crate::fields::{BIT_STRING, BOOLEAN, IA5, element};
use crate::oid;

use super::alt_name::{general_names, uri};

/// PolicyInformation.
pub(super) fn policy(policy: ObjectIdentifier, statement: Option<&str>) -> Result<Vec<u8>, Error> {
    let qualifiers = match statement {
        None => Vec::new(),
        Some(place) => {
            uri(place)?;
            seq(&[&seq(&[&id(oid::CPS), &element(IA5, &[place.as_bytes()])])])
        }
    };
    Ok(seq(&[&id(policy), &qualifiers]))
}

/// DistributionPoint with one full name, given whole.
pub(super) fn distribution_point(name: &[u8]) -> Vec<u8> {
    seq(&[&explicit(0, &[&explicit(0, &[name])])])
}

/// AccessDescription.
pub(super) fn access(method: ObjectIdentifier, place: &[u8]) -> Vec<u8> {
    seq(&[&id(method), place])
}

/// An extension that is a SEQUENCE OF, not critical.
pub(super) fn list(which: ObjectIdentifier, body: &[u8]) -> Vec<u8> {
    extension(which, false, &seq(&[body]))
}

pub(super) fn key_usage(usages: &[Usage]) -> Vec<u8> {
    let set = usages.iter().fold(0, |set, usage| set | 1 << (*usage as u32));
    extension(oid::KEY_USAGE, true, &element(BIT_STRING, &[&named_bits(set)]))
}

pub(super) fn basic_constraints(ca: bool, path_len: Option<u32>) -> Vec<u8> {
    let path_len = path_len.map_or_else(Vec::new, asn1::number);
    extension(oid::BASIC_CONSTRAINTS, true, &seq(&[&flag(BOOLEAN, ca), &path_len]))
}

/// subjectAltName; nothing for no names.
pub(super) fn alt_names(names: &[GeneralName]) -> Result<Vec<u8>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    Ok(extension(oid::SUBJECT_ALT_NAME, false, &general_names(names)?))
}

/// All extensions of a certificate, one after another. `authority`: that extension, whole, or nothing for a root.
pub(super) fn all(order: &Order<'_>, key_id: &[u8], authority: &[u8]) -> Result<Vec<u8>, Error> {
    let kind = order.profile.kind();
    let purpose = kind.purpose().map_or_else(Vec::new, |(purpose, critical)| {
        extension(oid::EXT_KEY_USAGE, critical, &seq(&[&id(purpose)]))
    });
    let no_check = match kind {
        // Its status would be asked of itself. Source: RFC 6960, 4.2.2.2.1.
        super::ProfileKind::OcspSigner => extension(oid::OCSP_NO_CHECK, false, &[5, 0]),
        _ => Vec::new(),
    };
    let identifiers: Vec<u8> = order.subject.ids().iter().flat_map(super::Identifier::to_der).collect();
    Ok([
        extension(oid::SUBJECT_KEY_ID, false, &element(crate::fields::OCTET_STRING, &[key_id])),
        authority.to_vec(),
        basic_constraints(kind.is_ca(), kind.path_len()),
        key_usage(kind.usages(order.role)),
        purpose,
        alt_names(order.subject.alt_names())?,
        order.profile.places(),
        no_check,
        identifiers,
    ]
    .concat())
}
