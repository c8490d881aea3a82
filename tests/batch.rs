//! Large batches of the client against the server as a user has it: whole, stopped, cut off, gone on with.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    future::pending,
    process::{Command, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use cosign_client::{
    Batch, Category, Client, Connection, Credentials, Error, Item, Store, Target, Transport, Trust, pin,
};
use cosign_core::{
    ClientKey, Digest, MAX_BATCH, Progress, Purpose, Suite,
    framing::{self, Kind},
    sign,
};
use cosign_tests::{
    model::{DEVICE, NOW, Pair},
    naive,
    network::Peer,
    process::{PIN, Server, ServerFolder, Signer, failed, is_quick, succeeded, wait_for},
    random::Seeded,
    relay::Relay,
};
use num_bigint::BigUint;
use serde_json::Value;
use sm_primitives::sm2::{PreparedKey, PublicKey, Signature, dsa, dsa::many};
use tokio::{runtime::Runtime, sync::Notify};

/// Digests of the whole batch.
fn size() -> usize {
    if is_quick() { 3_000 } else { 10_000 }
}

fn digests(count: usize) -> Vec<Digest> {
    let mut draws = Seeded::new(20_261_126);
    (0..count).map(|_| Digest::reduce(&draws.bytes(32).try_into().unwrap())).collect()
}

/// A server with a relay before it.
struct Place {
    folder: ServerFolder,
    relay: Relay,
}

/// The owner of a key there, who entered the PIN once.
struct Owner {
    runtime: Runtime,
    client: Client,
    key: Arc<ClientKey>,
    public_key: PublicKey,
    digests: Vec<Digest>,
    batch: Batch,
    signer: Signer,
}

fn set_up(count: usize) -> (Place, Server, Owner) {
    set_up_on(ServerFolder::new(), count)
}

fn set_up_on(folder: ServerFolder, count: usize) -> (Place, Server, Owner) {
    let server = folder.start();
    let relay = Relay::start(folder.address());
    let owner = Owner::new(&folder, &relay, digests(count));
    (Place { folder, relay }, server, owner)
}

impl Owner {
    fn new(folder: &ServerFolder, relay: &Relay, digests: Vec<Digest>) -> Self {
        let signer = Signer::through(relay.address(), folder, "quic");
        let code = folder.enrolment_code();
        succeeded(&signer.keygen(&["--purpose", "sign", "--enrol-code", &code]).output().unwrap());
        let store = Store::open(&signer.home()).unwrap();
        let (device, key) =
            (store.device().unwrap().unwrap(), store.find(None, Some(Purpose::Sign)).unwrap());
        let client = Client::new(Connection::new(Target {
            server: key.info.server.clone(),
            trust: Trust::from_file(&folder.file("ca.pem")).unwrap(),
            device: Some(device.identity),
            transport: Transport::Quic,
            connect_timeout: Duration::from_secs(10),
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let public_key = key.public_key();
        let credentials = Arc::new(Credentials { pin: pin::existing(PIN).unwrap(), device: device.secret });
        let unlocking = client.unlock(key.into_record().unwrap(), credentials);
        let key = runtime.block_on(unlocking).unwrap();
        let batch = Batch::new(digests.clone());
        Self { runtime, client, key, public_key, digests, batch, signer }
    }

    /// Signs what is missing; `seen` hears how many signatures came so far. Each position comes once.
    fn sign(&mut self, stop: impl Future<Output = ()>, mut seen: impl FnMut(usize)) -> Result<u8, Error> {
        let missing = self.batch.items().len() - self.batch.signed();
        let mut positions = BTreeSet::new();
        let signing = self.client.sign(&self.key, &mut self.batch, stop, |position, _| {
            assert!(positions.insert(position), "{position} came twice");
            seen(positions.len());
        });
        let outcome = self.runtime.block_on(signing);
        assert_eq!(outcome.is_ok(), positions.len() == missing);
        outcome
    }

    fn finish(&mut self) {
        assert_eq!(self.sign(pending(), |_| ()).unwrap(), 0);
        assert!(self.batch.is_complete());
    }

    /// Does nothing for a while, which leaves the connection free to send what it still has.
    fn rest(&self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    /// Asserts that every signature there is belongs to the digest at its position.
    fn assert_signatures_verify(&self) {
        let signed = self.digests.iter().zip(self.batch.items());
        let signed = signed.filter_map(|(digest, item)| Some((*digest.as_bytes(), *item.signature()?)));
        let verdicts =
            many::verify_digests_prepared(&PreparedKey::new(&self.public_key), &signed.collect::<Vec<_>>());
        assert_eq!(verdicts.len(), self.batch.signed());
        assert!(verdicts.iter().all(Result::is_ok));
    }

    /// Asserts that every signature there is on record.
    fn assert_signatures_are_in(&self, recorded: &BTreeSet<(BigUint, BigUint)>) {
        for (digest, item) in self.digests.iter().zip(self.batch.items()) {
            let Some(signature) = item.signature() else { continue };
            let known = (naive::int(digest.as_bytes()), naive::int(&signature.r().to_bytes()));
            assert!(recorded.contains(&known), "a signature is not on record");
        }
    }
}

impl Place {
    /// The records of signing requests. The certification request was signed as well, before them.
    fn records(&self) -> Vec<Value> {
        self.folder.audit().into_iter().filter(|record| record["act"] == "sign").skip(1).collect()
    }

    /// Asserts that over all sessions no nonce was used twice, and no session for two frames. Gives `(e, r)` of all
    /// signatures.
    fn assert_nonces_are_used_once(&self) -> BTreeSet<(BigUint, BigUint)> {
        let records = self.records();
        assert!(records.iter().all(|record| record["result"] == "ok"), "nothing was refused");
        let mut frames = BTreeMap::new();
        let (mut nonces, mut signed) = (BTreeSet::new(), BTreeSet::new());
        let number = |value: &Value| naive::int(&hex::decode(value.as_str().unwrap()).unwrap());
        for record in &records {
            let frame = &record["h_req"];
            assert_eq!(*frames.entry(record["sid"].to_string()).or_insert(frame), frame);
            for item in record["signatures"].as_array().unwrap() {
                let (e, r) = (number(&item["e"]), number(&item["r"]));
                // The x of the nonce's point.
                assert!(nonces.insert((&r + &*naive::N - &e) % &*naive::N), "a nonce was used twice");
                signed.insert((e, r));
            }
        }
        signed
    }
}

#[test]
fn one_pin_entry_signs_them_all() {
    let (place, _server, mut owner) = set_up(size());
    let before = place.relay.carried_bytes();
    let mut progress = Vec::new();
    assert_eq!(owner.sign(pending(), |count| progress.push(count)).unwrap(), 0);
    let carried = place.relay.carried_bytes() - before;
    assert_eq!(progress, (1..=size()).collect::<Vec<_>>(), "one step for each");
    owner.assert_signatures_verify();
    owner.assert_signatures_are_in(&place.assert_nonces_are_used_once());

    let records = place.records();
    assert_eq!(records.len(), size().div_ceil(MAX_BATCH), "one request each, one round trip");
    let sessions: BTreeSet<_> = records.iter().map(|record| record["sid"].to_string()).collect();
    assert_eq!(sessions.len(), records.len());
    let each = carried as f64 / size() as f64;
    eprintln!("{each:.1} bytes of UDP payload for each digest");
}

#[test]
fn a_stop_in_the_middle_stops() {
    let (place, _server, mut owner) = set_up(size());
    let (enough, stop) = (size() / 3, Notify::new());
    let outcome = owner.sign(stop.notified(), |count| {
        if count == enough {
            stop.notify_one();
        }
    });
    let at_return = place.records().len();
    assert!(matches!(outcome, Err(Error::Interrupted)));
    let signed = owner.batch.signed();
    // The request that was being taken, and those that were under way.
    assert!((enough..=enough + 5 * MAX_BATCH).contains(&signed), "{signed}");
    assert!(owner.batch.items().contains(&Item::NotSent));
    owner.assert_signatures_verify();
    owner.rest(Duration::from_secs(1));
    assert_eq!(place.records().len(), at_return, "a request arrived after the end");

    owner.finish();
    owner.assert_signatures_verify();
    owner.assert_signatures_are_in(&place.assert_nonces_are_used_once());
}

/// The sessions that were cut off send their frames again, on a new connection, to the server after its restart.
#[test]
fn a_batch_outlives_a_restart_of_the_server() {
    let (place, server, mut owner) = set_up(size() / 2);
    let half = owner.digests.len() / 2;
    let (reached, wait) = mpsc::channel();
    let (killed, go_on) = mpsc::channel();
    let folder = &place.folder;
    thread::scope(|scope| {
        let restart = scope.spawn(move || {
            wait.recv().unwrap();
            server.kill();
            killed.send(()).unwrap();
            folder.start()
        });
        let outcome = owner.sign(pending(), |count| {
            if count == half {
                reached.send(()).unwrap();
                go_on.recv().unwrap();
            }
        });
        assert_eq!(outcome.unwrap(), 0);
        restart.join().unwrap().stop();
    });
    assert!(owner.batch.is_complete());
    owner.assert_signatures_verify();
    owner.assert_signatures_are_in(&place.assert_nonces_are_used_once());
}

/// A router that forgets its clients changes nothing but their port.
#[test]
fn a_batch_outlives_another_port() {
    // One node: what is before several tells connections apart by their ports.
    let (place, _server, mut owner) = set_up_on(ServerFolder::on_file(), size() / 2);
    let third = owner.digests.len() / 3;
    let observer = Peer::new(place.folder.address(), &place.folder.file("ca.pem"), None);
    // On a thread of its own: this one drives the batch.
    let connections = || {
        let counting = || Runtime::new().unwrap().block_on(observer.quic_connections());
        thread::scope(|scope| scope.spawn(counting).join().unwrap())
    };
    let mut open = Vec::new();
    let outcome = owner.sign(pending(), |count| {
        if count == third || count == 2 * third {
            open.push(connections());
            place.relay.rebind();
        }
    });
    assert_eq!(outcome.unwrap(), 0);
    open.push(connections());
    assert!(open[0] > 0 && open.iter().all(|count| *count == open[0]), "{open:?} connections");
    owner.assert_signatures_verify();
    owner.assert_signatures_are_in(&place.assert_nonces_are_used_once());
}

#[test]
fn what_a_broken_connection_left_over_is_signed_later() {
    let (place, server, mut owner) = set_up(size() / 2);
    let half = owner.digests.len() / 2;
    let cut = Notify::new();
    let patience = async {
        cut.notified().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let outcome = owner.sign(patience, |count| {
        if count == half {
            place.relay.cut();
            cut.notify_one();
        }
    });
    assert!(matches!(outcome, Err(Error::Interrupted)));
    assert!(
        owner.batch.items().contains(&Item::Failed(Category::Interrupted)),
        "nobody knows what became of it"
    );
    owner.assert_signatures_verify();

    // What still waited to be sent does not arrive when the way is open again.
    let at_return = place.records().len();
    place.relay.open();
    owner.rest(Duration::from_secs(5));
    assert_eq!(place.records().len(), at_return, "a request arrived after the end");

    server.kill();
    let _server = place.folder.start();
    owner.finish();
    owner.assert_signatures_verify();
    owner.assert_signatures_are_in(&place.assert_nonces_are_used_once());
}

/// `smsign` by hand: interrupted in the middle, gone on with, and what it keeps.
#[test]
fn the_command_line_goes_on_where_it_was_interrupted() {
    let (place, _server, owner) = set_up(2_000);
    let list: String = owner.digests.iter().map(|e| hex::encode(e.as_bytes()) + "\n").collect();
    let signer = &owner.signer;
    let _ = signer.write("list", list.as_bytes());
    let sign = ["sign", "--digests", "list", "--out", "out", "--resume", "--json"];
    let out = signer.folder().join("out");
    let files = || fs::read_dir(&out).map_or(0, Iterator::count);

    place.relay.slow(Duration::from_millis(1));
    let child = signer.command(&sign).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the first signatures", || (files() >= MAX_BATCH).then_some(()));
    place.relay.cut();
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert!(failed(&output, 130).contains("interrupted"));
    let count = files();
    assert!(count < owner.digests.len(), "it was interrupted too late");
    let states = |output: &Output, state: &str| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["signatures"].as_array().unwrap().iter().filter(|entry| entry["state"] == state).count()
    };
    assert_eq!(states(&output, "signed"), count);
    assert!(states(&output, "failed") > 0 && states(&output, "not_sent") > 0);

    place.relay.open();
    let output = signer.run(&sign);
    succeeded(&output);
    assert_eq!(states(&output, "kept"), count);
    assert_eq!(states(&output, "signed"), owner.digests.len() - count);
    for digest in &owner.digests {
        let signature = fs::read(out.join(hex::encode(digest.as_bytes()) + ".sig")).unwrap();
        let signature = Signature::from_der(&signature).unwrap();
        dsa::verify_digest(&owner.public_key, digest.as_bytes(), &signature).unwrap();
    }
    place.assert_nonces_are_used_once();

    // A file that is not the signature is not kept, and not overwritten unasked.
    let [first, second] = [0, 1].map(|i| out.join(hex::encode(owner.digests[i].as_bytes()) + ".sig"));
    fs::copy(second, &first).unwrap();
    failed(&signer.run(&sign), 8);
    let output = signer.run(&[&sign[..], &["--force"]].concat());
    succeeded(&output);
    assert_eq!((states(&output, "signed"), states(&output, "kept")), (1, owner.digests.len() - 1));
}

#[test]
fn digests_of_standard_input_are_signed_line_by_line() {
    let (_place, _server, owner) = set_up(300);
    let list: String = owner.digests.iter().map(|e| hex::encode(e.as_bytes()) + "\n").collect();
    let list = File::open(owner.signer.write("list", list.as_bytes())).unwrap();
    let arguments = ["sign", "--digests", "-", "--format", "raw"];
    let text = succeeded(&owner.signer.command(&arguments).stdin(list).output().unwrap());
    assert_eq!(text.lines().count(), owner.digests.len());
    for (line, digest) in text.lines().zip(&owner.digests) {
        let (name, signature) = line.split_once(' ').unwrap();
        assert_eq!(name, hex::encode(digest.as_bytes()));
        let signature = hex::decode(signature).unwrap().try_into().unwrap();
        let signature = Signature::from_bytes(&signature).unwrap();
        dsa::verify_digest(&owner.public_key, digest.as_bytes(), &signature).unwrap();
    }
}

/// Frames with everything that frames them, both ways together.
#[test]
fn a_digest_takes_less_than_260_bytes_and_one_round_trip() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1);
    let digests = digests(MAX_BATCH);
    let (request, waiting) = sign::start(&pair.key, &digests, NOW, 1, &mut Seeded::new(2)).unwrap();
    let answer = pair.server.handle(&request, &DEVICE, NOW, &mut pair.rng);
    let mut wire = Vec::new();
    framing::encode(u64::MAX, Kind::Protocol, &request, &mut wire).unwrap();
    framing::encode(u64::MAX, Kind::Protocol, &answer, &mut wire).unwrap();
    let Ok(Progress::Done(signed)) = waiting.finish(&answer) else { unreachable!("one round trip is all") };
    assert_eq!(signed.signatures.len(), MAX_BATCH);
    assert_eq!(wire.len(), 13 + 82 + 160 * MAX_BATCH + 13 + 22 + 96 * MAX_BATCH);
    assert!(wire.len() < 260 * MAX_BATCH);
}
