//! `smsign seal draw` and `smsign seal cut`: pictures.

use std::path::Path;

use cosign_client::files::{self, check_free};
use seal::{
    geometry::Size,
    picture::{
        self, Centre, Colour, Drawing, Font, Picture, Template,
        cut::{self, Cut, Ink, Wanted},
        strokes::{self, Pen, Sample},
    },
};
use serde::Serialize;

use super::{MAX_PICTURE, bad_file, unusable, write};
use crate::{
    args::{InkArg, SealCut, SealDraw, ShapeArg},
    context::Context,
    output::{Failure, Outcome, path_text},
};

/// No font is longer.
const MAX_FONT: u64 = picture::MAX_FONT_BYTES as u64;
/// No list of strokes is longer.
const MAX_STROKES: u64 = 8 << 20;

#[derive(Serialize)]
struct Report {
    out: String,
    width_mm: f64,
    height_mm: f64,
    width_pixels: u32,
    height_pixels: u32,
    /// How good a picture is that was cut out, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

pub(super) fn draw(arguments: &SealDraw, context: &Context) -> Result<Outcome, Failure> {
    check_free(&arguments.out, arguments.force)?;
    let drawing = match arguments.shape {
        ShapeArg::Handwriting => handwriting(arguments)?,
        _ => template(arguments)?,
    };
    let picture = drawing.render(f64::from(arguments.dpi)).map_err(unusable)?;
    finish(&arguments.out, arguments.force, &picture, None, context)
}

fn template(arguments: &SealDraw) -> Result<Drawing, Failure> {
    let Some(text) = &arguments.text else {
        return Err(Failure::Usage("give the text of the seal".into()));
    };
    let mut template = match arguments.shape {
        ShapeArg::Oval => Template::oval(text),
        ShapeArg::Square => Template::square(text),
        ShapeArg::Strip => Template::strip(text),
        ShapeArg::Round | ShapeArg::Handwriting => Template::round(text),
    };
    if let Some(size) = arguments.size {
        template = template.size(size.0);
    }
    if let Some([red, green, blue]) = arguments.colour {
        template = template.colour(Colour { red, green, blue });
    }
    if arguments.no_star {
        template = template.centre(Centre::Empty);
    }
    if let Some(middle) = &arguments.middle {
        template = template.centre(Centre::Text(middle.clone()));
    }
    if let Some(line) = &arguments.line {
        template = template.line(line);
    }
    if let Some(code) = &arguments.code {
        template = template.code(code);
    }
    let font = match &arguments.font {
        Some(path) => {
            let bytes = files::read_small(path, MAX_FONT)?;
            Font::from_bytes(bytes, 0).map_err(|error| bad_file(path, error))?
        }
        None => Font::bundled(),
    };
    template.draw(&font).map_err(unusable)
}

fn handwriting(arguments: &SealDraw) -> Result<Drawing, Failure> {
    let Some(path) = &arguments.strokes else {
        return Err(Failure::Usage("give the strokes of the signature with --strokes FILE".into()));
    };
    let bytes = files::read_small(path, MAX_STROKES)?;
    let strokes: Vec<Vec<Vec<f64>>> =
        serde_json::from_slice(&bytes).map_err(|error| bad_file(path, error))?;
    let sample = |numbers: &Vec<f64>| match numbers.as_slice() {
        [x, y, rest @ ..] if rest.len() <= 2 => {
            Ok(Sample { pressure: rest.first().copied(), time: rest.get(1).copied(), ..Sample::at(*x, *y) })
        }
        _ => Err(bad_file(path, "a point is [x, y], [x, y, pressure] or [x, y, pressure, time]")),
    };
    let stroke = |points: &Vec<Vec<f64>>| points.iter().map(sample).collect::<Result<Vec<_>, Failure>>();
    let strokes = strokes.iter().map(stroke).collect::<Result<Vec<_>, _>>()?;
    let pen = Pen {
        width: 0.8,
        colour: arguments.colour.map_or(Colour::BLACK, |[red, green, blue]| Colour { red, green, blue }),
        fit: arguments.size.map_or(Size { width: 40.0, height: 20.0 }, |size| size.0),
        margin: 0.5,
    };
    strokes::draw(&strokes, &pen).map_err(|error| bad_file(path, error))
}

pub(super) fn cut(arguments: &SealCut, context: &Context) -> Result<Outcome, Failure> {
    check_free(&arguments.out, arguments.force)?;
    let path = &arguments.file;
    let bytes = files::read_small(path, MAX_PICTURE)?;
    let wanted = Wanted {
        ink: match arguments.ink {
            InkArg::Red => Ink::Red,
            InkArg::Blue => Ink::Blue,
            InkArg::Purple => Ink::Purple,
        },
        size: arguments.size.0,
        dpi: f64::from(arguments.dpi),
    };
    let Cut { picture, quality } = cut::cut(&bytes, &wanted).map_err(|error| bad_file(path, error))?;
    let reasons: Vec<_> = quality.reasons.iter().map(ToString::to_string).collect();
    if quality.score < arguments.least {
        let reasons = reasons.join("; ");
        let what = format!("the seal in it has a score of {} only: {reasons}", quality.score);
        return Err(bad_file(path, what));
    }
    finish(&arguments.out, arguments.force, &picture, Some((quality.score, reasons)), context)
}

fn finish(
    out: &Path,
    force: bool,
    picture: &Picture,
    quality: Option<(u8, Vec<String>)>,
    context: &Context,
) -> Result<Outcome, Failure> {
    write(out, force, &picture.to_png().map_err(unusable)?)?;
    let (score, reasons) = quality.map_or((None, Vec::new()), |(score, reasons)| (Some(score), reasons));
    let report = Report {
        out: path_text(out),
        width_mm: picture.size().width,
        height_mm: picture.size().height,
        width_pixels: picture.width(),
        height_pixels: picture.height(),
        score,
        reasons,
    };
    let quality = report.score.map(|score| format!(", score {score}")).unwrap_or_default();
    let line = format!("{}  {} x {} mm{quality}", report.out, report.width_mm, report.height_mm);
    let reasons = report.reasons.iter().map(|reason| format!("  {reason}"));
    let lines: Vec<_> = [line].into_iter().chain(reasons).collect();
    context.output.result(&report, lines)?;
    Ok(Outcome::Done)
}
