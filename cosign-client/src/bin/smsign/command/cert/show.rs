//! `smsign cert show`

use std::fmt::Display;

use cosign_client::{Error, files};
use pki::{
    Certificate, ObjectIdentifier, SubjectKey, extension,
    extension::{DistributionPoint, Extensions, NameConstraints},
    extension_name, key_purpose_name,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::load::MAX_CERTIFICATES;
use crate::{
    args::CertShow,
    command::inspect::show,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Shown {
    files: Vec<Value>,
}

pub(super) fn run(arguments: &CertShow, context: &Context) -> Result<Outcome, Failure> {
    let (mut shown, mut lines) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        let content = files::read_small(path, MAX_CERTIFICATES)?;
        let all = Certificate::all(&content)
            .map_err(|error| Error::BadFile { path: path.clone(), what: error.to_string() })?;
        lines.push(format!("file: {}", path_text(path)));
        let mut certificates: Vec<Value> = Vec::new();
        for fields in all.iter().map(fields) {
            lines.push("certificate".into());
            fields.iter().for_each(|(name, value)| show(&name.replace('_', " "), value, 1, &mut lines));
            certificates.push(Value::Object(fields.into_iter().collect()));
        }
        shown.push(json!({ "file": path_text(path), "certificates": certificates }));
    }
    context.output.result(&Shown { files: shown }, lines)?;
    Ok(Outcome::Done)
}

fn texts<T: Display>(items: impl IntoIterator<Item = T>) -> Value {
    items.into_iter().map(|item| Value::String(item.to_string())).collect()
}

/// Everything that a certificate says, unverified, in an order for people.
fn fields(certificate: &Certificate) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.push((name.into(), value));
        }
    };
    put("version", json!(certificate.version()));
    put("serial", json!(certificate.serial_hex()));
    put("subject", json!(certificate.subject().to_string()));
    put("issuer", json!(certificate.issuer().to_string()));
    put("not_before", json!(certificate.validity().not_before.to_string()));
    put("not_after", json!(certificate.validity().not_after.to_string()));
    put("signature_algorithm", json!(certificate.algorithm().to_string()));
    put("key_algorithm", json!(certificate.key().to_string()));
    if let SubjectKey::Sm2(key) = certificate.key() {
        put("public_key", json!(hex::encode(key.as_point().to_sec1())));
    }
    put("self_issued", json!(certificate.is_self_issued()));
    decoded(certificate.extensions(), &mut put);
    fields
}

fn decoded(extensions: &Extensions, put: &mut impl FnMut(&str, Value)) {
    if let Some(constraints) = extensions.basic_constraints {
        put("basic_constraints", json!({ "ca": constraints.ca, "path_len": constraints.path_len }));
    }
    put(
        "key_usage",
        json!(extensions.key_usage.map(|usage| usage.iter().map(extension::Usage::name).collect::<Vec<_>>())),
    );
    let purposes = extensions.ext_key_usage.as_ref().map(|purposes| {
        texts(purposes.iter().map(|id| key_purpose_name(id).map_or_else(|| id.to_string(), Into::into)))
    });
    put("ext_key_usage", json!(purposes));
    put("subject_key_id", json!(extensions.subject_key_id.as_ref().map(hex::encode)));
    if let Some(id) = &extensions.authority_key_id {
        let serial = id.serial.as_ref().map(hex::encode);
        let issuer = texts(&id.issuer);
        put(
            "authority_key_id",
            json!({ "key_id": id.key_id.as_ref().map(hex::encode), "issuer": issuer, "serial": serial }),
        );
    }
    if !extensions.subject_alt_names.is_empty() {
        put("subject_alt_names", texts(&extensions.subject_alt_names));
    }
    if let Some(policies) = &extensions.policies {
        let policy = |policy: &extension::Policy| json!({ "id": policy.id.to_string(), "statements": policy.statements });
        put("policies", policies.iter().map(policy).collect());
    }
    if !extensions.crl_points.is_empty() {
        put("crl_points", extensions.crl_points.iter().map(point).collect());
    }
    if !extensions.authority_info.is_empty() {
        let place =
            |(method, place): &(_, extension::GeneralName)| format!("{} {place}", access_method(method));
        put("authority_info", texts(extensions.authority_info.iter().map(place)));
    }
    if let Some(constraints) = &extensions.name_constraints {
        put("name_constraints", subtrees(constraints));
    }
    if !extensions.subject_ids.is_empty() {
        let id = |id: &extension::SubjectId| json!({ "kind": id.kind.name(), "id": id.id.to_string(), "value": id.value });
        put("subject_ids", extensions.subject_ids.iter().map(id).collect());
    }
    let unknown: Vec<Value> = extensions
        .unknown()
        .map(|unknown| {
            json!({ "id": unknown.id.to_string(), "critical": unknown.critical, "value": hex::encode(&unknown.value) })
        })
        .collect();
    if !unknown.is_empty() {
        put("unknown_extensions", unknown.into());
    }
    let critical = extensions.all.iter().filter(|one| one.critical);
    put("critical", texts(critical.map(|one| shown_id(&one.id))));
    for (name, ids) in
        [("malformed_extensions", &extensions.malformed), ("duplicate_extensions", &extensions.duplicates)]
    {
        if !ids.is_empty() {
            put(name, texts(ids.iter().map(shown_id)));
        }
    }
}

fn shown_id(id: &ObjectIdentifier) -> String {
    extension_name(id).map_or_else(|| id.to_string(), Into::into)
}

fn access_method(id: &ObjectIdentifier) -> String {
    match id.to_string().as_str() {
        "1.3.6.1.5.5.7.48.1" => "OCSP".into(),
        "1.3.6.1.5.5.7.48.2" => "caIssuers".into(),
        other => other.into(),
    }
}

fn point(point: &DistributionPoint) -> Value {
    let mut names: Vec<String> = point.names.iter().map(ToString::to_string).collect();
    names.extend(point.crl_issuer.iter().map(|issuer| format!("issuer {issuer}")));
    Value::String(if names.is_empty() { "relative to the issuer".into() } else { names.join(" ") })
}

fn subtrees(constraints: &NameConstraints) -> Value {
    let names = |trees: &[extension::Subtree]| texts(trees.iter().map(|tree| &tree.base));
    json!({ "permitted": names(&constraints.permitted), "excluded": names(&constraints.excluded) })
}
