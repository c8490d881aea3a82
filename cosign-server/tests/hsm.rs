//! The master key in a security module: SoftHSM2, with a token of its own in a temporary folder.
#![cfg(feature = "pkcs11")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it left out"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::Attribute,
    session::UserType,
    types::AuthPin,
};

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

struct Hsm {
    folder: tempfile::TempDir,
    module: &'static str,
}

impl Hsm {
    /// A fresh token; nothing without SoftHSM2.
    fn new() -> Option<Self> {
        let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
            assert!(std::env::var_os("COSIGN_TEST_REQUIRE_HSM").is_none(), "SoftHSM2 is not installed");
            eprintln!("NOT TESTED: SoftHSM2 is not installed (Debian package softhsm2)");
            return None;
        };
        let hsm = Self { folder: tempfile::tempdir().unwrap(), module };
        fs::create_dir(hsm.path("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", hsm.path("tokens").display());
        fs::write(hsm.path("softhsm2.conf"), conf).unwrap();
        let mut init = Command::new("softhsm2-util");
        init.args(["--init-token", "--free", "--label", "cosign", "--pin", "271828", "--so-pin", "314159"]);
        let made = init.env("SOFTHSM2_CONF", hsm.path("softhsm2.conf")).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        hsm.pin("271828");
        Some(hsm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pin(&self, pin: &str) {
        fs::write(self.path("pin"), format!("{pin}\n")).unwrap();
        fs::set_permissions(self.path("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn uri(&self, token: &str, object: &str) -> String {
        let pin = self.path("pin");
        let (module, pin) = (self.module, pin.display());
        format!("pkcs11:token={token};object={object}?module-path={module}&pin-source=file:{pin}")
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cosign-server"))
            .args(args)
            .env("COSIGN_CONFIG", self.path("data/cosign.toml"))
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .output()
            .unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn refused(&self, args: &[&str], words: &str) {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(words), "{args:?}: {}", text(&output.stderr));
    }

    /// Names another master key in the configuration.
    fn configure(&self, source: &str) {
        let path = self.path("data/cosign.toml");
        let lines: Vec<String> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| match line.strip_prefix("master_key = ") {
                Some(_) => format!("master_key = '{source}'"),
                None => line.to_owned(),
            })
            .collect();
        fs::write(path, lines.join("\n")).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_master_key_moves_into_a_token_and_out_again() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.done(&["init", "--data", hsm.path("data").to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    let uri = hsm.uri("cosign", "master");
    hsm.configure(&uri);
    hsm.refused(&["rotate-key"], "no AES key of this label");
    hsm.configure("master.key");
    hsm.done(&["master-key", "replace", "--new", &uri]);
    hsm.refused(&["rotate-key"], "another master key");
    fs::remove_file(hsm.path("data/master.key")).unwrap();

    // Each command is a process of its own: the wrapping keys come back from the token.
    hsm.configure(&uri);
    assert!(hsm.done(&["rotate-key", "--all", "--json"]).contains("\"versions\":[2]"));
    hsm.pin("000000");
    hsm.refused(&["rotate-key"], "PIN");
    hsm.pin("271828");
    hsm.configure(&hsm.uri("other", "master"));
    hsm.refused(&["rotate-key"], "no token of this label");

    // Another key of the token opens nothing.
    hsm.configure(&uri);
    hsm.done(&["master-key", "replace", "--new", &hsm.uri("cosign", "second")]);
    hsm.refused(&["rotate-key"], "another master key");
    hsm.configure(&hsm.uri("cosign", "second"));
    let file = hsm.path("data/out.key");
    hsm.done(&["master-key", "replace", "--new", file.to_str().unwrap()]);
    hsm.configure("out.key");
    hsm.done(&["rotate-key"]);
}

#[test]
fn a_key_that_can_be_read_from_the_token_is_refused() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.done(&["init", "--data", hsm.path("data").to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    let mut make = Command::new(std::env::current_exe().unwrap());
    make.args(["--exact", "make_a_key_that_can_be_read", "--ignored"]).env("COSIGN_TEST_MODULE", hsm.module);
    let made = make.env("SOFTHSM2_CONF", hsm.path("softhsm2.conf")).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stdout));
    let uri = hsm.uri("cosign", "readable");
    hsm.refused(&["master-key", "replace", "--new", &uri], "must not be extractable");
}

/// In a process of its own, because the module is configured by the environment.
#[test]
#[ignore = "started by the test that needs the key"]
fn make_a_key_that_can_be_read() {
    let Ok(module) = std::env::var("COSIGN_TEST_MODULE") else { return };
    let module = Pkcs11::new(module).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::from("271828"))).unwrap();
    let label = Attribute::Label(b"readable".to_vec());
    let readable = [Attribute::Token(true), Attribute::Sensitive(false), Attribute::Extractable(true)];
    let template = [&readable[..], &[Attribute::ValueLen(32.into()), label]].concat();
    session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
}
