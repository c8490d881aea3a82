//! Where a seal shows.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_03_one_seal_in_a_place_of_one_page() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(3)).await;
    desk.sealed(&document, json!([{ "at": { "pages": "2", "x": 400, "y": 2000 } }])).await;
    assert_eq!(desk.places(&document).await, [(2, 40, 200)]);
    let scan = desk.confirmed(&document).await;
    for (pages, x, y, status) in [
        ("4", 400, 2000, 409), // there is no such page
        ("0", 400, 2000, 400), // nor can there be
        ("", 400, 2000, 400),
        ("2-1", 400, 2000, 409),
        ("1", 9000, 2000, 409),   // beside it
        ("1", 400, 300_000, 400), // nowhere
    ] {
        desk.refused_place(&scan, json!([{ "at": { "pages": pages, "x": x, "y": y } }]), status).await;
    }
    desk.refused_place(&scan, json!([]), 400).await;
    let many = vec![json!({ "at": { "pages": "1", "x": 400, "y": 400 } }); 17];
    desk.refused_place(&scan, json!(many), 400).await;
    desk.refused_place(&scan, json!([{ "at": { "pages": "1", "x": -1, "y": 0 } }]), 400).await;
    desk.refused_place(&scan, json!([{ "beside": {} }]), 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_05_the_same_place_on_many_pages() {
    let desk = Desk::new().await;
    for (pages, expected) in
        [("1,3-4", vec![1, 3, 4]), ("odd", vec![1, 3, 5]), ("all", vec![1, 2, 3, 4, 5]), ("4-", vec![4, 5])]
    {
        let document = desk.keep("a.pdf", &pdf::tender(5)).await;
        desk.sealed(&document, json!([{ "at": { "pages": pages, "x": 1500, "y": 2500 } }])).await;
        let expected: Vec<_> = expected.into_iter().map(|page| (page, 150, 250)).collect();
        assert_eq!(desk.places(&document).await, expected, "{pages}");
        assert_eq!(desk.report(&document).await["seals"].as_array().unwrap().len(), 1, "one signature");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_06_strips_over_the_edges_of_pages() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(4)).await;
    desk.sealed(&document, json!([{ "across": { "edge": "right", "along": 500 } }])).await;
    let report = desk.report(&document).await;
    let strips = report["seals"][0]["places"].as_array().unwrap().clone();
    assert_eq!(strips.len(), 4);
    let widths: i64 = strips.iter().map(|strip| strip["width"].as_i64().unwrap()).sum();
    let (whole, side) = (strips[0]["height"].as_i64().unwrap(), strips[0]["width"].as_i64().unwrap());
    assert!((whole - widths).abs() <= 4 && side * 4 - whole <= 4, "the strips make the whole: {report}");
    for strip in &strips {
        let right = strip["x"].as_i64().unwrap() + strip["width"].as_i64().unwrap();
        assert!((2095..=2101).contains(&right), "at the edge: {strip}");
    }
    // Two pages share one.
    let document = desk.keep("b.pdf", &pdf::tender(4)).await;
    desk.sealed(&document, json!([{ "across": { "edge": "left", "group": 2, "pages": "all" } }])).await;
    let report = desk.report(&document).await;
    let width = report["seals"][0]["places"][0]["width"].as_i64().unwrap();
    assert!((width - side * 2).abs() <= 2);
    let document = desk.keep("c.pdf", &pdf::tender(1)).await;
    let scan = desk.confirmed(&document).await;
    desk.refused_place(&scan, json!([{ "across": { "edge": "right" } }]), 409).await;
    desk.refused_place(&scan, json!([{ "across": { "edge": "inner" } }]), 400).await;
    desk.refused_place(&scan, json!([{ "across": { "edge": "right", "along": 1001 } }]), 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_07_wherever_a_text_stands() {
    let desk = Desk::new().await;
    let plain = pdf::tender(3);
    let count = async |keyword: Value| {
        let document = desk.keep("a.pdf", &plain).await;
        desk.sealed(&document, json!([{ "keyword": keyword }])).await;
        desk.places(&document).await.iter().map(|(page, ..)| *page).collect::<Vec<_>>()
    };
    assert_eq!(count(json!({ "text": "磋商文件" })).await, [1, 2, 3]);
    assert_eq!(count(json!({ "text": "磋商文件", "last": true })).await, [3]);
    assert_eq!(count(json!({ "text": "磋商文件", "nth": 2 })).await, [2]);
    // Moved from where the text is.
    let (first, second) = (desk.keep("b.pdf", &plain).await, desk.keep("c.pdf", &plain).await);
    desk.sealed(&first, json!([{ "keyword": { "text": "投标人盖章" } }])).await;
    desk.sealed(&second, json!([{ "keyword": { "text": "投标人盖章", "right": -100, "down": 200 } }])).await;
    let (one, two) = (desk.places(&first).await[0], desk.places(&second).await[0]);
    assert_eq!((one.0, two.0), (3, 3));
    assert!((one.1 - two.1 - 10).abs() <= 1 && (two.2 - one.2 - 20).abs() <= 1, "{one:?} {two:?}");
    let scan = desk.confirmed(&first).await;
    desk.refused_place(&scan, json!([{ "keyword": { "text": "不在" } }]), 409).await;
    desk.refused_place(&scan, json!([{ "keyword": { "text": "磋商", "nth": 9 } }]), 409).await;
    for wrong in [
        json!({ "text": "" }),
        json!({ "text": " " }),
        json!({ "text": "长".repeat(201) }),
        json!({ "text": "磋商", "nth": 1, "last": true }),
        json!({ "text": "磋商", "right": 300_000 }),
    ] {
        desk.refused_place(&scan, json!([{ "keyword": wrong }]), 400).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_the_seal_and_its_place_are_chosen_on_the_pc() {
    let desk = Desk::new().await;
    let document = desk.keep("a.pdf", &pdf::tender(1)).await;
    let scan = desk.chosen("seal", Some(&document)).await;
    let id = scan["scan_id"].as_str().unwrap();
    let seals = format!("/v1/client/scans/{id}/seals");
    // Not before the user has confirmed.
    assert_eq!(desk.refused_get(&seals).await, (409, "conflict".to_owned()));
    desk.refused_place(id, in_the_middle(), 409).await;
    desk.sign(&scan).await;
    let found = desk.see(&seals).await;
    let one = &found["seals"][0];
    let own = desk.user.see(desk.world(), &format!("/v1/seals/{}", desk.seal)).await;
    for part in ["seal_id", "kind", "name", "width", "height"] {
        assert_eq!(one[part], own[part], "{part}");
    }
    let path = format!("{seals}/{}", desk.seal);
    assert!(desk.fetch(&format!("{path}/picture")).await.starts_with(b"\x89PNG"));
    let data = desk.fetch(&format!("{path}/data")).await;
    ::seal::ses::ElectronicSeal::parse(&data).unwrap().verify_signature().unwrap();
    // Another seal than those is none.
    let body = json!({ "name": "盖章", "seal_id": "0".repeat(32), "places": in_the_middle() });
    desk.refused(&format!("/v1/client/scans/{id}/sealings"), &body, 404, "not_found").await;
    assert_eq!(desk.refused_get(&format!("{seals}/{}/picture", "0".repeat(32))).await.0, 404);
    let other = client(desk.world()).await;
    for rest in [String::new(), format!("/{}/picture", desk.seal), format!("/{}/data", desk.seal)] {
        let answer = read(desk.world(), &other, &format!("{seals}{rest}")).await;
        assert_eq!(problem(answer), (404, "not_found".to_owned()));
    }
    // What is dragged to its place shows there at once.
    let before = desk.fetch(&format!("/v1/client/documents/{document}/pages/1")).await;
    desk.seal(id, in_the_middle()).await;
    assert_ne!(desk.fetch(&format!("/v1/client/documents/{document}/pages/1")).await, before);
    desk.end(id, "finish").await;
    assert_eq!(desk.places(&document).await, [(1, 105, 148)]);
    // A seal that ends meanwhile is not used any more.
    let scan = desk.confirmed(&document).await;
    desk.place(&scan, in_the_middle()).await;
    let waiting = desk.phone(&scan).await;
    let body = json!({ "signatures": desk.signatures(&waiting["to_sign"]).await });
    desk.user.done(desk.world(), &format!("/v1/seals/{}/cancel", desk.seal), &json!({})).await;
    let sign = format!("/v1/scans/{scan}/sign");
    desk.user.refused(desk.world(), &sign, &body, 409, "conflict").await;
    assert_eq!(desk.see(&format!("/v1/client/scans/{scan}/seals")).await["seals"], json!([]));
}
