//! Signing: what is appended to a file, with room for the value of the signature.
//!
//! Source: ISO 32000-2:2020, 12.7.5.5 and 12.8; ETSI EN 319 142-1, 5.

use std::io::{Read, Seek};

use pki::Time;

use crate::error::Error;
use crate::geometry::Stamp;
use crate::place::MAX_STAMPS;

use super::appearance::Appearance;
use super::document::Document;
use super::fields::{MAX_FIELDS, MAX_FORM, SignatureField};
use super::form::{self, Changes};
use super::object::{Dictionary, Object, Reference};
use super::permission::{Certification, Lock};
use super::prepared::Prepared;
use super::update::Update;
use super::write;

/// Longest value of a signature, in bytes.
pub const MAX_VALUE_LEN: usize = 1 << 20;

/// What a new widget and a new field take in memory at most, beside the value of the signature.
const WIDGET: usize = 2 * 1024;
const FIELD: usize = 64 * 1024;

/// Longest text of a request, in bytes.
const MAX_TEXT: usize = 4 * 1024;

/// Digits that an offset gets in a byte range.
const RANGE_DIGITS: usize = 12;

/// What kind of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `ETSI.CAdES.detached`: a CMS with signed attributes as PAdES wants it.
    Cades,
    /// `adbe.pkcs7.detached`: any CMS.
    Pkcs7,
    /// `GM.sm2seal`: sealed data of GB/T 38540.
    Seal,
    /// `ETSI.RFC3161`: a time-stamp of the document.
    DocTimeStamp,
}

impl Flavour {
    /// `/Filter` and `/SubFilter`.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cades => ("Adobe.PPKLite", "ETSI.CAdES.detached"),
            Self::Pkcs7 => ("Adobe.PPKLite", "adbe.pkcs7.detached"),
            Self::Seal => ("Gomain.GMPkiLite", "GM.sm2seal"),
            Self::DocTimeStamp => ("Adobe.PPKLite", "ETSI.RFC3161"),
        }
    }
}

/// What a document is to be signed with.
#[derive(Clone, Debug)]
pub struct Request {
    /// The kind of signature.
    pub flavour: Flavour,
    /// The field: an empty one that is there, which keeps its place, or a new one. `None`: a new one gets a name.
    pub field: Option<String>,
    /// Where a new field shows. None: nowhere.
    pub stamps: Vec<Stamp>,
    /// What it looks like.
    pub appearance: Option<Appearance>,
    /// Who signs.
    pub name: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// How to reach the one who signs.
    pub contact: Option<String>,
    /// When, as the signer claims; not written in a time-stamp.
    pub time: Time,
    /// Most bytes that the value of the signature will have.
    pub value_len: usize,
    /// Certifies the document; only the first signature can.
    pub certification: Option<Certification>,
    /// Locks fields.
    pub lock: Option<Lock>,
}

impl Request {
    /// An invisible signature in a new field.
    #[must_use]
    pub const fn new(flavour: Flavour, time: Time, value_len: usize) -> Self {
        Self {
            flavour,
            field: None,
            stamps: Vec::new(),
            appearance: None,
            name: None,
            reason: None,
            location: None,
            contact: None,
            time,
            value_len,
            certification: None,
            lock: None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=MAX_VALUE_LEN).contains(&self.value_len) {
            return Err(Error::Unusable("the length of the value of a signature"));
        }
        if self.stamps.len() > MAX_STAMPS {
            return Err(Error::TooLarge("stamps of one seal"));
        }
        if !self.stamps.is_empty() && self.appearance.is_none() {
            return Err(Error::Unusable("stamps without a picture"));
        }
        let texts = [&self.field, &self.name, &self.reason, &self.location, &self.contact];
        if texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT) {
            return Err(Error::TooLarge("text of a signature"));
        }
        let restricts = self.certification.is_some() || self.lock.is_some();
        if self.flavour == Flavour::DocTimeStamp && (restricts || !self.stamps.is_empty()) {
            return Err(Error::Unusable("a time-stamp is not seen and restricts nothing"));
        }
        Ok(())
    }
}

impl<R: Read + Seek> Document<R> {
    /// Makes what is to be appended to the file. The file does not change, nor does this document.
    ///
    /// # Errors
    /// [`Error::Unusable`]: signatures that are there do not permit it, or the request contradicts itself or the document;
    /// others as [`Document::object`].
    pub fn prepare(&mut self, request: &Request) -> Result<Prepared, Error> {
        request.check()?;
        let newest = self.newest();
        let fields = self.signature_fields(newest)?;
        let existing = match &request.field {
            Some(name) => fields.iter().find(|field| field.name == *name),
            None => None,
        };
        let name = match (&request.field, existing) {
            (_, Some(field)) => field.name.clone(),
            (Some(name), None) => self.new_name(name)?,
            (None, None) => self.unique_name()?,
        };
        if request.certification.is_some() && fields.iter().any(|field| field.value.is_some()) {
            return Err(Error::Unusable("only the first signature certifies"));
        }
        if request.flavour != Flavour::DocTimeStamp {
            self.check_permitted(&fields, &name, existing.is_none() && !request.stamps.is_empty())?;
        }
        // What is signed must be something that can be read.
        let former: usize = fields.iter().map(SignatureField::weight).sum();
        let added = request.stamps.len() * WIDGET + 2 * request.value_len + FIELD;
        if former.saturating_add(added) > MAX_FORM || fields.len() >= MAX_FIELDS {
            return Err(Error::TooLarge("signature fields"));
        }
        let mut update = Update::new(self)?;
        let mut changes = Changes::new(self)?;
        let signature = update.allocate()?;
        let own_lock = match existing {
            Some(field) => {
                self.fill(&mut update, field, signature, request)?;
                changes.sign_form(self, &mut update, None)?;
                self.get_at(newest, &field.dictionary, "Lock")?
            }
            None => {
                let id = self.add_field(&mut update, &name, signature, request)?;
                changes.sign_form(self, &mut update, Some(id))?;
                Object::Null
            }
        };
        let lock = match (own_lock.as_dictionary(), &request.lock) {
            (Some(_), Some(_)) => return Err(Error::Unusable("the field has a lock of its own")),
            (Some(lock), None) => self.lock(newest, lock)?,
            (None, lock) => lock.clone(),
        };
        if request.certification.is_some() {
            changes.certify(self, signature)?;
        }
        let catalog = changes.finish(&mut update)?;
        // A form that is the value of a field as well, say: that signature would not be what it was.
        let mut signed = fields.iter().filter_map(|field| field.value.as_ref()?.id);
        if signed.any(|id| update.defines(id)) {
            return Err(Error::Malformed("an object is two parts of a document"));
        }
        let (text, range_at, contents_at) = value_text(request, lock.as_ref(), catalog)?;
        let at = update.put_text(signature, &text)?;
        let base = update.base();
        let mut bytes = update.finish()?;
        let contents = at + contents_at..at + contents_at + 2 * request.value_len + 2;
        let byte_range = byte_range(base, &contents, bytes.len());
        let numbers: String = byte_range.iter().map(|number| format!("{number:<RANGE_DIGITS$} ")).collect();
        let room = bytes.get_mut(at + range_at..).and_then(|bytes| bytes.get_mut(..numbers.len()));
        match room {
            Some(room) if numbers.len() == range_len() => room.copy_from_slice(numbers.as_bytes()),
            _ => return Err(Error::TooLarge("file")),
        }
        Ok(Prepared::new(base, bytes, contents, byte_range, name, changes.has_xfa()))
    }

    /// A name that a new field can have.
    fn new_name(&mut self, name: &str) -> Result<String, Error> {
        if name.is_empty() || name.contains('.') {
            return Err(Error::Unusable("a name that a new field cannot have"));
        }
        if self.top_names()?.contains(name) {
            return Err(Error::Unusable("there is a field of this name that is not for a signature"));
        }
        Ok(name.to_owned())
    }

    fn unique_name(&mut self) -> Result<String, Error> {
        let names = self.top_names()?;
        let mut numbers = 1_u32..;
        let unused = numbers.find_map(|n| Some(format!("Signature{n}")).filter(|name| !names.contains(name)));
        unused.ok_or(Error::TooLarge("fields"))
    }

    /// Signs a field that is there.
    fn fill(
        &mut self,
        update: &mut Update,
        field: &SignatureField,
        signature: Reference,
        request: &Request,
    ) -> Result<(), Error> {
        if field.value.is_some() || field.dictionary.get("V").is_some() {
            return Err(Error::Unusable("the field is signed"));
        }
        if !request.stamps.is_empty() {
            return Err(Error::Unusable("the field has its own place"));
        }
        let seed = self.get_at(self.newest(), &field.dictionary, "SV")?;
        let demands = seed.as_dictionary().and_then(|seed| seed.integer("Ff")).unwrap_or(0);
        if demands != 0 {
            return Err(Error::Unusable("the field demands signatures of a kind"));
        }
        update.set(field.id, form::with(&field.dictionary, "V", signature.into()))?;
        if let Some(appearance) = &request.appearance {
            self.dress(update, field, appearance)?;
        }
        Ok(())
    }
}

/// Spaces that a byte range is written into.
const fn range_len() -> usize {
    4 * (RANGE_DIGITS + 1)
}

/// What a signature covers when `contents` in `len` appended bytes are left out.
fn byte_range(base: u64, contents: &core::ops::Range<usize>, len: usize) -> [u64; 4] {
    let (start, end) = (base + contents.start as u64, base + contents.end as u64);
    [0, start, end, (base + len as u64).saturating_sub(end)]
}

/// The signature dictionary, where in it the numbers of the byte range go, and where `/Contents` begins.
fn value_text(
    request: &Request,
    lock: Option<&Lock>,
    catalog: Reference,
) -> Result<(Vec<u8>, usize, usize), Error> {
    let (filter, sub_filter) = request.flavour.names();
    let is_stamp = request.flavour == Flavour::DocTimeStamp;
    let mut value = Dictionary::from([
        ("Type", Object::from_name(if is_stamp { "DocTimeStamp" } else { "Sig" })),
        ("Filter", Object::from_name(filter)),
        ("SubFilter", Object::from_name(sub_filter)),
    ]);
    if !is_stamp {
        let texts = [
            ("Name", &request.name),
            ("Reason", &request.reason),
            ("Location", &request.location),
            ("ContactInfo", &request.contact),
        ];
        for (key, value_text) in texts {
            if let Some(text) = value_text {
                value.set(key, Object::String(form::text_string(text)));
            }
        }
        let digits: String = request.time.to_string().chars().filter(char::is_ascii_digit).collect();
        value.set("M", Object::String(format!("D:{digits}+00'00'").into_bytes()));
    }
    let mut references = Vec::new();
    if let Some(certification) = request.certification {
        references.push(transform("DocMDP", [("P", Object::Integer(certification.level()))].into()).into());
    }
    if let Some(lock) = lock {
        let mut reference = transform("FieldMDP", form::lock_dictionary(lock));
        reference.set("Data", catalog.into());
        references.push(reference.into());
    }
    if !references.is_empty() {
        value.set("Reference", references.into());
    }
    let mut text = Vec::new();
    write::object(&mut text, &value.into())?;
    // The dictionary goes on.
    text.truncate(text.len().saturating_sub(2));
    text.extend_from_slice(b"/ByteRange [");
    let range_at = text.len();
    text.resize(range_at + range_len(), b' ');
    text.extend_from_slice(b"]/Contents ");
    let contents_at = text.len();
    text.push(b'<');
    text.resize(contents_at + 1 + 2 * request.value_len, b'0');
    text.extend_from_slice(b">>>");
    Ok((text, range_at, contents_at))
}

fn transform(method: &str, parameters: Dictionary) -> Dictionary {
    let mut all =
        Dictionary::from([("Type", Object::from_name("TransformParams")), ("V", Object::from_name("1.2"))]);
    for (key, value) in parameters.iter() {
        all.set(&String::from_utf8_lossy(key), value.clone());
    }
    Dictionary::from([
        ("Type", Object::from_name("SigRef")),
        ("TransformMethod", Object::from_name(method)),
        ("TransformParams", all.into()),
    ])
}
