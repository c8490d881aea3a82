//! Framing, and the whole way through a real server on this machine: QUIC, checks, computation, audit record on disk.
//! Yardstick: a request that the same server refuses at once, over the same stream.

use std::{
    cell::{LazyCell, RefCell},
    hint::black_box,
    rc::Rc,
};

use cosign_core::{
    Digest, Progress, Purpose,
    framing::{Deframer, Kind, encode},
    sign,
};
use cosign_tests::{
    network::{Device, FrameStream, Peer, now_ms, unlock},
    process::{PIN, Server, ServerFolder, Signer},
};
use getrandom::SysRng;
use tokio::runtime::{Builder, Runtime};

use crate::Operation;

/// The operations.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = framing();
    all.extend(through_a_server());
    all
}

/// An answer with 256 signatures.
const ANSWER: usize = 22 + 96 * 256;

fn framing() -> Vec<Operation> {
    vec![
        Operation::bytes("frame 24 KB", ANSWER, || {
            let mut out = Vec::new();
            move || {
                out.clear();
                encode(1, Kind::Protocol, black_box(&[0x5a; ANSWER]), &mut out).unwrap();
            }
        }),
        Operation::bytes("unframe 24 KB in packets", ANSWER, || {
            let mut framed = Vec::new();
            encode(1, Kind::Protocol, &[0x5a; ANSWER], &mut framed).unwrap();
            move || {
                let mut deframer = Deframer::new();
                for packet in black_box(&framed).chunks(1200) {
                    deframer.push(packet);
                }
                black_box(deframer.next_frame().unwrap().unwrap());
            }
        }),
    ]
}

/// A running server and a device with a key, whose stream stays open.
struct Scene {
    runtime: Runtime,
    stream: FrameStream,
    key: cosign_core::ClientKey,
    counter: u64,
    _server: Server,
    _signer: Signer,
    _folder: ServerFolder,
}

impl Scene {
    fn new() -> Self {
        let folder = ServerFolder::new();
        let server = folder.start();
        let signer = Signer::with_keys(&folder, "quic");
        let key = unlock(&signer.home(), Purpose::Sign, PIN);
        let device = Device::of_store(&signer.home());
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stream = runtime.block_on(peer.frames()).unwrap();
        Self { runtime, stream, key, counter: 0, _server: server, _signer: signer, _folder: folder }
    }

    /// So many requests at once, each for so many signatures.
    fn sign(&mut self, requests: usize, count: usize) {
        let Self { runtime, stream, key, counter, .. } = self;
        let digests: Vec<_> =
            (0..count).map(|i| Digest::reduce(&[u8::try_from(i % 256).unwrap(); 32])).collect();
        runtime.block_on(async {
            let mut waiting = Vec::with_capacity(requests);
            for _ in 0..requests {
                *counter += 1;
                let (frame, session) = sign::start(key, &digests, now_ms(), *counter, &mut SysRng).unwrap();
                waiting.push((stream.request(&frame).await.unwrap(), session));
            }
            for _ in 0..requests {
                let answer = stream.receive().await.unwrap().unwrap();
                let at = waiting.iter().position(|(id, _)| *id == answer.id).unwrap();
                let (_, session) = waiting.swap_remove(at);
                assert!(matches!(session.finish(&answer.payload), Ok(Progress::Done(_))));
            }
        });
    }
}

fn through_a_server() -> Vec<Operation> {
    let scene = Rc::new(LazyCell::new(|| RefCell::new(Scene::new())));
    let on_it = |run: fn(&mut Scene)| {
        let scene = Rc::clone(&scene);
        move || move || run(&mut scene.borrow_mut())
    };
    let refused = |Scene { runtime, stream, .. }: &mut Scene| {
        let answer = runtime.block_on(stream.exchange(&[1, 1, 1, 0])).unwrap();
        assert_eq!(answer[2], 2);
    };
    vec![
        Operation::one("refused at once", on_it(refused)),
        Operation::one("signature, both sides", on_it(|scene| scene.sign(1, 1))),
        Operation::items("signatures, both sides, 32 requests at once", 32, on_it(|scene| scene.sign(32, 1))),
        Operation::items(
            "signatures, both sides, one request for 256",
            256,
            on_it(|scene| scene.sign(1, 256)),
        ),
    ]
}
