//! Hash and cipher; yardsticks: SHA-256 and AES-128-GCM of AWS-LC, RustCrypto's `sm3` and `sm4`,
//! libgcrypt and OpenSSL where they are.

use std::hint::black_box;

use ::sm4::cipher::{BlockModeEncrypt, KeyIvInit, StreamCipher};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sm_primitives::{
    sm3,
    sm4::{cbc, ctr, gcm},
};

use crate::{
    Operation,
    foreign::{libgcrypt, openssl},
};

const SMALL: usize = 64;
const LARGE: usize = 16 * 1024;
const KEY: [u8; 16] = [0x11; 16];
const IV: [u8; 16] = [0x22; 16];
const NONCE: [u8; 12] = [0x33; 12];

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = vec![];
    for len in [SMALL, LARGE] {
        all.extend(hashes(len));
    }
    all.push(Operation::one("HMAC-SM3 of 64 bytes", || {
        || {
            black_box(sm3::hmac::hmac(&KEY, &[black_box(&[0x5a; SMALL])]));
        }
    }));
    all.push(Operation::one("PBKDF2-HMAC-SM3, 100000 iterations", || {
        || sm3::pbkdf2(b"271828", &IV, 100_000, black_box(&mut [0; 32])).unwrap()
    }));
    all.extend(ours());
    all.extend(others());
    all.extend(in_c());
    all
}

/// An operation over `len` bytes that it may change.
fn over(name: &str, len: usize, run: impl Fn(&mut [u8]) + 'static) -> Operation {
    Operation::bytes(name, len, move || {
        let mut data = vec![0x5a; len];
        move || run(black_box(&mut data))
    })
}

fn hashes(len: usize) -> Vec<Operation> {
    vec![
        over(&format!("SM3 {len}"), len, |data| {
            black_box(sm3::digest(data));
        }),
        over(&format!("SM3 {len} (RustCrypto)"), len, |data| {
            black_box(<::sm3::Sm3 as ::sm3::Digest>::digest(data));
        }),
        over(&format!("SHA-256 {len} (AWS-LC)"), len, |data| {
            black_box(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data));
        }),
    ]
}

fn ours() -> Vec<Operation> {
    vec![
        over(&format!("SM4-CBC encrypt {LARGE}"), LARGE, |data| {
            cbc::Encryptor::new(&KEY, &IV).encrypt(data).unwrap();
        }),
        over(&format!("SM4-CBC decrypt {LARGE}"), LARGE, |data| {
            cbc::Decryptor::new(&KEY, &IV).decrypt(data).unwrap();
        }),
        over(&format!("SM4-CTR {LARGE}"), LARGE, |data| ctr::Ctr::new(&KEY, &IV).apply(data)),
        over(&format!("SM4-GCM seal {LARGE}"), LARGE, |data| {
            black_box(gcm::seal_in_place(&KEY, &NONCE, &[], data).unwrap());
        }),
        Operation::bytes(&format!("SM4-GCM copy and open {LARGE}"), LARGE, || {
            let mut sealed = vec![0x5a; LARGE];
            let tag = gcm::seal_in_place(&KEY, &NONCE, &[], &mut sealed).unwrap();
            move || {
                let mut data = sealed.clone();
                gcm::open_in_place(&KEY, &NONCE, &[], black_box(&mut data), &tag).unwrap();
            }
        }),
    ]
}

fn others() -> Vec<Operation> {
    let sm4_gcm = {
        use aes_gcm::KeyInit;
        aes_gcm::AesGcm::<::sm4::Sm4, aes_gcm::aead::consts::U12>::new(&KEY.into())
    };
    let aes = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &KEY).unwrap());
    vec![
        over(&format!("SM4-CBC encrypt {LARGE} (RustCrypto)"), LARGE, |data| {
            let mut encryptor = ::cbc::Encryptor::<::sm4::Sm4>::new(&KEY.into(), &IV.into());
            for block in data.chunks_exact_mut(16) {
                encryptor.encrypt_block(block.try_into().unwrap());
            }
        }),
        over(&format!("SM4-CTR {LARGE} (RustCrypto)"), LARGE, |data| {
            ::ctr::Ctr128BE::<::sm4::Sm4>::new(&KEY.into(), &IV.into()).apply_keystream(data);
        }),
        over(&format!("SM4-GCM seal {LARGE} (RustCrypto)"), LARGE, move |data| {
            use aes_gcm::aead::AeadInOut;
            black_box(sm4_gcm.encrypt_inout_detached(&NONCE.into(), &[], data.into()).unwrap());
        }),
        over(&format!("AES-128-GCM seal {LARGE} (AWS-LC)"), LARGE, move |data| {
            let nonce = Nonce::assume_unique_for_key(NONCE);
            drop(black_box(aes.seal_in_place_separate_tag(nonce, Aad::empty(), data).unwrap()));
        }),
    ]
}

fn in_c() -> Vec<Operation> {
    let mut all = vec![];
    if let Some(hash) = libgcrypt::Sm3::new() {
        all.push(over(&format!("SM3 {LARGE} (libgcrypt)"), LARGE, move |data| {
            black_box(hash.digest(data));
        }));
    }
    if let Some(hash) = openssl::Sm3::new() {
        all.push(over(&format!("SM3 {LARGE} (OpenSSL)"), LARGE, move |data| {
            black_box(hash.digest(data));
        }));
    }
    let modes = [
        (libgcrypt::Mode::Cbc, "CBC encrypt"),
        (libgcrypt::Mode::Ctr, "CTR"),
        (libgcrypt::Mode::Gcm, "GCM seal"),
    ];
    for (mode, name) in modes {
        let iv = if mode == libgcrypt::Mode::Gcm { &NONCE[..] } else { &IV };
        if let Some(mut cipher) = libgcrypt::Sm4::new(mode, &KEY) {
            all.push(Operation::bytes(&format!("SM4-{name} {LARGE} (libgcrypt)"), LARGE, move || {
                let mut data = vec![0x5a; LARGE];
                move || cipher.encrypt(iv, black_box(&mut data))
            }));
        }
    }
    for (counter, name) in [(false, "CBC encrypt"), (true, "CTR")] {
        if let Some(mut cipher) = openssl::Sm4::new(counter, &KEY, &IV) {
            all.push(Operation::bytes(&format!("SM4-{name} {LARGE} (OpenSSL)"), LARGE, move || {
                let mut data = vec![0x5a; LARGE];
                move || cipher.encrypt(&IV, black_box(&mut data))
            }));
        }
    }
    all
}
