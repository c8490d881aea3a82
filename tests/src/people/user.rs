//! Users, in a browser or with a phone.

use std::{
    collections::BTreeSet,
    ops::Deref,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{Caller, Phone, text};
use crate::process::{ServerFolder, wait_for};

/// A picture, as far as anybody looks.
pub const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\npicture";

/// The number of somebody who does not exist, of the form of an identity card (GB 11643); another one for each of 0..1000.
#[must_use]
pub fn citizen(which: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("11010519491231{:03}", which % 1000);
    let digits = body.chars().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match (12 - sum % 11) % 11 {
        10 => format!("{body}X"),
        check => format!("{body}{check}"),
    }
}

/// Somebody with a phone number.
pub struct User {
    folder: Arc<ServerFolder>,
    number: String,
    phone: Option<Phone>,
    caller: Caller,
    /// Texts that came before: of which node, and which.
    seen: Mutex<BTreeSet<(usize, String)>>,
}

impl User {
    /// Somebody in a browser, who is not logged in.
    #[must_use]
    pub fn in_browser(folder: &Arc<ServerFolder>, number: &str) -> Self {
        let (number, caller) = (number.to_owned(), Caller::new(folder, None));
        Self { folder: Arc::clone(folder), number, phone: None, caller, seen: Mutex::default() }
    }

    /// Somebody with a phone that can have keys: an enrolled device.
    #[must_use]
    pub fn with_phone(folder: &Arc<ServerFolder>, code: &str, number: &str) -> Self {
        let phone = Phone::enrolled(folder, code);
        let caller = Caller::new(folder, Some(phone.device()));
        Self { phone: Some(phone), caller, ..Self::in_browser(folder, number) }
    }

    /// The phone.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        self.phone.as_ref().unwrap()
    }

    /// The phone, to have keys made.
    pub fn phone_mut(&mut self) -> &mut Phone {
        self.phone.as_mut().unwrap()
    }

    /// The phone number.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// A code for something, read off the phone: `code_id` and `code`.
    #[must_use]
    pub fn code(&self, purpose: &str) -> Value {
        self.texts();
        let sent = Caller::new(&self.folder, None)
            .post("/v1/sms-codes", &json!({ "phone": self.number, "purpose": purpose }));
        assert_eq!(sent["sandbox"], true, "it says that it is one");
        let code = wait_for("the text", || self.texts().pop());
        json!({ "code_id": sent["code_id"], "code": code })
    }

    /// Codes that came to the phone since the last look, by whichever node.
    fn texts(&self) -> Vec<String> {
        let (mut seen, mut new) = (self.seen.lock().unwrap(), Vec::new());
        for (node, caller) in Caller::everywhere(&self.folder).iter().enumerate() {
            let kept = caller.get(&format!("/v1/sandbox/texts?phone={}", self.number));
            let codes = kept["texts"].as_array().unwrap().iter().filter(|one| one["template"] == "code");
            for one in codes {
                if seen.insert((node, text(&one["receipt"]))) {
                    new.push(text(&one["text"]));
                }
            }
        }
        new
    }

    /// Logs in by a code, or as this tells.
    #[must_use]
    pub fn log_in(mut self) -> Self {
        let code = self.code("login");
        self.log_in_with(code);
        self
    }

    /// Logs in as the carrier of the phone knows it.
    #[must_use]
    pub fn log_in_by_carrier(mut self) -> Self {
        let token = format!("sandbox:{}", self.number);
        self.log_in_with(json!({ "carrier_token": token }));
        self
    }

    /// Logs in with what is shown; what it was answered, without the token.
    pub fn log_in_with(&mut self, mut shown: Value) -> Value {
        (shown["device"], shown["agreement"]) = ("a device".into(), "1".into());
        let mut answer = self.caller.post("/v1/sessions", &shown);
        let token = text(&answer["token"].take());
        self.caller = self.caller.clone().with_token(token);
        answer
    }

    /// Is verified by showing the face.
    #[must_use]
    pub fn verified(self, name: &str, which: u32) -> Self {
        self.shows_face(name, which);
        self
    }

    /// Says who one is and shows the face.
    pub fn shows_face(&self, name: &str, which: u32) {
        let body = json!({
            "method": "digits", "document": "id-card", "name": name, "number": citizen(which), "agreement": "1",
        });
        let person = self.post("/v1/person", &body);
        let picture = [PICTURE, text(&person["words"]).as_bytes()].concat();
        let person = self.post_bytes("/v1/person/face", &picture);
        assert_eq!((&person["state"], &person["level"]), (&json!("verified"), &json!("face")));
    }

    /// Hands in a picture; gives its id.
    #[must_use]
    pub fn attach(&self) -> String {
        text(&self.post_bytes("/v1/attachments", PICTURE)["attachment_id"])
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> String {
        text(&self.get("/v1/account")["account_id"])
    }

    /// What the messages say, newest first.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let messages = self.get("/v1/messages");
        messages["messages"].as_array().unwrap().iter().map(|one| text(&one["notice"])).collect()
    }

    /// How often a message says this.
    #[must_use]
    pub fn told(&self, notice: &str) -> usize {
        self.notices().iter().filter(|one| *one == notice).count()
    }
}

impl Deref for User {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}
