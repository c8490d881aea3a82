//! Everybody who has to do with the office of a running server: users with phones, operators, trading platforms.

use std::{fs, path::PathBuf, process::Output};

use serde_json::{Value, json};
use sm_primitives::sm2::PrivateKey;
use tokio::runtime::{Builder, Runtime};

use crate::{
    network::{Device, Peer},
    process::{ServerFolder, Signer, succeeded, wait_for},
};

/// Lets the nodes of a server use the sandboxes that come with it, and one text to a phone follow the other.
///
/// # Panics
/// When the configuration is not as `init` made it.
pub fn use_sandboxes(folder: &ServerFolder) {
    for node in 0..folder.nodes().len() {
        let file = folder.node_folder(node).join("cosign.toml");
        let text = fs::read_to_string(&file).unwrap();
        let end =
            text.find("[providers]").map(|at| text[at..].find("\n\n").map_or(text.len(), |end| at + end));
        let at = text.find("[providers]").unwrap();
        let (before, rest) = text.split_at(at);
        let (providers, after) = rest.split_at(end.unwrap() - at);
        let changed = providers.replace("\"none\"", "\"sandbox\"");
        assert_ne!(changed, providers);
        let after = after.replace("sms_pause_s = 60", "sms_pause_s = 0");
        fs::write(file, format!("{before}{changed}{after}")).unwrap();
    }
}

/// A user with a phone.
pub struct User<'a> {
    folder: &'a ServerFolder,
    signer: Signer,
    phone: String,
}

impl<'a> User<'a> {
    /// Somebody who has never logged in. `enrolled`: the phone is an enrolled device, which can have keys.
    #[must_use]
    pub fn new(folder: &'a ServerFolder, phone: &str, enrolled: bool) -> Self {
        let signer = Signer::new(folder, "http2");
        if enrolled {
            enrol(folder, &signer, "phone");
        }
        Self { folder, signer, phone: phone.to_owned() }
    }

    /// The same person on another phone, which is logged out.
    #[must_use]
    pub fn on_another_phone(&self) -> Self {
        Self::new(self.folder, &self.phone, true)
    }

    /// The signer of this phone.
    #[must_use]
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }

    fn account(&self, arguments: &[&str]) -> Output {
        at(self.folder, &self.signer, &[&["account", "--json"], arguments].concat())
    }

    /// A code for something, read off the phone: its id and itself.
    #[must_use]
    pub fn code(&self, purpose: &str) -> (String, String) {
        let sent = json_of(&self.account(&["code", &self.phone, "--for", purpose]));
        let code = wait_for("the text", || self.newest_text());
        (text(&sent["code_id"]), code)
    }

    /// The newest code that came to the phone.
    fn newest_text(&self) -> Option<String> {
        let browser = Caller::new(self.folder, None);
        let kept = browser.get(&format!("/v1/sandbox/texts?phone={}", self.phone));
        let texts = kept["texts"].as_array().unwrap();
        texts.iter().find(|one| one["template"] == "code").map(|one| text(&one["text"]))
    }

    /// Logs in by a code.
    #[must_use]
    pub fn log_in(self) -> Self {
        let (id, code) = self.code("login");
        succeeded(&self.account(&["login", "--code-id", &id, "--code", &code, "--agree", "1"]));
        self
    }

    /// What is there.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        json_of(&self.account(&["get", path]))
    }

    /// Does something.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        json_of(&self.account(&["post", path, &body.to_string()]))
    }

    /// Is refused, with this code.
    #[track_caller]
    pub fn refused(&self, path: &str, body: &Value, code: &str) {
        is_refused(&self.account(&["post", path, &body.to_string()]), path, code);
    }

    /// Hands in a picture; gives its id.
    #[must_use]
    pub fn attach(&self) -> String {
        let file = self.signer.write("picture.png", b"\x89PNG\r\n\x1a\npicture");
        text(&json_of(&self.account(&["attach", file.to_str().unwrap()]))["attachment_id"])
    }
}

/// An operator with one role.
pub struct Operator {
    caller: Caller,
    _signer: Signer,
}

impl Operator {
    /// Enrols a device and grants it the role.
    #[must_use]
    pub fn new(folder: &ServerFolder, name: &str, role: &str) -> Self {
        let signer = Signer::new(folder, "http2");
        let device = enrol(folder, &signer, name);
        succeeded(&folder.admin(&["operator", "grant", "--device", &device, "--name", name, "--role", role]));
        let caller = Caller::new(folder, Some(Device::of_store(&signer.home())));
        Self { caller, _signer: signer }
    }

    /// What is there.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.caller.get(path)
    }

    /// Does something.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.caller.post(path, body)
    }

    /// Is refused, with this code.
    #[track_caller]
    pub fn refused(&self, path: &str, body: &Value, code: &str) {
        assert_eq!(self.caller.asked("POST", path, body).1["code"], code, "{path}");
    }
}

/// A trading platform: a client of the API with a key of its own.
pub struct Platform<'a> {
    folder: &'a ServerFolder,
    signer: Signer,
    key: PathBuf,
    /// As the operator called it.
    pub client_id: String,
}

impl<'a> Platform<'a> {
    /// Registers one with these scopes.
    #[must_use]
    pub fn new(folder: &'a ServerFolder, name: &str, scopes: &[&str]) -> Self {
        let signer = Signer::new(folder, "http2");
        let bytes: Vec<u8> = name.bytes().cycle().take(32).collect();
        let private = PrivateKey::from_bytes(bytes.as_slice().try_into().unwrap()).unwrap();
        let pem = signer.write("client.pem", private.public_key().to_spki_pem().as_bytes());
        let key = signer.write("client.key", hex::encode(bytes).as_bytes());
        let mut add = vec!["client", "add", "--name", name, "--public-key", pem.to_str().unwrap()];
        for scope in scopes {
            add.extend(["--scope", scope]);
        }
        let client_id = text(&folder.admin_json(&add)[0]["client_id"]);
        Self { folder, signer, key, client_id }
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let key = self.key.to_str().unwrap();
        let all = ["api", "--json", "--client-key", key, "--client-id", &self.client_id];
        at(self.folder, &self.signer, &[&all, arguments].concat())
    }

    /// What is there.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        json_of(&self.call(&["get", path]))
    }

    /// Does something.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        json_of(&self.call(&["post", path, &body.to_string()]))
    }

    /// Is refused, with this code.
    #[track_caller]
    pub fn refused(&self, path: &str, body: &Value, code: &str) {
        is_refused(&self.call(&["post", path, &body.to_string()]), path, code);
    }
}

/// Requests over HTTP/1.1, by a device or by nobody.
struct Caller {
    peer: Peer,
    runtime: Runtime,
}

impl Caller {
    fn new(folder: &ServerFolder, device: Option<Device>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { peer: Peer::new(folder.address(), &folder.file("ca.pem"), device), runtime }
    }

    fn asked(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let head = format!("{method} {path} HTTP/1.1\r\ncontent-type: application/json");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let answer = self.runtime.block_on(self.peer.http(&head, body.as_bytes())).unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.asked("GET", path, &json!({}));
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.asked("POST", path, body);
        assert!((200..300).contains(&status), "{path}: {answer}");
        answer
    }
}

/// Enrols the device of a signer; gives its id.
fn enrol(folder: &ServerFolder, signer: &Signer, name: &str) -> String {
    let code = folder.enrolment_code();
    let enrol = ["operator", "--json", "enrol", "--enrol-code", &code, "--device-name", name];
    text(&json_of(&at(folder, signer, &enrol))["device_id"])
}

fn at(folder: &ServerFolder, signer: &Signer, arguments: &[&str]) -> Output {
    let mut command = signer.command(arguments);
    command.env("SMSIGN_SERVER", folder.address().to_string()).env("SMSIGN_CA", folder.file("ca.pem"));
    command.output().unwrap()
}

#[track_caller]
fn is_refused(output: &Output, path: &str, code: &str) {
    let why: Value = serde_json::from_slice(&output.stderr).unwrap_or_default();
    assert_eq!((output.status.success(), &why["error"]["code"]), (false, &json!(code)), "{path}: {why}");
}

#[track_caller]
fn json_of(output: &Output) -> Value {
    serde_json::from_str(&succeeded(output)).unwrap()
}

/// A text of an answer.
#[track_caller]
#[must_use]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
