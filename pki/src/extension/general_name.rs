//! Names of any kind, and constraints on them. Source: RFC 5280, 4.2.1.6 and 4.2.1.10.

use core::fmt;

use crate::error::Error;
use crate::fields::{Element, Fields, SEQUENCE, constructed, primitive};
use crate::name::{Name, hex};

/// A name of one of many kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneralName {
    /// rfc822Name.
    Email(String),
    /// dNSName.
    Dns(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// directoryName.
    Directory(Name),
    /// iPAddress: 4 or 16 bytes; in constraints with as many for the mask.
    Ip(Vec<u8>),
    /// One that is not decoded.
    Other {
        /// The number of its kind.
        kind: u8,
        /// The whole element.
        der: Vec<u8>,
    },
}

impl GeneralName {
    /// The number of its kind, 0 to 30.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Email(_) => 1,
            Self::Dns(_) => 2,
            Self::Directory(_) => 4,
            Self::Uri(_) => 6,
            Self::Ip(_) => 7,
            Self::Other { kind, .. } => *kind,
        }
    }

    pub(crate) fn read(element: &Element<'_>) -> Result<Self, Error> {
        let text = || String::from_utf8_lossy(element.body).into_owned();
        Ok(match element.tag {
            0x81 => Self::Email(text()),
            0x82 => Self::Dns(text()),
            0x86 => Self::Uri(text()),
            0xa4 => Self::Directory(Name::from_der(element.body)?),
            0x87 => Self::Ip(element.body.to_vec()),
            tag if tag & 0xc0 == 0x80 => Self::Other { kind: tag & 0x1f, der: element.whole.to_vec() },
            _ => return Err(Error::Malformed(WHAT)),
        })
    }

    pub(crate) fn read_all(mut fields: Fields<'_>) -> Result<Vec<Self>, Error> {
        let mut names = Vec::new();
        while !fields.is_empty() {
            names.push(Self::read(&fields.next()?)?);
        }
        Ok(names)
    }

    /// GeneralNames that are all of a value.
    pub(super) fn read_list(value: &[u8]) -> Result<Vec<Self>, Error> {
        Self::read_all(Fields::inside(value, SEQUENCE, WHAT)?)
    }
}

const WHAT: &str = "general name";

impl fmt::Display for GeneralName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(text) => write!(f, "email:{text}"),
            Self::Dns(text) => write!(f, "DNS:{text}"),
            Self::Uri(text) => write!(f, "URI:{text}"),
            Self::Directory(name) => write!(f, "directory:{name}"),
            Self::Ip(octets) => match (<[u8; 4]>::try_from(&**octets), <[u8; 16]>::try_from(&**octets)) {
                (Ok(four), _) => write!(f, "IP:{}", core::net::Ipv4Addr::from(four)),
                (_, Ok(sixteen)) => write!(f, "IP:{}", core::net::Ipv6Addr::from(sixteen)),
                _ => write!(f, "IP:#{}", hex(octets)),
            },
            Self::Other { kind, der } => write!(f, "[{kind}]:#{}", hex(der)),
        }
    }
}

/// One subtree of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// What names in it end or begin with, by their kind.
    pub base: GeneralName,
    /// Whether it has bounds of its depth, which RFC 5280 forbids.
    pub has_bounds: bool,
}

/// nameConstraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// Where the names of a kind must be, if a subtree of that kind is here.
    pub permitted: Vec<Subtree>,
    /// Where no name may be.
    pub excluded: Vec<Subtree>,
}

impl NameConstraints {
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::inside(value, SEQUENCE, "name constraints")?;
        let permitted = subtrees(fields.optional(constructed(0))?)?;
        let excluded = subtrees(fields.optional(constructed(1))?)?;
        fields.finish()?;
        Ok(Self { permitted, excluded })
    }
}

fn subtrees(list: Option<Element<'_>>) -> Result<Vec<Subtree>, Error> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let subtree = |element: &Element<'_>| {
        let mut fields = Fields::new(element.body, "name constraints");
        let base = GeneralName::read(&fields.next()?)?;
        let minimum = fields.optional(primitive(0))?.is_some_and(|minimum| minimum.body != [0]);
        let maximum = fields.optional(primitive(1))?.is_some();
        fields.finish()?;
        Ok(Subtree { base, has_bounds: minimum || maximum })
    };
    Fields::new(list.body, "name constraints").all(SEQUENCE)?.iter().map(subtree).collect()
}
