//! The other encrypted messages: SM4-GCM, SM4-ECB, signedAndEnvelopedData, encryptedData, one message in another.

use envelope::cms::{
    Cipher, Compat, ContentType, Decoded, Dialect, Header, HeaderDecoder, Quirk, Rule, Sealer, Sealing,
    SignedContent, Signer, Signing, Switch,
};
use envelope::error::{ApiMisuse, InvalidMessage, InvalidSignature};
use envelope::simple::{self, Placement};
use envelope::{ContentKey, Error, RecipientId, Sm2Identity, Sm2Recipient};
use proptest::prelude::*;
use sm_primitives::sm2::dsa;
use sm_primitives::sm4::{Sm4, gcm};
use zeroize::Zeroizing;

use crate::signed::{certificate, signed};
use crate::support::{PLAINTEXT, Parts, TestRng, indefinite, key, oid, public_key, recipient, tlv};

const STRICT: Compat = Compat::STRICT;
const GCM: Sealing =
    Sealing { cipher: Cipher::Gcm, dialect: Dialect::Standard, inner_type: ContentType::Data };

fn open(compat: Compat, message: &[u8]) -> Result<(Vec<u8>, Vec<Quirk>), Error> {
    let alice = key("alice");
    let opened = simple::open_with(compat, message, |header| header.unlock(&[&Sm2Identity::new(&alice)]));
    opened.map(|(plaintext, quirks)| (plaintext.to_vec(), quirks.iter().collect()))
}

fn seal(sealing: &Sealing, plaintext: &[u8]) -> Vec<u8> {
    simple::seal_with(sealing, &[&recipient("alice")], plaintext, &mut TestRng::new("kinds")).unwrap()
}

fn content_key(byte: u8) -> ContentKey {
    ContentKey::from_bytes(Zeroizing::new(vec![byte; 16])).unwrap()
}

// ---- SM4-GCM

#[test]
fn gcm_of_every_length() {
    for len in (0..70).chain([4095, 4096, 4097, 100_000]) {
        let plaintext = vec![7; len];
        let message = seal(&GCM, &plaintext);
        let (header, _) = Header::from_bytes(&message).unwrap();
        assert_eq!(header.cipher(), Cipher::Gcm);
        assert_eq!(header.ciphertext_len(), Some(len as u64 + 16));
        assert_eq!(open(STRICT, &message), Ok((plaintext, vec![])), "{len}");
    }
}

/// The content is what the one-call function of the engine gives, with the tag behind it.
#[test]
fn gcm_is_that_of_the_engine() {
    let message = seal(&GCM, PLAINTEXT);
    let (header, content) = Header::from_bytes(&message).unwrap();
    let alice = key("alice");
    let content_key = header.unlock(&[&Sm2Identity::new(&alice)]).unwrap();
    let parameters = oid("1.2.156.10197.1.104.8");
    let at = message.windows(parameters.len()).position(|window| window == parameters).unwrap();
    let nonce = &message[at + parameters.len() + 4..][..12];
    assert_eq!(message[at + parameters.len()..][..4], [0x30, 17, 0x04, 12]);
    assert_eq!(message[at + parameters.len() + 16..][..3], [0x02, 1, 16]);
    let mut expected = PLAINTEXT.to_vec();
    let tag = gcm::seal_in_place(content_key.expose_bytes(), nonce, &[], &mut expected).unwrap();
    assert_eq!(content, [&expected[..], &tag].concat());
}

#[test]
fn gcm_opens_nothing_that_was_changed() {
    let message = seal(&GCM, PLAINTEXT);
    let content_at = message.len() - PLAINTEXT.len() - 16;
    for position in content_at..message.len() {
        let mut changed = message.clone();
        changed[position] ^= 0x40;
        assert_eq!(open(STRICT, &changed).err(), Some(Error::DecryptionFailed), "{position}");
    }
    // The nonce: 12 bytes in front of the length of the tag and the tag of the content.
    for position in content_at - 2 - 3 - 12..content_at - 2 - 3 {
        let mut changed = message.clone();
        changed[position] ^= 1;
        assert_eq!(open(STRICT, &changed).err(), Some(Error::DecryptionFailed), "{position}");
    }
}

/// A message with SM4-GCM in parts: nonce, length of the tag, content.
fn gcm_parts(nonce: &[u8], tag_len: Option<u8>, content: &[u8]) -> Vec<u8> {
    let tag_len = tag_len.map(|len| vec![2, 1, len]).unwrap_or_default();
    let mut parts = Parts::new();
    parts.algorithm =
        tlv(0x30, &[&oid("1.2.156.10197.1.104.8"), &tlv(0x30, &[&tlv(0x04, &[nonce]), &tag_len])]);
    parts.content = tlv(0x80, &[content]);
    parts.build()
}

fn content_key_of_parts() -> ContentKey {
    let alice = key("alice");
    let message = Parts::new().build();
    let (header, _) = Header::from_bytes(&message).unwrap();
    header.unlock(&[&Sm2Identity::new(&alice)]).unwrap()
}

#[test]
fn gcm_with_other_nonces_and_tags() {
    let content_key = content_key_of_parts();
    for nonce in [&[3; 12][..], &[3], &[3; 16], &[3; 64]] {
        let mut content = PLAINTEXT.to_vec();
        let tag = gcm::seal_in_place(content_key.expose_bytes(), nonce, &[], &mut content).unwrap();
        for len in 12..=16_u8 {
            let message = gcm_parts(nonce, Some(len), &[&content[..], &tag[..len.into()]].concat());
            assert_eq!(open(STRICT, &message), Ok((PLAINTEXT.to_vec(), vec![])));
        }
        let message = gcm_parts(nonce, None, &[&content[..], &tag[..12]].concat());
        assert_eq!(open(STRICT, &message), Ok((PLAINTEXT.to_vec(), vec![])), "12 is the default");
        let message = gcm_parts(nonce, None, &[&content[..], &tag].concat());
        assert_eq!(open(STRICT, &message).err(), Some(Error::DecryptionFailed));
    }
}

#[test]
fn gcm_without_room_for_the_tag() {
    let short = Some(InvalidMessage::BlockLength.into());
    for len in [0, 1, 15] {
        assert_eq!(open(STRICT, &gcm_parts(&[3; 12], Some(16), &vec![0; len])).err(), short);
        // In segments the length shows at the end only.
        let mut parts = Parts::new();
        parts.algorithm =
            tlv(0x30, &[&oid("1.2.156.10197.1.104.8"), &tlv(0x30, &[&tlv(0x04, &[&[3; 12]]), &[2, 1, 16]])]);
        parts.content = indefinite(0xa0, &[&tlv(0x04, &[&vec![0; len]])]);
        assert_eq!(open(STRICT, &parts.build()).err(), short);
    }
    let mut out = Vec::new();
    let too_long =
        Sealer::start_with(&GCM, &[&recipient("alice")], (1 << 36) - 31, &mut TestRng::new("x"), &mut out);
    assert_eq!(too_long.err(), Some(ApiMisuse::PlaintextTooLong.into()));
    assert!(out.is_empty());
}

// ---- SM4-ECB

fn ecb(algorithm: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut content = plaintext.to_vec();
    Sm4::new(content_key_of_parts().expose_bytes()).encrypt_blocks(content.as_chunks_mut().0);
    Parts { algorithm: algorithm.to_vec(), content: tlv(0x80, &[&content]), ..Parts::new() }.build()
}

#[test]
fn ecb_on_request_only() {
    let switch = STRICT.with(Switch::EcbContent);
    let algorithms = [
        tlv(0x30, &[&oid("1.2.156.10197.1.104")]),
        tlv(0x30, &[&oid("1.2.156.10197.1.104"), &[5, 0]]),
        tlv(0x30, &[&oid("1.2.156.10197.1.104.1")]),
    ];
    for algorithm in &algorithms {
        for blocks in [1, 2, 5, 1000] {
            let plaintext: Vec<u8> = (0..=255).cycle().take(blocks * 16).collect();
            let message = ecb(algorithm, &plaintext);
            assert_eq!(open(switch, &message), Ok((plaintext, vec![Quirk::EcbContent])));
            let others = Switch::ALL.into_iter().filter(|other| *other != Switch::EcbContent).collect();
            assert_eq!(open(others, &message).err(), Some(InvalidMessage::EcbContent.into()));
            envelope::fuzzing::message(&message);
        }
        for len in [0, 15, 17] {
            let refused = Some(InvalidMessage::BlockLength.into());
            assert_eq!(open(switch, &ecb(algorithm, &vec![0; len])).err(), refused);
        }
    }
    let mut parts = Parts::new();
    parts.algorithm.clone_from(&algorithms[0]);
    for len in [0, 15, 17] {
        parts.content = indefinite(0xa0, &[&tlv(0x04, &[&vec![0; len]])]);
        assert_eq!(open(switch, &parts.build()).err(), Some(InvalidMessage::BlockLength.into()));
    }
    let written = Sealing { cipher: Cipher::Ecb, ..Sealing::default() };
    let refused = simple::seal_with(&written, &[&recipient("alice")], b"x", &mut TestRng::new("x"));
    assert_eq!(refused, Err(ApiMisuse::EcbWritten.into()));
}

// ---- dialects

#[test]
fn dialects_of_envelopes() {
    let by_certificate = Sm2Recipient::from_certificate(&certificate("alice")).unwrap();
    for (dialect, by_key, by_name) in [
        (Dialect::Standard, Some(vec![]), vec![]),
        (
            Dialect::Cfca,
            Some(vec![Quirk::NullParameters, Quirk::BareSm4Oid]),
            vec![Quirk::NullParameters, Quirk::BareSm4Oid],
        ),
        (Dialect::GmSsl, None, vec![Quirk::KeyEncryptionOid]),
        (
            Dialect::Rfc,
            Some(vec![Quirk::RfcContentType, Quirk::KeyEncryptionOid]),
            vec![Quirk::RfcContentType, Quirk::Version, Quirk::KeyEncryptionOid],
        ),
    ] {
        let sealing = Sealing { dialect, ..Sealing::default() };
        let rng = &mut TestRng::new("dialects");
        let message = simple::seal_with(&sealing, &[&by_certificate], PLAINTEXT, rng).unwrap();
        assert_eq!(open(STRICT, &message), Ok((PLAINTEXT.to_vec(), by_name)), "{dialect:?}");
        let message = simple::seal_with(&sealing, &[&recipient("alice")], PLAINTEXT, rng);
        match by_key {
            Some(quirks) => assert_eq!(open(STRICT, &message.unwrap()), Ok((PLAINTEXT.to_vec(), quirks))),
            None => assert_eq!(message, Err(ApiMisuse::Dialect.into())),
        }
    }
}

// ---- encryptedData

fn encrypted(sealing: &Sealing, plaintext: &[u8]) -> Vec<u8> {
    let (mut out, len) = (Vec::new(), plaintext.len() as u64);
    let mut sealer =
        Sealer::start_encrypted(sealing, &content_key(9), len, &mut TestRng::new("x"), &mut out).unwrap();
    sealer.push(plaintext, &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    out
}

#[test]
fn encrypted_under_a_given_key() {
    for cipher in [Cipher::Cbc, Cipher::Gcm] {
        for dialect in [Dialect::Standard, Dialect::Rfc] {
            let message = encrypted(&Sealing { cipher, dialect, ..Sealing::default() }, PLAINTEXT);
            let opened = |byte| {
                simple::open_by(&message, |header| {
                    assert_eq!(header.content_type(), ContentType::Encrypted);
                    assert!(header.recipients().is_empty());
                    Ok(content_key(byte))
                })
            };
            assert_eq!(*opened(9).unwrap().0, PLAINTEXT);
            assert_eq!(opened(8).err(), Some(Error::DecryptionFailed));
            assert_eq!(open(STRICT, &message).err(), Some(Error::NoMatchingRecipient));
            for end in 0..message.len() {
                let cut = simple::open_by(&message[..end], |_| Ok(content_key(9)));
                assert_eq!(cut.err(), Some(InvalidMessage::Truncated.into()), "{end}");
            }
        }
    }
}

// ---- signedAndEnvelopedData

fn signing(dialect: Dialect, content: &[u8]) -> SignedContent {
    let signer = Signer::new(&certificate("bob")).unwrap();
    let mut signing = Signing::start(vec![signer], dialect, content.len() as u64).unwrap();
    signing.update(content).unwrap();
    let unsigned = signing.finish().unwrap();
    let signature = dsa::sign_digest(&key("bob"), &unsigned.digests()[0], &mut TestRng::new("s")).unwrap();
    unsigned.complete(&[signature]).unwrap()
}

fn sealed_and_signed(
    cipher: Cipher,
    dialect: Dialect,
    content: &[u8],
    pushed: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let to = Sm2Recipient::from_certificate(&certificate("alice")).unwrap();
    let signed = signing(dialect, content);
    let mut sealer = Sealer::start_signed(cipher, &[&to], &signed, &mut TestRng::new("x"), &mut out)?;
    sealer.push(pushed, &mut out)?;
    sealer.finish(&mut out)?;
    Ok(out)
}

fn open_signed(compat: Compat, message: &[u8]) -> Result<simple::OpenedSigned, Error> {
    let alice = key("alice");
    simple::open_signed(compat, message, &[], |header| {
        assert_eq!(header.content_type(), ContentType::SignedAndEnveloped);
        header.unlock(&[&Sm2Identity::new(&alice)])
    })
}

#[test]
fn signed_and_enveloped_in_every_dialect() {
    for dialect in Dialect::ALL {
        for cipher in [Cipher::Cbc, Cipher::Gcm] {
            for content in [PLAINTEXT, b"", &[7; 70_000]] {
                let message = sealed_and_signed(cipher, dialect, content, content).unwrap();
                let opened = open_signed(STRICT, &message).unwrap();
                assert_eq!(*opened.plaintext, content);
                let expected = match dialect {
                    Dialect::Cfca => Ok(Rule::Content),
                    Dialect::GmSsl => Err(InvalidSignature::Wrong),
                    _ => Ok(Rule::Attributes),
                };
                assert_eq!(opened.verdicts[0].result, expected, "{dialect:?}");
            }
        }
    }
    let message = sealed_and_signed(Cipher::Cbc, Dialect::Standard, PLAINTEXT, PLAINTEXT).unwrap();
    assert!(open_signed(STRICT, &message).unwrap().signatures.quirks().is_empty());
}

/// Who opens without looking at the signatures is told.
#[test]
fn signatures_are_not_passed_over() {
    let message = sealed_and_signed(Cipher::Cbc, Dialect::Standard, PLAINTEXT, PLAINTEXT).unwrap();
    assert_eq!(open(STRICT, &message).err(), Some(ApiMisuse::SignaturesIgnored.into()));
}

#[test]
fn another_plaintext_than_was_signed() {
    for (pushed, expected) in [
        (&b"a plaintext of more than two blockz"[..], ApiMisuse::ContentChanged),
        (&PLAINTEXT[1..], ApiMisuse::PlaintextLength),
        (&[PLAINTEXT, b"x"].concat(), ApiMisuse::PlaintextLength),
    ] {
        let result = sealed_and_signed(Cipher::Cbc, Dialect::Standard, PLAINTEXT, pushed);
        assert_eq!(result, Err(expected.into()));
    }
    // SM4-CBC lets the first block be changed through the initial vector; the signature does not.
    let message = sealed_and_signed(Cipher::Cbc, Dialect::Cfca, PLAINTEXT, PLAINTEXT).unwrap();
    let sm4 = [&oid("1.2.156.10197.1.104")[..], &[0x04, 16]].concat();
    let at = message.windows(sm4.len()).position(|window| window == sm4).unwrap() + sm4.len();
    let mut changed = message.clone();
    changed[at] ^= 1;
    let opened = open_signed(STRICT, &changed).unwrap();
    assert_eq!(opened.plaintext[0], PLAINTEXT[0] ^ 1);
    assert_eq!(opened.verdicts[0].result, Err(InvalidSignature::Wrong));
}

#[test]
fn signed_and_enveloped_cut_anywhere() {
    let message = sealed_and_signed(Cipher::Gcm, Dialect::Standard, PLAINTEXT, PLAINTEXT).unwrap();
    for end in 0..message.len() {
        let cut = open_signed(STRICT, &message[..end]).err();
        assert_eq!(cut, Some(InvalidMessage::Truncated.into()), "{end}");
    }
    let long = [&message[..], &[0]].concat();
    assert_eq!(open_signed(STRICT, &long).err(), Some(InvalidMessage::TrailingData.into()));
}

// ---- a signed message in an envelope

#[test]
fn a_signed_message_inside() {
    let inner = signed(&["bob"], Dialect::Standard, Placement::Attached, PLAINTEXT);
    let sealing = Sealing { inner_type: ContentType::Signed, ..Sealing::default() };
    let message = seal(&sealing, &inner);
    let (header, _) = Header::from_bytes(&message).unwrap();
    assert_eq!(header.inner_type(), Some(ContentType::Signed));
    let (plaintext, quirks) = open(STRICT, &message).unwrap();
    assert_eq!(quirks, [Quirk::ContentNotData]);
    let verified = simple::verify(STRICT, &plaintext, None, &[]).unwrap();
    assert_eq!(verified.verdicts[0].result, Ok(Rule::Attributes));
    assert_eq!(verified.content.as_deref(), Some(PLAINTEXT));
}

/// PKCS#7 leaves the frame of the inner message out.
#[test]
fn a_signed_message_inside_without_its_frame() {
    let whole = signed(&["bob"], Dialect::Cfca, Placement::Attached, PLAINTEXT);
    let start = whole.windows(3).position(|window| window == [2, 1, 1]).unwrap() - 4;
    let bare = &whole[start..];
    assert_eq!(bare[0], 0x30);
    assert!(simple::verify(STRICT, bare, None, &[]).is_err());
    let framed = envelope::cms::framed(ContentType::Signed, bare);
    assert_eq!(framed, whole);
    assert_eq!(envelope::cms::framed(ContentType::Signed, &whole), whole, "once is enough");
    assert_eq!(envelope::cms::framed(ContentType::Signed, b"text"), b"text");
}

/// One decoder reads the header of every kind.
#[test]
fn every_kind_is_told_apart() {
    let kind = |message: &[u8]| match HeaderDecoder::new(STRICT).push(&mut &message[..]).unwrap() {
        Decoded::Header(header) => header.content_type(),
        Decoded::Plain(header) => header.content_type(),
        Decoded::NeedsMore(_) => panic!("the header is complete"),
    };
    assert_eq!(kind(&seal(&GCM, b"x")), ContentType::Enveloped);
    assert_eq!(kind(&encrypted(&GCM, b"x")), ContentType::Encrypted);
    let both = sealed_and_signed(Cipher::Cbc, Dialect::Cfca, b"x", b"x").unwrap();
    assert_eq!(kind(&both), ContentType::SignedAndEnveloped);
    for placement in [Placement::Attached, Placement::Detached] {
        assert_eq!(kind(&signed(&["bob"], Dialect::Rfc, placement, b"x")), ContentType::Signed);
    }
    assert_eq!(kind(&envelope::cms::data_header(Dialect::Standard, 0).unwrap()), ContentType::Data);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens_in_any_pieces(
        plaintext in prop::collection::vec(any::<u8>(), 0..500),
        gcm: bool,
        seal_piece in 1_usize..100,
        open_piece in 1_usize..100,
    ) {
        let cipher = if gcm { Cipher::Gcm } else { Cipher::Cbc };
        let sealing = Sealing { cipher, ..Sealing::default() };
        let to = Sm2Recipient::new(public_key("alice"), RecipientId::of_key(&public_key("alice")));
        let (mut message, len) = (Vec::new(), plaintext.len() as u64);
        let mut sealer =
            Sealer::start_with(&sealing, &[&to], len, &mut TestRng::new("p"), &mut message).unwrap();
        for piece in plaintext.chunks(seal_piece) {
            let before = message.len();
            sealer.push(piece, &mut message).unwrap();
            prop_assert!(message.len() - before <= piece.len() + 15);
        }
        sealer.finish(&mut message).unwrap();

        let alice = key("alice");
        let (header, content) = Header::from_bytes(&message).unwrap();
        let content_key = header.unlock(&[&Sm2Identity::new(&alice)]).unwrap();
        let (mut opener, mut opened) = (header.open(content_key), Vec::new());
        for piece in content.chunks(open_piece) {
            let before = opened.len();
            opener.push(piece, &mut opened).unwrap();
            prop_assert!(opened.len() - before <= piece.len() + 15);
        }
        prop_assert!(opener.finish(&mut opened).unwrap().is_empty());
        prop_assert_eq!(opened, plaintext);
    }
}
