//! Changing what a signature needs: the form, its fields, the annotations of pages, the catalogue.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Seek};

use crate::error::Error;
use crate::geometry::{Rect, Stamp};

use super::appearance::{Appearance, rounded};
use super::document::Document;
use super::fields::{SignatureField, references, text};
use super::object::{Dictionary, Object, Reference};
use super::pages::Page;
use super::permission::{Certification, Lock};
use super::prepare::Request;
use super::update::Update;

/// Flags of widgets: printed, and not to be moved. Source: ISO 32000-2:2020, 12.5.3.
const PRINT_LOCKED: i64 = 4 + 128;

/// Flags of the form: there are signatures, and the file is to be appended to only.
const SIGNATURES_APPEND_ONLY: i64 = 1 + 2;

/// The whole of a picture, in parts of its size.
const WHOLE: Rect = Rect { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };

impl Certification {
    /// 1, 2 or 3.
    #[must_use]
    pub const fn level(self) -> i64 {
        match self {
            Self::Nothing => 1,
            Self::Forms => 2,
            Self::Annotations => 3,
        }
    }
}

/// A dictionary with another value of a name.
pub(super) fn with(dictionary: &Dictionary, key: &str, value: Object) -> Dictionary {
    let mut changed = dictionary.clone();
    changed.set(key, value);
    changed
}

/// A text string: as it is if it is ASCII, or else in UTF-16.
pub(super) fn text_string(text: &str) -> Vec<u8> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return text.as_bytes().to_vec();
    }
    [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
}

/// What a lock is written as, in a field or in a signature.
pub(super) fn lock_dictionary(lock: &Lock) -> Dictionary {
    let (action, names) = match lock {
        Lock::All => ("All", None),
        Lock::Only(names) => ("Include", Some(names)),
        Lock::AllBut(names) => ("Exclude", Some(names)),
    };
    let mut dictionary = Dictionary::from([("Action", Object::from_name(action))]);
    if let Some(names) = names {
        let names: Vec<Object> = names.iter().map(|name| Object::String(text_string(name))).collect();
        dictionary.set("Fields", names.into());
    }
    dictionary
}

/// The catalogue and what becomes of it.
pub(super) struct Changes {
    id: Reference,
    catalog: Dictionary,
    changed: bool,
    has_xfa: bool,
}

impl Changes {
    pub(super) fn new<R: Read + Seek>(document: &mut Document<R>) -> Result<Self, Error> {
        let (id, catalog) = document.catalog_at(document.newest())?;
        Ok(Self { id, catalog, changed: false, has_xfa: false })
    }

    pub(super) const fn has_xfa(&self) -> bool {
        self.has_xfa
    }

    /// Sets a value of the catalogue.
    pub(super) fn set(&mut self, key: &str, value: Object) {
        self.catalog.set(key, value);
        self.changed = true;
    }

    pub(super) fn get(&self, key: &str) -> Option<&Object> {
        self.catalog.get(key)
    }

    /// Writes the catalogue if it changed, and says which object it is.
    pub(super) fn finish(&mut self, update: &mut Update) -> Result<Reference, Error> {
        if core::mem::take(&mut self.changed) {
            update.set(self.id, self.catalog.clone())?;
        }
        Ok(self.id)
    }

    /// Says in the form that there are signatures, and puts a new field into it.
    pub(super) fn sign_form<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        update: &mut Update,
        field: Option<Reference>,
    ) -> Result<(), Error> {
        let newest = document.newest();
        let place = self.get("AcroForm").cloned().unwrap_or(Object::Null);
        let former = document.resolve_at(newest, &place)?;
        let mut form = former.as_dictionary().cloned().unwrap_or_default();
        self.has_xfa = form.get("XFA").is_some();
        let flags = document.get_at(newest, &form, "SigFlags")?.as_integer().unwrap_or(0);
        if flags & SIGNATURES_APPEND_ONLY != SIGNATURES_APPEND_ONLY {
            form.set("SigFlags", Object::Integer(flags | SIGNATURES_APPEND_ONLY));
        }
        if let Some(field) = field {
            append(document, update, &mut form, "Fields", &[field])?;
        }
        if former.as_dictionary() == Some(&form) {
            return Ok(());
        }
        match place {
            // A name of nothing could become that of something new.
            Object::Reference(id) if former != Object::Null => update.set(id, form)?,
            Object::Dictionary(_) => self.set("AcroForm", form.into()),
            _ => {
                let id = update.add(form)?;
                self.set("AcroForm", id.into());
            }
        }
        Ok(())
    }

    /// Names a signature as the one that certifies the document.
    pub(super) fn certify<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        signature: Reference,
    ) -> Result<(), Error> {
        let permissions = document.get_at(document.newest(), &self.catalog, "Perms")?;
        let permissions = permissions.as_dictionary().cloned().unwrap_or_default();
        if permissions.get("DocMDP").is_some() {
            return Err(Error::Unusable("the document is certified"));
        }
        self.set("Perms", with(&permissions, "DocMDP", signature.into()).into());
        Ok(())
    }
}

/// Appends references to an array. Whether the dictionary changed: not if the array is an object of its own.
pub(super) fn append<R: Read + Seek>(
    document: &mut Document<R>,
    update: &mut Update,
    dictionary: &mut Dictionary,
    key: &str,
    added: &[Reference],
) -> Result<bool, Error> {
    let added = added.iter().map(|id| Object::Reference(*id));
    let place = dictionary.get(key).cloned();
    let former = match place {
        Some(Object::Reference(id)) => document.object(id)?,
        Some(object) => object,
        None => Object::Null,
    };
    let is_new = former == Object::Null;
    let mut array = match former {
        Object::Array(array) => {
            array.iter().filter_map(Object::as_reference).try_for_each(|id| document.check_given(id))?;
            array
        }
        Object::Null => Vec::new(),
        _ => return Err(Error::Malformed("an array was expected")),
    };
    array.extend(added);
    // A name of nothing could become that of something new.
    match dictionary.reference(key).filter(|_| !is_new) {
        Some(id) => {
            update.set(id, array)?;
            Ok(false)
        }
        None => {
            dictionary.set(key, array.into());
            Ok(true)
        }
    }
}

impl<R: Read + Seek> Document<R> {
    /// The names of the fields at the top of the form.
    pub(super) fn top_names(&mut self) -> Result<HashSet<String>, Error> {
        let newest = self.newest();
        let (_, catalog) = self.catalog_at(newest)?;
        let form = self.get_at(newest, &catalog, "AcroForm")?;
        let fields = match form.as_dictionary() {
            Some(form) => self.get_at(newest, form, "Fields")?,
            None => Object::Null,
        };
        let mut names = HashSet::new();
        for id in references(&fields) {
            let field = self.object_at(newest, id)?;
            let Some(field) = field.as_dictionary() else { continue };
            names.extend(self.get_at(newest, field, "T")?.as_string().map(text));
        }
        Ok(names)
    }

    /// Adds a field with a widget for each stamp; one that is not seen if there is none.
    pub(super) fn add_field(
        &mut self,
        update: &mut Update,
        name: &str,
        signature: Reference,
        request: &Request,
    ) -> Result<Reference, Error> {
        let id = update.allocate()?;
        let mut field = Dictionary::from([
            ("FT", Object::from_name("Sig")),
            ("T", Object::String(text_string(name))),
            ("V", signature.into()),
        ]);
        if let Some(lock) = &request.lock {
            let lock = with(&lock_dictionary(lock), "Type", Object::from_name("SigFieldLock"));
            field.set("Lock", update.add(lock)?.into());
        }
        let pages = self.pages()?;
        let mut shown: BTreeMap<Reference, Vec<Reference>> = BTreeMap::new();
        let mut forms = Forms::new(request.appearance.as_ref());
        if let [] | [_] = request.stamps.as_slice() {
            let widget = match request.stamps.first() {
                Some(stamp) => forms.widget(update, &pages, stamp)?,
                None => hidden(pages.first())?,
            };
            shown.entry(page_of(&widget)?).or_default().push(id);
            update.set(id, joined(field, &widget))?;
        } else {
            let mut kids = Vec::with_capacity(request.stamps.len());
            for stamp in &request.stamps {
                let mut widget = forms.widget(update, &pages, stamp)?;
                let page = page_of(&widget)?;
                widget.set("Parent", id.into());
                let kid = update.add(widget)?;
                shown.entry(page).or_default().push(kid);
                kids.push(kid.into());
            }
            field.set("Kids", kids.into());
            update.set(id, field)?;
        }
        self.annotate(update, shown)?;
        Ok(id)
    }

    /// Puts annotations on pages.
    fn annotate(
        &mut self,
        update: &mut Update,
        shown: BTreeMap<Reference, Vec<Reference>>,
    ) -> Result<(), Error> {
        let mut arrays = HashSet::new();
        for (id, widgets) in shown {
            let Object::Dictionary(mut page) = update.get(self, id)? else {
                return Err(Error::Malformed("a page is not there"));
            };
            if page.reference("Annots").is_some_and(|array| !arrays.insert(array)) {
                return Err(Error::Unusable("pages share their annotations"));
            }
            if append(self, update, &mut page, "Annots", &widgets)? {
                update.set(id, page)?;
            }
        }
        Ok(())
    }

    /// Gives the widgets of a field that was there a picture.
    pub(super) fn dress(
        &mut self,
        update: &mut Update,
        field: &SignatureField,
        appearance: &Appearance,
    ) -> Result<(), Error> {
        let pages = self.pages()?;
        let mut forms = Forms::new(Some(appearance));
        for widget in &field.widgets {
            let Some(page) = widget.page.and_then(|page| pages.get(page)) else { continue };
            if widget.area.is_none_or(|area| area.width == 0.0 || area.height == 0.0) {
                continue;
            }
            let form = forms.part(update, WHOLE, page.rotate)?;
            if let Object::Dictionary(dictionary) = update.get(self, widget.id)? {
                update.change(widget.id, with(&dictionary, "AP", normal(form)));
            }
        }
        Ok(())
    }
}

/// Forms that widgets show. Widgets that show the same share them.
struct Forms<'a> {
    appearance: Option<&'a Appearance>,
    picture: Option<Reference>,
    parts: HashMap<([u64; 4], u16), Reference>,
}

impl<'a> Forms<'a> {
    fn new(appearance: Option<&'a Appearance>) -> Self {
        Self { appearance, picture: None, parts: HashMap::new() }
    }

    /// A part of the picture, in parts of its size.
    fn part(&mut self, update: &mut Update, clip: Rect, rotate: u16) -> Result<Reference, Error> {
        let appearance = self.appearance.ok_or(Error::Unusable("stamps without a picture"))?;
        let key = ([clip.x, clip.y, clip.width, clip.height].map(f64::to_bits), rotate);
        if let Some(part) = self.parts.get(&key) {
            return Ok(*part);
        }
        let picture = match self.picture {
            Some(picture) => picture,
            None => *self.picture.insert(appearance.write(update)?),
        };
        let part = appearance.write_part(update, picture, clip, rotate)?;
        self.parts.insert(key, part);
        Ok(part)
    }

    fn widget(&mut self, update: &mut Update, pages: &[Page], stamp: &Stamp) -> Result<Dictionary, Error> {
        let page = pages.get(stamp.page).ok_or(Error::Unusable("there is no such page"))?;
        let area = stamp.area;
        let whole = Rect { x: 0.0, y: 0.0, width: area.width, height: area.height };
        let clip = stamp.clip.unwrap_or(whole);
        let numbers = [area, clip].map(|rect| [rect.x, rect.y, rect.width, rect.height]);
        let sensible = numbers.as_flattened().iter().all(|number| number.abs() < 1e6);
        let clip = clip.intersection(&whole).filter(|_| sensible);
        let clip = clip.ok_or(Error::Unusable("a stamp that shows nothing"))?;
        let part = Rect {
            x: clip.x / area.width,
            y: clip.y / area.height,
            width: clip.width / area.width,
            height: clip.height / area.height,
        };
        let form = self.part(update, part, page.rotate)?;
        let visible = Stamp { clip: Some(clip), ..*stamp }.visible();
        let mut widget = widget(page, page.rect_to_user_space(visible));
        widget.set("AP", normal(form));
        Ok(widget)
    }
}

fn normal(form: Reference) -> Object {
    Dictionary::from([("N", form.into())]).into()
}

fn widget(page: &Page, rect: [f64; 4]) -> Dictionary {
    Dictionary::from([
        ("Type", Object::from_name("Annot")),
        ("Subtype", Object::from_name("Widget")),
        ("F", Object::Integer(PRINT_LOCKED)),
        ("Rect", rect.map(|number| Object::Real(rounded(number))).to_vec().into()),
        ("P", page.id.into()),
    ])
}

/// A widget without extent.
fn hidden(page: Option<&Page>) -> Result<Dictionary, Error> {
    Ok(widget(page.ok_or(Error::Malformed("there are no pages"))?, [0.0; 4]))
}

fn page_of(widget: &Dictionary) -> Result<Reference, Error> {
    widget.reference("P").ok_or(Error::Malformed("there are no pages"))
}

/// A widget that is its own field.
fn joined(mut field: Dictionary, widget: &Dictionary) -> Dictionary {
    for (key, value) in widget.iter() {
        field.set(&String::from_utf8_lossy(key), value.clone());
    }
    field
}
