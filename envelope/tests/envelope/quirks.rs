//! Every deviation on the list is accepted and reported, alone.

use envelope::cms::{Compat, Decoded, Header, HeaderDecoder, Quirk, Quirks, Switch};
use envelope::error::InvalidMessage;
use envelope::{Error, Sm2Identity, simple};

use crate::support::{
    PLAINTEXT, Parts, SM2_ENCRYPTION, SM4_CBC, indefinite, key, key_algorithm, key_bytes, ktri, long_tlv,
    name, oid, public_key, tlv,
};

/// Opens with alice's key; the plaintext must be right.
fn accepted(message: &[u8]) -> Vec<Quirk> {
    let alice = key("alice");
    let (plaintext, quirks) =
        simple::open_by(message, |header| header.unlock(&[&Sm2Identity::new(&alice)])).unwrap();
    assert_eq!(*plaintext, PLAINTEXT);
    quirks.iter().collect()
}

fn accepted_with(change: impl FnOnce(&mut Parts)) -> Vec<Quirk> {
    let mut parts = Parts::new();
    change(&mut parts);
    accepted(&parts.build())
}

#[test]
fn the_parts_are_what_we_write() {
    let parts = Parts::new();
    let message = simple::seal(
        &[&crate::support::recipient("alice")],
        PLAINTEXT,
        &mut crate::support::TestRng::new("parts"),
    )
    .unwrap();
    assert_eq!(parts.build(), message);
    assert_eq!(accepted(&message), []);
}

#[test]
fn content_types_of_rfc_5652() {
    assert_eq!(accepted_with(|p| p.outer_type = oid("1.2.840.113549.1.7.3")), [Quirk::RfcContentType]);
    assert_eq!(accepted_with(|p| p.inner_type = oid("1.2.840.113549.1.7.1")), [Quirk::RfcContentType]);
}

#[test]
fn a_signed_message_inside() {
    let quirks = accepted_with(|p| p.inner_type = oid("1.2.156.10197.6.1.4.2.2"));
    assert_eq!(quirks, [Quirk::ContentNotData]);
}

#[test]
fn versions() {
    for version in [0, 1] {
        assert_eq!(accepted_with(|p| p.version = vec![2, 1, version]), [Quirk::Version]);
        let quirks = accepted_with(|p| {
            let entry = ktri(version, &p.id, &key_algorithm(SM2_ENCRYPTION), &p.encrypted_key);
            p.recipients = tlv(0x31, &[&entry]);
        });
        assert_eq!(quirks, [Quirk::Version]);
    }
    let issuer_and_serial = tlv(0x30, &[&name("CA"), &[2, 1, 7]]);
    let by_certificate = |version, entry_version| {
        accepted_with(|p| {
            let algorithm = key_algorithm(SM2_ENCRYPTION);
            let entry = ktri(entry_version, &issuer_and_serial, &algorithm, &p.encrypted_key);
            p.recipients = tlv(0x31, &[&entry]);
            p.version = vec![2, 1, version];
        })
    };
    assert_eq!(by_certificate(1, 1), []);
    assert_eq!(by_certificate(0, 1), [Quirk::Version], "RFC 5652");
    assert_eq!(by_certificate(1, 0), [Quirk::Version], "RFC 5652");
    assert_eq!(by_certificate(2, 1), [Quirk::Version]);
}

fn with_key_algorithm(algorithm: &[u8]) -> Vec<u8> {
    let mut parts = Parts::new();
    parts.recipients = tlv(0x31, &[&ktri(2, &parts.id, algorithm, &parts.encrypted_key)]);
    parts.build()
}

#[test]
fn names_of_the_key_encryption() {
    for dotted in
        ["1.2.156.10197.1.301", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301.2", "1.2.156.10197.1.301.3.2.1"]
    {
        let message = with_key_algorithm(&key_algorithm(dotted));
        assert_eq!(accepted(&message), [Quirk::KeyEncryptionOid], "{dotted}");
    }
    let null = tlv(0x30, &[&oid(SM2_ENCRYPTION), &[5, 0]]);
    assert_eq!(accepted(&with_key_algorithm(&null)), [Quirk::NullParameters]);
}

#[test]
fn the_bare_sm4_identifier_with_an_initial_vector() {
    let quirks = accepted_with(|p| p.algorithm = tlv(0x30, &[&oid("1.2.156.10197.1.104"), &p.iv]));
    assert_eq!(quirks, [Quirk::BareSm4Oid]);
}

#[test]
fn entries_of_other_kinds() {
    let key_agreement = tlv(0xa1, &[&[2, 1, 3]]);
    let quirks = accepted_with(|p| {
        let entry = ktri(2, &p.id, &key_algorithm(SM2_ENCRYPTION), &p.encrypted_key);
        p.recipients = tlv(0x31, &[&entry, &key_agreement]);
    });
    assert_eq!(quirks, [Quirk::ForeignRecipient]);
}

#[test]
fn entries_in_another_order() {
    let quirks = accepted_with(|p| {
        let entry = ktri(2, &p.id, &key_algorithm(SM2_ENCRYPTION), &p.encrypted_key);
        let other = ktri(2, &tlv(0x80, &[b"x"]), &key_algorithm(SM2_ENCRYPTION), &p.encrypted_key);
        assert!(other < entry);
        p.recipients = tlv(0x31, &[&entry, &other]);
    });
    assert_eq!(quirks, [Quirk::UnsortedRecipients]);
}

#[test]
fn lengths_of_ber() {
    assert_eq!(accepted_with(|p| p.wrap = long_tlv), [Quirk::NonMinimalLength]);
    assert_eq!(accepted_with(|p| p.wrap = indefinite), [Quirk::IndefiniteLength]);
    assert_eq!(accepted_with(|p| p.version = vec![2, 0x81, 1, 2]), [Quirk::NonMinimalLength]);
    let inside = accepted_with(|p| {
        let algorithm = long_tlv(0x30, &[&oid(SM2_ENCRYPTION)]);
        p.recipients =
            indefinite(0x31, &[&indefinite(0x30, &[&[2, 1, 2], &p.id, &algorithm, &p.encrypted_key])]);
        p.algorithm = indefinite(0x30, &[&long_tlv(0x06, &[&oid(SM4_CBC)[2..]]), &p.iv]);
    });
    assert_eq!(inside, [Quirk::NonMinimalLength, Quirk::IndefiniteLength]);
}

#[test]
fn strings_in_segments() {
    let quirks = accepted_with(|p| {
        let segments = tlv(0x24, &[&tlv(0x04, &[&p.iv[2..9]]), &tlv(0x04, &[]), &tlv(0x04, &[&p.iv[9..]])]);
        p.algorithm = tlv(0x30, &[&oid(SM4_CBC), &segments]);
    });
    assert_eq!(quirks, [Quirk::ConstructedString]);
    let quirks = accepted_with(|p| {
        let encrypted_key = tlv(0x24, &[&p.encrypted_key]);
        let id = tlv(0xa0, &[&tlv(0x04, &[&p.id[2..]])]);
        p.recipients = tlv(0x31, &[&ktri(2, &id, &key_algorithm(SM2_ENCRYPTION), &encrypted_key)]);
    });
    assert_eq!(quirks, [Quirk::ConstructedString]);
}

#[test]
fn content_in_segments() {
    let segment = |bytes: &[u8]| tlv(0x04, &[bytes]);
    // One segment; every cut; empty ones; nested ones; not at block boundaries.
    assert_eq!(
        accepted_with(|p| p.content = tlv(0xa0, &[&segment(&p.ciphertext)])),
        [Quirk::SegmentedContent]
    );
    let both = [Quirk::IndefiniteLength, Quirk::SegmentedContent];
    for cut in 0..=48 {
        let quirks = accepted_with(|p| {
            let (a, b) = p.ciphertext.split_at(cut);
            p.content = indefinite(0xa0, &[&segment(a), &segment(b)]);
        });
        assert_eq!(quirks, both, "{cut}");
    }
    let quirks = accepted_with(|p| {
        let (a, b) = p.ciphertext.split_at(7);
        let nested = tlv(0x24, &[&segment(a), &tlv(0x24, &[]), &segment(&[])]);
        p.content = indefinite(0xa0, &[&nested, &indefinite(0x24, &[&segment(b)])]);
        p.wrap = indefinite;
    });
    assert_eq!(quirks, both);
}

/// Nothing counts as the end of the content before it is.
#[test]
fn long_content_after_a_nested_segment() {
    let plaintext = vec![7; 300_000];
    let mut parts = Parts::sealed(&plaintext, "long");
    let (a, b) = parts.ciphertext.split_at(100);
    parts.content = indefinite(0xa0, &[&indefinite(0x24, &[&tlv(0x04, &[a])]), &tlv(0x04, &[b])]);
    let alice = key("alice");
    assert!(*simple::open(&[&Sm2Identity::new(&alice)], &parts.build()).unwrap() == plaintext);
}

#[test]
fn the_header_reports_what_it_has_met() {
    let parts = Parts { wrap: indefinite, ..Parts::new() };
    let message = parts.build();
    let (header, _) = Header::from_bytes(&message).unwrap();
    assert_eq!(header.quirks().iter().collect::<Vec<_>>(), [Quirk::IndefiniteLength]);
    assert_eq!(header.quirks().to_string(), "indefinite-length");
    assert_eq!(format!("{:?}", header.quirks()), "{IndefiniteLength}");
}

#[test]
fn fields_after_the_content() {
    for shared_info in [
        tlv(0x81, &[b"one"]),
        tlv(0x82, &[b"two"]),
        [tlv(0x81, &[]), tlv(0x82, &[b"two"])].concat(),
        [tlv(0xa1, &[&[4, 1, 0]]), tlv(0xa2, &[&[4, 1, 0]])].concat(),
    ] {
        assert_eq!(accepted_with(|p| p.shared_info = shared_info), [Quirk::SharedInfo]);
    }
    let quirks = accepted_with(|p| {
        p.shared_info = indefinite(0xa1, &[&indefinite(0x24, &[&[4, 1, 0]])]);
        p.wrap = indefinite;
    });
    assert_eq!(quirks, [Quirk::IndefiniteLength, Quirk::SharedInfo]);
    let attributes = tlv(0xa1, &[&tlv(0x30, &[&oid("1.2.3"), &tlv(0x31, &[&[5, 0]])])]);
    assert_eq!(accepted_with(|p| p.attributes = attributes), [Quirk::UnprotectedAttributes]);
}

/// Reads the header under a compatibility switch and opens with alice's key, which the entry names.
fn open_raw(compat: Compat, encrypted_key: &[u8]) -> Result<Quirks, Error> {
    let mut parts = Parts::new();
    let entry = ktri(2, &parts.id, &key_algorithm(SM2_ENCRYPTION), &tlv(0x04, &[encrypted_key]));
    parts.recipients = tlv(0x31, &[&entry]);
    let message = parts.build();
    let mut rest = &message[..];
    let Decoded::Header(header) = HeaderDecoder::new(compat).push(&mut rest)? else {
        panic!("the header is complete");
    };
    let alice = key("alice");
    let mut opener = {
        let key = header.unlock(&[&Sm2Identity::new(&alice)])?;
        header.open(key)
    };
    let mut plaintext = Vec::new();
    opener.push(rest, &mut plaintext)?;
    let quirks = opener.finish(&mut plaintext)?;
    assert_eq!(plaintext, PLAINTEXT);
    Ok(quirks)
}

#[test]
fn raw_keys_only_on_request() {
    let parts = Parts::new();
    let c1c3c2 = {
        let message = parts.build();
        let (header, _) = Header::from_bytes(&message).unwrap();
        header.recipients()[0].ciphertext().unwrap().to_c1c3c2()
    };
    let c1c2c3 = [&c1c3c2[..65], &c1c3c2[97..], &c1c3c2[65..97]].concat();
    let one = |switch| Compat::STRICT.with(switch);
    for (order, raw, other_order) in [
        (one(Switch::RawKeyC1C3C2), &c1c3c2, one(Switch::RawKeyC1C2C3)),
        (one(Switch::RawKeyC1C2C3), &c1c2c3, one(Switch::RawKeyC1C3C2)),
    ] {
        for form in [&raw[..], &raw[1..]] {
            let quirks = open_raw(order, form).unwrap();
            assert_eq!(quirks.iter().collect::<Vec<_>>(), [Quirk::RawKey]);
            let refused = Some(InvalidMessage::EncryptedKey.into());
            assert_eq!(open_raw(Compat::STRICT, form).err(), refused);
            assert_eq!(open_raw(order, &form[..form.len() - 1]).err(), refused, "a byte short");
            assert_eq!(open_raw(order, &[form, &[0]].concat()).err(), refused, "a byte long");
            assert_eq!(open_raw(other_order, form).err(), Some(Error::WrongKey));
        }
        // The switch does not make DER unreadable.
        let der = &parts.encrypted_key[2..];
        assert!(open_raw(order, der).unwrap().is_empty());
    }
}

/// A key without the leading 04 whose first coordinate begins with just that byte.
#[test]
fn a_raw_key_that_looks_as_if_it_had_the_prefix() {
    let alice = public_key("alice");
    let raw = (0u32..)
        .map(|i| {
            let nonce = sm_primitives::SecretScalar::from_bytes(&key_bytes(&format!("nonce {i}"))).unwrap();
            let ciphertext = sm_primitives::sm2::hazmat::encrypt_with_nonce(&alice, &[7; 16], nonce).unwrap();
            ciphertext.to_c1c3c2()
        })
        .find(|raw| raw[1] == 0x04)
        .unwrap();
    let mut parts = Parts::new();
    let entry = ktri(2, &parts.id, &key_algorithm(SM2_ENCRYPTION), &tlv(0x04, &[&raw[1..]]));
    parts.recipients = tlv(0x31, &[&entry]);
    let message = parts.build();
    let compat = Compat::STRICT.with(Switch::RawKeyC1C3C2);
    let Decoded::Header(header) = HeaderDecoder::new(compat).push(&mut &message[..]).unwrap() else {
        panic!("the header is complete");
    };
    let alice = key("alice");
    assert_eq!(header.unlock(&[&Sm2Identity::new(&alice)]).unwrap().expose_bytes(), &[7; 16]);
}
