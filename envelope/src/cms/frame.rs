//! The heads of nested elements around a content that is written later.

use alloc::vec::Vec;

use crate::der::{head_len, put_head};

/// One element around the content, from the outside inwards.
pub(super) struct Level<'a> {
    pub(super) tag: u8,
    /// What stands in it before the next level.
    pub(super) before: &'a [u8],
    /// Length of what stands in it behind the next level.
    pub(super) after: u64,
}

impl<'a> Level<'a> {
    pub(super) const fn new(tag: u8, before: &'a [u8]) -> Self {
        Self { tag, before, after: 0 }
    }
}

/// Everything before the first byte of the content. `None`: a length does not fit 64 bits.
pub(super) fn heads(levels: &[Level<'_>], content_len: u64) -> Option<Vec<u8>> {
    let mut bodies = Vec::with_capacity(levels.len());
    let mut inner = content_len;
    for level in levels.iter().rev() {
        let body = (level.before.len() as u64).checked_add(inner)?.checked_add(level.after)?;
        bodies.push(body);
        inner = head_len(body).checked_add(body)?;
    }
    let mut out = Vec::new();
    for (level, body) in levels.iter().zip(bodies.into_iter().rev()) {
        put_head(&mut out, level.tag, body);
        out.extend_from_slice(level.before);
    }
    Some(out)
}
