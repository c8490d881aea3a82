//! How much there is to draw on a page.

use std::collections::HashMap;

use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::TypedInstruction;
use hayro_interpret::hayro_syntax::object::dict::keys;
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, Name, Object, ObjectIdentifier, Stream, dict_or_stream,
};
use hayro_interpret::hayro_syntax::page::{Page, Resources};

use super::pen::Pen;
use crate::error::Error;

/// Most work that a page is, in bytes of the contents that are interpreted: a form that is drawn twice counts twice.
pub const MAX_WORK: u64 = 256 << 20;
/// Most pixels of one picture.
pub const MAX_PICTURE: u64 = 200_000_000;
/// Deepest nesting of forms.
const MAX_DEPTH: u32 = 28;
/// What is counted for drawing a form or a picture, however short it is.
const EACH: u64 = 100;

/// Too much to do.
pub(super) const MUCH: Error = Error::TooLarge("work that a page of a PDF is");
/// Most widths of characters that a font names, and the furthest of them.
const MAX_WIDTHS: u32 = 1 << 20;

/// The work that a page is, if not more than [`MAX_WORK`]. Refuses one that draws itself.
pub(crate) fn check(page: &Page<'_>) -> Result<u64, Error> {
    let mut walk =
        Walk { left: MAX_WORK, forms: HashMap::new(), fonts: HashMap::new(), lengths: HashMap::new() };
    // The interpreter joins the pieces of the content before anything else.
    let mut content = 0;
    for piece in page.raw().get::<Array<'_>>(keys::CONTENTS).iter().flat_map(Array::iter::<Stream<'_>>) {
        content = add(content, walk.length(&piece)?)?;
    }
    let mut total = match page.page_stream() {
        Some(content) => walk.content(content, page.resources(), None, 0)?.bytes,
        None => 0,
    };
    for annotation in page.raw().get::<Array<'_>>(keys::ANNOTS).iter().flat_map(Array::iter::<Dict<'_>>) {
        total = add(total, walk.appearance(&annotation, page.resources())?)?;
    }
    Ok(total)
}

fn add(work: u64, more: u64) -> Result<u64, Error> {
    work.checked_add(more).filter(|work| *work <= MAX_WORK).ok_or(MUCH)
}

/// What a content is.
#[derive(Clone, Copy, Default)]
struct Work {
    /// Bytes that are interpreted, and what is counted like them.
    bytes: u64,
    /// Length of the lines that have dashes if whoever draws this content has.
    plain: f64,
}

impl Work {
    fn of(bytes: u64) -> Self {
        Self { bytes, plain: 0.0 }
    }

    fn times(self, count: usize) -> Self {
        let bytes = self.bytes.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
        Self { bytes, plain: self.plain * count as f64 }
    }
}

struct Walk {
    /// Bytes that may still be looked through.
    left: u64,
    /// The work of a form within the form whose resources it uses, if it has none of its own. `None`: not known yet.
    forms: HashMap<Key, Option<Work>>,
    /// What a byte written with a font costs, by the place of its dictionary in memory.
    fonts: HashMap<(usize, Option<ObjectIdentifier>), Work>,
    /// The lengths of other streams.
    lengths: HashMap<ObjectIdentifier, u64>,
}

type Key = (ObjectIdentifier, Option<ObjectIdentifier>);

impl Walk {
    fn appearance(&mut self, annotation: &Dict<'_>, resources: &Resources<'_>) -> Result<u64, Error> {
        let normal = annotation.get::<Dict<'_>>(keys::AP).and_then(|all| all.get::<Object<'_>>(keys::N));
        let streams = match normal {
            Some(Object::Stream(stream)) => Vec::from([stream]),
            Some(Object::Dict(states)) => {
                states.keys().filter_map(|state| states.get::<Stream<'_>>(state)).collect()
            }
            _ => Vec::new(),
        };
        let mut work = 0;
        for stream in streams {
            work = add(work, self.form(&stream, resources, None, 1)?.bytes)?;
        }
        Ok(work)
    }

    fn form(
        &mut self,
        form: &Stream<'_>,
        inherited: &Resources<'_>,
        scope: Option<ObjectIdentifier>,
        depth: u32,
    ) -> Result<Work, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooLarge("forms in forms of a PDF"));
        }
        let own = form.dict().get(keys::RESOURCES).map(Resources::new);
        let scope = if own.is_some() { Some(form.obj_id()) } else { scope };
        let key = (form.obj_id(), scope);
        match self.forms.get(&key) {
            Some(Some(work)) => return Ok(*work),
            Some(None) => return Err(Error::Malformed("a form of a PDF does not draw itself")),
            None => {}
        }
        self.forms.insert(key, None);
        let work = match form.decoded_data() {
            Ok(content) => self.content(&content, own.as_ref().unwrap_or(inherited), scope, depth)?,
            Err(_) => Work::default(),
        };
        self.forms.insert(key, Some(work));
        Ok(work)
    }

    fn content(
        &mut self,
        content: &[u8],
        resources: &Resources<'_>,
        scope: Option<ObjectIdentifier>,
        depth: u32,
    ) -> Result<Work, Error> {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(MUCH)?;
        let mut work = add(EACH, length)?;
        let mut pen = Pen::default();
        // What a font costs for each byte that is written with it: its glyphs may be forms.
        let mut letter = Work::default();
        let mut operations = TypedIter::new(content);
        while let Some(operation) = operations.next() {
            work = add(work, pen.follow(&operation)?)?;
            let more = match operation {
                TypedInstruction::XObject(named) => match resources.get_x_object(named.0) {
                    Some(object) => self.object(&object, resources, scope, depth)?,
                    None => continue,
                },
                TypedInstruction::InlineImage(image) => picture(image.0)?,
                TypedInstruction::SetGraphicsState(named) => {
                    let mask = resources.get_ext_g_state(named.0).and_then(|state| state.get(keys::SMASK));
                    match mask.and_then(|mask: Dict<'_>| mask.get::<Stream<'_>>(keys::G)) {
                        Some(group) => self.form(&group, resources, scope, depth + 1)?,
                        None => continue,
                    }
                }
                TypedInstruction::Shading(named) => match resources.get_shading(named.0) {
                    Some(shading) => match dict_or_stream(&shading) {
                        Some((_, Some(stream))) => Work::of(self.length(stream)?),
                        _ => Work::of(EACH),
                    },
                    None => continue,
                },
                TypedInstruction::StrokeColorNamed(named) => {
                    self.pattern(named.1, resources, scope, depth)?
                }
                TypedInstruction::NonStrokeColorNamed(named) => {
                    self.pattern(named.1, resources, scope, depth)?
                }
                TypedInstruction::TextFont(named) => {
                    letter = match resources.get_font(named.0) {
                        Some(font) => self.font(&font, resources, scope, depth)?,
                        None => Work::default(),
                    };
                    continue;
                }
                TypedInstruction::ShowText(text) => letter.times(text.0.as_bytes().len()),
                TypedInstruction::NextLineAndShowText(text) => letter.times(text.0.as_bytes().len()),
                TypedInstruction::ShowTextWithParameters(text) => letter.times(text.2.as_bytes().len()),
                TypedInstruction::ShowTexts(texts) => letter.times(texts.0.data().len()),
                _ => continue,
            };
            work = add(add(work, more.bytes)?, pen.stroke(more.plain)?)?;
        }
        Ok(Work { bytes: work, plain: pen.plain })
    }

    fn object(
        &mut self,
        object: &Stream<'_>,
        resources: &Resources<'_>,
        scope: Option<ObjectIdentifier>,
        depth: u32,
    ) -> Result<Work, Error> {
        match object.dict().get::<Name<'_>>(keys::SUBTYPE).as_deref() {
            Some(keys::FORM) => self.form(object, resources, scope, depth + 1),
            Some(keys::IMAGE) => picture(object),
            _ => Ok(Work::default()),
        }
    }

    fn pattern(
        &mut self,
        name: Option<&Name<'_>>,
        resources: &Resources<'_>,
        scope: Option<ObjectIdentifier>,
        depth: u32,
    ) -> Result<Work, Error> {
        match name.and_then(|name| resources.get_pattern(name)) {
            Some(Object::Stream(tile)) => self.form(&tile, resources, scope, depth + 1),
            _ => Ok(Work::default()),
        }
    }

    /// The most that one glyph costs.
    fn font(
        &mut self,
        font: &Dict<'_>,
        resources: &Resources<'_>,
        scope: Option<ObjectIdentifier>,
        depth: u32,
    ) -> Result<Work, Error> {
        let key = (font.data().as_ptr().addr(), scope);
        if let Some(most) = self.fonts.get(&key) {
            return Ok(*most);
        }
        // A glyph may name its font; it is then drawn by its own form, which is found to draw itself.
        self.fonts.insert(key, Work::default());
        let widths = widths(font)?;
        self.left = self.left.checked_sub(u64::from(widths)).ok_or(MUCH)?;
        let mut most = Work::default();
        if let Some(glyphs) = font.get::<Dict<'_>>(keys::CHAR_PROCS) {
            let own = font.get(keys::RESOURCES).map(Resources::new);
            for glyph in glyphs.keys().filter_map(|name| glyphs.get::<Stream<'_>>(name)) {
                let one = self.form(&glyph, own.as_ref().unwrap_or(resources), scope, depth + 1)?;
                most = Work { bytes: most.bytes.max(one.bytes), plain: most.plain.max(one.plain) };
            }
        }
        self.fonts.insert(key, most);
        Ok(most)
    }

    /// How long a stream becomes that is decoded whenever it is used.
    fn length(&mut self, stream: &Stream<'_>) -> Result<u64, Error> {
        if let Some(length) = self.lengths.get(&stream.obj_id()) {
            return Ok(*length);
        }
        let decoded = stream.decoded_data().map_or(0, |data| data.len());
        let length = u64::try_from(decoded).unwrap_or(u64::MAX).saturating_add(EACH);
        self.left = self.left.checked_sub(length).ok_or(MUCH)?;
        self.lengths.insert(stream.obj_id(), length);
        Ok(length)
    }
}

/// How many widths a font names. The interpreter writes down each, however short the file says so.
fn widths(font: &Dict<'_>) -> Result<u32, Error> {
    let much = Error::TooLarge("widths of a font of a PDF");
    if font.get::<i64>(keys::FIRST_CHAR).is_some_and(|first| first > i64::from(MAX_WIDTHS)) {
        return Err(much);
    }
    let descendants = font.get::<Array<'_>>(keys::DESCENDANT_FONTS);
    let Some(descendant) = descendants.and_then(|fonts| fonts.iter::<Dict<'_>>().next()) else {
        return Ok(0);
    };
    let mut count: u32 = 0;
    let mut named = |first: u32, last: u32| -> Result<(), Error> {
        let span = last.checked_sub(first).map_or(Some(0), |span| span.checked_add(1));
        count = span.and_then(|span| count.checked_add(span)).filter(|all| *all <= MAX_WIDTHS).ok_or(much)?;
        Ok(())
    };
    if let Some(all) = descendant.get::<Array<'_>>(keys::W) {
        let mut rest = all.flex_iter();
        loop {
            if rest.next::<(u32, Array<'_>)>().is_some() {
                named(0, 0)?;
            } else if let Some((first, last, _)) = rest.next::<(u32, u32, f32)>() {
                named(first, last)?;
            } else {
                break;
            }
        }
    }
    if let Some(all) = descendant.get::<Array<'_>>(keys::W2) {
        let mut rest = all.flex_iter();
        loop {
            if rest.next::<(u32, Array<'_>)>().is_some() {
                named(0, 0)?;
            } else if let Some((first, last, _, _, _)) = rest.next::<(u32, u32, f32, f32, f32)>() {
                named(first, last)?;
            } else {
                break;
            }
        }
    }
    Ok(count)
}

fn picture(image: &Stream<'_>) -> Result<Work, Error> {
    let side = |long: &[u8], short: &[u8]| {
        image.dict().get::<u32>(long).or_else(|| image.dict().get::<u32>(short)).map_or(0, u64::from)
    };
    let pixels = side(keys::WIDTH, b"W").saturating_mul(side(keys::HEIGHT, b"H"));
    if pixels > MAX_PICTURE {
        return Err(Error::TooLarge("pixels of a picture of a PDF"));
    }
    Ok(Work::of(EACH))
}
