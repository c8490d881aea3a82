//! Invoices.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    catalogue::word,
    extract::{Input, Parameters, Segments},
    openapi::{Named, Octets, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    office::{
        Entity as _, Named as _, Stored,
        invoice::{Invoice, Part},
    },
    services::{InvoiceWish, TitleDetails},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(possible))
        .routes(routes!(list, ask))
        .routes(routes!(show))
        .routes(routes!(file))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = InvoiceWish)]
#[serde(deny_unknown_fields)]
pub(super) struct WishBody {
    /// `electronic` or `paper`.
    medium: String,
    title_id: String,
    /// Where paper goes.
    address_id: Option<String>,
}

impl WishBody {
    pub(super) fn read(self) -> Result<InvoiceWish, Problem> {
        Ok(InvoiceWish {
            medium: word(&self.medium)?,
            title: id(&self.title_id)?,
            address: self.address_id.as_deref().map(id).transpose()?,
        })
    }
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = InvoicePart)]
#[serde(deny_unknown_fields)]
struct PartBody {
    order_id: String,
    line_id: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = InvoiceWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct AskBody {
    #[schema(min_items = 1, max_items = 50)]
    parts: Vec<PartBody>,
    wish: WishBody,
    /// What it will be over, as it was shown: that it is wanted so.
    amount_fen: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invoice)]
pub(in crate::api) struct InvoiceBody {
    invoice_id: String,
    state: &'static str,
    medium: &'static str,
    amount_fen: u64,
    parts: Vec<PartBody>,
    /// For whom; nothing once it was erased.
    title: Option<String>,
    title_kind: Option<&'static str>,
    /// What it is called, once it is made.
    number: Option<String>,
    /// Where its file is, once it is made.
    file: Option<String>,
    /// What the post calls it.
    tracking: Option<String>,
    opinion: Option<String>,
    asked_at_ms: u64,
    sandbox: bool,
}

pub(in crate::api) fn body(api: &Api, invoice: Stored<Invoice>) -> Result<InvoiceBody, Problem> {
    let Invoice { asked, number, tracking, opinion, .. } = &invoice.entity;
    let title = asked.title.as_ref();
    let title: Option<TitleDetails> = title.map(|title| api.office.details(Some(title))).transpose()?;
    let part = |part: &Part| PartBody { order_id: part.order.to_string(), line_id: part.line.to_string() };
    Ok(InvoiceBody {
        invoice_id: invoice.id.to_string(),
        state: invoice.entity.state().as_str(),
        medium: asked.medium.as_str(),
        amount_fen: asked.amount_fen,
        parts: asked.parts.iter().map(part).collect(),
        title_kind: title.as_ref().map(|title| if title.enterprise { "enterprise" } else { "person" }),
        title: title.map(|title| title.name),
        file: number.as_ref().map(|_| format!("/v1/invoices/{}/file", invoice.id)),
        number: number.clone(),
        tracking: tracking.clone(),
        opinion: api.office.written(opinion.as_ref())?.map(|words| words.to_string()),
        asked_at_ms: invoice.created_ms,
        sandbox: api.office.invoicing_is_sandbox(),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichLines {
    /// `ca` or `seal`.
    service: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceLine)]
struct LineBody {
    order_id: String,
    order_number: String,
    line_id: String,
    name: String,
    service: &'static str,
    amount_fen: u64,
    /// Whether an invoice can be made now; otherwise once what was bought was handed over.
    ready: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceLines)]
pub(super) struct LinesBody {
    lines: Vec<LineBody>,
    /// What all of these come to.
    amount_fen: u64,
    next: Option<NextBody>,
}

/// What was paid and has no invoice, a page of orders at a time
#[utoipa::path(
    get, path = "/v1/invoices/possible", tag = "orders", security(("user" = [])), params(WhichLines),
    responses((status = 200, body = LinesBody), Problems),
)]
pub(super) async fn possible(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(WhichLines { service, after, limit }): Parameters<WhichLines>,
) -> Result<Json<LinesBody>, Problem> {
    let service = service.as_deref().map(word).transpose()?;
    let found = api.office.billable(&user, service, &Paging::new(after, limit).page()?).await?;
    let amount_fen = found.items.iter().map(|one| one.line.amount_fen).sum();
    let (lines, next) = shown(found, |one| {
        Ok::<_, Problem>(LineBody {
            order_id: one.order.to_string(),
            order_number: one.number,
            line_id: one.line.id.to_string(),
            name: one.line.name.as_str().to_owned(),
            service: one.line.service.as_str(),
            amount_fen: one.line.amount_fen,
            ready: one.ready,
        })
    })?;
    Ok(Json(LinesBody { lines, amount_fen, next }))
}

/// Ask for an invoice over lines that were paid
#[utoipa::path(
    post, path = "/v1/invoices", tag = "orders", security(("user" = [])), params(Named), request_body = AskBody,
    responses((status = 201, body = InvoiceBody), Problems),
)]
pub(super) async fn ask(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body: asked, once }: Input<AskBody>,
) -> Result<(StatusCode, Json<InvoiceBody>), Problem> {
    let part =
        |part: &PartBody| Ok::<_, Problem>(Part { order: id(&part.order_id)?, line: id(&part.line_id)? });
    let parts = asked.parts.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let wish = asked.wish.read()?;
    let invoice = api.office.ask_invoice(&user, (&wish, &parts, asked.amount_fen), once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(body(&api, invoice)?)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invoices)]
pub(in crate::api) struct InvoicesBody {
    pub(in crate::api) invoices: Vec<InvoiceBody>,
    pub(in crate::api) next: Option<NextBody>,
}

/// The invoices of the user, newest first
#[utoipa::path(
    get, path = "/v1/invoices", tag = "orders", security(("user" = [])), params(Paging),
    responses((status = 200, body = InvoicesBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<InvoicesBody>, Problem> {
    let found = api.office.invoices(&user, &paging.page()?).await?;
    let (invoices, next) = shown(found, |one| body(&api, one))?;
    Ok(Json(InvoicesBody { invoices, next }))
}

/// One invoice
#[utoipa::path(
    get, path = "/v1/invoices/{invoice}", tag = "orders", security(("user" = [])),
    params(("invoice" = String, Path)), responses((status = 200, body = InvoiceBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<InvoiceBody>, Problem> {
    Ok(Json(body(&api, api.office.own_invoice(&user, id(segments.get("invoice")?)?).await?)?))
}

/// The file of an invoice
#[utoipa::path(
    get, path = "/v1/invoices/{invoice}/file", tag = "orders", security(("user" = [])),
    params(("invoice" = String, Path)),
    responses((status = 200, description = "The file", body = Octets, content_type = "application/pdf"), Problems),
)]
pub(super) async fn file(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<impl IntoResponse, Problem> {
    let bytes = api.office.invoice_file(&user, id(segments.get("invoice")?)?).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, bytes))
}
