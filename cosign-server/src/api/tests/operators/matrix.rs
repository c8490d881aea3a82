//! Every route of operators with every kind of caller.

use std::collections::BTreeSet;

use super::*;
use crate::{
    api::tests::description::operations,
    domain::{Error, audit::Act},
    testing::records,
};

/// Administrator, reviewer, auditor.
const A: [bool; 3] = [true, false, false];
const R: [bool; 3] = [false, true, false];
const U: [bool; 3] = [false, false, true];
const AU: [bool; 3] = [true, false, true];
const AR: [bool; 3] = [true, true, false];
const RU: [bool; 3] = [false, true, true];
const ALL: [bool; 3] = [true, true, true];

/// Method, path, who may, and what those get who may, of something that is not there.
const MATRIX: &[(&str, &str, [bool; 3], u16)] = &[
    ("get", "/v1/operator", ALL, 200),
    ("get", "/v1/operator/devices", AU, 200),
    ("get", "/v1/operator/audit", U, 200),
    ("get", "/v1/operator/keys", AU, 200),
    ("get", "/v1/operator/keys/{key_id}", AU, 404),
    ("post", "/v1/operator/keys/{key_id}/freeze", A, 404),
    ("post", "/v1/operator/enrolment-codes", A, 400),
    ("get", "/v1/operator/proposals", AU, 200),
    ("post", "/v1/operator/proposals", A, 400),
    ("get", "/v1/operator/proposals/{proposal}", AU, 404),
    ("post", "/v1/operator/proposals/{proposal}/approve", A, 404),
    ("post", "/v1/operator/proposals/{proposal}/reject", A, 404),
    ("post", "/v1/operator/proposals/{proposal}/withdraw", A, 404),
    ("get", "/v1/operator/certificate-requests", RU, 200),
    ("get", "/v1/operator/certificate-requests/{request}", RU, 404),
    ("post", "/v1/operator/certificate-requests/{request}/review", R, 400),
    ("get", "/v1/operator/orders", RU, 400),
    ("post", "/v1/operator/orders/{order}/review", R, 400),
    ("post", "/v1/operator/orders/{order}/hand-over", R, 404),
    ("post", "/v1/operator/orders/{order}/transfer", R, 404),
    ("get", "/v1/operator/refunds", RU, 400),
    ("post", "/v1/operator/refunds/{refund}/decide", R, 400),
    ("post", "/v1/operator/refunds/{refund}/retry", R, 404),
    ("get", "/v1/operator/invoices", RU, 400),
    ("post", "/v1/operator/invoices/{invoice}/decide", R, 400),
    ("post", "/v1/operator/invoices/{invoice}/post", R, 404),
    ("post", "/v1/operator/accounts/{account}/gifts", A, 400),
    ("get", "/v1/operator/catalogue", A, 400),
    ("post", "/v1/operator/catalogue", A, 400),
    ("post", "/v1/operator/catalogue/{entry}", A, 400),
    ("post", "/v1/operator/catalogue/{entry}/retire", A, 404),
    ("get", "/v1/operator/person-reviews", RU, 200),
    ("get", "/v1/operator/person-reviews/{case}", R, 404),
    ("get", "/v1/operator/person-reviews/{case}/pictures/{picture}", R, 404),
    ("post", "/v1/operator/person-reviews/{case}", R, 400),
    ("get", "/v1/operator/appeals", RU, 200),
    ("get", "/v1/operator/appeals/{appeal}", R, 404),
    ("post", "/v1/operator/appeals/{appeal}", R, 400),
    ("get", "/v1/operator/articles", A, 400),
    ("post", "/v1/operator/articles", A, 400),
    ("post", "/v1/operator/articles/{article}", A, 400),
    ("post", "/v1/operator/articles/{article}/publish", A, 404),
    ("post", "/v1/operator/articles/{article}/withdraw", A, 404),
    ("get", "/v1/operator/chats", AR, 200),
    ("post", "/v1/operator/chats/{chat}/take", AR, 404),
    ("get", "/v1/operator/chats/{chat}/lines", AR, 404),
    ("post", "/v1/operator/chats/{chat}/lines", AR, 400),
    ("post", "/v1/operator/chats/{chat}/close", AR, 404),
    ("get", "/v1/operator/applications", RU, 200),
    ("get", "/v1/operator/applications/{application}", RU, 404),
    ("get", "/v1/operator/applications/{application}/form", RU, 404),
    ("get", "/v1/operator/applications/{application}/files/{attachment}", RU, 404),
    ("post", "/v1/operator/applications/{application}/medium", R, 400),
    ("post", "/v1/operator/applications/{application}/review", R, 400),
    ("get", "/v1/operator/approvals", RU, 200),
    ("get", "/v1/operator/approvals/{approval}", RU, 404),
    ("get", "/v1/operator/approvals/{approval}/claim", RU, 404),
    ("get", "/v1/operator/approvals/{approval}/files/{file}", RU, 404),
    ("post", "/v1/operator/approvals/{approval}/decision", R, 400),
    ("get", "/v1/operator/seals", RU, 200),
    ("get", "/v1/operator/seals/{seal}/picture", RU, 404),
    ("post", "/v1/operator/seals/{seal}/review", R, 400),
    ("post", "/v1/operator/holdings/{holding}/freeze", R, 404),
    ("post", "/v1/operator/holdings/{holding}/unfreeze", R, 404),
];

async fn ask(world: &World, method: &str, path: &str, device: Option<[u8; 32]>) -> (u16, Value) {
    let zeros = "0".repeat(32);
    let part = |part: &str| if part.starts_with('{') { zeros.clone() } else { part.to_owned() };
    let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
    let answer = match method {
        "get" => get(world, &path, device).await,
        _ => post(world, &path, device, &json!({})).await,
    };
    (answer.0.as_u16(), answer.1)
}

#[test]
fn every_route_is_in_the_matrix() {
    let routes: BTreeSet<_> = operations().filter(|(_, path)| path.starts_with("/v1/operator")).collect();
    let rows: BTreeSet<_> = MATRIX.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(routes, rows);
    assert_eq!(MATRIX.len(), rows.len());
}

#[tokio::test]
async fn roles_do_what_they_are_for_and_nothing_else() {
    let world = staffed().await;
    let size = records(&world).await.len();
    for (method, path, may, found) in MATRIX.iter().copied() {
        let cell = async |device| ask(&world, method, path, device).await;
        assert_eq!(cell(None).await.1["code"], "no_client_certificate", "{method} {path}");
        assert_eq!(cell(Some(STRANGER)).await.1["code"], "not_enrolled", "{method} {path}");
        for device in [PLAIN, GONE] {
            let (status, body) = cell(Some(device)).await;
            assert_eq!((status, &body["code"]), (403, &json!("role_missing")), "{method} {path} {device:?}");
        }
        for (device, may) in [ADA, REA, AUD].into_iter().zip(may) {
            let (status, body) = cell(Some(device)).await;
            if may {
                assert_eq!(status, found, "{method} {path} {device:?}: {body}");
            } else {
                let refused = (403, &json!("role_missing"));
                assert_eq!((status, &body["code"]), refused, "{method} {path} {device:?}");
            }
        }
    }
    assert_eq!(records(&world).await.len(), size, "nothing was done");
}

#[tokio::test]
async fn a_device_with_two_roles_has_the_rights_of_both() {
    let world = staffed().await;
    grant(&world, ADA, "Ada", Role::Reviewer).await.unwrap();
    let (_, own) = get(&world, "/v1/operator", Some(ADA)).await;
    let expected = json!({
        "operator_id": hex::encode(ADA), "name": "Ada", "roles": ["administrator", "reviewer"]
    });
    assert_eq!(own, expected);
    for (method, path, [administrator, reviewer, _], _) in MATRIX.iter().copied() {
        let (status, _) = ask(&world, method, path, Some(ADA)).await;
        assert_eq!(status != 403, administrator || reviewer, "{method} {path}");
    }
}

#[tokio::test]
async fn grants_keep_duties_and_persons_apart() {
    let world = staffed().await;
    let refused = |answer: Result<(), Error>| matches!(answer, Err(Error::Conflict(_)));
    for role in [Role::Administrator, Role::Reviewer] {
        assert!(refused(grant(&world, AUD, "Aud", role).await), "an auditor is nothing else");
    }
    assert!(refused(grant(&world, ADA, "Ada", Role::Auditor).await), "nor becomes one beside it");
    assert!(refused(grant(&world, STRANGER, "Sue", Role::Auditor).await), "not enrolled");
    assert!(refused(grant(&world, PLAIN, "Ada", Role::Reviewer).await), "one person is one operator");
    assert!(refused(grant(&world, ADA, "Eve", Role::Reviewer).await), "an operator keeps the name");
    assert!(refused(grant(&world, GONE, "Eve", Role::Reviewer).await), "also one who was withdrawn");

    let size = records(&world).await.len();
    grant(&world, ADA, "Ada", Role::Administrator).await.unwrap();
    withdraw(&world, GONE).await;
    assert_eq!(records(&world).await.len(), size, "again changes nothing");
    grant(&world, PLAIN, "Gone", Role::Auditor).await.unwrap();
    assert!(refused(grant(&world, GONE, "Gone", Role::Administrator).await), "the name has another device");
    let record = records(&world).await.pop().unwrap().event;
    assert_eq!((record.act, record.device), (Act::OPERATOR, None));
    assert_eq!(record.note, format!("{} granted: auditor, Gone", hex::encode(PLAIN)));
    let unknown = world.grants.withdraw(&DeviceId::from_bytes(STRANGER), None).await;
    assert_eq!(unknown.unwrap_err(), Error::NotFound);

    grant(&world, REA, "Rea", Role::Administrator).await.unwrap();
    let left = world.grants.withdraw(&DeviceId::from_bytes(REA), Some(Role::Reviewer)).await.unwrap();
    assert_eq!(left.roles.iter().collect::<Vec<_>>(), [Role::Administrator]);
    let names: Vec<_> =
        world.grants.list().await.unwrap().into_iter().map(|one| String::from(one.name)).collect();
    assert_eq!(names, ["Ada", "Aud", "Ben", "Gone", "Gone", "Rea", "Rob"]);
}

#[tokio::test]
async fn a_withdrawn_operator_does_nothing_more_at_any_node() {
    let world = staffed().await;
    let other = world.beside().await;
    assert_eq!(get(&other, "/v1/operator/keys", Some(ADA)).await.0, StatusCode::OK);
    withdraw(&world, ADA).await;
    for node in [&world, &other] {
        for (method, path, ..) in MATRIX.iter().copied() {
            assert_eq!(ask(node, method, path, Some(ADA)).await.1["code"], "role_missing", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let world = staffed().await;
    let (_, all) = get(&world, "/v1/operator/devices", Some(AUD)).await;
    assert_eq!((all["devices"].as_array().unwrap().len(), &all["next"]), (7, &Value::Null));
    let mut seen = Vec::new();
    let mut path = "/v1/operator/devices?limit=3".to_owned();
    loop {
        let (_, page) = get(&world, &path, Some(ADA)).await;
        seen.extend(page["devices"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/operator/devices?limit=3&after={next}");
    }
    assert_eq!(Value::from(seen), all["devices"]);

    let (_, page) = get(&world, "/v1/operator/audit?after=1&limit=2", Some(AUD)).await;
    assert_eq!((&page["records"][0]["seq"], &page["records"][1]["seq"]), (&json!(2), &json!(3)));
    assert_eq!(page["next"], "3");
    let record = hex::decode(page["records"][0]["record"].as_str().unwrap()).unwrap();
    assert_eq!(crate::domain::audit::Record::decode(&record).unwrap(), records(&world).await[1]);
    for path in ["devices?after=x", "audit?after=x", "keys?status=x", "keys?after=x", "proposals?state=x"] {
        let device = if path.starts_with("audit") { AUD } else { ADA };
        let answer = get(&world, &format!("/v1/operator/{path}"), Some(device)).await;
        assert_eq!(problem(answer), (400, "bad_request".to_owned()), "{path}");
    }
}
