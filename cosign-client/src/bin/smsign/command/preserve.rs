//! `smsign preserve`

use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};

use cosign_client::{
    Error,
    files::{Access, NewFile, check_free},
};
use pki::validate::Verdict;
use seal::{
    document::{Document, Preserved},
    verify::Terms,
};
use serde::Serialize;

use super::{
    cert::load::{self, now, time},
    seal::bad_file,
    stamp::{open, with_suffix},
    time_stamp,
};
use crate::{
    args::Preserve,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    certificates: usize,
    lists: usize,
    answers: usize,
    time_stamp: bool,
}

pub(super) fn run(arguments: &Preserve, context: &Context) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    let out = arguments.out.clone().unwrap_or_else(|| with_suffix(path, "-preserved"));
    check_free(&out, arguments.force)?;
    let bad = |error: seal::Error| bad_file(path, error);
    let failed = |error| Failure::from(Error::file(&out, error));
    let validator = load::validator(&arguments.roots, &arguments.known, context)?;
    let moment = time(now())?;
    let mut document = open(path)?;
    let terms = Terms { revocation: load::revocation(&arguments.known), ..Terms::new(&validator, moment) };
    let report = document.verify(&terms).map_err(bad)?;
    if report.verdict() != Verdict::Valid {
        let said = format!("it is {}: what is wrong now cannot be proven later", report.verdict().name());
        return Err(bad_file(path, said));
    }

    let mut output = NewFile::create(&out, arguments.force, Access::Usual)?;
    let Preserved { certificates, lists, answers } =
        document.preserve(&report, &validator, BufWriter::new(&mut output)).map_err(bad)?;
    if let Some(authority) = &arguments.tsa {
        let max_len = time_stamp::max_len(authority, context)?;
        let mut document = Document::open(output.file()).map_err(bad)?;
        let prepared = document.prepare_time_stamp(moment, max_len).map_err(bad)?;
        let token = time_stamp::token(authority, prepared.digest().to_vec(), context)?;
        let appended = prepared.embed(&token).map_err(bad)?;
        output.file().seek(SeekFrom::End(0)).map_err(failed)?;
        output.write_all(&appended).map_err(failed)?;
    }
    output.sync()?;
    output.commit()?;
    let time_stamp = arguments.tsa.is_some();
    let report =
        Report { file: path_text(path), out: path_text(&out), certificates, lists, answers, time_stamp };
    let stamped = if time_stamp { ", and a time-stamp" } else { "" };
    let line = format!(
        "{}  with {certificates} certificates, {lists} revocation lists, {answers} OCSP answers{stamped}",
        report.out
    );
    context.output.result(&report, [line])?;
    if lists + answers == 0 {
        context.output.warn("nothing in it says whether a certificate was revoked; --crls and --ocsp do");
    }
    Ok(Outcome::Done)
}
