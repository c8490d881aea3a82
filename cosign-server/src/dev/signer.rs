//! The signer: the client role of the protocol over a link.

use std::{sync::Arc, time::Duration};

use cosign_core::{
    ClientKey, DeviceKey, Digest, KeyId, MIN_ITERATIONS, Pin, Progress, Purpose, Suite, csr, decrypt, keygen,
    sign,
    sm_primitives::sm2::{Ciphertext, DistId, Signature},
};
use serde_json::json;
use zeroize::Zeroizing;

use super::link::{Fault, Frames, Link};
use crate::{
    domain::ports::{Clock, Entropy},
    signer::EntropyRng,
};

/// Wait before the identical frame is sent again to a busy server.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Signer {
    link: Link,
    frames: Frames,
    device_key: DeviceKey,
    pin: Pin,
    counter: u64,
    clock: Arc<dyn Clock>,
    rng: EntropyRng,
}

impl Signer {
    pub(super) async fn new(
        link: Link,
        pin: Pin,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> Result<Self, Fault> {
        let mut rng = EntropyRng::new(Arc::clone(entropy));
        let device_key = DeviceKey::random(&mut rng)?;
        let frames = link.frames().await?;
        Ok(Self { link, frames, device_key, pin, counter: 0, clock: Arc::clone(clock), rng })
    }

    /// Makes this device known to the server.
    pub(super) async fn enrol(&self, code: &str) -> Result<String, Fault> {
        let body = json!({ "enrolment_code": code, "name": "dev signer" });
        let answer = self.link.post("/v1/devices", &body).await?;
        Ok(answer["device_id"].as_str().unwrap_or_default().to_owned())
    }

    /// Two round trips of key generation, then a co-signed certification request that makes the key active.
    pub(super) async fn keygen(&mut self, purpose: Purpose, label: &str) -> Result<ClientKey, Fault> {
        let body = json!({ "purpose": purpose.as_str(), "label": label });
        let answer = self.link.post("/v1/keys", &body).await?;
        let key_id: KeyId = answer["key_id"].as_str().unwrap_or_default().parse()?;

        let (frame, awaiting) = keygen::start(key_id, Suite::D, purpose, &mut self.rng)?;
        let answer = self.frames.ask(&frame).await?;
        let (frame, awaiting) =
            awaiting.finish(&answer, &self.pin, &self.device_key, MIN_ITERATIONS, &mut self.rng)?;
        let answer = self.frames.ask(&frame).await?;
        let (_record, key) = awaiting.finish(&answer)?;

        let info = csr::info(label, key.public_key());
        let digest = Digest::reduce(&DistId::default().digest(key.public_key(), &info));
        let signature = self.sign(&key, digest).await?;
        let request = csr::assemble(&info, &signature);
        let (frame, awaiting) = keygen::activate(&key, &request, &mut self.rng)?;
        awaiting.finish(&self.frames.ask(&frame).await?)?;
        Ok(key)
    }

    /// One co-signature; it was verified before it is returned.
    pub(super) async fn sign(&mut self, key: &ClientKey, digest: Digest) -> Result<Signature, Fault> {
        self.counter += 1;
        let (_, mut awaiting) =
            sign::start(key, &[digest], self.clock.now_ms(), self.counter, &mut self.rng)?;
        loop {
            let answer = self.frames.ask(awaiting.frame()).await?;
            awaiting = match awaiting.finish(&answer)? {
                Progress::Done(signed) => {
                    return Ok(signed.signatures.into_iter().next().ok_or("no signature")?);
                }
                Progress::Next(awaiting) => awaiting,
                Progress::Busy(awaiting) => self.pause(awaiting.deadline_ms(), awaiting).await?,
            };
        }
    }

    /// One co-decryption.
    pub(super) async fn decrypt(
        &mut self,
        key: &ClientKey,
        ciphertext: Ciphertext,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (_, mut awaiting) = decrypt::start(key, &[ciphertext], self.clock.now_ms(), &mut self.rng)?;
        loop {
            let answer = self.frames.ask(awaiting.frame()).await?;
            awaiting = match awaiting.finish(&answer)? {
                Progress::Done(opened) => {
                    return Ok(opened.plaintexts.into_iter().next().ok_or("no plaintext")?);
                }
                Progress::Next(awaiting) => awaiting,
                Progress::Busy(awaiting) => self.pause(awaiting.deadline_ms(), awaiting).await?,
            };
        }
    }

    /// Waits before the frame of a state is sent again.
    async fn pause<W>(&self, deadline_ms: u64, awaiting: W) -> Result<W, Fault> {
        if self.clock.now_ms() >= deadline_ms {
            return Err("the server stays busy".into());
        }
        tokio::time::sleep(PAUSE).await;
        Ok(awaiting)
    }
}
