//! Messages of GM/T 0010 and CMS.

use envelope::{
    Certificate, RecipientId,
    cms::{Compat, ContentType, Decoded, Quirks, SignatureSet, SignerInfo, Switch},
    error::InvalidMessage,
    io::{read_header, scan},
    name,
};
use serde_json::{Value, json};

use super::{Description, Failure, Subject, key};

pub(super) fn describe(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    // To look at a message is not to rely on it.
    let compat: Compat = Switch::ALL.into_iter().collect();
    let decoded = match read_header(compat, &mut subject.input) {
        Ok(decoded) => decoded,
        Err(envelope::io::Error::Envelope(envelope::Error::InvalidMessage(
            InvalidMessage::NotEnvelopedData,
        ))) => return Ok(None),
        // Too short to say what it is.
        Err(envelope::io::Error::Envelope(_)) if subject.length < 16 => return Ok(None),
        Err(error) => return Err(subject.failed(error)),
    };
    let mut fields = Vec::new();
    let (kind, set) = match decoded {
        Decoded::Plain(header) => {
            let kind = header.content_type();
            fields.push(("content_type", json!(kind.name())));
            if kind == ContentType::Signed {
                fields.push(("inner_type", inner_type(header.inner_type())));
                fields.push(("detached", json!(!header.has_content())));
            }
            fields.push(("content_length", json!(header.content_len())));
            (kind, scan(header.scan(), &mut subject.input))
        }
        Decoded::Header(header) => {
            let kind = header.content_type();
            let recipients: Vec<Value> = header.recipients().iter().map(recipient).collect();
            fields.push(("content_type", json!(kind.name())));
            fields.push(("inner_type", inner_type(header.inner_type())));
            fields.push(("cipher", json!(header.cipher().name())));
            if kind != ContentType::Encrypted {
                fields.push(("recipients", json!(recipients)));
            }
            fields.push(("ciphertext_length", json!(header.ciphertext_len())));
            (kind, scan(header.scan(), &mut subject.input))
        }
        Decoded::NeedsMore(_) => return Ok(None),
    };
    let set = set.map_err(|error| subject.failed(error))?;
    if kind.is_signed() {
        signatures(&set, &mut fields);
    }
    fields.push(("quirks", quirks(set.quirks())));
    Ok(Some(Description { format: "message", fields }))
}

fn inner_type(inner: Option<ContentType>) -> Value {
    json!(inner.map_or("another", ContentType::name))
}

fn recipient(entry: &envelope::RecipientInfo) -> Value {
    let mut value = named(entry.id());
    value["key_encryption"] = match entry.ciphertext() {
        Ok(_) => json!("SM2"),
        Err(error) => json!(error.to_string()),
    };
    value
}

/// How a message names somebody.
fn named(id: &RecipientId) -> Value {
    match id {
        RecipientId::IssuerAndSerial(name) => {
            json!({ "issuer": name::display(name.issuer()), "serial": hex::encode(name.serial()) })
        }
        RecipientId::SubjectKeyId(id) => json!({ "key_id": id.to_string() }),
        _ => json!({}),
    }
}

fn signatures(set: &SignatureSet, fields: &mut Vec<(&'static str, Value)>) {
    let signers: Vec<Value> = set.signers().iter().map(|info| signer(set, info)).collect();
    let certificates: Vec<Value> = set
        .certificates()
        .iter()
        .map(|der| match Certificate::parse(der) {
            Ok(certificate) => Value::Object(key::fields_of(&certificate).into_iter().collect()),
            Err(error) => json!({ "unreadable": error.to_string(), "length": der.len() }),
        })
        .collect();
    fields.push(("signers", json!(signers)));
    fields.push(("certificates", json!(certificates)));
    fields.push(("crls", json!(set.crls().len())));
}

fn signer(set: &SignatureSet, info: &SignerInfo) -> Value {
    let mut value = named(info.id());
    let certificate = set.certificate_of(info, &[]);
    value["subject"] = json!(certificate.map(|certificate| name::display(certificate.subject())));
    value["algorithm"] = match info.signature() {
        Ok(_) => json!("SM2 with SM3"),
        Err(error) => json!(error.to_string()),
    };
    value["attributes"] = json!(info.attributes().is_some());
    value["unsigned_attributes"] = json!(info.has_unsigned_attributes());
    let time = info.attributes().and_then(|attributes| attributes.signing_time());
    value["signing_time"] = json!(time.map(|time| time.to_string()));
    value
}

fn quirks(quirks: Quirks) -> Value {
    json!(quirks.iter().map(|quirk| quirk.name()).collect::<Vec<_>>())
}
