//! Enrolment of devices.

use std::{net::IpAddr, sync::Arc};

use cosign_core::DeviceId;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Error,
    audit::{Act, Event},
    device::{Caller, Device, Name},
    enrolment::CodeHash,
    once::{self, Once},
    ports::{Clock, Store, StoreError, Unit, Write},
    throttle::Throttle,
};

/// Wrong codes per source address and window.
const MAX_WRONG_CODES: u32 = 10;
const WINDOW_MS: u64 = 10 * 60 * 1000;
const SOURCES: usize = 65_536;

/// Devices: who may talk to this server.
pub struct Devices {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wrong_codes: Throttle<IpAddr>,
}

#[derive(Serialize, Deserialize)]
struct Enrolled {
    name: Name,
    enrolled_ms: u64,
}

impl Devices {
    /// The service over its ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, wrong_codes: Throttle::new(MAX_WRONG_CODES, WINDOW_MS, SOURCES) }
    }

    /// Enrols the calling device with a code; a device that is enrolled already is given back as it is.
    ///
    /// # Errors
    /// [`Error::NoClientCertificate`], [`Error::EnrolmentCodeInvalid`], [`Error::TooManyRequests`] after wrong codes,
    /// [`Error::IdempotencyMismatch`], storage faults.
    pub async fn enrol(
        &self,
        caller: Caller,
        code: &str,
        name: Name,
        once: Option<&Once>,
    ) -> Result<Device, Error> {
        let id = caller.device.ok_or(Error::NoClientCertificate)?;
        let now_ms = self.clock.now_ms();
        if let Some(Enrolled { name, enrolled_ms }) = once::recall(&*self.store, &id, once, now_ms).await? {
            return Ok(Device { id, name, enrolled_ms });
        }
        if let Some(device) = self.store.device(&id).await? {
            return Ok(device);
        }
        let source = network(caller.source);
        if let Some(retry_after_s) = self.wrong_codes.wait_s(&source, now_ms) {
            return Err(Error::TooManyRequests { retry_after_s });
        }
        let outcome = self.try_enrol(id, code, name, once, now_ms).await;
        if outcome == Err(Error::EnrolmentCodeInvalid) {
            self.wrong_codes.failed(&source, now_ms);
        }
        outcome
    }

    async fn try_enrol(
        &self,
        id: DeviceId,
        code: &str,
        name: Name,
        once: Option<&Once>,
        now_ms: u64,
    ) -> Result<Device, Error> {
        let code = CodeHash::of(code)?;
        let device = Device { id, name, enrolled_ms: now_ms };
        let mut unit = Unit(vec![
            Write::SpendCode { code, now_ms },
            Write::AddDevice(device.clone()),
            Write::Log(Event { device: Some(id), ..Event::administration(now_ms, Act::ENROL, "") }),
        ]);
        if let Some(once) = once {
            let enrolled = Enrolled { name: device.name.clone(), enrolled_ms: now_ms };
            unit.0.push(Write::Remember(once::remember(&id, once, &enrolled, now_ms)?));
        }
        match self.store.commit(unit).await {
            Ok(()) => Ok(device),
            Err(StoreError::Stale) => Err(Error::EnrolmentCodeInvalid),
            Err(StoreError::Duplicate) => {
                // The same device enrolled at the same moment: that is the device. Or the name is another request's.
                once::recall::<Enrolled>(&*self.store, &id, once, now_ms).await?;
                self.store.device(&id).await?.ok_or(Error::Internal)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The calling device, if it is enrolled.
    ///
    /// # Errors
    /// [`Error::NoClientCertificate`], [`Error::NotEnrolled`], storage faults.
    pub async fn enrolled(&self, caller: Caller) -> Result<Device, Error> {
        let id = caller.device.ok_or(Error::NoClientCertificate)?;
        self.store.device(&id).await?.ok_or(Error::NotEnrolled)
    }
}

/// One subscriber: an IPv4 address, or the /64 of an IPv6 address.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        },
    }
}
