//! The product's two parties with the secrets of both laid open, and the two places that an attacker can take: the
//! server in front of a real client, the client in front of a real server.

use cosign_core::{Digest, Purpose, Suite};
use cosign_tests::{
    frames::{self, Facts},
    model::{DEVICE, NOW, PIN, Pair},
};
use sm_primitives::{PublicPoint, Scalar, sm2::PublicKey, sm3};

use crate::algebra::{hash, inverse, point, scalar, times_g};

/// Both shares of a key, which nobody has in one place.
#[derive(Clone, Copy)]
pub(crate) struct Shares {
    pub(crate) client: Scalar,
    pub(crate) server: Scalar,
    pub(crate) public: PublicKey,
    /// `B = P + G`.
    pub(crate) base: PublicPoint,
}

impl Shares {
    pub(crate) fn new(client: Scalar, server: Scalar) -> Self {
        let base = times_g(inverse(client * server));
        let public = PublicKey::from(base.sub(&PublicPoint::generator()).unwrap());
        Self { client, server, public, base }
    }

    pub(crate) fn of(pair: &Pair) -> Self {
        let record = pair.record.to_bytes();
        let client = Phone::read(&record[..]).unmask(PIN, &pair.device_key.expose_bytes()).share;
        let shares = Self::new(client, scalar(&pair.server_record().share.expose_bytes()[..32]));
        assert_eq!(shares.public, *pair.key.public_key());
        shares
    }
}

/// A pair with an active key, and what it hides.
pub(crate) fn laid_open(purpose: Purpose, seed: u64) -> (Pair, Shares) {
    let pair = Pair::active(Suite::D, purpose, seed);
    let shares = Shares::of(&pair);
    (pair, shares)
}

/// The fields of a stored record that the PIN protects, by the written layout.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) key_id: [u8; 16],
    pub(crate) salt: [u8; 16],
    pub(crate) iterations: u32,
    pub(crate) masked: Scalar,
}

/// What a PIN makes of a record.
pub(crate) struct Unmasked {
    pub(crate) share: Scalar,
    pub(crate) auth: [u8; 32],
}

impl Phone {
    pub(crate) fn read(record: &[u8]) -> Self {
        Self {
            key_id: record[3..19].try_into().unwrap(),
            salt: record[103..119].try_into().unwrap(),
            iterations: u32::from_be_bytes(record[120..124].try_into().unwrap()),
            masked: scalar(&record[124..156]),
        }
    }

    /// With the slow derivation.
    pub(crate) fn unmask(&self, pin: &str, device_key: &[u8; 32]) -> Unmasked {
        let mut z = [0; 32];
        sm3::pbkdf2(pin.as_bytes(), &self.salt, self.iterations, &mut z).unwrap();
        let (mask, auth) = secrets(&z, device_key, &self.key_id);
        Unmasked { share: self.masked * mask, auth }
    }
}

/// `m` and `K_auth` from `z`, the outcome of the slow derivation.
pub(crate) fn secrets(z: &[u8; 32], device_key: &[u8; 32], key_id: &[u8; 16]) -> (Scalar, [u8; 32]) {
    let w = sm3::hmac::hmac(device_key, &[b"SM2-COSIGN-D-V1/pin\0", key_id, z]);
    let mut auth = [0; 32];
    sm3::hkdf(&w, &[], b"SM2-COSIGN-D-V1/auth", &mut auth).unwrap();
    (to_scalar(&label("pin-mask"), &w), auth)
}

/// A domain separation tag of the suite.
pub(crate) fn label(name: &str) -> [u8; 64] {
    let mut block = [0; 64];
    let text = format!("SM2-COSIGN-D-V1/{name}");
    block[..text.len()].copy_from_slice(text.as_bytes());
    block
}

/// Hash to a scalar in [1, n-1].
pub(crate) fn to_scalar(tag: &[u8], message: &[u8]) -> Scalar {
    let (first, second) = (hash(&[&[1], tag, message]), hash(&[&[2], tag, message]));
    let wide = [&first[..], &second[..16]].concat();
    sm_primitives::SecretScalar::from_wide(&wide.try_into().unwrap()).declassify()
}

/// One item of a signing request.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) digest: Scalar,
    pub(crate) qa: PublicPoint,
    pub(crate) qb: PublicPoint,
}

impl Item {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [&self.digest.to_bytes()[..], &self.qa.to_bytes(), &self.qb.to_bytes()].concat()
    }
}

/// A signing request as a server reads it.
pub(crate) struct Request {
    pub(crate) sid: [u8; 16],
    pub(crate) h_req: [u8; 32],
    pub(crate) items: Vec<Item>,
}

impl Request {
    pub(crate) fn read(frame: &[u8], public: &PublicKey) -> Self {
        let items = frame[82..].chunks_exact(160).map(|item| Item {
            digest: scalar(&item[..32]),
            qa: point(&item[32..96]),
            qb: point(&item[96..]),
        });
        Self {
            sid: frame[24..40].try_into().unwrap(),
            h_req: request_hash("req", frame, public),
            items: items.collect(),
        }
    }

    /// `r` and the sum `R` of an item for a `K2`.
    pub(crate) fn r(&self, index: usize, k2: &PublicPoint) -> (Scalar, Option<PublicPoint>) {
        let (b1, b2) = binding_factors(&self.h_req, index, k2);
        let Item { digest, qa, qb } = self.items[index];
        let total = crate::algebra::sum(&[(b1, qa), (b2, qb), (Scalar::ONE, *k2)]);
        (total.map_or(digest, |total| digest + total.x_scalar()), total)
    }

    /// The answer with these nonces, computed as the protocol says.
    pub(crate) fn answer(&self, share: Scalar, k2s: &[Scalar]) -> Vec<u8> {
        let answers: Vec<_> = k2s
            .iter()
            .enumerate()
            .map(|(index, &nonce)| {
                let k2 = times_g(nonce);
                (k2.to_bytes(), share * (nonce + self.r(index, &k2).0))
            })
            .collect();
        answer(&self.sid, &answers)
    }
}

/// `h_req` of a whole frame.
pub(crate) fn request_hash(name: &str, frame: &[u8], public: &PublicKey) -> [u8; 32] {
    let p = public.as_point().to_bytes();
    hash(&[&label(name), &[1, 1], &frame[4..20], &frame[20..24], &p, &frame[24..40], &frame[80..]])
}

pub(crate) fn binding_factors(h_req: &[u8; 32], index: usize, k2: &PublicPoint) -> (Scalar, Scalar) {
    let index = u16::try_from(index).unwrap().to_be_bytes();
    let factors = hash(&[&label("bind"), h_req, &index, &k2.to_bytes()]);
    let half = |bytes: &[u8]| Scalar::from_u128(u128::from_be_bytes(bytes.try_into().unwrap()));
    (half(&factors[..16]), half(&factors[16..]))
}

/// A successful answer of `K2 || s2` items.
pub(crate) fn answer(sid: &[u8; 16], items: &[([u8; 64], Scalar)]) -> Vec<u8> {
    let count = u16::try_from(items.len()).unwrap().to_be_bytes();
    let head = [&[1, 1, 0, 0][..], sid, &count].concat();
    items.iter().fold(head, |mut frame, (k2, s2)| {
        frame.extend(k2);
        frame.extend(s2.to_bytes());
        frame
    })
}

/// `(K2, s2)` of every item of a successful answer.
pub(crate) fn read_answer(frame: &[u8]) -> Vec<(PublicPoint, Scalar)> {
    assert_eq!(frames::answer(frame).status, 0);
    frame[22..].chunks_exact(96).map(|item| (point(&item[..64]), scalar(&item[64..]))).collect()
}

/// What a client that does not follow the protocol needs to write its own requests.
pub(crate) fn facts(pair: &Pair) -> Facts {
    let record = pair.record.to_bytes();
    Facts {
        suite: pair.key.suite().byte(),
        key_id: *pair.key.key_id().as_bytes(),
        epoch: pair.key.epoch(),
        public_key: pair.key.public_key().as_point().to_bytes(),
        auth: Phone::read(&record[..]).unmask(PIN, &pair.device_key.expose_bytes()).auth,
    }
}

/// The real server's answer to a frame.
pub(crate) fn ask(pair: &mut Pair, frame: &[u8]) -> Vec<u8> {
    pair.server.handle(frame, &DEVICE, NOW, &mut pair.rng)
}

/// The `index`-th of a row of digests.
pub(crate) fn digest(index: u64) -> Digest {
    Digest::reduce(&hash(&[&index.to_be_bytes()]))
}

pub(crate) fn digests(count: u64) -> Vec<Digest> {
    (0..count).map(digest).collect()
}
