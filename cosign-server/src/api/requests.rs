//! Requests for certificates, by the device that they are for. Reviews are not in here.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use cosign_core::sm_primitives::sm2::PublicKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api, Problem,
    certificates::CertificateBody,
    extract::{Bare, Enrolled, Input, Parameters, Segments},
    openapi::{Named, Problems},
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    ca::{AuthorityId, Kind, Profile, Reason, Request, RequestId, Serial},
    services::{Application, Installed},
};

/// Longest body with a certification request in bytes.
const MAX_BODY: usize = 24 * 1024;

#[derive(Deserialize, ToSchema)]
#[schema(as = NewCertificateRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRequest {
    #[schema(value_type = String)]
    authority: AuthorityId,
    /// `new`, `renew`, `change`, `reissue` or `revoke`.
    kind: String,
    /// Serial number of the certificate that it is about.
    certificate: Option<String>,
    /// Of a revocation, a name of RFC 5280.
    reason: Option<String>,
    /// Certification request (PKCS #10): PEM or base64. None for a revocation.
    #[serde(default)]
    csr: String,
    /// `personal`, `enterprise` or `seal-maker` [default: personal].
    profile: Option<String>,
    /// Whether a certificate for decryption is wanted too.
    #[serde(default)]
    dual: bool,
}

impl NewRequest {
    fn application(self) -> Result<Application, Error> {
        let target = self.certificate.as_deref().map(Serial::from_hex).transpose()?;
        let reason = match self.reason.as_deref() {
            Some(name) => Some(
                Reason::from_name(name)
                    .ok_or(Error::BadRequest("the reasons are those of RFC 5280, 5.3.1"))?,
            ),
            None => None,
        };
        let kind = Kind::from_parts(&self.kind, target, reason).ok_or(Error::BadRequest(
            "a request is new, renew, change, reissue or revoke, of a certificate",
        ))?;
        let profile = match self.profile.as_deref() {
            Some(name) => Profile::from_name(name)
                .ok_or(Error::BadRequest("the profiles are personal, enterprise and seal-maker"))?,
            None => Profile::default(),
        };
        let csr = self.csr.into_bytes();
        Ok(Application { authority: self.authority, kind, csr, profile, dual: self.dual })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
struct DecisionBody {
    passed: bool,
    opinion: String,
    at_ms: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CertificateRequest)]
pub(super) struct RequestBody {
    request: String,
    authority: String,
    kind: &'static str,
    /// Serial number of the certificate that it is about.
    certificate: Option<String>,
    state: &'static str,
    profile: &'static str,
    dual: bool,
    created_at_ms: u64,
    /// Without the names of those who decided.
    decisions: Vec<DecisionBody>,
}

impl From<Request> for RequestBody {
    fn from(request: Request) -> Self {
        let decisions = request.decisions.into_iter().map(|decision| DecisionBody {
            passed: decision.passed,
            opinion: decision.opinion,
            at_ms: decision.at_ms,
        });
        Self {
            request: request.id.to_string(),
            authority: request.authority.to_string(),
            kind: request.kind.as_str(),
            certificate: request.kind.target().map(ToString::to_string),
            state: request.state.as_str(),
            profile: request.profile.as_str(),
            dual: request.dual,
            created_at_ms: request.created_ms,
            decisions: decisions.collect(),
        }
    }
}

/// A request as everybody sees it who may.
pub(super) fn body(request: Request) -> Result<serde_json::Value, Error> {
    serde_json::to_value(RequestBody::from(request)).map_err(|_| Error::Internal)
}

#[derive(Serialize, ToSchema)]
#[schema(as = CertificateRequests)]
pub(super) struct RequestsBody {
    requests: Vec<RequestBody>,
    next: Option<NextBody>,
}

/// Apply for a certificate, or for the end of one
#[utoipa::path(
    post, path = "/v1/certificate-requests", tag = "certificate-requests", params(Named), request_body = NewRequest,
    responses((status = 201, body = RequestBody), Problems),
)]
pub(super) async fn apply(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Input { body, once }: Input<NewRequest, MAX_BODY>,
) -> Result<impl IntoResponse, Problem> {
    let request = api.authorities.apply(&device, body.application()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(RequestBody::from(request))))
}

/// The requests of the device, newest first
#[utoipa::path(
    get, path = "/v1/certificate-requests", tag = "certificate-requests", params(Paging),
    responses((status = 200, body = RequestsBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<RequestsBody>, Problem> {
    let found = api.authorities.requests(Some(&device), &paging.page()?).await?;
    let (requests, next) = shown(found, |one| Ok::<_, Problem>(RequestBody::from(one)))?;
    Ok(Json(RequestsBody { requests, next }))
}

pub(super) fn request_id(segments: &Segments) -> Result<RequestId, Problem> {
    segments.get("request")?.parse().map_err(|_| Error::NotFound.into())
}

/// One request of the device
#[utoipa::path(
    get, path = "/v1/certificate-requests/{request}", tag = "certificate-requests", params(("request" = String, Path)),
    responses((status = 200, body = RequestBody), Problems),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
) -> Result<Json<RequestBody>, Problem> {
    Ok(Json(api.authorities.own_request(&device, &request_id(&segments)?).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = CorrectedCertificateRequest)]
#[serde(deny_unknown_fields)]
pub(super) struct Resubmitted {
    /// PEM or base64.
    #[serde(default)]
    csr: String,
}

/// Hand a request in again, corrected, after it was returned
#[utoipa::path(
    post, path = "/v1/certificate-requests/{request}/submit", tag = "certificate-requests",
    params(("request" = String, Path), Named), request_body = Resubmitted,
    responses((status = 200, body = RequestBody), Problems),
)]
pub(super) async fn submit(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
    Input { body, once }: Input<Resubmitted, MAX_BODY>,
) -> Result<Json<RequestBody>, Problem> {
    let id = request_id(&segments)?;
    Ok(Json(api.authorities.resubmit(&device, &id, body.csr.into_bytes(), once.as_ref()).await?.into()))
}

/// Withdraw a request
#[utoipa::path(
    post, path = "/v1/certificate-requests/{request}/withdraw", tag = "certificate-requests",
    params(("request" = String, Path), Named), responses((status = 200, body = RequestBody), Problems),
)]
pub(super) async fn withdraw(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
    Bare { once }: Bare,
) -> Result<Json<RequestBody>, Problem> {
    let id = request_id(&segments)?;
    Ok(Json(api.authorities.withdraw(&device, &id, once.as_ref()).await?.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Install {
    /// PEM: the key to which a new decryption key is sealed.
    protection_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DecryptionKey)]
struct KeyBody {
    key_id: String,
    /// SM2EnvelopedKey, DER in hex; null if custodians seal it.
    enveloped_key: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Installed)]
pub(super) struct InstalledBody {
    certificates: Vec<CertificateBody>,
    decryption_key: Option<KeyBody>,
}

/// Install what a request that was passed gives
#[utoipa::path(
    post, path = "/v1/certificate-requests/{request}/install", tag = "certificate-requests",
    params(("request" = String, Path), Named), request_body = Install,
    responses((status = 200, body = InstalledBody), Problems),
)]
pub(super) async fn install(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
    Input { body, once }: Input<Install>,
) -> Result<Json<InstalledBody>, Problem> {
    let protection = body.protection_key.as_deref().map(PublicKey::from_spki_pem).transpose();
    let protection =
        protection.map_err(|_| Problem::malformed("the protection_key is no PEM `PUBLIC KEY` of SM2"))?;
    let id = request_id(&segments)?;
    let Installed { certificates, key } =
        api.authorities.install(&device, &id, protection.as_ref(), once.as_ref()).await?;
    let now_ms = api.clock.now_ms();
    Ok(Json(InstalledBody {
        certificates: certificates.into_iter().map(|one| CertificateBody::of(one, now_ms)).collect(),
        decryption_key: key.map(|key| KeyBody {
            key_id: key.key_id.to_string(),
            enveloped_key: key.enveloped.map(hex::encode),
        }),
    }))
}
