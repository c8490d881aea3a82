//! `smsign verify-message`

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::PathBuf,
};

use cosign_client::files::Access;
use envelope::{
    Certificate,
    cms::{Compat, ContentHasher, ContentType, Decoded, PlainHeader},
    error::InvalidMessage,
    io::{Input, Outcome as Checked, read_header, scan, verify},
};
use pki::validate::Purpose;
use serde::Serialize;

use crate::{
    args::VerifyMessage,
    command::{
        cert::SignerJudge,
        message_error as failed,
        streams::{self, Target},
        verdict::{Signature, all_valid, chain_verified, names, read_certificate},
    },
    context::Context,
    output::{Failure, Outcome, path_text},
    progress::{CountingReader, Progress, Unit},
};

/// Bytes read of a content at a time.
const BUFFER: usize = 1 << 16;

type Message = Input<CountingReader<File>>;

#[derive(Serialize)]
struct Report {
    file: String,
    /// Every signature verifies, and there is one; with roots, every certificate is valid too.
    valid: bool,
    detached: bool,
    /// What the content is.
    inner_type: &'static str,
    /// Where the content was written to; absent if it was not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<String>,
    signatures: Vec<Signature>,
    /// Every certificate was judged by the roots, and is valid.
    chain_verified: bool,
    /// Deviations from the standard that were tolerated.
    tolerated: Vec<String>,
}

pub(crate) fn run(arguments: &VerifyMessage, context: &Context) -> Result<Outcome, Failure> {
    let content = arguments.content.as_deref();
    if streams::is_pipe(&arguments.file) && content.is_some_and(streams::is_pipe) {
        return Err(Failure::Usage("message and content cannot both come from standard input".into()));
    }
    let target = arguments.out.clone();
    let target = target.map(|out| Target::new(out, arguments.force, context.output.is_json())).transpose()?;
    let signers =
        arguments.signer.iter().map(|path| read_certificate(path)).collect::<Result<Vec<_>, _>>()?;
    let judge = SignerJudge::new(&arguments.trust, Purpose::DigitalSignature, context)?;
    let is_judged = judge.is_some();
    let (message, length) = streams::open(&arguments.file)?;
    let content =
        content.map(|path| Ok::<_, Failure>((path.to_owned(), streams::open(path)?))).transpose()?;
    let total = content.as_ref().map_or(length, |(_, (_, length))| *length);
    let progress = context.progress("verifying", Unit::Bytes, total);
    let work = Work {
        file: arguments.file.clone(),
        content: content.map(|(path, (file, _))| (path, file)),
        target: target.clone(),
        compat: arguments.compat.iter().copied().collect(),
        signers,
        judge,
        progress: progress.clone(),
    };
    let report = context.run(Context::blocking(move || work.verify(message)))?;
    progress.finish();

    let valid = report.valid;
    let mut lines: Vec<String> = report.signatures.iter().map(Signature::line).collect();
    if report.signatures.is_empty() {
        lines.push("INVALID: nobody has signed the message".to_owned());
    }
    if target.is_some_and(|target| target.is_pipe()) {
        lines.into_iter().for_each(|line| context.output.note(line));
        if !valid {
            context.output.warn("the content does not count: not every signature of it verifies, or the certificate of a signer is not valid");
        }
    } else {
        if !report.tolerated.is_empty() {
            context.output.note(format_args!("tolerated: {}", report.tolerated.join(", ")));
        }
        if !is_judged {
            context.output.note("the chains of the certificates were not verified; --roots does that");
        }
        context.output.result(&report, lines)?;
    }
    Ok(if valid { Outcome::Done } else { Outcome::NotVerified })
}

struct Work {
    file: PathBuf,
    content: Option<(PathBuf, File)>,
    target: Option<Target>,
    compat: Compat,
    /// Certificates that count before those of the message.
    signers: Vec<Certificate>,
    /// By what certificates are judged.
    judge: Option<SignerJudge>,
    progress: Progress,
}

impl Work {
    fn verify(&self, message: File) -> Result<Report, Failure> {
        let mut input = Input::seekable(self.progress.reader(message)).map_err(|error| self.failed(error))?;
        let header = self.header(&mut input)?;
        let inner_type = header.inner_type().map_or("another", ContentType::name);
        let detached = !header.has_content();
        let (outcome, out) =
            if detached { (self.detached(header, input)?, None) } else { self.attached(input)? };
        let signatures = self.judged(&outcome);
        Ok(Report {
            file: path_text(&self.file),
            valid: all_valid(&signatures),
            detached,
            inner_type,
            out,
            chain_verified: chain_verified(&signatures),
            signatures,
            tolerated: names(outcome.signatures.quirks()),
        })
    }

    fn header(&self, input: &mut impl Read) -> Result<PlainHeader, Failure> {
        match read_header(Compat::STRICT, input).map_err(|error| self.failed(error))? {
            Decoded::Plain(header) if header.content_type() == ContentType::Signed => Ok(header),
            _ => Err(self.failed(envelope::Error::from(InvalidMessage::NotSignedData).into())),
        }
    }

    /// Verifies signatures of what stands elsewhere.
    fn detached(&self, header: PlainHeader, mut input: Message) -> Result<Checked, Failure> {
        let signatures = scan(header.scan(), &mut input).map_err(|error| self.failed(error))?;
        if self.target.is_some() {
            return Err(Failure::Usage("the message has no content that could be written".into()));
        }
        let mut hashing = Hashing(signatures.hasher(&self.signers, self.compat));
        match &self.content {
            Some((path, content)) => {
                let mut content = BufReader::with_capacity(BUFFER, self.progress.reader(content));
                io::copy(&mut content, &mut hashing).map_err(|error| failed(error.into(), path))?;
            }
            None if signatures.signers().is_empty() => {}
            None => {
                let text = "the message does not carry what was signed; give it with --content FILE";
                return Err(Failure::Usage(text.into()));
            }
        }
        let verdicts = signatures.verify_all(&self.signers, &hashing.0.finish());
        Ok(Checked { verdicts, signatures })
    }

    /// Verifies signatures of what the message carries, and writes it where it was asked for.
    fn attached(&self, mut input: Message) -> Result<(Checked, Option<String>), Failure> {
        if self.content.is_some() {
            return Err(Failure::Usage("the message carries what was signed; leave --content out".into()));
        }
        input.rewind().map_err(|error| self.failed(error.into()))?;
        let mut sink = self.target.as_ref().map(|target| target.create(Access::Usual)).transpose()?;
        let mut nowhere = io::sink();
        let output: &mut dyn Write = sink.as_mut().map_or(&mut nowhere, |sink| sink);
        let outcome =
            verify(self.compat, &mut input, output, &self.signers).map_err(|error| self.failed(error))?;
        let mut out = None;
        if let (Some(sink), Some(target)) = (sink, &self.target)
            && all_valid(&self.judged(&outcome))
        {
            sink.commit(&self.progress)?;
            out = Some(path_text(target.path()));
        }
        Ok((outcome, out))
    }

    fn judged(&self, outcome: &Checked) -> Vec<Signature> {
        Signature::all_judged(&outcome.signatures, &outcome.verdicts, &self.signers, self.judge.as_ref())
    }

    fn failed(&self, error: envelope::io::Error) -> Failure {
        failed(error, &self.file)
    }
}

/// Hashes what is written.
struct Hashing(ContentHasher);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
