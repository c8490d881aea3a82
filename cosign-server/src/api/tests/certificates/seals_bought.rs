//! Seals that are applied for and cost something.

use super::{
    super::shop::{at, deposit, text, with},
    bought::{Market, buying},
    *,
};

fn wanted(holding: &Value) -> Value {
    let seal = json!({
        "holding_id": holding["holding_id"], "kind": "personal-signature", "name": "签名",
        "picture": { "template": {} },
    });
    json!({ "seal": seal, "agreement": "1" })
}

fn seal_of(application: &Value) -> String {
    format!("/v1/seals/{}", text(application, "seal_id"))
}

const APPLY: &str = "/v1/seals/apply";

impl Market {
    async fn bearer(&self) -> Value {
        self.certified(buying(on_platform("P1"), &[(&self.shop.month, 1)])).await
    }

    async fn seal(&self, application: &Value) -> Value {
        self.owner.browser.see(&self.world, &seal_of(application)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_09_a_seal_is_bought_and_reviewed() {
    let market = Market::open(Rules::default()).await;
    let Market { world, owner, shop } = &market;
    let holding = market.bearer().await;
    // Uses of seals are sold for the platform.
    owner.browser.refused(world, APPLY, &wanted(&holding), 400, "bad_request").await;
    owner
        .browser
        .refused(world, APPLY, &buying(wanted(&holding), &[(&shop.year, 1)]), 400, "bad_request")
        .await;
    let body = buying(wanted(&holding), &[(&shop.ten, 1)]);
    let (other, _) = log_in(world, OTHER).await;
    other.refused(world, APPLY, &body, 404, "not_found").await;
    let application = owner.browser.done(world, APPLY, &body).await;
    assert_eq!((&application["business"], &application["fee"]), (&json!("seal"), &json!(5_000)));
    assert_eq!(market.seal(&application).await["state"], "applied");
    let unpaid = owner.authorised(world, &application).await;
    assert_eq!(unpaid["state"], "unpaid");
    assert_eq!(market.pays(&unpaid).await["state"], "review");
    // It is the application that the seal maker decides on.
    let alone = format!("/v1/operator{}/review", seal_of(&application).trim_start_matches("/v1"));
    let decided = super::super::post(world, &alone, Some([REVIEWER; 32]), &json!({ "passed": true })).await;
    assert_eq!(problem(decided), (409, "conflict".to_owned()));
    assert_eq!(review(world, REVIEWER, &application, true, "").await.1["state"], "closed");
    assert_eq!(market.seal(&application).await["state"], "valid");
    assert_eq!(market.order(&unpaid).await["state"], "done");
    let left = owner.browser.see(world, "/v1/balances").await;
    let left =
        left["balances"].as_array().unwrap().iter().find(|one| one["service"] == "seal").unwrap().clone();
    assert_eq!((&left["remaining"], owner.told(world, "seal-passed").await), (&json!(10), 1));
    // While some is left, nothing more is to be bought.
    let second = owner.browser.done(world, APPLY, &wanted(&holding)).await;
    assert_eq!(second["fee"], 0);
    assert_eq!(owner.authorised(world, &second).await["state"], "review");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_10_a_seal_is_applied_for_with_papers_and_a_transfer() {
    let market = Market::with(Rules::default(), |rules| with(rules, "attachments", true)).await;
    let Market { world, owner, shop } = &market;
    let body = buying(on_platform("P1"), &[(&shop.month, 1)]);
    let paper = owner.browser.attach(world, PICTURE).await;
    let files = json!({ "attachment_ids": [paper] });
    let hand_in = async |application: &Value| {
        owner.browser.done(world, &format!("{}/attach", path_of(application)), &files).await
    };
    let certificate = owner.applied(world, body).await;
    let unpaid = owner.authorised(world, &certificate).await;
    assert_eq!(market.pays(&unpaid).await["state"], "attachments");
    hand_in(&certificate).await;
    review(world, REVIEWER, &certificate, true, "").await;
    let holding = owner.install(world, &certificate).await.1;
    // Consent, what is bought, the form, the applicant's authorisation.
    let body = buying(wanted(&holding), &[(&shop.ten, 1)]);
    owner.browser.refused(world, APPLY, &with(body.clone(), "agreement", "0"), 403, "consent_missing").await;
    let application = owner.browser.done(world, APPLY, &body).await;
    let form = owner.browser.see(world, &format!("{}/form", path_of(&application))).await;
    assert_eq!(form["lines"][0]["value"], "seal");
    let unpaid = owner.authorised(world, &application).await;
    let order = market.order(&unpaid).await;
    // While the bank is asked, nobody withdraws it.
    let transfer = json!({ "payer": "测试付款单位", "account": "6200000000000000001", "date": "20270115" });
    let path = format!("{}/transfer", at(&order));
    world.money.fail(1);
    owner.browser.refused(world, &path, &transfer, 503, "unavailable").await;
    let withdraw = format!("{}/withdraw", path_of(&application));
    owner.browser.refused(world, &withdraw, &json!({}), 409, "conflict").await;
    deposit(world, &transfer, 5_000).await;
    owner.browser.done(world, &path, &transfer).await;
    // Its papers, the invoice, the review.
    assert_eq!(market.see(&application).await["state"], "attachments");
    assert_eq!(hand_in(&application).await["state"], "review");
    review(world, REVIEWER, &application, true, "").await;
    assert_eq!(market.seal(&application).await["state"], "valid");
    // Of a certificate that has ended there is none.
    let second = owner.browser.done(world, APPLY, &wanted(&holding)).await;
    market.approved(about("revoke", &holding)).await;
    assert_eq!(market.seal(&second).await["state"], "cancelled");
    owner.browser.refused(world, APPLY, &wanted(&holding), 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_18_another_picture_is_applied_for_and_paid_by_transfer() {
    let market = Market::open(Rules::default()).await;
    let Market { world, owner, shop } = &market;
    let holding = market.bearer().await;
    market.fee("seal", &shop.seal, "seal-change", 1_000).await;
    let seals = owner.browser.see(world, "/v1/seals").await;
    let seal = seals["seals"][0].clone();
    assert_eq!(seal["holding_id"], holding["holding_id"]);
    let path = format!("/v1/seals/{}/apply-change", text(&seal, "seal_id"));
    let body =
        json!({ "picture": { "template": { "in_line": true } }, "reason": "更换印模", "agreement": "1" });
    owner.browser.refused(world, &path, &with(body.clone(), "reason", " "), 400, "bad_request").await;
    let (other, _) = log_in(world, OTHER).await;
    other.refused(world, &path, &body, 404, "not_found").await;
    let application = owner.browser.done(world, &path, &body).await;
    assert_eq!((&application["business"], &application["fee"]), (&json!("seal-change"), &json!(1_000)));
    owner.browser.refused(world, &path, &body, 409, "conflict").await;
    // The old one is in force, and whoever changes their mind keeps it.
    let now = market.seal(&application).await;
    assert_eq!((&now["state"], &now["version"]), (&json!("replacing"), &json!(1)));
    owner.browser.done(world, &format!("{}/withdraw", path_of(&application)), &json!({})).await;
    assert_eq!(market.seal(&application).await["state"], "valid");
    // The form is stamped and scanned; it is paid by transfer only.
    let application = owner.browser.done(world, &path, &body).await;
    let scan = owner.browser.attach(world, PICTURE).await;
    let confirm = json!({ "form_attachment_id": scan });
    owner.browser.done(world, &format!("{}/confirm", path_of(&application)), &confirm).await;
    let (code_id, code) = code(world, OWNER, "apply").await;
    let authorise = format!("{}/authorise", path_of(&application));
    let unpaid = owner.browser.done(world, &authorise, &json!({ "code_id": code_id, "code": code })).await;
    let order = market.order(&unpaid).await;
    let channel = json!({ "channel": "wechat" });
    owner.browser.refused(world, &format!("{}/pay", at(&order)), &channel, 409, "conflict").await;
    let transfer = json!({ "payer": "测试付款单位", "account": "6200000000000000001", "date": "20270115" });
    deposit(world, &transfer, 1_000).await;
    owner.browser.done(world, &format!("{}/transfer", at(&order)), &transfer).await;
    assert_eq!(review(world, REVIEWER, &application, true, "").await.1["state"], "closed");
    let now = market.seal(&application).await;
    assert_eq!((&now["state"], &now["version"]), (&json!("valid"), &json!(2)));
}
