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
    hash2curve::hash_to_curve,
    sm2::{Ciphertext, DistId, PrivateKey, dsa, pke},
    sm3,
    sm4::{Sm4, cbc, ctr, gcm},
};

fn main() -> Result<(), Error> {
    scalars()?;
    points()?;
    keys_and_signatures()?;
    encryption()?;
    ciphers()?;
    hashes()?;
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
        black_box(secret.mul(k).declassify());
        black_box(secret.expose_bytes());
    }
    let points = batch::mul_base(&ks);
    black_box(batch::mul_each(&q, &ks));
    black_box(batch::mul_same(&ks[0], &points));
    // Enough for the batch engine: its table of G, a table of Q, ladders.
    let ks = (0..70).map(|_| SecretScalar::random(&mut SysRng)).collect::<Result<Vec<_>, _>>()?;
    let points = batch::mul_base(&ks);
    black_box(batch::mul_each(&q, &ks));
    black_box(batch::mul_each(&q, &ks[..9]));
    black_box(batch::Multiplier::new(q).mul_each(&ks));
    black_box(batch::mul_same(&ks[0], &points[..9]));
    Ok(())
}

fn keys_and_signatures() -> Result<(), Error> {
    let key = PrivateKey::generate(&mut SysRng)?;
    // Not PEM: making a string of Base64 checks that it is UTF-8, where every Base64 character takes the same path.
    black_box(key.to_pkcs8_der());
    let signature = dsa::sign(&key, &DistId::default(), b"message", &mut SysRng)?;
    black_box(dsa::many::sign_digests(&key, &[[7; 32]; 20], &mut SysRng)?);
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

/// SM4 with a secret key on secret data: one block, the modes in lengths around those of their batches.
fn ciphers() -> Result<(), Error> {
    let secret = SecretScalar::random(&mut SysRng)?.expose_bytes();
    let (mut key, mut block) = ([0; 16], [0; 16]);
    key.copy_from_slice(&secret[..16]);
    block.copy_from_slice(&secret[16..]);
    let cipher = Sm4::new(&key);
    cipher.encrypt_block(&mut block);
    cipher.decrypt_block(&mut block);
    for length in [0, 16, 7 * 16, 16 * 16, 40 * 16, 1100 * 16] {
        let message: Vec<u8> = secret.iter().copied().cycle().take(length).collect();
        let mut data = message.clone();
        cipher.encrypt_blocks(data.as_chunks_mut().0);
        cipher.decrypt_blocks(data.as_chunks_mut().0);
        cbc::Encryptor::new(&key, &[3; 16]).encrypt(&mut data)?;
        cbc::Decryptor::new(&key, &[3; 16]).decrypt(&mut data)?;
        let padded = cbc::encrypt_padded(&key, &[3; 16], &message);
        black_box(cbc::decrypt_padded(&key, &[3; 16], &padded)?);
        let mut encryptors: Vec<_> = (0..20).map(|i| cbc::Encryptor::new(&key, &[i; 16])).collect();
        let mut messages = vec![message.clone(); encryptors.len()];
        let mut pairs: Vec<_> =
            encryptors.iter_mut().zip(messages.iter_mut().map(Vec::as_mut_slice)).collect();
        cbc::encrypt_many(&mut pairs)?;
        black_box(&messages);

        let mut data = [message.as_slice(), &secret[..5]].concat();
        ctr::Ctr::new(&key, &[0xff; 16]).apply(&mut data);
        for nonce in [&[7; 12][..], &[7; 40]] {
            let tag = gcm::seal_in_place(&key, nonce, secret.as_slice(), &mut data)?;
            gcm::open_in_place(&key, nonce, secret.as_slice(), &mut data, &tag)?;
            let mut wrong = tag;
            wrong[15] ^= 1;
            if gcm::open_in_place(&key, nonce, secret.as_slice(), &mut data.clone(), &wrong).is_ok() {
                return Err(Error::DecryptionFailed);
            }
        }
        black_box(&data);
    }
    Ok(())
}

/// Messages of secrets, one and many.
fn hashes() -> Result<(), Error> {
    let secret = SecretScalar::random(&mut SysRng)?.expose_bytes();
    // Long enough for several groups of blocks, and messages enough for several rounds of lanes.
    let long = secret.repeat(40);
    black_box(sm3::digest(&long));
    let messages: Vec<&[u8]> = (0..40).map(|i| &long[..30 * i]).collect();
    black_box(sm3::digest_all(&messages));
    black_box(hash_to_curve(&messages[..3], b"ctgrind/sm2p256v1_XMD:SM3_SSWU_RO_")?.expose_bytes());
    black_box(sm3::hmac::HmacKey::new(&long[..40]).tag_all(&messages));
    // A key stream of several batches.
    let key = PrivateKey::generate(&mut SysRng)?;
    black_box(pke::decrypt(&key, &pke::encrypt(key.public_key(), &long, &mut SysRng)?)?);
    Ok(())
}
