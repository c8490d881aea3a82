//! Where the master key comes from: a file, the environment, or a security module.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    files::{FileError, open_or_make_master_key, read_master_key},
    pkcs11::{TokenError, TokenUri},
};
use crate::{
    domain::ports::Entropy,
    signer::{MasterKey, SoftwareKey},
    store::Access,
};

/// Why there is no master key.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// Its file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its variable.
    #[error("environment variable {name}: {what}")]
    Environment {
        /// Which.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its security module.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Where the master key is, as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MasterKeySource {
    /// `file:PATH`, or a path alone: 32 bytes, mode 0600.
    File(PathBuf),
    /// `env:NAME`: 64 hexadecimal digits in the environment. They stay there for the life of the process, where root and
    /// the same user can read them.
    Environment(String),
    /// `pkcs11:...`: an AES key that never leaves its token.
    Token(TokenUri),
}

impl FromStr for MasterKeySource {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        Ok(if text.starts_with("pkcs11:") {
            Self::Token(text.parse()?)
        } else if let Some(name) = text.strip_prefix("env:") {
            Self::Environment(name.to_owned())
        } else {
            let Ok(path) =
                PathBuf::from_str(text.strip_prefix("file:").unwrap_or(text)) as Result<_, Infallible>;
            Self::File(path)
        })
    }
}

impl TryFrom<String> for MasterKeySource {
    type Error = TokenError;

    fn try_from(text: String) -> Result<Self, TokenError> {
        text.parse()
    }
}

impl fmt::Display for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Token(uri) => write!(f, "{uri}"),
        }
    }
}

impl From<MasterKeySource> for String {
    fn from(source: MasterKeySource) -> Self {
        source.to_string()
    }
}

impl MasterKeySource {
    /// Paths in it are relative to this folder.
    pub(super) fn relative_to(&mut self, folder: &Path) {
        match self {
            Self::File(path) => *path = folder.join(&*path),
            Self::Environment(_) => {}
            Self::Token(uri) => uri.relative_to(folder),
        }
    }

    /// Opens the master key. With [`Access::Create`] a file or a token's key is made if it is not there.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn open(&self, access: Access, entropy: &dyn Entropy) -> Result<Box<dyn MasterKey>, MasterKeyError> {
        Ok(match self {
            Self::File(path) => Box::new(match access {
                Access::Create => open_or_make_master_key(path, entropy)?,
                _ => read_master_key(path)?,
            }),
            Self::Environment(name) => Box::new(from_environment(name)?),
            Self::Token(uri) => uri.open(access)?,
        })
    }
}

fn from_environment(name: &str) -> Result<SoftwareKey, MasterKeyError> {
    let wrong = |what| MasterKeyError::Environment { name: name.to_owned(), what };
    let text = std::env::var(name)
        .map_err(|_| wrong("not set; it holds the master key as 64 hexadecimal digits"))?;
    let text = Zeroizing::new(text);
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut())
        .map_err(|_| wrong("a master key has 64 hexadecimal digits"))?;
    Ok(SoftwareKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::OsEntropy;

    #[test]
    fn a_path_alone_is_a_file() {
        let mut source: MasterKeySource = "master.key".parse().unwrap();
        assert_eq!(source, "file:master.key".parse().unwrap());
        source.relative_to(Path::new("/data"));
        assert_eq!(source.to_string(), "/data/master.key");
        assert_eq!("env:KEY".parse(), Ok(MasterKeySource::Environment("KEY".to_owned())));
        for text in ["env:KEY", "/a/b", "pkcs11:token=t;object=o?module-path=/m.so&pin-source=env:PIN"] {
            assert_eq!(text.parse::<MasterKeySource>().unwrap().to_string(), text);
        }
        assert!("pkcs11:token=t".parse::<MasterKeySource>().is_err());
    }

    #[test]
    fn a_variable_that_is_not_set_or_no_key_is_named() {
        let missing = MasterKeySource::Environment("COSIGN_TEST_NO_SUCH_KEY".to_owned());
        let error = missing.open(Access::Existing, &OsEntropy).map(drop).unwrap_err();
        assert!(error.to_string().contains("COSIGN_TEST_NO_SUCH_KEY"), "{error}");
        let no_key = MasterKeySource::Environment("PATH".to_owned());
        let error = no_key.open(Access::Create, &OsEntropy).map(drop).unwrap_err();
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    }
}
