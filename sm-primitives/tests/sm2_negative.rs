//! Everything that must be refused, each with the error it gives.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use sm_primitives::{
    Error, PublicPoint, Scalar, SecretScalar,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{Ciphertext, DistId, PrivateKey, PublicKey, Signature, dsa, hazmat, pke},
    sm3,
};

const P: &str = "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff";
const N: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
const N_MINUS_1: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122";

fn array<const L: usize>(hex_digits: &str) -> [u8; L] {
    hex::decode(hex_digits).unwrap().try_into().unwrap()
}

fn small(v: u8) -> [u8; 32] {
    let mut out = [0; 32];
    out[31] = v;
    out
}

fn secret(v: u128) -> SecretScalar {
    SecretScalar::from_public(Scalar::from_u128(v)).unwrap()
}

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x5a; 32]).unwrap()
}

#[test]
fn scalars_out_of_range() {
    for bytes in [array(N), [0xff; 32]] {
        assert_eq!(Scalar::from_bytes(&bytes), None);
        assert!(SecretScalar::from_bytes(&bytes).is_none());
        assert!(PrivateKey::from_bytes(&bytes).is_none());
    }
    assert_eq!(Scalar::reduce(&array(N)), Scalar::ZERO);
    assert_eq!(Scalar::from_bytes(&array(N_MINUS_1)), Some(-Scalar::ONE));
    assert!(SecretScalar::from_bytes(&[0; 32]).is_none());
    assert!(SecretScalar::from_public(Scalar::ZERO).is_none());
    assert!(SecretScalar::from_bytes(&array(N_MINUS_1)).is_some());
    // A private key ends at n - 2: 1 + d has an inverse.
    assert!(PrivateKey::from_bytes(&[0; 32]).is_none());
    assert!(PrivateKey::from_bytes(&array(N_MINUS_1)).is_none());
    let mut n_minus_2: [u8; 32] = array(N_MINUS_1);
    n_minus_2[31] -= 1;
    assert!(PrivateKey::from_bytes(&n_minus_2).is_some());
}

#[test]
fn points_off_the_curve() {
    let good = PublicPoint::generator().to_bytes();
    for i in 0..64 {
        let mut bad = good;
        bad[i] ^= 1;
        assert_eq!(PublicPoint::from_bytes(&bad), None);
    }
    // No identity, in no form.
    assert_eq!(PublicPoint::from_bytes(&[0; 64]), None);
    assert_eq!(PublicPoint::from_sec1(&[0]), None);
    assert_eq!(PublicPoint::from_sec1(&[0; 65]), None);
    // (0, sqrt(b)) is a point like any other; the point with x = 0 is not the identity.
    let mut x_is_zero = [0; 33];
    x_is_zero[0] = 2;
    assert!(PublicPoint::from_sec1(&x_is_zero).is_some());
}

/// x + p and y + p name the same residues and must not name the same point.
#[test]
fn coordinates_above_p() {
    let plus_p = |low: &[u8]| {
        let mut carry = 0;
        let mut sum: [u8; 32] = array(P);
        for (byte, add) in sum.iter_mut().zip(low).rev() {
            let total = u16::from(*byte) + u16::from(*add) + carry;
            *byte = total.to_le_bytes()[0];
            carry = total >> 8;
        }
        (carry == 0).then_some(sum)
    };
    let mut aliases = 0;
    for v in 0..20 {
        for form in [2, 3] {
            let compressed = [&[form][..], &small(v)].concat();
            let Some(point) = PublicPoint::from_sec1(&compressed) else { continue };
            let bytes = point.to_bytes();
            let (x, y) = bytes.split_at(32);
            let x_alias = plus_p(x).unwrap();
            assert_eq!(PublicPoint::from_bytes(&array(&(hex::encode(x_alias) + &hex::encode(y)))), None);
            assert_eq!(PublicPoint::from_sec1(&[&[form][..], &x_alias].concat()), None);
            aliases += 1;
        }
    }
    assert!(aliases > 10);
    // The point with y = 1, and y + p.
    let x: [u8; 32] = array("9c17043effe1a805a74a9a5e70b9d659705d3242094a566dc016f49311178d1f");
    let point = |y: [u8; 32]| PublicPoint::from_bytes(&[x, y].concat().try_into().unwrap());
    assert!(point(small(1)).is_some());
    assert_eq!(point(plus_p(&small(1)).unwrap()), None);
}

#[test]
fn octet_strings_of_other_forms() {
    let good = PublicPoint::generator().to_sec1();
    for length in (0..65).filter(|length| *length != 33) {
        assert_eq!(PublicPoint::from_sec1(&good[..length]), None);
    }
    assert_eq!(PublicPoint::from_sec1(&[&good[..], &[0]].concat()), None);
    for form in (0..=255).filter(|form| *form != 4) {
        let mut bad = good;
        bad[0] = form;
        assert_eq!(PublicPoint::from_sec1(&bad), None);
        if ![2, 3].contains(&form) {
            assert_eq!(PublicPoint::from_sec1(&bad[..33]), None);
        }
    }
    // About half of all x have no point.
    let without =
        (0..100).filter(|v| PublicPoint::from_sec1(&[&[2][..], &small(*v)].concat()).is_none()).count();
    assert!((30..70).contains(&without));
}

#[test]
fn signature_values_out_of_range() {
    let (zero, one, n, n_minus_1) = ([0; 32], small(1), array(N), array(N_MINUS_1));
    for (r, s) in
        [(zero, one), (one, zero), (n, one), (one, n), ([0xff; 32], one), (one, [0xff; 32]), (one, n_minus_1)]
    {
        let bytes: [u8; 64] = [r, s].concat().try_into().unwrap();
        assert_eq!(Signature::from_bytes(&bytes), Err(Error::InvalidSignature));
        assert_eq!(Signature::from_der(&der(&[integer(&r), integer(&s)])), Err(Error::InvalidSignature));
    }
    assert_eq!(Signature::from_scalars(Scalar::ONE, -Scalar::ONE), None);
    assert!(Signature::from_scalars(Scalar::ONE, Scalar::ONE).is_some());
}

/// SEQUENCE of what is given, at most 127 bytes.
fn der(contents: &[Vec<u8>]) -> Vec<u8> {
    let contents = contents.concat();
    [vec![0x30, u8::try_from(contents.len()).unwrap()], contents].concat()
}

/// A minimal INTEGER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let pad: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    let value = [pad, &bytes[start..]].concat();
    [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
}

#[test]
fn signature_der_is_strict() {
    let one = || vec![2, 1, 1];
    let good = der(&[one(), one()]);
    assert!(Signature::from_der(&good).is_ok());
    assert_eq!(Signature::from_der(&good).unwrap().to_der(), good);

    let bad = [
        der(&[vec![2, 2, 0, 1], one()]), // a zero too many
        der(&[one(), vec![2, 2, 0, 1]]),
        der(&[vec![2, 0], one()]),       // no value at all
        der(&[vec![2, 1, 0x80], one()]), // negative
        der(&[one(), vec![2, 1, 0xff]]),
        der(&[vec![2, 0x81, 1, 1], one()]), // long form of a short length
        der(&[vec![0x0a, 1, 1], one()]),    // ENUMERATED
        der(&[one()]),                      // one value
        der(&[one(), one(), one()]),        // three
        [&good[..], &[0]].concat(),         // something after the end
        [&[0x30, 0x81, 6], &good[2..]].concat(), // long form of the outer length
        [&[0x30, 0x80], &good[2..], &[0, 0]].concat(), // indefinite length
        [&[0x31, 6], &good[2..]].concat(),  // SET
        [&[0x30, 5], &good[2..]].concat(),
        [&[0x30, 7], &good[2..]].concat(),
    ];
    for bad in bad {
        assert_eq!(Signature::from_der(&bad), Err(Error::InvalidEncoding), "{}", hex::encode(&bad));
    }
    for length in 0..good.len() {
        assert_eq!(Signature::from_der(&good[..length]), Err(Error::InvalidEncoding));
    }
    // 33 significant bytes are an INTEGER, but no scalar.
    let long = [vec![2, 33, 1], vec![0; 32]].concat();
    assert_eq!(Signature::from_der(&der(&[long, one()])), Err(Error::InvalidSignature));
}

#[test]
fn changed_signatures() {
    let key = key();
    let e = [0x77; 32];
    let signature = hazmat::sign_digest_with_nonce(&key, &e, secret(12345)).unwrap();
    assert_eq!(dsa::verify_digest(key.public_key(), &e, &signature), Ok(()));
    for i in 0..512 {
        let mut bytes = signature.to_bytes();
        bytes[i / 8] ^= 1 << (i % 8);
        if let Ok(changed) = Signature::from_bytes(&bytes) {
            assert_eq!(dsa::verify_digest(key.public_key(), &e, &changed), Err(Error::InvalidSignature));
        }
    }
    for i in 0..256 {
        let mut other = e;
        other[i / 8] ^= 1 << (i % 8);
        assert_eq!(dsa::verify_digest(key.public_key(), &other, &signature), Err(Error::InvalidSignature));
    }
    // [s]G + [t]P is the identity: s + t d = 0.
    let d = Scalar::from_bytes(&key.expose_bytes()).unwrap();
    let t = Scalar::from_u128(7);
    let s = -(t * d);
    let no_point = Signature::from_scalars(t - s, s).unwrap();
    let e = (t - s).to_bytes();
    assert_eq!(dsa::verify_digest(key.public_key(), &e, &no_point), Err(Error::InvalidSignature));
}

#[test]
fn unusable_nonces() {
    let key = key();
    let k = 4321;
    let x1 = PublicPoint::mul_base(&secret(k)).x_scalar();
    let sign = |e: Scalar| hazmat::sign_digest_with_nonce(&key, &e.to_bytes(), secret(k));
    // r = e + x1 = 0, r + k = n, and s = 0: k = r d.
    assert_eq!(sign(-x1), Err(Error::InvalidScalar));
    assert_eq!(sign(-x1 - Scalar::from_u128(k)), Err(Error::InvalidScalar));
    let d = SecretScalar::from_bytes(&key.expose_bytes()).unwrap();
    let r = d.invert().declassify() * Scalar::from_u128(k);
    assert_eq!(sign(r - x1), Err(Error::InvalidScalar));
    assert!(sign(r - x1 + Scalar::ONE).is_ok());
}

#[test]
fn identifiers_too_long() {
    assert!(DistId::new(&[0x41; 8191]).is_ok());
    assert_eq!(DistId::new(&[0x41; 8192]), Err(Error::InvalidLength));
    let key = key();
    assert_ne!(DistId::new(b"").unwrap().z(key.public_key()), DistId::default().z(key.public_key()));
    assert_eq!(DistId::new(b"1234567812345678").unwrap(), DistId::default());
}

#[test]
fn changed_ciphertexts() {
    let key = key();
    let good = hazmat::encrypt_with_nonce(key.public_key(), b"some message", secret(99)).unwrap().to_c1c3c2();
    let decrypt =
        |bytes: &[u8]| Ciphertext::from_c1c3c2(bytes).and_then(|ciphertext| pke::decrypt(&key, &ciphertext));
    assert_eq!(*decrypt(&good).unwrap(), b"some message");
    for i in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[i / 8] ^= 1 << (i % 8);
        let expected = match i / 8 {
            0 => Error::InvalidEncoding,
            1..=64 => Error::InvalidPoint,
            _ => Error::DecryptionFailed,
        };
        assert_eq!(decrypt(&bad).unwrap_err(), expected);
    }
    // Another point that is on the curve.
    let mut bad = good.clone();
    bad[..65].copy_from_slice(&PublicPoint::generator().to_sec1());
    assert_eq!(decrypt(&bad).unwrap_err(), Error::DecryptionFailed);
    // Cut off, down to nothing, and longer.
    for length in 0..good.len() {
        let expected = if length < 98 { Error::InvalidLength } else { Error::DecryptionFailed };
        assert_eq!(decrypt(&good[..length]).unwrap_err(), expected);
    }
    assert_eq!(decrypt(&[&good[..], &[0]].concat()).unwrap_err(), Error::DecryptionFailed);
    // The wrong key.
    let ciphertext = Ciphertext::from_c1c3c2(&good).unwrap();
    let other = PrivateKey::from_bytes(&[1; 32]).unwrap();
    assert_eq!(pke::decrypt(&other, &ciphertext).unwrap_err(), Error::DecryptionFailed);
}

#[test]
fn ciphertext_encodings() {
    let g = PublicPoint::generator().to_bytes();
    let (x, y) = g.split_at(32);
    let octets = |length: u8| [vec![4, length], vec![7; usize::from(length)]].concat();
    let cipher = |x: &[u8], y: &[u8], c3: u8, c2: u8| der(&[integer(x), integer(y), octets(c3), octets(c2)]);

    let good = cipher(x, y, 32, 5);
    assert_eq!(Ciphertext::from_der(&good).unwrap().to_der().unwrap(), good);
    assert_eq!(Ciphertext::from_der(&cipher(x, y, 32, 0)), Err(Error::InvalidLength));
    assert_eq!(Ciphertext::from_der(&cipher(x, y, 31, 5)), Err(Error::InvalidLength));
    assert_eq!(Ciphertext::from_der(&cipher(x, y, 33, 4)), Err(Error::InvalidLength));
    assert_eq!(Ciphertext::from_der(&cipher(y, x, 32, 5)), Err(Error::InvalidPoint));
    let mut long_x = [0; 33];
    long_x[0] = 1;
    assert_eq!(Ciphertext::from_der(&cipher(&long_x, y, 32, 5)), Err(Error::InvalidPoint));
    assert_eq!(Ciphertext::from_der(&[&good[..], &[0]].concat()), Err(Error::InvalidEncoding));
    assert_eq!(
        Ciphertext::from_der(&der(&[integer(x), integer(y), octets(32)])),
        Err(Error::InvalidEncoding)
    );
    let padded_x = [vec![2, 33, 0], x.to_vec()].concat();
    let not_minimal = der(&[padded_x, integer(y), octets(32), octets(5)]);
    assert_eq!(Ciphertext::from_der(&not_minimal), Err(Error::InvalidEncoding));
    for length in 0..good.len() {
        assert_eq!(Ciphertext::from_der(&good[..length]), Err(Error::InvalidEncoding));
    }

    // The order C1 || C2 || C3, with and without the form byte; the message must not be empty.
    let plain = [&g[..], &[9; 5], &[7; 32]].concat();
    for bytes in [&plain[..], &[&[4], &plain[..]].concat()] {
        let ciphertext = Ciphertext::from_c1c2c3(bytes).unwrap();
        assert_eq!((ciphertext.c2(), ciphertext.c3()), (&[9; 5][..], &[7; 32]));
        assert_eq!(ciphertext.c1(), &PublicPoint::generator());
    }
    for bytes in [&[&g[..], &[7; 32]].concat()[..], &[&[4], &g[..], &[7; 32]].concat()] {
        assert!(Ciphertext::from_c1c2c3(bytes).is_err());
    }
    for length in 0..97 {
        assert!(Ciphertext::from_c1c2c3(&plain[..length]).is_err());
    }
}

#[test]
fn empty_messages() {
    let key = key();
    assert_eq!(pke::encrypt(key.public_key(), b"", &mut Stuck(0)), Err(Error::InvalidLength));
    assert_eq!(hazmat::encrypt_with_nonce(key.public_key(), b"", secret(5)), Err(Error::InvalidLength));
}

/// For one byte the key stream is zero once in 256 times. Such a ciphertext is neither made nor opened, although its
/// hash fits.
#[test]
fn all_zero_key_stream() {
    let key = key();
    let mut found = 0;
    for k in 1..2000 {
        let point = key.public_key().as_point().mul_vartime(&Scalar::from_u128(k)).unwrap().to_bytes();
        let stream = sm3::Sm3::new().chain(&point).chain(&[0, 0, 0, 1]).finalize();
        let made = hazmat::encrypt_with_nonce(key.public_key(), b"A", secret(k));
        if stream[0] != 0 {
            assert!(made.is_ok());
            continue;
        }
        assert_eq!(made, Err(Error::InvalidScalar));
        let c3 = sm3::Sm3::new().chain(&point[..32]).chain(b"A").chain(&point[32..]).finalize();
        let c1 = PublicPoint::mul_base(&secret(k)).to_sec1();
        let ciphertext = Ciphertext::from_c1c3c2(&[&c1[..], &c3, b"A"].concat()).unwrap();
        assert_eq!(pke::decrypt(&key, &ciphertext).unwrap_err(), Error::DecryptionFailed);
        found += 1;
        if found == 2 {
            return;
        }
    }
    panic!("2 expected in 512 nonces, found {found} in 2000");
}

/// A random source that always gives `self.0`.
struct Stuck(u8);

impl TryRng for Stuck {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_ne_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_ne_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

/// A random source that fails.
struct Broken;

impl TryRng for Broken {
    type Error = core::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
        Err(core::fmt::Error)
    }
}

impl TryCryptoRng for Broken {}

#[test]
fn bad_random_sources() {
    let key = key();
    assert_eq!(SecretScalar::random(&mut Broken).unwrap_err(), Error::RandomFailed);
    assert_eq!(PrivateKey::generate(&mut Broken).unwrap_err(), Error::RandomFailed);
    assert_eq!(dsa::sign_digest(&key, &[1; 32], &mut Broken), Err(Error::RandomFailed));
    assert_eq!(pke::encrypt(key.public_key(), b"m", &mut Broken), Err(Error::RandomFailed));
    // 0 and 2^256 - 1 are never accepted, and drawing ends.
    for stuck in [0, 0xff] {
        assert_eq!(SecretScalar::random(&mut Stuck(stuck)).unwrap_err(), Error::RandomFailed);
        assert_eq!(PrivateKey::generate(&mut Stuck(stuck)).unwrap_err(), Error::RandomFailed);
    }
    // As a trait object too.
    let rng: &mut dyn TryCryptoRng<Error = core::fmt::Error> = &mut Broken;
    assert_eq!(SecretScalar::random(rng).unwrap_err(), Error::RandomFailed);
}

#[test]
fn key_files() {
    let key = key();
    let pkcs8 = key.to_pkcs8_der();
    let read = |der: &[u8]| PrivateKey::from_pkcs8_der(der).map(|key| *key.expose_bytes());
    assert_eq!(read(&pkcs8), Ok(*key.expose_bytes()));
    for length in 0..pkcs8.len() {
        assert_eq!(read(&pkcs8[..length]), Err(Error::InvalidEncoding));
    }
    assert_eq!(read(&[&pkcs8[..], &[0]].concat()), Err(Error::InvalidEncoding));

    /// `bytes` with `from` replaced by `to` of the same length.
    fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    }
    let d = key.expose_bytes();
    // The curve 1.2.156.10197.1.302 and the algorithm 1.2.840.10045.2.2.
    let curve = hex::decode("06082a811ccf5501822d").unwrap();
    let mut other_curve = curve.clone();
    *other_curve.last_mut().unwrap() += 1;
    let algorithm = hex::decode("06072a8648ce3d0201").unwrap();
    let mut other_algorithm = algorithm.clone();
    *other_algorithm.last_mut().unwrap() += 1;
    assert_eq!(read(&replace(&pkcs8, &curve, &other_curve)), Err(Error::InvalidEncoding));
    assert_eq!(read(&replace(&pkcs8, &algorithm, &other_algorithm)), Err(Error::InvalidEncoding));
    // Keys out of range, and one that does not fit the public key beside it.
    assert_eq!(read(&replace(&pkcs8, &d[..], &[0; 32])), Err(Error::InvalidScalar));
    assert_eq!(read(&replace(&pkcs8, &d[..], &array::<32>(N_MINUS_1))), Err(Error::InvalidScalar));
    assert_eq!(read(&replace(&pkcs8, &d[..], &[1; 32])), Err(Error::InvalidEncoding));
    // A public key off the curve.
    let public = key.public_key().as_point().to_sec1();
    let mut off_curve = public;
    off_curve[64] ^= 1;
    assert_eq!(read(&replace(&pkcs8, &public, &off_curve)), Err(Error::InvalidEncoding));

    let spki = key.public_key().to_spki_der();
    assert_eq!(PublicKey::from_spki_der(&spki).as_ref(), Ok(key.public_key()));
    for length in 0..spki.len() {
        assert_eq!(PublicKey::from_spki_der(&spki[..length]), Err(Error::InvalidEncoding));
    }
    assert_eq!(PublicKey::from_spki_der(&[&spki[..], &[0]].concat()), Err(Error::InvalidEncoding));
    assert_eq!(PublicKey::from_spki_der(&replace(&spki, &curve, &other_curve)), Err(Error::InvalidEncoding));
    assert_eq!(
        PublicKey::from_spki_der(&replace(&spki, &algorithm, &other_algorithm)),
        Err(Error::InvalidEncoding)
    );
    assert_eq!(PublicKey::from_spki_der(&replace(&spki, &public, &off_curve)), Err(Error::InvalidPoint));
    // One unused bit.
    let unused = replace(&spki, &[0x42, 0, 4], &[0x42, 1, 4]);
    assert!(PublicKey::from_spki_der(&unused).is_err());
}

#[test]
fn sec1_files() {
    let key = key();
    let d = key.expose_bytes();
    let version = || vec![2, 1, 1];
    let read = |parts: &[Vec<u8>]| PrivateKey::from_sec1_der(&der(parts)).map(|key| *key.expose_bytes());
    let octets = |bytes: &[u8]| [&[4, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let curve = |last: u8| hex::decode(format!("a00a06082a811ccf550182{last:02x}")).unwrap();
    assert_eq!(read(&[version(), octets(&d[..])]), Ok(*d));
    assert_eq!(read(&[version(), octets(&d[..]), curve(0x2d)]), Ok(*d));
    assert_eq!(read(&[version(), octets(&d[..]), curve(0x2e)]), Err(Error::InvalidEncoding));
    assert_eq!(read(&[vec![2, 1, 2], octets(&d[..])]), Err(Error::InvalidEncoding));
    assert_eq!(read(&[version(), octets(&d[1..])]), Err(Error::InvalidEncoding));
    assert_eq!(read(&[version(), octets(&[&[0], &d[..]].concat())]), Err(Error::InvalidEncoding));
    assert_eq!(read(&[version(), octets(&[0; 32])]), Err(Error::InvalidScalar));
}

#[test]
fn pem_files() {
    let key = key();
    let pem = key.to_pkcs8_pem();
    assert_eq!(*PrivateKey::from_pem(&pem).unwrap().expose_bytes(), *key.expose_bytes());
    for bad in [
        "",
        "-----BEGIN PRIVATE KEY-----",
        &pem[..pem.len() / 2],
        &pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
    ] {
        assert_eq!(PrivateKey::from_pem(bad).unwrap_err(), Error::InvalidEncoding);
    }
    let public = key.public_key().to_spki_pem();
    assert_eq!(PublicKey::from_spki_pem(&public).as_ref(), Ok(key.public_key()));
    assert_eq!(PublicKey::from_spki_pem(&pem).unwrap_err(), Error::InvalidEncoding);
    assert_eq!(PrivateKey::from_pem(&public).unwrap_err(), Error::InvalidEncoding);
    assert_eq!(
        PublicKey::from_spki_pem(&public.replace("PUBLIC KEY", "CERTIFICATE")),
        Err(Error::InvalidEncoding)
    );
}

/// What an error or a debug line shows of a secret: nothing.
#[test]
fn debug_output_hides_secrets() {
    let key = key();
    let point = PublicPoint::generator().mul_secret(&secret(3));
    assert_eq!(
        format!("{key:?} {point:?} {:?}", secret(3)),
        "PrivateKey(..) SecretPoint(..) SecretScalar(..)"
    );
    assert!(format!("{:?}", Scalar::from_u128(0xabcdef)).ends_with("abcdef)"));
    assert!(format!("{:?}", PublicPoint::generator()).starts_with("PublicPoint(0432c4ae2c1f19"));
}
