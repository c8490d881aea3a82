//! SM2 from the textbook: affine points and big integers, written to be compared with the standard line by line.
//!
//! It shares no code with the engines (SM3, HMAC and PBKDF2 are RustCrypto's), it is slow, its timing tells every
//! secret: a model for tests and nothing else.

pub mod commit;
pub mod oprf;

use std::sync::LazyLock;

use hmac::{KeyInit, Mac};
use num_bigint::BigUint;
use sm3::{Digest, Sm3};

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

// GB/T 32918.5-2017: y^2 = x^3 - 3x + b over F_p, a base point of prime order n.
static P: LazyLock<BigUint> =
    LazyLock::new(|| number("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff"));
static B: LazyLock<BigUint> =
    LazyLock::new(|| number("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"));
/// The order of the group.
pub static N: LazyLock<BigUint> =
    LazyLock::new(|| number("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"));
/// The base point.
pub static G: LazyLock<Point> = LazyLock::new(|| {
    Point::Affine(
        number("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"),
        number("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"),
    )
});

/// A point of the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Point {
    /// The neutral element.
    Infinity,
    /// `(x, y)`.
    Affine(BigUint, BigUint),
}

impl Point {
    /// Reads `x || y`, which must be on the curve.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (x, y) = (int(&bytes[..32]), int(&bytes[32..64]));
        let right = (x.pow(3) + (&*P - 3u32) * &x + &*B) % &*P;
        assert_eq!(&y * &y % &*P, right, "not on the curve");
        Self::Affine(x, y)
    }

    /// `x || y`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        let Self::Affine(x, y) = self else { panic!("the neutral element has no coordinates") };
        [bytes(x), bytes(y)].concat().try_into().unwrap()
    }

    /// Chord and tangent.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let (Self::Affine(x1, y1), Self::Affine(x2, y2)) = (self, other) else {
            return if *self == Self::Infinity { other.clone() } else { self.clone() };
        };
        let p = &*P;
        let slope = if x1 != x2 {
            (p + y2 - y1) * (p + x2 - x1).modinv(p).unwrap()
        } else if (y1 + y2) % p == BigUint::ZERO {
            return Self::Infinity;
        } else {
            (x1 * x1 * 3u32 + p - 3u32) * (y1 * 2u32).modinv(p).unwrap()
        } % p;
        let x = (&slope * &slope + p + p - x1 - x2) % p;
        let y = (slope * (p + x1 - &x) + p - y1) % p;
        Self::Affine(x, y)
    }

    /// `k * self`, double and add.
    #[must_use]
    pub fn mul(&self, k: &BigUint) -> Self {
        (0..k.bits()).rev().fold(Self::Infinity, |sum, bit| {
            let doubled = sum.add(&sum);
            if k.bit(bit) { doubled.add(self) } else { doubled }
        })
    }

    fn x(&self) -> &BigUint {
        let Self::Affine(x, _) = self else { panic!("the neutral element has no coordinates") };
        x
    }
}

/// A big-endian integer.
#[must_use]
pub fn int(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

/// 32 bytes, big-endian.
#[must_use]
pub fn bytes(value: &BigUint) -> [u8; 32] {
    let short = value.to_bytes_be();
    let mut all = [0; 32];
    all[32 - short.len()..].copy_from_slice(&short);
    all
}

fn sm3(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sm3::new(), Sm3::chain_update).finalize().into()
}

/// `e = SM3(Z_A || M)` (GB/T 32918.2, 5.5 and 6.1).
#[must_use]
pub fn digest(id: &[u8], public_key: &Point, message: &[u8]) -> [u8; 32] {
    let bits = u16::try_from(8 * id.len()).unwrap().to_be_bytes();
    let z = sm3(&[&bits, id, &bytes(&(&*P - 3u32)), &bytes(&B), &G.to_bytes(), &public_key.to_bytes()]);
    sm3(&[&z, message])
}

/// Signature of a digest under `d` with nonce `k` (GB/T 32918.2, 6.1); `None` asks for another nonce.
#[must_use]
pub fn sign(d: &BigUint, e: &[u8; 32], k: &BigUint) -> Option<(BigUint, BigUint)> {
    let n = &*N;
    let r = (int(e) + G.mul(k).x()) % n;
    if r == BigUint::ZERO || &r + k == *n {
        return None;
    }
    let s = (d + 1u32).modinv(n)? * (k + n * n - &r * d) % n;
    (s != BigUint::ZERO).then_some((r, s))
}

/// Whether a signature is right (GB/T 32918.2, 7.1).
#[must_use]
pub fn verify(public_key: &Point, e: &[u8; 32], r: &BigUint, s: &BigUint) -> bool {
    let n = &*N;
    let in_range = |value: &BigUint| *value != BigUint::ZERO && value < n;
    let t = (r + s) % n;
    if !in_range(r) || !in_range(s) || t == BigUint::ZERO {
        return false;
    }
    match G.mul(s).add(&public_key.mul(&t)) {
        Point::Infinity => false,
        point => (int(e) + point.x()) % n == *r,
    }
}

/// `C1 || C3 || C2` of a message under nonce `k` (GB/T 32918.4, 6.1); `None` asks for another nonce.
#[must_use]
pub fn encrypt(public_key: &Point, message: &[u8], k: &BigUint) -> Option<Vec<u8>> {
    let (c2, c3) = mask(&public_key.mul(k), message, true)?;
    Some([&G.mul(k).to_bytes()[..], &c3, &c2].concat())
}

/// The message in `C1 || C3 || C2` (GB/T 32918.4, 7.1).
#[must_use]
pub fn decrypt(d: &BigUint, ciphertext: &[u8]) -> Option<Vec<u8>> {
    let (c1, rest) = ciphertext.split_at(64);
    let (c3, c2) = rest.split_at(32);
    let (message, expected) = mask(&Point::from_bytes(c1).mul(d), c2, false)?;
    (c3 == expected).then_some(message)
}

/// `data` under the key stream of a shared point, and C3 over the plaintext.
fn mask(shared: &Point, data: &[u8], data_is_plain: bool) -> Option<(Vec<u8>, [u8; 32])> {
    let shared = shared.to_bytes();
    let stream: Vec<u8> = (1u32..)
        .take(data.len().div_ceil(32))
        .flat_map(|counter| sm3(&[&shared, &counter.to_be_bytes()]))
        .collect();
    if stream[..data.len()].iter().all(|&byte| byte == 0) {
        return None;
    }
    let masked: Vec<u8> = data.iter().zip(stream).map(|(byte, key)| byte ^ key).collect();
    let c3 = sm3(&[&shared[..32], if data_is_plain { data } else { &masked }, &shared[32..]]);
    Some((masked, c3))
}

/// HMAC-SM3.
#[must_use]
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = hmac::Hmac::<Sm3>::new_from_slice(key).unwrap();
    parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into()
}

/// The domain separation tag of a label: one block of SM3.
#[must_use]
pub fn tag(label: &str) -> Vec<u8> {
    let mut tag = format!("SM2-COSIGN-D-V1/{label}\0").into_bytes();
    tag.resize(64, 0);
    tag
}

/// `H2S` of the protocol: a scalar in [1, n-1].
#[must_use]
pub fn to_scalar(label: &str, message: &[u8]) -> BigUint {
    let tag = tag(label);
    let (first, second) = (sm3(&[&[1], &tag, message]), sm3(&[&[2], &tag, message]));
    int(&[&first[..], &second[..16]].concat()) % (&*N - 1u32) + 1u32
}

/// The client's share `dA` in a stored record (188 bytes), from PIN and device secret.
#[must_use]
pub fn client_share(record: &[u8], pin: &str, device_key: &[u8; 32]) -> BigUint {
    let iterations = u32::from_be_bytes(record[120..124].try_into().unwrap());
    let z: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sm3, 32>(pin.as_bytes(), &record[103..119], iterations);
    unmask(record, device_key, &z)
}

/// `dA` from a local record and what the PIN derives.
fn unmask(record: &[u8], device_key: &[u8; 32], z: &[u8; 32]) -> BigUint {
    let w = hmac(device_key, &[b"SM2-COSIGN-D-V1/pin\0", &record[3..19], z]);
    int(&record[124..156]) * to_scalar("pin-mask", &w) % &*N
}

/// The private key that two shares make: `d = (dA * dB)^-1 - 1`. Nobody but a test ever computes it.
#[must_use]
pub fn joint_key(client: &BigUint, server: &BigUint) -> BigUint {
    ((client * server).modinv(&N).unwrap() + &*N - 1u32) % &*N
}
