//! Changes of enterprises, and appeals for those that were cancelled.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::members::Asked;
use crate::{
    api::{
        Api, Problem,
        accounts::{LoggedIn, Secret, id},
        extract::{Input, Segments},
        openapi::{Named, Problems},
    },
    domain::{
        Error, device,
        office::{
            Named as _,
            enterprise::Uscc,
            person::{Document, DocumentNumber, PersonName},
            personal::Phone,
        },
        services::{Change, Papers},
    },
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(appeal))
}

/// Either another name, or all that is known of another legal representative.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeWanted {
    #[schema(value_type = Option<String>)]
    name: Option<device::Name>,
    legal_name: Option<Secret>,
    legal_document: Option<String>,
    legal_number: Option<Secret>,
    legal_phone: Option<Secret>,
    /// A file: the new licence.
    licence: String,
    /// A file: the letter with the enterprise's seal.
    letter: String,
}

impl ChangeWanted {
    fn read(self) -> Result<(Change, Papers), Problem> {
        let papers = Papers { licence: id(&self.licence)?, letter: id(&self.letter)? };
        let legal = (self.legal_name, self.legal_document, self.legal_number, self.legal_phone);
        let change = match (self.name, legal) {
            (Some(name), (None, None, None, None)) => Change::Name(name),
            (None, (Some(name), Some(document), Some(number), Some(phone))) => {
                let document = Document::from_name(&document)
                    .ok_or(Error::BadRequest("there is no such kind of identity document"))?;
                Change::Legal {
                    name: PersonName::parse(&name.0)?,
                    document,
                    number: DocumentNumber::parse(document, &number.0)?,
                    phone: Phone::parse(&phone.0)?,
                }
            }
            _ => {
                return Err(
                    Error::BadRequest("a change is another name, or another legal representative").into()
                );
            }
        };
        Ok((change, papers))
    }
}

/// Ask for a change of an enterprise's name or legal representative; operators look at it
#[utoipa::path(
    post, path = "/v1/enterprises/{enterprise}/changes", tag = "enterprises", security(("user" = [])),
    params(("enterprise" = String, Path), Named), request_body = ChangeWanted,
    responses((status = 201, body = Asked), Problems),
)]
pub(super) async fn change(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    segments: Segments,
    Input { body, once }: Input<ChangeWanted>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let (change, papers) = body.read()?;
    let enterprise = id(segments.get("enterprise")?)?;
    let asked = api.office.change_enterprise(&user, enterprise, change, papers, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Asked::for_one(asked))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppealWanted {
    /// The unified social credit code of the enterprise that was cancelled.
    uscc: String,
    /// A file: the licence.
    licence: String,
    /// A file: the letter of appeal.
    letter: String,
}

/// Appeal for an enterprise that was cancelled; operators look at it
#[utoipa::path(
    post, path = "/v1/enterprise-appeals", tag = "enterprises", security(("user" = [])), params(Named),
    request_body = AppealWanted, responses((status = 201, body = Asked), Problems),
)]
pub(super) async fn appeal(
    State(api): State<Api>,
    LoggedIn(user): LoggedIn,
    Input { body, once }: Input<AppealWanted>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let papers = Papers { licence: id(&body.licence)?, letter: id(&body.letter)? };
    let asked = api.office.appeal_enterprise(&user, &Uscc::parse(&body.uscc)?, papers, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Asked::for_one(asked))))
}
