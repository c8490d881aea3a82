//! The document security store: certificates and what is known of them, for later. Source: ISO 32000-2:2020, 12.8.4.3;
//! ETSI EN 319 142-1, 5.4.2.

use std::collections::HashMap;
use std::io::{Read, Seek};

use sha1::{Digest as _, Sha1};
use sm_primitives::sm3;

use crate::error::Error;

use super::document::Document;
use super::fields::references;
use super::form::{Changes, with};
use super::object::{Dictionary, Object, Reference};
use super::update::Update;

/// Longest certificate, list or answer that is read.
const MAX_LEN: usize = 8 << 20;

/// Most certificates, lists or answers that are read, and what they may take together.
const MAX_STORED: usize = 4_096;
const MAX_STORED_LEN: usize = 64 << 20;

/// What proves later that a signature was good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// Certificates, as DER.
    pub certificates: &'a [&'a [u8]],
    /// Revocation lists.
    pub lists: &'a [&'a [u8]],
    /// OCSP responses.
    pub answers: &'a [&'a [u8]],
    /// `/Contents` of the signature that this is about, with the zeros behind the value; `None`: of none in particular.
    pub signature: Option<&'a [u8]>,
}

/// What the document security store of a document has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredEvidence {
    /// Certificates, DER if they are in order.
    pub certificates: Vec<Vec<u8>>,
    /// Revocation lists.
    pub lists: Vec<Vec<u8>>,
    /// OCSP responses.
    pub answers: Vec<Vec<u8>>,
    /// So many could not be read.
    pub unreadable: usize,
}

impl<R: Read + Seek> Document<R> {
    /// Reads the document security store of the newest revision. Nothing in it is to be trusted.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: more than 4,096 items or 64 MiB; [`Error::Io`].
    pub fn stored_evidence(&mut self) -> Result<StoredEvidence, Error> {
        let newest = self.newest();
        let mut stored = StoredEvidence::default();
        let mut len = 0_usize;
        let (_, catalog) = self.catalog_at(newest)?;
        let store = self.get_at(newest, &catalog, "DSS")?;
        let Some(store) = store.as_dictionary() else { return Ok(stored) };
        for key in ["Certs", "CRLs", "OCSPs"] {
            let list = self.get_at(newest, store, key)?;
            let mut all = Vec::new();
            for id in references(&list) {
                if all.len() + stored.unreadable >= MAX_STORED {
                    return Err(Error::TooLarge("evidence in a PDF"));
                }
                let data = match self.object_at(newest, id) {
                    Ok(Object::Stream(stream)) => self.stream_data(newest, &stream, MAX_LEN),
                    Ok(_) => Err(Error::Malformed("evidence in a PDF")),
                    Err(error) => Err(error),
                };
                match data {
                    Ok(data) => {
                        len = len.saturating_add(data.len());
                        all.push(data);
                    }
                    Err(error @ Error::Io(_)) => return Err(error),
                    Err(_) => stored.unreadable += 1,
                }
                if len > MAX_STORED_LEN {
                    return Err(Error::TooLarge("evidence in a PDF"));
                }
            }
            match key {
                "Certs" => stored.certificates = all,
                "CRLs" => stored.lists = all,
                _ => stored.answers = all,
            }
        }
        Ok(stored)
    }

    /// Makes an incremental update that puts evidence into the document security store: what is to be written behind the
    /// file. Evidence that is there already is not written again.
    ///
    /// # Errors
    /// As [`Document::object`]; [`Error::Unusable`]: there is no evidence.
    pub fn append_dss(&mut self, evidence: &Evidence<'_>) -> Result<Vec<u8>, Error> {
        let kinds = [
            ("Certs", "Cert", evidence.certificates),
            ("CRLs", "CRL", evidence.lists),
            ("OCSPs", "OCSP", evidence.answers),
        ];
        if kinds.iter().all(|(_, _, all)| all.is_empty()) {
            return Err(Error::Unusable("no evidence"));
        }
        let newest = self.newest();
        let mut update = Update::new(self)?;
        let mut changes = Changes::new(self)?;
        let place = changes.get("DSS").cloned().unwrap_or(Object::Null);
        let former = self.resolve_at(newest, &place)?;
        let mut store = former.as_dictionary().cloned().unwrap_or_default();
        store.set("Type", Object::from_name("DSS"));
        let mut of_signature = Dictionary::from([("Type", Object::from_name("VRI"))]);
        for (key, short, all) in kinds {
            if all.is_empty() {
                continue;
            }
            let list = self.get_at(newest, &store, key)?;
            let mut list: Vec<Reference> = references(&list).collect();
            let used = self.store(&mut update, &mut list, all)?;
            store.set(key, array(&list));
            of_signature.set(short, array(&used));
        }
        if let Some(contents) = evidence.signature {
            let key: String = Sha1::digest(contents).iter().map(|byte| format!("{byte:02X}")).collect();
            let others = self.get_at(newest, &store, "VRI")?;
            let others = others.as_dictionary().cloned().unwrap_or_default();
            store.set("VRI", with(&others, &key, update.add(of_signature)?.into()).into());
        }
        match place {
            // A name of nothing could become that of something new.
            Object::Reference(id) if former != Object::Null => update.set(id, store)?,
            _ => changes.set("DSS", update.add(store)?.into()),
        }
        changes.finish(&mut update)?;
        update.finish()
    }

    /// Writes what is not in `list` yet, and says where all of it is.
    fn store(
        &mut self,
        update: &mut Update,
        list: &mut Vec<Reference>,
        all: &[&[u8]],
    ) -> Result<Vec<Reference>, Error> {
        let newest = self.newest();
        let mut known = HashMap::new();
        for id in list.iter() {
            let object = self.object_at(newest, *id)?;
            let Some(stream) = object.as_stream() else { continue };
            // What cannot be read is not the same as anything.
            if let Ok(data) = self.stream_data(newest, stream, MAX_LEN) {
                known.insert(sm3::digest(&data), *id);
            }
        }
        let mut used = Vec::new();
        for data in all {
            let digest = sm3::digest(data);
            let id = match known.get(&digest) {
                Some(id) => *id,
                None => {
                    let id = update.add_stream(Dictionary::new(), data)?;
                    known.insert(digest, id);
                    list.push(id);
                    id
                }
            };
            used.push(id);
        }
        Ok(used)
    }
}

fn array(references: &[Reference]) -> Object {
    references.iter().map(|id| Object::Reference(*id)).collect::<Vec<_>>().into()
}
