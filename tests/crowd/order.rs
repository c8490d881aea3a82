//! One order.

use cosign_tests::people::{Caller, Stage, text};
use serde_json::json;

use crate::{all_at_once, counts, tally};

#[test]
fn fifty_pay_and_cancel_one_order() {
    let stage = Stage::shared();
    let market = stage.market("P-ORDER", 10);
    let user = stage.newcomer().log_in_by_carrier();
    // Everybody who asks by one name gets one order.
    let lines = json!([{ "package_id": market.uses, "quantity": 1 }]);
    let body = json!({ "business": "personal", "lines": lines });
    let ordered = all_at_once(|_| user.asked_once("POST", "/v1/orders", &body, Some("order-1")));
    assert_eq!(tally(&ordered), counts(&[("ok", ordered.len())]));
    assert!(ordered.iter().all(|one| *one == ordered[0]));
    assert_eq!(user.get("/v1/orders")["orders"].as_array().unwrap().len(), 1);
    let path = format!("/v1/orders/{}", text(&ordered[0].1["order_id"]));

    // One payment for all who want to pay by one channel.
    let wechat = json!({ "channel": "wechat" });
    let payments = all_at_once(|_| user.asked("POST", &format!("{path}/pay"), &wechat));
    assert_eq!(tally(&payments), counts(&[("ok", payments.len())]));
    assert!(payments.iter().all(|one| one.1["payment_id"] == payments[0].1["payment_id"]));
    // It is paid, paid again by another channel, and cancelled, all at once.
    let payment = &payments[0].1;
    let done = all_at_once(|number| match number % 3 {
        0 => (200, market.press(payment, true)),
        1 => user.asked("POST", &format!("{path}/pay"), &json!({ "channel": "alipay" })),
        _ => user.asked("POST", &format!("{path}/cancel"), &json!({})),
    });
    let order = user.get(&path);
    let cancelled =
        done.iter().filter(|(status, answer)| *status == 200 && answer["state"] == "cancelled").count();
    let is_paid = order["state"] == "paid";
    assert_eq!(cancelled, usize::from(!is_paid), "{order} {:?}", tally(&done));
    assert!(is_paid || order["state"] == "cancelled", "{order}");
    // What was bought is there once, and so are the points.
    let expected = if is_paid { (json!(10), 20) } else { (json!(null), 0) };
    assert_eq!(
        (market.balance(&user)["remaining"].clone(), user.get("/v1/points")["usable"].as_u64().unwrap()),
        expected
    );
    assert_eq!(user.told("order-paid"), usize::from(is_paid));

    // What the channel says again, and what comes by the other one, changes nothing of it.
    let notice = done.iter().find_map(|(_, answer)| answer.get("notice")).unwrap();
    let anybody = Caller::new(&stage.folder, None);
    let said = all_at_once(|_| anybody.asked("POST", "/v1/payments/wechat/notify", notice));
    assert_eq!(tally(&said), counts(&[("ok", said.len())]));
    if let Some((_, other)) =
        done.iter().find(|(status, answer)| *status == 200 && answer["channel"] == "alipay")
        && other["page"].is_string()
    {
        let _ = all_at_once(|_| market.press(other, true));
    }
    assert_eq!(user.get(&path)["state"], order["state"]);
    assert_eq!(
        (market.balance(&user)["remaining"].clone(), user.get("/v1/points")["usable"].as_u64().unwrap()),
        expected
    );
    assert_eq!(user.told("order-paid"), usize::from(is_paid));
}
