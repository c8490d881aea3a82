//! Files of certificates.

use envelope::armor;
use envelope::cms::Compat;
use envelope::simple;

use super::Certificate;
use crate::error::Error;
use crate::fields::{Fields, OID, SEQUENCE};

const LABELS: [&str; 2] = ["CERTIFICATE", "X509 CERTIFICATE"];
const MESSAGES: [&str; 2] = ["PKCS7", "CMS"];

pub(super) fn all(bytes: &[u8]) -> Result<Vec<Certificate>, Error> {
    if bytes.first() == Some(&SEQUENCE) {
        return from_binary(bytes);
    }
    let blocks = armor::blocks(bytes).map_err(|_| Error::Malformed("PEM"))?;
    if blocks.is_empty() {
        let bytes = armor::decode(bytes).map_err(|_| Error::Malformed("neither DER nor PEM"))?;
        return from_binary(&bytes);
    }
    let mut certificates = Vec::new();
    for block in blocks {
        if LABELS.contains(&block.label.as_str()) {
            certificates.push(Certificate::from_der(&block.bytes)?);
        } else if MESSAGES.contains(&block.label.as_str()) {
            certificates.extend(of_message(&block.bytes)?);
        }
    }
    some(certificates)
}

fn from_binary(der: &[u8]) -> Result<Vec<Certificate>, Error> {
    let is_message = Fields::inside(der, SEQUENCE, "").is_ok_and(|fields| fields.peek() == Some(OID));
    // A message in BER has no length to be read here.
    if is_message || der.get(1) == Some(&0x80) {
        return some(of_message(der)?);
    }
    Ok(vec![Certificate::from_der(der)?])
}

fn some(certificates: Vec<Certificate>) -> Result<Vec<Certificate>, Error> {
    if certificates.is_empty() { Err(Error::Malformed("there is no certificate")) } else { Ok(certificates) }
}

/// The certificates of a signed message.
fn of_message(message: &[u8]) -> Result<Vec<Certificate>, Error> {
    let read = simple::verify(Compat::STRICT, message, None, &[]);
    let read = read.map_err(|_| Error::Malformed("signed message"))?;
    read.signatures.certificates().iter().map(|der| Certificate::from_der(der)).collect()
}

/// What is encoded in a file that is DER or one PEM block with any label.
pub(crate) fn from_text(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(bytes.to_vec());
    }
    armor::decode(bytes).map_err(|_| Error::Malformed("neither DER nor PEM"))
}
