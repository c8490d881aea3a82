//! Operators at a running server, with the programs as they run them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::process::Output;

use cosign_tests::process::{ServerFolder, Signer, failed, succeeded};
use serde_json::Value;

/// Somebody with a device.
struct Person<'a> {
    signer: Signer,
    folder: &'a ServerFolder,
    device: String,
}

impl<'a> Person<'a> {
    /// Enrolled, and an operator with this role if one is given.
    fn new(folder: &'a ServerFolder, name: &str, role: Option<&str>) -> Self {
        let mut person = Self { signer: Signer::new(folder, "quic"), folder, device: String::new() };
        let code = folder.enrolment_code();
        let enrolled = person.json(&["enrol", "--enrol-code", &code, "--device-name", name]);
        person.device = enrolled["device_id"].as_str().unwrap().to_owned();
        if let Some(role) = role {
            let grant = ["operator", "grant", "--device", &person.device, "--name", name, "--role", role];
            assert_eq!(folder.admin_json(&grant)[0]["operators"][0]["roles"][0], role);
        }
        person
    }

    fn operator(&self, arguments: &[&str]) -> Output {
        let mut command = self.signer.command(&[&["operator"], arguments].concat());
        command.env("SMSIGN_SERVER", self.folder.address().to_string());
        command.env("SMSIGN_CA", self.folder.file("ca.pem")).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = succeeded(&self.operator(&[arguments, &["--json"]].concat()));
        serde_json::from_str(&text).unwrap()
    }

    /// Is refused, for a reason with these words.
    #[track_caller]
    fn refused(&self, arguments: &[&str], words: &str) {
        let why = failed(&self.operator(arguments), 5);
        assert!(why.contains(words), "{why}");
    }

    fn propose(&self, what: &[&str]) -> String {
        let reason = ["--reason", "the owner came by"];
        let made = self.json(&[&["propose"], what, &reason].concat());
        assert_eq!(made["state"], "open");
        made["proposal"].as_str().unwrap().to_owned()
    }
}

#[test]
fn two_administrators_do_together_what_one_may_not() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let ada = Person::new(&folder, "Ada", Some("administrator"));
    let ben = Person::new(&folder, "Ben", Some("administrator"));
    let aud = Person::new(&folder, "Aud", Some("auditor"));
    let nobody = Person::new(&folder, "Nobody", None);
    nobody.refused(&["whoami"], "no operator");
    assert_eq!(aud.json(&["whoami"])["roles"][0], "auditor");

    let owner = Signer::with_keys(&folder, "quic");
    let file = owner.write("a.txt", b"a contract");
    let sign = || owner.run(&["sign", file.to_str().unwrap(), "--force"]);
    succeeded(&sign());
    let keys = aud.json(&["keys", "--status", "active"]);
    let keys = keys["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["purpose"] == "sign").unwrap()["key_id"].as_str().unwrap();
    aud.refused(&["freeze", key], "role administrator");
    assert_eq!(ada.json(&["freeze", key])["status"], "suspended");
    failed(&sign(), 4);

    let proposal = ada.propose(&["unfreeze", key]);
    ada.refused(&["approve", &proposal], "another administrator");
    aud.refused(&["approve", &proposal], "role administrator");
    failed(&sign(), 4);
    assert_eq!(ben.json(&["proposals", "--state", "open"])["proposals"][0]["proposal"], proposal);
    assert_eq!(ben.json(&["approve", &proposal])["state"], "executed");
    succeeded(&sign());
    let log = folder.audit();
    let record = log.iter().find(|record| record["act"] == "unfreeze").unwrap();
    assert_eq!(record["device_id"], ben.device);
    assert!(record["note"].as_str().unwrap().ends_with(&format!("by {}", ada.device)));

    // Withdrawn on the command line, which a running server obeys; what she proposed is not executed.
    let proposal = ada.propose(&["revoke", key, "--all-shares"]);
    succeeded(&folder.admin(&["operator", "withdraw", "--device", &ada.device]));
    ada.refused(&["withdraw", &proposal], "role administrator");
    ben.refused(&["approve", &proposal], "no administrator");
    assert_eq!(ben.json(&["reject", &proposal])["state"], "rejected");
    succeeded(&sign());

    let auditor = ["operator", "grant", "--device", &aud.device, "--name", "Aud", "--role", "reviewer"];
    assert!(failed(&folder.admin(&auditor), 4).contains("no other role"));
    let shown = succeeded(&folder.admin(&["operator", "list"]));
    assert!(shown.contains("Ada  withdrawn") && shown.contains("Ben  administrator"), "{shown}");
    succeeded(&folder.admin(&["audit", "verify"]));
    server.stop();
}
