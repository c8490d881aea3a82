//! `smsign inspect`

mod key;
mod message;
mod request;

use std::{
    fs::File,
    io::{Read, Seek},
    path::PathBuf,
};

use cosign_client::Error;
use envelope::{bid::MAGIC, io::Input};
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::Inspect,
    command::{self, io_error, streams},
    context::Context,
    output::{Failure, Outcome, path_text},
};

/// Looks at a file as one format; `None` if it is another.
type Format = fn(&mut Subject) -> Result<Option<Description>, Failure>;

/// Every format, in the order in which they are tried. **Another one is added here.** Each finds the file at its start
/// and says no by what stands there; only what has said yes may fail.
const FORMATS: &[Format] = &[
    bid,
    message::describe,
    request::request,
    request::response,
    key::certificate,
    key::public_key,
    key::private_key,
    key::enveloped_key,
];

/// No format but messages is longer.
const MAX_SMALL: u64 = 1 << 20;

/// A format that is neither DER nor BER.
const BID: &str = "sealed bid";

/// The file that is looked at.
struct Subject {
    path: PathBuf,
    input: Input<File>,
    /// Length of the file as it is.
    length: u64,
}

impl Subject {
    fn rewind(&mut self) -> Result<(), Failure> {
        Ok(self.input.rewind().map_err(|error| Error::file(&self.path, error))?)
    }

    /// All of it in binary; empty if it is longer than any small format.
    fn small(&mut self) -> Result<Vec<u8>, Failure> {
        let mut content = Vec::new();
        let read = self.input.by_ref().take(MAX_SMALL + 1).read_to_end(&mut content);
        read.map_err(|error| Error::file(&self.path, error))?;
        if content.len() as u64 > MAX_SMALL {
            content.clear();
        }
        Ok(content)
    }

    fn failed(&self, error: envelope::io::Error) -> Failure {
        io_error(error, &self.path)
    }
}

/// What a file is: one format, and fields in an order for people.
struct Description {
    format: &'static str,
    fields: Vec<(&'static str, Value)>,
}

#[derive(Serialize)]
struct Report {
    file: String,
    format: &'static str,
    encoding: &'static str,
    file_length: u64,
    #[serde(flatten)]
    fields: serde_json::Map<String, Value>,
}

pub(crate) fn run(arguments: &Inspect, context: &Context) -> Result<Outcome, Failure> {
    let path = arguments.file.clone();
    let (file, length) = streams::open(&path)?;
    let input = match Input::seekable(file) {
        Ok(input) => input,
        // Text, but neither PEM nor base64.
        Err(envelope::io::Error::Envelope(_)) => return Err(unknown(path)),
        Err(error) => return Err(io_error(error, &path)),
    };
    let mut subject = Subject { path, input, length };
    for format in FORMATS {
        subject.rewind()?;
        if let Some(description) = format(&mut subject)? {
            return report(&subject, description, context);
        }
    }
    Err(unknown(subject.path))
}

/// A sealed bid, as `check` shows it.
fn bid(subject: &mut Subject) -> Result<Option<Description>, Failure> {
    let mut start = Vec::new();
    let read = subject.input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start);
    read.map_err(|error| Error::file(&subject.path, error))?;
    if start != MAGIC {
        return Ok(None);
    }
    subject.rewind()?;
    let bid = command::bid::describe(&mut subject.input)
        .map_err(|error| command::bid::broken(error, &subject.path))?;
    let bid = serde_json::to_value(bid).map_err(|_| Error::Internal("the result has no JSON form"))?;
    Ok(Some(Description { format: BID, fields: vec![("bid", bid)] }))
}

fn unknown(path: PathBuf) -> Failure {
    let what = "none of the known formats: sealed bids, messages of GM/T 0010 or CMS, certificates, \
                certification requests and responses, SM2 keys, key files, SM2EnvelopedKey; in DER, BER or PEM";
    Error::BadFile { path, what: what.into() }.into()
}

fn report(subject: &Subject, description: Description, context: &Context) -> Result<Outcome, Failure> {
    let Description { format, fields } = description;
    let quirks = fields.iter().find(|(name, _)| *name == "quirks").map(|(_, quirks)| quirks.to_string());
    let ber = ["non-minimal-length", "indefinite-length", "constructed-string", "segmented-content"];
    let encoding = match quirks {
        _ if format == BID => "binary",
        _ if subject.input.is_text() => "PEM",
        Some(quirks) if ber.iter().any(|quirk| quirks.contains(quirk)) => "BER",
        _ => "DER",
    };
    let mut lines = vec![
        format!("file: {}", path_text(&subject.path)),
        format!("format: {format}"),
        format!("encoding: {encoding}"),
    ];
    for (name, value) in &fields {
        show(&name.replace('_', " "), value, 0, &mut lines);
    }
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (file, file_length) = (path_text(&subject.path), subject.length);
    context.output.result(&Report { file, format, encoding, file_length, fields }, lines)?;
    Ok(Outcome::Done)
}

/// JSON as indented lines.
pub(super) fn show(name: &str, value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Null => {}
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let text = if items.is_empty() { "none".to_owned() } else { items.join(", ") };
            lines.push(format!("{indent}{name}: {text}"));
        }
        Value::Array(items) => {
            lines.push(format!("{indent}{name}: {}", items.len()));
            for item in items {
                show("-", item, depth + 1, lines);
            }
        }
        Value::Object(fields) => {
            lines.push(format!("{indent}{name}"));
            fields.iter().for_each(|(name, value)| show(&name.replace('_', " "), value, depth + 1, lines));
        }
        Value::String(text) => lines.push(format!("{indent}{name}: {text}")),
        other => lines.push(format!("{indent}{name}: {other}")),
    }
}
