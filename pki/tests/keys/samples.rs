//! Files made by other tools.

use envelope::name;
use pki::{
    Error, SubjectKey,
    csr::{AttributeForm, Builder, Request, SubjectAttribute},
    issue::Applicant,
    key_file::KeyFile,
    pkcs12::Pkcs12,
};
use sm_primitives::sm2::Signature;

use crate::support::{key_of_hex, locked, only, same, sample, unlocked};

#[test]
fn requests() {
    // File, subject, whether the signature holds.
    let cases = [
        ("csr/cfca_sadk_dualkey.csr.pem", "CFCA SADK", "CN=certRequisition, O=CFCA TEST CA, C=CN", Ok(())),
        ("csr/cfca_rsa_signed.csr.pem", "CFCA SADK", "CN=certRequisition, O=CFCA TEST CA, C=CN", Ok(())),
        ("gmt0010/gmssl/enc.csr", "GmSSL 3.3", "C=CN, O=Test Bidder, CN=enc", Ok(())),
        ("gmt0010/gmssl/sign.csr", "GmSSL 3.3", "C=CN, O=Test Bidder, CN=sign", Ok(())),
    ];
    for (file, maker, subject, verdict) in cases {
        let Some(bytes) = sample(file) else { return };
        let request = Request::read(&bytes).unwrap_or_else(|error| panic!("{file} of {maker}: {error}"));
        assert_eq!(name::display(request.subject()), subject, "{file}");
        assert_eq!(request.verify(), verdict, "{file} of {maker}");
        let cfca = maker == "CFCA SADK";
        assert_eq!(request.attributes().challenge.as_deref(), cfca.then_some("111111"), "{file}");
        assert_eq!(request.attributes().bare, cfca, "{file}");
        assert_eq!(request.attributes().temporary_key.is_some(), cfca, "{file}");
        assert!(request.attributes().extensions.is_empty() && request.attributes().others.is_empty());
    }
}

#[test]
fn keys_of_cfca_requests() {
    let Some(bytes) = sample("csr/cfca_sadk_dualkey.csr.pem") else { return };
    let request = Request::read(&bytes).unwrap();
    assert_eq!(request.algorithm().to_string(), "SM2-with-SM3");
    let Some(SubjectKey::Sm2(temporary)) = &request.attributes().temporary_key else {
        panic!("a key of SM2")
    };
    let point = hex::encode(temporary.as_point().to_sec1());
    assert!(point.starts_with("0428b93ec29b057de2"), "{point}");
    assert!(point.ends_with("94189f488c81f82"), "{point}");
    assert!(matches!(request.key(), SubjectKey::Sm2(key) if key != temporary));

    let Some(bytes) = sample("csr/cfca_rsa_signed.csr.pem") else { return };
    let request = Request::read(&bytes).unwrap();
    assert_eq!(request.algorithm().to_string(), "sha256WithRSA");
    assert!(matches!(request.key(), SubjectKey::Foreign(key) if key.bits() == 2048));
    let temporary = request.attributes().temporary_key.as_ref();
    assert!(matches!(temporary, Some(key @ SubjectKey::Other { .. }) if key.to_string() == "RSA"));
    assert_eq!(
        Applicant::new(&request).err(),
        Some(Error::UnsupportedAlgorithm("key of a certification request"))
    );
}

/// With the same content, key and signature the same bytes come out.
#[test]
fn a_request_for_cfca_is_written_as_by_sadk() {
    let Some(bytes) = sample("csr/cfca_sadk_dualkey.csr.pem") else { return };
    let request = Request::read(&bytes).unwrap();
    let (SubjectKey::Sm2(key), Some(SubjectKey::Sm2(temporary))) =
        (request.key(), &request.attributes().temporary_key)
    else {
        panic!("keys of SM2")
    };
    let unsigned = Builder::new(*key)
        .subject(SubjectAttribute::CommonName, "certRequisition")
        .subject(SubjectAttribute::Organization, "CFCA TEST CA")
        .subject(SubjectAttribute::Country, "CN")
        .challenge("111111")
        .temporary_key(*temporary)
        .form(AttributeForm::Cfca)
        .build()
        .unwrap();
    assert_eq!(unsigned.info(), request.info());
    let der = envelope::armor::decode(&bytes).unwrap();
    // BIT STRING: tag, length, no unused bits; 71 bytes of signature.
    let signature = Signature::from_der(&der[der.len() - 71..]).unwrap();
    assert_eq!(unsigned.assemble(&signature).unwrap(), der);
}

/// All but salt, number of iterations, initial vector and ciphertext.
#[test]
fn an_encrypted_key_is_laid_out_as_by_gmssl() {
    let Some(bytes) = sample("gmt0010/gmssl/enc.key") else { return };
    let theirs = envelope::armor::decode(&bytes).unwrap();
    let ours = pki::pkcs8::encrypt(&crate::support::key("layout"), "1234", &mut getrandom::SysRng).unwrap();
    assert_eq!(ours.len(), theirs.len());
    let free = [35..51, 53..56, 86..102, 105..ours.len()];
    for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert!(ours == theirs || free.iter().any(|range| range.contains(&at)), "byte {at}");
    }
}

/// A request is of the key that is in the file beside it.
#[test]
fn gmssl_requests_and_keys_belong_together() {
    let Some(list) = sample("gmt0010/gmssl/private_keys_hex.txt") else { return };
    let list = String::from_utf8(list).unwrap();
    for name in ["root", "sign", "enc", "enc2"] {
        let expected = list.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let expected = key_of_hex(expected.unwrap());
        let file = locked(&sample(&format!("gmt0010/gmssl/{name}.key")).unwrap());
        assert!(same(&only(file.open("1234").unwrap()).key, &expected), "{name}");
        assert_eq!(file.open("1235").err(), Some(Error::Password), "{name}");
        if ["sign", "enc"].contains(&name) {
            let request = Request::read(&sample(&format!("gmt0010/gmssl/{name}.csr")).unwrap()).unwrap();
            assert_eq!(*request.key(), SubjectKey::Sm2(*expected.public_key()));
        }
    }
}

#[test]
fn private_keys() {
    // Encrypted by GmSSL, with the curve inside the key too, and open by Tongsuo. Their certificates tell whether they are
    // right.
    let encrypted = ["client_key", "server_signkey", "server_enckey"];
    for name in encrypted {
        let Some(bytes) = sample(&format!("ca-certs/other/tlcp_{name}.pem")) else { return };
        assert!(only(locked(&bytes).open("1234").unwrap()).certificate.is_none(), "{name} of GmSSL");
        assert_eq!(locked(&bytes).open("").err(), Some(Error::Password), "{name}");
    }
    for name in ["client_enc", "client_sign", "server_enc", "server_enc2", "server_sign", "server_sign2"] {
        let Some(bytes) = sample(&format!("tlcp/{name}.key")) else { return };
        let key = unlocked(&bytes);
        let certificate = sample(&format!("tlcp/{name}.crt")).unwrap();
        let certificate = envelope::Certificate::parse(&certificate).unwrap();
        assert_eq!(key.public_key(), certificate.public_key(), "{name} of Tongsuo");
    }
    let Some(bytes) = sample("ca-certs/other/tlcp_client_key.pem") else { return };
    let certificate = envelope::Certificate::parse(&sample("ca-certs/other/tlcp_client_cert.pem").unwrap());
    assert_eq!(
        only(locked(&bytes).open("1234").unwrap()).key.public_key(),
        certificate.unwrap().public_key()
    );
}

/// Made by Java with BouncyCastle: indefinite lengths, strings in segments, 3DES and RC2 with 40 bits.
#[test]
fn java_pkcs12() {
    for name in ["USER", "SealBuilder"] {
        let Some(bytes) = sample(&format!("seal/ofdrw_{name}.p12")) else { return };
        let contents = Pkcs12::read(&bytes).unwrap().open("777777").unwrap();
        assert!(contents.authenticated, "{name}");
        let [key] = contents.keys.as_slice() else { panic!("one key") };
        assert_eq!(key.names.friendly_name.as_deref(), Some("private"));
        let certificate = contents.certificate_of(key).unwrap();
        assert_eq!(certificate.public_key(), key.key.public_key());
        let own = contents.certificates.iter().find(|entry| entry.der == certificate.as_der()).unwrap();
        assert_eq!(own.names, key.names, "{name}");
        assert_eq!(Pkcs12::read(&bytes).unwrap().open("777778").err(), Some(Error::Password));
        assert!(only(locked(&bytes).open("777777").unwrap()).certificate.is_some());
    }
}

/// A key of 2015 with an algorithm that is not SM2's.
#[test]
fn a_key_of_another_time() {
    let Some(bytes) = sample("gmssl-legacy/sm2-key.pem") else { return };
    assert!(KeyFile::read(&bytes).is_err());
}
