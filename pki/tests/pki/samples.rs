//! Every certificate of the samples: what is judged in the middle of its own validity without revocation, and what on
//! 2026-11-26 with the lists of the samples.

use envelope::cms::Time;
use pki::validate::{Report, Revocation, Terms, Validator};
use pki::{Certificate, RevocationList};

use crate::support::{files_under, sample, time};

const ROOTS: [&str; 10] = [
    "ca-certs/national-root/ROOTCA.pem",
    "ca-certs/national-root/Civil_Servant_ROOT.pem",
    "ca-certs/national-root/Device_ROOT.pem",
    "ca-certs/cfca/CFCA_CS_SM2_CA.cer",
    "ca-certs/cfca/CFCA_EV_SM2_ROOT.cer",
    "ca-certs/cfca/CFCA_GT_SM2_CA.cer",
    "ca-certs/cfca/CFCA_Identity_SM2_CA.cer",
    "ca-certs/other/tlcp_client_rootcacert.pem",
    "tlcp/chain-ca.crt",
    "gmt0010/gmssl/root.pem",
];

/// File, which certificate in it, verdict and codes in the middle of its validity, the same now.
#[rustfmt::skip]
const TABLE: &[(&str, usize, &str, &str)] = &[
    ("ca-certs/cfca/CFCA_ACS_SM2_OCA31.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_CS_SM2_CA.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_CS_SM2_OCA11.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_EV_SM2_CodeSign_OCA.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_EV_SM2_ROOT.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_GT_SM2_CA.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_GT_SM2_OCA21.cer", 0, "valid", "invalid expired"),
    ("ca-certs/cfca/CFCA_Identity_SM2_CA.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_OV_SM2_OCA.cer", 0, "valid", "valid"),
    ("ca-certs/cfca/CFCA_SM2_OCA1.cer", 0, "valid", "valid"),
    ("ca-certs/ee/999_maker_6ee151c8f6c6.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/999_signer_d9d43635dfa8.cer", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("ca-certs/ee/SignScaleError_maker_e2fe7487bf19.cer", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("ca-certs/ee/draw_param_ref_signer_c12e1c2fa9f7.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/h_maker_c85ebf67fde4.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/h_signer_53c8eea4e81f.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/jiangsu_tax_gomain_maker_de645da2ba40.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/jiangsu_tax_gomain_signer_e8757e3a90e0.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/n_maker_150176873800.cer", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("ca-certs/ee/suzhou_dianju_maker_73de57c02e6b.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/suzhou_dianju_signer_fa1eca09293b.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/testImageOverridePage_28b28f175ab9.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/x_signer_883b93c5ad4f.cer", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("ca-certs/ee/zhejiang_tax_gomain_signer_1936384a781f.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/zibo_rawrs_tongzhi_32e0d948bd0a.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/zibo_rawrs_tongzhi_maker_141e85334bff.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/zsbk_maker_e67e2f00f5fe.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/ee/zsbk_signer_dd64331bf5ec.cer", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("ca-certs/national-root/Civil_Servant_ROOT.pem", 0, "valid", "valid"),
    ("ca-certs/national-root/Device_ROOT.pem", 0, "valid", "valid"),
    ("ca-certs/national-root/ROOTCA.pem", 0, "valid", "valid"),
    ("ca-certs/other/Ant_Financial_Certification_Authority_S1.pem", 0, "valid", "indeterminate stale-crl"),
    ("ca-certs/other/TJCA.pem", 0, "valid", "indeterminate stale-crl"),
    ("ca-certs/other/Taier_CA.pem", 0, "valid", "indeterminate stale-crl"),
    ("ca-certs/other/cfcasm2oca1_from_gmsm.pem", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("ca-certs/other/gjzsl_oca11sm2.cer", 0, "valid", "valid"),
    ("ca-certs/other/gjzsl_oca1sm2.cer", 0, "valid", "valid"),
    ("ca-certs/other/tlcp_client_cert.pem", 0, "valid", "invalid expired expired"),
    ("ca-certs/other/tlcp_client_rootcacert.pem", 0, "valid", "valid"),
    ("ca-certs/other/tlcp_server_cacert.pem", 0, "valid", "invalid expired"),
    ("ca-certs/other/tlcp_server_double_certs.pem", 0, "valid", "invalid expired expired"),
    ("ca-certs/other/tlcp_server_double_certs.pem", 1, "valid", "invalid expired expired"),
    ("ca-certs/other/tlcp_server_double_certs.pem", 2, "valid", "invalid expired"),
    ("tlcp/chain-ca.crt", 0, "valid", "valid"),
    ("tlcp/chain-ca.crt", 1, "valid", "valid"),
    ("tlcp/client_enc.crt", 0, "valid", "valid"),
    ("tlcp/client_enc_expire.crt", 0, "invalid not-yet-valid not-yet-valid", "invalid expired"),
    ("tlcp/client_sign.crt", 0, "valid", "valid"),
    ("tlcp/client_sign_expire.crt", 0, "invalid not-yet-valid not-yet-valid", "invalid expired"),
    ("tlcp/server_enc.crt", 0, "valid", "valid"),
    ("tlcp/server_enc2.crt", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("tlcp/server_enc_expire.crt", 0, "invalid not-yet-valid not-yet-valid", "invalid expired"),
    ("tlcp/server_sign.crt", 0, "valid", "valid"),
    ("tlcp/server_sign2.crt", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("tlcp/server_sign_expire.crt", 0, "invalid not-yet-valid not-yet-valid", "invalid expired"),
    ("gmssl-legacy/sm2-cert.pem", 0, "indeterminate unsupported-algorithm", "invalid expired unsupported-algorithm"),
    ("gmssl-legacy/sm2-pkcs7.pem", 0, "valid", "valid"),
    ("gmssl-legacy/sm2-pkcs7.pem", 1, "valid", "indeterminate stale-crl"),
    ("gmssl-legacy/sm2-x509.pem", 0, "valid", "indeterminate stale-crl"),
    ("gmt0010/cfca_sadkSignedData.p7", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("gmt0010/cfca_sadkSignedDataDetach.p7", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("gmt0010/gmsm_env1_cert.pem", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("gmt0010/gmsm_gmssl_certchain.p7.pem", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("gmt0010/gmsm_gmssl_certchain.p7.pem", 1, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("gmt0010/gmsm_sae_enc_cert.pem", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("gmt0010/gmsm_sae_sign_cert.pem", 0, "indeterminate unknown-issuer", "invalid expired unknown-issuer"),
    ("gmt0010/gmssl/enc.pem", 0, "valid", "valid"),
    ("gmt0010/gmssl/enc2.pem", 0, "valid", "invalid revoked"),
    ("gmt0010/gmssl/root.pem", 0, "valid", "valid"),
    ("gmt0010/gmssl/sign.pem", 0, "valid", "valid"),
    ("gmt0010/gmssl/signed.p7.pem", 0, "valid", "valid"),
    ("tsa/tongsuo_sm2_token.der", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
    ("tsa/tsa.pem", 0, "indeterminate unknown-issuer", "indeterminate unknown-issuer"),
];

fn shown(report: &Report) -> String {
    let codes: Vec<&str> = report.reasons.iter().map(|reason| reason.code.name()).collect();
    format!("{} {}", report.verdict, codes.join(" ")).trim_end().to_owned()
}

fn everything() -> Vec<(String, Vec<Certificate>)> {
    let folders = ["ca-certs", "tlcp", "gmssl-legacy", "gmt0010", "tsa"];
    let files = folders.into_iter().flat_map(files_under);
    files.filter_map(|(name, content)| Some((name, Certificate::all(&content).ok()?))).collect()
}

#[test]
fn every_certificate_of_the_samples() {
    let all = everything();
    let mut validator = Validator::new();
    for (name, certificates) in &all {
        let trusted = ROOTS.contains(&name.as_str());
        for certificate in certificates.iter().filter(|certificate| certificate.is_ca()) {
            validator = match trusted && certificate.is_self_issued() {
                true => validator.with_anchor(certificate.clone()),
                false => validator.with_intermediate(certificate.clone()),
            };
        }
    }
    for (_, list) in files_under("crl") {
        validator = validator.with_list(RevocationList::parse(&list).unwrap());
    }
    let now = Terms::at(time("2026-11-26T00:00:00Z"));
    let mut found = Vec::new();
    for (name, certificates) in &all {
        for (index, certificate) in certificates.iter().enumerate() {
            let validity = certificate.validity();
            let middle = (validity.not_before.as_unix() + validity.not_after.as_unix()) / 2;
            let middle = Terms::at(Time::from_unix(middle).unwrap()).with_revocation(Revocation::Ignore);
            let [middle, now] =
                [middle, now].map(|terms| shown(&validator.validate(certificate, &[], terms)));
            found.push((name.clone(), index, middle, now));
        }
    }
    if !found.is_empty() {
        let table = TABLE.iter().map(|(name, index, middle, now)| {
            (String::from(*name), *index, String::from(*middle), String::from(*now))
        });
        assert_eq!(found, table.collect::<Vec<_>>());
    }
}

/// Real CAs: under the key of the right one, and under that of another with nearly the same name.
#[test]
fn real_issuers_and_others() {
    let Some(cs) = sample("ca-certs/cfca/CFCA_CS_SM2_CA.cer") else { return };
    let cs = Certificate::parse(&cs).unwrap();
    let key = cs.key();
    let validator = Validator::new().with_anchor(cs.clone());
    let terms = Terms::at(time("2024-01-01T00:00:00Z"));
    for (name, issued) in [
        ("cfca/CFCA_CS_SM2_OCA11.cer", true),
        ("cfca/CFCA_SM2_OCA1.cer", true),
        ("cfca/CFCA_ACS_SM2_OCA31.cer", true),
        ("other/gjzsl_oca11sm2.cer", true),
        ("other/gjzsl_oca1sm2.cer", true),
        ("cfca/CFCA_GT_SM2_OCA21.cer", false),
        ("cfca/CFCA_OV_SM2_OCA.cer", false),
        ("other/cfcasm2oca1_from_gmsm.pem", false),
    ] {
        let certificate = Certificate::parse(&sample(&format!("ca-certs/{name}")).unwrap()).unwrap();
        assert_eq!(certificate.verify_signature(key).is_ok(), issued, "{name}");
        let expected = if issued { "valid" } else { "indeterminate unknown-issuer" };
        assert_eq!(shown(&validator.validate(&certificate, &[], terms)), expected, "{name}");
    }
}

/// The CRL of a CA that may not sign lists, with the name and not the key of one that may.
#[test]
fn evidence_of_the_samples() {
    let Some(list) = sample("crl/SubCA-1.crl") else { return };
    let list = RevocationList::parse(&list).unwrap();
    let read = |name: &str| Certificate::parse(&sample(name).unwrap()).unwrap();
    let validator = Validator::new()
        .with_anchor(read("ca-certs/other/tlcp_client_rootcacert.pem"))
        .with_intermediate(read("ca-certs/other/tlcp_server_cacert.pem"))
        .with_list(list);
    let client = read("ca-certs/other/tlcp_client_cert.pem");
    let terms = Terms::at(time("2023-06-01T00:00:00Z"));
    let report = validator.validate(&client, &[], terms);
    assert_eq!(shown(&report), "valid");
    assert_eq!(report.notes.len(), 1, "the list does not count");
    let required = terms.with_revocation(Revocation::Require);
    assert_eq!(shown(&validator.validate(&client, &[], required)), "indeterminate no-status no-status");

    // While the lists of the national roots were current.
    let root = read("ca-certs/national-root/ROOTCA.pem");
    let list = RevocationList::parse(&sample("crl/ROOTCA.crl").unwrap()).unwrap();
    let validator = Validator::new().with_anchor(root).with_list(list);
    let then = Terms::at(time("2022-05-20T00:00:00Z")).with_revocation(Revocation::Require);
    for name in ["ca-certs/other/Taier_CA.pem", "gmssl-legacy/sm2-x509.pem"] {
        assert_eq!(shown(&validator.validate(&read(name), &[], then)), "valid", "{name}");
    }
}
