//! `smsign stamp`

mod item;
mod ready;

pub(super) use item::with_suffix;

use std::{fs::File, io::Write as _, path::Path};

use cosign_client::{
    Error,
    files::{self, Access, NewFile},
};
use pki::{Certificate, algorithm::HashAlgorithm};
use seal::{
    document::{Document, Look, Sealing, SealingForm},
    place::{CrossPage, Pages, Place, Which},
    ses::ElectronicSeal,
};
use sm_primitives::sm2::Signature;

use self::{
    item::{Item, preview, targets},
    ready::Ready,
};
use super::{
    cert::load::{now, time},
    seal::{MAX_SEAL, bad_file},
    signer::CertifiedSigner,
    time_stamp,
};
use crate::{
    args::{FormArg, Stamp},
    context::Context,
    output::{Failure, Outcome},
    progress::Unit,
};

/// No certificate is longer.
const MAX_CERTIFICATE: u64 = 256 * 1024;

/// So many documents stay open while their digests are signed, and are read once; more are closed and read again.
const MAX_OPEN: usize = 64;

/// What all documents have in common.
struct Common {
    seal: Option<(ElectronicSeal, Look)>,
    signer: Certificate,
    chain: Vec<Vec<u8>>,
    places: Vec<Place>,
    time: pki::Time,
    time_stamp: Option<usize>,
}

impl Common {
    fn sealing<'a>(&'a self, arguments: &'a Stamp) -> Result<Sealing<'a>, Failure> {
        let form = match (arguments.form, &self.seal) {
            (FormArg::Seal, Some((seal, look))) => SealingForm::Seal(seal, look),
            (FormArg::Seal, None) => return Err(Failure::Usage("give the seal with --seal FILE".into())),
            (FormArg::Signature, seal) => {
                SealingForm::Message { chain: &self.chain, look: seal.as_ref().map(|(_, look)| look) }
            }
        };
        Ok(Sealing {
            form,
            signer: &self.signer,
            time: self.time,
            time_stamp: self.time_stamp,
            places: &self.places,
            reason: arguments.reason.as_deref(),
            location: arguments.location.as_deref(),
            finish: arguments.finish,
        })
    }
}

pub(super) fn run(arguments: &Stamp, context: &Context) -> Result<Outcome, Failure> {
    let targets = targets(arguments)?;
    let mut common = common(arguments)?;
    if let Some(authority) = &arguments.tsa {
        common.time_stamp = Some(time_stamp::max_len(authority, context)?);
    }
    let sealing = common.sealing(arguments)?;

    let total = arguments.files.len() as u64;
    let progress = context.progress("hashing", Unit::Items, total);
    let mut documents: Vec<_> = targets.iter().map(|_| None).collect();
    let stay_open = documents.len() <= MAX_OPEN;
    let mut items = Vec::with_capacity(targets.len());
    for ((file, target), document) in arguments.files.iter().zip(targets).zip(&mut documents) {
        let ready =
            if stay_open { Ready::open(file, document, &sealing) } else { Ready::closed(file, &sealing) };
        items.push(Item::new(file, target, ready));
        progress.advance(1)?;
    }
    progress.finish();
    let digests: Vec<[u8; 32]> = items.iter().filter_map(Item::digest).collect();
    if digests.is_empty() {
        return item::finish(items, context);
    }

    // Whatever is wrong with a document is known before a PIN is asked for.
    let signer = CertifiedSigner::prepare(context, arguments.key.as_deref(), &arguments.cert)?;
    let mut signatures = signer.sign_digests(context, &digests)?.into_iter();
    for folder in arguments.dir.iter().chain(&arguments.preview) {
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    }
    let progress = context.progress("sealing", Unit::Items, digests.len() as u64);
    for item in &mut items {
        let Some(ready) = item.take() else { continue };
        let signature = signatures.next().ok_or(Error::Internal("no signature"))?;
        let token = match &arguments.tsa {
            Some(authority) => {
                let imprint = HashAlgorithm::Sm3.digest(&signature.to_der());
                time_stamp::token(authority, imprint, context).map(Some)
            }
            None => Ok(None),
        };
        let written = token.and_then(|token| {
            write(item, ready, &sealing, &signature, token.as_deref(), arguments.force)?;
            preview(arguments.preview.as_deref(), item)
        });
        item.done(written);
        progress.advance(1)?;
    }
    progress.finish();
    item::finish(items, context)
}

fn common(arguments: &Stamp) -> Result<Common, Failure> {
    let certificate = |path: &Path| {
        let content = files::read_small(path, MAX_CERTIFICATE)?;
        Certificate::parse(&content).map_err(|error| bad_file(path, error))
    };
    let seal = arguments.seal.as_deref().map(|path| {
        let seal = ElectronicSeal::parse(&files::read_small(path, MAX_SEAL)?);
        let seal = seal.map_err(|error| bad_file(path, error))?;
        let look = Look::new(seal.picture()).map_err(|error| bad_file(path, error))?;
        Ok::<_, Failure>((seal, look))
    });
    let chain = arguments.chain.iter().map(|path| Ok(certificate(path)?.as_der().to_vec()));
    Ok(Common {
        seal: seal.transpose()?,
        signer: certificate(&arguments.cert)?,
        chain: chain.collect::<Result<_, Failure>>()?,
        places: places(arguments)?,
        time: time(now())?,
        time_stamp: None,
    })
}

fn places(arguments: &Stamp) -> Result<Vec<Place>, Failure> {
    let pages = arguments.pages.clone().unwrap_or(Pages::Last);
    let mut places: Vec<_> =
        arguments.place.iter().map(|(x, y)| Place::At { pages: pages.clone(), x: *x, y: *y }).collect();
    if let Some(edge) = arguments.across {
        places.push(Place::Across(CrossPage {
            pages: arguments.across_pages.clone().unwrap_or(Pages::All),
            along: arguments.along,
            group: arguments.group,
            ..CrossPage::new(edge.into())
        }));
    }
    places.extend(arguments.keyword.iter().map(|text| Place::Keyword {
        text: text.clone(),
        which: arguments.nth.unwrap_or(Which::All),
        offset: arguments.offset.unwrap_or_default(),
    }));
    if places.is_empty() && arguments.form == FormArg::Seal {
        return Err(Failure::Usage("say where with --place X,Y, --across EDGE or --keyword TEXT".into()));
    }
    Ok(places)
}

pub(super) fn open(path: &Path) -> Result<Document<File>, Failure> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    Document::open(file).map_err(|error| bad_file(path, error))
}

fn write(
    item: &Item<'_>,
    ready: Ready<'_>,
    sealing: &Sealing<'_>,
    signature: &Signature,
    token: Option<&[u8]>,
    force: bool,
) -> Result<(), Failure> {
    let mut file = NewFile::create(item.target(), force, Access::Usual)?;
    ready.write(item.file(), sealing, signature, token, std::io::BufWriter::new(&mut file))?;
    file.flush().map_err(|error| Error::file(item.target(), error))?;
    file.sync()?;
    Ok(file.commit()?)
}
