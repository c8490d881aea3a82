//! What the specification says of one frame: a second server, in memory, without cryptography.
//!
//! It is written from the order of checks and the gate in SPEC.md (sections 7, 10 to 12), not from the code under test.

use std::collections::BTreeMap;

use cosign_core::{Code, Op, SessionId};

/// A request's time may be so far off, milliseconds.
const WINDOW_MS: u64 = 120_000;
/// Nonces of suite F2 wait so long, milliseconds.
const OPEN_MS: u64 = 30_000;
/// Most sessions of suite F2 that one key has open.
const MAX_OPEN: usize = 8;
/// A refresh waits so long for its confirmation, milliseconds.
const REFRESH_MS: u64 = 24 * 3_600_000;
/// Wait after the 5th and each further wrong PIN in a row, seconds.
const WAITS_S: [u32; 5] = [60, 300, 900, 3600, 86_400];

/// Frame, answer, end.
type Seen = (usize, Option<Vec<u8>>, u64);

/// A frame as far as the server's judgement depends on it.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Number of the frame: the identical bytes have the identical number.
    pub(super) id: usize,
    pub(super) op: Op,
    pub(super) epoch: u32,
    pub(super) sid: SessionId,
    pub(super) ts_ms: u64,
    pub(super) count: u16,
    /// Whether the PIN behind its tag is right.
    pub(super) right: bool,
    /// The session of the evaluation that it was unlocked by.
    pub(super) evaluation: Option<SessionId>,
    /// Which refresh a confirmation is about.
    pub(super) confirms: Option<Refresh>,
}

/// A refresh: the frame that asked for it and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refresh {
    pub(super) frame: usize,
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) fails: u8,
    pub(super) total: u8,
    pub(super) unlock_at_ms: u64,
    pub(super) refresh_required: bool,
    /// Session of an evaluation, and what it counts for in a row and in all.
    pub(super) charge: Option<(SessionId, u8, u8)>,
}

/// What is durable of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) suspended: bool,
    pub(super) epoch: u32,
    pub(super) gate: Gate,
    pub(super) decrypts: u32,
    pub(super) active: Option<Refresh>,
    /// With the time when it was made.
    pub(super) pending: Option<(Refresh, u64)>,
    /// Frame and end of every session that is used up.
    pub(super) spent: BTreeMap<SessionId, (usize, u64)>,
}

/// What one node remembers of one key, and loses when it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// By session and whether it is the second request of it.
    pub(super) seen: BTreeMap<(SessionId, bool), Seen>,
    /// Sessions of suite F2 that wait for their opening, with their end.
    pub(super) open: BTreeMap<SessionId, u64>,
}

/// What the answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This one again, byte for byte, and nothing else happens.
    Repeated(Vec<u8>),
    /// A refusal with what it carries.
    Refused(Code, Vec<u8>),
    /// A success that tells of so many wrong PINs.
    Done(u8),
    /// A refresh was confirmed: so many wrong PINs, and whether it became active only now.
    Active(u8, bool),
    /// A confirmation of something that is not known.
    Unknown,
}

/// What becomes of a request that nothing goes wrong with.
pub(super) struct Judged {
    pub(super) after: Key,
    pub(super) verdict: Verdict,
    /// Whether the audit log tells of it.
    pub(super) logged: bool,
    /// Whether it went past the replay cache.
    pub(super) begun: bool,
}

impl Memory {
    /// A node that starts knows what is used up, not what was answered.
    pub(super) fn restored(key: &Key, now_ms: u64) -> Self {
        let live = key.spent.iter().filter(|(_, (_, until_ms))| *until_ms >= now_ms);
        let seen = live.map(|(sid, (frame, until_ms))| ((*sid, false), (*frame, None, *until_ms)));
        Self { seen: seen.collect(), open: BTreeMap::new() }
    }

    pub(super) fn purge(&mut self, now_ms: u64) {
        self.seen.retain(|_, (.., until_ms)| *until_ms >= now_ms);
        self.open.retain(|_, until_ms| *until_ms >= now_ms);
    }

    /// After an answer, or after none could be given.
    pub(super) fn update(&mut self, request: &Request, judged: &Judged, answer: Option<&[u8]>, now_ms: u64) {
        let second = request.op == Op::Reveal;
        if second {
            self.open.remove(&request.sid);
        }
        if !judged.begun {
            return;
        }
        let name = (request.sid, second);
        match answer {
            Some(answer) => {
                let until_ms = until_ms(request, now_ms);
                self.seen.insert(name, (request.id, Some(answer.to_vec()), until_ms));
                if request.op == Op::Commit {
                    self.open.insert(request.sid, now_ms + OPEN_MS);
                }
            }
            None => {
                self.seen.remove(&name);
            }
        }
    }
}

fn until_ms(request: &Request, now_ms: u64) -> u64 {
    now_ms.max(request.ts_ms) + 2 * WINDOW_MS
}

fn check_time(request: &Request, now_ms: u64) -> Result<(), (Code, Vec<u8>)> {
    match now_ms.abs_diff(request.ts_ms) {
        0..=WINDOW_MS => Ok(()),
        _ => Err((Code::Time, now_ms.to_be_bytes().to_vec())),
    }
}

impl Key {
    pub(super) fn judge(&self, memory: &Memory, request: &Request, now_ms: u64) -> Judged {
        let mut after = self.clone();
        let mut begun = false;
        let judged = after.pass(memory, request, now_ms, &mut begun);
        let (verdict, logged) = match judged {
            Ok(verdict) => {
                let logged = !matches!(verdict, Verdict::Repeated(_));
                (verdict, logged)
            }
            Err((code, detail)) => {
                let logged = code != Code::Busy;
                (Verdict::Refused(code, detail), logged)
            }
        };
        // A session that is used up may be noticed only by the commit, of which nothing but a record is left then.
        let refused = begun && request.op != Op::Reveal && matches!(verdict, Verdict::Refused(..));
        begun &= !refused;
        if begun && request.op != Op::Reveal {
            let until_ms = until_ms(request, now_ms);
            let spent = after.spent.entry(request.sid).or_insert((request.id, until_ms));
            spent.1 = spent.1.max(until_ms);
        }
        Judged { after, verdict, logged, begun }
    }

    /// A refresh was answered, or nobody heard the answer. The identical request has the identical answer as long as it is
    /// the one that waits.
    pub(super) fn refreshed(&mut self, frame: usize, answer: Option<&[u8]>, now_ms: u64) {
        let body = answer.unwrap_or_default().to_vec();
        match &mut self.pending {
            Some((pending, _)) if pending.frame == frame => {
                if pending.body.is_empty() {
                    pending.body = body;
                } else {
                    assert!(
                        answer.is_none_or(|answer| answer == pending.body),
                        "another share for one request"
                    );
                }
            }
            pending => *pending = Some((Refresh { frame, body }, now_ms)),
        }
    }

    fn pass(
        &mut self,
        memory: &Memory,
        request: &Request,
        now_ms: u64,
        begun: &mut bool,
    ) -> Result<Verdict, (Code, Vec<u8>)> {
        let refused = |code| Err((code, Vec::new()));
        let name = (request.sid, request.op == Op::Reveal);
        let seen = memory.seen.get(&name);
        if request.op == Op::Reveal {
            match seen {
                Some((id, Some(answer), _)) if *id == request.id => {
                    return Ok(Verdict::Repeated(answer.clone()));
                }
                _ if !memory.open.contains_key(&request.sid) => return refused(Code::Session),
                _ => {}
            }
            // What is said of an opening is said once.
            *begun = true;
            self.check_key(request)?;
            if self.gate.is_locked() {
                return refused(Code::Key);
            }
            check_time(request, now_ms)?;
            return Ok(Verdict::Done(0));
        }
        self.check_key(request)?;
        check_time(request, now_ms)?;
        self.pending.take_if(|(_, made_ms)| now_ms.saturating_sub(*made_ms) > REFRESH_MS);
        if let Some(refresh) = &request.confirms {
            return self.confirm(refresh, request, now_ms);
        }
        match seen {
            Some((id, Some(answer), _)) if *id == request.id => {
                return Ok(Verdict::Repeated(answer.clone()));
            }
            Some((id, None, _)) if *id == request.id && request.op == Op::Commit => {
                return refused(Code::Session);
            }
            _ => {}
        }
        let other = seen.is_some_and(|(id, ..)| *id != request.id);
        if request.op == Op::Evaluate {
            // What another node answered is noticed by the commit.
            let elsewhere = self.spent.get(&request.sid).is_some_and(|(id, _)| *id == request.id);
            if seen.is_none() {
                self.gate.closed(now_ms)?;
            }
            return self.evaluate(seen.is_some() || elsewhere, request, now_ms, begun);
        }
        let charged = self.gate.charge.filter(|(session, ..)| request.evaluation == Some(*session));
        let passed = match charged.filter(|_| seen.is_none()) {
            Some(charge) => self.gate.settle(charge, request.right, now_ms),
            None => self.gate.attempt(request.right, now_ms),
        };
        let failures = match passed {
            Err((Code::Key, _)) if other => return refused(Code::SidConflict),
            passed => passed?,
        };
        if other {
            return refused(Code::SidConflict);
        }
        if request.op == Op::Commit && memory.open.len() >= MAX_OPEN {
            return refused(Code::Busy);
        }
        *begun = true;
        let spent = self.spent.get(&request.sid);
        if let Some((id, _)) = spent {
            if *id != request.id {
                return refused(Code::SidConflict);
            }
            // One commitment is answered by one set of nonces ever, at whatever node.
            if request.op == Op::Commit {
                return refused(Code::Session);
            }
        }
        if request.op == Op::Decrypt {
            self.decrypts += u32::from(request.count);
        }
        Ok(Verdict::Done(failures))
    }

    /// Status and epoch.
    fn check_key(&self, request: &Request) -> Result<(), (Code, Vec<u8>)> {
        let uses = !matches!(request.op, Op::Refresh | Op::Confirm | Op::Evaluate);
        if self.suspended || (uses && self.gate.refresh_required) {
            return Err((Code::Key, Vec::new()));
        }
        let next = request.op == Op::Evaluate && request.epoch == self.epoch + 1;
        if request.op != Op::Confirm && !next && request.epoch != self.epoch {
            return Err((Code::Epoch, self.epoch.to_be_bytes().to_vec()));
        }
        Ok(())
    }

    fn confirm(
        &mut self,
        refresh: &Refresh,
        request: &Request,
        now_ms: u64,
    ) -> Result<Verdict, (Code, Vec<u8>)> {
        let pending = self.pending.as_ref().is_some_and(|(pending, _)| pending == refresh);
        let active = self.active.as_ref() == Some(refresh);
        if !pending && !active {
            return Ok(Verdict::Unknown);
        }
        let epoch = if active { self.epoch } else { self.epoch + 1 };
        if request.epoch != epoch {
            return Err((Code::Epoch, self.epoch.to_be_bytes().to_vec()));
        }
        let failures = self.gate.attempt(request.right, now_ms)?;
        if pending {
            self.epoch = epoch;
            self.active = self.pending.take().map(|(refresh, _)| refresh);
            self.gate = Gate::default();
        }
        Ok(Verdict::Active(failures, pending))
    }

    fn evaluate(
        &mut self,
        forgotten: bool,
        request: &Request,
        now_ms: u64,
        begun: &mut bool,
    ) -> Result<Verdict, (Code, Vec<u8>)> {
        let failures = if forgotten {
            match self.gate.charge.filter(|(session, ..)| *session == request.sid) {
                Some((_, fails, _)) => self.gate.fails - fails,
                None => return Err((Code::Session, Vec::new())),
            }
        } else {
            let failures = self.gate.fails;
            self.gate.count(now_ms);
            self.gate.charge = Some((request.sid, 1, 1));
            failures
        };
        *begun = true;
        Ok(Verdict::Done(failures))
    }
}

impl Gate {
    pub(super) const fn is_locked(&self) -> bool {
        self.fails >= 10 || self.total >= 30
    }

    /// What is said of a wrong PIN: attempts left, seconds to wait.
    fn shut(&self, wait_s: u32) -> (Code, Vec<u8>) {
        let left = (10 - self.fails).min(30 - self.total);
        (Code::Pin, [&[left][..], &wait_s.to_be_bytes()].concat())
    }

    fn wait_s(&self, now_ms: u64) -> u32 {
        let waits = self.fails >= 5 && !self.is_locked();
        let wait_ms = if waits { self.unlock_at_ms.saturating_sub(now_ms) } else { 0 };
        u32::try_from(wait_ms.div_ceil(1000)).unwrap()
    }

    fn closed(&self, now_ms: u64) -> Result<(), (Code, Vec<u8>)> {
        if self.is_locked() {
            return Err((Code::Key, Vec::new()));
        }
        match self.wait_s(now_ms) {
            0 => Ok(()),
            wait_s => Err(self.shut(wait_s)),
        }
    }

    fn attempt(&mut self, right: bool, now_ms: u64) -> Result<u8, (Code, Vec<u8>)> {
        self.closed(now_ms)?;
        if right {
            return Ok(self.succeed());
        }
        self.count(now_ms);
        Err(self.shut(self.wait_s(now_ms)))
    }

    /// A request whose attempt was counted when its PIN was evaluated.
    fn settle(
        &mut self,
        (_, fails, total): (SessionId, u8, u8),
        right: bool,
        now_ms: u64,
    ) -> Result<u8, (Code, Vec<u8>)> {
        self.charge = None;
        if !right {
            return Err(self.shut(self.wait_s(now_ms)));
        }
        self.total -= total;
        Ok(self.succeed().saturating_sub(fails))
    }

    fn succeed(&mut self) -> u8 {
        self.unlock_at_ms = 0;
        if let Some((_, fails, _)) = &mut self.charge {
            *fails = 0;
        }
        std::mem::take(&mut self.fails)
    }

    fn count(&mut self, now_ms: u64) {
        self.fails += 1;
        self.total += 1;
        let wait = usize::from(self.fails).checked_sub(5).and_then(|index| WAITS_S.get(index));
        self.unlock_at_ms = match wait {
            Some(wait_s) if !self.is_locked() => now_ms + u64::from(*wait_s) * 1000,
            _ => 0,
        };
    }
}
