//! How much a content draws with a pen.

use hayro_interpret::hayro_syntax::content::ops::TypedInstruction;

use super::work::{MAX_WORK, MUCH};
use crate::error::Error;

/// Most clips in effect within one content.
const MAX_CLIPS: u32 = 256;
/// Deepest nesting of saved states.
const MAX_STATES: usize = 1_000;
/// What a dash is counted for, in bytes of content.
const DASH: f64 = 20.0;
/// What filling or stroking a path is counted for, in bytes of content: much is painted with few bytes.
const PAINT: u64 = 200;
/// Length of the outline of a glyph, in sizes of the font: more than those of characters are.
const OUTLINE: f64 = 50.0;

/// Follows the lines of one content. Lengths are in its own units, as dashes are, so that no scale matters.
#[derive(Default)]
pub(super) struct Pen {
    at: (f64, f64),
    /// Of the path that is not painted yet.
    length: f64,
    state: State,
    saved: Vec<State>,
    /// What is stroked without dashes here, and with those of whoever draws this content.
    pub(super) plain: f64,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Length of the dashes and gaps until they repeat, and where in them lines begin.
    dashes: Option<(f64, f64)>,
    clips: u32,
    strokes_text: bool,
    size: f64,
    /// How much larger text is than its font says.
    text: f64,
}

impl Pen {
    /// What an operation costs for what it paints.
    pub(super) fn follow(&mut self, operation: &TypedInstruction<'_, '_>) -> Result<u64, Error> {
        match operation {
            TypedInstruction::SaveState(_) => {
                if self.saved.len() == MAX_STATES {
                    return Err(Error::TooLarge("saved states of a PDF"));
                }
                self.saved.push(self.state);
            }
            TypedInstruction::RestoreState(_) => {
                self.state = self.saved.pop().unwrap_or(self.state);
            }
            TypedInstruction::ClipNonZero(_) | TypedInstruction::ClipEvenOdd(_) => {
                self.state.clips += 1;
                if self.state.clips > MAX_CLIPS {
                    return Err(Error::TooLarge("clips of a PDF in each other"));
                }
            }
            TypedInstruction::DashPattern(pattern) => {
                // Dashes of no length are drawn as those of a hundredth.
                let lengths = pattern.0.iter::<f32>().map(|length| if length == 0.0 { 0.01 } else { length });
                let period: f64 = lengths.map(f64::from).map(f64::abs).sum();
                self.state.dashes = (period > 0.0).then_some((period, pattern.1.as_f64().abs()));
            }
            TypedInstruction::MoveTo(to) => self.at = (to.0.as_f64(), to.1.as_f64()),
            TypedInstruction::LineTo(to) => self.to((to.0.as_f64(), to.1.as_f64())),
            TypedInstruction::CubicTo(to) => {
                self.to((to.0.as_f64(), to.1.as_f64()));
                self.to((to.2.as_f64(), to.3.as_f64()));
                self.to((to.4.as_f64(), to.5.as_f64()));
            }
            TypedInstruction::CubicStartTo(to) => {
                self.to((to.0.as_f64(), to.1.as_f64()));
                self.to((to.2.as_f64(), to.3.as_f64()));
            }
            TypedInstruction::CubicEndTo(to) => {
                self.to((to.0.as_f64(), to.1.as_f64()));
                self.to((to.2.as_f64(), to.3.as_f64()));
            }
            // The last line is no longer than the others together.
            TypedInstruction::ClosePath(_) => self.length *= 2.0,
            TypedInstruction::RectPath(sides) => {
                self.at = (sides.0.as_f64(), sides.1.as_f64());
                self.length += 2.0 * (sides.2.as_f64().abs() + sides.3.as_f64().abs());
            }
            TypedInstruction::StrokePath(_)
            | TypedInstruction::FillAndStrokeNonZero(_)
            | TypedInstruction::FillAndStrokeEvenOdd(_)
            | TypedInstruction::CloseAndStrokePath(_)
            | TypedInstruction::CloseFillAndStrokeNonZero(_)
            | TypedInstruction::CloseFillAndStrokeEvenOdd(_) => {
                let length = 2.0 * self.length;
                self.length = 0.0;
                return Ok(self.stroke(length)?.saturating_add(PAINT));
            }
            TypedInstruction::FillPathNonZero(_)
            | TypedInstruction::FillPathNonZeroCompatibility(_)
            | TypedInstruction::FillPathEvenOdd(_) => {
                self.length = 0.0;
                return Ok(PAINT);
            }
            TypedInstruction::EndPath(_) => self.length = 0.0,
            TypedInstruction::BeginText(_) => self.state.text = 1.0,
            TypedInstruction::SetTextMatrix(by) => {
                let parts = [by.0, by.1, by.2, by.3];
                self.state.text = parts.iter().map(|part| part.as_f64().abs()).sum();
            }
            TypedInstruction::TextFont(font) => self.state.size = font.1.as_f64().abs(),
            TypedInstruction::TextRenderingMode(mode) => {
                self.state.strokes_text = matches!(mode.0.as_i64(), 1 | 2 | 5 | 6);
            }
            TypedInstruction::ShowText(text) => return self.write(text.0.as_bytes().len()),
            TypedInstruction::NextLineAndShowText(text) => return self.write(text.0.as_bytes().len()),
            TypedInstruction::ShowTextWithParameters(text) => return self.write(text.2.as_bytes().len()),
            TypedInstruction::ShowTexts(texts) => return self.write(texts.0.data().len()),
            _ => {}
        }
        Ok(0)
    }

    fn to(&mut self, to: (f64, f64)) {
        self.length += (to.0 - self.at.0).hypot(to.1 - self.at.1);
        self.at = to;
    }

    fn write(&mut self, bytes: usize) -> Result<u64, Error> {
        if !self.state.strokes_text {
            return Ok(0);
        }
        self.stroke(OUTLINE * self.state.size * self.state.text * bytes as f64)
    }

    /// What it costs to stroke lines of a length with the dashes in effect.
    pub(super) fn stroke(&mut self, length: f64) -> Result<u64, Error> {
        let Some((period, start)) = self.state.dashes else {
            self.plain += length;
            return Ok(0);
        };
        let work = (length + start) / period * DASH;
        if work.is_nan() || work > MAX_WORK as f64 {
            return Err(MUCH);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and MAX_WORK")]
        Ok(work as u64)
    }
}
