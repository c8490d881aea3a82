//! Read, compute, write: the three at once, in order, with one chunk of memory for each thread.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use zeroize::Zeroizing;

use crate::bid::{HEAD_LEN, OVERHEAD};

/// A chunk on its way: head, text, tag.
#[derive(Default)]
pub(super) struct Cell {
    bytes: Zeroizing<Vec<u8>>,
    text_len: usize,
    pub(super) index: u64,
    pub(super) last: bool,
    pub(super) digest: Option<[u8; 32]>,
}

impl Cell {
    /// Makes room for a text of this length, with what was there before.
    pub(super) fn prepare(&mut self, text_len: usize) -> &mut [u8] {
        if self.bytes.len() < text_len + OVERHEAD {
            self.bytes = Zeroizing::new(vec![0; text_len + OVERHEAD]);
        }
        self.set_len(text_len);
        self.chunk_mut()
    }

    /// Says how much of the room is used.
    pub(super) fn set_len(&mut self, text_len: usize) {
        self.text_len = text_len;
    }

    /// The whole chunk.
    pub(super) fn chunk(&self) -> &[u8] {
        self.bytes.get(..self.text_len + OVERHEAD).unwrap_or_default()
    }

    pub(super) fn chunk_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.text_len + OVERHEAD).unwrap_or_default()
    }

    /// The text, which is plaintext or not.
    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(HEAD_LEN..HEAD_LEN + self.text_len).unwrap_or_default()
    }

    pub(super) fn text_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(HEAD_LEN..HEAD_LEN + self.text_len).unwrap_or_default()
    }
}

/// What reads, and the number of the next chunk; none if no more are to be read.
struct Input<F> {
    fill: F,
    next: Option<u64>,
}

/// What writes, and the number of the chunk whose turn it is.
struct Output<D, E> {
    drain: D,
    turn: u64,
    ending: Result<(), E>,
    /// A thread panicked: nobody's turn comes any more.
    aborted: bool,
}

/// Runs up to `most` chunks through `fill` (false: there is no more), `work` and `drain`, in order, the first and the last one
/// at a time. An error is that of the earliest chunk that has one, and comes when all before it have been drained.
///
/// Each thread takes a chunk all the way, so that it stays in the caches of one core.
pub(super) fn run<E: Send>(
    most: u64,
    fill: impl FnMut(&mut Cell) -> Result<bool, E> + Send,
    work: impl Fn(&mut Cell) -> Result<(), E> + Sync,
    drain: impl FnMut(&mut Cell) -> Result<(), E> + Send,
) -> Result<(), E> {
    let input = Mutex::new(Input { fill, next: Some(0) });
    let output = Mutex::new(Output { drain, turn: 0, ending: Ok(()), aborted: false });
    let turned = Condvar::new();
    let worker = || {
        let mut cell = Cell::default();
        let abort = OnPanic(|| {
            lock(&output).aborted = true;
            turned.notify_all();
        });
        loop {
            let mut reading = lock(&input);
            let Some(number) = reading.next.take() else { break };
            let filled = (reading.fill)(&mut cell);
            if matches!(filled, Ok(true)) {
                reading.next = Some(number + 1);
            }
            drop(reading);
            let good = match filled {
                Ok(false) => break,
                Ok(true) => work(&mut cell),
                Err(error) => Err(error),
            };
            let mut writing = lock(&output);
            while writing.turn != number && !writing.aborted {
                writing = turned.wait(writing).unwrap_or_else(PoisonError::into_inner);
            }
            if writing.aborted {
                break;
            }
            if writing.ending.is_ok() {
                writing.ending = good.and_then(|()| (writing.drain)(&mut cell));
            }
            let ended = writing.ending.is_err();
            writing.turn += 1;
            drop(writing);
            turned.notify_all();
            if ended {
                lock(&input).next = None;
            }
        }
        drop(abort);
    };
    let others = most.min(workers()) - u64::from(most > 0);
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(worker);
        }
        worker();
    });
    output.into_inner().unwrap_or_else(PoisonError::into_inner).ending
}

/// A thread that panicked ends the run by its panic; until then the others go on as if the lock were in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something if it is dropped by a panic.
struct OnPanic<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

/// Threads for a long run: one for each core, and one that reads or writes meanwhile.
#[cfg(feature = "parallel")]
fn workers() -> u64 {
    match rayon::current_num_threads() {
        1 => 1,
        cores => cores as u64 + 1,
    }
}

#[cfg(not(feature = "parallel"))]
fn workers() -> u64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u64, broken: &[(u64, char)]) -> (Vec<u64>, Result<(), (u64, char)>) {
        let mut seen = Vec::new();
        let mut next = 0;
        let fails =
            |index, stage| broken.iter().find(|&&at| at == (index, stage)).map_or(Ok(()), |&at| Err(at));
        let outcome = run(
            u64::MAX,
            |cell| {
                cell.index = next;
                next += 1;
                fails(cell.index, 'f')?;
                Ok(cell.index < count)
            },
            |cell| fails(cell.index, 'w'),
            |cell| {
                seen.push(cell.index);
                fails(cell.index, 'd')
            },
        );
        (seen, outcome)
    }

    #[test]
    fn everything_comes_once_and_in_order() {
        for count in [0, 1, 2, 7, 8, 9, 100] {
            assert_eq!(numbers(count, &[]), ((0..count).collect(), Ok(())), "{count}");
        }
    }

    #[test]
    fn the_earliest_error_is_told() {
        for stage in ['f', 'w', 'd'] {
            for at in [0, 1, 5, 17, 40] {
                let (seen, outcome) = numbers(50, &[(at, stage), (at + 1, 'w'), (at + 3, 'f')]);
                assert_eq!(outcome, Err((at, stage)));
                assert_eq!(seen, (0..at + u64::from(stage == 'd')).collect::<Vec<_>>(), "what came before");
            }
        }
    }

    /// A panic comes out of the run, whatever the other threads wait for.
    #[test]
    fn a_panic_is_no_hang() {
        for stage in ['f', 'w', 'd'] {
            let mut next = 0;
            let at = |index, now| assert!((index, now) != (7, stage), "planted");
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(
                    u64::MAX,
                    |cell| {
                        cell.index = next;
                        next += 1;
                        at(cell.index, 'f');
                        Ok::<_, ()>(cell.index < 50)
                    },
                    |cell| {
                        at(cell.index, 'w');
                        Ok(())
                    },
                    |cell| {
                        at(cell.index, 'd');
                        Ok(())
                    },
                )
            }));
            assert!(outcome.is_err(), "{stage}");
        }
    }
}
