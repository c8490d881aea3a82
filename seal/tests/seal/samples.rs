//! Seals and sealed data that other programs made.

use std::path::{Path, PathBuf};

use pki::Time;
use pki::validate::{Validator, Verdict};
use seal::document::Document;
use seal::report::{Code, Language, Report};
use seal::ses::{ElectronicSeal, SealedData, Shape, Version};
use seal::verify::Terms;

use crate::support::time;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    let found = folder.is_dir().then_some(folder);
    if found.is_none() {
        eprintln!("skipped: samples not present");
    }
    found
}

#[test]
fn seals_of_other_makers() {
    let Some(folder) = folder() else { return };
    let day = |text: Time| text.to_string()[..10].to_owned();
    // file, edition, kind, format, millimetres, from, until
    let cases = [
        ("seal/UserV1.esl", Version::V1, "PNG", (40, 40), "2020-04-22", "2022-04-22"),
        ("seal/UserV4.esl", Version::V4, "PNG", (40, 40), "2020-04-22", "2022-04-22"),
        ("seal/UserV5.esl", Version::V5, "PNG", (40, 40), "2026-04-24", "2028-04-24"),
        ("seal/yunnan_gomain_v4.esl", Version::V4, "", (0, 0), "", ""),
        ("seal/dms360_v1.esl", Version::V1, "PNG", (33, 33), "2019-12-18", "2029-12-18"),
        ("ofd-parts/zibo_rawrs_tongzhi/Sign_1__Seal.esl", Version::V4, "", (0, 0), "", ""),
    ];
    for (file, version, format, size, from, until) in cases {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let seal = ElectronicSeal::parse(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(seal.version(), version, "{file}");
        seal.verify_signature().unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(seal.maker().is_some(), "{file}");
        if !format.is_empty() {
            let picture = seal.picture();
            assert_eq!((picture.format.as_str(), (picture.width, picture.height)), (format, size), "{file}");
            let (valid_from, valid_until) = seal.validity();
            assert_eq!((day(valid_from).as_str(), day(valid_until).as_str()), (from, until), "{file}");
        }
        let changed = [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat();
        assert!(ElectronicSeal::parse(&changed).unwrap().verify_signature().is_err(), "{file}");
    }
    let gomain = std::fs::read(folder.join("seal/yunnan_gomain_v4.esl")).unwrap();
    assert_eq!(ElectronicSeal::parse(&gomain).unwrap().kind(), 15);
}

#[test]
fn sealed_data_of_other_makers() {
    let Some(folder) = folder() else { return };
    let cases = [
        ("seal/SignedValueV4.dat", Version::V4, false),
        ("seal/SignedValueV5.dat", Version::V5, false),
        ("ofd-parts/zibo_rawrs_tongzhi/Sign_1__SignedValue.dat", Version::V4, true),
        ("ofd-parts/jiangsu_tax_gomain/Sign_0__SignedValue.dat", Version::V4, false),
    ];
    for (file, version, raw) in cases {
        let bytes = std::fs::read(folder.join(file)).unwrap();
        assert_eq!(Shape::of(&bytes), Shape::Sealed, "{file}");
        let data = SealedData::parse(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(data.seal().version(), version, "{file}");
        assert_eq!(data.signature().is_raw(), raw, "{file}");
        data.verify_signature().unwrap_or_else(|error| panic!("{file}: {error}"));
        data.seal().verify_signature().unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(data.seal().holders().contain(&data.signature().certificate), "{file}");
        assert!(data.time().is_some_and(|at| at > time("2018-01-01T00:00:00Z")), "{file}");
        assert!(data.property_info().ends_with("Signature.xml"), "{file}: {}", data.property_info());
    }
    for (file, shape) in [
        ("ofd-parts/zibo_rawrs_tongzhi/Sign_3__SignedValue.dat", Shape::Message),
        ("seal/UserV4.esl", Shape::Sealed),
    ] {
        assert_eq!(Shape::of(&std::fs::read(folder.join(file)).unwrap()), shape, "{file}");
    }
    // dataHash is of the description of the signature.
    for name in ["zibo_rawrs_tongzhi/Sign_1", "jiangsu_tax_gomain/Sign_0"] {
        let read = |part: &str| std::fs::read(folder.join(format!("ofd-parts/{name}__{part}"))).unwrap();
        let data = SealedData::parse(&read("SignedValue.dat")).unwrap();
        assert_eq!(data.data_hash(), sm_primitives::sm3::digest(&read("Signature.xml")), "{name}");
    }
}

/// What a document of another maker is judged to be when nobody is trusted: the format, the verdict of the whole, and for each
/// signature the codes that make it what it is, without those about certificates that nobody vouches for.
const DOCUMENTS: &[(&str, Verdict, &[&[Code]])] = {
    use Code::*;
    use Verdict::{Indeterminate, Invalid};
    &[
        ("ofd/ofdrw-converter__V4RideRight.ofd", Indeterminate, &[&[]]),
        (
            "ofd/ofdrw-converter__n.ofd",
            Invalid,
            &[&[ContentChanged, BadSignature, SignerInvalid, NotAHolder, Unsupported, SealMakerInvalid]],
        ),
        ("ofd/ofdrw-converter__testImageNotFound.ofd", Indeterminate, &[&[], &[]]),
        ("ofd/ofdrw-converter__testPathClip.ofd", Indeterminate, &[&[], &[]]),
        ("ofd/ofdrw-converter__zsbk.ofd", Invalid, &[&[ContentChanged], &[ContentChanged]]),
        ("ofd/ofdrw-reader__SESV4SignDoc.ofd", Invalid, &[&[SignerInvalid, SealExpired]]),
        ("ofd/ofdrw-sign__DigitalSign.ofd", Indeterminate, &[&[NoSigner]]),
        ("ofd/ofdrw-crypto__hello-integrity.ofd", Indeterminate, &[]),
        ("ofd/ofdrw-layout__Page5.ofd", Indeterminate, &[]),
        ("negative/ofd_page2_modified.ofd", Invalid, &[&[ContentChanged]]),
        ("negative/ofd_unreferenced_file_added.ofd", Indeterminate, &[&[]]),
        ("pdf/ofdrw_Test.pdf", Indeterminate, &[]),
        ("pdf/ofdrw_ff.pdf", Indeterminate, &[]),
        ("pdf/ofdrw_xbrl-001.pdf", Indeterminate, &[]),
        ("pdf-signed/self_tender_1sig_adbe.pdf", Indeterminate, &[&[]]),
        ("pdf-signed/self_tender_2sig_pades_ts.pdf", Indeterminate, &[&[], &[]]),
        ("pdf-signed/self_tender_1sig_TAMPERED.pdf", Invalid, &[&[ContentChanged]]),
        ("pdf-signed/pyhanko_certified-with-indirect-refs-in-dir.pdf", Indeterminate, &[&[]]),
        ("pdf-signed/pyhanko_coverage-anomalies_base.pdf", Invalid, &[&[Unreadable, ForbiddenChange]]),
        ("pdf-signed/pyhanko_coverage-anomalies_one-byterange.pdf", Invalid, &[&[Coverage]]),
        ("pdf-signed/pyhanko_coverage-anomalies_signature-gap-too-big.pdf", Invalid, &[&[Coverage]]),
        ("pdf-signed/pyhanko_coverage-anomalies_weird-byterange.pdf", Invalid, &[&[Coverage]]),
        (
            "pdf-signed/pyhanko_form-update-no-override-appearance-stream-ap-indirect.pdf",
            Invalid,
            // Both hold; the certificate had ended a year before.
            &[&[SignerInvalid], &[SignerInvalid]],
        ),
        ("pdf-signed/pyhanko_pades-lta-dss-indirect-arrs-test.pdf", Indeterminate, &[&[], &[]]),
        ("pdf-signed/pyhanko_pades-with-old-style-signing-cert-attr.pdf", Indeterminate, &[&[]]),
        ("pdf-signed/pyhanko_sig-no-signed-attrs.pdf", Indeterminate, &[&[]]),
        ("pdf-signed/pyhanko_sig-with-ski-sid.pdf", Indeterminate, &[&[]]),
        ("pdf-signed/pyhanko_pdf-sig-with-econtent.pdf", Invalid, &[&[Unreadable]]),
        ("pdf-signed/pyhanko_minimal.pdf", Indeterminate, &[]),
        ("pdf-signed/pyhanko_minimal-with-field.pdf", Indeterminate, &[]),
        ("pdf-signed/pyhanko_minimal-two-fields.pdf", Indeterminate, &[]),
    ]
};

fn judged(path: &Path, validator: &Validator) -> Report {
    let mut document = Document::open(std::fs::File::open(path).unwrap()).unwrap();
    document.verify(&Terms::new(validator, time("2026-11-26T00:00:00Z"))).unwrap()
}

#[test]
fn documents_of_other_makers() {
    let Some(folder) = folder() else { return };
    let unknown = [Code::SignerUncertain, Code::SealMakerUncertain, Code::TimeStampUncertain];
    for (file, verdict, signatures) in DOCUMENTS {
        let report = judged(&folder.join(file), &Validator::new());
        let found: Vec<Vec<Code>> = report
            .signatures
            .iter()
            .map(|signature| {
                let mut codes = Vec::new();
                for reason in signature.reasons.iter().filter(|reason| !unknown.contains(&reason.code)) {
                    if !codes.contains(&reason.code) {
                        codes.push(reason.code);
                    }
                }
                codes
            })
            .collect();
        let text = report.to_text(Language::English);
        assert_eq!(
            found,
            signatures.iter().map(|codes| codes.to_vec()).collect::<Vec<_>>(),
            "{file}\n{text}"
        );
        assert_eq!(report.verdict(), *verdict, "{file}\n{text}");
        let is = |code| report.warnings.iter().any(|warning| warning.code == code);
        assert_eq!(is(Code::NoSignatures), signatures.is_empty(), "{file}");
        let smuggled = file.contains("unreferenced");
        assert_eq!(is(Code::UnreferencedFile), smuggled, "{file}\n{text}");
    }
}

#[test]
fn every_other_document_has_no_signature() {
    let Some(folder) = folder() else { return };
    for kind in ["ofd", "pdf"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{kind}/{}", path.file_name().unwrap().to_string_lossy());
            if !DOCUMENTS.iter().any(|(file, _, _)| *file == name) {
                let report = judged(&path, &Validator::new());
                assert!(report.signatures.is_empty(), "{name}");
                assert_eq!(report.verdict(), Verdict::Indeterminate, "{name}");
            }
        }
    }
}

#[test]
fn with_their_root_signatures_are_valid() {
    let Some(folder) = folder() else { return };
    let root = std::fs::read(folder.join("pdf-signed/self_pdf_test_root.pem")).unwrap();
    let validator = Validator::new().with_anchor(pki::Certificate::parse(&root).unwrap());
    for (file, verdict) in [
        ("self_tender_1sig_adbe.pdf", Verdict::Valid),
        ("self_tender_2sig_pades_ts.pdf", Verdict::Valid),
        ("self_tender_1sig_TAMPERED.pdf", Verdict::Invalid),
    ] {
        let report = judged(&folder.join("pdf-signed").join(file), &validator);
        assert_eq!(report.verdict(), verdict, "{file}\n{}", report.to_text(Language::English));
        let name = report.signatures[0].signer.as_ref().unwrap().subject().short();
        assert!(name.contains("signer-1"), "{name}");
        if let Some(second) = report.signatures.get(1) {
            assert!(second.time.unwrap().proven, "a time-stamp proves it");
        }
    }
}
