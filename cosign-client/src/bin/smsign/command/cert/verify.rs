//! `smsign cert verify` and `smsign cert chain`

use std::path::Path;

use base64ct::{Base64, Encoding};
use cosign_client::{Error, files};
use pki::Certificate;
use serde::Serialize;

use super::{
    judged::Judged,
    load::{self, MAX_CERTIFICATES},
};
use crate::{
    args::{CertChain, CertTrust, CertVerify},
    context::Context,
    output::{Failure, Outcome, path_text, printable},
};

#[derive(Serialize)]
struct Line {
    file: String,
    #[serde(flatten)]
    judged: Judged,
}

pub(super) fn run(arguments: &CertVerify, context: &Context) -> Result<Outcome, Failure> {
    let CertTrust { roots, known, at, purpose } = &arguments.trust;
    let validator = load::validator(roots, known, context)?;
    let terms = load::terms(known, *at, *purpose)?;
    let mut all_valid = true;
    for path in &arguments.files {
        let judged = match read(path) {
            Ok(certificates) => match certificates.split_first() {
                Some((first, others)) => Judged::of(&validator.validate(first, others, terms)),
                None => Judged::broken("malformed: there is no certificate".into()),
            },
            // A file that cannot be judged does not keep the others from being judged.
            Err(reason) => Judged::broken(reason),
        };
        all_valid &= judged.is_valid();
        let line = Line { file: path_text(path), judged };
        let text = if context.output.is_json() { json_line(&line)? } else { lines(&line) };
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

fn json_line(line: &Line) -> Result<String, Failure> {
    let json = serde_json::to_string(line);
    Ok(json.map_err(|_| Error::Internal("the result has no JSON form"))? + "\n")
}

fn lines(Line { file, judged }: &Line) -> String {
    let head = format!("{:<13}  {file}", judged.word());
    [head].into_iter().chain(judged.lines()).map(|line| printable(&line) + "\n").collect()
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
    line: Line,
    chain: Vec<Link>,
}

pub(super) fn chain(arguments: &CertChain, context: &Context) -> Result<Outcome, Failure> {
    let CertTrust { roots, known, at, purpose } = &arguments.trust;
    let validator = load::validator(roots, known, context)?;
    let terms = load::terms(known, *at, *purpose)?;
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
    let line = Line { file: path_text(path), judged: Judged::of(&report) };
    let mut text: Vec<String> = lines(&line).lines().map(Into::into).collect();
    text.extend(report.path.iter().enumerate().map(|(depth, certificate)| {
        let (subject, serial) = (certificate.subject(), certificate.serial_hex());
        let until = certificate.validity().not_after;
        format!("{depth:>4}  {subject}, serial {serial}, until {until}")
    }));
    let chain = report.path.iter().map(link).collect();
    context.output.result(&Chain { line, chain }, text)?;
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
