//! Constant-time test of the protocol: both parties in one process under Valgrind, which knows their secrets as
//! undefined memory and reports each branch and each address that depends on one. See `sm-primitives/examples/ctgrind.rs`.
//!
//! Secret are: everything that the random source yields, until it is sent or stored in plain; PIN, device secret, mask
//! and MAC key; every secret integer. What is public is marked in the code where it leaves (`ct::into_public`).
//!
//! ```text
//! cargo build -p cosign-core --release --features ctgrind --example ctgrind_protocol
//! valgrind --error-exitcode=9 target/release/examples/ctgrind_protocol           # exit code 0
//! valgrind --error-exitcode=9 target/release/examples/ctgrind_protocol branch    # exit code 9: the planted branch
//! valgrind --error-exitcode=9 target/release/examples/ctgrind_protocol index     # exit code 9: the planted index
//! ```

use std::{env, hint::black_box};

use cosign_core::{
    ClientKey, Code, DeviceId, DeviceKey, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode,
    Progress, Purpose, Suite, csr, decrypt, import, keygen, refresh,
    server::{
        Admission, Incoming, Issued, KeyRecord, Origin, PendingRefresh, ReplayCache, ServerShare, receive,
    },
    sign,
    split::{self, Kind, Receiver},
};
use getrandom::SysRng;
use sm_primitives::{
    ct,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{DistId, PrivateKey, Signature, pke},
};

const DEVICE: DeviceId = DeviceId::from_bytes([0x11; 32]);
const NOW: u64 = 1_800_000_000_000;
const PIN: &str = "258013";

/// The system's random source, whose bytes are secrets.
struct SecretRng;

impl TryRng for SecretRng {
    type Error = <SysRng as TryRng>::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        SysRng.try_next_u32().map(|mut word| {
            ct::into_secret(&mut word);
            word
        })
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        SysRng.try_next_u64().map(|mut word| {
            ct::into_secret(&mut word);
            word
        })
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        SysRng.try_fill_bytes(out)?;
        ct::into_secret_bytes(out);
        Ok(())
    }
}

impl TryCryptoRng for SecretRng {}

fn main() -> Result<(), Error> {
    if let Some(planted) = env::args().nth(1) {
        plant(&planted);
        return Ok(());
    }
    for (suite, purpose) in
        [(Suite::D, Purpose::Sign), (Suite::F2, Purpose::Sign), (Suite::D, Purpose::Encrypt)]
    {
        let mut pair = Pair::generate(suite, purpose)?;
        match purpose {
            Purpose::Sign => pair.sign_many()?,
            Purpose::Encrypt => pair.decrypt()?,
        }
        pair.wrong_pin()?;
        if suite == Suite::D {
            pair.refresh()?;
        }
        if purpose == Purpose::Sign {
            pair.hand_over()?.sign_many()?;
        }
    }
    Pair::recover()?.decrypt()
}

/// The positive controls: without them, silence would prove nothing. A share that was read, and its MAC key.
fn plant(planted: &str) {
    let mut sealed = [0; ServerShare::LEN];
    // 1 and its inverse.
    (sealed[31], sealed[63]) = (1, 1);
    let Some(share) = ServerShare::from_bytes(&sealed) else { return };
    let secret = share.expose_bytes();
    match planted {
        "branch" if secret[95] & 1 == 1 => drop(black_box(String::from("odd"))),
        "index" => drop(black_box(black_box(vec![0_u8; 256])[usize::from(secret[95])])),
        _ => {}
    }
}

/// The server's role for one key.
struct Server {
    record: KeyRecord,
    cache: ReplayCache,
    nonce_key: [u8; 32],
    /// The share that was split last.
    arriving: Option<KeyRecord>,
}

impl Server {
    fn new(record: KeyRecord) -> Result<Self, Error> {
        let nonce_key = *DeviceKey::random(&mut SecretRng)?.expose_bytes();
        Ok(Self { record, cache: ReplayCache::new(100, 1 << 20, 100), nonce_key, arriving: None })
    }

    /// Its answer to a frame of ops 01 to 08.
    fn answer(&mut self, frame: &[u8]) -> Result<Vec<u8>, Error> {
        let Ok(Incoming::Operation(operation)) = receive(frame) else { return Err(FAILED) };
        let executed = match operation.admit(Some(&mut self.record), &DEVICE, NOW, &mut self.cache) {
            Admission::Answered(answered) => return Ok(answered.frame),
            Admission::Job(job) => job.run(&self.nonce_key, &mut SecretRng),
            Admission::Refresh(job) => job.run(&mut self.record, &mut SecretRng),
            Admission::Evaluate(job) => job.run(),
            Admission::Split(job) => {
                let KeyRecord { key_id, suite, purpose, .. } = self.record;
                let issued = Issued {
                    device: DEVICE,
                    suite,
                    purpose,
                    mode: PinMode::Base,
                    origin: Origin::Split(key_id),
                };
                let (executed, arriving) = job.run(&self.record, Some(&issued), 0, &mut SecretRng);
                self.arriving = arriving;
                executed
            }
        };
        Ok(self.cache.complete(executed))
    }
}

/// Both parties of one key.
struct Pair {
    server: Server,
    device_key: DeviceKey,
    pin: Pin,
    record: LocalRecord,
    key: ClientKey,
}

/// An error for what cannot happen here.
const FAILED: Error = Error::InvalidMessage(Code::Internal);

impl Pair {
    /// Key generation and activation, in both roles. In between, what both sides stored is read back.
    fn generate(suite: Suite, purpose: Purpose) -> Result<Self, Error> {
        let rng = &mut SecretRng;
        let (key_id, pin) = (KeyId::from_bytes([9; 16]), Pin::new(PIN)?);
        let device_key = DeviceKey::random(rng)?;
        let (k1, waiting) = keygen::start(key_id, suite, purpose, rng)?;
        let Ok(Incoming::KeygenStart(start)) = receive(&k1) else { return Err(FAILED) };
        let issued =
            Issued { device: DEVICE, suite, purpose, mode: PinMode::Base, origin: Origin::Generated };
        let (k2, pending) = start.respond(Some(issued), &DEVICE, NOW, rng).map_err(|_| FAILED)?;
        let (k3, waiting) = waiting.finish(&k2, &pin, &device_key, MIN_ITERATIONS, rng)?;
        let Ok(Incoming::KeygenOpen(open)) = receive(&k3) else { return Err(FAILED) };
        let (k4, mut record) = open.respond(Some(pending), &DEVICE, NOW).map_err(|_| FAILED)?;
        record.share = ServerShare::from_bytes(&record.share.expose_bytes()).ok_or(FAILED)?.into();
        let server = Server::new(record)?;
        let (record, key) = waiting.finish(&k4)?;
        let record = LocalRecord::from_bytes(&record.to_bytes()[..])?;
        let mut pair = Self { server, device_key, pin, record, key };
        pair.activate()?;
        Ok(pair)
    }

    fn activate(&mut self) -> Result<(), Error> {
        let info = csr::info("somebody", self.key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(self.key.public_key(), &info));
        let signature = self.sign(&[digest])?.pop().ok_or(FAILED)?;
        let request = csr::assemble(&info, &signature);
        let (frame, waiting) = keygen::activate(&self.key, &request, &mut SecretRng)?;
        let Ok(Incoming::Activate(activate)) = receive(&frame) else { return Err(FAILED) };
        let answer = activate.respond(Some(&mut self.server.record), &DEVICE, NOW, &DistId::default());
        waiting.finish(&answer.map_err(|_| FAILED)?)
    }

    fn sign(&mut self, digests: &[Digest]) -> Result<Vec<Signature>, Error> {
        let (_, mut waiting) = sign::start(&self.key, digests, NOW, 1, &mut SecretRng)?;
        loop {
            let answer = self.server.answer(waiting.frame())?;
            waiting = match waiting.finish(&answer)? {
                Progress::Next(next) => next,
                Progress::Done(signed) => return Ok(signed.signatures),
                Progress::Busy(_) => return Err(FAILED),
            };
        }
    }

    /// One digest, a few, and enough for every engine of many.
    fn sign_many(&mut self) -> Result<(), Error> {
        for count in [1, 3, 40] {
            let digests: Vec<_> = (0..count).map(|byte| Digest::reduce(&[byte; 32])).collect();
            black_box(self.sign(&digests)?);
        }
        Ok(())
    }

    fn decrypt(&mut self) -> Result<(), Error> {
        let seal = |message: &[u8]| pke::encrypt(self.key.public_key(), message, &mut SysRng);
        let ciphertexts = [seal(&[7; 100])?, seal(b"x")?];
        let (frame, waiting) = decrypt::start(&self.key, &ciphertexts, NOW, &mut SecretRng)?;
        let answer = self.server.answer(&frame)?;
        let Progress::Done(opened) = waiting.finish(&answer)? else { return Err(FAILED) };
        black_box(opened.plaintexts.len());
        Ok(())
    }

    /// The PIN gate with a tag that is wrong, of the key that another PIN unlocks.
    fn wrong_pin(&mut self) -> Result<(), Error> {
        let key = self.record.unlock(&Pin::new("000000")?, &self.device_key)?;
        let frame = match key.purpose() {
            Purpose::Sign => sign::start(&key, &[Digest::reduce(&[1; 32])], NOW, 1, &mut SecretRng)?.0,
            Purpose::Encrypt => {
                let ciphertext = pke::encrypt(key.public_key(), b"x", &mut SysRng)?;
                decrypt::start(&key, &[ciphertext], NOW, &mut SecretRng)?.0
            }
        };
        let answer = self.server.answer(&frame)?;
        if answer.get(2) == Some(&Code::Pin.byte()) { Ok(()) } else { Err(FAILED) }
    }

    fn refresh(&mut self) -> Result<(), Error> {
        self.record = refreshed(&mut self.server, &self.key, &self.pin, &self.device_key)?;
        self.key = self.record.unlock(&self.pin, &self.device_key)?;
        Ok(())
    }

    /// A share for another device, on its whole way.
    fn hand_over(&mut self) -> Result<Self, Error> {
        let rng = &mut SecretRng;
        let receiver = Receiver::new(self.key.key_id(), KeyId::from_bytes([10; 16]), DEVICE, rng)?;
        let waiting = split::start(&self.key, receiver.invitation(), Kind::Move, NOW, rng)?;
        let answer = self.server.answer(waiting.frame())?;
        let Progress::Done(handover) = waiting.finish(&answer, rng)? else { return Err(FAILED) };
        let travelled = receiver.open(&handover.sealed)?;
        let arriving = self.server.arriving.take().ok_or(FAILED)?;
        Self::arrive(arriving, travelled)
    }

    /// A decryption key that comes back from a key centre.
    fn recover() -> Result<Self, Error> {
        let (rng, key_id, suite) = (&mut SecretRng, KeyId::from_bytes([10; 16]), Suite::D);
        let kept = PrivateKey::generate(rng)?;
        let waiting = import::start(key_id, suite, PinMode::Base, &kept, rng)?;
        let Ok(Incoming::Import(import)) = receive(waiting.frame()) else { return Err(FAILED) };
        let origin = Origin::Recovered(*kept.public_key());
        let issued = Issued { device: DEVICE, suite, purpose: Purpose::Encrypt, mode: PinMode::Base, origin };
        let (answer, record) = import.respond(Some(issued), &DEVICE, NOW, rng).map_err(|_| FAILED)?;
        Self::arrive(record, waiting.finish(&answer)?)
    }

    /// The refresh that makes an arriving key this device's own.
    fn arrive(arriving: KeyRecord, key: ClientKey) -> Result<Self, Error> {
        let (pin, device_key) = (Pin::new(PIN)?, DeviceKey::random(&mut SecretRng)?);
        let mut server = Server::new(arriving)?;
        let record = refreshed(&mut server, &key, &pin, &device_key)?;
        let key = record.unlock(&pin, &device_key)?;
        Ok(Self { server, device_key, pin, record, key })
    }
}

/// R1 to R4. In between the server's half is stored and read back. What the client stored.
fn refreshed(
    server: &mut Server,
    key: &ClientKey,
    pin: &Pin,
    device_key: &DeviceKey,
) -> Result<LocalRecord, Error> {
    let rng = &mut SecretRng;
    let (r1, waiting) = refresh::start(key, pin, device_key, MIN_ITERATIONS, NOW, rng)?;
    let r2 = server.answer(&r1)?;
    let Progress::Done(renewed) = waiting.finish(&r2, device_key)? else { return Err(FAILED) };
    let pending = server.record.pending.take().ok_or(FAILED)?;
    server.record.pending = PendingRefresh::from_bytes(&pending.expose_bytes());
    let stored = renewed.record.to_bytes();
    let (r3, waiting) = renewed.confirm(&stored[..], pin, device_key, NOW, rng)?;
    let r4 = server.answer(&r3)?;
    match waiting.finish(&r4)? {
        Progress::Done(refresh::Confirmation::Active { .. }) => Ok(renewed.record),
        _ => Err(FAILED),
    }
}
