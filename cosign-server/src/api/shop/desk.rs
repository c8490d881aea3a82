//! What reviewers do about orders, transfers, refunds and invoices.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::{
        Api, Problem,
        accounts::id,
        catalogue::word,
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
        operators::By,
        page::{Paging, shown},
    },
    invoices::{InvoiceBody, InvoicesBody, body as invoice_body},
    orders::{OrderShown, OrdersBody, body as order_body},
    refunds::{RefundBody, RefundsBody, body as refund_body},
};
use crate::domain::operators::{Reviewer, SeesRequests};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(orders))
        .routes(routes!(review))
        .routes(routes!(hand_over))
        .routes(routes!(transfer))
        .routes(routes!(refunds))
        .routes(routes!(decide_refund))
        .routes(routes!(retry_refund))
        .routes(routes!(invoices))
        .routes(routes!(decide_invoice))
        .routes(routes!(post_invoice))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct InState {
    state: String,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Orders in a state, oldest first
#[utoipa::path(
    get, path = "/v1/operator/orders", tag = "orders", params(InState),
    responses((status = 200, body = OrdersBody), Problems),
)]
pub(super) async fn orders(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(InState { state, after, limit }): Parameters<InState>,
) -> Result<Json<OrdersBody>, Problem> {
    let found = api.office.orders_in(&by, word(&state)?, &Paging::new(after, limit).page()?).await?;
    let (orders, next) = shown(found, |one| Ok::<_, Problem>(order_body(&api, &one)))?;
    Ok(Json(OrdersBody { orders, next }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = DeskDecision)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    approve: bool,
    /// What the user is told: 1 to 500 characters.
    opinion: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderDecision)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderDecisionBody {
    approve: bool,
}

/// Say whether an order is what it should be; the money for one that is not goes back
#[utoipa::path(
    post, path = "/v1/operator/orders/{order}/review", tag = "orders", params(("order" = String, Path), Named),
    request_body = OrderDecisionBody, responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn review(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<OrderDecisionBody>,
) -> Result<Json<OrderShown>, Problem> {
    let order = id(segments.get("order")?)?;
    let order = api.office.review_order(&by, order, Some(body.approve), once.as_ref()).await?;
    Ok(Json(order_body(&api, &order)))
}

/// Say that what was bought was handed over
#[utoipa::path(
    post, path = "/v1/operator/orders/{order}/hand-over", tag = "orders", params(("order" = String, Path), Named),
    responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn hand_over(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<OrderShown>, Problem> {
    let order = api.office.review_order(&by, id(segments.get("order")?)?, None, once.as_ref()).await?;
    Ok(Json(order_body(&api, &order)))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TransferDecision)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferDecisionBody {
    /// The entry of the bank that it is; nothing when there is none.
    entry: Option<String>,
}

/// Say which entry of the bank the transfer for an order is
#[utoipa::path(
    post, path = "/v1/operator/orders/{order}/transfer", tag = "orders", params(("order" = String, Path), Named),
    request_body = TransferDecisionBody, responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn transfer(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<TransferDecisionBody>,
) -> Result<Json<OrderShown>, Problem> {
    let order = id(segments.get("order")?)?;
    let order = api.office.decide_transfer(&by, order, body.entry.as_deref(), once.as_ref()).await?;
    Ok(Json(order_body(&api, &order)))
}

/// Refunds in a state, oldest first
#[utoipa::path(
    get, path = "/v1/operator/refunds", tag = "orders", params(InState),
    responses((status = 200, body = RefundsBody), Problems),
)]
pub(super) async fn refunds(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(InState { state, after, limit }): Parameters<InState>,
) -> Result<Json<RefundsBody>, Problem> {
    let found = api.office.refunds_in(&by, word(&state)?, &Paging::new(after, limit).page()?).await?;
    let (refunds, next) = shown(found, |one| refund_body(&api, one))?;
    Ok(Json(RefundsBody { refunds, next }))
}

/// Decide on a refund
#[utoipa::path(
    post, path = "/v1/operator/refunds/{refund}/decide", tag = "orders", params(("refund" = String, Path), Named),
    request_body = DecisionBody, responses((status = 200, body = RefundBody), Problems),
)]
pub(super) async fn decide_refund(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<DecisionBody>,
) -> Result<Json<RefundBody>, Problem> {
    let (refund, opinion) = (id(segments.get("refund")?)?, body.opinion.as_deref());
    let refund = api.office.decide_refund(&by, refund, Some(body.approve), opinion, once.as_ref()).await?;
    Ok(Json(refund_body(&api, refund)?))
}

/// Try again what a channel did not give back
#[utoipa::path(
    post, path = "/v1/operator/refunds/{refund}/retry", tag = "orders", params(("refund" = String, Path), Named),
    responses((status = 200, body = RefundBody), Problems),
)]
pub(super) async fn retry_refund(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<RefundBody>, Problem> {
    let refund = id(segments.get("refund")?)?;
    let refund = api.office.decide_refund(&by, refund, None, None, once.as_ref()).await?;
    Ok(Json(refund_body(&api, refund)?))
}

/// Invoices in a state, oldest first
#[utoipa::path(
    get, path = "/v1/operator/invoices", tag = "orders", params(InState),
    responses((status = 200, body = InvoicesBody), Problems),
)]
pub(super) async fn invoices(
    State(api): State<Api>,
    By(by): By<SeesRequests>,
    Parameters(InState { state, after, limit }): Parameters<InState>,
) -> Result<Json<InvoicesBody>, Problem> {
    let found = api.office.invoices_in(&by, word(&state)?, &Paging::new(after, limit).page()?).await?;
    let (invoices, next) = shown(found, |one| invoice_body(&api, one))?;
    Ok(Json(InvoicesBody { invoices, next }))
}

/// Have an invoice made, or not
#[utoipa::path(
    post, path = "/v1/operator/invoices/{invoice}/decide", tag = "orders",
    params(("invoice" = String, Path), Named), request_body = DecisionBody,
    responses((status = 200, body = InvoiceBody), Problems),
)]
pub(super) async fn decide_invoice(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<DecisionBody>,
) -> Result<Json<InvoiceBody>, Problem> {
    let (invoice, opinion) = (id(segments.get("invoice")?)?, body.opinion.as_deref());
    let invoice = api.office.decide_invoice(&by, invoice, body.approve, opinion, once.as_ref()).await?;
    Ok(Json(invoice_body(&api, invoice)?))
}

/// Have a paper invoice sent
#[utoipa::path(
    post, path = "/v1/operator/invoices/{invoice}/post", tag = "orders",
    params(("invoice" = String, Path), Named), responses((status = 200, body = InvoiceBody), Problems),
)]
pub(super) async fn post_invoice(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<InvoiceBody>, Problem> {
    let invoice = api.office.post_invoice(&by, id(segments.get("invoice")?)?, once.as_ref()).await?;
    Ok(Json(invoice_body(&api, invoice)?))
}
