//! `smsign sign-message`

use std::{
    fs::File,
    io::{Seek, Write},
    path::PathBuf,
};

use cosign_client::{Error, files::Access};
use envelope::{
    SubjectKeyId,
    cms::{Dialect, SignedContent, Signer, Signing, Unsigned},
    io::{hash, write_signed},
};
use serde::Serialize;

use crate::{
    args::SignMessage,
    command::{
        message_error as failed,
        signer::CertifiedSigner,
        streams::{self, Target},
        verdict::read_certificate,
    },
    context::Context,
    output::{Failure, Outcome, path_text},
    progress::{Progress, Unit},
};

#[derive(Serialize)]
struct Report {
    file: String,
    out: String,
    /// Of the key that signed.
    key_id: String,
    dialect: &'static str,
    detached: bool,
    content_length: u64,
}

pub(crate) fn run(arguments: &SignMessage, context: &Context) -> Result<Outcome, Failure> {
    let dialect: Dialect = arguments.dialect.into();
    if arguments.detached && dialect == Dialect::GmSsl {
        return Err(Failure::Usage("GmSSL has no detached signatures; leave --detached out".into()));
    }
    let out = arguments.out.clone().unwrap_or_else(|| streams::beside(&arguments.file, ".p7s"));
    let target = Target::new(out, arguments.force, context.output.is_json())?;
    let chain = arguments.chain.iter().map(|path| Ok(read_certificate(path)?.as_der().to_vec()));
    let chain = chain.collect::<Result<Vec<_>, Failure>>()?;
    let signer = CertifiedSigner::prepare(context, arguments.key.as_deref(), &arguments.cert)?;
    let key_id = SubjectKeyId::of(&signer.public_key).to_string();

    let (input, length) = streams::open(&arguments.file)?;
    let passes = if arguments.detached { 1 } else { 2 };
    let progress = context.progress("signing", Unit::Bytes, length.saturating_mul(passes));
    let content = Content { file: arguments.file.clone(), input, length, progress: progress.clone() };
    let part = signer.signer.clone();
    let (content, unsigned) = context.run(Context::blocking(move || content.hashed(part, chain, dialect)))?;
    let signed = signer.sign(context, unsigned)?;
    let (goal, detached) = (target.clone(), arguments.detached);
    context.run(Context::blocking(move || content.write(signed, detached, &goal)))?;
    progress.finish();

    if target.is_pipe() {
        return Ok(Outcome::Done);
    }
    let line = target.path().display().to_string();
    let report = Report {
        file: path_text(&arguments.file),
        out: path_text(target.path()),
        key_id,
        dialect: dialect.name(),
        detached,
        content_length: length,
    };
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

/// What is signed. It is read twice: the signature is known only behind it, the length of the message stands before it.
struct Content {
    file: PathBuf,
    input: File,
    length: u64,
    progress: Progress,
}

impl Content {
    fn hashed(
        self,
        signer: Signer,
        chain: Vec<Vec<u8>>,
        dialect: Dialect,
    ) -> Result<(Self, Unsigned), Failure> {
        let signing = Signing::start(vec![signer], dialect, self.length);
        let signing = signing.map_err(|error| failed(error.into(), &self.file))?;
        let signing =
            chain.iter().fold(signing, |signing, certificate| signing.with_certificate(certificate));
        let unsigned = hash(signing, self.progress.reader(&self.input));
        let unsigned = unsigned.map_err(|error| failed(error, &self.file))?;
        Ok((self, unsigned))
    }

    fn write(mut self, signed: SignedContent, detached: bool, target: &Target) -> Result<(), Failure> {
        let failed = |error| failed(error, &self.file);
        let mut output = target.create(Access::Usual)?;
        if detached {
            let message = signed.detached().map_err(|error| failed(error.into()))?;
            output.write_all(&message).map_err(|error| Error::file(target.path(), error))?;
        } else {
            self.input.rewind().map_err(|error| failed(error.into()))?;
            write_signed(signed, self.progress.reader(&self.input), &mut output).map_err(failed)?;
        }
        output.commit(&self.progress)
    }
}
