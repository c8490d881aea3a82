//! Certificates and keys. Of a private key nothing is shown but its public part.

use envelope::{Certificate, SubjectKeyId, enveloped_key, error::InvalidCertificate, name};
use pki::key_file::{KeyFile, Locked};
use serde_json::{Value, json};
use sm_primitives::sm2::PublicKey;
use zeroize::Zeroizing;

use super::{Description, Failure, Subject};

type Fields = Vec<(String, Value)>;

pub(super) fn certificate(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let fields = match Certificate::parse(&subject.small()?) {
        Ok(certificate) => fields_of(&certificate),
        Err(envelope::Error::InvalidCertificate(InvalidCertificate::Malformed)) => return Ok(None),
        Err(error) => vec![("unsupported".to_owned(), json!(error.to_string()))],
    };
    let order = ["unsupported", "subject", "issuer", "serial", "not_before", "not_after"];
    let rest = ["signature_algorithm", "permits", "key_id", "subject_key_id", "public_key"];
    let find = |name: &'static str| {
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| (name, value.clone()))
    };
    Ok(Some(described("certificate", order.into_iter().chain(rest).filter_map(find).collect())))
}

/// What a certificate says, unverified.
pub(super) fn fields_of(certificate: &Certificate) -> Fields {
    let id = certificate.issuer_and_serial();
    let algorithm = match certificate.check_algorithm() {
        Ok(()) => "SM2 with SM3".to_owned(),
        Err(error) => error.to_string(),
    };
    let permits = [
        certificate.permits_signing().then_some("signing"),
        certificate.permits_encryption().then_some("encryption"),
    ];
    let dates = certificate.validity();
    let mut fields: Fields = vec![
        ("subject".to_owned(), json!(name::display(certificate.subject()))),
        ("issuer".to_owned(), json!(name::display(id.issuer()))),
        ("serial".to_owned(), json!(hex::encode(id.serial()))),
        ("not_before".to_owned(), json!(dates.map(|(begin, _)| begin.to_string()))),
        ("not_after".to_owned(), json!(dates.map(|(_, end)| end.to_string()))),
        ("signature_algorithm".to_owned(), json!(algorithm)),
        ("permits".to_owned(), json!(permits.into_iter().flatten().collect::<Vec<_>>())),
        ("subject_key_id".to_owned(), json!(certificate.subject_key_id().map(ToString::to_string))),
    ];
    fields.extend(key_fields(certificate.public_key()).into_iter().map(|(name, value)| (name.into(), value)));
    fields
}

pub(super) fn public_key(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let key = PublicKey::from_spki_der(&subject.small()?);
    Ok(key.ok().map(|key| described("public key", key_fields(&key))))
}

pub(super) fn private_key(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let content = Zeroizing::new(subject.small()?);
    Ok(match KeyFile::read(&content) {
        Ok(KeyFile::Open(key)) => Some(described("private key", key_fields(key.public_key()))),
        Ok(KeyFile::Locked(file)) => Some(locked(&file)),
        Err(pki::Error::UnsupportedAlgorithm(what)) => {
            Some(described("private key", vec![("unsupported", json!(what))]))
        }
        Err(_) => None,
    })
}

/// A key file that a password opens: what can be seen without it.
fn locked(file: &Locked) -> Description {
    let mut fields = vec![("protected_by", json!("a password"))];
    if let Locked::Cfca(file) = file {
        let certificate: serde_json::Map<_, _> = fields_of(file.certificate()).into_iter().collect();
        fields.push(("certificate", Value::Object(certificate)));
    }
    described(file.form(), fields)
}

pub(super) fn enveloped_key(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let key = enveloped_key::public_key(&subject.small()?);
    Ok(key.ok().map(|key| described("SM2EnvelopedKey", key_fields(&key))))
}

/// The public part of a key.
pub(super) fn key_fields(key: &PublicKey) -> Vec<(&'static str, Value)> {
    vec![
        ("key_id", json!(SubjectKeyId::of(key).to_string())),
        ("public_key", json!(hex::encode(key.as_point().to_sec1()))),
    ]
}

fn described(format: &'static str, fields: Vec<(&'static str, Value)>) -> Description {
    Description { format, fields }
}
