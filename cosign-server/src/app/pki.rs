//! The self-made certificate authority of a data folder, for the TLS channel only.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CA_DAYS: u32 = 3650;
const LEAF_DAYS: u32 = 730;

/// Certificates and keys, PEM.
pub(super) struct Channel {
    pub(super) ca: String,
    pub(super) ca_key: String,
    pub(super) certificate: String,
    pub(super) private_key: String,
}

/// Makes an authority and a server certificate for `names` (host names and IP addresses), good from an hour ago.
pub(super) fn make(names: Vec<String>, now_ms: u64) -> Result<Channel, rcgen::Error> {
    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut ca = params(Vec::new(), "cosign channel CA", now_ms, CA_DAYS)?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_certificate = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut leaf = params(names, "cosign-server", now_ms, LEAF_DAYS)?;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key))?;
    Ok(Channel {
        ca: ca_certificate.pem(),
        ca_key: ca_key.serialize_pem(),
        certificate: certificate.pem(),
        private_key: key.serialize_pem(),
    })
}

fn params(
    names: Vec<String>,
    common_name: &str,
    now_ms: u64,
    days: u32,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_millis(now_ms).saturating_sub(DAY / 24);
    params.not_after = epoch + Duration::from_millis(now_ms) + DAY * days;
    Ok(params)
}
