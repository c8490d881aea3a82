//! The interface of mutual recognition between platforms and certificates of any authority, mapped onto scans: the same names
//! and the same envelope of answers, under the signature of every request that platforms send here.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    ScansWrite, Signed,
    scans::{ScanBody, body},
};
use crate::{
    api::{
        Api, Problem,
        extract::Segments,
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        office::{
            Id, Stored,
            proof::{CertificateName, Identity},
            scan::{Form, Plea, Scan, Section, Terms, qr},
        },
        services::{Asked, NewItem},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(call))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Code {
    platform_code: String,
    /// 01 a person, 02 an organisation.
    login_user_type: Option<String>,
    #[serde(default)]
    ca_org_type: Option<String>,
    cert_sn: Option<String>,
    project: Option<String>,
    section: Option<String>,
    open_time: Option<u64>,
    signed_in: Option<bool>,
    #[serde(default)]
    encrypt_info_list: Vec<Encrypted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Encrypted {
    key: String,
    encrypt_str: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Hashes {
    t_id: String,
    hash_code_list: Vec<HashCode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HashCode {
    sign_key: String,
    sign_ori_val: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Which {
    t_id: String,
}

/// The envelope of answers there.
fn answer(data: &Value) -> Json<Value> {
    Json(json!({ "header": { "returnCode": "0", "msg": "成功", "size": null }, "data": data }))
}

fn plea(method: &str) -> Option<Plea> {
    Some(match method {
        "getQRCodeContent" => Plea::Login,
        "getSignQRCodeContent" => Plea::Seal,
        "getWithdrawSignatureORCodeContent" => Plea::RemoveSeal,
        "getEncryptionQRCodeContent" => Plea::Encrypt,
        "getDecryptionQRCodeContent" => Plea::Decrypt,
        _ => return None,
    })
}

fn scan_id(text: &str) -> Result<Id, Error> {
    let (_, id) = text.split_at_checked(11).ok_or(Error::NotFound)?;
    id.parse().map_err(|_| Error::NotFound)
}

async fn ask(api: &Api, signed: &Signed<ScansWrite>, plea: Plea) -> Result<Json<Value>, Problem> {
    let code: Code = signed.json()?;
    if plea == Plea::Decrypt && code.signed_in != Some(true) {
        return Err(Error::Conflict("the bidder has not signed in").into());
    }
    let certificate = match (code.ca_org_type, code.cert_sn) {
        (Some(authority), Some(serial)) => Some(CertificateName { authority, serial }),
        (_, None) => None,
        (None, Some(_)) => return Err(Error::BadRequest("a certSn goes with a caOrgType").into()),
    };
    let identity = match code.login_user_type.as_deref() {
        Some("01") => Some(Identity::Person),
        Some("02") => Some(Identity::Enterprise),
        None | Some("03") => None,
        Some(_) => return Err(Error::BadRequest("a loginUserType is 01, 02 or 03").into()),
    };
    let section = match (code.project, code.section) {
        (Some(project), Some(section)) => Some(Section { project, section }),
        _ => None,
    };
    let item = |one: Encrypted| {
        let content = super::scans::bytes(&one.encrypt_str)?;
        Ok::<_, Problem>(NewItem { name: one.key, form: Form::Envelope, content })
    };
    let items = code.encrypt_info_list.into_iter().map(item).collect::<Result<_, _>>()?;
    let terms =
        Terms { certificate, identity, section, opens_ms: code.open_time, mutual: true, ..Terms::default() };
    let asked = Asked { plea, terms, nonce: "mutual".to_owned(), items, has_number: false };
    let shown = api.office.ask(&signed.client, &asked, signed.once()?).await?;
    let scan = api.office.scan_of(&signed.client, shown.id).await?;
    if scan.entity.system.code != code.platform_code {
        return Err(Error::Conflict("the platform has another code").into());
    }
    let content = qr::mutual(&api.office.rules().mutual_page, &scan.entity.system.code, plea, scan.id);
    Ok(answer(&json!({ "tId": scan.entity.mutual_id(scan.id), "content": content })))
}

/// What a scan says there, with the certificates.
fn certified(shown: &ScanBody, found: &Stored<Scan>) -> Value {
    let mut data = found.entity.mutual_data(found.id);
    data["pubCert"] = shown.certificate_pem.clone().into();
    data["encPubCert"] = shown.encryption_pem.clone().into();
    data["encCertSn"] = shown.encryption_serial.clone().into();
    if let Some(shared) = &shown.shared {
        (data["personName"], data["idCard"]) = (shared.name.clone().into(), shared.number.clone().into());
    }
    data
}

/// A method of mutual recognition
///
/// `getQRCodeContent`, `getSignQRCodeContent`, `getWithdrawSignatureORCodeContent`, `getEncryptionQRCodeContent`,
/// `getDecryptionQRCodeContent`, `setSignHashListToAppService`, `getSignatureValue`, `getEncryptUserAndCertInfo`,
/// `getDecryptInfo`, `finish`. Callbacks are events `mutual.callback`.
#[utoipa::path(
    post, path = "/v1/client/mutual/{method}", tag = "scans", security(("client" = [])),
    params(("method" = String, Path), Named), request_body = Object,
    responses((status = 200, body = Object), Problems),
)]
async fn call(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<Value>, Problem> {
    let method = segments.get("method")?;
    if let Some(plea) = plea(method) {
        return ask(&api, &signed, plea).await;
    }
    let client = &signed.client;
    if method == "setSignHashListToAppService" {
        let Hashes { t_id, hash_code_list } = signed.json()?;
        let item = |one: HashCode| {
            let content = super::scans::bytes(&one.sign_ori_val)?;
            Ok::<_, Problem>(NewItem { name: one.sign_key, form: Form::Digest, content })
        };
        let items = hash_code_list.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
        api.office.hand_in(client, scan_id(&t_id)?, &items, signed.once()?).await?;
        return Ok(answer(&json!({ "tid": t_id })));
    }
    let Which { t_id } = signed.json()?;
    let id = scan_id(&t_id)?;
    if method == "finish" {
        api.office.finish(client, id, signed.once()?).await?;
    }
    let found = api.office.scan_of(client, id).await?;
    let shown = body(&api, client, found.clone()).await?;
    if shown.consent.is_none() {
        return Err(Error::Conflict("the user has not confirmed").into());
    }
    match method {
        "getSignatureValue" | "getEncryptUserAndCertInfo" | "finish" => {
            Ok(answer(&certified(&shown, &found)))
        }
        "getDecryptInfo" => {
            let items = found.entity.items.iter().filter(|item| item.form == Form::Envelope);
            let opened = items.map(|item| {
                json!({ "tid": t_id, "decryptKey": item.name, "decryptStr": item.result, "decryptStatus": "0" })
            });
            Ok(answer(&opened.collect()))
        }
        _ => Err(Error::NotFound.into()),
    }
}
