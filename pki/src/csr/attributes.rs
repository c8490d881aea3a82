//! What a request asks for beside the key.

use der::asn1::ObjectIdentifier;
use envelope::der::{INTEGER, OCTET_STRING, SEQUENCE, SET};
use sm_primitives::point::PublicPoint;

use crate::{
    Error, SubjectKey,
    asn1::{Reader, lookup},
};

#[derive(Clone, Copy)]
enum Kind {
    Challenge,
    TemporaryKey,
    Extensions,
}

pub(super) const CHALLENGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7");
pub(super) const TEMPORARY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.63");
pub(super) const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const KINDS: [(ObjectIdentifier, Kind); 5] = [
    (CHALLENGE, Kind::Challenge),
    // Its second number, of GM/T 0092, table 1.
    (ObjectIdentifier::new_unwrap("1.2.156.10197.6.1.4.1.10.3"), Kind::Challenge),
    (TEMPORARY_KEY, Kind::TemporaryKey),
    (EXTENSION_REQUEST, Kind::Extensions),
    // Its number at Microsoft.
    (ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.14"), Kind::Extensions),
];

/// Tags of strings: UTF8, Printable, T61, IA5.
const STRINGS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];
const BOOLEAN: u8 = 0x01;

/// Before the coordinates of a temporary key: type (00B4) and length (256 bits) of the key, in two words of a machine that
/// counts bytes from the other end.
pub(super) const TEMPORARY_KEY_HEAD: [u8; 8] = [0x00, 0xb4, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00];
/// Bytes of a coordinate with the zeros that fill it up.
pub(super) const COORDINATE: usize = 64;

/// The attributes of a certification request.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// challengePassword: what the certification authority told the subject.
    pub challenge: Option<String>,
    /// The key that an encryption key from the key centre is to be sealed to.
    pub temporary_key: Option<SubjectKey>,
    /// The extensions that the certificate shall have, in their order.
    pub extensions: Vec<Extension>,
    /// Object identifiers of attributes that are not known, in DER without tag and length.
    pub others: Vec<Vec<u8>>,
    /// An attribute has its value without the SET around it, as CFCA writes it.
    pub bare: bool,
}

/// An extension that a certificate has or shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Object identifier, in DER without tag and length.
    pub id: Vec<u8>,
    /// Whoever does not understand it must not accept the certificate.
    pub critical: bool,
    /// What is in the OCTET STRING.
    pub value: Vec<u8>,
}

impl Attributes {
    /// Every attribute at most once, with one value.
    pub(super) fn read(mut set: Reader<'_>) -> Result<Self, Error> {
        let mut attributes = Self::default();
        let mut extensions = None;
        while !set.is_empty() {
            let mut attribute = set.enter(SEQUENCE)?;
            let id = attribute.oid()?;
            let bare = attribute.peek() != Some(SET);
            attributes.bare |= bare;
            let Some(kind) = lookup(&KINDS, id) else {
                attributes.others.push(id.to_vec());
                continue;
            };
            let mut value = if bare { attribute } else { only(&mut attribute)? };
            let again = match kind {
                Kind::Challenge => attributes.challenge.replace(string(&mut value)?).is_some(),
                Kind::TemporaryKey => attributes.temporary_key.replace(temporary_key(&mut value)?).is_some(),
                Kind::Extensions => extensions.replace(read_extensions(&mut value)?).is_some(),
            };
            if again {
                return Err(Error::Malformed("attribute that stands twice in a certification request"));
            }
            value.finish()?;
        }
        attributes.extensions = extensions.unwrap_or_default();
        Ok(attributes)
    }
}

/// The values of an attribute, after which nothing follows.
fn only<'a>(attribute: &mut Reader<'a>) -> Result<Reader<'a>, Error> {
    let values = attribute.enter(SET)?;
    if attribute.is_empty() { Ok(values) } else { Err(attribute.malformed()) }
}

fn string(value: &mut Reader<'_>) -> Result<String, Error> {
    let element = value.next()?;
    let text = str::from_utf8(element.body).ok().filter(|_| STRINGS.contains(&element.tag));
    text.map(str::to_owned).ok_or(value.malformed())
}

/// An OCTET STRING that holds the key, alone or in `SEQUENCE { INTEGER (1), OCTET STRING }`.
fn temporary_key(value: &mut Reader<'_>) -> Result<SubjectKey, Error> {
    let malformed = Error::Malformed("temporary key of a certification request");
    let outer = value.octets()?;
    let mut wrapped = Reader::new(&outer, "temporary key of a certification request");
    if wrapped.peek() != Some(SEQUENCE) {
        return of_sm2(&outer).ok_or(malformed);
    }
    let mut fields = wrapped.enter(SEQUENCE)?;
    wrapped.finish()?;
    if fields.number()? != 1 {
        return Err(malformed);
    }
    let key = fields.expect(OCTET_STRING)?.body;
    fields.finish()?;
    // RSAPublicKey is a SEQUENCE of two INTEGERs.
    let mut rsa = Reader::new(key, "");
    let is_rsa = rsa.enter(SEQUENCE).and_then(|mut rsa| {
        rsa.expect(INTEGER)?;
        rsa.expect(INTEGER)?;
        rsa.finish()
    });
    match is_rsa {
        Ok(()) => Ok(SubjectKey::Other { algorithm: RSA, curve: None }),
        Err(_) => of_sm2(key).ok_or(malformed),
    }
}

/// The head, then x and y, each filled up to 64 bytes with zeros: behind it in CFCA's files, before it as devices of
/// GM/T 0016 have it.
fn of_sm2(bytes: &[u8]) -> Option<SubjectKey> {
    let coordinates = bytes.strip_prefix(&TEMPORARY_KEY_HEAD)?;
    let (x, y) = coordinates.split_at_checked(COORDINATE).filter(|(_, y)| y.len() == COORDINATE)?;
    let point = |part: fn(&[u8]) -> Option<&[u8]>| {
        let mut sec1 = vec![0x04];
        sec1.extend_from_slice(part(x)?);
        sec1.extend_from_slice(part(y)?);
        PublicPoint::from_sec1(&sec1)
    };
    let point = point(zeros_after).or_else(|| point(zeros_before))?;
    Some(SubjectKey::Sm2(point.into()))
}

fn zeros_after(padded: &[u8]) -> Option<&[u8]> {
    padded.strip_suffix(&[0; COORDINATE / 2])
}

fn zeros_before(padded: &[u8]) -> Option<&[u8]> {
    padded.strip_prefix(&[0; COORDINATE / 2])
}

/// `Extensions ::= SEQUENCE OF SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`, each once.
fn read_extensions(value: &mut Reader<'_>) -> Result<Vec<Extension>, Error> {
    let mut list = value.enter(SEQUENCE)?;
    let mut extensions: Vec<Extension> = Vec::new();
    while !list.is_empty() {
        let mut fields = list.enter(SEQUENCE)?;
        let id = fields.oid()?.to_vec();
        let critical = match fields.optional(BOOLEAN)?.map(|flag| flag.body) {
            None | Some([0]) => false,
            Some([_]) => true,
            Some(_) => return Err(fields.malformed()),
        };
        let value = fields.octets()?.to_vec();
        fields.finish()?;
        extensions.push(Extension { id, critical, value });
    }
    let mut ids: Vec<&[u8]> = extensions.iter().map(|extension| extension.id.as_slice()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(Error::Malformed("extension that a certification request asks for twice"));
    }
    Ok(extensions)
}
