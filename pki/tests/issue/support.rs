//! A root, a CA below it, and OpenSSL beside them.

use std::process::Command;

use getrandom::SysRng;
use pki::certificate::Validity;
use pki::csr::SubjectAttribute;
use pki::issue::{
    Batch, Issuer, NameBuilder, Order, Profile, ProfileKind, SerialNumber, Subject, Unsigned, root,
};
use pki::validate::{Purpose, Report, Terms, Validator};
use pki::{Certificate, Name, ObjectIdentifier, Time};
use sm_primitives::sm2::{PrivateKey, PublicKey, dsa};
use sm_primitives::sm3::Sm3;
use tempfile::TempDir;

/// The private key whose bytes are SM3(name).
pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&Sm3::new().chain(name.as_bytes()).finalize()).unwrap()
}

pub(crate) fn public(name: &str) -> PublicKey {
    *key(name).public_key()
}

/// `2026-01-31T23:59:59Z`.
pub(crate) fn time(text: &str) -> Time {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    Time::from_der(0x18, format!("{digits}Z").as_bytes()).unwrap()
}

pub(crate) fn validity(from: &str, to: &str) -> Validity {
    Validity { not_before: time(from), not_after: time(to) }
}

/// That of end entities.
pub(crate) fn year() -> Validity {
    validity("2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z")
}

/// A moment in it.
pub(crate) fn now() -> Time {
    time("2026-06-01T12:00:00Z")
}

pub(crate) fn name(cn: &str) -> Name {
    let name = NameBuilder::new().with(SubjectAttribute::Country, "CN");
    let name = name.with(SubjectAttribute::Organization, "测试单位").with(SubjectAttribute::CommonName, cn);
    name.build().unwrap()
}

pub(crate) fn subject(cn: &str) -> Subject {
    Subject::new(name(cn))
}

/// 16 octets, different for each number.
pub(crate) fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_bytes(&[[0x51; 15].as_slice(), &[number]].concat()).unwrap()
}

pub(crate) fn sign(unsigned: Unsigned, key: &PrivateKey) -> Vec<u8> {
    let signature = dsa::sign_digest(key, unsigned.digest(), &mut SysRng).unwrap();
    unsigned.assemble(&signature).unwrap()
}

pub(crate) fn certificates(batch: Batch, key: &PrivateKey) -> Vec<Certificate> {
    let all = batch.sign(key, &mut SysRng).unwrap();
    all.iter().map(|der| Certificate::from_der(der).unwrap()).collect()
}

/// With every place that a profile has.
pub(crate) fn placed(kind: ProfileKind) -> Profile {
    let policy = ObjectIdentifier::new_unwrap("1.2.156.112570.1.1");
    Profile::new(kind)
        .with_policy(policy, Some("http://example.com/cps"))
        .and_then(|profile| profile.with_policy(ObjectIdentifier::new_unwrap("1.2.3.4"), None))
        .and_then(|profile| profile.with_crl("http://example.com/sub.crl"))
        .and_then(|profile| profile.with_crl("ldap://example.com/cn=sub"))
        .and_then(|profile| profile.with_freshest_crl("http://example.com/delta.crl"))
        .and_then(|profile| profile.with_ocsp("http://ocsp.example.com/"))
        .and_then(|profile| profile.with_ca_issuers("http://example.com/sub.cer"))
        .unwrap()
}

pub(crate) struct World {
    pub(crate) root: Issuer,
    pub(crate) root_key: PrivateKey,
    pub(crate) ca: Issuer,
    pub(crate) ca_key: PrivateKey,
}

impl World {
    /// `null`: algorithms with NULL.
    pub(crate) fn new(null: bool) -> Self {
        let (root_key, ca_key) = (key("root"), key("ca"));
        let profile = Profile::new(ProfileKind::Root { path_len: Some(1) });
        let subject = subject("Example Root");
        let validity = validity("2020-01-01T00:00:00Z", "2059-12-31T23:59:59Z");
        let order = Order::new(&profile, &subject, *root_key.public_key(), serial(1), validity);
        let der = sign(root(&order, null).unwrap(), &root_key);
        let root = Issuer::new(Certificate::from_der(&der).unwrap()).unwrap();
        let ca = Self::ca(&root, &root_key, ca_key.public_key(), Some(0));
        Self { root, root_key, ca, ca_key }
    }

    pub(crate) fn ca(root: &Issuer, root_key: &PrivateKey, key: &PublicKey, path_len: Option<u32>) -> Issuer {
        let profile = placed(ProfileKind::SubordinateCa { path_len });
        let subject = subject("Example CA");
        let validity = validity("2025-01-01T00:00:00Z", "2035-12-31T23:59:59Z");
        let unsigned = root.issue(&Order::new(&profile, &subject, *key, serial(2), validity)).unwrap();
        Issuer::new(Certificate::from_der(&sign(unsigned, root_key)).unwrap()).unwrap()
    }

    pub(crate) fn issue(&self, order: &Order<'_>) -> Certificate {
        Certificate::from_der(&sign(self.ca.issue(order).unwrap(), &self.ca_key)).unwrap()
    }

    pub(crate) fn validator(&self) -> Validator {
        let validator = Validator::new().with_anchor(self.root.certificate().clone());
        validator.with_intermediate(self.ca.certificate().clone())
    }

    pub(crate) fn judge(&self, certificate: &Certificate, purpose: Purpose) -> Report {
        self.validator().validate(certificate, &[], Terms::at(now()).for_purpose(purpose))
    }
}

/// A folder with OpenSSL; `None` where there is none.
pub(crate) struct OpenSsl(TempDir);

impl OpenSsl {
    pub(crate) fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("skipped: openssl is not installed");
            return None;
        }
        Some(Self(TempDir::new().unwrap()))
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// Runs `openssl` with words that spaces separate; its standard output.
    pub(crate) fn run(&self, arguments: &str) -> String {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it shows of a file in DER.
    pub(crate) fn text(&self, command: &str, der: &[u8]) -> String {
        self.write("der", der);
        self.run(&format!("{command} -inform DER -in der -noout -text"))
    }
}

/// Whether an element of `bytes` is this one, byte for byte.
pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// `SEQUENCE { 1.2.156.10197.1.501 }` with and without NULL.
pub(crate) const ALGORITHM: [&[u8]; 2] = [
    b"\x30\x0a\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75",
    b"\x30\x0c\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75\x05\x00",
];
