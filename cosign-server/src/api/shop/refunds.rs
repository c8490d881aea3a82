//! Money that goes back.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    Api, Problem,
    accounts::{LoggedIn, Secret, id},
    extract::{Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::office::{Entity as _, Named as _, Stored, refund::Refund};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(ask)).routes(routes!(list))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RefundWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct AskBody {
    /// Why: 10 to 500 characters.
    reason: Secret,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Refund)]
pub(in crate::api) struct RefundBody {
    refund_id: String,
    state: &'static str,
    order_id: String,
    line_id: String,
    amount_fen: u64,
    reason: Option<String>,
    opinion: Option<String>,
    /// What the channel calls it.
    receipt: Option<String>,
    asked_at_ms: u64,
}

pub(in crate::api) fn body(api: &Api, refund: Stored<Refund>) -> Result<RefundBody, Problem> {
    let entity = refund.entity;
    let words = |sealed| Ok::<_, Problem>(api.office.written(sealed)?.map(|words| words.to_string()));
    Ok(RefundBody {
        refund_id: refund.id.to_string(),
        state: entity.state().as_str(),
        order_id: entity.asked.order.to_string(),
        line_id: entity.asked.line.to_string(),
        amount_fen: entity.asked.amount_fen,
        reason: words(entity.reason.as_ref())?,
        opinion: words(entity.opinion.as_ref())?,
        receipt: entity.receipt,
        asked_at_ms: refund.created_ms,
    })
}

/// Ask the money for a line of an order back
#[utoipa::path(
    post, path = "/v1/orders/{order}/lines/{line}/refund", tag = "orders", security(("user" = [])),
    params(("order" = String, Path), ("line" = String, Path), Named), request_body = AskBody,
    responses((status = 201, body = RefundBody), Problems),
)]
pub(super) async fn ask(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: asked, once }: Input<AskBody>,
) -> Result<(StatusCode, Json<RefundBody>), Problem> {
    let of = (id(segments.get("order")?)?, id(segments.get("line")?)?);
    let refund = api.office.ask_refund(&user, of, &asked.reason.0, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(body(&api, refund)?)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Refunds)]
pub(in crate::api) struct RefundsBody {
    pub(in crate::api) refunds: Vec<RefundBody>,
    pub(in crate::api) next: Option<NextBody>,
}

/// The refunds of the user, newest first
#[utoipa::path(
    get, path = "/v1/refunds", tag = "orders", security(("user" = [])), params(Paging),
    responses((status = 200, body = RefundsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<RefundsBody>, Problem> {
    let found = api.office.refunds(&user, &paging.page()?).await?;
    let (refunds, next) = shown(found, |one| body(&api, one))?;
    Ok(Json(RefundsBody { refunds, next }))
}
