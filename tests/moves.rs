//! Keys that come and go, as their users have them: one moves to another device, one is shared with another person and
//! withdrawn, one comes back from a key centre after its device was lost.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs::{self, File},
    process::{Child, Command, Output, Stdio},
};

use cosign_tests::{
    process::{PIN, ServerFolder, Signer, failed, is_quick, succeeded, wait_for},
    relay::Relay,
};
use envelope::enveloped_key;
use getrandom::SysRng;
use serde_json::Value;
use sm_primitives::sm2::{PrivateKey, PublicKey};

/// The PIN on the device that gets a key.
const NEW: &str = "161803";
const WRONG: &str = "314159";

/// A command that shows a request and waits for the answer in the file `reply`.
struct Waiting<'a> {
    signer: &'a Signer,
    child: Child,
    shown: Value,
}

impl<'a> Waiting<'a> {
    fn begin(signer: &'a Signer, arguments: &[&str]) -> Self {
        for name in ["request", "reply"] {
            let _ = fs::remove_file(signer.folder().join(name));
        }
        let arguments = [arguments, &["--request", "request", "--reply", "reply", "--json"]].concat();
        let log = File::create(signer.folder().join("log")).unwrap();
        let mut command = signer.at_server(&arguments);
        command.env("SMSIGN_PIN", NEW).stdout(Stdio::piped()).stderr(log);
        let mut waiting = Self { signer, child: command.spawn().unwrap(), shown: Value::Null };
        waiting.shown = wait_for("the request", || {
            assert!(waiting.child.try_wait().unwrap().is_none(), "{}", waiting.log());
            waiting.said("request")
        });
        waiting
    }

    fn log(&self) -> String {
        fs::read_to_string(self.signer.folder().join("log")).unwrap()
    }

    /// The last line with this member, if there is one.
    fn said(&self, member: &str) -> Option<Value> {
        let log = self.log();
        let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|mut line| line.get_mut(member).map(Value::take)).next()
    }

    fn text(&self, name: &str) -> &str {
        self.shown[name].as_str().unwrap()
    }

    fn reply(&self, reply: &[u8]) {
        // Appears whole.
        let _ = self.signer.write("reply.part", reply);
        fs::rename(self.signer.folder().join("reply.part"), self.signer.folder().join("reply")).unwrap();
    }

    fn ends(self) -> Output {
        let log = self.log();
        let output = self.child.wait_with_output().unwrap();
        Output { stderr: log.into_bytes(), ..output }
    }

    /// Answers and waits for the success: the key that is there now.
    fn succeeds(self, reply: &[u8]) -> Value {
        self.reply(reply);
        let signer = self.signer;
        let output = self.ends();
        assert!(output.status.success(), "{}", fs::read_to_string(signer.folder().join("log")).unwrap());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["keys"][0].clone()
    }
}

fn receive<'a>(signer: &'a Signer, key_id: &str, more: &[&str]) -> Waiting<'a> {
    Waiting::begin(signer, &[&["receive", key_id], more].concat())
}

/// Hands a key over to a device that waits; the share.
fn hand_over(from: &Signer, how: &str, pin: &str, to: &Waiting) -> Output {
    let code = to.text("check_code");
    from.run_with_pin(pin, &[how, "--to", to.text("invitation"), "--check", code, "--json"])
}

fn share(output: &Output) -> String {
    let report: Value = serde_json::from_str(&succeeded(output)).unwrap();
    report["share"].as_str().unwrap().to_owned()
}

fn sign(signer: &Signer, pin: &str, key_id: &str) -> Output {
    let _ = signer.write("a", b"a");
    signer.run_with_pin(pin, &["sign", "a", "--key", key_id, "--force", "--json"])
}

#[track_caller]
fn code_of(output: &Output, exit_code: i32) -> String {
    let text = failed(output, exit_code);
    let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    error["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_moves_to_another_device() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let old = Signer::with_keys(&folder, "quic");
    let key_id = old.key_id("sign");
    succeeded(&sign(&old, PIN, &key_id));
    let new = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    let waiting = receive(&new, &key_id, &["--enrol-code", &code, "--label", "mine"]);

    // Not to a device whose code is not compared, and not without the PIN.
    let invitation = new.folder().join("request");
    let to = format!("@{}", invitation.display());
    failed(&old.run(&["move", "--to", &to]), 2);
    failed(&old.run(&["move", "--to", &to, "--check", "0000-0000-0000-0000-0000"]), 2);
    assert_eq!(code_of(&hand_over(&old, "share", PIN, &waiting), 5), "share_refused");
    assert_eq!(code_of(&hand_over(&old, "move", WRONG, &waiting), 3), "wrong_pin");

    let output = hand_over(&old, "move", PIN, &waiting);
    assert!(String::from_utf8_lossy(&output.stderr).contains("once"), "the owner hears of the wrong PIN");
    let share = share(&output);
    assert_eq!(code_of(&hand_over(&old, "move", PIN, &waiting), 5), "invitation_refused", "used");
    succeeded(&sign(&old, PIN, &key_id));
    assert!(new.json(&["keys", "list"])["keys"].as_array().unwrap().is_empty(), "nothing has arrived");

    // A share for somebody else does not cost the invitation.
    waiting.reply(b"cosign-share:AAAA\n");
    wait_for("the warning", || waiting.said("warning"));
    let key = waiting.succeeds(share.as_bytes());
    let moved = key["key_id"].as_str().unwrap().to_owned();
    assert_ne!(moved, key_id);

    // The new one works, under its own PIN; the old one is dead; what was signed stays good.
    succeeded(&sign(&new, NEW, &moved));
    succeeded(&new.run(&["verify", "a"]));
    failed(&sign(&new, PIN, &moved), 3);
    failed(&sign(&old, PIN, &key_id), 4);
    let pem = succeeded(&new.run(&["keys", "show", &moved, "--pem"]));
    let public = old.write("public.pem", pem.as_bytes());
    succeeded(&old.run(&["verify", "a", "--public", public.to_str().unwrap()]));
    assert_eq!(old.json(&["keys", "show", &key_id])["server_view"]["status"], "revoked");
    assert_eq!(new.json(&["keys", "show", &moved])["server_view"]["epoch"], 2);

    // What is dead can be forgotten, what is not cannot.
    assert_eq!(old.json(&["forget", &key_id])["key_id"], *key_id);
    let encrypt = old.key_id("encrypt");
    assert_eq!(code_of(&old.run(&["forget", &encrypt, "--json"]), 8), "still_served");
    assert_eq!(old.json(&["keys", "list"])["keys"].as_array().unwrap().len(), 1);
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}

/// Back and forth between two devices; the one that receives is killed later each time.
#[test]
fn a_move_that_is_killed_at_any_datagram_leaves_one_device_with_the_key() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let relay = Relay::start(folder.address());
    let mut devices = [(); 2].map(|()| Signer::through(relay.address(), &folder, "quic"));
    let code = |signer: &Signer| {
        let code = folder.enrolment_code();
        let keygen = signer.keygen(&["--enrol-code", &code, "--purpose", "encrypt"]).output().unwrap();
        succeeded(&keygen);
    };
    devices.iter().for_each(code);
    succeeded(&devices[0].keygen(&["--purpose", "sign"]).env("SMSIGN_PIN", NEW).output().unwrap());
    let mut key_id = devices[0].key_id("sign");
    let (mut made, mut undone) = (0, 0);
    for datagrams in (1..).step_by(if is_quick() { 7 } else { 2 }) {
        assert!(datagrams < 200, "a move does not take so many datagrams");
        let [old, new] = &devices;
        let mut waiting = receive(new, &key_id, &[]);
        let issued = waiting.text("key_id").to_owned();
        let share = share(&hand_over(old, "move", NEW, &waiting));
        relay.cut_after(datagrams);
        waiting.reply(share.as_bytes());
        let finished = wait_for("the cut or the end", || {
            let ended = waiting.child.try_wait().unwrap();
            if ended.is_some() || relay.is_cut() { Some(ended) } else { None }
        });
        relay.cut();
        waiting.child.kill().unwrap();
        waiting.child.wait().unwrap();
        relay.open();

        let here = new.home().join("keys").join(&issued).exists() && {
            let output = new.run_with_pin(NEW, &["refresh", &issued, "--json"]);
            output.status.success() || {
                assert_eq!(code_of(&output, 4), "arrival_undone");
                false
            }
        };
        let (with, without, id) = if here { (new, old, &issued) } else { (old, new, &key_id) };
        succeeded(&sign(with, NEW, id));
        if here {
            failed(&sign(without, NEW, &key_id), 4);
            succeeded(&without.run(&["forget", &key_id]));
            (made, key_id) = (made + 1, issued);
            devices.swap(0, 1);
        } else {
            failed(&sign(without, NEW, &issued), 7);
            undone += 1;
        }
        if finished.is_some_and(|status| status.success()) {
            break;
        }
    }
    eprintln!("{made} moves were made, {undone} were not");
    assert!(made > 0 && undone > 0);
    let shown = folder.admin_json(&["key", "show", &key_id]);
    assert_eq!(shown[0]["pin"]["total"], 0, "nobody entered a wrong PIN");
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}

#[test]
fn a_key_is_shared_with_another_person_and_withdrawn() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let owner = Signer::with_keys(&folder, "quic");
    let key_id = owner.key_id("sign");
    succeeded(&folder.admin(&["key", "seats", &key_id, "1"]));
    let deputy = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    let waiting = receive(&deputy, &key_id, &["--enrol-code", &code]);
    let text = share(&hand_over(&owner, "share", PIN, &waiting));
    let theirs = waiting.succeeds(text.as_bytes())["key_id"].as_str().unwrap().to_owned();

    // Each with a PIN of his own, under one public key.
    succeeded(&sign(&owner, PIN, &key_id));
    succeeded(&sign(&deputy, NEW, &theirs));
    succeeded(&deputy.run(&["verify", "a"]));
    let public = |signer: &Signer, id: &str| signer.json(&["keys", "show", id])["public_key"].clone();
    assert_eq!(public(&owner, &key_id), public(&deputy, &theirs));

    // The operator allowed one, and the deputy shares nothing on.
    let third = Signer::new(&folder, "http2");
    let code = folder.enrolment_code();
    for (from, pin, of) in [(&owner, PIN, &key_id), (&deputy, NEW, &theirs)] {
        let mut waiting = receive(&third, of, &["--enrol-code", &code]);
        assert_eq!(code_of(&hand_over(from, "share", pin, &waiting), 5), "share_refused");
        waiting.child.kill().unwrap();
        waiting.child.wait().unwrap();
    }

    succeeded(&folder.admin(&["key", "revoke", &theirs]));
    failed(&sign(&deputy, NEW, &theirs), 4);
    succeeded(&sign(&owner, PIN, &key_id));
    succeeded(&deputy.run(&["forget", &theirs]));
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}

/// What a key centre does: it keeps the key, and gives it to whom the operator names.
fn recover(folder: &ServerFolder, device: &Signer, key: &PrivateKey, label: &str) -> String {
    let code = folder.enrolment_code();
    let enrolled = device.keygen(&["--enrol-code", &code, "--purpose", "sign", "--json"]).output().unwrap();
    let report: Value = serde_json::from_str(&succeeded(&enrolled)).unwrap();
    let device_id = report["device_id"].as_str().unwrap();
    let public = hex::encode(key.public_key().as_point().to_bytes());
    let recover = ["key", "recover", "--public-key", &public, "--device", device_id, "--label", label];
    let key_id = folder.admin_json(&recover)[0]["key_id"].as_str().unwrap().to_owned();

    let waiting = Waiting::begin(device, &["recover", &key_id, "--label", label]);
    assert_eq!(PublicKey::from_spki_pem(waiting.text("public_key")).unwrap(), *key.public_key());
    let protection = PublicKey::from_spki_pem(waiting.text("protection_key")).unwrap();
    let file = fs::read_to_string(device.folder().join("request")).unwrap();
    assert_eq!(PublicKey::from_spki_pem(&file).unwrap(), protection);

    // Another key than the server expects is not even sent to it.
    let other = PrivateKey::generate(&mut SysRng).unwrap();
    waiting.reply(&enveloped_key::seal(&other, &protection, &mut SysRng).unwrap());
    let warning = wait_for("the warning", || waiting.said("warning"));
    assert!(warning.as_str().unwrap().contains("another key"), "{warning}");
    let report = waiting.succeeds(&enveloped_key::seal(key, &protection, &mut SysRng).unwrap());
    assert_eq!((&report["key_id"], &report["purpose"]), (&Value::from(key_id.as_str()), &"encrypt".into()));
    key_id
}

#[test]
fn a_tender_that_was_sealed_before_the_loss_opens_after_it() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let kept = PrivateKey::generate(&mut SysRng).unwrap();
    let [lost, found] = [(); 2].map(|()| Signer::new(&folder, "quic"));
    let first = recover(&folder, &lost, &kept, "tenders");

    let bidder = Signer::new(&folder, "quic");
    let _ = bidder.write("tender", b"the lowest bid");
    let _ = bidder.write("public.pem", kept.public_key().to_spki_pem().as_bytes());
    succeeded(&bidder.run(&["encrypt", "tender", "--to", "public.pem"]));
    let sealed = fs::read(bidder.folder().join("tender.p7")).unwrap();
    let opens = |device: &Signer, out: &str| {
        let _ = device.write("tender.p7", &sealed);
        device.run_with_pin(NEW, &["decrypt", "tender.p7", "--out", out])
    };
    succeeded(&opens(&lost, "before"));

    // The device is lost; its share is revoked with the recovery.
    let second = recover(&folder, &found, &kept, "tenders");
    assert_ne!(first, second);
    succeeded(&opens(&found, "after"));
    assert_eq!(fs::read(found.folder().join("after")).unwrap(), b"the lowest bid");
    failed(&opens(&lost, "again"), 4);
    succeeded(&lost.run(&["forget", &first]));
    // An id is used once.
    failed(&found.at_server(&["recover", &second, "--label", "other"]).output().unwrap(), 7);
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}

/// What a certificate authority does with a public key; `None` without OpenSSL.
fn certify(signer: &Signer, public: &str, serial: &str, name: &str) -> Option<String> {
    let openssl =
        |arguments: &[&str]| Command::new("openssl").args(arguments).current_dir(signer.folder()).output();
    let Ok(made) =
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "ca.key"])
    else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    succeeded(&made);
    let issue = ["x509", "-new", "-subj", "/CN=tenders", "-signkey", "ca.key", "-sm3", "-days", "30"];
    succeeded(
        &openssl(&[&issue[..], &["-force_pubkey", public, "-set_serial", serial, "-out", name]].concat())
            .unwrap(),
    );
    Some(name.to_owned())
}

/// An envelope names a key, and the key stays whatever happens to its shares and certificates.
#[test]
fn what_was_sealed_before_opens_after_a_refresh_a_share_a_move_and_a_renewed_certificate() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let owner = Signer::with_keys(&folder, "quic");
    let key_id = owner.key_id("encrypt");
    let pem = succeeded(&owner.run(&["keys", "show", &key_id, "--pem"]));
    let bidder = Signer::new(&folder, "quic");
    let _ = bidder.write("tender", b"the lowest bid");
    let _ = bidder.write("public.pem", pem.as_bytes());
    let mut recipients = vec!["public.pem".to_owned()];
    recipients.extend(certify(&bidder, "public.pem", "1", "first.pem"));
    for recipient in &recipients {
        succeeded(&bidder.run(&[
            "encrypt",
            "tender",
            "--to",
            recipient,
            "--out",
            &format!("{recipient}.p7"),
        ]));
    }
    let renewed = certify(&bidder, "public.pem", "2", "second.pem");
    let opens = |device: &Signer, pin: &str, key_id: &str, more: &[&str]| {
        for recipient in &recipients {
            let sealed = format!("{recipient}.p7");
            let _ = device.write(&sealed, &fs::read(bidder.folder().join(&sealed)).unwrap());
            let decrypt = ["decrypt", &sealed, "--key", key_id, "--out", "opened", "--force"];
            succeeded(&device.run_with_pin(pin, &[&decrypt, more].concat()));
            assert_eq!(fs::read(device.folder().join("opened")).unwrap(), b"the lowest bid");
        }
    };
    opens(&owner, PIN, &key_id, &[]);
    if let Some(renewed) = renewed {
        let path = owner.write("renewed.pem", &fs::read(bidder.folder().join(renewed)).unwrap());
        opens(&owner, PIN, &key_id, &["--cert", path.to_str().unwrap()]);
    }
    succeeded(&owner.run(&["refresh", &key_id]));
    opens(&owner, PIN, &key_id, &[]);

    succeeded(&folder.admin(&["key", "seats", &key_id, "1"]));
    let [deputy, phone] = [(); 2].map(|()| Signer::new(&folder, "quic"));
    let arrive = |device: &Signer, how: &str| {
        let code = folder.enrolment_code();
        let waiting = receive(device, &key_id, &["--enrol-code", &code]);
        let text = share(&hand_over(&owner, how, PIN, &waiting));
        waiting.succeeds(text.as_bytes())["key_id"].as_str().unwrap().to_owned()
    };
    let shared = arrive(&deputy, "share");
    opens(&deputy, NEW, &shared, &[]);
    opens(&owner, PIN, &key_id, &[]);
    let moved = arrive(&phone, "move");
    opens(&phone, NEW, &moved, &[]);
    opens(&deputy, NEW, &shared, &[]);
    succeeded(&phone.run_with_pin(NEW, &["refresh", &moved]));
    opens(&phone, NEW, &moved, &[]);
    failed(&owner.run(&["decrypt", "public.pem.p7", "--key", &key_id, "--out", "again"]), 4);
    server.stop();
    succeeded(&folder.admin(&["audit", "verify"]));
}
