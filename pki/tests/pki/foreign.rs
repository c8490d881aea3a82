//! Certificates, lists and answers of RSA and ECDSA that OpenSSL makes during the test.

use pki::algorithm::{Defect, SignatureAlgorithm};
use pki::foreign::KeyKind;
use pki::validate::{Code, Report, Revocation, Status, Terms, Validator};
use pki::{Certificate, RevocationList, SubjectKey, ocsp::OcspResponse};

use crate::issuer::{oid, seq, tlv};
use crate::openssl::OpenSsl;
use crate::support::time;

const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";
const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
const P384: &str = "EC -pkeyopt ec_paramgen_curve:P-384";
const PSS: &str = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:";

fn shown(report: &Report) -> String {
    let codes: Vec<&str> = report.reasons.iter().map(|reason| reason.code.name()).collect();
    format!("{} {}", report.verdict, codes.join(" ")).trim_end().to_owned()
}

/// Key and options for OpenSSL, kind of the key, name of the algorithm, and whether the signature counts.
type Case<'a> = (&'a str, &'a str, Option<KeyKind>, &'a str, Result<(), Defect>);

/// How a certificate signs itself, and what becomes of that.
#[test]
fn every_algorithm() {
    let Some(openssl) = OpenSsl::new() else { return };
    let ok = Ok(());
    let unsupported = Err(Defect::Unsupported);
    let kind = |bits| Some(KeyKind::Rsa { bits, pss_only: false });
    let pss_only = Some(KeyKind::Rsa { bits: 2048, pss_only: true });
    let cases: &[Case] = &[
        (RSA, "-sha256", kind(2048), "sha256WithRSA", ok),
        (RSA, "-sha384", kind(2048), "sha384WithRSA", ok),
        (RSA, "-sha512", kind(2048), "sha512WithRSA", ok),
        (RSA, "-sha1", kind(2048), "sha1WithRSA", unsupported),
        (RSA, "-sha224", kind(2048), "1.2.840.113549.1.1.14", unsupported),
        (RSA, &format!("-sha256 {PSS}digest"), kind(2048), "RSASSA-PSS with SHA-256", ok),
        (RSA, &format!("-sha384 {PSS}20"), kind(2048), "RSASSA-PSS with SHA-384", ok),
        (RSA, &format!("-sha512 {PSS}max"), kind(2048), "RSASSA-PSS with SHA-512", ok),
        (RSA, &format!("-sha1 {PSS}digest"), kind(2048), "RSASSA-PSS", unsupported),
        (RSA, &format!("-sha256 {PSS}32 -sigopt rsa_mgf1_md:sha384"), kind(2048), "RSASSA-PSS", unsupported),
        ("RSA-PSS -pkeyopt rsa_keygen_bits:2048", "-sha256", pss_only, "RSASSA-PSS with SHA-256", ok),
        ("RSA -pkeyopt rsa_keygen_bits:2047", "-sha256", kind(2047), "sha256WithRSA", Err(Defect::Weak)),
        ("RSA -pkeyopt rsa_keygen_bits:1024", "-sha256", kind(1024), "sha256WithRSA", Err(Defect::Weak)),
        ("RSA -pkeyopt rsa_keygen_bits:3072", "-sha256", kind(3072), "sha256WithRSA", ok),
        (P256, "-sha256", Some(KeyKind::P256), "ecdsa-with-SHA256", ok),
        (P256, "-sha384", Some(KeyKind::P256), "ecdsa-with-SHA384", ok),
        (P256, "-sha512", Some(KeyKind::P256), "ecdsa-with-SHA512", ok),
        (P256, "-sha1", Some(KeyKind::P256), "ecdsa-with-SHA1", unsupported),
        (P384, "-sha256", Some(KeyKind::P384), "ecdsa-with-SHA256", ok),
        (P384, "-sha384", Some(KeyKind::P384), "ecdsa-with-SHA384", ok),
        (P384, "-sha512", Some(KeyKind::P384), "ecdsa-with-SHA512", ok),
        ("EC -pkeyopt ec_paramgen_curve:P-521", "-sha256", None, "ecdsa-with-SHA256", unsupported),
        ("ED25519", "", None, "Ed25519", unsupported),
    ];
    for (key, options, kind, algorithm, verdict) in cases {
        openssl.run(&format!("genpkey -algorithm {key} -out key.pem"));
        openssl.run(&format!("req -new -x509 -key key.pem -subj /CN=Other {options} -out cert.pem"));
        let certificate = Certificate::parse(&openssl.read("cert.pem")).unwrap();
        let found = match certificate.key() {
            SubjectKey::Foreign(key) => Some(key.kind()),
            _ => None,
        };
        assert_eq!(found, *kind, "{key}");
        assert_eq!(certificate.algorithm().to_string(), *algorithm, "{key} {options}");
        assert_eq!(certificate.verify_signature(certificate.key()), *verdict, "{key} {options}");
        let terms = Terms::at(certificate.validity().not_before);
        let report = Validator::new().with_anchor(certificate.clone()).validate(&certificate, &[], terms);
        assert_eq!(report.has(Code::WeakKey), *verdict == Err(Defect::Weak));
        // A changed signature, and what was signed changed.
        if *verdict == Ok(()) {
            let at = certificate.as_der().windows(5).position(|window| window == b"Other").unwrap();
            for at in [at, certificate.as_der().len() - 1] {
                let mut changed = certificate.as_der().to_vec();
                changed[at] ^= 1;
                let changed = Certificate::from_der(&changed).unwrap();
                assert_eq!(
                    changed.verify_signature(certificate.key()),
                    Err(Defect::Wrong),
                    "{key} {options}"
                );
            }
        }
    }
}

/// Each key under the algorithms of the others: nothing but its own verifies, and nothing is taken for something else.
#[test]
fn keys_and_algorithms_that_do_not_go_together() {
    let Some(openssl) = OpenSsl::new() else { return };
    let mut all = Vec::new();
    for key in
        [RSA, RSA, "RSA-PSS -pkeyopt rsa_keygen_bits:2048", P256, P384, "EC -pkeyopt ec_paramgen_curve:SM2"]
    {
        openssl.run(&format!("genpkey -algorithm {key} -out key.pem"));
        let digest = if key.contains("SM2") { "-sm3" } else { "-sha256" };
        openssl.run(&format!("req -new -x509 -key key.pem -subj /CN=Same {digest} -out cert.pem"));
        all.push(Certificate::parse(&openssl.read("cert.pem")).unwrap());
    }
    for (index, certificate) in all.iter().enumerate() {
        for (other, key) in all.iter().enumerate() {
            let expected = if index == other { Ok(()) } else { Err(Defect::Wrong) };
            // OpenSSL 3.0 signs certificates with SM2 under an empty id.
            let is_sm2 = matches!(certificate.algorithm(), SignatureAlgorithm::Sm2WithSm3 { .. });
            if !(is_sm2 && index == other) {
                assert_eq!(certificate.verify_signature(key.key()), expected, "{index} {other}");
            }
        }
    }
}

/// The same key under what it is not for, and keys that are too long or no keys.
#[test]
fn what_a_key_is_for() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.run(&format!("genpkey -algorithm {RSA} -out key.pem"));
    openssl.run("req -new -x509 -sha256 -key key.pem -subj /CN=Other -out cert.pem");
    let certificate = Certificate::parse(&openssl.read("cert.pem")).unwrap();
    let key = |id: &str, parameters: &[u8], octets: &[u8]| {
        let spki = seq(&[&seq(&[&oid(id), parameters]), &tlv(3, &[&[0], octets])]);
        SubjectKey::from_spki_der(&spki).unwrap()
    };
    let (rsa, pss) = ("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10");
    let octets = certificate.key_octets();
    let verify = |key: SubjectKey| certificate.verify_signature(&key);
    assert_eq!(verify(key(rsa, &[5, 0], octets)), Ok(()));
    assert_eq!(verify(key(rsa, &[], octets)), Ok(()));
    assert_eq!(verify(key(pss, &[], octets)), Err(Defect::Wrong), "for PSS only");
    assert_eq!(verify(key(pss, &seq(&[]), octets)), Err(Defect::Unsupported), "confined to parameters");
    assert_eq!(verify(key(rsa, &[2, 1, 1], octets)), Err(Defect::Unsupported));
    let of_bits = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= modulus.len() * 8 - bits;
        let sign: &[u8] = if modulus[0] >= 0x80 { &[0] } else { &[] };
        key(rsa, &[5, 0], &seq(&[&tlv(2, &[sign, &modulus]), &[2, 1, 3]]))
    };
    for (bits, expected) in
        [(2047, Defect::Weak), (2048, Defect::Wrong), (8192, Defect::Wrong), (8193, Defect::Unsupported)]
    {
        assert_eq!(verify(of_bits(bits)), Err(expected), "{bits}");
    }
    // Points that are compressed, or of another length.
    let (ec, p256) = ("1.2.840.10045.2.1", oid("1.2.840.10045.3.1.7"));
    for (octets, foreign) in
        [(vec![4; 65], true), (vec![2; 33], false), (vec![3; 65], false), (vec![4; 97], false)]
    {
        assert_eq!(matches!(key(ec, &p256, &octets), SubjectKey::Foreign(_)), foreign, "{octets:?}");
    }
}

const CONFIG: &[u8] = b"[ca]\ndefault_ca=one\n[one]\ndatabase=index\nserial=serial\ncrlnumber=serial\nnew_certs_dir=.\n\
default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n\
[root]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n\
[bare]\nbasicConstraints=critical,CA:true\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n\
[leaf]\nbasicConstraints=CA:false\nkeyUsage=critical,digitalSignature\n\
[ocsp]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\n[req]\ndistinguished_name=dn\n[dn]\n";

/// Issues `name` under `issuer`, or by itself.
fn issue(openssl: &OpenSsl, name: &str, key: &str, issuer: Option<&str>, extensions: &str) -> Certificate {
    openssl.run(&format!("genpkey -algorithm {key} -out {name}.key"));
    let dates = "-startdate 20260101000000Z -enddate 20991231000000Z -notext -batch";
    openssl.run(&format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr -config ca.cnf"));
    let how = issuer.map_or_else(
        || format!("-selfsign -keyfile {name}.key"),
        |issuer| format!("-cert {issuer}.pem -keyfile {issuer}.key"),
    );
    openssl.run(&format!(
        "ca -config ca.cnf -in {name}.csr {how} -out {name}.pem -extensions {extensions} {dates}"
    ));
    Certificate::parse(&openssl.read(&format!("{name}.pem"))).unwrap()
}

#[test]
fn a_chain_with_lists_and_answers() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.write("ca.cnf", CONFIG);
    openssl.write("index", b"");
    openssl.write("serial", b"1000\n");
    let root = issue(&openssl, "root", RSA, None, "root");
    let middle = issue(&openssl, "middle", P384, Some("root"), "root");
    let leaf = issue(&openssl, "leaf", P256, Some("middle"), "leaf");
    let revoked = issue(&openssl, "revoked", RSA, Some("middle"), "leaf");
    let responder = issue(&openssl, "responder", RSA, Some("middle"), "ocsp");
    let terms = Terms::at(time("2026-06-01T00:00:00Z"));
    let validator = || Validator::new().with_anchor(root.clone()).with_intermediate(middle.clone());
    // One by one, twice so that what is remembered is used, and by the batch.
    let one = validator();
    for _ in 0..2 {
        assert_eq!(shown(&one.validate(&leaf, &[], terms)), "valid");
    }
    let both = [leaf.clone(), revoked.clone()];
    assert_eq!(one.validate_many(&both, terms).iter().map(shown).collect::<Vec<_>>(), ["valid", "valid"]);
    let others = Validator::new().with_anchor(root.clone());
    assert_eq!(shown(&others.validate(&leaf, std::slice::from_ref(&middle), terms)), "valid");
    assert_eq!(shown(&others.validate(&leaf, &[], terms)), "indeterminate unknown-issuer");
    // A namesake of the CA with another key.
    openssl.run("genpkey -algorithm RSA -out other.key");
    openssl
        .run("req -new -x509 -key other.key -subj /CN=middle -out other.pem -config ca.cnf -extensions bare");
    let namesake = Certificate::parse(&openssl.read("other.pem")).unwrap();
    let wrong = Validator::new().with_anchor(namesake);
    assert_eq!(shown(&wrong.validate(&leaf, &[], terms)), "invalid bad-signature");
    // A CA whose key is too short.
    let weak = issue(&openssl, "weak", "RSA -pkeyopt rsa_keygen_bits:1024", None, "root");
    let below = issue(&openssl, "below", P256, Some("weak"), "leaf");
    let trusting = Validator::new().with_anchor(weak);
    assert_eq!(shown(&trusting.validate(&below, &[], terms)), "indeterminate weak-key");

    // The list of the CA in the middle, made now and long good.
    openssl.run("ca -config ca.cnf -cert middle.pem -keyfile middle.key -revoke revoked.pem");
    openssl.run("ca -config ca.cnf -cert middle.pem -keyfile middle.key -gencrl -crldays 1000 -out list");
    let list = RevocationList::parse(&openssl.read("list")).unwrap();
    assert_eq!(list.verify_signature(middle.key()), Ok(()));
    assert_eq!(list.verify_signature(root.key()), Err(Defect::Wrong));
    let at = list.this_update();
    let terms = Terms::at(at);
    let known = validator().with_list(list);
    let report = known.validate(&revoked, &[], terms);
    assert_eq!(shown(&report), "invalid revoked");
    let report = known.validate(&leaf, &[], terms);
    assert_eq!((shown(&report).as_str(), report.statuses[0]), ("valid", Status::Good));

    // The answer of whom the CA has appointed, and of somebody else.
    openssl.run("ocsp -issuer middle.pem -cert leaf.pem -no_nonce -reqout request -CAfile root.pem");
    for (signer, good) in [("responder", true), ("middle", true), ("leaf", false)] {
        openssl.run(&format!(
            "ocsp -index index -CA middle.pem -rsigner {signer}.pem -rkey {signer}.key -reqin request -respout \
             answer -ndays 1000"
        ));
        let answer = OcspResponse::from_der(&openssl.read("answer")).unwrap().basic.unwrap();
        assert_eq!(answer.verify_signature(&middle).is_ok(), good, "{signer}");
        let known = validator().with_answer(answer);
        let report = known.validate(&leaf, &[], Terms::at(at).with_revocation(Revocation::IfKnown));
        assert_eq!(report.statuses[0] == Status::Good, good, "{signer}");
    }
    assert_eq!(responder.issuer(), middle.subject());
}
