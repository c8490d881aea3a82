//! Files of other makers.

use std::fs::File;
use std::path::{Path, PathBuf};

use seal::pdf::{Document, signatures, warnings};
use seal::report::{Code, Kind};

/// The folder of samples, or a word that there is none.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    let found = folder.is_dir().then(|| folder.join("pdf-signed"));
    if found.is_none() {
        eprintln!("skipped: samples not present");
    }
    found
}

/// Field, kind, revision that it closes, certification, codes of reasons, codes of notes.
type Signature = (&'static str, Kind, Option<usize>, Option<i64>, &'static [Code], &'static [Code]);

const SIGNATURE: Kind = Kind::PdfSignature;
const COVERAGE: &[Code] = &[Code::Coverage];
const LATER: &[Code] = &[Code::PartlyCovered, Code::LaterChange];

const FILES: [(&str, &[Signature]); 15] = [
    ("self_tender_1sig_adbe", &[("Sig1", SIGNATURE, Some(1), None, &[], &[])]),
    // Its digest differs, which is not looked at here.
    ("self_tender_1sig_TAMPERED", &[("Sig1", SIGNATURE, Some(1), None, &[], &[])]),
    (
        "self_tender_2sig_pades_ts",
        &[("Sig1", SIGNATURE, Some(1), None, &[], LATER), ("Sig2", SIGNATURE, Some(2), None, &[], &[])],
    ),
    ("pyhanko_certified-with-indirect-refs-in-dir", &[("Sig1", SIGNATURE, Some(1), Some(1), &[], &[])]),
    (
        "pyhanko_coverage-anomalies_base",
        &[(
            "Sig1",
            SIGNATURE,
            Some(0),
            None,
            // No value yet, and another author after it.
            &[Code::Unreadable, Code::ForbiddenChange],
            &[Code::PartlyCovered],
        )],
    ),
    ("pyhanko_coverage-anomalies_one-byterange", &[("Sig1", SIGNATURE, None, None, COVERAGE, &[])]),
    ("pyhanko_coverage-anomalies_signature-gap-too-big", &[("Sig1", SIGNATURE, None, None, COVERAGE, &[])]),
    ("pyhanko_coverage-anomalies_weird-byterange", &[("Sig1", SIGNATURE, None, None, COVERAGE, &[])]),
    (
        "pyhanko_form-update-no-override-appearance-stream-ap-indirect",
        &[("Sig1", SIGNATURE, Some(0), None, &[], LATER), ("Sig2", SIGNATURE, Some(1), None, &[], &[])],
    ),
    (
        "pyhanko_pades-lta-dss-indirect-arrs-test",
        &[
            ("Sig1", SIGNATURE, Some(2), None, &[], LATER),
            ("Timestamp-977301ad-bec9-4cae-a0cd-f6a674c6e465", Kind::PdfTimeStamp, Some(3), None, &[], LATER),
        ],
    ),
    ("pyhanko_pades-with-old-style-signing-cert-attr", &[("Sig1", SIGNATURE, Some(1), None, &[], &[])]),
    ("pyhanko_pdf-sig-with-econtent", &[("Sig1", SIGNATURE, Some(1), None, &[], &[])]),
    ("pyhanko_sig-no-signed-attrs", &[("Sig1", SIGNATURE, Some(1), None, &[], &[])]),
    ("pyhanko_sig-with-ski-sid", &[("Sig1", SIGNATURE, Some(2), None, &[], &[])]),
    ("pyhanko_minimal", &[]),
];

#[test]
fn samples_are_judged_as_other_readers_do() {
    let Some(folder) = folder() else { return };
    for (name, expected) in FILES {
        let path = folder.join(format!("{name}.pdf"));
        let mut document = Document::open(File::open(path).unwrap()).unwrap();
        let found = signatures(&mut document).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, (field, kind, revision, certification, reasons, notes)) in found.iter().zip(expected) {
            assert_eq!((found.field.as_str(), found.kind), (*field, *kind), "{name}");
            assert_eq!(
                (found.revision, found.certification),
                (*revision, *certification),
                "{name}: {found:?}"
            );
            let mut codes: Vec<Code> = found.reasons.iter().map(|reason| reason.code).collect();
            codes.dedup();
            assert_eq!(codes, *reasons, "{name}: {:?}", found.reasons);
            let mut codes: Vec<Code> = found.notes.iter().map(|note| note.code).collect();
            codes.dedup();
            assert_eq!(codes, *notes, "{name}: {:?}", found.notes);
        }
        assert_eq!(warnings(&mut document).unwrap(), [], "{name}");
    }
}
