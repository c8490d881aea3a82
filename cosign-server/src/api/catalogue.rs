//! The catalogue: regions, trading platforms, institutions, packages, templates.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod body;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::body::ItemBody;
pub(super) use self::body::{amounts, word};
use super::{
    Api, Problem,
    accounts::id,
    clients::{Anything, Signed},
    extract::{Bare, Input, Parameters, Segments},
    openapi::{Named, Problems},
    operators::By,
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    office::{
        Entity as _, Id, Named as _, Stored,
        catalogue::{Entry, Item, Shelf},
    },
    operators::Administrator,
    page::Paged,
};

/// Longest body of an entry: a template and what belongs to it.
const MAX_BODY: usize = 64 * 1024;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(regions))
        .routes(routes!(nearest))
        .routes(routes!(platforms))
        .routes(routes!(platform))
        .routes(routes!(own))
        .routes(routes!(institutions))
        .routes(routes!(packages))
        .routes(routes!(templates))
        .routes(routes!(list, add))
        .routes(routes!(change))
        .routes(routes!(retire))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CatalogueEntry)]
pub(super) struct EntryBody {
    entry_id: String,
    state: &'static str,
    item: ItemBody,
    changed_at_ms: u64,
}

impl From<Stored<Entry>> for EntryBody {
    fn from(entry: Stored<Entry>) -> Self {
        Self {
            entry_id: entry.id.to_string(),
            state: entry.entity.state().as_str(),
            item: entry.entity.item.into(),
            changed_at_ms: entry.changed_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = CatalogueEntries)]
pub(super) struct EntriesBody {
    entries: Vec<EntryBody>,
    next: Option<NextBody>,
}

/// A page of those that fit.
fn fitting(mut found: Paged<Stored<Entry>>, fits: impl Fn(&Item) -> bool) -> Json<EntriesBody> {
    found.items.retain(|entry| fits(&entry.entity.item));
    let next = found.next.map(|next| NextBody::from(&next));
    Json(EntriesBody { entries: found.items.into_iter().map(Into::into).collect(), next })
}

/// The regions
#[utoipa::path(
    get, path = "/v1/regions", tag = "catalogue", security(()), params(Paging),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn regions(
    State(api): State<Api>,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<EntriesBody>, Problem> {
    Ok(fitting(api.office.offered(Shelf::Region, None, &paging.page()?).await?, |_| true))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Ten-thousandths of a degree north.
    latitude: i32,
    /// Ten-thousandths of a degree east.
    longitude: i32,
}

/// The region whose middle is nearest
#[utoipa::path(
    get, path = "/v1/regions/nearest", tag = "catalogue", security(()), params(Position),
    responses((status = 200, body = EntryBody), Problems),
)]
pub(super) async fn nearest(
    State(api): State<Api>,
    Parameters(position): Parameters<Position>,
) -> Result<Json<EntryBody>, Problem> {
    let regions = api.office.offered(Shelf::Region, None, &Paging::new(None, None).page()?).await?;
    let distance = |entry: &Stored<Entry>| {
        let Item::Region(region) = &entry.entity.item else { return None };
        let place = region.place?;
        let north = f64::from(place.latitude) - f64::from(position.latitude);
        // A degree east is shorter, the further north one is.
        let shrink = (f64::from(position.latitude) / 10_000.0).to_radians().cos();
        let east = (f64::from(place.longitude) - f64::from(position.longitude)) * shrink;
        Some(north.hypot(east))
    };
    let placed = regions.items.into_iter().filter_map(|entry| Some((distance(&entry)?, entry)));
    let nearest = placed.min_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map(|(_, entry)| Json(entry.into())).ok_or_else(|| Error::NotFound.into())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPlatforms {
    /// Only those of a region.
    region: Option<String>,
    /// Only those whose names have this in them.
    name: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The trading platforms; a page may have fewer than asked for, the last has no `next`
#[utoipa::path(
    get, path = "/v1/platforms", tag = "catalogue", security(()), params(WhichPlatforms),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn platforms(
    State(api): State<Api>,
    Parameters(WhichPlatforms { region, name, after, limit }): Parameters<WhichPlatforms>,
) -> Result<Json<EntriesBody>, Problem> {
    let region = region.as_deref().map(str::parse).transpose()?;
    let found = api.office.offered(Shelf::Platform, region, &Paging::new(after, limit).page()?).await?;
    let name = name.unwrap_or_default();
    let fits =
        |item: &Item| matches!(item, Item::Platform(platform) if platform.name.as_str().contains(&name));
    Ok(fitting(found, fits))
}

/// One platform, with the systems that its certificates are good for and what it demands
#[utoipa::path(
    get, path = "/v1/platforms/{platform}", tag = "catalogue", security(()), params(("platform" = String, Path)),
    responses((status = 200, body = EntryBody), Problems),
)]
pub(super) async fn platform(State(api): State<Api>, segments: Segments) -> Result<Json<EntryBody>, Problem> {
    let entry = api.office.entry(id(segments.get("platform")?)?).await?;
    if entry.entity.item.shelf() == Shelf::Platform {
        Ok(Json(entry.into()))
    } else {
        Err(Error::NotFound.into())
    }
}

/// The platform that the client is
#[utoipa::path(
    get, path = "/v1/client/platform", tag = "clients", security(("client" = [])),
    responses((status = 200, body = EntryBody), Problems),
)]
pub(super) async fn own(
    State(api): State<Api>,
    Signed { client, .. }: Signed<Anything>,
) -> Result<Json<EntryBody>, Problem> {
    Ok(Json(api.office.platform_of(client.id).await?.into()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichInstitutions {
    /// Only those that a platform accepts.
    platform: Option<String>,
    /// `ca` or `seal`.
    service: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The institutions
#[utoipa::path(
    get, path = "/v1/institutions", tag = "catalogue", security(()), params(WhichInstitutions),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn institutions(
    State(api): State<Api>,
    Parameters(WhichInstitutions { platform, service, after, limit }): Parameters<WhichInstitutions>,
) -> Result<Json<EntriesBody>, Problem> {
    let mut found = api.office.offered(Shelf::Institution, None, &Paging::new(after, limit).page()?).await?;
    if let Some(platform) = platform {
        let accepted: Vec<Id> = api.office.platform(id(&platform)?).await?.rules.institutions;
        found.items.retain(|entry| accepted.contains(&entry.id));
    }
    Ok(fitting(found, |item| {
        let Item::Institution(institution) = item else { return false };
        service.as_deref().is_none_or(|service| institution.service.as_str() == service)
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPackages {
    /// Of which platform.
    platform: String,
    /// `ca` or `seal`.
    service: Option<String>,
    /// `enterprise` or `person`.
    buyer: Option<String>,
    /// Only of this institution.
    institution: Option<String>,
    /// Renewals, or new ones.
    renewal: Option<bool>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The packages for a platform
#[utoipa::path(
    get, path = "/v1/packages", tag = "catalogue", security(()), params(WhichPackages),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn packages(
    State(api): State<Api>,
    Parameters(which): Parameters<WhichPackages>,
) -> Result<Json<EntriesBody>, Problem> {
    let page = Paging::new(which.after, which.limit).page()?;
    let found = api.office.offered(Shelf::Package, Some(which.platform.parse()?), &page).await?;
    Ok(fitting(found, |item| {
        let Item::Package(package) = item else { return false };
        which.service.as_deref().is_none_or(|service| package.service.as_str() == service)
            && which.buyer.as_deref().is_none_or(|buyer| package.buyer.as_str() == buyer)
            && which.institution.as_deref().is_none_or(|one| package.institution.to_string() == one)
            && which.renewal.is_none_or(|renewal| package.renewal == renewal)
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichTemplates {
    /// `application`, `letter`, `transfer`, `grant` or `appeal`.
    kind: Option<String>,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The templates of letters and forms
#[utoipa::path(
    get, path = "/v1/templates", tag = "catalogue", security(()), params(WhichTemplates),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn templates(
    State(api): State<Api>,
    Parameters(WhichTemplates { kind, after, limit }): Parameters<WhichTemplates>,
) -> Result<Json<EntriesBody>, Problem> {
    let found = api.office.offered(Shelf::Template, None, &Paging::new(after, limit).page()?).await?;
    Ok(fitting(found, |item| {
        let Item::Template(template) = item else { return false };
        kind.as_deref().is_none_or(|kind| template.kind.as_str() == kind)
    }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichEntries {
    /// `region`, `platform`, `institution`, `package` or `template`.
    kind: String,
    after: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Everything of a kind in the catalogue, retired or not
#[utoipa::path(
    get, path = "/v1/operator/catalogue", tag = "catalogue", params(WhichEntries),
    responses((status = 200, body = EntriesBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Parameters(WhichEntries { kind, after, limit }): Parameters<WhichEntries>,
) -> Result<Json<EntriesBody>, Problem> {
    let shelf = Shelf::from_name(&kind).ok_or(Error::BadRequest("the catalogue has no such kind"))?;
    let found = api.office.entries(&by, shelf, &Paging::new(after, limit).page()?).await?;
    let (entries, next) = shown(found, |one| Ok::<_, Problem>(EntryBody::from(one)))?;
    Ok(Json(EntriesBody { entries, next }))
}

/// Add to the catalogue
#[utoipa::path(
    post, path = "/v1/operator/catalogue", tag = "catalogue", params(Named), request_body = ItemBody,
    responses((status = 201, body = EntryBody), Problems),
)]
pub(super) async fn add(
    State(api): State<Api>,
    By(by): By<Administrator>,
    Input { body, once }: Input<ItemBody, MAX_BODY>,
) -> Result<(StatusCode, Json<EntryBody>), Problem> {
    let entry = api.office.add_entry(&by, &body.try_into()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

/// Change an entry of the catalogue; what was bought stays as it was
#[utoipa::path(
    post, path = "/v1/operator/catalogue/{entry}", tag = "catalogue",
    params(("entry" = String, Path), Named), request_body = ItemBody,
    responses((status = 200, body = EntryBody), Problems),
)]
pub(super) async fn change(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Input { body, once }: Input<ItemBody, MAX_BODY>,
) -> Result<Json<EntryBody>, Problem> {
    let (entry, item) = (id(segments.get("entry")?)?, body.try_into()?);
    Ok(Json(api.office.change_entry(&by, entry, Some(&item), once.as_ref()).await?.into()))
}

/// Offer an entry of the catalogue no more
#[utoipa::path(
    post, path = "/v1/operator/catalogue/{entry}/retire", tag = "catalogue",
    params(("entry" = String, Path), Named), responses((status = 200, body = EntryBody), Problems),
)]
pub(super) async fn retire(
    State(api): State<Api>,
    By(by): By<Administrator>,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<EntryBody>, Problem> {
    let entry = id(segments.get("entry")?)?;
    Ok(Json(api.office.change_entry(&by, entry, None, once.as_ref()).await?.into()))
}
