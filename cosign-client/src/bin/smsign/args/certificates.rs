//! What can be typed about certificates from the server's authorities.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pki::csr::SubjectAttribute;

use super::ServerArgs;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileArg {
    /// A person
    Personal,
    /// An organisation
    Enterprise,
    /// Who makes electronic seals
    SealMaker,
}

#[derive(Args)]
pub(crate) struct CertApply {
    /// The authority, by the name that `cert authorities` shows
    #[arg(value_name = "AUTHORITY")]
    pub(crate) authority: String,
    /// Label or id of the signing key [default: the only one]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// An attribute of the subject's name, as in CN=Example; C, ST, L, O, OU, CN, serialNumber, emailAddress. In order,
    /// several times
    #[arg(long = "subject", required = true, value_name = "NAME=VALUE", value_parser = attribute)]
    pub(crate) subject: Vec<(SubjectAttribute, String)>,
    /// What kind of subject it is
    #[arg(long, value_enum, default_value = "personal")]
    pub(crate) profile: ProfileArg,
    /// Ask for a certificate for decryption too; its key is made by the key centre
    #[arg(long)]
    pub(crate) dual: bool,
    /// Renew the certificate with this serial number, and its pair
    #[arg(long, value_name = "SERIAL", group = "replaces", conflicts_with = "dual")]
    pub(crate) renew: Option<String>,
    /// Replace the certificate with this serial number after the data of its subject changed
    #[arg(long, value_name = "SERIAL", group = "replaces", conflicts_with = "dual")]
    pub(crate) change: Option<String>,
    /// Replace the certificate with this serial number, which is on a device that is lost
    #[arg(long, value_name = "SERIAL", group = "replaces", conflicts_with = "dual")]
    pub(crate) reissue: Option<String>,
}

#[derive(Args)]
pub(crate) struct CertInstall {
    /// The request, as `cert apply` showed it
    #[arg(value_name = "REQUEST")]
    pub(crate) request: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// What to call a new decryption key
    #[arg(long, default_value = "certified")]
    pub(crate) label: String,
    /// Folder for sign.pem and encrypt.pem
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Overwrite them if they exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct CertRevoke {
    /// The authority
    #[arg(value_name = "AUTHORITY")]
    pub(crate) authority: String,
    /// Serial number of the certificate. Its pair goes along, and what was encrypted to that cannot be decrypted any more
    #[arg(value_name = "SERIAL")]
    pub(crate) serial: String,
    /// Why: keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn
    #[arg(long, value_name = "REASON", default_value = "unspecified")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Args)]
pub(crate) struct AtServer {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

fn attribute(text: &str) -> Result<(SubjectAttribute, String), String> {
    const KNOWN: [(&str, SubjectAttribute); 8] = [
        ("C", SubjectAttribute::Country),
        ("ST", SubjectAttribute::Province),
        ("L", SubjectAttribute::Locality),
        ("O", SubjectAttribute::Organization),
        ("OU", SubjectAttribute::OrganizationalUnit),
        ("CN", SubjectAttribute::CommonName),
        ("serialNumber", SubjectAttribute::SerialNumber),
        ("emailAddress", SubjectAttribute::Email),
    ];
    let (name, value) = text.split_once('=').ok_or("an attribute is written as CN=VALUE")?;
    let known = KNOWN.into_iter().find(|(known, _)| *known == name);
    known
        .map(|(_, kind)| (kind, value.to_owned()))
        .ok_or_else(|| format!("{name} is no attribute of a subject"))
}
