//! A place to run the program in.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, PublicKey};
use tempfile::TempDir;

/// A folder to work in, with a key store of its own.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smsign"));
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command.env_clear().env("SMSIGN_HOME", self.path("store"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and checks the exit code.
    pub(crate) fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        checked(code, arguments, self.run(arguments))
    }

    /// Runs with `--json` and gives the document.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let arguments = [&["--json"], arguments].concat();
        serde_json::from_slice(&self.expect(code, &arguments).stdout).unwrap()
    }

    /// Runs with `--json` and gives the error.
    pub(crate) fn json_error(&self, code: i32, arguments: &[&str]) -> Value {
        let arguments = [&["--json"], arguments].concat();
        let output = self.expect(code, &arguments);
        assert!(output.stdout.is_empty(), "no data on failure");
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(error["error"]["exit_code"], code);
        error["error"].clone()
    }

    /// Runs and gives what was written to standard error.
    pub(crate) fn said(&self, code: i32, arguments: &[&str]) -> String {
        String::from_utf8(self.expect(code, arguments).stderr).unwrap()
    }

    /// A key pair as [`Desk::key_pair`], with a certificate `NAME.crt` of this name for it.
    pub(crate) fn certified(&self, name: &str) -> PrivateKey {
        let key = self.key_pair(name);
        self.write(&format!("{name}.crt"), certificate(name, key.public_key(), None));
        key
    }

    /// A key pair as PEM files `NAME.key` and `NAME.pem`.
    pub(crate) fn key_pair(&self, name: &str) -> PrivateKey {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        self.write(&format!("{name}.key"), key.to_pkcs8_pem().as_bytes());
        self.write(&format!("{name}.pem"), key.public_key().to_spki_pem());
        key
    }
}

/// A certificate of this name, with a keyUsage if one is given; who issued it nobody asks here.
pub(crate) fn certificate(name: &str, key: &PublicKey, usage: Option<[u8; 2]>) -> Vec<u8> {
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        let head = match body.len() {
            0..=0x7f => vec![tag, len[1]],
            0x80..=0xff => vec![tag, 0x81, len[1]],
            _ => vec![tag, 0x82, len[0], len[1]],
        };
        [head, body].concat()
    }
    let algorithm = tlv(0x30, &[&[6, 8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x75]]);
    let name = tlv(0x30, &[&[6, 3, 0x55, 4, 3], &tlv(0x0c, &[name.as_bytes()])]);
    let name = tlv(0x30, &[&tlv(0x31, &[&name])]);
    let time = tlv(0x17, &[b"260101000000Z"]);
    let (version, validity) = (tlv(0xa0, &[&[2, 1, 2]]), tlv(0x30, &[&time, &time]));
    let extensions = usage.map(|bits| {
        let usage = tlv(0x30, &[&[6, 3, 0x55, 0x1d, 0x0f], &tlv(4, &[&tlv(3, &[&bits])])]);
        tlv(0xa3, &[&tlv(0x30, &[&usage])])
    });
    let extensions = extensions.unwrap_or_default();
    let key = key.to_spki_der();
    let body = tlv(0x30, &[&version, &[2, 1, 5], &algorithm, &name, &validity, &name, &key, &extensions]);
    tlv(0x30, &[&body, &algorithm, &tlv(3, &[&[0, 0x30, 0]])])
}

pub(crate) fn checked(code: i32, arguments: &[&str], output: Output) -> Output {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    output
}

/// The folder of other programs' files, where it is present.
pub(crate) fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("COSIGN_SAMPLES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/samples"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        eprintln!("skipped: samples not present");
        return None;
    }
    Some(folder)
}

/// Runs with something on standard input.
pub(crate) fn piped(desk: &Desk, code: i32, arguments: &[&str], input: &[u8]) -> Output {
    use std::io::Write;

    let mut command = desk.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = checked(code, arguments, child.wait_with_output().unwrap());
    writer.join().unwrap();
    output
}
