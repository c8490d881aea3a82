//! What signatures permit to be changed later. Source: ISO 32000-2:2020, 12.8.2.

use std::io::{Read, Seek};

use crate::error::Error;

use super::super::document::Document;
use super::super::fields::{SignatureField, SignatureValue, text};
use super::super::object::{Dictionary, Object, Reference};
use super::changes::Level;

/// Fields that may not be changed after a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lock {
    /// All.
    All,
    /// These, and those below them.
    Include(Vec<String>),
    /// All but these and those below them.
    Exclude(Vec<String>),
}

impl Lock {
    /// Whether it is about a field, by its whole name.
    #[must_use]
    pub fn covers(&self, field: &str) -> bool {
        let is_below = |name: &String| {
            field.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match self {
            Self::All => true,
            Self::Include(names) => names.iter().any(is_below),
            Self::Exclude(names) => !names.iter().any(is_below),
        }
    }
}

impl Lock {
    /// How many names it has.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Include(names) | Self::Exclude(names) => names.len(),
        }
    }
}

/// What one signature says about later changes.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// The catalogue names this signature as the one that certifies the document.
    pub(super) is_certified: bool,
    /// `/P` of its own.
    pub(super) permission: Option<i64>,
    /// `/P` of its field's lock.
    pub(super) lock_permission: Option<i64>,
    pub(super) locks: Vec<Lock>,
}

impl Terms {
    /// Those of a signature as they were when it was made.
    pub(super) fn of<R: Read + Seek>(
        document: &mut Document<R>,
        revision: usize,
        field: &SignatureField,
        value: &SignatureValue,
    ) -> Result<Self, Error> {
        let mut terms = Self::default();
        let certified = certified(document, revision)?;
        terms.is_certified = certified.is_some() && certified == value.id;
        let methods = document.get_at(revision, &value.dictionary, "Reference")?;
        for method in methods.as_array().unwrap_or_default() {
            let method = document.resolve_at(revision, method)?;
            let Some(method) = method.as_dictionary() else { continue };
            let parameters = document.get_at(revision, method, "TransformParams")?;
            let none = Dictionary::new();
            let parameters = parameters.as_dictionary().unwrap_or(&none);
            match method.name("TransformMethod") {
                Some(b"DocMDP") => {
                    let stated = document.get_at(revision, parameters, "P")?;
                    terms.permission =
                        Some(if stated == Object::Null { 2 } else { stated.as_integer().unwrap_or(1) });
                }
                Some(b"FieldMDP") => terms.locks.push(lock(document, revision, parameters)?),
                _ => {}
            }
        }
        let Object::Dictionary(field) = document.object_at(revision, field.id)? else { return Ok(terms) };
        if let Object::Dictionary(stated) = document.get_at(revision, &field, "Lock")? {
            terms.locks.push(lock(document, revision, &stated)?);
            terms.lock_permission = document.get_at(revision, &stated, "P")?.as_integer();
        }
        Ok(terms)
    }

    /// How far changes may go after signatures with these terms, of which some are earlier ones.
    pub(super) fn level<'a>(terms: impl Iterator<Item = &'a Self> + Clone) -> Level {
        let limit = |permission: i64| match permission {
            2 => Level::FormFilling,
            3 => Level::Annotations,
            // 1, and what is none of them: then as little as can be.
            _ => Level::Lta,
        };
        let certified = terms.clone().filter(|terms| terms.is_certified).find_map(|terms| terms.permission);
        let most = if certified == Some(3) { Level::Annotations } else { Level::FormFilling };
        let limits = terms.flat_map(|terms| [terms.permission, terms.lock_permission]).flatten().map(limit);
        limits.fold(most, Level::min)
    }
}

/// The signature that the catalogue names.
fn certified<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
) -> Result<Option<Reference>, Error> {
    let (_, catalog) = document.catalog_at(revision)?;
    let permissions = document.get_at(revision, &catalog, "Perms")?;
    Ok(permissions.as_dictionary().and_then(|permissions| permissions.reference("DocMDP")))
}

/// A lock as it is written. What is not understood locks everything.
fn lock<R: Read + Seek>(
    document: &mut Document<R>,
    revision: usize,
    stated: &Dictionary,
) -> Result<Lock, Error> {
    let action = document.get_at(revision, stated, "Action")?;
    let fields = document.get_at(revision, stated, "Fields")?;
    let mut names = Vec::new();
    for field in fields.as_array().unwrap_or_default() {
        let field = document.resolve_at(revision, field)?;
        names.extend(field.as_string().map(text));
    }
    Ok(match action.as_name() {
        Some(b"Include") => Lock::Include(names),
        Some(b"Exclude") => Lock::Exclude(names),
        _ => Lock::All,
    })
}
