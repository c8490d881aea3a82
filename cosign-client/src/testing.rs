//! For tests: the server role in memory, and identities for sockets.

mod frames;
mod link;
pub(crate) mod power;

use std::{collections::BTreeMap, sync::Arc};

use cosign_core::{
    ClientKey, DeviceId, DeviceKey, Digest, KeyId, LocalRecord, MIN_ITERATIONS, Pin, PinMode, Progress,
    Purpose, SessionId, Suite, csr, keygen,
    server::{
        Admission, Incoming, Issued, KeyRecord, Origin, Parent, PendingKeygen, ReplayCache, Status, receive,
    },
    sign,
    split::Kind,
};
use getrandom::SysRng;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use sm_primitives::sm2::DistId;

pub(crate) use self::{
    frames::{FrameServer, Reaction, Respond, target},
    link::{Fate, Link},
};
use crate::{clock, tls::Trust};

pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([7; 32]);
const NONCE_KEY: [u8; 32] = [9; 32];

/// The server role with maps for a store.
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<KeyId, KeyRecord>,
    keygens: BTreeMap<(KeyId, SessionId), PendingKeygen>,
    pub(crate) issued: BTreeMap<KeyId, Issued>,
    cache: ReplayCache,
    /// How many more shares of a key its owner may give to others.
    pub(crate) free_seats: u32,
    /// Of the keys for which it issues ids.
    pub(crate) mode: PinMode,
}

impl Model {
    pub(crate) fn new() -> Self {
        let cache = ReplayCache::new(1000, 1 << 24, 1 << 14);
        Self {
            keys: BTreeMap::new(),
            keygens: BTreeMap::new(),
            issued: BTreeMap::new(),
            cache,
            free_seats: 0,
            mode: PinMode::Base,
        }
    }

    /// Answers a frame as a server with the clock of this machine.
    pub(crate) fn answer(&mut self, frame: &[u8]) -> Vec<u8> {
        let now = clock::now_ms();
        match receive(frame) {
            Err(unreadable) => unreadable.frame,
            Ok(Incoming::Operation(operation)) => {
                let key_id = operation.key_id();
                self.look_up_parent(&key_id);
                let executed =
                    match operation.admit(self.keys.get_mut(&key_id), &DEVICE, now, &mut self.cache) {
                        Admission::Answered(answered) => {
                            if let Some(Parent { key_id, kind: Kind::Move, .. }) = answered.arrived {
                                self.keys.remove(&key_id);
                            }
                            return answered.frame;
                        }
                        Admission::Job(job) => job.run(&NONCE_KEY, &mut SysRng),
                        Admission::Refresh(job) => job.run(self.keys.get_mut(&key_id).unwrap(), &mut SysRng),
                        Admission::Evaluate(job) => job.run(),
                        Admission::Split(job) => {
                            let issued = self.issued.remove(&job.to());
                            let record = &self.keys[&key_id];
                            let (executed, arriving) =
                                job.run(record, issued.as_ref(), self.free_seats, &mut SysRng);
                            self.keys.extend(arriving.map(|record| (record.key_id, record)));
                            executed
                        }
                    };
                self.cache.complete(executed)
            }
            Ok(Incoming::KeygenStart(start)) => {
                let session = (start.key_id(), start.sid());
                let issued = self.issued.remove(&session.0);
                match start.respond(issued, &DEVICE, now, &mut SysRng) {
                    Ok((frame, pending)) => {
                        self.keygens.insert(session, pending);
                        frame
                    }
                    Err(refusal) => refusal,
                }
            }
            Ok(Incoming::KeygenOpen(open)) => {
                let pending = self.keygens.remove(&(open.key_id(), open.sid()));
                let (frame, record) = open.respond(pending, &DEVICE, now).unwrap();
                self.keys.insert(record.key_id, record);
                frame
            }
            Ok(Incoming::Activate(activate)) => {
                let record = self.keys.get_mut(&activate.key_id());
                activate.respond(record, &DEVICE, now, &DistId::default()).unwrap()
            }
            Ok(Incoming::Import(import)) => {
                let issued = self.issued.remove(&import.key_id());
                match import.respond(issued, &DEVICE, now, &mut SysRng) {
                    Ok((frame, record)) => {
                        self.keys.insert(record.key_id, record);
                        frame
                    }
                    Err(refusal) => refusal,
                }
            }
        }
    }

    /// Whether the share that a key was split from is still active.
    fn look_up_parent(&mut self, key_id: &KeyId) {
        let Some(parent) = self.keys.get(key_id).and_then(|record| record.parent) else { return };
        let active = self.keys.get(&parent.key_id).is_some_and(|record| record.status == Status::Active);
        self.keys.get_mut(key_id).unwrap().parent = Some(Parent { active, ..parent });
    }

    /// The model as the inside of a [`FrameServer`].
    pub(crate) fn into_respond(mut self) -> Respond {
        Box::new(move |frame| self.answer(frame))
    }

    /// Issues a key id for shares that come from elsewhere.
    pub(crate) fn issue(&mut self, id: u8, suite: Suite, purpose: Purpose, origin: Origin) -> KeyId {
        let key_id = KeyId::from_bytes([id; 16]);
        self.issued.insert(key_id, Issued { device: DEVICE, suite, purpose, mode: self.mode, origin });
        key_id
    }

    /// Makes an active key.
    pub(crate) fn keygen(
        &mut self,
        id: u8,
        suite: Suite,
        purpose: Purpose,
        pin: &Pin,
        device: &DeviceKey,
    ) -> (LocalRecord, ClientKey) {
        let key_id = self.issue(id, suite, purpose, Origin::Generated);
        let (frame, waiting) = match self.mode {
            PinMode::Base => {
                let (frame, waiting) = keygen::start(key_id, suite, purpose, &mut SysRng).unwrap();
                waiting.finish(&self.answer(&frame), pin, device, MIN_ITERATIONS, &mut SysRng)
            }
            PinMode::Oblivious => {
                let (frame, waiting) =
                    keygen::start_oblivious(key_id, suite, purpose, pin, MIN_ITERATIONS, &mut SysRng)
                        .unwrap();
                waiting.finish(&self.answer(&frame), device)
            }
        }
        .unwrap();
        let answer = self.answer(&frame);
        let (record, key) = waiting.finish(&answer).unwrap();

        let info = csr::info("test", key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
        let (_, mut waiting) = sign::start(&key, &[digest], clock::now_ms(), 1, &mut SysRng).unwrap();
        let signed = loop {
            let answer = self.answer(waiting.frame());
            waiting = match waiting.finish(&answer).unwrap() {
                Progress::Done(signed) => break signed,
                Progress::Next(next) => next,
                Progress::Busy(_) => panic!("not busy"),
            };
        };
        let request = csr::assemble(&info, &signed.signatures[0]);
        let (frame, waiting) = keygen::activate(&key, &request, &mut SysRng).unwrap();
        waiting.finish(&self.answer(&frame)).unwrap();
        (record, key)
    }
}

pub(crate) fn pin(digits: &str) -> Pin {
    Pin::new(digits).unwrap()
}

pub(crate) fn device_key() -> DeviceKey {
    DeviceKey::from_bytes([5; 32])
}

/// A CA and a certificate of it for `localhost` and 127.0.0.1.
pub(crate) struct ServerIdentity {
    pub(crate) trust: Trust,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl ServerIdentity {
    pub(crate) fn new() -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap().der().clone();
        Self { trust: Trust::from_pem(&pem).unwrap(), certificate, key: key.serialize_der() }
    }

    /// TLS 1.3, no client certificate asked for.
    pub(crate) fn config(&self, alpn: &[u8]) -> rustls::ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone())),
            )
            .unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }
}
