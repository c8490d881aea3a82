//! Hashing to a curve step by step as RFC 9380 writes it, for any curve with a = -3 and p = 3 mod 4 and any hash like SHA-256;
//! and on it the oblivious function of a PIN.

use num_bigint::BigUint;
use sm3::Sm3;

use super::{B, P, Point, bytes, hmac, int, sm3, unmask};

/// A suite of RFC 9380: curve, hash and Z. Blocks of the hash have 64 bytes.
pub struct Suite {
    /// The field.
    pub p: BigUint,
    /// The curve y^2 = x^3 - 3x + b.
    pub b: BigUint,
    /// Z of the map, below p.
    pub z: BigUint,
    /// The hash.
    pub hash: fn(&[u8]) -> [u8; 32],
}

/// A point as its coordinates, `None` for the identity.
pub type Coordinates = Option<(BigUint, BigUint)>;

impl Suite {
    /// `sm2p256v1_XMD:SM3_SSWU_RO_`.
    #[must_use]
    pub fn sm2() -> Self {
        Self { p: P.clone(), b: B.clone(), z: &*P - 9u32, hash: |message| sm3(&[message]) }
    }

    fn a(&self) -> BigUint {
        &self.p - 3u32
    }

    fn inverse(&self, v: &BigUint) -> BigUint {
        v.modpow(&(&self.p - 2u32), &self.p)
    }

    fn is_square(&self, v: &BigUint) -> bool {
        v.modpow(&((&self.p - 1u32) / 2u32), &self.p) <= BigUint::from(1u32)
    }

    fn sqrt(&self, v: &BigUint) -> BigUint {
        v.modpow(&((&self.p + 1u32) / 4u32), &self.p)
    }

    /// x^3 + a x + b.
    fn g(&self, x: &BigUint) -> BigUint {
        (x.pow(3) + self.a() * x + &self.b) % &self.p
    }

    /// Section 5.3.1.
    fn expand_message(&self, message: &[u8], tag: &[u8], length: u16) -> Vec<u8> {
        let tag = [tag, &[u8::try_from(tag.len()).unwrap()]].concat();
        let ell = u8::try_from(length.div_ceil(32)).unwrap();
        let b_0 = (self.hash)(&[&[0; 64], message, &length.to_be_bytes(), &[0], &tag].concat());
        let mut b = vec![(self.hash)(&[&b_0[..], &[1], &tag].concat())];
        for i in 2..=ell {
            let xor: Vec<u8> = b_0.iter().zip(b.last().unwrap()).map(|(x, y)| x ^ y).collect();
            b.push((self.hash)(&[&xor[..], &[i], &tag].concat()));
        }
        b.concat()[..usize::from(length)].to_vec()
    }

    /// Section 5.2, two elements of a prime field.
    #[must_use]
    pub fn hash_to_field(&self, message: &[u8], tag: &[u8]) -> [BigUint; 2] {
        let uniform = self.expand_message(message, tag, 96);
        [int(&uniform[..48]) % &self.p, int(&uniform[48..]) % &self.p]
    }

    /// Section 6.6.2.
    #[must_use]
    pub fn map_to_curve(&self, u: &BigUint) -> (BigUint, BigUint) {
        let (p, z, a) = (&self.p, &self.z, self.a());
        let tv1 = self.inverse(&((z.pow(2) * u.pow(4) + z * u.pow(2)) % p));
        let x1 = if tv1 == BigUint::ZERO {
            &self.b * self.inverse(&(z * &a)) % p
        } else {
            (p - &self.b) * self.inverse(&a) * (tv1 + 1u32) % p
        };
        let x2 = z * u.pow(2) * &x1 % p;
        let x = if self.is_square(&self.g(&x1)) { x1 } else { x2 };
        let y = self.sqrt(&self.g(&x));
        assert_eq!(y.pow(2) % p, self.g(&x), "one of the two is a square");
        let y = if u.bit(0) == y.bit(0) { y } else { p - y };
        (x, y)
    }

    /// Section 3, with a cofactor of 1.
    #[must_use]
    pub fn hash_to_curve(&self, message: &[u8], tag: &[u8]) -> Coordinates {
        let [q0, q1] = self.hash_to_field(message, tag).map(|u| self.map_to_curve(&u));
        self.add(&q0, &q1)
    }

    fn add(&self, (x1, y1): &(BigUint, BigUint), (x2, y2): &(BigUint, BigUint)) -> Coordinates {
        let p = &self.p;
        if x1 == x2 && (y1 + y2) % p == BigUint::ZERO {
            return None;
        }
        let slope = if x1 == x2 {
            (x1.pow(2) * 3u32 + self.a()) * self.inverse(&(y1 * 2u32))
        } else {
            (p + y2 - y1) * self.inverse(&(p + x2 - x1))
        } % p;
        let x = (slope.pow(2) + p + p - x1 - x2) % p;
        let y = (slope * (p + x1 - &x) + p - y1) % p;
        Some((x, y))
    }

    /// The search of appendix H.2, which gives Z.
    #[must_use]
    pub fn find_z(&self) -> BigUint {
        let minus_one = &self.p - 1u32;
        let candidates = (1u32..).flat_map(|i| [BigUint::from(i), &self.p - i]);
        let suitable = |z: &BigUint| {
            let exceptional = &self.b * self.inverse(&(z * self.a())) % &self.p;
            !self.is_square(z)
                && *z != minus_one
                && self.is_irreducible(z)
                && self.is_square(&self.g(&exceptional))
        };
        candidates.into_iter().find(suitable).unwrap()
    }

    /// Whether f = g - z is irreducible: x^(p^3) is x mod f, so f has different factors of degree 1 or 3, and x^p is not.
    fn is_irreducible(&self, z: &BigUint) -> bool {
        let x = [BigUint::ZERO, BigUint::from(1u32), BigUint::ZERO];
        let once = self.frobenius(&x, z);
        once != x && self.frobenius(&self.frobenius(&once, z), z) == x
    }

    /// `v`^p mod g - z; polynomials are their coefficients from the lowest.
    fn frobenius(&self, v: &[BigUint; 3], z: &BigUint) -> [BigUint; 3] {
        let one = [BigUint::from(1u32), BigUint::ZERO, BigUint::ZERO];
        (0..self.p.bits()).rev().fold(one, |power, bit| {
            let squared = self.multiply(&power, &power, z);
            if self.p.bit(bit) { self.multiply(&squared, v, z) } else { squared }
        })
    }

    fn multiply(&self, v: &[BigUint; 3], w: &[BigUint; 3], z: &BigUint) -> [BigUint; 3] {
        let mut product: [BigUint; 5] = Default::default();
        for (i, v) in v.iter().enumerate() {
            for (j, w) in w.iter().enumerate() {
                product[i + j] += v * w;
            }
        }
        // x^3 = 3 x + z - b
        for i in [4, 3] {
            let top = product[i].clone();
            product[i - 2] += &top * 3u32;
            product[i - 3] += top * (&self.p + z - &self.b);
        }
        let [c0, c1, c2, ..] = product;
        [c0, c1, c2].map(|c| c % &self.p)
    }
}

/// The function of a PIN without blinding, from the server's key.
#[must_use]
pub fn evaluate(pin: &str, key_id: &[u8; 16], salt: &[u8; 16], key: &BigUint) -> [u8; 32] {
    let input = [pin.as_bytes(), key_id, salt].concat();
    let tag = b"SM2-COSIGN-D-V1/oprf/sm2p256v1_XMD:SM3_SSWU_RO_";
    let (x, y) = Suite::sm2().hash_to_curve(&input, tag).unwrap();
    let point = Point::Affine(x, y).mul(key).to_bytes();
    hkdf("rwd", &[&input, &point])
}

/// HKDF-SM3 without salt, 32 bytes.
fn hkdf(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    hmac(&hmac(&[0; 32], parts), &[b"SM2-COSIGN-D-V1/", label.as_bytes(), b"\x01"])
}

/// `dA` from a local record in oblivious mode, by the right PIN and the server's key of the PIN function.
#[must_use]
pub fn client_share(record: &[u8], pin: &str, device_key: &[u8; 32], key: &BigUint) -> BigUint {
    let key_id = record[3..19].try_into().unwrap();
    let salt: &[u8; 16] = record[103..119].try_into().unwrap();
    let iterations = u32::from_be_bytes(record[120..124].try_into().unwrap());
    let stretched = pbkdf2::pbkdf2_hmac_array::<Sm3, 32>(pin.as_bytes(), salt, iterations);
    let z = hkdf("po-z", &[&evaluate(pin, key_id, salt, key), &stretched]);
    unmask(record, device_key, &z)
}

/// `x || y` of a point.
#[must_use]
pub fn to_bytes((x, y): &(BigUint, BigUint)) -> [u8; 64] {
    [bytes(x), bytes(y)].concat().try_into().unwrap()
}
