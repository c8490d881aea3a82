//! Random schedules of one server or of two nodes, their clients, the network between them, the clock and the storage,
//! all drawn from a seed: each answer and everything durable is what a model of the specification says.
//!
//! A schedule has one thread: commits that wait while another node works are where operations interleave. So a seed is one
//! trace, and `COSIGN_SIMULATION_SEEDS=7..8` runs the one that failed.

mod client;
mod delivery;
mod model;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use cosign_core::{
    Digest, PinMode, Purpose, Suite,
    audit::SignedTreeHead,
    sm_primitives::{rand_core::TryRng as _, sm3::Sm3},
};

use self::{
    client::{Desk, Held},
    model::{Gate, Key, Memory},
};
use super::{durable::Obstinate, oblivious};
use crate::{
    domain::{
        key::{Change, Status},
        ports::Store,
    },
    signer::EntropyRng,
    testing::{Phone, World, records, row},
};

/// Seeds without `COSIGN_SIMULATION_SEEDS`.
const SEEDS: Range<u32> = 0..8;
const STEPS: usize = 120;

/// A node, with what the model says that it remembers of each key.
struct Node {
    world: Option<World>,
    store: Arc<Obstinate>,
    memory: Vec<Memory>,
}

impl Node {
    fn world(&self) -> &World {
        self.world.as_ref().unwrap()
    }
}

struct Simulation {
    nodes: Vec<Node>,
    desk: Desk,
    /// What is durable, by the model.
    keys: Vec<Key>,
    draws: EntropyRng,
    /// Letters that may be delivered, or delivered again.
    on_the_way: Vec<usize>,
    nonce_points: BTreeSet<Vec<u8>>,
    halves: BTreeSet<[u8; 32]>,
    heads: Vec<SignedTreeHead>,
    records: u64,
    trace: Vec<String>,
}

impl Simulation {
    async fn of_seed(seed: u32) -> Self {
        let mut stores = Vec::new();
        let mut wrap = |inner| -> Arc<dyn Store> {
            stores.push(Obstinate::around(inner));
            Arc::clone(stores.last().unwrap()) as _
        };
        let world = World::of_seed(seed, &mut wrap).await;
        let phone: &'static Phone = Box::leak(Box::new(Phone::enrolled(&world, 1).await));
        let mut held = Vec::new();
        // The seeds take turns, because each key costs a key generation.
        let kinds = [
            (Suite::D, Purpose::Sign, PinMode::Base),
            (Suite::F2, Purpose::Sign, PinMode::Base),
            (Suite::D, Purpose::Sign, PinMode::Oblivious),
            (Suite::D, Purpose::Encrypt, PinMode::Base),
        ];
        for turn in 0..2 {
            let (suite, purpose, mode) = kinds[(seed as usize + turn) % kinds.len()];
            let (record, _) = match mode {
                PinMode::Base => phone.key_of(&world, suite, purpose).await,
                PinMode::Oblivious => oblivious::key(&world, phone, suite, purpose).await,
            };
            held.push(Held::new(phone, record));
        }
        let mut worlds = vec![world];
        if seed % 4 < 3 {
            worlds.push(worlds[0].beside_with_store(&mut wrap).await);
        }
        let desk =
            Desk { phone, rng: worlds[0].rng(), now_ms: worlds[0].now_ms(), held, letters: Vec::new() };
        let records = records(&worlds[0]).await.len() as u64;
        let memory = vec![Memory::default(); desk.held.len()];
        let nodes = worlds.into_iter().zip(stores).map(|(world, store)| Node {
            world: Some(world),
            store,
            memory: memory.clone(),
        });
        Self {
            draws: desk.rng.clone(),
            keys: vec![Key { epoch: 1, ..Key::default() }; desk.held.len()],
            desk,
            nodes: nodes.collect(),
            on_the_way: Vec::new(),
            nonce_points: BTreeSet::new(),
            halves: BTreeSet::new(),
            heads: Vec::new(),
            records,
            trace: Vec::new(),
        }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let word = self.draws.try_next_u32().unwrap() as usize;
        word % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn now_ms(&self) -> u64 {
        self.nodes[0].world().now_ms()
    }

    async fn step(&mut self) {
        let clock = Arc::clone(&self.nodes[0].world().clock);
        clock.advance(1 + self.below(4000) as u64);
        self.desk.now_ms = self.now_ms();
        let key = self.below(self.keys.len());
        match self.below(100) {
            0..55 => {
                let letter = self.write(key);
                self.post(letter);
                if !self.one_in(5) {
                    self.deliver_somehow(letter).await;
                }
            }
            55..80 => {
                if let Some(index) = self.on_the_way.len().checked_sub(1) {
                    let back = self.below(index + 1).min(12);
                    let letter = self.on_the_way[index - back];
                    self.deliver_somehow(letter).await;
                }
            }
            80..85 => self.jump().await,
            85..89 => self.restart().await,
            89..93 => self.suspend(key).await,
            93..97 => self.release(key).await,
            _ => self.publish().await,
        }
        self.compare().await;
    }

    /// The owner does something with a key.
    fn write(&mut self, key: usize) -> usize {
        // Evaluating a PIN takes the client long.
        let slow = self.desk.held[key].mode == PinMode::Oblivious && !self.one_in(3);
        let key = if slow { 1 - key } else { key };
        let held = &self.desk.held[key];
        let refreshes = held.mode == PinMode::Base;
        let waits = held.waits_for_confirmation() || self.keys[key].gate.refresh_required;
        if refreshes && self.one_in(if waits { 2 } else { 8 }) {
            return self.desk.refresh(key);
        }
        let right = !self.one_in(5);
        let mut digests = Vec::new();
        for _ in 0..=self.below(3) {
            let mut bytes = [0; 32];
            self.draws.try_fill_bytes(&mut bytes).unwrap();
            digests.push(Digest::reduce(&bytes));
        }
        self.desk.operate(key, digests, right)
    }

    fn post(&mut self, letter: usize) {
        self.on_the_way.push(letter);
    }

    /// The clock is set, by seconds, minutes or days.
    async fn jump(&mut self) {
        let ms = [1000, 30_001, 61_000, 121_000, 3_600_000, 25 * 3_600_000][self.below(6)];
        let clock = Arc::clone(&self.nodes[0].world().clock);
        // What has expired by the old time does not come back.
        self.maintain().await;
        if self.one_in(3) {
            clock.go_back(ms);
        } else {
            clock.advance(ms);
        }
        self.maintain().await;
        self.trace.push(format!("clock {}", self.now_ms()));
    }

    async fn maintain(&mut self) {
        let now_ms = self.now_ms();
        for node in &mut self.nodes {
            node.world().signer.maintain().await;
            node.memory.iter_mut().for_each(|memory| memory.purge(now_ms));
        }
        for key in &mut self.keys {
            key.spent.retain(|_, (_, until_ms)| *until_ms >= now_ms);
        }
    }

    /// A node loses its memory and starts on the same files.
    async fn restart(&mut self) {
        let index = self.below(self.nodes.len());
        let now_ms = self.now_ms();
        let node = &mut self.nodes[index];
        let mut made = None;
        let wrap = |inner| -> Arc<dyn Store> {
            let store = Obstinate::around(inner);
            made = Some(Arc::clone(&store));
            store
        };
        let world = node.world.take().unwrap().restart_with_store(|_| (), wrap).await;
        (node.world, node.store) = (Some(world), made.unwrap());
        node.memory = self.keys.iter().map(|key| Memory::restored(key, now_ms)).collect();
        self.trace.push(format!("node {index} again"));
    }

    /// The owner freezes a key, at any node.
    async fn suspend(&mut self, key: usize) {
        let node = self.below(self.nodes.len());
        self.freeze_at(node, key).await;
    }

    async fn freeze_at(&mut self, node: usize, key: usize) {
        let world = self.nodes[node].world();
        let key_id = self.desk.held[key].record().key_id();
        world.keys.freeze(&self.desk.phone.device, &key_id, None).await.unwrap();
        if !std::mem::replace(&mut self.keys[key].suspended, true) {
            self.records += 1;
        }
        self.trace.push(format!("key {key} frozen at {node}"));
    }

    /// The operator lets a key be used again.
    async fn release(&mut self, key: usize) {
        let world = self.nodes[0].world();
        let key_id = self.desk.held[key].record().key_id();
        if self.keys[key].suspended {
            world.operator.change(&key_id, Change::Unfreeze).await.unwrap();
            self.keys[key].suspended = false;
            self.records += 1;
        }
        // A key in oblivious mode is not refreshed here, so it would not be used again after this.
        let locked = self.keys[key].gate.is_locked() && self.desk.held[key].mode == PinMode::Base;
        if locked {
            world.operator.unlock(&key_id).await.unwrap();
            self.keys[key].gate = Gate { refresh_required: true, ..Gate::default() };
            self.records += 1;
        }
        self.trace.push(format!("key {key} released, unlocked {locked}"));
    }

    async fn publish(&mut self) {
        let node = self.below(self.nodes.len());
        let world = self.nodes[node].world();
        world.heads.publish().await.unwrap();
        let head = world.database.tree_head(None).await.unwrap().unwrap();
        assert_eq!(head.head().size, self.records, "a head over every record");
        self.heads.push(head);
    }

    /// What is durable of the keys is what the model says.
    async fn compare(&self) {
        for (model, held) in self.keys.iter().zip(&self.desk.held) {
            let row = row(self.nodes[0].world(), &held.record().key_id()).await;
            let status = if model.suspended { Status::Suspended } else { Status::Active };
            assert_eq!((row.status, row.epoch, row.decrypts), (status, model.epoch, model.decrypts));
            assert_eq!(delivery::gate(&row), model.gate);
            assert_eq!(row.pending.is_some(), model.pending.is_some());
        }
    }

    /// At the end: sessions, the log as a whole, and every head that was seen.
    async fn finish(self) -> [u8; 32] {
        let world = self.nodes[0].world();
        let live = world.database.live_sessions(0).await.unwrap();
        for (key, held) in self.keys.iter().zip(&self.desk.held) {
            let of_letters: BTreeSet<_> = self.desk.letters.iter().map(|letter| letter.request.sid).collect();
            let of_key = live.iter().filter(|session| session.key_id == held.record().key_id());
            let stored: BTreeSet<_> = of_key
                .filter(|session| of_letters.contains(&session.sid))
                .map(|session| (session.sid, session.until_ms))
                .collect();
            let said = key.spent.iter().map(|(sid, (_, until_ms))| (*sid, *until_ms));
            assert_eq!(stored, said.collect::<BTreeSet<_>>(), "sessions that are used up");
        }
        world.operator.verify_audit(None).await.unwrap().unwrap();
        let kept = world.database.tree_heads(0, 1000).await.unwrap();
        assert!(self.heads.iter().all(|head| kept.contains(head)), "a head was taken back");
        let trace = self.trace.iter().fold(Sm3::new(), |hash, line| hash.chain(line.as_bytes()).chain(b"\n"));
        trace.finalize()
    }
}

/// Runs one seed; a hash of everything that happened.
fn run(seed: u32) -> [u8; 32] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::of_seed(seed).await;
        for _ in 0..STEPS {
            simulation.step().await;
        }
        simulation.finish().await
    })
}

fn seeds() -> Range<u32> {
    let Ok(given) = std::env::var("COSIGN_SIMULATION_SEEDS") else { return SEEDS };
    let (from, to) = given.split_once("..").expect("COSIGN_SIMULATION_SEEDS=FROM..TO");
    from.parse().unwrap()..to.parse().unwrap()
}

/// Says which seed it was, if it panics.
struct Failing(u32);

impl Drop for Failing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed) = *self;
            eprintln!(
                "seed {seed} fails; again: COSIGN_SIMULATION_SEEDS={seed}..{} cargo test -p cosign-server --lib simulation",
                seed + 1
            );
        }
    }
}

#[test]
fn every_schedule_goes_as_the_model_says() {
    let mut traces = BTreeSet::new();
    for seed in seeds() {
        let _failing = Failing(seed);
        assert!(traces.insert(run(seed)), "two seeds are one trace");
    }
}

#[test]
fn a_seed_is_one_trace() {
    assert_eq!(run(1), run(1));
}
