//! What proves later that signatures were good: certificates and what was known of them, and a time-stamp over all of it.
//! Source: ETSI EN 319 142-1, 5.4 and 5.5. OFD has no place for it.

use std::io::{Read, Seek, Write};

use pki::ocsp::OcspResponse;
use pki::validate::Validator;
use pki::{Certificate, RevocationList, Time};
use sm_primitives::sm3::Sm3;

use super::Document;
use crate::error::Error;
use crate::pdf;
use crate::report::{Code, Report};

const NO_PLACE: Error = Error::Unsupported("evidence in an OFD, which has no place for it");

/// How many of each kind a document got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preserved {
    /// Certificates.
    pub certificates: usize,
    /// Revocation lists.
    pub lists: usize,
    /// OCSP answers.
    pub answers: usize,
}

impl<R: Read + Seek> Document<R> {
    /// Writes the document and behind it the certificates that its signatures were judged by, with what the validator knows of
    /// them. What is there already is not written again.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no signature was judged by any certificate; [`Error::Unsupported`]: not a PDF; as
    /// [`pdf::Document::append_dss`].
    pub fn preserve(
        &mut self,
        report: &Report,
        validator: &Validator,
        mut out: impl Write,
    ) -> Result<Preserved, Error> {
        let Self::Pdf(pdf) = self else { return Err(NO_PLACE) };
        let mut paths: Vec<&Certificate> = Vec::new();
        for certificate in report.signatures.iter().flat_map(|signature| &signature.paths) {
            if !paths.contains(&certificate) {
                paths.push(certificate);
            }
        }
        let is_about = |list: &&RevocationList| {
            let of = |certificate: &&Certificate| certificate.issuer() == list.issuer();
            paths.iter().any(of)
        };
        let lists: Vec<&[u8]> = validator.lists().filter(is_about).map(RevocationList::as_der).collect();
        let issued = || paths.iter().flat_map(|one| paths.iter().map(move |issuer| (*one, *issuer)));
        let answers = validator
            .answers()
            .filter(|answer| issued().any(|(one, issuer)| answer.find(one, issuer).is_some()));
        let answers: Vec<Vec<u8>> = answers.map(pki::ocsp::BasicResponse::to_response).collect();
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        let certificates: Vec<&[u8]> = paths.iter().map(|certificate| certificate.as_der()).collect();
        let evidence =
            pdf::Evidence { certificates: &certificates, lists: &lists, answers: &answers, signature: None };
        let document = &mut pdf.document;
        let update = document.append_dss(&evidence)?;
        document.read(0..document.len(), |piece| Ok(out.write_all(piece)?))?;
        out.write_all(&update)?;
        out.flush()?;
        Ok(Preserved { certificates: certificates.len(), lists: lists.len(), answers: answers.len() })
    }

    /// Works out what is to be stamped for a time-stamp of the whole document. `max_len`: most bytes of the token.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: not a PDF; as [`pdf::Document::prepare`].
    pub fn prepare_time_stamp(&mut self, time: Time, max_len: usize) -> Result<PreparedStamp, Error> {
        let Self::Pdf(pdf) = self else { return Err(NO_PLACE) };
        let document = &mut pdf.document;
        let prepared = document.prepare(&pdf::Request::new(pdf::Flavour::DocTimeStamp, time, max_len))?;
        let mut hasher = Sm3::new();
        document.read(0..prepared.base_len(), |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        prepared.appended(|piece| hasher.update(piece));
        Ok(PreparedStamp { prepared, digest: hasher.finalize() })
    }
}

/// A document that waits for its time-stamp.
#[derive(Debug)]
pub struct PreparedStamp {
    prepared: pdf::Prepared,
    digest: [u8; 32],
}

impl PreparedStamp {
    /// What is stamped: SM3 of what is covered.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What is to be written behind the document. `token`: DER.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a token that is longer than was said.
    pub fn embed(self, token: &[u8]) -> Result<Vec<u8>, Error> {
        self.prepared.embed(token)
    }
}

/// What is known besides, from a document that brings evidence along; `None`: it brings none. Nothing of it is trusted: lists
/// and answers count when they are signed for the issuer.
pub(super) fn with_stored<R: Read + Seek>(
    document: &mut pdf::Document<R>,
    validator: &Validator,
    report: &mut Report,
) -> Result<Option<Validator>, Error> {
    let stored = match document.stored_evidence() {
        Ok(stored) => stored,
        Err(error @ Error::Io(_)) => return Err(error),
        Err(error) => {
            report.warn(Code::Deviation, format_args!("DSS: {error}"));
            return Ok(None);
        }
    };
    let certificates: Vec<_> = read(&stored.certificates, |der| Certificate::from_der(der).ok());
    let lists: Vec<_> = read(&stored.lists, |der| RevocationList::from_der(der).ok());
    let answers: Vec<_> = read(&stored.answers, |der| OcspResponse::from_der(der).ok()?.basic);
    let all = stored.certificates.len() + stored.lists.len() + stored.answers.len() + stored.unreadable;
    let known = certificates.len() + lists.len() + answers.len();
    if known < all {
        report.warn(Code::Deviation, format_args!("DSS: {} of {all} cannot be read", all - known));
    }
    if known == 0 {
        return Ok(None);
    }
    Ok(Some(validator.supplemented(certificates, lists, answers)))
}

fn read<T>(all: &[Vec<u8>], parse: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    all.iter().filter_map(|der| parse(der)).collect()
}
