//! Orders, and what is left of what was bought.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::{
        Api, Problem,
        accounts::{LoggedIn, id},
        catalogue::{amounts, word},
        extract::{Bare, Input, Parameters, Segments},
        openapi::{Named, Problems},
        page::{NextBody, Paging, shown},
    },
    OfWhom,
    invoices::WishBody,
    whose,
};
use crate::domain::{
    office::{
        Entity as _, Id, Named as _, Stored,
        balance::Balance,
        order::{Cause, Line, Order, OrderState, Wanted},
        usage::Usage,
    },
    services::Ordering,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, order))
        .routes(routes!(quote))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(uses))
        .routes(routes!(balances))
        .routes(routes!(services))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderLineWanted)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct LineWanted {
    package_id: String,
    #[schema(minimum = 1, maximum = 1000)]
    quantity: u32,
}

impl LineWanted {
    /// The package, and how many of it.
    pub(in crate::api) fn read(self) -> Result<(Id, u32), Problem> {
        Ok((id(&self.package_id)?, self.quantity))
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderBody {
    /// `personal`, `claim`, `join`, `open`, `extend`, `enterprise-change` or `seal-change`.
    business: String,
    /// For this enterprise; otherwise for the user.
    enterprise_id: Option<String>,
    #[schema(min_items = 1, max_items = 20)]
    lines: Vec<LineWanted>,
    coupon_id: Option<String>,
    /// Points that are spent on it.
    #[serde(default)]
    points: u64,
    /// The invoice that is asked for with it.
    invoice: Option<WishBody>,
}

impl OrderBody {
    fn read(self) -> Result<Ordering, Problem> {
        Ok(Ordering {
            business: word(&self.business)?,
            whose: whose(self.enterprise_id.as_deref())?,
            lines: self.lines.into_iter().map(LineWanted::read).collect::<Result<_, _>>()?,
            coupon: self.coupon_id.as_deref().map(id).transpose()?,
            points: self.points,
            cause: None,
            invoice: self.invoice.map(WishBody::read).transpose()?,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub(super) struct LineBody {
    line_id: String,
    state: &'static str,
    package_id: String,
    name: String,
    platform_id: String,
    institution_id: String,
    service: &'static str,
    /// What one gives.
    months: Option<u32>,
    uses: Option<u32>,
    quantity: u32,
    price_fen: u64,
    /// What all cost, after what is taken off.
    amount_fen: u64,
}

impl From<&Line> for LineBody {
    fn from(line: &Line) -> Self {
        let (months, uses) = amounts(line.measure);
        Self {
            line_id: line.id.to_string(),
            state: line.state.as_str(),
            package_id: line.package.to_string(),
            name: line.name.as_str().to_owned(),
            platform_id: line.platform.to_string(),
            institution_id: line.institution.to_string(),
            service: line.service.as_str(),
            months,
            uses,
            quantity: line.quantity,
            price_fen: line.price_fen,
            amount_fen: line.amount_fen,
        }
    }
}

/// What an order costs, line by line.
#[derive(Serialize, ToSchema)]
#[schema(as = Quote)]
pub(super) struct QuoteBody {
    lines: Vec<LineBody>,
    /// Before something is taken off.
    full_fen: u64,
    total_fen: u64,
    /// Whether somebody looks at it.
    reviewed: bool,
}

fn quoted(of: &Wanted) -> QuoteBody {
    QuoteBody {
        lines: of.lines.iter().map(Into::into).collect(),
        full_fen: of.lines.iter().map(|line| line.price_fen.saturating_mul(u64::from(line.quantity))).sum(),
        total_fen: of.lines.iter().map(|line| line.amount_fen).sum(),
        reviewed: of.reviewed.is_some(),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(in crate::api) struct OrderShown {
    order_id: String,
    number: String,
    state: &'static str,
    business: &'static str,
    buyer_id: String,
    owner_id: String,
    /// The application that it pays for.
    application_id: Option<String>,
    #[serde(flatten)]
    quote: QuoteBody,
    ordered_at_ms: u64,
    paid_at_ms: Option<u64>,
    /// Until when it is to be paid.
    until_ms: u64,
    /// What comes next: `wait-for-approval`, `pay`, `finish-payment`, `wait-for-bank`, `collect`, `wait-for-refund` or `nothing`.
    next_step: &'static str,
    sandbox: bool,
}

pub(in crate::api) fn body(api: &Api, order: &Stored<Order>) -> OrderShown {
    use OrderState::{
        Awaiting, Cancelled, Done, InReview, Paid, PartlyRefunded, Paying, Refunded, Refunding,
        TransferCheck, Unpaid,
    };
    let Stored { id, created_ms, entity, .. } = order;
    OrderShown {
        order_id: id.to_string(),
        number: entity.of.number.clone(),
        state: entity.state().as_str(),
        business: entity.of.business.as_str(),
        buyer_id: entity.of.buyer.to_string(),
        owner_id: entity.of.owner.to_string(),
        application_id: entity.of.cause.map(|Cause::Application(id)| id.to_string()),
        quote: quoted(&entity.of),
        ordered_at_ms: *created_ms,
        paid_at_ms: entity.paid_ms,
        until_ms: entity.until_ms,
        next_step: match entity.state() {
            Awaiting | InReview => "wait-for-approval",
            Unpaid => "pay",
            Paying => "finish-payment",
            TransferCheck => "wait-for-bank",
            Paid => "collect",
            Refunding => "wait-for-refund",
            Done | Cancelled | PartlyRefunded | Refunded => "nothing",
        },
        sandbox: api.office.money_is_sandbox(),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Orders)]
pub(in crate::api) struct OrdersBody {
    pub(in crate::api) orders: Vec<OrderShown>,
    pub(in crate::api) next: Option<NextBody>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichOrders {
    enterprise_id: Option<String>,
    /// Only those in this state.
    state: Option<String>,
    /// Only those whose number or a package's name has this in it.
    search: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The orders of the user, newest first; a page may have fewer than asked for, the last has no `next`
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", security(("user" = [])), params(WhichOrders),
    responses((status = 200, body = OrdersBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(which): Parameters<WhichOrders>,
) -> Result<Json<OrdersBody>, Problem> {
    let page = Paging::new(which.after, which.limit).page()?;
    let state: Option<OrderState> = which.state.as_deref().map(word).transpose()?;
    let mut found = api.office.orders(&user, whose(which.enterprise_id.as_deref())?, &page).await?;
    let search = which.search.unwrap_or_default();
    found.items.retain(|order| {
        let order = &order.entity;
        let is_named = order.of.lines.iter().any(|line| line.name.as_str().contains(&search));
        state.is_none_or(|state| order.state() == state) && (is_named || order.of.number.contains(&search))
    });
    let (orders, next) = shown(found, |order| Ok::<_, Problem>(body(&api, &order)))?;
    Ok(Json(OrdersBody { orders, next }))
}

/// Order something
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", security(("user" = [])), params(Named), request_body = OrderBody,
    responses((status = 201, body = OrderShown), Problems),
)]
pub(super) async fn order(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body: wanted, once }: Input<OrderBody>,
) -> Result<(StatusCode, Json<OrderShown>), Problem> {
    let order = api.office.order(&user, &wanted.read()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(body(&api, &order))))
}

/// What an order would cost, line by line; nothing is ordered
#[utoipa::path(
    post, path = "/v1/orders/quote", tag = "orders", security(("user" = [])), request_body = OrderBody,
    responses((status = 200, body = QuoteBody), Problems),
)]
pub(super) async fn quote(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, .. }: Input<OrderBody>,
) -> Result<Json<QuoteBody>, Problem> {
    Ok(Json(quoted(&api.office.quote(&user, &body.read()?).await?)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrderPayment)]
struct PaymentPart {
    channel: &'static str,
    state: &'static str,
    /// What the channel knows it by.
    merchant_number: String,
    transaction: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OrderDetail)]
pub(super) struct DetailBody {
    #[serde(flatten)]
    order: OrderShown,
    payment: Option<PaymentPart>,
    /// Lines whose money can be asked back.
    refundable_line_ids: Vec<String>,
}

/// One order
#[utoipa::path(
    get, path = "/v1/orders/{order}", tag = "orders", security(("user" = [])), params(("order" = String, Path)),
    responses((status = 200, body = DetailBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
) -> Result<Json<DetailBody>, Problem> {
    let order = api.office.own_order(&user, id(segments.get("order")?)?).await?;
    let payment = api.office.payment_of(&order.entity).await?.map(|payment| PaymentPart {
        channel: payment.entity.due.channel.as_str(),
        state: payment.entity.state().as_str(),
        merchant_number: payment.entity.due.number,
        transaction: payment.entity.transaction,
    });
    let mut refundable_line_ids = Vec::new();
    for line in &order.entity.of.lines {
        if api.office.is_refundable(&order.entity, line).await? {
            refundable_line_ids.push(line.id.to_string());
        }
    }
    Ok(Json(DetailBody { order: body(&api, &order), payment, refundable_line_ids }))
}

/// Cancel an order that is not paid
#[utoipa::path(
    post, path = "/v1/orders/{order}/cancel", tag = "orders", security(("user" = [])),
    params(("order" = String, Path), Named), responses((status = 200, body = OrderShown), Problems),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<OrderShown>, Problem> {
    let order = api.office.cancel_order(&user, id(segments.get("order")?)?, once.as_ref()).await?;
    Ok(Json(body(&api, &order)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Use)]
struct UseBody {
    use_id: String,
    service: &'static str,
    platform_id: String,
    used_at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Uses)]
pub(super) struct UsesBody {
    uses: Vec<UseBody>,
    next: Option<NextBody>,
}

/// How a package of an order was used, newest first
#[utoipa::path(
    get, path = "/v1/orders/{order}/lines/{line}/uses", tag = "orders", security(("user" = [])),
    params(("order" = String, Path), ("line" = String, Path), Paging),
    responses((status = 200, body = UsesBody), Problems),
)]
pub(super) async fn uses(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<UsesBody>, Problem> {
    let (order, line) = (id(segments.get("order")?)?, id(segments.get("line")?)?);
    let found = api.office.uses_of(&user, order, line, &paging.page()?).await?;
    let body = |one: Stored<Usage>| UseBody {
        use_id: one.id.to_string(),
        service: one.entity.of.service.as_str(),
        platform_id: one.entity.of.platform.to_string(),
        used_at_ms: one.created_ms,
    };
    let (uses, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(UsesBody { uses, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Balance)]
struct BalanceBody {
    platform_id: String,
    service: &'static str,
    state: &'static str,
    /// Whether it can be used now.
    usable: bool,
    /// Until when it can be used as often as one likes.
    ends_at_ms: Option<u64>,
    /// How often it can be used besides.
    remaining: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Balances)]
pub(super) struct BalancesBody {
    balances: Vec<BalanceBody>,
    next: Option<NextBody>,
}

/// What is left for each platform, of the user or of an enterprise
#[utoipa::path(
    get, path = "/v1/balances", tag = "orders", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = BalancesBody), Problems),
)]
pub(super) async fn balances(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(which): Parameters<OfWhom>,
) -> Result<Json<BalancesBody>, Problem> {
    let (whose, page) = which.read()?;
    let now_ms = api.clock.now_ms();
    let body = |one: Stored<Balance>| BalanceBody {
        platform_id: one.entity.platform.to_string(),
        service: one.entity.service.as_str(),
        state: one.entity.state().as_str(),
        usable: one.entity.is_usable(now_ms),
        ends_at_ms: one.entity.ends_ms(),
        remaining: one.entity.remaining(),
    };
    let found = api.office.balances(&user, whose, &page).await?;
    let (balances, next) = shown(found, |one| Ok::<_, Problem>(body(one)))?;
    Ok(Json(BalancesBody { balances, next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = BoughtService)]
struct ServiceBody {
    order_id: String,
    number: String,
    order_state: &'static str,
    business: &'static str,
    line: LineBody,
    /// Whether it was paid for and not paid back.
    bought: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BoughtServices)]
pub(super) struct ServicesBody {
    services: Vec<ServiceBody>,
    next: Option<NextBody>,
}

/// What the user has bought and asked for, newest first, a page of orders at a time
#[utoipa::path(
    get, path = "/v1/services", tag = "orders", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = ServicesBody), Problems),
)]
pub(super) async fn services(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(which): Parameters<OfWhom>,
) -> Result<Json<ServicesBody>, Problem> {
    let (whose, page) = which.read()?;
    let found = api.office.orders(&user, whose, &page).await?;
    let next = found.next.as_ref().map(NextBody::from);
    let lines = |order: &Stored<Order>| {
        let of = &order.entity.of;
        let is_paid = order.entity.is_paid();
        let line = |line: &Line| ServiceBody {
            order_id: order.id.to_string(),
            number: of.number.clone(),
            order_state: order.entity.state().as_str(),
            business: of.business.as_str(),
            bought: is_paid && line.state.as_str() != "refunded",
            line: line.into(),
        };
        of.lines.iter().map(line).collect::<Vec<_>>()
    };
    Ok(Json(ServicesBody { services: found.items.iter().flat_map(lines).collect(), next }))
}
