//! The login of the user of this device: what the server gave out, readable by the owner only.

use std::{fmt, io};

use zeroize::Zeroizing;

use super::{Store, atomic};
use crate::{address::ServerAddress, error::Error};

const FILE: &str = "login";

/// A login at a server.
#[derive(Clone)]
pub struct Login {
    /// Where.
    pub server: ServerAddress,
    /// What proves it there.
    pub token: Zeroizing<String>,
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
        let parts = text.and_then(|text| text.split_once('\n'));
        let login = parts.and_then(|(server, token)| {
            Some(Login { server: server.parse().ok()?, token: Zeroizing::new(token.to_owned()) })
        });
        login.map(Some).ok_or(Error::StoreDamaged { path, what: "it names no server and token" })
    }

    /// Keeps a login, in the place of the one before.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StoreBusy`].
    pub fn set_login(&self, login: &Login) -> Result<(), Error> {
        let _lock = self.lock()?;
        let content = Zeroizing::new(format!("{}\n{}", login.server, *login.token));
        atomic::replace(self.root(), FILE, content.as_bytes())
            .map_err(|error| Error::store(self.root(), error))
    }

    /// Forgets the login.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StoreBusy`].
    pub fn forget_login(&self) -> Result<(), Error> {
        let _lock = self.lock()?;
        atomic::delete(self.root(), FILE).map_err(|error| Error::store(self.root(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("home")).unwrap();
        assert!(store.login().unwrap().is_none());
        for token in ["first", "second"] {
            let login = Login { server: "localhost:7443".parse().unwrap(), token: token.to_owned().into() };
            assert!(!format!("{login:?}").contains(token));
            store.set_login(&login).unwrap();
            let found = store.login().unwrap().unwrap();
            assert_eq!((found.server, found.token), (login.server, login.token));
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
        store.forget_login().unwrap();
        assert!(store.login().unwrap().is_none());
    }
}
