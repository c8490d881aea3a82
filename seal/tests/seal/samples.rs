//! Seals and sealed data that other programs made.

use std::path::{Path, PathBuf};

use pki::Time;
use seal::ses::{ElectronicSeal, SealedData, Shape, Version};

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
