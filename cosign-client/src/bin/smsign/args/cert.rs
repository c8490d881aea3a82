//! `smsign cert`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pki::validate::Purpose;

use super::{AtServer, CertApply, CertInstall, CertRevoke};
use crate::instant::Instant;

#[derive(Subcommand)]
pub(crate) enum Cert {
    /// Show every field and extension of certificates; nothing is verified
    Show(CertShow),
    /// Judge certificates: path to a trusted root, validity, usage, revocation. With --json one object a line, for each
    /// FILE: {"file", "verdict": "valid" | "invalid" | "indeterminate", "reasons": ["code: text"], "notes", "path"}
    #[command(verbatim_doc_comment)]
    Verify(CertVerify),
    /// Show the path of a certificate to a trusted root, or write it as PEM
    Chain(CertChain),
    /// List the authorities of the server
    Authorities(AtServer),
    /// Apply for a certificate of a signing key, or for one in the place of another
    Apply(CertApply),
    /// List this device's requests for certificates
    Requests(AtServer),
    /// Have issued what was approved: writes the certificates, and takes over a new decryption key
    Install(CertInstall),
    /// List this device's certificates
    List(AtServer),
    /// Ask for the end of a certificate, and of its keys
    Revoke(CertRevoke),
}

#[derive(Args)]
pub(crate) struct CertShow {
    /// Certificates, DER or PEM; bundles and PKCS#7 messages too
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// What is known beside the roots.
#[derive(Args)]
pub(crate) struct Known {
    /// Certificates of further CAs, not trusted by themselves
    #[arg(long, value_name = "DIR|FILE", num_args = 1, requires = "roots")]
    pub(crate) intermediates: Vec<PathBuf>,
    /// Revocation lists
    #[arg(long, value_name = "DIR|FILE", num_args = 1, requires = "roots")]
    pub(crate) crls: Vec<PathBuf>,
    /// OCSP answers
    #[arg(long, value_name = "DIR|FILE", num_args = 1, requires = "roots")]
    pub(crate) ocsp: Vec<PathBuf>,
    /// A certificate of which no list or answer tells whether it is revoked is not valid
    #[arg(long, requires = "roots")]
    pub(crate) require_status: bool,
}

/// What is trusted and what is known.
#[derive(Args)]
pub(crate) struct CertTrust {
    /// CA certificates that are trusted: files, or folders of files
    #[arg(long, required = true, value_name = "DIR|FILE", num_args = 1)]
    pub(crate) roots: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Judge certificates at this moment, whatever a signature says of its time [default: now]
    #[arg(long, value_name = "RFC3339", requires = "roots")]
    pub(crate) at: Option<Instant>,
    /// What the certificate is to be used for: any, digital-signature, encryption, seal-maker, document-signing,
    /// certificate-signing, crl-signing, time-stamping, ocsp-signing, tls-server, tls-client, code-signing
    #[arg(long, value_name = "PURPOSE", default_value_t = Purpose::Any)]
    pub(crate) purpose: Purpose,
}

/// By what the certificate of a signer is judged.
#[derive(Args)]
pub(crate) struct SignerTrust {
    /// Judge the certificates of signers too: CA certificates that are trusted, files or folders of files
    #[arg(long, value_name = "DIR|FILE", num_args = 1)]
    pub(crate) roots: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Judge certificates at this moment, whatever a signature says of its time [default: now]
    #[arg(long, value_name = "RFC3339", requires = "roots")]
    pub(crate) at: Option<Instant>,
}

#[derive(Args)]
pub(crate) struct CertVerify {
    #[command(flatten)]
    pub(crate) trust: CertTrust,
    /// Certificates. Of several in a FILE the first is judged, and the others may be part of its path only
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CertChain {
    #[command(flatten)]
    pub(crate) trust: CertTrust,
    /// Certificate. Of several in FILE the first is meant, and the others may be part of its path only
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the certificates of the path to standard output as PEM, from FILE's to the root
    #[arg(long, conflicts_with = "json")]
    pub(crate) pem: bool,
}
