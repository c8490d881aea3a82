//! Calls of many frames, without sockets.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use cosign_core::{
    Code, Progress, Purpose,
    framing::{Deframer, Frame, Kind, encode},
};
use http_body_util::BodyExt as _;
use tokio::{sync::watch, time::Duration};

use super::{DEVICE, problem, request, respond, send};
use crate::{
    frames::Terms,
    testing::{Phone, World, digest, status},
};

const FRAMES: &str = "application/vnd.cosign.frames";

fn call(device: Option<[u8; 32]>, terms: &Terms, body: Vec<u8>) -> Request<Body> {
    request(Method::POST, "/v1/frames", device)
        .header(header::CONTENT_TYPE, FRAMES)
        .extension(terms.clone())
        .body(Body::from(body))
        .unwrap()
}

async fn answers(world: &World, request: Request<Body>) -> Vec<Frame> {
    let response = respond(world, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], FRAMES);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let mut deframer = Deframer::new();
    deframer.push(&response.into_body().collect().await.unwrap().to_bytes());
    let mut frames = Vec::new();
    while let Some(frame) = deframer.next_frame().unwrap() {
        frames.push(frame);
    }
    assert!(!deframer.is_partial());
    frames.sort_by_key(|frame| frame.id);
    frames
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_frame_has_its_answer() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let (_stop, stopped) = watch::channel(false);
    let terms = Terms::new(4, Duration::from_secs(60), stopped);
    let mut body = Vec::new();
    let mut waiting = Vec::new();
    for id in 0..6 {
        let (frame, awaiting) = phone.start(&world, &key, &[digest(id)]);
        encode(id.into(), Kind::Protocol, &frame, &mut body).unwrap();
        waiting.push(awaiting);
    }
    encode(6, Kind::Protocol, b"\x01\x01\x01", &mut body).unwrap();
    encode(7, Kind::Protocol, &[0; 65_537], &mut body).unwrap();
    let mut frames = answers(&world, call(Some(DEVICE), &terms, body.clone())).await;
    let refused = frames.pop().unwrap();
    assert_eq!(
        (refused.id, refused.kind, &refused.payload[..]),
        (7, Kind::Refused, &b"payload_too_large"[..])
    );
    assert_eq!(status(&frames.pop().unwrap().payload), Some(Code::Length));
    assert_eq!(frames.len(), waiting.len());
    for (frame, awaiting) in frames.into_iter().zip(waiting) {
        assert!(matches!(awaiting.finish(&frame.payload), Ok(Progress::Done(_))));
    }

    // What ends otherwise says so in a last frame.
    body.extend(b"\0\0\0");
    let frames = answers(&world, call(Some(DEVICE), &terms, body)).await;
    let last = frames.last().unwrap();
    assert_eq!((last.id, last.kind, &last.payload[..]), (u64::MAX, Kind::Refused, &b"cut_off"[..]));
    assert_eq!(frames.len(), 9);
}

#[tokio::test]
async fn calls_that_are_refused_as_a_whole() {
    let world = World::new().await;
    Phone::enrolled(&world, DEVICE[0]).await;
    let (_stop, stopped) = watch::channel(false);
    let terms = Terms::new(4, Duration::from_secs(60), stopped);
    let nobody = send(&world, call(None, &terms, vec![])).await;
    assert_eq!(problem(nobody), (401, "no_client_certificate".to_owned()));
    let stranger = send(&world, call(Some([8; 32]), &terms, vec![])).await;
    assert_eq!(problem(stranger), (403, "not_enrolled".to_owned()));
    let mut other = call(Some(DEVICE), &terms, vec![]);
    other.headers_mut().insert(header::CONTENT_TYPE, "application/vnd.cosign.frame".parse().unwrap());
    assert_eq!(problem(send(&world, other).await), (415, "unsupported_media_type".to_owned()));

    let open: Vec<_> = std::iter::from_fn(|| terms.begin_call()).collect();
    assert_eq!(problem(send(&world, call(Some(DEVICE), &terms, vec![])).await), (503, "busy".to_owned()));
    drop(open);
    assert!(answers(&world, call(Some(DEVICE), &terms, vec![])).await.is_empty());
}
