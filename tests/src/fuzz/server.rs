//! What devices may send to the server: a script of frames, mostly right ones, against the server's role.
//!
//! A step is one byte: the name of a key in its first three bits, what happens in the others. Frames of operations have
//! the number of the operation; [`STEPS`] is the place to add one. `check` says what must hold after each frame.
//!
//! The first three bits name eight keys; a step of its own changes over to the eight ids of what arrives, and back, another
//! one to the sixteen names in oblivious mode.

use std::collections::BTreeMap;

use cosign_core::{
    KeyId, Suite,
    server::{KeyRecord, ReplayCache, Status},
};
use sm_primitives::Scalar;

use super::{
    AT, fixture,
    fixture::{ARRIVALS, NAMES, OBLIVIOUS, OTHER, device_of, facts},
    script::Script,
};
use crate::{
    frames::{self, Facts},
    model::{DEVICE, Server},
    random::Seeded,
};

mod arrive;
mod check;
mod frame;
mod life;

/// Most steps of a script that are taken.
const MAX_STEPS: usize = 48;

/// What a step does with the world; `None` when the script ends within it.
type Step = fn(&mut World, u8, &mut Script<'_>) -> Option<()>;

/// Steps by their number. Those up to 16 are the ops of frames.
const STEPS: [(u8, Step); 22] = [
    (0x01, frame::sign),
    (0x02, frame::decrypt),
    (0x03, frame::refresh),
    (0x05, frame::confirm),
    (0x06, frame::commit),
    (0x07, frame::reveal),
    (0x08, arrive::split),
    (0x0a, frame::evaluate),
    (0x10, life::start),
    (0x11, life::open),
    (0x12, life::activate),
    (0x13, arrive::import),
    (0x14, life::start_oblivious),
    (0x17, World::change_mode),
    (0x18, World::again),
    (0x19, World::changed),
    (0x1a, World::wait),
    (0x1b, World::administer),
    (0x1c, World::restart),
    (0x1d, World::raw),
    (0x1e, World::change_over),
    (0x1f, World::allow),
];

/// The server, and what is known of it from outside.
struct World {
    server: Server,
    now_ms: u64,
    rng: Seeded,
    /// Which eight keys the names mean: 0, or [`ARRIVALS`], and with [`OBLIVIOUS`] those in that mode.
    names: u8,
    /// Every frame that was sent, in order.
    sent: Vec<Vec<u8>>,
    /// `dA*dB` of each key.
    products: BTreeMap<KeyId, Scalar>,
    known: check::Known,
    /// Openings of commitments of suite F2, by key and session.
    openings: BTreeMap<(KeyId, [u8; 16]), (u64, Vec<u8>)>,
    /// Op and status of every answer.
    answers: Vec<(u8, u8)>,
}

/// Plays a script; whether the server accepted anything.
pub(super) fn script(data: &[u8]) -> bool {
    answers(data).iter().any(|(_, status)| *status == 0)
}

/// Plays a script: the op of every frame and the status of its answer.
#[must_use]
pub fn answers(data: &[u8]) -> Vec<(u8, u8)> {
    let mut world = World::new();
    let mut script = Script::new(data);
    for _ in 0..MAX_STEPS {
        if world.step(&mut script).is_none() {
            break;
        }
    }
    world.answers
}

impl World {
    fn new() -> Self {
        let fixture = fixture();
        Self {
            server: fixture.server(),
            now_ms: AT,
            rng: Seeded::new(1),
            names: 0,
            sent: Vec::new(),
            products: fixture.products().clone(),
            known: check::Known::default(),
            openings: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    fn step(&mut self, script: &mut Script<'_>) -> Option<()> {
        let code = script.byte()?;
        match STEPS.iter().find(|(number, _)| *number == code & 0x1f) {
            Some((_, step)) => step(self, code >> 5 | self.names, script),
            None => Some(()),
        }
    }

    fn record(&self, name: u8) -> Option<&KeyRecord> {
        self.server.keys.get(&fixture().key_id(name))
    }

    /// What goes into requests of a key; those of a key that does not exist name it and are otherwise another's.
    fn facts(&self, name: u8) -> Facts {
        let key_id = *fixture().key_id(name).as_bytes();
        let d = fixture().key(name).client.suite() == Suite::D;
        let other = fixture().key_id(if d { super::SIGN_D } else { super::SIGN_F2 });
        let record = self.record(name).or_else(|| self.server.keys.get(&other));
        record.map_or_else(
            || unreachable!("no script removes a key"),
            |record| Facts { key_id, ..facts(record) },
        )
    }

    /// Sends a frame from the device of its key, or from another one.
    fn send(&mut self, frame: Vec<u8>, own: bool) {
        let key_id = frame.get(4..20);
        let name = (0..NAMES).find(|name| key_id == Some(fixture().key_id(*name).as_bytes()));
        let owner = device_of(name.unwrap_or_default());
        let device = if own == (owner == DEVICE) { DEVICE } else { OTHER };
        let before = check::Before::of(&self.server, &frame, own, self.now_ms);
        let answer = self.server.handle(&frame, &device, self.now_ms, &mut self.rng);
        let status = self.known.check(&before, &self.server, &frame, &answer);
        self.answers.push((frame.get(2).copied().unwrap_or(0), status));
        self.sent.push(frame);
    }

    /// A frame that was sent before, the newest first.
    fn earlier(&self, back: u8) -> Option<Vec<u8>> {
        self.sent.iter().rev().nth(back.into()).cloned()
    }

    /// An identical frame; the name says from which device.
    fn again(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        if let Some(frame) = self.earlier(script.byte()?) {
            self.send(frame, name % 8 != 7);
        }
        Some(())
    }

    /// An earlier frame with one byte changed, or without its end.
    fn changed(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let earlier = self.earlier(script.byte()?);
        let offset = u16::from_be_bytes([script.byte()?, script.byte()?]);
        let change = script.byte()?;
        let Some(mut frame) = earlier.filter(|frame| !frame.is_empty()) else { return Some(()) };
        let offset = usize::from(offset) % frame.len();
        match change {
            0 => frame.truncate(offset),
            change => frame[offset] ^= change,
        }
        self.send(frame, name % 8 != 7);
        Some(())
    }

    /// Time passes: by what the limits of the protocol are made of.
    fn wait(&mut self, _: u8, script: &mut Script<'_>) -> Option<()> {
        const STEPS_MS: [u64; 8] = [1, 999, 30_000, 60_000, 120_000, 240_000, 3_600_000, 86_400_000];
        self.now_ms += STEPS_MS[usize::from(script.byte()? % 8)];
        Some(())
    }

    /// What operators and registration authorities do to a key.
    fn administer(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let act = script.byte()?;
        let Some(record) = self.server.keys.get_mut(&fixture().key_id(name)) else { return Some(()) };
        match (act % 4, record.status) {
            (0, Status::Active) => record.status = Status::Suspended,
            (1, Status::Suspended) => record.status = Status::Active,
            (2, _) => record.status = Status::Revoked,
            (3, _) => {
                record.gate.unlock();
                self.known.unlocked(record.key_id);
            }
            _ => {}
        }
        Some(())
    }

    /// A new process: what is in memory is gone, spent sessions come back.
    fn restart(&mut self, _: u8, _: &mut Script<'_>) -> Option<()> {
        self.server.cache = ReplayCache::new(1000, 1 << 24, 1 << 14);
        self.server.keygens.clear();
        for audit in self.server.audit.iter().filter(|audit| audit.code.is_none()) {
            if matches!(audit.op.byte(), 1 | 2 | 3 | 6 | 8 | 0x0a) {
                self.server.cache.restore(audit.key_id, audit.sid, audit.fingerprint, audit.until_ms);
            }
        }
        self.known.restart();
        Some(())
    }

    /// From here on the names mean the other eight keys.
    fn change_over(&mut self, _: u8, _: &mut Script<'_>) -> Option<()> {
        self.names ^= ARRIVALS;
        Some(())
    }

    /// From here on the names mean keys of the other mode.
    fn change_mode(&mut self, _: u8, _: &mut Script<'_>) -> Option<()> {
        self.names ^= OBLIVIOUS;
        Some(())
    }

    /// How many shares owners may give away: the name.
    fn allow(&mut self, name: u8, _: &mut Script<'_>) -> Option<()> {
        self.server.free_seats = u32::from(name % 8);
        Some(())
    }

    /// Whatever bytes.
    fn raw(&mut self, name: u8, script: &mut Script<'_>) -> Option<()> {
        let frame = script.bytes()?.to_vec();
        self.send(frame, name % 8 != 7);
        Some(())
    }
}

/// A certification request for a pending key that has signed one.
pub(super) fn certification_request(data: &[u8]) -> bool {
    let fixture = fixture();
    let key_id = fixture.key_id(super::PENDING_D);
    let mut server = fixture.server();
    if let Some(record) = server.keys.get_mut(&key_id) {
        record.pending_sign = Some(fixture.d[0].request_digest);
    }
    let frame = frames::activation(1, *key_id.as_bytes(), [0xa3; 16], data);
    let answer = frames::answer(&server.handle(&frame, &DEVICE, AT, &mut Seeded::new(1)));
    assert_ne!(answer.status, check::E_INTERNAL, "no request may make the server fail");
    let activated = answer.status == 0;
    assert_eq!(activated, server.keys[&key_id].status == Status::Active);
    activated
}
