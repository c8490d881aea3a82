//! Forms that are printed and stamped.

use super::{super::office::PICTURE, *};

const ADDRESS: &str = "zhangsan@mail.example";

async fn letters(world: &World, browser: &Browser) -> Vec<Value> {
    let kept = browser.see(world, &format!("/v1/sandbox/mails?email={ADDRESS}")).await;
    kept["letters"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_11_the_form_goes_out_by_e_mail_and_comes_back_stamped() {
    let Scene { world, owner } = Scene::new().await;
    let ada = Phone::enrolled(&world, 1).await;
    world.grants.grant(&ada.device.id, name("Ada"), Role::Administrator).await.unwrap();
    let template = json!({
        "kind": "template", "template_kind": "application", "name": "申请表", "text": "数字证书申请表，请盖章后上传",
    });
    super::super::shop::entry(&world, template).await;
    let application = owner.applied(&world, on_platform("hubei")).await;
    let path = path_of(&application);
    let (mail, body) = (format!("{path}/form/mail"), json!({ "email": ADDRESS }));
    for wrong in ["", "zhangsan", "a@b\r\nBcc: c@d.example"] {
        owner.browser.refused(&world, &mail, &json!({ "email": wrong }), 400, "bad_request").await;
    }
    let (other, _) = log_in(&world, OTHER).await;
    other.refused(&world, &mail, &body, 404, "not_found").await;
    let sent = owner.browser.done(&world, &mail, &body).await;
    assert_eq!(sent, json!({ "sandbox": true }));
    // Once, however often it takes.
    world.mail.fail(2);
    for _ in 0..4 {
        world.office.work().await.unwrap();
        world.clock.advance(10_000);
    }
    let kept = letters(&world, &owner.browser).await;
    assert_eq!(kept.len(), 1);
    let text = kept[0]["text"].as_str().unwrap();
    assert!(text.contains("请盖章") && text.contains("张三") && text.contains("platform: hubei"), "{text}");
    assert!(!text.contains(&owner.citizen), "the number is masked");
    // Stamped and scanned, it is handed in; then it goes out no more, and never without end.
    for _ in 1..5 {
        owner.browser.done(&world, &mail, &body).await;
    }
    owner.browser.refused(&world, &mail, &body, 409, "conflict").await;
    let scan = owner.browser.attach(&world, PICTURE).await;
    let done =
        owner.browser.done(&world, &format!("{path}/confirm"), &json!({ "form_attachment_id": scan })).await;
    assert_eq!((&done["state"], &done["form_attachment_id"]), (&json!("authorising"), &json!(scan)));
    owner.browser.refused(&world, &mail, &body, 409, "conflict").await;
}
