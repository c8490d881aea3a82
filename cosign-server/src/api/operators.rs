//! What operators see and do. A handler is called with the proof of the role that it takes, or not at all.
#![expect(unused_qualifications, reason = "what is made of parameters for the description has them")]

mod appeals;
mod applications;
mod approvals;
mod help;
mod keys;
mod people;
mod proposals;
mod reviews;
mod seals;

use std::fmt::Display;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    extract::{Enrolled, Parameters, Segments},
    openapi::Problems,
};
use crate::domain::{
    Error,
    audit::Record,
    device::{Device, Name},
    operators::{Acting, Anyone, Auditor, Person, Right, SeesKeys},
    services::page,
};

/// The routes of operators.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(own))
        .routes(routes!(devices))
        .routes(routes!(audit))
        .routes(routes!(keys::list))
        .routes(routes!(keys::show))
        .routes(routes!(keys::freeze))
        .routes(routes!(keys::new_code))
        .routes(routes!(proposals::list, proposals::propose))
        .routes(routes!(proposals::show))
        .routes(routes!(proposals::approve))
        .routes(routes!(proposals::reject))
        .routes(routes!(proposals::withdraw))
        .routes(routes!(reviews::list))
        .routes(routes!(reviews::show))
        .routes(routes!(reviews::review))
        .routes(routes!(people::list))
        .routes(routes!(appeals::list))
        .routes(routes!(help::articles, help::write))
        .routes(routes!(help::edit))
        .routes(routes!(help::publish))
        .routes(routes!(help::withdraw))
        .routes(routes!(help::chats))
        .routes(routes!(help::take))
        .routes(routes!(help::lines, help::answer))
        .routes(routes!(help::close))
        .routes(routes!(appeals::show, appeals::review))
        .routes(routes!(people::show, people::review))
        .routes(routes!(people::picture))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::decide))
        .routes(routes!(approvals::claim))
        .routes(routes!(approvals::claim_file))
        .routes(routes!(applications::list))
        .routes(routes!(applications::show))
        .routes(routes!(applications::review))
        .routes(routes!(applications::form))
        .routes(routes!(applications::attachment))
        .routes(routes!(seals::list))
        .routes(routes!(seals::picture))
        .routes(routes!(seals::review))
}

/// The operator who calls, with a right.
pub(super) struct By<R>(pub(super) Acting<R>);

impl<R: Right> FromRequestParts<Api> for By<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Enrolled(device) = Enrolled::from_request_parts(parts, api).await?;
        Ok(Self(api.operators.acting(device).await?))
    }
}

/// A named part of the path, read.
fn part<T: std::str::FromStr>(segments: &Segments, name: &str) -> Result<T, Problem> {
    segments.get(name)?.parse().map_err(|_| Error::NotFound.into())
}

/// A parameter, read.
fn parameter<T: std::str::FromStr>(text: Option<&str>, wrong: &'static str) -> Result<Option<T>, Error> {
    text.map(str::parse).transpose().map_err(|_| Error::BadRequest(wrong))
}

/// What to go on after; nothing when the page is the last.
fn next<T, C: Display>(items: &[T], limit: u32, cursor: impl Fn(&T) -> C) -> Option<String> {
    let is_full = u32::try_from(items.len()).is_ok_and(|len| len >= limit);
    items.last().filter(|_| is_full).map(|last| cursor(last).to_string())
}

#[derive(Serialize, ToSchema)]
#[schema(as = Person)]
struct PersonBody {
    operator_id: String,
    #[schema(value_type = String)]
    name: Name,
}

impl From<Person> for PersonBody {
    fn from(person: Person) -> Self {
        Self { operator_id: person.id.to_string(), name: person.name }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
struct OwnBody {
    #[serde(flatten)]
    person: PersonBody,
    roles: Vec<&'static str>,
}

/// Who the caller is, and as what
#[utoipa::path(
    get, path = "/v1/operator", tag = "operators",
    responses((status = 200, body = OwnBody), Problems),
)]
async fn own(By(by): By<Anyone>) -> Json<OwnBody> {
    let operator = by.operator();
    let person = PersonBody { operator_id: operator.id.to_string(), name: operator.name.clone() };
    Json(OwnBody { person, roles: operator.roles.iter().map(|role| role.as_str()).collect() })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// `next` of the page before.
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnrolledDevice)]
struct DeviceBody {
    device_id: String,
    #[schema(value_type = String)]
    name: Name,
    enrolled_at_ms: u64,
}

impl From<Device> for DeviceBody {
    fn from(device: Device) -> Self {
        Self { device_id: device.id.to_string(), name: device.name, enrolled_at_ms: device.enrolled_ms }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnrolledDevices)]
struct DevicesBody {
    devices: Vec<DeviceBody>,
    next: Option<String>,
}

/// Devices, by their ids
#[utoipa::path(
    get, path = "/v1/operator/devices", tag = "operators", params(Cursor),
    responses((status = 200, body = DevicesBody), Problems),
)]
async fn devices(
    State(api): State<Api>,
    By(by): By<SeesKeys>,
    Parameters(cursor): Parameters<Cursor>,
) -> Result<Json<DevicesBody>, Problem> {
    let limit = page(cursor.limit);
    let after = parameter(cursor.after.as_deref(), "a device id has 64 hexadecimal digits")?;
    let found = api.operators.devices(&by, after, limit).await?;
    let next = next(&found, limit, |device| device.id);
    Ok(Json(DevicesBody { devices: found.into_iter().map(Into::into).collect(), next }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditRecord)]
struct RecordBody {
    seq: u64,
    time_ms: u64,
    act: &'static str,
    key_id: Option<String>,
    device_id: Option<String>,
    epoch: u32,
    count: u16,
    result: &'static str,
    note: String,
    /// As it is hashed, hexadecimal.
    record: String,
}

impl From<&Record> for RecordBody {
    fn from(record: &Record) -> Self {
        let event = &record.event;
        Self {
            seq: record.seq,
            time_ms: event.at_ms,
            act: event.act.as_str(),
            key_id: event.key_id.map(|id| id.to_string()),
            device_id: event.device.map(|id| id.to_string()),
            epoch: event.epoch,
            count: event.count,
            result: event.outcome(),
            note: event.note.clone(),
            record: hex::encode(record.encode()),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditRecords)]
struct RecordsBody {
    records: Vec<RecordBody>,
    next: Option<String>,
}

/// Records of the audit log
#[utoipa::path(
    get, path = "/v1/operator/audit", tag = "operators", params(Cursor),
    responses((status = 200, body = RecordsBody), Problems),
)]
async fn audit(
    State(api): State<Api>,
    By(by): By<Auditor>,
    Parameters(cursor): Parameters<Cursor>,
) -> Result<Json<RecordsBody>, Problem> {
    let limit = page(cursor.limit);
    let after = parameter(cursor.after.as_deref(), "a record is named by its number")?;
    let found = api.operators.audit(&by, after.unwrap_or(0), limit).await?;
    let next = next(&found, limit, |record| record.seq);
    Ok(Json(RecordsBody { records: found.iter().map(Into::into).collect(), next }))
}
