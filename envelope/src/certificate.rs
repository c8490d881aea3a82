//! The few fields of an X.509 certificate that address an envelope or name a signer.
//!
//! Read without re-encoding anything: issuer and serial number are compared byte for byte by other tools, and real
//! certificates hold names that are not in DER order or not in the character set they claim. Signature, validity and
//! chain are not looked at here.
//!
//! Source: RFC 5280, 4.1 and 4.2.1; GM/T 0015.

use alloc::vec;
use alloc::vec::Vec;

use sm_primitives::sm2::PublicKey;

use crate::armor;
use crate::ber::{Element, Reader};
use crate::cms::{Quirks, Time, oid};
use crate::der::{BIT_STRING, CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, context};
use crate::error::{Error, InvalidCertificate, InvalidMessage};
use crate::recipient::{IssuerAndSerial, RecipientId, SubjectKeyId};

/// What a certificate says about the key in it and about its own name.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: PublicKey,
    name: IssuerAndSerial,
    subject: Vec<u8>,
    validity: Option<(Time, Time)>,
    /// Body of the object identifier of the signature algorithm.
    signature_algorithm: Vec<u8>,
    subject_key_id: Option<SubjectKeyId>,
    /// keyUsage: bit 0 is the first (digitalSignature). `None`: the extension is absent and everything is permitted.
    key_usage: Option<u8>,
}

/// keyUsage bits 2 keyEncipherment, 3 dataEncipherment, 4 keyAgreement, as they lie in the first octet.
const ENCRYPTION_USAGES: u8 = 0b0011_1000;
/// keyUsage bits 0 digitalSignature and 1 nonRepudiation.
const SIGNING_USAGES: u8 = 0b1100_0000;

impl Certificate {
    /// Reads a certificate in DER or PEM.
    ///
    /// # Errors
    /// [`InvalidCertificate::Malformed`] or [`InvalidCertificate::NotSm2`];
    /// [`InvalidCertificate::UnsupportedAlgorithm`]: a curve that is not named but spelt out.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&SEQUENCE) {
            return parse_der(bytes);
        }
        parse_der(&armor::decode(bytes).map_err(|_| InvalidCertificate::Malformed)?)
    }

    /// The subject's key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The certificate in DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Issuer and serial number.
    #[must_use]
    pub const fn issuer_and_serial(&self) -> &IssuerAndSerial {
        &self.name
    }

    /// The subject's `Name` in DER. For people: [`name::display`](crate::name::display).
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// First and last second of validity; `None` if they are not in the form of RFC 5280 or before 1970.
    #[must_use]
    pub const fn validity(&self) -> Option<(Time, Time)> {
        self.validity
    }

    /// Whether SM2 with SM3 is the algorithm under which the certificate is signed. The signature itself is not looked
    /// at.
    ///
    /// # Errors
    /// [`InvalidCertificate::UnsupportedAlgorithm`].
    pub fn check_algorithm(&self) -> Result<(), Error> {
        match self.signature_algorithm.as_slice() {
            oid::SM2_WITH_SM3 => Ok(()),
            _ => Err(InvalidCertificate::UnsupportedAlgorithm.into()),
        }
    }

    /// The certificate's own name: issuer and serial number.
    #[must_use]
    pub fn id(&self) -> RecipientId {
        RecipientId::IssuerAndSerial(self.name.clone())
    }

    /// The subject key identifier that the certificate carries, by whatever rule its issuer computed it.
    #[must_use]
    pub const fn subject_key_id(&self) -> Option<&SubjectKeyId> {
        self.subject_key_id.as_ref()
    }

    /// Every name under which a message may list the holder: issuer and serial number, the key's own name, and the
    /// subject key identifier of the certificate if it has one.
    #[must_use]
    pub fn ids(&self) -> Vec<RecipientId> {
        let mut ids = vec![self.id(), RecipientId::of_key(&self.public_key)];
        ids.extend(self.subject_key_id.clone().map(RecipientId::SubjectKeyId));
        ids
    }

    /// Whether keyUsage is absent or has keyEncipherment, dataEncipherment or keyAgreement.
    #[must_use]
    pub fn permits_encryption(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage & ENCRYPTION_USAGES != 0)
    }

    /// Whether keyUsage is absent or has digitalSignature or nonRepudiation.
    #[must_use]
    pub fn permits_signing(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage & SIGNING_USAGES != 0)
    }
}

/// The parts of TBSCertificate in use, undecoded.
struct Fields<'a> {
    signature_algorithm: &'a [u8],
    serial: &'a [u8],
    issuer: &'a [u8],
    validity: Option<(Time, Time)>,
    subject: &'a [u8],
    spki: &'a [u8],
    subject_key_id: Option<&'a [u8]>,
    key_usage: Option<u8>,
}

fn parse_der(der: &[u8]) -> Result<Certificate, Error> {
    let mut quirks = Quirks::default();
    let fields = read(der, &mut quirks).map_err(|_| InvalidCertificate::Malformed)?;
    let name = IssuerAndSerial::new(fields.issuer, fields.serial);
    let subject_key_id = fields.subject_key_id.map(SubjectKeyId::new).transpose();
    let (Ok(name), Ok(subject_key_id), true) = (name, subject_key_id, quirks.is_empty()) else {
        return Err(InvalidCertificate::Malformed.into());
    };
    let public_key = PublicKey::from_spki_der(fields.spki).map_err(|_| defect_of_key(fields.spki))?;
    Ok(Certificate {
        der: der.to_vec(),
        public_key,
        name,
        subject: fields.subject.to_vec(),
        validity: fields.validity,
        signature_algorithm: fields.signature_algorithm.to_vec(),
        subject_key_id,
        key_usage: fields.key_usage,
    })
}

/// Early certificates spell the curve out instead of naming it; to find out which one it is is not worth it.
fn defect_of_key(spki: &[u8]) -> InvalidCertificate {
    let quirks = &mut Quirks::default();
    let mut parameters = || {
        let mut algorithm = Reader::new(Reader::new(spki).expect(SEQUENCE, quirks).ok()?.body);
        let mut algorithm = Reader::new(algorithm.expect(SEQUENCE, quirks).ok()?.body);
        algorithm.expect(OID, quirks).ok()?;
        algorithm.peek()
    };
    match parameters() {
        Some(SEQUENCE) => InvalidCertificate::UnsupportedAlgorithm,
        _ => InvalidCertificate::NotSm2,
    }
}

fn read<'a>(der: &'a [u8], quirks: &mut Quirks) -> Result<Fields<'a>, InvalidMessage> {
    let mut outer = Reader::new(der);
    let certificate = outer.expect(SEQUENCE, quirks)?;
    outer.finish()?;
    let mut certificate = Reader::new(certificate.body);
    let mut tbs = Reader::new(certificate.expect(SEQUENCE, quirks)?.body);
    let mut algorithm = Reader::new(certificate.expect(SEQUENCE, quirks)?.body);
    let signature_algorithm = algorithm.expect(OID, quirks)?.body;
    certificate.expect(BIT_STRING, quirks)?; // signatureValue
    certificate.finish()?;

    tbs.optional(context(0) | CONSTRUCTED, quirks)?; // version
    let serial = tbs.expect(INTEGER, quirks)?.body;
    tbs.expect(SEQUENCE, quirks)?; // signature
    let issuer = tbs.expect(SEQUENCE, quirks)?.whole;
    let mut dates = Reader::new(tbs.expect(SEQUENCE, quirks)?.body);
    let (begin, end) = (dates.next(quirks)?, dates.next(quirks)?);
    dates.finish()?;
    let time = |element: &Element<'_>| Time::from_der(element.tag, element.body);
    let validity = time(&begin).zip(time(&end));
    let subject = tbs.expect(SEQUENCE, quirks)?.whole;
    let spki = tbs.expect(SEQUENCE, quirks)?.whole;
    tbs.optional(context(1), quirks)?; // issuerUniqueID
    tbs.optional(context(2), quirks)?; // subjectUniqueID
    let extensions = tbs.optional(context(3) | CONSTRUCTED, quirks)?;
    tbs.finish()?;

    let mut fields = Fields {
        signature_algorithm,
        serial,
        issuer,
        validity,
        subject,
        spki,
        subject_key_id: None,
        key_usage: None,
    };
    if let Some(extensions) = extensions {
        let mut explicit = Reader::new(extensions.body);
        let mut list = Reader::new(explicit.expect(SEQUENCE, quirks)?.body);
        explicit.finish()?;
        while !list.is_empty() {
            read_extension(list.expect(SEQUENCE, quirks)?.body, &mut fields, quirks)?;
        }
    }
    Ok(fields)
}

fn read_extension<'a>(
    body: &'a [u8],
    fields: &mut Fields<'a>,
    quirks: &mut Quirks,
) -> Result<(), InvalidMessage> {
    const BOOLEAN: u8 = 0x01;
    let mut extension = Reader::new(body);
    let id = extension.expect(OID, quirks)?.body;
    extension.optional(BOOLEAN, quirks)?; // critical
    let mut value = Reader::new(extension.expect(OCTET_STRING, quirks)?.body);
    extension.finish()?;
    if id == oid::SUBJECT_KEY_IDENTIFIER {
        let octets = value.expect(OCTET_STRING, quirks)?.body;
        value.finish()?;
        once(&mut fields.subject_key_id, octets)
    } else if id == oid::KEY_USAGE {
        let bits = value.expect(BIT_STRING, quirks)?.body;
        value.finish()?;
        // First octet: number of unused bits. All the bits in use here are in the second.
        once(&mut fields.key_usage, bits.get(1).copied().unwrap_or(0))
    } else {
        Ok(())
    }
}

/// RFC 5280, 4.2: an extension appears at most once.
fn once<T>(field: &mut Option<T>, value: T) -> Result<(), InvalidMessage> {
    if field.replace(value).is_some() { Err(InvalidMessage::Malformed) } else { Ok(()) }
}
