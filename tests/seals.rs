//! Seals from the picture to the judgement, with the programs as users run them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    io::{Cursor, Read as _, Write as _},
    path::Path,
};

use cosign_tests::{
    ofd, pdf,
    process::{ServerFolder, Signer, failed, free_address, is_quick, run_watched, succeeded},
};
use serde_json::Value;

/// A server with an authority, a device with a key for each of the roles, and a seal.
struct World {
    folder: ServerFolder,
    server: cosign_tests::process::Server,
    signer: Signer,
    authority: String,
}

impl World {
    fn new() -> Self {
        let folder = ServerFolder::new();
        let address = free_address();
        let path = folder.file("cosign.toml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("public_listen = \"{address}\"\n{config}")).unwrap();
        let base = format!("http://{address}");
        let init =
            ["ca", "init", "demo", "--label", "测试单位", "--subject", "C=CN", "--subject", "CN=Example CA"];
        succeeded(
            &folder.admin(&[&init[..], &["--base-url", &base, "--policy", "1.2.156.112600.1"]].concat()),
        );
        let server = folder.start();
        let signer = Signer::new(&folder, "quic");
        let code = folder.enrolment_code();
        for (label, more) in [("holder", &["--enrol-code", &code][..]), ("maker", &[]), ("other", &[])] {
            let purpose = ["--purpose", "sign", "--label", label];
            succeeded(&signer.keygen(&[&purpose[..], more].concat()).output().unwrap());
        }
        let world = Self { folder, server, signer, authority: base };
        for (label, profile) in [("holder", "enterprise"), ("maker", "seal-maker"), ("other", "enterprise")] {
            world.certify(label, profile);
        }
        let root = format!("{}/ca/demo.cer", world.authority);
        fs::write(world.file("root.cer"), get(&root)).unwrap();
        world
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.signer.folder().join(name)
    }

    fn certify(&self, label: &str, profile: &str) {
        let subject = format!("CN={label}");
        let apply = ["cert", "apply", "demo", "--key", label, "--subject", "C=CN", "--subject", &subject];
        let asked = self.signer.json(&[&apply[..], &["--profile", profile]].concat());
        let request = asked["request"].as_str().unwrap();
        succeeded(&self.folder.admin(&["ca", "review", request, "--pass", "--reviewer", "one"]));
        succeeded(&self.signer.run(&["cert", "install", request, "--out", label]));
    }

    fn run(&self, line: &str) -> String {
        succeeded(&self.signer.run(&line.split(' ').collect::<Vec<_>>()))
    }

    fn fails(&self, line: &str, code: i32) -> String {
        failed(&self.signer.run(&line.split(' ').collect::<Vec<_>>()), code)
    }

    /// What `smsign verify` says, and with which exit code.
    fn verify(&self, file: &str, more: &[&str]) -> (Value, i32) {
        let output = self.signer.run(&[&["verify", "--json", file], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        (serde_json::from_str(&text).unwrap_or(Value::Null), output.status.code().unwrap())
    }

    /// The verdict of the whole, and of each signature.
    fn verdicts(&self, file: &str) -> (String, Vec<String>) {
        let (report, _) = self.verify(file, &["--roots", "root.cer"]);
        let word = |value: &Value| value["verdict"].as_str().unwrap_or_default().to_owned();
        (word(&report), report["signatures"].as_array().into_iter().flatten().map(word).collect())
    }

    fn make_seal(&self) {
        self.run("seal draw round 测试单位股份有限公司 --line 合同专用章 --code 1101000000001 --out round.png --dpi 200");
        let make = "seal make 测试单位合同专用章 --picture round.png --size 42x42 --holder holder/sign.pem";
        self.run(&format!("{make} --maker maker/sign.pem --out seal.esl"));
    }
}

fn get(url: &str) -> Vec<u8> {
    use std::net::TcpStream;
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}

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
        world.run(&format!("stamp {name} {holder} {places} --out first.{extension} --reason 投标"));
        let first = format!("first.{extension}");
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
        println!("{line}: {} MiB", peak >> 20);
        assert!(peak < LIMIT, "{line}: {} MiB", peak >> 20);
    }
    world.server.stop();
}
