//! One frame to one node, with what the storage and the network do to it, compared with the model.

use std::sync::{Arc, atomic::Ordering};

use cosign_core::{Code, Op};
use tokio::sync::oneshot;

use super::{
    super::durable::Fate,
    Simulation,
    model::{self, Judged, Request, Verdict},
};
use crate::{
    domain::{
        audit::{Act, Event, Record},
        key::StoredKey,
    },
    testing::{row, status},
};

/// The gate of a row, as the model has it.
pub(super) fn gate(row: &StoredKey) -> model::Gate {
    let gate = &row.gate;
    model::Gate {
        fails: gate.fails,
        total: gate.total,
        unlock_at_ms: gate.unlock_at_ms,
        refresh_required: gate.refresh_required,
        charge: gate.charge.map(|charge| (charge.session, charge.fails, charge.total)),
    }
}

impl Simulation {
    /// Delivers a letter to some node while something may go wrong.
    pub(super) async fn deliver_somehow(&mut self, letter: usize) {
        let node = self.below(self.nodes.len());
        let fates = match self.below(12) {
            0 => vec![Fate::Fails],
            1 => vec![Fate::IsNotHeardOf],
            2 => vec![Fate::Happens, Fate::Fails],
            3 => vec![Fate::Happens, Fate::IsNotHeardOf],
            4 | 5 if self.nodes.len() > 1 => return self.deliver_across(letter, node).await,
            _ => Vec::new(),
        };
        *self.nodes[node].store.fates.lock().unwrap() = fates.into();
        let before = self.nodes[node].store.committed.load(Ordering::SeqCst);
        let answer = self.ask(node, letter).await;
        let committed = self.nodes[node].store.committed.load(Ordering::SeqCst) - before;
        self.nodes[node].store.fates.lock().unwrap().clear();
        self.settle(node, letter, &answer, committed).await;
        self.hand_over(letter, &answer).await;
    }

    /// Delivers a letter, and lets something else happen at the other node between its computation and its commit.
    async fn deliver_across(&mut self, letter: usize, node: usize) {
        let (asked_for, reached) = oneshot::channel();
        let (go_on, told) = oneshot::channel();
        *self.nodes[node].store.fates.lock().unwrap() = [Fate::Waits(asked_for, told)].into();
        let signer = self.nodes[node].world().signer.clone();
        let asking = signer_answer(signer, self.desk.phone, self.desk.letters[letter].frame.clone());
        tokio::pin!(asking);
        let early = tokio::select! {
            answer = &mut asking => Some(answer),
            reached = reached => { reached.unwrap(); None }
        };
        let before = self.nodes[node].store.committed.load(Ordering::SeqCst);
        let Some(answer) = early else {
            let other = 1 - node;
            let key = self.desk.letters[letter].key;
            let between = if self.one_in(3) { None } else { Some(self.write(key)) };
            match between {
                None => self.freeze_at(other, key).await,
                Some(second) => {
                    self.post(second);
                    let answer = self.ask(other, second).await;
                    self.settle(other, second, &answer, usize::MAX).await;
                    self.hand_over_soon(second, &answer);
                }
            }
            go_on.send(()).unwrap();
            let answer = asking.await;
            let committed = self.nodes[node].store.committed.load(Ordering::SeqCst) - before;
            self.settle(node, letter, &answer, committed).await;
            self.hand_over_soon(letter, &answer);
            return;
        };
        self.nodes[node].store.fates.lock().unwrap().clear();
        self.settle(node, letter, &answer, usize::MAX).await;
        self.hand_over_soon(letter, &answer);
    }

    async fn ask(&self, node: usize, letter: usize) -> Vec<u8> {
        let signer = self.nodes[node].world().signer.clone();
        signer_answer(signer, self.desk.phone, self.desk.letters[letter].frame.clone()).await
    }

    /// The answer may be lost; what follows it may be delivered at once.
    async fn hand_over(&mut self, letter: usize, answer: &[u8]) {
        let next = self.hand_over_soon(letter, answer);
        if let Some(next) = next
            && !self.one_in(4)
        {
            Box::pin(self.deliver_somehow(next)).await;
        }
    }

    fn hand_over_soon(&mut self, letter: usize, answer: &[u8]) -> Option<usize> {
        if self.one_in(6) {
            return None;
        }
        let (halves, next) = self.desk.take(letter, answer);
        for half in halves {
            assert!(self.halves.contains(&half), "a signature whose r is in no record");
        }
        if let Some(next) = next {
            self.post(next);
        }
        next
    }

    /// Compares an answer and everything durable with what the model says, and moves the model on.
    async fn settle(&mut self, node: usize, letter: usize, answer: &[u8], committed: usize) {
        let now_ms = self.now_ms();
        let (key, request) = {
            let letter = &self.desk.letters[letter];
            (letter.key, letter.request.clone())
        };
        self.nodes[node].memory[key].purge(now_ms);
        let judged = self.keys[key].judge(&self.nodes[node].memory[key], &request, now_ms);
        let records = self.new_records(node).await;
        self.trace.push(format!("{node} {request:?} {:?} {}", judged.verdict, hex::encode(answer)));
        let context = format!("letter {letter} {request:?} at node {node}: {:?}", judged.verdict);
        let said = status(answer);
        let memory = &mut self.nodes[node].memory[key];
        // The session of an opening is taken before anything else, and is gone if the key changed meanwhile.
        let lost = request.op == Op::Reveal && judged.begun && said == Some(Code::Session);
        if lost || (said == Some(Code::Internal) && committed < usize::MAX) {
            memory.update(&request, &judged, None, now_ms);
            assert!(records.len() <= 1, "{context}: {records:?}");
            if said == Some(Code::Internal) {
                self.after_fault(key, &request, judged, &records, committed, &context).await;
            }
            return;
        }
        memory.update(&request, &judged, Some(answer), now_ms);
        self.check_answer(letter, &judged, answer, &context);
        let expected = usize::from(judged.logged);
        assert_eq!(records.len(), expected, "{context}: {records:?}");
        if let Some(event) = records.first() {
            self.check_record(letter, event, said, &judged.verdict, &context);
        }
        let mut after = judged.after;
        if request.op == Op::Refresh && matches!(judged.verdict, Verdict::Done(_)) {
            after.refreshed(request.id, Some(&answer[22..]), now_ms);
        }
        self.keys[key] = after;
    }

    /// A commit failed, or nobody heard of it: what is durable is from before, from after, or from between two commits.
    async fn after_fault(
        &mut self,
        key: usize,
        request: &Request,
        judged: Judged,
        records: &[Event],
        committed: usize,
        context: &str,
    ) {
        let row = row(self.nodes[0].world(), &self.desk.held[key].record().key_id()).await;
        let now_ms = self.now_ms();
        let (model, after) = (&mut self.keys[key], judged.after);
        if committed == 0 {
            assert!(records.is_empty(), "{context}: a record without a commit");
            return;
        }
        assert_eq!(gate(&row), after.gate, "{context}: the gate goes with the first commit");
        assert_eq!(row.epoch, after.epoch, "{context}");
        if records.is_empty() {
            // The first of two commits: the gate, and a refresh that had expired.
            (model.gate, model.pending) = (after.gate, after.pending);
            return;
        }
        *model = after;
        if request.op == Op::Refresh && matches!(judged.verdict, Verdict::Done(_)) {
            model.refreshed(request.id, None, now_ms);
        }
    }

    fn check_answer(&mut self, letter: usize, judged: &Judged, answer: &[u8], context: &str) {
        let said = status(answer);
        let success = |failures: &u8| assert_eq!((said, answer[3]), (None, *failures), "{context}");
        match &judged.verdict {
            Verdict::Repeated(before) => assert_eq!(answer, before, "{context}"),
            Verdict::Refused(code, detail) => {
                assert_eq!((said, &answer[22..]), (Some(*code), &detail[..]), "{context}");
            }
            Verdict::Done(failures) => {
                success(failures);
                let points = match self.desk.letters[letter].request.op {
                    Op::Sign => 96,
                    Op::Commit => 64,
                    _ => return,
                };
                for item in answer[22..].chunks(points) {
                    assert!(self.nonce_points.insert(item[..64].to_vec()), "{context}: a nonce came twice");
                }
            }
            Verdict::Active(failures, _) => {
                success(failures);
                assert_eq!(answer[22], 0, "{context}: acknowledged");
            }
            Verdict::Unknown => {
                success(&0);
                assert_ne!(answer[22], 0, "{context}: not acknowledged");
            }
        }
    }

    /// The record says what was answered.
    fn check_record(
        &mut self,
        letter: usize,
        event: &Event,
        said: Option<Code>,
        verdict: &Verdict,
        context: &str,
    ) {
        let Some(letter) = self.desk.letters.get(letter) else { return };
        let code = if *verdict == Verdict::Unknown { Some(Code::Key) } else { said };
        assert_eq!(event.act, Act::operation(letter.request.op), "{context}");
        assert_eq!(event.result, code.map_or(0, Code::byte), "{context}");
        assert_eq!((event.sid, event.count), (Some(letter.request.sid), letter.request.count), "{context}");
        assert_eq!(event.note == "activated", matches!(verdict, Verdict::Active(_, true)), "{context}");
        let signs = matches!(letter.request.op, Op::Sign | Op::Reveal) && said.is_none();
        let digests: &[_] = if signs { &letter.digests } else { &[] };
        assert!(
            event.items.iter().map(|item| &item.digest).eq(digests.iter().map(|e| e.as_bytes())),
            "{context}"
        );
    }

    /// The records since the last time.
    async fn new_records(&mut self, node: usize) -> Vec<Event> {
        let world = self.nodes[node].world();
        let entries = world.operator.audit(self.records, 1000).await.unwrap();
        self.records += entries.len() as u64;
        let events = entries.iter().map(|entry| Record::decode(&entry.record).unwrap().event);
        let events: Vec<_> = events.collect();
        for item in events.iter().flat_map(|event| &event.items) {
            assert!(self.halves.insert(item.r), "r came twice");
        }
        events
    }
}

async fn signer_answer(
    signer: crate::signer::SignerService,
    phone: &'static crate::testing::Phone,
    frame: Vec<u8>,
) -> Vec<u8> {
    use crate::domain::ports::Signer as _;
    Arc::new(signer).answer(crate::testing::caller(Some(phone.device.id)), frame).await.unwrap()
}
