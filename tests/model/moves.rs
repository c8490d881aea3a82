//! A key that moves from device to device and is shared meanwhile, with every message sent late, twice or never, and
//! shares frozen in between: there is always one owner, whoever holds an active share is served, and nobody else.

use cosign_core::{
    ClientKey, Code, DeviceId, DeviceKey, KeyId, MIN_ITERATIONS, Pin, PinMode, Progress, Purpose, Suite,
    refresh::{self, Confirmation},
    server::{Issued, Origin, Status},
    sign,
    split::{self, Kind, Receiver},
};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair, Server, done},
    random::Seeded,
};

/// An R3 that was made, and the key behind it.
struct Sent {
    frame: Vec<u8>,
    key: ClientKey,
}

/// A device with a key id of its own.
struct Holder {
    key_id: KeyId,
    device: DeviceId,
    device_key: DeviceKey,
    /// What travelled, until it has arrived; then the share of the last confirmed refresh.
    key: ClientKey,
    sent: Vec<Sent>,
    seat: bool,
    /// Whose share it was split from.
    parent: Option<usize>,
    kind: Kind,
    status: Status,
}

struct World {
    server: Server,
    rng: Seeded,
    pin: Pin,
    holders: Vec<Holder>,
    signed: u64,
    arrived: usize,
}

impl World {
    fn new(suite: Suite, seed: u64) -> Self {
        let Pair { mut server, key, device_key, rng, .. } = Pair::active(suite, Purpose::Sign, seed);
        server.free_seats = 2;
        let owner = Holder {
            key_id: key.key_id(),
            device: DEVICE,
            device_key,
            key,
            sent: Vec::new(),
            seat: false,
            parent: None,
            kind: Kind::Move,
            status: Status::Active,
        };
        Self { server, rng, pin: Pin::new(PIN).unwrap(), holders: vec![owner], signed: 0, arrived: 0 }
    }

    /// Some holder whose share has this status.
    fn some(&mut self, status: Status) -> Option<usize> {
        let found: Vec<_> =
            (0..self.holders.len()).filter(|&index| self.holders[index].status == status).collect();
        (!found.is_empty()).then(|| found[self.rng.below(found.len())])
    }

    /// Splits the share of a holder for a new device.
    fn split(&mut self, from: usize, kind: Kind) {
        let number = u8::try_from(self.holders.len()).unwrap();
        let (key_id, device) = (KeyId::from_bytes([0x40 + number; 16]), DeviceId::from_bytes([number; 32]));
        let Holder { key, device: owner, seat, .. } = &self.holders[from];
        let issued = Issued {
            device,
            suite: key.suite(),
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            origin: Origin::Split(key.key_id()),
        };
        self.server.issued.insert(key_id, issued);
        let receiver = Receiver::new(key.key_id(), key_id, device, &mut self.rng).unwrap();
        let waiting = split::start(key, receiver.invitation(), kind, NOW, &mut self.rng).unwrap();
        let answer = self.server.handle(waiting.frame(), owner, NOW, &mut self.rng);
        let repeated = self.server.handle(waiting.frame(), owner, NOW, &mut self.rng);
        assert_eq!(answer, repeated, "the identical frame has one answer");
        let outcome = waiting.finish(&answer, &mut self.rng);
        if kind == Kind::Share && *seat {
            assert_eq!(outcome.unwrap_err().code(), Some(Code::Quota));
            self.server.issued.remove(&key_id);
            return;
        }
        let travelled = receiver.open(&done(outcome.unwrap()).sealed).unwrap();
        let seat = *seat || kind == Kind::Share;
        let device_key = DeviceKey::random(&mut self.rng).unwrap();
        self.holders.push(Holder {
            key_id,
            device,
            device_key,
            key: travelled,
            sent: Vec::new(),
            seat,
            parent: Some(from),
            kind,
            status: Status::Arriving,
        });
    }

    /// R1, R2, and R3 made but not sent.
    fn refresh(&mut self, index: usize) {
        let Self { server, rng, pin, holders, .. } = self;
        let stopped = holders[index].status == Status::Arriving
            && holders[index].parent.is_some_and(|parent| holders[parent].status != Status::Active);
        let Holder { device, device_key, key, sent, .. } = &mut holders[index];
        let (r1, waiting) = refresh::start(key, pin, device_key, MIN_ITERATIONS, NOW, rng).unwrap();
        let r2 = server.handle(&r1, device, NOW, rng);
        if stopped {
            assert_eq!(waiting.finish(&r2, device_key).unwrap_err().code(), Some(Code::Key));
            return;
        }
        let share = done(waiting.finish(&r2, device_key).unwrap());
        let stored = share.record.to_bytes();
        let (frame, waiting) = share.confirm(&stored[..], pin, device_key, NOW, rng).unwrap();
        drop(waiting);
        sent.push(Sent { frame, key: share.record.unlock(pin, device_key).unwrap() });
    }

    /// Sends one of the R3s of a holder, the newest or an old one, or one that was sent before.
    fn confirm(&mut self, index: usize) {
        let count = self.holders[index].sent.len();
        if count == 0 {
            return;
        }
        let which = self.rng.below(count);
        let Self { server, rng, holders, .. } = self;
        let frame = holders[index].sent[which].frame.clone();
        let before = server.keys[&holders[index].key_id].rid;
        let answer = server.handle(&frame, &holders[index].device, NOW, rng);
        let record = &server.keys[&holders[index].key_id];
        if record.rid == before {
            return;
        }
        assert_eq!((answer[2], answer.last()), (0, Some(&0)), "an ACK");
        let parent = holders[index].parent;
        let arrives = holders[index].status == Status::Arriving;
        let holder = &mut holders[index];
        holder.key = holder.sent.swap_remove(which).key;
        holder.status = Status::Active;
        if let Some(parent) = parent.filter(|_| arrives) {
            self.arrived += 1;
            assert_eq!(holders[parent].status, Status::Active, "it arrived from an active share");
            if holders[index].kind == Kind::Move {
                holders[parent].status = Status::Revoked;
            }
        }
    }

    /// The operator stops a share or lets it go on.
    fn set(&mut self, index: usize, status: Status) {
        let holder = &mut self.holders[index];
        self.server.keys.get_mut(&holder.key_id).unwrap().status = status;
        holder.status = status;
    }

    fn signs(&mut self, index: usize) -> bool {
        self.signed += 1;
        let Self { server, rng, holders, signed, .. } = self;
        let Holder { key, device, .. } = &holders[index];
        let digest = cosign_core::Digest::reduce(&[7; 32]);
        let (_, mut waiting) = sign::start(key, &[digest], NOW, *signed, rng).unwrap();
        loop {
            let answer = server.handle(waiting.frame(), device, NOW, rng);
            waiting = match waiting.finish(&answer) {
                Ok(Progress::Next(next)) => next,
                Ok(progress) => return done(progress).signatures.len() == 1,
                Err(error) => {
                    assert_eq!(error.code(), Some(Code::Key));
                    return false;
                }
            };
        }
    }

    fn check(&mut self) {
        let owners = self
            .holders
            .iter()
            .filter(|holder| !holder.seat && matches!(holder.status, Status::Active | Status::Suspended));
        assert_eq!(owners.count(), 1);
        for index in 0..self.holders.len() {
            let Holder { key_id, status, .. } = self.holders[index];
            assert_eq!(self.server.keys[&key_id].status, status);
            assert_eq!(self.signs(index), status == Status::Active, "holder {index}, {status:?}");
        }
    }
}

fn walk(suite: Suite, seed: u64, steps: usize) -> usize {
    let mut world = World::new(suite, seed);
    for _ in 0..steps {
        match world.rng.below(12) {
            0..2 if world.holders.len() < 9 => {
                if let Some(from) = world.some(Status::Active) {
                    let kind = if world.rng.below(3) == 0 { Kind::Share } else { Kind::Move };
                    world.split(from, kind);
                }
            }
            2..5 => {
                if let Some(index) = world.some(Status::Arriving) {
                    world.refresh(index);
                }
            }
            5 => {
                if let Some(index) = world.some(Status::Active) {
                    world.refresh(index);
                }
            }
            6..10 => {
                let index = world.rng.below(world.holders.len());
                world.confirm(index);
            }
            10 => {
                if let Some(index) = world.some(Status::Active) {
                    world.set(index, Status::Suspended);
                }
            }
            _ => {
                if let Some(index) = world.some(Status::Suspended) {
                    world.set(index, Status::Active);
                }
            }
        }
        world.check();
    }
    world.arrived
}

#[test]
fn there_is_always_one_owner_and_nobody_else_is_served() {
    let walks = (1..=6).map(|seed| walk(if seed % 3 == 0 { Suite::F2 } else { Suite::D }, seed, 60));
    let arrived: usize = walks.sum();
    assert!(arrived >= 6, "the walks go somewhere: {arrived} arrivals");
}

/// The answer of an activation that was lost: the same R3 again finds the share active.
#[test]
fn a_lost_acknowledgement_is_asked_for_again() {
    let mut world = World::new(Suite::D, 99);
    world.split(0, Kind::Move);
    let Holder { device, device_key, key, .. } = &world.holders[1];
    let (r1, waiting) =
        refresh::start(key, &world.pin, device_key, MIN_ITERATIONS, NOW, &mut world.rng).unwrap();
    let r2 = world.server.handle(&r1, device, NOW, &mut world.rng);
    let share = done(waiting.finish(&r2, device_key).unwrap());
    for _ in 0..2 {
        let (r3, waiting) =
            refresh::confirm(&share.record, &world.pin, device_key, NOW, &mut world.rng).unwrap();
        let r4 = world.server.handle(&r3, device, NOW, &mut world.rng);
        assert_eq!(done(waiting.finish(&r4).unwrap()), Confirmation::Active { failures: 0 });
    }
    assert_eq!(world.server.keys[&world.holders[0].key_id].status, Status::Revoked);
}
