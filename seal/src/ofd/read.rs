//! The document: its bodies and its pages.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::sync::Arc;

use super::content::{self, PageContent};
use super::matrix::numbers;
use super::package::Package;
use super::path::resolve;
use super::resources::{Loader, Resources};
use super::text;
use super::xml::{self, Element, MAX_XML, Tree};
use crate::error::Error;
use crate::geometry::{Rect, Size};
use crate::place::{Finder, Hit};

/// Most documents in a package.
pub const MAX_BODIES: usize = 100;
/// Most pages.
pub const MAX_PAGES: usize = 20_000;

/// The file where everything begins.
pub(crate) const ROOT: &str = "/OFD.xml";
/// What a page is if nothing says how large it is: A4. Width and height in millimetres.
const DEFAULT_BOX: Rect = Rect { x: 0.0, y: 0.0, width: 210.0, height: 297.0 };

/// An OFD document in a stream.
#[derive(Debug)]
pub struct Document<R> {
    pub(crate) package: Package<R>,
    pub(crate) bodies: Vec<Body>,
    pages: Vec<Page>,
    deviations: Vec<String>,
    other_namespace: bool,
    resources: HashMap<usize, Arc<Resources>>,
    /// The template that was read last: mostly, every page has the same one.
    template: Option<(String, Arc<Element>)>,
}

/// One of the documents in the package.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// The path of `Document.xml`.
    pub(crate) path: String,
    /// The path of `Signatures.xml`.
    pub(crate) signatures: Option<String>,
    pub(crate) tree: Tree,
    /// The size of pages that have none of their own.
    area: Rect,
    /// The ids of template pages and their paths.
    pub(crate) templates: HashMap<String, String>,
}

/// A page, as the list of pages has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its id, unique in its body.
    pub id: String,
    /// The path of its content.
    pub path: String,
    /// In which of the documents of the package, from 0.
    pub body: usize,
}

impl<R: Read + Seek> Document<R> {
    /// Reads what is in the package and the lists of pages. No page is read.
    ///
    /// # Errors
    /// As [`Package::open`]; [`Error::Malformed`]: `OFD.xml` or a `Document.xml` is missing or not what it should be.
    pub fn open(source: R) -> Result<Self, Error> {
        let package = Package::open(source)?;
        let mut document = Self {
            deviations: package.deviations().to_vec(),
            package,
            bodies: Vec::new(),
            pages: Vec::new(),
            other_namespace: false,
            resources: HashMap::new(),
            template: None,
        };
        if !document.package.contains(ROOT) {
            return Err(Error::Malformed("ofd: there is no OFD.xml"));
        }
        let root = document.tree(ROOT)?.root;
        if root.name() != "OFD" {
            return Err(Error::Malformed("ofd: OFD.xml is something else"));
        }
        for (index, body) in root.all("DocBody").enumerate() {
            if index >= MAX_BODIES {
                return Err(Error::TooLarge("ofd: documents in a package"));
            }
            document.body(body)?;
        }
        if document.bodies.is_empty() {
            return Err(Error::Malformed("ofd: no document in it"));
        }
        Ok(document)
    }

    fn body(&mut self, body: &Element) -> Result<(), Error> {
        let place = body.text_of("DocRoot")?.ok_or(Error::Malformed("ofd: a body without a document"))?;
        let path = resolve(ROOT, place)?;
        let signatures = body.text_of("Signatures")?.map(|place| resolve(ROOT, place)).transpose()?;
        if !self.package.contains(&path) {
            return Err(Error::Malformed("ofd: there is no Document.xml"));
        }
        let tree = self.tree(&path)?;
        if tree.root.name() != "Document" {
            return Err(Error::Malformed("ofd: Document.xml is something else"));
        }
        let common =
            tree.root.one("CommonData")?.ok_or(Error::Malformed("ofd: a document without common data"))?;
        let area = common.one("PageArea")?.and_then(physical_box).unwrap_or(DEFAULT_BOX);
        let mut templates = HashMap::new();
        for template in common.all("TemplatePage") {
            if let (Some(id), Some(place)) = (template.attribute("ID"), template.attribute("BaseLoc"))
                && templates.insert(id.to_owned(), resolve(&path, place)?).is_some()
            {
                return Err(Error::Malformed("ofd: two template pages of the same id"));
            }
        }
        let index = self.bodies.len();
        for page in tree.root.one("Pages")?.into_iter().flat_map(|pages| pages.all("Page")) {
            let id = page.attribute("ID").ok_or(Error::Malformed("ofd: a page without an id"))?;
            let place = page.attribute("BaseLoc").ok_or(Error::Malformed("ofd: a page without content"))?;
            if self.pages.len() >= MAX_PAGES {
                return Err(Error::TooLarge("ofd: pages"));
            }
            self.pages.push(Page { id: id.to_owned(), path: resolve(&path, place)?, body: index });
        }
        self.bodies.push(Body { path, signatures, tree, area, templates });
        Ok(())
    }

    /// Every page, in the order of the documents in the package.
    #[must_use]
    pub fn page_list(&self) -> &[Page] {
        &self.pages
    }

    /// The files.
    pub const fn package(&mut self) -> &mut Package<R> {
        &mut self.package
    }

    /// What was tolerated so far, for people.
    #[must_use]
    pub fn deviations(&self) -> &[String] {
        &self.deviations
    }

    /// What is drawn on a page, its templates included.
    ///
    /// # Errors
    /// [`Error::Unusable`]: there is no such page; [`Error::Malformed`]: it cannot be read; [`Error::TooLarge`];
    /// [`Error::Io`].
    pub fn content(&mut self, page: usize) -> Result<PageContent, Error> {
        let page = self.pages.get(page).ok_or(Error::Unusable("there is no such page"))?.clone();
        let tree = self.page_tree(&page.path)?;
        let body = self.bodies.get(page.body).ok_or(Error::Unusable("there is no such page"))?;
        let area = page_area(&tree, body.area);
        let mut templates = Vec::new();
        for used in tree.all("Template") {
            let template = used.attribute("TemplateID").and_then(|id| body.templates.get(id));
            if let Some(path) = template.filter(|path| self.package.contains(path)) {
                templates.push((path.clone(), used.attribute("ZOrder") == Some("Foreground")));
            }
        }
        let mut builder = content::Builder::new(area);
        for (path, foreground) in templates {
            let template = self.template(&path)?;
            let resources = self.resources_of(page.body, &path, &template)?;
            builder.template(&template, &resources, foreground)?;
        }
        let resources = self.resources_of(page.body, &page.path, &tree)?;
        builder.page(&tree, &resources)?;
        Ok(builder.finish())
    }

    /// Fonts, pictures and the like that the pages of a body share.
    ///
    /// # Errors
    /// As [`Document::content`].
    pub fn resources(&mut self, body: usize) -> Result<Arc<Resources>, Error> {
        if let Some(resources) = self.resources.get(&body) {
            return Ok(Arc::clone(resources));
        }
        let found = self.bodies.get(body).ok_or(Error::Unusable("there is no such document"))?;
        let (path, tree) = (found.path.clone(), &found.tree.root);
        let mut loader = Loader::default();
        if let Some(common) = tree.one("CommonData")? {
            for list in
                common.children.iter().filter(|child| matches!(child.name(), "PublicRes" | "DocumentRes"))
            {
                loader.add(&mut self.package, &path, &list.text)?;
            }
        }
        let resources = Arc::new(loader.finish());
        self.resources.insert(body, Arc::clone(&resources));
        Ok(resources)
    }

    fn template(&mut self, path: &str) -> Result<Arc<Element>, Error> {
        if let Some((_, template)) = self.template.as_ref().filter(|(known, _)| known == path) {
            return Ok(Arc::clone(template));
        }
        let template = Arc::new(self.page_tree(path)?);
        self.template = Some((path.to_owned(), Arc::clone(&template)));
        Ok(template)
    }

    /// Those of the body with those of the page, which come first.
    fn resources_of(&mut self, body: usize, path: &str, tree: &Element) -> Result<Arc<Resources>, Error> {
        let shared = self.resources(body)?;
        if tree.first("PageRes").is_none() {
            return Ok(shared);
        }
        let mut loader = Loader::default();
        for list in tree.all("PageRes") {
            loader.add(&mut self.package, path, &list.text)?;
        }
        Ok(Arc::new(loader.finish().over(&shared)))
    }

    /// A file as a tree.
    pub(crate) fn tree(&mut self, path: &str) -> Result<Tree, Error> {
        let tree = xml::parse(&self.package.read(path, MAX_XML)?)?;
        if !tree.standard && !self.other_namespace {
            // Mostly it is so in every file; one note is enough.
            self.other_namespace = true;
            self.deviations.push(format!("{path}: the namespace is not that of OFD"));
        }
        Ok(tree)
    }

    pub(crate) fn page_tree(&mut self, path: &str) -> Result<Element, Error> {
        let root = self.tree(path)?.root;
        if root.name() == "Page" { Ok(root) } else { Err(Error::Malformed("ofd: a page is something else")) }
    }
}

impl<R: Read + Seek> Finder for Document<R> {
    fn pages(&mut self) -> Result<Vec<Size>, Error> {
        let mut sizes = Vec::with_capacity(self.pages.len());
        for page in self.pages.clone() {
            let default = self.bodies.get(page.body).map_or(DEFAULT_BOX, |body| body.area);
            let area = page_area(&self.page_tree(&page.path)?, default);
            sizes.push(Size { width: area.width, height: area.height });
        }
        Ok(sizes)
    }

    fn find(&mut self, text: &str) -> Result<Vec<Hit>, Error> {
        let mut hits = Vec::new();
        for page in 0..self.pages.len() {
            let content = self.content(page)?;
            hits.extend(text::find(&content, text).into_iter().map(|area| Hit { page, area }));
        }
        Ok(hits)
    }
}

/// The physical box of a page, or that of its document.
fn page_area(page: &Element, default: Rect) -> Rect {
    page.first("Area").and_then(physical_box).unwrap_or(default)
}

fn physical_box(area: &Element) -> Option<Rect> {
    let rect = rect(&area.first("PhysicalBox")?.text)?;
    (rect.width > 0.0 && rect.height > 0.0).then_some(rect)
}

/// Four numbers: left, top, width, height.
pub(crate) fn rect(text: &str) -> Option<Rect> {
    let numbers: [f64; 4] = numbers(text, 4)?.try_into().ok()?;
    let [x, y, width, height] = numbers;
    (width >= 0.0 && height >= 0.0).then_some(Rect { x, y, width, height })
}
