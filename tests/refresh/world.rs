//! The product's two parties, a network that forgets nothing, and the state that the rules are in.

use cosign_core::{
    ClientKey, Code, DeviceKey, KeyId, LocalRecord, MIN_ITERATIONS, Pin, Progress, Purpose, RefreshId, Suite,
    refresh::{self, AwaitingActivation, AwaitingShare, Confirmation, NewShare},
    server::{PendingRefresh, ReplayCache},
    sign,
};
use cosign_tests::{
    frames,
    model::{DEVICE, NOW, PIN, Pair, Server, done},
    random::Seeded,
};

use crate::rules::{Event, Rid, Rules, State};

/// One R3 and what came of it.
pub(crate) struct Sent {
    rid: Rid,
    frame: Vec<u8>,
    /// Gone with the client's process.
    waiting: Option<AwaitingActivation>,
    answer: Option<Vec<u8>>,
}

/// The product's parties, and the state that the rules are in.
pub(crate) struct World {
    pub(crate) rules: State,
    server: Server,
    key_id: KeyId,
    device_key: DeviceKey,
    pin: Pin,
    pub(crate) rng: Seeded,
    /// What the client's disk holds.
    old: LocalRecord,
    new: Option<LocalRecord>,
    /// The old record, unlocked. Lives as long as the test, so that sessions can borrow it.
    key: &'static ClientKey,
    started: Option<AwaitingShare<'static>>,
    renewed: Option<NewShare>,
    r1s: Vec<Vec<u8>>,
    /// By the number that the rules give them.
    pub(crate) rids: Vec<RefreshId>,
    r2s: Vec<Vec<u8>>,
    pub(crate) r3s: Vec<Sent>,
    signed: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let Pair { server, record, key, device_key, rng, .. } = Pair::active(Suite::D, Purpose::Sign, seed);
        Self {
            rules: State::default(),
            key_id: key.key_id(),
            device_key,
            pin: Pin::new(PIN).unwrap(),
            rng,
            server,
            old: record,
            new: None,
            key: Box::leak(Box::new(key)),
            started: None,
            renewed: None,
            r1s: Vec::new(),
            rids: vec![RefreshId::from_bytes([0; 16])],
            r2s: vec![Vec::new()],
            r3s: Vec::new(),
            signed: 0,
        }
    }

    fn handle(&mut self, frame: &[u8]) -> Vec<u8> {
        self.server.handle(frame, &DEVICE, NOW, &mut self.rng)
    }

    /// The server's pending refresh, as it is stored.
    fn pending(&self) -> Option<Vec<u8>> {
        let pending = self.server.keys[&self.key_id].pending.as_ref();
        pending.filter(|pending| !pending.is_expired(NOW)).map(|pending| pending.expose_bytes().to_vec())
    }

    /// Whether the network and the processes have what the event needs.
    pub(crate) fn is_possible(&self, event: Event) -> bool {
        match event {
            // An answer reaches the session that asked, or nobody.
            Event::R2(rid) => self.rules.awaiting.map(usize::from) == Some(self.rules.maker(rid)),
            Event::Ack(rid) => self.answered(rid, 0).is_some(),
            Event::Nak(rid) => self.answered(rid, 1).is_some(),
            _ => true,
        }
    }

    fn answered(&self, rid: Rid, verdict: u8) -> Option<usize> {
        let fits = |sent: &Sent| {
            let answer = sent.answer.as_ref().and_then(|answer| answer.last());
            sent.rid == rid && sent.waiting.is_some() && answer == Some(&verdict)
        };
        self.r3s.iter().position(fits)
    }

    pub(crate) fn play(&mut self, event: Event) {
        let before = self.rules;
        self.rules = before.after(event, Rules::Product).unwrap();
        match event {
            Event::Start => {
                let started =
                    refresh::start(self.key, &self.pin, &self.device_key, MIN_ITERATIONS, NOW, &mut self.rng);
                let (frame, waiting) = started.unwrap();
                self.started = Some(waiting);
                self.r1s.push(frame.to_vec());
            }
            Event::R1(index) => {
                let answer = self.handle(&self.r1s[index].clone());
                if self.rules.pending != before.pending {
                    let pending = self.pending().unwrap();
                    self.rids.push(RefreshId::from_bytes(pending[4..20].try_into().unwrap()));
                    self.r2s.push(answer);
                } else if answer[2] == 0 {
                    // The answer that this R1 had before.
                    assert!(
                        (1..)
                            .zip(&self.r2s[1..])
                            .any(|(rid, r2)| before.maker(rid) == index && *r2 == answer)
                    );
                } else {
                    assert_eq!(answer[2], Code::Epoch.byte());
                }
            }
            Event::R2(rid) => {
                let waiting = self.started.take().unwrap();
                let renewed = waiting.finish(&self.r2s[usize::from(rid)], &self.device_key).unwrap();
                let renewed = done(renewed);
                self.new = Some(LocalRecord::from_bytes(&renewed.record.to_bytes()[..]).unwrap());
                self.renewed = Some(renewed);
            }
            Event::Confirm => self.confirm(),
            Event::R3(rid) => {
                let sent: Vec<_> = (0..self.r3s.len()).filter(|&sent| self.r3s[sent].rid == rid).collect();
                let sent = sent[self.rng.below(sent.len())];
                let answer = self.handle(&self.r3s[sent].frame.clone());
                self.r3s[sent].answer = Some(answer);
            }
            Event::Ack(rid) => {
                assert_eq!(self.verdict(rid, 0), Confirmation::Active { failures: 0 });
                if let Some(new) = self.new.take_if(|_| before.new == Some(rid)) {
                    let key = new.unlock(&self.pin, &self.device_key).unwrap();
                    self.key = Box::leak(Box::new(key));
                    self.old = new;
                }
            }
            Event::Nak(rid) => {
                assert_eq!(self.verdict(rid, 1), Confirmation::Unknown);
                self.new.take_if(|_| before.new == Some(rid));
            }
            Event::ClientDies => {
                (self.started, self.renewed) = (None, None);
                self.r3s.iter_mut().for_each(|sent| sent.waiting = None);
            }
            Event::ServerDies => self.server.cache = ReplayCache::new(1000, 1 << 20, 1000),
            Event::Expire => {
                let mut bytes = self.pending().unwrap();
                let created = bytes.len() - 8;
                bytes[created..].copy_from_slice(&(NOW - 25 * 3_600_000).to_be_bytes());
                let expired = PendingRefresh::from_bytes(&bytes);
                self.server.keys.get_mut(&self.key_id).unwrap().pending = expired;
            }
            Event::SignWithNew => {}
        }
        self.compare(event);
    }

    /// With the bytes that were read back; after a restart from the disk alone.
    fn confirm(&mut self) {
        let Self { pin, device_key, rng, .. } = self;
        let stored = self.new.as_ref().unwrap();
        let (frame, waiting) = match &self.renewed {
            Some(renewed) => renewed.confirm(&stored.to_bytes()[..], pin, device_key, NOW, rng).unwrap(),
            None => refresh::confirm(stored, pin, device_key, NOW, rng).unwrap(),
        };
        let rid = self.rules.new.unwrap();
        self.r3s.push(Sent { rid, frame, waiting: Some(waiting), answer: None });
    }

    fn verdict(&mut self, rid: Rid, verdict: u8) -> Confirmation {
        let sent = self.answered(rid, verdict).unwrap();
        let Sent { waiting, answer, .. } = &mut self.r3s[sent];
        done(waiting.take().unwrap().finish(answer.as_ref().unwrap()).unwrap())
    }

    fn compare(&mut self, event: Event) {
        let rid = |number: Rid| self.rids[usize::from(number)];
        let record = &self.server.keys[&self.key_id];
        assert_eq!(
            (record.rid, record.epoch),
            (rid(self.rules.active), self.rules.epoch(self.rules.active)),
            "{event:?}"
        );
        let pending = self.pending().map(|pending| RefreshId::from_bytes(pending[4..20].try_into().unwrap()));
        assert_eq!(pending, self.rules.pending.map(rid), "{event:?}");
        assert_eq!(self.old.refresh_id(), rid(self.rules.old), "{event:?}");
        let new = self.new.as_ref().map(LocalRecord::refresh_id);
        assert_eq!(new, self.rules.new.map(rid), "{event:?}");
        assert_eq!((record.gate.fails, record.gate.total), (0, 0), "{event:?}");
        self.sign(event);
    }

    /// An ordinary request is answered in the active epoch only, and changes nothing.
    fn sign(&mut self, event: Event) {
        self.signed += 1;
        let digest = cosign_core::Digest::reduce(&[7; 32]);
        let key = self.key;
        let (frame, waiting) = sign::start(key, &[digest], NOW, self.signed, &mut self.rng).unwrap();
        let pending = self.pending();
        let answer = self.handle(&frame);
        if self.rules.old == self.rules.active {
            assert!(matches!(waiting.finish(&answer), Ok(Progress::Done(_))), "{event:?}");
        } else {
            assert_eq!(frames::answer(&answer).status, Code::Epoch.byte(), "{event:?}");
        }
        assert_eq!(self.pending(), pending, "{event:?}");
        assert_eq!(
            self.server.keys[&self.key_id].rid,
            self.rids[usize::from(self.rules.active)],
            "{event:?}"
        );
    }

    /// A restart of the client, without any further loss.
    pub(crate) fn settle(&mut self) {
        self.play(Event::ClientDies);
        if let Some(new) = self.rules.new {
            self.play(Event::Confirm);
            // The newest frame, whatever became of the others.
            self.r3s = self.r3s.split_off(self.r3s.len() - 1);
            self.play(Event::R3(new));
            self.play(if self.answered(new, 0).is_some() { Event::Ack(new) } else { Event::Nak(new) });
        }
        assert!(self.rules.is_settled());
    }
}
