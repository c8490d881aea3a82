//! Byte layouts of the frames (SPEC.md, section 5). All integers big-endian; a frame carries no length of its own.

use alloc::vec::Vec;

use crate::{
    error::{ApiMisuse, Code, Detail, Error, Refusal},
    ids::{KeyId, Op, SessionId, Suite},
};

pub(crate) const VERSION: u8 = 1;

/// Most items of one signing or decryption request.
pub const MAX_BATCH: usize = 256;

/// How long a client may wait for, and ask again for, the answer to a frame, in milliseconds.
pub const CLIENT_DEADLINE_MS: u64 = 60_000;

/// Request header of ops 01, 02, 03, 05 to 08, 0A.
pub(crate) const REQUEST_HEADER: usize = 82;
/// Answer header of ops 01, 02, 03, 05 to 08, 0A, and an error answer without detail.
pub(crate) const ANSWER_HEADER: usize = 22;
/// Answer header of ops 10 to 14.
pub(crate) const SHORT_HEADER: usize = 20;

const TAG: core::ops::Range<usize> = 48..80;

/// Bytes of one item in a request of this operation.
pub(crate) const fn item_len(op: Op) -> usize {
    match op {
        Op::Sign => 160,
        Op::Decrypt | Op::Refresh | Op::Evaluate => 64,
        Op::Confirm => 144,
        Op::Reveal => 96,
        Op::Split => 81,
        Op::Commit | Op::Keygen | Op::Open | Op::Activate | Op::Import | Op::KeygenOblivious => 0,
    }
}

/// Bytes after the header of a request with `count` items.
pub(crate) const fn body_len(op: Op, count: u16) -> usize {
    let items = count as usize * item_len(op);
    match op {
        // The commitment; the salt.
        Op::Commit | Op::Reveal => items + 32,
        _ => items,
    }
}

/// A cursor over fixed-length fields.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `N` bytes; `None` when fewer are left.
    pub(crate) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

/// Number of items as the wire writes it.
pub(crate) fn batch_len(len: usize) -> Result<u16, Error> {
    match u16::try_from(len) {
        Ok(count) if (1..=MAX_BATCH).contains(&len) => Ok(count),
        _ => Err(Error::ApiMisuse(ApiMisuse::BatchSize)),
    }
}

/// The header of a request of ops 01, 02, 03, 05 to 08, 0A.
#[derive(Clone, Copy)]
pub(crate) struct RequestHeader {
    pub(crate) suite: Suite,
    pub(crate) op: Op,
    pub(crate) key_id: KeyId,
    pub(crate) epoch: u32,
    pub(crate) sid: SessionId,
    pub(crate) ts_ms: u64,
    pub(crate) tag: [u8; 32],
    pub(crate) count: u16,
}

impl RequestHeader {
    /// The whole frame.
    pub(crate) fn frame(&self, items: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(REQUEST_HEADER + items.len());
        frame.extend([VERSION, self.suite.byte(), self.op.byte(), 0]);
        frame.extend(self.key_id.as_bytes());
        frame.extend(self.epoch.to_be_bytes());
        frame.extend(self.sid.as_bytes());
        frame.extend(self.ts_ms.to_be_bytes());
        frame.extend(self.tag);
        frame.extend(self.count.to_be_bytes());
        frame.extend(items);
        debug_assert_eq!(frame.get(TAG), Some(&self.tag[..]));
        frame
    }
}

/// First 36 bytes of the frames of ops 10 to 14.
pub(crate) fn short_request(suite: Suite, op: Op, key_id: &KeyId, sid: &SessionId) -> Vec<u8> {
    let mut frame = Vec::from([VERSION, suite.byte(), op.byte(), 0]);
    frame.extend(key_id.as_bytes());
    frame.extend(sid.as_bytes());
    frame
}

/// Header of an answer with status 00 of ops 10 to 14.
pub(crate) fn short_answer(suite: Suite, sid: &SessionId) -> Vec<u8> {
    let mut frame = Vec::from([VERSION, suite.byte(), 0, 0]);
    frame.extend(sid.as_bytes());
    frame
}

/// Header of an answer with status 00 of ops 01, 02, 03, 05 to 08, 0A.
pub(crate) fn answer(suite: Suite, sid: &SessionId, failures: u8, count: u16) -> Vec<u8> {
    let mut frame = Vec::from([VERSION, suite.byte(), 0, failures]);
    frame.extend(sid.as_bytes());
    frame.extend(count.to_be_bytes());
    frame
}

/// An error answer.
pub(crate) fn refusal(suite: Suite, sid: &[u8; 16], refusal: &Refusal) -> Vec<u8> {
    let mut detail = Vec::new();
    match refusal.detail {
        Detail::None => {}
        Detail::Epoch(epoch) => detail.extend(epoch.to_be_bytes()),
        Detail::Time(ms) => detail.extend(ms.to_be_bytes()),
        Detail::Pin { remaining, retry_s } => {
            detail.push(remaining);
            detail.extend(retry_s.to_be_bytes());
        }
    }
    let mut frame = Vec::from([VERSION, suite.byte(), refusal.code.byte(), 0]);
    frame.extend(sid);
    frame.extend(u16::try_from(detail.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend(detail);
    frame
}

/// What an answer says, before its items are decoded.
pub(crate) enum Answer<'a> {
    /// Status 00.
    Items {
        /// Failures since the last success (ops 01, 02, 03, 05, 06, 08, 0A).
        failures: u8,
        /// The bytes after the header.
        body: &'a [u8],
    },
    /// `E_BUSY`, well formed, for this session.
    Busy,
}

/// Reads an answer of ops 01, 02, 03, 05 to 08, 0A: `count` items of `item_len` bytes.
pub(crate) fn read_answer<'a>(
    frame: &'a [u8],
    suite: Suite,
    sid: &SessionId,
    count: u16,
    item_len: usize,
) -> Result<Answer<'a>, Error> {
    let (failures, fields) = match read_start(frame, suite, sid, ANSWER_HEADER, 9)? {
        Start::Ok { failures, fields } => (failures, fields),
        Start::Busy => return Ok(Answer::Busy),
    };
    let mut fields = fields;
    if fields.u16() != Some(count) {
        return Err(Error::InvalidMessage(Code::Batch));
    }
    if fields.0.len() != usize::from(count) * item_len {
        return Err(Error::InvalidMessage(Code::Length));
    }
    Ok(Answer::Items { failures, body: fields.0 })
}

/// Reads an answer of ops 10 to 14 with a body of `len` bytes. `E_BUSY` is an ordinary refusal here.
pub(crate) fn read_short_answer<'a>(
    frame: &'a [u8],
    suite: Suite,
    sid: &SessionId,
    len: usize,
) -> Result<&'a [u8], Error> {
    match read_start(frame, suite, sid, SHORT_HEADER, 0)? {
        Start::Ok { fields, .. } if fields.0.len() == len => Ok(fields.0),
        Start::Ok { .. } => Err(Error::InvalidMessage(Code::Length)),
        Start::Busy => Err(Error::Refused(Code::Busy.into())),
    }
}

enum Start<'a> {
    Ok { failures: u8, fields: Fields<'a> },
    Busy,
}

fn read_start<'a>(
    frame: &'a [u8],
    suite: Suite,
    sid: &SessionId,
    header: usize,
    max_failures: u8,
) -> Result<Start<'a>, Error> {
    let length = Error::InvalidMessage(Code::Length);
    let mut fields = Fields(frame);
    let &[version, other, status, failures] = fields.take().ok_or(length)?;
    let max_failures = if status == 0 { max_failures } else { 0 };
    if version != VERSION || other != suite.byte() || failures > max_failures {
        return Err(Error::InvalidMessage(Code::Version));
    }
    if frame.len() < if status == 0 { header } else { ANSWER_HEADER } {
        return Err(length);
    }
    if fields.take() != Some(sid.as_bytes()) {
        return Err(Error::InvalidMessage(Code::State));
    }
    if status == 0 {
        return Ok(Start::Ok { failures, fields });
    }
    if fields.u16().map(usize::from) != Some(fields.0.len()) {
        return Err(length);
    }
    let Some(code) = Code::from_status(status) else {
        return Err(Error::UnknownStatus(status));
    };
    match read_detail(code, fields).ok_or(length)? {
        Refusal { code: Code::Busy, .. } => Ok(Start::Busy),
        refusal => Err(Error::Refused(refusal)),
    }
}

fn read_detail(code: Code, mut fields: Fields<'_>) -> Option<Refusal> {
    let detail = match code {
        Code::Epoch => Detail::Epoch(fields.u32()?),
        Code::Time => Detail::Time(fields.u64()?),
        Code::Pin => {
            let &[remaining] = fields.take()?;
            Detail::Pin { remaining, retry_s: fields.u32()? }
        }
        _ => Detail::None,
    };
    fields.0.is_empty().then_some(Refusal { code, detail })
}
