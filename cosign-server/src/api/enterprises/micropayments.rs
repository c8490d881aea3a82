//! A cent to the account of an enterprise that is claimed.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
    },
    domain::{
        Error,
        office::{Entity as _, Named as _, Stored, micropayment::Micropayment},
        services::{BankAccount, User},
    },
};

use super::claims::{ClaimBody, own};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(show, pay))
        .routes(routes!(ask))
        .routes(routes!(enter))
        .routes(routes!(statement))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Micropayment)]
pub(super) struct MicropaymentBody {
    payment_id: String,
    state: &'static str,
    /// The bank, until it is over.
    bank: Option<String>,
    /// The number of the account, masked.
    account: Option<String>,
    /// Wrong numbers that may still be given.
    tries_left: u8,
    /// Until when the number can be given back.
    ends_at_ms: u64,
    /// That no money is moved.
    sandbox: bool,
}

fn body(api: &Api, found: &Stored<Micropayment>) -> Result<MicropaymentBody, Problem> {
    let payee = found.entity.payee.as_ref();
    let (bank, account) = payee.map(|payee| api.office.read_payee(payee)).transpose()?.unzip();
    Ok(MicropaymentBody {
        payment_id: found.id.to_string(),
        state: found.entity.state().as_str(),
        bank: bank.map(|bank| bank.to_string()),
        account,
        tries_left: found.entity.tries_left,
        ends_at_ms: found.entity.until_ms,
        sandbox: api.office.bank_is_sandbox(),
    })
}

async fn newest(api: &Api, user: &User, segments: &Segments) -> Result<MicropaymentBody, Problem> {
    body(api, &api.office.micropayment(user, id(segments.get("claim")?)?).await?)
}

/// The newest cent that was paid for a claim of the user
#[utoipa::path(
    get, path = "/v1/claims/{claim}/micropayment", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)), responses((status = 200, body = MicropaymentBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<MicropaymentBody>, Problem> {
    newest(&api, &user, &segments).await.map(Json)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = EnterpriseAccount)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountBody {
    /// The bank, 1 to 128 bytes.
    bank: String,
    /// The number of the account of the enterprise, 8 to 32 digits.
    account: Secret,
}

/// Have a cent paid to the account of the enterprise, with a number in its remark
///
/// It takes the letter of the claim. One before it that waits gives way.
#[utoipa::path(
    post, path = "/v1/claims/{claim}/micropayment", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path), Named), request_body = AccountBody,
    responses((status = 201, body = MicropaymentBody), Problems),
)]
pub(super) async fn pay(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: to, once }: Input<AccountBody>,
) -> Result<(StatusCode, Json<MicropaymentBody>), Problem> {
    let to = BankAccount::parse(&to.bank, &to.account.0)?;
    api.office.pay_cent(&user, id(segments.get("claim")?)?, &to, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(newest(&api, &user, &segments).await?)))
}

/// Ask the bank whether the cent has arrived
#[utoipa::path(
    post, path = "/v1/claims/{claim}/micropayment/ask", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)), responses((status = 200, body = MicropaymentBody), Problems),
)]
pub(super) async fn ask(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    _: Bare,
) -> Result<Json<MicropaymentBody>, Problem> {
    api.office.ask_bank(&user, id(segments.get("claim")?)?).await?;
    newest(&api, &user, &segments).await.map(Json)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Remark)]
#[serde(deny_unknown_fields)]
pub(super) struct RemarkBody {
    /// The six digits in the remark.
    number: Secret,
}

/// Hand a claim in with the number in the remark of the cent
#[utoipa::path(
    post, path = "/v1/claims/{claim}/micropayment/enter", tag = "enterprises", security(("user" = [])),
    params(("claim" = String, Path)), request_body = RemarkBody,
    responses((status = 200, body = ClaimBody), Problems),
)]
pub(super) async fn enter(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body: given, .. }: Input<RemarkBody>,
) -> Result<Json<ClaimBody>, Problem> {
    api.office.enter_remark(&user, id(segments.get("claim")?)?, given.number.0.trim()).await?;
    own(&api, &user, &segments).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OfAccount {
    /// The number of the account.
    account: String,
}

#[derive(Serialize, ToSchema)]
struct EntryBody {
    name: String,
    amount_fen: u64,
    remark: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Statement)]
pub(super) struct StatementBody {
    entries: Vec<EntryBody>,
}

/// What a sandbox shows as the statement of an account, newest first
///
/// Not found where money is moved.
#[utoipa::path(
    get, path = "/v1/sandbox/statement", tag = "enterprises", security(()), params(OfAccount),
    responses((status = 200, body = StatementBody), Problems),
)]
pub(super) async fn statement(
    State(api): State<Api>,
    Parameters(OfAccount { account }): Parameters<OfAccount>,
) -> Result<Json<StatementBody>, Problem> {
    let entries = api.office.statement(&account).ok_or(Error::NotFound)?.into_iter();
    let entries =
        entries.map(|one| EntryBody { name: one.name, amount_fen: one.amount_fen, remark: one.remark });
    Ok(Json(StatementBody { entries: entries.collect() }))
}
