//! Whether a sealed PDF shows the picture of the seal.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use sm_primitives::sm3::{self, Sm3};

use crate::error::Error;
use crate::pdf::{Dictionary, Document, Object, Reference, SignatureField, Stream};
use crate::picture::Picture;
use crate::report::{Code, SignatureReport};
use crate::ses::PictureData;

/// Deepest forms within forms that are looked into.
const MAX_DEPTH: usize = 4;
/// Most forms and pictures of one seal that are looked at.
const MAX_SEEN: usize = 64;

/// What a stream that says the same may be longer than its samples, in bytes.
const MAX_OVERHEAD: u64 = 1 << 16;

/// What an image may say of itself if its samples alone are to decide how it looks.
const PLAIN: [&[u8]; 10] = [
    b"Type",
    b"Subtype",
    b"Name",
    b"Width",
    b"Height",
    b"BitsPerComponent",
    b"ColorSpace",
    b"Filter",
    b"DecodeParms",
    b"Interpolate",
];

/// What differs between images that look the same.
const PASSED_OVER: [&[u8]; 2] = [b"Length", b"SMask"];

/// The pictures of seals, read once for all signatures that have the same.
#[derive(Default)]
pub(super) struct Pictures {
    /// By their hash; `None`: cannot be read.
    decoded: HashMap<[u8; 32], Option<Picture>>,
    /// Images that were compared with a picture: by the hashes of both.
    compared: HashMap<([u8; 32], [u8; 32]), Option<bool>>,
}

impl Pictures {
    /// Says if the picture of the seal cannot be shown; gives its hash if it is one of pixels. OFD and SVG are for others to
    /// draw.
    pub(super) fn check(&mut self, report: &mut SignatureReport) -> Option<[u8; 32]> {
        let seal = report.seal.as_deref()?;
        let PictureData { format, data, .. } = seal.picture();
        if format.eq_ignore_ascii_case("ofd") || format.eq_ignore_ascii_case("svg") {
            return None;
        }
        let (size, hash) = (seal.picture().size(), sm3::digest(data));
        let picture = self.decoded.entry(hash).or_insert_with(|| Picture::decode(data, size).ok());
        if picture.is_none() {
            report.add(Code::SealPicture, "");
        }
        picture.as_ref().map(|_| hash)
    }

    /// Compares what the widgets of a field show with the picture of this hash, as far as it is there in pixels.
    pub(super) fn compare<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        field: &SignatureField,
        hash: [u8; 32],
        report: &mut SignatureReport,
    ) -> Result<(), Error> {
        let mut walk = Walk { revision: document.newest(), seen: HashSet::new(), images: Vec::new() };
        for widget in &field.widgets {
            let appearance = document.get_at(walk.revision, &widget.dictionary, "AP")?;
            let normal = appearance.as_dictionary().and_then(|appearance| appearance.reference("N"));
            if let Some(normal) = normal {
                walk.form(document, normal, MAX_DEPTH)?;
            }
        }
        let mut unknown = walk.images.is_empty() && !field.widgets.is_empty();
        for image in &walk.images {
            match self.is_same(document, walk.revision, image, hash) {
                Ok(Some(true)) => {}
                Ok(Some(false)) => report.add(Code::SealPictureDiffers, ""),
                Err(error @ Error::Io(_)) => return Err(error),
                Ok(None) | Err(_) => unknown = true,
            }
        }
        if unknown {
            report.add(Code::SealPictureUnchecked, "");
        }
        Ok(())
    }

    /// Whether an image has the pixels of a picture; `None`: it has others in number or kind, which need not look different.
    fn is_same<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        revision: usize,
        image: &Stream,
        hash: [u8; 32],
    ) -> Result<Option<bool>, Error> {
        let Some(Some(picture)) = self.decoded.get(&hash) else { return Ok(None) };
        let Object::Stream(mask) = document.get_at(revision, &image.dictionary, "SMask")? else {
            return same_pixels(document, revision, image, None, picture);
        };
        let mut key = Sm3::new();
        for stream in [image, &mask] {
            identify(document, revision, stream, picture, &mut key)?;
        }
        let key = (hash, key.finalize());
        if let Some(known) = self.compared.get(&key) {
            return Ok(*known);
        }
        let same = same_pixels(document, revision, image, Some(&mask), picture)?;
        self.compared.insert(key, same);
        Ok(same)
    }
}

/// Hashes everything that says how an image of the newest revision looks.
fn identify<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    stream: &Stream,
    picture: &Picture,
    key: &mut Sm3,
) -> Result<(), Error> {
    // Also what is not plain: an image that is not compared must not pass for one that was.
    for (name, value) in stream.dictionary.iter().filter(|(name, _)| !PASSED_OVER.contains(name)) {
        key.update(format!("{name:?} {value:?}\n").as_bytes());
    }
    let limit = (picture.rgba().len() as u64).saturating_add(MAX_OVERHEAD);
    let mut hash = Sm3::new();
    document.stream_bytes(revision, stream, limit, |piece| hash.update(piece))?;
    key.update(&hash.finalize());
    Ok(())
}

struct Walk {
    revision: usize,
    seen: HashSet<Reference>,
    images: Vec<Stream>,
}

impl Walk {
    fn form<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        id: Reference,
        depth: usize,
    ) -> Result<(), Error> {
        if depth == 0 || self.seen.len() >= MAX_SEEN || !self.seen.insert(id) {
            return Ok(());
        }
        let Object::Stream(stream) = document.object_at(self.revision, id)? else { return Ok(()) };
        if stream.dictionary.name("Subtype") == Some(b"Image") {
            self.images.push(stream);
            return Ok(());
        }
        let resources = document.get_at(self.revision, &stream.dictionary, "Resources")?;
        let Some(resources) = resources.as_dictionary() else { return Ok(()) };
        let objects = document.get_at(self.revision, resources, "XObject")?;
        let inner: Vec<_> = objects
            .as_dictionary()
            .into_iter()
            .flat_map(Dictionary::iter)
            .filter_map(|(_, object)| match object {
                Object::Reference(id) => Some(*id),
                _ => None,
            })
            .collect();
        for id in inner {
            self.form(document, id, depth - 1)?;
        }
        Ok(())
    }
}

fn same_pixels<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    image: &Stream,
    mask: Option<&Stream>,
    picture: &Picture,
) -> Result<Option<bool>, Error> {
    let Some(color) = samples(document, revision, image, picture, b"DeviceRGB", 3)? else { return Ok(None) };
    let opacity = match mask {
        Some(mask) => match samples(document, revision, mask, picture, b"DeviceGray", 1)? {
            Some(opacity) => Some(opacity),
            None => return Ok(None),
        },
        None => None,
    };
    let opacity = |index: usize| opacity.as_ref().map_or(Some(&u8::MAX), |opacity| opacity.get(index));
    let same =
        picture.rgba().chunks_exact(4).zip(color.chunks_exact(3)).enumerate().all(|(index, (own, shown))| {
            let alpha = own.last();
            // What cannot be seen has any colour.
            alpha == opacity(index) && (alpha == Some(&0) || own.get(..3) == Some(shown))
        });
    Ok(Some(same))
}

/// The samples of an image of as many pixels as the picture, of eight bits each.
fn samples<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    image: &Stream,
    picture: &Picture,
    space: &[u8],
    channels: usize,
) -> Result<Option<Vec<u8>>, Error> {
    let number = |key| image.dictionary.integer(key).and_then(|number| u32::try_from(number).ok());
    let is_plain = |(name, _): (&[u8], _)| PLAIN.contains(&name) || PASSED_OVER.contains(&name);
    let fits = image.dictionary.iter().all(is_plain)
        && number("Width") == Some(picture.width())
        && number("Height") == Some(picture.height())
        && number("BitsPerComponent") == Some(8)
        && image.dictionary.name("ColorSpace") == Some(space);
    if !fits {
        return Ok(None);
    }
    let expected = picture.rgba().len() / 4 * channels;
    let samples = document.stream_data(revision, image, expected)?;
    Ok((samples.len() == expected).then_some(samples))
}
