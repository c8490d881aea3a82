//! Pictures of seals.

use std::sync::OnceLock;

use seal::{
    geometry::Size,
    picture::{
        Centre, Colour, Drawing, Font, Picture, Template,
        cut::{Ink, Wanted, cut},
        strokes::{self, Pen, Sample},
    },
};

/// Most pixels of a picture that is encoded again.
const MAX_PIXELS: usize = 1 << 18;
/// Most pixels of a photo that a seal is cut out of.
const MAX_PHOTO: usize = 1 << 15;
/// Resolution of everything that is drawn.
const DPI: f64 = 50.0;

/// By the first byte: a file (`d`), a photo to cut a seal out of, with the ink in front (`c`), strokes (`s`), the words of a
/// template (`t`).
pub(in crate::fuzz) fn any(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b'd' => decode(rest).is_some(),
        b'c' => photo(rest),
        b's' => written(rest),
        b't' => template(rest),
        _ => false,
    }
}

const SIZE: Size = Size { width: 42.0, height: 30.0 };

fn pixels(picture: &Picture) -> usize {
    picture.rgba().len() / 4
}

/// As a PNG it has the same pixels.
fn decode(data: &[u8]) -> Option<Picture> {
    let picture = Picture::decode(data, SIZE).ok()?;
    assert_eq!(picture.rgba().len() as u64, u64::from(picture.width()) * u64::from(picture.height()) * 4);
    if pixels(&picture) <= MAX_PIXELS {
        let again = Picture::decode(&picture.to_png().unwrap(), SIZE).unwrap();
        assert_eq!(again, picture);
    }
    Some(picture)
}

/// What is cut out is of the size that was wanted, in one colour, and the same every time.
fn photo(data: &[u8]) -> bool {
    let Some((which, photo)) = data.split_first() else { return false };
    if decode(photo).is_none_or(|picture| pixels(&picture) > MAX_PHOTO) {
        return false;
    }
    let ink = [Ink::Red, Ink::Blue, Ink::Purple][usize::from(which % 3)];
    let Ok(found) = cut(photo, &Wanted { ink, size: SIZE, dpi: DPI }) else { return false };
    let Colour { red, green, blue } = ink.colour();
    assert!(found.picture.rgba().chunks(4).all(|pixel| pixel[..3] == [red, green, blue]));
    assert_eq!((found.picture.width(), found.picture.height()), (83, 59));
    assert_eq!(cut(photo, &Wanted { ink, size: SIZE, dpi: DPI }).unwrap(), found);
    true
}

/// Everything that can be drawn can be painted, within its size.
fn painted(drawing: &Drawing) -> bool {
    let size = drawing.size();
    match drawing.render(DPI) {
        Ok(picture) => {
            assert_eq!(picture.size(), size);
            true
        }
        Err(error) => panic!("{error}"),
    }
}

/// Numbers of every size, most of them usual ones.
fn number(byte: u8, scale: f64) -> f64 {
    match byte {
        0xff => f64::NAN,
        0xfe => f64::INFINITY,
        0xfd => 1e6,
        0xfc => -1e6,
        0xfb => f64::MIN_POSITIVE,
        0xfa => 1e300,
        byte => (f64::from(byte) - 40.0) * scale,
    }
}

/// Four bytes of pen, then strokes: 0, or four bytes of a sample. `0xf0` begins the next stroke.
fn written(data: &[u8]) -> bool {
    let Some((pen, rest)) = data.split_first_chunk::<4>() else { return false };
    let pen = Pen {
        width: number(pen[0], 0.05),
        colour: Colour::BLACK,
        fit: Size { width: number(pen[1], 0.5), height: number(pen[2], 0.5) },
        margin: number(pen[3], 0.1),
    };
    let stroke = |bytes: &[u8]| {
        let sample = |part: &[u8; 4]| {
            let optional = |byte: u8| (byte != 0).then(|| number(byte, 0.01));
            Sample {
                pressure: optional(part[2]),
                time: optional(part[3]),
                ..Sample::at(number(part[0], 1.0), number(part[1], 1.0))
            }
        };
        bytes.as_chunks().0.iter().map(sample).collect::<Vec<_>>()
    };
    let strokes: Vec<_> = rest.split(|byte| *byte == 0xf0).map(stroke).collect();
    let Ok(drawing) = strokes::draw(&strokes, &pen) else { return false };
    let size = drawing.size();
    assert!(size.width <= pen.fit.width + 1e-6 && size.height <= pen.fit.height + 1e-6, "{size:?}");
    let limit = 300.0;
    size.width > limit || size.height > limit || painted(&drawing)
}

/// Five bytes of shape and sides, then lines: name, line, code, centre.
fn template(data: &[u8]) -> bool {
    static FONT: OnceLock<Font> = OnceLock::new();
    let Some((head, rest)) = data.split_first_chunk::<5>() else { return false };
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let new = [Template::round, Template::oval, Template::square, Template::strip];
    let mut seal = new[usize::from(head[0] % 4)](next()).line(next()).code(next());
    if head[1] != 0 {
        seal = seal.size(Size { width: number(head[1], 0.5), height: number(head[2], 0.5) });
    }
    if head[3] != 0 {
        seal = seal.line_width(number(head[3], 0.05));
    }
    seal = match head[4] {
        0 => seal.centre(Centre::Empty),
        1 => seal.centre(Centre::Text(next().to_owned())),
        2 => seal,
        size => seal.centre(Centre::Star(number(size, 0.5))),
    };
    let Ok(drawing) = seal.draw(FONT.get_or_init(Font::bundled)) else { return false };
    let first = drawing.size();
    assert!((5.0..=200.0).contains(&first.width) && (5.0..=200.0).contains(&first.height));
    painted(&drawing)
}
