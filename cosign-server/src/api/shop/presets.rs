//! Titles of invoices and postal addresses.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    super::{
        Api, Problem,
        accounts::{LoggedIn, id},
        extract::{Input, Parameters, Segments},
        openapi::{Named, Problems},
    },
    whose,
};
use crate::domain::{
    office::{Stored, preset::Preset},
    services::{AddressDetails, TitleDetails},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(titles, add_title))
        .routes(routes!(delete_titles))
        .routes(routes!(change_title))
        .routes(routes!(addresses, add_address))
        .routes(routes!(delete_addresses))
        .routes(routes!(change_address))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    enterprise_id: Option<String>,
    /// Only those whose name, receiver or label has this in it.
    search: Option<String>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = InvoiceTitleDetails)]
#[serde(deny_unknown_fields)]
pub(super) struct TitleBody {
    /// `enterprise` or `person`.
    kind: String,
    name: String,
    /// The code of an enterprise.
    uscc: Option<String>,
    /// The own title has none until one is given.
    email: Option<String>,
    phone: Option<String>,
    address: Option<String>,
    bank: Option<String>,
    account: Option<String>,
    /// Taken when nothing is said; there is one.
    #[serde(default)]
    is_default: bool,
}

impl From<TitleBody> for TitleDetails {
    fn from(body: TitleBody) -> Self {
        let TitleBody { kind, name, uscc, email, phone, address, bank, account, .. } = body;
        Self { enterprise: kind == "enterprise", name, uscc, email, phone, address, bank, account }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceTitle)]
pub(super) struct TitleShown {
    title_id: String,
    /// It was made by itself, and stays.
    own: bool,
    details: TitleBody,
}

/// All but the last four characters are hidden.
fn masked(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let tail: String = letters.iter().skip(letters.len().saturating_sub(4).max(letters.len() / 2)).collect();
    format!("****{tail}")
}

fn title(api: &Api, preset: &Stored<Preset>) -> Result<TitleShown, Problem> {
    let details: TitleDetails = api.office.details(preset.entity.details.as_ref())?;
    let details = TitleBody {
        kind: if details.enterprise { "enterprise" } else { "person" }.to_owned(),
        name: details.name,
        uscc: details.uscc,
        email: details.email,
        phone: details.phone.as_deref().map(masked),
        address: details.address,
        bank: details.bank,
        account: details.account.as_deref().map(masked),
        is_default: preset.entity.is_default,
    };
    Ok(TitleShown { title_id: preset.id.to_string(), own: preset.entity.is_own, details })
}

#[derive(Serialize, ToSchema)]
#[schema(as = InvoiceTitles)]
pub(super) struct TitlesBody {
    titles: Vec<TitleShown>,
}

/// The titles for invoices, at most 50
#[utoipa::path(
    get, path = "/v1/invoice-titles", tag = "orders", security(("user" = [])), params(Which),
    responses((status = 200, body = TitlesBody), Problems),
)]
pub(super) async fn titles(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Which { enterprise_id, search }): Parameters<Which>,
) -> Result<Json<TitlesBody>, Problem> {
    let found = api.office.presets::<TitleDetails>(&user, whose(enterprise_id.as_deref())?).await?;
    let mut titles = found.iter().map(|one| title(&api, one)).collect::<Result<Vec<_>, _>>()?;
    let search = search.unwrap_or_default();
    titles.retain(|title| title.details.name.contains(&search));
    Ok(Json(TitlesBody { titles }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Deletion)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteBody {
    #[schema(min_items = 1, max_items = 50)]
    ids: Vec<String>,
}

impl DeleteBody {
    fn read(&self) -> Result<Vec<crate::domain::office::Id>, Problem> {
        self.ids.iter().map(|text| id(text)).collect()
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct For {
    enterprise_id: Option<String>,
}

/// Keep a title for invoices
#[utoipa::path(
    post, path = "/v1/invoice-titles", tag = "orders", security(("user" = [])), params(For, Named),
    request_body = TitleBody, responses((status = 201, body = TitleShown), Problems),
)]
pub(super) async fn add_title(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<TitleBody>,
) -> Result<(StatusCode, Json<TitleShown>), Problem> {
    let (of, is_default) = ((whose(of.enterprise_id.as_deref())?, None), body.is_default);
    let details = TitleDetails::from(body);
    let kept = api.office.keep_preset(&user, of, (&details, is_default), once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(title(&api, &kept)?)))
}

/// Change a title for invoices
#[utoipa::path(
    post, path = "/v1/invoice-titles/{title}", tag = "orders", security(("user" = [])),
    params(("title" = String, Path), For, Named), request_body = TitleBody,
    responses((status = 200, body = TitleShown), Problems),
)]
pub(super) async fn change_title(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<TitleBody>,
) -> Result<Json<TitleShown>, Problem> {
    let of = (whose(of.enterprise_id.as_deref())?, Some(id(segments.get("title")?)?));
    let is_default = body.is_default;
    let details = TitleDetails::from(body);
    let kept = api.office.keep_preset(&user, of, (&details, is_default), once.as_ref()).await?;
    Ok(Json(title(&api, &kept)?))
}

/// Delete titles for invoices, all of these or none
#[utoipa::path(
    post, path = "/v1/invoice-titles/delete", tag = "orders", security(("user" = [])), params(For, Named),
    request_body = DeleteBody, responses((status = 204, description = "They are gone"), Problems),
)]
pub(super) async fn delete_titles(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<DeleteBody>,
) -> Result<StatusCode, Problem> {
    let of = whose(of.enterprise_id.as_deref())?;
    api.office.delete_presets::<TitleDetails>(&user, of, &body.read()?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = PostalAddressDetails)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressBody {
    receiver: String,
    /// Masked where it is shown.
    phone: String,
    region: String,
    detail: String,
    /// What the user calls it: home, office.
    label: Option<String>,
    /// Taken when nothing is said; there is one.
    #[serde(default)]
    is_default: bool,
}

impl From<AddressBody> for AddressDetails {
    fn from(body: AddressBody) -> Self {
        let AddressBody { receiver, phone, region, detail, label, .. } = body;
        Self { receiver, phone, region, detail, label }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PostalAddress)]
pub(super) struct AddressShown {
    address_id: String,
    details: AddressBody,
}

fn address(api: &Api, preset: &Stored<Preset>) -> Result<AddressShown, Problem> {
    let details: AddressDetails = api.office.details(preset.entity.details.as_ref())?;
    let details = AddressBody {
        receiver: details.receiver,
        phone: masked(&details.phone),
        region: details.region,
        detail: details.detail,
        label: details.label,
        is_default: preset.entity.is_default,
    };
    Ok(AddressShown { address_id: preset.id.to_string(), details })
}

#[derive(Serialize, ToSchema)]
#[schema(as = PostalAddresses)]
pub(super) struct AddressesBody {
    addresses: Vec<AddressShown>,
}

/// The postal addresses, at most 50
#[utoipa::path(
    get, path = "/v1/addresses", tag = "orders", security(("user" = [])), params(Which),
    responses((status = 200, body = AddressesBody), Problems),
)]
pub(super) async fn addresses(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(Which { enterprise_id, search }): Parameters<Which>,
) -> Result<Json<AddressesBody>, Problem> {
    let found = api.office.presets::<AddressDetails>(&user, whose(enterprise_id.as_deref())?).await?;
    let mut addresses = found.iter().map(|one| address(&api, one)).collect::<Result<Vec<_>, _>>()?;
    let search = search.unwrap_or_default();
    addresses.retain(|one| {
        one.details.receiver.contains(&search)
            || one.details.label.as_ref().is_some_and(|label| label.contains(&search))
    });
    Ok(Json(AddressesBody { addresses }))
}

/// Keep a postal address
#[utoipa::path(
    post, path = "/v1/addresses", tag = "orders", security(("user" = [])), params(For, Named),
    request_body = AddressBody, responses((status = 201, body = AddressShown), Problems),
)]
pub(super) async fn add_address(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<AddressBody>,
) -> Result<(StatusCode, Json<AddressShown>), Problem> {
    let (of, is_default) = ((whose(of.enterprise_id.as_deref())?, None), body.is_default);
    let details = AddressDetails::from(body);
    let kept = api.office.keep_preset(&user, of, (&details, is_default), once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(address(&api, &kept)?)))
}

/// Change a postal address
#[utoipa::path(
    post, path = "/v1/addresses/{address}", tag = "orders", security(("user" = [])),
    params(("address" = String, Path), For, Named), request_body = AddressBody,
    responses((status = 200, body = AddressShown), Problems),
)]
pub(super) async fn change_address(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<AddressBody>,
) -> Result<Json<AddressShown>, Problem> {
    let of = (whose(of.enterprise_id.as_deref())?, Some(id(segments.get("address")?)?));
    let is_default = body.is_default;
    let details = AddressDetails::from(body);
    let kept = api.office.keep_preset(&user, of, (&details, is_default), once.as_ref()).await?;
    Ok(Json(address(&api, &kept)?))
}

/// Delete postal addresses, all of these or none
#[utoipa::path(
    post, path = "/v1/addresses/delete", tag = "orders", security(("user" = [])), params(For, Named),
    request_body = DeleteBody, responses((status = 204, description = "They are gone"), Problems),
)]
pub(super) async fn delete_addresses(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<For>,
    Input { body, once }: Input<DeleteBody>,
) -> Result<StatusCode, Problem> {
    let of = whose(of.enterprise_id.as_deref())?;
    api.office.delete_presets::<AddressDetails>(&user, of, &body.read()?, once.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
