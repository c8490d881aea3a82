//! The interface of mutual recognition.

use serde_json::{Value, json};

use super::Stage;
use crate::domain::office::catalogue::Service;

impl Stage {
    /// A method there; gives the data of its answer.
    async fn mutual(&self, method: &str, body: &Value) -> Value {
        let answer = self.platform(&format!("/v1/client/mutual/{method}"), body).await;
        assert_eq!(answer["header"]["returnCode"], "0");
        answer["data"].clone()
    }

    /// The callbacks that the platform got: their types, and the data of the last one.
    async fn callbacks(&self) -> (Vec<String>, Value) {
        let told = self.told("mutual.callback").await;
        let types = told.iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect();
        let last = told.last().map_or(Value::Null, |last| {
            assert_eq!(last["platformCode"], "M1100000001");
            serde_json::from_str(last["data"].as_str().unwrap()).unwrap()
        });
        (types, last)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m_07_platforms_use_the_interface_of_mutual_recognition() {
    let stage = Stage::new().await;
    let platform = stage.catalogued("M1100000001").await;
    stage.world().office.assume_bought(stage.account.parse().unwrap(), platform, Service::Ca, 9).await;
    let code = json!({ "platformCode": "M1100000001" });
    // Login: scanned, then who it is.
    let shown = stage.mutual("getQRCodeContent", &code).await;
    let id = shown["tId"].as_str().unwrap();
    let before = json!({ "tId": id });
    stage.refused_platform("/v1/client/mutual/getSignatureValue", &before, 409, "conflict").await;
    let scan = stage.scan(&json!({ "code": shown["content"] })).await;
    let scan = stage.choose(scan["scan_id"].as_str().unwrap()).await;
    stage.sign(&scan).await;
    let (types, last) = stage.callbacks().await;
    assert_eq!(
        (types, &last["tId"], &last["certSn"]),
        (vec!["01".to_owned(), "02".to_owned()], &json!(id), &stage.certificate["serial"])
    );
    let value = stage.mutual("getSignatureValue", &before).await;
    assert_eq!(
        (&value["algorithm"], &value["caOrgType"], &value["loginUserType"]),
        (&json!("SM2"), &json!("demo"), &json!("01"))
    );
    assert!(
        stage
            .verifies(value["signOriVal"].as_str().unwrap(), value["signatureValue"].as_str().unwrap())
            .await
    );
    // Sealing: hashes come once the user has confirmed.
    let shown = stage.mutual("getSignQRCodeContent", &code).await;
    let scan = stage.scan(&json!({ "code": shown["content"] })).await;
    let scan_id = scan["scan_id"].as_str().unwrap().to_owned();
    stage.sign(&stage.choose(&scan_id).await).await;
    let hashes =
        json!({ "tId": shown["tId"], "hashCodeList": [{ "signKey": "1", "signOriVal": "05".repeat(32) }] });
    stage.mutual("setSignHashListToAppService", &hashes).await;
    stage.sign(&stage.user.see(stage.world(), &format!("/v1/scans/{scan_id}")).await).await;
    let done = stage.mutual("finish", &json!({ "tId": shown["tId"] })).await;
    assert_eq!(done["signatureValueList"][0]["signKey"], "1");
    assert_eq!(done["signatureValueList"][0]["signatureValue"].as_str().unwrap().len(), 128);
    // Encryption: the certificate that is encrypted to.
    let shown = stage.mutual("getEncryptionQRCodeContent", &code).await;
    let scan = stage.scan(&json!({ "code": shown["content"] })).await;
    stage.sign(&stage.choose(scan["scan_id"].as_str().unwrap()).await).await;
    let info = stage.mutual("getEncryptUserAndCertInfo", &json!({ "tId": shown["tId"] })).await;
    assert!(info["encPubCert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
    assert_eq!(stage.callbacks().await.0.last().unwrap(), "05");
    // Refused: that it was not used.
    let shown = stage.mutual("getQRCodeContent", &code).await;
    let scan = stage.scan(&json!({ "code": shown["content"] })).await;
    stage.step(scan["scan_id"].as_str().unwrap(), "refuse").await;
    assert_eq!(stage.callbacks().await.1["useStatus"], "01");
    // Another's code, another method, a certificate without its authority.
    for (method, body, status, kind) in [
        ("getQRCodeContent", json!({ "platformCode": "M1100000002" }), 409, "conflict"),
        ("getQRCodeContent", json!({ "platformCode": "M1100000001", "certSn": "01" }), 400, "bad_request"),
        (
            "getQRCodeContent",
            json!({ "platformCode": "M1100000001", "loginUserType": "09" }),
            400,
            "bad_request",
        ),
        ("getSignatureValue", json!({ "tId": "M1100000001" }), 404, "not_found"),
        ("dance", json!({ "tId": id }), 404, "not_found"),
    ] {
        stage.refused_platform(&format!("/v1/client/mutual/{method}"), &body, status, kind).await;
    }
}
