//! How orders are paid.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        catalogue::word,
        extract::{Bare, Input, Segments},
        openapi::{Named, Problems},
    },
    orders::{OrderShown, body as order_body},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Named as _,
        payment::Channel,
        providers::{Deposit, Signed},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(pay))
        .routes(routes!(leave))
        .routes(routes!(payee))
        .routes(routes!(transfer))
        .routes(routes!(notify))
        .routes(routes!(press))
        .routes(routes!(deposit))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PayBody {
    /// `wechat` or `alipay`.
    channel: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
pub(super) struct PaymentBody {
    payment_id: String,
    channel: &'static str,
    state: &'static str,
    merchant_number: String,
    amount_fen: u64,
    /// Where it is paid.
    page: String,
    sandbox: bool,
}

/// Pay an order, or go on with its payment; another channel takes the place of the one before
#[utoipa::path(
    post, path = "/v1/orders/{order}/pay", tag = "orders", security(("user" = [])),
    params(("order" = String, Path), Named), request_body = PayBody,
    responses((status = 200, body = PaymentBody), Problems),
)]
pub(super) async fn pay(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<PayBody>,
) -> Result<Json<PaymentBody>, Problem> {
    let (order, channel) = (id(segments.get("order")?)?, word(&body.channel)?);
    let (payment, page) = api.office.pay(&user, order, channel, once.as_ref()).await?;
    Ok(Json(PaymentBody {
        payment_id: payment.id.to_string(),
        channel: payment.entity.due.channel.as_str(),
        state: payment.entity.state().as_str(),
        merchant_number: payment.entity.due.number,
        amount_fen: payment.entity.due.amount_fen,
        page,
        sandbox: api.office.money_is_sandbox(),
    }))
}

/// Leave the page of a payment; the order can be paid later
#[utoipa::path(
    post, path = "/v1/orders/{order}/pay/leave", tag = "orders", security(("user" = [])),
    params(("order" = String, Path), Named), responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn leave(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<OrderShown>, Problem> {
    let order = api.office.leave_payment(&user, id(segments.get("order")?)?, once.as_ref()).await?;
    Ok(Json(order_body(&api, &order)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Payee)]
pub(super) struct PayeeBody {
    name: String,
    bank: String,
    account: String,
    sandbox: bool,
}

/// Where transfers go
#[utoipa::path(
    get, path = "/v1/payee", tag = "orders", security(("user" = [])),
    responses((status = 200, body = PayeeBody), Problems),
)]
pub(super) async fn payee(State(api): State<Api>, _: LoggedIn) -> Result<Json<PayeeBody>, Problem> {
    let payee = api.office.payee()?;
    let sandbox = api.office.money_is_sandbox();
    Ok(Json(PayeeBody { name: payee.name, bank: payee.bank, account: payee.account, sandbox }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = BankTransfer)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    /// The name of the account that paid.
    payer: Secret,
    /// Its number.
    account: Secret,
    /// On which day, as 8 digits.
    date: String,
}

/// Say that an order was paid by transfer; the bank is asked at once
#[utoipa::path(
    post, path = "/v1/orders/{order}/transfer", tag = "orders", security(("user" = [])),
    params(("order" = String, Path)), request_body = TransferBody,
    responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn transfer(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, .. }: Input<TransferBody>,
) -> Result<Json<OrderShown>, Problem> {
    let order = id(segments.get("order")?)?;
    let order = api.office.check_transfer(&user, order, (body.payer.0, body.account.0, body.date)).await?;
    Ok(Json(order_body(&api, &order)))
}

/// What a channel says.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PaymentNotice)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeBody {
    /// JSON: `number`, `amount_fen`, `paid`, `transaction`.
    text: String,
    /// SM2 over the text, r and s as 128 hexadecimal digits.
    signature: String,
}

/// A channel says what became of a payment; twice, or late, harms nobody
#[utoipa::path(
    post, path = "/v1/payments/{channel}/notify", tag = "orders", security(()),
    params(("channel" = String, Path)), request_body = NoticeBody,
    responses((status = 204, description = "It is known"), Problems),
)]
pub(super) async fn notify(
    State(api): State<Api>,
    segments: Segments,
    Input { body, .. }: Input<NoticeBody>,
) -> Result<StatusCode, Problem> {
    let channel = Channel::from_name(segments.get("channel")?).ok_or(Error::NotFound)?;
    let signature = hex::decode(&body.signature).ok().and_then(|bytes| bytes.try_into().ok());
    let signature = signature.ok_or(Error::BadRequest("a signature has 128 hexadecimal digits"))?;
    api.office.notify(channel, &Signed { text: body.text, signature }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SandboxPress)]
#[serde(deny_unknown_fields)]
pub(super) struct PressBody {
    /// Whether it is paid.
    paid: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SandboxPressed)]
pub(super) struct PressedBody {
    channel: &'static str,
    notice: NoticeBody,
}

/// Pay at the page of a sandbox, or do not; gives what the channel said of it
///
/// Not found where money is really moved.
#[utoipa::path(
    post, path = "/v1/sandbox/payments/{number}", tag = "orders", security(()),
    params(("number" = String, Path)), request_body = PressBody,
    responses((status = 200, body = PressedBody), Problems),
)]
pub(super) async fn press(
    State(api): State<Api>,
    segments: Segments,
    Input { body, .. }: Input<PressBody>,
) -> Result<Json<PressedBody>, Problem> {
    let (channel, signed) = api.office.press_pay(segments.get("number")?, body.paid).await?;
    let notice = NoticeBody { text: signed.text, signature: hex::encode(signed.signature) };
    Ok(Json(PressedBody { channel: channel.as_str(), notice }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SandboxDeposit)]
#[serde(deny_unknown_fields)]
pub(super) struct DepositBody {
    payer: String,
    account: String,
    date: String,
    amount_fen: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SandboxDeposited)]
pub(super) struct DepositedBody {
    entry: String,
}

/// Let a transfer come in at the bank of a sandbox
///
/// Not found where money is really moved.
#[utoipa::path(
    post, path = "/v1/sandbox/deposits", tag = "orders", security(()), request_body = DepositBody,
    responses((status = 201, body = DepositedBody), Problems),
)]
pub(super) async fn deposit(
    State(api): State<Api>,
    Input { body, .. }: Input<DepositBody>,
) -> Result<(StatusCode, Json<DepositedBody>), Problem> {
    let DepositBody { payer, account, date, amount_fen } = body;
    let entry = api.office.deposit(Deposit { payer, account, date, amount_fen })?;
    Ok((StatusCode::CREATED, Json(DepositedBody { entry })))
}
