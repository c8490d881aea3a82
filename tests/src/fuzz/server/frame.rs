//! Frames of ops 01 to 07 and 0A from a script: right ones unless the script says otherwise.

use std::sync::OnceLock;

use sm_primitives::{PublicPoint, Scalar, SecretScalar};

use super::{
    super::{fixture, script::Script},
    World,
};
use crate::frames::{self, Facts};

/// How a frame is sent, in the bits of one byte: 0 is right in all of them.
#[derive(Clone, Copy)]
pub(super) struct How(u8);

impl How {
    pub(super) const fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// From the key's device.
    pub(super) const fn own(self) -> bool {
        self.0 & 0x80 == 0
    }

    /// For a key of this suite, or naming the other one.
    pub(super) const fn suite(self, suite: u8) -> u8 {
        if self.0 & 0x40 == 0 { suite } else { 3 - suite }
    }

    fn facts(self, facts: Facts) -> Facts {
        let mut facts = Facts { suite: self.suite(facts.suite), ..facts };
        facts.epoch += u32::from(self.0 >> 5 & 1);
        facts.auth[31] ^= self.0 & 1;
        facts
    }

    const fn ts_ms(self, now_ms: u64) -> u64 {
        match self.0 >> 3 & 3 {
            0 => now_ms,
            1 => now_ms - 120_000,
            2 => now_ms + 120_000,
            _ => now_ms - 120_001,
        }
    }
}

/// What every frame begins with in a script: how it is sent, and the last byte of its session.
pub(super) fn start(world: &World, name: u8, script: &mut Script<'_>) -> Option<(How, Facts, [u8; 16], u64)> {
    let how = How(script.byte()?);
    Some((how, how.facts(world.facts(name)), session(script.byte()?), how.ts_ms(world.now_ms)))
}

/// A session by its last byte.
pub(super) const fn session(last: u8) -> [u8; 16] {
    let mut sid = [0x5d; 16];
    sid[15] = last;
    sid
}

/// The number of items: one to four, or what no frame may have.
fn count(byte: u8) -> u16 {
    match byte {
        0xfe => 257,
        0xff => 0,
        _ => u16::from(byte & 3) + 1,
    }
}

/// A point: a small multiple of G, its opposite, or none of the curve.
pub(super) fn point(byte: u8) -> [u8; 64] {
    static POINTS: OnceLock<Vec<PublicPoint>> = OnceLock::new();
    let points = POINTS.get_or_init(|| {
        let scalars = (1..=16).filter_map(|k| SecretScalar::from_public(Scalar::from_u128(k)));
        scalars.map(|k| PublicPoint::mul_base(&k)).collect()
    });
    let point = points[usize::from(byte & 0x0f)];
    let mut bytes = if byte & 0x10 == 0 { point } else { point.neg() }.to_bytes();
    match byte >> 6 {
        2 => bytes[63] ^= 1,
        3 => bytes[..32].fill(0xff),
        _ => {}
    }
    bytes
}

/// A digest: one of the key's certification request, one that is not reduced, or bytes that are all the same.
fn digest(name: u8, byte: u8) -> [u8; 32] {
    match byte {
        0xfe => *fixture().key(name).request_digest.as_bytes(),
        byte => [byte; 32],
    }
}

/// Items of a digest and `points` points each.
fn items(name: u8, count: u16, points: usize, script: &mut Script<'_>) -> Option<Vec<u8>> {
    let mut items = Vec::new();
    for _ in 0..count.min(4) {
        items.extend(digest(name, script.byte()?));
        for _ in 0..points {
            items.extend(point(script.byte()?));
        }
    }
    Some(items)
}

pub(super) fn sign(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let count = count(script.byte()?);
    let items = items(name, count, 2, script)?;
    world.send(frames::counted(&facts, 1, sid, ts_ms, count, &items), how.own());
    Some(())
}

pub(super) fn decrypt(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let count = count(script.byte()?);
    let mut items = Vec::new();
    for _ in 0..count.min(4) {
        items.extend(point(script.byte()?));
    }
    world.send(frames::counted(&facts, 2, sid, ts_ms, count, &items), how.own());
    Some(())
}

pub(super) fn refresh(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let (r_a, auth) = (script.byte()?, script.byte()?);
    world.send(frames::request(&facts, 3, sid, ts_ms, &[[r_a; 32], [auth; 32]].concat()), how.own());
    Some(())
}

/// Confirms the refresh that waits, or the active share again, with a proof and a MAC that are right or not.
pub(super) fn confirm(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, mut facts, sid, ts_ms) = start(world, name, script)?;
    let what = script.byte()?;
    let (rid, auth, mut proof) = world.proof(name, what & 1 == 0);
    facts.epoch += u32::from(what & 1 == 0 && world.record(name).is_some_and(|key| key.pending.is_some()));
    let last = proof.len() - 1;
    proof[last] ^= what >> 1 & 1;
    let mut item = frames::confirmation(&auth, &[&rid[..], &proof].concat());
    item[143] ^= what >> 2 & 1;
    world.send(frames::request(&facts, 5, sid, ts_ms, &item), how.own());
    Some(())
}

/// Evaluates one PIN or two for a request in the session that the script names; with the second bit of [`How`] in that
/// session itself.
pub(super) fn evaluate(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, reserved, ts_ms) = start(world, name, script)?;
    let sid = match how.0 >> 1 & 1 {
        0 => frames::evaluation_session(&facts.key_id, &reserved),
        _ => reserved,
    };
    let count = match script.byte()? {
        0xfe => 3,
        0xff => 0,
        byte => u16::from(byte & 1) + 1,
    };
    let mut items = Vec::new();
    for _ in 0..count {
        items.extend(point(script.byte()?));
    }
    let mut frame = frames::counted(&facts, 0x0a, sid, ts_ms, count, &items);
    // No tag goes with it.
    frame[48] = how.0 & 1;
    world.send(frame, how.own());
    Some(())
}

impl World {
    /// Id, MAC key and proof of the refresh that waits, or else of the active share.
    fn proof(&self, name: u8, pending: bool) -> ([u8; 16], [u8; 32], [u8; 96]) {
        let facts = self.facts(name);
        let product = self.products[&fixture().key_id(name)];
        let Some(record) = self.record(name) else { return ([1; 16], facts.auth, [1; 96]) };
        let (epoch, rid, bytes) = match record.pending.as_ref().filter(|_| pending) {
            Some(pending) => {
                let bytes = pending.expose_bytes();
                (record.epoch + 1, bytes[4..20].try_into().unwrap(), bytes[148..].to_vec())
            }
            None => (record.epoch, *record.rid.as_bytes(), record.share.expose_bytes().to_vec()),
        };
        let auth = bytes[64..96].try_into().unwrap();
        // dA = (dA*dB) * dB^-1, and what is proven is dA to the base B = P + G.
        let client = product * Scalar::reduce(bytes[32..64].try_into().unwrap());
        let base = record.public_key.as_point().add(&PublicPoint::generator()).unwrap();
        let v = Scalar::from_u128(77);
        let (point, commitment) = (base.mul_vartime(&client).unwrap(), base.mul_vartime(&v).unwrap());
        let parts =
            [b"R", &facts.key_id[..], &epoch.to_be_bytes(), &rid, &point.to_bytes(), &commitment.to_bytes()];
        let z = v + Scalar::reduce(&frames::challenge(&parts)) * client;
        (rid, auth, [&commitment.to_bytes()[..], &z.to_bytes()].concat().try_into().unwrap())
    }
}

/// Commits to items, which a later step opens.
pub(super) fn commit(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let count = count(script.byte()?);
    let mut opening = items(name, count, 1, script)?;
    opening.extend([0x5a; 32]);
    let commitment = frames::commitment(&facts, sid, count, &opening);
    world.openings.insert((fixture().key_id(name), sid), (ts_ms, opening));
    world.send(frames::counted(&facts, 6, sid, ts_ms, count, &commitment), how.own());
    Some(())
}

/// Opens what a session committed to, or something else.
pub(super) fn reveal(world: &mut World, name: u8, script: &mut Script<'_>) -> Option<()> {
    let (how, facts, sid, ts_ms) = start(world, name, script)?;
    let change = script.byte()?;
    let known = world.openings.get(&(fixture().key_id(name), sid)).cloned();
    let (committed_ms, mut opening) =
        known.unwrap_or_else(|| (ts_ms, [digest(name, 1).to_vec(), point(1).to_vec(), vec![0; 32]].concat()));
    // The time is that of the commitment unless the script takes another.
    let ts_ms = if ts_ms == world.now_ms { committed_ms } else { ts_ms };
    if let Some(byte) = opening.get_mut(usize::from(change)).filter(|_| change != 0) {
        *byte ^= 1;
    }
    let count = u16::try_from((opening.len() - 32) / 96).unwrap_or(u16::MAX);
    world.send(frames::counted(&facts, 7, sid, ts_ms, count, &opening), how.own());
    Some(())
}
