//! Enrolment, and the calling device.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    extract::{Enrolled, From, Input},
};
use crate::domain::device::{Device, Name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    enrolment_code: String,
    name: Name,
}

#[derive(Serialize)]
pub(super) struct DeviceBody {
    device_id: String,
    name: Name,
    enrolled_at_ms: u64,
}

impl std::convert::From<Device> for DeviceBody {
    fn from(device: Device) -> Self {
        Self { device_id: device.id.to_string(), name: device.name, enrolled_at_ms: device.enrolled_ms }
    }
}

/// `POST /v1/devices`
pub(super) async fn enrol(
    State(api): State<Api>,
    From(caller): From,
    Input { body, once }: Input<Enrolment>,
) -> Result<(StatusCode, Json<DeviceBody>), Problem> {
    let device = api.devices.enrol(caller, &body.enrolment_code, body.name, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(device.into())))
}

/// `GET /v1/device`
pub(super) async fn own(Enrolled(device): Enrolled) -> Json<DeviceBody> {
    Json(device.into())
}
