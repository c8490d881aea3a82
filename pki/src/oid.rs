//! Object identifiers, and names of algorithms that are known without being supported.
//!
//! Source: RFC 5280, RFC 6960, RFC 3161; GB/T 33560-2017, annex A; GM/T 0015.

use der::asn1::ObjectIdentifier;

macro_rules! identifiers {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text);)*
    };
}

identifiers! {
    SM2_WITH_SM3 = "1.2.156.10197.1.501";
    SM2 = "1.2.156.10197.1.301";
    SM3 = "1.2.156.10197.1.401";
    SM3_WITHOUT_KEY = "1.2.156.10197.1.401.1";
    SHA1 = "1.3.14.3.2.26";
    SHA256 = "2.16.840.1.101.3.4.2.1";
    SHA384 = "2.16.840.1.101.3.4.2.2";
    SHA512 = "2.16.840.1.101.3.4.2.3";
    RSA = "1.2.840.113549.1.1.1";
    MGF1 = "1.2.840.113549.1.1.8";
    RSASSA_PSS = "1.2.840.113549.1.1.10";
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11";
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12";
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13";
    P256 = "1.2.840.10045.3.1.7";
    P384 = "1.3.132.0.34";
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3";
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4";
    EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    PRIME_FIELD = "1.2.840.10045.1.1";

    SUBJECT_KEY_ID = "2.5.29.14";
    KEY_USAGE = "2.5.29.15";
    SUBJECT_ALT_NAME = "2.5.29.17";
    ISSUER_ALT_NAME = "2.5.29.18";
    BASIC_CONSTRAINTS = "2.5.29.19";
    CRL_NUMBER = "2.5.29.20";
    REASON_CODE = "2.5.29.21";
    INVALIDITY_DATE = "2.5.29.24";
    DELTA_INDICATOR = "2.5.29.27";
    ISSUING_POINT = "2.5.29.28";
    NAME_CONSTRAINTS = "2.5.29.30";
    CRL_POINTS = "2.5.29.31";
    CERTIFICATE_POLICIES = "2.5.29.32";
    ANY_POLICY = "2.5.29.32.0";
    POLICY_MAPPINGS = "2.5.29.33";
    AUTHORITY_KEY_ID = "2.5.29.35";
    POLICY_CONSTRAINTS = "2.5.29.36";
    EXT_KEY_USAGE = "2.5.29.37";
    FRESHEST_CRL = "2.5.29.46";
    INHIBIT_ANY_POLICY = "2.5.29.54";
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1";

    ANY_EXT_KEY_USAGE = "2.5.29.37.0";
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4";
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
    DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36";

    ACCESS_OCSP = "1.3.6.1.5.5.7.48.1";
    ACCESS_CA_ISSUERS = "1.3.6.1.5.5.7.48.2";

    CPS = "1.3.6.1.5.5.7.2.1";
    OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1";
    OCSP_NONCE = "1.3.6.1.5.5.7.48.1.2";
    OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5";
    TST_INFO = "1.2.840.113549.1.9.16.1.4";
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1";
    COMMON_NAME = "2.5.4.3";
}

/// What an algorithm is called, if it is one that certificates have been seen with.
pub(crate) fn algorithm_name(id: &ObjectIdentifier) -> Option<&'static str> {
    Some(match id.to_string().as_str() {
        "1.2.156.10197.1.501" => "SM2-with-SM3",
        "1.2.156.10197.1.301" => "SM2",
        "1.2.156.10197.1.302" => "SM9",
        "1.2.156.10197.1.502" => "SM9-with-SM3",
        "1.2.156.10197.1.504" => "RSA-with-SM3",
        "1.2.156.10197.1.401" | "1.2.156.10197.1.401.1" => "SM3",
        "1.2.840.10045.2.1" => "EC",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.2" => "md2WithRSA",
        "1.2.840.113549.1.1.4" => "md5WithRSA",
        "1.2.840.113549.1.1.5" => "sha1WithRSA",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "sha256WithRSA",
        "1.2.840.113549.1.1.12" => "sha384WithRSA",
        "1.2.840.113549.1.1.13" => "sha512WithRSA",
        "1.2.840.10040.4.1" => "DSA",
        "1.2.840.10040.4.3" => "dsa-with-SHA1",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.3.14.3.2.26" => "SHA-1",
        "2.16.840.1.101.3.4.2.1" => "SHA-256",
        "2.16.840.1.101.3.4.2.2" => "SHA-384",
        "2.16.840.1.101.3.4.2.3" => "SHA-512",
        _ => return None,
    })
}

/// What a key purpose is called.
#[must_use]
pub fn key_purpose_name(id: &ObjectIdentifier) -> Option<&'static str> {
    Some(match *id {
        ANY_EXT_KEY_USAGE => "anyExtendedKeyUsage",
        SERVER_AUTH => "serverAuth",
        CLIENT_AUTH => "clientAuth",
        CODE_SIGNING => "codeSigning",
        EMAIL_PROTECTION => "emailProtection",
        TIME_STAMPING => "timeStamping",
        OCSP_SIGNING => "OCSPSigning",
        DOCUMENT_SIGNING => "documentSigning",
        _ => return None,
    })
}

/// What an extension is called.
#[must_use]
pub fn extension_name(id: &ObjectIdentifier) -> Option<&'static str> {
    Some(match *id {
        SUBJECT_KEY_ID => "subjectKeyIdentifier",
        KEY_USAGE => "keyUsage",
        SUBJECT_ALT_NAME => "subjectAltName",
        ISSUER_ALT_NAME => "issuerAltName",
        BASIC_CONSTRAINTS => "basicConstraints",
        NAME_CONSTRAINTS => "nameConstraints",
        CRL_POINTS => "cRLDistributionPoints",
        CERTIFICATE_POLICIES => "certificatePolicies",
        POLICY_MAPPINGS => "policyMappings",
        AUTHORITY_KEY_ID => "authorityKeyIdentifier",
        POLICY_CONSTRAINTS => "policyConstraints",
        EXT_KEY_USAGE => "extKeyUsage",
        FRESHEST_CRL => "freshestCRL",
        INHIBIT_ANY_POLICY => "inhibitAnyPolicy",
        AUTHORITY_INFO_ACCESS => "authorityInfoAccess",
        OCSP_NO_CHECK => "ocspNoCheck",
        _ => return None,
    })
}
