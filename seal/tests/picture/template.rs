//! Seals drawn from templates.

use core::f64::consts::{PI, TAU};

use seal::Error;
use seal::geometry::Size;
use seal::picture::{Centre, Colour, Drawing, Font, MAX_TEXT, Picture, Point, Segment, Template};
use sm_primitives::sm3;

const NAME: &str = "云海市青松科技有限公司";
/// Pixels to a millimetre, as far as the tests look.
const SCALE: f64 = 10.0;

fn draw(template: &Template) -> Drawing {
    template.draw(&Font::bundled()).unwrap()
}

fn render(template: &Template) -> Picture {
    draw(template).render(25.4 * SCALE).unwrap()
}

/// Whether there is ink, at a place in millimetres from the middle.
fn ink(picture: &Picture, x: f64, y: f64) -> bool {
    let at = |offset: f64, pixels: u32| (f64::from(pixels) / 2.0 + offset * SCALE) as usize;
    let (x, y) = (at(x, picture.width()), at(y, picture.height()));
    picture.rgba()[(y * picture.width() as usize + x) * 4 + 3] > 127
}

/// The same, at an angle clockwise from the top and a distance from the middle.
fn polar(picture: &Picture, angle: f64, radius: f64) -> bool {
    ink(picture, radius * angle.sin(), -radius * angle.cos())
}

fn steps(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..((to - from) / step) as u32).map(move |n| from + f64::from(n) * step)
}

#[test]
fn a_company_seal_has_the_usual_proportions() {
    let seal = render(&Template::round(NAME));
    assert_eq!((seal.width(), seal.height(), seal.size()), (420, 420, Size { width: 42.0, height: 42.0 }));
    for angle in steps(0.0, TAU, 0.01) {
        let edge = |radius| polar(&seal, angle, radius);
        assert!(edge(20.8) && edge(19.95) && !edge(19.65), "the line of 1.2 mm at {angle}");
    }
    for corner in [(-20.9, -20.9), (20.9, -20.9), (-20.9, 20.9), (20.9, 20.9)] {
        assert!(!ink(&seal, corner.0, corner.1));
    }
    // A star of 14 mm with a point up, and nothing around it.
    assert!(ink(&seal, 0.0, -6.5) && !ink(&seal, 0.0, -7.3) && !ink(&seal, 0.0, 5.0));
    for point in 0..5 {
        let angle = TAU / 5.0 * f64::from(point);
        assert!(polar(&seal, angle, 6.5) && !polar(&seal, angle + PI / 5.0, 3.2), "point {point}");
    }
    assert!(steps(0.0, TAU, 0.01).all(|angle| !polar(&seal, angle, 9.0)));
    let Colour { red, green, blue } = Colour::RED;
    assert!(seal.rgba().chunks(4).all(|pixel| pixel[..3] == [red, green, blue]), "pure ink");
}

#[test]
fn text_leaves_the_same_gap_on_both_sides() {
    for template in
        [Template::round("国".repeat(11)), Template::round("国".repeat(6)), Template::oval("国".repeat(9))]
    {
        let seal = render(&template);
        let (a, b) = (seal.size().width / 2.0 - 4.0, seal.size().height / 2.0 - 4.0);
        let inked = |angle: f64| {
            (-12..=12).any(|n| {
                let inside = f64::from(n) / 10.0;
                ink(&seal, (a + inside) * angle.sin(), -(b + inside) * angle.cos())
            })
        };
        let last = steps(0.0, PI, 0.002).filter(|angle| inked(*angle)).last().unwrap();
        let first = steps(0.0, PI, 0.002).filter(|angle| inked(-*angle)).last().unwrap();
        assert!((last - first).abs() < 0.04, "{last} {first}");
        assert!(last > 1.2 && last < PI - 0.6, "{last}");
    }
}

#[test]
fn letters_stand_upright_and_evenly_seen_from_the_middle() {
    for count in [5, 11, 21] {
        let drawing = draw(&Template::round("国".repeat(count)).centre(Centre::Empty));
        let letters: Vec<Vec<Point>> =
            drawing.paths()[1..].iter().map(|path| points(path.segments())).collect();
        assert_eq!(letters.len(), count);
        let angle = |letter: &[Point]| {
            let (x, y) = letter.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.x - 21.0, sum.1 + p.y - 21.0));
            x.atan2(-y)
        };
        let upright = &letters[count / 2];
        let (left, right) =
            upright.iter().fold((f64::MAX, 0.0f64), |(left, right), p| (left.min(p.x), right.max(p.x)));
        assert!((left + right - 42.0).abs() < 0.2, "the middle letter stands at the top: {left} {right}");
        let pitch = angle(&letters[count / 2 + 1]) - angle(upright);
        for (number, letter) in letters.iter().enumerate() {
            let (sin, cos) = (pitch * (number as f64 - (count / 2) as f64)).sin_cos();
            for (p, q) in upright.iter().zip(letter) {
                let (x, y) = (p.x - 21.0, p.y - 21.0);
                let (x, y) = (21.0 + x * cos - y * sin, 21.0 + x * sin + y * cos);
                assert!((x - q.x).hypot(y - q.y) < 0.01, "letter {number} of {count}");
            }
        }
    }
}

fn points(segments: &[Segment]) -> Vec<Point> {
    let mut points = Vec::new();
    for segment in segments {
        let _ = segment.map(|p| {
            points.push(p);
            p
        });
    }
    points
}

#[test]
fn feet_of_a_name_look_inwards_and_those_of_a_code_outwards() {
    // 甲 and 7 have most of their ink at their heads.
    let seal = render(&Template::round("甲".repeat(5)).centre(Centre::Empty).code("7".repeat(13)));
    let ring = |from: f64, to: f64, angles: (f64, f64)| {
        steps(from, to, 0.1)
            .flat_map(|radius| steps(angles.0, angles.1, 0.002).map(move |angle| (angle, radius)))
            .filter(|(angle, radius)| polar(&seal, *angle, *radius))
            .map(|(_, radius)| radius)
            .sum::<f64>()
    };
    let name = (-2.0, 2.0);
    let (head, foot) = (ring(15.7, 19.4, name), ring(12.0, 15.7, name));
    assert!(head > 1.3 * foot && foot > 0.0, "{head} {foot}");
    let code = (PI - 0.8, PI + 0.8);
    let (head, foot) = (ring(17.2, 18.15, code), ring(18.15, 19.4, code));
    assert!(head > 1.3 * foot && foot > 0.0, "{head} {foot}");
}

#[test]
fn names_are_read_in_columns_from_right_to_left() {
    // Cells in the order in which they are read; each must look as in a seal of that character alone.
    let cells = [(5.0, -5.0), (5.0, 5.0), (-5.0, -5.0), (-5.0, 5.0)];
    for (name, read) in [("李明", "李明之印"), ("王小明", "王小明印"), ("欧阳小明", "欧阳小明")]
    {
        let seal = render(&Template::square(name));
        for ((x, y), character) in cells.into_iter().zip(read.chars()) {
            let alone = render(&Template::square(character.to_string().repeat(4)));
            let spots =
                steps(-4.0, 4.0, 0.1).flat_map(|dx| steps(-4.0, 4.0, 0.1).map(move |dy| (x + dx, y + dy)));
            let inked: Vec<_> = spots.map(|(x, y)| (ink(&seal, x, y), ink(&alone, x, y))).collect();
            assert!(inked.iter().all(|(one, other)| one == other), "{name}: {character}");
            assert!(inked.iter().filter(|(one, _)| *one).count() > 500);
        }
    }
    for (name, good) in [("王", false), ("阿依古丽买", true), ("阿依古丽买买提江吐尔", false)]
    {
        assert_eq!(Template::square(name).draw(&Font::bundled()).is_ok(), good, "{name}");
    }
}

#[test]
fn everything_stays_inside_of_the_line() {
    let long = "云海市青松建设工程咨询管理（集团）股份有限公司第二分公司";
    for (template, a, b) in [
        (Template::round(NAME).line("合同专用章").code("1101080012345"), 19.8, 19.8),
        (Template::round(long).line("财务专用章").code("1101080012345"), 19.8, 19.8),
        (
            Template::oval(long).centre(Centre::Text("91110108MA01ABCD2X".into())).line("发票专用章"),
            19.0,
            14.0,
        ),
        (Template::strip("欧阳小明"), 8.4, 3.4),
    ] {
        let drawing = draw(&template);
        let middle = Point::new(drawing.size().width / 2.0, drawing.size().height / 2.0);
        for path in &drawing.paths()[1..] {
            for p in points(path.segments()) {
                let (x, y) = ((p.x - middle.x) / a, (p.y - middle.y) / b);
                let inside = if a > 9.0 { x.hypot(y) } else { x.abs().max(y.abs()) };
                assert!(inside < 1.0, "{template:?}: {p:?}");
            }
        }
    }
}

#[test]
fn no_two_texts_overlap() {
    let fonts = Font::bundled();
    for template in [
        Template::round(NAME).line("合同专用章").code("1101080012345"),
        Template::round("云海市青松建设工程咨询管理（集团）股份有限公司").line("财务专用章"),
        Template::oval(NAME).centre(Centre::Text("91110108MA01ABCD2X".into())).line("发票专用章"),
        Template::strip("欧阳小明"),
        Template::square("阿依古丽买买提"),
    ] {
        // Ink of all together is the sum of the ink of each, but for soft edges.
        let drawing = template.draw(&fonts).unwrap();
        let whole = drawing.render(600.0).unwrap();
        let area: f64 = drawing.paths().iter().map(|path| area(path.segments())).sum();
        let seen: f64 = whole.rgba().chunks(4).map(|pixel| f64::from(pixel[3]) / 255.0).sum();
        let seen = seen * (25.4f64 / 600.0).powi(2);
        assert!((seen / area - 1.0).abs() < 0.005, "{seen} {area}");
    }
}

/// What contours enclose, by the formula of Gauss on short chords.
fn area(segments: &[Segment]) -> f64 {
    let (mut twice, mut at, mut start) = (0.0, Point::new(0.0, 0.0), Point::new(0.0, 0.0));
    let mut to = |at: &mut Point, next: Point| {
        twice += at.x * next.y - next.x * at.y;
        *at = next;
    };
    for segment in segments {
        match *segment {
            Segment::Move(p) => (at, start) = (p, p),
            Segment::Line(p) => to(&mut at, p),
            Segment::Close => to(&mut at, start),
            Segment::Cubic(b, c, d) => {
                let a = at;
                for n in 1..=16 {
                    let t = f64::from(n) / 16.0;
                    let s = 1.0 - t;
                    let mix = |a: f64, b: f64, c: f64, d: f64| {
                        s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d
                    };
                    to(&mut at, Point::new(mix(a.x, b.x, c.x, d.x), mix(a.y, b.y, c.y, d.y)));
                }
            }
            Segment::Quad(..) => unreachable!("the bundled font has cubic curves"),
        }
    }
    (twice / 2.0).abs()
}

#[test]
fn colour_size_and_line_are_as_asked_for() {
    let size = Size { width: 58.0, height: 38.0 };
    let seal = render(&Template::oval(NAME).size(size).line_width(2.0).colour(Colour::BLUE));
    assert_eq!((seal.width(), seal.height()), (580, 380));
    assert!(ink(&seal, -28.8, 0.0) && ink(&seal, -27.2, 0.0) && !ink(&seal, -26.8, 0.0));
    assert!(ink(&seal, 0.0, 18.8) && ink(&seal, 0.0, 17.2) && !ink(&seal, 0.0, 16.8));
    assert_eq!(seal.rgba()[..3], [Colour::BLUE.red, Colour::BLUE.green, Colour::BLUE.blue]);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let font = Font::bundled();
    let draw = |template: Template| template.draw(&font).map(|_| ());
    let unusable = |template: Template| {
        assert!(matches!(draw(template.clone()), Err(Error::Unusable(_))), "{template:?}");
    };
    assert_eq!(draw(Template::round("云海ก公司")), Err(Error::MissingGlyph('ก')));
    assert_eq!(draw(Template::round(NAME).line("合\u{1}")), Err(Error::MissingGlyph('\u{1}')));
    assert!(matches!(draw(Template::round("国".repeat(MAX_TEXT + 1))), Err(Error::TooLarge(_))));
    assert!(matches!(draw(Template::round(NAME).code("1".repeat(MAX_TEXT + 1))), Err(Error::TooLarge(_))));
    unusable(Template::round("国".repeat(MAX_TEXT)));
    unusable(Template::round(""));
    unusable(Template::round("  "));
    unusable(Template::round(NAME).line(" "));
    unusable(Template::round(NAME).line("合".repeat(40)));
    unusable(Template::round(NAME).code("1".repeat(20)));
    unusable(Template::round(NAME).centre(Centre::Text("国".repeat(30))));
    unusable(Template::strip("明".repeat(20)));
    unusable(Template::square("王小明").line("印"));
    unusable(Template::square("王小明").code("1"));
    unusable(Template::strip("王小明").centre(Centre::Star(1.0)));
    for star in [0.0, -1.0, 21.1, f64::NAN] {
        unusable(Template::round(NAME).centre(Centre::Star(star)));
    }
    for width in [0.0, -1.0, 5.3, f64::NAN] {
        unusable(Template::round(NAME).line_width(width));
    }
    for side in [4.9, 200.1, -42.0, f64::NAN, f64::INFINITY] {
        unusable(Template::round(NAME).size(Size { width: side, height: 42.0 }));
        unusable(Template::round(NAME).size(Size { width: 42.0, height: side }));
    }
}

#[test]
fn resolutions_have_limits() {
    let seal = draw(&Template::round(NAME));
    for dpi in [0.0, -300.0, f64::NAN] {
        assert!(matches!(seal.render(dpi), Err(Error::Unusable(_))));
    }
    for dpi in [2500.0, 1e9, f64::INFINITY] {
        assert!(matches!(seal.render(dpi), Err(Error::TooLarge(_))));
    }
    assert_eq!(seal.render(1e-9).unwrap().rgba().len(), 4);
}

#[test]
fn fonts_of_files_are_taken_and_damaged_ones_refused() {
    let file = include_bytes!("../../font/seal-serif.otf");
    let font = Font::from_bytes(file.to_vec(), 0).unwrap();
    let template = Template::round(NAME);
    assert_eq!(template.draw(&font), template.draw(&Font::bundled()));
    assert!(matches!(Font::from_bytes(file.to_vec(), 1), Err(Error::Malformed(_))));
    assert!(matches!(Font::from_bytes(b"no font".to_vec(), 0), Err(Error::Malformed(_))));
    assert!(matches!(
        Font::from_bytes(vec![0; seal::picture::MAX_FONT_BYTES + 1], 0),
        Err(Error::TooLarge(_))
    ));
    // Without the outlines nothing can be drawn, and nothing breaks.
    for part in [3, 10, 50, 90] {
        if let Ok(font) = Font::from_bytes(file[..file.len() * part / 100].to_vec(), 0) {
            assert!(template.draw(&font).is_err(), "{part} of 100");
        }
    }
}

#[test]
fn drawings_are_the_same_on_all_machines() {
    let mut rounded = Vec::new();
    for template in [
        Template::round(NAME).line("合同专用章").code("1101080012345"),
        Template::oval(NAME).centre(Centre::Text("91110108MA01ABCD2X".into())).line("发票专用章"),
        Template::square("王小明"),
        Template::strip("王小明"),
    ] {
        for path in draw(&template).paths() {
            for p in points(path.segments()) {
                rounded.extend([p.x, p.y].map(|x| ((x * 100.0).round() as i32).to_be_bytes()).concat());
            }
        }
    }
    assert_eq!(
        hex::encode(sm3::digest(&rounded)),
        "00ff83072003bbb6015e551d8f210a407ab10d8ce42fc22b4075c8a22bc8ec21"
    );
}
