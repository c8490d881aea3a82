//! Seals of a person.

use ::seal::ses::ElectronicSeal;
use base64ct::{Base64, Encoding as _};
use http_body_util::BodyExt as _;

use super::*;

const DAY_MS: u64 = 86_400_000;

fn template() -> Value {
    json!({ "template": {} })
}

fn handwriting() -> Value {
    let stroke: Vec<_> = (0..40).map(|n| [f64::from(n), f64::from(n % 7)]).collect();
    json!({ "handwriting": { "strokes": [stroke] } })
}

fn wanted(holding: &Value, kind: &str, picture: &Value) -> Value {
    json!({ "holding_id": holding["holding_id"], "kind": kind, "name": "我的印章", "picture": picture })
}

fn path(seal: &Value) -> String {
    format!("/v1/seals/{}", seal["seal_id"].as_str().unwrap())
}

impl Scene {
    async fn made(&self, holding: &Value, kind: &str, picture: &Value) -> Value {
        self.owner.browser.done(&self.world, "/v1/seals", &wanted(holding, kind, picture)).await
    }

    async fn seal(&self, seal: &Value) -> Value {
        self.owner.browser.see(&self.world, &path(seal)).await
    }

    async fn seals(&self) -> Vec<Value> {
        self.owner.browser.see(&self.world, "/v1/seals").await["seals"].as_array().unwrap().clone()
    }

    async fn bytes(&self, path: &str) -> Vec<u8> {
        let asked = self.owner.browser.asks(Method::GET, path).body(Body::empty()).unwrap();
        let response = super::super::respond(&self.world, asked).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    async fn signed(&self, seal: &Value) -> ElectronicSeal {
        ElectronicSeal::parse(&self.bytes(&format!("{}/data", path(seal))).await).unwrap()
    }

    async fn refused(&self, path: &str, body: &Value, code: &str) {
        let answer = self.owner.browser.post(&self.world, path, body).await;
        assert_eq!(problem(answer).1, code, "{path} {body}");
    }

    /// A photo of a seal: the picture of one on white paper.
    async fn photo(&self) -> Value {
        let body = json!({ "kind": "personal-seal", "picture": template() });
        let drawn = self.owner.browser.done(&self.world, "/v1/seals/preview", &body).await;
        let png = Base64::decode_vec(drawn["picture"].as_str().unwrap()).unwrap();
        let size = ::seal::geometry::Size { width: 20.0, height: 20.0 };
        let seal = ::seal::picture::Picture::decode(&png, size).unwrap();
        let (width, height) = (seal.width() + 120, seal.height() + 120);
        let mut sheet = vec![255; (width * height * 4) as usize];
        for (index, pixel) in seal.rgba().chunks_exact(4).enumerate() {
            let index = u32::try_from(index).unwrap();
            let (x, y) = (index % seal.width() + 60, index / seal.width() + 60);
            let at = ((y * width + x) * 4) as usize;
            for channel in 0..3 {
                let (ink, alpha) = (u32::from(pixel[channel]), u32::from(pixel[3]));
                sheet[at + channel] = u8::try_from((ink * alpha + 255 * (255 - alpha)) / 255).unwrap();
            }
        }
        let sheet = ::seal::picture::Picture::new(size, width, height, sheet).unwrap().to_png().unwrap();
        self.owner.browser.attach(&self.world, &sheet).await.into()
    }

    async fn review_seal(&self, device: u8, seal: &Value, body: &Value) -> (StatusCode, Value) {
        let path = format!("/v1/operator/seals/{}/review", seal["seal_id"].as_str().unwrap());
        super::super::post(&self.world, &path, Some([device; 32]), body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_01_a_seal_comes_with_the_first_certificate() {
    let scene = Scene::new().await;
    assert!(scene.seals().await.is_empty());
    let holding = scene.certified().await;
    let seals = scene.seals().await;
    assert_eq!(seals.len(), 1);
    assert_eq!((&seals[0]["kind"], &seals[0]["state"]), (&json!("personal-seal"), &json!("valid")));
    assert_eq!((&seals[0]["holding_id"], &seals[0]["name"]), (&holding["holding_id"], &json!("张三")));
    // Not with the second one.
    scene.owner.certified(&scene.world, on_platform("hubei")).await;
    assert_eq!(scene.seals().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_03_a_seal_is_cut_out_of_a_photo() {
    let scene = Scene::new().await;
    scene.certified().await;
    let photo = scene.photo().await;
    let body = json!({ "kind": "personal-seal", "picture": { "photo": { "attachment_id": photo } } });
    let cut = scene.owner.browser.done(&scene.world, "/v1/seals/preview", &body).await;
    assert!(cut["score"].as_u64().unwrap() >= 60, "{}", cut["score"]);
    assert_eq!((&cut["poor"], &cut["width"]), (&json!(false), &json!(200)));
    // The ground is transparent.
    let png = Base64::decode_vec(cut["picture"].as_str().unwrap()).unwrap();
    let size = ::seal::geometry::Size { width: 20.0, height: 20.0 };
    let pixels = ::seal::picture::Picture::decode(&png, size).unwrap();
    assert!(pixels.rgba().chunks_exact(4).any(|pixel| pixel[3] == 0));
    // There is no seal on this one.
    let blank = ::seal::picture::Picture::new(size, 50, 50, vec![255; 10_000]).unwrap().to_png().unwrap();
    let blank = scene.owner.browser.attach(&scene.world, &blank).await;
    let body = json!({ "kind": "personal-seal", "picture": { "photo": { "attachment_id": blank } } });
    scene.refused("/v1/seals/preview", &body, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_06_a_personal_seal_by_photo() {
    let scene = Scene::new().await;
    let photo = scene.photo().await;
    let none = json!({ "holding_id": "0".repeat(32) });
    let picture = json!({ "photo": { "attachment_id": photo } });
    scene.refused("/v1/seals", &wanted(&none, "personal-seal", &picture), "not_found").await;
    let holding = scene.certified().await;
    let made = scene.made(&holding, "personal-seal", &picture).await;
    assert_eq!((&made["state"], &made["made_of"]), (&json!("review"), &json!("photo")));
    assert_eq!(problem(scene.owner.browser.get(&scene.world, &format!("{}/data", path(&made))).await).0, 409);
    // Or as it is, for a person to cut it out.
    let whole = json!({ "photo": { "attachment_id": photo, "whole": true } });
    let by_hand = scene.made(&holding, "personal-seal", &whole).await;
    assert_eq!(by_hand["state"], "review");
    let (other, _) = log_in(&scene.world, OTHER).await;
    let foreign = other.attach(&scene.world, PICTURE).await;
    let foreign = json!({ "photo": { "attachment_id": foreign } });
    scene.refused("/v1/seals", &wanted(&holding, "personal-seal", &foreign), "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_07_a_signature_by_hand_or_from_the_name() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let drawn = scene.made(&holding, "personal-signature", &handwriting()).await;
    let generated = scene.made(&holding, "personal-signature", &template()).await;
    assert_eq!((&drawn["state"], &drawn["made_of"]), (&json!("valid"), &json!("handwriting")));
    assert_eq!((&generated["state"], &generated["made_of"]), (&json!("valid"), &json!("template")));
    let one = scene.bytes(&format!("{}/picture", path(&drawn))).await;
    let two = scene.bytes(&format!("{}/picture", path(&generated))).await;
    assert!(one.starts_with(b"\x89PNG") && two.starts_with(b"\x89PNG") && one != two);
    for strokes in [json!([]), json!([[]])] {
        let empty = json!({ "handwriting": { "strokes": strokes } });
        scene.refused("/v1/seals", &wanted(&holding, "personal-signature", &empty), "bad_request").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_11_from_a_template_or_a_picture() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let in_line = json!({ "template": { "in_line": true, "code": "" } });
    let seal = scene.made(&holding, "personal-seal", &in_line).await;
    assert_eq!((&seal["width"], &seal["height"]), (&json!(180), &json!(80)));
    let photo = json!({ "photo": { "attachment_id": scene.photo().await } });
    assert_eq!(scene.made(&holding, "personal-seal", &photo).await["state"], "review");
    for picture in [json!({}), json!({ "words": {} }), json!({ "template": { "text": "李四" } })] {
        scene.refused("/v1/seals", &wanted(&holding, "personal-seal", &picture), "bad_request").await;
    }
    let code = json!({ "template": { "code": "号码" } });
    scene.refused("/v1/seals", &wanted(&holding, "personal-seal", &code), "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_14_the_face_is_changed() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let seal = scene.seals().await[0].clone();
    let before = scene.signed(&seal).await;
    let change = json!({ "picture": { "template": { "in_line": true } }, "reason": "another style" });
    let path = format!("{}/replace", path(&seal));
    let changed = scene.owner.browser.done(&scene.world, &path, &change).await;
    assert_eq!((&changed["state"], &changed["version"]), (&json!("valid"), &json!(2)));
    let after = scene.signed(&seal).await;
    assert_ne!(before.id(), after.id());
    assert_ne!(before.picture().data, after.picture().data);
    // What was signed before is as good as it was.
    before.verify_signature().unwrap();
    assert_eq!(seal["holding_id"], holding["holding_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_15_a_handwritten_signature_is_saved_at_once() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let seal = scene.made(&holding, "personal-signature", &handwriting()).await;
    assert_eq!(seal["state"], "valid");
    scene.signed(&seal).await.verify_signature().unwrap();
    // Only signatures are drawn.
    scene.refused("/v1/seals", &wanted(&holding, "personal-seal", &handwriting()), "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_16_the_old_picture_is_in_force_until_the_new_one_passed() {
    let scene = Scene::new().await;
    scene.certified().await;
    let seal = scene.seals().await[0].clone();
    let old = scene.signed(&seal).await;
    let photo = json!({ "photo": { "attachment_id": scene.photo().await } });
    let replace = format!("{}/replace", path(&seal));
    for reason in ["", &"长".repeat(501)] {
        scene.refused(&replace, &json!({ "picture": photo, "reason": reason }), "bad_request").await;
    }
    let asked = json!({ "picture": photo, "reason": "worn out" });
    let asked = scene.owner.browser.done(&scene.world, &replace, &asked).await;
    assert_eq!((&asked["state"], &asked["reason"]), (&json!("replacing"), &json!("worn out")));
    assert_eq!(scene.signed(&seal).await.id(), old.id());
    scene.refused(&replace, &json!({ "picture": photo, "reason": "again" }), "conflict").await;
    // Sent back: the old one stays.
    scene.review_seal(REVIEWER, &seal, &json!({ "passed": false, "opinion": "blurred" })).await;
    let back = scene.seal(&seal).await;
    assert_eq!((&back["state"], &back["opinion"]), (&json!("valid"), &json!("blurred")));
    assert_eq!(scene.signed(&seal).await.id(), old.id());
    scene.owner.browser.done(&scene.world, &replace, &json!({ "picture": photo, "reason": "again" })).await;
    scene.review_seal(REVIEWER, &seal, &json!({ "passed": true })).await;
    let passed = scene.seal(&seal).await;
    assert_eq!((&passed["state"], &passed["made_of"]), (&json!("valid"), &json!("photo")));
    assert_ne!(scene.signed(&seal).await.id(), old.id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_17_a_signature_is_replaced_at_once() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let seal = scene.made(&holding, "personal-signature", &template()).await;
    let body = json!({ "picture": handwriting(), "reason": "my own hand" });
    let done = scene.owner.browser.done(&scene.world, &format!("{}/replace", path(&seal)), &body).await;
    assert_eq!(
        (&done["state"], &done["made_of"], &done["version"]),
        (&json!("valid"), &json!("handwriting"), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_19_a_seal_is_deleted_while_nobody_sealed_with_it() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let fresh = scene.made(&holding, "personal-signature", &template()).await;
    let delete = format!("{}/delete", path(&fresh));
    let (other, _) = log_in(&scene.world, OTHER).await;
    other.refused(&scene.world, &delete, &json!({}), 404, "not_found").await;
    let gone = scene.owner.browser.done(&scene.world, &delete, &json!({})).await;
    assert_eq!(gone["state"], "deleted");
    scene.refused(&delete, &json!({}), "conflict").await;
    let used = scene.seals().await.into_iter().find(|seal| seal["kind"] == "personal-seal").unwrap();
    scene.world.office.use_seal(used["seal_id"].as_str().unwrap().parse().unwrap()).await;
    scene.refused(&format!("{}/delete", path(&used)), &json!({}), "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_20_a_cancelled_seal_never_comes_back() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let seal = scene.seals().await[0].clone();
    let signed = scene.signed(&seal).await;
    let cancel = format!("{}/cancel", path(&seal));
    assert_eq!(scene.owner.browser.done(&scene.world, &cancel, &json!({})).await["state"], "cancelled");
    for act in ["cancel", "delete"] {
        scene.refused(&format!("{}/{act}", path(&seal)), &json!({}), "conflict").await;
    }
    let again = json!({ "picture": template(), "reason": "again" });
    scene.refused(&format!("{}/replace", path(&seal)), &again, "conflict").await;
    assert_eq!(problem(scene.owner.browser.get(&scene.world, &format!("{}/data", path(&seal))).await).0, 409);
    // What it sealed stays valid; another one is made anew.
    signed.verify_signature().unwrap();
    assert_eq!(scene.made(&holding, "personal-seal", &template()).await["state"], "valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_22_seals_are_listed_with_their_states() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let photo = json!({ "photo": { "attachment_id": scene.photo().await } });
    scene.world.clock.advance(1);
    scene.made(&holding, "personal-seal", &photo).await;
    let states: Vec<_> = scene.seals().await.iter().map(|seal| seal["state"].clone()).collect();
    assert_eq!(states, [json!("review"), json!("valid")]);
    let page = scene.owner.browser.see(&scene.world, "/v1/seals?limit=1").await;
    assert!(page["next"].is_string());
    let (other, _) = log_in(&scene.world, OTHER).await;
    assert_eq!(other.see(&scene.world, "/v1/seals").await["seals"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_23_kinds_of_seals() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    for kind in ["personal-seal", "personal-signature"] {
        assert_eq!(scene.made(&holding, kind, &template()).await["kind"], kind);
    }
    // Those of enterprises are not for a person.
    for kind in
        ["company", "legal-signature", "legal-seal", "finance", "contract", "invoice", "custom-signature"]
    {
        scene.refused("/v1/seals", &wanted(&holding, kind, &template()), "bad_request").await;
    }
    scene.refused("/v1/seals", &wanted(&holding, "other", &template()), "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_30_no_seal_without_a_certificate_in_force() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let freeze = format!("/v1/operator/holdings/{}/freeze", holding["holding_id"].as_str().unwrap());
    super::super::post(&scene.world, &freeze, Some([REVIEWER; 32]), &json!({})).await;
    scene.refused("/v1/seals", &wanted(&holding, "personal-seal", &template()), "conflict").await;
    let seal = scene.seals().await[0].clone();
    let again = json!({ "picture": template(), "reason": "again" });
    scene.refused(&format!("{}/replace", path(&seal)), &again, "conflict").await;
    assert_eq!(problem(scene.owner.browser.get(&scene.world, &format!("{}/data", path(&seal))).await).0, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_31_picture_holder_and_certificate_are_signed_together() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let seal = scene.seals().await[0].clone();
    let signed = scene.signed(&seal).await;
    let maker = signed.verify_signature().unwrap();
    pki::validate::Purpose::SealMaker.permits(&maker).unwrap();
    let certificate = format!("/v1/holdings/{}/certificate.cer", holding["holding_id"].as_str().unwrap());
    assert!(signed.holders().contain(&scene.bytes(&certificate).await));
    let picture = scene.bytes(&format!("{}/picture", path(&seal))).await;
    assert_eq!((&signed.picture().data, signed.name()), (&picture, "张三"));
    // The same again, until something changes.
    assert_eq!(scene.signed(&seal).await.as_der(), signed.as_der());
    assert_eq!(signed.validity().1.as_unix(), holding["not_after_ms"].as_u64().unwrap() / 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_31_the_end_of_a_certificate_is_that_of_its_seals() {
    let scene = Scene::new().await;
    let mut asked = national();
    asked["dual"] = true.into();
    let holding = scene.owner.certified(&scene.world, asked).await;
    let consequences = format!("/v1/holdings/{}/consequences", holding["holding_id"].as_str().unwrap());
    let warned = scene.owner.browser.see(&scene.world, &consequences).await;
    let expected = json!({ "seals": 1, "applications": 0, "decryption_ends": true, "irreversible": true });
    assert_eq!(warned, expected);
    let application = scene.owner.applied(&scene.world, about("revoke", &holding)).await;
    let form = scene.owner.browser.see(&scene.world, &format!("{}/form", path_of(&application))).await;
    assert_eq!(form["warnings"], json!(["seals-cancelled", "decryption-ends", "irreversible"]));
    scene.owner.authorised(&scene.world, &application).await;
    review(&scene.world, REVIEWER, &application, true, "").await;
    assert_eq!(scene.seals().await[0]["state"], "cancelled");
    for notice in ["certificate-revoked", "seal-cancelled"] {
        assert_eq!(scene.owner.told(&scene.world, notice).await, 1);
    }
    assert_eq!(scene.owner.browser.see(&scene.world, &consequences).await["seals"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_21_invalid_seals_are_listed_and_come_back_with_a_renewal() {
    let mut scene = Scene::new().await;
    let holding = scene.certified().await;
    let before = scene.signed(&scene.seals().await[0]).await;
    scene.world.clock.advance(366 * DAY_MS);
    scene.world.authorities.expire().await.unwrap();
    scene.world.office.work().await.unwrap();
    scene.owner.browser = log_in(&scene.world, OWNER).await.0;
    assert_eq!(scene.seals().await[0]["state"], "expired");
    let renewed = scene.owner.certified(&scene.world, about("renew", &holding)).await;
    let seal = scene.seals().await[0].clone();
    assert_eq!((&seal["state"], &seal["holding_id"]), (&json!("valid"), &renewed["holding_id"]));
    let after = scene.signed(&seal).await;
    assert_ne!(before.holders(), after.holders());
    after.verify_signature().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_11_the_seal_maker_reviews_and_cleans() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let whole = json!({ "photo": { "attachment_id": scene.photo().await, "whole": true } });
    let seal = scene.made(&holding, "personal-seal", &whole).await;
    let list = super::super::get(&scene.world, "/v1/operator/seals", Some([REVIEWER; 32])).await.1;
    assert_eq!(list["seals"][0]["seal_id"], seal["seal_id"]);
    // Sent back, corrected, cleaned and passed.
    let bare = scene.review_seal(REVIEWER, &seal, &json!({ "passed": false })).await;
    assert_eq!(problem(bare).0, 400);
    let returned =
        scene.review_seal(REVIEWER, &seal, &json!({ "passed": false, "opinion": "no seal" })).await;
    assert_eq!(returned.1["state"], "returned");
    assert_eq!(scene.owner.told(&scene.world, "seal-returned").await, 1);
    let body = json!({ "picture": whole });
    scene.owner.browser.done(&scene.world, &format!("{}/correct", path(&seal)), &body).await;
    for wrong in ["!", "AAAA"] {
        let body = json!({ "passed": true, "picture": wrong });
        assert_eq!(problem(scene.review_seal(REVIEWER, &seal, &body).await).0, 400);
    }
    let preview = json!({ "kind": "personal-seal", "picture": template() });
    let clean =
        scene.owner.browser.done(&scene.world, "/v1/seals/preview", &preview).await["picture"].clone();
    let passed = scene
        .review_seal(REVIEWER, &seal, &json!({ "passed": true, "picture": clean, "opinion": "clean" }))
        .await;
    assert_eq!((&passed.1["state"], &passed.1["opinion"]), (&json!("valid"), &json!("clean")));
    scene.signed(&seal).await.verify_signature().unwrap();
    // Once; and nobody else does.
    let again = json!({ "passed": true });
    assert_eq!(problem(scene.review_seal(REVIEWER, &seal, &again).await).0, 409);
    assert_eq!(problem(scene.review_seal(9, &seal, &again).await).0, 403);
    let picture = format!("/v1/operator/seals/{}/picture", seal["seal_id"].as_str().unwrap());
    assert_eq!(problem(super::super::get(&scene.world, &picture, Some([9; 32])).await).0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seals_are_their_owners_alone_and_bounded() {
    let rules = Rules { seals_at_most: 2, ..Rules::default() };
    let scene = Scene::with(rules, Options::default()).await;
    let holding = scene.certified().await;
    scene.made(&holding, "personal-signature", &template()).await;
    scene.refused("/v1/seals", &wanted(&holding, "personal-signature", &template()), "conflict").await;
    let seal = scene.seals().await[0].clone();
    let (other, _) = log_in(&scene.world, OTHER).await;
    let nobody = Browser { token: String::new(), device: None };
    for rest in ["", "/picture", "/data"] {
        let path = format!("{}{rest}", path(&seal));
        assert_eq!(problem(other.get(&scene.world, &path).await).0, 404, "{path}");
        assert_eq!(problem(nobody.get(&scene.world, &path).await).0, 401, "{path}");
    }
    for (act, body) in [
        ("cancel", json!({})),
        ("delete", json!({})),
        ("replace", json!({ "picture": template(), "reason": "x" })),
        ("correct", json!({ "picture": template() })),
    ] {
        let path = format!("{}/{act}", path(&seal));
        other.refused(&scene.world, &path, &body, 404, "not_found").await;
        nobody.refused(&scene.world, &path, &body, 401, "not_logged_in").await;
    }
    let stranger = Owner::new(&scene.world, OTHER, 12, "李四").await;
    let body = wanted(&holding, "personal-seal", &template());
    stranger.browser.refused(&scene.world, "/v1/seals", &body, 404, "not_found").await;
    for name in ["", " ", &"长".repeat(61)] {
        let mut body = wanted(&holding, "personal-seal", &template());
        body["name"] = name.into();
        scene.refused("/v1/seals", &body, "bad_request").await;
    }
}
