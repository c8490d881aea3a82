//! Sealed bids with the built binary and local keys, without a server.

mod signed;

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, piped};

/// A desk with key pairs, their certificates and something to offer.
fn offer() -> Desk {
    let desk = Desk::new();
    for name in ["platform", "bidder", "opening", "archive"] {
        desk.certified(name);
    }
    for (name, content) in [("price.txt", &b"7"[..]), ("附件/plan.bin", &[0x5a; 300_000]), ("附件/none", b"")]
    {
        desk.write(&format!("offer/{name}"), content);
    }
    desk
}

/// Seals the offer to platform and bidder, in chunks of 64 KiB.
fn seal(desk: &Desk, more: &[&str]) -> Value {
    let to = ["--model", "both", "--to", "platform=platform.pem", "--to", "bidder=bidder.pem"];
    let terms = ["--project", "P-7", "--meta", "currency=CNY", "--chunk-size", "16"];
    desk.json(0, &[&["seal-bid", "offer"][..], &to, &terms, more].concat())
}

const BOTH: [&str; 4] = ["--private-key", "platform.key", "--private-key", "bidder.key"];

#[test]
fn a_folder_comes_back() {
    let desk = offer();
    assert_eq!(seal(&desk, &[])["files"], 3);
    let opened = desk.json(0, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    assert_eq!(opened["bids"][0]["files"].as_array().unwrap().len(), 3);
    for name in ["price.txt", "附件/plan.bin", "附件/none"] {
        let read = |folder: &str| fs::read(desk.path(folder).join(name)).unwrap();
        assert_eq!(read("out/offer"), read("offer"), "{name}");
    }
    assert!(!desk.path("out.bid-part").exists());
    let said = desk.said(8, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    assert!(said.contains("out exists"), "{said}");
    desk.expect(8, &["seal-bid", "offer", "--model", "platform", "--to", "platform.pem"]);
}

#[test]
fn one_file_is_listed_and_read_alone() {
    let desk = offer();
    seal(&desk, &[]);
    let list = desk.json(0, &[&["open-bid", "offer.bid", "--list"][..], &BOTH].concat());
    assert_eq!(list["bids"][0]["files"][0]["name"], "offer/price.txt");
    let one = desk.expect(
        0,
        &[&["open-bid", "offer.bid", "--only", "offer/price.txt", "--out", "-"][..], &BOTH].concat(),
    );
    assert_eq!(one.stdout, b"7");
    desk.expect(
        0,
        &[&["open-bid", "offer.bid", "--only", "offer/附件/", "--out", "two"][..], &BOTH].concat(),
    );
    assert!(!desk.path("two/offer/price.txt").exists() && desk.path("two/offer/附件/plan.bin").exists());
    desk.expect(2, &[&["open-bid", "offer.bid", "--only", "nothing", "--out", "x"][..], &BOTH].concat());
    desk.expect(2, &[&["open-bid", "offer.bid", "--out", "-"][..], &BOTH].concat());
}

#[test]
fn fewer_keys_do_not_open_it() {
    let desk = offer();
    seal(&desk, &[]);
    let said = desk.said(9, &["open-bid", "offer.bid", "--private-key", "platform.key"]);
    assert!(said.contains("one more share"), "{said}");
    assert!(!desk.path("offer.bid-part").exists());
}

#[test]
fn a_pipe_is_sealed_and_opened() {
    let desk = offer();
    let seal =
        ["seal-bid", "-", "--name", "dump", "--model", "platform", "--to", "platform.pem", "--out", "-"];
    desk.write("pipe.bid", piped(&desk, 0, &seal, &vec![7; 3 << 20]).stdout);
    desk.expect(0, &["open-bid", "pipe.bid", "--private-key", "platform.key"]);
    assert_eq!(fs::read(desk.path("pipe/dump")).unwrap(), vec![7; 3 << 20]);
}

#[test]
fn several_bids_are_opened_at_once() {
    let desk = offer();
    seal(&desk, &["--out", "a.bid"]);
    seal(&desk, &["--out", "b.bid"]);
    desk.expect(0, &[&["open-bid", "a.bid", "b.bid", "--out", "all"][..], &BOTH].concat());
    // One that does not open leaves the others open.
    let mut arguments =
        vec!["seal-bid", "offer", "--model", "bidder", "--to", "archive.pem", "--out", "c.bid"];
    desk.expect(0, &arguments);
    arguments = vec!["open-bid", "c.bid", "a.bid", "--out", "some"];
    let some = desk.json(9, &[&arguments[..], &BOTH].concat());
    assert_eq!(
        (&some["failed"][0]["file"], some["bids"].as_array().unwrap().len()),
        (&Value::from("c.bid"), 1)
    );
    assert!(desk.path("some/a/offer/price.txt").exists() && !desk.path("some/c").exists());
    assert!(desk.path("all/a/offer/price.txt").exists() && desk.path("all/b/offer/price.txt").exists());
}

#[test]
fn a_lock_holds_until_it_is_opened() {
    let desk = offer();
    seal(&desk, &["--not-before", "2099-01-01T00:00:00+08:00", "--opening-key", "opening.pem"]);
    let said = desk.said(9, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    assert!(said.contains("closed until 2098-12-31T16:00:00Z"), "{said}");
    let checked = desk.json(1, &[&["check", "offer.bid"][..], &BOTH].concat());
    assert_eq!(checked["bids"][0]["lock_confirmed"], false);
    assert_eq!(checked["bids"][0]["will_open"], false);
    // What only a server opens is opened in `tests/tender.rs`, with one.
}

#[test]
fn check_shows_and_proves() {
    let desk = offer();
    seal(&desk, &[]);
    let checked = desk.json(0, &["check", "offer.bid", "--structure"]);
    let bid = &checked["bids"][0];
    assert_eq!((&bid["project"], &bid["metadata"]["currency"]), (&Value::from("P-7"), &Value::from("CNY")));
    assert_eq!(bid["chunks"], 5);
    let half = desk.json(1, &["check", "offer.bid", "--private-key", "bidder.key"]);
    assert_eq!(half["bids"][0]["confirmed_shares"], Value::from(vec![2]));
    let whole = desk.json(0, &[&["check", "offer.bid"][..], &BOTH].concat());
    assert_eq!(whole["bids"][0]["will_open"], true);
}

#[test]
fn every_bid_is_judged() {
    let desk = offer();
    seal(&desk, &["--out", "good.bid"]);
    let good = fs::read(desk.path("good.bid")).unwrap();
    fs::write(desk.path("cut.bid"), &good[..good.len() / 2]).unwrap();
    fs::write(desk.path("text.bid"), "no bid").unwrap();
    // The shares that were dealt for another bid.
    seal(&desk, &["--out", "other.bid"]);
    let (manifest, slots, chunks) = parts(&good);
    let other = fs::read(desk.path("other.bid")).unwrap();
    let (_, other, _) = parts(&other);
    assert_ne!(slots, other);
    let len = u32::try_from(other.len()).unwrap().to_be_bytes();
    fs::write(desk.path("foreign.bid"), [&good[..16], &len, manifest, other, chunks].concat()).unwrap();
    let files = ["gone.bid", "cut.bid", "good.bid", "foreign.bid", "text.bid"];
    let output = desk.expect(7, &[&["--json", "check"][..], &files, &BOTH].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let judged: Vec<_> = report["bids"].as_array().unwrap().iter().collect();
    assert_eq!(judged.iter().map(|bid| bid["file"].as_str().unwrap()).collect::<Vec<_>>(), files);
    let codes: Vec<_> = judged.iter().map(|bid| bid["code"].as_str().unwrap_or_default()).collect();
    assert_eq!(codes, ["file", "bad_file", "", "bad_file", "bad_file"]);
    for bid in judged {
        assert_eq!(bid["will_open"], bid["file"] == "good.bid", "{bid}");
    }
    assert!(report["bids"][1]["reason"].as_str().unwrap().contains("cut short at chunk"));
    assert!(report["bids"][3]["reason"].as_str().unwrap().contains("share 1 is not the one"));
    assert_eq!((&report["bids"][0]["project"], &report["bids"][3]["project"]), (&Value::Null, &"P-7".into()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().filter(|line| line.contains("\"warning\"")).count(), 3, "{said}");

    // The code is that of what is wrong, in their order.
    for (code, files) in [(0, &["good.bid"][..]), (9, &["good.bid", "text.bid", "gone.bid"])] {
        desk.expect(code, &[&["check"][..], files, &BOTH].concat());
        desk.expect(code, &[&["check", "--structure"][..], files].concat());
    }
    // The others are opened, and salvaged.
    let out = ["--out", "all"];
    let opened = desk.json(7, &[&["open-bid"][..], &files, &out, &BOTH].concat());
    assert_eq!(opened["failed"].as_array().unwrap().len(), 4);
    assert!(desk.path("all/good/offer/price.txt").exists());
    let out = ["--salvage", "--out", "saved"];
    let saved = desk.json(7, &[&["open-bid"][..], &files, &out, &BOTH].concat());
    let failed: Vec<_> =
        saved["failed"].as_array().unwrap().iter().map(|bid| bid["file"].as_str().unwrap()).collect();
    assert_eq!(failed, ["gone.bid", "text.bid", "foreign.bid"]);
    assert_eq!(saved["bids"].as_array().unwrap().len(), 2);
}

/// Manifest, slots, and what follows.
fn parts(bid: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let len = |at: usize| u32::from_be_bytes(bid[at..at + 4].try_into().unwrap()) as usize;
    let (header, chunks) = bid.split_at(20 + len(12) + len(16));
    (&header[20..20 + len(12)], &header[20 + len(12)..], chunks)
}

#[test]
fn a_share_goes_to_somebody_else() {
    let desk = offer();
    seal(&desk, &[]);
    let checked = desk.json(0, &["check", "offer.bid", "--structure"]);
    let platform = checked["bids"][0]["shares"][0]["holders"][0].as_str().unwrap().to_owned();
    desk.expect(7, &["rewrap", "offer.bid", "--to", "platform=archive.pem", "--private-key", "bidder.key"]);
    desk.expect(
        0,
        &[
            "rewrap",
            "offer.bid",
            "--to",
            "platform=archive.pem",
            "--drop",
            &platform,
            "--private-key",
            "platform.key",
        ],
    );
    desk.expect(9, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    desk.expect(
        0,
        &[
            "open-bid",
            "offer.bid",
            "--out",
            "out",
            "--private-key",
            "archive.key",
            "--private-key",
            "bidder.key",
        ],
    );
    assert!(desk.path("out/offer/price.txt").exists());
}

#[test]
fn a_broken_bid_says_where_and_gives_the_rest() {
    let desk = offer();
    seal(&desk, &[]);
    let mut bytes = fs::read(desk.path("offer.bid")).unwrap();
    let place = bytes.len() - 200_000;
    bytes[place] ^= 1;
    fs::write(desk.path("broken.bid"), &bytes).unwrap();
    let said = desk.said(9, &[&["open-bid", "broken.bid"][..], &BOTH].concat());
    assert!(said.contains("chunk 1 was changed") && said.contains("--salvage"), "{said}");
    assert!(desk.path("broken.bid-part").exists() && !desk.path("broken").exists());
    let saved = desk.json(1, &[&["open-bid", "broken.bid", "--salvage"][..], &BOTH].concat());
    assert_eq!(saved["bids"][0]["lost"], Value::from(vec!["offer/附件/plan.bin"]));
    assert_eq!(fs::read(desk.path("broken/offer/price.txt")).unwrap(), b"7");
}

#[test]
fn an_opening_that_was_cut_off_goes_on() {
    let desk = offer();
    seal(&desk, &[]);
    let right = fs::read(desk.path("offer.bid")).unwrap();
    let mut broken = right.clone();
    let place = broken.len() - 100_000;
    broken[place] ^= 1;
    fs::write(desk.path("offer.bid"), &broken).unwrap();
    desk.expect(9, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    fs::write(desk.path("offer.bid"), &right).unwrap();
    // It is not begun again unasked, and not gone on with for something else.
    desk.expect(2, &[&["open-bid", "offer.bid", "--out", "out"][..], &BOTH].concat());
    let other = ["open-bid", "offer.bid", "--out", "out", "--resume", "--only", "offer/price.txt"];
    desk.expect(2, &[&other[..], &BOTH].concat());
    let note = fs::read_to_string(desk.path("out.bid-part/note")).unwrap();
    let at: u64 = note.trim().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(at > 65_536, "what was whole is kept: {at}");
    // A file that is gone from among those that were complete is read again.
    fs::remove_file(desk.path("out.bid-part/files/offer/price.txt")).unwrap();
    desk.expect(0, &[&["open-bid", "offer.bid", "--out", "out", "--resume"][..], &BOTH].concat());
    for name in ["price.txt", "附件/plan.bin"] {
        let read = |folder: &str| fs::read(desk.path(folder).join(name)).unwrap();
        assert_eq!(read("out/offer"), read("offer"), "{name}");
    }
}

#[test]
fn what_cannot_be_sealed_is_said() {
    let desk = offer();
    let refused = |more: &[&str]| desk.said(2, &[&["seal-bid", "offer"][..], more].concat());
    assert!(refused(&["--model", "both", "--to", "platform.pem"]).contains("ROLE="));
    assert!(
        refused(&["--model", "custom", "--threshold", "2", "--to", "a=platform.pem"])
            .contains("do not go together")
    );
    assert!(refused(&["--model", "platform", "--to", "platform.pem", "--meta", "x"]).contains("KEY=VALUE"));
    assert!(
        refused(&["--model", "platform", "--to", "platform.pem", "--not-before", "soon"])
            .contains("is not a time")
    );
    fs::write(desk.path("offer/a:b"), "").unwrap();
    assert!(refused(&["--model", "platform", "--to", "platform.pem"]).contains("cannot be the name"));
}
