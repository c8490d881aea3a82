//! A way to the server in memory that fails as told.

use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use super::Model;
use crate::{
    client::{Exchange, Links},
    error::Error,
};

/// What becomes of one message and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never arrives.
    Lost,
    /// It arrives; the answer does not.
    Unanswered,
    /// The server is busy with it.
    Busy,
    /// The answer comes with its last byte changed.
    Changed,
    /// It arrives; the connection breaks before the answer, and the client lives on.
    Broken,
}

pub(crate) struct Link {
    pub(crate) model: RefCell<Model>,
    /// Messages until `fate` meets one.
    until: Cell<Option<usize>>,
    fate: Cell<Fate>,
    pub(crate) seen: RefCell<Vec<Vec<u8>>>,
}

impl Link {
    pub(crate) fn new(model: Model) -> Self {
        let (until, fate) = (Cell::new(None), Cell::new(Fate::Lost));
        Self { model: RefCell::new(model), until, fate, seen: RefCell::default() }
    }

    /// The message after so many meets this fate.
    pub(crate) fn meets(&self, after: usize, fate: Fate) {
        self.until.set(Some(after));
        self.fate.set(fate);
    }

    /// Every message of a refresh goes this way.
    pub(crate) const fn links(&self) -> Links<&Self> {
        Links { evaluate: self, first: self, confirm: self }
    }

    /// Messages so far.
    pub(crate) fn sent(&self) -> usize {
        self.seen.borrow().len()
    }
}

impl Exchange for &Link {
    fn exchange(&self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, Error> {
        (**self).exchange(frame, deadline)
    }
}

impl Exchange for Link {
    fn exchange(&self, frame: &[u8], _deadline: Instant) -> Result<Vec<u8>, Error> {
        self.seen.borrow_mut().push(frame.to_vec());
        let met = self.until.get() == Some(0);
        self.until.set(self.until.get().and_then(|left| left.checked_sub(1)));
        if met && self.fate.get() == Fate::Lost {
            return Err(Error::Interrupted);
        }
        if met && self.fate.get() == Fate::Busy {
            return Ok([&[1, frame[1], 0x0c, 0], &frame[24..40], &[0, 0]].concat());
        }
        let mut answer = self.model.borrow_mut().answer(frame);
        match self.fate.get() {
            Fate::Unanswered if met => Err(Error::Interrupted),
            Fate::Broken if met => Err(Error::NoAnswer),
            Fate::Changed if met => {
                *answer.last_mut().unwrap() ^= 2;
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }
}
