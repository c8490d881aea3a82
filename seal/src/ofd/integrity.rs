//! The integrity list of a package. Source: GM/T 0099-2020, clause 8.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::path::resolve;
use super::read::Document;
use super::signature::MAX_VALUE;
use crate::error::Error;

/// Where the list is.
pub(crate) const PATH: &str = "/OFDEntries.xml";

/// A list of all files of a package, which is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// The bytes of the list: what is signed is their SM3 digest.
    pub xml: Vec<u8>,
    /// The path of the signature value.
    pub value_path: String,
    /// The signature value. Empty if it is not there.
    pub value: Vec<u8>,
    /// Files that are listed and not there.
    pub missing: Vec<String>,
    /// Files that are there and not listed.
    pub unlisted: Vec<String>,
}

impl<R: Read + Seek> Document<R> {
    /// The integrity list; `None` if the package has none.
    ///
    /// # Errors
    /// [`Error::Malformed`]: it cannot be read; [`Error::TooLarge`]; [`Error::Io`].
    pub fn integrity(&mut self) -> Result<Option<Integrity>, Error> {
        if !self.package.contains(PATH) {
            return Ok(None);
        }
        let xml = self.package.read(PATH, MAX_VALUE)?;
        let root = super::xml::parse(&xml)?.root;
        let place = root
            .text_of("SignedValueLoc")?
            .ok_or(Error::Malformed("ofd: an integrity list without a value"))?;
        let value_path = resolve(PATH, place)?;
        let mut listed = HashSet::new();
        for file in root.one("FileList")?.into_iter().flat_map(|list| list.all("File")) {
            let place =
                file.attribute("FileLoc").ok_or(Error::Malformed("ofd: an integrity list of nothing"))?;
            listed.insert(resolve(PATH, place)?);
        }
        let own = |path: &str| path == PATH || path == value_path;
        let unlisted = self.package.files().filter(|path| !listed.contains(*path) && !own(path));
        let unlisted = unlisted.map(str::to_owned).collect();
        let mut missing: Vec<String> =
            listed.into_iter().filter(|path| !self.package.contains(path)).collect();
        missing.sort();
        let value = if self.package.contains(&value_path) {
            self.package.read(&value_path, MAX_VALUE)?
        } else {
            Vec::new()
        };
        Ok(Some(Integrity { xml, value_path, value, missing, unlisted }))
    }
}
