//! The object identifiers of messages, as the body of their DER encoding.
//!
//! Source: GM/T 0010 (GB/T 35275) for the content types, GB/T 33560-2017 annex A for the algorithms, RFC 5652 for the
//! PKCS#7 content types.

/// 1.2.156.10197.6.1.4.2.1
pub(crate) const DATA: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x06, 0x01, 0x04, 0x02, 0x01];
/// 1.2.156.10197.6.1.4.2.3
pub(crate) const ENVELOPED_DATA: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x06, 0x01, 0x04, 0x02, 0x03];
/// 1.2.840.113549.1.7.1
pub(crate) const RFC_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 1.2.840.113549.1.7.3
pub(crate) const RFC_ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];

/// 1.2.156.10197.1.301.3: SM2 public-key encryption.
pub(crate) const SM2_ENCRYPTION: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03];
/// 1.2.156.10197.1.301: SM2 without saying what for.
pub(crate) const SM2: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d];
/// 1.2.156.10197.1.301.1: SM2 signature.
pub(crate) const SM2_SIGNATURE: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x01];
/// 1.2.156.10197.1.301.2: SM2 key exchange; GmSSL writes it for encryption.
pub(crate) const SM2_KEY_EXCHANGE: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x02];
/// 1.2.156.10197.1.301.3.2.1: SM2 encryption with SM3, as BouncyCastle writes it.
pub(crate) const SM2_ENCRYPTION_SM3: &[u8] =
    &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x03, 0x02, 0x01];

/// 1.2.156.10197.1.104: SM4 without a mode; the parameters tell.
pub(crate) const SM4: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68];
/// 1.2.156.10197.1.104.1
pub(crate) const SM4_ECB: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x01];
/// 1.2.156.10197.1.104.2
pub(crate) const SM4_CBC: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x02];

/// 2.5.29.14
pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
/// 2.5.29.15
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];

/// 1.2.156.10197.6.1.4.2.2
pub(crate) const SIGNED_DATA: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x06, 0x01, 0x04, 0x02, 0x02];
/// 1.2.156.10197.6.1.4.2.4
pub(crate) const SIGNED_AND_ENVELOPED_DATA: &[u8] =
    &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x06, 0x01, 0x04, 0x02, 0x04];
/// 1.2.156.10197.6.1.4.2.5
pub(crate) const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x06, 0x01, 0x04, 0x02, 0x05];
/// 1.2.840.113549.1.7.2
pub(crate) const RFC_SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.7.4: PKCS#7 1.5
pub(crate) const RFC_SIGNED_AND_ENVELOPED_DATA: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x04];
/// 1.2.840.113549.1.7.6
pub(crate) const RFC_ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
/// 1.2.156.10197.1.401
pub(crate) const SM3: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11];
/// 1.2.156.10197.1.401.1: SM3 without key
pub(crate) const SM3_WITHOUT_KEY: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11, 0x01];
/// 1.2.156.10197.1.501: SM2 signature of an SM3 digest
pub(crate) const SM2_WITH_SM3: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75];
/// 1.2.156.10197.1.104.8
pub(crate) const SM4_GCM: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x08];
/// 1.2.840.113549.1.9.3
pub(crate) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// 1.2.840.113549.1.9.4
pub(crate) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// 1.2.840.113549.1.9.5
pub(crate) const SIGNING_TIME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
/// 1.2.840.113549.1.9.16.2.12
pub(crate) const SIGNING_CERTIFICATE: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
/// 1.2.840.113549.1.9.16.2.47
pub(crate) const SIGNING_CERTIFICATE_V2: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
/// 2.16.840.1.101.3.4.2.1
pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// 2.16.840.1.101.3.4.2.2
pub(crate) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
/// 2.16.840.1.101.3.4.2.3
pub(crate) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// 1.2.840.113549.1.9.16.2.14
pub(crate) const TIME_STAMP_TOKEN: &[u8] =
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e];

#[cfg(test)]
mod tests {
    use super::*;
    use der::asn1::ObjectIdentifier;

    #[test]
    fn encodings_are_those_of_the_dotted_forms() {
        for (dotted, encoding) in [
            ("1.2.156.10197.6.1.4.2.1", DATA),
            ("1.2.156.10197.6.1.4.2.3", ENVELOPED_DATA),
            ("1.2.840.113549.1.7.1", RFC_DATA),
            ("1.2.840.113549.1.7.3", RFC_ENVELOPED_DATA),
            ("1.2.156.10197.1.301.3", SM2_ENCRYPTION),
            ("1.2.156.10197.1.301", SM2),
            ("1.2.156.10197.1.301.1", SM2_SIGNATURE),
            ("1.2.156.10197.1.301.2", SM2_KEY_EXCHANGE),
            ("1.2.156.10197.1.301.3.2.1", SM2_ENCRYPTION_SM3),
            ("1.2.156.10197.1.104", SM4),
            ("1.2.156.10197.1.104.1", SM4_ECB),
            ("1.2.156.10197.1.104.2", SM4_CBC),
            ("2.5.29.14", SUBJECT_KEY_IDENTIFIER),
            ("2.5.29.15", KEY_USAGE),
            ("1.2.156.10197.6.1.4.2.2", SIGNED_DATA),
            ("1.2.156.10197.6.1.4.2.4", SIGNED_AND_ENVELOPED_DATA),
            ("1.2.156.10197.6.1.4.2.5", ENCRYPTED_DATA),
            ("1.2.840.113549.1.7.2", RFC_SIGNED_DATA),
            ("1.2.840.113549.1.7.4", RFC_SIGNED_AND_ENVELOPED_DATA),
            ("1.2.840.113549.1.7.6", RFC_ENCRYPTED_DATA),
            ("1.2.156.10197.1.401", SM3),
            ("1.2.156.10197.1.401.1", SM3_WITHOUT_KEY),
            ("1.2.156.10197.1.501", SM2_WITH_SM3),
            ("1.2.156.10197.1.104.8", SM4_GCM),
            ("1.2.840.113549.1.9.3", CONTENT_TYPE),
            ("1.2.840.113549.1.9.4", MESSAGE_DIGEST),
            ("1.2.840.113549.1.9.5", SIGNING_TIME),
            ("1.2.840.113549.1.9.16.2.12", SIGNING_CERTIFICATE),
            ("1.2.840.113549.1.9.16.2.47", SIGNING_CERTIFICATE_V2),
            ("1.2.840.113549.1.9.16.2.14", TIME_STAMP_TOKEN),
            ("2.16.840.1.101.3.4.2.1", SHA256),
            ("2.16.840.1.101.3.4.2.2", SHA384),
            ("2.16.840.1.101.3.4.2.3", SHA512),
        ] {
            assert_eq!(ObjectIdentifier::new_unwrap(dotted).as_bytes(), encoding, "{dotted}");
        }
    }
}
