//! `smsign unstamp`

use std::fs::File;

use cosign_client::{
    Error,
    files::{Access, NewFile, check_free},
};
use pki::validate::Validator;
use seal::{document::Document, verify::Terms};
use serde::Serialize;
use sm_primitives::sm2::{DistId, PublicKey};

use super::{
    cert::load::{now, time},
    seal::bad_file,
    signer::CertifiedSigner,
    stamp::{open, with_suffix},
};
use crate::{
    args::Unstamp,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    /// Of the signature that is gone.
    removed: String,
    kind: &'static str,
    signer: String,
    time: String,
    /// `e` of what the holder of the key agreed to, and the agreement: hexadecimal.
    statement: String,
    signature: String,
    remaining: usize,
}

/// Only the last signature goes, and only with the key that made it: who does not have that key is asked for nothing less
/// than a signature over what is done.
pub(super) fn run(arguments: &Unstamp, context: &Context) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let out = arguments.out.clone().unwrap_or_else(|| with_suffix(path, "-unsealed"));
    check_free(&out, arguments.force)?;
    let bad = |error: seal::Error| bad_file(path, error);
    let mut document = open(path)?;
    let moment = time(now())?;
    let validator = Validator::new();
    let report = document.verify(&Terms::new(&validator, moment)).map_err(bad)?;
    let last = report.signatures.last().ok_or_else(|| bad_file(path, "there is no signature in it"))?;
    let signed =
        last.signer.as_ref().ok_or_else(|| bad_file(path, "who made the last signature is not known"))?;
    let signer = CertifiedSigner::prepare(context, arguments.key.as_deref(), &arguments.cert)?;
    let given =
        pki::Certificate::parse(&signer.certificate).map_err(|error| bad_file(&arguments.cert, error))?;
    if given.as_der() != signed.as_der() {
        let made_by = signed.subject();
        return Err(Failure::Usage(format!(
            "the last signature was made with another certificate, that of {made_by}"
        )));
    }

    let mut output = NewFile::create(&out, arguments.force, Access::Usual)?;
    document.remove_last(&last.id, moment, std::io::BufWriter::new(&mut output)).map_err(bad)?;
    let mut rest = Document::open(output.file()).map_err(bad)?;
    let remaining = rest.verify(&Terms::new(&validator, moment)).map_err(bad)?.signatures.len();
    let statement = statement(&signer.public_key, &last.id, &moment.to_string(), output.file(), path)?;
    let signature = signer.sign_digests(context, &[statement])?;
    let signature = signature.first().ok_or(Error::Internal("no signature"))?;
    output.sync()?;
    output.commit()?;
    let report = Report {
        file: path_text(path),
        out: path_text(&out),
        removed: last.id.clone(),
        kind: last.kind.name(),
        signer: signed.subject().to_string(),
        time: moment.to_string(),
        statement: hex::encode(statement),
        signature: hex::encode(signature.to_der()),
        remaining,
    };
    let line = format!("{}  without {} of {}", report.out, report.removed, report.signer);
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

/// What the holder of the key signs: that this signature goes, at this time, and what is left.
fn statement(
    signer: &PublicKey,
    id: &str,
    time: &str,
    rest: &File,
    path: &std::path::Path,
) -> Result<[u8; 32], Failure> {
    use std::io::{Read as _, Seek as _};
    let failed = |error| Failure::from(Error::file(path, error));
    let mut hasher = DistId::default().hasher(signer);
    hasher.update(format!("smsign unstamp\n{id}\n{time}\n").as_bytes());
    let mut rest = rest;
    rest.rewind().map_err(failed)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match rest.read(&mut piece).map_err(failed)? {
            0 => return Ok(hasher.finalize()),
            len => hasher.update(piece.get(..len).unwrap_or_default()),
        }
    }
}
