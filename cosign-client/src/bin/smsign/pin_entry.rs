//! Where a PIN or a password comes from: a file, the environment, or the terminal. Never an argument, which others can see.

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

/// Where the PIN of a key may be given, and where the new one of a change.
const CURRENT: Variable = Variable { what: "PIN", name: "SMSIGN_PIN", option: "--pin-file" };
const NEW: Variable = Variable { what: "PIN", name: "SMSIGN_NEW_PIN", option: "--new-pin-file" };
/// Where the password of key files may be given.
const PASSWORD: Variable =
    Variable { what: "password", name: "SMSIGN_KEY_PASSWORD", option: "--password-file" };
/// Where the password of a login may be given.
const LOGIN: Variable =
    Variable { what: "password", name: "SMSIGN_LOGIN_PASSWORD", option: "--password-file" };
/// Chances to type a PIN for a new key.
const TRIES: usize = 3;
/// No file of a PIN or a password is longer.
const MAX_FILE: u64 = 1024;

#[derive(Clone, Copy)]
struct Variable {
    what: &'static str,
    name: &'static str,
    /// What names a file instead.
    option: &'static str,
}

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
        self.once(CURRENT, self.file.as_deref(), &format!("PIN of key {key}: "))
    }

    /// The PIN that a key was to have when its change was cut off.
    pub(crate) fn unconfirmed(&self, key: &str) -> Result<Pin, Failure> {
        self.once(CURRENT, self.file.as_deref(), &unconfirmed_question(key))
    }

    /// The PIN that was chosen for a key whose arrival was cut off.
    pub(crate) fn arriving(&self, key: &str) -> Result<Pin, Failure> {
        let question = format!("The arrival of key {key} was cut off.\nPIN that was chosen for it then: ");
        self.once(CURRENT, self.file.as_deref(), &question)
    }

    /// The same, given again as the new PIN of a change.
    pub(crate) fn unconfirmed_again(&self, key: &str, file: Option<&Path>) -> Result<Pin, Failure> {
        self.once(NEW, file, &unconfirmed_question(key))
    }

    fn once(&self, variable: Variable, file: Option<&Path>, question: &str) -> Result<Pin, Failure> {
        Ok(pin::existing(&match self.given(variable, file)? {
            Some(digits) => digits,
            None => prompt(question, variable)?,
        })?)
    }

    /// The PIN of a new key: typed twice, and not one that everybody has.
    pub(crate) fn new_pin(&self) -> Result<Pin, Failure> {
        self.chosen(CURRENT, self.file.as_deref())
    }

    /// The PIN that takes the place of another, alike.
    pub(crate) fn changed_pin(&self, file: Option<&Path>) -> Result<Pin, Failure> {
        self.chosen(NEW, file)
    }

    fn chosen(&self, variable: Variable, file: Option<&Path>) -> Result<Pin, Failure> {
        if let Some(digits) = self.given(variable, file)? {
            return Ok(pin::choose(&digits)?);
        }
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let digits = prompt("New PIN (6 to 32 digits): ", variable)?;
            let complaint = match pin::choose(&digits) {
                Err(error) if tries == 0 => return Err(error.into()),
                Err(error) => error.to_string(),
                Ok(chosen) if *prompt("The same PIN again: ", variable)? == *digits => return Ok(chosen),
                Ok(_) if tries == 0 => return Err(Failure::Usage("the two PINs differ".into())),
                Ok(_) => "the two PINs differ".to_owned(),
            };
            self.output.note(complaint);
        }
    }

    fn given(&self, variable: Variable, file: Option<&Path>) -> Result<Option<Zeroizing<String>>, Failure> {
        if let Some(file) = file {
            return Ok(Some(read_file(file, variable, self.output)?.ok_or(Error::PinFormat)?));
        }
        let value = env::var_os(variable.name).filter(|value| !value.is_empty());
        let text = value.map(OsString::into_string).transpose();
        Ok(text.map_err(|_| Error::PinFormat)?.map(Zeroizing::new))
    }
}

/// Gets passwords, of key files and of logins.
pub(crate) struct PasswordEntry {
    file: Option<PathBuf>,
    output: Output,
}

impl PasswordEntry {
    pub(crate) const fn new(file: Option<PathBuf>, output: Output) -> Self {
        Self { file, output }
    }

    /// Opens the key file at `path` with a password. One that was given is tried once and may be empty, as some files want
    /// it; at the terminal there are several tries.
    pub(crate) fn open<T>(
        &self,
        path: &Path,
        mut open: impl FnMut(&str) -> Result<T, pki::Error>,
    ) -> Result<T, Failure> {
        let bad = |what: &dyn ToString| Error::BadFile { path: path.to_owned(), what: what.to_string() };
        if let Some(password) = self.given(PASSWORD)? {
            return Ok(open(&password).map_err(|error| bad(&error))?);
        }
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let password = prompt(&format!("Password of {}: ", path.display()), PASSWORD)?;
            match open(&password) {
                Err(pki::Error::Password) if tries > 0 => self.output.note(pki::Error::Password),
                outcome => return Ok(outcome.map_err(|error| bad(&error))?),
            }
        }
    }

    /// The password of a login.
    pub(crate) fn of_login(&self) -> Result<Zeroizing<String>, Failure> {
        self.given(LOGIN)?.map_or_else(|| prompt("Password: ", LOGIN), Ok)
    }

    fn given(&self, variable: Variable) -> Result<Option<Zeroizing<String>>, Failure> {
        let not_text = || Failure::Usage("the password is not text in UTF-8".into());
        if let Some(file) = &self.file {
            return read_file(file, variable, self.output)?.map(Some).ok_or_else(not_text);
        }
        let text = env::var_os(variable.name).map(OsString::into_string).transpose();
        Ok(text.map_err(|_| not_text())?.map(Zeroizing::new))
    }
}

/// The content without the end of its line; `None` if it is not text.
fn read_file(path: &Path, variable: Variable, output: Output) -> Result<Option<Zeroizing<String>>, Failure> {
    let content = Zeroizing::new(files::read_small(path, MAX_FILE)?);
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
    {
        let what = variable.what;
        output.warn(format_args!("the {what} file {} is accessible to other users", path.display()));
    }
    let Ok(text) = std::str::from_utf8(&content) else { return Ok(None) };
    let line = text.strip_suffix('\n').unwrap_or(text);
    Ok(Some(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned())))
}

fn unconfirmed_question(key: &str) -> String {
    format!("A PIN change or refresh of key {key} was cut off.\nPIN that the key was to have then: ")
}

/// Asks at the terminal, without echo.
fn prompt(question: &str, variable: Variable) -> Result<Zeroizing<String>, Failure> {
    match rpassword::prompt_password(question) {
        Ok(digits) => Ok(Zeroizing::new(digits)),
        Err(_) => Err(Failure::Usage(format!(
            "there is no terminal to ask for the {}; use {} or {}",
            variable.what, variable.option, variable.name
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
