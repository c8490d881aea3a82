//! Signed messages of RSA, ECDSA and SM2 together, made by OpenSSL during the test and taken apart here.

use envelope::ber::Reader;
use envelope::cms::{Dialect, Quirks, Signer};
use envelope::error::InvalidSignature;
use envelope::simple::{self, Placement};
use pki::algorithm::HashAlgorithm;
use pki::cms::{ContentDigests, Message, without_padding};
use pki::tsp::{TimeStampRequest, TimeStampResponse, TspDefect};
use pki::validate::{Revocation, Validator};
use pki::{Certificate, Error};
use sm_primitives::sm2::dsa;

use crate::issuer::{Party, Template, oid, seq, tlv};
use crate::openssl::OpenSsl;

const CONTENT: &[u8] = b"the document";
const PSS: &str = "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:";

fn digests(message: &Message, others: &[Certificate], content: &[u8]) -> ContentDigests {
    let mut digester = message.digester(others);
    let (a, b) = content.split_at(content.len() / 2);
    digester.update(a);
    digester.update(b);
    digester.finish()
}

/// What becomes of each signature.
fn all(bytes: &[u8], others: &[Certificate], content: &[u8]) -> Vec<Result<Certificate, InvalidSignature>> {
    let message = Message::detached(bytes).unwrap();
    let digests = digests(&message, others, content);
    message.signers().iter().map(|signer| message.verify(signer, others, &digests)).collect()
}

fn verify(bytes: &[u8], others: &[Certificate]) -> Result<Certificate, InvalidSignature> {
    let mut all = all(bytes, others, CONTENT);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// OpenSSL with a key and a certificate of it.
fn with_key(key: &str) -> Option<OpenSsl> {
    let openssl = OpenSsl::new()?;
    openssl.write("content", CONTENT);
    openssl.run(&format!("genpkey -algorithm {key} -out key.pem"));
    openssl.run("req -new -x509 -sha256 -key key.pem -subj /CN=Other -out cert.pem");
    Some(openssl)
}

impl OpenSsl {
    fn sign(&self, options: &str) -> Vec<u8> {
        self.run(&format!(
            "cms -sign -binary -in content -signer cert.pem -inkey key.pem -outform DER -out message {options}"
        ));
        self.read("message")
    }
}

/// `bytes` with the last place where `from` stands replaced by something of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).rposition(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn every_algorithm_in_a_message() {
    const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";
    const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
    const P384: &str = "EC -pkeyopt ec_paramgen_curve:P-384";
    let unsupported = Err(InvalidSignature::UnsupportedAlgorithm);
    for (key, options, expected) in [
        (RSA, "-md sha256".to_owned(), Ok(())),
        (RSA, "-md sha384".into(), Ok(())),
        (RSA, "-md sha512".into(), Ok(())),
        (RSA, "-md sha1".into(), unsupported),
        (RSA, format!("-md sha256 {PSS}32"), Ok(())),
        (RSA, format!("-md sha512 {PSS}max"), Ok(())),
        (RSA, format!("-md sha256 {PSS}32 -keyopt rsa_mgf1_md:sha1"), unsupported),
        ("RSA -pkeyopt rsa_keygen_bits:1024", "-md sha256".into(), Err(InvalidSignature::WeakKey)),
        (P256, "-md sha256".into(), Ok(())),
        (P256, "-md sha512".into(), Ok(())),
        (P256, "-md sha1".into(), unsupported),
        (P384, "-md sha384".into(), Ok(())),
        (P384, "-md sha256".into(), Ok(())),
        ("EC -pkeyopt ec_paramgen_curve:P-521", "-md sha512".into(), unsupported),
    ] {
        let Some(openssl) = with_key(key) else { return };
        let certificate = Certificate::parse(&openssl.read("cert.pem")).unwrap();
        let expected = expected.map(|()| certificate);
        for form in ["", "-noattr", "-keyid", "-cades"] {
            let message = openssl.sign(&format!("{options} {form}"));
            assert_eq!(verify(&message, &[]), expected, "{key} {options} {form}");
            let changed = &all(&message, &[], b"the Document")[0];
            let no_attributes = form == "-noattr";
            let wrong = match expected {
                Ok(_) if no_attributes => Err(InvalidSignature::Wrong),
                Ok(_) => Err(InvalidSignature::ContentChanged),
                Err(InvalidSignature::WeakKey) if !no_attributes => Err(InvalidSignature::ContentChanged),
                Err(why) => Err(why),
            };
            assert_eq!(*changed, wrong, "{key} {options} {form}");
        }
    }
}

#[test]
fn where_the_certificate_comes_from() {
    let Some(openssl) = with_key("RSA -pkeyopt rsa_keygen_bits:2048") else { return };
    let own = Certificate::parse(&openssl.read("cert.pem")).unwrap();
    let message = openssl.sign("-md sha256 -nocerts -cades");
    assert_eq!(verify(&message, &[]), Err(InvalidSignature::NoCertificate));
    assert_eq!(verify(&message, std::slice::from_ref(&own)), Ok(own.clone()));
    // Another certificate of the same name, number and key: the attributes have the hash of the right one.
    let serial = format!("0x{}", own.serial_hex());
    openssl.run(&format!(
        "req -new -x509 -sha384 -key key.pem -subj /CN=Other -out other.pem -set_serial {serial}"
    ));
    let other = Certificate::parse(&openssl.read("other.pem")).unwrap();
    assert_eq!(verify(&message, &[other.clone(), own.clone()]), Ok(own.clone()));
    let wrong = Err(InvalidSignature::SigningCertificate);
    assert_eq!(verify(&message, std::slice::from_ref(&other)), wrong);
    // What the caller gives counts before what the message brings along.
    assert_eq!(verify(&openssl.sign("-md sha256 -cades"), std::slice::from_ref(&other)), wrong);
    // Without that attribute it does pass, and by key identifier too.
    assert_eq!(verify(&openssl.sign("-md sha256 -nocerts"), std::slice::from_ref(&other)), Ok(other.clone()));
    let by_key = openssl.sign("-md sha256 -nocerts -keyid");
    assert_eq!(verify(&by_key, std::slice::from_ref(&own)), Ok(own));
    // A key identifier that the certificate does not say: by the rule of RFC 5280.
    openssl.write("bare.cnf", b"[req]\ndistinguished_name=dn\n[dn]\n[bare]\nsubjectKeyIdentifier=none\n");
    openssl.run("req -new -x509 -key key.pem -subj /CN=Bare -out bare.pem -config bare.cnf -extensions bare");
    let bare = Certificate::parse(&openssl.read("bare.pem")).unwrap();
    assert_eq!(bare.extensions().subject_key_id, None);
    assert_eq!(verify(&by_key, std::slice::from_ref(&bare)), Ok(bare));
}

#[test]
fn what_is_wrong_with_a_message() {
    let Some(openssl) = with_key("RSA -pkeyopt rsa_keygen_bits:2048") else { return };
    let good = openssl.sign("-md sha256");
    assert!(verify(&good, &[]).is_ok());
    let changed = |from: &[u8], to: &[u8]| verify(&replaced(&good, from, to), &[]).map(drop);
    let digest = HashAlgorithm::Sha256.digest(CONTENT);
    let other = HashAlgorithm::Sha256.digest(b"other");
    assert_eq!(changed(&digest, &other), Err(InvalidSignature::ContentChanged));
    let kind = oid("1.2.840.113549.1.7.1");
    assert_eq!(changed(&kind, &oid("1.2.840.113549.1.7.5")), Err(InvalidSignature::ContentType));
    for attribute in ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"] {
        let defect = changed(&oid(attribute), &oid("1.2.840.113549.1.9.7"));
        assert_eq!(defect, Err(InvalidSignature::Attributes), "{attribute}");
    }
    // signingTime, which only the signature protects.
    let time = oid("1.2.840.113549.1.9.5");
    let at = good.windows(time.len()).rposition(|window| window == time).unwrap() + time.len() + 6;
    let mut later = good.clone();
    later[at] = if later[at] == b'0' { b'1' } else { b'0' };
    assert_eq!(verify(&later, &[]).map(drop), Err(InvalidSignature::Wrong));
    // Hash of the message and of the signature differ, and an algorithm that is of another kind of key.
    let sha256 = [oid("2.16.840.1.101.3.4.2.1"), oid("2.16.840.1.101.3.4.2.2")];
    assert_eq!(changed(&sha256[0], &sha256[1]), Err(InvalidSignature::ContentChanged));
    let rsa = oid("1.2.840.113549.1.1.1");
    let unsupported = Err(InvalidSignature::UnsupportedAlgorithm);
    assert_eq!(changed(&rsa, &oid("1.2.840.113549.1.1.12")), unsupported);
    assert_eq!(changed(&rsa, &oid("1.2.840.113549.1.1.5")), unsupported);
    assert_eq!(changed(&rsa, &oid("1.2.840.113549.1.1.11")), Ok(()), "with its hash");

    // Of a type that nothing that is signed names.
    let bare = openssl.sign("-md sha256 -noattr");
    assert!(verify(&bare, &[]).is_ok());
    let typed = replaced(&bare, &kind, &oid("1.2.840.113549.1.7.5"));
    assert_eq!(verify(&typed, &[]), Err(InvalidSignature::Attributes));
    // Digests that were made for another message.
    let message = Message::detached(&good).unwrap();
    let other = Message::detached(&openssl.sign("-md sha512")).unwrap();
    let digests = digests(&other, &[], CONTENT);
    let signer = &message.signers()[0];
    assert_eq!(message.verify(signer, &[], &digests), Err(InvalidSignature::NotHashed));
    assert_eq!(
        (digests.of(HashAlgorithm::Sha512).map(<[u8]>::len), digests.sm2().is_none()),
        (Some(64), true)
    );

    // The content is where it should be.
    openssl.run(
        "cms -sign -binary -nodetach -in content -signer cert.pem -inkey key.pem -outform DER -out whole",
    );
    let whole = openssl.read("whole");
    assert_eq!(Message::detached(&whole).map(drop), Err(Error::EmbeddedContent));
    assert_eq!(Message::attached(&whole).unwrap().1, CONTENT);
    assert!(Message::attached(&good).is_err());
    for (padding, accepted) in [(&[][..], true), (&[0; 9], true), (&[0, 0, 1], false), (&[0x30, 0], false)] {
        let padded = [&good[..], padding].concat();
        assert_eq!(
            without_padding(&padded).map(|message| message == good),
            if accepted {
                Ok(true)
            } else {
                Err(Error::Malformed("signed message with something behind it"))
            }
        );
        assert_eq!(Message::detached(&padded).is_ok(), padding.is_empty());
    }
    for len in 0..good.len() {
        assert!(Message::detached(&good[..len]).is_err() && without_padding(&good[..len]).is_err(), "{len}");
    }
    let data = envelope::cms::data_header(Dialect::Rfc, 0).unwrap();
    assert!(Message::attached(&data).is_err() && Message::detached(&data).is_err());
    assert!(Message::detached(&envelope::cms::certificates_only(&[], Dialect::Rfc).unwrap()).is_ok());
}

fn signed_by_sm2(party: &Party, certificate: &[u8], dialect: Dialect) -> Vec<u8> {
    simple::sign::<envelope::Error>(
        vec![Signer::new(certificate).unwrap()],
        dialect,
        Placement::Detached,
        CONTENT,
        |digests| Ok(vec![dsa::sign_digest(&party.key, &digests[0], &mut getrandom::SysRng).unwrap()]),
    )
    .unwrap()
}

/// SM2 by the code that has always done it, in every dialect; the certificate is read here.
#[test]
fn messages_of_sm2() {
    let party = Party::new("signer");
    let certificate = Template::signer(1).der(&party, &party);
    let read = Certificate::from_der(&certificate).unwrap();
    for dialect in [Dialect::Standard, Dialect::Cfca, Dialect::Rfc] {
        let message = signed_by_sm2(&party, &certificate, dialect);
        assert_eq!(verify(&message, &[]), Ok(read.clone()));
        assert!(all(&message, &[], b"other")[0].is_err());
        // Under another certificate of the same key: only attributes can tell.
        let another = Template { extensions: vec![], ..Template::signer(1) }.der(&party, &party);
        let another = Certificate::from_der(&another).unwrap();
        let expected = match dialect {
            Dialect::Cfca => Ok(another.clone()),
            _ => Err(InvalidSignature::SigningCertificate),
        };
        assert_eq!(verify(&message, &[another]), expected, "{dialect:?}");
        // Not hashed for it.
        let (foreign, none) = (
            Message::detached(&message).unwrap(),
            Message::detached(&envelope::cms::certificates_only(&[], dialect).unwrap()).unwrap(),
        );
        let digests = digests(&none, &[], CONTENT);
        assert_eq!(foreign.verify(&foreign.signers()[0], &[], &digests), Err(InvalidSignature::NotHashed));
    }
}

/// The elements inside an element.
fn elements(element: &[u8]) -> Vec<Vec<u8>> {
    let quirks = &mut Quirks::default();
    let mut inside = Reader::new(Reader::new(element).next(quirks).unwrap().body);
    let mut elements = Vec::new();
    while !inside.is_empty() {
        elements.push(inside.next(quirks).unwrap().whole.to_vec());
    }
    elements
}

/// One message of three worlds: signers of RSA, ECDSA and SM2, each with its own hash.
#[test]
fn signers_of_different_algorithms() {
    let mut messages = Vec::new();
    for (key, hash) in
        [("RSA -pkeyopt rsa_keygen_bits:2048", "sha256"), ("EC -pkeyopt ec_paramgen_curve:P-384", "sha384")]
    {
        let Some(openssl) = with_key(key) else { return };
        messages.push(openssl.sign(&format!("-md {hash}")));
    }
    let party = Party::new("signer");
    messages.push(signed_by_sm2(&party, &Template::signer(1).der(&party, &party), Dialect::Rfc));
    let parts: Vec<_> =
        messages.iter().map(|message| elements(&elements(&elements(message)[1])[0])).collect();
    let joined = |index: usize, tag: u8| {
        tlv(tag, &[&parts.iter().flat_map(|fields| elements(&fields[index]).concat()).collect::<Vec<_>>()])
    };
    let fields =
        [parts[0][0].clone(), joined(1, 0x31), parts[0][2].clone(), joined(3, 0xa0), joined(4, 0x31)];
    let message = seq(&[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &[&tlv(0x30, &[&fields.concat()])])]);
    let certificates: Vec<Certificate> =
        all(&message, &[], CONTENT).into_iter().map(Result::unwrap).collect();
    let names: Vec<String> = certificates.iter().map(|one| one.key().to_string()).collect();
    assert_eq!(names, ["RSA", "EC on P-384", "SM2"]);
    let changed = all(&message, &[], b"the Document");
    assert_eq!(changed, [const { Err(InvalidSignature::ContentChanged) }; 3]);
}

/// Time stamps by OpenSSL under keys of both kinds.
#[test]
fn time_stamps() {
    for (key, hash) in [
        ("RSA -pkeyopt rsa_keygen_bits:2048", "sha256"),
        ("RSA -pkeyopt rsa_keygen_bits:2048", "sha512"),
        ("EC -pkeyopt ec_paramgen_curve:P-256", "sha256"),
    ] {
        let Some(openssl) = with_key(key) else { return };
        openssl.write(
            "tsa.cnf",
            b"[req]\ndistinguished_name=dn\n[dn]\n[ext]\nextendedKeyUsage=critical,timeStamping\n\
              [tsa]\ndefault_tsa=one\n[one]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\n\
              signer_digest=sha256\n",
        );
        openssl.write("serial", b"01\n");
        openssl
            .run("req -new -x509 -key key.pem -subj /CN=TSA -out cert.pem -config tsa.cnf -extensions ext");
        openssl.run(&format!("ts -query -data content -{hash} -cert -out request"));
        openssl.run(
            "ts -reply -config tsa.cnf -queryfile request -signer cert.pem -inkey key.pem -out response",
        );
        let request = TimeStampRequest::from_der(&openssl.read("request")).unwrap();
        let response = TimeStampResponse::from_der(&openssl.read("response")).unwrap();
        let token = response.token.unwrap();
        assert_eq!((token.check_request(&request), token.check_content(CONTENT)), (Ok(()), Ok(())));
        assert_eq!(token.check_content(b"other"), Err(TspDefect::Imprint));
        let authority = Certificate::parse(&openssl.read("cert.pem")).unwrap();
        assert_eq!(token.verify_signature(&[]), Ok(authority.clone()));
        let trusting = Validator::new().with_anchor(authority);
        let verified = token.verify(&trusting, &[], Revocation::IfKnown).unwrap();
        assert!(verified.report.is_valid(), "{:?}", verified.report);
    }
}
