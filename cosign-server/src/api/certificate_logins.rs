//! Logging in with a certificate.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api, Problem,
    accounts::{Secret, id},
    extract::Enrolled,
    openapi::Problems,
    people::word,
    scans::signature,
};
use crate::domain::{
    office::{
        Named as _,
        person::{Document, DocumentNumber},
    },
    services::CertificateShown,
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(challenge))
}

#[derive(Serialize, ToSchema)]
#[schema(as = LoginChallenge)]
pub(super) struct ChallengeBody {
    challenge_id: String,
    /// What is signed with the key of the certificate: SM3(Z || text), the default id in Z.
    text: String,
    expires_at_ms: u64,
}

/// Get something to sign for a login with a certificate; the same one as long as it is good
///
/// Over the connection of the device that has the key.
#[utoipa::path(
    post, path = "/v1/login-challenges", tag = "accounts",
    responses((status = 201, body = ChallengeBody), Problems),
)]
pub(super) async fn challenge(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
) -> Result<(StatusCode, Json<ChallengeBody>), Problem> {
    let (made, text) = api.office.login_challenge(device.id).await?;
    let (challenge_id, expires_at_ms) = (made.id.to_string(), made.entity.expires_ms);
    Ok((StatusCode::CREATED, Json(ChallengeBody { challenge_id, text, expires_at_ms })))
}

/// A login with a certificate: the number of the identity document, and the challenge signed.
#[derive(Deserialize, ToSchema)]
#[schema(as = CertificateLogin)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateBody {
    challenge_id: String,
    /// What kind of document [default: id-card].
    document: Option<String>,
    number: Secret,
    /// r || s in hexadecimal.
    signature: String,
}

impl CertificateBody {
    pub(super) fn read(&self) -> Result<CertificateShown, Problem> {
        let document = self.document.as_deref().unwrap_or(Document::IdCard.as_str());
        let document = word(document, "there is no such document")?;
        Ok(CertificateShown {
            challenge: id(&self.challenge_id)?,
            number: DocumentNumber::parse(document, &self.number.0)?,
            signature: signature(&self.signature)?,
        })
    }
}
