//! Revocation lists, full and delta. Source: RFC 5280, 5.

use std::collections::HashSet;

use envelope::cms::Time;

use super::alt_name::{general_names, uri};
use super::encode::{explicit, extension, flag, generalized, named_bits, seq, unsigned};
use super::unsigned::put_around;
use super::{Issuer, Unsigned, extensions};
use crate::crl::{Entry, RevocationReason};
use crate::error::Error;
use crate::extension::{IssuingPoint, Usage};
use crate::fields::{ENUMERATED, INTEGER, SEQUENCE, element, primitive};
use crate::oid;

/// Longest entries of a list: a reader takes no more than 256 MiB for the whole.
const MAX_LEN: usize = 250 << 20;

/// A revocation list in the making. Entries are written as they come, in linear time: memory is that of the list twice, and some
/// 50 bytes for an entry.
#[derive(Clone, Debug)]
pub struct ListBuilder<'a> {
    issuer: &'a Issuer,
    number: u64,
    base: Option<u64>,
    updates: (Time, Time),
    point: Vec<u8>,
    freshest: Vec<u8>,
    entries: Vec<u8>,
    /// The serial numbers so far.
    serials: HashSet<Serial>,
}

/// Longest serial number in octets.
const MAX_SERIAL: usize = 20;

/// A serial number, with zeros behind it up to its longest, and its length: as small as it can be kept.
type Serial = (u8, [u8; MAX_SERIAL]);

impl<'a> ListBuilder<'a> {
    /// A list made at `this_update`, its successor made at `next_update` at the latest. `number` grows with every list of the
    /// issuer; full and delta lists share one sequence.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a CA that may not sign lists, or a list that is due before it is made.
    pub fn new(issuer: &'a Issuer, number: u64, this_update: Time, next_update: Time) -> Result<Self, Error> {
        if !issuer.certificate().permits(Usage::CrlSign) {
            return Err(Error::Unusable("the CA may not sign revocation lists"));
        }
        if next_update <= this_update {
            return Err(Error::Unusable("a revocation list that is due before it is made"));
        }
        let updates = (this_update, next_update);
        let (point, freshest, entries) = (Vec::new(), Vec::new(), Vec::new());
        let serials = HashSet::new();
        Ok(Self { issuer, number, base: None, updates, point, freshest, entries, serials })
    }

    /// Makes it a delta list: only what changed since the full list of this number.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the full list is not older, or there are entries already.
    pub fn with_base(mut self, base: u64) -> Result<Self, Error> {
        if base >= self.number || !self.entries.is_empty() || !self.freshest.is_empty() {
            return Err(Error::Unusable("base of a delta list: an older full list"));
        }
        self.base = Some(base);
        Ok(self)
    }

    /// Says what the list is about, if not all certificates of the issuer.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a point that says nothing or is about nothing, lists for other issuers or of attribute
    /// certificates.
    pub fn with_point(mut self, point: &IssuingPoint) -> Result<Self, Error> {
        const WRONG: Error = Error::Unusable("issuing distribution point");
        if point.indirect || point.only_attributes || point.only_users && point.only_cas {
            return Err(WRONG);
        }
        let names = match point.names.as_deref() {
            None => Vec::new(),
            Some([]) => return Err(WRONG),
            Some(names) => {
                // IMPLICIT: the tag of the names is replaced.
                let mut names = general_names(names)?;
                names.iter_mut().take(1).for_each(|tag| *tag = 0xa0);
                explicit(0, &[&names])
            }
        };
        let reasons = match point.only_reasons {
            None => Vec::new(),
            // Bit 0 is not used.
            Some(reasons) if reasons & 1 != 0 || reasons == 0 || reasons >= 1 << 9 => return Err(WRONG),
            Some(reasons) => element(primitive(3), &[&named_bits(u32::from(reasons))]),
        };
        let (users, cas) = (flag(primitive(1), point.only_users), flag(primitive(2), point.only_cas));
        let body = [names, users, cas, reasons].concat();
        if body.is_empty() {
            return Err(WRONG);
        }
        self.point = extension(oid::ISSUING_POINT, true, &seq(&[&body]));
        Ok(self)
    }

    /// Adds a place of the delta list to a full list.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no URI, or this is a delta list.
    pub fn with_freshest_crl(mut self, place: &str) -> Result<Self, Error> {
        if self.base.is_some() {
            return Err(Error::Unusable("place of a delta list in a delta list"));
        }
        self.freshest.extend(extensions::distribution_point(&uri(place)?));
        Ok(self)
    }

    /// Adds a revoked certificate.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a serial number that is none (the shortest body of an INTEGER that is not negative, 1 to 20
    /// octets) or that is there already, a date after that of the list, removal from a full list, or a list that becomes too
    /// long.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Error> {
        let serial = entry.serial.as_slice();
        let shortest = match serial {
            [0, second, ..] => *second >= 0x80,
            [first, ..] => *first < 0x80,
            [] => false,
        };
        if !shortest || serial.len() > MAX_SERIAL || entry.has_unknown_critical {
            return Err(Error::Unusable("entry of a revocation list: its serial number or its extensions"));
        }
        if entry.date > self.updates.0 {
            return Err(Error::Unusable("entry of a revocation list: revoked after the list was made"));
        }
        if entry.reason == RevocationReason::RemoveFromCrl && self.base.is_none() {
            return Err(Error::Unusable("entry of a revocation list: removed from a full list"));
        }
        if self.entries.len() > MAX_LEN {
            return Err(Error::Unusable("a revocation list of more than 250 MiB"));
        }
        if !self.serials.insert(padded(serial)) {
            return Err(Error::Unusable("entry of a revocation list: its serial number stands twice"));
        }
        // Not said rather than unspecified. Source: RFC 5280, 5.3.1.
        let reason = match entry.reason {
            RevocationReason::Unspecified => Vec::new(),
            reason => extension(oid::REASON_CODE, false, &element(ENUMERATED, &[&[reason as u8]])),
        };
        let invalidity = entry
            .invalidity
            .map_or_else(Vec::new, |time| extension(oid::INVALIDITY_DATE, false, &generalized(time)));
        let more = [reason, invalidity].concat();
        let more = if more.is_empty() { more } else { seq(&[&more]) };
        self.entries.extend(seq(&[&element(INTEGER, &[serial]), &entry.date.to_der(), &more]));
        Ok(())
    }

    /// The list without its signature.
    #[must_use]
    pub fn build(self) -> Unsigned {
        let Self { issuer, number: own, base, updates, point, freshest, entries, .. } = self;
        let (this_update, next_update) = updates;
        let number = |value: u64| unsigned(&value.to_be_bytes());
        let delta = base.map_or_else(Vec::new, |base| extension(oid::DELTA_INDICATOR, true, &number(base)));
        let freshest =
            if freshest.is_empty() { freshest } else { extensions::list(oid::FRESHEST_CRL, &freshest) };
        let extensions =
            [issuer.authority(), extension(oid::CRL_NUMBER, false, &number(own)), delta, point, freshest];
        let head = [
            element(INTEGER, &[&[1]]),
            issuer.algorithm().to_vec(),
            issuer.certificate().subject().as_der().to_vec(),
            this_update.to_der(),
            next_update.to_der(),
        ];
        let mut tbs = entries;
        // An empty list is left out. Source: RFC 5280, 5.1.2.6.
        if !tbs.is_empty() {
            put_around(&mut tbs, SEQUENCE);
        }
        tbs.splice(0..0, head.concat());
        tbs.extend(explicit(0, &[&seq(&[&extensions.concat()])]));
        put_around(&mut tbs, SEQUENCE);
        Unsigned::new(tbs, issuer.algorithm().to_vec(), *issuer.key())
    }
}

/// `serial` has at most [`MAX_SERIAL`] octets.
fn padded(serial: &[u8]) -> Serial {
    let mut octets = [0; MAX_SERIAL];
    octets.iter_mut().zip(serial).for_each(|(to, from)| *to = *from);
    (u8::try_from(serial.len()).unwrap_or(u8::MAX), octets)
}
