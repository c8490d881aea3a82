//! No bytes make anything panic, and what is read is what was written.

use std::sync::OnceLock;

use pki::cms::{Message, without_padding};
use pki::ocsp::{OcspRequest, OcspResponse};
use pki::tsp::{TimeStampRequest, TimeStampResponse, TimeStampToken, TstInfo};
use pki::validate::{Terms, Validator};
use pki::{Certificate, Name, RevocationList, SubjectKey};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::issuer::{Party, Template, entry, list_der, reason, seq, tlv};
use crate::support::time;

fn read_everything(bytes: &[u8]) {
    if let Ok(certificates) = Certificate::all(bytes) {
        for certificate in &certificates {
            let _ = Validator::new().with_anchor(certificate.clone()).validate(
                certificate,
                &certificates,
                Terms::at(time("2026-06-01T00:00:00Z")),
            );
        }
    }
    if let Ok(list) = RevocationList::parse(bytes) {
        assert!(list.entries().all(|entry| list.find(&entry.serial).is_some()));
    }
    let _ = Name::from_der(bytes).map(|name| (name.to_string(), name.short()));
    let _ = SubjectKey::from_spki_der(bytes);
    let _ = OcspRequest::from_der(bytes).map(|request| request.nonce());
    let _ = OcspResponse::parse(bytes);
    let _ = TimeStampRequest::from_der(bytes);
    let _ = TimeStampResponse::from_der(bytes);
    let _ = TimeStampToken::from_der(bytes).map(|token| token.verify_signature(&[]).is_ok());
    let _ = TstInfo::from_der(bytes);
    let message = without_padding(bytes).and_then(|message| {
        Message::detached(message).or_else(|_| Message::attached(message).map(|(message, _)| message))
    });
    if let Ok(message) = message {
        let digests = message.digester(message.certificates()).finish();
        for signer in message.signers() {
            let _ = (signer.time_stamps(), message.verify(signer, &[], &digests).is_ok());
        }
    }
}

/// A certificate with every extension that is decoded, and a list.
fn seeds() -> &'static [Vec<u8>; 2] {
    static SEEDS: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    SEEDS.get_or_init(make_seeds)
}

fn make_seeds() -> [Vec<u8>; 2] {
    let party = Party::new("x");
    let directory = tlv(0xa4, &[&crate::issuer::name("x")]);
    let point = tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://a"])])]);
    let certificate = Template::ca(1)
        .purposes(true, &["1.3.6.1.5.5.7.3.8"])
        .with("2.5.29.14", false, &tlv(4, &[b"id"]))
        .with("2.5.29.35", false, &seq(&[&tlv(0x80, &[b"id"]), &tlv(0xa1, &[&directory]), &[0x82, 1, 1]]))
        .with("2.5.29.17", false, &seq(&[&tlv(0x82, &[b"a.example"]), &tlv(0x87, &[&[1, 2, 3, 4]])]))
        .with("2.5.29.30", true, &seq(&[&tlv(0xa0, &[&seq(&[&directory])])]))
        .with("2.5.29.31", false, &seq(&[&seq(&[&point])]))
        .with("2.5.29.32", false, &seq(&[&seq(&[&crate::issuer::oid("2.5.29.32.0")])]))
        .with("2.5.29.36", true, &seq(&[&[0x80, 1, 0]]))
        .with("1.2.156.10260.4.1.1", false, &tlv(0xa0, &[&tlv(0x13, &[b"1"])]));
    let entries = [entry(3, "2026-05-01T00:00:00Z", &[reason(1)])];
    let point = crate::issuer::extension("2.5.29.28", true, &seq(&[&point, &[0x81, 1, 0xff]]));
    let list = list_der(&party, 1, ("2026-05-01T00:00:00Z", "2026-07-01T00:00:00Z"), &entries, &[point]);
    [certificate.der(&party, &party), list]
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_files(
        which in 0_usize..2,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = seeds()[which].clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_everything(&bytes);
    }
}

#[test]
fn damaged_samples() {
    for folder in ["ocsp", "tsa", "crl"] {
        for (_, content) in crate::support::files_under(folder) {
            for at in 0..content.len() {
                let mut changed = content.clone();
                changed[at] ^= 0x81;
                read_everything(&changed);
            }
        }
    }
}
