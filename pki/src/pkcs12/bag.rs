//! The bags of a PKCS#12 file.

use der::asn1::ObjectIdentifier;
use envelope::der::{SEQUENCE, SET};

use super::{CertificateEntry, Contents, EXPLICIT_0, Key, Names, WHAT, explicit_octets};
use crate::{
    Error,
    asn1::{Reader, lookup},
    password::{Effort, Password},
    pkcs8::{self, EncryptedKey},
};

#[derive(Clone, Copy)]
enum Kind {
    Key,
    ShroudedKey,
    Certificate,
    /// A bag of bags.
    Safe,
    /// Lists of revoked certificates, other secrets.
    Other,
}

const KINDS: [(ObjectIdentifier, Kind); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1"), Kind::Key),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2"), Kind::ShroudedKey),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3"), Kind::Certificate),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.4"), Kind::Other),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.5"), Kind::Other),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.6"), Kind::Safe),
];

const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");

const BMP_STRING: u8 = 0x1e;
/// Bags of bags that are followed. No tool is known to write any.
const MAX_DEPTH: usize = 4;

/// Reads a SafeContents into `contents`.
pub(super) fn read_all(
    bags: &[u8],
    password: Password<'_>,
    effort: &mut Effort,
    contents: &mut Contents,
) -> Result<(), Error> {
    read_within(Reader::whole(bags, WHAT)?, password, effort, contents, MAX_DEPTH)
}

fn read_within(
    mut bags: Reader<'_>,
    password: Password<'_>,
    effort: &mut Effort,
    contents: &mut Contents,
    depth: usize,
) -> Result<(), Error> {
    while !bags.is_empty() {
        let mut bag = bags.enter(SEQUENCE)?;
        let kind = lookup(&KINDS, bag.oid()?).unwrap_or(Kind::Other);
        let mut value = bag.enter(EXPLICIT_0)?;
        let names = if bag.is_empty() { Names::default() } else { names(bag.enter(SET)?)? };
        bag.finish()?;
        match kind {
            Kind::Key => {
                let key = pkcs8::from_der(value.expect(SEQUENCE)?.whole);
                take_key(key, names, contents)?;
            }
            Kind::ShroudedKey => {
                let mut fields = value.enter(SEQUENCE)?;
                let key = EncryptedKey::read_fields(&mut fields)?;
                fields.finish()?;
                take_key(key.open_reading(password, effort), names, contents)?;
            }
            Kind::Certificate => {
                let mut fields = value.enter(SEQUENCE)?;
                if fields.oid()? == X509.as_bytes() {
                    let der = explicit_octets(&mut fields)?.to_vec();
                    contents.certificates.push(CertificateEntry { der, names });
                }
            }
            Kind::Safe => {
                let depth = depth.checked_sub(1).ok_or(bags.malformed())?;
                read_within(value.enter(SEQUENCE)?, password, effort, contents, depth)?;
            }
            Kind::Other => {
                value.next()?;
            }
        }
        value.finish()?;
    }
    Ok(())
}

fn take_key(
    key: Result<sm_primitives::sm2::PrivateKey, Error>,
    names: Names,
    contents: &mut Contents,
) -> Result<(), Error> {
    match key {
        Ok(key) => contents.keys.push(Key { key, names }),
        Err(Error::UnsupportedAlgorithm(pkcs8::OTHER_KEY)) => contents.other_keys += 1,
        Err(error) => return Err(error),
    }
    Ok(())
}

fn names(mut attributes: Reader<'_>) -> Result<Names, Error> {
    let mut names = Names::default();
    while !attributes.is_empty() {
        let mut attribute = attributes.enter(SEQUENCE)?;
        let id = attribute.oid()?;
        let mut values = attribute.enter(SET)?;
        if id == FRIENDLY_NAME.as_bytes() {
            let units = values.expect(BMP_STRING)?.body.as_chunks().0;
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            names.friendly_name = Some(String::from_utf16_lossy(&units));
        } else if id == LOCAL_KEY_ID.as_bytes() {
            names.local_key_id = Some(values.octets()?.to_vec());
        }
    }
    Ok(names)
}
