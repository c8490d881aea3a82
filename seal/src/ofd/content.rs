//! What is drawn on a page.
//!
//! Blocks and composite units are resolved: a layer is a list of objects, each with the map from its own coordinates to the
//! page. Source: GB/T 33190-2016, clauses 7.7, 8, 9, 10, 11 and 13.

mod path;
mod text;

pub use path::Segment;
pub(crate) use text::advance;
pub use text::{Glyph, GlyphMap, Run, Text};

use std::sync::Arc;

use super::matrix::{Matrix, number};
use super::read::rect;
use super::resources::{DrawParam, Resources};
use super::xml::Element;
use crate::error::Error;
use crate::geometry::Rect;

/// Most objects of a page.
pub const MAX_OBJECTS: usize = 200_000;
/// Most bytes of XML that describe the objects of a page. What is drawn several times counts each time.
pub const MAX_OBJECT_XML: usize = 16 << 20;
/// Most paths that an object is cut off with.
pub const MAX_CLIPS: usize = 16;
/// Most composite units inside of each other.
const MAX_COMPOSITES: usize = 8;
/// Width of lines if nothing gives one, in millimetres.
const LINE_WIDTH: f64 = 0.353;

/// What is drawn on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageContent {
    /// The page, in the coordinates of the document: its top left corner is rarely not 0 0. Everything else here counts
    /// from this corner.
    pub area: Rect,
    /// In the order in which they are drawn.
    pub layers: Vec<Layer>,
}

/// Objects that are drawn one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// How far up.
    pub kind: LayerKind,
    /// In the order in which they are drawn.
    pub objects: Vec<Object>,
}

/// Layers of one kind lie over those of the kinds before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerKind {
    /// A template under the page.
    BackTemplate,
    /// Background.
    Background,
    /// Body.
    Body,
    /// Foreground.
    Foreground,
    /// A template over the page.
    FrontTemplate,
}

/// Something that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// Text.
    Text(Text),
    /// Lines and areas.
    Path(PathObject),
    /// A picture.
    Image(Image),
}

impl Object {
    /// What every object has.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Text(text) => &text.common,
            Self::Path(path) => &path.common,
            Self::Image(image) => &image.common,
        }
    }
}

/// What every object has.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// From the coordinates of the object to the page, in millimetres.
    pub matrix: Matrix,
    /// The object is cut off outside of this rectangle, in the coordinates of `frame`.
    pub boundary: Rect,
    /// From the coordinates of `boundary` to the page.
    pub frame: Matrix,
    /// From 0, not to be seen, to 255.
    pub alpha: u8,
    /// The object shows in each of these areas only: a path and the map from its coordinates to the page.
    pub clips: Vec<(Matrix, Arc<[Segment]>)>,
}

/// How lines and areas are painted.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The colour of lines; `None` if they are not drawn.
    pub stroke: Option<Color>,
    /// The colour of areas; `None` if they are not drawn.
    pub fill: Option<Color>,
    /// The width of lines, in millimetres before the map.
    pub line_width: f64,
}

/// A colour in RGB. Colours of other kinds are converted; of a gradient it is the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// From 0, not to be seen, to 255.
    pub alpha: u8,
}

impl Color {
    /// Black.
    pub const BLACK: Self = Self { rgb: [0; 3], alpha: 255 };
}

/// Lines and areas.
#[derive(Clone, Debug, PartialEq)]
pub struct PathObject {
    /// What every object has.
    pub common: Common,
    /// The outline.
    pub segments: Vec<Segment>,
    /// How it is painted.
    pub drawing: Drawing,
    /// Areas that are surrounded twice are outside.
    pub even_odd: bool,
    /// Lengths of dashes and gaps; empty if the line is continuous.
    pub dashes: Vec<f64>,
}

/// A picture, which fills the square from 0 0 to 1 1 in its own coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// What every object has.
    pub common: Common,
    /// Its id among the resources.
    pub resource: String,
    /// Its path in the package, if the resources have it.
    pub file: Option<String>,
    /// The path of a picture that says where it shows.
    pub mask: Option<String>,
}

/// What objects inside of something take over from it.
#[derive(Clone)]
struct Inherited {
    frame: Matrix,
    alpha: u8,
    clips: Vec<(Matrix, Arc<[Segment]>)>,
    param: DrawParam,
    composites: usize,
}

/// Collects the layers of a page.
pub(crate) struct Builder {
    area: Rect,
    layers: Vec<Layer>,
    count: usize,
    /// How many more bytes of XML may be looked at.
    left: usize,
}

impl Builder {
    pub(crate) const fn new(area: Rect) -> Self {
        Self { area, layers: Vec::new(), count: 0, left: MAX_OBJECT_XML }
    }

    pub(crate) fn template(
        &mut self,
        page: &Element,
        resources: &Resources,
        front: bool,
    ) -> Result<(), Error> {
        self.layers(
            page,
            resources,
            Some(if front { LayerKind::FrontTemplate } else { LayerKind::BackTemplate }),
        )
    }

    pub(crate) fn page(&mut self, page: &Element, resources: &Resources) -> Result<(), Error> {
        self.layers(page, resources, None)
    }

    pub(crate) fn finish(mut self) -> PageContent {
        self.layers.sort_by_key(|layer| layer.kind);
        PageContent { area: self.area, layers: self.layers }
    }

    fn layers(
        &mut self,
        page: &Element,
        resources: &Resources,
        kind: Option<LayerKind>,
    ) -> Result<(), Error> {
        for layer in page.all("Content").flat_map(|content| content.all("Layer")) {
            let own = match layer.attribute("Type") {
                Some("Background") => LayerKind::Background,
                Some("Foreground") => LayerKind::Foreground,
                _ => LayerKind::Body,
            };
            let inherited = Inherited {
                frame: Matrix::translation(-self.area.x, -self.area.y),
                alpha: u8::MAX,
                clips: Vec::new(),
                param: layer.attribute("DrawParam").map(|id| resources.draw_param(id)).unwrap_or_default(),
                composites: 0,
            };
            let mut objects = Vec::new();
            self.objects(layer, resources, &inherited, &mut objects)?;
            self.layers.push(Layer { kind: kind.unwrap_or(own), objects });
        }
        Ok(())
    }

    fn objects(
        &mut self,
        parent: &Element,
        resources: &Resources,
        inherited: &Inherited,
        out: &mut Vec<Object>,
    ) -> Result<(), Error> {
        for element in &parent.children {
            self.count += 1;
            if self.count > MAX_OBJECTS {
                return Err(Error::TooLarge("ofd: objects on a page"));
            }
            if element.attribute("Visible") == Some("false") {
                continue;
            }
            if matches!(element.name(), "TextObject" | "PathObject" | "ImageObject" | "CompositeObject") {
                let left = self.left.checked_sub(element.weight());
                self.left = left.ok_or(Error::TooLarge("ofd: what is drawn on a page"))?;
            }
            match element.name() {
                "PageBlock" => self.objects(element, resources, inherited, out)?,
                "TextObject" => {
                    let common = common(element, inherited)?;
                    let drawing = drawing(element, resources, inherited, (false, true));
                    out.push(Object::Text(text::text(element, common, drawing)));
                }
                "PathObject" => {
                    let data = element.first("AbbreviatedData").map_or("", |data| &data.text);
                    let dashes = element.attribute("DashPattern").unwrap_or_default();
                    out.push(Object::Path(PathObject {
                        common: common(element, inherited)?,
                        segments: path::parse(data),
                        drawing: drawing(element, resources, inherited, (true, false)),
                        even_odd: element.attribute("Rule") == Some("Even-Odd"),
                        dashes: dashes
                            .split_whitespace()
                            .filter_map(number)
                            .filter(|len| *len >= 0.0)
                            .collect(),
                    }));
                }
                "ImageObject" => {
                    let resource = element.attribute("ResourceID").unwrap_or_default().to_owned();
                    let mask =
                        element.attribute("ImageMask").and_then(|id| resources.images.get(id)).cloned();
                    let file = resources.images.get(&resource).cloned();
                    out.push(Object::Image(Image {
                        common: common(element, inherited)?,
                        resource,
                        file,
                        mask,
                    }));
                }
                "CompositeObject" => {
                    let unit = element.attribute("ResourceID").and_then(|id| resources.composites.get(id));
                    if let Some(content) = unit.and_then(|unit| unit.first("Content"))
                        && inherited.composites < MAX_COMPOSITES
                    {
                        let Common { matrix, alpha, clips, .. } = common(element, inherited)?;
                        let composites = inherited.composites + 1;
                        let param = inherited.param.clone();
                        let inside = Inherited { frame: matrix, alpha, clips, param, composites };
                        self.objects(content, resources, &inside, out)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn common(element: &Element, inherited: &Inherited) -> Result<Common, Error> {
    let nothing = Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
    let boundary = element.attribute("Boundary").and_then(rect).unwrap_or(nothing);
    let own = element.attribute("CTM").and_then(Matrix::parse).unwrap_or(Matrix::IDENTITY);
    let placed = Matrix::translation(boundary.x, boundary.y).then(&inherited.frame);
    let alpha = element.attribute("Alpha").and_then(number).map_or(u8::MAX, byte);
    let mut clips = inherited.clips.clone();
    for area in element.all("Clips").flat_map(|clips| clips.all("Clip")).flat_map(|clip| clip.all("Area")) {
        let matrix = area.attribute("CTM").and_then(Matrix::parse).unwrap_or(Matrix::IDENTITY);
        if let Some(path) = area.first("Path") {
            let inner = path.attribute("CTM").and_then(Matrix::parse).unwrap_or(Matrix::IDENTITY);
            let at = path.attribute("Boundary").and_then(rect).unwrap_or(nothing);
            let inner = inner.then(&Matrix::translation(at.x, at.y));
            let data = path.first("AbbreviatedData").map_or("", |data| &data.text);
            if clips.len() >= MAX_CLIPS {
                return Err(Error::TooLarge("ofd: paths that cut an object off"));
            }
            clips.push((inner.then(&matrix).then(&placed), path::parse(data).into()));
        }
    }
    Ok(Common {
        matrix: own.then(&placed),
        boundary,
        frame: inherited.frame,
        alpha: byte(f64::from(alpha) * f64::from(inherited.alpha) / 255.0),
        clips,
    })
}

/// How an object is painted: what it says itself, then what its drawing parameter says, then that of its layer.
fn drawing(
    element: &Element,
    resources: &Resources,
    inherited: &Inherited,
    default: (bool, bool),
) -> Drawing {
    let param = element.attribute("DrawParam").map(|id| resources.draw_param(id)).unwrap_or_default();
    let on =
        |name, default: bool| element.attribute(name).map_or(default, |value| matches!(value, "true" | "1"));
    let own = |name| element.first(name).and_then(color);
    let stroke = own("StrokeColor").or(param.stroke).or(inherited.param.stroke).unwrap_or(Color::BLACK);
    let fill = own("FillColor").or(param.fill).or(inherited.param.fill).unwrap_or(Color::BLACK);
    let width =
        element.attribute("LineWidth").and_then(number).or(param.line_width).or(inherited.param.line_width);
    Drawing {
        stroke: on("Stroke", default.0).then_some(stroke),
        fill: on("Fill", default.1).then_some(fill),
        line_width: width.filter(|width| *width >= 0.0).unwrap_or(LINE_WIDTH),
    }
}

/// A colour; `None` if the element says none.
pub(crate) fn color(element: &Element) -> Option<Color> {
    let alpha = element.attribute("Alpha").and_then(number).map_or(u8::MAX, byte);
    let Some(value) = element.attribute("Value") else {
        // A gradient or a pattern: its first colour.
        let inner = element.children.iter().find(|child| child.name() != "Pattern")?;
        let segment = inner.first("Segment").or(inner.first("Point")).unwrap_or(inner);
        return segment.first("Color").and_then(|inner| color_value(inner.attribute("Value")?, alpha));
    };
    color_value(value, alpha)
}

fn color_value(value: &str, alpha: u8) -> Option<Color> {
    let channel = |text: &str| match text.strip_prefix('#') {
        Some(hex) => u8::from_str_radix(hex, 16).ok(),
        None => number(text).map(byte),
    };
    let channels: Vec<u8> = value.split_whitespace().take(5).map(channel).collect::<Option<_>>()?;
    let rgb = match channels.as_slice() {
        [gray] => [*gray; 3],
        [red, green, blue] => [*red, *green, *blue],
        [cyan, magenta, yellow, black] => {
            let light = |ink: &u8| byte(f64::from(255 - ink) * f64::from(255 - black) / 255.0);
            [light(cyan), light(magenta), light(yellow)]
        }
        _ => return None,
    };
    Some(Color { rgb, alpha })
}

/// The nearest of 0 to 255. A search, as the language has no conversion that is checked.
fn byte(value: f64) -> u8 {
    let (mut low, mut high) = (0_u8, u8::MAX);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if f64::from(middle) - 0.5 <= value { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_every_kind() {
        let rgb = |value| color_value(value, 255).map(|color| color.rgb);
        assert_eq!(rgb("255 0 127.6"), Some([255, 0, 128]));
        assert_eq!(rgb("#ff #00 #7F"), Some([255, 0, 127]));
        assert_eq!(rgb("300 -1 0.4"), Some([255, 0, 0]));
        assert_eq!(rgb("7"), Some([7; 3]));
        assert_eq!(rgb("0 255 255 0"), Some([255, 0, 0]));
        assert_eq!(rgb("0 0 0 255"), Some([0; 3]));
        for value in ["", "1 2", "1 2 3 4 5", "x", "#xx"] {
            assert_eq!(rgb(value), None, "{value}");
        }
        for at in 0..=u8::MAX {
            assert_eq!(byte(f64::from(at)), at);
        }
    }
}
