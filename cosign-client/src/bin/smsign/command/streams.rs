//! Files by name, and `-` for standard input and output.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use cosign_client::{
    Error,
    files::{Access, NewFile, check_free},
};

use crate::{output::Failure, progress::Progress};

/// Whether a path means standard input or output.
pub(super) fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where a result goes if nobody says it: to the file of that name with `extension` behind it, from a pipe to a pipe.
pub(super) fn beside(file: &Path, extension: &str) -> PathBuf {
    if is_pipe(file) {
        return file.to_owned();
    }
    let mut name = file.as_os_str().to_owned();
    name.push(extension);
    name.into()
}

/// An input that can be read twice, and its length in bytes. What is not a file is first copied to a temporary one that
/// has no name and is gone with the process.
pub(super) fn open(path: &Path) -> Result<(File, u64), Failure> {
    let failed = |error| Failure::from(Error::file(path, error));
    if is_pipe(path) {
        return spool(&mut io::stdin().lock()).map_err(failed);
    }
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::Usage(format!("{} is a folder", path.display())));
    }
    if metadata.is_file() { Ok((file, metadata.len())) } else { spool(&mut file).map_err(failed) }
}

fn spool(input: &mut impl Read) -> io::Result<(File, u64)> {
    let mut file = tempfile::tempfile()?;
    let length = io::copy(input, &mut file)?;
    file.rewind()?;
    Ok((file, length))
}

/// Where a result goes.
#[derive(Clone)]
pub(super) struct Target {
    path: PathBuf,
    force: bool,
}

impl Target {
    /// Refuses a file that exists, unless it shall be replaced.
    pub(super) fn new(path: PathBuf, force: bool, json: bool) -> Result<Self, Failure> {
        if is_pipe(&path) {
            if json {
                return Err(Failure::Usage("--json and --out - would both write to standard output".into()));
            }
        } else {
            check_free(&path, force)?;
        }
        Ok(Self { path, force })
    }

    pub(super) fn is_pipe(&self) -> bool {
        is_pipe(&self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn create(&self, access: Access) -> Result<Sink, Failure> {
        if self.is_pipe() {
            return Ok(Sink::Pipe(io::stdout()));
        }
        Ok(Sink::File(NewFile::create(&self.path, self.force, access)?))
    }
}

/// An output in the making.
pub(super) enum Sink {
    File(NewFile),
    Pipe(io::Stdout),
}

impl Sink {
    /// Gives a file its name, unless the user has had enough.
    pub(super) fn commit(self, progress: &Progress) -> Result<(), Failure> {
        progress.advance(0)?;
        match self {
            Self::File(file) => {
                file.sync()?;
                Ok(file.commit()?)
            }
            Self::Pipe(mut pipe) => {
                Ok(pipe.flush().map_err(|error| Error::file("standard output", error))?)
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Pipe(pipe) => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Pipe(pipe) => pipe.flush(),
        }
    }
}
