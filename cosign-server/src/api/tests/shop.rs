//! What is offered, bought, used, paid back and invoiced.

mod bills;
mod cancelling;
mod catalogue;
mod given;
mod metering;
mod money;
mod orders;

use serde_json::{Value, json};

use super::{
    office::{Browser, log_in},
    operators::{ADA, REA, post_as, staff, staffed},
    *,
};

/// Does something as an operator, and gives what came of it.
pub(super) async fn op(world: &World, device: [u8; 32], path: &str, body: &Value) -> Value {
    let (status, answer) = post_as(world, device, path, None, body).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

pub(super) async fn entry(world: &World, item: Value) -> String {
    world.clock.advance(1);
    let added = op(world, ADA, "/v1/operator/catalogue", &item).await;
    added["entry_id"].as_str().unwrap().to_owned()
}

/// A trading platform of a catalogue.
pub(super) async fn platform(world: &World) -> String {
    Shop::open(world).await.platform
}

/// A catalogue to buy from.
pub(super) struct Shop {
    pub(super) region: String,
    pub(super) platform: String,
    pub(super) ca: String,
    pub(super) seal: String,
    /// One month and one year of certificates, ten seals, for a person.
    pub(super) month: String,
    pub(super) year: String,
    pub(super) ten: String,
}

fn rules(institutions: &[&String]) -> Value {
    json!({
        "attachments": false, "review": false, "unique_certificate": true, "invoice_after_download": false,
        "mutual": true, "institutions": institutions,
    })
}

pub(super) fn package(platform: &str, institution: &str, service: &str, name: &str, price_fen: u64) -> Value {
    json!({
        "kind": "package", "platform": platform, "institution": institution, "service": service,
        "buyer": "person", "renewal": false, "name": name, "price_fen": price_fen,
    })
}

pub(super) fn with(mut value: Value, field: &str, is: impl Into<Value>) -> Value {
    value[field] = is.into();
    value
}

impl Shop {
    pub(super) async fn open(world: &World) -> Self {
        Self::with_rules(world, |rules| rules).await
    }

    pub(super) async fn with_rules(world: &World, change: impl FnOnce(Value) -> Value) -> Self {
        let region =
            json!({ "kind": "region", "code": "650000", "name": "新疆", "place": [438_000, 876_000] });
        let region = entry(world, region).await;
        let institution = |service: &str, code: &str, name: &str| json!({ "kind": "institution", "service": service, "code": code, "name": name });
        let ca = entry(world, institution("ca", "CA1", "测试认证机构")).await;
        let seal = entry(world, institution("seal", "SEAL1", "测试印章机构")).await;
        let platform = json!({
            "kind": "platform", "region": region, "code": "P1", "name": "测试交易平台", "platform_kind": "tender",
            "systems": ["投标系统", "开标大厅"], "client": null, "rules": change(rules(&[&ca, &seal])),
        });
        let platform = entry(world, platform).await;
        let month = with(package(&platform, &ca, "ca", "一个月", 2_000), "months", 1);
        let year = with(package(&platform, &ca, "ca", "一年", 20_000), "months", 12);
        let ten = with(package(&platform, &seal, "seal", "十次", 5_000), "uses", 10);
        let (month, year, ten) =
            (entry(world, month).await, entry(world, year).await, entry(world, ten).await);
        Self { region, platform, ca, seal, month, year, ten }
    }
}

fn names(answer: &Value) -> Vec<&str> {
    answer["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["item"]["name"].as_str().unwrap())
        .collect()
}

const PHONE: &str = "13800138000";

async fn buyer(world: &World) -> Browser {
    log_in(world, PHONE).await.0
}

fn wants(business: &str, lines: &[(&String, u32)]) -> Value {
    let line = |(package, quantity): &(&String, u32)| json!({ "package_id": package, "quantity": quantity });
    json!({ "business": business, "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

/// The path of an order.
pub(super) fn at(order: &Value) -> String {
    format!("/v1/orders/{}", text(order, "order_id"))
}

/// Presses the button of a payment.
async fn press(world: &World, payment: &Value, paid: bool) -> Value {
    let (status, pressed) = post(world, text(payment, "page"), None, &json!({ "paid": paid })).await;
    assert_eq!(status, StatusCode::OK, "{pressed}");
    pressed
}

pub(super) async fn pay(world: &World, browser: &Browser, order: &Value) -> Value {
    let path = format!("{}/pay", at(order));
    let payment = browser.done(world, &path, &json!({ "channel": "wechat" })).await;
    press(world, &payment, true).await["notice"].clone()
}

/// An order that is paid.
async fn bought(world: &World, browser: &Browser, wanted: &Value) -> Value {
    let order = browser.done(world, "/v1/orders", wanted).await;
    pay(world, browser, &order).await;
    browser.see(world, &at(&order)).await
}

/// A transfer comes in at the bank.
pub(super) async fn deposit(world: &World, transfer: &Value, amount_fen: u64) -> String {
    let body = with(transfer.clone(), "amount_fen", amount_fen);
    let (status, made) = post(world, "/v1/sandbox/deposits", None, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    text(&made, "entry").to_owned()
}

fn line_of(order: &Value, number: usize) -> String {
    text(&order["lines"][number], "line_id").to_owned()
}

/// What an order of an enterprise is for: ten uses of a certificate on the platform of a client. The ids of both.
pub(super) async fn enterprise_package(world: &World, client: &str) -> Value {
    staff(world).await;
    let shop = Shop::open(world).await;
    let platform = json!({
        "kind": "platform", "region": shop.region, "code": "P1", "name": "测试交易平台", "platform_kind": "tender",
        "systems": [], "client": client, "rules": rules(&[&shop.ca, &shop.seal]),
    });
    op(world, ADA, &format!("/v1/operator/catalogue/{}", shop.platform), &platform).await;
    let ten = with(package(&shop.platform, &shop.ca, "ca", "企业十次", 10_000), "uses", 10);
    let id = entry(world, with(ten, "buyer", "enterprise")).await;
    json!({ "package": id, "platform": shop.platform })
}

/// That an enterprise wants it.
pub(super) fn order_for(enterprise: &str, package: &Value) -> Value {
    let package = text(package, "package").to_owned();
    with(wants("open", &[(&package, 1)]), "enterprise_id", enterprise)
}

/// Somebody pays an order.
pub(super) async fn paid(world: &World, browser: &Browser, order: &Value) {
    pay(world, browser, order).await;
}
