//! What is bought for a platform while its code is scanned.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, id},
        applications::PurchaseBody,
        extract::{Input, Segments},
        openapi::{Named, Problems},
        shop::{OrderShown, order_body},
    },
    domain::services::Whose,
};

#[derive(Deserialize, ToSchema)]
#[schema(as = ScanOpening)]
#[serde(deny_unknown_fields)]
pub(super) struct OpeningBody {
    /// The enterprise that it is for; otherwise it is for the user.
    enterprise_id: Option<String>,
    purchase: PurchaseBody,
}

/// Order what is needed to use the platform that asks; once it is paid, a certificate can be chosen
#[utoipa::path(
    post, path = "/v1/scans/{scan}/open", tag = "scans", security(("user" = [])),
    params(("scan" = String, Path), Named), request_body = OpeningBody,
    responses((status = 201, body = OrderShown), Problems),
)]
pub(super) async fn open(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<OpeningBody>,
) -> Result<(StatusCode, Json<OrderShown>), Problem> {
    let whose = body.enterprise_id.as_deref().map(id).transpose()?.map_or(Whose::Own, Whose::Enterprise);
    let scan = id(segments.get("scan")?)?;
    let order = api.office.open_scanned(&user, scan, whose, &body.purchase.read()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(order_body(&api, &order))))
}
