//! What signatures of a PDF cover, hashed once where they have it in common.
//!
//! Every signature covers the file from its beginning. Of those that close the revision that they are of, each begins with
//! what the one before covers and its value, so that all of them together cost one pass over the file.

use std::io::{Read, Seek};
use std::ops::Range;

use pki::algorithm::{HashAlgorithm, Hasher};

use crate::error::Error;
use crate::pdf::Document;
use crate::verify::Judging;

/// So many times the file, and so many bytes, may be hashed for signatures that have nothing in common with others.
const MAX_TIMES: u64 = 8;
const MAX_BYTES: u64 = 1 << 30;

pub(super) struct Covered {
    /// Hashes of the file up to an offset.
    begun: Vec<(Hasher, u64)>,
    /// Bytes that may be hashed more than once.
    left: u64,
}

impl Covered {
    /// Of a file of this length.
    pub(super) fn new(len: u64) -> Self {
        Self { begun: Vec::new(), left: len.saturating_mul(MAX_TIMES).saturating_add(MAX_BYTES) }
    }

    /// Lets pass what a signature covers.
    pub(super) fn pass<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        byte_range: Option<&[Range<u64>; 2]>,
        judging: &mut Judging,
    ) -> Result<(), Error> {
        let [first, second] = byte_range.ok_or(Error::Unusable("the signature covers nothing"))?;
        let begun = match judging.only() {
            Some(algorithm) if first.start == 0 => self.until(document, first.end, algorithm)?,
            _ => None,
        };
        if !begun.is_some_and(|begun| judging.resume(begun)) {
            self.repeat(document, first, judging)?;
        }
        self.repeat(document, second, judging)
    }

    fn repeat<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        range: &Range<u64>,
        judging: &mut Judging,
    ) -> Result<(), Error> {
        let left = self.left.checked_sub(range.end - range.start);
        self.left = left.ok_or(Error::TooLarge("what the signatures cover"))?;
        document.read(range.clone(), |piece| {
            judging.update(piece);
            Ok(())
        })
    }

    /// The hash of the file up to an offset, unless it is beyond that already.
    fn until<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        end: u64,
        algorithm: HashAlgorithm,
    ) -> Result<Option<&Hasher>, Error> {
        let known = self.begun.iter().position(|(hasher, _)| hasher.algorithm() == algorithm);
        let at = match (known, algorithm.hasher()) {
            (Some(known), _) => known,
            (None, Some(hasher)) => {
                self.begun.push((hasher, 0));
                self.begun.len() - 1
            }
            (None, None) => return Ok(None),
        };
        let Some((hasher, offset)) = self.begun.get_mut(at).filter(|(_, offset)| *offset <= end) else {
            return Ok(None);
        };
        document.read(*offset..end, |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        *offset = end;
        Ok(Some(hasher))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::report::{Kind, SignatureReport};

    const FILE: &[u8] =
        b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\nxref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n\
        trailer\n<< /Size 2 /Root 1 0 R >>\nstartxref\n30\n%%EOF\n";

    #[test]
    fn what_is_hashed_again_and_again_has_an_end() {
        let mut document = Document::open(Cursor::new(FILE)).unwrap();
        let len = document.len();
        // Of no kind that is known, so that it has nothing in common with others.
        let mut report = SignatureReport::new(String::new(), Kind::PdfSignature);
        let mut judging = Judging::start(&mut report, b"");
        let range = [0..10, 20..len];
        let mut covered = Covered::new(len);
        covered.left = 3 * (len - 10);
        for _ in 0..3 {
            assert_eq!(covered.pass(&mut document, Some(&range), &mut judging), Ok(()));
        }
        let ended = covered.pass(&mut document, Some(&range), &mut judging);
        assert_eq!(ended, Err(Error::TooLarge("what the signatures cover")));
        assert!(matches!(covered.pass(&mut document, None, &mut judging), Err(Error::Unusable(_))));
    }

    #[test]
    fn a_beginning_is_hashed_once_and_only_onwards() {
        let mut document = Document::open(Cursor::new(FILE)).unwrap();
        let mut covered = Covered::new(document.len());
        for end in [5, 5, 40] {
            let begun = covered.until(&mut document, end, HashAlgorithm::Sm3).unwrap().unwrap().clone();
            assert_eq!(
                begun.finalize(),
                HashAlgorithm::Sm3.digest(FILE.get(..usize::try_from(end).unwrap()).unwrap())
            );
        }
        assert!(covered.until(&mut document, 39, HashAlgorithm::Sm3).unwrap().is_none());
        assert!(covered.until(&mut document, 39, HashAlgorithm::Sha256).unwrap().is_some());
        assert!(covered.until(&mut document, 39, HashAlgorithm::Sha1).unwrap().is_none());
    }
}
