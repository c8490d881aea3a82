//! Taking back the last signature (撤章).

use std::io::{Read, Seek};

use crate::error::Error;

use super::document::Document;
use super::verify;
use super::xref::Slot;

impl<R: Read + Seek> Document<R> {
    /// The length that the file is to be cut to so that its last signature is gone. What is before stays as it is, and
    /// with it every signature in it.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the last revision does not add exactly one signature, or something is behind it; others as
    /// [`Document::signature_fields`].
    pub fn truncate_last(&mut self) -> Result<u64, Error> {
        let none = Error::Unusable("the last change of the file is not one signature");
        let newest = self.newest();
        let before = newest.checked_sub(1).ok_or(none)?;
        let values = |document: &mut Self, revision| -> Result<Vec<_>, Error> {
            let fields = document.signature_fields(revision)?;
            Ok(fields.into_iter().filter_map(|field| field.value).collect())
        };
        let (older, newer) = (values(self, before)?, values(self, newest)?);
        let ends =
            [before, newest].map(|at| self.revisions().get(at).map(|revision| (revision.eof, revision.end)));
        let [Some((eof, end)), Some((_, last_end))] = ends else { return Err(none) };
        if newer.len() != older.len() + 1 || !older.iter().all(|value| newer.contains(value)) {
            return Err(none);
        }
        if last_end != self.len() {
            return Err(Error::Unusable("something is behind the last signature"));
        }
        // A signature that closes a revision says best where that ends: before or after the end of line, or farther behind.
        let mut covered = None;
        for value in &older {
            covered = covered.max(verify::closed_end(self, value)?);
        }
        // Without any it is where what was appended begins: something that is no revision may stand in between.
        let appended = self.entries().iter().filter(|entry| usize::from(entry.revision) == newest);
        let offsets = appended.filter_map(|entry| match entry.slot {
            Slot::At(offset) => Some(offset),
            _ => None,
        });
        let begin = offsets.filter(|offset| *offset >= end).min().unwrap_or(end);
        let end = covered.filter(|covered| (eof..=begin).contains(covered)).unwrap_or(begin);
        if self.revisions().last().is_some_and(|revision| end < revision.xref) { Ok(end) } else { Err(none) }
    }
}
