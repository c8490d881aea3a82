//! The extensions of certificates.
//!
//! An extension that is known and cannot be decoded does not keep the certificate from being read: it is listed, and a
//! validation does not get past it.
//!
//! Source: RFC 5280, 4.2; GM/T 0015.

mod general_name;
mod points;
mod subject_id;
mod usage;

use der::asn1::ObjectIdentifier;

use crate::error::Error;
use crate::fields::{BOOLEAN, Fields, IA5, INTEGER, OCTET_STRING, SEQUENCE, constructed, primitive};
use crate::oid;

pub use general_name::{GeneralName, NameConstraints, Subtree};
pub use points::{DistributionPoint, IssuingPoint, Reasons};
pub use subject_id::{SubjectId, SubjectIdKind};
pub use usage::{KeyUsage, Usage};

/// One extension, undecoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which.
    pub id: ObjectIdentifier,
    /// Whether who does not know it must reject the certificate.
    pub critical: bool,
    /// What is in its OCTET STRING.
    pub value: Vec<u8>,
}

/// basicConstraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may issue certificates.
    pub ca: bool,
    /// How many CA certificates may follow in a path, that of the end entity aside.
    pub path_len: Option<u32>,
}

/// authorityKeyIdentifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityKeyId {
    /// The subject key identifier of the issuer.
    pub key_id: Option<Vec<u8>>,
    /// Who issued the issuer's certificate.
    pub issuer: Vec<GeneralName>,
    /// The serial number of the issuer's certificate, as the body of its INTEGER.
    pub serial: Option<Vec<u8>>,
}

/// A certificate policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which.
    pub id: ObjectIdentifier,
    /// Where its practice statements are.
    pub statements: Vec<String>,
}

/// What concerns policies of the certificates that follow in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyConstraints {
    /// After so many more certificates the path must have a policy.
    pub require_explicit: Option<u32>,
    /// After so many more certificates anyPolicy does not count.
    pub inhibit_any: Option<u32>,
    /// Whether policies are mapped to others, which is not supported.
    pub has_mappings: bool,
}

/// Everything in a certificate's extensions.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Extensions {
    /// All of them, in order.
    pub all: Vec<Extension>,
    /// basicConstraints.
    pub basic_constraints: Option<BasicConstraints>,
    /// keyUsage.
    pub key_usage: Option<KeyUsage>,
    /// extKeyUsage: key purposes.
    pub ext_key_usage: Option<Vec<ObjectIdentifier>>,
    /// subjectKeyIdentifier; in the field 16, 20 or 32 bytes.
    pub subject_key_id: Option<Vec<u8>>,
    /// authorityKeyIdentifier.
    pub authority_key_id: Option<AuthorityKeyId>,
    /// subjectAltName.
    pub subject_alt_names: Vec<GeneralName>,
    /// certificatePolicies.
    pub policies: Option<Vec<Policy>>,
    /// policyConstraints, inhibitAnyPolicy and policyMappings.
    pub policy_constraints: PolicyConstraints,
    /// cRLDistributionPoints.
    pub crl_points: Vec<DistributionPoint>,
    /// authorityInfoAccess: methods and places.
    pub authority_info: Vec<(ObjectIdentifier, GeneralName)>,
    /// nameConstraints.
    pub name_constraints: Option<NameConstraints>,
    /// Identifiers of the subject by GM/T 0015.
    pub subject_ids: Vec<SubjectId>,
    /// Identifiers that came more than once.
    pub duplicates: Vec<ObjectIdentifier>,
    /// Known extensions that cannot be decoded.
    pub malformed: Vec<ObjectIdentifier>,
    /// Extensions that are not known and critical.
    pub unknown_critical: Vec<ObjectIdentifier>,
}

impl Extensions {
    /// An extension that is not decoded here.
    #[must_use]
    pub fn find(&self, id: &ObjectIdentifier) -> Option<&Extension> {
        self.all.iter().find(|extension| extension.id == *id)
    }

    /// Those that are not known: the value can only be shown in hex.
    pub fn unknown(&self) -> impl Iterator<Item = &Extension> {
        self.all.iter().filter(|extension| !is_known(&extension.id))
    }

    /// Whether a key purpose is named, or any.
    #[must_use]
    pub fn has_purpose(&self, purpose: &ObjectIdentifier) -> bool {
        self.ext_key_usage.iter().flatten().any(|id| id == purpose)
    }

    /// `list`: the elements of the SEQUENCE.
    pub(crate) fn read(list: Fields<'_>) -> Result<Self, Error> {
        let mut extensions = Self { all: read_list(list)?, ..Self::default() };
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        for extension in core::mem::take(&mut extensions.all) {
            if seen.contains(&extension.id) {
                extensions.duplicates.push(extension.id);
            } else {
                seen.push(extension.id);
                match extensions.decode(&extension) {
                    Ok(true) => {}
                    Ok(false) if extension.critical => extensions.unknown_critical.push(extension.id),
                    Ok(false) => {}
                    Err(_) => extensions.malformed.push(extension.id),
                }
            }
            extensions.all.push(extension);
        }
        Ok(extensions)
    }

    /// `false`: not known.
    fn decode(&mut self, extension: &Extension) -> Result<bool, Error> {
        let value = extension.value.as_slice();
        match extension.id {
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage::read(value)?),
            oid::EXT_KEY_USAGE => self.ext_key_usage = Some(identifiers(value)?),
            oid::SUBJECT_KEY_ID => {
                self.subject_key_id = Some(octets(value)?);
            }
            oid::AUTHORITY_KEY_ID => self.authority_key_id = Some(authority_key_id(value)?),
            oid::SUBJECT_ALT_NAME => self.subject_alt_names = GeneralName::read_list(value)?,
            oid::ISSUER_ALT_NAME => {
                GeneralName::read_list(value)?;
            }
            oid::CERTIFICATE_POLICIES => self.policies = Some(policies(value)?),
            oid::POLICY_CONSTRAINTS => {
                self.policy_constraints.require_explicit = policy_constraints(value)?;
            }
            oid::INHIBIT_ANY_POLICY => {
                let mut fields = Fields::new(value, WHAT);
                self.policy_constraints.inhibit_any = Some(fields.small()?);
                fields.finish()?;
            }
            oid::POLICY_MAPPINGS => self.policy_constraints.has_mappings = true,
            oid::CRL_POINTS => self.crl_points = DistributionPoint::read_list(value)?,
            oid::FRESHEST_CRL => {
                DistributionPoint::read_list(value)?;
            }
            oid::AUTHORITY_INFO_ACCESS => self.authority_info = access(value)?,
            oid::NAME_CONSTRAINTS => self.name_constraints = Some(NameConstraints::read(value)?),
            oid::OCSP_NO_CHECK => {}
            id => {
                let Some(kind) = SubjectIdKind::of(&id) else { return Ok(false) };
                self.subject_ids.push(SubjectId::read(kind, id, value));
            }
        }
        Ok(true)
    }
}

const WHAT: &str = "extension";

/// Whether the extension is decoded.
#[must_use]
pub fn is_known(id: &ObjectIdentifier) -> bool {
    oid::extension_name(id).is_some() || SubjectIdKind::of(id).is_some()
}

/// Extensions of certificates, revocation lists, their entries, requests and answers.
pub(crate) fn read_list(list: Fields<'_>) -> Result<Vec<Extension>, Error> {
    list.all(SEQUENCE)?
        .into_iter()
        .map(|element| {
            let mut fields = Fields::new(element.body, WHAT);
            let id = fields.oid()?;
            let critical = fields.flag(BOOLEAN)?;
            let value = fields.expect(OCTET_STRING)?.body.to_vec();
            fields.finish()?;
            Ok(Extension { id, critical, value })
        })
        .collect()
}

/// An OCTET STRING that is all of the value.
pub(crate) fn octets(value: &[u8]) -> Result<Vec<u8>, Error> {
    let mut fields = Fields::new(value, WHAT);
    let octets = fields.expect(OCTET_STRING)?.body.to_vec();
    fields.finish()?;
    Ok(octets)
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, Error> {
    let mut fields = Fields::inside(value, SEQUENCE, WHAT)?;
    let ca = fields.flag(BOOLEAN)?;
    let path_len = if fields.is_empty() { None } else { Some(fields.small()?) };
    fields.finish()?;
    Ok(BasicConstraints { ca, path_len })
}

fn identifiers(value: &[u8]) -> Result<Vec<ObjectIdentifier>, Error> {
    let mut fields = Fields::inside(value, SEQUENCE, WHAT)?;
    let mut ids = Vec::new();
    while !fields.is_empty() {
        ids.push(fields.oid()?);
    }
    Ok(ids)
}

pub(crate) fn authority_key_id(value: &[u8]) -> Result<AuthorityKeyId, Error> {
    let mut fields = Fields::inside(value, SEQUENCE, WHAT)?;
    let key_id = fields.optional(primitive(0))?.map(|element| element.body.to_vec());
    let issuer = match fields.optional(constructed(1))? {
        Some(element) => GeneralName::read_all(Fields::new(element.body, WHAT))?,
        None => Vec::new(),
    };
    let serial = fields.optional(primitive(2))?.map(|element| element.body.to_vec());
    fields.finish()?;
    Ok(AuthorityKeyId { key_id, issuer, serial })
}

fn policies(value: &[u8]) -> Result<Vec<Policy>, Error> {
    let list = Fields::inside(value, SEQUENCE, WHAT)?.all(SEQUENCE)?;
    let policy = |element: &crate::fields::Element<'_>| {
        let mut fields = Fields::new(element.body, WHAT);
        let id = fields.oid()?;
        let mut statements = Vec::new();
        if !fields.is_empty() {
            let mut qualifiers = fields.sequence()?;
            while !qualifiers.is_empty() {
                let mut qualifier = qualifiers.sequence()?;
                if qualifier.oid()? == oid::CPS && qualifier.peek() == Some(IA5) {
                    statements.push(String::from_utf8_lossy(qualifier.next()?.body).into_owned());
                }
            }
        }
        fields.finish()?;
        Ok(Policy { id, statements })
    };
    list.iter().map(policy).collect()
}

fn policy_constraints(value: &[u8]) -> Result<Option<u32>, Error> {
    let mut fields = Fields::inside(value, SEQUENCE, WHAT)?;
    let number = |element: crate::fields::Element<'_>| {
        crate::fields::small(element.body).ok_or(Error::Malformed(WHAT))
    };
    let require_explicit = fields.optional(primitive(0))?.map(number).transpose()?;
    fields.optional(primitive(1))?.map(number).transpose()?;
    fields.finish()?;
    Ok(require_explicit)
}

fn access(value: &[u8]) -> Result<Vec<(ObjectIdentifier, GeneralName)>, Error> {
    let list = Fields::inside(value, SEQUENCE, WHAT)?.all(SEQUENCE)?;
    let description = |element: &crate::fields::Element<'_>| {
        let mut fields = Fields::new(element.body, WHAT);
        let method = fields.oid()?;
        let place = GeneralName::read(&fields.next()?)?;
        fields.finish()?;
        Ok((method, place))
    };
    list.iter().map(description).collect()
}

/// The number in an INTEGER that is all of the value, as the body of its encoding.
pub(crate) fn number(value: &[u8]) -> Result<Vec<u8>, Error> {
    let mut fields = Fields::new(value, WHAT);
    let body = fields.expect(INTEGER)?.body.to_vec();
    fields.finish()?;
    Ok(body)
}
