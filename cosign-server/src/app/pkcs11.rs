//! The master key in a security module: PKCS#11, named by a URI (RFC 7512, a part of it).
//!
//! `pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=file:FILE` or `...&pin-source=env:NAME`.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use thiserror::Error;

use crate::{signer::MasterKey, store::Access};

#[cfg(feature = "pkcs11")]
mod token;

/// Why a token's key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The URI says something that is not understood.
    #[error(
        "{0}; expected pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=file:FILE (or env:NAME)"
    )]
    Uri(String),
    /// The module or the token does not do it.
    #[error("{uri}: {what}")]
    Module {
        /// Which.
        uri: String,
        /// What it says.
        what: String,
    },
}

/// Where the PIN of a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinSource {
    /// The first line of a file, mode 0600.
    File(PathBuf),
    /// A variable.
    Environment(String),
}

/// A secret key on a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    /// Label of the token.
    pub token: String,
    /// Label of the key.
    pub object: String,
    /// The module, a shared library.
    pub module: PathBuf,
    /// Where the user PIN is.
    pub pin: PinSource,
}

impl FromStr for TokenUri {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let wrong = |what: &str| TokenError::Uri(format!("{text}: {what}"));
        let rest = text.strip_prefix("pkcs11:").ok_or_else(|| wrong("no PKCS#11 URI"))?;
        let (path, query) = rest.split_once('?').ok_or_else(|| wrong("no module-path"))?;
        let mut values = BTreeMap::new();
        for part in path.split(';').chain(query.split('&')) {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a part without `=`"))?;
            let value = decode(value).ok_or_else(|| wrong("a malformed % sequence"))?;
            if !["token", "object", "type", "module-path", "pin-source"].contains(&name) {
                return Err(wrong(&format!("`{name}` is not supported")));
            }
            if values.insert(name, value).is_some() {
                return Err(wrong(&format!("`{name}` stands twice")));
            }
        }
        if values.remove("type").is_some_and(|kind| kind != "secret-key") {
            return Err(wrong("a master key has type=secret-key"));
        }
        let mut take = |name: &str| values.remove(name).ok_or_else(|| wrong(&format!("no {name}")));
        let pin = take("pin-source")?;
        let pin = match (pin.strip_prefix("file:"), pin.strip_prefix("env:")) {
            (Some(path), _) => PinSource::File(path.into()),
            (_, Some(name)) => PinSource::Environment(name.to_owned()),
            _ => return Err(wrong("pin-source is neither file: nor env:")),
        };
        Ok(Self { token: take("token")?, object: take("object")?, module: take("module-path")?.into(), pin })
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (token, object) = (encode(&self.token), encode(&self.object));
        let module = encode(&self.module.display().to_string());
        let (kind, pin) = match &self.pin {
            PinSource::File(path) => ("file", path.display().to_string()),
            PinSource::Environment(name) => ("env", name.clone()),
        };
        let pin = encode(&pin);
        write!(f, "pkcs11:token={token};object={object}?module-path={module}&pin-source={kind}:{pin}")
    }
}

impl TokenUri {
    pub(super) fn relative_to(&mut self, folder: &Path) {
        self.module = folder.join(&self.module);
        if let PinSource::File(path) = &mut self.pin {
            *path = folder.join(&*path);
        }
    }

    #[cfg(feature = "pkcs11")]
    pub(super) fn open(&self, access: Access) -> Result<Box<dyn MasterKey>, TokenError> {
        Ok(Box::new(token::TokenKey::open(self, access)?))
    }

    #[cfg(not(feature = "pkcs11"))]
    pub(super) fn open(&self, _access: Access) -> Result<Box<dyn MasterKey>, TokenError> {
        let what = "this program was built without PKCS#11 (feature `pkcs11`)".to_owned();
        Err(TokenError::Module { uri: self.to_string(), what })
    }
}

fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_read_and_written() {
        let text = "pkcs11:token=my%20token;object=a%3Bb?module-path=/m.so&pin-source=file:/p%26q";
        let uri: TokenUri = text.parse().unwrap();
        assert_eq!((uri.token.as_str(), uri.object.as_str()), ("my token", "a;b"));
        assert_eq!(uri.pin, PinSource::File("/p&q".into()));
        assert_eq!(uri.to_string(), text);
        let typed = "pkcs11:type=secret-key;object=o;token=t?pin-source=env:P&module-path=m.so";
        let mut typed: TokenUri = typed.parse().unwrap();
        typed.relative_to(Path::new("/data"));
        assert_eq!(typed.module, Path::new("/data/m.so"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "pkcs11:token=t;object=o",
            "pkcs11:token=t?module-path=m&pin-source=env:P",
            "pkcs11:token=t;object=o?module-path=m&pin-source=|cmd",
            "pkcs11:token=t;object=o?module-path=m&pin-value=1234",
            "pkcs11:token=t;token=u;object=o?module-path=m&pin-source=env:P",
            "pkcs11:token=t%2;object=o?module-path=m&pin-source=env:P",
            "pkcs11:type=private;token=t;object=o?module-path=m&pin-source=env:P",
        ] {
            assert!(text.parse::<TokenUri>().is_err(), "{text}");
        }
    }
}
