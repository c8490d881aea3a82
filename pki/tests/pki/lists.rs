//! Revocation lists of other tools.

use pki::crl::RevocationReason;
use pki::{Certificate, RevocationList};

use crate::support::{sample, time};

#[test]
fn lists_of_the_national_roots() {
    for (name, entries) in [("ROOTCA", 18), ("Civil_Servant_ROOT", 1), ("Device_ROOT", 1)] {
        let Some(list) = sample(&format!("crl/{name}.crl")) else { return };
        let Some(root) = sample(&format!("ca-certs/national-root/{name}.pem")) else { return };
        let list = RevocationList::parse(&list).unwrap();
        let root = Certificate::parse(&root).unwrap();
        assert_eq!(list.verify_signature(root.key()), Ok(()), "{name}");
        assert_eq!(list.issuer(), root.subject());
        assert_eq!(list.entries().count(), entries, "{name}");
        assert!(!list.is_delta() && list.unknown_critical().is_empty());
        assert!(list.is_current(time("2022-05-20T00:00:00Z")), "{list:?}");
        assert!(!list.is_current(time("2022-05-01T00:00:00Z")), "not yet made");
        assert!(!list.is_current(time("2026-11-26T00:00:00Z")), "stale, but read");
        for entry in list.entries() {
            assert_eq!(list.find(&entry.serial).as_ref(), Some(&entry));
            let with_sign_byte = [&[0], &entry.serial[..]].concat();
            assert_eq!(list.find(&with_sign_byte).as_ref(), Some(&entry));
        }
        for other in ["other/Taier_CA.pem", "other/Ant_Financial_Certification_Authority_S1.pem"] {
            let other = Certificate::parse(&sample(&format!("ca-certs/{other}")).unwrap()).unwrap();
            assert_eq!(list.find(other.serial()), None);
        }
    }
}

#[test]
fn a_list_with_reason_and_invalidity_date() {
    let Some(list) = sample("crl/gmssl_test_crl.der") else { return };
    let list = RevocationList::parse(&list).unwrap();
    let root = Certificate::parse(&sample("gmt0010/gmssl/root.pem").unwrap()).unwrap();
    let revoked = Certificate::parse(&sample("gmt0010/gmssl/enc2.pem").unwrap()).unwrap();
    let good = Certificate::parse(&sample("gmt0010/gmssl/enc.pem").unwrap()).unwrap();
    assert_eq!(list.verify_signature(root.key()), Ok(()));
    let entry = list.find(revoked.serial()).unwrap();
    assert_eq!(entry.reason, RevocationReason::KeyCompromise);
    assert_eq!(entry.invalidity, Some(time("2026-06-01T00:00:00Z")));
    assert_eq!(list.find(good.serial()), None);
}

/// Its issuer has the name of a CA that did not sign it.
#[test]
fn a_list_of_a_namesake() {
    let Some(list) = sample("crl/SubCA-1.crl") else { return };
    let list = RevocationList::parse(&list).unwrap();
    let namesake = Certificate::parse(&sample("ca-certs/other/tlcp_server_cacert.pem").unwrap()).unwrap();
    assert_eq!(list.next_update(), None);
    assert_eq!(list.issuer(), namesake.subject());
    assert!(list.verify_signature(namesake.key()).is_err());
}
