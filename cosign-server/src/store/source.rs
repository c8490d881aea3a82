//! Where the database is.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;

/// Where the database is, as the configuration says it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A file of SQLite.
    File(PathBuf),
    /// `postgres://USER@HOST:PORT/NAME?sslmode=verify-full&sslrootcert=FILE`: a server that speaks PostgreSQL's protocol. A
    /// password is better given in `PGPASSFILE` or `PGPASSWORD`.
    Server(ServerUrl),
}

/// The address of a database server. It may hold a password, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// How to connect.
    pub(super) fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        self.0.parse()
    }
}

impl Source {
    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }

    /// Takes a path that is not absolute for one in `folder`.
    pub fn relative_to(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl FromStr for Source {
    type Err = sqlx::Error;

    fn from_str(text: &str) -> Result<Self, sqlx::Error> {
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Ok(Self::File(text.into()));
        }
        let url = ServerUrl(text.to_owned());
        url.options()?;
        Ok(Self::Server(url))
    }
}

impl TryFrom<String> for Source {
    type Error = sqlx::Error;

    fn try_from(text: String) -> Result<Self, sqlx::Error> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        match source {
            Source::File(path) => path.to_string_lossy().into_owned(),
            Source::Server(ServerUrl(url)) => url,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => match url.options() {
                Ok(options) => {
                    let name = options.get_database().unwrap_or_else(|| options.get_username());
                    write!(f, "{name} at {}:{}", options.get_host(), options.get_port())
                }
                Err(_) => f.write_str("a database server"),
            },
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_its_password_is_not_shown() {
        let text = "postgres://cosign:hunter2@db.example:6432/signing?sslmode=require";
        let source: Source = text.parse().unwrap();
        assert!(source.file().is_none());
        assert_eq!(source.to_string(), "signing at db.example:6432");
        assert!(!format!("{source:?}").contains("hunter2"));
        // Written out it is what it was.
        assert_eq!(String::from(source), text);
        assert!("postgres://db.example:port/signing".parse::<Source>().is_err());
    }

    #[test]
    fn anything_else_is_a_file() {
        let mut source: Source = "cosign.db".parse().unwrap();
        source.relative_to(Path::new("/data"));
        assert_eq!(source.file(), Some(Path::new("/data/cosign.db")));
        assert_eq!(source.to_string(), "/data/cosign.db");
    }
}
