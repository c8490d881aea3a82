//! Every transcript, byte for byte, with the randomness of the vectors injected on both sides.

use std::vec::Vec;

use serde_json::Value;
use sm_primitives::{
    point::PublicPoint,
    sm2::{Ciphertext, DistId, Signature},
};

use super::{
    model::{Model, OWN, active},
    script::{Fields, Script, client_key, unhex, vectors},
};
use crate::{
    Digest, KeyId, Op, PinMode, Progress, Purpose, Suite, csr, decrypt,
    error::Error,
    hash::{self, Dst},
    keygen,
    local::LocalRecord,
    nonce::{self, ClientBinding, Which},
    pin::{DeviceKey, Pin},
    refresh,
    server::{Issued, Origin},
    sign,
};

fn done<W, T>(progress: Result<Progress<W, T>, Error>) -> T {
    match progress.unwrap() {
        Progress::Done(value) => value,
        Progress::Busy(_) | Progress::Next(_) => panic!("not done"),
    }
}

/// Plays one signing vector: the client's frame, the server's answer, the signatures.
fn play_signature(vector: &Value, model: &mut Model) {
    let key = client_key(&vector["key"]);
    // The large vector lists its digests and signatures in one string each.
    let digests: Vec<Digest> = match vector["digests"].as_str() {
        Some(all) => unhex(all).chunks(32).map(|e| Digest::reduce(e.try_into().unwrap())).collect(),
        None => vector.list("items").iter().map(|item| Digest::reduce(&item.array("digest"))).collect(),
    };
    let (client, server) = (&vector["client"], &vector["server"]);
    let mut rng = Script::of(vector, "client_randomness");
    let (frame, waiting) =
        sign::start(&key, &digests, client.u64("ts_ms"), client.u64("ctr"), &mut rng).unwrap();
    rng.assert_used_up();
    assert_eq!(frame, vector.bytes("request"));
    assert_eq!(waiting.frame(), frame);

    let mut rng = Script::of(vector, "server_randomness");
    model.nonce_key = server.array("nonce_key");
    let answer = model.handle(&frame, &OWN, server.u64("now_ms"), &mut rng);
    rng.assert_used_up();
    assert_eq!(answer, vector.bytes("response"));

    let signed = done(waiting.finish(&answer));
    assert_eq!(signed.failures, server.u8("fails_before"));
    if let Some(all) = vector["signatures_r_s"].as_str() {
        let released: Vec<u8> = signed.signatures.iter().flat_map(Signature::to_bytes).collect();
        assert_eq!(released, unhex(all));
    }
    for item in vector.list("items") {
        let index = usize::from(u16::from_be_bytes(item.array("i")));
        let signature = &signed.signatures[index];
        assert_eq!(signature.to_bytes()[..32], item.bytes("r"));
        assert_eq!(signature.to_bytes()[32..], item.bytes("s"));
        assert_eq!(signature.to_der(), item.bytes("sig_der"));
        let (logged, r) = model.audit.last().unwrap().signatures[index];
        assert_eq!((logged, r.to_vec()), (item.digest("e"), item.bytes("r")));
    }
}

fn model_with(key: &Value) -> Model {
    let mut model = Model::new([0; 32]);
    let record = active(key);
    model.keys.insert(record.key_id, record);
    model
}

#[test]
fn signatures() {
    for name in ["sign_n1", "sign_n3", "sign_n256", "digest_mod_n"] {
        let vector = vectors(name);
        play_signature(&vector, &mut model_with(&vector["key"]));
    }
}

#[test]
fn unreduced_digests_are_refused() {
    let vector = vectors("digest_mod_n");
    for case in vector.list("rejected") {
        let mut model = model_with(&vector["key"]);
        let answer =
            model.handle(&case.bytes("request"), &OWN, case.u64("now_ms"), &mut Script::new(Vec::new()));
        assert_eq!(answer, case.bytes("response"), "{}", case.text("case"));
        let refused = model.audit.pop().unwrap();
        assert_eq!((refused.code, refused.signatures.len()), (Some(crate::Code::Digest), 0));
    }
}

#[test]
fn related_points_are_answered_exactly() {
    let vector = vectors("sign_related_points");
    let mut model = model_with(&vector["key"]);
    model.nonce_key = vector["server"].array("nonce_key");
    let mut rng = Script::of(&vector, "server_randomness");
    let answer = model.handle(&vector.bytes("request"), &OWN, vector["server"].u64("now_ms"), &mut rng);
    assert_eq!(answer, vector.bytes("response"));
}

#[test]
fn decryptions() {
    for name in ["decrypt_n1", "decrypt_n2"] {
        let vector = vectors(name);
        let key = client_key(&vector["key"]);
        let items = vector.list("items");
        let ciphertexts: Vec<_> =
            items.iter().map(|item| Ciphertext::from_c1c3c2(&item.bytes("c1c3c2")).unwrap()).collect();
        for (ciphertext, item) in ciphertexts.iter().zip(items) {
            assert_eq!(Ciphertext::from_der(&item.bytes("der")).unwrap().to_c1c3c2(), ciphertext.to_c1c3c2());
        }
        let mut rng = Script::of(&vector, "client_randomness");
        let (frame, waiting) =
            decrypt::start(&key, &ciphertexts, vector["client"].u64("ts_ms"), &mut rng).unwrap();
        rng.assert_used_up();
        assert_eq!(frame, vector.bytes("request"));
        let mut model = model_with(&vector["key"]);
        let now_ms = vector["server"].u64("now_ms");
        let answer = model.handle(&frame, &OWN, now_ms, &mut Script::new(Vec::new()));
        assert_eq!(answer, vector.bytes("response"));
        assert_eq!(model.keys[&key.key_id()].decrypts as usize, items.len());
        let decrypted = done(waiting.finish(&answer));
        for (plaintext, item) in decrypted.plaintexts.iter().zip(items) {
            assert_eq!(plaintext[..], item.bytes("msg"));
        }
        assert_eq!(decrypted.plaintexts.len(), items.len());
    }
}

#[test]
fn key_generation_to_an_active_key() {
    let file = vectors("keygen");
    for name in ["sign", "encryption"] {
        let vector = &file[name];
        let (key_id, purpose) = (KeyId::from_bytes(vector.array("key_id")), vector.u8("purpose"));
        let purpose = Purpose::from_byte(purpose).unwrap();
        let mut model = Model::new([0; 32]);
        model.issued.insert(
            key_id,
            Issued { device: OWN, suite: Suite::D, purpose, mode: PinMode::Base, origin: Origin::Generated },
        );
        let mut client_rng = Script::of(vector, "client_randomness");
        let mut server_rng = Script::of(vector, "server_randomness");

        let (k1, waiting) = keygen::start(key_id, Suite::D, purpose, &mut client_rng).unwrap();
        assert_eq!(k1, vector["K1_K2"].bytes("request"));
        let k2 = model.handle(&k1, &OWN, vector["K1_K2"].u64("now_ms"), &mut server_rng);
        assert_eq!(k2, vector["K1_K2"].bytes("response"));
        server_rng.assert_used_up();

        let pin = Pin::new(core::str::from_utf8(&vector["pin"].bytes("pin")).unwrap()).unwrap();
        let device_key = DeviceKey::from_bytes(vector["pin"].array("K_dev"));
        let iterations = u32::from_be_bytes(vector["pin"].array("c"));
        let (k3, waiting) = waiting.finish(&k2, &pin, &device_key, iterations, &mut client_rng).unwrap();
        client_rng.assert_used_up();
        assert_eq!(k3[..], vector["K3_K4"].bytes("request"));
        let k4 = model.handle(&k3, &OWN, vector["K3_K4"].u64("now_ms"), &mut server_rng);
        assert_eq!(k4, vector["K3_K4"].bytes("response"));
        let (record, key) = waiting.finish(&k4).unwrap();
        assert_eq!(record.to_bytes()[..], vector.bytes("device_record"));
        assert_eq!(key.share.expose_bytes()[..], vector["pin"].bytes("dA"));

        play_signature(&vector["K6_sign"], &mut model);
        let activate = &vector["K6_activate"];
        let mut rng = Script::of(activate, "client_randomness");
        let (frame, waiting) = keygen::activate(&key, &activate.bytes("csr_der"), &mut rng).unwrap();
        assert_eq!(frame, activate.bytes("request"));
        let answer = model.handle(&frame, &OWN, activate.u64("now_ms"), &mut Script::new(Vec::new()));
        assert_eq!(answer, activate.bytes("response"));
        waiting.finish(&answer).unwrap();
    }
}

#[test]
fn certification_requests_are_written_as_read() {
    let file = vectors("keygen");
    for name in ["sign", "encryption"] {
        let vector = &file[name];
        let der = vector["K6_activate"].bytes("csr_der");
        let request = csr::Request::read(&der).unwrap();
        let digest = Digest::reduce(&DistId::default().digest(&request.public_key, request.info));
        assert_eq!(digest, vector["K6_sign"].list("items")[0].digest("e"));
        assert_eq!(csr::assemble(request.info, &request.signature), der);
        let common_name = core::str::from_utf8(&request.info[20..]).unwrap_or_default();
        assert!(common_name.is_empty() || request.info.len() > 20);
        let name = if name == "sign" { "suite-d signing key" } else { "suite-d encryption key" };
        assert_eq!(csr::info(name, &request.public_key), request.info);
    }
}

#[test]
fn pin_masks() {
    let vector = vectors("pin");
    for name in ["right", "no_pin"] {
        let case = &vector[name];
        let pin = Pin::new(core::str::from_utf8(&case.bytes("pin")).unwrap()).unwrap();
        let derivation = crate::pin::Derivation {
            salt: case.array("salt"),
            iterations: u32::from_be_bytes(case.array("c")),
            mode: PinMode::Base,
        };
        let key_id = KeyId::from_bytes(case.array("key_id"));
        let device_key = DeviceKey::from_bytes(case.array("K_dev"));
        let mask = derivation.mask(&pin, &device_key, &key_id).unwrap();
        assert_eq!(mask.mask.expose_bytes()[..], case.bytes("m"));
        assert_eq!(mask.auth.expose_bytes()[..], case.bytes("K_auth"));
        let masked = case.secret("dA").mul(&mask.mask.invert());
        assert_eq!(masked.expose_bytes()[..], case.bytes("u"));
    }
    let (right, wrong, tag) = (&vector["right"], &vector["wrong_pin"], &vector["tag"]);
    let record = LocalRecord::from_bytes(&vector.bytes("record")).unwrap();
    assert_eq!(record.to_bytes()[..], vector.bytes("record"));
    let device_key = DeviceKey::from_bytes(right.array("K_dev"));
    for (case, share, expected) in
        [(right, "dA", "tag_pin"), (wrong, "dA_that_comes_out", "tag_pin_wrong_pin")]
    {
        let pin = Pin::new(core::str::from_utf8(&case.bytes("pin")).unwrap()).unwrap();
        let key = record.unlock(&pin, &device_key).unwrap();
        assert_eq!(key.share.expose_bytes()[..], case.bytes(share));
        assert_eq!(key.auth.tag(&tag.array("h_req"), tag.u64("ts_ms")).to_vec(), tag.bytes(expected));
    }
}

#[test]
fn nonces_and_hash_to_scalar() {
    let vector = vectors("nonces");
    for case in vector.list("client") {
        let share = case.secret("dA");
        let binding = ClientBinding {
            share: &share,
            sid: &crate::SessionId::from_bytes(case.array("sid")),
            ts_ms: case.u64("ts_ms"),
            counter: case.u64("ctr"),
        };
        let which = if case.u8("which") == b'a' { Which::A } else { Which::B };
        let mut rng = Script::new(case.bytes("rand32"));
        let index = u16::from_be_bytes(case.array("i"));
        let nonces = nonce::client(&binding, &[(index, &case.digest("e"), which)], &mut rng).unwrap();
        assert_eq!(nonces.len(), 1);
        assert_eq!(nonces[0].expose_bytes()[..], case.bytes("result"));
    }
    for case in vector.list("server") {
        let index = u16::from_be_bytes(case.array("i"));
        let mut rng = Script::new(case.bytes("drbg"));
        let h_req = case.array("h_req");
        let nonces =
            nonce::server(&case.array("nonce_key"), &h_req, index..index + 1, case.u8("retry"), &mut rng)
                .unwrap();
        assert_eq!(nonces.len(), 1);
        assert_eq!(nonces[0].expose_bytes()[..], case.bytes("result"));
        let point = PublicPoint::mul_base(&nonces[0]);
        assert_eq!(point, case.point("K2"));
        let factors = hash::binding_factors(&h_req, index, &[point]);
        let factors: Vec<_> =
            factors.iter().map(|(b1, b2)| (b1.to_be_bytes().to_vec(), b2.to_be_bytes().to_vec())).collect();
        assert_eq!(factors, [(case.bytes("b1"), case.bytes("b2"))]);
    }
    let tags = &vector["dst"];
    for (name, dst) in
        [("bind", Dst::BIND), ("pok", Dst::POK), ("pin-mask", Dst::PIN_MASK), ("rid", Dst::REFRESH_ID)]
    {
        assert_eq!(dst.hasher().finalize(), sm_primitives::sm3::digest(&tags.bytes(name)));
    }
}

/// The nonces and factors of a request are those of its items one by one, with the draws in their order.
#[test]
fn nonces_and_factors_of_many_items() {
    const COUNT: u16 = 65;
    let bytes: Vec<u8> = (0..48 * COUNT).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let (key, h_req) = ([1; 32], [2; 32]);
    let together = nonce::server(&key, &h_req, 0..COUNT, 3, &mut Script::new(bytes.clone())).unwrap();
    let points: Vec<_> = together.iter().map(PublicPoint::mul_base).collect();
    let factors = hash::binding_factors(&h_req, 0, &points);
    let mut script = Script::new(bytes.clone());
    assert_eq!((together.len(), factors.len()), (usize::from(COUNT), usize::from(COUNT)));
    for (index, ((nonce, point), factors)) in (0..).zip(together.iter().zip(&points).zip(factors)) {
        let alone = nonce::server(&key, &h_req, index..index + 1, 3, &mut script).unwrap();
        assert!(bool::from(alone[0].ct_eq(nonce)), "{index}");
        assert_eq!(hash::binding_factors(&h_req, index, &[*point]), [factors], "{index}");
    }
    script.assert_used_up();

    let (share, sid) = (&together[0], &crate::SessionId::from_bytes([4; 16]));
    let binding = ClientBinding { share, sid, ts_ms: 5, counter: 6 };
    let digests: Vec<_> = (0..COUNT).map(|i| Digest::reduce(&[u8::try_from(i).unwrap(); 32])).collect();
    let wanted: Vec<_> = (0..).zip(&digests).map(|(i, digest)| (i, digest, Which::B)).collect();
    let mut script = Script::new(bytes.clone());
    let together = nonce::client(&binding, &wanted, &mut Script::new(bytes)).unwrap();
    assert_eq!(together.len(), wanted.len());
    for (wanted, nonce) in wanted.iter().zip(&together) {
        let alone = nonce::client(&binding, &[*wanted], &mut script).unwrap();
        assert!(bool::from(alone[0].ct_eq(nonce)), "{}", wanted.0);
    }
}

#[test]
fn refreshes() {
    for name in ["refresh_same_pin", "refresh_new_pin"] {
        let vector = vectors(name);
        let mut model = model_with(&vector["key_before"]);
        let key = client_key(&vector["key_before"]);
        let new_pin = &vector["new_pin"];
        let pin = Pin::new(core::str::from_utf8(&new_pin.bytes("pin")).unwrap()).unwrap();
        let device_key = DeviceKey::from_bytes(new_pin.array("K_dev"));
        let iterations = u32::from_be_bytes(new_pin.array("c"));
        let (r1, r3) = (&vector["R1"], &vector["R3"]);
        let none = || Script::new(Vec::new());

        let mut rng = Script::of(&vector, "client_randomness");
        let (frame, waiting) =
            refresh::start(&key, &pin, &device_key, iterations, r1.u64("ts_ms"), &mut rng).unwrap();
        rng.assert_used_up();
        assert_eq!(frame[..], r1.bytes("request"));
        let mut rng = Script::of(&vector, "server_randomness");
        let answer = model.handle(&frame, &OWN, r1.u64("now_ms"), &mut rng);
        assert_eq!(answer, vector["R2"].bytes("response"));
        assert!(model.record_changed);

        // After a loss of the cache the identical request gets the identical answer, without new randomness.
        let (key_id, sid) = (key.key_id(), crate::SessionId::from_bytes(frame[24..40].try_into().unwrap()));
        model.cache().abandon(key_id, sid, Op::Refresh);
        let again = model.handle(&frame, &OWN, r1.u64("now_ms"), &mut none());
        assert_eq!(again, r1.bytes("answer_to_identical_request_after_cache_loss"));

        let new_share = done(waiting.finish(&answer, &device_key));
        assert_eq!(new_share.record.to_bytes()[..], vector.bytes("record_after"));

        let early = &vector["sign_for_new_epoch_while_pending"];
        let refused = model.handle(&early.bytes("request"), &OWN, early.u64("now_ms"), &mut none());
        assert_eq!(refused, early.bytes("response"));
        let unknown = &vector["R3_unknown_rid"];
        let nak = model.handle(&unknown.bytes("request"), &OWN, unknown.u64("now_ms"), &mut none());
        assert_eq!(nak, unknown.bytes("response"));

        let mut rng = Script::of(r3, "client_randomness");
        let stored = new_share.record.to_bytes();
        let (frame, waiting) =
            new_share.confirm(&stored[..], &pin, &device_key, r3.u64("ts_ms"), &mut rng).unwrap();
        assert_eq!(frame, r3.bytes("request"));
        let ack = model.handle(&frame, &OWN, r3.u64("now_ms"), &mut none());
        assert_eq!(ack, r3.bytes("response"));
        assert_eq!(done(waiting.finish(&ack)), refresh::Confirmation::Active { failures: 0 });

        let resent = &vector["R3_resent_after_lost_ack"];
        let mut rng = Script::of(resent, "client_randomness");
        let (frame, _) =
            refresh::confirm(&new_share.record, &pin, &device_key, resent.u64("ts_ms"), &mut rng).unwrap();
        assert_eq!(frame, resent.bytes("request"));
        let ack = model.handle(&frame, &OWN, resent.u64("now_ms"), &mut none());
        assert_eq!(ack, resent.bytes("response"));

        let after = &vector["key_after"];
        let share = model.keys[&key_id].share.expose_bytes();
        assert_eq!(share[..32], after.bytes("dB"));
        assert_eq!(share[64..], after.bytes("K_auth"));
        play_signature(&vector["sign_after"], &mut model);
    }
}
