//! The end of an account.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, Secret},
    extract::Input,
    openapi::Problems,
};
use crate::domain::Error;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(cancel))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CancellationObstacle)]
struct ObstacleBody {
    /// `enterprise` that nobody else administers, `order` that is not settled, `certificate` that does not end with the
    /// account here.
    kind: &'static str,
    id: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CancellationConsequences)]
pub(super) struct EndingBody {
    /// What has to be settled before.
    obstacles: Vec<ObstacleBody>,
    /// Certificates that are revoked; their keys are destroyed, and what was encrypted for them is lost.
    certificates: usize,
    /// Seals that are cancelled. What was sealed with them stays valid.
    seals: usize,
    /// Enterprises that the user is no member of any more.
    enterprises: usize,
    /// Tasks that nobody will sign.
    tasks: usize,
    /// Unpaid orders that come to nothing.
    orders: usize,
    /// Points that are lost.
    points: u64,
    /// Coupons that are lost.
    coupons: usize,
    /// Days for which the account can be appealed for, after which everything personal is erased.
    appeal_days: u64,
}

/// What cancelling the account would bring about, and what stands in the way
#[utoipa::path(
    get, path = "/v1/account/cancellation", tag = "accounts", security(("user" = [])),
    responses((status = 200, body = EndingBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
) -> Result<Json<EndingBody>, Problem> {
    let ending = api.office.ending(&user).await?;
    let obstacles = ending.obstacles.iter().map(|obstacle| {
        let (kind, id) = obstacle.parts();
        ObstacleBody { kind, id: id.to_string() }
    });
    Ok(Json(EndingBody {
        obstacles: obstacles.collect(),
        certificates: ending.certificates,
        seals: ending.seals,
        enterprises: ending.enterprises,
        tasks: ending.tasks,
        orders: ending.orders,
        points: ending.points,
        coupons: ending.coupons,
        appeal_days: api.office.rules().retention_days,
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancellation {
    /// That the user has read what it brings about.
    understood: bool,
    /// A code to the phone of the user, for `cancel`.
    code_id: String,
    code: Secret,
}

/// Cancel the account
///
/// All logins end, certificates are revoked, memberships and requests end. What is personal is erased once the time in which
/// the account can be appealed for is over.
#[utoipa::path(
    post, path = "/v1/account/cancel", tag = "accounts", security(("user" = [])), request_body = Cancellation,
    responses((status = 204, description = "It is cancelled"), Problems),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, .. }: Input<Cancellation>,
) -> Result<StatusCode, Problem> {
    if !body.understood {
        return Err(
            Error::BadRequest("whoever cancels an account has to have read what it brings about").into()
        );
    }
    let code_id = body.code_id.parse().map_err(|_| Error::CodeInvalid)?;
    api.office.cancel_account(&user, code_id, &body.code.0).await?;
    Ok(StatusCode::NO_CONTENT)
}
