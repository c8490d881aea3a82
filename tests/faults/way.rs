//! How an owner reaches the nodes: over a relay by QUIC, directly by HTTP, at one node after the other.

use std::time::{Duration, Instant};

use cosign_core::{Code, KeyId, Op};
use cosign_tests::{
    network::{FrameStream, HttpAnswer, Peer},
    random::Seeded,
};
use tokio::time::timeout;

use crate::ledger::Ledger;

/// How long one attempt is waited for.
const ATTEMPT: Duration = Duration::from_secs(3);

pub(crate) struct Way {
    /// For each node.
    pub(crate) relays: Vec<Peer>,
    pub(crate) direct: Vec<Peer>,
    pub(crate) draws: Seeded,
    pub(crate) node: usize,
    stream: Option<FrameStream>,
}

impl Way {
    pub(crate) const fn new(relays: Vec<Peer>, direct: Vec<Peer>, draws: Seeded) -> Self {
        Self { relays, direct, draws, node: 0, stream: None }
    }

    pub(crate) const fn nodes(&self) -> usize {
        self.direct.len()
    }

    /// To the next node from now on.
    pub(crate) fn turn(&mut self) {
        self.node = (self.node + 1) % self.nodes();
        self.stream = None;
    }

    /// Sends the identical frame, at whatever node, until somebody says something about it.
    pub(crate) async fn ask(&mut self, frame: &[u8], patience: Duration, ledger: &Ledger) -> Option<Vec<u8>> {
        #[expect(clippy::disallowed_methods, reason = "an owner has a clock")]
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let answer = self.ask_once(frame, ledger).await;
            let again = answer.as_ref().is_none_or(|answer| {
                matches!(Code::from_status(answer[2]), Some(Code::Busy | Code::Internal | Code::Time))
            });
            if !again {
                return answer;
            }
            if self.draws.below(2) == 0 {
                self.turn();
            }
            tokio::time::sleep(Duration::from_millis(20 + self.draws.below(200) as u64)).await;
        }
        None
    }

    /// Sends a frame once.
    pub(crate) async fn ask_once(&mut self, frame: &[u8], ledger: &Ledger) -> Option<Vec<u8>> {
        let answer = if self.draws.below(6) == 0 {
            self.post(frame).await
        } else {
            match timeout(ATTEMPT, self.exchange(frame)).await {
                Ok(Some(answer)) => Some(answer),
                // What comes later is another frame's.
                _ => {
                    self.stream = None;
                    None
                }
            }
        }?;
        ledger.answer(frame, &answer);
        Some(answer)
    }

    async fn exchange(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        if self.stream.is_none() {
            self.stream = Some(self.relays[self.node].frames().await.ok()?);
        }
        self.stream.as_mut()?.exchange(frame).await.ok()
    }

    async fn post(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let operation = match Op::from_byte(frame[2]).unwrap() {
            Op::Sign | Op::Commit | Op::Reveal => "sign",
            Op::Decrypt => "decrypt",
            Op::Refresh | Op::Confirm => "refresh",
            _ => return None,
        };
        let key_id = KeyId::from_bytes(frame[4..20].try_into().unwrap());
        let answer = timeout(ATTEMPT, self.direct[self.node].post(&key_id, operation, frame)).await;
        answer.ok()?.ok().filter(|answer| answer.status == 200).map(|answer| answer.body)
    }

    /// A request over HTTP, at the next node.
    pub(crate) async fn http(&mut self, head: &str, body: &[u8]) -> Option<HttpAnswer> {
        self.turn();
        self.http_again(head, body).await
    }

    /// A request over HTTP, at the same node as the one before: a key generation is in the memory of one.
    pub(crate) async fn http_again(&mut self, head: &str, body: &[u8]) -> Option<HttpAnswer> {
        timeout(ATTEMPT, self.direct[self.node].http(head, body)).await.ok()?.ok()
    }
}
