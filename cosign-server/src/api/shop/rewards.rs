//! Points and coupons.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Input, Parameters, Segments},
    openapi::{Named, Problems},
    operators::By,
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    device::Name,
    office::{
        Entity as _, Named as _, Stored,
        coupon::{Coupon, Terms},
    },
    operators::Administrator,
    services::Gift,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(points)).routes(routes!(coupons)).routes(routes!(give))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichPoints {
    /// Only what was `gained`, or what was `used`.
    kind: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PointsNote)]
struct NoteBody {
    /// `gained`, `granted`, `used`, `given-back` or `taken-back`.
    what: &'static str,
    change: i64,
    /// The line, order or gift that it belongs to.
    of: String,
    at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Points)]
pub(super) struct PointsBody {
    usable: u64,
    notes: Vec<NoteBody>,
    next: Option<NextBody>,
}

/// The points of the user, and how they changed, newest first
#[utoipa::path(
    get, path = "/v1/points", tag = "orders", security(("user" = [])), params(WhichPoints),
    responses((status = 200, body = PointsBody), Problems),
)]
pub(super) async fn points(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(WhichPoints { kind, after, limit }): Parameters<WhichPoints>,
) -> Result<Json<PointsBody>, Problem> {
    let sign = match kind.as_deref() {
        None => 0,
        Some("gained") => 1,
        Some("used") => -1,
        Some(_) => return Err(Error::BadRequest("points are gained or used").into()),
    };
    let mut found = api.office.points_notes(&user, &Paging::new(after, limit).page()?).await?;
    found.items.retain(|note| sign == 0 || note.entity.event.parts().1.signum() == sign);
    let (notes, next) = shown(found, |note| {
        let (what, change, of) = note.entity.event.parts();
        Ok::<_, Problem>(NoteBody { what, change, of: of.to_string(), at_ms: note.created_ms })
    })?;
    Ok(Json(PointsBody { usable: api.office.points(&user).await?, notes, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Coupon)]
struct CouponBody {
    coupon_id: String,
    state: &'static str,
    code: String,
    off_fen: u64,
    from_fen: u64,
    ends_at_ms: u64,
    order_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Coupons)]
pub(super) struct CouponsBody {
    coupons: Vec<CouponBody>,
    next: Option<NextBody>,
}

/// The coupons of the user, newest first
#[utoipa::path(
    get, path = "/v1/coupons", tag = "orders", security(("user" = [])), params(Paging),
    responses((status = 200, body = CouponsBody), Problems),
)]
pub(super) async fn coupons(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<CouponsBody>, Problem> {
    let body = |one: Stored<Coupon>| CouponBody {
        coupon_id: one.id.to_string(),
        state: one.entity.state().as_str(),
        code: one.entity.terms.code.as_str().to_owned(),
        off_fen: one.entity.terms.off_fen,
        from_fen: one.entity.terms.from_fen,
        ends_at_ms: one.entity.terms.ends_ms,
        order_id: one.entity.order.map(|order| order.to_string()),
    };
    let found = api.office.coupons(&user, &paging.page()?).await?;
    let (coupons, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(CouponsBody { coupons, next }))
}

/// What is given.
#[derive(Deserialize, ToSchema)]
#[schema(as = Gift)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum GiftBody {
    Points {
        #[schema(minimum = 1, maximum = 1_000_000)]
        points: u64,
    },
    Coupon {
        #[schema(value_type = String)]
        code: Name,
        /// What is taken off.
        #[schema(minimum = 1, maximum = 1_000_000)]
        off_fen: u64,
        /// What an order has to cost at least.
        from_fen: u64,
        ends_at_ms: u64,
    },
    Package {
        package_id: String,
    },
}

/// Give an account points, a coupon or a package
#[utoipa::path(
    post, path = "/v1/operator/accounts/{account}/gifts", tag = "orders",
    params(("account" = String, Path), Named), request_body = GiftBody,
    responses((status = 204, description = "It is given"), Problems),
)]
pub(super) async fn give(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Input { body, once }: Input<GiftBody>,
) -> Result<StatusCode, Problem> {
    let account = id(segments.get("account")?)?;
    let gift = match body {
        GiftBody::Points { points } => Gift::Points(points),
        GiftBody::Coupon { code, off_fen, from_fen, ends_at_ms } => {
            Gift::Coupon(Terms { account, code, off_fen, from_fen, ends_ms: ends_at_ms })
        }
        GiftBody::Package { package_id } => Gift::Package(id(&package_id)?),
    };
    api.office.give(&by, account, &gift, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
