//! What users do about certificates and with them.

use std::{process::Command, sync::Arc};

use cosign_client::ProtectionKey;
use cosign_core::ClientKey;
use serde_json::{Value, json};

use crate::process::program;

use super::{
    Certified, Operator, User,
    phone::{agreement, digest_of},
    text,
};

/// The path of an application.
#[must_use]
pub fn path_of(application: &Value) -> String {
    format!("/v1/applications/{}", text(&application["application_id"]))
}

/// A reviewer decides about an application.
pub fn review(reviewer: &Operator, application: &Value, passed: bool, opinion: &str) -> Value {
    let path = format!("/v1/operator/applications/{}/review", text(&application["application_id"]));
    reviewer.post(&path, &json!({ "passed": passed, "opinion": opinion }))
}

impl User {
    /// Applies for something.
    #[track_caller]
    #[must_use]
    pub fn apply(&self, mut body: Value) -> Value {
        body["agreement"] = "1".into();
        self.post("/v1/applications", &body)
    }

    /// Confirms the form and authorises it by a code; how it stands then.
    #[track_caller]
    pub fn authorise(&self, application: &Value) -> Value {
        let path = path_of(application);
        self.post(&format!("{path}/confirm"), &json!({ "form_attachment_id": self.attach() }));
        self.post(&format!("{path}/authorise"), &self.code("apply"))
    }

    /// Installs what is approved, for a key of the phone.
    #[track_caller]
    #[must_use]
    pub fn install(&self, application: &Value, key: &Arc<ClientKey>) -> (Certified, Value) {
        let protection = ProtectionKey::generate().unwrap();
        let body =
            json!({ "csr": self.phone().csr(key), "protection_key": protection.public_key().to_spki_pem() });
        let installed = self.post(&format!("{}/install", path_of(application)), &body);
        let opener = installed["enveloped_key"]
            .as_str()
            .map(|delivered| self.phone().take_over(&text(&installed["key_id"]), delivered, protection));
        let holding = self.get(&format!("/v1/holdings/{}", text(&installed["holding_id"])));
        (Certified { holding, key: Arc::clone(key), opener }, installed)
    }

    /// Applies for a pair of certificates, has it passed, and installs it for a new key.
    #[track_caller]
    #[must_use]
    pub fn certified(&self, reviewer: &Operator) -> Certified {
        let application = self.apply(json!({ "business": "new", "authority": "demo", "dual": true }));
        assert_eq!(self.authorise(&application)["state"], "review");
        assert_eq!(review(reviewer, &application, true, "")["state"], "approved");
        self.install(&application, &self.phone().make_key("certified")).0
    }

    /// Scans a code.
    #[track_caller]
    #[must_use]
    pub fn scan(&self, code: &Value) -> Value {
        self.post("/v1/scans", &json!({ "code": code["code"] }))
    }

    /// How a scan stands.
    #[track_caller]
    #[must_use]
    pub fn look(&self, scan: &Value) -> Value {
        self.get(&path(scan, ""))
    }

    /// Chooses a certificate for a scan.
    #[track_caller]
    #[must_use]
    pub fn choose(&self, scan: &Value, with: &Certified) -> Value {
        self.post(&path(scan, "/choose"), &with.name())
    }

    /// Enters the PIN: signs what is agreed with, and all that is to be signed besides.
    #[track_caller]
    pub fn confirm(&self, scan: &Value, with: &Certified, share: bool) -> Value {
        // Nothing is signed that is not what the phone shows.
        let shown = agreement(scan, &[]);
        assert_eq!(scan["agreement"], hex::encode(&shown));
        assert_eq!(scan["to_sign"][0], digest_of(&with.key, &shown));
        self.post(&path(scan, "/sign"), &json!({ "signatures": self.signatures(scan, with), "share": share }))
    }

    /// Signs what came since.
    #[track_caller]
    pub fn sign_more(&self, scan: &Value, with: &Certified) -> Value {
        let scan = self.look(scan);
        self.post(&path(&scan, "/sign"), &json!({ "signatures": self.signatures(&scan, with) }))
    }

    /// Signatures of all that is to be signed.
    #[track_caller]
    #[must_use]
    pub fn signatures(&self, scan: &Value, with: &Certified) -> Vec<String> {
        let digests: Vec<_> = scan["to_sign"].as_array().unwrap().iter().map(text).collect();
        self.phone().sign(&with.key, &digests)
    }

    /// Whether a sealed document is valid to whoever trusts the authority in `root.cer`: `smsign verify`.
    #[must_use]
    pub fn verifies(&self, name: &str, document: &[u8]) -> bool {
        let folder = self.phone().folder();
        std::fs::write(folder.join(name), document).unwrap();
        let mut verify = Command::new(program("smsign"));
        verify.args(["verify", name, "--roots", "root.cer", "--json"]).current_dir(folder);
        verify.env("SMSIGN_HOME", self.phone().store()).output().unwrap().status.success()
    }

    /// What else is done with a scan.
    #[track_caller]
    pub fn step(&self, scan: &Value, step: &str) -> Value {
        self.post(&path(scan, &format!("/{step}")), &json!({}))
    }

    /// Scans a code and chooses a certificate.
    #[track_caller]
    #[must_use]
    pub fn chosen(&self, code: &Value, with: &Certified) -> Value {
        self.choose(&self.scan(code), with)
    }
}

/// The path of a scan, and of what is done with it.
#[must_use]
pub fn path(scan: &Value, what: &str) -> String {
    format!("/v1/scans/{}{what}", text(&scan["scan_id"]))
}
