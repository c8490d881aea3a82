//! What the table measures of this project: one function for each row, named as the row.

use std::hint::black_box;

use cosign_core::MAX_BATCH;
use getrandom::SysRng;
use sm_primitives::{
    sm2::{DistId, PreparedKey, PrivateKey, PublicKey, Signature, dsa, dsa::many},
    sm3,
    sm4::{cbc, ctr, gcm},
};

use super::{IV, KEY, LARGE, NONCE};
use crate::{Operation, protocol, sm2};

/// Items of a batch.
const BATCH: usize = 64;
/// Messages hashed at once, and the bytes of each.
const MESSAGES: (usize, usize) = (16, 1024);
/// Streams encrypted at once.
const STREAMS: usize = 8;

/// The operations; the name of each is that of its row.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        sm2_sign_one(),
        sm2_sign_batch64(),
        sm2_verify_fresh(),
        sm2_verify_cached(),
        sm2_verify_batch_same(),
        sm2_verify_batch_diff(),
        cosign_server_one(),
        cosign_server_batch64(),
        cosign_client_batch256(),
        sm3_stream(),
        sm3_16x1k(),
        sm4_ctr_16k(),
        sm4_gcm_16k(),
        sm4_cbc_enc_1(),
        sm4_cbc_enc_8(),
    ]
}

fn private(number: usize) -> PrivateKey {
    PrivateKey::from_bytes(&[u8::try_from(number).unwrap(); 32]).unwrap()
}

fn digests(key: &PrivateKey) -> Vec<[u8; 32]> {
    let message = |number| [u8::try_from(number).unwrap(); 32];
    (0..BATCH).map(|number| DistId::default().digest(key.public_key(), &message(number))).collect()
}

/// A signature to verify.
struct Signed {
    key: PublicKey,
    digest: [u8; 32],
    signature: Signature,
}

impl Signed {
    fn batch(key_of: impl Fn(usize) -> usize) -> Vec<Self> {
        let sign = |number| {
            let key = private(key_of(number));
            let digest = digests(&key)[number];
            let signature = dsa::sign_digest(&key, &digest, &mut SysRng).unwrap();
            Self { key: *key.public_key(), digest, signature }
        };
        (0..BATCH).map(sign).collect()
    }

    fn verify(&self) {
        dsa::verify_digest(&self.key, black_box(&self.digest), &self.signature).unwrap();
    }
}

fn sm2_sign_one() -> Operation {
    sm2::sign_digest("sm2_sign_one")
}

fn sm2_sign_batch64() -> Operation {
    Operation::items("sm2_sign_batch64", BATCH, || {
        let key = private(0x42);
        let digests = digests(&key);
        move || {
            black_box(many::sign_digests(&key, black_box(&digests), &mut SysRng).unwrap());
        }
    })
}

fn sm2_verify_fresh() -> Operation {
    Operation::one("sm2_verify_fresh", || {
        let signed = Signed::batch(|number| number + 1);
        let mut next = 0;
        move || {
            next = (next + 1) % BATCH;
            signed[next].verify();
        }
    })
}

fn sm2_verify_cached() -> Operation {
    Operation::one("sm2_verify_cached", || {
        let signed = Signed::batch(|_| 0x42);
        let key = PreparedKey::new(&signed[0].key);
        let mut next = 0;
        move || {
            next = (next + 1) % BATCH;
            let Signed { digest, signature, .. } = &signed[next];
            dsa::verify_digest_prepared(&key, black_box(digest), signature).unwrap();
        }
    })
}

fn sm2_verify_batch_same() -> Operation {
    Operation::items("sm2_verify_batch_same", BATCH, || {
        let signed = Signed::batch(|_| 0x42);
        let key = PreparedKey::new(&signed[0].key);
        let items: Vec<_> = signed.iter().map(|signed| (signed.digest, signed.signature)).collect();
        move || assert!(many::verify_digests_prepared(&key, black_box(&items)).iter().all(Result::is_ok))
    })
}

fn sm2_verify_batch_diff() -> Operation {
    Operation::items("sm2_verify_batch_diff", BATCH, || {
        let signed = Signed::batch(|number| number + 1);
        move || {
            let claims: Vec<_> = black_box(&signed)
                .iter()
                .map(|Signed { key, digest, signature }| many::Claim {
                    key,
                    digest: *digest,
                    signature: *signature,
                })
                .collect();
            assert!(many::verify_digests(&claims).iter().all(Result::is_ok));
        }
    })
}

fn cosign_server_one() -> Operation {
    Operation::one("cosign_server_one", || protocol::server_step(1))
}

fn cosign_server_batch64() -> Operation {
    Operation::items("cosign_server_batch64", BATCH, || protocol::server_step(BATCH))
}

fn cosign_client_batch256() -> Operation {
    Operation::items("cosign_client_batch256", MAX_BATCH, || protocol::client_steps(MAX_BATCH))
}

fn sm3_stream() -> Operation {
    over("sm3_stream", LARGE, |data| {
        black_box(sm3::digest(data));
    })
}

fn sm3_16x1k() -> Operation {
    over("sm3_16x1k", MESSAGES.0 * MESSAGES.1, |data| {
        let messages: Vec<&[u8]> = data.chunks_exact(MESSAGES.1).collect();
        black_box(sm3::digest_all(&messages));
    })
}

fn sm4_ctr_16k() -> Operation {
    over("sm4_ctr_16k", LARGE, |data| ctr::Ctr::new(&KEY, &IV).apply(data))
}

fn sm4_gcm_16k() -> Operation {
    over("sm4_gcm_16k", LARGE, |data| {
        black_box(gcm::seal_in_place(&KEY, &NONCE, &[], data).unwrap());
    })
}

fn sm4_cbc_enc_1() -> Operation {
    over("sm4_cbc_enc_1", LARGE, |data| cbc::Encryptor::new(&KEY, &IV).encrypt(data).unwrap())
}

fn sm4_cbc_enc_8() -> Operation {
    over("sm4_cbc_enc_8", STREAMS * LARGE, |data| {
        let mut streams = [(); STREAMS].map(|()| cbc::Encryptor::new(&KEY, &IV));
        let mut messages: Vec<_> = streams.iter_mut().zip(data.chunks_exact_mut(LARGE)).collect();
        cbc::encrypt_many(&mut messages).unwrap();
    })
}

/// An operation over `len` bytes that it may change.
fn over(name: &str, len: usize, run: impl Fn(&mut [u8]) + 'static) -> Operation {
    Operation::bytes(name, len, move || {
        let mut data = vec![0x5a; len];
        move || run(black_box(&mut data))
    })
}
