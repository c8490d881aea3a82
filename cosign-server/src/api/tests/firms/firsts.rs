//! The seals that come with the first certificate of an enterprise.

use super::*;

/// A sheet of paper with a red mark.
pub(super) fn photo() -> Vec<u8> {
    let (width, height) = (160_u32, 160_u32);
    let mut sheet = vec![255; (width * height * 4) as usize];
    for (index, pixel) in sheet.chunks_exact_mut(4).enumerate() {
        let index = u32::try_from(index).unwrap();
        let (x, y) = (index % width, index / width);
        let from_centre = x.abs_diff(80).pow(2) + y.abs_diff(80).pow(2);
        if (2500..3600).contains(&from_centre) {
            pixel.copy_from_slice(&[220, 20, 20, 255]);
        }
    }
    let size = ::seal::geometry::Size { width: 42.0, height: 42.0 };
    ::seal::picture::Picture::new(size, width, height, sheet).unwrap().to_png().unwrap()
}

impl Company {
    /// One whose claim brought pictures of its seal and of the signature of its legal representative.
    async fn brought() -> Self {
        let scene = Scene::new(Options::default()).await;
        let world = &scene.world;
        let reviewer = Phone::enrolled(world, REVIEWER[0]).await;
        world.grants.grant(&reviewer.device.id, name("Ria"), Role::Reviewer).await.unwrap();
        let firm = firm(0);
        let legal = verified(world, LEGAL, &firm.legal_name, &firm.legal_number).await;
        let mut form = crate::api::tests::enterprises::support::form(world, &legal, &firm).await;
        form["seal"] = legal.attach(world, &photo()).await.into();
        form["signature"] = legal.attach(world, &photo()).await.into();
        let claim = legal.done(world, "/v1/claims", &form).await;
        let sign = format!("/v1/claims/{}/sign", claim["claim_id"].as_str().unwrap());
        let claim = legal.done(world, &sign, &signing(world, LEGAL).await).await;
        let (user, done) = log_in_on(world, LEGAL, Some(DEVICE)).await;
        let account = done["account_id"].as_str().unwrap().to_owned();
        let client = client(world).await;
        let id = claim["enterprise_id"].as_str().unwrap().to_owned();
        let stage = Stage { scene, client, user, account, certificate: Value::Null };
        Self { stage, id, holding: String::new() }
    }

    pub(super) async fn bytes(&self, path: &str) -> Vec<u8> {
        use http_body_util::BodyExt as _;
        let asked = self.stage.user.asks(Method::GET, path).body(Body::empty()).unwrap();
        let response = crate::api::tests::respond(self.world(), asked).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    pub(super) async fn status(&self, path: &str) -> u16 {
        self.stage.user.asked_for(self.world(), path).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_02_the_first_seals_are_made_of_what_the_claim_brought() {
    let mut company = Company::brought().await;
    assert!(company.seals().await.is_empty());
    company.holding = company.installed(&company.approved(None).await).await;
    let seals = company.seals().await;
    let of = |kind: &str| seals.iter().find(|seal| seal["kind"] == kind).unwrap().clone();
    let (sealed, signature, legal) = (of("company"), of("legal-signature"), of("legal-seal"));
    assert_eq!((&sealed["state"], &sealed["made_of"]), (&json!("review"), &json!("photo")));
    assert_eq!((&signature["state"], &legal["state"]), (&json!("review"), &json!("valid")));
    // The seal maker cuts them out.
    let (_, waiting) = crate::api::tests::get(company.world(), "/v1/operator/seals", Some(REVIEWER)).await;
    assert_eq!(waiting["seals"].as_array().unwrap().len(), 2);
    for seal in [&sealed, &signature] {
        let review = format!("/v1/operator/seals/{}/review", seal["seal_id"].as_str().unwrap());
        let (status, passed) =
            post(company.world(), &review, Some(REVIEWER), &json!({ "passed": true })).await;
        assert_eq!((status, &passed["state"]), (StatusCode::OK, &json!("valid")));
    }
    // Not again with the second certificate.
    company.installed(&company.approved(Some("hubei")).await).await;
    assert_eq!(company.seals().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_02_what_the_claim_did_not_bring_is_drawn() {
    let company = Company::new().await;
    let seals = company.seals().await;
    let found: Vec<_> = seals.iter().map(|seal| (seal["kind"].clone(), seal["state"].clone())).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    for kind in ["company", "legal-seal"] {
        assert!(found.contains(&(json!(kind), json!("valid"))), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_08_pictures_of_the_claim_become_the_first_seals() {
    use crate::api::tests::enterprises::support::{REVIEWERS, citizen, form, newest, phone, staff};
    let mut company = Company::brought().await;
    company.holding = company.installed(&company.approved(None).await).await;
    let kinds: Vec<_> = company.seals().await.iter().map(|seal| seal["kind"].clone()).collect();
    assert!(kinds.contains(&json!("company")) && kinds.contains(&json!("legal-signature")), "{kinds:?}");
    // Only one's own pictures go with a claim, and whoever decides on it sees them.
    let world = company.world();
    staff(world).await;
    let other = verified(world, &phone(3), "路人丙", &citizen(3)).await;
    let mut body = form(world, &other, &firm(3)).await;
    for field in ["seal", "signature"] {
        let mut foreign = body.clone();
        foreign[field] = company.stage.user.attach(world, &photo()).await.into();
        other.refused(world, "/v1/claims", &foreign, 404, "not_found").await;
        body[field] = other.attach(world, &photo()).await.into();
    }
    let claim = other.done(world, "/v1/claims", &body).await;
    let submit = format!("/v1/claims/{}/submit", claim["claim_id"].as_str().unwrap());
    other.done(world, &submit, &json!({})).await;
    let asked = newest(world, &other).await;
    let path = format!("/v1/operator/approvals/{}", asked["approval_id"].as_str().unwrap());
    let (_, seen) = crate::api::tests::get(world, &format!("{path}/claim"), Some(REVIEWERS[0])).await;
    for field in ["seal", "signature"] {
        assert_eq!(seen[field], body[field]);
        let file = format!("{path}/files/{}", seen[field].as_str().unwrap());
        let asked = crate::api::tests::request(Method::GET, &file, Some(REVIEWERS[0]));
        let response = crate::api::tests::respond(world, asked.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{file}");
    }
}
