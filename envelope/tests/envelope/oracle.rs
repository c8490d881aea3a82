//! Messages against the RustCrypto crates: their DER decoder, SM2 and SM4 open what we seal, and we open what they
//! seal.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag};
use envelope::cms::Quirk;
use envelope::{Certificate, Recipient, Sm2Identity, Sm2Recipient, simple};
use getrandom::SysRng;
use sm2::pke::{DecryptingKey, EncryptingKey};

use crate::support::{
    CertificateParts, Parts, SM2_ENCRYPTION, TestRng, key, key_algorithm, key_bytes, ktri, public_key,
    recipient, tlv,
};

/// The elements of a body.
fn children(body: &[u8]) -> Vec<AnyRef<'_>> {
    let mut reader = SliceReader::new(body).unwrap();
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader).unwrap());
    }
    elements
}

fn oid_of(element: &AnyRef<'_>) -> String {
    element.decode_as::<ObjectIdentifier>().unwrap().to_string()
}

/// Opens a message of ours for the key `name` with nothing of ours. Checks the structure on the way, and gives the
/// versions of the message and of its entries as well.
fn open_independently(message: &[u8], name: &str) -> (Vec<u8>, u8, Vec<u8>) {
    let outer = AnyRef::from_der(message).expect("one element of DER and nothing after it");
    let [content_type, explicit] = &children(outer.value())[..] else { panic!("ContentInfo") };
    assert_eq!(oid_of(content_type), "1.2.156.10197.6.1.4.2.3");
    let enveloped = AnyRef::from_der(explicit.value()).unwrap();
    let [version, recipients, content_info] = &children(enveloped.value())[..] else {
        panic!("EnvelopedData")
    };
    assert_eq!((recipients.header().tag(), content_info.header().tag()), (Tag::Set, Tag::Sequence));

    let [data, algorithm, content] = &children(content_info.value())[..] else { panic!("content info") };
    assert_eq!(oid_of(data), "1.2.156.10197.6.1.4.2.1");
    let [cbc, iv] = &children(algorithm.value())[..] else { panic!("algorithm") };
    assert_eq!(oid_of(cbc), "1.2.156.10197.1.104.2");
    let iv: [u8; 16] = iv.decode_as::<&OctetStringRef>().unwrap().as_bytes().try_into().unwrap();

    let entries = children(recipients.value());
    let encodings: Vec<Vec<u8>> = entries.iter().map(|entry| entry.to_der().unwrap()).collect();
    assert!(encodings.is_sorted(), "DER order of a SET OF");
    let decrypting_key = DecryptingKey::from_slice(&key_bytes(name)).unwrap();
    let mut versions = Vec::new();
    let mut content_key = None;
    for entry in &entries {
        let [version, _, algorithm, encrypted_key] = &children(entry.value())[..] else { panic!("entry") };
        let [sm2_encryption] = &children(algorithm.value())[..] else { panic!("no parameters") };
        assert_eq!(oid_of(sm2_encryption), SM2_ENCRYPTION);
        versions.push(version.decode_as::<u8>().unwrap());
        let encrypted_key = encrypted_key.decode_as::<&OctetStringRef>().unwrap();
        content_key = content_key.or(decrypting_key.decrypt_der(encrypted_key.as_bytes()).ok());
    }
    let content_key: [u8; 16] = content_key.expect("one entry opens").try_into().unwrap();
    let mut content = content.value().to_vec();
    let plaintext = cbc::Decryptor::<sm4::Sm4>::new(&content_key.into(), &iv.into())
        .decrypt_padded::<Pkcs7>(&mut content)
        .unwrap();
    (plaintext.to_vec(), version.decode_as().unwrap(), versions)
}

#[test]
fn what_we_seal_opens_without_us() {
    for len in [0usize, 1, 15, 16, 17, 200, 70_000] {
        let plaintext: Vec<u8> = (0u32..).flat_map(u32::to_be_bytes).take(len).collect();
        let message =
            simple::seal(&[&recipient("alice"), &recipient("bob")], &plaintext, &mut SysRng).unwrap();
        for name in ["alice", "bob"] {
            assert_eq!(open_independently(&message, name), (plaintext.clone(), 2, vec![2, 2]));
        }
    }
}

#[test]
fn versions_follow_the_kind_of_name() {
    let (alice, bob) = (public_key("alice"), public_key("bob"));
    let by_name = Sm2Recipient::from_certificate(&CertificateParts::new(&alice).build()).unwrap();
    let by_key = Sm2Recipient::from_public_key(&bob);
    let seal = |recipients: &[&dyn Recipient]| {
        simple::seal(recipients, b"x", &mut TestRng::new("versions")).unwrap()
    };
    let (_, version, versions) = open_independently(&seal(&[&by_name]), "alice");
    assert_eq!((version, versions), (1, vec![1]));
    let (_, version, mut versions) = open_independently(&seal(&[&by_name, &by_key]), "bob");
    versions.sort_unstable();
    assert_eq!((version, versions), (2, vec![1, 2]));
}

#[test]
fn what_they_seal_opens_here() {
    let alice = key("alice");
    let encrypting_key = EncryptingKey::from_sec1_bytes(&alice.public_key().as_point().to_sec1()).unwrap();
    for round in 0..32u8 {
        let (content_key, iv) = ([round; 16], [round.wrapping_add(1); 16]);
        let plaintext = vec![round; usize::from(round)];
        let mut parts = Parts::new();
        let encrypted_key = encrypting_key.encrypt_der(&mut SysRng, &content_key).unwrap();
        let entry = ktri(2, &parts.id, &key_algorithm(SM2_ENCRYPTION), &tlv(0x04, &[&encrypted_key]));
        parts.recipients = tlv(0x31, &[&entry]);
        parts.algorithm = tlv(0x30, &[&crate::support::oid(crate::support::SM4_CBC), &tlv(0x04, &[&iv])]);
        let mut content = [&plaintext[..], &[0; 16]].concat();
        let content = cbc::Encryptor::<sm4::Sm4>::new(&content_key.into(), &iv.into())
            .encrypt_padded::<Pkcs7>(&mut content, plaintext.len())
            .unwrap();
        parts.content = tlv(0x80, &[content]);
        let (opened, quirks) =
            simple::open_by(&parts.build(), |header| header.unlock(&[&Sm2Identity::new(&alice)])).unwrap();
        assert_eq!(*opened, plaintext);
        assert!(!quirks.contains(Quirk::RawKey) && quirks.is_empty(), "{quirks}");
    }
}

/// Our short reading of a certificate against a whole one.
#[test]
fn certificates_read_as_x509_cert_reads_them() {
    let alice = public_key("alice");
    let der = CertificateParts { subject_key_id: Some(&[9; 20]), ..CertificateParts::new(&alice) }.build();
    assert_same_reading(&der);
}

/// Both readings agree on issuer, serial number, key and extensions.
pub(crate) fn assert_same_reading(der: &[u8]) {
    use x509_cert::certificate::Rfc5280;
    use x509_cert::ext::pkix::{KeyUsage, SubjectKeyIdentifier};

    let ours = Certificate::parse(der).unwrap();
    let theirs = x509_cert::certificate::CertificateInner::<Rfc5280>::from_der(der).unwrap();
    let tbs = theirs.tbs_certificate();
    let envelope::RecipientId::IssuerAndSerial(id) = ours.id() else { panic!("by certificate") };
    assert_eq!(id.issuer(), tbs.issuer().to_der().unwrap());
    assert_eq!(id.serial(), tbs.serial_number().as_bytes());
    let point = tbs.subject_public_key_info().subject_public_key.raw_bytes();
    assert_eq!(ours.public_key().as_point().to_sec1(), point);
    let key_id = tbs.get_extension::<SubjectKeyIdentifier>().unwrap();
    assert_eq!(ours.subject_key_id().map(|id| id.as_bytes()), key_id.as_ref().map(|(_, id)| id.0.as_bytes()));
    let permitted = tbs.get_extension::<KeyUsage>().unwrap().is_none_or(|(_, usage)| {
        usage.key_encipherment() || usage.data_encipherment() || usage.key_agreement()
    });
    assert_eq!(ours.permits_encryption(), permitted);
}
