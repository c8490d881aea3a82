//! What the signatures of a document permit to do with it. Source: ISO 32000-2:2020, 12.8.2 and 12.8.6.

use std::io::{Read, Seek};

use crate::error::Error;

use super::document::Document;
use super::fields::{SignatureField, text};
use super::object::{Dictionary, Object};

/// What may be changed in a certified document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certification {
    /// Nothing.
    Nothing,
    /// Fields may be filled in and signed.
    Forms,
    /// The same, and there may be annotations.
    Annotations,
}

/// Which fields a signature locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// All fields.
    All,
    /// These, and what is below them.
    Only(Vec<String>),
    /// All but these and what is below them.
    AllBut(Vec<String>),
}

impl Lock {
    /// How many names it has.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Only(names) | Self::AllBut(names) => names.len(),
        }
    }

    /// Whether a field of this name may not change any more.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let among = |names: &[String]| {
            names.iter().any(|above| {
                name.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        match self {
            Self::All => true,
            Self::Only(names) => among(names),
            Self::AllBut(names) => !among(names),
        }
    }
}

impl<R: Read + Seek> Document<R> {
    /// What a certified document permits as of a revision; `None`: it is not certified.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn certification(&mut self, revision: usize) -> Result<Option<Certification>, Error> {
        let (_, catalog) = self.catalog_at(revision)?;
        let permissions = self.get_at(revision, &catalog, "Perms")?;
        let Some(permissions) = permissions.as_dictionary() else { return Ok(None) };
        let signature = self.get_at(revision, permissions, "DocMDP")?;
        let Some(signature) = signature.as_dictionary() else { return Ok(None) };
        let parameters = self.transforms(revision, signature, "DocMDP")?;
        let level = match parameters.first() {
            Some(parameters) => self.get_at(revision, parameters, "P")?,
            None => Object::Null,
        };
        Ok(Some(match level.as_integer() {
            Some(1) => Certification::Nothing,
            Some(3) => Certification::Annotations,
            _ => Certification::Forms,
        }))
    }

    /// Which fields a signature locks, by its signature dictionary.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn locks(&mut self, revision: usize, signature: &Dictionary) -> Result<Vec<Lock>, Error> {
        let transforms = self.transforms(revision, signature, "FieldMDP")?;
        let locks: Result<Vec<_>, _> =
            transforms.iter().map(|parameters| self.lock(revision, parameters)).collect();
        Ok(locks?.into_iter().flatten().collect())
    }

    /// What a dictionary with `/Action` and `/Fields` locks.
    pub(super) fn lock(&mut self, revision: usize, parameters: &Dictionary) -> Result<Option<Lock>, Error> {
        let action = self.get_at(revision, parameters, "Action")?;
        let fields = self.get_at(revision, parameters, "Fields")?;
        let mut names = Vec::new();
        for field in fields.as_array().unwrap_or_default() {
            names.extend(self.resolve_at(revision, field)?.as_string().map(text));
        }
        Ok(match action.as_name() {
            Some(b"All") => Some(Lock::All),
            Some(b"Include") => Some(Lock::Only(names)),
            Some(b"Exclude") => Some(Lock::AllBut(names)),
            _ => None,
        })
    }

    /// The parameters of the transforms of one method.
    fn transforms(
        &mut self,
        revision: usize,
        signature: &Dictionary,
        method: &str,
    ) -> Result<Vec<Dictionary>, Error> {
        let references = self.get_at(revision, signature, "Reference")?;
        let mut found = Vec::new();
        for reference in references.as_array().unwrap_or_default() {
            let reference = self.resolve_at(revision, reference)?;
            let Some(reference) = reference.as_dictionary() else { continue };
            if self.get_at(revision, reference, "TransformMethod")?.as_name() == Some(method.as_bytes()) {
                let parameters = self.get_at(revision, reference, "TransformParams")?;
                found.push(parameters.as_dictionary().cloned().unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// Refuses to sign a field that may not be signed any more. `adds`: it is not there yet and will be seen.
    pub(super) fn check_permitted(
        &mut self,
        fields: &[SignatureField],
        name: &str,
        adds: bool,
    ) -> Result<(), Error> {
        let newest = self.newest();
        match self.certification(newest)? {
            Some(Certification::Nothing) => return Err(Error::Unusable("certified against changes")),
            // Readers take a new field that is seen for a change that is not permitted, whatever the level.
            Some(_) if adds => {
                return Err(Error::Unusable("certified: only fields that are there may be signed"));
            }
            _ => {}
        }
        for field in fields {
            let Some(value) = &field.value else { continue };
            if self.locks(newest, &value.dictionary)?.iter().any(|lock| lock.covers(name)) {
                return Err(Error::Unusable("a signature locks the field"));
            }
            let lock = self.get_at(newest, &field.dictionary, "Lock")?;
            if lock.as_dictionary().and_then(|lock| lock.integer("P")) == Some(1) {
                return Err(Error::Unusable("a signature locks the document"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_covers_names_and_what_is_below() {
        let names = vec!["a".to_owned(), "b.c".to_owned()];
        let only = Lock::Only(names.clone());
        let but = Lock::AllBut(names);
        for (name, covered) in [("a", true), ("a.b", true), ("ab", false), ("b", false), ("b.c.d", true)] {
            assert_eq!(only.covers(name), covered, "{name}");
            assert_eq!(but.covers(name), !covered, "{name}");
            assert!(Lock::All.covers(name));
        }
    }
}
