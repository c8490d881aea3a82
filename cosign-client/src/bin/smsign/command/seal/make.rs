//! `smsign seal make`

use std::path::{Path, PathBuf};

use cosign_client::{
    Error,
    files::{self, check_free},
};
use getrandom::{SysRng, rand_core::TryRng};
use pki::{Certificate, Time};
use seal::{
    picture::Picture,
    ses::{Holders, PictureData, SealOrder},
};
use serde::Serialize;
use sm_primitives::sm3;

use super::{MAX_PICTURE, bad_file, unusable, write};
use crate::{
    args::{HolderKind, SealMake},
    command::{
        cert::load::{now, time},
        signer::CertifiedSigner,
    },
    context::Context,
    output::{Failure, Outcome, path_text},
};

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

#[derive(Serialize)]
struct Report {
    out: String,
    id: String,
    name: String,
    valid_from: String,
    valid_until: String,
}

pub(super) fn run(arguments: &SealMake, context: &Context) -> Result<Outcome, Failure> {
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None if arguments.name.contains(std::path::is_separator) => {
            return Err(Failure::Usage(
                "the name of the seal is no name of a file; give one with --out".into(),
            ));
        }
        None => PathBuf::from(format!("{}.esl", arguments.name)),
    };
    check_free(&out, arguments.force)?;
    let holders: Vec<_> = arguments.holders.iter().map(|path| certificate(path)).collect::<Result<_, _>>()?;
    let maker = certificate(&arguments.maker)?;
    let created = time(now())?;
    let from = time(arguments.from.unwrap_or_else(now))?;
    let last = holders.iter().chain([&maker]).map(|certificate| certificate.validity().not_after).min();
    let until = match arguments.until {
        Some(until) => time(until)?,
        None => last.unwrap_or(created),
    };
    warn_about_validity(context, &holders, until);
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => {
            let mut id = [0; 16];
            SysRng.try_fill_bytes(&mut id).map_err(|_| Error::RandomFailed)?;
            hex::encode(id)
        }
    };
    let order = SealOrder {
        vendor: "cosign",
        id: &id,
        kind: match arguments.kind {
            HolderKind::Organisation => 1,
            HolderKind::Person => 2,
        },
        name: &arguments.name,
        holders: match arguments.by_digest {
            false => Holders::Certificates(holders.iter().map(|holder| holder.as_der().to_vec()).collect()),
            true => Holders::Digests(
                holders.iter().map(|holder| ("SM3".into(), sm3::digest(holder.as_der()).to_vec())).collect(),
            ),
        },
        created,
        validity: (from, until),
        picture: picture(arguments)?,
    };
    // Whatever is wrong with it is said before a PIN is asked for.
    let unsigned = order.unsigned(&maker).map_err(unusable)?;
    let signer = CertifiedSigner::prepare(context, arguments.key.as_deref(), &arguments.maker)?;
    let signatures = signer.sign_digests(context, &[*unsigned.digest()])?;
    let signature = signatures.first().ok_or(Error::Internal("no signature"))?;
    let seal = unsigned.complete(signature).map_err(unusable)?;
    write(&out, arguments.force, seal.as_der())?;
    let report = Report {
        out: path_text(&out),
        id,
        name: arguments.name.clone(),
        valid_from: from.to_string(),
        valid_until: until.to_string(),
    };
    let line = format!("{}  {} ({})", report.out, report.name, report.id);
    context.output.result(&report, [line])?;
    Ok(Outcome::Done)
}

fn certificate(path: &Path) -> Result<Certificate, Failure> {
    let content = files::read_small(path, MAX_CERTIFICATE)?;
    Certificate::parse(&content).map_err(|error| bad_file(path, error))
}

/// The picture as it is in its file, if it can be shown.
fn picture(arguments: &SealMake) -> Result<PictureData, Failure> {
    let data = files::read_small(&arguments.picture, MAX_PICTURE)?;
    let size = arguments.size.0;
    Picture::decode(&data, size).map_err(|error| bad_file(&arguments.picture, error))?;
    let whole = |length: f64| {
        let text = format!("{length:.0}");
        text.parse::<u32>().ok().filter(|whole| (f64::from(*whole) - length).abs() < 1e-9)
    };
    let (Some(width), Some(height)) = (whole(size.width), whole(size.height)) else {
        return Err(Failure::Usage("a seal has a size in whole millimetres".into()));
    };
    PictureData::new(data, width, height).map_err(|error| bad_file(&arguments.picture, error))
}

fn warn_about_validity(context: &Context, holders: &[Certificate], until: Time) {
    for holder in holders.iter().filter(|holder| holder.validity().not_after < until) {
        let end = holder.validity().not_after;
        let subject = holder.subject().short();
        context.output.warn(format_args!("the certificate of {subject} ends before the seal, at {end}"));
    }
}
