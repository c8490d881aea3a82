//! The signatures of a document, as they stand in it.

use std::collections::HashMap;
use std::io::{Read, Seek};

use base64ct::{Base64, Encoding};
use pki::Time;

use super::package::Hash;
use super::path::resolve;
use super::read::{Document, rect};
use super::xml::{self, Element};
use crate::error::Error;
use crate::geometry::Stamp;

/// Most signatures of a package.
pub const MAX_SIGNATURES: usize = 2_000;
/// Longest `Signature.xml` and `Signatures.xml`, in bytes.
pub const MAX_SIGNATURE_XML: u64 = 16 << 20;
/// Longest signature value and longest seal, in bytes.
pub const MAX_VALUE: u64 = 16 << 20;

/// Longest sum of the files of all signatures, in bytes.
pub const MAX_SIGNATURE_FILES: u64 = 256 << 20;

/// What a signature is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// With an electronic seal.
    Seal,
    /// Without one.
    Sign,
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "Seal",
            Self::Sign => "Sign",
        }
    }
}

/// How references are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckMethod {
    /// SM3, by its name or as an object identifier under 1.2.156.10197.1.401.
    Sm3,
    /// SHA-256.
    Sha256,
    /// MD5, which is also what it means if none is given.
    Md5,
    /// SHA-1.
    Sha1,
    /// Another one.
    Other,
}

impl CheckMethod {
    fn read(text: Option<&str>) -> Self {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Self::Md5 };
        match text.to_ascii_uppercase().replace('-', "").as_str() {
            "SM3" | "1.2.156.10197.1.401" | "1.2.156.10197.1.401.1" | "1.2.156.10197.1.401.2" => Self::Sm3,
            "SHA256" | "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "MD5" | "1.2.840.113549.2.5" => Self::Md5,
            "SHA1" | "1.3.14.3.2.26" => Self::Sha1,
            _ => Self::Other,
        }
    }
}

/// What became of a file since it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing.
    Ok,
    /// It is another one.
    Changed,
    /// It is not there.
    Missing,
    /// It is there, and the method to check it is forgeable or unknown.
    Unchecked,
}

/// A file that a signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its path.
    pub file: String,
    /// Its digest according to the signature; empty if that is not base64.
    pub check_value: Vec<u8>,
    /// What became of it.
    pub outcome: Outcome,
}

/// A signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its id.
    pub id: String,
    /// What it is said to be.
    pub kind: Kind,
    /// The path of its `Signature.xml`.
    pub path: String,
    /// Its `Signature.xml`: what is signed is the SM3 digest of these bytes.
    pub xml: Vec<u8>,
    /// The path of the signature value.
    pub value_path: String,
    /// The signature value. Empty if it is not there.
    pub value: Vec<u8>,
    /// The path of the seal beside the signature.
    pub seal_path: Option<String>,
    /// The seal beside the signature, if it is there.
    pub seal: Option<Vec<u8>>,
    /// Name, version and company of the program that made it.
    pub provider: [String; 3],
    /// The algorithm: a name or an object identifier.
    pub method: String,
    /// When it is said to be made, as it is written.
    pub date_time: String,
    /// The same. A time without a zone is taken to be eight hours ahead of universal time, as in China.
    pub time: Option<Time>,
    /// How the references are checked.
    pub check_method: CheckMethod,
    /// What it covers.
    pub references: Vec<Reference>,
    /// Where its seal shows.
    pub stamps: Vec<Stamp>,
    /// The ids of stamps, which count together with those of signatures.
    pub(crate) stamp_ids: Vec<String>,
    /// The ids of pages with stamps that are not in the document.
    pub lost_pages: Vec<String>,
    /// It covers the list of signatures, so that none can follow.
    pub protects_signatures: bool,
    /// What was tolerated, for people.
    pub deviations: Vec<String>,
}

impl Signature {
    /// Whether it covers a file.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.references.iter().any(|reference| reference.file == path)
    }

    /// Its own files: `Signature.xml`, the value, the seal.
    pub(crate) fn own(&self) -> impl Iterator<Item = &str> {
        [self.path.as_str(), self.value_path.as_str()].into_iter().chain(self.seal_path.as_deref())
    }
}

/// A line of the list of signatures.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) path: String,
    pub(crate) deviation: Option<String>,
}

/// The list of signatures of one of the documents in a package.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) root: Element,
    pub(crate) records: Vec<Record>,
}

impl<R: Read + Seek> Document<R> {
    /// The list of signatures of a body; `None` if it has none, or names one that is not there.
    pub(crate) fn signature_list(&mut self, body: usize) -> Result<Option<List>, Error> {
        let named = self.bodies.get(body).and_then(|body| body.signatures.clone());
        let Some(path) = named.filter(|path| self.package.contains(path)) else {
            return Ok(None);
        };
        let bytes = self.package.read(&path, MAX_SIGNATURE_XML)?;
        let root = xml::parse(&bytes)?.root;
        if root.name() != "Signatures" {
            return Err(Error::Malformed("ofd: the list of signatures is something else"));
        }
        let mut records: Vec<Record> = Vec::new();
        for element in root.all("Signature") {
            if records.len() >= MAX_SIGNATURES {
                return Err(Error::TooLarge("ofd: signatures"));
            }
            let id = element.attribute("ID").unwrap_or_default().to_owned();
            let place =
                element.attribute("BaseLoc").ok_or(Error::Malformed("ofd: a signature without a file"))?;
            let (kind, deviation) = match element.attribute("Type") {
                Some("Seal") | None => (Kind::Seal, None),
                Some("Sign") => (Kind::Sign, None),
                Some(other) => (Kind::Seal, Some(format!("signature {id}: of the type {other}"))),
            };
            let path = resolve(&path, place)?;
            if records.iter().any(|record| record.path == path || record.id == id) {
                return Err(Error::Malformed("ofd: a signature that is listed twice"));
            }
            records.push(Record { id, kind, path, deviation });
        }
        Ok(Some(List { path, bytes, root, records }))
    }

    /// A signature with the outcome of each reference. Its files may have as many bytes as are `left`.
    pub(crate) fn signature(
        &mut self,
        body: usize,
        list: &str,
        record: &Record,
        left: &mut u64,
    ) -> Result<Signature, Error> {
        let path = record.path.clone();
        let xml = self.limited(&path, MAX_SIGNATURE_XML, left)?;
        let mut deviations: Vec<String> = record.deviation.iter().cloned().collect();
        let tree = xml::parse(&xml)?;
        if !tree.standard {
            deviations.push(format!("{path}: the namespace is not that of OFD"));
        }
        let root = tree.root;
        let info = root.one("SignedInfo")?.ok_or(Error::Malformed("ofd: a signature that says nothing"))?;
        if root.name() != "Signature" {
            return Err(Error::Malformed("ofd: a signature is something else"));
        }
        let value_place =
            root.text_of("SignedValue")?.ok_or(Error::Malformed("ofd: a signature without a value"))?;
        let value_path = self.locate(&path, value_place)?;
        let value = self.optional(&value_path, left)?.unwrap_or_default();
        let seal_place = match info.one("Seal")? {
            Some(seal) => seal.text_of("BaseLoc")?,
            None => None,
        };
        let seal_path = seal_place.map(|place| self.locate(&path, place)).transpose()?;
        let seal = match &seal_path {
            Some(path) => self.optional(path, left)?,
            None => None,
        };
        let list_of_references = info.one("References")?;
        let check_method =
            CheckMethod::read(list_of_references.and_then(|list| list.attribute("CheckMethod")));
        let references = match list_of_references {
            Some(list) => self.references(&path, list, check_method)?,
            None => Vec::new(),
        };
        let (stamps, lost_pages) = self.stamps(body, info)?;
        let date_time = info.text_of("SignatureDateTime")?.unwrap_or_default().to_owned();
        Ok(Signature {
            id: record.id.clone(),
            kind: record.kind,
            protects_signatures: references.iter().any(|reference| reference.file == list),
            path,
            xml,
            value_path,
            value,
            seal_path,
            seal,
            provider: provider(info, &mut deviations)?,
            method: info.text_of("SignatureMethod")?.unwrap_or_default().to_owned(),
            time: time(&date_time),
            date_time,
            check_method,
            references,
            stamps,
            stamp_ids: info
                .all("StampAnnot")
                .filter_map(|stamp| stamp.attribute("ID"))
                .map(str::to_owned)
                .collect(),
            lost_pages,
            deviations,
        })
    }

    /// The path of a place, which some count from the root although it has no slash in front.
    fn locate(&self, base: &str, place: &str) -> Result<String, Error> {
        let path = resolve(base, place)?;
        if self.package.contains(&path) {
            return Ok(path);
        }
        let from_root = resolve("/", place).ok().filter(|path| self.package.contains(path));
        Ok(from_root.unwrap_or(path))
    }

    fn limited(&mut self, path: &str, limit: u64, left: &mut u64) -> Result<Vec<u8>, Error> {
        let bytes = self.package.read(path, limit.min(*left))?;
        *left = left.saturating_sub(bytes.len() as u64);
        Ok(bytes)
    }

    fn optional(&mut self, path: &str, left: &mut u64) -> Result<Option<Vec<u8>>, Error> {
        if self.package.contains(path) { self.limited(path, MAX_VALUE, left).map(Some) } else { Ok(None) }
    }

    fn references(
        &mut self,
        base: &str,
        list: &Element,
        method: CheckMethod,
    ) -> Result<Vec<Reference>, Error> {
        let mut references = Vec::new();
        for element in list.all("Reference") {
            let place =
                element.attribute("FileRef").ok_or(Error::Malformed("ofd: a reference to nothing"))?;
            let file = self.locate(base, place)?;
            let text: String = element
                .text_of("CheckValue")?
                .unwrap_or_default()
                .chars()
                .filter(|char| !char.is_whitespace())
                .collect();
            let check_value = Base64::decode_vec(&text).unwrap_or_default();
            let outcome = self.check(&file, &check_value, method)?;
            references.push(Reference { file, check_value, outcome });
        }
        Ok(references)
    }

    fn check(&mut self, file: &str, expected: &[u8], method: CheckMethod) -> Result<Outcome, Error> {
        if !self.package.contains(file) {
            return Ok(Outcome::Missing);
        }
        let same = match method {
            CheckMethod::Sm3 => self.package.digest(file, Hash::Sm3)? == expected,
            CheckMethod::Sha256 => self.package.digest(file, Hash::Sha256)? == expected,
            CheckMethod::Md5 | CheckMethod::Sha1 | CheckMethod::Other => return Ok(Outcome::Unchecked),
        };
        Ok(if same { Outcome::Ok } else { Outcome::Changed })
    }

    fn stamps(&self, body: usize, info: &Element) -> Result<(Vec<Stamp>, Vec<String>), Error> {
        let mut pages = HashMap::new();
        for (index, page) in self.page_list().iter().enumerate().filter(|(_, page)| page.body == body) {
            pages.entry(page.id.as_str()).or_insert(index);
        }
        let (mut stamps, mut lost) = (Vec::new(), Vec::new());
        for element in info.all("StampAnnot") {
            if stamps.len() >= crate::place::MAX_STAMPS {
                return Err(Error::TooLarge("stamps of one seal"));
            }
            let page = element.attribute("PageRef").unwrap_or_default();
            let area = element
                .attribute("Boundary")
                .and_then(rect)
                .ok_or(Error::Malformed("ofd: a stamp nowhere"))?;
            let clip = match element.attribute("Clip") {
                Some(clip) => Some(rect(clip).ok_or(Error::Malformed("ofd: the clip of a stamp"))?),
                None => None,
            };
            match pages.get(page) {
                Some(page) => stamps.push(Stamp { page: *page, area, clip }),
                None => lost.push(page.to_owned()),
            }
        }
        Ok((stamps, lost))
    }
}

/// Name, version and company: attributes, or children with some makers.
fn provider(info: &Element, deviations: &mut Vec<String>) -> Result<[String; 3], Error> {
    let mut found = <[String; 3]>::default();
    if let Some(provider) = info.one("Provider")? {
        for (slot, name) in found.iter_mut().zip(["ProviderName", "Version", "Company"]) {
            if let Some(value) = provider.attribute(name) {
                value.clone_into(slot);
            } else if let Some(value) = provider.text_of(name)? {
                value.clone_into(slot);
                deviations.push(format!("Provider: {name} is a child"));
            }
        }
    }
    Ok(found)
}

/// A time in any of the forms in use: `2026-01-31 23:59:59`, `2026-01-31T23:59:59.123Z`, `20260131235959Z`.
fn time(text: &str) -> Option<Time> {
    /// China is ahead of universal time by this, in seconds.
    const CHINA: u64 = 8 * 3600;
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let digits: String = whole.chars().filter(char::is_ascii_digit).take(14).collect();
    if digits.len() != 14 {
        return None;
    }
    let time = Time::from_der(0x18, format!("{digits}Z").as_bytes())?;
    if text.ends_with('Z') { Some(time) } else { Time::from_unix(time.as_unix().checked_sub(CHINA)?) }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::package::Writer;
    use super::*;

    #[test]
    fn the_files_of_all_signatures_are_limited_together() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Time::from_unix(0).expect("a time"));
        let signature = "<Signature><SignedInfo><Seal><BaseLoc>l</BaseLoc></Seal></SignedInfo>\
                         <SignedValue>v</SignedValue></Signature>";
        for (path, content) in [
            ("/OFD.xml", "<OFD><DocBody><DocRoot>D.xml</DocRoot></DocBody></OFD>"),
            ("/D.xml", "<Document><CommonData/></Document>"),
            ("/s", signature),
            ("/v", "value"),
            ("/l", "seal"),
        ] {
            writer.add(path, content.as_bytes()).expect("in memory");
        }
        writer.finish().expect("in memory");
        let mut document = Document::open(Cursor::new(&*bytes)).expect("a document");
        let record = Record { id: String::new(), kind: Kind::Seal, path: "/s".to_owned(), deviation: None };
        let all = signature.len() as u64 + 5 + 4;
        let mut left = all + 7;
        assert!(document.signature(0, "/S", &record, &mut left).is_ok());
        assert_eq!(left, 7);
        for short in [1, 5, 9, 10] {
            let error = document.signature(0, "/S", &record, &mut (all - short)).err();
            assert_eq!(error, Some(Error::TooLarge("package: a file that is read as a whole")), "{short}");
        }
    }

    #[test]
    fn times_of_every_maker() {
        for (text, expected) in [
            ("2021-05-19 20:53:44", Some("2021-05-19T12:53:44Z")),
            ("20221116112058Z", Some("2022-11-16T11:20:58Z")),
            ("20201004072855.302Z", Some("2020-10-04T07:28:55Z")),
            ("2020-01-25T07:31:56.377Z", Some("2020-01-25T07:31:56Z")),
            ("2020-06-20", None),
            ("2020-13-20 00:00:00", None),
            ("1970-01-01 00:00:00", None),
            ("", None),
        ] {
            assert_eq!(time(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn methods_by_name_and_by_number() {
        for (text, method) in [
            (None, CheckMethod::Md5),
            (Some(" "), CheckMethod::Md5),
            (Some("sm3"), CheckMethod::Sm3),
            (Some("1.2.156.10197.1.401"), CheckMethod::Sm3),
            (Some("SHA-256"), CheckMethod::Sha256),
            (Some("sha1"), CheckMethod::Sha1),
            (Some("CRC"), CheckMethod::Other),
        ] {
            assert_eq!(CheckMethod::read(text), method, "{text:?}");
        }
    }
}
