//! Files out of a bid, into a folder that has its name only when all of them are there.
//!
//! Beside the target `DIR` stands `DIR.bid-part` meanwhile: the files, and a note of how far they are surely on the disk. An
//! opening that was cut off goes on from there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use cosign_client::{Error, files::check_free};
use envelope::bid::{Entry, Manifest};
use sm_primitives::sm3::Sm3;

use crate::{output::Failure, progress::Progress};

/// Bytes after which the files are made durable and the note is renewed.
const CHECKPOINT: u64 = 256 << 20;

/// Files in the making.
pub(super) struct Extraction {
    target: PathBuf,
    part: PathBuf,
    entries: Vec<Entry>,
    /// Which bid and which of its files.
    what: String,
    /// The file that is being written, by its place among the entries.
    current: Option<(usize, File)>,
    /// Everything of the entries before this place in the body is written.
    at: u64,
    noted: u64,
    progress: Progress,
}

impl Extraction {
    /// Begins with these files, which are in the order of their places, or goes on.
    pub(super) fn begin(
        manifest: &Manifest,
        entries: Vec<Entry>,
        target: &Path,
        resume: bool,
        progress: Progress,
    ) -> Result<Self, Failure> {
        check_free(target, false)?;
        let mut part = target.as_os_str().to_owned();
        part.push(".bid-part");
        let part = PathBuf::from(part);
        let names =
            entries.iter().fold(Sm3::new(), |names, entry| names.chain(entry.name().as_bytes()).chain(&[0]));
        let what = hex::encode(Sm3::new().chain(manifest.digest()).chain(&names.finalize()).finalize());
        let mut extraction =
            Self { target: target.to_owned(), part, entries, what, current: None, at: 0, noted: 0, progress };
        if fs::symlink_metadata(&extraction.part).is_ok() {
            if !resume {
                return Err(Failure::Usage(format!(
                    "{} is left from an opening that was cut off: --resume goes on with it, or remove it",
                    extraction.part.display()
                )));
            }
            extraction.at = extraction.read_note()?;
            extraction.at = extraction.there();
            extraction.noted = extraction.at;
        } else {
            let folder = extraction.part.clone();
            create_private(&folder).map_err(|error| Error::file(&folder, error))?;
            extraction.note()?;
        }
        // Files without content have no place that anything is written to.
        for entry in extraction.entries.iter().filter(|entry| entry.size() == 0) {
            let path = extraction.path(entry);
            create(&path).map_err(|error| Error::file(&path, error))?;
        }
        Ok(extraction)
    }

    /// The parts of the body that are still to come: files that follow each other are one.
    pub(super) fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.end() > self.at && entry.size() > 0) {
            let start = entry.offset().max(self.at);
            match ranges.last_mut() {
                Some(range) if range.end == start => range.end = entry.end(),
                _ => ranges.push(start..entry.end()),
            }
        }
        ranges
    }

    /// Writes a piece of the body, all of which belongs to files.
    pub(super) fn write(&mut self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let index = self.entries.partition_point(|entry| entry.end() <= at);
            let entry = self.entries.get(index).ok_or(io::ErrorKind::InvalidInput)?;
            let room = usize::try_from(entry.end() - at).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            if !matches!(self.current, Some((current, _)) if current == index) {
                let (path, written) = (self.path(entry), at - entry.offset());
                self.close()?;
                let mut file = create(&path)?;
                file.set_len(written)?;
                file.seek(SeekFrom::Start(written))?;
                self.current = Some((index, file));
            }
            if let Some((_, file)) = &mut self.current {
                file.write_all(now)?;
            }
            at += room as u64;
            self.at = at;
            bytes = later;
            if self.at - self.noted >= CHECKPOINT {
                self.checkpoint()?;
            }
            self.progress.advance(room as u64).map_err(|_| io::Error::other(crate::progress::Stopped))?;
        }
        Ok(())
    }

    /// Makes durable what is written.
    fn close(&mut self) -> io::Result<()> {
        if let Some((_, file)) = self.current.take() {
            file.sync_data()?;
        }
        Ok(())
    }

    /// Makes durable what is written, and notes it.
    pub(super) fn checkpoint(&mut self) -> io::Result<()> {
        if let Some((_, file)) = &self.current {
            file.sync_data()?;
        }
        self.noted = self.at;
        self.note_io()
    }

    /// Gives the files their names.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let files = self.part.join("files");
        self.close().map_err(|error| Error::file(&self.part, error))?;
        check_free(&self.target, false)?;
        fs::create_dir_all(&files)
            .and_then(|()| fs::rename(&files, &self.target))
            .and_then(|()| fs::remove_dir_all(&self.part))
            .map_err(|error| Error::file(&self.target, error).into())
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        // The name is a plain relative path: `Index` has no others.
        self.part.join("files").join(entry.name())
    }

    fn note(&self) -> Result<(), Failure> {
        Ok(self.note_io().map_err(|error| Error::file(&self.part, error))?)
    }

    fn note_io(&self) -> io::Result<()> {
        let (new, note) = (self.part.join("note.new"), self.part.join("note"));
        let mut file = File::create(&new)?;
        file.write_all(format!("{} {}\n", self.what, self.noted).as_bytes())?;
        file.sync_all()?;
        fs::rename(new, note)
    }

    /// The place up to which the files really are there: somebody may have removed one, or the disk lost its name.
    fn there(&self) -> u64 {
        let missing = |entry: &&Entry| {
            let noted = self.at.clamp(entry.offset(), entry.end()) - entry.offset();
            let len = fs::symlink_metadata(self.path(entry)).map_or(0, |file| file.len());
            len < noted
        };
        self.entries.iter().find(missing).map_or(self.at, Entry::offset)
    }

    fn read_note(&self) -> Result<u64, Failure> {
        let path = self.part.join("note");
        let note = fs::read_to_string(&path).map_err(|error| Error::file(&path, error))?;
        let at = note.trim_end().strip_prefix(&self.what).and_then(|at| at.trim_start().parse().ok());
        at.ok_or_else(|| {
            Failure::Usage(format!(
                "{} is left from another bid or other files; remove it",
                self.part.display()
            ))
        })
    }
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A file of its owner, with the folders above it; one that is there is written on.
fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
