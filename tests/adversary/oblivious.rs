//! A thief with the phone's storage and the plaintext of everything that a key in oblivious mode sent and got, who tries
//! PINs. Against a key in base mode each of these pieces of evidence finds the PIN (module `thief`).

use cosign_core::{Code, Error, Purpose, Suite, server::Gate, sign};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair},
    naive::{self, oprf},
    random::Seeded,
};
use num_bigint::BigUint;
use sm_primitives::{PublicPoint, sm3};

use crate::{
    algebra::{point, scalar},
    parties::{Phone, Request, Shares, Unmasked, ask, digests, read_answer, secrets},
    search::Evidence,
};

const CANDIDATES: [&str; 6] = ["000000", "123456", "258012", PIN, "258014", "999999"];
const TAG: &[u8] = b"SM2-COSIGN-D-V1/oprf/sm2p256v1_XMD:SM3_SSWU_RO_";

/// What a record gives with this PIN and this outcome of the function, by the written derivation.
fn unmask(phone: &Phone, pin: &str, rwd: &[u8; 32], device_key: &[u8; 32]) -> Unmasked {
    let mut input = [0; 64];
    input[..32].copy_from_slice(rwd);
    sm3::pbkdf2(pin.as_bytes(), &phone.salt, phone.iterations, &mut input[32..]).unwrap();
    let mut z = [0; 32];
    sm3::hkdf(&input, &[], b"SM2-COSIGN-D-V1/po-z", &mut z).unwrap();
    let (mask, auth) = secrets(&z, device_key, &phone.key_id);
    Unmasked { share: phone.masked * mask, auth }
}

/// `rwd` if the point were the unblinded answer.
fn rwd(phone: &Phone, pin: &str, point: &PublicPoint) -> [u8; 32] {
    let input = [pin.as_bytes(), &phone.key_id, &phone.salt, &point.to_bytes()].concat();
    let mut rwd = [0; 32];
    sm3::hkdf(&input, &[], b"SM2-COSIGN-D-V1/rwd", &mut rwd).unwrap();
    rwd
}

/// What the PIN is hashed to.
fn hashed(phone: &Phone, pin: &str) -> PublicPoint {
    let input = [pin.as_bytes(), &phone.key_id, &phone.salt].concat();
    point(&oprf::to_bytes(&oprf::Suite::sm2().hash_to_curve(&input, TAG).unwrap()))
}

/// A key, its phone, `k_o`, and what was recorded of an unlock and a signature: `alpha`, `beta`, evidence.
struct Scene {
    pair: Pair,
    phone: Phone,
    device_key: [u8; 32],
    oprf: BigUint,
    alpha: PublicPoint,
    beta: PublicPoint,
    evidence: Vec<Evidence>,
}

/// `first` are the first random bytes of the unlock: session, `rho`.
fn scene(seed: u64, first: &[u8]) -> Scene {
    let mut pair = Pair::oblivious(Suite::D, Purpose::Sign, seed);
    let record = pair.record.to_bytes();
    let (phone, device_key) = (Phone::read(&record[..]), *pair.device_key.expose_bytes());
    let secrets = pair.server_record().expose_secrets();
    let oprf = BigUint::from_bytes_be(&secrets[96..]);
    pair.rng = Seeded::after(first, seed + 1);
    let [question, answer] = pair.evaluate(PIN).unwrap();
    let (frame, _waiting) = sign::start(&pair.key, &digests(1), NOW, 1, &mut pair.rng).unwrap();
    let (k2, s2) = read_answer(&ask(&mut pair, &frame))[0];

    let right = oprf::evaluate(PIN, &phone.key_id, &phone.salt, &oprf);
    let client = unmask(&phone, PIN, &right, &device_key).share;
    let keys = Shares::new(client, scalar(&secrets[..32]));
    assert_eq!(keys.public, *pair.key.public_key());
    let request = Request::read(&frame, &keys.public);
    let evidence = vec![
        Evidence::Tag { h_req: request.h_req, ts_ms: NOW, tag: frame[48..80].try_into().unwrap() },
        Evidence::Auth(secrets[64..96].try_into().unwrap()),
        Evidence::answer(&keys, &k2, s2, request.r(0, &k2).0),
    ];
    let (alpha, beta) = (point(&question[82..146]), point(&answer[22..86]));
    Scene { pair, phone, device_key, oprf, alpha, beta, evidence }
}

/// The PINs that a way to make the outcome of the function does not rule out by some evidence.
fn found(scene: &Scene, outcome: impl Fn(&str) -> [u8; 32]) -> Vec<&'static str> {
    let Scene { phone, device_key, evidence, .. } = scene;
    let fits = |pin: &&str| {
        let candidate = unmask(phone, pin, &outcome(pin), device_key);
        evidence.iter().any(|evidence| evidence.fits(&candidate))
    };
    CANDIDATES.into_iter().filter(fits).collect()
}

/// Phone, recorded evaluation, recorded tag, recorded answer, even `K_auth`: whatever the thief puts in the place of
/// `k_o*H(PIN)`, the right PIN looks like every other. With `k_o` the same search ends with the PIN.
#[test]
fn the_phone_and_recorded_exchanges_test_no_pin() {
    let scene = scene(1401, &[]);
    let Scene { phone, device_key, alpha, beta, evidence, .. } = &scene;
    // The derivation of base mode.
    for pin in CANDIDATES {
        let candidate = phone.unmask(pin, device_key);
        assert!(!evidence.iter().any(|evidence| evidence.fits(&candidate)), "{pin}");
    }
    assert!(found(&scene, |_| [0; 32]).is_empty());
    for point in [*alpha, *beta] {
        assert!(found(&scene, |pin| rwd(phone, pin, &point)).is_empty());
    }
    assert!(found(&scene, |pin| rwd(phone, pin, &hashed(phone, pin))).is_empty());
    let shifted = |pin: &str| hashed(phone, pin).add(beta).and_then(|sum| sum.sub(alpha)).unwrap();
    assert!(found(&scene, |pin| rwd(phone, pin, &shifted(pin))).is_empty());

    let control = found(&scene, |pin| oprf::evaluate(pin, &phone.key_id, &phone.salt, &scene.oprf));
    assert_eq!(control, [PIN], "the server's database beside it");
}

/// `alpha` is `rho` times the hash of any PIN for some `rho`, and the only thing recorded that was made from the PIN and not
/// from `rwd`. Where `rho` is known it tests PINs without any server: the random source must be good.
#[test]
fn a_blinding_that_is_known_gives_the_pin_away() {
    let rho = [0x33; 32];
    let scene = scene(1402, &[&[1; 16][..], &rho].concat());
    let fits = |pin: &&str| {
        let hashed = naive::Point::from_bytes(&hashed(&scene.phone, pin).to_bytes());
        hashed.mul(&BigUint::from_bytes_be(&rho)).to_bytes() == scene.alpha.to_bytes()
    };
    assert_eq!(CANDIDATES.into_iter().filter(fits).collect::<Vec<_>>(), [PIN]);
}

/// With the device's credentials the thief may ask the server: ten times, and the owner is shown it.
#[test]
fn a_guess_without_a_tag_is_counted_all_the_same() {
    let mut pair = scene(1403, &[]).pair;
    let mut guesses = 0;
    let refused = loop {
        match pair.evaluate(&format!("{guesses:06}")) {
            Ok(_) => guesses += 1,
            Err(error) => {
                // A wait is waited for.
                let gate = &mut pair.server.keys.values_mut().next().unwrap().gate;
                if gate.is_locked() {
                    break error;
                }
                gate.unlock_at_ms = 0;
            }
        }
    };
    assert_eq!((guesses, refused.code()), (10, Some(Code::Key)));
    // Nor does it help to send the evaluation of yesterday, in whatever session, as a new one.
    let question = {
        pair.server.keys.values_mut().for_each(|record| record.gate = Gate::default());
        pair.evaluate(PIN).unwrap()[0].clone()
    };
    for session in 0..4u8 {
        let again = [&question[..24], &[session; 16], &question[40..]].concat();
        assert_eq!(pair.server.handle(&again, &DEVICE, NOW, &mut pair.rng)[2], 0);
        assert_eq!(pair.server_record().gate.total, session + 2);
    }
}

/// A clone beside the owner: what it evaluated stays counted, whatever the owner's right tags give back, and the key is
/// locked at thirty.
#[test]
fn the_owners_logins_wash_out_no_guess_of_a_clone() {
    let mut pair = scene(1404, &[]).pair;
    pair.server.keys.values_mut().for_each(|record| record.gate = Gate::default());
    let mut guesses = 0u8;
    let locked: Error = loop {
        for _ in 0..4 {
            guesses += u8::from(pair.evaluate("000000").is_ok());
        }
        let unlocked = pair.evaluate(PIN);
        if let Err(error) = unlocked.and_then(|_| pair.sign(&digests(1))) {
            break error;
        }
        let gate = pair.server_record().gate;
        assert_eq!((gate.fails, gate.total), (0, guesses));
    };
    assert_eq!((locked.code(), guesses), (Some(Code::Key), 30));
}
