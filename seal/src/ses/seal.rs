//! The electronic seal.

use pki::fields::{Fields, SEQUENCE};
use pki::{Certificate, ObjectIdentifier, Time};
use sm_primitives::sm3;

use super::read::{self, malformed, only};
use super::signature::SignatureValue;
use super::{MAX_HOLDERS, MAX_LEN};
use crate::error::Error;
use crate::geometry::Size;

const WHAT: &str = "electronic seal";

/// Which edition of the structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// GM/T 0031-2014.
    V1,
    /// GB/T 38540-2020.
    V4,
    /// GM/T 0031-2025.
    V5,
}

impl Version {
    /// 1, 4 or 5.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }
}

/// Who may seal with a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holders {
    /// The holders of these certificates, DER.
    Certificates(Vec<Vec<u8>>),
    /// The holders of certificates with these digests: the name of the hash, and the digest.
    Digests(Vec<(String, Vec<u8>)>),
}

impl Holders {
    /// Whether a certificate (DER) is among them: the same bytes, or its digest by SM3.
    #[must_use]
    pub fn contain(&self, certificate: &[u8]) -> bool {
        match self {
            Self::Certificates(list) => list.iter().any(|holder| holder == certificate),
            Self::Digests(list) => {
                let digest = sm3::digest(certificate);
                let is_sm3 = |name: &str| {
                    matches!(name, "1.2.156.10197.1.401" | "1.2.156.10197.1.401.1")
                        || name.eq_ignore_ascii_case("sm3")
                };
                list.iter().any(|(name, value)| is_sm3(name) && *value == digest)
            }
        }
    }
}

/// The picture of a seal, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureData {
    /// Its format: `PNG`, `GIF`, `ofd` and others, in any case.
    pub format: String,
    /// The file.
    pub data: Vec<u8>,
    /// Its width in millimetres.
    pub width: u32,
    /// Its height in millimetres.
    pub height: u32,
}

impl PictureData {
    /// A file of a format that everybody shows: PNG, JPG, GIF or BMP.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: another one.
    pub fn new(data: Vec<u8>, width: u32, height: u32) -> Result<Self, Error> {
        let format = match data.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => "PNG",
            [0xff, 0xd8, ..] => "JPG",
            [b'G', b'I', b'F', b'8', ..] => "GIF",
            [b'B', b'M', ..] => "BMP",
            _ => return Err(Error::Unsupported("a picture that is neither PNG nor JPEG, GIF or BMP")),
        };
        Ok(Self { format: format.into(), data, width, height })
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> Size {
        Size { width: f64::from(self.width), height: f64::from(self.height) }
    }
}

/// An extension of a seal or of sealed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which.
    pub id: ObjectIdentifier,
    /// Who does not know it must not rely on what it is in.
    pub critical: bool,
    /// Its value.
    pub value: Vec<u8>,
}

/// An electronic seal: a picture and whose it is, signed by the seal's maker.
///
/// Source: GB/T 38540-2020, SESeal; GM/T 0031-2014, 6.1.
#[derive(Clone, Debug)]
pub struct ElectronicSeal {
    der: Vec<u8>,
    version: Version,
    vendor: String,
    id: String,
    kind: u32,
    name: String,
    holders: Holders,
    created: Time,
    valid_from: Time,
    valid_until: Time,
    picture: PictureData,
    extensions: Vec<Extension>,
    signed: Vec<u8>,
    signature: SignatureValue,
    maker: Option<Certificate>,
    time_stamp: Option<Vec<u8>>,
}

impl ElectronicSeal {
    /// Reads a seal of any edition. Nothing is verified. Zeros behind it are ignored.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let whole = only(bytes, WHAT)?;
        let fields = Fields::new(whole.body, WHAT);
        let elements = read::count(&fields)?;
        let mut fields = fields;
        let info = fields.expect(SEQUENCE).map_err(malformed)?;
        let info_bytes = info.whole.to_vec();
        let (signed, signature, time_stamp) = if elements == 2 {
            // The maker signs the seal together with its own certificate and the algorithm.
            let mut sign = fields.sequence().map_err(malformed)?;
            let certificate = read::octets(&mut sign)?.to_vec();
            let algorithm = sign.expect(pki::fields::OID).map_err(malformed)?;
            let algorithm_bytes = algorithm.whole.to_vec();
            let algorithm =
                ObjectIdentifier::from_bytes(algorithm.body).map_err(|_| Error::Malformed(WHAT))?;
            let value = read::bits(&mut sign)?.to_vec();
            sign.finish().map_err(malformed)?;
            let octets = pki::fields::element(pki::fields::OCTET_STRING, &[&certificate]);
            let signed = pki::fields::element(SEQUENCE, &[&info_bytes, &octets, &algorithm_bytes]);
            (signed, SignatureValue { certificate, algorithm, value }, None)
        } else {
            let certificate = read::octets(&mut fields)?.to_vec();
            let algorithm = read::algorithm(&mut fields)?;
            let value = read::bits(&mut fields)?.to_vec();
            let time_stamp = read::time_stamp(&mut fields)?;
            (info_bytes, SignatureValue { certificate, algorithm, value }, time_stamp)
        };
        fields.finish().map_err(malformed)?;

        let mut info = Fields::new(info.body, WHAT);
        let mut header = info.sequence().map_err(malformed)?;
        if read::text(&mut header)? != "ES" {
            return Err(Error::Malformed(WHAT));
        }
        let number = header.small().map_err(malformed)?;
        let vendor = read::text(&mut header)?;
        header.finish().map_err(malformed)?;
        let version = match (elements, number) {
            (2, _) => Version::V1,
            (_, 5) => Version::V5,
            (4, _) => Version::V4,
            _ => return Err(Error::Malformed(WHAT)),
        };
        let id = read::text(&mut info)?;
        let mut property = info.sequence().map_err(malformed)?;
        let kind = property.small().map_err(malformed)?;
        let name = read::text(&mut property)?;
        let by_digest = version != Version::V1
            && match property.small().map_err(malformed)? {
                1 => false,
                2 => true,
                _ => return Err(Error::Malformed(WHAT)),
            };
        let holders = holders(property.sequence().map_err(malformed)?, by_digest)?;
        let created = read::time(&mut property)?;
        let valid_from = read::time(&mut property)?;
        let valid_until = read::time(&mut property)?;
        property.finish().map_err(malformed)?;
        let mut image = info.sequence().map_err(malformed)?;
        let picture = PictureData {
            format: read::text(&mut image)?,
            data: read::octets(&mut image)?.to_vec(),
            width: image.small().map_err(malformed)?,
            height: image.small().map_err(malformed)?,
        };
        image.finish().map_err(malformed)?;
        let extensions = read::extensions(&mut info)?;
        info.finish().map_err(malformed)?;
        let maker = signature.certificate().ok();
        Ok(Self {
            der: whole.whole.to_vec(),
            version,
            vendor,
            id,
            kind,
            name,
            holders,
            created,
            valid_from,
            valid_until,
            picture,
            extensions,
            signed,
            signature,
            maker,
            time_stamp,
        })
    }

    /// Whether its maker signed it; gives the maker's certificate, whose chain is the caller's to judge.
    ///
    /// # Errors
    /// As [`SignatureValue::verify`].
    pub fn verify_signature(&self) -> Result<Certificate, Error> {
        self.signature.verify(&self.signed)
    }

    /// All of it: at most [`MAX_LEN`] bytes.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        debug_assert!(self.der.len() <= MAX_LEN, "longer ones are not read");
        &self.der
    }

    /// Which edition it follows.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whose software made it.
    #[must_use]
    pub fn vendor(&self) -> &str {
        &self.vendor
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is the seal of: 1 an organisation, 2 a person; others are used too.
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.kind
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who may seal with it.
    #[must_use]
    pub const fn holders(&self) -> &Holders {
        &self.holders
    }

    /// When it was made.
    #[must_use]
    pub const fn created(&self) -> Time {
        self.created
    }

    /// From when to when it may be used, both included.
    #[must_use]
    pub const fn validity(&self) -> (Time, Time) {
        (self.valid_from, self.valid_until)
    }

    /// Its picture.
    #[must_use]
    pub const fn picture(&self) -> &PictureData {
        &self.picture
    }

    /// Its extensions.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// The certificate of its maker, if it can be read.
    #[must_use]
    pub const fn maker(&self) -> Option<&Certificate> {
        self.maker.as_ref()
    }

    /// The maker's signature.
    #[must_use]
    pub const fn signature(&self) -> &SignatureValue {
        &self.signature
    }

    /// A time-stamp token over the signature, not verified.
    #[must_use]
    pub fn time_stamp(&self) -> Option<&[u8]> {
        self.time_stamp.as_deref()
    }
}

fn holders(mut list: Fields<'_>, by_digest: bool) -> Result<Holders, Error> {
    if read::count(&list)? > MAX_HOLDERS {
        return Err(Error::TooLarge("holders of a seal"));
    }
    if by_digest {
        let mut digests = Vec::new();
        while !list.is_empty() {
            let mut digest = list.sequence().map_err(malformed)?;
            digests.push((read::text(&mut digest)?, read::octets(&mut digest)?.to_vec()));
            digest.finish().map_err(malformed)?;
        }
        return Ok(Holders::Digests(digests));
    }
    let mut certificates = Vec::new();
    while !list.is_empty() {
        // What is no certificate is nobody's.
        certificates.push(list.next().map_err(malformed)?.body.to_vec());
    }
    Ok(Holders::Certificates(certificates))
}
