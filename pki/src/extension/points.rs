//! Where revocation lists are, and what a list is about. Source: RFC 5280, 4.2.1.13 and 5.2.5.

use crate::error::Error;
use crate::extension::GeneralName;
use crate::fields::{Element, Fields, SEQUENCE, constructed, primitive};

/// Reasons of revocation as a set of bits, the first of the BIT STRING lowest.
pub type Reasons = u16;

/// cRLDistributionPoints: one point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributionPoint {
    /// Where the list is. Empty: where the CRL issuer's directory entry is, or relative to it.
    pub names: Vec<GeneralName>,
    /// Reasons that the list covers; `None`: all.
    pub reasons: Option<Reasons>,
    /// Who issues the list, if not the issuer of the certificate.
    pub crl_issuer: Vec<GeneralName>,
}

impl DistributionPoint {
    pub(super) fn read_list(value: &[u8]) -> Result<Vec<Self>, Error> {
        let list = Fields::inside(value, SEQUENCE, WHAT)?.all(SEQUENCE)?;
        list.iter().map(Self::read).collect()
    }

    fn read(element: &Element<'_>) -> Result<Self, Error> {
        let mut fields = Fields::new(element.body, WHAT);
        let names = point_names(fields.optional(constructed(0))?)?.unwrap_or_default();
        let reasons = fields.optional(primitive(1))?.map(|element| reasons(&element)).transpose()?;
        let crl_issuer = match fields.optional(constructed(2))? {
            Some(issuer) => GeneralName::read_all(Fields::new(issuer.body, WHAT))?,
            None => Vec::new(),
        };
        fields.finish()?;
        Ok(Self { names, reasons, crl_issuer })
    }
}

/// issuingDistributionPoint: what a list is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuingPoint {
    /// The names of the point; `None`: the list is about all points. Empty: relative to the issuer.
    pub names: Option<Vec<GeneralName>>,
    /// Only certificates of end entities.
    pub only_users: bool,
    /// Only certificates of CAs.
    pub only_cas: bool,
    /// Only these reasons.
    pub only_reasons: Option<Reasons>,
    /// Certificates of other issuers too.
    pub indirect: bool,
    /// Only attribute certificates.
    pub only_attributes: bool,
}

impl IssuingPoint {
    pub(crate) fn read(value: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::inside(value, SEQUENCE, WHAT)?;
        let names = point_names(fields.optional(constructed(0))?)?;
        let only_users = fields.flag(primitive(1))?;
        let only_cas = fields.flag(primitive(2))?;
        let only_reasons = fields.optional(primitive(3))?.map(|element| reasons(&element)).transpose()?;
        let indirect = fields.flag(primitive(4))?;
        let only_attributes = fields.flag(primitive(5))?;
        fields.finish()?;
        Ok(Self { names, only_users, only_cas, only_reasons, indirect, only_attributes })
    }

    /// Whether it is about a certificate with these points: one of the names is that of one of them.
    #[must_use]
    pub fn covers(&self, points: &[DistributionPoint]) -> bool {
        let Some(names) = &self.names else { return true };
        points.iter().flat_map(|point| &point.names).any(|name| names.contains(name))
    }
}

const WHAT: &str = "distribution point";

/// DistributionPointName: the full names, or none if it is relative.
fn point_names(element: Option<Element<'_>>) -> Result<Option<Vec<GeneralName>>, Error> {
    let Some(element) = element else { return Ok(None) };
    let mut fields = Fields::new(element.body, WHAT);
    let choice = fields.next()?;
    fields.finish()?;
    match choice.tag {
        0xa0 => GeneralName::read_all(Fields::new(choice.body, WHAT)).map(Some),
        0xa1 => Ok(Some(Vec::new())),
        _ => Err(Error::Malformed(WHAT)),
    }
}

fn reasons(element: &Element<'_>) -> Result<Reasons, Error> {
    let [0..=7, octets @ ..] = element.body else { return Err(Error::Malformed(WHAT)) };
    let bit = |n: u8| octets.get(usize::from(n / 8)).is_some_and(|octet| octet & 0x80 >> (n % 8) != 0);
    Ok((0..16).filter(|n| bit(*n)).fold(0, |set, n| set | 1 << n))
}
