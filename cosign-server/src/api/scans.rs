//! Codes that a phone scans, and what its user does with them.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod open;

use std::collections::{HashMap, hash_map::Entry};

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    clients::CertificateRef,
    extract::{Bare, Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
    terminals::unlocking,
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Named as _, Stored,
        proof::{CertificateName, Hash},
        record::Record,
        scan::{Form, Item, Scan, qr},
    },
    once::Once,
    services::{HandedIn, Offered, Step, User},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(scan))
        .routes(routes!(show))
        .routes(routes!(choose))
        .routes(routes!(open::open))
        .routes(routes!(sign))
        .routes(routes!(step))
        .routes(routes!(report))
        .routes(routes!(member_report))
        .routes(routes!(certificate_records))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScannedCode)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    /// The text of the code.
    code: String,
    /// What the page shows beside it.
    #[schema(minimum = 10, maximum = 99)]
    number: Option<u8>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AskingSystem)]
struct SystemBody {
    code: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScannedItem)]
struct ItemBody {
    name: String,
    form: &'static str,
    /// A message or an envelope, hexadecimal.
    content: Option<String>,
    /// Whether it was signed or opened.
    done: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OfferedCertificate)]
struct OfferedBody {
    authority: String,
    serial: String,
    /// Distinguished name (RFC 4514).
    subject: String,
    /// `person` or `enterprise`.
    identity: &'static str,
    /// Whose it is, if it is an enterprise's.
    enterprise_id: Option<String>,
    key_id: Option<String>,
    /// Whether it can be used here.
    usable: bool,
    /// Why not.
    obstacle: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Scan)]
struct ScanBody {
    scan_id: String,
    kind: &'static str,
    state: &'static str,
    /// Who asks.
    system: SystemBody,
    title: Option<String>,
    nonce: String,
    items: Vec<ItemBody>,
    /// Whether the platform asks for verified data of the user.
    share: bool,
    seal_id: Option<String>,
    /// The document that it is about.
    document_id: Option<String>,
    task_id: Option<String>,
    /// Whether what the platform takes was bought; nothing when nothing is sold for it.
    open: Option<bool>,
    /// The certificates of the phone.
    certificates: Vec<OfferedBody>,
    chosen: Option<CertificateRef>,
    /// When it was chosen, unix milliseconds; part of the agreement.
    chosen_at_ms: Option<u64>,
    /// What the user agrees with by signing it, hexadecimal; without what is opened.
    agreement: Option<String>,
    /// The digests that are to be signed now, in order.
    to_sign: Vec<String>,
    /// When it ends unless somebody goes on.
    ends_at_ms: u64,
}

fn offered(one: &Offered) -> OfferedBody {
    OfferedBody {
        authority: one.certificate.authority.to_string(),
        serial: one.certificate.serial.to_string(),
        subject: envelope::name::display(&one.certificate.subject),
        identity: one.identity.as_str(),
        enterprise_id: one.enterprise.map(|id| id.to_string()),
        key_id: one.certificate.key_id.map(|key_id| key_id.to_string()),
        usable: one.obstacle.is_none(),
        obstacle: one.obstacle,
    }
}

async fn body(api: &Api, user: &User, found: Stored<Scan>) -> Result<Json<ScanBody>, Problem> {
    let Stored { id, entity: scan, .. } = found;
    let item = |item: &Item| {
        Ok::<_, Error>(ItemBody {
            name: item.name.clone(),
            form: item.form.as_str(),
            content: api.office.content(item)?.map(|content| content.to_string()),
            done: item.result.is_some(),
        })
    };
    let (items, to_sign) = (scan.items.iter().map(item).collect::<Result<_, _>>()?, scan.to_sign(id, &[])?);
    // What is agreed with when something is opened depends on it: the phone computes that itself.
    let is_complete = scan.items.iter().all(|item| item.form != Form::Envelope);
    let to_sign = to_sign.iter().filter(|_| is_complete).map(|Hash(digest)| hex::encode(digest)).collect();
    Ok(Json(ScanBody {
        scan_id: id.to_string(),
        kind: scan.plea.as_str(),
        state: scan.state().as_str(),
        system: SystemBody { code: scan.system.code.clone(), name: scan.system.name.as_str().to_owned() },
        title: scan.terms.title.clone(),
        nonce: scan.nonce.clone(),
        items,
        share: scan.terms.share,
        seal_id: scan.terms.seal.map(|seal| seal.to_string()),
        document_id: scan.terms.document.map(|document| document.to_string()),
        task_id: scan.terms.task.map(|task| task.to_string()),
        open: api.office.is_opened(user, &scan).await?,
        certificates: api.office.own_certificates(user, Some(&scan)).await?.iter().map(offered).collect(),
        chosen: scan.chosen.as_ref().map(|(chosen, _)| chosen.name.clone().into()),
        chosen_at_ms: scan.chosen.as_ref().map(|(_, at_ms)| *at_ms),
        agreement: scan.chosen.as_ref().map(|_| hex::encode(scan.agreement(id, &[]))),
        to_sign,
        ends_at_ms: scan.goes_on_until_ms(),
    }))
}

async fn again(api: &Api, user: &User, segments: &Segments) -> Result<Json<ScanBody>, Problem> {
    body(api, user, api.office.scanned(user, id(segments.get("scan")?)?).await?).await
}

/// Scan a code: it is then this phone's
#[utoipa::path(
    post, path = "/v1/scans", tag = "scans", security(("user" = [])), params(Named), request_body = CodeBody,
    responses((status = 201, body = ScanBody), Problems),
)]
async fn scan(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body: CodeBody { code, number }, once }: Input<CodeBody>,
) -> Result<(StatusCode, Json<ScanBody>), Problem> {
    let token = qr::token(&code, &api.office.rules().scan_issuer)?;
    let scan = api.office.scan(&user, &token, number, once.as_ref()).await?;
    Ok((StatusCode::CREATED, body(&api, &user, api.office.scanned(&user, scan).await?).await?))
}

/// What was scanned, and how it stands
#[utoipa::path(
    get, path = "/v1/scans/{scan}", tag = "scans", security(("user" = [])), params(("scan" = String, Path)),
    responses((status = 200, body = ScanBody), Problems),
)]
async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<ScanBody>, Problem> {
    again(&api, &user, &segments).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanChoice)]
#[serde(deny_unknown_fields)]
struct ChoiceBody {
    authority: String,
    /// Serial number, hexadecimal.
    serial: String,
    /// The enterprise that the user acts for, if they do not act for themselves.
    enterprise_id: Option<String>,
}

/// Choose a certificate
#[utoipa::path(
    post, path = "/v1/scans/{scan}/choose", tag = "scans", security(("user" = [])),
    params(("scan" = String, Path), Named), request_body = ChoiceBody,
    responses((status = 200, body = ScanBody), Problems),
)]
async fn choose(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: ChoiceBody { authority, serial, enterprise_id }, once }: Input<ChoiceBody>,
) -> Result<Json<ScanBody>, Problem> {
    let scan = id(segments.get("scan")?)?;
    let enterprise = enterprise_id.as_deref().map(id).transpose()?;
    let name = CertificateName { authority, serial };
    api.office.choose(&user, scan, &name, enterprise, once.as_ref()).await?;
    again(&api, &user, &segments).await
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanSignatures)]
#[serde(deny_unknown_fields)]
struct SignaturesBody {
    /// Of what is to be signed, in order: r || s in hexadecimal.
    signatures: Vec<String>,
    /// What was in the envelopes, in order, for the platform alone: hexadecimal, at most 1024 bytes each.
    #[serde(default)]
    opened: Vec<String>,
    /// Whether verified data of the user goes to the platform.
    #[serde(default)]
    share: bool,
    /// By what the password of the key was given if the user did not enter it: `remembered` or `biometrics`.
    unlocked: Option<String>,
}

pub(super) fn signature(text: &str) -> Result<[u8; 64], Error> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(Error::BadRequest("a signature has 64 bytes, in hexadecimal"))
}

/// Confirm, or sign what came since: the PIN of the key is what makes the signatures
#[utoipa::path(
    post, path = "/v1/scans/{scan}/sign", tag = "scans", security(("user" = [])),
    params(("scan" = String, Path), Named), request_body = SignaturesBody,
    responses((status = 200, body = ScanBody), Problems),
)]
async fn sign(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<SignaturesBody, { 256 * 1024 }>,
) -> Result<Json<ScanBody>, Problem> {
    let SignaturesBody { signatures, opened, share, unlocked } = body;
    let unlocked = unlocking(unlocked.as_deref())?;
    let signatures = signatures.iter().map(|text| signature(text)).collect::<Result<_, _>>()?;
    let is_hex = |text: &String| {
        (2..=2048).contains(&text.len())
            && text.len().is_multiple_of(2)
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if !opened.iter().all(is_hex) {
        return Err(Error::BadRequest("what was opened has 1 to 1024 bytes, in hexadecimal").into());
    }
    let handed_in = HandedIn { signatures, opened, shares: share, unlocked };
    api.office.sign(&user, id(segments.get("scan")?)?, &handed_in, once.as_ref()).await?;
    again(&api, &user, &segments).await
}

async fn do_step(
    api: &Api,
    user: &User,
    segments: &Segments,
    once: Option<&Once>,
) -> Result<Json<ScanBody>, Problem> {
    let step = match segments.get("step")? {
        "heartbeat" => Step::Beat,
        "take" => Step::Take,
        "refuse" => Step::Refuse,
        "abort" => Step::Abort,
        "fail" => Step::Fail,
        _ => return Err(Error::NotFound.into()),
    };
    api.office.step(user, id(segments.get("scan")?)?, step, once).await?;
    again(api, user, segments).await
}

/// What else the user does: `heartbeat`, `take`, `refuse`, `abort` or `fail`
///
/// A phone that waits sends a heartbeat at least every 30 seconds. `take` goes where the code leads.
#[utoipa::path(
    post, path = "/v1/scans/{scan}/{step}", tag = "scans", security(("user" = [])),
    params(("scan" = String, Path), ("step" = String, Path), Named),
    responses((status = 200, body = ScanBody), Problems),
)]
async fn step(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<ScanBody>, Problem> {
    do_step(&api, &user, &segments, once.as_ref()).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only of this kind.
    operation: Option<String>,
    /// Only for systems whose name has this in it.
    system: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UseRecord)]
pub(super) struct RecordBody {
    /// Who did it.
    account_id: String,
    operation: String,
    system: SystemBody,
    certificate: CertificateRef,
    /// Its subject, distinguished name (RFC 4514).
    certificate_name: String,
    identity: &'static str,
    seal_id: Option<String>,
    at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UseRecords)]
pub(super) struct RecordsBody {
    records: Vec<RecordBody>,
    next: Option<NextBody>,
}

pub(super) async fn records(
    api: &Api,
    found: crate::domain::page::Paged<Stored<Record>>,
) -> Result<Json<RecordsBody>, Problem> {
    let mut names = HashMap::new();
    for one in &found.items {
        let name = &one.entity.0.certificate;
        let key = (name.authority.clone(), name.serial.clone());
        if let Entry::Vacant(vacant) = names.entry(key) {
            let certificate = api.office.certificate(name).await?;
            vacant.insert(envelope::name::display(&certificate.subject));
        }
    }
    let (records, next) = shown(found, |one| {
        let used = one.entity.0;
        let CertificateName { authority, serial } = used.certificate;
        let certificate_name = names.get(&(authority.clone(), serial.clone())).cloned();
        Ok::<_, Problem>(RecordBody {
            account_id: used.account.to_string(),
            operation: used.operation,
            system: SystemBody { code: used.system.code, name: used.system.name.as_str().to_owned() },
            certificate: CertificateRef { authority, serial },
            certificate_name: certificate_name.unwrap_or_default(),
            identity: used.identity.as_str(),
            seal_id: used.seal.map(|seal| seal.to_string()),
            at_ms: one.created_ms,
        })
    })?;
    Ok(Json(RecordsBody { records, next }))
}

/// The scan report of the user, newest first
#[utoipa::path(
    get, path = "/v1/scan-report", tag = "scans", security(("user" = [])), params(Which),
    responses((status = 200, body = RecordsBody), Problems),
)]
async fn report(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Which { after, limit, operation, system }): Parameters<Which>,
) -> Result<Json<RecordsBody>, Problem> {
    let page = Paging::new(after, limit).page()?;
    let of = user.account().id;
    let found = api.office.scan_report(of, operation.as_deref(), system.as_deref(), &page).await?;
    records(&api, found).await
}

/// What a member did for an enterprise, newest first, for whoever manages it
#[utoipa::path(
    get, path = "/v1/enterprises/{enterprise}/members/{account}/scan-report", tag = "scans",
    security(("user" = [])), params(("enterprise" = String, Path), ("account" = String, Path), Which),
    responses((status = 200, body = RecordsBody), Problems),
)]
async fn member_report(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(Which { after, limit, operation, system }): Parameters<Which>,
) -> Result<Json<RecordsBody>, Problem> {
    let page = Paging::new(after, limit).page()?;
    let (enterprise, member) = (id(segments.get("enterprise")?)?, id(segments.get("account")?)?);
    let (operation, system) = (operation.as_deref(), system.as_deref());
    let found = api.office.member_report(&user, enterprise, member, operation, system, &page).await?;
    records(&api, found).await
}

/// What a certificate of the phone was used for, newest first
#[utoipa::path(
    get, path = "/v1/scan-report/certificates/{authority}/{serial}", tag = "scans", security(("user" = [])),
    params(("authority" = String, Path), ("serial" = String, Path), Paging),
    responses((status = 200, body = RecordsBody), Problems),
)]
async fn certificate_records(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<RecordsBody>, Problem> {
    let (authority, serial) = (segments.get("authority")?.to_owned(), segments.get("serial")?.to_owned());
    let name = CertificateName { authority, serial };
    let found = api.office.certificate_records(&user, &name, &paging.page()?).await?;
    records(&api, found).await
}
