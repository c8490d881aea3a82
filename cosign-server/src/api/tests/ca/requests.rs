//! Requests that are withdrawn and handed in again, each once.

use super::*;
use crate::domain::page::Page;

impl Scene {
    async fn applied(&self) -> String {
        let csr = csr_of(&self.world, &self.phone, &self.key, "holder").await;
        let body = json!({ "authority": "demo", "kind": "new", "csr": csr });
        let (status, request) = self.post("/v1/certificate-requests", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        request["request"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_withdrawn_once() {
    let scene = Scene::new(Options::default()).await;
    let path = format!("/v1/certificate-requests/{}/withdraw", scene.applied().await);
    let nothing = json!({});
    let (one, two) = tokio::join!(
        post_once(&scene.world, &path, "withdrawal", &nothing),
        post_once(&scene.world, &path, "withdrawal", &nothing)
    );
    assert_eq!((one.0, &one.1["state"]), (StatusCode::OK, &json!("closed")));
    assert_eq!(one, two);
    assert_eq!(post_once(&scene.world, &path, "withdrawal", &nothing).await, one);
    let withdrawn = records(&scene.world).await;
    let withdrawn = withdrawn.iter().filter(|record| record.event.note.ends_with(" withdrawn")).count();
    assert_eq!(withdrawn, 1);
    // Without its name, or under another one, it is another request.
    assert_eq!(problem(scene.post(&path, &json!({})).await), (409, "conflict".to_owned()));
    assert_eq!(post_once(&scene.world, &path, "again", &json!({})).await.0, StatusCode::CONFLICT);
    let other = post(&scene.world, &path, Some([1; 32]), &json!({})).await;
    assert_eq!(problem(other), (403, "not_enrolled".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_returned_request_is_handed_in_again_once() {
    let scene = Scene::new(Options::default()).await;
    let request = scene.applied().await;
    let path = format!("/v1/certificate-requests/{request}/submit");
    let csr = csr_of(&scene.world, &scene.phone, &scene.key, "holder").await;
    let corrected = json!({ "csr": csr });
    assert_eq!(problem(scene.post(&path, &corrected).await), (409, "conflict".to_owned()));
    let (id, opinion) = (request.parse().unwrap(), "the name is misspelt".to_owned());
    scene.world.authorities.decide(&id, name("reviewer"), false, opinion).await.unwrap();
    let shown = get(&scene.world, &format!("/v1/certificate-requests/{request}"), Some([PHONE; 32])).await.1;
    assert_eq!((&shown["state"], &shown["decisions"][0]["passed"]), (&json!("returned"), &json!(false)));
    let (one, two) = tokio::join!(
        post_once(&scene.world, &path, "correction", &corrected),
        post_once(&scene.world, &path, "correction", &corrected)
    );
    assert_eq!((one.0, &one.1["state"]), (StatusCode::OK, &json!("review")));
    assert_eq!(one, two);
    let mismatch = post_once(&scene.world, &path, "correction", &json!({ "csr": "" })).await;
    assert_eq!(problem(mismatch), (422, "idempotency_mismatch".to_owned()));
    let again = records(&scene.world).await;
    assert_eq!(again.iter().filter(|record| record.event.note.ends_with("submitted again")).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_certificates_come_in_pages() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let mut requested =
        vec![(0, scene.world.authorities.requests(None, &Page::default()).await.unwrap().items[0].id)];
    for _ in 0..2 {
        scene.world.clock.advance(u64::from(requested.len() == 1));
        requested.push((scene.world.now_ms(), scene.applied().await.parse().unwrap()));
    }
    let requested = requested.into_iter().map(|(at_ms, id)| (at_ms, id.to_string())).collect();
    let issued = certificates.iter().map(|one| (0, serial(one).to_string())).collect::<Vec<_>>();
    for (path, list, id, mut made) in [
        ("/v1/certificate-requests", "requests", "request", requested),
        ("/v1/certificates", "certificates", "serial", issued),
    ] {
        // Newest first, and by id within a millisecond.
        made.sort();
        made.reverse();
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let (_, page) = get(&scene.world, &format!("{path}?limit=1{after}"), Some([PHONE; 32])).await;
            found.extend(
                page[list].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, made.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
    }
}
