//! The structures.

use getrandom::SysRng;
use pki::fields::element;
use pki::issue::ProfileKind;
use proptest::prelude::*;
use seal::Error;
use seal::ses::{ElectronicSeal, Holders, SealedData, Shape, Version, unsigned_data};
use sm_primitives::sm2::dsa;
use sm_primitives::sm3;

use crate::support::{World, info, key, now, octets, seal_v1, seal_v5, sealed_v1, time};

#[test]
fn a_seal_says_what_was_ordered() {
    let world = World::new();
    let made = world.seal();
    let seal = ElectronicSeal::parse(made.as_der()).unwrap();
    let order = world.order(Holders::Certificates(vec![world.holder.as_der().to_vec()]));
    assert_eq!(seal.version(), Version::V4);
    assert_eq!(
        (seal.vendor(), seal.id(), seal.kind(), seal.name()),
        ("cosign", "11010000000001", 1, order.name)
    );
    assert_eq!((seal.created(), seal.validity()), (order.created, order.validity));
    assert_eq!(seal.picture(), &order.picture);
    assert_eq!(seal.holders(), &order.holders);
    assert_eq!(seal.verify_signature().unwrap().as_der(), world.maker.as_der());
    assert_eq!(seal.maker().unwrap().as_der(), world.maker.as_der());
    assert!(seal.time_stamp().is_none() && seal.extensions().is_empty());

    let data = world.sealed(&seal, now(), b"content");
    assert_eq!(data.seal().as_der(), seal.as_der());
    assert_eq!((data.version(), data.time(), data.property_info()), (4, Some(now()), "/Doc_0"));
    assert_eq!(data.data_hash(), sm3::digest(b"content"));
    assert_eq!(data.verify_signature().unwrap().as_der(), world.holder.as_der());
}

#[test]
fn holders_may_be_named_by_digest() {
    let world = World::new();
    let digest = |name: &str, der: &[u8]| Holders::Digests(vec![(name.into(), sm3::digest(der).to_vec())]);
    let other = world.issue(ProfileKind::Personal, "other", 7, "2026-12-31T00:00:00Z");
    for (holders, expected) in [
        (digest("SM3", world.holder.as_der()), true),
        (digest("1.2.156.10197.1.401", world.holder.as_der()), true),
        (digest("SM3", other.as_der()), false),
        (digest("MD5", world.holder.as_der()), false),
        (Holders::Certificates(vec![other.as_der().to_vec(), world.holder.as_der().to_vec()]), true),
        (Holders::Certificates(vec![other.as_der().to_vec()]), false),
    ] {
        let seal = world.seal_for(holders.clone());
        assert_eq!(seal.holders(), &holders);
        assert_eq!(seal.holders().contain(world.holder.as_der()), expected);
        let made = unsigned_data(&seal, &world.holder, now(), &[0; 32], "x");
        assert_eq!(
            made.err(),
            (!expected).then_some(Error::Unusable("the certificate is not among the holders of the seal"))
        );
    }
}

#[test]
fn editions_that_are_only_read() {
    let world = World::new();
    let first = ElectronicSeal::parse(&seal_v1(&world)).unwrap();
    assert_eq!((first.version(), first.name(), first.picture().height), (Version::V1, "章", 30));
    first.verify_signature().unwrap();
    assert!(unsigned_data(&first, &world.holder, now(), &[0; 32], "x").is_err(), "V1 is not written");
    for stamped in [false, true] {
        let fifth = ElectronicSeal::parse(&seal_v5(&world, stamped)).unwrap();
        assert_eq!((fifth.version(), fifth.time_stamp().is_some()), (Version::V5, stamped));
        fifth.verify_signature().unwrap();
        let data = world.sealed(&fifth, now(), b"content");
        assert_eq!((data.version(), data.seal().version()), (5, Version::V5));
        data.verify_signature().unwrap();
    }
    let der = sealed_v1(&world, b"2026-06-01 20:00:00", b"content");
    let data = SealedData::parse(&der).unwrap();
    assert_eq!((data.version(), data.time()), (1, Some(now())));
    assert_eq!(data.time_info(), b"2026-06-01 20:00:00");
    data.verify_signature().unwrap();
    assert_eq!(SealedData::parse(&sealed_v1(&world, b"yesterday", b"content")).unwrap().time(), None);
}

/// What the maker of the old edition signs is not what that of the new one signs.
#[test]
fn a_signature_of_one_edition_is_none_of_another() {
    let world = World::new();
    let seal = ElectronicSeal::parse(&seal_v1(&world)).unwrap();
    let body = info(4, &world.holder, &[]);
    let parts: [&[u8]; 4] = [
        &body,
        &octets(world.maker.as_der()),
        &crate::support::oid(&crate::support::SM2_WITH_SM3),
        &crate::support::bits(&seal.signature().value),
    ];
    let forged = ElectronicSeal::parse(&element(0x30, &parts)).unwrap();
    assert_eq!(forged.verify_signature().err(), Some(Error::InvalidSignature));
}

#[test]
fn a_seal_is_not_made_of_what_cannot_be() {
    let world = World::new();
    let good = || world.order(Holders::Certificates(vec![world.holder.as_der().to_vec()]));
    assert!(good().unsigned(&world.maker).is_ok());
    let mut bad = Vec::new();
    let mut order = good();
    order.name = "";
    bad.push(order);
    let mut order = good();
    order.vendor = "厂商";
    bad.push(order);
    let mut order = good();
    order.id = "";
    bad.push(order);
    let mut order = good();
    order.holders = Holders::Certificates(Vec::new());
    bad.push(order);
    let mut order = good();
    order.validity = (order.validity.1, order.validity.0);
    bad.push(order);
    let mut order = good();
    order.picture.width = 0;
    bad.push(order);
    let mut order = good();
    order.picture.data.clear();
    bad.push(order);
    let mut order = good();
    order.created = time("2027-01-01T00:00:00Z");
    bad.push(order);
    for order in bad {
        assert!(matches!(order.unsigned(&world.maker), Err(Error::Unusable(_))), "{order:?}");
    }
    let mut order = good();
    order.picture.data = vec![0; 9 << 20];
    assert_eq!(order.unsigned(&world.maker).err(), Some(Error::TooLarge("electronic seal")));
    assert!(good().unsigned(&world.root).is_err(), "a CA signs no seals");

    let unsigned = good().unsigned(&world.maker).unwrap();
    let signature = dsa::sign_digest(&key("holder"), unsigned.digest(), &mut SysRng).unwrap();
    assert_eq!(unsigned.complete(&signature).err(), Some(Error::InvalidSignature));
}

#[test]
fn nothing_is_sealed_when_it_would_not_verify() {
    let world = World::new();
    let seal = world.seal();
    let made = |seal, signer, at| unsigned_data(seal, signer, time(at), &[0; 32], "x").err();
    assert_eq!(made(&seal, &world.holder, "2026-11-30T00:00:00Z"), None);
    let early = Some(Error::Unusable("the seal is not valid at this time"));
    assert_eq!(made(&seal, &world.holder, "2026-11-30T00:00:01Z"), early);
    assert_eq!(made(&seal, &world.holder, "2026-01-31T23:59:59Z"), early);
    let expired = world.issue(ProfileKind::Personal, "holder", 8, "2026-03-01T00:00:00Z");
    let seal_of_expired = world.seal_for(Holders::Certificates(vec![expired.as_der().to_vec()]));
    let late = Some(Error::Unusable("the certificate is not valid at this time"));
    assert_eq!(made(&seal_of_expired, &expired, "2026-06-01T00:00:00Z"), late);
    let of_ca = world.seal_for(Holders::Certificates(vec![world.root.as_der().to_vec()]));
    assert!(made(&of_ca, &world.root, "2026-06-01T00:00:00Z").is_some());

    let unsigned = unsigned_data(&seal, &world.holder, now(), &[0; 32], "x").unwrap();
    let signature = dsa::sign_digest(&key("maker"), unsigned.digest(), &mut SysRng).unwrap();
    assert_eq!(unsigned.complete(&signature, None).err(), Some(Error::InvalidSignature));
    let mut der = seal.as_der().to_vec();
    let at = der.windows(14).position(|window| window == b"11010000000001").unwrap();
    der[at] = b'2';
    let forged = ElectronicSeal::parse(&der).unwrap();
    assert_eq!(made(&forged, &world.holder, "2026-06-01T00:00:00Z"), Some(Error::InvalidSignature));
}

#[test]
fn the_longest_form_is_known_before() {
    let world = World::new();
    let seal = world.seal();
    for token in [None, Some(vec![7; 3000])] {
        for _ in 0..8 {
            let unsigned = unsigned_data(&seal, &world.holder, now(), &[0; 32], "x").unwrap();
            let most = unsigned.max_len(token.as_ref().map(Vec::len));
            let signature = dsa::sign_digest(&key("holder"), unsigned.digest(), &mut SysRng).unwrap();
            let der = unsigned.to_der(&signature, token.as_deref()).unwrap();
            assert!(der.len() <= most && most < der.len() + 64, "{} {most}", der.len());
            assert_eq!(SealedData::parse(&der).unwrap().time_stamp(), token.as_deref());
        }
    }
}

#[test]
fn padding_is_zeros() {
    let world = World::new();
    let seal = world.seal();
    let data = sealed_v1(&world, b"20260601120000Z", b"content");
    for (der, zeros, ok) in [
        (seal.as_der(), &[0u8, 0][..], true),
        (seal.as_der(), &[0, 1], false),
        (&data, &[0, 0], true),
        (&data, &[1], false),
    ] {
        let padded = [der, zeros].concat();
        assert_eq!(ElectronicSeal::parse(&padded).is_ok() || SealedData::parse(&padded).is_ok(), ok);
    }
}

#[test]
fn shapes_are_told_apart() {
    let world = World::new();
    let raw = dsa::sign_digest(&key("holder"), &[1; 32], &mut SysRng).unwrap();
    for (bytes, shape) in [
        (sealed_v1(&world, b"20260601120000Z", b"content"), Shape::Sealed),
        (raw.to_der(), Shape::Bare),
        (raw.to_bytes().to_vec(), Shape::Bare),
        (element(0x30, &[&element(6, &[&[0x2a, 3, 4]])]), Shape::Message),
        (vec![0x30, 0x80, 6, 3, 0x2a, 3, 4, 0, 0], Shape::Message),
        (b"nothing".to_vec(), Shape::Unknown),
        (Vec::new(), Shape::Unknown),
    ] {
        assert_eq!(Shape::of(&bytes), shape, "{bytes:02x?}");
    }
}

#[test]
fn too_many_are_refused() {
    let world = World::new();
    let body = |holders: Vec<u8>| {
        let header = element(0x30, &[&element(0x16, &[b"ES"]), &[2, 1, 4], &element(0x16, &[b"v"])]);
        let time = element(0x18, &[b"20260201000000Z"]);
        let list = element(0x30, &[&holders]);
        let property =
            element(0x30, &[&[2, 1, 2], &element(0x0c, &[b"n"]), &[2, 1, 1], &list, &time, &time, &time]);
        let picture = element(0x30, &[&element(0x16, &[b"png"]), &octets(b"p"), &[2, 1, 20], &[2, 1, 30]]);
        let info = element(0x30, &[&header, &element(0x16, &[b"id"]), &property, &picture]);
        let algorithm = crate::support::oid(&crate::support::SM2_WITH_SM3);
        element(0x30, &[&info, &octets(world.maker.as_der()), &algorithm, &crate::support::bits(b"s")])
    };
    assert!(ElectronicSeal::parse(&body([4, 0].repeat(4096))).is_ok());
    assert_eq!(
        ElectronicSeal::parse(&body([4, 0].repeat(4097))).err(),
        Some(Error::TooLarge("holders of a seal"))
    );
    assert_eq!(
        ElectronicSeal::parse(&vec![0; (16 << 20) + 1]).err(),
        Some(Error::TooLarge("electronic seal"))
    );
    let extension = |count, tagged: bool| {
        let one = element(0x30, &[&element(6, &[&[0x2a, 3]]), &[4, 0]]);
        let list = element(0x30, &[&one.repeat(count)]);
        let all = if tagged { element(0xa0, &[&list]) } else { list };
        let info = info(4, &world.holder, &all);
        let algorithm = crate::support::oid(&crate::support::SM2_WITH_SM3);
        let parts: [&[u8]; 4] =
            [&info, &octets(world.maker.as_der()), &algorithm, &crate::support::bits(b"s")];
        ElectronicSeal::parse(&element(0x30, &parts)).map(|seal| seal.extensions().len())
    };
    assert_eq!((extension(64, true), extension(64, false)), (Ok(64), Ok(64)));
    assert_eq!(extension(65, true), Err(Error::TooLarge("extensions of a seal")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// Any one changed byte of a seal or of sealed data makes it unreadable, not verify, or differ only in what nobody signs:
    /// the parts of a signature's own encoding.
    #[test]
    fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), change in 1u8..) {
        let world = World::new();
        let data = world.sealed(&world.seal(), now(), b"content");
        let der = {
            let unsigned = unsigned_data(data.seal(), &world.holder, now(), &[7; 32], "x").unwrap();
            let signature = dsa::sign_digest(&key("holder"), unsigned.digest(), &mut SysRng).unwrap();
            unsigned.to_der(&signature, None).unwrap()
        };
        let mut changed = der.clone();
        let at = at.index(der.len());
        changed[at] ^= change;
        if let Ok(data) = SealedData::parse(&changed) {
            let same = |certificate: &[u8]| certificate == world.holder.as_der();
            let unsigned_part = data.signature().algorithm.to_string() == "1.2.156.10197.1.301.1";
            prop_assert!(data.verify_signature().is_err() || !same(&data.signature().certificate) || unsigned_part);
        }
    }

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (ElectronicSeal::parse(&bytes), SealedData::parse(&bytes), Shape::of(&bytes));
    }
}
