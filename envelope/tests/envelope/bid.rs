//! Sealed bids in memory and in files.

use std::io::{Cursor, Read};

use envelope::{
    Error, IssuerAndSerial, RecipientId, Sm2Recipient,
    bid::{
        BodyKey, ChunkSize, Draft, Header, InvalidBid, Lock, LockSecret, OVERHEAD, Policy, Share, Slot,
        Statement, Structure, Terms,
    },
    cms::{Dialect, Signer, Time, certificates_only},
    error::{ApiMisuse, InvalidCertificate, InvalidMessage, InvalidSignature},
    io::{
        self,
        bid::{Bid, check_structure, seal},
    },
    simple::Placement,
};
use sm_primitives::sm2::{PrivateKey, PublicKey, dsa};

use crate::{
    signed::{certificate, signed},
    support::{CertificateParts, TestRng, key, public_key, recipient},
};

pub(crate) const CHUNK: usize = 1 << 16;

fn draft(policy: Policy, holders: &[(u8, &str)]) -> Draft {
    Draft {
        terms: Terms {
            project: "P-1".into(),
            chunk_size: ChunkSize::from_exponent(16).unwrap(),
            ..Terms::default()
        },
        policy,
        holders: holders.iter().map(|(share, name)| (*share, recipient(name))).collect(),
        opening: None,
        signer: None,
    }
}

pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)).to_le_bytes()[0]).collect()
}

pub(crate) fn sealed(draft: Draft, files: &[(&str, &[u8])]) -> Vec<u8> {
    let files = files.iter().map(|(name, text)| Ok(((*name).to_owned(), *text)));
    seal(draft, files, Vec::new(), &mut TestRng::new("bid")).unwrap().finish(&[]).unwrap()
}

pub(crate) fn shares(header: &Header, names: &[&str]) -> Vec<Share> {
    let unwrap = |name: &&str| {
        let key = key(name);
        header.slots().slots().iter().filter_map(move |slot| slot.unwrap(header.manifest(), &key).ok())
    };
    names.iter().flat_map(unwrap).collect()
}

pub(crate) fn open(bytes: &[u8], names: &[&str]) -> Result<Vec<(String, Vec<u8>)>, io::Error> {
    let bid = Bid::open(Cursor::new(bytes))?;
    let key = BodyKey::derive(bid.header().manifest(), &shares(bid.header(), names), None)?;
    let mut open = bid.unlock(key)?;
    let entries = open.index().entries().to_vec();
    entries.iter().map(|entry| Ok((entry.name().to_owned(), open.read(entry)?.to_vec()))).collect()
}

pub(crate) fn error<T: std::fmt::Debug>(result: Result<T, io::Error>) -> Error {
    match result.unwrap_err() {
        io::Error::Envelope(error) => error,
        io::Error::Io(error) => panic!("{error}"),
    }
}

pub(crate) fn platform() -> Draft {
    draft(Policy::platform(), &[(1, "platform")])
}

#[test]
fn files_of_every_length_come_back() {
    // The index of one file called `a` takes 14 to 16 bytes, its length 4.
    for len in [
        0,
        1,
        CHUNK - 30,
        CHUNK - 20,
        CHUNK - 19,
        CHUNK - 18,
        CHUNK - 4,
        CHUNK,
        CHUNK + 1,
        3 * CHUNK,
        20 * CHUNK + 7,
    ] {
        let text = pattern(len);
        let bytes = sealed(platform(), &[("a", &text)]);
        assert_eq!(open(&bytes, &["platform"]).unwrap(), [("a".to_owned(), text)], "{len}");
    }
    let text = pattern(3 * CHUNK);
    let files: [(&str, &[u8]); 5] =
        [("a/b", &text), ("empty", &[]), ("a/c", &text[1..]), ("最后", &text[..5]), ("z", &[])];
    let opened = open(&sealed(platform(), &files), &["platform"]).unwrap();
    let opened: Vec<_> = opened.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    assert_eq!(opened, files);
    assert!(open(&sealed(platform(), &[]), &["platform"]).unwrap().is_empty());
}

#[test]
fn any_range_can_be_read() {
    let text = pattern(5 * CHUNK + 100);
    let bytes = sealed(platform(), &[("a", &text)]);
    let bid = Bid::open(Cursor::new(&bytes)).unwrap();
    let key = BodyKey::derive(bid.header().manifest(), &shares(bid.header(), &["platform"]), None).unwrap();
    let mut open = bid.unlock(key).unwrap();
    for (from, to) in
        [(0, 1), (CHUNK - 1, CHUNK + 1), (CHUNK, 2 * CHUNK), (70_000, 300_000), (5, 5), (0, text.len())]
    {
        let mut at = from as u64;
        let mut read = Vec::new();
        open.copy(from as u64..to as u64, |place, piece| {
            assert_eq!(place, at);
            at += piece.len() as u64;
            read.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!(read, text[from..to], "{from}..{to}");
    }
}

#[test]
fn any_m_of_n_open_it_and_no_fewer() {
    let names = ["a", "b", "c", "d"];
    for n in 1..=4u8 {
        for m in 1..=n {
            let roles = names[..usize::from(n)].iter().map(|name| (*name).to_owned()).collect();
            let policy = Policy::custom(m, roles).unwrap();
            let holders: Vec<_> = (1..=n).zip(names).collect();
            let bytes = sealed(draft(policy, &holders), &[("offer", b"7")]);
            for set in 1..1u8 << n {
                let chosen: Vec<_> =
                    (0..usize::from(n)).filter(|i| set >> i & 1 == 1).map(|i| names[i]).collect();
                let opened = open(&bytes, &chosen);
                match u8::try_from(chosen.len()).unwrap() {
                    count if count >= m => assert_eq!(opened.unwrap()[0].1, b"7", "{m} of {n}: {chosen:?}"),
                    count => {
                        assert_eq!(error(opened), Error::MoreShares(m - count), "{m} of {n}: {chosen:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn several_hold_the_same_share() {
    let holders = [(1, "platform"), (1, "deputy"), (2, "bidder"), (2, "second bidder")];
    let bytes = sealed(draft(Policy::both(), &holders), &[("offer", b"7")]);
    for platform in ["platform", "deputy"] {
        for bidder in ["bidder", "second bidder"] {
            assert_eq!(open(&bytes, &[bidder, platform]).unwrap()[0].1, b"7");
        }
    }
    assert_eq!(error(open(&bytes, &["platform", "deputy"])), Error::MoreShares(1), "the same share twice");
    assert_eq!(error(open(&bytes, &["stranger"])), Error::MoreShares(2));
}

#[test]
fn a_renewed_certificate_opens_what_was_sealed_before() {
    // Named by a certificate that nobody has any more, and by the key: the key opens both.
    let old = RecipientId::IssuerAndSerial(IssuerAndSerial::new(&[0x30, 0], &[7]).unwrap());
    for id in [old, RecipientId::of_key(&public_key("platform"))] {
        let mut draft = platform();
        draft.holders = vec![(1, Sm2Recipient::new(public_key("platform"), id.clone()))];
        let bytes = sealed(draft, &[("offer", b"7")]);
        let header = Header::from_bytes(&bytes).unwrap().0;
        assert_eq!(header.slots().find(std::slice::from_ref(&id)).count(), 1);
        assert_eq!(open(&bytes, &["platform"]).unwrap()[0].1, b"7");
    }
}

#[test]
fn a_lock_keeps_a_bid_closed_whoever_holds_the_shares() {
    let mut draft = platform();
    draft.opening = Some((1_800_000_000, public_key("opening")));
    let bytes = sealed(draft, &[("offer", b"7")]);
    let bid = Bid::open(Cursor::new(&bytes)).unwrap();
    let (manifest, shares) = (bid.header().manifest(), shares(bid.header(), &["platform"]));
    let derive = |secret: Option<&LockSecret>| BodyKey::derive(manifest, &shares, secret);
    assert_eq!(derive(None).err(), Some(ApiMisuse::BidLock.into()));
    let wrong = LockSecret::from_bytes(&[0; 32]);
    assert_eq!(derive(Some(&wrong)).err(), Some(InvalidBid::LockCommitment.into()));

    let lock = Lock::open(&key("opening"), bid.header().slots().lock().unwrap()).unwrap();
    assert_eq!((lock.not_before, lock.file_id), (1_800_000_000, *manifest.file_id()));
    assert_eq!(manifest.check_lock(&lock.commitment()), Ok(()));
    let key = derive(Some(&lock.secret)).unwrap();
    assert_eq!(bid.unlock(key).unwrap().index().entries().len(), 1);

    let open = sealed(platform(), &[]);
    let header = Header::from_bytes(&open).unwrap().0;
    let shares = self::shares(&header, &["platform"]);
    assert_eq!(
        BodyKey::derive(header.manifest(), &shares, Some(&lock.secret)).err(),
        Some(ApiMisuse::BidLock.into()),
        "a secret for a bid without a lock"
    );
}

#[test]
fn shares_are_wrapped_again_without_opening_the_bid() {
    let holders = [(1, "platform"), (2, "bidder")];
    let bytes = sealed(draft(Policy::both(), &holders), &[("offer", &pattern(3 * CHUNK))]);
    let bid = Bid::open(Cursor::new(&bytes)).unwrap();
    let header = bid.header().clone();
    // The platform passes its share on; it has no other.
    let own = shares(&header, &["platform"]);
    assert_eq!(own.len(), 1);
    let mut slots: Vec<_> = header.slots().slots().iter().filter(|slot| slot.share() == 2).cloned().collect();
    slots.push(Slot::wrap(&own[0], &recipient("archive"), &mut TestRng::new("rewrap")).unwrap());
    let mut again = Vec::new();
    bid.rewrap(slots.clone(), &mut again).unwrap();
    let len = usize::try_from(Header::from_bytes(&again).unwrap().0.len()).unwrap();
    assert_eq!(again[len..], bytes[usize::try_from(header.len()).unwrap()..], "the content is the same");
    assert_eq!(open(&again, &["archive", "bidder"]).unwrap()[0].1, pattern(3 * CHUNK));
    assert_eq!(error(open(&again, &["platform", "bidder"])), Error::MoreShares(1));

    let bid = Bid::open(Cursor::new(&bytes)).unwrap();
    slots.remove(0);
    assert_eq!(
        error(bid.rewrap(slots, Vec::new())),
        ApiMisuse::BidHolders.into(),
        "a share that nobody holds"
    );
}

#[test]
fn a_bid_is_signed_as_it_is_read() {
    let mut draft = platform();
    draft.signer = Some(public_key("signer"));
    let text = pattern(4 * CHUNK);
    let sealed =
        seal(draft, [Ok(("a".into(), &text[..]))].into_iter(), Vec::new(), &mut TestRng::new("bid")).unwrap();
    let statement = sealed.statement().unwrap();
    let bytes = sealed.finish(b"signature").unwrap();
    let mut bid = Bid::open(Cursor::new(&bytes)).unwrap();
    assert_eq!(bid.signature(), b"signature");
    let mut hashed = 0;
    let read = bid.statement(|len| {
        hashed += len;
        Ok(())
    });
    assert_eq!(read.unwrap(), statement);
    assert_eq!(hashed, bid.body_len() + bid.chunks() * OVERHEAD as u64);
    assert_eq!(bid.header().manifest().check_signer(&public_key("signer")), Ok(()));
    assert_eq!(
        bid.header().manifest().check_signer(&public_key("platform")),
        Err(InvalidBid::SignatureSigner)
    );
}

/// A bid that says it is signed by "signer", before its signature.
fn announced(text: &[u8]) -> io::bid::Sealed<Vec<u8>> {
    let draft = Draft { signer: Some(public_key("signer")), ..platform() };
    seal(draft, [Ok(("a".to_owned(), text))].into_iter(), Vec::new(), &mut TestRng::new("bid")).unwrap()
}

fn signer_of(certificate: &[u8]) -> Signer {
    Signer::new(certificate).unwrap().at(Time::from_unix(1_800_000_000).unwrap())
}

fn signature(statement: &Statement, name: &str, certificate: &[u8]) -> Vec<u8> {
    let unsigned = statement.unsigned(signer_of(certificate)).unwrap();
    let signature =
        dsa::sign_digest(&key(name), &unsigned.digests()[0], &mut TestRng::new("signature")).unwrap();
    unsigned.complete(&[signature]).unwrap().detached().unwrap()
}

#[test]
fn a_signed_bid_says_who_signed() {
    let sealed = announced(&pattern(2 * CHUNK));
    let signature = signature(&sealed.statement().unwrap(), "signer", &certificate("signer"));
    let bytes = sealed.finish(&signature).unwrap();
    let mut bid = Bid::open(Cursor::new(&bytes)).unwrap();
    let signatory = bid.verify(|_| Ok(())).unwrap().unwrap();
    assert_eq!(signatory.certificate().as_der(), certificate("signer"));
    assert_eq!(Some(&signatory.key_id()), bid.header().manifest().signer());
    assert_eq!(signatory.time().unwrap().to_string(), "2027-01-15T08:00:00Z");

    let bytes = self::sealed(platform(), &[("a", b"unsigned")]);
    let mut hashed = false;
    let verified = Bid::open(Cursor::new(&bytes)).unwrap().verify(|_| {
        hashed = true;
        Ok(())
    });
    assert!(verified.unwrap().is_none() && !hashed);
}

#[test]
fn a_signature_that_does_not_hold_says_why() {
    let (own, other) = (announced(b"7"), announced(b"8"));
    let manifest = own.header().manifest().clone();
    let statement = own.statement().unwrap();
    let verify = |signature: &[u8]| statement.verify(&manifest, signature).err();
    let good = signature(&statement, "signer", &certificate("signer"));
    assert_eq!(verify(&good), None);

    assert_eq!(
        verify(&signature(&statement, "mallory", &certificate("mallory"))),
        Some(InvalidBid::SignatureSigner.into())
    );
    // The same manifest: whoever can open the bid can make another body for it.
    assert_eq!(other.header().manifest().digest(), manifest.digest());
    assert_eq!(
        verify(&signature(&other.statement().unwrap(), "signer", &certificate("signer"))),
        Some(InvalidSignature::ContentChanged.into())
    );
    let mut wrong = good.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&wrong), Some(InvalidSignature::Wrong.into()));

    let both = signed(&["mallory", "signer"], Dialect::Standard, Placement::Detached, &statement.to_bytes());
    assert_eq!(verify(&both), Some(InvalidBid::SignatureSigner.into()));
    let attached = signed(&["signer"], Dialect::Standard, Placement::Attached, &statement.to_bytes());
    assert_eq!(verify(&attached), Some(InvalidMessage::Malformed.into()));
    let nobody = certificates_only(&[&certificate("signer")], Dialect::Standard).unwrap();
    assert_eq!(verify(&nobody), Some(InvalidBid::SignatureMissing.into()));
    assert_eq!(verify(&[&good[..], b"x"].concat()), Some(InvalidMessage::TrailingData.into()));
    assert_eq!(verify(&good[..good.len() - 1]), Some(InvalidMessage::Truncated.into()));
    let (unsigned, _) = Header::from_bytes(&sealed(platform(), &[])).unwrap();
    assert_eq!(
        statement.verify(unsigned.manifest(), &good).err(),
        Some(InvalidBid::SignatureUnexpected.into())
    );
}

/// The key of an encryption certificate is in other hands too, where there is a key centre.
#[test]
fn a_certificate_for_encryption_signs_no_bid() {
    let sealed = announced(b"7");
    let key = public_key("signer");
    let parts = CertificateParts { key_usage: Some(&[6, 0xc0]), ..CertificateParts::new(&key) };
    let mut message = signature(&sealed.statement().unwrap(), "signer", &parts.build());
    let usage = message.windows(4).position(|bytes| bytes == [3, 2, 6, 0xc0]).unwrap();
    message[usage..usage + 4].copy_from_slice(&[3, 2, 4, 0x30]);
    let mut bid = Bid::open(Cursor::new(sealed.finish(&message).unwrap())).unwrap();
    let error = bid.verify(|_| Ok(()));
    assert_eq!(self::error(error), InvalidCertificate::SigningKeyUsage.into());
}

#[test]
fn a_signature_is_there_as_announced() {
    let begin = |signer: Option<PublicKey>| {
        let mut draft = platform();
        draft.signer = signer;
        seal(
            draft,
            std::iter::empty::<std::io::Result<(String, &[u8])>>(),
            Vec::new(),
            &mut TestRng::new("bid"),
        )
        .unwrap()
    };
    let misuse = Error::from(ApiMisuse::BidSignature);
    assert_eq!(error(begin(None).finish(b"x")), misuse);
    assert_eq!(error(begin(Some(public_key("signer"))).finish(b"")), misuse);
    assert_eq!(error(begin(Some(public_key("signer"))).finish(&[1; 65_537])), misuse);
    assert!(begin(None).statement().is_none());
}

#[test]
fn drafts_that_cannot_be() {
    let refused = |draft: Draft| draft.begin(&mut TestRng::new("bid")).err();
    let holders = Some(ApiMisuse::BidHolders.into());
    assert_eq!(refused(draft(Policy::both(), &[(1, "platform")])), holders);
    assert_eq!(refused(draft(Policy::platform(), &[(1, "platform"), (2, "x")])), holders);
    assert_eq!(refused(draft(Policy::platform(), &[])), holders);
    let long = |change: fn(&mut Terms)| {
        let mut draft = platform();
        change(&mut draft.terms);
        refused(draft)
    };
    let terms = Some(ApiMisuse::BidTerms.into());
    assert_eq!(long(|terms| terms.project = "x".repeat(257)), terms);
    assert_eq!(long(|terms| terms.bidder = "a\u{7f}".into()), terms);
    assert_eq!(long(|terms| terms.sealed_at = u64::MAX), terms);
    assert_eq!(long(|terms| drop(terms.metadata.insert(String::new(), String::new()))), terms);
    assert_eq!(
        long(|terms| terms.metadata = (0..64).map(|i| (format!("{i:064}"), "x".repeat(1024))).collect()),
        terms,
        "each is short enough, and all of them are too long"
    );
    let files = |names: &[&str]| {
        let files = names.iter().map(|name| Ok(((*name).to_owned(), &b"x"[..])));
        error(seal(platform(), files, Vec::new(), &mut TestRng::new("bid")).map(drop))
    };
    assert_eq!(files(&["a", "a"]), ApiMisuse::BidName.into());
    assert_eq!(files(&["../a"]), ApiMisuse::BidName.into());
}

#[test]
fn a_transfer_that_was_cut_off_goes_on_at_a_chunk() {
    let bytes = sealed(platform(), &[("a", &pattern(3 * CHUNK + 9))]);
    let header = Header::from_bytes(&bytes).unwrap().0.len();
    let stride = (CHUNK + OVERHEAD) as u64;
    for cut in
        [0, 10, 300, 1000, CHUNK, CHUNK + 2000, 2 * CHUNK, 3 * CHUNK, bytes.len() - 13, bytes.len() - 1]
    {
        let mut structure = Structure::default();
        structure.push(&bytes[..cut]).unwrap();
        let whole = structure.whole_len();
        assert!(whole <= cut as u64, "{cut}");
        if structure.header().is_some() {
            let end = header + structure.chunks() * stride;
            assert!(whole == end || whole == bytes.len() as u64 - 12, "{cut}: a border");
        }
        assert!(structure.finish().is_err(), "{cut}");
        let mut rest = Structure::default();
        rest.push(&bytes[..usize::try_from(whole).unwrap()]).unwrap();
        rest.push(&bytes[usize::try_from(whole).unwrap()..]).unwrap();
        assert_eq!(rest.finish().unwrap().chunks, 4);
    }
}

#[test]
fn sealing_says_what_it_cannot_read() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no"))
        }
    }
    let outcome =
        seal(platform(), [Ok(("a".into(), Fails))].into_iter(), Vec::new(), &mut TestRng::new("bid"));
    assert!(matches!(outcome, Err(io::Error::Io(_))));
}

#[test]
fn a_file_that_became_shorter_names_the_chunk() {
    let bytes = sealed(platform(), &[("a", &pattern(4 * CHUNK))]);
    assert_eq!(
        error(check_structure(&mut Cursor::new(&bytes[..3 * CHUNK]))),
        InvalidBid::ChunkTruncated(2).into()
    );
    assert_eq!(error(Bid::open(Cursor::new(&bytes[..3 * CHUNK]))), InvalidBid::ChunkTruncated(2).into());
}

#[test]
fn the_wrong_private_key_is_no_error_of_the_bid() {
    let bytes = sealed(platform(), &[]);
    let header = Header::from_bytes(&bytes).unwrap().0;
    let stranger: PrivateKey = key("stranger");
    assert_eq!(header.slots().slots()[0].unwrap(header.manifest(), &stranger).err(), Some(Error::WrongKey));
}
