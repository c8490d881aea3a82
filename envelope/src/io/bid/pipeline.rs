//! Read, compute, write: the three at once, in order, in bounded memory.

use zeroize::Zeroizing;

use crate::bid::{ChunkSize, HEAD_LEN, OVERHEAD, TAG_LEN};

/// Bytes of chunks under way in each of the three stages.
const STAGE_LEN: usize = 8 << 20;

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

/// Chunks of this size in one stage.
fn batch_len(chunk: ChunkSize) -> usize {
    let chunk = chunk.bytes() as usize + HEAD_LEN + TAG_LEN;
    (STAGE_LEN / chunk).clamp(1, 2 * threads())
}

/// Runs chunks through `fill` (false: there is no more), `work` and `drain`, in order, the first and the last one at a time.
/// An error is that of the earliest chunk that has one, and comes when all before it have been drained.
pub(super) fn run<E: Send>(
    chunk: ChunkSize,
    mut fill: impl FnMut(&mut Cell) -> Result<bool, E> + Send,
    work: impl Fn(&mut Cell) -> Result<(), E> + Sync + Send,
    mut drain: impl FnMut(&mut Cell) -> Result<(), E> + Send,
) -> Result<(), E> {
    let len = batch_len(chunk);
    let batch = || (0..len).map(|_| Cell::default()).collect::<Vec<_>>();
    let (mut filling, mut working, mut draining) = (batch(), batch(), batch());
    let (mut ready, mut done) = (0, 0);
    let mut more = true;
    // What ends the run once all that is under way has been drained.
    let mut ending = Ok(());
    while more || ready > 0 || done > 0 {
        let input_output = || {
            draining.iter_mut().take(done).try_for_each(&mut drain)?;
            let mut filled = 0;
            for cell in &mut filling {
                let outcome = if more { fill(cell) } else { Ok(false) };
                more = matches!(outcome, Ok(true));
                if !more {
                    return Ok((filled, outcome.map(drop)));
                }
                filled += 1;
            }
            Ok((filled, Ok(())))
        };
        let now = working.get_mut(..ready).unwrap_or_default();
        let (moved, worked) = both(input_output, || each(now, &work));
        let (filled, fill_outcome) = moved?;
        let (good, work_outcome) = worked;
        if ending.is_ok() {
            ending = fill_outcome;
        }
        (done, ready) = (good, filled);
        if work_outcome.is_err() {
            (ending, more, ready) = (work_outcome, false, 0);
        }
        std::mem::swap(&mut draining, &mut working);
        std::mem::swap(&mut working, &mut filling);
    }
    ending
}

#[cfg(feature = "parallel")]
fn threads() -> usize {
    rayon::current_num_threads()
}

#[cfg(not(feature = "parallel"))]
fn threads() -> usize {
    1
}

#[cfg(feature = "parallel")]
fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    // The second runs on this thread first, the first is taken by an idle one or afterwards.
    let (b, a) = rayon::join(b, a);
    (a, b)
}

#[cfg(not(feature = "parallel"))]
fn both<A, B>(a: impl FnOnce() -> A, b: impl FnOnce() -> B) -> (A, B) {
    (a(), b())
}

/// Works on each: how many are good before the first error in their order, and that error.
#[cfg(feature = "parallel")]
fn each<E: Send>(
    cells: &mut [Cell],
    work: impl Fn(&mut Cell) -> Result<(), E> + Sync + Send,
) -> (usize, Result<(), E>) {
    use rayon::prelude::*;
    let outcomes: Vec<_> = cells.par_iter_mut().with_max_len(1).map(work).collect();
    first_error(outcomes)
}

#[cfg(not(feature = "parallel"))]
fn each<E>(cells: &mut [Cell], work: impl Fn(&mut Cell) -> Result<(), E>) -> (usize, Result<(), E>) {
    first_error(cells.iter_mut().map(work))
}

fn first_error<E>(outcomes: impl IntoIterator<Item = Result<(), E>>) -> (usize, Result<(), E>) {
    let mut good = 0;
    for outcome in outcomes {
        if outcome.is_err() {
            return (good, outcome);
        }
        good += 1;
    }
    (good, Ok(()))
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
            ChunkSize::default(),
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
}
