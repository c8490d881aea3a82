//! Backups of the database: made beside a running server, tried, and put back.
//!
//! The master key and the file of tombstones are not in a backup, and must not lie beside it: who has the first two has the
//! shares of all keys, and tombstones that are restored along with a database let revoked keys come back.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{
    config::Config,
    server::{Offline, StartError, lock},
};
use crate::{
    domain::{
        Error as DomainError,
        audit::Broken,
        ports::{Clock, Entropy},
    },
    signer::SealerError,
    store::{Access, OpenError},
};

/// Why a database is not whole, or a backup was not made or put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// It does not open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Something sealed in it.
    #[error(transparent)]
    Sealer(#[from] SealerError),
    /// Its audit log.
    #[error("the audit log is broken at record {}: {}", .0.seq, .0.why)]
    Audit(Broken),
    /// Storage.
    #[error("{0}")]
    Domain(#[from] DomainError),
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What was found in a database that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Sealed records, all of which open.
    pub sealed: usize,
    /// Records of the audit log, which hang together and are under their tree heads.
    pub records: u64,
}

impl Offline {
    /// Checks everything that a server needs of its database: pages and references, what is sealed, the audit log.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn check(&self, config: &Config) -> Result<Checked, BackupError> {
        self.store().check().await?;
        let sealed = self.sealer(config).await?.check().await?;
        let walked = self.operator.verify_audit(None).await?.map_err(BackupError::Audit)?;
        Ok(Checked { sealed, records: walked.end.size })
    }

    /// Writes a backup to a new file while a server may be running.
    ///
    /// # Errors
    /// [`BackupError`].
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        Ok(self.store().copy_to(to).await?)
    }
}

/// Tries a backup, and unless it is only tried puts it in the place of the database, which stays beside it under another name.
/// The revocations on record are applied to it. No server may be running.
///
/// # Errors
/// [`BackupError`]: nothing was put in its place. If the system fails while files are renamed, what was there is beside it
/// under its other name.
pub async fn restore(
    config: &Config,
    backup: &Path,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    only_try: bool,
) -> Result<Checked, BackupError> {
    let database = config.database.file().ok_or(OpenError::OnServer)?;
    let _lock = if only_try { None } else { Some(lock(database)?) };
    let now_ms = clock.now_ms();
    let staged = Staged::new(config, database, backup, only_try)?;
    // Nobody else has the copy.
    let offline = Offline::open(&staged.config, Access::Migrate, clock, entropy).await?;
    let checked = async {
        let checked = offline.check(&staged.config).await?;
        offline.store().mark_restored(now_ms).await?;
        Ok::<_, BackupError>(checked)
    };
    let checked = checked.await;
    offline.close().await;
    let checked = checked?;
    if !only_try {
        staged.put_in_place(database, now_ms)?;
    }
    Ok(checked)
}

/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// A copy of a backup beside the database; removed on drop.
struct Staged {
    config: Config,
    copy: PathBuf,
    tombstones: Option<PathBuf>,
}

impl Staged {
    fn new(config: &Config, database: &Path, backup: &Path, only_try: bool) -> Result<Self, BackupError> {
        let name = if only_try { "trying" } else { "restoring" };
        let mut staged =
            Self { config: config.clone(), copy: database.with_extension(name), tombstones: None };
        staged.config.database = staged.copy.clone().into();
        staged.remove();
        copy(backup, &staged.copy)?;
        if only_try {
            // What is tried leaves no trace in those that count.
            let tombstones = database.with_extension("tombstones-trying");
            drop(fs::remove_file(&tombstones));
            copy(&config.tombstones, &tombstones)?;
            staged.config.tombstones.clone_from(&tombstones);
            staged.tombstones = Some(tombstones);
        }
        Ok(staged)
    }

    fn put_in_place(&self, database: &Path, now_ms: u64) -> Result<(), BackupError> {
        for ending in BESIDE {
            let from = beside(database, ending);
            if from.exists() {
                rename(&from, &beside(&before(database, now_ms), ending))?;
            }
        }
        rename(&self.copy, database)
    }

    fn remove(&self) {
        for ending in BESIDE {
            drop(fs::remove_file(beside(&self.copy, ending)));
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.remove();
        if let Some(tombstones) = &self.tombstones {
            drop(fs::remove_file(tombstones));
        }
    }
}

/// What the database is called that a backup took the place of.
fn before(database: &Path, now_ms: u64) -> PathBuf {
    database.with_extension(format!("before-{now_ms}"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::File { path, error }
    };
    let mut input = File::open(from).map_err(at(from))?;
    let output = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let mut output = output.map_err(at(to))?;
    io::copy(&mut input, &mut output).map_err(at(to))?;
    output.sync_all().map_err(at(to))
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    let rename = || {
        fs::rename(from, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    rename().map_err(|error| BackupError::File { path: to.to_owned(), error })
}
