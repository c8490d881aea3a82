//! Secrets of both parties are gone from the heap once they are used or dropped: whole lives of keys, under an
//! allocator that looks at every block that is freed (`watch`).
//!
//! A life is played twice with the same randomness: once to learn its secrets, in every form that they have in memory,
//! and once to look for them.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::convert::Infallible;

use cosign_core::{
    ClientKey, DeviceKey, Digest, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode, Progress, Purpose, Suite,
    csr, decrypt, keygen, refresh,
    server::{Issued, KeyRecord, Origin},
    sign,
};
use cosign_tests::{
    model::{DEVICE, NONCE_KEY, NOW, Pair, Server, done},
    naive,
    random::Seeded,
};
use sm_primitives::{
    SecretScalar,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{DistId, hazmat},
    sm3::hmac::HmacKey,
};
use watch::{Secret, in_memory, left_behind};

mod arrive;
mod watch;

/// Long enough not to be found by chance.
const PIN: &str = "2580136947025801369470258013";
const DEVICE_KEY: [u8; 32] = [0xd7; 32];
const COUNTER: u64 = 7;

/// A random source that may keep what it gave.
struct Source {
    seeded: Seeded,
    given: Option<Vec<Vec<u8>>>,
}

impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.seeded.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.seeded.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.seeded.fill(out);
        if let Some(given) = &mut self.given {
            given.push(out.to_vec());
        }
        Ok(())
    }
}

impl TryCryptoRng for Source {}

/// Secrets that a life gives away to its test.
#[derive(Default)]
struct Learned {
    secrets: Vec<Secret>,
    /// Frames that are sent: what was drawn and stands in one of them is no secret.
    sent: Vec<u8>,
}

impl Learned {
    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.secrets.push(Secret { name: name.to_owned(), bytes: bytes.to_vec() });
    }

    /// A scalar as bytes and as it lies in memory.
    fn scalar(&mut self, name: &str, bytes: &[u8; 32]) {
        let scalar = SecretScalar::from_bytes(bytes).unwrap();
        self.bytes(name, bytes);
        self.bytes(&format!("{name} in limbs"), &in_memory(&scalar));
        self.bytes(&format!("{name} inverted, in limbs"), &in_memory(&scalar.invert()));
    }

    /// A MAC key as bytes and as both of its absorbed blocks.
    fn auth(&mut self, name: &str, key: &[u8]) {
        self.bytes(name, key);
        let states = in_memory(&HmacKey::new(key));
        states.chunks(32).for_each(|state| self.bytes(&format!("{name} absorbed"), state));
    }

    /// What the server keeps of a key.
    fn server_share(&mut self, name: &str, share: &[u8]) {
        self.scalar(&format!("dB{name}"), share[..32].try_into().unwrap());
        self.scalar(&format!("dB^-1{name}"), share[32..64].try_into().unwrap());
        self.auth(&format!("K_auth{name}"), &share[64..96]);
    }

    /// What PIN, device secret and a stored record give; the client's share.
    fn client_share(&mut self, name: &str, record: &[u8]) -> [u8; 32] {
        let mut z = [0; 32];
        sm_primitives::sm3::pbkdf2(PIN.as_bytes(), &record[103..119], MIN_ITERATIONS, &mut z).unwrap();
        let w = naive::hmac(&DEVICE_KEY, &[b"SM2-COSIGN-D-V1/pin\0", &record[3..19], &z]);
        let mask = naive::to_scalar("pin-mask", &w);
        let share = naive::bytes(&(naive::int(&record[124..156]) * &mask % &*naive::N));
        self.bytes(&format!("z{name}"), &z);
        self.bytes(&format!("w{name}"), &w);
        self.scalar(&format!("m{name}"), &naive::bytes(&mask));
        self.scalar(&format!("dA{name}"), &share);
        share
    }

    /// Everything that was drawn and not sent; all of it may have been taken for a scalar.
    fn draws(&mut self, name: &str, source: &mut Source) {
        for (index, draw) in source.given.iter_mut().flat_map(|given| given.drain(..)).enumerate() {
            for part in draw.chunks_exact(32) {
                if !self.sent.windows(32).any(|window| window == part) {
                    let name = format!("draw {index} of {name}");
                    match SecretScalar::from_bytes(part.try_into().unwrap()) {
                        Some(_) => self.scalar(&name, part.try_into().unwrap()),
                        None => self.bytes(&name, part),
                    }
                }
            }
        }
    }
}

/// A life of a key up to the point where its operations are played.
struct Life {
    server: Server,
    source: Source,
    learned: Option<Learned>,
    device_key: DeviceKey,
    pin: Pin,
}

/// The key that was made last.
fn record(server: &mut Server) -> &mut KeyRecord {
    server.keys.values_mut().next_back().unwrap()
}

impl Life {
    fn new(learns: bool) -> Self {
        let learned = learns.then(Learned::default);
        Self {
            server: Server::new(),
            source: Source { seeded: Seeded::new(1), given: learns.then(Vec::new) },
            learned,
            device_key: DeviceKey::from_bytes(DEVICE_KEY),
            pin: Pin::new(PIN).unwrap(),
        }
    }

    fn learn(&mut self, what: impl FnOnce(&mut Learned, &mut Server, &mut Source)) {
        if let Some(learned) = &mut self.learned {
            what(learned, &mut self.server, &mut self.source);
        }
    }

    fn ask(&mut self, frame: &[u8]) -> Vec<u8> {
        self.server.handle(frame, &DEVICE, NOW, &mut self.source)
    }

    /// Key generation: what the client stored, its key, and `dA`.
    fn generate(&mut self, suite: Suite, purpose: Purpose) -> (LocalRecord, ClientKey, [u8; 32]) {
        let key_id = KeyId::from_bytes([9; 16]);
        self.server.issued.insert(
            key_id,
            Issued { device: DEVICE, suite, purpose, mode: PinMode::Base, origin: Origin::Generated },
        );
        let (k1, waiting) = keygen::start(key_id, suite, purpose, &mut self.source).unwrap();
        let k2 = self.ask(&k1);
        let (k3, waiting) =
            waiting.finish(&k2, &self.pin, &self.device_key, MIN_ITERATIONS, &mut self.source).unwrap();
        let k4 = self.ask(&k3);
        let (stored, key) = waiting.finish(&k4).unwrap();
        let mut share = [0; 32];
        self.learn(|learned, server, source| {
            learned.bytes("PIN", PIN.as_bytes());
            learned.bytes("K_dev", &DEVICE_KEY);
            learned.bytes("nonce key", &NONCE_KEY);
            learned.server_share("", &record(server).share.expose_bytes()[..]);
            share = learned.client_share("", &stored.to_bytes()[..]);
            learned.sent.extend(&k3[..]);
            learned.draws("key generation", source);
        });
        drop(k3);
        (stored, key, share)
    }

    /// Key generation, activation, operations, a refresh; a second refresh that is never confirmed. Then everything is
    /// dropped.
    fn play(mut self, suite: Suite, purpose: Purpose) -> Vec<Secret> {
        let (stored, key, share) = self.generate(suite, purpose);
        let info = csr::info("somebody", key.public_key());
        let request_digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
        self.sign(&key, &[request_digest], &share);
        record(&mut self.server).status = cosign_core::server::Status::Active;
        if purpose == Purpose::Sign {
            self.sign(&key, &[1, 2, 3].map(|byte| Digest::reduce(&[byte; 32])), &share);
        } else {
            self.decrypt(&key);
        }
        self.refresh(&key, true);
        drop(key);
        let key = stored.unlock(&self.pin, &self.device_key).unwrap();
        drop(key);
        self.learned.map(|learned| learned.secrets).unwrap_or_default()
    }

    fn sign(&mut self, key: &ClientKey, digests: &[Digest], share: &[u8; 32]) {
        let (first, mut waiting) = sign::start(key, digests, NOW, COUNTER, &mut self.source).unwrap();
        let sid = first[24..40].to_vec();
        let client = self.source.given.as_ref().map(|given| given[1].clone());
        let mut server = None;
        loop {
            let answer = self.server.handle(waiting.frame(), &DEVICE, NOW, &mut self.source);
            assert_eq!(answer[2], 0);
            // The hash of the first request is the one that the server's nonces are bound to.
            server = server.or_else(|| Some(self.server.audit.last()?.h_req));
            let frame = waiting.frame().to_vec();
            self.learn(|learned, _, _| learned.sent.extend(frame));
            waiting = match waiting.finish(&answer).unwrap() {
                Progress::Next(next) => next,
                last => break drop(done(last)),
            };
        }
        self.learn(|learned, _, source| {
            let (client, h_req) = (client.unwrap(), server.unwrap());
            let fresh = source.given.as_ref().unwrap().iter().find(|draw| draw.len() == 48 * digests.len());
            for (index, fresh) in (0u16..).zip(fresh.unwrap().chunks(48)) {
                let input = [fresh, &NONCE_KEY, &h_req, &index.to_be_bytes(), &[0]].concat();
                learned.scalar("k2", &naive::bytes(&naive::to_scalar("nonce-s", &input)));
            }
            let letters: &[u8] = if client.len() == 64 * digests.len() { b"ab" } else { b"n" };
            let wanted =
                (0u16..).zip(digests).flat_map(|item| letters.iter().map(move |letter| (item, *letter)));
            for (((index, digest), letter), fresh) in wanted.zip(client.chunks(32)) {
                let input: [&[u8]; 8] = [
                    fresh,
                    share,
                    &sid,
                    &NOW.to_be_bytes(),
                    &COUNTER.to_be_bytes(),
                    &index.to_be_bytes(),
                    digest.as_bytes(),
                    &[letter],
                ];
                let nonce = naive::bytes(&naive::to_scalar("nonce-c", &input.concat()));
                learned.scalar(&format!("n{}", char::from(letter)), &nonce);
            }
            learned.draws("signing", source);
        });
    }

    fn decrypt(&mut self, key: &ClientKey) {
        let nonce = SecretScalar::from_bytes(&[0x21; 32]).unwrap();
        let ciphertext = hazmat::encrypt_with_nonce(key.public_key(), &[7; 40], nonce).unwrap();
        let (frame, waiting) = decrypt::start(key, &[ciphertext], NOW, &mut self.source).unwrap();
        let answer = self.ask(&frame);
        drop(done(waiting.finish(&answer).unwrap()));
        self.learn(|learned, _, source| {
            learned.bytes("plaintext", &[7; 40]);
            learned.draws("decryption", source);
        });
    }

    /// R1 to R4, and an R1 that nobody confirms.
    fn refresh(&mut self, key: &ClientKey, confirms: bool) {
        let Self { source, pin, device_key, .. } = self;
        let (r1, waiting) = refresh::start(key, pin, device_key, MIN_ITERATIONS, NOW, source).unwrap();
        let r2 = self.ask(&r1);
        let renewed = done(waiting.finish(&r2, &self.device_key).unwrap());
        let stored = renewed.record.to_bytes();
        self.learn(|learned, server, source| {
            let pending = record(server).pending.as_ref().unwrap().expose_bytes();
            learned.server_share("'", &pending[148..244]);
            learned.client_share("'", &stored[..]);
            let (r_a, r_b) = (&r1[82..114], &pending[52..84]);
            let input = [&r1[4..24], r_a, r_b].concat();
            learned.scalar("t", &naive::bytes(&naive::to_scalar("refresh", &input)));
            learned.bytes("rA", r_a);
            // rB leaves in R2, which is the transport's; what the server keeps of it is watched on its own.
            learned.sent.extend(r_b);
            learned.draws("refresh", source);
        });
        drop((r1, r2));
        if confirms {
            let (r3, waiting) =
                renewed.confirm(&stored[..], &self.pin, &self.device_key, NOW, &mut self.source).unwrap();
            let r4 = self.ask(&r3);
            assert_eq!(done(waiting.finish(&r4).unwrap()), refresh::Confirmation::Active { failures: 0 });
            self.learn(|learned, _, source| learned.draws("confirmation", source));
        }
    }
}

#[test]
fn nothing_of_a_life_stays_behind() {
    for (suite, purpose) in
        [(Suite::D, Purpose::Sign), (Suite::F2, Purpose::Sign), (Suite::D, Purpose::Encrypt)]
    {
        let secrets = Life::new(true).play(suite, purpose);
        assert!(secrets.len() > 60, "{} secrets", secrets.len());
        let found = left_behind(secrets, || drop(Life::new(false).play(suite, purpose)));
        assert_eq!(found, Vec::<&str>::new(), "{suite:?} {purpose:?}");
    }
}

/// A server with an active key and a refresh that waits, and `rB` of that.
fn waiting_refresh() -> (Server, ClientKey, Vec<Secret>) {
    let Pair { mut server, key, device_key, mut rng, .. } = Pair::active(Suite::D, Purpose::Sign, 1);
    let pin = Pin::new(PIN).unwrap();
    let (r1, waiting) = refresh::start(&key, &pin, &device_key, MIN_ITERATIONS, NOW, &mut rng).unwrap();
    server.handle(&r1, &DEVICE, NOW, &mut rng);
    drop(waiting);
    let pending = record(&mut server).pending.as_ref().unwrap().expose_bytes();
    let mut learned = Learned::default();
    learned.bytes("rB", &pending[52..84]);
    learned.server_share("'", &pending[148..244]);
    (server, key, learned.secrets)
}

#[test]
fn a_refresh_that_is_given_up_leaves_nothing_behind() {
    let (mut server, _key, secrets) = waiting_refresh();
    let found = left_behind(secrets, || {
        let key_id = *server.keys.keys().next().unwrap();
        let mut record = server.keys.remove(&key_id).unwrap();
        // Given up, as by an R3 that came too late; then the record's own place is freed.
        drop(record.pending.take());
        drop(Box::new(record));
        server.keys.clear();
    });
    assert_eq!(found, Vec::<&str>::new());
}

/// The positive control: what is dropped unwiped is found, in every form and wherever in its block.
#[test]
fn a_plain_copy_is_found() {
    let mut learned = Learned::default();
    learned.scalar("scalar", &[0x21; 32]);
    learned.auth("MAC key", &[0x42; 32]);
    let copies: Vec<_> =
        learned.secrets.iter().map(|secret| [&[1, 2, 3], &secret.bytes[..], &[4]].concat()).collect();
    let names: Vec<_> = learned.secrets.iter().map(|secret| secret.name.clone()).collect();
    assert_eq!(names.len(), 6);
    assert_eq!(left_behind(learned.secrets, || drop(copies)), names);

    // A list that grows, a scalar that is moved out of its place, and one that is dropped in it.
    let scalar = || SecretScalar::from_bytes(&[0x21; 32]).unwrap();
    let secret = || vec![Secret { name: "scalar".to_owned(), bytes: in_memory(&scalar()) }];
    let grows = || {
        let mut list = vec![scalar()];
        list.reserve_exact(9);
    };
    assert_eq!(left_behind(secret(), grows), ["scalar"]);
    assert_eq!(left_behind(secret(), || drop(*Box::new(scalar()))), ["scalar"]);
    assert_eq!(left_behind(secret(), || drop(Box::new(scalar()))), Vec::<&str>::new());
}
