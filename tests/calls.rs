//! Many frames in one call over HTTP/2 and HTTP/3, against the server as a user has it.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use cosign_core::{
    ClientKey, Digest, Progress, Purpose,
    framing::{self, Deframer, Frame, Kind},
    sign::{self, AwaitingSignatures},
};
use cosign_tests::{
    calls::{Call, Over},
    frames,
    network::{Device, FrameStream, Peer, now_ms, unlock},
    process::{PIN, Server, ServerFolder, Signer, succeeded},
    random::Seeded,
};
use getrandom::SysRng;
use serde_json::Value;
use tokio::{task::JoinSet, time::timeout};

/// Nothing on this machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const WAYS: [Over; 2] = [Over::Http2, Over::Http3];
/// Of the last frame of answers that end before their time.
const END: u64 = u64::MAX;
const E_LENGTH: u8 = 0x02;

struct Scene {
    folder: ServerFolder,
    server: Server,
    key: ClientKey,
    peer: Peer,
}

/// Requests by their ids, with what waits for their answers.
struct Requests<'k> {
    frames: Vec<Vec<u8>>,
    waiting: BTreeMap<u64, AwaitingSignatures<'k>>,
}

impl Scene {
    fn new() -> Self {
        let folder = ServerFolder::new();
        let server = folder.start();
        let signer = Signer::with_keys(&folder, "quic");
        let key = unlock(&signer.home(), Purpose::Sign, PIN);
        let device = Device::of_store(&signer.home());
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
        Self { folder, server, key, peer }
    }

    /// With other limits, once there are keys: making them takes its time.
    fn with_limits(changes: &[(&str, &str)]) -> Self {
        let Self { folder, server, key, peer } = Self::new();
        server.stop();
        let config = folder.file("cosign.toml");
        let text = changes.iter().fold(fs::read_to_string(&config).unwrap(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        fs::write(config, text).unwrap();
        Self { server: folder.start(), folder, key, peer }
    }

    fn requests(&self, count: u64, digests: usize) -> Requests<'_> {
        let mut draws = Seeded::new(20_261_127);
        let (mut frames, mut waiting) = (Vec::new(), BTreeMap::new());
        for id in 0..count {
            let digests: Vec<_> =
                (0..digests).map(|_| Digest::reduce(&draws.bytes(32).try_into().unwrap())).collect();
            let (frame, awaiting) = sign::start(&self.key, &digests, now_ms(), id, &mut SysRng).unwrap();
            frames.push(frame);
            waiting.insert(id, awaiting);
        }
        Requests { frames, waiting }
    }

    /// The records of signing requests. The certification request was signed as well, before them.
    fn records(&self) -> Vec<Value> {
        self.folder.audit().into_iter().filter(|record| record["act"] == "sign").skip(1).collect()
    }

    /// Signing requests that were begun and have ended, of this run of the server.
    async fn ended(&self) -> u64 {
        let metrics = self.peer.http("GET /metrics HTTP/1.1", b"").await.unwrap();
        let text = String::from_utf8(metrics.body).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix("cosign_operations_total{op=\"sign\""));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// What [`Self::ended`] gives once it does not change any more.
    async fn settled(&self) -> u64 {
        let mut seen = self.ended().await;
        let mut same = 0;
        while same < 5 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = self.ended().await;
            same = if now == seen { same + 1 } else { 0 };
            seen = now;
        }
        seen
    }
}

impl Requests<'_> {
    /// Takes an answer; its signatures verify.
    fn take(&mut self, answer: Frame) {
        assert_eq!(answer.kind, Kind::Protocol, "{}", String::from_utf8_lossy(&answer.payload));
        let awaiting = self.waiting.remove(&answer.id).unwrap();
        assert!(matches!(awaiting.finish(&answer.payload), Ok(Progress::Done(_))), "{}", answer.id);
    }
}

fn sid(frame: &[u8]) -> String {
    hex::encode(&frame[24..40])
}

/// Answers until their end, which must come.
async fn rest(call: &mut Call) -> Vec<Frame> {
    let mut answers = Vec::new();
    while let Some(answer) = call.answers.next().await.unwrap() {
        answers.push(answer);
    }
    answers
}

#[track_caller]
fn assert_ends_with(answers: &[Frame], code: &str) {
    let last = answers.last().unwrap();
    assert_eq!((last.id, last.kind), (END, Kind::Refused));
    assert_eq!(String::from_utf8_lossy(&last.payload), code);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_digests_in_one_call() {
    let scene = Scene::new();
    for over in WAYS {
        let mut requests = scene.requests(32, 64);
        let before = scene.records().len();
        let Call { mut frames, mut answers, connection } = Call::open(&scene.peer, over).await.unwrap();
        // Before the body has an end.
        frames.request(0, &requests.frames[0]).await.unwrap();
        requests.take(answers.next().await.unwrap().unwrap());
        let rest = requests.frames.clone();
        let sending = async {
            for (id, frame) in (0..).zip(rest).skip(1) {
                frames.request(id, &frame).await.unwrap();
                if id == 16 {
                    frames.request(100, &[1; 70_000]).await.unwrap();
                    frames.request(101, &frame[..50]).await.unwrap();
                }
            }
            frames.finish().await.unwrap();
        };
        let receiving = async {
            let mut bad = BTreeSet::new();
            while let Some(answer) = answers.next().await.unwrap() {
                match answer.id {
                    100 => assert_eq!(
                        (answer.kind, &answer.payload[..]),
                        (Kind::Refused, &b"payload_too_large"[..])
                    ),
                    101 => assert_eq!(frames::answer(&answer.payload).status, E_LENGTH),
                    _ => {
                        requests.take(answer);
                        continue;
                    }
                }
                assert!(bad.insert(answer.id));
            }
            assert_eq!(bad.len(), 2, "{over:?}");
        };
        tokio::join!(sending, receiving);
        assert!(requests.waiting.is_empty(), "{over:?}: {} without answer", requests.waiting.len());
        drop(connection);
        let records = &scene.records()[before..];
        let signed: usize =
            records.iter().filter_map(|record| record["signatures"].as_array()).map(Vec::len).sum();
        assert_eq!(signed, 32 * 64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_leaves_nothing_open() {
    let scene = Scene::with_limits(&[("in_flight = 64", "in_flight = 2")]);
    for over in WAYS {
        let before = scene.records().len();
        let mut requests = scene.requests(24, 8);
        let mut call = Call::open(&scene.peer, over).await.unwrap();
        for (id, frame) in (0..).zip(&requests.frames) {
            call.frames.request(id, frame).await.unwrap();
        }
        let mut answered = BTreeSet::new();
        for _ in 0..3 {
            let answer = call.answers.next().await.unwrap().unwrap();
            answered.insert(sid(&requests.frames[usize::try_from(answer.id).unwrap()]));
            requests.take(answer);
        }
        let connection = call.cancel();
        scene.settled().await;
        let records = scene.records();
        let recorded: BTreeSet<_> =
            records[before..].iter().map(|record| record["sid"].as_str().unwrap().to_owned()).collect();
        assert_eq!(recorded.len(), records.len() - before, "a session is on record once");
        assert!(recorded.is_superset(&answered));
        let sent: BTreeSet<_> = requests.frames.iter().map(|frame| sid(frame)).collect();
        assert!(recorded.is_subset(&sent));
        drop(connection);
        // The share is given back.
        let mut again = scene.requests(4, 1);
        let mut call = Call::open(&scene.peer, over).await.unwrap();
        for (id, frame) in (0..).zip(&again.frames) {
            call.frames.request(id, frame).await.unwrap();
        }
        for _ in 0..4 {
            again.take(call.answers.next().await.unwrap().unwrap());
        }
    }
}

/// The ids without answer are where a call goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_where_it_was_cut() {
    let scene = Scene::new();
    for over in WAYS {
        let before = scene.records().len();
        let mut requests = scene.requests(12, 4);
        let mut first = Call::open(&scene.peer, over).await.unwrap();
        for (id, frame) in (0..).zip(&requests.frames).take(8) {
            first.frames.request(id, frame).await.unwrap();
        }
        let mut answered = BTreeMap::new();
        for _ in 0..4 {
            let answer = first.answers.next().await.unwrap().unwrap();
            answered.insert(answer.id, answer.payload);
        }
        drop(first);

        // Everything again: what was answered is answered alike.
        let mut second = Call::open(&scene.peer, over).await.unwrap();
        let frames = requests.frames.clone();
        for (id, frame) in (0..).zip(&frames) {
            second.frames.request(id, frame).await.unwrap();
        }
        for _ in 0..12 {
            let answer = second.answers.next().await.unwrap().unwrap();
            if let Some(known) = answered.remove(&answer.id) {
                assert!(known == answer.payload, "{over:?}: another answer to {}", answer.id);
            }
            requests.take(answer);
        }
        assert!(answered.is_empty() && requests.waiting.is_empty());
        let sids: BTreeSet<_> =
            scene.records()[before..].iter().map(|record| record["sid"].to_string()).collect();
        assert_eq!((sids.len(), scene.records().len() - before), (12, 12), "each session once");
    }
}

/// 256 signatures are 24 KB; an identical frame has the identical answer, which costs nothing but its bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_not_worked_for_ahead() {
    const FRAMES: u64 = 400;
    let scene = Scene::new();
    for over in WAYS {
        let requests = scene.requests(1, 256);
        let frame = requests.frames[0].clone();
        let Call { mut frames, mut answers, connection } = Call::open(&scene.peer, over).await.unwrap();
        frames.request(FRAMES, &frame).await.unwrap();
        let first = answers.next().await.unwrap().unwrap().payload;
        let before = scene.ended().await;
        let mut sending = JoinSet::new();
        sending.spawn(async move {
            for id in 0..FRAMES {
                frames.request(id, &frame).await.unwrap();
            }
            frames.finish().await.unwrap();
        });
        let begun = scene.settled().await - before;
        assert!(begun < FRAMES * 3 / 4, "{over:?}: {begun} frames were begun for somebody who does not read");
        let mut seen = BTreeSet::new();
        while let Some(answer) = answers.next().await.unwrap() {
            assert!(seen.insert(answer.id));
            assert!(answer.payload == first, "{over:?}: {}", answer.id);
        }
        assert_eq!(seen.len() as u64, FRAMES);
        sending.join_next().await.unwrap().unwrap();
        drop(connection);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_a_fault_says_so_at_its_end() {
    let mut scene = Scene::new();
    for over in WAYS {
        let mut wrong_kind = Vec::new();
        framing::encode(7, Kind::Refused, b"no", &mut wrong_kind).unwrap();
        let overlong = [&[0, 0x10, 0, 0][..], &[1; 200_000]].concat();
        for (bytes, code) in [
            (&[0, 0, 1][..], "cut_off"),
            (&wrong_kind, "bad_framing"),
            (&[0, 0, 0, 8, 1], "bad_framing"),
            (&[0, 0x10, 0, 1, 1], "bad_framing"),
            (&overlong, "bad_framing"),
        ] {
            let mut requests = scene.requests(1, 1);
            let mut call = Call::open(&scene.peer, over).await.unwrap();
            call.frames.request(0, &requests.frames[0]).await.unwrap();
            // The server may have ended before it has everything.
            let _ = call.frames.send(bytes).await;
            if code == "cut_off" {
                let Call { frames, answers, connection } = call;
                frames.finish().await.unwrap();
                let (send, _) = tokio::sync::mpsc::channel(1);
                call = Call { frames: cosign_tests::calls::Frames::Http2(send), answers, connection };
            }
            let mut answers = rest(&mut call).await;
            assert_ends_with(&answers, code);
            answers.pop();
            assert_eq!(answers.len(), 1, "what was begun is answered");
            requests.take(answers.remove(0));
        }
    }
    scene.server.assert_alive();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_outlives_the_limit_and_rest_does_not() {
    let scene = Scene::with_limits(&[("request_timeout_s = 30", "request_timeout_s = 3")]);
    for over in WAYS {
        let mut requests = scene.requests(30, 1);
        let mut call = Call::open(&scene.peer, over).await.unwrap();
        for (id, frame) in (0..).zip(requests.frames.clone()) {
            call.frames.request(id, &frame).await.unwrap();
            requests.take(call.answers.next().await.unwrap().unwrap());
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        assert!(requests.waiting.is_empty());
        assert_ends_with(&rest(&mut call).await, "idle");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_1_carries_a_call_whose_frames_are_there() {
    let scene = Scene::new();
    let mut requests = scene.requests(10, 2);
    let mut body = Vec::new();
    for (id, frame) in (0..).zip(&requests.frames) {
        framing::encode(id, Kind::Protocol, frame, &mut body).unwrap();
    }
    let head = "POST /v1/frames HTTP/1.1\r\ncontent-type: application/vnd.cosign.frames";
    let answer = scene.peer.http(head, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut deframer = Deframer::new();
    deframer.push(&answer.body);
    while let Some(frame) = deframer.next_frame().unwrap() {
        requests.take(frame);
    }
    assert!(requests.waiting.is_empty() && !deframer.is_partial());
    let stranger = Peer::new(scene.folder.address(), &scene.folder.file("ca.pem"), None);
    let refused = stranger.http(head, &body).await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (401, "no_client_certificate"));
    let admin = scene.folder.admin(&["key", "list"]);
    succeeded(&admin);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_is_held_back_so_that_more_is_answered() {
    const FRAMES: usize = 400;
    let scene = Scene::with_limits(&[("queue = 4096", "queue = 1")]);
    let requests = scene.requests(FRAMES as u64, 1);
    let mut bytes = Vec::new();
    for (id, frame) in (0..).zip(&requests.frames) {
        framing::encode(id, Kind::Protocol, frame, &mut bytes).unwrap();
    }
    let FrameStream { link, mut send, mut recv, .. } = scene.peer.frames().await.unwrap();
    let (mut deframer, mut refused, mut answered) = (Deframer::new(), 0, 0);
    // How many are refused in a row once what was granted at first is used up.
    let (mut row, mut longest) = (0, 0);
    let sending = async { send.write_all(&bytes).await.unwrap() };
    let receiving = async {
        while refused + answered < FRAMES {
            deframer.push(&recv.read_chunk(64 * 1024, true).await.unwrap().unwrap().bytes);
            while let Some(frame) = deframer.next_frame().unwrap() {
                if frame.kind == Kind::Refused {
                    (refused, row) = (refused + 1, row + 1);
                } else {
                    (answered, row) = (answered + 1, 0);
                }
                if refused + answered > FRAMES / 4 {
                    longest = longest.max(row);
                }
            }
        }
    };
    timeout(PATIENCE, async { tokio::join!(sending, receiving) }).await.unwrap();
    // One is worked on at a time. Read as they come, nearly all would be refused before the first is done; and with all that a
    // connection may have sent at first, twenty would be in a row.
    assert!(answered > FRAMES / 16 && longest < 12, "{answered} of {FRAMES}, {longest} refused in a row");
    drop(link);
    scene.server.stop();
}
