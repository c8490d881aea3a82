//! A server of framed streams on a real socket that misbehaves as told.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use cosign_core::framing::{self, Deframer, Frame, Kind};
use quinn::crypto::rustls::QuicServerConfig;
use tokio::task::JoinSet;

use super::ServerIdentity;
use crate::{
    connection::{Connection, Target, Transport},
    tls::Trust,
};

/// What a server does with the next frame.
#[derive(Clone, Copy)]
pub(crate) enum Reaction {
    /// Answers.
    Respond,
    /// Answers only after the next frame was answered.
    After,
    /// Works out its answer and closes the connection instead of sending it.
    RespondAndDrop,
    /// Refuses with this code.
    Refuse(&'static str),
    /// Closes the connection.
    Drop,
    /// Nothing.
    Silence,
}

/// How a server works out an answer.
pub(crate) type Respond = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

struct Script {
    reactions: VecDeque<Reaction>,
    seen: Vec<Vec<u8>>,
    respond: Respond,
}

/// Follows its list of reactions, then answers everything. It ends when it is dropped.
pub(crate) struct FrameServer {
    pub(crate) address: SocketAddr,
    identity: ServerIdentity,
    script: Arc<Mutex<Script>>,
    _tasks: JoinSet<()>,
}

impl FrameServer {
    pub(crate) fn start(reactions: &[Reaction], respond: Respond) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), reactions, respond)
    }

    pub(crate) fn listen(address: SocketAddr, reactions: &[Reaction], respond: Respond) -> Self {
        let identity = ServerIdentity::new();
        let crypto = QuicServerConfig::try_from(identity.config(b"cosign/1")).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        let endpoint = quinn::Endpoint::server(config, address).unwrap();
        let address = endpoint.local_addr().unwrap();
        let reactions = reactions.iter().copied().collect();
        let script = Arc::new(Mutex::new(Script { reactions, seen: Vec::new(), respond }));
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&script);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Some(incoming) = endpoint.accept().await {
                connections.spawn(serve(incoming, Arc::clone(&shared)));
            }
        });
        Self { address, identity, script, _tasks: tasks }
    }

    /// The frames so far.
    pub(crate) fn seen(&self) -> Vec<Vec<u8>> {
        self.script.lock().unwrap().seen.clone()
    }

    /// Tells how many frames there were, also while somebody else uses the server.
    pub(crate) fn watcher(&self) -> impl Fn() -> usize + use<> {
        let script = Arc::clone(&self.script);
        move || script.lock().unwrap().seen.len()
    }

    /// A connection that trusts this server.
    pub(crate) fn connection(&self) -> Connection {
        self.connection_under(&self.identity.trust)
    }

    /// A connection that trusts somebody else.
    pub(crate) fn connection_under(&self, trust: &Trust) -> Connection {
        Connection::new(target(self.address, trust, Transport::Quic))
    }
}

/// A target with a short patience.
pub(crate) fn target(address: SocketAddr, trust: &Trust, transport: Transport) -> Target {
    Target {
        server: address.to_string().parse().unwrap(),
        trust: trust.clone(),
        device: None,
        transport,
        connect_timeout: Duration::from_secs(3),
    }
}

async fn serve(incoming: quinn::Incoming, script: Arc<Mutex<Script>>) {
    let Ok(connection) = incoming.await else { return };
    let Ok((mut send, mut receive)) = connection.accept_bi().await else { return };
    let mut deframer = Deframer::new();
    let mut held = Vec::new();
    while let Ok(Some(chunk)) = receive.read_chunk(65536, true).await {
        deframer.push(&chunk.bytes);
        while let Some(frame) = deframer.next_frame().unwrap() {
            let Some(mut out) = react(&script, &frame, &mut held) else {
                return connection.close(0_u32.into(), b"");
            };
            if !out.is_empty() {
                out.append(&mut held);
            }
            if send.write_all(&out).await.is_err() {
                return;
            }
        }
    }
}

/// The bytes to send; `None` to close the connection.
fn react(script: &Mutex<Script>, frame: &Frame, held: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut script = script.lock().unwrap();
    script.seen.push(frame.payload.clone());
    let mut out = Vec::new();
    match script.reactions.pop_front().unwrap_or(Reaction::Respond) {
        Reaction::Respond => {
            framing::encode(frame.id, Kind::Protocol, &(script.respond)(&frame.payload), &mut out).unwrap();
        }
        Reaction::After => {
            framing::encode(frame.id, Kind::Protocol, &(script.respond)(&frame.payload), held).unwrap();
        }
        Reaction::RespondAndDrop => {
            (script.respond)(&frame.payload);
            return None;
        }
        Reaction::Refuse(code) => {
            framing::encode(frame.id, Kind::Refused, code.as_bytes(), &mut out).unwrap();
        }
        Reaction::Drop => return None,
        Reaction::Silence => {}
    }
    Some(out)
}
