//! Bids that fail among others that do not.

use std::path::Path;

use cosign_client::Error;
use serde::Serialize;

use crate::{
    context::Context,
    output::{Failure, Outcome, path_text},
};

/// Why a bid failed, in a report.
#[derive(Serialize)]
pub(super) struct Reason {
    code: String,
    pub(super) reason: String,
}

impl Reason {
    pub(super) fn of(failure: &Failure) -> Self {
        Self { code: failure.code().to_owned(), reason: failure.to_string() }
    }
}

/// A bid that failed, in a report.
#[derive(Serialize)]
pub(super) struct Failed {
    file: String,
    #[serde(flatten)]
    reason: Reason,
}

/// The failures of a command that goes on with the other bids: the first one is how it ends.
#[derive(Default)]
pub(super) struct Failures {
    first: Option<Failure>,
    failed: Vec<Failed>,
}

impl Failures {
    /// What came of a bid, or a note that nothing did.
    pub(super) fn take<T>(
        &mut self,
        context: &Context,
        path: &Path,
        outcome: Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(failure) => self.note(context, path, failure).map(|()| None),
        }
    }

    /// Notes a failure; an interrupt is one of the whole command. The first is told at the end, the others now.
    pub(super) fn note(&mut self, context: &Context, path: &Path, failure: Failure) -> Result<(), Failure> {
        if matches!(failure, Failure::Client(Error::Interrupted)) {
            return Err(failure);
        }
        if self.first.is_some() {
            context.output.warn(&failure);
        }
        self.failed.push(Failed { file: path_text(path), reason: Reason::of(&failure) });
        self.first.get_or_insert(failure);
        Ok(())
    }

    /// The bids that failed, for a report.
    pub(super) fn list(&mut self) -> Vec<Failed> {
        std::mem::take(&mut self.failed)
    }

    /// How the command ends if nothing failed, or how the first bid failed.
    pub(super) fn end(self, outcome: Outcome) -> Result<Outcome, Failure> {
        self.first.map_or(Ok(outcome), Err)
    }
}
