//! The layers are what they say: a test reads the sources.

use std::{fs, path::Path};

/// Layer, and what its sources must not name.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    (
        "domain",
        &["axum", "sqlx", "quinn", "hyper", "tokio::net", "crate::api", "crate::store", "crate::transport"],
    ),
    (
        "signer",
        &[
            "axum",
            "sqlx",
            "quinn",
            "hyper",
            "http",
            "tokio::net",
            "crate::api",
            "crate::store",
            "crate::transport",
        ],
    ),
    ("store", &["axum", "quinn", "hyper", "tokio::net", "crate::api", "crate::signer", "crate::transport"]),
    ("api", &["sqlx", "quinn", "tokio::net", "crate::store", "crate::signer", "crate::transport"]),
    ("transport", &["sqlx", "crate::store", "crate::api", "crate::signer", "cosign_core::server"]),
    (
        "frames",
        &[
            "axum",
            "sqlx",
            "quinn",
            "hyper",
            "http",
            "tokio::net",
            "crate::api",
            "crate::store",
            "crate::signer",
            "crate::transport",
        ],
    ),
    ("telemetry", &["axum", "sqlx", "quinn", "crate::"]),
];

fn sources(path: &Path, out: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), out);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        // Tests wire layers together.
        if path.components().all(|part| part.as_os_str() != "tests" && part.as_os_str() != "tests.rs") {
            let text = fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
            out.push((path.display().to_string(), code));
        }
    }
}

#[test]
fn no_layer_names_what_it_must_not_know() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, forbidden) in FORBIDDEN {
        let mut files = Vec::new();
        sources(&src.join(layer), &mut files);
        sources(&src.join(format!("{layer}.rs")), &mut files);
        assert!(
            files.iter().any(|(path, _)| path.ends_with(&format!("{layer}.rs"))),
            "{layer} was not found"
        );
        for (path, code) in files {
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for name in forbidden {
                    let found = line.contains(&format!("{name}::"))
                        || line.trim_start().starts_with(&format!("{name}::"))
                        || (name.contains("::") && line.contains(name));
                    assert!(!found, "{path}: `{line}` names {name}");
                }
            }
        }
    }
}

#[test]
fn the_clock_is_read_in_one_file() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    for (path, code) in
        files.iter().filter(|(path, _)| !path.ends_with("app/clock.rs") && !path.ends_with("layers.rs"))
    {
        assert!(!code.contains("SystemTime::now") && !code.contains("Instant::now"), "{path} reads a clock");
    }
}
