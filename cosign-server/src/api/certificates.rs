//! Authorities, and the certificates of a device.

use axum::{Json, extract::State};
use pki::issue::certificate_pem as pem;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api, Problem,
    extract::{Enrolled, Parameters, Segments},
    openapi::Problems,
    page::{NextBody, Paging, shown},
};
use crate::domain::{
    Error,
    ca::{Authority, AuthorityId, CertState, Certificate, Serial},
    device::Name,
};

/// Days before its end from which a certificate is called expiring.
const EXPIRING_DAYS: u64 = 30;

#[derive(Serialize, ToSchema)]
#[schema(as = Authority)]
pub(super) struct AuthorityBody {
    authority: String,
    #[schema(value_type = String)]
    label: Name,
    /// PEM.
    certificate: String,
    retired: bool,
    /// Whether it can issue pairs: one certificate for signing, one for decryption.
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

#[derive(Serialize, ToSchema)]
#[schema(as = Authorities)]
pub(super) struct AuthoritiesBody {
    authorities: Vec<AuthorityBody>,
}

/// The authorities of this server
#[utoipa::path(
    get, path = "/v1/authorities", tag = "certificates",
    responses((status = 200, body = AuthoritiesBody), Problems),
)]
pub(super) async fn authorities(
    State(api): State<Api>,
    _: Enrolled,
) -> Result<Json<AuthoritiesBody>, Problem> {
    let found = api.authorities.list().await?;
    let authorities = found.iter().map(AuthorityBody::of).collect::<Result<_, _>>()?;
    Ok(Json(AuthoritiesBody { authorities }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Certificate)]
pub(super) struct CertificateBody {
    authority: String,
    /// Serial number, hexadecimal.
    serial: String,
    /// `sign` or `encrypt`.
    role: &'static str,
    state: &'static str,
    /// Whether it ends within 30 days.
    expiring: bool,
    /// Distinguished name (RFC 4514).
    subject: String,
    key_id: Option<String>,
    /// Serial number of the other certificate of the pair.
    pair: Option<String>,
    /// Serial number of the certificate that it took the place of.
    replaces: Option<String>,
    not_before_ms: u64,
    not_after_ms: u64,
    revoked_at_ms: Option<u64>,
    /// Why it was revoked (RFC 5280, 5.3.1).
    reason: Option<&'static str>,
    /// PEM.
    certificate: String,
}

impl CertificateBody {
    pub(super) fn of(certificate: Certificate, now_ms: u64) -> Self {
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

#[derive(Serialize, ToSchema)]
#[schema(as = Certificates)]
pub(super) struct CertificatesBody {
    certificates: Vec<CertificateBody>,
    next: Option<NextBody>,
}

/// The certificates of the device, newest first
#[utoipa::path(
    get, path = "/v1/certificates", tag = "certificates", params(Paging),
    responses((status = 200, body = CertificatesBody), Problems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    Enrolled(device): Enrolled,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<CertificatesBody>, Problem> {
    let now_ms = api.clock.now_ms();
    let found = api.authorities.certificates_of(&device, paging.page()?).await?;
    let (certificates, next) = shown(found, |one| Ok::<_, Problem>(CertificateBody::of(one, now_ms)))?;
    Ok(Json(CertificatesBody { certificates, next }))
}

/// One certificate of the device
#[utoipa::path(
    get, path = "/v1/certificates/{authority}/{serial}", tag = "certificates",
    params(("authority" = String, Path), ("serial" = String, Path, description = "hexadecimal")),
    responses((status = 200, body = CertificateBody), Problems),
)]
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
