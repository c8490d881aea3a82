//! `ca init` and `ca outside`.

use std::path::PathBuf;

use clap::Args;
use pki::{csr::SubjectAttribute, issue::NameBuilder};

use super::{files, open, parse_authority, show::show_authority};
use crate::{
    cli::{Failure, Output, Target, master_key, output::remark, recover},
    domain::{
        Error,
        ca::{AuthorityId, Backend, Custodian, Options, Quorum},
        device::Name,
    },
    signer::NewAuthority,
};

#[derive(Debug, Args)]
struct Terms {
    /// Days that a certificate is valid.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=10980))]
    days: u32,
    /// Reviewers that pass a request.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    reviewers: u8,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Init {
    #[command(flatten)]
    target: Target,
    /// What paths and commands call it: a-z, 0-9 and -.
    #[arg(value_parser = parse_authority)]
    authority: AuthorityId,
    /// What people call it.
    #[arg(long, value_parser = recover::parse_label)]
    label: Name,
    /// An attribute of its name, as in CN=Example CA; C, ST, L, O, OU, CN. In order, several times.
    #[arg(long = "subject", required = true, value_parser = parse_attribute)]
    subject: Vec<(SubjectAttribute, String)>,
    /// The authority above it. Without one it is a root.
    #[arg(long, value_parser = parse_authority)]
    under: Option<AuthorityId>,
    /// Days that its own certificate is valid.
    #[arg(long, default_value_t = 3653, value_parser = clap::value_parser!(u32).range(1..=10980))]
    own_days: u32,
    #[command(flatten)]
    terms: Terms,
    /// Where this server's /ca/ and /ocsp/ are reached, as in http://ca.example. Certificates name it.
    #[arg(long)]
    base_url: Option<String>,
    /// Object identifier of the certificate policy. With it the authority also stamps time, under it.
    #[arg(long)]
    policy: Option<String>,
    /// Seconds until the next full revocation list.
    #[arg(long, default_value_t = 86_400)]
    crl_interval: u32,
    /// Seconds until the next delta list.
    #[arg(long, default_value_t = 3600)]
    delta_interval: u32,
    /// Seconds that an OCSP answer is valid.
    #[arg(long, default_value_t = 3600)]
    ocsp_validity: u32,
    /// A custodian of the escrow of decryption keys, as in LABEL=FILE with his certificate for encryption. Several times.
    #[arg(long = "custodian", requires = "threshold", value_parser = parse_custodian)]
    custodians: Vec<(Name, PathBuf)>,
    /// How many custodians open the escrow together.
    #[arg(long, requires = "custodians", value_parser = clap::value_parser!(u8).range(2..=16))]
    threshold: Option<u8>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Outside {
    #[command(flatten)]
    target: Target,
    /// What paths and commands call it: a-z, 0-9 and -.
    #[arg(value_parser = parse_authority)]
    authority: AuthorityId,
    /// What people call it.
    #[arg(long, value_parser = recover::parse_label)]
    label: Name,
    /// Its certificate and those above it.
    #[arg(long)]
    chain: PathBuf,
    /// The folder by way of which it certifies.
    #[arg(long)]
    folder: PathBuf,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn init(init: Init) -> Result<(), Failure> {
    let mut quorum = None;
    if let Some(threshold) = init.threshold {
        let mut custodians = Vec::with_capacity(init.custodians.len());
        for (label, path) in &init.custodians {
            let first = files::certificates(path)?.into_iter().next();
            let first = first.ok_or_else(|| files::wrong(path, "there is no certificate in it"))?;
            custodians.push(Custodian { label: label.clone(), certificate: hex::encode(first.as_der()) });
        }
        quorum = Some(Quorum { threshold, custodians });
    }
    let subject = init.subject.iter().fold(NameBuilder::new(), |name, (kind, value)| name.with(*kind, value));
    let subject = subject
        .build()
        .map_err(|_| Error::BadRequest("the subject is none: a value is too long or too short"))?;
    let options = Options {
        backend: Backend::Embedded,
        validity_days: init.terms.days,
        crl_interval_s: init.crl_interval,
        delta_interval_s: init.delta_interval,
        ocsp_validity_s: init.ocsp_validity,
        base_url: init.base_url,
        policy: init.policy,
        reviewers: init.terms.reviewers,
        quorum,
    };
    let (offline, sealer) = master_key::open(&init.target.config).await?;
    let sealer = std::sync::Arc::new(sealer);
    let authorities = offline.authorities(&sealer);
    let made = async {
        let under = match &init.under {
            Some(above) => Some(authorities.authority(above).await?),
            None => None,
        };
        let new = NewAuthority {
            id: init.authority,
            label: init.label,
            subject,
            days: init.own_days,
            under,
            options,
        };
        Ok::<_, Failure>(sealer.new_authority(new).await?)
    };
    let made = made.await;
    offline.close().await;
    show_authority(&made?, init.output);
    if !init.output.json {
        remark("Next: back the database up. A running server publishes its lists within seconds.");
    }
    Ok(())
}

pub(super) async fn outside(outside: Outside) -> Result<(), Failure> {
    let chain = files::certificates(&outside.chain)?;
    let opened = open(&outside.target).await?;
    let options = Options {
        backend: Backend::Folder(outside.folder),
        validity_days: outside.terms.days,
        reviewers: outside.terms.reviewers,
        ..Options::default()
    };
    let added = opened.authorities.add_outside(outside.authority, outside.label, chain, options).await;
    opened.offline.close().await;
    show_authority(&added?, outside.output);
    Ok(())
}

fn parse_attribute(text: &str) -> Result<(SubjectAttribute, String), String> {
    use SubjectAttribute::{CommonName, Country, Locality, Organization, OrganizationalUnit, Province};
    const KNOWN: [(&str, SubjectAttribute); 6] = [
        ("C", Country),
        ("ST", Province),
        ("L", Locality),
        ("O", Organization),
        ("OU", OrganizationalUnit),
        ("CN", CommonName),
    ];
    let (name, value) = text.split_once('=').ok_or("an attribute is written as CN=VALUE")?;
    let known = KNOWN.into_iter().find(|(known, _)| *known == name);
    known
        .map(|(_, kind)| (kind, value.to_owned()))
        .ok_or_else(|| "the attributes are C, ST, L, O, OU, CN".into())
}

fn parse_custodian(text: &str) -> Result<(Name, PathBuf), String> {
    let (label, path) = text.split_once('=').ok_or("a custodian is written as LABEL=FILE")?;
    Ok((recover::parse_label(label)?, path.into()))
}
