//! What is written for operators names what there is.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{collections::BTreeSet, fs};

use cosign_tests::source::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Words of letters, digits and underscores that begin so.
fn words<'a>(text: &'a str, beginning: &'a str) -> BTreeSet<&'a str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with(beginning)).collect()
}

#[test]
fn alerts_are_about_what_is_measured_and_each_is_explained() {
    let (alerts, pages) = (read("packaging/alerts.yml"), read("OPERATIONS.md"));
    let measured = read("cosign-server/src/telemetry.rs");
    let metrics = words(&alerts, "cosign_").into_iter().chain(words(&pages, "cosign_"));
    let metrics: BTreeSet<_> = metrics.map(|name| name.trim_end_matches("_bucket")).collect();
    assert!(metrics.len() > 4);
    for metric in metrics {
        assert!(measured.contains(&format!("\"{metric}\"")), "{metric} is not measured");
    }
    let names = words(&alerts, "Cosign");
    assert!(names.len() > 4);
    assert_eq!(names, words(&pages, "Cosign"));
}

#[test]
fn the_dashboard_shows_everything_that_is_measured_and_nothing_else() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/dashboard.json")).unwrap();
    let measured = read("cosign-server/src/telemetry.rs");
    let quoted = measured.split('"').filter(|text| text.starts_with("cosign_") && *text != "cosign_server");
    let measured: BTreeSet<_> = quoted.filter(|text| !text.contains('{') && !text.contains(' ')).collect();
    let text = dashboard["panels"].to_string();
    let shown = words(&text, "cosign_").into_iter();
    let ends = ["_bucket", "_sum", "_count"];
    let shown: BTreeSet<_> =
        shown.map(|name| ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)).collect();
    assert_eq!(shown, measured);
}

#[test]
fn codes_that_are_named_exist() {
    let known = read("cosign-core/src/error.rs");
    let named = read("packaging/alerts.yml") + &read("OPERATIONS.md");
    let codes = words(&named, "E_");
    assert!(codes.len() > 1);
    for code in codes {
        assert!(known.contains(&format!("\"{code}\"")), "{code}");
    }
}
