//! Our side of `tests/interop` for what a certification authority issues: writes to a folder what other programs check.
//!
//! ```text
//! cargo run -p pki --example certs -- FOLDER
//!
//! root.pem sub.pem             CAs, one below the other
//! leaf-sign.pem leaf-enc.pem   the pair of one subject        revoked-gone.pem   one that sub.crl revokes
//! root.crl sub.crl sub-delta.crl
//! request.csr                  a request for two certificates; response.der what it gets
//! ocsp-sign.der ocsp-gone.der  answers about leaf-sign and revoked-gone, signed by responder.pem; ocsp-enc.der has a nonce
//! tsa.pem content token.der    a time stamp of the content
//! ```
#![expect(clippy::print_stdout, reason = "a report")]

use std::{error::Error, fs, path::PathBuf, time::SystemTime};

use getrandom::SysRng;
use pki::{
    Certificate, Name, ObjectIdentifier, Time,
    algorithm::HashAlgorithm,
    certificate::Validity,
    crl::{Entry, RevocationReason},
    csr::{self, Builder, Request, SubjectAttribute},
    issue::{
        AnswerTimes, Applicant, Issuer, ListBuilder, NameBuilder, Order, Profile, ProfileKind, Responder,
        SerialNumber, StampAuthority, Subject, Unsigned, certificate_pem, list_pem, root,
    },
    ocsp::{CertId, CertStatus, OcspRequest},
    tsp::{Accuracy, Imprint, TimeStampRequest, TimeStampResponse},
};
use sm_primitives::sm2::{PrivateKey, Signature, dsa};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DAY: u64 = 86_400;

struct Folder {
    path: PathBuf,
    /// Yesterday: clocks may be apart.
    from: u64,
}

fn key() -> Result<PrivateKey> {
    Ok(PrivateKey::generate(&mut SysRng)?)
}

fn signature(key: &PrivateKey, digest: &[u8; 32]) -> Result<Signature> {
    Ok(dsa::sign_digest(key, digest, &mut SysRng)?)
}

fn sign(unsigned: Unsigned, key: &PrivateKey) -> Result<Vec<u8>> {
    let signature = signature(key, unsigned.digest())?;
    Ok(unsigned.assemble(&signature)?)
}

fn name(cn: &str) -> Result<Name> {
    let name = NameBuilder::new().with(SubjectAttribute::Country, "CN");
    let name = name.with(SubjectAttribute::Organization, "Example").with(SubjectAttribute::CommonName, cn);
    Ok(name.build()?)
}

fn serial() -> Result<SerialNumber> {
    Ok(SerialNumber::random(&mut SysRng)?)
}

impl Folder {
    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        fs::write(self.path.join(name), content)?;
        println!("{name}: {} bytes", content.len());
        Ok(())
    }

    fn write_certificate(&self, name: &str, certificate: &Certificate) -> Result<()> {
        self.write(name, certificate_pem(certificate.as_der()).as_bytes())
    }

    fn write_list(&self, name: &str, list: &[u8]) -> Result<()> {
        self.write(name, list_pem(list).as_bytes())
    }

    fn day(&self, days: u64) -> Result<Time> {
        Ok(Time::from_unix(self.from + days * DAY).ok_or("a time after the year 9999")?)
    }

    fn days(&self, days: u64) -> Result<Validity> {
        Ok(Validity { not_before: self.day(0)?, not_after: self.day(days)? })
    }

    fn certificate(
        &self,
        issuer: &Issuer,
        by: &PrivateKey,
        profile: &Profile,
        cn: &str,
        key: &PrivateKey,
    ) -> Result<Certificate> {
        let (subject, days) = (Subject::new(name(cn)?), if profile.kind().is_ca() { 3650 } else { 365 });
        let order = Order::new(profile, &subject, *key.public_key(), serial()?, self.days(days)?);
        Ok(Certificate::from_der(&sign(issuer.issue(&order)?, by)?)?)
    }

    fn list<'a>(&self, issuer: &'a Issuer, number: u64) -> Result<ListBuilder<'a>> {
        Ok(ListBuilder::new(issuer, number, self.day(1)?, self.day(31)?)?)
    }
}

fn main() -> Result<()> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("give the folder")?);
    fs::create_dir_all(&path)?;
    #[expect(clippy::disallowed_methods, reason = "other programs judge by their clocks")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let folder = Folder { path, from: now - DAY };

    let root_key = key()?;
    let profile = Profile::new(ProfileKind::Root { path_len: None });
    let subject = Subject::new(name("interop root")?);
    let order = Order::new(&profile, &subject, *root_key.public_key(), serial()?, folder.days(7300)?);
    let issuer = Issuer::new(Certificate::from_der(&sign(root(&order, false)?, &root_key)?)?)?;
    folder.write_certificate("root.pem", issuer.certificate())?;
    folder.write_list("root.crl", &sign(folder.list(&issuer, 1)?.build(), &root_key)?)?;

    let ca_key = key()?;
    let profile = Profile::new(ProfileKind::SubordinateCa { path_len: Some(0) });
    let ca = Issuer::new(folder.certificate(&issuer, &root_key, &profile, "interop sub", &ca_key)?)?;
    folder.write_certificate("sub.pem", ca.certificate())?;
    issue(&folder, &ca, &ca_key)
}

/// Everything that the CA issues.
fn issue(folder: &Folder, ca: &Issuer, ca_key: &PrivateKey) -> Result<()> {
    let person = Profile::new(ProfileKind::Personal)
        .with_policy(ObjectIdentifier::new_unwrap("1.2.3.4"), None)?
        .with_crl("http://example.com/sub.crl")?
        .with_ocsp("http://example.com/ocsp")?;
    let gone = folder.certificate(ca, ca_key, &person, "interop gone", &key()?)?;
    folder.write_certificate("revoked-gone.pem", &gone)?;
    let [signing, encryption] = pair(folder, ca, ca_key, &person)?;
    folder.write_certificate("leaf-sign.pem", &signing)?;
    folder.write_certificate("leaf-enc.pem", &encryption)?;

    let (date, reason) = (folder.day(0)?, RevocationReason::KeyCompromise);
    let entry = Entry {
        serial: gone.serial().to_vec(),
        date,
        reason,
        invalidity: Some(date),
        has_unknown_critical: false,
    };
    let mut full = folder.list(ca, 1)?;
    full.push(&entry)?;
    folder.write_list("sub.crl", &sign(full.build(), ca_key)?)?;
    let mut delta = folder.list(ca, 2)?.with_base(1)?;
    delta.push(&Entry { reason: RevocationReason::RemoveFromCrl, ..entry })?;
    folder.write_list("sub-delta.crl", &sign(delta.build(), ca_key)?)?;

    let revoked = CertStatus::Revoked { date, reason };
    answers(
        folder,
        (ca, ca_key),
        [(&signing, CertStatus::Good), (&gone, revoked), (&encryption, CertStatus::Good)],
    )?;
    stamp(folder, ca, ca_key)
}

/// The two certificates of who sends a request.
fn pair(folder: &Folder, ca: &Issuer, ca_key: &PrivateKey, profile: &Profile) -> Result<[Certificate; 2]> {
    let (own, temporary, by_centre) = (key()?, key()?, key()?);
    let unsigned = Builder::new(*own.public_key())
        .subject(SubjectAttribute::CommonName, "interop request")
        .temporary_key(*temporary.public_key())
        .build()?;
    let proof = signature(&own, &unsigned.digest())?;
    let request = unsigned.assemble_pem(&proof)?;
    folder.write("request.csr", request.as_bytes())?;
    let applicant = Applicant::new(&Request::read(request.as_bytes())?)?;
    let subject = Subject::new(name("interop leaf")?);
    let (serials, year) = ([serial()?, serial()?], folder.days(365)?);
    let delivery = ca.deliver(&applicant, (profile, &subject), &by_centre, serials, year, &mut SysRng)?;
    let signatures =
        delivery.digests().iter().map(|digest| signature(ca_key, digest)).collect::<Result<Vec<_>>>()?;
    let response = delivery.assemble(&signatures)?;
    folder.write("response.der", &response.to_der()?)?;
    csr::Response::open(&response, &temporary)?;
    let first = |certificates: &[Vec<u8>]| -> Result<Certificate> {
        Ok(Certificate::from_der(certificates.first().ok_or("no certificate")?)?)
    };
    Ok([first(&response.sign_certificates)?, first(&response.encryption_certificates)?])
}

fn answers(
    folder: &Folder,
    (ca, ca_key): (&Issuer, &PrivateKey),
    [(signing, good), (gone, revoked), (encryption, also_good)]: [(&Certificate, CertStatus); 3],
) -> Result<()> {
    let responder_key = key()?;
    let profile = Profile::new(ProfileKind::OcspSigner);
    let certificate = folder.certificate(ca, ca_key, &profile, "interop responder", &responder_key)?;
    folder.write_certificate("responder.pem", &certificate)?;
    let responder = Responder::delegated(ca, certificate)?;
    let now = folder.day(1)?;
    let times = AnswerTimes { produced_at: now, this_update: now, next_update: Some(folder.day(8)?) };
    for (name, hash, about, status) in [
        ("ocsp-sign.der", HashAlgorithm::Sm3, signing, good),
        ("ocsp-gone.der", HashAlgorithm::Sha1, gone, revoked),
    ] {
        let answer = responder.sign_before(hash, about.serial(), &status, times)?;
        folder.write(name, &sign(answer, &responder_key)?)?;
    }
    let id = CertId::new(HashAlgorithm::Sha256, encryption, ca.certificate());
    let request = OcspRequest::write(&[id], Some(&[0x5a; 16]));
    let answer =
        Responder::read(&request).and_then(|request| responder.answer(&request, times, |_| Ok(also_good)));
    folder.write("ocsp-enc.der", &sign(answer.map_err(|why| why.name())?, &responder_key)?)
}

fn stamp(folder: &Folder, ca: &Issuer, ca_key: &PrivateKey) -> Result<()> {
    let own = key()?;
    let profile = Profile::new(ProfileKind::TimeStamping);
    let certificate = folder.certificate(ca, ca_key, &profile, "interop tsa", &own)?;
    folder.write_certificate("tsa.pem", &certificate)?;
    let content = b"what was there at that time";
    folder.write("content", content)?;
    let authority = StampAuthority::new(certificate, ObjectIdentifier::new_unwrap("1.2.3.4"))?
        .with_accuracy(Accuracy { seconds: 1, ..Accuracy::default() })?
        .with_rfc_identifiers();
    let request = TimeStampRequest::new(Imprint::of(HashAlgorithm::Sm3, content)?, Some([0x5a; 8]));
    let stamp = authority.stamp(&request, &serial()?, folder.day(1)?, 0);
    let stamp = stamp.map_err(|why| format!("{why:?}"))?;
    let proof = signature(&own, stamp.digest())?;
    let response = TimeStampResponse::from_der(&stamp.assemble(&proof)?)?;
    let token = response.token.ok_or("no token")?;
    folder.write("token.der", token.as_der())
}
