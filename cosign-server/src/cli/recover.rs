//! `key recover`: a decryption key that key recovery gave back.

use cosign_core::{
    DeviceId, PinMode, Suite,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use serde_json::json;

use super::{
    Failure, Recover,
    commands::offline,
    output::{key_json, key_line, remark, say},
};
use crate::domain::device::Name;

pub(super) async fn run(recover: Recover) -> Result<(), Failure> {
    let Recover { target, public_key, device, suite, pin_mode, label, output } = recover;
    let offline = offline(&target.config).await?;
    let recovery = offline.operator.recover(&public_key, &device, suite, pin_mode, label).await;
    offline.close().await;
    let recovery = recovery?;
    let (key_id, expires_ms) = (recovery.issued.key_id.to_string(), recovery.issued.expires_ms);
    if output.json {
        let revoked: Vec<_> = recovery.revoked.iter().map(key_json).collect();
        say(json!({ "key_id": key_id, "expires_at_ms": expires_ms, "revoked": revoked }));
    } else {
        recovery.revoked.iter().for_each(|key| remark(key_line(key)));
        say(key_id);
    }
    Ok(())
}

/// Reads a public key, or the PEM file that it is in.
pub(super) fn parse_public_key(text: &str) -> Result<PublicKey, String> {
    if let Ok(bytes) = hex::decode(text) {
        let point = bytes.as_slice().try_into().ok().and_then(PublicPoint::from_bytes);
        return point.map(PublicKey::from).ok_or_else(|| "not a point of the SM2 curve: X and Y".to_owned());
    }
    let pem = std::fs::read_to_string(text).map_err(|error| error.to_string())?;
    PublicKey::from_spki_pem(&pem).map_err(|_| "the file holds no PEM `PUBLIC KEY` of SM2".to_owned())
}

/// Reads a device id.
pub(super) fn parse_device(text: &str) -> Result<DeviceId, String> {
    text.parse().map_err(|_| "a device id has 64 hexadecimal digits; `key list --json` shows them".to_owned())
}

/// Reads a suite.
pub(super) fn parse_suite(text: &str) -> Result<Suite, String> {
    let known = [Suite::D, Suite::F2].into_iter().find(|suite| suite.as_str() == text);
    known.ok_or_else(|| "the suites are D and F2".to_owned())
}

/// Reads a PIN mode.
pub(super) fn parse_pin_mode(text: &str) -> Result<PinMode, String> {
    PinMode::from_name(text).ok_or_else(|| "the PIN modes are base and oblivious".to_owned())
}

/// Reads a label.
pub(super) fn parse_label(text: &str) -> Result<Name, String> {
    Name::try_from(text.to_owned()).map_err(|error| error.to_string())
}
