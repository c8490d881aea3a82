//! Answers of a server that deviates: the exact code, and nothing released.

use std::{string::ToString, vec::Vec};

use serde_json::Value;
use sm_primitives::{
    Zeroizing,
    point::PublicPoint,
    sm2::{Ciphertext, PublicKey},
};

use super::script::{Fields, client_key, unhex, vectors};
use crate::{
    ApiMisuse, ClientKey, Code, Error, KeyId, PinMode, Progress, Purpose, SessionId, Suite, decrypt, keygen,
    pin::{AuthKey, Derivation, DeviceKey, Mask, Pin},
    proof::{Context, Proof},
    refresh, share, sign,
};

/// What a client said in the end: a name as in the vectors.
fn name<T>(result: Result<T, Error>) -> std::string::String {
    match result {
        Ok(_) => "OK".to_string(),
        Err(error) => error.code().map_or_else(|| std::format!("{error:?}"), |code| code.name().to_string()),
    }
}

/// Feeds the answers one after the other. A session that is over answers `E_STATE`, which here is a fact of the
/// types: there is no state left to hand the second answer to.
fn drive<W, T>(
    start: W,
    answers: &[Vec<u8>],
    finish: impl Fn(W, &[u8]) -> Result<Progress<W, T>, Error>,
) -> Result<Option<T>, Error> {
    let mut state = Some(start);
    let mut outcome = Ok(None);
    for answer in answers {
        let Some(waiting) = state.take() else {
            return Err(Error::InvalidMessage(Code::State));
        };
        outcome = match finish(waiting, answer) {
            Ok(Progress::Done(value)) => Ok(Some(value)),
            Ok(Progress::Busy(waiting) | Progress::Next(waiting)) => {
                state = Some(waiting);
                Ok(None)
            }
            Err(error) => Err(error),
        };
    }
    outcome
}

fn sid(session: &Value) -> SessionId {
    SessionId::from_bytes(session.array("sid"))
}

fn signing_session<'k>(key: &'k ClientKey, session: &Value) -> sign::AwaitingSignatures<'k> {
    let secret = &session["secret"];
    let items = secret.list("items");
    let digests = items.iter().map(|item| item.digest("e")).collect();
    let nonces = items.iter().map(|item| (item.secret("na"), item.secret("nb"))).collect();
    sign::AwaitingSignatures::with_nonces(key, sid(session), secret.array("h_req"), digests, nonces)
}

fn decryption_session<'k>(key: &'k ClientKey, session: &Value) -> decrypt::AwaitingPlaintexts<'k> {
    let secret = &session["secret"];
    let text = |list: &str, i: usize| unhex(secret.list(list)[i].as_str().unwrap());
    let items = (0..secret.list("ws").len()).map(|i| {
        let c3_c2 = &secret.list("C3_C2")[i];
        let [c3, c2] = [0, 1].map(|part| unhex(c3_c2[part].as_str().unwrap()));
        let ciphertext = Ciphertext::from_c1c3c2(&[&[4], &text("C1s", i)[..], &c3, &c2].concat()).unwrap();
        let blind = sm_primitives::SecretScalar::from_bytes(&text("ws", i).try_into().unwrap()).unwrap();
        (blind, ciphertext)
    });
    decrypt::AwaitingPlaintexts::with_blinds(key, sid(session), items.collect())
}

fn keygen_session(session: &Value) -> keygen::AwaitingServerShare {
    let secret = &session["secret"];
    let (key_id, sid) = (KeyId::from_bytes(secret.array("key_id")), sid(session));
    let opening = keygen::Opening {
        point: secret.point("PA"),
        proof: Proof { commitment: secret.point("A_A"), answer: secret.scalar("z") },
        salt: secret.array("salt"),
    };
    let context = Context::new(Suite::D, &key_id, Purpose::Sign, &sid);
    assert_eq!(context.as_bytes().to_vec(), secret.bytes("ctx"));
    keygen::AwaitingServerShare::with_opening(key_id, Purpose::Sign, sid, secret.secret("dA"), opening)
}

fn play(case: &Value, session: &Value, vector: &Value) -> std::string::String {
    let answers: Vec<_> =
        case.list("responses").iter().map(|answer| unhex(answer.as_str().unwrap())).collect();
    let device_key = DeviceKey::from_bytes([7; 32]);
    match case.text("session") {
        "sign 1" | "sign 3" => {
            let key = client_key(&vector["key"]);
            name(drive(signing_session(&key, session), &answers, sign::AwaitingSignatures::finish))
        }
        "keygen" => {
            let [answer] = &answers[..] else { panic!("one answer") };
            let pin = Pin::new("").unwrap();
            let mut rng = getrandom::SysRng;
            name(keygen_session(session).finish(answer, &pin, &device_key, 100_000, &mut rng))
        }
        "refresh R1" => {
            let secret = &session["secret"];
            let key = client_key(&secret["key"]);
            let waiting = refresh::AwaitingShare::with_secrets(
                &key,
                sid(session),
                secret.array("h_req"),
                Zeroizing::new(secret.array("rA")),
                Derivation { salt: [1; 16], iterations: 100_000, mode: PinMode::Base },
                Mask {
                    mask: sm_primitives::SecretScalar::from_bytes(&[1; 32]).unwrap(),
                    auth: AuthKey::from_bytes(&secret.array("K_auth")),
                },
            );
            name(drive(waiting, &answers, |waiting, answer| waiting.finish(answer, &device_key)))
        }
        "refresh R3" => {
            let waiting = refresh::AwaitingActivation::with_sid(sid(session));
            match drive(waiting, &answers, refresh::AwaitingActivation::finish) {
                Ok(Some(refresh::Confirmation::Active { .. })) => "ACK".to_string(),
                Ok(Some(refresh::Confirmation::Unknown)) => "NAK".to_string(),
                other => name(other),
            }
        }
        _ => {
            let key = client_key(&vector["encryption_key"]);
            name(drive(decryption_session(&key, session), &answers, decrypt::AwaitingPlaintexts::finish))
        }
    }
}

#[test]
fn every_answer_gets_its_code() {
    let vector = vectors("negative");
    let mut played = 0;
    for case in
        vector.list("cases").iter().filter(|case| case["side"] == "client" && case["session"].is_string())
    {
        let session = &vector["sessions"][case.text("session")];
        assert_eq!(
            play(case, session, &vector),
            case.text("expect"),
            "{}: {}",
            case.text("session"),
            case.text("case")
        );
        played += 1;
    }
    assert_eq!(played, 69);
}

#[test]
fn the_last_step_rejects_each_degenerate_value() {
    let vector = vectors("negative");
    let mut played = 0;
    for case in
        vector.list("cases").iter().filter(|case| case["kind"] == "unit: C6/C7 of one item with b1, b2 given")
    {
        let inputs = &case["inputs"];
        let public_key = PublicKey::from(inputs.point("P"));
        let key = ClientKey {
            key_id: KeyId::from_bytes([0; 16]),
            suite: Suite::D,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            epoch: 1,
            base: sm_primitives::batch::Multiplier::new(share::base(&public_key).unwrap()),
            verifier: once_cell::race::OnceBox::new(),
            public_key,
            share: inputs.secret("dA"),
            auth: AuthKey::from_bytes(&[0; 32]),
            first: share::Reserved::default(),
        };
        let factors = ["b1", "b2"].map(|name| u128::from_be_bytes(inputs.array(name)));
        let signature = sign::dual::complete_with(
            &key,
            &inputs.digest("e"),
            (inputs.secret("na"), inputs.secret("nb")),
            factors.into(),
            (inputs.point("K2"), inputs.scalar("s2")),
        );
        let outcome = if signature.is_some() { "OK" } else { "E_VERIFY" };
        assert_eq!(outcome, case.text("expect"), "{}", case.text("case"));
        played += 1;
    }
    assert_eq!(played, 8);
}

#[test]
fn ciphertexts_are_refused_before_anything_is_sent() {
    let vector = vectors("negative");
    let key = client_key(&vector["encryption_key"]);
    let mut played = 0;
    for case in vector.list("cases").iter().filter(|case| case["kind"] == "local, before anything is sent") {
        let inputs = &case["inputs"];
        let c3 = inputs["C3"].as_str().map_or_else(|| std::vec![0; 32], unhex);
        let c2 = inputs["C2"].as_str().map_or_else(|| std::vec![1], unhex);
        let bytes = [&[4], &inputs.bytes("C1")[..], &c3, &c2].concat();
        let outcome = Ciphertext::from_c1c3c2(&bytes).map_err(Error::from);
        assert_eq!(name(outcome), case.text("expect"), "{}", case.text("case"));
        played += 1;
    }
    assert_eq!(played, 3);

    let good = &vector["sessions"]["decrypt 1"]["secret"];
    let c1 =
        PublicPoint::from_bytes(&unhex(good.list("C1s")[0].as_str().unwrap()).try_into().unwrap()).unwrap();
    let ciphertext = Ciphertext::from_c1c3c2(&[&[4], &c1.to_bytes()[..], &[0; 32], &[1]].concat()).unwrap();
    let mut rng = getrandom::SysRng;
    let too_many = std::vec![ciphertext.clone(); 257];
    for (key, list, misuse) in [
        (&key, &too_many[..], ApiMisuse::BatchSize),
        (&key, &[], ApiMisuse::BatchSize),
        (&client_key(&vector["key"]), &[ciphertext][..], ApiMisuse::Purpose),
    ] {
        assert_eq!(decrypt::start(key, list, 0, &mut rng).err(), Some(Error::ApiMisuse(misuse)));
    }
}
