//! Many messages at once: each has a lane of a vector until it ends, then the next one takes the lane.

use core::array::from_fn;

use super::{
    BLOCK_LEN, DIGEST_LEN, Sm3,
    compress::{State, compress_blocks, to_bytes},
    wipe,
};

/// Fewer messages are as fast one after the other: eight lanes take the time of two messages.
pub(super) const FEWEST: usize = 3;

/// What a lane has before it of the message in it.
#[derive(Clone, Copy)]
struct Lane<'a> {
    /// The place of the message among the messages.
    index: usize,
    /// Blocks that do not stand in the message like this: the one that a prefix began, and those with the padding.
    buffer: [[u8; BLOCK_LEN]; 2],
    /// How many of them are to be absorbed, before `body`.
    buffered: usize,
    /// Whole blocks to be absorbed.
    body: &'a [[u8; BLOCK_LEN]],
    /// What follows them, `None` once it is in the buffer.
    tail: Option<&'a [u8]>,
    /// Length of the message, with its prefix, in bytes.
    length: u64,
}

impl<'a> Lane<'a> {
    /// A lane without a message.
    const IDLE: Self =
        Self { index: 0, buffer: [[0; BLOCK_LEN]; 2], buffered: 0, body: &[], tail: None, length: 0 };

    /// Takes the message that continues `start` with `rest`.
    fn begin(&mut self, start: &Sm3, index: usize, rest: &'a [u8]) {
        self.index = index;
        self.length = start.length.wrapping_add(rest.len() as u64);
        let begun = &start.buffer[..start.filled];
        let mut rest = rest;
        if !begun.is_empty() {
            let Some((head, after)) = rest.split_at_checked(BLOCK_LEN - begun.len()) else {
                return self.pad(begun, rest);
            };
            self.buffer[0][..begun.len()].copy_from_slice(begun);
            self.buffer[0][begun.len()..].copy_from_slice(head);
            self.buffered = 1;
            rest = after;
        }
        let (body, tail) = rest.as_chunks();
        (self.body, self.tail) = (body, Some(tail));
        if self.run().is_empty() {
            self.end();
        }
    }

    /// The blocks to absorb next, none once the message has ended.
    #[inline]
    fn run(&self) -> &[[u8; BLOCK_LEN]] {
        if self.buffered > 0 { &self.buffer[..self.buffered] } else { self.body }
    }

    /// Goes on after `blocks` of the run.
    fn advance(&mut self, blocks: usize) {
        if self.buffered > 0 {
            self.buffered -= blocks;
            self.buffer[0] = self.buffer[1];
        } else {
            self.body = &self.body[blocks..];
        }
        if self.run().is_empty() {
            self.end();
        }
    }

    /// After the whole blocks: goes on to the padding, if that has not been.
    fn end(&mut self) {
        if let Some(tail) = self.tail.take() {
            self.pad(&[], tail);
        }
    }

    /// Fills the buffer with the padded end of the message: `begun`, then `rest`, together less than a block.
    fn pad(&mut self, begun: &[u8], rest: &[u8]) {
        let filled = begun.len() + rest.len();
        self.buffered = if filled < BLOCK_LEN - 8 { 1 } else { 2 };
        self.buffer = [[0; BLOCK_LEN]; 2];
        // To copy nothing would be a call all the same.
        if !begun.is_empty() {
            self.buffer[0][..begun.len()].copy_from_slice(begun);
        }
        if !rest.is_empty() {
            self.buffer[0][begun.len()..filled].copy_from_slice(rest);
        }
        self.buffer[0][filled] = 0x80;
        self.buffer[self.buffered - 1][BLOCK_LEN - 8..].copy_from_slice(&(self.length << 3).to_be_bytes());
    }
}

/// Runs the messages through `N` lanes.
///
/// `compress` absorbs as many blocks of each run as the shortest has, each into its column of the state.
pub(super) fn in_lanes<M: AsRef<[u8]>, const N: usize>(
    start: &Sm3,
    messages: &[M],
    out: &mut [[u8; DIGEST_LEN]],
    compress: impl Fn(&mut [[u32; N]; 8], &[&[[u8; BLOCK_LEN]]; N]),
) {
    let mut waiting = messages.iter().enumerate();
    let mut state = start.state.map(|word| [word; N]);
    let mut lanes = [Lane::IDLE; N];
    for (lane, (index, message)) in lanes.iter_mut().zip(&mut waiting) {
        lane.begin(start, index, message.as_ref());
    }
    loop {
        let mut runs = lanes.each_ref().map(Lane::run);
        let busy = || runs.iter().copied().filter(|run| !run.is_empty());
        let count = busy().count();
        if count < FEWEST {
            break;
        }
        let shortest = busy().min_by_key(|run| run.len()).unwrap_or_default();
        if count < N {
            // An idle lane follows another one, and nothing looks at what comes of it.
            runs.iter_mut().filter(|run| run.is_empty()).for_each(|run| *run = shortest);
        }
        compress(&mut state, &runs);
        let blocks = shortest.len();
        for (l, lane) in lanes.iter_mut().enumerate() {
            if lane.run().is_empty() {
                continue;
            }
            lane.advance(blocks);
            if lane.run().is_empty() {
                out[lane.index] = to_bytes(&column(&state, l));
                if let Some((index, message)) = waiting.next() {
                    lane.begin(start, index, message.as_ref());
                    set_column(&mut state, l, &start.state);
                }
            }
        }
    }
    // The last messages have too little company.
    for (l, lane) in lanes.iter_mut().enumerate() {
        if lane.run().is_empty() {
            continue;
        }
        let mut last = column(&state, l);
        while !lane.run().is_empty() {
            compress_blocks(&mut last, lane.run());
            lane.advance(lane.run().len());
        }
        out[lane.index] = to_bytes(&last);
        wipe(&mut last);
    }
    wipe(state.as_flattened_mut());
    for lane in &mut lanes {
        wipe(lane.buffer.as_flattened_mut());
    }
}

/// The chaining value of lane `l`.
fn column<const N: usize>(state: &[[u32; N]; 8], l: usize) -> State {
    from_fn(|i| state[i][l])
}

/// Replaces the chaining value of lane `l`.
fn set_column<const N: usize>(state: &mut [[u32; N]; 8], l: usize, value: &State) {
    for (words, word) in state.iter_mut().zip(value) {
        words[l] = *word;
    }
}
