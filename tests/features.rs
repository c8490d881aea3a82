//! The table of features says which tests show what. What it says is so.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failure is a failed test, and it counts")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Rows that work, at least.
const AT_LEAST: usize = 290;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tests by the row that they are named after.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![root().join("tests"), root().join("cosign-server/src/api/tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let mut is_test = false;
                for line in text.lines().map(str::trim) {
                    is_test |= line.starts_with("#[tokio::test") || line == "#[test]";
                    let Some(name) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) else {
                        continue;
                    };
                    let name = name.split('(').next().unwrap();
                    if let Some(row) = row(name).filter(|_| is_test) {
                        found.entry(row).or_default().insert(name.to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
    found
}

/// `a_01_...` is of row A-01.
fn row(name: &str) -> Option<String> {
    let mut parts = name.split('_');
    let (group, number) = (parts.next()?, parts.next()?);
    let is_row = group.len() == 1
        && ("a"..="o").contains(&group)
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_row.then(|| format!("{}-{number}", group.to_uppercase()))
}

#[test]
fn every_row_names_the_tests_that_show_it() {
    let (mut rows, mut works) = (0, 0);
    let mut tests = tests();
    let table = fs::read_to_string(root().join("docs/features.md")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, id, _, named, _] = cells[..] else { continue };
        if row(&id.to_lowercase().replace('-', "_")).is_none() {
            continue;
        }
        rows += 1;
        let named: BTreeSet<String> = named
            .split([',', ' '])
            .map(|name| name.trim_matches('`').to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        works += usize::from(!named.is_empty());
        let found = tests.remove(id).unwrap_or_default();
        if named != found {
            wrong.push(format!("{id}: the table says {named:?}, there are {found:?}"));
        }
    }
    wrong.extend(tests.into_keys().map(|id| format!("{id} has tests and no row")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{works} of {rows} rows work");
    assert!(rows == 300 && works >= AT_LEAST, "{works} of {rows}");
}

#[test]
fn tests_are_known_by_their_names() {
    assert_eq!(row("a_01_register").as_deref(), Some("A-01"));
    assert_eq!(row("o_22").as_deref(), Some("O-22"));
    for name in ["a_1_x", "p_01_x", "a_text", "aa_01_x", "sessions"] {
        assert_eq!(row(name), None, "{name}");
    }
}
