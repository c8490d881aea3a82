//! Users without a device key: they register by phone, log in at any node, and stay logged in when nodes come and go.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use cosign_tests::{
    network::{HttpAnswer, Peer},
    people::use_sandboxes,
    process::{ServerFolder, Signer, succeeded, wait_for},
};
use serde_json::{Value, json};

const PHONE: &str = "13800138000";
const PASSWORD: &str = "Correct-horse7";

struct Browser {
    peer: Peer,
    runtime: tokio::runtime::Runtime,
}

impl Browser {
    fn at(folder: &ServerFolder) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { peer: Peer::new(folder.address(), &folder.file("ca.pem"), None), runtime }
    }

    fn ask(&self, head: &str, token: &str, body: &Value) -> HttpAnswer {
        let head =
            format!("{head} HTTP/1.1\r\ncontent-type: application/json\r\nauthorization: Bearer {token}");
        self.runtime.block_on(self.peer.http(&head, body.to_string().as_bytes())).unwrap()
    }

    fn json(&self, head: &str, token: &str, body: &Value) -> Value {
        let answer = self.ask(head, token, body);
        assert!(answer.status < 300, "{}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn log_in(&self) -> Value {
        let wanted = json!({ "phone": PHONE, "purpose": "login" });
        let sent = self.json("POST /v1/sms-codes", "", &wanted);
        assert_eq!(sent["sandbox"], true, "it says that it is one");
        // One of the nodes has taken it on, and kept the text.
        let text = wait_for("the text", || {
            let kept = self.json(&format!("GET /v1/sandbox/texts?phone={PHONE}"), "", &json!({}));
            kept["texts"][0]["text"].as_str().map(str::to_owned)
        });
        let login =
            json!({ "code_id": sent["code_id"], "code": text, "device": "browser", "agreement": "1" });
        self.json("POST /v1/sessions", "", &login)
    }
}

/// Nodes that keep texts instead of sending them.
fn sandboxes() -> ServerFolder {
    let folder = ServerFolder::new();
    use_sandboxes(&folder);
    folder
}

#[test]
fn the_command_line_does_what_a_browser_does() {
    let folder = sandboxes();
    let server = folder.start();
    for transport in ["quic", "http2"] {
        let signer = Signer::new(&folder, transport);
        let account = |arguments: &[&str]| {
            let mut command = signer.command(&[&["account", "--json"], arguments].concat());
            command
                .env("SMSIGN_SERVER", folder.address().to_string())
                .env("SMSIGN_CA", folder.file("ca.pem"));
            command
        };
        let json = |arguments: &[&str]| -> Value {
            serde_json::from_str(&succeeded(&account(arguments).output().unwrap())).unwrap()
        };
        let phone = if transport == "quic" { PHONE } else { "13900139000" };
        let refused = account(&["get", "/v1/account"]).output().unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("nobody is logged in"));
        let code_id = json(&["code", phone])["code_id"].as_str().unwrap().to_owned();
        let browser = Browser::at(&folder);
        let code = wait_for("the text", || {
            let kept = browser.json(&format!("GET /v1/sandbox/texts?phone={phone}"), "", &json!({}));
            kept["texts"][0]["text"].as_str().map(str::to_owned)
        });
        let login = json(&["login", "--code-id", &code_id, "--code", &code, "--agree", "1"]);
        assert_eq!((&login["registered"], &login["token"]), (&json!(true), &Value::Null));
        let file = signer.write("card.png", b"\x89PNG\r\n\x1a\ncard");
        let attached = json(&["attach", file.to_str().unwrap()]);
        assert_eq!(attached["attachment_id"].as_str().unwrap().len(), 32);
        let own = json(&["get", "/v1/account"]);
        assert_eq!(own["account_id"], login["account_id"]);
        let code_id = json(&["code", phone, "--for", "password"])["code_id"].as_str().unwrap().to_owned();
        let code = wait_for("another text", || {
            let kept = browser.json(&format!("GET /v1/sandbox/texts?phone={phone}"), "", &json!({}));
            kept["texts"][0]["text"].as_str().filter(|text| *text != code).map(str::to_owned)
        });
        let new = json!({ "code_id": code_id, "code": code, "password": PASSWORD });
        assert_eq!(json(&["post", "/v1/account/password", &new.to_string()]), Value::Null);
        let wrong = json!({ "understood": true, "code_id": "x", "code": "000000" }).to_string();
        let wrong = account(&["post", "/v1/account/cancel", &wrong]).output().unwrap();
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("code_invalid"));
        assert_eq!(json(&["logout"]), Value::Null);
        assert!(!account(&["get", "/v1/account"]).output().unwrap().status.success());
        // With a password from here; from elsewhere the phone has to be proven.
        assert_eq!(login["terminal_token"], Value::Null);
        let stranger = Signer::new(&folder, transport);
        for (signer, known) in [(&signer, true), (&stranger, false)] {
            let mut command = signer.command(&["account", "--json", "login", "--phone", phone]);
            command
                .env("SMSIGN_SERVER", folder.address().to_string())
                .env("SMSIGN_CA", folder.file("ca.pem"));
            let output = command.env("SMSIGN_LOGIN_PASSWORD", PASSWORD).output().unwrap();
            assert_eq!(output.status.success(), known, "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stderr).contains("phone_needed"), !known);
        }
    }
    server.stop();
}

#[test]
fn a_login_outlives_the_server() {
    let folder = sandboxes();
    let server = folder.start();
    let browser = Browser::at(&folder);
    let login = browser.log_in();
    assert_eq!(login["registered"], true);
    let token = login["token"].as_str().unwrap().to_owned();
    server.kill();
    let server = folder.start();
    // At whatever node.
    for _ in 0..4 {
        let account = browser.json("GET /v1/account", &token, &json!({}));
        assert_eq!(
            (&account["account_id"], &account["phone"]),
            (&login["account_id"], &json!("+86138****8000"))
        );
    }
    assert_eq!(browser.ask("POST /v1/session/end", &token, &json!({})).status, 204);
    for _ in 0..4 {
        assert_eq!(browser.ask("GET /v1/account", &token, &json!({})).code(), "not_logged_in");
    }
    server.stop();
}

#[test]
fn without_a_provider_there_are_no_codes() {
    let folder = ServerFolder::on_file();
    let server = folder.start();
    let browser = Browser::at(&folder);
    let refused = browser.ask("POST /v1/sms-codes", "", &json!({ "phone": PHONE, "purpose": "login" }));
    assert_eq!((refused.status, refused.code()), (501, "not_offered".to_owned()));
    let kept = browser.ask(&format!("GET /v1/sandbox/texts?phone={PHONE}"), "", &json!({}));
    assert_eq!(kept.code(), "not_found");
    server.stop();
}
