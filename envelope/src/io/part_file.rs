//! A file that exists under its name only when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes to a temporary file beside the target. [`PartFile::keep`] gives it its name; dropped before, it is removed.
///
/// So a decryption that fails halfway leaves nothing behind that could be taken for the plaintext, and an earlier file
/// of that name stays as it is until the new one is whole.
#[derive(Debug)]
pub struct PartFile {
    file: File,
    part: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl PartFile {
    /// Begins the file `target` with the access rights that new files get.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written; `target` has no file name.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::begin(target, OpenOptions::new().write(true).create_new(true))
    }

    /// Begins the file `target`, readable by its owner alone (on Unix).
    ///
    /// # Errors
    /// As [`PartFile::create`].
    pub fn create_private(target: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::begin(target, &options)
    }

    fn begin(target: &Path, options: &OpenOptions) -> io::Result<Self> {
        // Unique among the part files of this process; the process number makes it so among processes.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        if target.file_name().is_none() {
            return Err(ErrorKind::InvalidInput.into());
        }
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            // Without the name of the target: with it, long names would become too long.
            let part = target.with_file_name(format!(".envelope-{}-{number}.part", std::process::id()));
            match options.open(&part) {
                Ok(file) => return Ok(Self { file, part, target: target.to_path_buf(), kept: false }),
                // Left over from a crash of a process with the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the content durable and gives the file its name, replacing an earlier file of that name.
    ///
    /// # Errors
    /// Writing or renaming failed; the temporary file is removed.
    pub fn keep(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.target)?;
        self.kept = true;
        Ok(())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nobody is left to tell; the name says what it is.
            let _ = fs::remove_file(&self.part);
        }
    }
}
