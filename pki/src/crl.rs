//! Certificate revocation lists, full and delta. Source: RFC 5280, 5.
//!
//! A list that is out of date is read like any other: whether it counts at a moment is asked with
//! [`RevocationList::is_current`], and what it is evidence of is judged by a [`Validator`](crate::validate::Validator).

mod entry;

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use der::asn1::ObjectIdentifier;
use envelope::cms::Time;

use crate::algorithm::{Defect, SignatureAlgorithm, SignatureValue, Signed};
use crate::certificate::{from_text, range};
use crate::error::Error;
use crate::extension::{self, AuthorityKeyId, Extension, IssuingPoint};
use crate::fields::{Fields, GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME, constructed};
use crate::key::SubjectKey;
use crate::name::{Name, hex};
use crate::oid;

pub use entry::{Entry, RevocationReason};

/// A list of revoked certificates. Nothing about it is verified by being here. Clones share their memory.
#[derive(Clone)]
pub struct RevocationList(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    tbs: Range<usize>,
    issuer: Name,
    this_update: Time,
    next_update: Option<Time>,
    /// Where the entries lie, in the order of their serial numbers.
    entries: Vec<Row>,
    extensions: ListExtensions,
    signature: SignatureValue,
}

/// Offset and length of an entry: nothing that can be read is longer than 256 MiB.
#[derive(Clone, Copy)]
struct Row {
    start: u32,
    len: u32,
}

#[derive(Default)]
struct ListExtensions {
    number: Option<Vec<u8>>,
    base: Option<Vec<u8>>,
    point: Option<IssuingPoint>,
    authority_key_id: Option<AuthorityKeyId>,
    unknown_critical: Vec<ObjectIdentifier>,
}

const WHAT: &str = "revocation list";

impl RevocationList {
    /// Reads a list in DER, exactly. Memory: eight bytes for an entry beside the list itself.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        let signed = Signed::read(&mut fields)?;
        fields.finish()?;
        let mut tbs = Fields::inside(signed.tbs, SEQUENCE, WHAT)?;
        if tbs.peek() == Some(INTEGER) && tbs.small()? != 1 {
            return Err(Error::Malformed("version of a revocation list"));
        }
        if tbs.expect(SEQUENCE)?.whole != signed.algorithm_der {
            return Err(Error::Malformed("revocation list: it names two signature algorithms"));
        }
        let issuer = Name::from_der(tbs.expect(SEQUENCE)?.whole)?;
        let this_update = tbs.time()?;
        let next_update = match tbs.peek() {
            Some(UTC_TIME | GENERALIZED_TIME) => Some(tbs.time()?),
            _ => None,
        };
        let entries = match tbs.optional(SEQUENCE)? {
            Some(list) => rows(der, list.body)?,
            None => Vec::new(),
        };
        let extensions = match tbs.optional(constructed(0))? {
            Some(list) => {
                ListExtensions::read(extension::read_list(Fields::inside(list.body, SEQUENCE, WHAT)?)?)?
            }
            None => ListExtensions::default(),
        };
        tbs.finish()?;
        Ok(Self(Arc::new(Inner {
            tbs: range(der, signed.tbs),
            issuer,
            this_update,
            next_update,
            entries,
            extensions,
            signature: SignatureValue::of(&signed),
            der: der.to_vec(),
        })))
    }

    /// Reads a list in DER or PEM.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_der(&from_text(bytes)?)
    }

    /// The list in DER, as it came.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0.der
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// How it is signed.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.0.signature.algorithm
    }

    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> Time {
        self.0.this_update
    }

    /// When the next one is made at the latest; `None`: that is not said.
    #[must_use]
    pub fn next_update(&self) -> Option<Time> {
        self.0.next_update
    }

    /// Whether it had been made at a moment and the next one not yet.
    #[must_use]
    pub fn is_current(&self, at: Time) -> bool {
        self.this_update() <= at && self.next_update().is_none_or(|next| at <= next)
    }

    /// cRLNumber in hex.
    #[must_use]
    pub fn number_hex(&self) -> Option<String> {
        self.0.extensions.number.as_deref().map(|number| hex(unsigned(number)))
    }

    /// Of a delta list, in hex: the number of the list that it adds to.
    #[must_use]
    pub fn base_number_hex(&self) -> Option<String> {
        self.0.extensions.base.as_deref().map(|number| hex(unsigned(number)))
    }

    /// Whether it holds only what changed.
    #[must_use]
    pub fn is_delta(&self) -> bool {
        self.0.extensions.base.is_some()
    }

    /// Whether this delta list can be put on top of `full`. Source: RFC 5280, 5.2.4.
    #[must_use]
    pub fn adds_to(&self, full: &Self) -> bool {
        let (own, other) = (&self.0.extensions, &full.0.extensions);
        let (Some(base), Some(number), Some(full_number)) = (&own.base, &own.number, &other.number) else {
            return false;
        };
        !full.is_delta()
            && self.issuer() == full.issuer()
            && own.point == other.point
            && own.authority_key_id == other.authority_key_id
            && magnitude(base) <= magnitude(full_number)
            && magnitude(full_number) < magnitude(number)
    }

    /// issuingDistributionPoint: what the list is about; `None`: all certificates of its issuer.
    #[must_use]
    pub fn point(&self) -> Option<&IssuingPoint> {
        self.0.extensions.point.as_ref()
    }

    /// authorityKeyIdentifier.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<&AuthorityKeyId> {
        self.0.extensions.authority_key_id.as_ref()
    }

    /// Extensions that are critical and not known: what the list says cannot be relied on.
    #[must_use]
    pub fn unknown_critical(&self) -> &[ObjectIdentifier] {
        &self.0.extensions.unknown_critical
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The entries, by serial number.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0.entries.iter().filter_map(|row| Entry::read(row.of(&self.0.der)).ok())
    }

    /// The entry of a serial number (the body of an INTEGER), if there is one: the last of several.
    #[must_use]
    pub fn find(&self, serial: &[u8]) -> Option<Entry> {
        let wanted = unsigned(serial);
        let serial_of = |row: &Row| entry::serial(row.of(&self.0.der)).map_or(&[][..], unsigned);
        let end = self.0.entries.partition_point(|row| serial_of(row) <= wanted);
        let row = self.0.entries.get(end.checked_sub(1)?)?;
        if serial_of(row) == wanted { Entry::read(row.of(&self.0.der)).ok() } else { None }
    }

    /// Whether the signature is by this key, of SM2 with the default id. Nothing else is looked at. Variable time.
    ///
    /// # Errors
    /// [`Defect`].
    pub fn verify_signature(&self, issuer: &SubjectKey) -> Result<(), Defect> {
        self.0.signature.verify(issuer, self.0.der.get(self.0.tbs.clone()).unwrap_or_default())
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({}, {}, {} entries)", self.issuer(), self.this_update(), self.len())
    }
}

impl Row {
    fn of(self, der: &[u8]) -> &[u8] {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let len = usize::try_from(self.len).unwrap_or(usize::MAX);
        der.get(start..start.saturating_add(len)).unwrap_or_default()
    }
}

/// Reads every entry once, so that a list with a broken one is none.
fn rows(der: &[u8], list: &[u8]) -> Result<Vec<Row>, Error> {
    let mut fields = Fields::new(list, WHAT);
    let mut rows = Vec::new();
    while !fields.is_empty() {
        let body = fields.expect(SEQUENCE)?.body;
        Entry::read(body)?;
        let Range { start, .. } = range(der, body);
        let row = u32::try_from(start).ok().zip(u32::try_from(body.len()).ok());
        let (start, len) = row.ok_or(Error::Malformed(WHAT))?;
        rows.push(Row { start, len });
    }
    // Stable, so that of several entries the last one stays last.
    rows.sort_by_key(|row| entry::serial(row.of(der)).map_or(&[][..], unsigned));
    Ok(rows)
}

impl ListExtensions {
    fn read(all: Vec<Extension>) -> Result<Self, Error> {
        let mut read = Self::default();
        let mut seen = Vec::new();
        for Extension { id, critical, value } in all {
            if seen.contains(&id) {
                return Err(Error::Malformed("revocation list: an extension comes twice"));
            }
            seen.push(id);
            match id {
                oid::CRL_NUMBER => read.number = Some(extension::number(&value)?),
                oid::DELTA_INDICATOR => read.base = Some(extension::number(&value)?),
                oid::ISSUING_POINT => read.point = Some(IssuingPoint::read(&value)?),
                oid::AUTHORITY_KEY_ID => read.authority_key_id = Some(extension::authority_key_id(&value)?),
                _ if critical => read.unknown_critical.push(id),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// The octets of a number without leading zeros: serial numbers with and without a sign byte are the same.
fn unsigned(body: &[u8]) -> &[u8] {
    let start = body.iter().position(|octet| *octet != 0).unwrap_or(body.len().saturating_sub(1));
    body.get(start..).unwrap_or_default()
}

/// Comparable as a number.
fn magnitude(body: &[u8]) -> (usize, &[u8]) {
    let octets = unsigned(body);
    (octets.len(), octets)
}
