//! Applications, from the form to the installation.

use super::*;
use crate::{
    api::tests::{ca::authority, office::PICTURE},
    domain::office::rules::PlatformTerms,
};

type Refusal = (u16, String);

fn conflict() -> Refusal {
    (409, "conflict".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_03_apply_for_a_personal_certificate() {
    let Scene { world, owner } = Scene::new().await;
    let application = owner.applied(&world, on_platform("hubei")).await;
    assert_eq!((&application["state"], &application["holder"]), (&json!("draft"), &json!("person")));
    let authorised = owner.authorised(&world, &application).await;
    assert_eq!(authorised["state"], "review");
    assert_eq!(problem(owner.install(&world, &application).await), conflict());
    review(&world, REVIEWER, &application, true, "given").await;
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    let holding = owner.holding(&world, installed["holding_id"].as_str().unwrap()).await;
    assert_eq!((&holding["state"], &holding["platform"]), (&json!("valid"), &json!("hubei")));
    // Named after the verified person, whatever the certification request says.
    assert!(holding["subject"].as_str().unwrap().contains("张三"), "{holding}");
    assert!(!holding["subject"].as_str().unwrap().contains("whoever"));
    let closed = owner.browser.see(&world, &path_of(&application)).await;
    assert_eq!((&closed["state"], &closed["gave"]), (&json!("closed"), &holding["holding_id"]));
    // One certificate for a platform.
    let mut again = on_platform("hubei");
    again["agreement"] = "1".into();
    owner.browser.refused(&world, "/v1/applications", &again, 409, "conflict").await;
    // Whoever is not verified applies for nothing.
    let (stranger, _) = log_in(&world, OTHER).await;
    stranger.refused(&world, "/v1/applications", &again, 403, "not_verified").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_07_platform_authority_and_validity_are_chosen() {
    let terms = |authorities: &[&str]| PlatformTerms {
        authorities: authorities.iter().map(|one| (*one).to_owned().try_into().unwrap()).collect(),
        attachments: false,
    };
    let named = |name: &str| crate::domain::office::holding::Platform::try_from(name.to_owned()).unwrap();
    let platforms = [(named("one"), terms(&["demo"])), (named("any"), terms(&[]))].into();
    let Scene { world, owner } =
        Scene::with(Rules { platforms, ..Rules::default() }, Options::default()).await;
    authority(&world, "other", Options::default()).await;
    let mut asked = on_platform("one");
    asked["agreement"] = "1".into();
    asked["authority"] = "other".into();
    owner.browser.refused(&world, "/v1/applications", &asked, 409, "conflict").await;
    asked["platform"] = "none".into();
    owner.browser.refused(&world, "/v1/applications", &asked, 400, "bad_request").await;
    asked["platform"] = "any".into();
    for (years, code) in [(0, "bad_request"), (6, "bad_request")] {
        asked["years"] = years.into();
        owner.browser.refused(&world, "/v1/applications", &asked, 400, code).await;
    }
    asked["years"] = 2.into();
    let holding = owner.certified(&world, asked).await;
    assert_eq!(holding["authority"], "other");
    let days = (holding["not_after_ms"].as_u64().unwrap() - world.now_ms()) / 86_400_000;
    assert!((729..=730).contains(&days), "{days}");
    let mut asked = national();
    asked["agreement"] = "1".into();
    asked["authority"] = "nobody".into();
    owner.browser.refused(&world, "/v1/applications", &asked, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_08_consent_is_part_of_every_application() {
    let Scene { world, owner } = Scene::new().await;
    let mut asked = national();
    owner.browser.refused(&world, "/v1/applications", &asked, 400, "bad_request").await;
    asked["agreement"] = "0".into();
    owner.browser.refused(&world, "/v1/applications", &asked, 403, "consent_missing").await;
    let holding = owner.certified(&world, national()).await;
    let mut end = about("revoke", &holding);
    end["agreement"] = "0".into();
    owner.browser.refused(&world, "/v1/applications", &end, 403, "consent_missing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_09_the_form_is_filled_from_what_was_verified_and_confirmed() {
    let Scene { world, owner } = Scene::new().await;
    let application = owner.applied(&world, on_platform("hubei")).await;
    let path = path_of(&application);
    let form = owner.browser.see(&world, &format!("{path}/form")).await;
    let line = |name: &str| {
        let lines = form["lines"].as_array().unwrap();
        lines.iter().find(|line| line["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!((line("name"), line("number")), ("张三".to_owned(), format!("1****{}", &owner.citizen[17..])));
    assert_eq!((line("phone"), line("platform")), ("+86138****8000".to_owned(), "hubei".to_owned()));
    // Nothing goes on before it is confirmed, and it is confirmed once.
    let (code_id, text) = code(&world, OWNER, "apply").await;
    let with_code = json!({ "code_id": code_id, "code": text });
    owner.browser.refused(&world, &format!("{path}/authorise"), &with_code, 409, "conflict").await;
    let done = owner.browser.done(&world, &format!("{path}/confirm"), &json!({})).await;
    assert_eq!(done["state"], "authorising");
    owner.browser.refused(&world, &format!("{path}/confirm"), &json!({}), 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_10_the_form_is_signed_by_hand_online() {
    let Scene { world, owner } = Scene::new().await;
    let application = owner.applied(&world, national()).await;
    let confirm = format!("{}/confirm", path_of(&application));
    let (other, _) = log_in(&world, OTHER).await;
    let foreign = other.attach(&world, PICTURE).await;
    let body = json!({ "form_attachment_id": foreign });
    owner.browser.refused(&world, &confirm, &body, 404, "not_found").await;
    let drawn = owner.browser.attach(&world, PICTURE).await;
    let done = owner.browser.done(&world, &confirm, &json!({ "form_attachment_id": drawn })).await;
    assert_eq!(done["form_attachment_id"], json!(drawn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_12_files_only_where_the_platform_demands_them() {
    let platform = crate::domain::office::holding::Platform::try_from("strict".to_owned()).unwrap();
    let terms = PlatformTerms { attachments: true, ..PlatformTerms::default() };
    let rules = Rules { platforms: [(platform, terms)].into(), ..Rules::default() };
    let Scene { world, owner } = Scene::with(rules, Options::default()).await;
    let application = owner.applied(&world, on_platform("strict")).await;
    let authorised = owner.authorised(&world, &application).await;
    assert_eq!(authorised["state"], "attachments");
    let attach = format!("{}/attach", path_of(&application));
    owner.browser.refused(&world, &attach, &json!({ "attachment_ids": [] }), 400, "bad_request").await;
    let file = owner.browser.attach(&world, PICTURE).await;
    let many = vec![file.clone(); 11];
    owner.browser.refused(&world, &attach, &json!({ "attachment_ids": many }), 400, "bad_request").await;
    let done = owner.browser.done(&world, &attach, &json!({ "attachment_ids": [file] })).await;
    assert_eq!((&done["state"], &done["attachment_ids"]), (&json!("review"), &json!([file])));
    // The reviewer sees it with the form, and no other file.
    let seen = format!("/v1/operator/applications/{}", application["application_id"].as_str().unwrap());
    let asked = async |rest: &str, device: u8| {
        let asked = request(Method::GET, &format!("{seen}/{rest}"), Some([device; 32]));
        super::super::respond(&world, asked.body(Body::empty()).unwrap()).await.status().as_u16()
    };
    let other = owner.browser.attach(&world, PICTURE).await;
    for (rest, device, status) in [
        ("form".to_owned(), REVIEWER, 200),
        (format!("files/{file}"), REVIEWER, 200),
        (format!("files/{other}"), REVIEWER, 404),
        (format!("files/{file}"), 9, 403),
        ("form".to_owned(), 9, 403),
    ] {
        assert_eq!(asked(&rest, device).await, status, "{rest} by {device}");
    }
    // Everywhere else there is no such step.
    let other = owner.applied(&world, national()).await;
    assert_eq!(owner.authorised(&world, &other).await["state"], "review");
    let path = format!("{}/attach", path_of(&other));
    owner.browser.refused(&world, &path, &json!({ "attachment_ids": [file] }), 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_13_the_applicant_authorises_by_sms_code() {
    let Scene { world, owner } = Scene::new().await;
    let application = owner.applied(&world, national()).await;
    let path = path_of(&application);
    owner.browser.done(&world, &format!("{path}/confirm"), &json!({})).await;
    let authorise = format!("{path}/authorise");
    let refused = async |(code_id, text): (String, String)| {
        let body = json!({ "code_id": code_id, "code": text });
        owner.browser.refused(&world, &authorise, &body, 403, "code_invalid").await;
    };
    // Of another purpose, of another phone, wrong.
    refused(code(&world, OWNER, "login").await).await;
    refused(code(&world, OTHER, "apply").await).await;
    let (code_id, text) = code(&world, OWNER, "apply").await;
    let wrong = if text == "000000" { "000001" } else { "000000" };
    refused((code_id, wrong.to_owned())).await;
    // It can be postponed.
    assert_eq!(owner.browser.see(&world, &path).await["state"], "authorising");
    world.clock.advance(3 * 60_000);
    let (code_id, text) = code(&world, OWNER, "apply").await;
    let done = owner.browser.done(&world, &authorise, &json!({ "code_id": code_id, "code": text })).await;
    assert_eq!(done["state"], "review");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_14_the_authority_reviews_and_the_applicant_is_told() {
    let Scene { world, owner } = Scene::new().await;
    let application = owner.applied(&world, national()).await;
    let none = review(&world, REVIEWER, &application, true, "").await;
    assert_eq!(problem(none), conflict(), "it was not handed in");
    owner.authorised(&world, &application).await;
    let waiting = super::super::get(&world, "/v1/operator/applications", Some([REVIEWER; 32])).await.1;
    assert_eq!(waiting["applications"][0]["application_id"], application["application_id"]);
    let bare = review(&world, REVIEWER, &application, false, " ").await;
    assert_eq!(problem(bare), (400, "bad_request".to_owned()));
    let long = "长".repeat(501);
    let long = review(&world, REVIEWER, &application, false, &long).await;
    assert_eq!(problem(long), (400, "bad_request".to_owned()));
    review(&world, REVIEWER, &application, false, "the letter is missing").await;
    assert_eq!(owner.told(&world, "application-returned").await, 1);
    let returned = owner.browser.see(&world, &path_of(&application)).await;
    assert_eq!(
        (&returned["state"], &returned["opinions"][0]["words"]),
        (&json!("returned"), &json!("the letter is missing"))
    );
    // Corrected and handed in again.
    owner.browser.done(&world, &format!("{}/confirm", path_of(&application)), &json!({})).await;
    let passed = review(&world, REVIEWER, &application, true, "").await.1;
    assert_eq!(passed["state"], "approved");
    assert_eq!(owner.told(&world, "application-approved").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_15_only_the_first_certificate_is_reviewed() {
    let Scene { world, owner } = Scene::new().await;
    owner.certified(&world, on_platform("one")).await;
    let second = owner.applied(&world, on_platform("two")).await;
    assert_eq!(owner.authorised(&world, &second).await["state"], "approved");
    // Unless every one is to be.
    let rules = Rules { review_first_only: false, ..Rules::default() };
    let Scene { world, owner } = Scene::with(rules, Options::default()).await;
    owner.certified(&world, on_platform("one")).await;
    let second = owner.applied(&world, on_platform("two")).await;
    assert_eq!(owner.authorised(&world, &second).await["state"], "review");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_16_what_is_approved_is_installed_once_on_the_device() {
    let Scene { world, owner } = Scene::new().await;
    let mut asked = national();
    asked["dual"] = true.into();
    let application = owner.applied(&world, asked).await;
    owner.authorised(&world, &application).await;
    review(&world, REVIEWER, &application, true, "").await;
    let install = format!("{}/install", path_of(&application));
    // Not without the device, not with a key of somebody else, not without a key for the decryption key.
    let csr = owner.csr(&world).await;
    owner.browser.refused(&world, &install, &json!({ "csr": csr }), 401, "no_client_certificate").await;
    let other = Phone::enrolled(&world, 10).await;
    let (_, foreign) = other.key(&world, Purpose::Sign).await;
    let foreign = csr_of(&world, &other, &foreign, "whoever").await;
    let refused = owner.with_device(&world, &install, &json!({ "csr": foreign })).await;
    assert_eq!(problem(refused), conflict());
    let refused = owner.with_device(&world, &install, &json!({ "csr": csr })).await;
    assert_eq!(problem(refused).0, 400);
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    assert!(installed["key_id"].is_string() && installed["enveloped_key"].is_string());
    assert_eq!(problem(owner.install(&world, &application).await), conflict());
    assert_eq!(owner.told(&world, "certificate-installed").await, 1);
    let here = owner.see_with_device(&world, "/v1/holdings").await;
    assert_eq!(here["holdings"][0]["here"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_04_two_parties_review_in_turn() {
    let options = Options { reviewers: 2, ..Options::default() };
    let Scene { world, owner } = Scene::with(Rules::default(), options).await;
    reviewer(&world, SECOND, "Rob").await;
    let application = owner.applied(&world, national()).await;
    owner.authorised(&world, &application).await;
    assert_eq!(review(&world, REVIEWER, &application, true, "").await.1["state"], "review");
    assert_eq!(problem(review(&world, REVIEWER, &application, true, "").await), conflict());
    assert_eq!(review(&world, SECOND, &application, true, "").await.1["state"], "approved");
    // The second one may send it back, and then both look again.
    let Scene { world, owner } =
        Scene::with(Rules::default(), Options { reviewers: 2, ..Options::default() }).await;
    reviewer(&world, SECOND, "Rob").await;
    let application = owner.applied(&world, national()).await;
    owner.authorised(&world, &application).await;
    review(&world, REVIEWER, &application, true, "").await;
    assert_eq!(review(&world, SECOND, &application, false, "no").await.1["state"], "returned");
    owner.browser.done(&world, &format!("{}/confirm", path_of(&application)), &json!({})).await;
    assert_eq!(review(&world, SECOND, &application, true, "").await.1["state"], "review");
}
