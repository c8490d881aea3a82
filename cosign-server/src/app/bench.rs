//! `bench`: what this machine carries, measured in a few seconds with things that are thrown away.

mod commits;
mod compute;

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    num::NonZeroUsize,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use thiserror::Error;

use super::{config::Config, server::Offline};
use crate::{
    domain::{
        Error as DomainError,
        ports::{Clock, Entropy, Store as _, StoreError, Unit},
    },
    store::{Access, OpenError},
};

/// What the writer puts into one transaction at most, and so many units wait for it here.
const GROUP: usize = 256;
/// Writes or empty commits that are timed.
const TIMED: usize = 400;
/// Bytes of a write.
const BLOCK: usize = 4096;

/// Why nothing was measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The scratch folder or file.
    #[error("{path}: {error}; the folder of the database must be writable and have room for a few MiB")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A commit.
    #[error("a commit failed: {0:?}; is the disk full, does the database server answer?")]
    Store(StoreError),
    /// Chance, or the computing threads.
    #[error("{0}")]
    Domain(#[from] DomainError),
}

impl From<StoreError> for BenchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// How long something takes, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Half of all are as fast.
    pub p50_us: u64,
    /// All but one in a hundred are.
    pub p99_us: u64,
    /// How many were timed.
    pub timed: usize,
}

/// Where commits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// Into a file.
    File {
        /// 4 KiB at the end of a file, until they are on the disk.
        fdatasync: Latency,
        /// Units of signatures that are durable, a second.
        per_s: u64,
    },
    /// To a database server.
    Server {
        /// An empty transaction, there and back.
        empty: Latency,
    },
}

/// What stops the machine from carrying more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bottleneck {
    /// The computing threads.
    Computation,
    /// The disk: most of the time of a commit is `fdatasync`.
    Disk,
    /// The one writer: most of the time of a commit goes to its rows.
    Writer,
    /// The way to the database server and back.
    Server,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Computing threads.
    pub threads: usize,
    /// Co-signatures that they compute together, a second.
    pub computed_per_s: u64,
    /// Commits.
    pub commits: Commits,
}

impl Measured {
    /// Co-signatures a second that the machine will carry at most.
    #[must_use]
    pub fn carries_per_s(&self) -> u64 {
        self.computed_per_s.min(self.committed_per_s())
    }

    /// What keeps it from more.
    #[must_use]
    pub fn bottleneck(&self) -> Bottleneck {
        if self.computed_per_s <= self.committed_per_s() {
            return Bottleneck::Computation;
        }
        match self.commits {
            Commits::Server { .. } => Bottleneck::Server,
            // One synchronisation for a group.
            Commits::File { fdatasync, per_s }
                if 2 * fdatasync.p50_us * per_s >= GROUP as u64 * 1_000_000 =>
            {
                Bottleneck::Disk
            }
            Commits::File { .. } => Bottleneck::Writer,
        }
    }

    const fn committed_per_s(&self) -> u64 {
        match self.commits {
            Commits::File { per_s, .. } => per_s,
            Commits::Server { empty: Latency { p50_us: 0, .. } } => u64::MAX,
            Commits::Server { empty } => GROUP as u64 * 1_000_000 / empty.p50_us,
        }
    }
}

/// Measures each thing for about so long. The database of the configuration is left alone: files are in a folder beside it that
/// is removed, and of a database server nothing but empty transactions is asked.
///
/// # Errors
/// [`BenchError`].
pub async fn bench(
    config: &Config,
    each: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Measured, BenchError> {
    let each_ns = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX);
    let threads = NonZeroUsize::new(config.signer.threads).or_else(|| available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    let (timer, chance) = (Arc::clone(&clock), Arc::clone(&entropy));
    let computed = blocking(move || compute::measure(threads, each_ns, &*timer, &chance)).await??;
    let commits = match config.database.file() {
        Some(database) => {
            let scratch = Scratch::beside(database, &*entropy)?;
            let (file, timer) = (scratch.0.join("blocks"), Arc::clone(&clock));
            let fdatasync = blocking(move || synchronise(&file, each_ns, &*timer)).await??;
            Commits::File { fdatasync, per_s: commits::measure(&scratch.0, each_ns, &*clock).await? }
        }
        None => Commits::Server { empty: empty(config, each_ns, clock, entropy).await? },
    };
    Ok(Measured { threads, computed_per_s: computed, commits })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DomainError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| DomainError::Internal)
}

/// How long it takes until what was written is on the disk.
fn synchronise(path: &Path, each_ns: u64, clock: &dyn Clock) -> Result<Latency, BenchError> {
    let failed = |error| BenchError::File { path: path.to_owned(), error };
    let mut file = File::create_new(path).map_err(failed)?;
    let begun_ns = clock.monotonic_ns();
    let mut times_ns = Vec::with_capacity(TIMED);
    while times_ns.len() < TIMED {
        let before_ns = clock.monotonic_ns();
        file.write_all(&[0xa5; BLOCK]).and_then(|()| file.sync_data()).map_err(failed)?;
        let after_ns = clock.monotonic_ns();
        times_ns.push(after_ns.saturating_sub(before_ns));
        if after_ns.saturating_sub(begun_ns) > each_ns {
            break;
        }
    }
    Ok(latency(times_ns))
}

/// How long a transaction without anything in it takes at a database server.
async fn empty(
    config: &Config,
    each_ns: u64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Latency, BenchError> {
    let offline = Offline::open(config, Access::Existing, Arc::clone(&clock), entropy).await?;
    let begun_ns = clock.monotonic_ns();
    let mut times_ns = Vec::with_capacity(TIMED);
    let mut outcome = Ok(());
    while outcome.is_ok()
        && times_ns.len() < TIMED
        && clock.monotonic_ns().saturating_sub(begun_ns) <= each_ns
    {
        let before_ns = clock.monotonic_ns();
        outcome = offline.store().commit(Unit::default()).await;
        times_ns.push(clock.monotonic_ns().saturating_sub(before_ns));
    }
    offline.close().await;
    outcome?;
    Ok(latency(times_ns))
}

fn latency(mut times_ns: Vec<u64>) -> Latency {
    times_ns.sort_unstable();
    let timed = times_ns.len();
    let at = |percent: usize| {
        let index = (timed * percent).div_ceil(100).saturating_sub(1);
        times_ns.get(index).map_or(0, |ns| ns.div_ceil(1000))
    };
    Latency { p50_us: at(50), p99_us: at(99), timed }
}

/// A rate, from what was done in how long.
fn per_s(done: u64, elapsed_ns: u64) -> u64 {
    let rate = u128::from(done) * 1_000_000_000 / u128::from(elapsed_ns.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A folder that is removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(database: &Path, entropy: &dyn Entropy) -> Result<Self, BenchError> {
        let mut name = [0; 8];
        entropy.fill(&mut name)?;
        let path = database.with_file_name(format!("cosign-bench-{}", hex::encode(name)));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| BenchError::File { path: path.clone(), error })?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the scratch folder is left behind; remove it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_slowest_is_named() {
        let fdatasync = |p50_us| Latency { p50_us, p99_us: 9000, timed: 100 };
        let file = |computed_per_s, p50_us, per_s| Measured {
            threads: 2,
            computed_per_s,
            commits: Commits::File { fdatasync: fdatasync(p50_us), per_s },
        };
        let judged = |measured: Measured| (measured.carries_per_s(), measured.bottleneck());
        assert_eq!(judged(file(1000, 100, 1000)), (1000, Bottleneck::Computation));
        // A group takes 256 ms, of which half and less than half are the disk's.
        assert_eq!(judged(file(1001, 128_000, 1000)), (1000, Bottleneck::Disk));
        assert_eq!(judged(file(1001, 127_999, 1000)), (1000, Bottleneck::Writer));
        let server = |p50_us| Measured {
            threads: 2,
            computed_per_s: 10_000,
            commits: Commits::Server { empty: fdatasync(p50_us) },
        };
        assert_eq!(judged(server(256_000)), (1000, Bottleneck::Server));
        assert_eq!(judged(server(0)), (10_000, Bottleneck::Computation));
    }

    #[test]
    fn percentiles_are_of_what_was_timed() {
        let times = (1..=200).rev().map(|us| us * 1000).collect();
        assert_eq!(latency(times), Latency { p50_us: 100, p99_us: 198, timed: 200 });
        assert_eq!(latency(vec![1]), Latency { p50_us: 1, p99_us: 1, timed: 1 });
        assert_eq!(latency(Vec::new()), Latency { p50_us: 0, p99_us: 0, timed: 0 });
        assert_eq!((per_s(10, 2_000_000_000), per_s(1, 0)), (5, 1_000_000_000));
    }
}
