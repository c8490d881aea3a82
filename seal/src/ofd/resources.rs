//! Resources: fonts, pictures and sets of drawing parameters.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::content::{Color, color};
use super::package::Package;
use super::path::{directory, resolve};
use super::read::read_xml;
use super::xml::Element;
use crate::error::Error;

/// Most lists of resources of a document, and of a page.
pub const MAX_LISTS: usize = 64;

/// A font.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Font {
    /// Its name.
    pub name: String,
    /// The name of its family, if another is given.
    pub family: Option<String>,
    /// The path of the font program, if the document has it.
    pub file: Option<String>,
    /// Bold, italic, serif, of fixed width.
    pub flags: [bool; 4],
}

/// How to draw, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DrawParam {
    /// The one that says what this one does not.
    pub relative: Option<String>,
    /// Width of lines in millimetres.
    pub line_width: Option<f64>,
    /// Of lines.
    pub stroke: Option<Color>,
    /// Of areas.
    pub fill: Option<Color>,
}

/// Everything that pages refer to by id.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Fonts by id.
    pub fonts: HashMap<String, Font>,
    /// The paths of pictures by id.
    pub images: HashMap<String, String>,
    /// Drawing parameters by id.
    pub draw_params: HashMap<String, DrawParam>,
    /// Content that is drawn at several places.
    pub(crate) composites: HashMap<String, Element>,
    /// The lists themselves and every file that they name.
    pub(crate) files: Vec<String>,
}

impl Resources {
    /// These, and those of `others` where these have none.
    pub(crate) fn over(self, others: &Self) -> Self {
        fn merge<V: Clone>(mut own: HashMap<String, V>, others: &HashMap<String, V>) -> HashMap<String, V> {
            for (id, value) in others {
                own.entry(id.clone()).or_insert_with(|| value.clone());
            }
            own
        }
        Self {
            fonts: merge(self.fonts, &others.fonts),
            images: merge(self.images, &others.images),
            draw_params: merge(self.draw_params, &others.draw_params),
            composites: merge(self.composites, &others.composites),
            files: [self.files, others.files.clone()].concat(),
        }
    }

    /// A drawing parameter with what it takes from others.
    #[must_use]
    pub fn draw_param(&self, id: &str) -> DrawParam {
        let mut found = DrawParam::default();
        let mut next = self.draw_params.get(id);
        // One that says it builds on itself ends somewhere, too.
        for _ in 0..16 {
            let Some(param) = next else { break };
            found.line_width = found.line_width.or(param.line_width);
            found.stroke = found.stroke.or(param.stroke);
            found.fill = found.fill.or(param.fill);
            next = param.relative.as_deref().and_then(|id| self.draw_params.get(id));
        }
        found
    }
}

/// Reads lists of resources one after the other.
#[derive(Default)]
pub(crate) struct Loader {
    resources: Resources,
    lists: usize,
}

impl Loader {
    /// Reads the list at `place` in the file `base`. One that is not there has no resources.
    pub(crate) fn add<R: Read + Seek>(
        &mut self,
        package: &mut Package<R>,
        budget: &mut u64,
        base: &str,
        place: &str,
    ) -> Result<(), Error> {
        let path = resolve(base, place)?;
        self.lists += 1;
        if self.lists > MAX_LISTS {
            return Err(Error::TooLarge("ofd: lists of resources"));
        }
        self.resources.files.push(path.clone());
        if !package.contains(&path) {
            return Ok(());
        }
        let root = read_xml(package, budget, &path)?.root;
        if root.name() != "Res" {
            return Err(Error::Malformed("ofd: a list of resources is something else"));
        }
        // Files are in the directory that the list names, which is beside the list.
        let inside = root.attribute("BaseLoc").map(str::trim).unwrap_or_default().trim_end_matches('/');
        let home = match inside {
            "" | "." => format!("{}/x", directory(&path)),
            inside => format!("{}/x", resolve(&path, inside)?),
        };
        for list in &root.children {
            for item in &list.children {
                if let Some(id) = item.attribute("ID") {
                    self.item(id, item, &home)?;
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, id: &str, item: &Element, home: &str) -> Result<(), Error> {
        let id = id.to_owned();
        let resources = &mut self.resources;
        let mut file = |name: &str| match item.first(name).map(|place| place.text.trim()) {
            Some(place) if !place.is_empty() => {
                let path = resolve(home, place)?;
                resources.files.push(path.clone());
                Ok(Some(path))
            }
            _ => Ok::<_, Error>(None),
        };
        match item.name() {
            "Font" => {
                let file = file("FontFile")?;
                let flag = |name| item.attribute(name) == Some("true");
                let font = Font {
                    name: item.attribute("FontName").unwrap_or_default().to_owned(),
                    family: item.attribute("FamilyName").map(str::to_owned),
                    file,
                    flags: [flag("Bold"), flag("Italic"), flag("Serif"), flag("FixedWidth")],
                };
                resources.fonts.insert(id, font);
            }
            "MultiMedia" => {
                if let Some(path) = file("MediaFile")? {
                    resources.images.insert(id, path);
                }
            }
            "DrawParam" => {
                let param = DrawParam {
                    relative: item.attribute("Relative").map(str::to_owned),
                    line_width: item.attribute("LineWidth").and_then(super::matrix::number),
                    stroke: item.first("StrokeColor").and_then(color),
                    fill: item.first("FillColor").and_then(color),
                };
                resources.draw_params.insert(id, param);
            }
            "CompositeGraphicUnit" => {
                resources.composites.insert(id, item.clone());
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Resources {
        self.resources
    }
}
