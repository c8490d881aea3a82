//! OpenSSL, which makes what others are to be judged by.

use std::process::Command;

use tempfile::TempDir;

/// A folder, and OpenSSL beside it.
pub(crate) struct OpenSsl(TempDir);

impl OpenSsl {
    /// `None`, said aloud, where there is no OpenSSL.
    pub(crate) fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: openssl is not installed");
            return None;
        }
        Some(Self(TempDir::new().unwrap()))
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// Runs `openssl` with words that spaces separate.
    pub(crate) fn run(&self, arguments: &str) {
        let words = arguments.split_whitespace();
        let output = Command::new("openssl").args(words).current_dir(self.0.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }
}
