//! Documents that are sealed: what verification finds in them, how they are given out, and places in them.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use seal::{
    geometry::Rect,
    report::{Language as ReportLanguage, Reason, Report, SignatureReport},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Plain, Segments},
    openapi::{Octets, Problems},
    problem::Language,
};
use crate::domain::{
    Error,
    office::{
        Named as _,
        document::{Across, DocumentFormat, Edge, Hits, MAX_BYTES, Spot},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(judge)).routes(routes!(of_scan)).routes(routes!(of_task))
}

/// Where a seal shows; lengths are tenths of a millimetre.
#[derive(Deserialize, ToSchema)]
#[schema(as = SealPlace)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum SpotBody {
    /// In the same place of one or more pages.
    At(AtBody),
    /// In strips over the edges of pages (骑缝).
    Across(AcrossBody),
    /// Wherever a text stands.
    Keyword(KeywordBody),
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealPlaceAt)]
#[serde(deny_unknown_fields)]
pub(super) struct AtBody {
    /// `all`, `odd`, `even`, `last`, or such as `1,3-5,8-`.
    pages: String,
    /// Of the centre of the seal, from the left.
    x: u32,
    /// From the top.
    y: u32,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealPlaceAcross)]
#[serde(deny_unknown_fields)]
pub(super) struct AcrossBody {
    /// `left`, `right`, `top` or `bottom`.
    edge: String,
    /// As above; all if nothing is said.
    pages: Option<String>,
    /// Where along the edge, in thousandths of it; in the middle if nothing is said.
    along: Option<u16>,
    /// Most pages that share one seal.
    group: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SealPlaceKeyword)]
#[serde(deny_unknown_fields)]
pub(super) struct KeywordBody {
    /// 1 to 200 characters.
    text: String,
    /// Only the n-th hit, from 1.
    nth: Option<u32>,
    /// Only the last hit.
    #[serde(default)]
    last: bool,
    /// How far the centre of the seal is to the right of that of the text.
    #[serde(default)]
    right: i32,
    /// And below it.
    #[serde(default)]
    down: i32,
}

impl SpotBody {
    fn spot(self) -> Result<Spot, Error> {
        Ok(match self {
            Self::At(AtBody { pages, x, y }) => Spot::At { pages, x, y },
            Self::Across(AcrossBody { edge, pages, along, group }) => {
                let edge = Edge::from_name(&edge);
                let edge = edge.ok_or(Error::BadRequest("a word is none of those that are known"))?;
                let pages = pages.unwrap_or_else(|| "all".to_owned());
                Spot::Across(Across { edge, pages, along: along.unwrap_or(500), group })
            }
            Self::Keyword(KeywordBody { text, nth, last, right, down }) => {
                let hits = match (nth, last) {
                    (Some(nth), false) => Hits::Nth(nth),
                    (None, true) => Hits::Last,
                    (None, false) => Hits::All,
                    (Some(_), true) => {
                        return Err(Error::BadRequest("a keyword has one hit that counts, or all"));
                    }
                };
                Spot::Keyword { text, hits, offset: (right, down) }
            }
        })
    }

    pub(super) fn spots(bodies: Vec<Self>) -> Result<Vec<Spot>, Error> {
        bodies.into_iter().map(Self::spot).collect()
    }
}

/// A part of a page; lengths are tenths of a millimetre.
#[derive(Serialize, ToSchema)]
#[schema(as = PageArea)]
pub(super) struct AreaBody {
    /// From 1.
    page: usize,
    x: i64,
    y: i64,
    width: i64,
    height: i64,
}

#[expect(clippy::cast_possible_truncation, reason = "lengths on a page are small, and others are cut off")]
pub(super) fn tenths(millimetres: f64) -> i64 {
    (millimetres * 10.0).round() as i64
}

impl AreaBody {
    pub(super) fn new(page: usize, area: &Rect) -> Self {
        let Rect { x, y, width, height } = *area;
        let page = page.saturating_add(1);
        Self { page, x: tenths(x), y: tenths(y), width: tenths(width), height: tenths(height) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SealReason)]
struct ReasonBody {
    /// A stable word.
    code: &'static str,
    /// The same for people.
    text: &'static str,
    /// About what.
    detail: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JudgedSeal)]
struct JudgedBody {
    /// How the document names the signature.
    signature: String,
    /// `pdf-seal`, `ofd-seal`, `pdf-signature`, `ofd-signature` or `pdf-time-stamp`.
    kind: &'static str,
    /// `valid`, `indeterminate` or `invalid`: as of when it was made.
    verdict: &'static str,
    /// Distinguished name (RFC 4514).
    signer: Option<String>,
    /// Of the signer's certificate, hexadecimal.
    serial: Option<String>,
    /// What the seal is called.
    seal_name: Option<String>,
    /// How its maker names it.
    seal_number: Option<String>,
    /// Who made it, distinguished name.
    seal_maker: Option<String>,
    /// When it was made, unix milliseconds.
    made_at_ms: Option<u64>,
    /// Whether a time-stamp proves that.
    time_proven: bool,
    /// Why it is not valid.
    reasons: Vec<ReasonBody>,
    /// What else is to be known.
    notes: Vec<ReasonBody>,
    /// Where it shows.
    places: Vec<AreaBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DocumentReport)]
pub(super) struct ReportBody {
    /// `pdf` or `ofd`.
    format: &'static str,
    /// The worst of the seals; `indeterminate` without any.
    verdict: &'static str,
    /// In the order in which they were made.
    seals: Vec<JudgedBody>,
    warnings: Vec<ReasonBody>,
}

impl ReportBody {
    /// In the language that the caller wants.
    pub(super) fn of(report: &Report, headers: &HeaderMap) -> Json<Self> {
        let language = match Language::preferred(headers) {
            Language::English => ReportLanguage::English,
            Language::Chinese => ReportLanguage::Chinese,
        };
        Json(Self {
            format: report.format.name(),
            verdict: report.verdict().name(),
            seals: report.signatures.iter().map(|one| JudgedBody::of(one, language)).collect(),
            warnings: reasons(&report.warnings, language),
        })
    }
}

fn reasons(reasons: &[Reason], language: ReportLanguage) -> Vec<ReasonBody> {
    let one = |reason: &Reason| ReasonBody {
        code: reason.code.name(),
        text: reason.code.text(language),
        detail: reason.detail.clone(),
    };
    reasons.iter().map(one).collect()
}

impl JudgedBody {
    fn of(one: &SignatureReport, language: ReportLanguage) -> Self {
        let maker = one.seal.as_ref().and_then(|seal| seal.maker().map(|maker| maker.subject().to_string()));
        Self {
            signature: one.id.clone(),
            kind: one.kind.name(),
            verdict: one.verdict.name(),
            signer: one.signer.as_ref().map(|signer| signer.subject().to_string()),
            serial: one.signer.as_ref().map(pki::Certificate::serial_hex),
            seal_name: one.seal.as_ref().map(|seal| seal.name().to_owned()),
            seal_number: one.seal.as_ref().map(|seal| seal.id().to_owned()),
            seal_maker: maker,
            made_at_ms: one.time.map(|signing| signing.time.as_unix().saturating_mul(1000)),
            time_proven: one.time.is_some_and(|signing| signing.proven),
            reasons: reasons(&one.reasons, language),
            notes: reasons(&one.notes, language),
            places: one.stamps.iter().map(|stamp| AreaBody::new(stamp.page, &stamp.visible())).collect(),
        }
    }
}

/// A document as it is. Browsers neither guess at it nor run it.
pub(super) fn given((format, bytes): (DocumentFormat, Zeroizing<Vec<u8>>)) -> impl IntoResponse + use<> {
    let media = match format {
        DocumentFormat::Pdf => "application/pdf",
        DocumentFormat::Ofd => "application/ofd",
    };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, bytes.to_vec())
}

/// Judge every seal of a PDF or OFD document of at most 16 MiB, which is not kept
#[utoipa::path(
    post, path = "/v1/document-verifications", tag = "documents", security(("user" = [])),
    request_body(content = Octets, content_type = "application/octet-stream"),
    responses((status = 200, body = ReportBody), Problems),
)]
async fn judge(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    headers: HeaderMap,
    file: Plain<MAX_BYTES>,
) -> Result<(StatusCode, Json<ReportBody>), Problem> {
    file.demand("application/octet-stream")?;
    let report = api.office.judge_document_of(&user, &file.bytes).await?;
    Ok((StatusCode::OK, ReportBody::of(&report, &headers)))
}

/// The document that a scan is about, as it is now
#[utoipa::path(
    get, path = "/v1/scans/{scan}/document", tag = "documents", security(("user" = [])),
    params(("scan" = String, Path)),
    responses((status = 200, description = "The document", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn of_scan(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    Ok(given(api.office.document_of_scan(&user, id(segments.get("scan")?)?).await?))
}

/// The document that a task is about, as it is now
#[utoipa::path(
    get, path = "/v1/tasks/{task}/document", tag = "documents", security(("user" = [])),
    params(("task" = String, Path)),
    responses((status = 200, description = "The document", body = Octets, content_type = "application/octet-stream"), Problems),
)]
async fn of_task(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    Ok(given(api.office.document_of_task(&user, id(segments.get("task")?)?).await?))
}
