//! Reports on the signatures of a document.

use std::io::{Read, Seek};

use super::covered::Covered;
use super::preserve::with_stored;
use super::shown::Pictures;
use crate::error::Error;
use crate::report::{Code, Format, Kind, Report, SignatureReport};
use crate::ses::{ElectronicSeal, SealedData};
use crate::verify::{At, Judging, Terms, judge_seal};
use crate::{ofd, pdf};

/// Judges an electronic seal by itself, or the one in sealed data, now or at the moment of the terms.
///
/// # Errors
/// As [`ElectronicSeal::parse`]; what is wrong with the seal is in the report.
pub fn verify_seal(bytes: &[u8], terms: &Terms<'_>) -> Result<Report, Error> {
    let seal = ElectronicSeal::parse(bytes)
        .or_else(|error| SealedData::parse(bytes).map(|data| data.seal().clone()).map_err(|_| error))?;
    let mut one = SignatureReport::new(seal.id().to_owned(), Kind::SealMaker);
    judge_seal(&mut one, &seal, terms.moment(None), terms);
    one.signer = seal.maker().cloned();
    one.seal = Some(Box::new(seal));
    Pictures::default().check(&mut one);
    let mut report = Report::new(Format::Seal);
    report.signatures.push(one);
    Ok(report)
}

/// Judges every signature of an OFD package.
pub(super) fn ofd<R: Read + Seek>(
    document: &mut ofd::Document<R>,
    terms: &Terms<'_>,
) -> Result<Report, Error> {
    let structure = ofd::verify_structure(document)?;
    let mut report = Report::new(Format::Ofd);
    report.warnings = structure.warnings;
    let mut pictures = Pictures::default();
    for found in structure.signatures {
        let mut one = SignatureReport::new(found.id, found.kind);
        for reason in found.reasons {
            one.add(reason.code, reason.detail);
        }
        if let Some(signature) = found.signature {
            one.stamps.clone_from(&signature.stamps);
            let mut judging = Judging::start(&mut one, &signature.value);
            judging.update(&signature.xml);
            judging.finish(&mut one, signature.time, terms);
            pictures.check(&mut one);
            let named = SealedData::parse(&signature.value).map(|data| data.property_info().to_owned());
            if named
                .is_ok_and(|named| named.trim_start_matches('/') != signature.path.trim_start_matches('/'))
            {
                one.add(Code::Deviation, "the sealed data name another description of the signature");
            }
            let within = one.seal.as_ref().map(|seal| seal.as_der());
            if let (Some(beside), Some(within)) = (&signature.seal, within)
                && beside != within
            {
                one.add(Code::SealDiffers, signature.seal_path.unwrap_or_default());
            }
        }
        report.signatures.push(one);
    }
    Ok(report)
}

/// Judges every signature of a PDF.
pub(super) fn pdf<R: Read + Seek>(
    document: &mut pdf::Document<R>,
    terms: &Terms<'_>,
) -> Result<Report, Error> {
    let mut report = Report::new(Format::Pdf);
    report.warnings = pdf::warnings(document)?;
    // What a document brings along was known when it was signed, and says nothing of today.
    let known = match terms.at {
        At::Now => None,
        At::Signing | At::Moment(_) => with_stored(document, terms.validator, &mut report)?,
    };
    let terms = &Terms { validator: known.as_ref().unwrap_or(terms.validator), ..*terms };
    let fields = document.signature_fields(document.newest())?;
    let mut pictures = Pictures::default();
    let mut covered = Covered::new(document.len());
    for found in pdf::signatures(document)? {
        let mut one = SignatureReport::new(found.field.clone(), found.kind);
        for reason in found.reasons.iter().chain(&found.notes) {
            one.add(reason.code, &reason.detail);
        }
        one.stamps.clone_from(&found.stamps);
        let mut judging = Judging::start(&mut one, &found.value);
        match covered.pass(document, found.byte_range.as_ref(), &mut judging) {
            Ok(()) => judging.finish(&mut one, found.claimed_time, terms),
            Err(error @ Error::Io(_)) => return Err(error),
            // What is covered cannot be read, which is among the reasons.
            Err(error) => one.add(Code::Coverage, error),
        }
        let field = fields.iter().find(|field| field.name == found.field);
        if let (Some(picture), Some(field)) = (pictures.check(&mut one), field) {
            pictures.compare(document, field, picture, &mut one)?;
        }
        report.signatures.push(one);
    }
    Ok(report)
}
