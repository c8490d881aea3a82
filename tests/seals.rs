//! Seals from the picture to the judgement, with the programs as users run them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    io::{Cursor, Read as _, Write as _},
    path::Path,
};

use cosign_tests::{
    ofd, pdf,
    process::{is_quick, run_watched, succeeded},
    seals::{World, get},
};
use seal::{
    geometry::{Rect, Size},
    picture::Picture,
};
use serde_json::Value;

/// Every file of an OFD package with one byte changed, as a package again.
fn changed(package: &[u8], name: &str) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(package)).unwrap();
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut entry = from.by_index(index).unwrap();
        let path = entry.name().unwrap().into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if path == name {
            content.push(b' ');
        }
        to.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(&content).unwrap();
    }
    to.finish().unwrap().into_inner()
}

/// How much of an area of a page, in millimetres, is the red of a seal: from 0 to 1.
fn redness(page: &Picture, area: Rect) -> f64 {
    let millimetres = |dots: u32| f64::from(dots) * 25.4 / 96.0;
    let columns = || (0..page.width()).map(millimetres);
    let places = (0..page.height()).map(millimetres).flat_map(|y| columns().map(move |x| (x, y)));
    let (mut all, mut red) = (0_u32, 0_u32);
    for ((x, y), dot) in places.zip(page.rgba().chunks_exact(4)) {
        if x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height {
            all += 1;
            red += u32::from(dot[0] > 150 && dot[1] < 150 && dot[2] < 150);
        }
    }
    f64::from(red) / f64::from(all)
}

/// Five pages with a seal at millimetre 150, 250, at the words in millimetre 30, 50, and a fifth of one at the right edge, half
/// way down.
fn assert_pages_are_stamped(world: &World, folder: &str, name: &str) {
    let a4 = Size { width: 210.0, height: 297.0 };
    assert_eq!(fs::read_dir(world.file(folder)).unwrap().count(), 5);
    for number in 1..=5 {
        let page = fs::read(world.file(&format!("{folder}/{name}-{number}.png"))).unwrap();
        let page = Picture::decode(&page, a4).unwrap();
        let red = |x, y, width, height| redness(&page, Rect { x, y, width, height });
        assert!(red(129.0, 229.0, 42.0, 42.0) > 0.1, "{folder} {number}: the place");
        assert!(red(201.6, 127.5, 8.4, 42.0) > 0.03, "{folder} {number}: the edge");
        assert!(red(43.0, 30.0, 40.0, 40.0) > 0.05, "{folder} {number}: the keyword");
        // Between them is nothing.
        assert!(red(0.0, 80.0, 195.0, 140.0) < 1e-9, "{folder} {number}");
        assert!(red(0.0, 229.0, 128.0, 42.0) < 1e-9, "{folder} {number}");
    }
}

#[test]
fn a_tender_is_sealed_by_two_parties_and_judged() {
    let world = World::new();
    world.make_seal();
    let shown = world.signer.json(&["seal", "show", "seal.esl"]);
    assert_eq!((shown["version"].as_u64(), shown["name"].as_str()), (Some(4), Some("测试单位合同专用章")));
    let (report, code) = world.verify("seal.esl", &["--roots", "root.cer"]);
    assert_eq!(
        (report["format"].as_str(), report["verdict"].as_str(), code),
        (Some("seal"), Some("valid"), 0)
    );

    for (name, document) in [("tender.ofd", ofd::tender(5)), ("tender.pdf", pdf::tender(5))] {
        let (stem, extension) = name.split_once('.').unwrap();
        fs::write(world.file(name), &document).unwrap();
        let (report, code) = world.verify(name, &["--roots", "root.cer"]);
        assert_eq!(
            (report["verdict"].as_str(), code),
            (Some("indeterminate"), 3),
            "nothing is signed: {report}"
        );

        // One page, all pages, over the edge and at a keyword, in one signature.
        let holder = "--seal seal.esl --cert holder/sign.pem";
        let places = "--place 150,250 --pages all --across right --keyword 磋商";
        let first = format!("first.{extension}");
        let more = format!("--out first.{extension} --reason 投标 --preview {extension}-pages");
        world.run(&format!("stamp {name} {holder} {places} {more}"));
        assert_pages_are_stamped(&world, &format!("{extension}-pages"), &first);
        let (report, code) = world.verify(&first, &["--roots", "root.cer"]);
        assert_eq!((report["verdict"].as_str(), code), (Some("valid"), 0), "{report}");
        assert_eq!(report["format"], extension);
        let signature = &report["signatures"][0];
        assert_eq!(signature["kind"], format!("{extension}-seal"));
        assert_eq!(signature["seal"]["name"], "测试单位合同专用章");
        assert!(signature["signer"].as_str().unwrap().contains("CN=holder"), "{signature}");
        assert_eq!(signature["stamps"].as_array().unwrap().len(), 15, "{signature}");

        // Nobody is trusted: nothing is wrong, and nothing is proven.
        let (report, code) = world.verify(&first, &[]);
        assert_eq!((report["verdict"].as_str(), code), (Some("indeterminate"), 3), "{report}");

        // A second seal leaves the first as it is, also with the time proven.
        let tsa = format!("{}/tsa/demo", world.authority);
        world.run(&format!("stamp {first} {holder} --place 60,250 --out second.{extension} --tsa {tsa}"));
        let second = format!("second.{extension}");
        let both = ("valid".to_owned(), vec!["valid".to_owned(); 2]);
        assert_eq!(world.verdicts(&second), both, "{:?}", world.verify(&second, &["--roots", "root.cer"]));
        let (report, _) = world.verify(&second, &["--roots", "root.cer"]);
        assert_eq!(report["signatures"][0]["time_proven"], false);
        assert_eq!(report["signatures"][1]["time_proven"], true, "{report}");

        // The last one goes with its own key only, and the first stays what it was.
        world.fails(&format!("unstamp {second} --cert other/sign.pem --out gone.{extension}"), 2);
        world.run(&format!("unstamp {second} --cert holder/sign.pem --out gone.{extension}"));
        assert_eq!(world.verdicts(&format!("gone.{extension}")), ("valid".into(), vec!["valid".into()]));
        if extension == "pdf" {
            assert_eq!(fs::read(world.file("gone.pdf")).unwrap(), fs::read(world.file("first.pdf")).unwrap());
        }

        // A signature without a seal.
        world.run(&format!("stamp {first} --form signature --cert other/sign.pem --out signed.{extension}"));
        assert_eq!(world.verdicts(&format!("signed.{extension}")), both);

        // Finished: no more.
        world.run(&format!("stamp {first} {holder} --place 60,250 --finish --out finished.{extension}"));
        assert_eq!(world.verdicts(&format!("finished.{extension}")), both);
        world.fails(&format!("stamp finished.{extension} {holder} --place 60,250 --out more.{extension}"), 9);

        // Who is no holder does not get that far.
        let other = "--seal seal.esl --cert other/sign.pem --place 60,250";
        let said = world.fails(&format!("stamp {name} {other} --out no.{extension}"), 9);
        assert!(said.contains("holders"), "{said}");
        let said = world.fails(&format!("stamp {name} {holder} --keyword 不在 --out no.{extension}"), 9);
        assert!(said.contains("keyword"), "{said}");
        assert!(!world.file(&format!("no.{extension}")).exists());
        assert_eq!(fs::read(world.file(&format!("{stem}.{extension}"))).unwrap(), document, "untouched");
    }

    // Every byte counts.
    let sealed = fs::read(world.file("second.pdf")).unwrap();
    for at in [20, sealed.len() / 3, sealed.len() / 2] {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        fs::write(world.file("bad.pdf"), bad).unwrap();
        let (report, code) = world.verify("bad.pdf", &["--roots", "root.cer"]);
        assert!(code == 1 && report["verdict"] == "invalid" || code == 9, "{at}: {code} {report}");
    }
    let sealed = fs::read(world.file("second.ofd")).unwrap();
    for name in ["OFD.xml", "Doc_0/Document.xml", "Doc_0/Pages/Page_3/Content.xml"] {
        fs::write(world.file("bad.ofd"), changed(&sealed, name)).unwrap();
        let (report, code) = world.verify("bad.ofd", &["--roots", "root.cer"]);
        assert_eq!((report["verdict"].as_str(), code), (Some("invalid"), 1), "{name}: {report}");
        assert!(report["signatures"][0]["reasons"].to_string().contains(name), "{report}");
    }

    assert_provable_later(&world);

    // The certificate is revoked: what was sealed before stays valid, and the key seals no more.
    let listed = world.signer.json(&["cert", "list"]);
    let of_holder = |one: &&Value| one["subject"].as_str().is_some_and(|subject| subject.contains("holder"));
    let serial = listed.as_array().unwrap().iter().find(of_holder).unwrap()["serial"].as_str().unwrap();
    succeeded(&world.folder.admin(&["ca", "revoke", "demo", serial, "--reason", "superseded"]));
    fs::write(world.file("demo.crl"), get(&format!("{}/ca/demo.crl", world.authority))).unwrap();
    let known = ["--roots", "root.cer", "--crls", "demo.crl"];
    let (report, code) = world.verify("first.ofd", &known);
    assert_eq!((report["verdict"].as_str(), code), (Some("valid"), 0), "{report}");
    let (report, code) = world.verify("first.ofd", &[&known[..], &["--at", "now"]].concat());
    assert_eq!((report["verdict"].as_str(), code), (Some("invalid"), 1), "{report}");
    world.fails("stamp tender.ofd --seal seal.esl --cert holder/sign.pem --place 60,250 --out late.ofd", 4);
    world.server.stop();
}

/// What is known of its certificates goes into a document, which is stamped, and needs nothing but the root from then on.
fn assert_provable_later(world: &World) {
    let strict = ["--roots", "root.cer", "--require-status"];
    assert_eq!(world.verify("second.pdf", &strict).1, 3, "nothing says whether they were revoked");
    fs::write(world.file("early.crl"), get(&format!("{}/ca/demo.crl", world.authority))).unwrap();
    let preserve = "preserve second.pdf --roots root.cer --crls early.crl --out kept.pdf";
    world.run(&format!("{preserve} --tsa {}/tsa/demo", world.authority));
    let (report, code) = world.verify("kept.pdf", &strict);
    assert_eq!((report["verdict"].as_str(), code), (Some("valid"), 0), "{report}");
    let signatures = report["signatures"].as_array().unwrap();
    assert_eq!((signatures.len(), signatures[2]["kind"].as_str()), (3, Some("pdf-time-stamp")), "{report}");
    let kept = fs::read(world.file("kept.pdf")).unwrap();
    assert!(kept.starts_with(&fs::read(world.file("second.pdf")).unwrap()));
    world.fails(preserve, 8);
    let refused = [
        ("second.pdf --roots holder/sign.pem", "cannot be proven later"),
        ("second.ofd --roots root.cer", "OFD"),
    ];
    for (line, why) in refused {
        let said = world.fails(&format!("preserve {line} --out none"), 9);
        assert!(said.contains(why), "{said}");
        assert!(!world.file("none").exists());
    }
}

#[test]
fn many_documents_cost_one_pin_and_fail_alone() {
    let world = World::new();
    world.make_seal();
    let mut line = String::from("stamp");
    for number in 0..40 {
        let (name, document) = match number % 2 {
            0 => (format!("{number}.pdf"), pdf::tender(1)),
            _ => (format!("{number}.ofd"), ofd::tender(1)),
        };
        let document = if number == 7 { b"PK\x03\x04nothing".to_vec() } else { document };
        fs::write(world.file(&name), document).unwrap();
        line += &format!(" {name}");
    }
    line += " --seal seal.esl --cert holder/sign.pem --keyword 盖章 --dir out --json";
    let output = world.signer.run(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(9), "one is broken");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["sealed"].as_u64(), report["failed"].as_u64()), (Some(39), Some(1)));
    assert!(report["documents"][7]["error"].as_str().unwrap().contains("7.ofd"), "{report}");
    assert!(!world.file("out/7.ofd").exists());
    for name in ["out/0.pdf", "out/39.ofd"] {
        assert_eq!(world.verdicts(name), ("valid".into(), vec!["valid".into()]), "{name}");
    }
    let audit = world.folder.audit();
    let opened = audit.iter().filter(|record| record["act"] == "sign").count();
    assert!(opened >= 1, "the signatures are on record");
    assert!(Path::new(&world.file("out/38.pdf")).exists());
    world.server.stop();
}

/// A PDF with a stream of so many bytes that nothing draws.
fn large_pdf(path: &Path, mib: u64) {
    let document = pdf::tender(2);
    let end = document.windows(9).rposition(|window| window == b"startxref").unwrap();
    let text = String::from_utf8(document[end + 10..].to_vec()).unwrap();
    let table: u64 = text.lines().next().unwrap().parse().unwrap();
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    file.write_all(&document).unwrap();
    let (offset, length) = (document.len() as u64, mib << 20);
    let head = format!("99 0 obj\n<< /Length {length} >>\nstream\n");
    file.write_all(head.as_bytes()).unwrap();
    let mut block = cosign_tests::random::Seeded::new(1).bytes(1 << 20);
    for index in 0..mib {
        block[..8].copy_from_slice(&index.to_be_bytes());
        file.write_all(&block).unwrap();
    }
    let tail = "\nendstream\nendobj\n";
    let own = offset + head.len() as u64 + length + tail.len() as u64;
    let trailer = format!("<< /Size 100 /Root 1 0 R /Prev {table} >>");
    let table = format!("xref\n99 1\n{offset:010} 00000 n \ntrailer\n{trailer}\nstartxref\n{own}\n%%EOF\n");
    file.write_all((tail.to_owned() + &table).as_bytes()).unwrap();
    file.flush().unwrap();
}

#[test]
fn a_document_larger_than_the_memory_allowed_for_it() {
    const LIMIT: u64 = 128 << 20;
    let world = World::new();
    world.make_seal();
    large_pdf(&world.file("large.pdf"), if is_quick() { 192 } else { 1024 });
    let stamp = "stamp large.pdf --seal seal.esl --cert holder/sign.pem --place 100,100 --out sealed.pdf";
    for line in [stamp, "verify sealed.pdf --roots root.cer"] {
        let mut command = world.signer.command(&line.split(' ').collect::<Vec<_>>());
        let (output, peak) = run_watched(&mut command);
        succeeded(&output);
        eprintln!("{line}: {} MiB", peak >> 20);
        assert!(peak < LIMIT, "{line}: {} MiB", peak >> 20);
    }
    world.server.stop();
}
