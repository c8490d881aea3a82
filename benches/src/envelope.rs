//! Envelopes as streams. Yardsticks: AES-128-GCM of AWS-LC over as many bytes; SM4-CBC in [`crate::sm3_sm4`].

use std::{
    hint::black_box,
    io::{Cursor, sink},
};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use envelope::{Identity, Sm2Identity, Sm2Recipient, cms::Header, io, simple};
use getrandom::SysRng;
use sm_primitives::sm2::PrivateKey;

use crate::Operation;

const LEN: usize = 1 << 20;

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x42; 32]).unwrap()
}

fn recipient() -> Sm2Recipient {
    Sm2Recipient::from_public_key(key().public_key())
}

fn message(plaintext: &[u8]) -> Vec<u8> {
    simple::seal(&[&recipient()], plaintext, &mut SysRng).unwrap()
}

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::bytes("seal 1 MiB", LEN, || {
            let (recipient, plaintext) = (recipient(), vec![0x5a; LEN]);
            move || {
                io::seal(&[&recipient], LEN as u64, black_box(&plaintext[..]), sink(), &mut SysRng).unwrap();
            }
        }),
        Operation::bytes("open 1 MiB", LEN, || {
            let (key, message) = (key(), message(&vec![0x5a; LEN]));
            move || {
                let mut input = Cursor::new(black_box(&message));
                let header = Header::read(&mut input).unwrap();
                let key = header.unlock(&[&Sm2Identity::new(&key) as &dyn Identity]).unwrap();
                io::open(header.open(key), input, sink()).unwrap();
            }
        }),
        Operation::one("seal 32 bytes", || {
            let recipient = recipient();
            move || {
                black_box(simple::seal(&[&recipient], black_box(&[7; 32]), &mut SysRng).unwrap());
            }
        }),
        Operation::one("read a header", || {
            let message = message(&[7; 32]);
            move || {
                black_box(Header::from_bytes(black_box(&message)).unwrap());
            }
        }),
        Operation::bytes("AES-128-GCM seal 1 MiB (AWS-LC)", LEN, || {
            let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[0x11; 16]).unwrap());
            let mut data = vec![0x5a; LEN];
            move || {
                let nonce = Nonce::assume_unique_for_key([0x33; 12]);
                drop(black_box(
                    key.seal_in_place_separate_tag(nonce, Aad::empty(), black_box(&mut data)).unwrap(),
                ));
            }
        }),
    ]
}
