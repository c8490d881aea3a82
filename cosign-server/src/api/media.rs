//! Certificates on media: applied for as others, made by the authority, recorded here.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::{Input, Parameters, Segments},
    openapi::{Named, Problems},
    operators::By,
    page::{NextBody, shown},
    shop::OfWhom,
};
use crate::domain::{
    Error,
    ca::Serial,
    office::{Entity as _, Named as _, Stored, medium::Medium},
    operators::Reviewer,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(record))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Medium)]
pub(super) struct MediumBody {
    medium_id: String,
    state: &'static str,
    application_id: String,
    /// `person` or `enterprise`.
    holder: &'static str,
    holder_id: String,
    /// Where it is good; everywhere without it.
    platform: Option<String>,
    authority: String,
    /// Serial number, hexadecimal.
    serial: String,
    not_after_ms: u64,
    recorded_at_ms: u64,
}

impl From<Stored<Medium>> for MediumBody {
    fn from(one: Stored<Medium>) -> Self {
        let Stored { id, created_ms, entity, .. } = one;
        let state = entity.state().as_str();
        let facts = entity.facts;
        Self {
            medium_id: id.to_string(),
            state,
            application_id: facts.application.to_string(),
            holder: facts.holder.as_str(),
            holder_id: facts.holder.id().to_string(),
            platform: facts.platform.map(String::from),
            authority: facts.authority.to_string(),
            serial: facts.serial,
            not_after_ms: facts.not_after_ms,
            recorded_at_ms: created_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Media)]
pub(super) struct MediaBody {
    media: Vec<MediumBody>,
    next: Option<NextBody>,
}

/// The certificates on media of the user, newest first
#[utoipa::path(
    get, path = "/v1/media", tag = "office-certificates", security(("user" = [])), params(OfWhom),
    responses((status = 200, body = MediaBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Parameters(of): Parameters<OfWhom>,
) -> Result<Json<MediaBody>, Problem> {
    let (whose, page) = of.read()?;
    let found = api.office.media(&user, whose, &page).await?;
    let (media, next) = shown(found, |one| Ok::<_, Problem>(one.into()))?;
    Ok(Json(MediaBody { media, next }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewMedium)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordBody {
    /// Serial number, hexadecimal.
    serial: String,
    /// When it ends.
    not_after_ms: u64,
}

/// Say that the authority has made the certificate on a medium that was applied for
#[utoipa::path(
    post, path = "/v1/operator/applications/{application}/medium", tag = "operators",
    params(("application" = String, Path), Named), request_body = RecordBody,
    responses((status = 201, body = MediumBody), Problems),
)]
pub(super) async fn record(
    State(api): State<Api>,
    By(by): By<Reviewer>,
    segments: Segments,
    Input { body, once }: Input<RecordBody>,
) -> Result<(StatusCode, Json<MediumBody>), Problem> {
    let serial = Serial::from_hex(&body.serial)
        .map_err(|_| Error::BadRequest("a serial number has hexadecimal digits"))?;
    let which = id(segments.get("application")?)?;
    let made = api.office.record_medium(&by, which, (&serial, body.not_after_ms), once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
