//! The two-party protocol, each side on its own. Yardstick: the same work by one party that has the whole key, one
//! signature of which is measured here too; more in [`crate::sm2`].

use std::hint::black_box;

use cosign_core::{
    DeviceKey, Digest, KeyId, MIN_ITERATIONS, Op, Pin, PinMode, Progress, Purpose, Suite,
    decrypt::{self, AwaitingPlaintexts},
    keygen::{self, AwaitingServerShare},
    server::{Admission, Incoming, Issued, Origin, PendingKeygen, ReplayCache, receive},
    sign::{self, AwaitingSignatures},
};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair, Server},
    random::Seeded,
};
use sm_primitives::sm2::{Ciphertext, pke};

use crate::{Operation, sm2};

const BATCHES: [usize; 3] = [1, 32, 256];
const NONCE_KEY: [u8; 32] = [5; 32];

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = key_generation();
    for count in BATCHES {
        all.extend(signing(count));
    }
    for count in [1, 32] {
        all.extend(decryption(count));
    }
    all.push(refused());
    all.push(sm2::sign_digest("one party: sign digest"));
    all.push(sm2::p256_sign());
    all
}

/// The server's whole step for a frame, from bytes to bytes: checks, PIN gate, computation. Forgets the session after
/// it, so that the frame is computed again the next time.
fn serve(pair: &mut Pair, cache: &mut ReplayCache, frame: &[u8]) -> Vec<u8> {
    let Incoming::Operation(operation) = receive(frame).unwrap() else { panic!("not an operation") };
    let (key_id, sid, op) = (operation.key_id(), operation.sid(), operation.op());
    let record = pair.server.keys.get_mut(&key_id).unwrap();
    record.decrypts = 0;
    let Admission::Job(job) = operation.admit(Some(record), &DEVICE, NOW, cache) else {
        panic!("not admitted")
    };
    let executed = job.run(&NONCE_KEY, &mut pair.rng);
    cache.abandon(key_id, sid, op);
    executed.frame
}

fn cache() -> ReplayCache {
    ReplayCache::new(16, 1 << 20, 1 << 12)
}

/// A session that can be played again: with the same randomness it is the same session and has the same answer.
struct Signing {
    pair: Pair,
    digests: Vec<Digest>,
    frame: Vec<u8>,
    answer: Vec<u8>,
}

impl Signing {
    fn new(count: usize) -> Self {
        let mut pair = Pair::active(Suite::D, Purpose::Sign, 1);
        let digests: Vec<_> = (0..count).map(|i| Digest::reduce(&[u8::try_from(i).unwrap(); 32])).collect();
        let (frame, _waiting) = sign::start(&pair.key, &digests, NOW, 1, &mut Seeded::new(2)).unwrap();
        let answer = pair.server.handle(&frame, &DEVICE, NOW, &mut pair.rng);
        Self { pair, digests, frame, answer }
    }

    fn start(&self) -> AwaitingSignatures<'_> {
        let (frame, waiting) =
            sign::start(&self.pair.key, black_box(&self.digests), NOW, 1, &mut Seeded::new(2)).unwrap();
        black_box(frame);
        waiting
    }
}

/// The server's step for a request of `count` digests, from frame to answer.
pub(crate) fn server_step(count: usize) -> impl FnMut() + 'static {
    let (mut session, mut cache) = (Signing::new(count), cache());
    move || {
        black_box(serve(&mut session.pair, &mut cache, black_box(&session.frame)));
    }
}

/// The client's two steps for a request of `count` digests, from digests to verified signatures.
pub(crate) fn client_steps(count: usize) -> impl FnMut() + 'static {
    let session = Signing::new(count);
    move || {
        assert!(matches!(session.start().finish(black_box(&session.answer)), Ok(Progress::Done(_))));
    }
}

fn signing(count: usize) -> Vec<Operation> {
    vec![
        Operation::items(&format!("sign {count}: client start"), count, move || {
            let session = Signing::new(count);
            move || drop(session.start())
        }),
        Operation::items(&format!("sign {count}: server"), count, move || server_step(count)),
        Operation::items(&format!("sign {count}: client start and finish"), count, move || {
            client_steps(count)
        }),
    ]
}

/// As [`Signing`].
struct Decryption {
    pair: Pair,
    ciphertexts: Vec<Ciphertext>,
    frame: Vec<u8>,
    answer: Vec<u8>,
}

impl Decryption {
    fn new(count: usize) -> Self {
        let mut pair = Pair::active(Suite::D, Purpose::Encrypt, 1);
        let encrypt = |_| pke::encrypt(pair.key.public_key(), &[7; 16], &mut pair.rng).unwrap();
        let ciphertexts: Vec<_> = (0..count).map(encrypt).collect();
        let (frame, _waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut Seeded::new(2)).unwrap();
        let answer = pair.server.handle(&frame, &DEVICE, NOW, &mut pair.rng);
        Self { pair, ciphertexts, frame, answer }
    }

    fn start(&self) -> AwaitingPlaintexts<'_> {
        let (frame, waiting) =
            decrypt::start(&self.pair.key, black_box(&self.ciphertexts), NOW, &mut Seeded::new(2)).unwrap();
        black_box(frame);
        waiting
    }
}

fn decryption(count: usize) -> Vec<Operation> {
    vec![
        Operation::items(&format!("decrypt {count}: client start"), count, move || {
            let session = Decryption::new(count);
            move || drop(session.start())
        }),
        Operation::items(&format!("decrypt {count}: server"), count, move || {
            let (mut session, mut cache) = (Decryption::new(count), cache());
            move || {
                black_box(serve(&mut session.pair, &mut cache, black_box(&session.frame)));
            }
        }),
        Operation::items(&format!("decrypt {count}: client start and finish"), count, move || {
            let session = Decryption::new(count);
            move || {
                assert!(matches!(session.start().finish(black_box(&session.answer)), Ok(Progress::Done(_))));
            }
        }),
    ]
}

fn client_start() -> (Vec<u8>, AwaitingServerShare) {
    keygen::start(KeyId::from_bytes([9; 16]), Suite::D, Purpose::Sign, &mut Seeded::new(3)).unwrap()
}

fn server_start(frame: &[u8]) -> (Vec<u8>, PendingKeygen) {
    let Ok(Incoming::KeygenStart(start)) = receive(frame) else { panic!("not a key generation") };
    let issued = Issued {
        device: DEVICE,
        suite: Suite::D,
        purpose: Purpose::Sign,
        mode: PinMode::Base,
        origin: Origin::Generated,
    };
    start.respond(Some(issued), &DEVICE, NOW, &mut Seeded::new(4)).unwrap()
}

fn key_generation() -> Vec<Operation> {
    vec![
        Operation::one("generate key: client start", || {
            || {
                let (frame, waiting) = client_start();
                black_box(frame);
                drop(waiting);
            }
        }),
        Operation::one("generate key: server start", || {
            let (k1, _waiting) = client_start();
            move || {
                black_box(server_start(black_box(&k1)));
            }
        }),
        Operation::one("generate key: server start and finish", || {
            let (k1, waiting) = client_start();
            let (k2, _) = server_start(&k1);
            let (device_key, pin) = (DeviceKey::from_bytes([8; 32]), Pin::new(PIN).unwrap());
            let (k3, _waiting) =
                waiting.finish(&k2, &pin, &device_key, MIN_ITERATIONS, &mut Seeded::new(5)).unwrap();
            move || {
                let (_, pending) = server_start(black_box(&k1));
                let Ok(Incoming::KeygenOpen(open)) = receive(black_box(&k3)) else {
                    panic!("not an opening")
                };
                black_box(open.respond(Some(pending), &DEVICE, NOW).unwrap());
            }
        }),
    ]
}

/// A request that is refused for its lengths: what each of a flood of them costs.
fn refused() -> Operation {
    Operation::one("refuse a malformed request", || {
        let mut server = Server::new();
        let mut frame = [7; 82];
        frame[..4].copy_from_slice(&[1, 1, Op::Sign.byte(), 0]);
        move || {
            let answer = server.handle(black_box(&frame), &DEVICE, NOW, &mut Seeded::new(1));
            assert_eq!(answer[4..20], [7; 16]);
        }
    })
}
