//! Where a PIN comes from: a file, the environment, or the terminal. Never an argument, which others can see.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
};

use cosign_client::{Error, files, pin};
use cosign_core::Pin;
use zeroize::Zeroizing;

use crate::output::{Failure, Output};

/// The variable.
const VARIABLE: &str = "SMSIGN_PIN";
/// Chances to type a PIN for a new key.
const TRIES: usize = 3;
/// No PIN file is longer.
const MAX_FILE: u64 = 256;

/// Gets PINs.
pub(crate) struct PinEntry {
    file: Option<PathBuf>,
    output: Output,
}

impl PinEntry {
    pub(crate) const fn new(file: Option<PathBuf>, output: Output) -> Self {
        Self { file, output }
    }

    /// The PIN of an existing key.
    pub(crate) fn existing(&self, key: &str) -> Result<Pin, Failure> {
        match self.given()? {
            Some(digits) => Ok(pin::existing(&digits)?),
            None => Ok(pin::existing(&prompt(&format!("PIN of key {key}: "))?)?),
        }
    }

    /// The PIN of a new key: typed twice, and not one that everybody has.
    pub(crate) fn new_pin(&self) -> Result<Pin, Failure> {
        if let Some(digits) = self.given()? {
            return Ok(pin::choose(&digits)?);
        }
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let digits = prompt("New PIN (6 to 32 digits): ")?;
            let complaint = match pin::choose(&digits) {
                Err(error) if tries == 0 => return Err(error.into()),
                Err(error) => error.to_string(),
                Ok(chosen) if *prompt("The same PIN again: ")? == *digits => return Ok(chosen),
                Ok(_) if tries == 0 => return Err(Failure::Usage("the two PINs differ".into())),
                Ok(_) => "the two PINs differ".to_owned(),
            };
            self.output.note(complaint);
        }
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        if let Some(file) = &self.file {
            return Ok(Some(self.read_file(file)?));
        }
        let variable = env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let text = variable.map(OsString::into_string).transpose();
        Ok(text.map_err(|_| Error::PinFormat)?.map(Zeroizing::new))
    }

    /// The first line, without its end.
    fn read_file(&self, path: &Path) -> Result<Zeroizing<String>, Failure> {
        let content = Zeroizing::new(files::read_small(path, MAX_FILE)?);
        #[cfg(unix)]
        if let Ok(metadata) = std::fs::metadata(path)
            && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
        {
            self.output.warn(format_args!("the PIN file {} is accessible to other users", path.display()));
        }
        let text = std::str::from_utf8(&content).map_err(|_| Error::PinFormat)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }
}

/// Asks at the terminal, without echo.
fn prompt(question: &str) -> Result<Zeroizing<String>, Failure> {
    match rpassword::prompt_password(question) {
        Ok(digits) => Ok(Zeroizing::new(digits)),
        Err(_) => Err(Failure::Usage(format!(
            "there is no terminal to ask for the PIN; use --pin-file or {VARIABLE}"
        ))),
    }
}

/// Asks a question at the terminal that only `yes` answers; `None` without a terminal.
pub(crate) fn confirm(question: &str) -> Option<bool> {
    if !io::IsTerminal::is_terminal(&io::stdin()) {
        return None;
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} Type yes: ").and_then(|()| err.flush()).ok()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).ok()?;
    Some(answer.trim() == "yes")
}
