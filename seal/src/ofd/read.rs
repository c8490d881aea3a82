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

/// How many bytes of XML are read for one question about a document, next to twice the length of all its files: a file that
/// many pages name is read for each of them.
pub const SPARE_XML: u64 = 512 << 20;

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
    pub(crate) budget: u64,
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
            budget: 0,
            resources: HashMap::new(),
            template: None,
        };
        document.refill();
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
        self.refill();
        self.drawn(page)
    }

    fn drawn(&mut self, page: usize) -> Result<PageContent, Error> {
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
        self.refill();
        self.shared(body)
    }

    pub(crate) fn shared(&mut self, body: usize) -> Result<Arc<Resources>, Error> {
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
                loader.add(&mut self.package, &mut self.budget, &path, &list.text)?;
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
        let shared = self.shared(body)?;
        if tree.first("PageRes").is_none() {
            return Ok(shared);
        }
        let mut loader = Loader::default();
        for list in tree.all("PageRes") {
            loader.add(&mut self.package, &mut self.budget, path, &list.text)?;
        }
        Ok(Arc::new(loader.finish().over(&shared)))
    }

    /// Begins another question about the document.
    pub(crate) fn refill(&mut self) {
        self.budget = SPARE_XML.saturating_add(self.package.total().saturating_mul(2));
    }

    /// A file as a tree.
    pub(crate) fn tree(&mut self, path: &str) -> Result<Tree, Error> {
        let tree = read_xml(&mut self.package, &mut self.budget, path)?;
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
        self.refill();
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
            let characters = text::characters(&self.content(page)?);
            let found = crate::text::find([characters.as_slice()], text)?;
            hits.extend(found.into_iter().map(|hit| Hit { page, ..hit }));
            if hits.len() > crate::text::MAX_HITS {
                return Err(Error::TooLarge("hits of a keyword"));
            }
        }
        Ok(hits)
    }
}

/// Reads and parses a file, and takes its length off the budget.
pub(crate) fn read_xml<R: Read + Seek>(
    package: &mut Package<R>,
    budget: &mut u64,
    path: &str,
) -> Result<Tree, Error> {
    let bytes = package.read(path, MAX_XML)?;
    *budget = budget
        .checked_sub(bytes.len() as u64)
        .ok_or(Error::TooLarge("ofd: XML that is read again and again"))?;
    xml::parse(&bytes)
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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use pki::Time;

    use super::super::package::Writer;
    use super::*;

    #[test]
    fn a_file_that_every_page_names_is_not_read_for_ever() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Time::from_unix(0).expect("a time"));
        let pages = "<Page ID='1' BaseLoc='P.xml'/>".repeat(10);
        let page = "<Page><Template TemplateID='2'/><PageRes>R.xml</PageRes></Page>";
        let common =
            "<CommonData><TemplatePage ID='2' BaseLoc='T.xml'/><PublicRes>R.xml</PublicRes></CommonData>";
        for (path, content) in [
            ("/OFD.xml", "<OFD><DocBody><DocRoot>D.xml</DocRoot></DocBody></OFD>"),
            ("/D.xml", &format!("<Document>{common}<Pages>{pages}</Pages></Document>")),
            ("/P.xml", page),
            ("/T.xml", "<Page/>"),
            ("/R.xml", "<Res/>"),
        ] {
            writer.add(path, content.as_bytes()).expect("in memory");
        }
        writer.finish().expect("in memory");
        let mut document = Document::open(Cursor::new(&*bytes)).expect("a document");
        let again = Some(Error::TooLarge("ofd: XML that is read again and again"));
        // The page, its template, its resources, and those of the document.
        let all = page.len() + 7 + 6 + 6;
        for (budget, expected) in [(all, None), (page.len() + 6 - 1, again), (page.len() - 1, again)] {
            document.budget = budget as u64;
            assert_eq!(document.drawn(0).err(), expected, "{budget}");
        }
        // Each question has a budget of its own.
        for _ in 0..3 {
            document.budget = 0;
            assert_eq!(document.find("x"), Ok(Vec::new()));
            document.budget = 0;
            assert_eq!(document.pages().map(|pages| pages.len()), Ok(10));
            document.budget = 0;
            assert!(document.content(0).is_ok() && document.parts(true).is_ok());
        }
        let full = SPARE_XML + 2 * document.package.total();
        assert!(document.budget <= full - 10 * (page.len() as u64 + 6));
    }
}
