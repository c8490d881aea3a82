//! Codes that a platform shows, and what comes of them.

use axum::{Json, extract::State, http::StatusCode};
use pki::issue::certificate_pem as pem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ScansWrite, Signed};
use crate::{
    api::{
        Api, Problem,
        accounts::{Secret, id},
        extract::Segments,
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        clients::ApiClient,
        office::{
            Entity as _, Named as _, State as _, Stored,
            proof::{CertificateName, Identity},
            scan::{Form, Plea, Scan, Section, Terms, qr},
        },
        services::{Asked, NewItem},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(show))
        .routes(routes!(hand_in))
        .routes(routes!(end))
}

/// A word that stands for a value.
pub(in crate::api) fn word<T: crate::domain::office::Named>(text: &str) -> Result<T, Problem> {
    T::from_name(text).ok_or_else(|| Error::BadRequest("a word is none of those that are known").into())
}

pub(in crate::api) fn bytes(text: &str) -> Result<Vec<u8>, Problem> {
    hex::decode(text).map_err(|_| Error::BadRequest("bytes are written in hexadecimal").into())
}

/// Which certificate.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = CertificateRef)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CertificateRef {
    pub(in crate::api) authority: String,
    /// Serial number, hexadecimal.
    pub(in crate::api) serial: String,
}

impl From<CertificateRef> for CertificateName {
    fn from(CertificateRef { authority, serial }: CertificateRef) -> Self {
        Self { authority, serial }
    }
}

impl From<CertificateName> for CertificateRef {
    fn from(CertificateName { authority, serial }: CertificateName) -> Self {
        Self { authority, serial }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanItem)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    /// What the platform calls it.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// `message`: bytes, signed is SM3(Z || bytes). `digest`: 32 bytes, signed as they are. `envelope`: to be opened.
    form: String,
    /// Hexadecimal, 1 to 8192 bytes.
    content: String,
}

fn items(items: Vec<ItemBody>) -> Result<Vec<NewItem>, Problem> {
    let item = |ItemBody { name, form, content }: ItemBody| {
        Ok(NewItem { name, form: word::<Form>(&form)?, content: bytes(&content)? })
    };
    items.into_iter().map(item).collect()
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TenderSection)]
#[serde(deny_unknown_fields)]
struct SectionBody {
    project: String,
    section: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KnownHolder)]
#[serde(deny_unknown_fields)]
struct HolderBody {
    name: Secret,
    /// Of the identity document, or the unified social credit code.
    number: Secret,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewScan)]
#[serde(deny_unknown_fields)]
struct AskBody {
    /// `bind`, `register`, `login`, `seal`, `remove-seal`, `sign-message`, `sign-hash`, `encrypt`, `generate-file`, `decrypt`,
    /// `apply` or `open-task`.
    kind: String,
    /// The platform's own name for it; part of what is signed.
    #[schema(min_length = 1, max_length = 64)]
    nonce: String,
    /// What the user is shown.
    title: Option<String>,
    #[serde(default)]
    items: Vec<ItemBody>,
    /// The authorities whose certificates will do; none: all.
    #[serde(default)]
    authorities: Vec<String>,
    /// The only certificate that will do.
    certificate: Option<CertificateRef>,
    /// `person` or `enterprise`.
    identity: Option<String>,
    section: Option<SectionBody>,
    /// Before when nothing is opened, unix milliseconds.
    opens_at_ms: Option<u64>,
    /// That the bidder has signed in: nothing is opened for others.
    #[serde(default)]
    signed_in: bool,
    /// Whom the platform knows: only they are bound.
    holder: Option<HolderBody>,
    seal_id: Option<String>,
    /// The document that is sealed, or from which the last seal goes; with it there are no items.
    document_id: Option<String>,
    task_id: Option<String>,
    /// Whether the user is asked for their verified data.
    #[serde(default)]
    share: bool,
    /// Whether the page shows a number that is entered on the phone.
    #[serde(default)]
    number: bool,
    /// Whether the code is one of mutual recognition, which every such application scans.
    #[serde(default)]
    mutual: bool,
    /// Whether the platform looks at who registers, before they are bound.
    #[serde(default)]
    review: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScanCode)]
struct CodeBody {
    scan_id: String,
    /// The text of the code.
    code: String,
    /// What the page shows beside it.
    number: Option<u8>,
    expires_at_ms: u64,
}

/// Make a code for a page; whoever scans it is asked
#[utoipa::path(
    post, path = "/v1/client/scans", tag = "scans", security(("client" = [])), params(Named),
    request_body = AskBody, responses((status = 201, body = CodeBody), Problems),
)]
async fn ask(
    State(api): State<Api>,
    signed: Signed<ScansWrite>,
) -> Result<(StatusCode, Json<CodeBody>), Problem> {
    let body: AskBody = signed.json()?;
    let plea = word::<Plea>(&body.kind)?;
    if plea == Plea::Decrypt && !body.signed_in {
        return Err(Error::Conflict("the bidder has not signed in").into());
    }
    if (plea == Plea::Bind) != body.holder.is_some() {
        return Err(Error::BadRequest("whoever is bound has a name and a number").into());
    }
    if body.review && plea != Plea::Register {
        return Err(Error::BadRequest("a platform looks at who registers, and at nobody else").into());
    }
    let known = |holder: &HolderBody| api.office.holder(&holder.name.0, &holder.number.0);
    let holder = body.holder.as_ref().map(known).transpose()?;
    let terms = Terms {
        authorities: body.authorities,
        certificate: body.certificate.map(CertificateName::from),
        identity: body.identity.as_deref().map(word::<Identity>).transpose()?,
        section: body.section.map(|SectionBody { project, section }| Section { project, section }),
        opens_ms: body.opens_at_ms,
        holder,
        seal: body.seal_id.as_deref().map(id).transpose()?,
        task: body.task_id.as_deref().map(id).transpose()?,
        document: body.document_id.as_deref().map(id).transpose()?,
        share: body.share,
        mutual: body.mutual,
        reviewed: body.review,
        title: body.title,
    };
    let (items, nonce) = (items(body.items)?, body.nonce);
    let asked = Asked { plea, terms, nonce, items, has_number: body.number };
    let shown = api.office.ask(&signed.client, &asked, signed.once()?).await?;
    let rules = api.office.rules();
    let code = if body.mutual {
        let scan = api.office.scan_of(&signed.client, shown.id).await?;
        qr::mutual(&rules.mutual_page, &scan.entity.system.code, plea, scan.id)
    } else {
        qr::own(&rules.scan_issuer, plea, &shown.token)
    };
    let (scan_id, number, expires_at_ms) = (shown.id.to_string(), shown.number, shown.expires_ms);
    Ok((StatusCode::CREATED, Json(CodeBody { scan_id, code, number, expires_at_ms })))
}

#[derive(Serialize, ToSchema)]
#[schema(as = SharedPerson)]
pub(super) struct SharedBody {
    pub(super) name: String,
    document: &'static str,
    pub(super) number: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClientScan)]
pub(super) struct ScanBody {
    scan_id: String,
    kind: &'static str,
    nonce: String,
    state: &'static str,
    /// Why it did not work.
    reason: Option<&'static str>,
    /// Who confirmed.
    pub(super) account_id: Option<String>,
    /// Whether the user is bound to the platform.
    pub(super) bound: bool,
    /// `person` or `enterprise`.
    pub(super) identity: Option<&'static str>,
    pub(super) certificate: Option<CertificateRef>,
    /// PEM.
    pub(super) certificate_pem: Option<String>,
    /// Of the certificate that is encrypted to, PEM.
    pub(super) encryption_pem: Option<String>,
    /// Its serial number.
    pub(super) encryption_serial: Option<String>,
    /// What the user agreed with, hexadecimal: the message under `consent`.
    agreement: Option<String>,
    /// The signature of it, r || s in hexadecimal.
    pub(super) consent: Option<String>,
    /// The document that it is about.
    document_id: Option<String>,
    /// Of each item its name and its signature, or what was in it.
    results: Vec<Value>,
    /// Verified data that the user gave.
    pub(super) shared: Option<SharedBody>,
    ends_at_ms: u64,
}

pub(super) async fn body(api: &Api, client: &ApiClient, found: Stored<Scan>) -> Result<ScanBody, Problem> {
    let Stored { id, entity: scan, .. } = found;
    let confirmed = scan.chosen.as_ref().filter(|_| scan.consent.is_some());
    let certificate = match confirmed {
        Some((chosen, _)) => Some(api.office.certificate(&chosen.name).await?),
        None => None,
    };
    let encrypting = match &certificate {
        Some(certificate) => api.office.encrypting(certificate).await?,
        None => None,
    };
    // Who refused stays unknown.
    let is_known = confirmed.is_some() || scan.plea.wants_certificate().is_err() && scan.state().is_over();
    let account = scan.account.filter(|_| is_known);
    let bound = match account {
        Some(account) => {
            let own = crate::domain::office::Id::from_bytes(*client.id.as_bytes());
            api.office.binding(own, account).await?.is_some()
        }
        None => false,
    };
    let shared = api.office.shared(&scan).await?;
    let opened = scan.opened();
    Ok(ScanBody {
        scan_id: id.to_string(),
        kind: scan.plea.as_str(),
        nonce: scan.nonce.clone(),
        state: scan.state().as_str(),
        reason: scan.stop.map(|stop| stop.as_str()),
        account_id: account.map(|account| account.to_string()),
        bound,
        identity: confirmed.map(|(chosen, _)| chosen.identity.as_str()),
        certificate: confirmed.map(|(chosen, _)| chosen.name.clone().into()),
        certificate_pem: certificate.map(|certificate| pem(&certificate.der)),
        encryption_serial: encrypting.as_ref().map(|certificate| certificate.serial.to_string()),
        encryption_pem: encrypting.map(|certificate| pem(&certificate.der)),
        agreement: scan.consent.as_ref().map(|_| hex::encode(scan.agreement(id, &opened))),
        consent: scan.consent.clone(),
        document_id: scan.terms.document.map(|document| document.to_string()),
        results: scan.results(),
        shared: shared.map(|shared| SharedBody {
            name: shared.name.to_string(),
            document: shared.document,
            number: shared.number.to_string(),
        }),
        ends_at_ms: scan.goes_on_until_ms(),
    })
}

/// A code of the platform, and what came of it
#[utoipa::path(
    get, path = "/v1/client/scans/{scan}", tag = "scans", security(("client" = [])),
    params(("scan" = String, Path)), responses((status = 200, body = ScanBody), Problems),
)]
async fn show(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<ScanBody>, Problem> {
    let found = api.office.scan_of(&client, id(segments.get("scan")?)?).await?;
    Ok(Json(body(&api, &client, found).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanItems)]
#[serde(deny_unknown_fields)]
struct ItemsBody {
    items: Vec<ItemBody>,
}

/// Hand in what a user who has confirmed is to sign
#[utoipa::path(
    post, path = "/v1/client/scans/{scan}/items", tag = "scans", security(("client" = [])),
    params(("scan" = String, Path), Named), request_body = ItemsBody,
    responses((status = 200, body = ScanBody), Problems),
)]
async fn hand_in(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<ScanBody>, Problem> {
    let scan = id(segments.get("scan")?)?;
    let ItemsBody { items: new } = signed.json()?;
    api.office.hand_in(&signed.client, scan, &items(new)?, signed.once()?).await?;
    let found = api.office.scan_of(&signed.client, scan).await?;
    Ok(Json(body(&api, &signed.client, found).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanEnd)]
#[serde(deny_unknown_fields)]
struct EndBody {
    /// `finish`: the platform has all. `abort`: the page is left. `fail`: the platform cannot go on.
    end: EndWord,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanEndWord)]
#[serde(rename_all = "lowercase")]
enum EndWord {
    Finish,
    Abort,
    Fail,
}

/// End it
#[utoipa::path(
    post, path = "/v1/client/scans/{scan}/end", tag = "scans", security(("client" = [])),
    params(("scan" = String, Path), Named), request_body = EndBody,
    responses((status = 200, body = ScanBody), Problems),
)]
async fn end(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<ScanBody>, Problem> {
    let scan = id(segments.get("scan")?)?;
    let EndBody { end } = signed.json()?;
    let (client, once) = (&signed.client, signed.once()?);
    match end {
        EndWord::Finish => api.office.finish(client, scan, once).await?,
        EndWord::Abort => api.office.abort(client, scan, false, once).await?,
        EndWord::Fail => api.office.abort(client, scan, true, once).await?,
    }
    Ok(Json(body(&api, client, api.office.scan_of(client, scan).await?).await?))
}
