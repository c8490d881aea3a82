//! Framing of protocol frames on a byte stream (`cosign/1` over QUIC).
//!
//! ```text
//! length 4 (of the rest, 9..=1 MiB) | request id 8 | kind 1 | payload
//! ```
//! Answers come in any order and carry the id of their request. A client may have several requests in flight.

use alloc::vec::Vec;
use core::fmt;

/// Largest length field: id, kind and payload.
pub const MAX_FRAME: usize = 1 << 20;
/// Request id and kind.
const PREFIX: usize = 9;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frame of the protocol, in both directions.
    Protocol = 1,
    /// The transport refuses the request with this id; the payload is a code in UTF-8.
    Refused = 2,
}

/// One frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Chosen by the client, unique among its requests in flight on the stream.
    pub id: u64,
    /// What the payload is.
    pub kind: Kind,
    /// At most [`MAX_FRAME`] - 9 bytes.
    pub payload: Vec<u8>,
}

/// Shows no payload: it may hold what must not be logged.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The stream is out of step; nothing more can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A length below 9 or above [`MAX_FRAME`].
    Length,
    /// An unknown kind.
    Kind,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a frame's length field is out of range",
            Self::Kind => "a frame has an unknown kind",
        })
    }
}

impl core::error::Error for FramingError {}

/// Appends one frame to `out`.
///
/// # Errors
/// [`FramingError::Length`] if the payload is too long.
pub fn encode(id: u64, kind: Kind, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FramingError> {
    let length = PREFIX + payload.len();
    let field = u32::try_from(length).map_err(|_| FramingError::Length)?;
    if length > MAX_FRAME {
        return Err(FramingError::Length);
    }
    out.reserve(4 + length);
    out.extend(field.to_be_bytes());
    out.extend(id.to_be_bytes());
    out.push(kind as u8);
    out.extend(payload);
    Ok(())
}

/// Cuts a byte stream into frames. Holds at most one incomplete frame and what was pushed with it.
#[derive(Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    start: usize,
}

impl fmt::Debug for Deframer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deframer").field("buffered", &(self.buffer.len() - self.start)).finish()
    }
}

impl Deframer {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0 }
    }

    /// Takes what the stream delivered.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend(bytes);
    }

    /// Whether a frame has begun and not ended; a stream that ends here was cut.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// The next complete frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`FramingError`]: the stream must be closed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| FramingError::Length)?;
        if !(PREFIX..=MAX_FRAME).contains(&length) {
            return Err(FramingError::Length);
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let Some((id, [kind, payload @ ..])) = frame.split_first_chunk() else {
            return Err(FramingError::Length);
        };
        let kind = match kind {
            1 => Kind::Protocol,
            2 => Kind::Refused,
            _ => return Err(FramingError::Kind),
        };
        let frame = Frame { id: u64::from_be_bytes(*id), kind, payload: payload.to_vec() };
        self.start += 4 + length;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let mut stream = Vec::new();
        encode(7, Kind::Protocol, b"first", &mut stream).unwrap();
        encode(u64::MAX, Kind::Refused, b"", &mut stream).unwrap();
        for cut in 0..=stream.len() {
            let mut deframer = Deframer::new();
            let mut frames = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                deframer.push(part);
                while let Some(frame) = deframer.next_frame().unwrap() {
                    frames.push((frame.id, frame.kind, frame.payload));
                }
            }
            let expected = [(7, Kind::Protocol, b"first".to_vec()), (u64::MAX, Kind::Refused, Vec::new())];
            assert_eq!(frames, expected, "cut at {cut}");
            assert!(!deframer.is_partial());
        }
    }

    /// Whatever was taken out makes room, and a stream that ends within a frame was cut.
    #[test]
    fn no_more_than_one_frame_is_held() {
        let mut stream = Vec::new();
        encode(7, Kind::Protocol, b"first", &mut stream).unwrap();
        let mut deframer = Deframer::new();
        for _ in 0..100 {
            let (head, tail) = stream.split_at(5);
            deframer.push(head);
            assert_eq!((deframer.next_frame(), deframer.is_partial()), (Ok(None), true));
            deframer.push(tail);
            assert!(deframer.next_frame().unwrap().is_some());
            assert!(!deframer.is_partial() && deframer.buffer.len() == stream.len());
        }
    }

    #[test]
    fn lengths_and_kinds_out_of_range_end_the_stream() {
        for (bytes, error) in [
            ([0, 0, 0, 8].as_slice(), FramingError::Length),
            (&[0, 16, 0, 1], FramingError::Length),
            (&[255; 4], FramingError::Length),
            (&[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 3], FramingError::Kind),
        ] {
            let mut deframer = Deframer::new();
            deframer.push(bytes);
            assert_eq!(deframer.next_frame(), Err(error), "{bytes:?}");
        }
        assert_eq!(
            encode(0, Kind::Protocol, &[0; MAX_FRAME - 8], &mut Vec::new()),
            Err(FramingError::Length)
        );
        assert!(encode(0, Kind::Protocol, &[0; MAX_FRAME - 9], &mut Vec::new()).is_ok());
    }
}
