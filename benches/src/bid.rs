//! Sealed bids in memory, on one core and on two, and the same content as EnvelopedData with SM4-CBC. Yardsticks of the same
//! run: the SM4-GCM kernel and the SM4-CBC engine over as many bytes.

use std::{
    hint::black_box,
    io::{Cursor, sink},
};

use envelope::{
    Identity, Sm2Identity, Sm2Recipient,
    bid::{BodyKey, Draft, Policy, Terms},
    cms, io,
};
use getrandom::SysRng;
use rayon::{ThreadPool, ThreadPoolBuilder};
use sm_primitives::{
    sm2::{PrivateKey, PublicKey},
    sm4::{cbc, gcm::Gcm},
};

use crate::Operation;

const LEN: usize = 32 << 20;
const CHUNK: usize = 1 << 20;

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[0x42; 32]).unwrap()
}

fn draft(signer: Option<PublicKey>) -> Draft {
    Draft {
        terms: Terms::default(),
        policy: Policy::platform(),
        holders: vec![(1, Sm2Recipient::from_public_key(key().public_key()))],
        opening: None,
        signer,
    }
}

fn seal(text: &[u8], signer: Option<PublicKey>, output: impl std::io::Write + Send) {
    let signature: &[u8] = if signer.is_some() { &[1] } else { &[] };
    let files = [Ok(("offer".to_owned(), text))].into_iter();
    io::bid::seal(draft(signer), files, output, &mut SysRng).unwrap().finish(signature).unwrap();
}

fn open(bid: &[u8]) {
    let bid = io::bid::Bid::open(Cursor::new(bid)).unwrap();
    let share = bid.header().slots().slots()[0].unwrap(bid.header().manifest(), &key()).unwrap();
    let key = BodyKey::derive(bid.header().manifest(), &[share], None).unwrap();
    let mut open = bid.unlock(key).unwrap();
    open.copy(0..LEN as u64, |_, text| {
        black_box(text);
        Ok(())
    })
    .unwrap();
}

fn cores(count: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(count).build().unwrap()
}

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (count, name) in [(1, "one core"), (2, "two cores")] {
        all.push(Operation::bytes(&format!("seal 32 MiB, {name}"), LEN, move || {
            let (pool, text) = (cores(count), vec![0x5a; LEN]);
            move || pool.install(|| seal(black_box(&text), None, sink()))
        }));
        all.push(Operation::bytes(&format!("seal and hash 32 MiB, {name}"), LEN, move || {
            let (pool, text) = (cores(count), vec![0x5a; LEN]);
            move || pool.install(|| seal(black_box(&text), Some(*key().public_key()), sink()))
        }));
        all.push(Operation::bytes(&format!("open 32 MiB, {name}"), LEN, move || {
            let mut bid = Vec::new();
            seal(&vec![0x5a; LEN], None, &mut bid);
            let pool = cores(count);
            move || pool.install(|| open(black_box(&bid)))
        }));
    }
    all.push(Operation::bytes("SM4-GCM kernel 32 MiB in pieces of 1 MiB", LEN, || {
        let (key, mut text) = (Gcm::new(&[0x11; 16]), vec![0x5a; LEN]);
        move || {
            for piece in black_box(&mut text).chunks_mut(CHUNK) {
                black_box(key.seal_in_place(&[0x33; 12], &[], piece).unwrap());
            }
        }
    }));
    all.push(Operation::bytes("SM4-CBC engine, encryption of 32 MiB in pieces of 64 KiB", LEN, || {
        let mut text = vec![0x5a; LEN];
        move || {
            let mut encryptor = cbc::Encryptor::new(&[0x11; 16], &[0x33; 16]);
            black_box(&mut text).chunks_mut(64 << 10).for_each(|piece| encryptor.encrypt(piece).unwrap());
        }
    }));
    all.push(Operation::bytes("EnvelopedData, SM4-CBC: seal 32 MiB", LEN, || {
        let text = vec![0x5a; LEN];
        move || {
            let recipient = Sm2Recipient::from_public_key(key().public_key());
            io::seal(&[&recipient], LEN as u64, black_box(&text[..]), sink(), &mut SysRng).unwrap();
        }
    }));
    all.push(Operation::bytes("EnvelopedData, SM4-CBC: open 32 MiB", LEN, || {
        let mut message = Vec::new();
        let recipient = Sm2Recipient::from_public_key(key().public_key());
        io::seal(&[&recipient], LEN as u64, &vec![0x5a; LEN][..], &mut message, &mut SysRng).unwrap();
        move || {
            let (mut input, key) = (Cursor::new(black_box(&message)), key());
            let header = cms::Header::read(&mut input).unwrap();
            let key = header.unlock(&[&Sm2Identity::new(&key) as &dyn Identity]).unwrap();
            io::open(header.open(key), input, sink()).unwrap();
        }
    }));
    all
}
