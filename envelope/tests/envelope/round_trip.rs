//! What is sealed opens again, for every recipient, length and way of cutting the stream.

use envelope::cms::{Compat, Decoded, Header, HeaderDecoder, Sealer};
use envelope::error::ApiMisuse;
use envelope::{
    ContentKey, Error, Identity, IssuerAndSerial, Recipient, RecipientId, RecipientInfo, Sm2Identity,
    Sm2Recipient, simple,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::support::{Prepared, ScriptRng, TestRng, key, name, public_key, recipient};

/// Bytes in which no two neighbourhoods are alike.
fn pattern(len: usize) -> Vec<u8> {
    (0u32..).flat_map(u32::to_be_bytes).take(len).collect()
}

#[test]
fn lengths_around_the_block_and_the_buffer() {
    let alice = key("alice");
    for len in [0, 1, 15, 16, 17, 31, 32, 33, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073] {
        let plaintext = pattern(len);
        let message = simple::seal(&[&recipient("alice")], &plaintext, &mut TestRng::new("lengths")).unwrap();
        let (header, content) = Header::from_bytes(&message).unwrap();
        assert_eq!(header.ciphertext_len(), Some(len as u64 / 16 * 16 + 16));
        assert_eq!(header.ciphertext_len(), Some(content.len() as u64));
        assert!(header.quirks().is_empty(), "our own output is by the book");
        let opened = simple::open(&[&Sm2Identity::new(&alice)], &message).unwrap();
        assert!(*opened == plaintext, "{len} bytes");
    }
}

#[test]
fn every_recipient_opens_and_nobody_else() {
    let names = ["alice", "bob", "carol", "dave"];
    let recipients: Vec<Sm2Recipient> = names.iter().map(|name| recipient(name)).collect();
    let recipients: Vec<&dyn Recipient> = recipients.iter().map(|r| r as &dyn Recipient).collect();
    let message = simple::seal(&recipients, b"to all", &mut TestRng::new("all")).unwrap();
    for name in names {
        let key = key(name);
        assert_eq!(*simple::open(&[&Sm2Identity::new(&key)], &message).unwrap(), b"to all", "{name}");
    }
    let eve = key("eve");
    assert_eq!(simple::open(&[&Sm2Identity::new(&eve)], &message).err(), Some(Error::NoMatchingRecipient));
    let bob = key("bob");
    let both: [&dyn Identity; 2] = [&Sm2Identity::new(&eve), &Sm2Identity::new(&bob)];
    assert_eq!(*simple::open(&both, &message).unwrap(), b"to all");
    assert_eq!(simple::open(&[], &message).err(), Some(Error::NoMatchingRecipient));
}

#[test]
fn the_most_recipients_that_a_message_may_have() {
    let one = recipient("alice");
    let most = vec![&one as &dyn Recipient; 1024];
    let message = simple::seal(&most, b"to all", &mut TestRng::new("most")).unwrap();
    assert_eq!(Header::from_bytes(&message).unwrap().0.recipients().len(), 1024);
    let alice = key("alice");
    assert_eq!(*simple::open(&[&Sm2Identity::new(&alice)], &message).unwrap(), b"to all");

    let too_many = vec![&one as &dyn Recipient; 1025];
    assert_eq!(
        simple::seal(&too_many, b"", &mut TestRng::new("most")),
        Err(ApiMisuse::HeaderTooLarge.into())
    );
}

/// The path of two-party decryption: the holder of the header does not have the private key.
#[test]
fn the_content_key_can_come_from_elsewhere() {
    let alice = key("alice");
    let message =
        simple::seal(&[&recipient("bob"), &recipient("alice")], b"sealed", &mut TestRng::new("2p")).unwrap();
    let (header, content) = Header::from_bytes(&message).unwrap();

    let entry = header.find(&[RecipientId::of_key(alice.public_key())]).expect("addressed to alice");
    let ciphertext =
        sm_primitives::sm2::Ciphertext::from_der(&entry.ciphertext().unwrap().to_der().unwrap()).unwrap();
    let elsewhere = sm_primitives::sm2::pke::decrypt(&alice, &ciphertext).unwrap();

    let mut plaintext = Vec::new();
    let mut opener = header.open(ContentKey::from_bytes(elsewhere).unwrap());
    opener.push(content, &mut plaintext).unwrap();
    assert!(opener.finish(&mut plaintext).unwrap().is_empty());
    assert_eq!(plaintext, b"sealed");
}

#[test]
fn a_content_key_has_sixteen_bytes() {
    for len in [0, 15, 17, 32] {
        assert_eq!(
            ContentKey::from_bytes(Zeroizing::new(vec![0; len])).err(),
            Some(ApiMisuse::ContentKeyLength.into())
        );
    }
    let key = ContentKey::from_bytes(Zeroizing::new(vec![7; 16])).unwrap();
    assert_eq!(key.expose_bytes(), &[7; 16]);
    assert_eq!(format!("{key:?}"), "ContentKey(..)");
}

#[test]
fn the_plaintext_has_the_announced_length() {
    let alice = recipient("alice");
    let start = |len| {
        let mut out = Vec::new();
        (Sealer::start(&[&alice], len, &mut TestRng::new("length"), &mut out).unwrap(), out)
    };
    let mismatch: Error = ApiMisuse::PlaintextLength.into();

    let (mut sealer, mut out) = start(20);
    sealer.push(&[0; 12], &mut out).unwrap();
    assert_eq!(sealer.remaining(), 8);
    assert_eq!(sealer.finish(&mut out), Err(mismatch), "one push is missing");

    let (mut sealer, mut out) = start(20);
    assert_eq!(sealer.push(&[0; 21], &mut out), Err(mismatch), "one byte too many");
    let (sealer, mut out) = start(0);
    assert_eq!(sealer.finish(&mut out), Ok(()));
}

#[test]
fn misuse_and_a_failing_random_source() {
    let alice = recipient("alice");
    let mut out = Vec::new();
    let mut rng = TestRng::new("misuse");
    assert_eq!(Sealer::start(&[], 0, &mut rng, &mut out).err(), Some(ApiMisuse::NoRecipients.into()));
    assert_eq!(
        Sealer::start(&[&alice], (1 << 62) + 1, &mut rng, &mut out).err(),
        Some(ApiMisuse::PlaintextTooLong.into())
    );
    for delivered in [0, 15, 16, 31, 32] {
        assert_eq!(
            Sealer::start(&[&alice], 0, &mut ScriptRng(vec![1; delivered]), &mut out).err(),
            Some(Error::RandomFailed),
            "after {delivered} bytes"
        );
    }
    let long = sm_primitives::sm2::pke::encrypt(&public_key("bob"), &[1; 17], &mut rng).unwrap();
    let not_a_content_key = Prepared(RecipientInfo::new(RecipientId::of_key(&public_key("bob")), long));
    assert_eq!(
        Sealer::start(&[&alice, &not_a_content_key], 0, &mut rng, &mut out).err(),
        Some(ApiMisuse::ContentKeyLength.into())
    );
    let long_name = IssuerAndSerial::new(&name(&"n".repeat(1 << 20)), &[1]).unwrap();
    let long_name = Sm2Recipient::new(public_key("bob"), RecipientId::IssuerAndSerial(long_name));
    assert_eq!(
        Sealer::start(&[&long_name], 0, &mut rng, &mut out).err(),
        Some(ApiMisuse::HeaderTooLarge.into())
    );
    assert!(out.is_empty(), "nothing is written before everything is known");
}

/// Seals and opens with the given cuts; the cuts repeat.
fn streamed(plaintext: &[u8], seal_cuts: &[usize], open_cuts: &[usize]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut sealer = Sealer::start(
        &[&recipient("alice"), &recipient("bob")],
        plaintext.len() as u64,
        &mut TestRng::new("cuts"),
        &mut message,
    )
    .unwrap();
    for piece in pieces(plaintext, seal_cuts) {
        sealer.push(piece, &mut message).unwrap();
    }
    sealer.finish(&mut message).unwrap();

    let bob = key("bob");
    let mut decoder = Some(HeaderDecoder::new(Compat::STRICT));
    let mut opener = None;
    let mut opened = Vec::new();
    for mut piece in pieces(&message, open_cuts) {
        if let Some(reading) = decoder.take() {
            assert!(reading.wants() >= 1);
            match reading.push(&mut piece).unwrap() {
                Decoded::NeedsMore(reading) => decoder = Some(reading),
                Decoded::Plain(_) => panic!("an enveloped message"),
                Decoded::Header(header) => {
                    let key = header.unlock(&[&Sm2Identity::new(&bob)]).unwrap();
                    opener = Some(header.open(key));
                }
            }
        }
        if let Some(opener) = &mut opener {
            opener.push(piece, &mut opened).unwrap();
        }
    }
    opener.expect("the header is complete").finish(&mut opened).unwrap();
    opened
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at((*cut).min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

#[test]
fn byte_by_byte() {
    let plaintext = pattern(100);
    assert_eq!(streamed(&plaintext, &[1], &[1]), plaintext);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_cuts(
        plaintext in proptest::collection::vec(any::<u8>(), 0..2000),
        seal_cuts in proptest::collection::vec(1usize..300, 1..8),
        open_cuts in proptest::collection::vec(1usize..300, 1..8),
    ) {
        prop_assert_eq!(streamed(&plaintext, &seal_cuts, &open_cuts), plaintext);
    }
}
