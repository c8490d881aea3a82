//! `cargo run -p cosign-tests --bin sealed-files -- DIR`: documents that two parties seal together, for other programs to judge
//! (`tests/interop`). `sealed.json` says what each file is; pictures of the pages are in `pages/FILE`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a set that is not whole is none")]

use std::{fs, path::PathBuf};

use cosign_tests::{ofd, pdf, samples, seals::World};
use serde_json::{Value, json};

const SEAL: &str = "--seal seal.esl --cert holder/sign.pem";
/// A signature without sealed data that shows the picture of the seal.
const SIGNATURE: &str = "--form signature --seal seal.esl --cert holder/sign.pem";

struct Files {
    world: World,
    /// What `sealed.json` will say.
    list: Vec<Value>,
}

/// What is sealed: its name, the keyword that stands in it, and where the stamp goes from there.
struct Source {
    stem: &'static str,
    extension: &'static str,
    /// Empty: none.
    keyword: &'static str,
    content: Vec<u8>,
}

impl Files {
    /// Seals `from` once more. `signatures`: what there is then, from the first on; `seal` and `signature`, with `+time` if a
    /// time-stamp belongs to it.
    fn stamp(&mut self, from: &str, to: &str, more: &str, signatures: &[&str]) {
        let reason = if to.ends_with(".pdf") { " --reason 投标 --location 北京" } else { "" };
        self.world.run(&format!("stamp {from} {more} --out {to} --preview pages/{to}{reason}"));
        let verdicts = self.world.verdicts(to);
        assert_eq!(verdicts, ("valid".into(), vec!["valid".into(); signatures.len()]), "{to}");
        let (report, _) = self.world.verify(to, &["--roots", "root.cer"]);
        let stamps: Vec<_> = report["signatures"].as_array().unwrap().iter().map(stamps).collect();
        self.list.push(json!({
            "file": to,
            "before": from,
            "signatures": signatures,
            "stamps": stamps,
            "finished": more.contains("--finish"),
        }));
    }

    fn seal(&mut self, source: &Source) {
        let Source { stem, extension, keyword, content } = source;
        let keyword =
            if keyword.is_empty() { String::new() } else { format!(" --keyword {keyword} --nth last") };
        let file = |what: &str| format!("{stem}-{what}.{extension}");
        let plain = format!("{stem}.{extension}");
        fs::write(self.world.file(&plain), content).unwrap();
        let tsa = format!("--tsa {}/tsa/demo", self.world.authority);
        // On all pages, those that lie on their side too, over the edge and at a keyword, in one run.
        let places = format!("--place 150,180 --pages all --across right{keyword}");
        self.stamp(&plain, &file("seal"), &format!("{SEAL} {places}"), &["seal"]);
        let again = format!("{SEAL} --place 60,200 {tsa}");
        self.stamp(&file("seal"), &file("seal-seal"), &again, &["seal", "seal+time"]);
        let finish = format!("{SEAL} --place 60,120 --finish");
        self.stamp(&file("seal"), &file("seal-finished"), &finish, &["seal", "seal"]);
        let (signature, placed) = match *extension {
            "pdf" => (format!("{SIGNATURE} {places}"), format!("{SIGNATURE} --place 60,200")),
            // What is no seal shows nowhere in OFD.
            _ => (
                "--form signature --cert holder/sign.pem".into(),
                "--form signature --cert other/sign.pem".into(),
            ),
        };
        self.stamp(&plain, &file("signature"), &signature, &["signature"]);
        let again = format!("{placed} {tsa}");
        self.stamp(
            &file("signature"),
            &file("signature-signature"),
            &again,
            &["signature", "signature+time"],
        );
        let finish = format!("{placed} --finish");
        self.stamp(&plain, &file("finished"), &finish, &["signature"]);
        let again_as_seal = format!("{SEAL} --place 60,200 {tsa}");
        self.stamp(&file("signature"), &file("signature-seal"), &again_as_seal, &["signature", "seal+time"]);
        self.stamp(&file("seal"), &file("seal-signature"), &placed, &["seal", "signature"]);
    }
}

fn stamps(signature: &Value) -> usize {
    signature["stamps"].as_array().map_or(0, Vec::len)
}

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "sealed-files".into()));
    let world = World::new();
    world.make_seal();
    let source = |stem, extension, content| Source { stem, extension, keyword: "磋商", content };
    let mut sources = vec![
        source("tender", "pdf", pdf::tender(5)),
        source("turned", "pdf", pdf::tender_turned(5, |page| [0, 90, 180, 270, 0][page])),
        source("tender", "ofd", ofd::tender(5)),
    ];
    if let Some(samples) = samples::folder() {
        let read = |name: &str| fs::read(samples.join(name)).unwrap();
        sources.push(source("sample", "pdf", read("pdf/ofdrw_Test.pdf")));
        // There is no text in this one.
        let silent = source("sample", "ofd", read("ofd/ofdrw-layout__Page5.ofd"));
        sources.push(Source { keyword: "", ..silent });
    }
    let mut files = Files { world, list: Vec::new() };
    for source in &sources {
        files.seal(source);
        println!("sealed: {}.{}", source.stem, source.extension);
    }

    fs::create_dir_all(&folder).unwrap();
    let Files { world, list } = files;
    let mut wanted = vec!["root.cer".to_owned(), "seal.esl".into(), "round.png".into()];
    wanted.extend(sources.iter().map(|source| format!("{}.{}", source.stem, source.extension)));
    wanted.extend(list.iter().map(|file| file["file"].as_str().unwrap().to_owned()));
    for name in wanted {
        fs::copy(world.file(&name), folder.join(&name)).unwrap();
    }
    for pages in fs::read_dir(world.file("pages")).unwrap().map(Result::unwrap) {
        let copies = folder.join("pages").join(pages.file_name());
        fs::create_dir_all(&copies).unwrap();
        for page in fs::read_dir(pages.path()).unwrap().map(Result::unwrap) {
            fs::copy(page.path(), copies.join(page.file_name())).unwrap();
        }
    }
    fs::write(folder.join("sealed.json"), serde_json::to_vec_pretty(&list).unwrap()).unwrap();
    world.server.stop();
}
