//! Enrolment, and the calling device.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api, Problem,
    extract::{Enrolled, From, Input},
    openapi::{Named, Problems},
};
use crate::domain::device::{Device, Name};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    enrolment_code: String,
    #[schema(value_type = String, min_length = 1, max_length = 128)]
    name: Name,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub(super) struct DeviceBody {
    /// SM3 of the public key of its certificate.
    device_id: String,
    #[schema(value_type = String)]
    name: Name,
    enrolled_at_ms: u64,
}

impl std::convert::From<Device> for DeviceBody {
    fn from(device: Device) -> Self {
        Self { device_id: device.id.to_string(), name: device.name, enrolled_at_ms: device.enrolled_ms }
    }
}

/// Enrol the calling device with a code
#[utoipa::path(
    post, path = "/v1/devices", tag = "devices", params(Named), request_body = Enrolment,
    responses((status = 201, body = DeviceBody), Problems),
)]
pub(super) async fn enrol(
    State(api): State<Api>,
    From(caller): From,
    Input { body, once }: Input<Enrolment>,
) -> Result<(StatusCode, Json<DeviceBody>), Problem> {
    let device = api.devices.enrol(caller, &body.enrolment_code, body.name, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(device.into())))
}

/// The calling device
#[utoipa::path(get, path = "/v1/device", tag = "devices", responses((status = 200, body = DeviceBody), Problems))]
pub(super) async fn own(Enrolled(device): Enrolled) -> Json<DeviceBody> {
    Json(device.into())
}
