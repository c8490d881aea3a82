//! The server is killed again and again while it signs; nothing that it answered is lost or repeated.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cosign_core::{ClientKey, Digest, Progress, Purpose, sign};
use cosign_tests::{
    naive,
    network::{Device, Peer, now_ms, unlock},
    process::{PIN, Server, ServerFolder, Signer, is_quick, succeeded},
    random::Seeded,
};
use getrandom::SysRng;
use sm_primitives::sm2::dsa;

const TASKS: u64 = 4;

/// What one task got from the server in one round.
#[derive(Default)]
struct Harvest {
    /// `(e, r)` of every signature that was answered.
    signatures: Vec<([u8; 32], [u8; 32])>,
    /// Every `K2` that was answered.
    nonce_points: Vec<[u8; 64]>,
    /// Frames that were sent and not answered, and the last one that was.
    frames: Vec<Vec<u8>>,
}

impl Harvest {
    fn take(&mut self, answer: &[u8]) {
        let items = answer[22..].chunks_exact(96);
        self.nonce_points.extend(items.map(|item| <[u8; 64]>::try_from(&item[..64]).unwrap()));
    }
}

/// Signs until the connection breaks.
async fn sign_until_the_end(peer: Peer, key: Arc<ClientKey>, seed: u64) -> Harvest {
    let mut harvest = Harvest::default();
    let mut draws = Seeded::new(seed);
    let Ok(mut stream) = peer.frames().await else { return harvest };
    let mut answered = None;
    for counter in 0.. {
        let digests: Vec<_> =
            (0..=draws.below(4)).map(|_| Digest::reduce(&draws.bytes(32).try_into().unwrap())).collect();
        let (frame, waiting) = sign::start(&key, &digests, now_ms(), seed + counter, &mut SysRng).unwrap();
        let Ok(answer) = stream.exchange(&frame).await else {
            harvest.frames = [Some(frame), answered].into_iter().flatten().collect();
            break;
        };
        harvest.take(&answer);
        let Progress::Done(signed) = waiting.finish(&answer).unwrap() else { continue };
        for (digest, signature) in digests.iter().zip(&signed.signatures) {
            dsa::verify_digest(key.public_key(), digest.as_bytes(), signature).unwrap();
            harvest.signatures.push((*digest.as_bytes(), signature.r().to_bytes()));
        }
        answered = Some(frame);
    }
    harvest
}

/// Sends frames of before the kill again, byte for byte.
async fn send_again(peer: &Peer, harvest: &mut Harvest) {
    let mut stream = peer.frames().await.unwrap();
    for frame in std::mem::take(&mut harvest.frames) {
        let answer = stream.exchange(&frame).await.unwrap();
        assert_eq!(answer[2], 0, "a frame that is sent again is answered");
        harvest.take(&answer);
    }
}

#[test]
fn killed_while_it_signs() {
    let folder = ServerFolder::new();
    let mut server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let key = Arc::new(unlock(&signer.home(), Purpose::Sign, PIN));
    let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(Device::of_store(&signer.home())));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();

    let mut all = Harvest::default();
    let mut draws = Seeded::new(now_ms());
    let rounds = if is_quick() { 3 } else { 6 };
    for round in 0..rounds {
        let seed = now_ms();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                runtime.spawn(sign_until_the_end(peer.clone(), Arc::clone(&key), seed + (task << 40)))
            })
            .collect();
        // A key generation is under way as well.
        let label = format!("round-{round}");
        let keygen = signer.keygen(&["--purpose", "sign", "--label", &label]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + draws.below(900) as u64));
        Server::kill(server);
        let mut harvests: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();

        server = folder.start();
        let made = keygen.wait_with_output().unwrap().status.success();
        for harvest in &mut harvests {
            runtime.block_on(send_again(&peer, harvest));
            all.signatures.append(&mut harvest.signatures);
            all.nonce_points.append(&mut harvest.nonce_points);
        }
        // The keys still work, and so does the new one, if it was made.
        let _ = signer.write("a", b"a");
        succeeded(&signer.run(&["sign", "a", "--key", "default", "--force"]));
        if made {
            succeeded(&signer.run(&["sign", "a", "--key", &label, "--force"]));
        }
        let keys = signer.json(&["keys", "list"]);
        eprintln!(
            "round {round}: {} signatures, {} keys",
            all.signatures.len(),
            keys["keys"].as_array().unwrap().len()
        );
    }
    succeeded(&signer.run(&["encrypt", "a", "--to", "default"]));
    succeeded(&signer.run(&["decrypt", "a.p7", "--out", "b"]));
    server.stop();

    assert!(all.signatures.len() > 10, "too little was signed to mean anything");
    succeeded(&folder.admin(&["audit", "verify"]));
    let bytes = |value: &serde_json::Value| {
        <[u8; 32]>::try_from(hex::decode(value.as_str().unwrap()).unwrap()).unwrap()
    };
    let mut recorded = BTreeMap::new();
    for entry in folder.audit() {
        for item in entry["signatures"].as_array().unwrap() {
            *recorded.entry((bytes(&item["e"]), bytes(&item["r"]))).or_insert(0) += 1;
        }
    }
    for signature in &all.signatures {
        assert!(recorded.contains_key(signature), "a signature was answered and not recorded");
    }
    assert!(recorded.values().all(|&count| count == 1), "one signature, one record");
    // x(R) = r - e mod n, of every signature that was ever begun, answered or not.
    let nonces: BTreeSet<_> =
        recorded.keys().map(|(e, r)| (naive::int(r) + &*naive::N - naive::int(e)) % &*naive::N).collect();
    assert_eq!(nonces.len(), recorded.len(), "a nonce of a signature was used twice");
    let distinct: BTreeSet<_> = all.nonce_points.iter().collect();
    assert_eq!(distinct.len(), all.nonce_points.len(), "a nonce of the server was used twice");
}
