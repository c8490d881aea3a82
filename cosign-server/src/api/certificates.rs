//! Certificates and requests of a device. Reviews are the operator's, on the command line.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use cosign_core::sm_primitives::sm2::PublicKey;
use pki::issue::certificate_pem as pem;
use serde::{Deserialize, Serialize};

use super::{
    Api, Problem,
    extract::{Enrolled, Input, Segments},
};
use crate::domain::{
    Error,
    ca::{Authority, AuthorityId, CertState, Certificate, Kind, Profile, Reason, Request, RequestId, Serial},
    device::Name,
    services::{Application, Installed},
};

/// Days before its end from which a certificate is called expiring.
const EXPIRING_DAYS: u64 = 30;
/// Longest body with a certification request in bytes.
const MAX_BODY: usize = 24 * 1024;

#[derive(Serialize)]
pub(super) struct AuthorityBody {
    authority: String,
    label: Name,
    certificate: String,
    retired: bool,
    makes_decryption_keys: bool,
}

impl AuthorityBody {
    fn of(authority: &Authority) -> Result<Self, Error> {
        Ok(Self {
            authority: authority.id.to_string(),
            label: authority.label.clone(),
            certificate: pem(authority.certificate()?.as_der()),
            retired: authority.retired_ms.is_some(),
            makes_decryption_keys: authority.options.quorum.is_some(),
        })
    }
}

#[derive(Serialize)]
pub(super) struct Listed<T> {
    #[serde(flatten)]
    items: std::collections::BTreeMap<&'static str, Vec<T>>,
}

impl<T> Listed<T> {
    fn of(name: &'static str, items: Vec<T>) -> Json<Self> {
        Json(Self { items: [(name, items)].into() })
    }
}

/// `GET /v1/authorities`.
pub(super) async fn authorities(
    State(api): State<Api>,
    _: Enrolled,
) -> Result<Json<Listed<AuthorityBody>>, Problem> {
    let authorities = api.authorities.list().await?;
    let bodies = authorities.iter().map(AuthorityBody::of).collect::<Result<_, _>>()?;
    Ok(Listed::of("authorities", bodies))
}

#[derive(Serialize)]
pub(super) struct CertificateBody {
    authority: String,
    serial: String,
    role: &'static str,
    state: &'static str,
    expiring: bool,
    subject: String,
    key_id: Option<String>,
    pair: Option<String>,
    replaces: Option<String>,
    not_before_ms: u64,
    not_after_ms: u64,
    revoked_at_ms: Option<u64>,
    reason: Option<&'static str>,
    certificate: String,
}

impl CertificateBody {
    fn of(certificate: Certificate, now_ms: u64) -> Self {
        let listed = certificate.listed.filter(|_| certificate.state == CertState::Revoked);
        Self {
            expiring: certificate.is_expiring(EXPIRING_DAYS, now_ms),
            authority: certificate.authority.to_string(),
            serial: certificate.serial.to_string(),
            role: certificate.role.as_str(),
            state: certificate.state.as_str(),
            subject: envelope::name::display(&certificate.subject),
            key_id: certificate.key_id.map(|id| id.to_string()),
            pair: certificate.pair.map(|serial| serial.to_string()),
            replaces: certificate.replaces.map(|serial| serial.to_string()),
            not_before_ms: certificate.not_before_ms,
            not_after_ms: certificate.not_after_ms,
            revoked_at_ms: listed.map(|(since_ms, _)| since_ms),
            reason: listed.map(|(_, reason)| reason.name()),
            certificate: pem(&certificate.der),
        }
    }
}

/// `GET /v1/certificates`: those of the device.
pub(super) async fn list(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
) -> Result<Json<Listed<CertificateBody>>, Problem> {
    let now_ms = api.clock.now_ms();
    let found = api.authorities.certificates_of(&device).await?;
    let bodies = found.into_iter().map(|one| CertificateBody::of(one, now_ms)).collect();
    Ok(Listed::of("certificates", bodies))
}

/// `GET /v1/certificates/{authority}/{serial}`.
pub(super) async fn show(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
) -> Result<Json<CertificateBody>, Problem> {
    let authority = AuthorityId::try_from(segments.get("authority")?.to_owned());
    let authority = authority.map_err(|_| Problem::from(Error::NotFound))?;
    let serial = Serial::from_hex(segments.get("serial")?).map_err(|_| Problem::from(Error::NotFound))?;
    let found = api.authorities.own_certificate(&device, &authority, &serial).await?;
    Ok(Json(CertificateBody::of(found, api.clock.now_ms())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRequest {
    authority: AuthorityId,
    kind: String,
    /// Serial number of the certificate that it is about.
    certificate: Option<String>,
    /// Of a revocation, a name of RFC 5280.
    reason: Option<String>,
    /// PEM or base64.
    #[serde(default)]
    csr: String,
    profile: Option<String>,
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

#[derive(Serialize)]
struct DecisionBody {
    passed: bool,
    opinion: String,
    at_ms: u64,
}

#[derive(Serialize)]
pub(super) struct RequestBody {
    request: String,
    authority: String,
    kind: &'static str,
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

/// `POST /v1/certificate-requests`.
pub(super) async fn apply(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Input { body, once }: Input<NewRequest, MAX_BODY>,
) -> Result<impl IntoResponse, Problem> {
    let request = api.authorities.apply(&device, body.application()?, once.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(RequestBody::from(request))))
}

/// `GET /v1/certificate-requests`.
pub(super) async fn requests(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
) -> Result<Json<Listed<RequestBody>>, Problem> {
    let found = api.authorities.requests(Some(&device)).await?;
    Ok(Listed::of("requests", found.into_iter().map(RequestBody::from).collect()))
}

fn request_id(segments: &Segments) -> Result<RequestId, Problem> {
    segments.get("request")?.parse().map_err(|_| Error::NotFound.into())
}

/// `GET /v1/certificate-requests/{request}`.
pub(super) async fn request(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
) -> Result<Json<RequestBody>, Problem> {
    Ok(Json(api.authorities.own_request(&device, &request_id(&segments)?).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resubmitted {
    #[serde(default)]
    csr: String,
}

/// `POST /v1/certificate-requests/{request}/submit`: corrected, after it was returned.
pub(super) async fn submit(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
    Input { body, .. }: Input<Resubmitted, MAX_BODY>,
) -> Result<Json<RequestBody>, Problem> {
    let id = request_id(&segments)?;
    Ok(Json(api.authorities.resubmit(&device, &id, body.csr.into_bytes()).await?.into()))
}

/// `POST /v1/certificate-requests/{request}/withdraw`.
pub(super) async fn withdraw(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    segments: Segments,
) -> Result<Json<RequestBody>, Problem> {
    Ok(Json(api.authorities.withdraw(&device, &request_id(&segments)?).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Install {
    /// PEM: the key to which a new decryption key is sealed.
    protection_key: Option<String>,
}

#[derive(Serialize)]
struct KeyBody {
    key_id: String,
    /// SM2EnvelopedKey, DER in hex; null if custodians seal it.
    enveloped_key: Option<String>,
}

#[derive(Serialize)]
pub(super) struct InstalledBody {
    certificates: Vec<CertificateBody>,
    decryption_key: Option<KeyBody>,
}

/// `POST /v1/certificate-requests/{request}/install`.
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
