//! SM2 signatures and encryption with a whole key; yardsticks: P-256 of AWS-LC, OpenSSL, and RustCrypto's `sm2`.

use std::hint::black_box;

use ::sm2::{
    SecretKey,
    dsa::{
        Signature, SigningKey,
        signature::{RandomizedSigner, hazmat::PrehashVerifier},
    },
    pke::{DecryptingKey, Mode},
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use getrandom::SysRng;
use sm_primitives::{
    PublicPoint, SecretScalar, batch,
    hash2curve::hash_to_curve,
    sm2::{DistId, PrivateKey, dsa, pke},
};

use crate::{Operation, foreign::openssl};

const MESSAGE: &[u8; 32] = b"32 bytes, as long as one digest.";
const BATCH: usize = 32;

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [ours(), points(), vec![p256_sign(), p256_verify()], openssl(), rustcrypto()]
        .into_iter()
        .flatten()
        .collect()
}

fn private() -> PrivateKey {
    PrivateKey::from_bytes(&[0x42; 32]).unwrap()
}

fn digest() -> [u8; 32] {
    DistId::default().digest(private().public_key(), MESSAGE)
}

fn ours() -> Vec<Operation> {
    vec![
        Operation::one("generate key", || {
            || {
                black_box(PrivateKey::generate(&mut SysRng).unwrap().public_key());
            }
        }),
        sign_digest("sign digest"),
        Operation::one("verify digest", || {
            let (public, e) = (*private().public_key(), digest());
            let signature = dsa::sign_digest(&private(), &e, &mut SysRng).unwrap();
            move || dsa::verify_digest(&public, black_box(&e), &signature).unwrap()
        }),
        Operation::one("encrypt 32 bytes", || {
            let public = *private().public_key();
            move || {
                black_box(pke::encrypt(&public, black_box(MESSAGE), &mut SysRng).unwrap());
            }
        }),
        Operation::one("decrypt 32 bytes", || {
            let key = private();
            let ciphertext = pke::encrypt(key.public_key(), MESSAGE, &mut SysRng).unwrap();
            move || {
                black_box(pke::decrypt(&key, black_box(&ciphertext)).unwrap());
            }
        }),
    ]
}

/// One signature of ours, its nonce drawn from the system.
pub(crate) fn sign_digest(name: &str) -> Operation {
    Operation::one(name, || {
        let (key, e) = (private(), digest());
        move || {
            black_box(dsa::sign_digest(&key, black_box(&e), &mut SysRng).unwrap());
        }
    })
}

fn scalar(byte: usize) -> SecretScalar {
    SecretScalar::from_bytes(&[u8::try_from(byte).unwrap(); 32]).unwrap()
}

fn scalars() -> Vec<SecretScalar> {
    (1..=BATCH).map(scalar).collect()
}

fn points() -> Vec<Operation> {
    vec![
        Operation::one("k*G", || {
            let k = scalar(7);
            move || {
                black_box(PublicPoint::mul_base(black_box(&k)));
            }
        }),
        Operation::one("k*P", || {
            let (k, point) = (scalar(7), PublicPoint::mul_base(&scalar(4)));
            move || {
                black_box(black_box(&point).mul(&k));
            }
        }),
        Operation::one("hash to curve", || {
            || {
                black_box(
                    hash_to_curve(black_box(&[&MESSAGE[..]]), b"bench/sm2p256v1_XMD:SM3_SSWU_RO_").unwrap(),
                );
            }
        }),
        Operation::items("k*G, 32 at once", BATCH, || {
            let ks = scalars();
            move || {
                black_box(batch::mul_base(black_box(&ks)));
            }
        }),
        Operation::items("k*P, 32 scalars at once", BATCH, || {
            let (ks, point) = (scalars(), PublicPoint::mul_base(&scalar(4)));
            move || {
                black_box(batch::mul_each(&point, black_box(&ks)));
            }
        }),
        Operation::items("k*P, 32 points at once", BATCH, || {
            let (k, points) = (scalar(7), batch::mul_base(&scalars()));
            move || {
                black_box(batch::mul_same(black_box(&k), &points));
            }
        }),
    ]
}

/// P-256 of AWS-LC, SHA-256 over 32 bytes included.
pub(crate) fn p256_sign() -> Operation {
    Operation::one("P-256 sign (AWS-LC)", || {
        let (key, random) = (p256_key(), SystemRandom::new());
        move || {
            black_box(key.sign(&random, black_box(MESSAGE)).unwrap());
        }
    })
}

/// As [`p256_sign`]; the public key comes as bytes.
pub(crate) fn p256_verify() -> Operation {
    Operation::one("P-256 verify (AWS-LC)", || {
        let key = p256_key();
        let signature = key.sign(&SystemRandom::new(), MESSAGE).unwrap();
        let public = key.public_key().as_ref().to_vec();
        move || {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public);
            key.verify(black_box(MESSAGE), signature.as_ref()).unwrap();
        }
    })
}

fn p256_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn openssl() -> Vec<Operation> {
    let (Some(mut signer), Some(mut verifier)) = (openssl::Sm2::generate(), openssl::Sm2::generate()) else {
        return vec![];
    };
    let signature = verifier.sign(MESSAGE);
    vec![
        Operation::one("sign digest (OpenSSL)", move || {
            move || {
                black_box(signer.sign(black_box(MESSAGE)));
            }
        }),
        Operation::one("verify digest (OpenSSL)", move || {
            move || assert!(verifier.verify(black_box(MESSAGE), &signature))
        }),
    ]
}

fn rustcrypto() -> Vec<Operation> {
    let secret = || SecretKey::from_slice(&[0x42; 32]).unwrap();
    let signer = move || SigningKey::new("1234567812345678", &secret()).unwrap();
    let opener = move || DecryptingKey::new_with_mode(secret().to_nonzero_scalar(), Mode::C1C3C2);
    vec![
        Operation::one("sign message (RustCrypto)", move || {
            let key = signer();
            move || {
                let signature: Signature = key.try_sign_with_rng(&mut SysRng, black_box(MESSAGE)).unwrap();
                black_box(signature);
            }
        }),
        Operation::one("verify digest (RustCrypto)", move || {
            let signature: Signature = signer().try_sign_with_rng(&mut SysRng, MESSAGE).unwrap();
            let (key, e) = (signer().verifying_key().clone(), digest());
            move || key.verify_prehash(black_box(&e), &signature).unwrap()
        }),
        Operation::one("encrypt 32 bytes (RustCrypto)", move || {
            let key = opener().encrypting_key().clone();
            move || {
                black_box(key.encrypt(&mut SysRng, black_box(MESSAGE)).unwrap());
            }
        }),
        Operation::one("decrypt 32 bytes (RustCrypto)", move || {
            let key = opener();
            let ciphertext = key.encrypting_key().encrypt(&mut SysRng, MESSAGE).unwrap();
            move || {
                black_box(key.decrypt(black_box(&ciphertext)).unwrap());
            }
        }),
    ]
}
