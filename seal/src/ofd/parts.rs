//! The files that a document consists of.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::path::resolve;
use super::read::{Document, ROOT};
use super::resources::Loader;
use super::xml::Element;
use crate::error::Error;

/// Every file that a reader looks at to show a document, whether it is there or not.
pub(crate) struct Parts {
    /// What the pages consist of: lists of pages, pages, templates, resources.
    pub(crate) pages: HashSet<String>,
    /// What is beside them: the index of the package, annotations, attachments, tags. Some makers leave these out of
    /// signatures, so that they can still be added to.
    pub(crate) beside: HashSet<String>,
}

impl Parts {
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.pages.contains(path) || self.beside.contains(path)
    }
}

impl<R: Read + Seek> Document<R> {
    /// The parts of all documents in the package. Resources that belong to one page or template only if these are to be
    /// read.
    pub(crate) fn parts(&mut self, read_pages: bool) -> Result<Parts, Error> {
        self.refill();
        let (mut parts, mut beside) = (HashSet::new(), HashSet::from([ROOT.to_owned()]));
        for page in self.page_list().to_vec() {
            if read_pages && self.package.contains(&page.path) {
                let tree = self.page_tree(&page.path)?;
                self.resources_into(&page.path, &tree, &mut parts)?;
            }
            parts.insert(page.path);
        }
        for index in 0..self.bodies.len() {
            let Some(body) = self.bodies.get(index).cloned() else { continue };
            for path in body.templates.into_values() {
                if read_pages && self.package.contains(&path) {
                    let tree = self.page_tree(&path)?;
                    self.resources_into(&path, &tree, &mut parts)?;
                }
                parts.insert(path);
            }
            parts.extend(self.shared(index)?.files.iter().cloned());
            for (list, item, place) in [
                ("Annotations", "Page", "FileLoc"),
                ("Attachments", "Attachment", "FileLoc"),
                ("CustomTags", "", ""),
            ] {
                if let Some(at) = body.tree.root.text_of(list)? {
                    let path = resolve(&body.path, at)?;
                    if self.package.contains(&path) && !item.is_empty() {
                        let root = self.tree(&path)?.root;
                        for item in root.all(item) {
                            if let Some(place) = item.text_of(place)? {
                                beside.insert(resolve(&path, place)?);
                            }
                        }
                    }
                    beside.insert(path);
                }
            }
            parts.insert(body.path);
        }
        Ok(Parts { pages: parts, beside })
    }

    fn resources_into(
        &mut self,
        path: &str,
        tree: &Element,
        parts: &mut HashSet<String>,
    ) -> Result<(), Error> {
        let mut loader = Loader::default();
        for list in tree.all("PageRes") {
            loader.add(&mut self.package, &mut self.budget, path, &list.text)?;
        }
        parts.extend(loader.finish().files);
        Ok(())
    }
}
