//! The renderer.

use tiny_skia::{
    FillRule, FilterQuality, GradientStop, LineCap, LineJoin, LinearGradient, Mask, Pattern, Pixmap, Point,
    PremultipliedColorU8, RadialGradient, Rect, Shader, SpreadMode, StrokeDash, Transform,
};

use super::glyph::Glyphs;
use super::path::{build, moved_within_reach, single, within_reach};
use super::{
    Cap, Clip, Color, Content, Join, MAX_CLIPS, MAX_DASHES, MAX_ITEMS, MAX_PAINTED, MAX_SEGMENTS, Matrix,
    Paint, Path, Picture, Rule, Scene, Stroke, Text,
};
use crate::error::Error;
use crate::preview::{Fallback, Png, pixels};

/// A scene as a picture on white, at a resolution in pixels per inch. What has no number or no area is not drawn,
/// nor lines that are very long or wide; areas that reach far beyond the paper are drawn as far as they can be seen.
///
/// # Errors
/// [`Error::Unusable`]: a resolution out of range; [`Error::TooLarge`]: more of something than is drawn.
pub fn draw(scene: &Scene, resolution: f64, fallback: &Fallback) -> Result<Png, Error> {
    if scene.items.len() > MAX_ITEMS {
        return Err(Error::TooLarge("items on a page"));
    }
    let (width, height) = pixels(scene.size, resolution)?;
    let mut paper =
        Pixmap::new(width.into(), height.into()).ok_or(Error::Unusable("a picture of no pixels"))?;
    paper.fill(tiny_skia::Color::WHITE);
    let scale = Matrix::scale(f64::from(width) / scene.size.width, f64::from(height) / scene.size.height);
    let mut canvas = Canvas {
        area: u64::from(width) * u64::from(height),
        paper,
        scale,
        glyphs: Glyphs::new(fallback),
        mask: None,
        painted: 0,
        segments: 0,
    };
    let mut clips: &[Clip] = &[];
    for item in &scene.items {
        if item.clips != clips {
            canvas.clip(&item.clips)?;
            clips = &item.clips;
        }
        let opacity = single(item.opacity.clamp(0.0, 1.0));
        if item.opacity.is_nan() || opacity == 0.0 {
            continue;
        }
        match &item.content {
            Content::Path(path) => canvas.path(path, item.transform, opacity)?,
            Content::Text(text) => canvas.text(text, item.transform, opacity)?,
            Content::Picture(picture) => canvas.picture(picture, item.transform, opacity)?,
        }
    }
    Png::new(width.into(), height.into(), canvas.paper.data())
}

/// Widest line, in pixels.
const WIDEST: f32 = 30_000.0;

/// A path, and how it gets on the paper, so that nothing is out of reach. `None`: nothing to paint.
fn near(path: tiny_skia::Path, on_paper: Transform) -> Option<(tiny_skia::Path, Transform)> {
    if within_reach(&path, on_paper) {
        Some((path, on_paper))
    } else {
        Some((moved_within_reach(&path, on_paper)?, Transform::identity()))
    }
}

/// Something to fill and to stroke.
struct Shape<'a> {
    path: &'a tiny_skia::Path,
    /// No less than that of its lines.
    length: f64,
    /// To the coordinates of the item.
    own: Matrix,
    /// From there to the page.
    place: Matrix,
    opacity: f32,
}

struct Canvas<'a> {
    paper: Pixmap,
    /// Pixels of the paper.
    area: u64,
    /// From millimetres to pixels.
    scale: Matrix,
    glyphs: Glyphs<'a>,
    /// Where things show, if not everywhere.
    mask: Option<Mask>,
    painted: u64,
    segments: u64,
}

impl<'a> Canvas<'a> {
    fn clip(&mut self, clips: &[Clip]) -> Result<(), Error> {
        if clips.len() > MAX_CLIPS {
            return Err(Error::TooLarge("clips of an item on a page"));
        }
        self.mask = None;
        for clip in clips {
            self.paint(self.area)?;
            let (width, height) = (self.paper.width(), self.paper.height());
            let path = build(&clip.path);
            self.segment(path.as_ref().map_or(0, |(path, _)| path.len()))?;
            let on_paper = transform(clip.transform.then(self.scale));
            let near = path.zip(on_paper).and_then(|((path, _), on_paper)| near(path, on_paper));
            let Some((path, transform)) = near else {
                // Nothing shows within a path that is none.
                self.mask = Mask::new(width, height);
                continue;
            };
            match &mut self.mask {
                Some(mask) => mask.intersect_path(&path, rule(clip.rule), true, transform),
                none => {
                    let mut mask =
                        Mask::new(width, height).ok_or(Error::Unusable("a picture of no pixels"))?;
                    mask.fill_path(&path, rule(clip.rule), true, transform);
                    *none = Some(mask);
                }
            }
        }
        Ok(())
    }

    fn paint(&mut self, pixels: u64) -> Result<(), Error> {
        // However small, there is something to do.
        self.painted = self.painted.saturating_add(pixels).saturating_add(100);
        if self.painted > MAX_PAINTED { Err(Error::TooLarge("painting on a page")) } else { Ok(()) }
    }

    fn segment(&mut self, count: usize) -> Result<(), Error> {
        self.segments = self.segments.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if self.segments > MAX_SEGMENTS { Err(Error::TooLarge("lines on a page")) } else { Ok(()) }
    }

    fn path(&mut self, path: &Path, place: Matrix, opacity: f32) -> Result<(), Error> {
        let Some((shape, length)) = build(&path.segments) else { return Ok(()) };
        let fill = path.fill.as_ref().map(|(paint, rule)| (paint, *rule));
        self.shape(
            Shape { path: &shape, length, own: Matrix::IDENTITY, place, opacity },
            fill,
            path.stroke.as_ref(),
        )
    }

    fn text(&mut self, text: &'a Text, place: Matrix, opacity: f32) -> Result<(), Error> {
        if let Some(font) = &text.font {
            self.glyphs.check(font)?;
        }
        for glyph in &text.glyphs {
            self.paint(0)?;
            let Some(outline) = self.glyphs.outline(text.font.as_ref(), glyph) else { continue };
            let unit = text.size / outline.units;
            let own = Matrix::scale(unit * text.stretch, -unit).then(Matrix::translate(glyph.x, glyph.y));
            let bounds = outline.path.bounds();
            let length = f64::from(bounds.width() + bounds.height()) * outline.path.len() as f64;
            let fill = text.fill.as_ref().map(|paint| (paint, Rule::NonZero));
            self.shape(
                Shape { path: &outline.path, length, own, place, opacity },
                fill,
                text.stroke.as_ref(),
            )?;
        }
        Ok(())
    }

    /// Fills and strokes a shape.
    fn shape(
        &mut self,
        shape: Shape<'_>,
        fill: Option<(&Paint, Rule)>,
        stroke: Option<&Stroke>,
    ) -> Result<(), Error> {
        let Shape { path, length, own, place, opacity } = shape;
        let transforms =
            (transform(own.then(place).then(self.scale)), transform(own).and_then(|own| own.invert()));
        let (Some(on_paper), Some(from_item)) = transforms else { return Ok(()) };
        self.segment(path.len())?;
        if let Some((paint, inside)) = fill
            && let Some(paint) = shader(paint, from_item, opacity)
        {
            self.fill(path, paint, rule(inside), on_paper)?;
        }
        // Widths are of the item, and a glyph may be stretched.
        let unit = own.0[3].abs();
        if let Some(stroke) = stroke
            && let Some(paint) = shader(&stroke.paint, from_item, opacity)
            && let Some(line) = line(stroke, length, unit)?
            && within_reach(path, on_paper)
            && (line.width * on_paper.get_scale().0.max(on_paper.get_scale().1)) <= WIDEST
        {
            let reach = line.width * line.miter_limit.max(1.0);
            self.paint(self.covered(path.bounds(), reach, on_paper))?;
            self.paper.stroke_path(path, &paint, &line, on_paper, self.mask.as_ref());
        }
        Ok(())
    }

    fn fill(
        &mut self,
        path: &tiny_skia::Path,
        mut paint: tiny_skia::Paint<'_>,
        rule: FillRule,
        on_paper: Transform,
    ) -> Result<(), Error> {
        self.paint(self.covered(path.bounds(), 0.0, on_paper))?;
        if within_reach(path, on_paper) {
            self.paper.fill_path(path, &paint, rule, on_paper, self.mask.as_ref());
        } else if let Some(near) = moved_within_reach(path, on_paper) {
            paint.shader.transform(on_paper);
            self.paper.fill_path(&near, &paint, rule, Transform::identity(), self.mask.as_ref());
        }
        Ok(())
    }

    /// How many pixels a rectangle, and what is so near, is on the paper at most.
    fn covered(&self, bounds: Rect, reach: f32, transform: Transform) -> u64 {
        let wider = Rect::from_ltrb(
            bounds.left() - reach,
            bounds.top() - reach,
            bounds.right() + reach,
            bounds.bottom() + reach,
        );
        let Some(on_paper) = wider.and_then(|bounds| bounds.transform(transform)) else { return self.area };
        let side = |from: f32, to: f32, most: u32| {
            let most = f64::from(most);
            (f64::from(to).clamp(0.0, most) - f64::from(from).clamp(0.0, most)).ceil() + 1.0
        };
        let pixels = side(on_paper.left(), on_paper.right(), self.paper.width())
            * side(on_paper.top(), on_paper.bottom(), self.paper.height());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "no more than the paper has"
        )]
        let pixels = pixels as u64;
        pixels
    }

    fn picture(&mut self, picture: &Picture, place: Matrix, opacity: f32) -> Result<(), Error> {
        let place = place.then(self.scale);
        let Some(on_paper) = transform(place) else { return Ok(()) };
        self.paint(u64::from(picture.width) * u64::from(picture.height))?;
        let Some(mut pixels) = premultiplied(picture) else { return Ok(()) };
        // Many pixels on one: the renderer would pick some of them.
        let [a, b, c, d, ..] = place.0;
        let (wide, high) = (a.hypot(b).max(1.0), c.hypot(d).max(1.0));
        while f64::from(pixels.width()) >= 2.0 * wide || f64::from(pixels.height()) >= 2.0 * high {
            let halves = (f64::from(pixels.width()) >= 2.0 * wide, f64::from(pixels.height()) >= 2.0 * high);
            match halved(&pixels, halves) {
                Some(smaller) => pixels = smaller,
                None => break,
            }
        }
        let Some(square) = Rect::from_xywh(0.0, 0.0, 1.0, 1.0) else { return Ok(()) };
        let each = Matrix::scale(1.0 / f64::from(pixels.width()), 1.0 / f64::from(pixels.height()));
        let Some(each) = transform(each) else { return Ok(()) };
        let shader = Pattern::new(pixels.as_ref(), SpreadMode::Pad, FilterQuality::Bilinear, opacity, each);
        let paint = tiny_skia::Paint { shader, ..tiny_skia::Paint::default() };
        let square = tiny_skia::PathBuilder::from_rect(square);
        self.fill(&square, paint, FillRule::Winding, on_paper)
    }
}

/// `None`: numbers that are none, or nothing that has an area.
fn transform(matrix: Matrix) -> Option<Transform> {
    let [a, b, c, d, e, f] = matrix.0.map(single);
    let transform = Transform::from_row(a, b, c, d, e, f);
    (transform.is_finite() && transform.invert().is_some()).then_some(transform)
}

const fn rule(rule: Rule) -> FillRule {
    match rule {
        Rule::NonZero => FillRule::Winding,
        Rule::EvenOdd => FillRule::EvenOdd,
    }
}

fn color(Color([red, green, blue, alpha]): Color, opacity: f32) -> tiny_skia::Color {
    let mut color = tiny_skia::Color::from_rgba8(red, green, blue, alpha);
    color.apply_opacity(opacity);
    color
}

/// Paint for a shape to whose coordinates the item is transformed so. `None`: nothing to paint with.
fn shader(paint: &Paint, from_item: Transform, opacity: f32) -> Option<tiny_skia::Paint<'static>> {
    let point = |(x, y): (f64, f64)| Point::from_xy(single(x), single(y));
    let colors = |stops: &[(f64, Color)]| {
        stops.iter().map(|(at, of)| GradientStop::new(single(*at), color(*of, opacity))).collect()
    };
    let shader = match paint {
        Paint::Solid(of) => Shader::SolidColor(color(*of, opacity)),
        Paint::Linear { from, to, stops } => {
            LinearGradient::new(point(*from), point(*to), colors(stops), SpreadMode::Pad, from_item)?
        }
        Paint::Radial { from, to, stops } => RadialGradient::new(
            point(from.0),
            single(from.1),
            point(to.0),
            single(to.1),
            colors(stops),
            SpreadMode::Pad,
            from_item,
        )?,
    };
    Some(tiny_skia::Paint { shader, ..tiny_skia::Paint::default() })
}

/// A line for a shape of this length whose unit is so many of the item. `None`: no line.
fn line(stroke: &Stroke, length: f64, unit: f64) -> Result<Option<tiny_skia::Stroke>, Error> {
    if !(stroke.width >= 0.0 && stroke.width.is_finite() && unit > 0.0) {
        return Ok(None);
    }
    let period: f64 = stroke.dashes.iter().sum::<f64>() / unit;
    let dash = if period.is_nan() || period <= 0.0 {
        None
    } else {
        let dashes = (length + stroke.offset.abs() / unit) / period * stroke.dashes.len() as f64;
        if dashes > MAX_DASHES {
            return Err(Error::TooLarge("dashes of a line on a page"));
        }
        let lengths = stroke.dashes.iter().map(|length| single(length / unit)).collect();
        StrokeDash::new(lengths, single(stroke.offset / unit))
    };
    Ok(Some(tiny_skia::Stroke {
        width: single(stroke.width / unit),
        miter_limit: single(stroke.miter.clamp(1.0, 100.0)),
        line_cap: match stroke.cap {
            Cap::Butt => LineCap::Butt,
            Cap::Round => LineCap::Round,
            Cap::Square => LineCap::Square,
        },
        line_join: match stroke.join {
            Join::Miter => LineJoin::Miter,
            Join::Round => LineJoin::Round,
            Join::Bevel => LineJoin::Bevel,
        },
        dash,
    }))
}

fn premultiplied(picture: &Picture) -> Option<Pixmap> {
    let mut pixels = Pixmap::new(picture.width, picture.height)?;
    for (pixel, [red, green, blue, alpha]) in
        pixels.pixels_mut().iter_mut().zip(picture.rgba.as_chunks::<4>().0)
    {
        *pixel = tiny_skia::ColorU8::from_rgba(*red, *green, *blue, *alpha).premultiply();
    }
    Some(pixels)
}

/// Two pixels become one, to the right or downwards or both.
fn halved(pixels: &Pixmap, (wide, high): (bool, bool)) -> Option<Pixmap> {
    let (across, down) = (1 + u32::from(wide), 1 + u32::from(high));
    let mut smaller = Pixmap::new((pixels.width() / across).max(1), (pixels.height() / down).max(1))?;
    let width = smaller.width();
    for (at, pixel) in (0_u32..).zip(smaller.pixels_mut()) {
        let (x, y) = (at % width * across, at / width * down);
        let mut sum = [0_u32; 4];
        for (right, below) in (0..across).flat_map(|right| (0..down).map(move |below| (right, below))) {
            if let Some(one) = pixels.pixel(x + right, y + below) {
                for (all, part) in sum.iter_mut().zip([one.red(), one.green(), one.blue(), one.alpha()]) {
                    *all += u32::from(part);
                }
            }
        }
        let [red, green, blue, alpha] =
            sum.map(|all| u8::try_from((all + across * down / 2) / (across * down)).unwrap_or(u8::MAX));
        *pixel = PremultipliedColorU8::from_rgba(red, green, blue, alpha)?;
    }
    Some(smaller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_counted() {
        let fallback = Fallback::none();
        let mut canvas = Canvas {
            paper: Pixmap::new(10, 10).unwrap(),
            area: 100,
            scale: Matrix::IDENTITY,
            glyphs: Glyphs::new(&fallback),
            mask: None,
            painted: 0,
            segments: 0,
        };
        assert_eq!(canvas.paint(MAX_PAINTED - 100), Ok(()));
        assert_eq!(canvas.paint(0), Err(Error::TooLarge("painting on a page")));
        let most = usize::try_from(MAX_SEGMENTS).unwrap();
        assert_eq!(canvas.segment(most), Ok(()));
        assert_eq!(canvas.segment(1), Err(Error::TooLarge("lines on a page")));
    }
}
