//! Files of other makers: they open, and pages and fields are what other readers see.

use std::fs::File;
use std::path::{Path, PathBuf};

use seal::pdf::Document;

/// The folder of samples, or a word that there is none.
pub(crate) fn folder() -> Option<PathBuf> {
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

/// File, pages, size of the first page in points, revisions.
const UNSIGNED: [(&str, usize, (f64, f64), usize); 6] = [
    ("pdf/ofdrw_Test.pdf", 5, (595.32, 841.92), 1),
    ("pdf/ofdrw_ff.pdf", 2, (595.32, 841.92), 1),
    ("pdf/ofdrw_xbrl-001.pdf", 1, (595.0, 420.0), 1),
    ("pdf-signed/pyhanko_minimal.pdf", 1, (300.0, 144.0), 1),
    ("pdf-signed/pyhanko_minimal-with-field.pdf", 1, (300.0, 144.0), 2),
    ("pdf-signed/pyhanko_minimal-two-fields.pdf", 1, (300.0, 144.0), 2),
];

#[test]
fn pages_of_samples_have_their_sizes() {
    let Some(folder) = folder() else { return };
    for (name, pages, (width, height), revisions) in UNSIGNED {
        let mut document = Document::open(File::open(folder.join(name)).unwrap()).unwrap();
        let found = document.pages().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.len(), pages, "{name}");
        let size = found[0].size();
        let points = (size.width * 72.0 / 25.4, size.height * 72.0 / 25.4);
        assert!((points.0 - width).abs() < 0.01 && (points.1 - height).abs() < 0.01, "{name}: {points:?}");
        assert_eq!(document.revisions().len(), revisions, "{name}");
        assert_eq!(document.revisions().last().unwrap().end, document.len(), "{name}");
    }
}

/// File, revisions, and for each field its name, page, sub-filter, what the byte range ends at, length of the contents.
type Field = (&'static str, usize, &'static str, i64, usize);
const CADES: &str = "ETSI.CAdES.detached";
const PKCS7: &str = "adbe.pkcs7.detached";
const SIGNED: [(&str, usize, &[Field]); 12] = [
    ("self_tender_1sig_adbe.pdf", 2, &[("Sig1", 0, PKCS7, 617_134, 3576)]),
    ("self_tender_1sig_TAMPERED.pdf", 2, &[("Sig1", 0, PKCS7, 617_134, 3576)]),
    (
        "self_tender_2sig_pades_ts.pdf",
        3,
        &[("Sig1", 0, PKCS7, 617_134, 3576), ("Sig2", 4, CADES, 648_844, 6064)],
    ),
    ("pyhanko_certified-with-indirect-refs-in-dir.pdf", 2, &[("Sig1", 0, PKCS7, 13_211, 5673)]),
    ("pyhanko_coverage-anomalies_base.pdf", 2, &[("Sig1", 0, PKCS7, 7195, 3000)]),
    ("pyhanko_pades-with-old-style-signing-cert-attr.pdf", 2, &[("Sig1", 0, CADES, 12_355, 5325)]),
    ("pyhanko_pdf-sig-with-econtent.pdf", 2, &[("Sig1", 0, PKCS7, 13_429, 5826)]),
    ("pyhanko_sig-no-signed-attrs.pdf", 2, &[("Sig1", 0, PKCS7, 12_356, 5373)]),
    ("pyhanko_sig-with-ski-sid.pdf", 3, &[("Sig1", 0, PKCS7, 20_036, 5329)]),
    (
        "pyhanko_form-update-no-override-appearance-stream-ap-indirect.pdf",
        2,
        &[("Sig1", 0, PKCS7, 14_844, 5710), ("Sig2", 0, PKCS7, 28_514, 5710)],
    ),
    (
        "pyhanko_pades-lta-dss-indirect-arrs-test.pdf",
        5,
        &[
            ("Sig1", 0, CADES, 25_853, 11_257),
            ("Timestamp-977301ad-bec9-4cae-a0cd-f6a674c6e465", 0, "ETSI.RFC3161", 46_212, 5728),
        ],
    ),
    ("pyhanko_minimal-two-fields.pdf", 2, &[]),
];

#[test]
fn fields_of_samples_are_listed_with_their_spans() {
    let Some(folder) = folder() else { return };
    for (name, revisions, expected) in SIGNED {
        let mut document = Document::open(File::open(folder.join("pdf-signed").join(name)).unwrap()).unwrap();
        assert_eq!(document.revisions().len(), revisions, "{name}");
        let fields = document.signature_fields(document.newest()).unwrap();
        let signed: Vec<_> = fields.iter().filter(|field| field.value.is_some()).collect();
        assert_eq!(signed.len(), expected.len(), "{name}");
        for (field, (field_name, page, sub_filter, end, contents)) in signed.iter().zip(expected) {
            let value = field.value.as_ref().unwrap();
            assert_eq!(field.name, *field_name, "{name}");
            assert_eq!(
                field.widgets.iter().map(|widget| widget.page).collect::<Vec<_>>(),
                [Some(*page)],
                "{name}"
            );
            assert_eq!(value.sub_filter(), sub_filter.as_bytes(), "{name}");
            assert_eq!(value.contents.len(), *contents, "{name}");
            let [0, before, after, rest] = value.byte_range[..] else {
                panic!("{name}: {:?}", value.byte_range)
            };
            assert_eq!(after + rest, *end, "{name}");
            let span = value.contents_span.clone().unwrap();
            assert_eq!((span.start, span.end), (before.unsigned_abs(), after.unsigned_abs()), "{name}");
            let hex = document.bytes(span).unwrap();
            assert!(hex.starts_with(b"<") && hex.ends_with(b">") && hex.len() == 2 * contents + 2, "{name}");
        }
        if expected.is_empty() {
            assert_eq!(fields.len(), 2, "{name}");
        }
    }
}

#[test]
fn a_byte_range_that_is_odd_is_given_as_it_is() {
    let Some(folder) = folder() else { return };
    for (name, expected) in [
        ("one-byterange", &[0, 690][..]),
        ("signature-gap-too-big", &[0, 690, 6692, 400]),
        ("weird-byterange", &[0, 10, 20, 30]),
    ] {
        let path = folder.join(format!("pdf-signed/pyhanko_coverage-anomalies_{name}.pdf"));
        let mut document = Document::open(File::open(path).unwrap()).unwrap();
        let fields = document.signature_fields(document.newest()).unwrap();
        assert_eq!(fields[0].value.as_ref().unwrap().byte_range, expected, "{name}");
    }
}
