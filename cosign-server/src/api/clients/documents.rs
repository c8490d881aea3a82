//! Documents of a platform: handed in to be sealed, looked at, judged, fetched.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ScansWrite, Signed, scans::CertificateRef};
use crate::{
    api::{
        Api, Problem,
        accounts::id,
        documents::{AreaBody, ReportBody, SpotBody, given, tenths},
        extract::{Parameters, Segments},
        openapi::{Named, Octets, Problems},
        page::{NextBody, Paging, shown},
        scans::signature,
    },
    domain::{
        Error,
        office::{
            Entity as _, Id, Named as _, Stored,
            document::{Document, MAX_BYTES, Mark},
            proof::Hash,
        },
        services::{KeySeal, MAX_SEAL},
    },
};

/// Longest body with a seal, which is in base64.
const MAX_KEY_BODY: usize = MAX_SEAL / 3 * 4 + 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, hand_in))
        .routes(routes!(show))
        .routes(routes!(content))
        .routes(routes!(page))
        .routes(routes!(find))
        .routes(routes!(report))
        .routes(routes!(delete))
        .routes(routes!(prepare))
        .routes(routes!(complete))
}

#[derive(Serialize, ToSchema)]
#[schema(as = PageSize)]
struct SizeBody {
    /// Tenths of a millimetre.
    width: i64,
    height: i64,
}

/// What was done to a document.
#[derive(Serialize, ToSchema)]
#[schema(as = SealMark)]
struct MarkBody {
    /// `sealed` or `removed`.
    kind: &'static str,
    /// How the document names the signature.
    signature: String,
    /// The seal, if it is one of this server.
    seal_id: Option<String>,
    /// The certificate, if it is one of this server.
    certificate: Option<CertificateRef>,
    /// In which session or task; nothing where the key was elsewhere.
    by: Option<String>,
    at_ms: u64,
}

impl From<&Mark> for MarkBody {
    fn from(mark: &Mark) -> Self {
        Self {
            kind: mark.kind.as_str(),
            signature: mark.signature.clone(),
            seal_id: mark.seal.map(|seal| seal.to_string()),
            certificate: mark.certificate.clone().map(CertificateRef::from),
            by: mark.by.map(|by| by.to_string()),
            at_ms: mark.at_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Document)]
struct DocumentBody {
    document_id: String,
    /// `kept`, `held` by a session or a task, or `gone`.
    state: &'static str,
    name: Option<String>,
    /// `pdf` or `ofd`.
    format: &'static str,
    /// How many bytes it has as it is now.
    bytes: u64,
    /// SM3 of them, hexadecimal.
    digest: String,
    pages: u32,
    /// The session or the task that has it.
    held_by: Option<String>,
    /// How it can be sealed: `scan` with a phone, `key` with a key elsewhere, such as a USB key.
    means: Vec<&'static str>,
    /// What was done to it here, oldest first.
    history: Vec<MarkBody>,
    handed_in_at_ms: u64,
    /// Until when it is kept, unless it is sealed.
    until_ms: u64,
}

fn body(api: &Api, found: Stored<Document>) -> Result<DocumentBody, Problem> {
    let Stored { id, created_ms, entity, .. } = found;
    let present = entity.present();
    Ok(DocumentBody {
        document_id: id.to_string(),
        state: entity.state().as_str(),
        name: api.office.document_name(&entity)?.map(|name| name.to_string()),
        format: entity.format.as_str(),
        bytes: present.size(),
        digest: hex::encode(present.digest().0),
        pages: entity.pages,
        held_by: entity.held_by().map(|by| by.to_string()),
        means: vec!["scan", "key"],
        history: entity.marks().iter().map(MarkBody::from).collect(),
        handed_in_at_ms: created_ms,
        until_ms: entity.until_ms,
    })
}

fn which(segments: &Segments) -> Result<Id, Problem> {
    id(segments.get("document")?)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CalledQuery {
    /// What it is called: 1 to 200 characters.
    #[param(required = true)]
    name: Option<String>,
}

/// Hand in a PDF or OFD document of at most 16 MiB, to be sealed here
#[utoipa::path(
    post, path = "/v1/client/documents", tag = "documents", security(("client" = [])),
    params(CalledQuery, Named), request_body(content = Octets, content_type = "application/octet-stream"),
    responses((status = 201, body = DocumentBody), Problems),
)]
async fn hand_in(
    State(api): State<Api>,
    Parameters(CalledQuery { name }): Parameters<CalledQuery>,
    signed: Signed<ScansWrite, MAX_BYTES>,
) -> Result<(StatusCode, Json<DocumentBody>), Problem> {
    let name = name.unwrap_or_default();
    let once = signed.once()?;
    let id = api.office.hand_in_document(&signed.client, &name, &signed.body, once).await?;
    let found = api.office.document_of(&signed.client, id).await?;
    Ok((StatusCode::CREATED, Json(body(&api, found)?)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Documents)]
struct DocumentsBody {
    documents: Vec<DocumentBody>,
    next: Option<NextBody>,
}

/// The documents of the platform that are here, newest first
#[utoipa::path(
    get, path = "/v1/client/documents", tag = "documents", security(("client" = [])), params(Paging),
    responses((status = 200, body = DocumentsBody), Problems),
)]
async fn list(
    State(api): State<Api>,
    Parameters(paging): Parameters<Paging>,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<DocumentsBody>, Problem> {
    let found = api.office.documents_of(&client, &paging.page()?).await?;
    let (documents, next) = shown(found, |one| body(&api, one))?;
    Ok(Json(DocumentsBody { documents, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = DocumentInDetail)]
struct DetailBody {
    document: DocumentBody,
    /// As they are shown, from the first on.
    pages: Vec<SizeBody>,
}

/// One of them, with the sizes of its pages
#[utoipa::path(
    get, path = "/v1/client/documents/{document}", tag = "documents", security(("client" = [])),
    params(("document" = String, Path)), responses((status = 200, body = DetailBody), Problems),
)]
async fn show(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<DetailBody>, Problem> {
    let found = api.office.document_of(&client, which(&segments)?).await?;
    let sizes = api.office.document_pages(&client, found.id).await?;
    let pages = sizes.iter().map(|size| SizeBody { width: tenths(size.width), height: tenths(size.height) });
    let pages = pages.collect();
    Ok(Json(DetailBody { document: body(&api, found)?, pages }))
}

/// Its bytes, once no session and no task has it
#[utoipa::path(
    get, path = "/v1/client/documents/{document}/content", tag = "documents", security(("client" = [])),
    params(("document" = String, Path)),
    responses((status = 200, description = "The document", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn content(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<impl IntoResponse, Problem> {
    Ok(given(api.office.given_document(&client, which(&segments)?).await?))
}

/// The picture of a page, from 1, at 96 pixels per inch; within a session with what was sealed there
#[utoipa::path(
    get, path = "/v1/client/documents/{document}/pages/{page}", tag = "documents", security(("client" = [])),
    params(("document" = String, Path), ("page" = String, Path)),
    responses((status = 200, description = "PNG", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn page(
    State(api): State<Api>,
    segments: Segments,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<impl IntoResponse, Problem> {
    let page = segments.get("page")?.parse().map_err(|_| Error::NotFound)?;
    let png = api.office.document_picture(&client, which(&segments)?, page).await?;
    Ok(([(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")], png))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct TextQuery {
    /// What is looked for: 1 to 200 characters. White space does not count.
    #[param(required = true)]
    text: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TextHits)]
struct HitsBody {
    /// In reading order, at most 1000.
    hits: Vec<AreaBody>,
}

/// Where a text stands in it
#[utoipa::path(
    get, path = "/v1/client/documents/{document}/hits", tag = "documents", security(("client" = [])),
    params(("document" = String, Path), TextQuery), responses((status = 200, body = HitsBody), Problems),
)]
async fn find(
    State(api): State<Api>,
    segments: Segments,
    Parameters(TextQuery { text }): Parameters<TextQuery>,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<HitsBody>, Problem> {
    let text = text.unwrap_or_default();
    let found = api.office.find_in_document(&client, which(&segments)?, &text).await?;
    Ok(Json(HitsBody { hits: found.iter().map(|hit| AreaBody::new(hit.page, &hit.area)).collect() }))
}

/// Every seal in it: who made it, with which seal, when and where, and whether it holds
#[utoipa::path(
    get, path = "/v1/client/documents/{document}/report", tag = "documents", security(("client" = [])),
    params(("document" = String, Path)), responses((status = 200, body = ReportBody), Problems),
)]
async fn report(
    State(api): State<Api>,
    segments: Segments,
    headers: HeaderMap,
    Signed { client, .. }: Signed<ScansWrite>,
) -> Result<Json<ReportBody>, Problem> {
    let found = api.office.judge_document(&client, which(&segments)?).await?;
    Ok(ReportBody::of(&found, &headers))
}

/// Forget it
#[utoipa::path(
    post, path = "/v1/client/documents/{document}/delete", tag = "documents", security(("client" = [])),
    params(("document" = String, Path), Named), responses((status = 200, body = DocumentBody), Problems),
)]
async fn delete(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite>,
) -> Result<Json<DocumentBody>, Problem> {
    let document = which(&segments)?;
    api.office.delete_document(&signed.client, document, signed.once()?).await?;
    Ok(Json(body(&api, api.office.find::<Document>(document).await?)?))
}

/// What is sealed with a key elsewhere.
#[derive(Deserialize, ToSchema)]
#[schema(as = KeySeal)]
#[serde(deny_unknown_fields)]
struct KeySealBody {
    /// Of the key, PEM.
    certificate: String,
    /// The seal as its maker signed it (`SESeal`, DER) in base64: at most 256 KiB.
    seal: String,
    places: Vec<SpotBody>,
    /// Now, unix milliseconds; the same when the signature comes.
    sealed_at_ms: u64,
    /// Of the digest, r || s in hexadecimal; not there while that is asked for.
    signature: Option<String>,
}

impl KeySealBody {
    fn read(self) -> Result<(KeySeal, Option<[u8; 64]>), Problem> {
        let certificate = pki::Certificate::parse(self.certificate.as_bytes());
        let certificate =
            certificate.map_err(|_| Error::BadRequest("the certificate cannot be read"))?.as_der().to_vec();
        let seal = Base64::decode_vec(&self.seal)
            .map_err(|_| Error::BadRequest("the seal or its picture cannot be read"))?;
        let signature = self.signature.as_deref().map(signature).transpose()?;
        let spots = SpotBody::spots(self.places)?;
        Ok((KeySeal { certificate, seal, spots, at_ms: self.sealed_at_ms }, signature))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = DigestToSign)]
struct DigestBody {
    /// What the key signs, hexadecimal.
    digest: String,
}

/// What a key elsewhere has to sign, so that it seals the document
#[utoipa::path(
    post, path = "/v1/client/documents/{document}/key-seals/prepare", tag = "documents",
    security(("client" = [])), params(("document" = String, Path), Named), request_body = KeySealBody,
    responses((status = 200, body = DigestBody), Problems),
)]
async fn prepare(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite, MAX_KEY_BODY>,
) -> Result<Json<DigestBody>, Problem> {
    let (seal, _) = signed.json::<KeySealBody>()?.read()?;
    let Hash(digest) = api.office.digest_for_key(&signed.client, which(&segments)?, &seal).await?;
    Ok(Json(DigestBody { digest: hex::encode(digest) }))
}

/// Seal it with a key elsewhere, which has signed that: say the same again, and the signature
#[utoipa::path(
    post, path = "/v1/client/documents/{document}/key-seals", tag = "documents", security(("client" = [])),
    params(("document" = String, Path), Named), request_body = KeySealBody,
    responses((status = 200, body = DocumentBody), Problems),
)]
async fn complete(
    State(api): State<Api>,
    segments: Segments,
    signed: Signed<ScansWrite, MAX_KEY_BODY>,
) -> Result<Json<DocumentBody>, Problem> {
    let document = which(&segments)?;
    let (seal, signature) = signed.json::<KeySealBody>()?.read()?;
    let signature = signature.ok_or(Error::BadRequest("a signature has 64 bytes, in hexadecimal"))?;
    api.office.seal_by_key(&signed.client, document, (&seal, &signature), signed.once()?).await?;
    Ok(Json(body(&api, api.office.document_of(&signed.client, document).await?)?))
}
