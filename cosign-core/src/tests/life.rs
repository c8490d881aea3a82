//! Random keys through their whole life, and the properties that hold at every stage.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    Scalar, SecretScalar,
    point::PublicPoint,
    sm2::{DistId, PublicKey, Signature, dsa, pke},
};

use super::model::{Model, OWN};
use crate::{
    ClientKey, Code, DeviceKey, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode, Progress,
    Purpose, Suite, csr, decrypt, keygen, refresh,
    server::{Issued, Origin, ServerShare, Status},
    sign,
};

pub(super) const NOW: u64 = 1_800_000_000_000;

pub(super) fn done<W, T>(progress: Result<Progress<W, T>, Error>) -> T {
    match progress.unwrap() {
        Progress::Done(value) => value,
        Progress::Busy(_) | Progress::Next(_) => panic!("not done"),
    }
}

/// A client and a server with one key.
pub(super) struct Pair {
    pub(super) model: Model,
    pub(super) record: LocalRecord,
    pub(super) key: ClientKey,
    pub(super) device_key: DeviceKey,
    counter: u64,
}

pub(super) fn pin(digits: &str) -> Pin {
    Pin::new(digits).unwrap()
}

impl Pair {
    /// Generates a key under the PIN 258013; it is pending.
    pub(super) fn pending(suite: Suite, purpose: Purpose) -> Self {
        let mut model = Model::new([5; 32]);
        let key_id = KeyId::from_bytes([9; 16]);
        model.issued.insert(
            key_id,
            Issued { device: OWN, suite, purpose, mode: PinMode::Base, origin: Origin::Generated },
        );
        let device_key = DeviceKey::random(&mut SysRng).unwrap();
        let (k1, waiting) = keygen::start(key_id, suite, purpose, &mut SysRng).unwrap();
        let k2 = model.handle(&k1, &OWN, NOW, &mut SysRng);
        let (k3, waiting) =
            waiting.finish(&k2, &pin("258013"), &device_key, MIN_ITERATIONS, &mut SysRng).unwrap();
        let k4 = model.handle(&k3, &OWN, NOW, &mut SysRng);
        let (record, key) = waiting.finish(&k4).unwrap();
        Self { model, record, key, device_key, counter: 0 }
    }

    pub(super) fn active(suite: Suite, purpose: Purpose) -> Self {
        Self::pending(suite, purpose).activated()
    }

    /// As [`Self::pending`], in oblivious mode.
    pub(super) fn pending_oblivious(suite: Suite, purpose: Purpose) -> Self {
        let mut model = Model::new([5; 32]);
        let key_id = KeyId::from_bytes([9; 16]);
        let mode = PinMode::Oblivious;
        model.issued.insert(key_id, Issued { device: OWN, suite, purpose, mode, origin: Origin::Generated });
        let device_key = DeviceKey::random(&mut SysRng).unwrap();
        let pin = pin("258013");
        let (k1, waiting) =
            keygen::start_oblivious(key_id, suite, purpose, &pin, MIN_ITERATIONS, &mut SysRng).unwrap();
        let k2 = model.handle(&k1, &OWN, NOW, &mut SysRng);
        let (k3, waiting) = waiting.finish(&k2, &device_key).unwrap();
        let k4 = model.handle(&k3, &OWN, NOW, &mut SysRng);
        let (record, key) = waiting.finish(&k4).unwrap();
        Self { model, record, key, device_key, counter: 0 }
    }

    pub(super) fn activated(mut self) -> Self {
        let pair = &mut self;
        let info = csr::info("somebody", pair.key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(pair.key.public_key(), &info));
        let signature = pair.sign(&[digest]).unwrap().remove(0);
        let request = csr::assemble(&info, &signature);
        let (frame, waiting) = keygen::activate(&pair.key, &request, &mut SysRng).unwrap();
        let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
        waiting.finish(&answer).unwrap();
        self
    }

    pub(super) fn sign(&mut self, digests: &[Digest]) -> Result<Vec<Signature>, Error> {
        self.counter += 1;
        let (_, mut waiting) = sign::start(&self.key, digests, NOW, self.counter, &mut SysRng)?;
        loop {
            let answer = self.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
            waiting = match waiting.finish(&answer)? {
                Progress::Done(signed) => return Ok(signed.signatures),
                Progress::Next(next) => next,
                Progress::Busy(_) => return Err(Error::Refused(Code::Busy.into())),
            };
        }
    }

    pub(super) fn server_share(&self) -> &ServerShare {
        &self.model.keys[&self.key.key_id()].share
    }
}

fn digests(count: u16) -> Vec<Digest> {
    (0..count).map(|i| Digest::reduce(&sm_primitives::sm3::digest(&i.to_be_bytes()))).collect()
}

#[test]
fn the_shares_are_shares_of_the_public_key() {
    for purpose in [Purpose::Sign, Purpose::Encrypt] {
        let pair = Pair::pending(Suite::D, purpose);
        let product = pair.key.share.mul(&pair.server_share().share).invert();
        let one_plus_d = PublicPoint::mul_base(&product);
        assert_eq!(one_plus_d.sub(&PublicPoint::generator()), Some(*pair.key.public_key().as_point()));
        assert_eq!(pair.model.keys[&pair.key.key_id()].public_key, *pair.key.public_key());
    }
}

#[test]
fn signatures_of_every_batch_size_verify() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    for count in [1, 2, 3, 31, 256] {
        let digests = digests(count);
        let signatures = pair.sign(&digests).unwrap();
        assert_eq!(signatures.len(), digests.len());
        for (digest, signature) in digests.iter().zip(&signatures) {
            dsa::verify_digest(pair.key.public_key(), digest.as_bytes(), signature).unwrap();
        }
    }
    let logged: usize = pair.model.audit.iter().map(|audit| audit.signatures.len()).sum();
    assert_eq!(logged, 1 + 1 + 2 + 3 + 31 + 256);
    for too_many in [0, 257] {
        assert!(matches!(pair.sign(&digests(too_many)), Err(Error::ApiMisuse(_))));
    }
}

/// Few signatures are verified with the key as it is, many with a prepared one.
#[test]
fn one_wrong_item_of_a_batch_releases_nothing() {
    for count in [1, 2, 39, 40, 65] {
        for wrong in [0, count - 1] {
            let mut pair = Pair::active(Suite::D, Purpose::Sign);
            let digests = digests(count);
            let (frame, waiting) = sign::start(&pair.key, &digests, NOW, 1, &mut SysRng).unwrap();
            let mut answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
            answer[22 + 96 * usize::from(wrong) + 95] ^= 1;
            assert!(
                matches!(waiting.finish(&answer), Err(Error::PeerMisbehaved(Code::Verify))),
                "item {wrong} of {count}"
            );
        }
    }
}

#[test]
fn extreme_digests_verify() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let n_minus_1 = (Scalar::ZERO - Scalar::ONE).to_bytes();
    let extremes = [[0; 32], Scalar::ONE.to_bytes(), n_minus_1].map(|e| Digest::from_bytes(&e).unwrap());
    for (digest, signature) in extremes.iter().zip(pair.sign(&extremes).unwrap()) {
        dsa::verify_digest(pair.key.public_key(), digest.as_bytes(), &signature).unwrap();
    }
    let unreduced = [0xff; 32];
    let signature = pair.sign(&[Digest::reduce(&unreduced)]).unwrap().remove(0);
    dsa::verify_digest(pair.key.public_key(), &unreduced, &signature).unwrap();
    assert!(Digest::from_bytes(&unreduced).is_none());
}

#[test]
fn plaintexts_come_back_and_blinding_is_fresh() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt);
    let messages: Vec<Vec<u8>> = [1, 2, 31, 32, 33, 1000, 65_536].map(|len| std::vec![0x5a; len]).into();
    let ciphertexts: Vec<_> =
        messages.iter().map(|m| pke::encrypt(pair.key.public_key(), m, &mut SysRng).unwrap()).collect();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (frame, waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut SysRng).unwrap();
        seen.push(frame[82..].to_vec());
        let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
        let decrypted = done(waiting.finish(&answer));
        assert!(decrypted.plaintexts.iter().zip(&messages).all(|(plain, message)| plain[..] == message[..]));
    }
    let [first, second] = &seen[..] else { panic!() };
    assert!(
        first.chunks(64).zip(second.chunks(64)).all(|(a, b)| a != b),
        "T1 must differ for the same ciphertext"
    );
}

#[test]
fn a_ciphertext_for_another_key_does_not_open() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt);
    let other = PublicKey::from(PublicPoint::mul_base(&SecretScalar::random(&mut SysRng).unwrap()));
    let ciphertexts =
        [pair.key.public_key(), &other].map(|key| pke::encrypt(key, b"bid", &mut SysRng).unwrap());
    let (frame, waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut SysRng).unwrap();
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&answer).err(), Some(Error::PeerMisbehaved(Code::Verify)));
}

#[test]
fn a_pending_key_signs_once_and_only_its_request_activates_it() {
    let mut pair = Pair::pending(Suite::D, Purpose::Sign);
    assert_eq!(pair.sign(&digests(2)).unwrap_err().code(), Some(Code::Batch));
    pair.sign(&digests(1)).unwrap();
    assert_eq!(pair.sign(&digests(1)).unwrap_err().code(), Some(Code::Quota));
    let info = csr::info("somebody", pair.key.public_key());
    let signature = Signature::from_scalars(Scalar::ONE, Scalar::ONE).unwrap();
    let (frame, waiting) =
        keygen::activate(&pair.key, &csr::assemble(&info, &signature), &mut SysRng).unwrap();
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&answer).unwrap_err().code(), Some(Code::Proof));
    assert_eq!(pair.model.keys[&pair.key.key_id()].status, Status::Pending);
}

#[test]
fn a_wrong_pin_is_told_by_the_server_alone() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    pair.key = pair.record.unlock(&pin("000001"), &pair.device_key).unwrap();
    let refused = pair.sign(&digests(1)).unwrap_err();
    assert_eq!(refused.code(), Some(Code::Pin));
    pair.key = pair.record.unlock(&pin("258013"), &pair.device_key).unwrap();
    pair.sign(&digests(1)).unwrap();
}

#[test]
fn a_record_opens_on_its_device_and_unchanged_only() {
    let pair = Pair::pending(Suite::D, Purpose::Sign);
    let bytes = pair.record.to_bytes();
    let other_device = DeviceKey::random(&mut SysRng).unwrap();
    assert_eq!(pair.record.unlock(&pin("258013"), &other_device).err(), Some(Error::InvalidRecord));
    for position in 0..bytes.len() {
        let mut changed = *bytes;
        changed[position] ^= 1;
        let outcome = LocalRecord::from_bytes(&changed).and_then(|r| r.unlock(&pin(""), &pair.device_key));
        assert_eq!(outcome.err(), Some(Error::InvalidRecord), "byte {position}");
    }
    for length in [0, 1, 187] {
        assert_eq!(LocalRecord::from_bytes(&bytes[..length]).err(), Some(Error::InvalidRecord));
    }
    assert!(LocalRecord::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn pins_are_digits() {
    for good in ["", "123456", "12345678901234567890123456789012"] {
        assert!(Pin::new(good).is_ok());
    }
    for bad in ["1", "12345", "12345a", "１２３４５６", " 123456", "123456789012345678901234567890123"]
    {
        assert!(Pin::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_refresh_moves_to_new_shares_and_the_old_one_is_useless() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let old_share = pair.server_share().expose_bytes();
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("777213"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new_share = done(waiting.finish(&r2, &pair.device_key));
    let stored = new_share.record.to_bytes();
    assert_eq!(
        new_share.confirm(&stored[..], &pin("000001"), &pair.device_key, NOW, &mut SysRng).err(),
        Some(Error::InvalidRecord),
        "a record that does not give the share back must not be confirmed"
    );
    let (r3, waiting) =
        new_share.confirm(&stored[..], &pin("777213"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    assert_ne!(pair.server_share().expose_bytes()[..], old_share[..]);

    assert_eq!(pair.sign(&digests(1)).unwrap_err().code(), Some(Code::Epoch));
    pair.key = new_share.record.unlock(&pin("777213"), &pair.device_key).unwrap();
    pair.sign(&digests(3)).unwrap();
}

#[test]
fn server_shares_are_read_back_only_if_whole() {
    let pair = Pair::pending(Suite::D, Purpose::Sign);
    let bytes = pair.server_share().expose_bytes();
    assert_eq!(ServerShare::from_bytes(&bytes).unwrap().expose_bytes()[..], bytes[..]);
    for position in [0, 31, 32, 63] {
        let mut changed = *bytes;
        changed[position] ^= 1;
        assert!(ServerShare::from_bytes(&changed).is_none(), "dB * dB^-1 = 1 must be checked");
    }
    assert!(ServerShare::from_bytes(&[0; 96]).is_none());
}

#[test]
fn nothing_secret_is_printed() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, waiting) = sign::start(&pair.key, &digests(1), NOW, 99, &mut SysRng).unwrap();
    let printed = std::format!("{:?} {:?} {:?} {:?}", pair.key, pair.record, pair.device_key, waiting);
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    let record = std::format!("{:?}", pair.model.keys);
    let incoming = std::format!("{:?}", crate::server::receive(&frame).unwrap());
    let mut deframer = crate::framing::Deframer::new();
    deframer.push(&answer);
    let buffered = std::format!("{deframer:?}");
    let share = pair.server_share().expose_bytes();
    let secrets = [
        pair.key.share.expose_bytes()[..].to_vec(),
        pair.key.auth.expose_bytes().to_vec(),
        pair.device_key.expose_bytes()[..].to_vec(),
        share[..32].to_vec(),
        share[32..64].to_vec(),
        frame[48..80].to_vec(),
        answer[86..118].to_vec(),
    ];
    for text in [printed, record, incoming, buffered] {
        for secret in &secrets {
            let list = std::format!("{secret:?}");
            assert!(
                !text.contains(&hex::encode(secret)) && !text.contains(&list[1..list.len() - 1]),
                "{text}"
            );
        }
    }
}
