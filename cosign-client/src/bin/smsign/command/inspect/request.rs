//! Certification requests, and what is answered to them.

use envelope::{Certificate, enveloped_key, name};
use pki::SubjectKey;
use pki::csr::{Extension, Request, Response};
use serde_json::{Value, json};

use super::{Description, Failure, Subject, key};

/// Extensions that requests ask for. Source: RFC 5280, 4.2.
const EXTENSIONS: [(&str, &str); 6] = [
    ("2.5.29.14", "subjectKeyIdentifier"),
    ("2.5.29.15", "keyUsage"),
    ("2.5.29.17", "subjectAltName"),
    ("2.5.29.19", "basicConstraints"),
    ("2.5.29.32", "certificatePolicies"),
    ("2.5.29.37", "extKeyUsage"),
];

pub(super) fn request(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let Ok(request) = Request::read(&subject.small()?) else { return Ok(None) };
    let attributes = request.attributes();
    let signature = match request.verify() {
        Ok(()) => "valid".to_owned(),
        Err(error) => error.to_string(),
    };
    let mut fields = vec![
        ("subject", json!(name::display(request.subject()))),
        ("signature_algorithm", json!(request.algorithm().to_string())),
        ("signature", json!(signature)),
    ];
    fields.extend(key_of(request.key()));
    // What it is stays between subject and authority.
    fields.push(("challenge", json!(if attributes.challenge.is_some() { "present" } else { "none" })));
    if let Some(temporary) = &attributes.temporary_key {
        fields.push(("temporary_key", Value::Object(owned(key_of(temporary)))));
    }
    fields.push(("extensions", json!(attributes.extensions.iter().map(extension).collect::<Vec<_>>())));
    let others: Vec<String> = attributes.others.iter().map(|id| name::dotted(id)).collect();
    fields.push(("other_attributes", json!(others)));
    fields.push(("attribute_form", json!(if attributes.bare { "CFCA" } else { "PKCS#10" })));
    Ok(Some(Description { format: "certification request", fields }))
}

fn key_of(key: &SubjectKey) -> Vec<(&'static str, Value)> {
    match key {
        SubjectKey::Sm2(key) => {
            let mut fields = vec![("key_algorithm", json!("SM2"))];
            fields.extend(key::key_fields(key));
            fields
        }
        other => vec![("key_algorithm", json!(other.to_string()))],
    }
}

fn owned(fields: Vec<(&'static str, Value)>) -> serde_json::Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn extension(extension: &Extension) -> String {
    let id = name::dotted(&extension.id);
    let name = EXTENSIONS.iter().find_map(|(known, name)| (*known == id).then(|| (*name).to_owned()));
    let name = name.unwrap_or(id);
    if extension.critical { format!("{name} (critical)") } else { name }
}

pub(super) fn response(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let Ok(response) = Response::read(&subject.small()?) else { return Ok(None) };
    let mut fields = vec![
        ("sign_certificates", certificates(&response.sign_certificates)),
        ("encryption_certificates", certificates(&response.encryption_certificates)),
    ];
    if let Some(key) = response.encrypted_key.as_deref().and_then(|key| enveloped_key::public_key(key).ok()) {
        fields.push(("encryption_key", Value::Object(owned(key::key_fields(&key)))));
    }
    Ok(Some(Description { format: "response to a certification request", fields }))
}

fn certificates(list: &[Vec<u8>]) -> Value {
    let show = |der: &Vec<u8>| match Certificate::parse(der) {
        Ok(certificate) => Value::Object(key::fields_of(&certificate).into_iter().collect()),
        Err(error) => json!({ "unsupported": error.to_string() }),
    };
    list.iter().map(show).collect()
}
