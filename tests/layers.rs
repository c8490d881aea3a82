//! The structure of the project as rules that a machine checks. Every rule is also given a planted violation.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

use std::{collections::BTreeMap, process::Command};

use cosign_tests::source::{self, code, has_word};
use toml::{Table, Value};

/// What a crate may use of the workspace, for any purpose, its tests included. Nothing shipped uses what is not here.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("sm-primitives", &[]),
    ("cosign-core", &["sm-primitives"]),
    ("envelope", &["sm-primitives"]),
    ("pki", &["sm-primitives", "envelope"]),
    ("seal", &["sm-primitives", "envelope", "pki"]),
    ("cosign-client", &["sm-primitives", "cosign-core", "envelope", "pki", "seal"]),
    ("cosign-server", &["sm-primitives", "cosign-core", "envelope", "pki", "seal"]),
];
/// Packages that may use everything and that nothing uses but each other.
const UNSHIPPED: [&str; 3] = ["cosign-tests", "cosign-benches", "cosign-fuzz"];
/// No sockets, no clock, no tasks, no database.
const PURE: [&str; 5] = ["sm-primitives", "cosign-core", "envelope", "pki", "seal"];
/// Packages that do input and output.
const EFFECTS: [&str; 10] =
    ["tokio", "quinn", "quinn-proto", "sqlx", "sqlx-core", "hyper", "h3", "axum", "rustls", "mio"];
const MAX_LINES: usize = 600;

type Files = [(String, String)];

/// Path dependencies of a manifest, whatever they are for.
fn workspace_dependencies(manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let mut tables = vec![manifest];
    while let Some(table) = tables.pop() {
        for (name, value) in table {
            let Value::Table(inner) = value else { continue };
            if name.ends_with("dependencies") {
                found.extend(inner.keys().cloned());
            } else if name != "package" {
                tables.push(inner);
            }
        }
    }
    found
}

/// Every dependency that [`ALLOWED`] does not list.
fn wrong_directions(manifests: &BTreeMap<String, Table>) -> Vec<String> {
    let ours: Vec<_> = manifests.keys().cloned().collect();
    let mut wrong = Vec::new();
    for (package, manifest) in manifests {
        if UNSHIPPED.contains(&package.as_str()) {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(name, _)| name == package);
        let Some((_, allowed)) = allowed else {
            wrong.push(format!("{package} has no place in the layers"));
            continue;
        };
        for dependency in workspace_dependencies(manifest) {
            if ours.contains(&dependency) && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{package} uses {dependency}"));
            }
        }
    }
    wrong
}

fn manifests() -> BTreeMap<String, Table> {
    let files = source::files();
    let texts = files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    texts
        .map(|(path, text)| {
            let manifest: Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
            (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut manifests = manifests();
    for name in ALLOWED.iter().map(|(name, _)| name).chain(&UNSHIPPED) {
        assert!(manifests.contains_key(*name), "{name} is missing");
    }
    assert_eq!(wrong_directions(&manifests), Vec::<String>::new());

    let planted: Table =
        "[dependencies]\nsm-primitives = {}\n[target.'cfg(unix)'.dev-dependencies]\ncosign-core = {}\n"
            .parse()
            .unwrap();
    manifests.insert("envelope".into(), planted);
    manifests.insert("ledger".into(), Table::new());
    let planted: Table = "dev-dependencies.cosign-tests.workspace = true".parse().unwrap();
    manifests.insert("cosign-client".into(), planted);
    assert_eq!(
        wrong_directions(&manifests),
        ["cosign-client uses cosign-tests", "envelope uses cosign-core", "ledger has no place in the layers"]
    );
}

#[test]
fn a_dependency_under_another_name_is_seen() {
    // `[workspace.dependencies]` names every crate as its package is named, so that the rule above sees all of them.
    let root = source::files().into_iter().find(|(path, _)| path == "Cargo.toml").unwrap().1;
    let root: Table = root.parse().unwrap();
    for (name, value) in root["workspace"]["dependencies"].as_table().unwrap() {
        assert!(value.get("package").is_none(), "{name} renames a package");
    }
    for (package, manifest) in manifests() {
        let text = manifest.to_string();
        assert!(
            package == "cosign-fuzz" || !text.contains("path = \".."),
            "{package} goes around the workspace"
        );
    }
}

/// Names of everything that a package is built from.
fn tree(package: &str) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "-p",
            package,
        ])
        .current_dir(source::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn effects(packages: &[String]) -> Vec<&String> {
    packages.iter().filter(|package| EFFECTS.contains(&package.as_str())).collect()
}

#[test]
fn the_pure_crates_are_built_from_pure_crates() {
    for package in PURE {
        let packages = tree(package);
        assert_eq!(packages[0], package);
        assert!(effects(&packages).is_empty(), "{package} is built from {:?}", effects(&packages));
    }
    assert!(!effects(&tree("cosign-client")).is_empty(), "the rule sees effects where they are");
}

/// Where `unsafe` stands that may not. Tests and examples of the engines may, if they say why, and so may the tests that
/// look at freed memory and count what is allocated, and what calls libraries in C as yardsticks.
fn unsafe_code(files: &Files) -> Vec<&str> {
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    rust.filter(|(path, text)| {
        let beside = ["sm-primitives/tests/", "sm-primitives/examples/", "tests/wiped/", "tests/allocation/"]
            .iter()
            .any(|start| path.starts_with(start));
        let stated = beside && code(text).contains("unsafe_code") && text.contains("reason =");
        let free = ["sm-primitives/src/low", "fuzz/", "benches/src/foreign"]
            .iter()
            .any(|start| path.starts_with(start))
            || stated;
        !free && has_word(&code(text), "unsafe")
    })
    .map(|(path, _)| path.as_str())
    .collect()
}

#[test]
fn unsafe_code_stands_in_one_folder() {
    assert_eq!(unsafe_code(&source::files()), Vec::<&str>::new());
    let planted = [
        ("sm-primitives/src/low/x86.rs", "unsafe fn a() {}"),
        ("sm-primitives/src/mid/x.rs", "fn a() { unsafe { b() } }"),
        ("sm-primitives/tests/x.rs", "unsafe fn a() {}"),
        ("tests/wiped/x.rs", "unsafe fn a() {}"),
        ("tests/allocation/x.rs", "unsafe fn a() {}"),
        (
            "sm-primitives/tests/y.rs",
            "#![expect(unsafe_code, reason = \"reads freed memory\")]\nunsafe fn a() {}",
        ),
        ("cosign-core/src/x.rs", "// unsafe\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\";"),
        ("cosign-core/src/y.rs", "unsafe impl Send for A {}"),
        ("benches/src/foreign/x.rs", "unsafe fn a() {}"),
        ("benches/src/x.rs", "unsafe fn a() {}"),
    ];
    let planted = planted.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(
        unsafe_code(&planted),
        [
            "sm-primitives/src/mid/x.rs",
            "sm-primitives/tests/x.rs",
            "tests/wiped/x.rs",
            "tests/allocation/x.rs",
            "cosign-core/src/y.rs",
            "benches/src/x.rs"
        ]
    );
}

/// Where a pure crate names a clock, a socket or a task. What stands behind `#[cfg(test)]` at the end of a file counts
/// as well: nothing there needs them.
fn impure_names(files: &Files) -> Vec<String> {
    const NAMES: [&str; 6] = ["SystemTime", "Instant::now", "std::net", "tokio", "std::thread", "async"];
    let mut found = Vec::new();
    for (path, text) in files {
        if PURE.iter().any(|package| path.starts_with(&format!("{package}/src/"))) && path.ends_with(".rs") {
            let code = code(text);
            found.extend(
                NAMES.iter().filter(|name| has_word(&code, name)).map(|name| format!("{path}: {name}")),
            );
        }
    }
    found
}

#[test]
fn the_pure_crates_name_no_clock_and_no_socket() {
    assert_eq!(impure_names(&source::files()), Vec::<String>::new());
    let planted = [
        ("cosign-core/src/x.rs", "use std::time::SystemTime;"),
        ("envelope/src/io/x.rs", "let now = Instant::now(); // std::net"),
        ("cosign-server/src/x.rs", "use tokio::net;"),
    ];
    let planted = planted.map(|(path, text)| (path.to_owned(), text.to_owned()));
    assert_eq!(
        impure_names(&planted),
        ["cosign-core/src/x.rs: SystemTime", "envelope/src/io/x.rs: Instant::now"]
    );
}

#[test]
fn the_protocol_and_the_engines_need_no_standard_library() {
    for package in ["sm-primitives", "cosign-core"] {
        let path = format!("{package}/src/lib.rs");
        let text = source::files().into_iter().find(|(name, _)| *name == path).unwrap().1;
        assert!(code(&text).contains("#![no_std]"), "{path}");
    }
}

/// Texts that are one whole by their nature: a licence, the specification of the protocol.
const WHOLE: [&str; 2] = ["LICENSE", "cosign-core/SPEC.md"];

/// Files that are too long to be read, tables made by a program excepted.
fn long_files(files: &Files) -> Vec<&str> {
    let written = files.iter().filter(|(path, _)| {
        [".rs", ".md", ".toml", ".sql", ".sh"].iter().any(|end| path.ends_with(end)) || !path.contains('.')
    });
    written
        .filter(|(_, text)| !text.lines().take(3).any(|line| line.contains("@generated")))
        .filter(|(path, text)| text.lines().count() > MAX_LINES && !WHOLE.contains(&path.as_str()))
        .map(|(path, _)| path.as_str())
        .collect()
}

#[test]
fn no_file_is_too_long() {
    assert_eq!(long_files(&source::files()), Vec::<&str>::new());
    let long = "a\n".repeat(MAX_LINES + 1);
    let planted = [
        ("a.rs".to_owned(), long.clone()),
        ("b.rs".to_owned(), format!("//! @generated by c\n{long}")),
        ("c.rs".to_owned(), "a\n".repeat(MAX_LINES)),
    ];
    assert_eq!(long_files(&planted), ["a.rs"]);
}

/// Where a file speaks of the place it was written in instead of itself.
fn foreign_words(files: &Files) -> Vec<&str> {
    // Put together here, so that this file does not hold them.
    let words =
        [concat!("/wo", "rk/"), concat!("/tm", "p/plan"), concat!("sub", "agent"), concat!("anth", "ropic")];
    let holds = |text: &str| words.iter().any(|word| text.to_lowercase().contains(word));
    files.iter().filter(|(_, text)| holds(text)).map(|(path, _)| path.as_str()).collect()
}

#[test]
fn the_project_speaks_of_itself() {
    assert_eq!(foreign_words(&source::files()), Vec::<&str>::new());
    let planted = [
        ("a.md".to_owned(), format!("see {}", concat!("/Wo", "rk/a"))),
        ("b.md".to_owned(), "network".to_owned()),
    ];
    assert_eq!(foreign_words(&planted), ["a.md"]);
}
