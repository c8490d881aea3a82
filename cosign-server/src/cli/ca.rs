//! `ca`: certification authorities and what they issue.

mod escrow;
mod files;
mod make;
mod show;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};

use self::show::{show_authority, show_certificate, show_request};
use super::{Failure, Output, Target, master_key, recover};
use crate::{
    app::Offline,
    domain::{
        Error,
        ca::{AuthorityId, CertEvent, Profile, Reason, RequestId, Role, Serial, ports::Which},
        device::Name,
        page::Page,
        services::{Authorities, Direct},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum Ca {
    /// Make an authority with a key of its own. Back the database up before anything is issued.
    Init(make::Init),
    /// Add an authority outside, which certifies by way of a folder.
    Outside(make::Outside),
    /// List authorities, oldest first.
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
    /// End the issuing of an authority. It goes on to publish the status of what it issued.
    Retire(OneAuthority),
    /// List requests, newest first.
    Requests {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
    /// Pass or return a request.
    Review(Review),
    /// Issue a certificate for a certification request, without review. If its key is that of a device, so is the
    /// certificate.
    Issue(Issue),
    /// List certificates, newest first.
    Certificates {
        #[command(flatten)]
        target: Target,
        /// Only those of this authority.
        #[arg(value_parser = parse_authority)]
        authority: Option<AuthorityId>,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Show one certificate.
    Show(OneCertificate),
    /// Suspend a certificate, its pair, and their keys.
    Freeze(OneCertificate),
    /// Put a suspended certificate in force again, with its pair and their keys.
    Unfreeze(OneCertificate),
    /// Mark that the data of a certificate's subject have changed: it is to be replaced.
    Outdate(OneCertificate),
    /// Revoke a certificate and its pair, and destroy the server's shares of their keys. Cannot be undone; what was encrypted
    /// to them can be decrypted only with a key from the escrow.
    Revoke {
        #[command(flatten)]
        one: OneCertificate,
        /// Why: a name of RFC 5280, such as keyCompromise.
        #[arg(long, default_value = "unspecified", value_parser = parse_reason)]
        reason: Reason,
    },
    /// Write the present revocation list.
    Crl {
        #[command(flatten)]
        one: OneAuthority,
        /// Only what changed since a full list.
        #[arg(long)]
        delta: bool,
        /// File to write, DER.
        #[arg(long)]
        out: PathBuf,
    },
    /// The escrow of decryption keys.
    #[command(subcommand)]
    Escrow(escrow::Escrow),
}

#[derive(Debug, Args)]
pub(super) struct OneAuthority {
    #[command(flatten)]
    target: Target,
    /// The authority.
    #[arg(value_parser = parse_authority)]
    authority: AuthorityId,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct OneCertificate {
    #[command(flatten)]
    target: Target,
    /// The authority.
    #[arg(value_parser = parse_authority)]
    authority: AuthorityId,
    /// Serial number of the certificate, hexadecimal.
    #[arg(value_parser = parse_serial)]
    serial: Serial,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Review {
    #[command(flatten)]
    target: Target,
    /// The request, 32 hexadecimal digits.
    #[arg(value_parser = parse_request)]
    request: RequestId,
    /// Pass it.
    #[arg(long, required_unless_present = "send_back", conflicts_with = "send_back")]
    pass: bool,
    /// Return it to the applicant.
    #[arg(long = "return")]
    send_back: bool,
    /// Who decides.
    #[arg(long, value_parser = recover::parse_label)]
    reviewer: Name,
    /// Why; needed to return it.
    #[arg(long, default_value = "")]
    opinion: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Issue {
    #[command(flatten)]
    target: Target,
    /// The authority.
    #[arg(value_parser = parse_authority)]
    authority: AuthorityId,
    /// The certification request, DER or PEM.
    #[arg(long)]
    csr: PathBuf,
    /// What kind of subject: personal, enterprise or seal-maker.
    #[arg(long, default_value = "personal", value_parser = parse_profile)]
    profile: Profile,
    /// What the key is for: sign or encrypt.
    #[arg(long, default_value = "sign", value_parser = parse_role)]
    role: Role,
    /// Days that it is valid [default: what the authority says].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10980))]
    days: Option<u32>,
    /// File to write, PEM.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// The database with its wrapping keys, and the authorities in it.
struct Opened {
    offline: Offline,
    authorities: Authorities,
}

async fn open(target: &Target) -> Result<Opened, Failure> {
    let (offline, sealer) = master_key::open(&target.config).await?;
    let authorities = offline.authorities(&Arc::new(sealer));
    Ok(Opened { offline, authorities })
}

pub(super) async fn run(command: Ca) -> Result<(), Failure> {
    match command {
        Ca::Init(init) => make::init(init).await,
        Ca::Outside(outside) => make::outside(outside).await,
        Ca::List { target, output } => {
            let Opened { offline, authorities } = open(&target).await?;
            let found = authorities.list().await;
            offline.close().await;
            found?.iter().for_each(|authority| show_authority(authority, output));
            Ok(())
        }
        Ca::Retire(one) => {
            let Opened { offline, authorities } = open(&one.target).await?;
            let retired = authorities.retire(&one.authority).await;
            offline.close().await;
            show_authority(&retired?, one.output);
            Ok(())
        }
        Ca::Requests { target, output } => {
            let Opened { offline, authorities } = open(&target).await?;
            let found = authorities.requests(None, &Page::default()).await;
            offline.close().await;
            found?.items.iter().for_each(|request| show_request(request, output));
            Ok(())
        }
        Ca::Review(review) => {
            let Opened { offline, authorities } = open(&review.target).await?;
            let Review { request, pass, reviewer, opinion, output, .. } = review;
            let decided = authorities.decide(&request, reviewer, pass, opinion).await;
            let published = match &decided {
                Ok(request) => publish(&authorities, &request.authority).await,
                Err(_) => Ok(()),
            };
            offline.close().await;
            show_request(&decided?, output);
            published
        }
        Ca::Issue(issue) => issue_one(issue).await,
        Ca::Certificates { target, authority, limit, output } => {
            let Opened { offline, authorities } = open(&target).await?;
            let page = Page::first(limit);
            let found = authorities.certificates(Which { authority, page, ..Which::default() }).await;
            offline.close().await;
            found?.items.iter().for_each(|certificate| show_certificate(certificate, output));
            Ok(())
        }
        Ca::Show(one) => {
            let Opened { offline, authorities } = open(&one.target).await?;
            let found = authorities.certificate(&one.authority, &one.serial).await;
            offline.close().await;
            show_certificate(&found?, one.output);
            Ok(())
        }
        Ca::Freeze(one) => change(one, CertEvent::Freeze).await,
        Ca::Unfreeze(one) => change(one, CertEvent::Unfreeze).await,
        Ca::Outdate(one) => change(one, CertEvent::Outdate).await,
        Ca::Revoke { one, reason } => change(one, CertEvent::Revoke(reason)).await,
        Ca::Crl { one, delta, out } => {
            let Opened { offline, authorities } = open(&one.target).await?;
            let list = authorities.revocation_list(&one.authority, delta).await;
            offline.close().await;
            let list = list?;
            files::write(&out, &list.der)?;
            show::show_list(&list, one.output);
            Ok(())
        }
        Ca::Escrow(command) => escrow::run(command).await,
    }
}

async fn issue_one(issue: Issue) -> Result<(), Failure> {
    let csr = files::read(&issue.csr)?;
    let Opened { offline, authorities } = open(&issue.target).await?;
    let Issue { authority, profile, role, days, out, output, .. } = issue;
    let issued = authorities.issue(Direct { authority, csr, profile, role, days }).await;
    offline.close().await;
    let issued = issued?;
    if let Some(out) = out {
        files::write(&out, pki::issue::certificate_pem(&issued.der).as_bytes())?;
    }
    show_certificate(&issued, output);
    Ok(())
}

async fn change(one: OneCertificate, what: CertEvent) -> Result<(), Failure> {
    let Opened { offline, authorities } = open(&one.target).await?;
    let changed = authorities.change(&one.authority, &one.serial, what, None).await;
    let published = match &changed {
        Ok(_) => publish(&authorities, &one.authority).await,
        Err(_) => Ok(()),
    };
    offline.close().await;
    show_certificate(&changed?, one.output);
    published
}

/// Signs the lists that a change makes necessary. The change holds whether that succeeds or not; a running server signs
/// them too.
async fn publish(authorities: &Authorities, id: &AuthorityId) -> Result<(), Failure> {
    for delta in [false, true] {
        match authorities.revocation_list(id, delta).await {
            // An authority outside publishes its own.
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn parse_authority(text: &str) -> Result<AuthorityId, String> {
    AuthorityId::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn parse_serial(text: &str) -> Result<Serial, String> {
    Serial::from_hex(text).map_err(|error| error.to_string())
}

fn parse_request(text: &str) -> Result<RequestId, String> {
    text.parse().map_err(|error: Error| error.to_string())
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    Reason::from_name(text).ok_or_else(|| {
        let names: Vec<_> = (0..=9).filter_map(Reason::from_number).map(Reason::name).collect();
        format!("the reasons are {}", names.join(", "))
    })
}

fn parse_profile(text: &str) -> Result<Profile, String> {
    Profile::from_name(text).ok_or_else(|| "the profiles are personal, enterprise and seal-maker".to_owned())
}

fn parse_role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "the roles are sign and encrypt".to_owned())
}
