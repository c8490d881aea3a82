//! Revocation lists.

use pki::crl::{Entry, RevocationReason};
use pki::extension::{GeneralName, IssuingPoint};
use pki::issue::{Issuer, ListBuilder, Order, Profile, ProfileKind, root};
use pki::validate::{Code, Purpose, Revocation, Terms};
use pki::{Certificate, Error, RevocationList};
use proptest::prelude::*;

use crate::refused::unusable;
use crate::support::{
    ALGORITHM, OpenSsl, World, contains, key, now, public, serial, sign, subject, time, year,
};

const MADE: &str = "2026-06-01T00:00:00Z";
const DUE: &str = "2026-06-02T00:00:00Z";

fn builder(issuer: &Issuer, number: u64) -> ListBuilder<'_> {
    ListBuilder::new(issuer, number, time(MADE), time(DUE)).unwrap()
}

fn entry(serial: &[u8], reason: RevocationReason) -> Entry {
    Entry {
        serial: serial.to_vec(),
        date: time("2026-05-01T00:00:00Z"),
        reason,
        invalidity: None,
        has_unknown_critical: false,
    }
}

fn list(builder: ListBuilder<'_>, world: &World) -> RevocationList {
    let list = RevocationList::from_der(&sign(builder.build(), &world.ca_key)).unwrap();
    list.verify_signature(world.ca.certificate().key()).unwrap();
    list
}

#[test]
fn what_is_revoked_is_found_with_its_reason() {
    let world = World::new(false);
    let mut builder = builder(&world.ca, 0x80);
    let reasons = [0, 1, 2, 3, 4, 5, 6, 9, 10].map(|number| RevocationReason::from_number(number).unwrap());
    for (number, reason) in (1..).zip(reasons) {
        let invalidity = (number % 2 == 0).then(|| time("2026-04-01T00:00:00Z"));
        builder.push(&Entry { invalidity, ..entry(&[number], reason) }).unwrap();
    }
    let list = list(builder, &world);
    for (number, reason) in (1..).zip(reasons) {
        let found = list.find(&[number]).unwrap();
        assert_eq!((found.reason, found.date), (reason, time("2026-05-01T00:00:00Z")));
        assert_eq!(found.invalidity.is_some(), number % 2 == 0);
    }
    assert_eq!(list.find(&[10]), None);
    assert_eq!(list.number_hex().as_deref(), Some("80"));
    assert_eq!((list.this_update(), list.next_update()), (time(MADE), Some(time(DUE))));
    assert_eq!(list.issuer().as_der(), world.ca.certificate().subject().as_der());
    let own = world.ca.certificate().extensions().subject_key_id.clone();
    assert_eq!(list.authority_key_id().unwrap().key_id, own);
    // What is unspecified is not said; invalidityDate is a GeneralizedTime.
    assert!(!contains(list.as_der(), &[0x0a, 1, 0]) && contains(list.as_der(), b"\x18\x0f20260401000000Z"));

    let Some(openssl) = OpenSsl::new() else { return };
    let text = openssl.text("crl", list.as_der());
    for part in
        ["X509v3 CRL Number: \n                128", "Key Compromise", "Invalidity Date: ", "Superseded"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn an_empty_list_has_no_entries_at_all() {
    for null in [false, true] {
        let world = World::new(null);
        let list = list(builder(&world.ca, 1), &world);
        assert!(list.is_empty() && !contains(list.as_der(), b"\x30\x00"));
        assert!(contains(list.as_der(), ALGORITHM[usize::from(null)]));
        let Some(openssl) = OpenSsl::new() else { return };
        assert!(openssl.text("crl", list.as_der()).contains("No Revoked Certificates"));
    }
}

#[test]
fn lists_revoke_in_a_path() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Personal);
    let leaf = world.issue(&Order::new(&profile, &subject("one"), public("leaf"), serial(3), year()));
    let above = RevocationList::from_der(&sign(builder(&world.root, 1).build(), &world.root_key)).unwrap();
    let terms = Terms::at(now()).for_purpose(Purpose::DigitalSignature).with_revocation(Revocation::Require);
    let judge = |lists: &[RevocationList]| {
        let lists = lists.iter().chain([&above]).cloned();
        lists.fold(world.validator(), pki::validate::Validator::with_list).validate(&leaf, &[], terms)
    };
    let mut clean = builder(&world.ca, 1);
    clean.push(&entry(serial(4).as_bytes(), RevocationReason::KeyCompromise)).unwrap();
    // Read from the list, so that it is judged at noon of the day.
    let clean = list(clean, &world);
    let report = judge(std::slice::from_ref(&clean));
    assert!(report.is_valid(), "{report:?}");

    let mut delta = builder(&world.ca, 2).with_base(1).unwrap();
    delta.push(&entry(leaf.serial(), RevocationReason::CertificateHold)).unwrap();
    let delta = list(delta, &world);
    assert!(delta.is_delta() && delta.adds_to(&clean) && delta.base_number_hex().as_deref() == Some("01"));
    assert!(judge(&[clean, delta]).has(Code::Revoked));

    let mut held = builder(&world.ca, 3);
    held.push(&entry(leaf.serial(), RevocationReason::CertificateHold)).unwrap();
    let held = list(held, &world);
    let mut released = builder(&world.ca, 4).with_base(3).unwrap();
    released.push(&entry(leaf.serial(), RevocationReason::RemoveFromCrl)).unwrap();
    let released = list(released, &world);
    assert!(!judge(std::slice::from_ref(&held)).is_valid());
    assert!(judge(&[held, released]).is_valid());
}

#[test]
fn points_and_deltas_as_openssl_reads_them() {
    let world = World::new(false);
    let names = vec![GeneralName::Uri("http://example.com/sub.crl".into())];
    let reasons = Some(1 << 1 | 1 << 8);
    let point =
        IssuingPoint { names: Some(names), only_users: true, only_reasons: reasons, ..Default::default() };
    let full =
        builder(&world.ca, 7).with_point(&point).unwrap().with_freshest_crl("http://example.com/d").unwrap();
    let full = list(full, &world);
    assert_eq!(full.point(), Some(&point));
    let delta = list(builder(&world.ca, 8).with_base(7).unwrap().with_point(&point).unwrap(), &world);
    assert!(delta.adds_to(&full));
    let cas = IssuingPoint { only_cas: true, ..Default::default() };
    let other = list(builder(&world.ca, 8).with_base(7).unwrap().with_point(&cas).unwrap(), &world);
    assert!(!other.adds_to(&full) && other.point() == Some(&cas));

    let Some(openssl) = OpenSsl::new() else { return };
    let text = openssl.text("crl", full.as_der());
    for part in [
        "X509v3 Issuing Distribution Point: critical",
        "URI:http://example.com/sub.crl",
        "Only User Certificates",
        "Only Some Reasons:\n                  Key Compromise, AA Compromise",
        "X509v3 Freshest CRL",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(
        openssl
            .text("crl", delta.as_der())
            .contains("X509v3 Delta CRL Indicator: critical\n                7")
    );
}

#[test]
fn what_is_not_written() {
    let world = World::new(false);
    unusable(ListBuilder::new(&world.ca, 1, time(MADE), time(MADE)).map(drop), "due before");
    unusable(builder(&world.ca, 7).with_base(7).map(drop), "base");
    let mut filled = builder(&world.ca, 7);
    filled.push(&entry(&[1], RevocationReason::Unspecified)).unwrap();
    unusable(filled.with_base(6).map(drop), "base");
    let freshest = builder(&world.ca, 7).with_freshest_crl("http://example.com/d").unwrap();
    unusable(freshest.with_base(6).map(drop), "base");
    unusable(builder(&world.ca, 7).with_freshest_crl("d").map(drop), "general name");
    let delta = || builder(&world.ca, 7).with_base(6).unwrap();
    unusable(delta().with_freshest_crl("http://example.com/d").map(drop), "in a delta");

    let point = IssuingPoint { only_users: true, ..Default::default() };
    for wrong in [
        IssuingPoint::default(),
        IssuingPoint { names: Some(vec![]), ..point.clone() },
        IssuingPoint { only_cas: true, ..point.clone() },
        IssuingPoint { indirect: true, ..point.clone() },
        IssuingPoint { only_attributes: true, ..point.clone() },
        IssuingPoint { only_reasons: Some(0), ..point.clone() },
        IssuingPoint { only_reasons: Some(1), ..point.clone() },
        IssuingPoint { only_reasons: Some(1 << 9), ..point.clone() },
    ] {
        unusable(builder(&world.ca, 7).with_point(&wrong).map(drop), "point");
    }

    let push = |entry: Entry| builder(&world.ca, 7).push(&entry);
    let plain = || entry(&[1], RevocationReason::Unspecified);
    for bad in [&[][..], &[0x80], &[0, 1], &[1; 21]] {
        unusable(push(entry(bad, RevocationReason::Unspecified)), "serial");
    }
    for good in [&[0][..], &[0, 0x80], &[1; 20]] {
        assert_eq!(push(entry(good, RevocationReason::Unspecified)), Ok(()));
    }
    unusable(push(Entry { has_unknown_critical: true, ..plain() }), "extensions");
    unusable(push(Entry { date: time(DUE), ..plain() }), "after");
    assert_eq!(push(Entry { date: time(MADE), ..plain() }), Ok(()));
    unusable(push(entry(&[1], RevocationReason::RemoveFromCrl)), "removed");
    assert_eq!(delta().push(&entry(&[1], RevocationReason::RemoveFromCrl)), Ok(()));
    let mut twice = builder(&world.ca, 7);
    twice.push(&plain()).unwrap();
    unusable(twice.push(&entry(&[1], RevocationReason::Superseded)), "twice");
    for other in [&[1, 0][..], &[2], &[0, 0x81]] {
        assert_eq!(twice.push(&entry(other, RevocationReason::Superseded)), Ok(()), "{other:?}");
    }
    // The signature of another key.
    let unsigned = builder(&world.ca, 7).build();
    let wrong = sm_primitives::sm2::dsa::sign_digest(&key("root"), unsigned.digest(), &mut getrandom::SysRng);
    assert_eq!(unsigned.assemble(&wrong.unwrap()), Err(Error::InvalidSignature));
}

#[test]
fn who_may_not_sign_lists() {
    let profile = Profile::new(ProfileKind::Root { path_len: None });
    let subject = subject("root");
    let order = Order::new(&profile, &subject, public("root"), serial(1), year());
    let mut der = sign(root(&order, false).unwrap(), &key("root"));
    // keyUsage: keyCertSign alone.
    let at = der.windows(4).position(|window| window == [3, 2, 1, 6]).unwrap();
    der[at + 2] = 2;
    der[at + 3] = 4;
    let issuer = Issuer::new(Certificate::from_der(&der).unwrap()).unwrap();
    unusable(ListBuilder::new(&issuer, 1, time(MADE), time(DUE)).map(drop), "may not sign");
}

/// The million is measured in the benches; this many show that nothing breaks where lengths take more octets.
#[test]
fn a_long_list() {
    let world = World::new(false);
    let mut builder = builder(&world.ca, 1);
    for number in 0..100_000_u32 {
        let serial = [&[1][..], &number.to_be_bytes(), &[7; 11]].concat();
        builder.push(&entry(&serial, RevocationReason::Superseded)).unwrap();
    }
    let list = list(builder, &world);
    assert_eq!(list.len(), 100_000);
    let found = list.find(&[&[1][..], &77_777_u32.to_be_bytes(), &[7; 11]].concat()).unwrap();
    assert_eq!(found.reason, RevocationReason::Superseded);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lists_read_as_they_were_written(
        entries in proptest::collection::btree_map(proptest::collection::vec(1_u8..0x80, 1..=20), (0_u64..1_780_000_000, 0_u8..11, proptest::option::of(0_u64..9_000_000_000)), 0..20),
        number in 1_u64..,
        base in proptest::option::of(any::<u64>()),
    ) {
        let world = World::new(false);
        let moment = |seconds| pki::Time::from_unix(seconds).unwrap();
        let mut builder = builder(&world.ca, number);
        let base = base.map(|base| base % number);
        if let Some(base) = base {
            builder = builder.with_base(base).unwrap();
        }
        let mut written = Vec::new();
        for (serial, (date, reason, invalidity)) in entries {
            let reason = RevocationReason::from_number(reason).unwrap_or(RevocationReason::Unspecified);
            let reason = match reason {
                RevocationReason::RemoveFromCrl if base.is_none() => RevocationReason::KeyCompromise,
                reason => reason,
            };
            let entry = Entry { date: moment(date), invalidity: invalidity.map(moment), ..entry(&serial, reason) };
            builder.push(&entry).unwrap();
            written.push(entry);
        }
        let list = list(builder, &world);
        written.sort_by(|a, b| a.serial.cmp(&b.serial));
        prop_assert_eq!(list.entries().collect::<Vec<_>>(), written);
        let hex = |value: u64| Some(format!("{value:x}")).map(|hex| if hex.len() % 2 == 1 { format!("0{hex}") } else { hex });
        prop_assert_eq!(list.number_hex(), hex(number));
        prop_assert_eq!(list.base_number_hex(), base.and_then(hex));
    }
}
