//! Documents on pictures.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{LoggedIn, id},
    extract::Input,
    openapi::{Named, Problems},
    people::word,
};
use crate::domain::office::Named as _;

/// Below this, whoever handed the picture in is asked to look twice, or to take another picture.
const SURE: u8 = 80;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(recognise))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ReadingWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedBody {
    /// A picture that the user handed in.
    attachment_id: String,
    /// `id-card-portrait`, `id-card-emblem` or `licence`.
    side: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReadField)]
struct FieldBody {
    /// `name`, `number`, `sex`, `birth`, `nation`, `address`, `issuer`, `valid-from`, `valid-until`, `uscc` or `legal-name`.
    field: &'static str,
    text: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reading)]
pub(super) struct ReadingBody {
    side: &'static str,
    /// What could be read. It is shown to be corrected: what the user says then counts.
    fields: Vec<FieldBody>,
    /// From 0 to 100.
    confidence: u8,
    /// Whether everything that is looked for was read well.
    sure: bool,
    /// That nothing real was read.
    sandbox: bool,
}

/// Read the document on a picture, to be corrected and confirmed by the user
#[utoipa::path(
    post, path = "/v1/readings", tag = "people", security(("user" = [])), params(Named), request_body = WantedBody,
    responses((status = 201, body = ReadingBody), Problems),
)]
pub(super) async fn recognise(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<WantedBody>,
) -> Result<(StatusCode, Json<ReadingBody>), Problem> {
    let side = word(&body.side, "there is no such side of a document")?;
    let found = api.office.recognise(&user, id(&body.attachment_id)?, side, once.as_ref()).await?.entity;
    let fields = api.office.read_fields(&found)?;
    let sure = found.confidence >= SURE && fields.len() == found.side.fields().len();
    let fields = fields.into_iter().map(|(field, text)| FieldBody { field: field.as_str(), text }).collect();
    let (side, sandbox) = (found.side.as_str(), api.office.ocr_is_sandbox());
    let body = ReadingBody { side, fields, confidence: found.confidence, sure, sandbox };
    Ok((StatusCode::CREATED, Json(body)))
}
