//! `smsign cert verify` and `smsign cert chain`

use std::path::Path;

use base64ct::{Base64, Encoding};
use cosign_client::{Error, files};
use pki::{
    Certificate,
    validate::{Report, Verdict},
};
use serde::Serialize;

use super::load::{self, MAX_CERTIFICATES};
use crate::{
    args::{CertChain, CertVerify},
    context::Context,
    output::{Failure, Outcome, path_text, printable},
};

#[derive(Serialize)]
struct Judged {
    file: String,
    verdict: &'static str,
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
}

pub(super) fn run(arguments: &CertVerify, context: &Context) -> Result<Outcome, Failure> {
    let validator = load::validator(&arguments.trust, context)?;
    let terms = load::terms(&arguments.trust)?;
    let mut all_valid = true;
    for path in &arguments.files {
        let judged = match read(path) {
            Ok(certificates) => match certificates.split_first() {
                Some((first, others)) => describe(path, &validator.validate(first, others, terms)),
                None => broken(path, "malformed: there is no certificate".into()),
            },
            Err(reason) => broken(path, reason),
        };
        all_valid &= judged.verdict == Verdict::Valid.name();
        let text = if context.output.is_json() { json_line(&judged)? } else { lines(&judged) };
        context.output.raw(&text)?;
    }
    Ok(if all_valid { Outcome::Done } else { Outcome::NotVerified })
}

/// The certificates of a file, or the reason why there is none.
fn read(path: &Path) -> Result<Vec<Certificate>, String> {
    let content =
        files::read_small(path, MAX_CERTIFICATES).map_err(|error| format!("unreadable: {error}"))?;
    Certificate::all(&content).map_err(|error| match error {
        pki::Error::Malformed(what) => format!("malformed: {what}"),
        other => format!("malformed: {other}"),
    })
}

fn describe(path: &Path, report: &Report) -> Judged {
    Judged {
        file: path_text(path),
        verdict: report.verdict.name(),
        reasons: report.reasons.iter().map(ToString::to_string).collect(),
        notes: report.notes.iter().map(ToString::to_string).collect(),
        path: report.path.iter().map(|certificate| certificate.subject().to_string()).collect(),
    }
}

/// A file that cannot be judged does not keep the others from being judged.
fn broken(path: &Path, reason: String) -> Judged {
    let verdict = Verdict::Invalid.name();
    Judged { file: path_text(path), verdict, reasons: vec![reason], notes: Vec::new(), path: Vec::new() }
}

fn json_line(judged: &Judged) -> Result<String, Failure> {
    let json = serde_json::to_string(judged);
    Ok(json.map_err(|_| Error::Internal("the result has no JSON form"))? + "\n")
}

fn lines(judged: &Judged) -> String {
    let word = if judged.verdict == "invalid" { "INVALID" } else { judged.verdict };
    let mut lines = vec![format!("{word:<13}  {}", judged.file)];
    lines.extend(judged.reasons.iter().map(|reason| format!("    {reason}")));
    lines.extend(judged.notes.iter().map(|note| format!("    note: {note}")));
    lines.iter().map(|line| printable(line) + "\n").collect()
}

#[derive(Serialize)]
struct Link {
    subject: String,
    serial: String,
    not_before: String,
    not_after: String,
    /// Certificate in base64.
    der: String,
}

#[derive(Serialize)]
struct Chain {
    #[serde(flatten)]
    judged: Judged,
    chain: Vec<Link>,
}

pub(super) fn chain(arguments: &CertChain, context: &Context) -> Result<Outcome, Failure> {
    let validator = load::validator(&arguments.trust, context)?;
    let terms = load::terms(&arguments.trust)?;
    let path = &arguments.file;
    let content = files::read_small(path, MAX_CERTIFICATES)?;
    let bad = |what: String| Error::BadFile { path: path.clone(), what };
    let certificates = Certificate::all(&content).map_err(|error| bad(error.to_string()))?;
    let (first, others) = certificates.split_first().ok_or_else(|| bad("there is no certificate".into()))?;
    let report = validator.validate(first, others, terms);
    let outcome = if report.is_valid() { Outcome::Done } else { Outcome::NotVerified };
    if arguments.pem {
        for reason in &report.reasons {
            context.output.warn(reason);
        }
        let blocks: String = report.path.iter().map(pem).collect();
        context.output.raw(&blocks)?;
        return Ok(outcome);
    }
    let judged = describe(path, &report);
    let mut text: Vec<String> = lines(&judged).lines().map(Into::into).collect();
    text.extend(report.path.iter().enumerate().map(|(depth, certificate)| {
        let (subject, serial) = (certificate.subject(), certificate.serial_hex());
        let until = certificate.validity().not_after;
        format!("{depth:>4}  {subject}, serial {serial}, until {until}")
    }));
    let chain = report.path.iter().map(link).collect();
    context.output.result(&Chain { judged, chain }, text)?;
    Ok(outcome)
}

fn link(certificate: &Certificate) -> Link {
    Link {
        subject: certificate.subject().to_string(),
        serial: certificate.serial_hex(),
        not_before: certificate.validity().not_before.to_string(),
        not_after: certificate.validity().not_after.to_string(),
        der: Base64::encode_string(certificate.as_der()),
    }
}

fn pem(certificate: &Certificate) -> String {
    let text = Base64::encode_string(certificate.as_der());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
