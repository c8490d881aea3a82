//! From the first registration to an enterprise and a certificate.

use std::collections::BTreeSet;

use cosign_tests::people::{
    Certified, Market, PICTURE, Platform, Stage, User, citizen,
    desk::{path, review},
    platform::is_signed,
    text,
};
use seal::ses::ElectronicSeal;
use serde_json::{Value, json};

const PASSWORD: &str = "Correct-horse7";
const NAME: &str = "吴九";

/// What a claim of the enterprise `which` of the register says.
pub(super) fn form(user: &User, firm: &Value, legal: (&str, &str, &str)) -> Value {
    let (name, number, phone) = legal;
    json!({
        "kind": "company", "name": firm["name"], "uscc": firm["uscc"], "legal_name": name,
        "legal_document": "id-card", "legal_number": number, "legal_phone": phone,
        "licence_long_term": true, "licence": user.attach(), "letter": [user.attach()],
    })
}

/// What the register knows by a part of a name, percent-encoded.
pub(super) fn found(user: &User, text: &str) -> Value {
    let bytes: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    user.get(&format!("/v1/enterprise-search?text={bytes}"))["enterprises"][0].clone()
}

/// Registered with a phone: nobody gets anywhere without having agreed, and without the code.
fn registered(stage: &Stage) -> User {
    let mut user = stage.newcomer();
    let mut shown = user.code("login");
    shown["device"] = "a phone".into();
    user.refused("/v1/sessions", &shown, "consent_missing");
    let code = user.code("login");
    let wrong = if code["code"] == "000000" { "000001" } else { "000000" };
    for (member, value) in [("agreement", "1"), ("code", wrong)] {
        shown[member] = value.into();
    }
    shown["code_id"] = code["code_id"].clone();
    user.refused("/v1/sessions", &shown, "code_invalid");
    assert_eq!(user.log_in_with(code.clone())["registered"], true);
    shown["code"] = code["code"].clone();
    user.refused("/v1/sessions", &shown, "code_invalid");
    let mut password = user.code("password");
    password["password"] = PASSWORD.into();
    user.post("/v1/account/password", &password);
    assert_eq!(user.get("/v1/account")["has_password"], true);
    user
}

/// Verified by the face, which has to show what it is told to.
fn verified(user: &User) {
    let new = json!({ "business": "new", "authority": "demo", "dual": true, "agreement": "1" });
    user.refused("/v1/applications", &new, "not_verified");
    let said = json!({
        "method": "digits", "document": "id-card", "name": NAME, "number": citizen(700), "agreement": "1",
    });
    user.post("/v1/person", &said);
    assert_eq!(user.post_bytes("/v1/person/face", PICTURE)["finding"], "face-refused");
    user.shows_face(NAME, 700);
    assert_eq!(user.notices()[0], "person-verified");
}

fn passed() -> Value {
    json!({ "pass": true, "words": "给予通过" })
}

/// Claimed by letter; returned once, and then passed by two.
fn claimed(stage: &Stage, user: &User) -> String {
    let firm = found(user, "云中示例建设");
    let claim = user.post("/v1/claims", &form(user, &firm, ("钱十", &citizen(999), "13900139998")));
    // The register says otherwise, so that operators have to look at it.
    assert_eq!(claim["registered"], false);
    let claim = format!("/v1/claims/{}", text(&claim["claim_id"]));
    user.post(&format!("{claim}/form"), &form(user, &firm, ("张三", &citizen(900), "13900139998")));
    assert_eq!(user.get(&claim)["registered"], true);
    user.post(&format!("{claim}/submit"), &json!({}));
    let asked = || text(&user.get("/v1/approvals")["approvals"][0]["approval_id"]);
    let decision = |approval: &str| format!("/v1/operator/approvals/{approval}/decision");
    let [first, second] = &stage.reviewers;
    let seen = first.get(&format!("/v1/operator/approvals/{}/claim", asked()));
    assert_eq!((&seen["name"], &seen["registered"]), (&firm["name"], &json!(true)));
    let returned = json!({ "pass": false, "ground": "incomplete", "words": "授权书不清晰" });
    first.post(&decision(&asked()), &returned);
    assert_eq!(user.notices()[0], "approval-returned");
    assert_eq!(user.get(&claim)["state"], "draft");
    user.post(&format!("{claim}/form"), &form(user, &firm, ("张三", &citizen(900), "13900139998")));
    user.post(&format!("{claim}/submit"), &json!({}));
    let again = decision(&asked());
    first.post(&again, &passed());
    first.refused(&again, &passed(), "conflict");
    assert_eq!(user.get(&claim)["state"], "review");
    second.post(&again, &passed());
    let claim = user.get(&claim);
    assert_eq!(claim["state"], "accepted");
    assert!(user.notices().contains(&"enterprise-founded".to_owned()));
    text(&claim["enterprise_id"])
}

/// Paid at the channel; what it says twice counts once.
fn paid(market: &Market, user: &User) {
    let order = market.order(user, "personal", &[&market.uses]);
    let path = format!("/v1/orders/{}", text(&order["order_id"]));
    let payment = user.post(&format!("{path}/pay"), &json!({ "channel": "alipay" }));
    let said = market.press(&payment, true)["notice"].clone();
    for _ in 0..3 {
        user.post("/v1/payments/alipay/notify", &said);
    }
    let mut forged = said;
    forged["text"] = text(&forged["text"]).replace("2000", "2001").into();
    user.refused("/v1/payments/alipay/notify", &forged, "signature_invalid");
    assert_eq!(user.get(&path)["state"], "paid");
    assert_eq!(market.balance(user)["remaining"], 3);
    assert_eq!(user.get("/v1/points")["usable"], 20);
}

/// An enterprise with its certificate on the phone of its administrator.
struct Firm {
    id: String,
    certified: Certified,
    platform: Platform,
}

impl Firm {
    /// Acts for it at a platform.
    fn logs_in(&self, user: &User) {
        let scan = user.scan(&self.platform.code("login", json!({ "identity": "enterprise" })));
        let mut name = self.certified.name();
        user.refused(&path(&scan, "/choose"), &name, "conflict");
        name["enterprise_id"] = self.id.clone().into();
        let scan = user.post(&path(&scan, "/choose"), &name);
        user.confirm(&scan, &self.certified, false);
        let seen = self.platform.scan(&scan);
        assert_eq!((&seen["state"], &seen["identity"]), (&json!("succeeded"), &json!("enterprise")));
        assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    }
}

fn for_the_enterprise(stage: &Stage, user: &User, enterprise: &str) -> Firm {
    let id = text(&user.get(enterprise)["enterprise_id"]);
    let wanted = json!({ "business": "new", "authority": "demo", "dual": true, "enterprise_id": id });
    let application = user.apply(wanted);
    assert_eq!(user.authorise(&application)["state"], "review");
    assert_eq!(review(&stage.reviewers[0], &application, true, "")["state"], "approved");
    let (certified, _) = user.install(&application, &user.phone().make_key("enterprise"));
    assert!(text(&certified.holding["subject"]).contains("云中示例建设工程有限公司"));
    let firm = Firm { id, certified, platform: Platform::new(&stage.folder, "P-ENTERPRISE") };
    firm.logs_in(user);
    firm
}

#[test]
fn s_4_1_first_registration_to_the_first_certificate() {
    let stage = Stage::new();
    let user = registered(&stage);
    verified(&user);
    let enterprise = format!("/v1/enterprises/{}", claimed(&stage, &user));
    let market = stage.market("P-FIRST", 3);
    paid(&market, &user);

    // Approved, downloaded with a new PIN; the first seal comes with it.
    let certified = user.certified(&stage.reviewers[0]);
    assert!(text(&certified.holding["subject"]).contains(NAME));
    assert!(
        certified.opener.is_some(),
        "the key centre made the decryption key, and it was split on arrival"
    );
    let seal = user.get("/v1/seals")["seals"][0].clone();
    assert_eq!((&seal["kind"], &seal["state"]), (&json!("personal-seal"), &json!("valid")));
    let data = user.bytes(&format!("/v1/seals/{}/data", text(&seal["seal_id"])));
    let maker = ElectronicSeal::parse(&data).unwrap().verify_signature().unwrap();
    pki::validate::Purpose::SealMaker.permits(&maker).unwrap();

    // The enterprise's own certificate, for which the user acts from then on.
    let firm = for_the_enterprise(&stage, &user, &enterprise);

    // A server that is killed has forgotten nothing, and the log says what was done.
    stage.cut_the_power();
    assert_eq!(user.get(&enterprise)["members"], 1);
    let log = user.get("/v1/operations");
    let done: BTreeSet<_> =
        log["operations"].as_array().unwrap().iter().map(|one| text(&one["kind"])).collect();
    for kind in ["account", "person", "claim", "application", "order"] {
        assert!(done.contains(kind), "{kind}: {done:?}");
    }
    let code = market.platform.code("login", json!({}));
    user.confirm(&user.chosen(&code, &certified), &certified, false);
    let seen = market.platform.scan(&code);
    assert!(is_signed(&seen["certificate_pem"], &seen["agreement"], &seen["consent"]));
    assert_eq!(market.balance(&user)["remaining"], 2);
    firm.logs_in(&user);
    // But for the name, which the certificate says.
    stage.has_nothing_in_the_clear(&[&citizen(700), user.number(), PASSWORD]);
}
