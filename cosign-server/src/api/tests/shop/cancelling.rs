//! Cancelling an account with all that hangs on it.

use super::*;
use crate::{
    api::tests::{
        enterprises::support::{LEGAL, account as account_of, claimed, claimed_by_legal, is_told, review},
        office::{cancelling, citizen, verified},
        operators::ROB,
    },
    domain::office::{
        Id,
        approval::Approval,
        coupon::Coupon,
        membership::Membership,
        order::Order,
        person::Person,
        points::{self, Points},
        preset::Preset,
    },
};

const CANCEL: &str = "/v1/account/cancel";
const PREVIEW: &str = "/v1/account/cancellation";

fn state<E: crate::domain::office::Entity>(entity: &E) -> &'static str {
    crate::domain::office::Named::as_str(entity.state())
}

/// Whether the row of an entity holds something that only the vault can read.
fn has_personal<E: crate::domain::office::Entity>(entity: &E) -> bool {
    let body = serde_json::to_value(entity).unwrap();
    // What the vault encrypts is a long text of hexadecimal digits.
    fn holds(value: &Value) -> bool {
        match value {
            Value::String(text) => text.len() > 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Value::Array(items) => items.iter().any(holds),
            Value::Object(fields) => fields.values().any(holds),
            _ => false,
        }
    }
    holds(&body)
}

#[tokio::test]
async fn n_07_an_account_is_cancelled_once_everything_is_settled() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let (browser, enterprise) = claimed_by_legal(&world, 0).await;
    let account: Id = account_of(&world, &browser).await.parse().unwrap();
    // Bought and asked back, ordered and not paid, given.
    let paid = bought(&world, &browser, &wants("personal", &[(&shop.month, 1)])).await;
    let unpaid = browser.done(&world, "/v1/orders", &wants("personal", &[(&shop.year, 1)])).await;
    let refund = format!("{}/lines/{}/refund", at(&paid), line_of(&paid, 0));
    let asked = browser.done(&world, &refund, &json!({ "reason": "不需要这个套餐了,请退费" })).await;
    let ends_at_ms = world.now_ms() + 86_400_000;
    let coupon =
        json!({ "kind": "coupon", "code": "NEW", "off_fen": 500, "from_fen": 0, "ends_at_ms": ends_at_ms });
    let gifts = format!("/v1/operator/accounts/{account}/gifts");
    let given = posting(&gifts, Some(ADA)).body(coupon.to_string().into()).unwrap();
    assert_eq!(respond(&world, given).await.status(), StatusCode::NO_CONTENT);
    let address = json!({ "receiver": "张三", "phone": "13800138000", "region": "示例市", "detail": "示例路一号", "label": "家" });
    browser.done(&world, "/v1/addresses", &address).await;
    // What stands in the way is said before anything is used up.
    let preview = browser.see(&world, PREVIEW).await;
    let obstacles: Vec<_> =
        preview["obstacles"].as_array().unwrap().iter().map(|one| text(one, "kind")).collect();
    assert_eq!(obstacles, ["enterprise", "order"]);
    assert_eq!((&preview["obstacles"][0]["id"], &preview["enterprises"]), (&json!(enterprise), &json!(1)));
    assert_eq!((&preview["orders"], &preview["coupons"]), (&json!(1), &json!(1)));
    assert_eq!((&preview["points"], &preview["appeal_days"]), (&json!(20), &json!(30)));
    let body = cancelling(&world, LEGAL).await;
    browser.refused(&world, CANCEL, &body, 409, "conflict").await;
    // Somebody else administers it from now on.
    let heir = verified(&world, "13900139008", "接任者乙", &citizen(7)).await;
    let join =
        heir.done(&world, &format!("/v1/enterprises/{enterprise}/join"), &json!({ "reason": "入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", text(&join, "approval_id"));
    browser.done(&world, &decision, &json!({ "pass": true })).await;
    let promoted = json!({ "account_id": account_of(&world, &heir).await });
    browser.done(&world, &format!("/v1/enterprises/{enterprise}/administrators"), &promoted).await;
    browser.refused(&world, CANCEL, &body, 409, "conflict").await;
    let decide = format!("/v1/operator/refunds/{}/decide", text(&asked, "refund_id"));
    op(&world, REA, &decide, &json!({ "approve": true, "opinion": "同意" })).await;
    world.office.work().await.unwrap();
    assert_eq!(browser.see(&world, PREVIEW).await["obstacles"], json!([]));
    // What is not understood is not done, nor without the right code; the code was not used up by any of that.
    let mut unread = body.clone();
    unread["understood"] = false.into();
    browser.refused(&world, CANCEL, &unread, 400, "bad_request").await;
    let mut wrong = body.clone();
    wrong["code"] = if body["code"] == "000000" { "000001" } else { "000000" }.into();
    browser.refused(&world, CANCEL, &wrong, 403, "code_invalid").await;
    assert_eq!(problem(get(&world, PREVIEW, None).await).0, 401);
    assert_eq!(problem(post(&world, CANCEL, None, &body).await).0, 401);
    browser.done(&world, CANCEL, &body).await;
    // At once: no login, no role, nothing waits, nothing can be spent.
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    let membership = Membership::id_of(enterprise.parse().unwrap(), account);
    assert_eq!(state(&world.office.find::<Membership>(membership).await.unwrap().entity), "left");
    let left = heir.see(&world, &format!("/v1/enterprises/{enterprise}")).await;
    assert_eq!((&left["members"], left["administrators"].as_array().unwrap().len()), (&json!(1), 1));
    let order = world.office.find::<Order>(text(&unpaid, "order_id").parse().unwrap()).await.unwrap();
    assert_eq!(state(&order.entity), "cancelled");
    assert_eq!(world.office.find::<Points>(points::id(account)).await.unwrap().entity.usable(), 0);
    let page = crate::domain::page::Page::default();
    let coupons = world.office.under::<Coupon>(account, &page).await.unwrap().items;
    assert_eq!(coupons.iter().map(|one| state(&one.entity)).collect::<Vec<_>>(), ["expired"]);
    // An appeal still finds who it was.
    assert!(world.office.find::<Person>(account).await.unwrap().entity.claim.is_some());
    world.clock.advance(31 * 86_400_000);
    for _ in 0..3 {
        world.office.work().await.unwrap();
    }
    // Later: evidence under a number, and nothing that says whose it was.
    let person = world.office.find::<Person>(account).await.unwrap().entity;
    assert!(person.claim.is_none() && !has_personal(&person));
    for order in [&paid, &unpaid] {
        let order = world.office.find::<Order>(text(order, "order_id").parse().unwrap()).await.unwrap();
        assert!(!has_personal(&order.entity) && order.entity.of.buyer == account);
    }
    assert_eq!(state(&world.office.find::<Membership>(membership).await.unwrap().entity), "erased");
    for preset in world.office.under::<Preset>(account, &page).await.unwrap().items {
        assert!(!has_personal(&preset.entity));
    }
    for approval in world.office.under::<Approval>(account, &page).await.unwrap().items {
        assert!(!has_personal(&approval.entity));
    }
}

#[tokio::test]
async fn c_22_a_paid_order_joins_without_an_administrator() {
    let world = staffed().await;
    let shop = Shop::open(&world).await;
    let (administrator, enterprise) = claimed(&world).await;
    let person = verified(&world, "13900139008", "成员1", &citizen(7)).await;
    let join = format!("/v1/enterprises/{enterprise}/join");
    let with = |order: &Value| json!({ "order_id": order["order_id"] });
    let unpaid = person.done(&world, "/v1/orders", &wants("join", &[(&shop.year, 1)])).await;
    person.refused(&world, &join, &with(&unpaid), 409, "conflict").await;
    let other = bought(&world, &person, &wants("personal", &[(&shop.month, 1)])).await;
    person.refused(&world, &join, &with(&other), 409, "conflict").await;
    pay(&world, &person, &unpaid).await;
    administrator.refused(&world, &join, &with(&unpaid), 404, "not_found").await;
    let asked = person.done(&world, &join, &with(&unpaid)).await;
    assert!(is_told(&world, &administrator, "approval-asked").await);
    let (id, pass) = (text(&asked, "approval_id"), json!({ "pass": true }));
    assert_eq!(review(&world, ADA, id, &pass).await.0, 403);
    assert_eq!(review(&world, ROB, id, &pass).await.0, 204);
    let joined = person.see(&world, "/v1/enterprises").await["enterprises"][0].clone();
    assert_eq!((&joined["state"], &joined["administrator"]), (&json!("active"), &json!(false)));
    // It was used for that, and is not used or paid back again.
    assert_eq!(person.see(&world, &at(&unpaid)).await["state"], "done");
    person.done(&world, &format!("/v1/enterprises/{enterprise}/leave"), &json!({})).await;
    person.refused(&world, &join, &with(&unpaid), 409, "conflict").await;
}
