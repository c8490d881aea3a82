//! The corpora of the fuzz targets, through the same functions, on any toolchain.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use cosign_core::{Code, Error};
use cosign_tests::{
    fuzz::{self, TARGETS},
    samples, seeds,
    source::root,
};

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fs::read_dir(corpus(target)).unwrap_or_else(|error| panic!("corpus of {target}: {error}"));
    folder.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_input_comes_back() {
    for (target, run) in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "the corpus of {target} is empty");
        for (path, data) in inputs {
            eprintln!("{}", path.display());
            run(&data);
        }
    }
}

/// What the first half of an input says about its second half is where decoders go wrong; so every input again, cut.
#[test]
fn every_cut_input_comes_back() {
    for (target, run) in TARGETS.iter().filter(|(target, _)| *target != "client_pin") {
        for (_, data) in inputs(target) {
            let lengths: BTreeSet<_> = (1..8).map(|part| data.len() * part / 8).collect();
            for len in lengths {
                run(&data[..len]);
            }
        }
    }
}

/// Files of other programs, where they are present: whatever they are, every decoder comes back from them.
#[test]
fn every_sample_comes_back() {
    const LARGEST: u64 = 128 * 1024;
    let Some(samples) = samples::folder() else { return };
    let mut folders = vec![samples];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().unwrap().len() <= LARGEST {
                let data = fs::read(&path).unwrap();
                count += 1;
                for (target, run) in TARGETS.iter().filter(|(target, _)| !target.starts_with("client")) {
                    eprintln!("{target} {}", path.display());
                    run(&data);
                }
            }
        }
    }
    assert!(count > 0, "the folder of samples is empty");
}

#[test]
fn targets_corpora_and_programs_are_the_same() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len());
    let folders = fs::read_dir(root().join("fuzz/corpus")).unwrap();
    let folders: BTreeSet<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, names);
    let manifest: toml::Table = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap().parse().unwrap();
    let programs: BTreeSet<_> = manifest["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(programs, names);
}

#[test]
fn seeds_reach_behind_the_checks() {
    let mut accepted = BTreeSet::new();
    for (target, name, data) in seeds::all() {
        assert!(
            corpus(target).join(&name).exists(),
            "{target}/{name} is not in the corpus: run `regenerate`"
        );
        assert!(data.len() <= 1 << 16, "{target}/{name} is too large for a seed");
        let (_, run) = TARGETS.iter().find(|(known, _)| *known == target).unwrap();
        if run(&data) {
            accepted.insert(target);
        }
    }
    let all: BTreeSet<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    assert_eq!(accepted, all, "every target starts from something that is right");
}

/// Where the scripts lead: every op to success, every refusal of the protocol, and every session of the client to its
/// end and to each kind of error.
#[test]
fn scripts_lead_everywhere() {
    let seeds = seeds::all();
    let of = |target: &'static str| seeds.iter().filter(move |seed| seed.0 == target).map(|seed| &seed.2);
    let answers: BTreeSet<_> = of("server").flat_map(|data| fuzz::answers(data)).collect();
    for op in [1, 2, 3, 5, 6, 7, 8, 0x0a, 0x10, 0x11, 0x12, 0x13, 0x14] {
        assert!(answers.contains(&(op, 0)), "op {op:02x} never succeeds");
    }
    let statuses: BTreeSet<_> = answers.iter().map(|(_, status)| *status).collect();
    for code in (0..=u8::MAX).filter_map(Code::from_status).filter(|code| *code != Code::Internal) {
        assert!(statuses.contains(&code.byte()), "{code} is never answered");
    }
    let client = ["client", "client_pin"].map(of).into_iter().flatten();
    let outcomes: Vec<_> = client.flat_map(|data| fuzz::outcomes(data, 1)).collect();
    for op in [1, 2, 3, 5, 8, 0x0a, fuzz::OPENED_SHARE, 0x10, 0x11, 0x12, 0x13, 0x14] {
        let of_op = || outcomes.iter().filter(|(of, _)| *of == op);
        assert!(of_op().any(|(_, error)| error.is_none()), "no session of {op:02x} ends well");
        assert!(of_op().any(|(_, error)| error.is_some()), "no session of {op:02x} fails");
    }
    for code in [Code::State, Code::RespPoint, Code::RespRange, Code::Length, Code::Batch, Code::Version] {
        assert!(outcomes.iter().any(|(_, error)| *error == Some(Error::InvalidMessage(code))), "{code}");
    }
    assert!(outcomes.iter().any(|(_, error)| *error == Some(Error::PeerMisbehaved(Code::Verify))));
    assert!(outcomes.iter().any(|(_, error)| matches!(error, Some(Error::UnknownStatus(_)))));
}

/// What may be said of a certificate is said of one of the seeds.
#[test]
fn scripts_of_judging_lead_to_every_code() {
    let seeds = seeds::all();
    let judging = seeds.iter().filter(|seed| seed.0 == "pki_judge");
    let said: Vec<_> = judging.flat_map(|seed| fuzz::codes(&seed.2)).collect();
    // What is signed in scripts is signed by SM2, whose keys have one length.
    let all = pki::validate::Code::ALL.iter().filter(|code| **code != pki::validate::Code::WeakKey);
    for code in all {
        assert!(said.contains(code), "{code} is never said");
    }
}

/// `cargo test -p cosign-tests --test replay -- --ignored regenerate`
#[test]
#[ignore = "writes the seeds of the corpora"]
fn regenerate() {
    for (target, name, data) in seeds::all() {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(name), data).unwrap();
    }
}
