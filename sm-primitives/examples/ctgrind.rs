//! Constant-time test: runs every operation on secrets under Valgrind, which knows the secrets as undefined memory
//! and reports each branch and each address that depends on one.
//!
//! ```text
//! cargo build -p sm-primitives --release --features ctgrind --example ctgrind
//! valgrind --error-exitcode=1 target/release/examples/ctgrind           # exit code 0: no secret-dependent branch
//! valgrind --error-exitcode=1 target/release/examples/ctgrind branch    # exit code 1: the planted branch is found
//! valgrind --error-exitcode=1 target/release/examples/ctgrind index     # exit code 1: the planted index is found
//! ```
//!
//! A debug build needs `--config 'profile.dev.package.subtle.debug-assertions=false'`: the assertion in
//! `subtle::Choice::from`, that a bit is 0 or 1, is a branch on the bit.

use std::{env, hint::black_box};

use getrandom::SysRng;
use sm_primitives::{
    Error, PublicPoint, Scalar, SecretScalar, batch,
    sm2::{Ciphertext, DistId, PrivateKey, dsa, pke},
};

fn main() -> Result<(), Error> {
    scalars()?;
    points()?;
    keys_and_signatures()?;
    encryption()?;
    // The positive controls: without them, silence would prove nothing.
    let k = SecretScalar::random(&mut SysRng)?.expose_bytes();
    match env::args().nth(1).as_deref() {
        Some("branch") if k[0] & 1 == 1 => drop(black_box(String::from("odd"))),
        Some("index") => drop(black_box(vec![0_u8; 256][usize::from(k[0])])),
        _ => {}
    }
    Ok(())
}

fn scalars() -> Result<(), Error> {
    let a = SecretScalar::random(&mut SysRng)?;
    let b = SecretScalar::from_wide(&[0x5a; 48]);
    let c = SecretScalar::from_bytes(&[0x21; 32]).ok_or(Error::InvalidScalar)?;
    let public = Scalar::from_u128(12345);
    black_box(a.mul(&b));
    black_box(a.invert());
    black_box(a.mul_public(&public));
    black_box(a.add(&b));
    black_box(a.add_public(&public));
    black_box(a.add_public(&Scalar::ZERO));
    black_box(a.ct_eq(&c));
    black_box(a.expose_bytes());
    black_box(c.declassify());
    Ok(())
}

fn points() -> Result<(), Error> {
    // Odd and even scalars, small and large ones.
    let mut ks = vec![SecretScalar::random(&mut SysRng)?];
    for v in [Scalar::ONE, Scalar::from_u128(2), -Scalar::ONE, -Scalar::from_u128(2)] {
        ks.extend(SecretScalar::from_public(v));
    }
    let q = PublicPoint::mul_base(&ks[0]);
    for k in &ks {
        black_box(PublicPoint::mul_base(k));
        black_box(q.mul(k));
        let secret = q.mul_secret(k);
        black_box(secret.sub_public(&PublicPoint::generator()));
        black_box(secret.sub_public(&q));
        black_box(secret.expose_bytes());
    }
    let points = batch::mul_base(&ks);
    black_box(batch::mul_each(&q, &ks));
    black_box(batch::mul_same(&ks[0], &points));
    Ok(())
}

fn keys_and_signatures() -> Result<(), Error> {
    let key = PrivateKey::generate(&mut SysRng)?;
    // Not PEM: making a string of Base64 checks that it is UTF-8, where every Base64 character takes the same path.
    black_box(key.to_pkcs8_der());
    let signature = dsa::sign(&key, &DistId::default(), b"message", &mut SysRng)?;
    dsa::verify(key.public_key(), &DistId::default(), b"message", &signature)
}

fn encryption() -> Result<(), Error> {
    let key = PrivateKey::generate(&mut SysRng)?;
    let ciphertext = pke::encrypt(key.public_key(), &[7; 100], &mut SysRng)?;
    black_box(pke::decrypt(&key, &ciphertext)?);
    // One that does not open.
    let mut bytes = ciphertext.to_c1c3c2();
    bytes[70] ^= 1;
    let opened = pke::decrypt(&key, &Ciphertext::from_c1c3c2(&bytes)?);
    if opened.is_ok() { Err(Error::DecryptionFailed) } else { Ok(()) }
}
