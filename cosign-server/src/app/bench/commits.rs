//! Durable commits, by the writer itself, in a database that is thrown away.

use std::{path::Path, sync::Arc};

use cosign_core::{DeviceId, KeyId, Op, PinMode, Purpose, RefreshId, SessionId, Suite};
use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{BenchError, GROUP, per_s};
use crate::{
    domain::{
        audit::{Act, Event, SignatureItem},
        device::{Device, Name},
        key::{Gate, IssuedKey, Origin, Seats, Status, StoredKey, WrappedKey},
        ports::{Clock, Spend, Store as _, Unit, Write},
    },
    store::{Access, Database, Source},
    telemetry::Telemetry,
};

const DEVICE: DeviceId = DeviceId::from_bytes([1; 32]);
const KEY: KeyId = KeyId::from_bytes([1; 16]);
const MASTER: [u8; 4] = [0; 4];
/// A record that is sealed under wrapping key 1, as far as the database looks.
const SEALED: [u8; 6] = [2, 0, 0, 0, 1, 0];
/// How long a session is remembered.
const REMEMBERED_MS: u64 = 240_000;

/// How many units of signatures are durable, a second, when as many wait as one transaction takes.
pub(super) async fn measure(folder: &Path, each_ns: u64, clock: &dyn Clock) -> Result<u64, BenchError> {
    let (source, tombstones) = (Source::File(folder.join("bench.db")), folder.join("tombstones"));
    let store = Database::open(&source, &tombstones, Access::Create, Arc::new(Telemetry::new())).await?;
    let rate = fill(&store, each_ns, clock).await;
    store.close().await;
    rate
}

async fn fill(store: &Database, each_ns: u64, clock: &dyn Clock) -> Result<u64, BenchError> {
    let now_ms = clock.now_ms();
    store.bind_master_key(&MASTER).await?;
    store.commit(key(now_ms)?).await?;
    let begun_ns = clock.monotonic_ns();
    let mut under_way = FuturesUnordered::new();
    let mut begun = 0;
    let mut done = 0;
    loop {
        let elapsed_ns = clock.monotonic_ns().saturating_sub(begun_ns);
        while under_way.len() < GROUP && elapsed_ns < each_ns {
            begun += 1;
            under_way.push(store.commit(signature(begun, now_ms)));
        }
        match under_way.next().await {
            Some(outcome) => outcome?,
            None => return Ok(per_s(done, elapsed_ns)),
        }
        done += 1;
    }
}

/// A key, as somebody's.
fn key(now_ms: u64) -> Result<Unit, BenchError> {
    let label = Name::try_from("bench".to_owned())?;
    let (suite, purpose, mode) = (Suite::D, Purpose::Sign, PinMode::Base);
    let wrapping = WrappedKey { version: 1, wrapped: SEALED.to_vec(), created_ms: now_ms };
    let issued = IssuedKey {
        key_id: KEY,
        device: DEVICE,
        suite,
        purpose,
        mode,
        origin: Origin::Generated,
        label: label.clone(),
        issued_ms: now_ms,
        expires_ms: now_ms,
        used_ms: None,
    };
    let stored = StoredKey {
        key_id: KEY,
        device: DEVICE,
        label: label.clone(),
        suite,
        purpose,
        mode,
        status: Status::Active,
        epoch: 1,
        rid: RefreshId::KEYGEN,
        public_key: [0; 64],
        created_ms: now_ms,
        gate: Gate::default(),
        decrypts: 0,
        pending_sign: None,
        share: SEALED.to_vec(),
        pending: None,
        parent: None,
        seat: false,
        seats: Seats::default(),
        logged_epoch: 0,
        version: 1,
    };
    Ok([
        Write::AddWrappingKey { master: MASTER, key: wrapping },
        Write::AddDevice(Device { id: DEVICE, name: label, enrolled_ms: now_ms }),
        Write::IssueKey(issued),
        Write::AddKey(Box::new(stored)),
    ]
    .into())
}

/// What is committed for a request for one signature.
fn signature(number: u64, now_ms: u64) -> Unit {
    let (mut sid, mut digest) = ([0; 16], [0; 32]);
    sid[..8].copy_from_slice(&number.to_be_bytes());
    digest[..8].copy_from_slice(&number.to_be_bytes());
    let sid = SessionId::from_bytes(sid);
    let until_ms = now_ms.saturating_add(REMEMBERED_MS);
    let event = Event {
        epoch: 1,
        sid: Some(sid),
        h_req: Some(digest),
        count: 1,
        items: vec![SignatureItem { digest, r: digest }],
        ..Event::administration(now_ms, Act::operation(Op::Sign), "").about(KEY, Some(DEVICE))
    };
    let spend =
        Spend { key_id: KEY, version: 1, sid, fp: digest, until_ms, new: false, decrypts: 0, quota: 0 };
    [Write::Spend(spend), Write::Log(event)].into()
}
