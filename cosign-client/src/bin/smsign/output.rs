//! Results to standard output, everything else to standard error.

use std::{
    fmt::{self, Display},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use cosign_client::{Category, Error};
use serde::Serialize;
use serde_json::json;

use crate::args::Global;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// From the library.
    Client(Error),
    /// The arguments do not go together.
    Usage(String),
}

impl Failure {
    /// A stable name for programs.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::Usage(_) => "usage",
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Usage(text) => f.write_str(text),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All well.
    Done,
    /// At least one signature does not verify.
    NotVerified,
    /// At least one document is neither proven good nor proven bad.
    Undecided,
    /// At least one server was not reached.
    NotReached,
}

impl Outcome {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::NotVerified => ExitCode::from(NOT_VERIFIED),
            Self::Undecided => ExitCode::from(UNDECIDED),
            Self::NotReached => ExitCode::from(code_of(Category::Network)),
        }
    }
}

const NOT_VERIFIED: u8 = 1;
const USAGE: u8 = 2;
const UNDECIDED: u8 = 3;

const fn code_of(category: Category) -> u8 {
    match category {
        Category::Usage => USAGE,
        Category::Pin => 3,
        Category::Key => 4,
        Category::Refused => 5,
        Category::Network => 6,
        Category::NotFound => 7,
        Category::Exists => 8,
        Category::Signature => NOT_VERIFIED,
        Category::File => 9,
        Category::Store => 10,
        Category::Server => 11,
        Category::Interrupted => 130,
        _ => 12,
    }
}

#[cfg(test)]
pub(crate) const EVERY_CODE: [u8; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130];

/// Where results and messages go.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) const fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet }
    }

    /// Whether standard output belongs to one JSON document.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether notes and progress are welcome.
    pub(crate) const fn is_talkative(self) -> bool {
        !self.json && !self.quiet
    }

    /// The result: as JSON, or as text lines.
    pub(crate) fn result(
        self,
        value: &impl Serialize,
        text: impl IntoIterator<Item = String>,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(value);
            return self.raw(&(json.map_err(|_| Error::Internal("the result has no JSON form"))? + "\n"));
        }
        let lines: String = text.into_iter().map(|line| printable(&line) + "\n").collect();
        self.raw(&lines)
    }

    /// Text of a file format, as it is. A reader that went away is not an error.
    pub(crate) fn raw(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::file("standard output", error).into())
            }
            _ => Ok(()),
        }
    }

    /// What somebody else needs while the command waits for him.
    pub(crate) fn request(self, value: &impl Serialize, text: impl IntoIterator<Item = String>) {
        let lines = if self.json {
            json!({ "request": value }).to_string() + "\n"
        } else {
            text.into_iter().map(|line| printable(&line) + "\n").collect()
        };
        let _ = io::stderr().lock().write_all(lines.as_bytes());
    }

    /// Something worth knowing.
    pub(crate) fn note(self, text: impl Display) {
        if self.is_talkative() {
            let _ = writeln!(io::stderr().lock(), "{}", printable(&text.to_string()));
        }
    }

    /// Something that must be known.
    pub(crate) fn warn(self, text: impl Display) {
        let text = text.to_string();
        let line = if self.json {
            json!({ "warning": text }).to_string()
        } else {
            format!("warning: {}", printable(&text))
        };
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells the owner about wrong PINs that came before this success: perhaps they were somebody else's.
    pub(crate) fn pin_failures(self, failures: u8) {
        if failures > 0 {
            let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
            self.warn(format_args!(
                "a wrong PIN was entered {times} since the last success, or in oblivious mode a command was cut off; if that was not you, `smsign keys freeze` the key"
            ));
        }
    }

    /// Says what went wrong and what to do, and gives the exit code for it.
    pub(crate) fn fail(self, failure: &Failure) -> ExitCode {
        let (code, message) = (failure.code(), failure.to_string());
        let (next_step, exit_code) = match failure {
            Failure::Usage(_) => (None, USAGE),
            Failure::Client(error) => (error.next_step(), code_of(error.category())),
        };
        let mut err = io::stderr().lock();
        let _ = if self.json {
            let error =
                json!({"code": code, "message": message, "next_step": next_step, "exit_code": exit_code});
            writeln!(err, "{}", json!({ "error": error }))
        } else {
            let next_step = next_step.map(|text| format!("\n  {}", printable(&text))).unwrap_or_default();
            writeln!(err, "smsign: {}{next_step}", printable(&message))
        };
        ExitCode::from(exit_code)
    }
}

/// A path in a result. JSON has no form for names that are not UTF-8.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// File names and answers come from outside: control characters do not reach the terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(printable("a\u{1b}[2Jb\nc 签名"), "a\\u{1b}[2Jb\\nc 签名");
    }
}
