//! A bar where a user would wait, on a terminal only.

use std::io::{self, IsTerminal, Read, Seek, SeekFrom};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cosign_client::Error;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::output::Output;

/// Progress, and whether to go on. Cheap to clone; the bar goes with the last clone.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Bytes,
    Items,
}

impl Progress {
    pub(crate) fn new(
        output: Output,
        stop: Arc<AtomicBool>,
        task: &'static str,
        unit: Unit,
        total: u64,
    ) -> Self {
        let visible = output.is_talkative() && io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_finish(ProgressFinish::AndClear);
        let template = match unit {
            Unit::Bytes => "{prefix:11} [{bar:24}] {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta}",
            Unit::Items => "{prefix:11} [{bar:24}] {pos}/{len}  {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(task);
        Self { bar, stop }
    }

    /// Counts, unless the user has had enough.
    pub(crate) fn advance(&self, amount: u64) -> Result<(), Error> {
        self.bar.inc(amount);
        if self.stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// A reader that counts what goes through it.
    pub(crate) fn reader<R: Read>(&self, input: R) -> CountingReader<R> {
        CountingReader { input, progress: self.clone() }
    }
}

pub(crate) struct CountingReader<R> {
    input: R,
    progress: Progress,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        // An `Interrupted` error would only be tried again.
        self.progress.advance(length as u64).map_err(|_| io::Error::other(Stopped))?;
        Ok(length)
    }
}

impl<R: Seek> Seek for CountingReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}

/// The user asked to stop while a file was read.
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}
