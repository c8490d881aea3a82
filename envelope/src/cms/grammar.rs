//! What the kinds of message consist of, element by element.
//!
//! ```text
//! ContentInfo SEQUENCE
//!   contentType OID                                  -> Field
//!   [0] EXPLICIT, by content type:
//!     data: OCTET STRING                             -> HeaderEnd, Content ...
//!     SignedData SEQUENCE
//!       version INTEGER, digestAlgorithms SET        -> Field
//!       contentInfo SEQUENCE
//!         contentType OID                            -> Field
//!         [0] EXPLICIT OCTET STRING, or absent       -> HeaderEnd, Content ...
//!       [0] certificates, [1] crls, signerInfos SET  -> Field
//!     EnvelopedData SEQUENCE
//!       version INTEGER, recipientInfos SET          -> Field
//!       EncryptedContentInfo SEQUENCE
//!         contentType OID                            -> Field
//!         contentEncryptionAlgorithm SEQUENCE        -> Field
//!         [0] IMPLICIT OCTET STRING                  -> HeaderEnd, Content ...
//!         [1] sharedInfo1, [2] sharedInfo2           passed over
//!       [1] unprotected attributes (RFC 5652)        passed over
//!     SignedAndEnvelopedData SEQUENCE
//!       version INTEGER, recipientInfos SET, digestAlgorithms SET -> Field
//!       EncryptedContentInfo SEQUENCE                as above
//!       [0] certificates, [1] crls, signerInfos SET  -> Field
//!     EncryptedData SEQUENCE
//!       version INTEGER                              -> Field
//!       EncryptedContentInfo SEQUENCE                as above
//!       [1] unprotected attributes (RFC 5652)        passed over
//! ```
//! Source: GM/T 0010 (GB/T 35275); PKCS#7 1.5; RFC 5652, 5.1, 6.1 and 8.

use super::kind::ContentType;
use super::quirk::Quirk;
use crate::der::{CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context};
use crate::error::InvalidMessage;

/// The fields that are collected whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    OuterType,
    Version,
    Recipients,
    DigestAlgorithms,
    InnerType,
    Algorithm,
    Certificates,
    Crls,
    Signers,
}

/// Which element is open, with the number of parts of it that have been met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    ContentInfo(u8),
    Explicit(u8),
    SignedData(u8),
    InnerInfo(u8),
    InnerExplicit(u8),
    EnvelopedData(u8),
    SignedAndEnvelopedData(u8),
    EncryptedData(u8),
    EncryptedContentInfo(u8),
    /// The content in segments, or one of its segments that has segments itself.
    Segments,
    /// Inside a collected or skipped element of indefinite length.
    Opaque,
}

/// What to do with the element that begins.
pub(super) enum Part {
    Enter(Place),
    Collect(Field),
    Skip(Quirk),
    Opaque,
    Content,
    Segment,
}

/// The element with this tag inside `place`: what to do with it, and how far `place` has got then.
pub(super) fn part(
    kind: Option<ContentType>,
    place: Place,
    tag: u8,
) -> Result<(Place, Part), InvalidMessage> {
    use Part::{Collect, Content, Enter, Skip};
    use Place::{
        ContentInfo, EncryptedContentInfo, EncryptedData, EnvelopedData, Explicit, InnerExplicit, InnerInfo,
        SignedAndEnvelopedData, SignedData,
    };
    // The counts of the parts met advance here and nowhere else.
    Ok(match (place, tag) {
        (ContentInfo(0), OID) => (ContentInfo(1), Collect(Field::OuterType)),
        (ContentInfo(1), EXPLICIT) => (ContentInfo(2), Enter(Explicit(0))),
        (Explicit(0), tag) => (Explicit(1), inside(kind, tag)?),

        (SignedData(0), INTEGER) => (SignedData(1), Collect(Field::Version)),
        (SignedData(1), SET) => (SignedData(2), Collect(Field::DigestAlgorithms)),
        (SignedData(2), SEQUENCE) => (SignedData(3), Enter(InnerInfo(0))),
        (SignedData(3), CERTIFICATES) => (SignedData(4), Collect(Field::Certificates)),
        (SignedData(3 | 4), CRLS) => (SignedData(5), Collect(Field::Crls)),
        (SignedData(3..=5), SET) => (SignedData(6), Collect(Field::Signers)),
        (InnerInfo(0), OID) => (InnerInfo(1), Collect(Field::InnerType)),
        (InnerInfo(1), EXPLICIT) => (InnerInfo(2), Enter(InnerExplicit(0))),
        (InnerExplicit(0), OCTET_STRING | OCTET_STRING_SEGMENTS) => (InnerExplicit(1), Content),

        (EnvelopedData(0), INTEGER) => (EnvelopedData(1), Collect(Field::Version)),
        (EnvelopedData(1), SET) => (EnvelopedData(2), Collect(Field::Recipients)),
        (EnvelopedData(2), SEQUENCE) => (EnvelopedData(3), Enter(EncryptedContentInfo(0))),
        (EnvelopedData(3), ATTRIBUTES) => (EnvelopedData(4), Skip(Quirk::UnprotectedAttributes)),

        (SignedAndEnvelopedData(0), INTEGER) => (SignedAndEnvelopedData(1), Collect(Field::Version)),
        (SignedAndEnvelopedData(1), SET) => (SignedAndEnvelopedData(2), Collect(Field::Recipients)),
        (SignedAndEnvelopedData(2), SET) => (SignedAndEnvelopedData(3), Collect(Field::DigestAlgorithms)),
        (SignedAndEnvelopedData(3), SEQUENCE) => (SignedAndEnvelopedData(4), Enter(EncryptedContentInfo(0))),
        (SignedAndEnvelopedData(4), CERTIFICATES) => {
            (SignedAndEnvelopedData(5), Collect(Field::Certificates))
        }
        (SignedAndEnvelopedData(4 | 5), CRLS) => (SignedAndEnvelopedData(6), Collect(Field::Crls)),
        (SignedAndEnvelopedData(4..=6), SET) => (SignedAndEnvelopedData(7), Collect(Field::Signers)),

        (EncryptedData(0), INTEGER) => (EncryptedData(1), Collect(Field::Version)),
        (EncryptedData(1), SEQUENCE) => (EncryptedData(2), Enter(EncryptedContentInfo(0))),
        (EncryptedData(2), ATTRIBUTES) => (EncryptedData(3), Skip(Quirk::UnprotectedAttributes)),

        (EncryptedContentInfo(0), OID) => (EncryptedContentInfo(1), Collect(Field::InnerType)),
        (EncryptedContentInfo(1), SEQUENCE) => (EncryptedContentInfo(2), Collect(Field::Algorithm)),
        (EncryptedContentInfo(2), CONTENT | CONTENT_SEGMENTS) => (EncryptedContentInfo(3), Content),
        (EncryptedContentInfo(3), SHARED_INFO_1 | SHARED_INFO_1_SEGMENTS) => {
            (EncryptedContentInfo(4), Skip(Quirk::SharedInfo))
        }
        (EncryptedContentInfo(3 | 4), SHARED_INFO_2 | SHARED_INFO_2_SEGMENTS) => {
            (EncryptedContentInfo(5), Skip(Quirk::SharedInfo))
        }

        (Place::Segments, OCTET_STRING) => (Place::Segments, Part::Segment),
        (Place::Segments, OCTET_STRING_SEGMENTS) => (Place::Segments, Enter(Place::Segments)),
        (Place::Opaque, _) => (Place::Opaque, Part::Opaque),
        (ContentInfo(0), _) => return Err(InvalidMessage::NotEnvelopedData),
        _ => return Err(InvalidMessage::Malformed),
    })
}

/// What the explicit tag of ContentInfo holds.
fn inside(kind: Option<ContentType>, tag: u8) -> Result<Part, InvalidMessage> {
    Ok(match (kind, tag) {
        (Some(ContentType::Data), OCTET_STRING | OCTET_STRING_SEGMENTS) => Part::Content,
        (Some(ContentType::Signed), SEQUENCE) => Part::Enter(Place::SignedData(0)),
        (Some(ContentType::Enveloped), SEQUENCE) => Part::Enter(Place::EnvelopedData(0)),
        (Some(ContentType::SignedAndEnveloped), SEQUENCE) => Part::Enter(Place::SignedAndEnvelopedData(0)),
        (Some(ContentType::Encrypted), SEQUENCE) => Part::Enter(Place::EncryptedData(0)),
        _ => return Err(InvalidMessage::Malformed),
    })
}

/// How an element ends.
pub(super) enum Closing {
    Complete,
    /// The content type of a signed message without its content: that is elsewhere.
    Detached,
    Segments,
    Opaque,
}

/// Whether what must be in an element has been met when it ends.
pub(super) fn closing(place: Place) -> Result<Closing, InvalidMessage> {
    match place {
        Place::ContentInfo(2)
        | Place::Explicit(1)
        | Place::SignedData(6)
        | Place::InnerInfo(2)
        | Place::InnerExplicit(1)
        | Place::EnvelopedData(3..)
        | Place::SignedAndEnvelopedData(7)
        | Place::EncryptedData(2..)
        | Place::EncryptedContentInfo(3..) => Ok(Closing::Complete),
        Place::InnerInfo(1) => Ok(Closing::Detached),
        Place::EncryptedContentInfo(2) => Err(InvalidMessage::NoContent),
        Place::Segments => Ok(Closing::Segments),
        Place::Opaque => Ok(Closing::Opaque),
        _ => Err(InvalidMessage::Malformed),
    }
}

const EXPLICIT: u8 = context(0) | CONSTRUCTED;
const CONTENT: u8 = context(0);
const CONTENT_SEGMENTS: u8 = context(0) | CONSTRUCTED;
const SHARED_INFO_1: u8 = context(1);
const SHARED_INFO_1_SEGMENTS: u8 = context(1) | CONSTRUCTED;
const SHARED_INFO_2: u8 = context(2);
const SHARED_INFO_2_SEGMENTS: u8 = context(2) | CONSTRUCTED;
const ATTRIBUTES: u8 = context(1) | CONSTRUCTED;
const CERTIFICATES: u8 = context(0) | CONSTRUCTED;
const CRLS: u8 = context(1) | CONSTRUCTED;
const OCTET_STRING_SEGMENTS: u8 = OCTET_STRING | CONSTRUCTED;
