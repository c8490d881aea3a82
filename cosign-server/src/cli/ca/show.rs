//! Authorities, certificates and requests for the terminal.

use pki::issue::certificate_pem;
use serde_json::json;

use crate::{
    cli::{Output, output::say},
    domain::ca::{Authority, Backend, Certificate, Request, ports::List},
};

fn subject(der: &[u8]) -> String {
    envelope::name::display(der)
}

pub(super) fn show_authority(authority: &Authority, output: Output) {
    let certificate = authority.chain.first();
    let name = certificate.map_or_else(String::new, |certificate| subject(certificate.subject().as_der()));
    if output.json {
        return say(json!({
            "authority": authority.id.as_str(),
            "label": authority.label.as_str(),
            "subject": name,
            "created_at_ms": authority.created_ms,
            "retired_at_ms": authority.retired_ms,
            "options": authority.options,
            "chain": authority.chain.iter().map(|one| certificate_pem(one.as_der())).collect::<String>(),
        }));
    }
    let state = match (&authority.options.backend, authority.retired_ms) {
        (_, Some(_)) => "retired",
        (Backend::Embedded, None) => "in use",
        (Backend::Folder(_), None) => "outside",
    };
    say(format_args!("{}  {state}  {}  {name}", authority.id, authority.label.as_str()));
}

pub(super) fn show_certificate(certificate: &Certificate, output: Output) {
    if output.json {
        return say(json!({
            "authority": certificate.authority.as_str(),
            "serial": certificate.serial.to_string(),
            "role": certificate.role.as_str(),
            "state": certificate.state.as_str(),
            "subject": subject(&certificate.subject),
            "public_key": hex::encode(certificate.public_key),
            "device_id": certificate.device.map(|id| id.to_string()),
            "key_id": certificate.key_id.map(|id| id.to_string()),
            "pair": certificate.pair.as_ref().map(ToString::to_string),
            "replaces": certificate.replaces.as_ref().map(ToString::to_string),
            "not_before_ms": certificate.not_before_ms,
            "not_after_ms": certificate.not_after_ms,
            "issued_at_ms": certificate.issued_ms,
            "listed_since_ms": certificate.listed.map(|(since_ms, _)| since_ms),
            "reason": certificate.listed.map(|(_, reason)| reason.name()),
            "certificate": certificate_pem(&certificate.der),
        }));
    }
    say(format_args!(
        "{}  {}  {:<7}  {:<12}  {}",
        certificate.authority,
        certificate.serial,
        certificate.role.as_str(),
        certificate.state.as_str(),
        subject(&certificate.subject),
    ));
}

pub(super) fn show_request(request: &Request, output: Output) {
    let read = pki::csr::Request::read(&request.csr).ok();
    let name = read.map_or_else(|| "-".to_owned(), |read| subject(read.subject()));
    let target = request.kind.target().map(ToString::to_string);
    if output.json {
        return say(json!({
            "request": request.id.to_string(),
            "authority": request.authority.as_str(),
            "kind": request.kind.as_str(),
            "certificate": target,
            "state": request.state.as_str(),
            "subject": name,
            "profile": request.profile.as_str(),
            "dual": request.dual,
            "device_id": request.device.map(|id| id.to_string()),
            "created_at_ms": request.created_ms,
            "decisions": request.decisions,
        }));
    }
    let target = target.map_or_else(String::new, |serial| format!(" of {serial}"));
    say(format_args!(
        "{}  {}  {}{target}  {}  {name}",
        request.id,
        request.authority,
        request.kind.as_str(),
        request.state.as_str(),
    ));
}

pub(super) fn show_list(list: &List, output: Output) {
    if output.json {
        return say(json!({
            "authority": list.authority.as_str(),
            "delta": list.delta,
            "number": list.number,
            "this_update_ms": list.this_update_ms,
            "next_update_ms": list.next_update_ms,
        }));
    }
    let kind = if list.delta { "delta list" } else { "full list" };
    say(format_args!("{}  {kind} {}  {} bytes", list.authority, list.number, list.der.len()));
}
