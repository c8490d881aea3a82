//! The login of the user of this device: what the server gave out, readable by the owner only.

use std::{fmt, io};

use zeroize::Zeroizing;

use super::{Store, atomic};
use crate::{address::ServerAddress, error::Error};

const FILE: &str = "login";

/// A login at a server.
pub struct Login {
    /// Where.
    pub server: ServerAddress,
    /// What proves it there; `None` after logging out.
    pub token: Option<Zeroizing<String>>,
    /// What proves that the user logged in here before, so that the next login need not prove the phone.
    pub terminal: Option<Zeroizing<String>>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Login at {}", self.server)
    }
}

impl Store {
    /// The login, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StorePermissions`], [`Error::StoreDamaged`].
    pub fn login(&self) -> Result<Option<Login>, Error> {
        let path = self.root().join(FILE);
        let content = match self.read_secret(&path) {
            Err(Error::Store { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content?,
        };
        let text = std::str::from_utf8(&content).ok();
        let secret = |line: &str| (!line.is_empty()).then(|| Zeroizing::new(line.to_owned()));
        let login = text.and_then(|text| {
            let (server, rest) = text.split_once('\n')?;
            let (token, terminal) = rest.split_once('\n')?;
            Some(Login { server: server.parse().ok()?, token: secret(token), terminal: secret(terminal) })
        });
        login.map(Some).ok_or(Error::StoreDamaged { path, what: "it names no server and token" })
    }

    /// Keeps a login, in the place of the one before.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StoreBusy`].
    pub fn set_login(&self, login: &Login) -> Result<(), Error> {
        let _lock = self.lock()?;
        let text = |secret: &Option<Zeroizing<String>>| secret.clone().unwrap_or_default();
        let (token, terminal) = (text(&login.token), text(&login.terminal));
        let content = Zeroizing::new(format!("{}\n{}\n{}", login.server, *token, *terminal));
        atomic::replace(self.root(), FILE, content.as_bytes())
            .map_err(|error| Error::store(self.root(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("home")).unwrap();
        assert!(store.login().unwrap().is_none());
        for (token, terminal) in [(Some("first"), None), (Some("second"), Some("here")), (None, Some("here"))]
        {
            let secret = |text: Option<&str>| text.map(|text| Zeroizing::new(text.to_owned()));
            let server = "localhost:7443".parse().unwrap();
            let login = Login { server, token: secret(token), terminal: secret(terminal) };
            let shown = format!("{login:?}");
            assert!(token.is_none_or(|token| !shown.contains(token)) && !shown.contains("here"));
            store.set_login(&login).unwrap();
            let found = store.login().unwrap().unwrap();
            assert_eq!(
                (found.server, found.token, found.terminal),
                (login.server, login.token, login.terminal)
            );
        }
        let path = store.root().join(FILE);
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(store.login(), Err(Error::StoreDamaged { .. })));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(matches!(store.login(), Err(Error::StorePermissions(_))));
        }
    }
}
