//! PIN change and refresh as a user has them, with either side killed at any moment: afterwards there is one usable
//! key, the two sides agree on its epoch, and no wrong PIN was counted that nobody entered.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use cosign_tests::{
    process::{PIN, Server, ServerFolder, Signer, failed, is_quick, succeeded, wait_for},
    relay::Relay,
};
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::runtime::Runtime;

/// The PINs that a key has in turn.
const PINS: [&str; 2] = [PIN, "161803"];
const WRONG: &str = "314159";
/// Slow enough that what is durable on one side is seen before the other side hears of it.
const SLOW: Duration = Duration::from_millis(150);

/// A server, a relay in front of it, and a signer with a signing key behind that.
struct Desk {
    folder: ServerFolder,
    server: Option<Server>,
    relay: Relay,
    signer: Signer,
    key_id: String,
    runtime: Runtime,
    /// PIN changes so far: says which of [`PINS`] holds.
    changes: usize,
}

/// What the server has of the key.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    epoch: u32,
    pending: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Client,
    Server,
    Both,
}

impl Desk {
    fn new() -> Self {
        let folder = ServerFolder::on_file();
        let server = Some(folder.start());
        let relay = Relay::start(folder.address());
        let signer = Signer::through(relay.address(), &folder, "quic");
        let code = folder.enrolment_code();
        succeeded(&signer.keygen(&["--enrol-code", &code, "--purpose", "sign"]).output().unwrap());
        let _ = signer.write("a", b"a");
        let key_id = signer.key_id("sign");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { folder, server, relay, signer, key_id, runtime, changes: 0 }
    }

    fn pin(&self) -> &'static str {
        PINS[self.changes % 2]
    }

    fn next_pin(&self) -> &'static str {
        PINS[(self.changes + 1) % 2]
    }

    fn change(&self, old: &str, new: &str) -> Command {
        let mut command = self.signer.command(&["pin", "change", "--json"]);
        command.env("SMSIGN_PIN", old).env("SMSIGN_NEW_PIN", new);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn sign(&self, pin: &str) -> Output {
        self.signer.run_with_pin(pin, &["sign", "a", "--force", "--json"])
    }

    fn database<T>(&self, work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>) -> T {
        let url = format!("sqlite:{}", self.folder.file("cosign.db").display());
        self.runtime.block_on(async {
            let mut database = SqliteConnection::connect(&url).await.unwrap();
            let value = work(&mut database).await.unwrap();
            database.close().await.unwrap();
            value
        })
    }

    fn row(&self) -> Row {
        let row: (u32, Option<Vec<u8>>) = self.database(async |database| {
            sqlx::query_as("SELECT epoch, pending FROM keys").fetch_one(database).await
        });
        Row { epoch: row.0, pending: row.1 }
    }

    fn local(&self) -> Value {
        self.signer.json(&["keys", "show", "--offline"])
    }

    fn has_next(&self) -> bool {
        self.signer.home().join("keys").join(&self.key_id).join("next").exists()
    }

    fn kill_server(&mut self) {
        Server::kill(self.server.take().unwrap());
    }

    fn stop_server(&mut self) {
        Server::stop(self.server.take().unwrap());
    }

    fn start_server(&mut self) {
        self.server = Some(self.folder.start());
    }

    /// Kills whom it may concern, brings the server and the network back, and lets a client that lives finish.
    fn kill(&mut self, victim: Victim, mut client: Child) {
        self.relay.cut();
        if victim != Victim::Client {
            self.kill_server();
        }
        if victim != Victim::Server {
            client.kill().unwrap();
        }
        if victim != Victim::Client {
            self.start_server();
        }
        self.relay.open();
        let output = client.wait_with_output().unwrap();
        if victim == Victim::Server {
            succeeded(&output);
        }
    }

    /// A new client, after whatever happened to the last one. True if the change was made.
    fn comes_back(&mut self) -> bool {
        let local = self.local();
        let epoch = u64::try_from(self.changes).unwrap() + 1;
        let made = if local["unconfirmed_epoch"].is_null() {
            local["epoch"] == epoch + 1
        } else {
            assert_eq!(local["epoch"], epoch);
            let output = self.sign(self.next_pin());
            output.status.success() || {
                let error = error(&failed(&output, 4));
                assert_eq!(error["code"], "refresh_undone", "{error}");
                false
            }
        };
        self.changes += usize::from(made);
        succeeded(&self.sign(self.pin()));
        succeeded(&self.signer.run(&["verify", "a"]));
        let local = self.local();
        assert_eq!(local["unconfirmed_epoch"], Value::Null);
        assert_eq!(local["epoch"], self.row().epoch, "the two sides agree");
        assert!(!self.has_next());
        assert_eq!(self.wrong_pins(), 0, "nobody entered a wrong PIN");
        made
    }

    fn wrong_pins(&self) -> u64 {
        let key = self.folder.admin_json(&["key", "show", &self.key_id]);
        key[0]["pin"]["total"].as_u64().unwrap()
    }
}

fn error(text: &str) -> Value {
    let line = text.lines().last().unwrap();
    serde_json::from_str::<Value>(line).unwrap()["error"].clone()
}

#[test]
fn killed_at_every_datagram() {
    let mut desk = Desk::new();
    let (mut made, mut undone) = (0, 0);
    let step = if is_quick() { 6 } else { 1 };
    for datagrams in (1..).step_by(step) {
        let victim = if datagrams % 3 == 0 { Victim::Both } else { Victim::Client };
        desk.relay.cut_after(datagrams);
        let mut client = desk.change(desk.pin(), desk.next_pin()).spawn().unwrap();
        let finished = wait_for("the cut or the end", || {
            let ended = client.try_wait().unwrap();
            if ended.is_some() || desk.relay.is_cut() { Some(ended) } else { None }
        });
        desk.kill(victim, client);
        match desk.comes_back() {
            true => made += 1,
            false => undone += 1,
        }
        if finished.is_some_and(|status| status.success()) {
            break;
        }
        assert!(datagrams < 200, "a PIN change does not take so many datagrams");
    }
    eprintln!("{made} changes were made, {undone} were not");
    assert!(made > 0 && undone > 0);
    desk.stop_server();
    succeeded(&desk.folder.admin(&["audit", "verify"]));
}

#[test]
fn killed_after_every_durable_write() {
    let mut desk = Desk::new();
    for victim in [Victim::Client, Victim::Server, Victim::Both] {
        // The server has the pending share; its answer is on the way.
        desk.relay.slow(SLOW);
        let client = desk.change(desk.pin(), desk.next_pin()).spawn().unwrap();
        let before = desk.row();
        wait_for("the pending share", || desk.row().pending.filter(|_| !desk.has_next()));
        desk.kill(victim, client);
        // A client that lives sends the identical R1 again, and goes on.
        assert_eq!(desk.comes_back(), victim == Victim::Server, "{victim:?}");
        assert_eq!(desk.row().epoch > before.epoch, victim == Victim::Server);

        // The client has both records; its confirmation is on the way.
        desk.relay.slow(SLOW);
        let client = desk.change(desk.pin(), desk.next_pin()).spawn().unwrap();
        wait_for("the second record", || desk.has_next().then_some(()));
        desk.kill(victim, client);
        assert!(desk.comes_back(), "{victim:?}");

        // The server has activated it; its word is on the way.
        desk.relay.slow(SLOW);
        let before = desk.row();
        let client = desk.change(desk.pin(), desk.next_pin()).spawn().unwrap();
        wait_for("the activation", || (desk.row().epoch > before.epoch).then_some(()));
        assert!(desk.has_next());
        desk.kill(victim, client);
        assert!(desk.comes_back(), "{victim:?}");
    }
    desk.stop_server();
    succeeded(&desk.folder.admin(&["audit", "verify"]));
}

#[test]
fn interrupted_again_and_again_then_completed_with_a_wrong_pin_first() {
    let mut desk = Desk::new();
    // Three in a row that leave nothing but a pending share, each with another PIN.
    for new in ["908172", "112358", WRONG] {
        desk.relay.slow(SLOW);
        let before = desk.row();
        let client = desk.change(PIN, new).spawn().unwrap();
        wait_for("another pending share", || (desk.row().pending != before.pending).then_some(()));
        desk.kill(Victim::Client, client);
        assert!(!desk.has_next());
    }
    // Two that are cut off while confirming, the second one as the completion of the first.
    let new = desk.next_pin();
    desk.relay.slow(SLOW);
    let client = desk.change(PIN, new).spawn().unwrap();
    wait_for("the second record", || desk.has_next().then_some(()));
    desk.kill(Victim::Client, client);
    desk.relay.slow(SLOW);
    let client = desk.change(PIN, new).spawn().unwrap();
    wait_for("the activation", || (desk.row().epoch == 2).then_some(()));
    desk.kill(Victim::Both, client);
    assert!(desk.has_next());
    assert_eq!(desk.wrong_pins(), 0);

    // The status says what is the matter.
    let status = desk.signer.run(&["status", "--json"]);
    let report: Value = serde_json::from_str(&succeeded(&status)).unwrap();
    let key = &report["servers"][0]["keys"][0];
    assert_eq!((&key["epoch"], &key["unconfirmed_epoch"]), (&1.into(), &2.into()));
    assert_eq!(
        (&key["server_view"]["epoch"], &key["server_view"]["pin"]["remaining"]),
        (&2.into(), &10.into())
    );
    assert!(String::from_utf8_lossy(&status.stderr).contains("is not confirmed"));

    // A wrong PIN at the completion is a wrong PIN, whichever command meets it; both records stay.
    for (count, pin, command) in [
        (1, WRONG, &["sign", "a", "--force"][..]),
        (2, PIN, &["sign", "a", "--force"]),
        (3, WRONG, &["refresh"]),
    ] {
        let output = desk.signer.run_with_pin(pin, &[command, &["--json"]].concat());
        let error = error(&failed(&output, 3));
        assert_eq!(error["code"], "refresh_unconfirmed");
        assert!(error["message"].as_str().unwrap().contains("wrong PIN"), "{error}");
        assert!(error["next_step"].as_str().unwrap().contains("was to have"), "{error}");
        assert_eq!(desk.wrong_pins(), count);
        assert!(desk.has_next());
    }
    let output = desk.sign(new);
    let report: Value = serde_json::from_str(&succeeded(&output)).unwrap();
    assert_eq!(report["pin_failures_before"], 0);
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 times"), "the owner hears of them");
    assert!(!desk.has_next());
    succeeded(&desk.signer.run(&["verify", "a"]));

    // The old PIN is a wrong one now.
    let before = desk.wrong_pins();
    assert_eq!(error(&failed(&desk.sign(PIN), 3))["code"], "wrong_pin");
    assert_eq!(desk.wrong_pins(), before + 1);
    succeeded(&desk.sign(new));
    desk.stop_server();
    succeeded(&desk.folder.admin(&["audit", "verify"]));
}

#[test]
fn a_change_that_lapsed_is_undone_and_made_anew() {
    let mut desk = Desk::new();
    for again in ["sign", "pin change"] {
        desk.relay.slow(SLOW);
        let client = desk.change(desk.pin(), desk.next_pin()).spawn().unwrap();
        wait_for("the second record", || desk.has_next().then_some(()));
        desk.kill(Victim::Both, client);
        // A day goes by.
        desk.stop_server();
        desk.database(async |database| {
            sqlx::query("UPDATE keys SET pending = NULL").execute(database).await.map(drop)
        });
        desk.start_server();
        if again == "sign" {
            // No PIN is asked for what is gone, so none is counted.
            let error = error(&failed(&desk.sign(WRONG), 4));
            assert_eq!(error["code"], "refresh_undone");
            assert!(!desk.comes_back());
        } else {
            // The same command line goes through from any state.
            succeeded(&desk.change(desk.pin(), desk.next_pin()).output().unwrap());
            assert!(desk.comes_back());
        }
    }
}

#[test]
fn an_unlocked_key_takes_a_new_pin_first() {
    let folder = ServerFolder::on_file();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "http2");
    let _ = signer.write("a", b"a");
    let new = "161803";
    let change = |old: &str, arguments: &[&str]| {
        let arguments = [&["pin", "change", "--json"], arguments].concat();
        signer.command(&arguments).env("SMSIGN_PIN", old).env("SMSIGN_NEW_PIN", new).output().unwrap()
    };
    let sign = |pin: &str| signer.run_with_pin(pin, &["sign", "a", "--force", "--json"]);
    let key_id = signer.key_id("sign");
    let public_key = signer.json(&["keys", "show", &key_id])["public_key"].clone();
    succeeded(&folder.admin(&["key", "unlock", &key_id]));

    // Nothing but a refresh is served, and that needs the old PIN.
    let refused = error(&failed(&sign(PIN), 4));
    assert_eq!(refused["code"], "refresh_required");
    assert!(refused["next_step"].as_str().unwrap().contains("pin change"), "{refused}");
    let status = signer.json(&["status"]);
    let view = status["servers"][0]["keys"].as_array().unwrap().iter().find(|key| key["key_id"] == *key_id);
    assert_eq!(view.unwrap()["server_view"]["pin"]["refresh_required"], true);
    let refused = error(&failed(&change(WRONG, &["--purpose", "sign"]), 3));
    assert_eq!(refused["code"], "wrong_pin");
    assert!(refused["next_step"].as_str().unwrap().contains("forgotten"), "{refused}");
    for weak in ["000000", "123456", "12345"] {
        let output = signer.command(&["pin", "change"]).env("SMSIGN_NEW_PIN", weak).output().unwrap();
        failed(&output, 2);
    }

    // One command for the keys of both purposes.
    let report: Value = serde_json::from_str(&succeeded(&change(PIN, &[]))).unwrap();
    let keys = report["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key["epoch"] == 2), "{report}");
    let report: Value = serde_json::from_str(&succeeded(&sign(new))).unwrap();
    assert_eq!(report["key_id"], *key_id);
    succeeded(&signer.run(&["verify", "a"]));
    succeeded(&signer.run(&["encrypt", "a", "--to", "default"]));
    succeeded(&signer.run_with_pin(new, &["decrypt", "a.p7", "--out", "b"]));
    assert_eq!(signer.json(&["keys", "show", &key_id])["public_key"], public_key, "certificates stay good");
    failed(&sign(PIN), 3);

    // A refresh leaves the PIN, and takes the new one only.
    failed(&signer.run_with_pin(PIN, &["refresh", &key_id]), 3);
    succeeded(&signer.run_with_pin(new, &["refresh", &key_id]));
    assert_eq!(signer.json(&["keys", "show", &key_id])["server_view"]["epoch"], 3);
    succeeded(&sign(new));
    server.stop();
    let audit = folder.audit();
    let activated =
        |id: &str| audit.iter().filter(|entry| entry["key_id"] == id && entry["note"] == "activated").count();
    assert_eq!((activated(&key_id), activated(&signer.key_id("encrypt"))), (2, 1));
    succeeded(&folder.admin(&["audit", "verify"]));
}
