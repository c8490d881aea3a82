//! Files that OpenSSL makes during the test, and files made here that it reads.

use getrandom::SysRng;
use pki::{Error, csr::Request, key_file::Locked, pkcs8, pkcs12::Pkcs12};
use sm_primitives::sm2::{PrivateKey, dsa};

use crate::support::{OpenSsl, key, locked, only, same, unlocked};

#[test]
fn pkcs8_in_every_cipher() {
    let Some(openssl) = OpenSsl::new("pkcs8 by OpenSSL") else { return };
    let methods = [
        "-v2 sm4-cbc -v2prf hmacWithSHA256",
        "-v2 sm4-cbc -v2prf hmacWithSHA1",
        "-v2 aes-128-cbc -v2prf hmacWithSHA224",
        "-v2 aes-192-cbc -v2prf hmacWithSHA384",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 100000",
        "-v2 des3 -v2prf hmacWithSHA1",
        "-v1 PBE-SHA1-3DES",
        "-v1 PBE-SHA1-2DES",
    ];
    for method in methods {
        for form in ["PEM", "DER"] {
            openssl.run(&format!(
                "pkcs8 -topk8 -in key.pem -passout pass:密码1 -out out -outform {form} {method}"
            ));
            let file = locked(&openssl.read("out"));
            assert!(same(&only(file.open("密码1").unwrap()).key, &openssl.key), "{method}");
            assert_eq!(file.open("密码2").err(), Some(Error::Password), "{method}");
        }
    }
}

#[test]
fn ciphers_of_pkcs8_that_are_not_read_are_named() {
    let Some(openssl) = OpenSsl::new("refused") else { return };
    for (method, what) in [
        ("-v2 camellia-128-cbc", "cipher"),
        ("-scrypt", "key derivation"),
        ("-v1 PBE-MD5-DES -provider legacy -provider default", "password encryption"),
    ] {
        openssl.run(&format!("pkcs8 -topk8 -in key.pem -passout pass:1234 -out out {method}"));
        let refused = pki::key_file::KeyFile::read(&openssl.read("out")).err();
        assert_eq!(refused, Some(Error::UnsupportedAlgorithm(what)), "{method}");
    }
}

#[test]
fn open_keys() {
    let Some(openssl) = OpenSsl::new("open") else { return };
    for command in [
        "pkcs8 -topk8 -nocrypt -in key.pem -out out",
        "pkcs8 -topk8 -nocrypt -in key.pem -out out -outform DER",
        "ec -in key.pem -out out",
        "ec -in key.pem -out out -outform DER",
        "ec -in key.pem -out out -conv_form compressed",
        "ec -in key.pem -out out -no_public",
    ] {
        openssl.run(command);
        assert!(same(&unlocked(&openssl.read("out")), &openssl.key), "{command}");
    }
    let path = "ec -in key.pem -out out -aes128 -passout pass:1234";
    openssl.run(path);
    assert_eq!(
        pki::key_file::KeyFile::read(&openssl.read("out")).err(),
        Some(Error::UnsupportedAlgorithm("PEM encrypted in the old way (DEK-Info)"))
    );
}

#[test]
fn keys_of_other_algorithms_are_named() {
    let Some(openssl) = OpenSsl::new("others") else { return };
    let other = Some(Error::UnsupportedAlgorithm("private key other than SM2"));
    for algorithm in ["RSA -pkeyopt rsa_keygen_bits:2048", "EC -pkeyopt ec_paramgen_curve:P-256", "ED25519"] {
        openssl.run(&format!("genpkey -algorithm {algorithm} -out other.pem"));
        assert_eq!(pki::key_file::KeyFile::read(&openssl.read("other.pem")).err(), other, "{algorithm}");
        openssl.run("pkcs8 -topk8 -in other.pem -passout pass:1234 -out out");
        assert_eq!(locked(&openssl.read("out")).open("1234").err(), other, "{algorithm}");
        openssl.run("req -new -x509 -key other.pem -subj /CN=Other -out other.crt");
        openssl.run("pkcs12 -export -inkey other.pem -in other.crt -passout pass:1234 -out out");
        let contents = Pkcs12::read(&openssl.read("out")).unwrap().open("1234").unwrap();
        assert_eq!((contents.keys.len(), contents.other_keys, contents.certificates.len()), (0, 1, 1));
        assert_eq!(contents.into_pairs().err(), other, "{algorithm}");
    }
}

#[test]
fn pkcs12_in_every_variant() {
    let Some(openssl) = OpenSsl::new("pkcs12 by OpenSSL") else { return };
    let variants = [
        "",
        "-legacy",
        "-legacy -descert",
        "-legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-RC2-128",
        "-keypbe SM4-CBC -certpbe SM4-CBC -macalg sm3",
        "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512",
        "-keypbe DES-EDE3-CBC -certpbe AES-256-CBC -macalg sha384",
        "-keypbe NONE -certpbe NONE -macalg sha224",
        "-iter 20000 -macalg sha1",
        "-nomaciter",
    ];
    for variant in variants {
        for password in ["pass:1234", "pass:密码", "pass:"] {
            let extra = if variant.is_empty() { String::new() } else { format!(" {variant}") };
            openssl.run(&format!(
                "pkcs12 -export -inkey key.pem -in cert.pem -name 测试单位 -passout {password} -out out{extra}"
            ));
            let file = Pkcs12::read(&openssl.read("out")).unwrap();
            let password = password.trim_start_matches("pass:");
            let contents =
                file.open(password).unwrap_or_else(|error| panic!("{variant} {password}: {error}"));
            assert!(contents.authenticated);
            let [key] = contents.keys.as_slice() else { panic!("one key") };
            assert!(same(&key.key, &openssl.key), "{variant}");
            assert_eq!(key.names.friendly_name.as_deref(), Some("测试单位"), "{variant}");
            assert_eq!(key.names.local_key_id.as_ref().map(Vec::len), Some(20));
            assert_eq!(contents.certificate_of(key).unwrap().public_key(), key.key.public_key());
            assert_eq!(file.open("12345").err(), Some(Error::Password), "{variant}");
        }
    }
}

#[test]
fn pkcs12_without_a_mac() {
    let Some(openssl) = OpenSsl::new("no MAC") else { return };
    openssl.run("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:1234 -nomac -out out");
    let file = Pkcs12::read(&openssl.read("out")).unwrap();
    let contents = file.open("1234").unwrap();
    assert!(!contents.authenticated && contents.keys.len() == 1);
    for wrong in 0..30 {
        assert_eq!(file.open(&format!("wrong {wrong}")).err(), Some(Error::Password));
    }
}

/// Of a key, of its authority, of another key: the certificate is that of the key.
#[test]
fn the_certificate_of_a_key_is_found_among_others() {
    let Some(openssl) = OpenSsl::new("the key") else { return };
    openssl.write("other.pem", key("another key").to_pkcs8_pem().as_bytes());
    openssl.run("req -new -x509 -key other.pem -subj /CN=Other -days 9 -sm3 -out other.crt");
    let both = [openssl.read("other.crt"), openssl.read("cert.pem")].concat();
    openssl.write("both.pem", &both);
    openssl.run("pkcs12 -export -inkey key.pem -in both.pem -passout pass:1234 -out out");
    let pair = only(locked(&openssl.read("out")).open("1234").unwrap());
    assert_eq!(pair.certificate.unwrap().public_key(), pair.key.public_key());
    openssl.run("pkcs12 -export -inkey key.pem -nocerts -passout pass:1234 -out out");
    assert!(only(locked(&openssl.read("out")).open("1234").unwrap()).certificate.is_none());
    openssl.run("pkcs12 -export -nokeys -in both.pem -passout pass:1234 -out out");
    let refused = locked(&openssl.read("out")).open("1234").err();
    assert_eq!(refused, Some(Error::Malformed("PKCS#12 without a private key")));
}

/// OpenSSL 3.0 does not know HMAC-SM3 in PBKDF2, but SM4-CBC; the structure it shows, the content with SHA-256 instead it
/// reads.
#[test]
fn what_is_written_has_the_structure_of_pbes2() {
    let Some(openssl) = OpenSsl::new("written") else { return };
    let pem = pkcs8::encrypt_pem(&openssl.key, "1234", &mut SysRng).unwrap();
    openssl.write("out.pem", pem.as_bytes());
    let listing = openssl.run("asn1parse -in out.pem");
    let expected = [":PBES2", ":PBKDF2", ":1.2.156.10197.1.401.2", ":sm4-cbc", "INTEGER           :040000"];
    for part in expected {
        assert!(listing.contains(part), "{part} in {listing}");
    }
    assert_eq!(listing.lines().count(), 16, "{listing}");
}

#[test]
fn requests_both_ways() {
    use pki::csr::{Builder, Extension, SubjectAttribute};
    let Some(openssl) = OpenSsl::new("requests") else { return };
    // The last one with extensions, and a challenge.
    openssl.write(
        "conf",
        "[req]\ndistinguished_name=dn\nattributes=at\nreq_extensions=ext\nprompt=no\nutf8=yes\n[dn]\nC=CN\nCN=测试单位\n\
         [at]\nchallengePassword=secret1\nunstructuredName=x\n[ext]\nkeyUsage=critical,digitalSignature\n\
         subjectAltName=DNS:example.com\n"
            .as_bytes(),
    );
    openssl.run("req -new -config conf -key key.pem -sm3 -sigopt distid:1234567812345678 -out out.csr");
    let request = Request::read(&openssl.read("out.csr")).unwrap();
    assert_eq!(request.verify(), Ok(()));
    let attributes = request.attributes();
    assert_eq!(attributes.challenge.as_deref(), Some("secret1"));
    assert_eq!((attributes.others.len(), attributes.bare), (1, false));
    let ids = attributes.extensions.iter().map(|extension| (extension.id.clone(), extension.critical));
    assert_eq!(ids.collect::<Vec<_>>(), [(vec![0x55, 0x1d, 15], true), (vec![0x55, 0x1d, 17], false)]);

    let key_usage = Extension { id: vec![0x55, 0x1d, 15], critical: true, value: vec![3, 2, 6, 0xc0] };
    let unsigned = Builder::new(*openssl.key.public_key())
        .subject(SubjectAttribute::Country, "CN")
        .subject(SubjectAttribute::CommonName, "测试单位")
        .challenge("111111")
        .extension(key_usage.clone())
        .temporary_key(*key("temporary").public_key())
        .build()
        .unwrap();
    let signature = dsa::sign_digest(&openssl.key, &unsigned.digest(), &mut SysRng).unwrap();
    let pem = unsigned.assemble_pem(&signature).unwrap();
    openssl.write("ours.csr", pem.as_bytes());
    let shown = openssl.run("req -in ours.csr -noout -text -verify -vfyopt distid:1234567812345678");
    for part in ["CN = ", "Digital Signature, Non Repudiation", "challengePassword", "111111"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(Request::read(pem.as_bytes()).unwrap().attributes().extensions, [key_usage]);
}

/// The private key of a file that has both an open key and words around it.
#[test]
fn keys_with_words_around_them() {
    let Some(openssl) = OpenSsl::new("words") else { return };
    openssl.run("pkcs12 -export -inkey key.pem -in cert.pem -name some -passout pass:1234 -out out.p12");
    openssl.run("pkcs12 -in out.p12 -passin pass:1234 -nodes -out all.pem");
    let all = openssl.read("all.pem");
    assert!(String::from_utf8_lossy(&all).contains("Bag Attributes"));
    assert!(same(&unlocked(&all), &openssl.key));
    let crlf = String::from_utf8(all).unwrap().replace('\n', "\r\n");
    assert!(same(&unlocked(crlf.as_bytes()), &openssl.key));
    openssl.run("pkcs12 -in out.p12 -passin pass:1234 -passout pass:5678 -out all.pem");
    assert!(matches!(locked(&openssl.read("all.pem")), Locked::Pkcs8(_)));
    let key: PrivateKey = only(locked(&openssl.read("all.pem")).open("5678").unwrap()).key;
    assert!(same(&key, &openssl.key));
    openssl.run("base64 -in out.p12 -out out.b64");
    assert!(same(&only(locked(&openssl.read("out.b64")).open("1234").unwrap()).key, &openssl.key));
}
