//! Who seals: an authority, a maker of seals and a holder, with fixed keys, and a seal.

use std::{io::Cursor, sync::OnceLock};

use pki::{Certificate, Time, validate::Validator};
use seal::{
    Error,
    document::{Document, Look, Sealing, SealingForm},
    place::{Pages, Place},
    ses::{ElectronicSeal, Holders, PictureData, SealOrder},
    verify::Terms,
};
use sm_primitives::sm2::{Signature, dsa};

use crate::{
    fuzz::JUNE,
    issuer::{Template, key},
    random::Seeded,
};

/// Parties of [`crate::issuer`].
const ROOT: u8 = 0;
pub(crate) const MAKER: u8 = 1;
pub(crate) const HOLDER: u8 = 2;
const CA_USAGE: u8 = 0x06;
const SIGNER_USAGE: u8 = 0xc0;

pub(crate) struct World {
    pub(crate) maker: Certificate,
    pub(crate) holder: Certificate,
    pub(crate) seal: ElectronicSeal,
    look: Look,
    pub(crate) trusting: Validator,
}

pub(crate) fn now() -> Time {
    Time::from_unix(JUNE).unwrap()
}

/// The moments between which everything is valid.
pub(crate) fn always() -> (Time, Time) {
    (Time::from_unix(JUNE - 86_400 * 30).unwrap(), Time::from_unix(JUNE + 86_400 * 30).unwrap())
}

/// A signature over a digest by a party of [`crate::issuer`], the same every time.
pub(crate) fn signature(party: u8, digest: &[u8; 32]) -> Signature {
    dsa::sign_digest(key(party), digest, &mut Seeded::new(1)).unwrap()
}

pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

impl World {
    fn new() -> Self {
        let of = |template: Template| Certificate::from_der(&template.der()).unwrap();
        let root = of(Template::new(vec![1], ROOT, ROOT, always()).ca(None).usage(CA_USAGE));
        let signer =
            |party: u8| of(Template::new(vec![party + 1], party, ROOT, always()).usage(SIGNER_USAGE));
        let (maker, holder) = (signer(MAKER), signer(HOLDER));
        let order = SealOrder {
            vendor: "cosign",
            id: "11010000000001",
            kind: 1,
            name: "章",
            holders: Holders::Certificates(vec![holder.as_der().to_vec()]),
            created: now(),
            validity: always(),
            picture: PictureData::new(dot(), 12, 12).unwrap(),
        };
        let unsigned = order.unsigned(&maker).unwrap();
        let signature = signature(MAKER, unsigned.digest());
        let seal = unsigned.complete(&signature).unwrap();
        let look = Look::new(seal.picture()).unwrap();
        let trusting = Validator::new().with_anchor(root);
        Self { maker, holder, seal, look, trusting }
    }

    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms::new(&self.trusting, now())
    }

    /// Seals a document with the seal, or signs it without.
    pub(crate) fn seal_document(&self, file: &[u8], with_seal: bool) -> Result<Vec<u8>, Error> {
        let place = Place::At { pages: Pages::one(1), x: 10.0, y: 10.0 };
        let (form, places) = match with_seal {
            true => (SealingForm::Seal(&self.seal, &self.look), vec![place]),
            false => (SealingForm::Message { chain: &[], look: None }, vec![]),
        };
        let sealing = Sealing {
            form,
            signer: &self.holder,
            time: now(),
            time_stamp: None,
            places: &places,
            reason: None,
            location: None,
            finish: false,
        };
        let mut document = Document::open(Cursor::new(file))?;
        let prepared = document.prepare(&sealing)?;
        let signature = signature(HOLDER, prepared.digest());
        let mut out = Vec::new();
        prepared.write(&signature, None, &mut out)?;
        Ok(out)
    }
}

/// Two by two red pixels, half of them transparent.
pub(crate) fn dot() -> Vec<u8> {
    let size = seal::geometry::Size { width: 12.0, height: 12.0 };
    let rgba = [[230, 26, 26, 255], [230, 26, 26, 0], [230, 26, 26, 0], [230, 26, 26, 255]].concat();
    seal::picture::Picture::new(size, 2, 2, rgba).unwrap().to_png().unwrap()
}
