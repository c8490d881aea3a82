//! Seals and signs a document: prepare, sign, embed.
//!
//! Files that are there stay as they are, byte for byte, but two: the list of signatures gets a line, and `OFD.xml` gets the
//! place of that list if the document had none. Source: GB/T 33190-2016, clause 18; GM/T 0099-2020.

mod edit;

pub(crate) use edit::remove_record;

use std::collections::HashSet;
use std::io::{Read, Seek, Write};

use base64ct::{Base64, Encoding};
use pki::Time;
use sm_primitives::sm3;

use super::integrity;
use super::package::{Hash, MAX_ENTRIES, Writer};
use super::path::{directory, resolve};
use super::read::{Document, ROOT};
use super::signature::{Kind, MAX_SIGNATURE_FILES, MAX_SIGNATURES, MAX_VALUE, Signature};
use super::xml::{MAX_XML, NAMESPACE, escape, parse};
use crate::error::Error;
use crate::geometry::{Rect, Stamp};
use crate::place::MAX_STAMPS;

/// Which program seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Who made it.
    pub company: &'a str,
}

/// What a signature protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protect {
    /// Every file but the list of signatures: others can follow.
    Content,
    /// Every file: none can follow.
    Whole,
}

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// With a seal or without.
    pub kind: Kind,
    /// Where the seal shows, pages of the first document of the package. None for a signature without a seal.
    pub stamps: &'a [Stamp],
    /// The electronic seal in DER. None for a signature without a seal.
    pub seal: Option<&'a [u8]>,
    /// Which program seals.
    pub provider: Provider<'a>,
    /// The algorithm as an object identifier: 1.2.156.10197.1.501 for SM2 with SM3.
    pub method: &'a str,
    /// When.
    pub time: Time,
    /// What it protects.
    pub protect: Protect,
}

/// A document that waits for its signature.
#[derive(Debug)]
pub struct Prepared<'a, R> {
    document: &'a mut Document<R>,
    time: Time,
    /// Files that replace those of the same path.
    changed: Vec<(String, Vec<u8>)>,
    /// New files, the value of the signature not counted.
    added: Vec<(String, Vec<u8>)>,
    signature_path: String,
    value_path: String,
    signature_xml: Vec<u8>,
}

/// Works out what is to be signed. The document does not change.
///
/// # Errors
/// [`Error::Unusable`]: a signature that protects the list of signatures, or that an edit would break; a request that does
/// not fit its kind; a package with an integrity list, or with a file that cannot be named. As [`Document::open`] for what
/// is there.
pub fn prepare<'a, R: Read + Seek>(
    document: &'a mut Document<R>,
    request: &Request<'_>,
) -> Result<Prepared<'a, R>, Error> {
    check(document, request)?;
    let list = document.signature_list(0)?;
    let existing = existing(document)?;
    if existing.iter().any(|signature| signature.protects_signatures) {
        return Err(Error::Unusable("a signature protects the whole document; none can follow"));
    }
    let mut changed = Vec::new();
    let list_path = match &list {
        Some(list) => list.path.clone(),
        None => {
            let body = document.bodies.first().ok_or(Error::Malformed("ofd: no document in it"))?;
            match &body.signatures {
                Some(named) => named.clone(),
                None => {
                    let path = format!("{}/Signs/Signatures.xml", directory(&body.path));
                    let root = document.package.read(ROOT, MAX_XML)?;
                    changed.push((ROOT.to_owned(), edit::name_list(&root, &path)?));
                    path
                }
            }
        }
    };
    let taken = taken(document, &existing);
    // A list that is named and not there is made; nothing may be at its place in another case.
    if list.is_none() && taken.contains(&list_path.to_lowercase()) {
        return Err(Error::Unusable("a list of signatures is there that the document does not name"));
    }
    let home = home(&list_path, &taken);
    let signature_path = format!("{home}/Signature.xml");
    let value_path = format!("{home}/SignedValue.dat");
    let mut ids = edit::Ids::new(list.as_ref(), &existing);
    let id = ids.next();
    let stamp_ids: Vec<String> = request.stamps.iter().map(|_| ids.next()).collect();
    let list_bytes = edit::add_record(list.as_ref(), &id, request.kind, &signature_path, &ids.last())?;
    let mut added = Vec::new();
    if let Some(seal) = request.seal {
        added.push((format!("{home}/Seal.esl"), seal.to_vec()));
    }
    let list_file = (list_path.clone(), list_bytes);
    if list.is_some() {
        changed.push(list_file);
    } else {
        added.insert(0, list_file);
    }
    for (path, _) in &changed {
        if existing.iter().any(|signature| signature.covers(path)) {
            return Err(Error::Unusable("a signature covers a file that would have to change"));
        }
    }
    let mut prepared = Prepared {
        document,
        time: request.time,
        changed,
        added,
        signature_path,
        value_path,
        signature_xml: Vec::new(),
    };
    let references =
        prepared.references((request.protect == Protect::Content).then_some(list_path.as_str()))?;
    prepared.signature_xml = prepared.xml(request, &references, &stamp_ids)?;
    Ok(prepared)
}

fn check<R: Read + Seek>(document: &Document<R>, request: &Request<'_>) -> Result<(), Error> {
    match (request.kind, request.seal, request.stamps) {
        (Kind::Seal, None, _) => return Err(Error::Unusable("a seal is needed")),
        (Kind::Seal, _, []) => return Err(Error::Unusable("a seal that shows nowhere")),
        (Kind::Sign, Some(_), _) | (Kind::Sign, _, [_, ..]) => {
            return Err(Error::Unusable("a signature without a seal shows nowhere"));
        }
        _ => {}
    }
    if request.seal.is_some_and(|seal| seal.len() as u64 > MAX_VALUE) {
        return Err(Error::TooLarge("ofd: the seal"));
    }
    if request.stamps.len() > MAX_STAMPS {
        return Err(Error::TooLarge("stamps of one seal"));
    }
    if request.method.is_empty() || !request.method.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(Error::Unusable("the algorithm is no object identifier"));
    }
    if document.package.contains(integrity::PATH) {
        return Err(Error::Unusable("the package has an integrity list, which new files would break"));
    }
    if document.package.entries().iter().any(|entry| entry.foreign_name) {
        return Err(Error::Unusable("the package has a file whose name is not in UTF-8"));
    }
    if document.package.entries().len() + 4 > MAX_ENTRIES {
        return Err(Error::TooLarge("package: entries"));
    }
    Ok(())
}

/// The signatures of all documents in the package. Each must be understood, or it could not be kept whole.
pub(crate) fn existing<R: Read + Seek>(document: &mut Document<R>) -> Result<Vec<Signature>, Error> {
    let mut left = MAX_SIGNATURE_FILES;
    let mut found = Vec::new();
    for body in 0..document.bodies.len() {
        let Some(list) = document.signature_list(body)? else { continue };
        for record in &list.records {
            found.push(document.signature(body, &list.path, record, &mut left)?);
            if found.len() >= MAX_SIGNATURES {
                return Err(Error::TooLarge("ofd: signatures"));
            }
        }
    }
    Ok(found)
}

/// Every path in the package, and that a signature names whether there is such a file or not, and every directory of one, in
/// lower case.
fn taken<R: Read + Seek>(document: &Document<R>, existing: &[Signature]) -> HashSet<String> {
    let mut taken = HashSet::new();
    let named = existing.iter().flat_map(|signature| {
        signature.own().chain(signature.references.iter().map(|reference| reference.file.as_str()))
    });
    for path in document.package.entries().iter().map(|entry| entry.path.as_str()).chain(named) {
        let folded = path.trim_end_matches('/').to_lowercase();
        let mut path = folded.as_str();
        while !path.is_empty() && taken.insert(path.to_owned()) {
            path = directory(path);
        }
    }
    taken
}

/// The directory of a new signature: beside the list of signatures.
fn home(list: &str, taken: &HashSet<String>) -> String {
    let beside = directory(list);
    let signs =
        if beside.to_lowercase().ends_with("/signs") { beside.to_owned() } else { format!("{beside}/Signs") };
    let mut number = 0_usize;
    loop {
        let home = format!("{signs}/Sign_{number}");
        if !taken.contains(&home.to_lowercase()) {
            return home;
        }
        number += 1;
    }
}

impl<R: Read + Seek> Prepared<'_, R> {
    /// `Signature.xml`: its SM3 digest is what the signature is about (`dataHash`).
    #[must_use]
    pub fn signature_xml(&self) -> &[u8] {
        &self.signature_xml
    }

    /// The SM3 digest of `Signature.xml`.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sm3::digest(&self.signature_xml)
    }

    /// The path of `Signature.xml`, which sealed data name (`propertyInfo`).
    #[must_use]
    pub fn property_info(&self) -> &str {
        &self.signature_path
    }

    /// Writes the document with the value of the signature. The same input gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the value is empty; [`Error::TooLarge`]: it or the package is; [`Error::Io`].
    pub fn embed(self, value: &[u8], out: impl Write) -> Result<(), Error> {
        if value.is_empty() {
            return Err(Error::Unusable("the value of the signature is empty"));
        }
        if value.len() as u64 > MAX_VALUE {
            return Err(Error::TooLarge("ofd: the value of a signature"));
        }
        let mut writer = Writer::new(out, self.time);
        let package = &mut self.document.package;
        for index in 0..package.entries().len() {
            let path = package.entries().get(index).map_or("", |entry| &entry.path);
            match self.changed.iter().find(|(changed, _)| changed == path) {
                Some((path, content)) => writer.add(path, content)?,
                None => writer.keep(package, index)?,
            }
        }
        for (path, content) in &self.added {
            writer.add(path, content)?;
        }
        writer.add(&self.signature_path, &self.signature_xml)?;
        writer.add(&self.value_path, value)?;
        writer.finish()
    }

    /// Every file with its digest, `without` one.
    fn references(&mut self, without: Option<&str>) -> Result<Vec<(String, [u8; 32])>, Error> {
        let mut references = Vec::new();
        let files: Vec<String> = self.document.package.files().map(str::to_owned).collect();
        for path in files {
            let digest = match self.changed.iter().find(|(changed, _)| *changed == path) {
                Some((_, content)) => sm3::digest(content),
                None if Some(path.as_str()) == without => continue,
                None => self.document.package.digest(&path, Hash::Sm3)?,
            };
            references.push((path, digest));
        }
        references.extend(self.added.iter().map(|(path, content)| (path.clone(), sm3::digest(content))));
        references.retain(|(path, _)| Some(path.as_str()) != without);
        Ok(references)
    }

    fn xml(
        &self,
        request: &Request<'_>,
        references: &[(String, [u8; 32])],
        stamp_ids: &[String],
    ) -> Result<Vec<u8>, Error> {
        let Provider { name, version, company } = request.provider;
        let time: String = request.time.to_string().chars().filter(char::is_ascii_digit).collect();
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ofd:Signature xmlns:ofd=\"{NAMESPACE}\"><ofd:SignedInfo>\
             <ofd:Provider ProviderName=\"{}\" Version=\"{}\" Company=\"{}\"/>\
             <ofd:SignatureMethod>{}</ofd:SignatureMethod><ofd:SignatureDateTime>{time}Z</ofd:SignatureDateTime>\
             <ofd:References CheckMethod=\"1.2.156.10197.1.401\">",
            escape(name),
            escape(version),
            escape(company),
            request.method
        );
        for (path, digest) in references {
            xml.push_str("<ofd:Reference FileRef=\"");
            xml.push_str(&escape(path));
            xml.push_str("\"><ofd:CheckValue>");
            xml.push_str(&Base64::encode_string(digest));
            xml.push_str("</ofd:CheckValue></ofd:Reference>");
        }
        xml.push_str("</ofd:References>");
        for (stamp, id) in request.stamps.iter().zip(stamp_ids) {
            let page = self.document.page_list().get(stamp.page).filter(|page| page.body == 0);
            let page = page.ok_or(Error::Unusable("there is no such page"))?;
            let clip = match stamp.clip {
                Some(clip) => format!(" Clip=\"{}\"", numbers(clip)?),
                None => String::new(),
            };
            let (page, area) = (escape(&page.id), numbers(stamp.area)?);
            xml.push_str(&format!(
                "<ofd:StampAnnot ID=\"{id}\" PageRef=\"{page}\" Boundary=\"{area}\"{clip}/>"
            ));
        }
        if let Some((path, _)) = self.added.iter().find(|(path, _)| path.ends_with("/Seal.esl")) {
            xml.push_str(&format!("<ofd:Seal><ofd:BaseLoc>{}</ofd:BaseLoc></ofd:Seal>", escape(path)));
        }
        let value = escape(&self.value_path);
        xml.push_str(&format!("</ofd:SignedInfo><ofd:SignedValue>{value}</ofd:SignedValue></ofd:Signature>"));
        let xml = xml.into_bytes();
        // What was written must be read as what it says: a name that ends with a space would be another one.
        let written = parse(&xml)?.root;
        let list = written.first("SignedInfo").and_then(|info| info.first("References"));
        let named = list.into_iter().flat_map(|list| list.all("Reference"));
        let named = named.map(|one| resolve(ROOT, one.attribute("FileRef").unwrap_or_default()).ok());
        if !named.eq(references.iter().map(|(path, _)| Some(path.clone()))) {
            return Err(Error::Unusable("the package has a file whose name cannot be written"));
        }
        Ok(xml)
    }
}

/// Four numbers, to a thousandth of a millimetre.
fn numbers(rect: Rect) -> Result<String, Error> {
    let all = [rect.x, rect.y, rect.width, rect.height];
    if !all.iter().all(|number| number.abs() < 1e6) || rect.width <= 0.0 || rect.height <= 0.0 {
        return Err(Error::Unusable("the place of a stamp is no rectangle"));
    }
    let round = |number: f64| {
        let rounded = (number * 1000.0).round() / 1000.0;
        // Zero has a sign, which nobody expects.
        if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
    };
    Ok(all.map(round).join(" "))
}
