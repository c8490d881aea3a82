//! The kit of broken bids: every reader says of each exactly what is wrong, at the first step where it shows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

use std::{collections::BTreeSet, io::Cursor};

use cosign_tests::{
    bid_kit::{
        self, NOT_BEFORE, key,
        signature::{SIGNED_AT, SIGNING, certificate},
        writer::Plan,
    },
    random::Seeded,
};
use envelope::{
    Error,
    bid::{BodyKey, InvalidBid, InvalidBid::*, Lock, Share, Structure, Whole},
    cms::{Signer, Time},
    error::{InvalidCertificate, InvalidMessage, InvalidSignature},
    io::{
        self,
        bid::{Bid, check_structure},
    },
};
use sm_primitives::sm2::dsa;

/// Where a defect shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Without any key, over a stream.
    Structure,
    /// With the shares and the lock.
    Key,
    /// With the body's key.
    Body,
    /// With the signer's key.
    Signature,
}
use Step::*;

/// What is wrong with each bid of the kit.
#[rustfmt::skip]
const TABLE: &[(&str, Step, InvalidBid)] = &[
    ("empty", Structure, HeaderTruncated),
    ("bad-magic", Structure, Magic),
    ("sent-as-text", Structure, Magic),
    ("unknown-version", Structure, Version(2)),
    ("manifest-length-zero", Structure, ManifestLength(0)),
    ("manifest-length-over", Structure, ManifestLength(65_537)),
    ("slots-length-zero", Structure, SlotsLength(0)),
    ("slots-length-over", Structure, SlotsLength((1 << 20) + 1)),
    ("cut-in-magic", Structure, HeaderTruncated),
    ("cut-in-preamble", Structure, HeaderTruncated),
    ("cut-in-manifest", Structure, HeaderTruncated),
    ("cut-in-slots", Structure, HeaderTruncated),
    ("manifest-not-der", Structure, Manifest),
    ("manifest-length-not-shortest", Structure, Manifest),
    ("manifest-with-more-behind", Structure, Manifest),
    ("manifest-field-added", Structure, Manifest),
    ("manifest-edited", Structure, ChunkForeign(0)),
    ("manifest-version", Structure, ManifestVersion),
    ("file-id-short", Structure, Manifest),
    ("chunk-size-small", Structure, ChunkSize),
    ("chunk-size-large", Structure, ChunkSize),
    ("project-too-long", Structure, Manifest),
    ("bidder-with-newline", Structure, Manifest),
    ("sealed-at-beyond", Structure, Manifest),
    ("metadata-unsorted", Structure, Metadata),
    ("metadata-twice", Structure, Metadata),
    ("metadata-too-many", Structure, Metadata),
    ("metadata-key-empty", Structure, Metadata),
    ("metadata-value-too-long", Structure, Manifest),
    ("signer-short", Structure, Manifest),
    ("opening-commitment-short", Structure, Manifest),
    ("threshold-zero", Structure, Policy),
    ("threshold-over", Structure, Policy),
    ("threshold-lowered", Structure, Policy),
    ("model-unknown", Structure, Policy),
    ("model-contradicted", Structure, Policy),
    ("role-twice", Structure, Policy),
    ("role-empty", Structure, Policy),
    ("roles-none", Structure, Policy),
    ("shares-too-many", Structure, Policy),
    ("commitments-too-few", Structure, Commitments),
    ("commitments-too-many", Structure, Commitments),
    ("commitment-off-curve", Structure, Commitments),
    ("commitment-short", Structure, Commitments),
    ("slots-not-der", Structure, Slots),
    ("slots-with-more-behind", Structure, Slots),
    ("slots-none", Structure, NoSlots),
    ("slots-too-many", Structure, TooManySlots),
    ("slot-share-zero", Structure, SlotShare(0)),
    ("slot-share-beyond", Structure, SlotShare(3)),
    ("slot-share-huge", Structure, SlotShare(258)),
    ("slot-share-too-short", Structure, SlotCiphertext(1)),
    ("lock-too-short", Structure, LockCiphertext),
    ("lock-removed", Structure, LockMissing),
    ("lock-added", Structure, LockUnexpected),
    ("cut-before-chunks", Structure, NoChunks),
    ("cut-in-head", Structure, ChunkTruncated(1)),
    ("cut-in-chunk", Structure, ChunkTruncated(1)),
    ("cut-between-chunks", Structure, ChunkTruncated(2)),
    ("cut-in-last-tag", Structure, ChunkTruncated(2)),
    ("no-chunks", Structure, ChunkTruncated(0)),
    ("chunks-reordered", Structure, ChunkOrder { place: 0, found: 1 }),
    ("chunk-twice", Structure, ChunkOrder { place: 1, found: 0 }),
    ("chunk-missing", Structure, ChunkOrder { place: 1, found: 2 }),
    ("last-chunk-missing", Structure, ChunkTruncated(2)),
    ("chunk-foreign", Structure, ChunkForeign(1)),
    ("chunk-foreign-repaired", Body, ChunkTag(1)),
    ("chunks-swapped-repaired", Body, ChunkMoved { place: 0, belongs: 1 }),
    ("chunk-length-over", Structure, ChunkLength(0)),
    ("chunk-length-short", Structure, ChunkLength(0)),
    ("chunk-length-zero", Structure, ChunkLength(2)),
    ("chunk-length-huge", Structure, ChunkLength(2)),
    ("chunk-flags-unknown", Structure, ChunkFlags(1)),
    ("chunk-index-huge", Structure, ChunkOrder { place: 1, found: u64::MAX }),
    ("last-flag-early", Structure, TrailingData),
    ("last-flag-early-and-cut", Body, ChunkEnd(1)),
    ("last-flag-missing", Structure, ChunkLength(2)),
    ("ciphertext-changed", Body, ChunkTag(1)),
    ("tag-changed", Body, ChunkTag(2)),
    ("chunk-of-no-text-at-the-end", Structure, ChunkLength(2)),
    ("no-trailer", Structure, Trailer),
    ("trailer-cut", Structure, Trailer),
    ("end-magic-changed", Structure, Trailer),
    ("trailing-byte", Structure, Trailer),
    ("trailing-second-trailer", Structure, TrailingData),
    ("trailing-chunk", Structure, TrailingData),
    ("trailing-much", Structure, TrailingData),
    ("signature-length-over", Structure, TrailingData),
    ("signature-length-wrong", Structure, Trailer),
    ("signature-stripped", Structure, SignatureMissing),
    ("signature-added", Structure, SignatureUnexpected),
    ("signature-of-other-signer", Signature, SignatureSigner),
    ("signature-of-two", Signature, SignatureSigner),
    ("signature-of-nobody", Signature, SignatureMissing),
    ("commitment-wrong", Key, ShareMismatch(1)),
    ("commitment-of-secret-wrong", Key, ShareMismatch(1)),
    ("shares-swapped", Key, ShareMismatch(1)),
    ("share-of-other-bid", Key, ShareMismatch(2)),
    ("share-zero", Key, ShareMismatch(1)),
    ("share-out-of-range", Key, ShareMismatch(1)),
    ("lock-without-label", Key, LockLabel),
    ("lock-of-other-time", Key, LockTime),
    ("lock-of-other-file", Key, LockFile),
    ("lock-of-other-secret", Key, LockCommitment),
    ("lock-commitment-wrong", Key, LockCommitment),
    ("name-parent", Body, IndexName(1)),
    ("name-parent-inside", Body, IndexName(1)),
    ("name-absolute", Body, IndexName(1)),
    ("name-dot", Body, IndexName(1)),
    ("name-empty", Body, IndexName(1)),
    ("name-empty-part", Body, IndexName(1)),
    ("name-backslash", Body, IndexName(1)),
    ("name-drive", Body, IndexName(1)),
    ("name-control", Body, IndexName(1)),
    ("name-not-utf8", Body, IndexName(1)),
    ("name-too-long", Body, IndexName(1)),
    ("name-twice", Body, IndexDuplicate(1)),
    ("name-is-folder", Body, IndexConflict(1)),
    ("file-overlaps", Body, IndexOverlap(1)),
    ("file-behind-gap", Body, IndexGap(1)),
    ("file-beyond-body", Body, IndexBeyondBody(2)),
    ("file-size-huge", Body, IndexBeyondBody(2)),
    ("file-none-for-bytes", Body, IndexGap(2)),
    ("index-not-der", Body, Index),
    ("index-entry-short", Body, Index),
    ("index-number-negative", Body, Index),
    ("index-length-short", Body, Index),
    ("index-length-beyond-body", Body, Index),
    ("index-too-large", Body, IndexTooLarge),
    ("index-too-many-files", Body, TooManyFiles),
    ("body-too-short", Body, Index),
];

/// Broken in a way that no [`InvalidBid`] says: by what opens or verifies it.
#[rustfmt::skip]
const OTHERS: &[(&str, Step, Error)] = &[
    ("slot-for-stranger", Key, Error::MoreShares(1)),
    ("signature-of-other-content", Signature, Error::InvalidSignature(InvalidSignature::ContentChanged)),
    ("signature-of-other-bid", Signature, Error::InvalidSignature(InvalidSignature::ContentChanged)),
    ("signature-of-other-attributes", Signature, Error::InvalidSignature(InvalidSignature::Wrong)),
    ("signature-bare", Signature, Error::InvalidMessage(InvalidMessage::NotEnvelopedData)),
    ("signature-with-content", Signature, Error::InvalidMessage(InvalidMessage::Malformed)),
    ("signature-without-certificate", Signature, Error::InvalidSignature(InvalidSignature::NoCertificate)),
    ("signature-with-other-certificate", Signature, Error::InvalidSignature(InvalidSignature::SigningCertificate)),
    ("signature-with-certificate-for-decryption", Signature, Error::InvalidCertificate(InvalidCertificate::SigningKeyUsage)),
];

/// Nothing but bids is wrong here.
fn of_envelope(error: io::Error) -> Error {
    match error {
        io::Error::Envelope(error) => error,
        io::Error::Io(error) => panic!("{error}"),
    }
}

/// The structure, in pieces of this length.
fn structure(bytes: &[u8], piece: usize) -> Result<Whole, InvalidBid> {
    let mut structure = Structure::default();
    for piece in bytes.chunks(piece) {
        structure.push(piece)?;
    }
    structure.finish()
}

fn body_key(bid: &Bid<Cursor<&[u8]>>) -> Result<BodyKey, Error> {
    let (manifest, slots) = (bid.header().manifest(), bid.header().slots());
    let lock = slots.lock().map(|lock| Lock::open(&key("opening"), lock)).transpose()?;
    if let Some(lock) = &lock {
        manifest.check_lock(&lock.commitment())?;
        assert_eq!(lock.not_before, NOT_BEFORE);
    }
    let mut shares: Vec<Share> = Vec::new();
    for slot in slots.slots() {
        for holder in ["platform", "bidder"] {
            match slot.unwrap(manifest, &key(holder)) {
                Ok(share) => shares.push(share),
                Err(Error::WrongKey) => {}
                Err(error) => return Err(error),
            }
        }
    }
    BodyKey::derive(manifest, &shares, lock.as_ref().map(|lock| &lock.secret))
}

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

/// Goes all the way; the step that fails, and how.
fn outcome(bytes: &[u8]) -> Result<Files, (Step, Error)> {
    let whole = structure(bytes, usize::MAX);
    for piece in [1, 1000] {
        let again = structure(bytes, piece);
        assert_eq!(again.as_ref().err(), whole.as_ref().err(), "the cut into pieces matters");
    }
    let seeking = check_structure(&mut Cursor::new(bytes)).err().map(of_envelope);
    assert_eq!(seeking, whole.as_ref().err().map(|&defect| defect.into()), "seeking matters");
    let bid = Bid::open(Cursor::new(bytes)).map_err(|error| (Structure, of_envelope(error)));
    if let Err(defect) = whole {
        // Opening needs the ends only; the middle shows on the way.
        return match bid {
            Err(error) => {
                assert_eq!(error, (Structure, defect.into()));
                Err(error)
            }
            Ok(mut bid) => {
                assert_eq!(bid.check_structure().map_err(of_envelope), Err(defect.into()));
                let key = body_key(&bid).unwrap();
                let read = bid.unlock(key).and_then(|mut open| open.copy(0..u64::MAX, |_, _| Ok(())));
                // Before all chunks are read, a last one among them has no name but this.
                let read = read.map_err(of_envelope).unwrap_err();
                let early = defect == TrailingData && read == ChunkLength(0).into();
                assert!(read == defect.into() || early, "{read:?}");
                Err((Structure, defect.into()))
            }
        };
    }
    let mut bid = bid?;
    let key = body_key(&bid).map_err(|error| (Key, error))?;
    let verified = bid.verify(|_| Ok(())).map_err(|error| (Signature, of_envelope(error)));
    let body = |error: io::Error| (Body, of_envelope(error));
    let mut open = bid.unlock(key).map_err(body)?;
    let entries = open.index().entries().to_vec();
    let read = |entry: &envelope::bid::Entry| {
        Ok((entry.name().to_owned(), open.read(entry).map_err(body)?.to_vec()))
    };
    let files = entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    verified?;
    Ok(files)
}

#[test]
fn what_is_right_opens() {
    for (name, bytes) in bid_kit::whole() {
        let files = outcome(&bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(files.is_empty(), name == "right-empty");
        let plan = Plan::both();
        if name == "right-both" {
            assert_eq!(files.iter().flat_map(|(_, text)| text).copied().collect::<Vec<_>>(), plan.content);
            assert_eq!(files[2].0, "报价.txt");
        }
    }
}

/// The writer of the kit and the product write the same signature.
#[test]
fn the_kit_signs_as_the_product_does() {
    let bytes = Plan::signed().seal().bytes();
    let mut bid = Bid::open(Cursor::new(&bytes[..])).unwrap();
    let certificate = certificate("signer", key("signer").public_key(), SIGNING);
    let signer = Signer::new(&certificate).unwrap().at(Time::from_unix(SIGNED_AT).unwrap());
    let unsigned = bid.statement(|_| Ok(())).unwrap().unsigned(signer).unwrap();
    let signature = dsa::sign_digest(&key("signer"), &unsigned.digests()[0], &mut Seeded::new(7)).unwrap();
    assert_eq!(unsigned.complete(&[signature]).unwrap().detached().unwrap(), bid.signature());
    let signatory = bid.verify(|_| Ok(())).unwrap().unwrap();
    assert_eq!(signatory.certificate().as_der(), certificate);
}

#[test]
fn each_broken_bid_has_its_name() {
    let kit = bid_kit::broken();
    let names: BTreeSet<_> = kit.iter().map(|(name, _)| *name).collect();
    let table: BTreeSet<_> = TABLE.iter().map(|row| row.0).chain(OTHERS.iter().map(|row| row.0)).collect();
    assert_eq!(names.len(), kit.len(), "names differ");
    assert_eq!(names, table);
    let mut wrong = Vec::new();
    for (name, bytes) in &kit {
        let expected = match TABLE.iter().find(|row| row.0 == *name) {
            Some(&(_, step, defect)) => (step, defect.into()),
            None => OTHERS.iter().find(|row| row.0 == *name).map(|row| (row.1, row.2)).unwrap(),
        };
        let found = outcome(bytes).map(|files| files.len());
        if found != Err(expected) {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
