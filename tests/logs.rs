//! What the server logs: ids and outcomes, at any level, and nothing that anybody entrusted to it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use cosign_tests::{
    process::{PIN, ServerFolder, Signer, free_address, succeeded, wait_for},
    source::{self, root},
};
use serde_json::Value;

const WRONG_PIN: &str = "314159";
const NEW_PIN: &str = "161803";
const PERSON: &str = "Zhu Wuneng";
const PHONE: &str = "13800138000";
const FIRM: &str = "Gaolaozhuang Farming";
const DEVICE: &str = "phone of Bajie";
const LABEL: &str = "key of Bajie";

/// Everything in JSON at the lowest level, and a socket for plain HTTP.
fn talkative(folder: &ServerFolder) -> SocketAddr {
    let (path, address) = (folder.file("cosign.toml"), free_address());
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains("format = \"text\""), "{config}");
    let config = config.replace("format = \"text\"", "format = \"json\"\nfilter = \"trace\"");
    fs::write(&path, format!("public_listen = \"{address}\"\n{config}")).unwrap();
    address
}

/// A request with things that a log of requests would have in it.
fn request(address: SocketAddr) {
    let mut stream = wait_for("the socket for plain HTTP", || TcpStream::connect(address).ok());
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = "GET /ca/demo.cer?token=querysecret HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n\
                Authorization: Bearer headersecret\r\nIdempotency-Key: oncesecret\r\nCookie: cookiesecret\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
}

/// Runs of characters of this kind that are at least so long.
fn runs(text: &str, min: usize, is_in: impl Fn(char) -> bool) -> BTreeSet<&str> {
    text.split(|letter| !is_in(letter)).filter(|run| run.len() >= min).collect()
}

/// What a log must not have in it: those words, and longer pieces of what is binary than ids are.
fn secrets_in(log: &str, words: &[&str], ids: &BTreeSet<String>) -> Vec<String> {
    let lower = log.to_lowercase();
    let mut found: Vec<_> = words
        .iter()
        .filter(|word| lower.contains(&word.to_lowercase()))
        .map(|word| (*word).to_owned())
        .collect();
    let hex = runs(log, 40, |letter| letter.is_ascii_hexdigit()).into_iter();
    found.extend(hex.filter(|run| !ids.contains(*run)).map(str::to_owned));
    let base64 = runs(log, 40, |letter| letter.is_ascii_alphanumeric() || letter == '+' || letter == '=');
    found.extend(base64.into_iter().filter(|run| !ids.contains(*run)).map(str::to_owned));
    // Bytes as `{:?}` shows them.
    let bytes = runs(log, 24, |letter| letter.is_ascii_digit() || letter == ',' || letter == ' ');
    found.extend(bytes.into_iter().filter(|run| run.matches(", ").count() > 6).map(str::to_owned));
    found
}

/// A line without its moment.
fn without_time(line: &str) -> String {
    let rest = line.split_once("\",\"level\"").map_or(line, |(_, rest)| rest);
    format!("{{\"level\"{rest}\n")
}

#[test]
fn no_operation_leaves_anything_entrusted_in_the_log() {
    let folder = ServerFolder::new();
    let public = talkative(&folder);
    let subject = ["--subject", "C=CN", "--subject", "CN=Example CA"];
    let _made = folder.admin_json(&[&["ca", "init", "demo", "--label", FIRM][..], &subject].concat());
    let _made = folder.admin_json(&["opening-key", "create", "--label", "bids"]);
    let server = folder.start();
    request(public);
    let mut words: Vec<String> =
        ["querysecret", "headersecret", "oncesecret", "cookiesecret"].map(str::to_owned).to_vec();
    words.extend([PIN, WRONG_PIN, NEW_PIN, PERSON, PHONE, FIRM, DEVICE, LABEL].map(str::to_owned));
    let digest = "00112233445566778899aabbccddeeff00112233445566778899aabbccddee0f";
    words.push(digest.to_owned());
    let mut ids = BTreeSet::new();
    for (transport, mode) in [("quic", "base"), ("http2", "oblivious")] {
        let signer = Signer::new(&folder, transport);
        let code = folder.enrolment_code();
        let keygen = ["--enrol-code", &code, "--pin-mode", mode, "--label", LABEL, "--device-name", DEVICE];
        succeeded(&signer.keygen(&keygen).output().unwrap());
        words.push(code);
        let list = signer.write("digests", digest.as_bytes());
        let sign = ["sign", "--digests", list.to_str().unwrap(), "--out", "signatures", "--force"];
        succeeded(&signer.run(&sign));
        assert!(!signer.run_with_pin(WRONG_PIN, &sign).status.success());
        let _plain = signer.write("letter", b"a letter");
        succeeded(&signer.run(&["encrypt", "letter", "--to", LABEL]));
        succeeded(&signer.run(&["decrypt", "letter.p7", "--out", "opened"]));
        let who = format!("CN={PERSON}");
        let unit = format!("O={FIRM} {PHONE}");
        let apply = ["cert", "apply", "demo", "--subject", "C=CN", "--subject", &unit, "--subject", &who];
        let asked = signer.json(&apply);
        let _reviewed = folder.admin_json(&[
            "ca",
            "review",
            asked["request"].as_str().unwrap(),
            "--pass",
            "--reviewer",
            PERSON,
        ]);
        succeeded(&signer.run(&["cert", "install", asked["request"].as_str().unwrap(), "--out", "own.cer"]));
        succeeded(&signer.at_server(&["opening-keys", "--out", "opening.pem"]).output().unwrap());
        let seal = ["seal-bid", "letter", "--model", "bidder", "--to", LABEL, "--out", "letter.bid"];
        let lock = ["--not-before", "1", "--opening-key", "opening.pem"];
        succeeded(&signer.run(&[&seal[..], &lock].concat()));
        succeeded(&signer.run(&["open-bid", "letter.bid", "--out", "bids"]));
        let change = signer.command(&["pin", "change"]).env("SMSIGN_NEW_PIN", NEW_PIN).output().unwrap();
        succeeded(&change);
        for key in folder.admin_json(&["key", "list"])[0]["keys"].as_array().unwrap() {
            ids.insert(key["device_id"].as_str().unwrap().to_owned());
        }
    }
    let log = server.log();
    server.stop();
    // A moment may have the digits of a PIN.
    let log: String = log.lines().map(without_time).collect();
    // It did talk: a line for each request, with the device, in JSON.
    let requests = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let requests: Vec<_> = requests.filter(|line| line["fields"]["message"] == "request").collect();
    assert!(requests.len() > 20, "{log}");
    assert!(ids.iter().all(|id| log.contains(id)), "{log}");
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert_eq!(secrets_in(&log, &words, &ids), [""; 0], "{log}");
    // What is looked for would be found.
    for planted in [
        digest,
        "pin 271828",
        "cookiesecret",
        "MEUCIQDKr7y0qbZ5x0fakefakefakefakefakefakefake",
        "[1, 22, 33, 4, 5, 66, 7, 88, 99, 100]",
    ] {
        assert!(!secrets_in(&format!("{log}{planted}"), &words, &ids).is_empty(), "{planted}");
    }
}

/// Values that may be shown with `{:?}`: none of them holds what a request brought.
const DEBUGGED: [&str; 2] = ["error", "version"];

/// The arguments of an invocation, without what is in quotes.
fn arguments(code: &str) -> (Vec<String>, &str) {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    let mut arguments = vec![String::new()];
    for (at, letter) in code.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted && letter == '{' => arguments.push("{".to_owned()),
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return (arguments, &code[at..]);
                }
            }
            ',' if depth == 1 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        if !quoted && letter != '"' {
            arguments.last_mut().unwrap().push(letter);
        }
    }
    panic!("an invocation that does not end: {code}")
}

/// The fields of every line that a source logs and of every span, and what is wrong with them.
fn fields(code: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
    for level in ["trace", "debug", "info", "warn", "error"] {
        let mut rest = code;
        while let Some((_, after)) = rest.split_once(&format!("tracing::{level}!(")) {
            let (arguments, end) = arguments(after);
            rest = end;
            for argument in
                arguments.iter().map(|argument| argument.trim()).filter(|argument| !argument.is_empty())
            {
                let (name, value) = argument.split_once('=').unwrap_or((argument, argument));
                let name = name.trim().trim_start_matches(['%', '?']);
                if argument == "{" {
                    wrong.push("a message with values in it".to_owned());
                } else if value.trim().starts_with('?') && !DEBUGGED.contains(&name) {
                    wrong.push(format!("?{name}"));
                } else {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    // What spans say.
    let said = code.split(".attribute(\"").skip(1).filter_map(|rest| rest.split('"').next());
    names.extend(said.map(str::to_owned));
    (names, wrong)
}

#[test]
fn lines_have_fields_that_are_documented_and_no_others() {
    let pages = fs::read_to_string(root().join("OPERATIONS.md")).unwrap();
    let (_, table) = pages.split_once("| field |").expect("a table of the fields of the log");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.flat_map(|line| line.split('|').nth(1).unwrap().split(',').collect::<Vec<_>>());
    let documented: BTreeSet<_> = cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    let files = source::files();
    let ours = files.iter().filter(|(path, _)| path.contains("cosign-server/src/") && path.ends_with(".rs"));
    let mut used = BTreeSet::new();
    for (path, text) in ours.filter(|(path, _)| !path.ends_with("app/logs.rs")) {
        let (names, wrong) = fields(text);
        assert_eq!(wrong, [""; 0], "{path}");
        used.extend(names);
    }
    assert_eq!(used, documented);
    // The rule bites.
    let (names, wrong) = fields(
        "tracing::info!(%a, b = ?request, c = %f(1, 2), d, \"said {x}, really\"); tracing::warn!(?frame)",
    );
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "c", "d"]);
    let (names, _) = fields("span.attribute(\"route\", route); other.attribute(\"pin\", 1)");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["pin", "route"]);
    assert_eq!(wrong, ["?b", "a message with values in it", "?frame"]);
}
