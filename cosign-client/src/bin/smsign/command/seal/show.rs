//! `smsign seal show`

use cosign_client::{
    Error,
    files::{self, check_free},
};
use pki::Certificate;
use seal::ses::{ElectronicSeal, Holders, SealedData};
use serde::Serialize;

use super::{MAX_SEAL, write};
use crate::{
    args::SealShow,
    context::Context,
    output::{Failure, Outcome, path_text},
};

#[derive(Serialize)]
struct Report {
    file: String,
    version: u8,
    id: String,
    name: String,
    kind: u32,
    vendor: String,
    created: String,
    valid_from: String,
    valid_until: String,
    maker: Option<String>,
    /// Their names, or the digests of their certificates.
    holders: Vec<String>,
    picture: Picture,
    extensions: Vec<String>,
}

#[derive(Serialize)]
struct Picture {
    format: String,
    bytes: usize,
    width_mm: u32,
    height_mm: u32,
}

pub(super) fn run(arguments: &SealShow, context: &Context) -> Result<Outcome, Failure> {
    let path = &arguments.file;
    if let Some(target) = &arguments.picture {
        check_free(target, arguments.force)?;
    }
    let bytes = files::read_small(path, MAX_SEAL)?;
    let seal = ElectronicSeal::parse(&bytes)
        .or_else(|error| SealedData::parse(&bytes).map(|data| data.seal().clone()).map_err(|_| error));
    let seal = seal.map_err(|error| Error::BadFile { path: path.clone(), what: error.to_string() })?;
    if let Some(target) = &arguments.picture {
        write(target, arguments.force, &seal.picture().data)?;
    }
    let report = Report::new(path_text(path), &seal);
    let lines = report.lines();
    context.output.result(&report, lines)?;
    Ok(Outcome::Done)
}

impl Report {
    fn new(file: String, seal: &ElectronicSeal) -> Self {
        let holders = match seal.holders() {
            Holders::Certificates(list) => list
                .iter()
                .map(|der| match Certificate::from_der(der) {
                    Ok(certificate) => certificate.subject().to_string(),
                    Err(_) => format!("{} bytes that are no certificate", der.len()),
                })
                .collect(),
            Holders::Digests(list) => {
                list.iter().map(|(name, digest)| format!("{name} {}", hex::encode(digest))).collect()
            }
        };
        let (valid_from, valid_until) = seal.validity();
        let picture = seal.picture();
        Self {
            file,
            version: seal.version().number(),
            id: seal.id().to_owned(),
            name: seal.name().to_owned(),
            kind: seal.kind(),
            vendor: seal.vendor().to_owned(),
            created: seal.created().to_string(),
            valid_from: valid_from.to_string(),
            valid_until: valid_until.to_string(),
            maker: seal.maker().map(|maker| maker.subject().to_string()),
            holders,
            picture: Picture {
                format: picture.format.clone(),
                bytes: picture.data.len(),
                width_mm: picture.width,
                height_mm: picture.height,
            },
            extensions: seal.extensions().iter().map(|extension| extension.id.to_string()).collect(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let Picture { format, bytes, width_mm, height_mm } = &self.picture;
        let mut lines = Vec::from([
            format!("seal      {} ({})", self.name, self.id),
            format!("edition   {} by {}", self.version, self.vendor),
            format!("valid     {} to {}", self.valid_from, self.valid_until),
            format!("maker     {}", self.maker.as_deref().unwrap_or("a certificate that cannot be read")),
            format!("picture   {format}, {width_mm} x {height_mm} mm, {bytes} bytes"),
        ]);
        lines.extend(self.holders.iter().map(|holder| format!("holder    {holder}")));
        lines.extend(self.extensions.iter().map(|id| format!("extension {id}")));
        lines
    }
}
