//! Named ways in which a message can be wrong, each with its exact error.

use envelope::cms::Header;
use envelope::error::InvalidMessage;
use envelope::{Error, Identity, Sm2Identity, armor, fuzzing, simple};
use proptest::prelude::*;

use crate::support::{
    PLAINTEXT, Parts, SM2_ENCRYPTION, SM4_CBC, TestRng, indefinite, key, key_algorithm, ktri, oid,
    public_key, recipient, tlv,
};

/// What opening with alice's key says.
fn open(message: &[u8]) -> Result<Vec<u8>, Error> {
    let alice = key("alice");
    simple::open(&[&Sm2Identity::new(&alice)], message).map(|plaintext| plaintext.to_vec())
}

fn defect_of(message: &[u8]) -> InvalidMessage {
    if message.len() < 4096 {
        // The same in pieces.
        fuzzing::header(message);
        fuzzing::message(message);
    }
    match open(message) {
        Err(Error::InvalidMessage(defect)) => defect,
        other => panic!("{other:?} instead of a defect"),
    }
}

fn defect(change: impl FnOnce(&mut Parts)) -> InvalidMessage {
    let mut parts = Parts::new();
    change(&mut parts);
    defect_of(&parts.build())
}

// ---- the end of the message

#[test]
fn truncated_at_every_byte() {
    for wrap in [tlv, indefinite] {
        let mut parts = Parts::new();
        parts.wrap = wrap;
        let message = parts.build();
        assert_eq!(open(&message).unwrap(), PLAINTEXT);
        for end in 0..message.len() {
            assert_eq!(defect_of(&message[..end]), InvalidMessage::Truncated, "cut at {end}");
        }
    }
}

#[test]
fn trailing_bytes() {
    for wrap in [tlv, indefinite] {
        let mut parts = Parts::new();
        parts.wrap = wrap;
        for extra in [&[0][..], &[0, 0], b"\n", &parts.build()] {
            let message = [&parts.build()[..], extra].concat();
            assert_eq!(defect_of(&message), InvalidMessage::TrailingData);
        }
    }
}

// ---- keys

#[test]
fn nobodys_message() {
    assert_eq!(
        Parts { recipients: vec![0x31, 0], ..Parts::new() }.open_as("alice"),
        Err(Error::NoMatchingRecipient)
    );
    assert_eq!(Parts::new().open_as("bob"), Err(Error::NoMatchingRecipient), "another key");
}

impl Parts {
    fn open_as(&self, name: &str) -> Result<Vec<u8>, Error> {
        let key = key(name);
        simple::open(&[&Sm2Identity::new(&key)], &self.build()).map(|plaintext| plaintext.to_vec())
    }
}

#[test]
fn entries_with_exchanged_names() {
    let message =
        simple::seal(&[&recipient("alice"), &recipient("bob")], b"x", &mut TestRng::new("swap")).unwrap();
    let id = |name: &str| envelope::SubjectKeyId::of(&public_key(name)).as_bytes().to_vec();
    let position = |id: &[u8]| message.windows(20).position(|window| window == id).unwrap();
    let (alices, bobs) = (position(&id("alice")), position(&id("bob")));
    let mut swapped = message.clone();
    swapped[alices..][..20].copy_from_slice(&id("bob"));
    swapped[bobs..][..20].copy_from_slice(&id("alice"));
    // A private key tries what is not named for it, too.
    assert_eq!(open(&swapped).unwrap(), b"x");
    // Who goes by the names gets the wrong ciphertext, and is told.
    let (header, _) = Header::from_bytes(&swapped).unwrap();
    let alice = key("alice");
    let named = header.find(&[envelope::RecipientId::of_key(alice.public_key())]).unwrap();
    assert_eq!(Sm2Identity::new(&alice).unwrap_key(named).err(), Some(Error::WrongKey));
}

#[test]
fn an_entry_that_names_the_wrong_key() {
    let mut parts = Parts::new();
    let bobs = sm_primitives::sm2::pke::encrypt(&public_key("bob"), &[1; 16], &mut TestRng::new("bob"));
    let encrypted_key = tlv(0x04, &[&bobs.unwrap().to_der().unwrap()]);
    let entry = ktri(2, &parts.id, &key_algorithm(SM2_ENCRYPTION), &encrypted_key);
    parts.recipients = tlv(0x31, &[&entry]);
    assert_eq!(open(&parts.build()), Err(Error::WrongKey));
}

#[test]
fn the_entry_of_another_message() {
    let mut parts = Parts::new();
    parts.recipients = Parts::sealed(PLAINTEXT, "another").recipients;
    assert_eq!(open(&parts.build()), Err(Error::DecryptionFailed), "another content key");
}

#[test]
fn a_broken_entry_is_fatal_to_its_owner_only() {
    let good = Parts::new();
    let broken_keys = {
        let der = &good.encrypted_key[2..];
        let mut off_curve = der.to_vec();
        off_curve[10] ^= 1; // inside the x coordinate
        let cut = &der[..der.len() - 1];
        [off_curve, cut.to_vec(), vec![], b"not DER".to_vec(), [der, &[0]].concat()]
    };
    let alice = public_key("alice");
    let mut broken: Vec<(Vec<u8>, Vec<u8>, InvalidMessage)> = broken_keys
        .into_iter()
        .map(|bytes| (key_algorithm(SM2_ENCRYPTION), tlv(0x04, &[&bytes]), InvalidMessage::EncryptedKey))
        .collect();
    for len in [1, 15, 17, 32] {
        let long = sm_primitives::sm2::pke::encrypt(&alice, &vec![1; len], &mut TestRng::new("len")).unwrap();
        broken.push((
            key_algorithm(SM2_ENCRYPTION),
            tlv(0x04, &[&long.to_der().unwrap()]),
            InvalidMessage::EncryptedKey,
        ));
    }
    for algorithm in [
        key_algorithm("1.2.840.113549.1.1.1"),                           // RSA
        tlv(0x30, &[&oid(SM2_ENCRYPTION), &oid("1.2.156.10197.1.301")]), // parameters that mean nothing
        tlv(0x30, &[&oid(SM2_ENCRYPTION), &[5, 1, 0]]),
    ] {
        broken.push((algorithm, good.encrypted_key.clone(), InvalidMessage::UnsupportedKeyEncryption));
    }
    for (algorithm, encrypted_key, expected) in broken {
        assert_eq!(
            defect(|p| p.recipients = tlv(0x31, &[&ktri(2, &p.id, &algorithm, &encrypted_key)])),
            expected
        );
        // The same entry under somebody else's name does not disturb.
        let mut parts = Parts::new();
        let bobs = ktri(2, &tlv(0x80, &[b"bob"]), &algorithm, &encrypted_key);
        let alices = ktri(2, &parts.id, &key_algorithm(SM2_ENCRYPTION), &parts.encrypted_key);
        parts.recipients = tlv(0x31, &[&bobs, &alices]);
        assert_eq!(open(&parts.build()).unwrap(), PLAINTEXT);
        // Nor does it under one's own name, if there is a good entry as well.
        let broken = ktri(2, &parts.id, &algorithm, &encrypted_key);
        for entries in [[&broken, &alices], [&alices, &broken]] {
            parts.recipients = tlv(0x31, &[entries[0], entries[1]]);
            assert_eq!(open(&parts.build()).unwrap(), PLAINTEXT);
        }
    }
}

// ---- content

#[test]
fn flipped_padding() {
    let parts = Parts::new();
    let padding = 48 - u8::try_from(PLAINTEXT.len()).unwrap();
    let last_of_block_before = 31;
    for flip in 1..=255u8 {
        let mut ciphertext = parts.ciphertext.clone();
        ciphertext[last_of_block_before] ^= flip;
        let message = Parts { content: tlv(0x80, &[&ciphertext]), ..Parts::new() }.build();
        if padding ^ flip == 1 {
            // One byte of padding is valid whatever stands before it. This is what CBC cannot tell.
            assert_eq!(open(&message).unwrap().len(), 47);
        } else {
            assert_eq!(open(&message), Err(Error::DecryptionFailed), "{flip:#x}");
        }
    }
}

/// The documented limit of the format, so that nobody relies on the opposite.
#[test]
fn cbc_content_is_malleable() {
    let mut parts = Parts::new();
    parts.ciphertext[5] ^= 0x20;
    parts.content = tlv(0x80, &[&parts.ciphertext]);
    let opened = open(&parts.build()).unwrap();
    assert_ne!(opened[..16], PLAINTEXT[..16], "this block is garbled");
    assert_eq!(opened[16 + 5], PLAINTEXT[16 + 5] ^ 0x20, "this byte is as the attacker wishes");
    assert_eq!(opened[32..], PLAINTEXT[32..]);
}

#[test]
fn dropped_and_exchanged_blocks() {
    let parts = Parts::new();
    let block = |i: usize| &parts.ciphertext[16 * i..16 * i + 16];
    for blocks in [vec![0], vec![0, 1], vec![0, 2, 1], vec![2], vec![1, 2, 0]] {
        let ciphertext: Vec<u8> = blocks.iter().flat_map(|i| block(*i).to_vec()).collect();
        let message = Parts { content: tlv(0x80, &[&ciphertext]), ..Parts::new() }.build();
        let opened = open(&message);
        assert!(opened.as_deref() != Ok(PLAINTEXT), "{blocks:?}");
    }
}

#[test]
fn content_that_is_no_whole_number_of_blocks() {
    for len in [0, 1, 15, 17, 47] {
        let whole = defect(|p| p.content = tlv(0x80, &[&p.ciphertext[..len]]));
        assert_eq!(whole, InvalidMessage::BlockLength, "{len}");
        let early = Parts { content: tlv(0x80, &[&vec![0; len]]), ..Parts::new() }.build();
        let header = Header::from_bytes(&early).err();
        assert_eq!(header, Some(InvalidMessage::BlockLength.into()), "known before a key is asked for");
        let segments = defect(|p| p.content = indefinite(0xa0, &[&tlv(0x04, &[&p.ciphertext[..len]])]));
        assert_eq!(segments, InvalidMessage::BlockLength, "{len}");
    }
    assert_eq!(defect(|p| p.content = tlv(0xa0, &[])), InvalidMessage::BlockLength);
}

#[test]
fn no_content() {
    assert_eq!(defect(|p| p.content = vec![]), InvalidMessage::NoContent);
    assert_eq!(defect(|p| (p.content, p.wrap) = (vec![], indefinite)), InvalidMessage::NoContent);
}

#[test]
fn other_content_encryptions() {
    let with = |algorithm: &[&[u8]]| {
        let algorithm = tlv(0x30, algorithm);
        defect(|p| p.algorithm = algorithm)
    };
    let (sm4, null, vector) = (oid("1.2.156.10197.1.104"), [5u8, 0], tlv(0x04, &[&[1; 16]]));
    let ecb = oid("1.2.156.10197.1.104.1");
    assert_eq!(with(&[&sm4]), InvalidMessage::EcbContent);
    assert_eq!(with(&[&sm4, &null]), InvalidMessage::EcbContent);
    assert_eq!(with(&[&ecb]), InvalidMessage::EcbContent);
    assert_eq!(with(&[&ecb, &vector]), InvalidMessage::EcbContent);
    let ccm = oid("1.2.156.10197.1.104.9");
    assert_eq!(with(&[&ccm, &vector]), InvalidMessage::UnsupportedContentEncryption);
    let gcm = |parts: &[&[u8]]| with(&[&oid("1.2.156.10197.1.104.8"), &tlv(0x30, parts)]);
    assert_eq!(with(&[&oid("1.2.156.10197.1.104.8"), &vector]), InvalidMessage::Malformed);
    assert_eq!(with(&[&oid("1.2.156.10197.1.104.8")]), InvalidMessage::Malformed);
    assert_eq!(gcm(&[&[2, 1, 16]]), InvalidMessage::Malformed, "no nonce");
    assert_eq!(gcm(&[&[4, 0], &[2, 1, 16]]), InvalidMessage::Malformed, "an empty nonce");
    assert_eq!(gcm(&[&tlv(0x04, &[&[1; 65]]), &[2, 1, 16]]), InvalidMessage::Malformed, "a long nonce");
    for len in [0, 11, 17, 255] {
        assert_eq!(gcm(&[&vector, &[2, 1, len]]), InvalidMessage::Malformed, "a tag of {len} bytes");
    }
    assert_eq!(gcm(&[&vector, &[2, 1, 16], &null]), InvalidMessage::Malformed);
    let aes = oid("2.16.840.1.101.3.4.1.2");
    assert_eq!(with(&[&aes, &vector]), InvalidMessage::UnsupportedContentEncryption);
    assert_eq!(with(&[&oid(SM4_CBC)]), InvalidMessage::Malformed, "no initial vector");
    assert_eq!(with(&[&oid(SM4_CBC), &null]), InvalidMessage::Malformed);
    for len in [0, 15, 17] {
        let short = tlv(0x04, &[&vec![1; len]]);
        assert_eq!(with(&[&oid(SM4_CBC), &short]), InvalidMessage::Malformed);
    }
    assert_eq!(with(&[&oid(SM4_CBC), &vector, &null]), InvalidMessage::Malformed, "a second parameter");
    assert_eq!(with(&[]), InvalidMessage::Malformed);
}

// ---- structure

#[test]
fn other_messages() {
    for dotted in ["1.2.156.10197.6.1.4.2.6", "1.2.840.113549.1.7.5", "1.2.840.113549.1.9.16.1.23", "2.5.4.3"]
    {
        assert_eq!(defect(|p| p.outer_type = oid(dotted)), InvalidMessage::NotEnvelopedData);
    }
    for leaf in [1, 2, 4, 5] {
        let dotted = format!("1.2.156.10197.6.1.4.2.{leaf}");
        assert_eq!(defect(|p| p.outer_type = oid(&dotted)), InvalidMessage::Malformed, "another structure");
    }
    for bytes in [&[0x31, 0][..], &[0xa0, 0], &[0x84, 1, 0], &[0x30, 3, 2, 1, 1]] {
        assert_eq!(defect_of(bytes), InvalidMessage::NotEnvelopedData, "{bytes:?}");
    }
    assert_eq!(defect_of(b"%PDF-1.7"), InvalidMessage::NotEnvelopedData);
    assert_eq!(defect_of(&[0xff; 40]), InvalidMessage::Malformed);
    assert_eq!(defect_of(&[]), InvalidMessage::Truncated);
    assert_eq!(defect_of(&[0x30, 0]), InvalidMessage::Malformed, "an empty ContentInfo");
}

#[test]
fn unknown_versions() {
    for version in [&[3][..], &[255], &[0, 1], &[1, 0], &[]] {
        let element = tlv(0x02, &[version]);
        assert_eq!(defect(|p| p.version = element.clone()), InvalidMessage::Version);
        let entry = defect(|p| {
            let algorithm = key_algorithm(SM2_ENCRYPTION);
            p.recipients = tlv(0x31, &[&tlv(0x30, &[&element, &p.id, &algorithm, &p.encrypted_key])]);
        });
        assert_eq!(entry, InvalidMessage::Version);
    }
}

#[test]
fn elements_missing_doubled_or_out_of_place() {
    let malformed: [fn(&mut Parts); 14] = [
        |p| p.outer_type = [p.outer_type.clone(), p.outer_type.clone()].concat(),
        |p| p.version = vec![],
        |p| p.version = [p.version.clone(), p.version.clone()].concat(),
        |p| p.recipients = vec![],
        |p| p.recipients[0] = 0x30,
        |p| p.recipients = [tlv(0xa0, &[]), p.recipients.clone()].concat(), // originatorInfo
        |p| p.inner_type = vec![],
        |p| p.algorithm = vec![],
        |p| p.content = [p.content.clone(), p.content.clone()].concat(),
        |p| p.shared_info = tlv(0x83, &[]),
        |p| p.shared_info = [tlv(0x82, &[]), tlv(0x81, &[])].concat(),
        |p| p.shared_info = [tlv(0x81, &[]), tlv(0x81, &[])].concat(),
        |p| p.attributes = tlv(0x30, &[]),
        |p| p.attributes = [tlv(0xa1, &[]), tlv(0xa1, &[])].concat(),
    ];
    for (i, change) in malformed.into_iter().enumerate() {
        for wrap in [tlv, indefinite] {
            let defect = defect(|p| {
                p.wrap = wrap;
                change(p);
            });
            assert_eq!(defect, InvalidMessage::Malformed, "case {i}");
        }
    }
    let outer_type = Parts::new().outer_type;
    assert_eq!(defect_of(&tlv(0x30, &[&outer_type])), InvalidMessage::Malformed, "no content of ContentInfo");
    assert_eq!(defect_of(&tlv(0x30, &[&outer_type, &tlv(0xa0, &[])])), InvalidMessage::Malformed);
    let empty = tlv(0x30, &[&outer_type, &tlv(0xa0, &[&tlv(0x30, &[])])]);
    assert_eq!(defect_of(&empty), InvalidMessage::Malformed);
    let body = Parts::new().build();
    let doubled = tlv(0x30, &[&body[4..], &tlv(0xa0, &[])]);
    assert_eq!(defect_of(&doubled), InvalidMessage::Malformed, "a second content of ContentInfo");
}

#[test]
fn broken_entries() {
    let entry = |parts: &[&[u8]]| {
        let entry = tlv(0x30, parts);
        defect(|p| p.recipients = tlv(0x31, &[&entry]))
    };
    let Parts { id, encrypted_key, .. } = Parts::new();
    let (version, algorithm) = ([2u8, 1, 2], key_algorithm(SM2_ENCRYPTION));
    for parts in [
        &[][..],
        &[&version[..]],
        &[&version, &id],
        &[&version, &id, &algorithm],
        &[&version, &id, &algorithm, &encrypted_key, &encrypted_key],
        &[&version, &id, &encrypted_key, &algorithm],
        &[&version, &[0x80, 0], &algorithm, &encrypted_key],
        &[&version, &tlv(0x80, &[&[1; 65]]), &algorithm, &encrypted_key],
        &[&version, &tlv(0x81, &[&[1; 20]]), &algorithm, &encrypted_key],
        &[&version, &tlv(0x30, &[&[0x30, 0]]), &algorithm, &encrypted_key],
        &[&version, &tlv(0x30, &[&[0x30, 0], &[2, 0]]), &algorithm, &encrypted_key],
        &[&version, &tlv(0x30, &[&[0x30, 0], &[2, 1, 1], &[5, 0]]), &algorithm, &encrypted_key],
        &[&version, &id, &tlv(0x30, &[]), &encrypted_key],
        &[&version, &id, &tlv(0x30, &[&oid(SM2_ENCRYPTION), &[5, 0], &[5, 0]]), &encrypted_key],
        &[&version, &id, &algorithm, &tlv(0x24, &[&[2, 1, 1]])],
    ] {
        assert_eq!(entry(parts), InvalidMessage::Malformed, "{parts:02x?}");
    }
    assert_eq!(defect(|p| p.recipients = tlv(0x31, &[&[0x04, 0]])), InvalidMessage::Malformed);
    assert_eq!(defect(|p| p.recipients = tlv(0x31, &[&[0xa5, 0]])), InvalidMessage::Malformed);
    assert_eq!(defect(|p| p.recipients = tlv(0x31, &[&[0x30, 5, 2]])), InvalidMessage::Malformed);
}

// ---- lengths

/// Head with a length in eight octets.
fn head(tag: u8, len: u64) -> Vec<u8> {
    [&[tag, 0x88][..], &len.to_be_bytes()].concat()
}

#[test]
fn huge_lengths() {
    let parts = Parts::new();
    let start = |outer: u64, explicit: u64, enveloped: u64| {
        [head(0x30, outer), parts.outer_type.clone(), head(0xa0, explicit), head(0x30, enveloped)].concat()
    };
    const MAX: u64 = u64::MAX;
    // What is claimed and does not come is missing; what contradicts the length around it is wrong.
    assert_eq!(defect_of(&head(0x30, MAX)), InvalidMessage::Truncated);
    assert_eq!(defect_of(&start(MAX, MAX - 100, MAX - 200)), InvalidMessage::Truncated);
    assert_eq!(defect_of(&start(MAX - 100, MAX, 0)), InvalidMessage::Malformed);
    assert_eq!(defect_of(&start(MAX, MAX - 100, MAX - 100)), InvalidMessage::Malformed);
    let roomy = start(MAX, MAX - 100, MAX - 200);
    let set = [&roomy[..], &parts.version, &head(0x31, 1 << 40)].concat();
    assert_eq!(defect_of(&set), InvalidMessage::HeaderTooLarge);
    let version = [&roomy[..], &head(0x02, 1 << 20)].concat();
    assert_eq!(defect_of(&version), InvalidMessage::HeaderTooLarge);
    let nine_octets = [&[0x30, 0x89][..], &[1; 9]].concat();
    assert_eq!(defect_of(&nine_octets), InvalidMessage::Malformed);

    let to_content = |content: &[u8]| {
        [
            &roomy[..],
            &parts.version,
            &parts.recipients,
            &head(0x30, MAX - 1000),
            &parts.inner_type,
            &parts.algorithm,
            content,
        ]
        .concat()
    };
    let four_gib = [head(0x80, 1 << 32), vec![0; 100]].concat();
    assert_eq!(defect_of(&to_content(&four_gib)), InvalidMessage::Truncated);
    assert_eq!(defect_of(&to_content(&head(0x80, MAX))), InvalidMessage::Malformed);
    let segment = [&[0xa0, 0x80][..], &head(0x04, MAX)].concat();
    assert_eq!(defect_of(&to_content(&segment)), InvalidMessage::Malformed);
    let content = tlv(0x80, &[&parts.ciphertext]);
    let trailer = [&content[..], &head(0x81, 1 << 40)].concat();
    assert_eq!(defect_of(&to_content(&trailer)), InvalidMessage::TrailerTooLarge);
}

#[test]
fn lengths_that_contradict_each_other() {
    let message = Parts::new().build();
    assert_eq!(message[..2], [0x30, 0x82], "the heads below are where they are thought to be");
    for (at, name) in [(3, "ContentInfo"), (19, "[0]"), (23, "EnvelopedData")] {
        for (change, expected) in [(1, None), (u8::MAX, Some(InvalidMessage::Malformed))] {
            let mut changed = message.clone();
            changed[at] = changed[at].wrapping_add(change);
            // Longer than what follows: outermost, more is awaited; inside, it does not fit.
            let expected = expected.unwrap_or(if at == 3 {
                InvalidMessage::Truncated
            } else {
                InvalidMessage::Malformed
            });
            assert_eq!(defect_of(&changed), expected, "{name} {change}");
        }
    }
}

#[test]
fn limits_of_header_and_trailer() {
    let entry = tlv(0xa4, &[]);
    let recipients = |count: usize| tlv(0x31, &[&entry.repeat(count)]);
    let parts = Parts { recipients: recipients(1024), ..Parts::new() };
    assert_eq!(open(&parts.build()), Err(Error::NoMatchingRecipient));
    assert_eq!(defect(|p| p.recipients = recipients(1025)), InvalidMessage::TooManyRecipients);

    let filler = |len: usize| tlv(0xa4, &[&vec![0; len]]);
    let near = Parts { recipients: tlv(0x31, &[&filler((1 << 20) - 300)]), ..Parts::new() };
    assert_eq!(open(&near.build()), Err(Error::NoMatchingRecipient));
    for wrap in [tlv, indefinite] {
        let recipients = wrap(0x31, &[&filler(1 << 20)]);
        assert_eq!(defect(|p| p.recipients = recipients), InvalidMessage::HeaderTooLarge);
        let recipients = wrap(0x31, &[&tlv(0xa4, &[&[0; 1000]]).repeat(1100)]);
        assert_eq!(defect(|p| p.recipients = recipients), InvalidMessage::HeaderTooLarge);
    }

    let shared_info = |len: usize| tlv(0x81, &[&vec![0; len]]);
    let near = Parts { shared_info: shared_info((1 << 16) - 4), ..Parts::new() };
    assert_eq!(open(&near.build()).unwrap(), PLAINTEXT);
    assert_eq!(defect(|p| p.shared_info = shared_info((1 << 16) - 3)), InvalidMessage::TrailerTooLarge);
    let endless = indefinite(0xa1, &[&[4, 0].repeat(1 << 15)]);
    assert_eq!(defect(|p| (p.shared_info, p.wrap) = (endless, indefinite)), InvalidMessage::TrailerTooLarge);
}

#[test]
fn deep_nesting() {
    let deep = |levels: usize| [0x30, 0x80].repeat(levels);
    let open_ended = |levels| [&[0x31, 0x80][..], &deep(levels)].concat();
    assert_eq!(defect(|p| p.recipients = open_ended(1000)), InvalidMessage::TooDeep);
    // Taken as a whole by its length, and then not nested properly; the depth costs no stack.
    assert_eq!(defect(|p| p.recipients = tlv(0x31, &[&deep(200_000)])), InvalidMessage::Malformed);
    let closed = [deep(200_000), vec![0; 400_000]].concat();
    assert_eq!(defect(|p| p.recipients = tlv(0x31, &[&closed])), InvalidMessage::Malformed);
    let segments = [&[0xa0, 0x80][..], &[0x24, 0x80].repeat(100)].concat();
    assert_eq!(defect(|p| p.content = segments), InvalidMessage::TooDeep);
    let shared_info = [&[0xa1, 0x80][..], &[0x24, 0x80].repeat(100)].concat();
    assert_eq!(defect(|p| (p.shared_info, p.wrap) = (shared_info, indefinite)), InvalidMessage::TooDeep);
}

// ---- indefinite lengths

#[test]
fn end_marks_out_of_place() {
    let parts = Parts { wrap: indefinite, ..Parts::new() };
    let message = parts.build();
    // The message ends with the marks of EncryptedContentInfo, EnvelopedData, [0] and ContentInfo.
    assert_eq!(message[message.len() - 8..], [0; 8]);
    assert_eq!(defect_of(&[&message[..], &[0, 0]].concat()), InvalidMessage::TrailingData);
    assert_eq!(defect_of(&[&message[..message.len() - 1], &[1, 0]].concat()), InvalidMessage::Malformed);

    assert_eq!(defect(|p| p.version = vec![0, 0]), InvalidMessage::Malformed, "in a definite length");
    assert_eq!(defect(|p| p.content = indefinite(0x80, &[])), InvalidMessage::Malformed, "primitive");
    let wrong_tag = |tag| defect(|p| p.content = indefinite(0xa0, &[&tlv(tag, &[&p.ciphertext])]));
    for tag in [0x02, 0x30, 0x80, 0xa0, 0x44] {
        assert_eq!(wrong_tag(tag), InvalidMessage::Malformed);
    }
    assert_eq!(
        defect(|p| p.shared_info = vec![0, 0]),
        InvalidMessage::Malformed,
        "a definite length has none"
    );
    // A definite length ends inside the head of a child, or before the end mark of one.
    let explicit = &message[2 + parts.outer_type.len()..message.len() - 2];
    assert_eq!(explicit[..2], [0xa0, 0x80]);
    for inside in [1, 2, 3, explicit.len() - 2, explicit.len() - 1] {
        let len = u8::try_from(parts.outer_type.len()).unwrap();
        let head = match u16::try_from(inside).unwrap() + u16::from(len) {
            short @ 0..=0x7f => vec![0x30, short.to_be_bytes()[1]],
            long => [&[0x30, 0x82][..], &long.to_be_bytes()].concat(),
        };
        let message = [&head[..], &parts.outer_type, explicit].concat();
        assert_eq!(defect_of(&message), InvalidMessage::Malformed, "{inside}");
    }
    let content_info = [&parts.inner_type[..], &parts.algorithm, &[0xa0]].concat();
    let enveloped =
        [&parts.version[..], &parts.recipients, &tlv(0x30, &[&content_info]), &[0x80, 0, 0]].concat();
    let message = [&[0x30, 0x80][..], &parts.outer_type, &[0xa0, 0x80, 0x30, 0x80], &enveloped].concat();
    assert_eq!(defect_of(&message), InvalidMessage::Malformed, "the head of the content goes on outside");
    // The parent ends while the child is open.
    let unclosed = defect(|p| {
        let segments = [&[0xa0, 0x80][..], &tlv(0x04, &[&p.ciphertext])].concat();
        p.content = segments;
    });
    assert_eq!(unclosed, InvalidMessage::Truncated, "nothing comes that could contradict");
    let unclosed_inside = defect(|p| {
        p.content = [&[0xa0, 0x80][..], &tlv(0x04, &[&p.ciphertext])].concat();
        p.attributes = tlv(0xa1, &[]);
    });
    assert_eq!(unclosed_inside, InvalidMessage::Malformed);
    let early = defect(|p| {
        p.wrap = indefinite;
        p.recipients = vec![0, 0];
    });
    assert_eq!(early, InvalidMessage::Malformed, "EnvelopedData closed before its content");
}

// ---- states

#[test]
fn an_opener_that_failed_stays_failed() {
    let message = Parts::new().build();
    let alice = key("alice");
    let (header, content) = Header::from_bytes(&message).unwrap();
    let key = header.unlock(&[&Sm2Identity::new(&alice)]).unwrap();
    let mut opener = header.open(key);
    let mut out = Vec::new();
    opener.push(content, &mut out).unwrap();
    let trailing = Error::from(InvalidMessage::TrailingData);
    assert_eq!(opener.push(&[7], &mut out), Err(trailing));
    assert_eq!(opener.push(&[], &mut out), Err(trailing));
    assert_eq!(opener.finish(&mut out), Err(trailing));
}

// ---- anything

#[test]
fn every_bit_flip_is_survived() {
    for parts in [Parts::new(), Parts { wrap: indefinite, ..Parts::new() }] {
        let message = parts.build();
        for bit in 0..message.len() * 8 {
            let mut flipped = message.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fuzzing::message(&flipped);
            fuzzing::header(&flipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        fuzzing::header(&data);
        fuzzing::message(&data);
        let _ = armor::decode(&data);
        fuzzing::certificate(&data);
    }

    #[test]
    fn any_splice_is_survived(
        from in 0usize..400,
        len in 0usize..40,
        insert in proptest::collection::vec(prop_oneof![Just(0u8), Just(0x80), Just(0x30), any::<u8>()], 0..40),
        definite in any::<bool>(),
    ) {
        let wrap = if definite { tlv } else { indefinite };
        let mut message = Parts { wrap, ..Parts::new() }.build();
        let from = from.min(message.len());
        let to = (from + len).min(message.len());
        message.splice(from..to, insert);
        fuzzing::header(&message);
        fuzzing::message(&message);
    }
}
