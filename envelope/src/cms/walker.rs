//! The shape of a message, walked incrementally.
//!
//! The walker takes bytes in pieces of any size and knows at every byte where in the message it is: it collects the
//! small fields whole, passes the content through as it comes and checks that everything opened is closed and nothing
//! follows. It interprets nothing but the content type, on which the rest depends ([`grammar`](super::grammar)). Its
//! memory is the field being collected (at most [`MAX_HEADER_LEN`]) and a stack of at most [`MAX_DEPTH`] open elements.
//!
//! Source: X.690, 8.1 and 8.7.3 (segments).

mod element;

use alloc::vec::Vec;

use super::grammar::{Field, Place};
use super::kind::ContentType;
use super::quirk::Quirks;
use crate::ber::{Head, MAX_HEAD};
use crate::error::InvalidMessage;

/// Longest part of a message before its content, in bytes: 1 MiB.
pub const MAX_HEADER_LEN: u64 = 1 << 20;
/// Longest part of a message after its content, in bytes, if nothing is signed: 64 KiB.
pub const MAX_TRAILER_LEN: u64 = 1 << 16;
/// Longest part of a signed message after its content, in bytes: 1 MiB of certificates, revocation lists and signatures.
pub const MAX_SIGNATURES_LEN: u64 = 1 << 20;
/// Most elements open at a time.
pub(super) const MAX_DEPTH: usize = 32;

/// What is known about the content before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The content of a signed message is elsewhere, or there is none.
    Absent,
    /// One piece of this many bytes.
    Exact(u64),
    /// Segments, until they end.
    Segments,
}

/// What the walker met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The input is used up.
    NeedInput,
    /// A field, complete from its tag to its last byte.
    Field(Field, Vec<u8>),
    /// The content begins here, or would.
    HeaderEnd(Extent),
    /// Some bytes of the content.
    Content(&'a [u8]),
    /// The message is complete.
    End,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    place: Place,
    /// Bytes of the body still to come; `None`: until the end mark.
    left: Option<u64>,
}

/// What happens to the body of the element at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Collect(Field),
    Skip,
    Content,
}

/// Where the walk is, for the size limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Content,
    Trailer,
}

#[derive(Debug)]
pub(super) struct Walker {
    stack: Vec<Frame>,
    /// The head being read.
    head: Vec<u8>,
    /// Bytes of the primitive or opaque body at hand that are still to come.
    body: u64,
    sink: Sink,
    field: Vec<u8>,
    phase: Phase,
    /// Bytes of the header or of the trailer so far.
    phase_len: u64,
    started: bool,
    kind: Option<ContentType>,
    failed: Option<InvalidMessage>,
    quirks: Quirks,
}

impl Walker {
    pub(super) const fn new() -> Self {
        Self {
            stack: Vec::new(),
            head: Vec::new(),
            body: 0,
            sink: Sink::Skip,
            field: Vec::new(),
            phase: Phase::Header,
            phase_len: 0,
            started: false,
            kind: None,
            failed: None,
            quirks: Quirks::NONE,
        }
    }

    /// Deviations of the encoding met so far.
    pub(super) const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The type of the message, once its identifier has been read.
    pub(super) const fn kind(&self) -> Option<ContentType> {
        self.kind
    }

    /// Bytes of content that come next and can be passed over unseen with [`Walker::skip`].
    pub(super) fn skippable(&self) -> u64 {
        if self.phase == Phase::Content && self.sink == Sink::Content && self.failed.is_none() {
            self.body
        } else {
            0
        }
    }

    /// Passes over at most [`Walker::skippable`] bytes.
    pub(super) fn skip(&mut self, len: u64) -> Result<(), InvalidMessage> {
        self.count(len)?;
        self.body = self.body.checked_sub(len).ok_or(InvalidMessage::Malformed)?;
        self.content_done();
        Ok(())
    }

    /// A number of bytes, at least 1, that certainly belong to the message's header.
    pub(super) fn wants(&self) -> u64 {
        if self.phase == Phase::Header { self.body.max(1) } else { 1 }
    }

    /// The message is complete.
    pub(super) fn finish(&self) -> Result<(), InvalidMessage> {
        match self.failed {
            Some(defect) => Err(defect),
            None if self.started && self.stack.is_empty() => Ok(()),
            None => Err(InvalidMessage::Truncated),
        }
    }

    /// Walks on until something is met. Takes what it uses from the front of `input`. After an error every further
    /// call returns the same error.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Event<'a>, InvalidMessage> {
        if let Some(defect) = self.failed {
            return Err(defect);
        }
        let event = self.advance(input);
        self.failed = event.as_ref().err().copied();
        event
    }

    fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Result<Event<'a>, InvalidMessage> {
        loop {
            if self.body > 0 {
                let Some(bytes) = self.take_body(input)? else { return Ok(Event::NeedInput) };
                match self.sink {
                    Sink::Content => {
                        self.content_done();
                        return Ok(Event::Content(bytes));
                    }
                    Sink::Collect(_) => self.field.extend_from_slice(bytes),
                    Sink::Skip => {}
                }
                if self.body > 0 {
                    continue;
                }
                if let Some(event) = self.element_done()? {
                    return Ok(event);
                }
            }
            // With a head begun the length has ended inside it; the byte that follows will be one too many.
            if self.head.is_empty() && self.stack.last().is_some_and(|frame| frame.left == Some(0)) {
                if let Some(event) = self.close()? {
                    return Ok(event);
                }
                continue;
            }
            if self.started && self.stack.is_empty() {
                return if input.is_empty() { Ok(Event::End) } else { Err(InvalidMessage::TrailingData) };
            }
            let Some(head) = self.take_head(input)? else { return Ok(Event::NeedInput) };
            if matches!((self.sink, self.place()), (Sink::Collect(_), Some(Place::Opaque))) {
                self.field.extend_from_slice(&self.head);
            }
            let event = self.open(head)?;
            self.head.clear();
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// The bytes of the body at hand that are there; `None` if there are none.
    fn take_body<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, InvalidMessage> {
        let len = usize::try_from(self.body).unwrap_or(usize::MAX).min(input.len());
        let Some((bytes, rest)) = input.split_at_checked(len).filter(|_| len > 0) else { return Ok(None) };
        *input = rest;
        self.count(len as u64)?;
        self.body -= len as u64;
        Ok(Some(bytes))
    }

    /// The next head, as soon as it is complete.
    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, InvalidMessage> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            self.count(1)?;
            self.head.push(byte);
            debug_assert!(self.head.len() <= MAX_HEAD, "a head this long is complete or refused");
            if let Some(head) = Head::read(&self.head)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// Takes `len` bytes off every element that is open.
    fn count(&mut self, len: u64) -> Result<(), InvalidMessage> {
        for left in self.stack.iter_mut().filter_map(|frame| frame.left.as_mut()) {
            *left = left.checked_sub(len).ok_or(InvalidMessage::Malformed)?;
        }
        self.within_limit(len)?;
        self.phase_len = self.phase_len.saturating_add(len);
        Ok(())
    }

    /// `len` more bytes do not exceed what the header or the trailer may have.
    fn within_limit(&self, len: u64) -> Result<(), InvalidMessage> {
        let (limit, defect) = match self.phase {
            Phase::Header => (MAX_HEADER_LEN, InvalidMessage::HeaderTooLarge),
            Phase::Content => return Ok(()),
            Phase::Trailer if self.kind.is_some_and(ContentType::is_signed) => {
                (MAX_SIGNATURES_LEN, InvalidMessage::TrailerTooLarge)
            }
            Phase::Trailer => (MAX_TRAILER_LEN, InvalidMessage::TrailerTooLarge),
        };
        if self.phase_len.saturating_add(len) > limit { Err(defect) } else { Ok(()) }
    }

    fn place(&self) -> Option<Place> {
        self.stack.last().map(|frame| frame.place)
    }
}
