use std::sync::Arc;

use image::RgbImage;
use seal::Error;
use seal::geometry::Size;
use seal::preview::scene::{
    Cap, Clip, Color, Content, Glyph, Item, Join, MAX_CLIPS, MAX_ITEMS, Matrix, Paint, Path, Picture, Rule,
    Scene, Segment, Stroke, Text, draw,
};
use seal::preview::{Fallback, Png};

use crate::font::{font, squares};
use crate::preview::{decode, is_red};

const RED: Color = Color([255, 0, 0, 255]);
/// One pixel for each millimetre.
const RESOLUTION: f64 = 25.4;

fn item(content: Content) -> Item {
    Item { transform: Matrix::IDENTITY, clips: vec![], opacity: 1.0, content }
}

fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Vec<Segment> {
    vec![
        Segment::Move(x, y),
        Segment::Line(x + width, y),
        Segment::Line(x + width, y + height),
        Segment::Line(x, y + height),
        Segment::Close,
    ]
}

fn filled(segments: Vec<Segment>) -> Item {
    let fill = Some((Paint::Solid(RED), Rule::NonZero));
    item(Content::Path(Path { segments, fill, stroke: None }))
}

fn stroked(segments: Vec<Segment>, stroke: Stroke) -> Item {
    item(Content::Path(Path { segments, fill: None, stroke: Some(stroke) }))
}

fn text(font: Option<Vec<u8>>, glyphs: Vec<Glyph>) -> Item {
    item(Content::Text(Text {
        font: font.map(Arc::from),
        size: 20.0,
        stretch: 1.0,
        fill: Some(Paint::Solid(RED)),
        stroke: None,
        glyphs,
    }))
}

fn render(items: Vec<Item>, fallback: &Fallback) -> Result<Png, Error> {
    draw(&Scene { size: Size { width: 100.0, height: 80.0 }, items }, RESOLUTION, fallback)
}

fn picture(items: Vec<Item>) -> RgbImage {
    decode(&render(items, &Fallback::none()).unwrap())
}

fn at(image: &RgbImage, x: u32, y: u32) -> [u8; 3] {
    image.get_pixel(x, y).0
}

fn blank(image: &RgbImage) -> bool {
    image.pixels().all(|pixel| pixel.0 == [255; 3])
}

#[test]
fn areas_are_where_their_matrix_puts_them() {
    is_red(&picture(vec![filled(rectangle(10.0, 20.0, 30.0, 40.0))]), [10, 20, 40, 60]);
    // A quarter turn clockwise, twice as large, then moved.
    let transform = Matrix([0.0, 1.0, -1.0, 0.0, 0.0, 0.0]).then(Matrix::scale(2.0, 2.0));
    let turned = Item {
        transform: transform.then(Matrix::translate(60.0, 10.0)),
        ..filled(rectangle(1.0, 2.0, 10.0, 20.0))
    };
    is_red(&picture(vec![turned]), [16, 12, 56, 32]);
    let finer = Scene {
        size: Size { width: 50.0, height: 40.0 },
        items: vec![filled(rectangle(10.0, 20.0, 30.0, 15.0))],
    };
    is_red(&decode(&draw(&finer, 2.0 * RESOLUTION, &Fallback::none()).unwrap()), [20, 40, 80, 70]);
}

#[test]
fn what_is_inside_depends_on_the_rule() {
    let twice = [rectangle(10.0, 10.0, 40.0, 40.0), rectangle(20.0, 20.0, 20.0, 20.0)].concat();
    let shape = |rule| Path { segments: twice.clone(), fill: Some((Paint::Solid(RED), rule)), stroke: None };
    assert_eq!(at(&picture(vec![item(Content::Path(shape(Rule::NonZero)))]), 30, 30), [255, 0, 0]);
    let hollow = picture(vec![item(Content::Path(shape(Rule::EvenOdd)))]);
    assert_eq!((at(&hollow, 30, 30), at(&hollow, 15, 15)), ([255; 3], [255, 0, 0]));
}

#[test]
fn curves_and_parts_of_ellipses_are_drawn() {
    let half =
        |clockwise, to| Segment::Arc { radii: (20.0, 10.0), rotation: 90.0, large: false, clockwise, to };
    let ellipse =
        vec![Segment::Move(40.0, 60.0), half(true, (40.0, 20.0)), half(true, (40.0, 60.0)), Segment::Close];
    let image = picture(vec![filled(ellipse)]);
    let count = image.pixels().filter(|pixel| pixel.0[1] < 128).count();
    assert!((count as f64 - core::f64::consts::PI * 200.0).abs() < 10.0, "{count}");
    assert_eq!(
        (at(&image, 32, 40), at(&image, 28, 40), at(&image, 40, 22)),
        ([255, 0, 0], [255; 3], [255, 0, 0])
    );
    let left =
        picture(vec![filled(vec![Segment::Move(40.0, 60.0), half(true, (40.0, 20.0)), Segment::Close])]);
    assert_eq!((at(&left, 35, 40), at(&left, 45, 40)), ([255, 0, 0], [255; 3]));
    let curves = picture(vec![filled(vec![
        Segment::Move(10.0, 40.0),
        Segment::Quadratic([30.0, 0.0, 50.0, 40.0]),
        Segment::Cubic([50.0, 60.0, 10.0, 60.0, 10.0, 40.0]),
    ])]);
    assert_eq!((at(&curves, 30, 22), at(&curves, 30, 18)), ([255, 0, 0], [255; 3]));
    assert_eq!((at(&curves, 30, 53), at(&curves, 30, 57)), ([255, 0, 0], [255; 3]));
    let flat =
        Segment::Arc { radii: (0.0, 5.0), rotation: 0.0, large: true, clockwise: true, to: (40.0, 20.0) };
    let line = stroked(vec![Segment::Move(10.0, 20.0), flat], Stroke::solid(Paint::Solid(RED), 4.0));
    is_red(&picture(vec![line]), [10, 18, 40, 22]);
}

#[test]
fn lines_have_widths_ends_and_dashes() {
    let line = vec![Segment::Move(20.0, 40.0), Segment::Line(60.0, 40.0)];
    let solid = Stroke::solid(Paint::Solid(RED), 10.0);
    is_red(&picture(vec![stroked(line.clone(), solid.clone())]), [20, 35, 60, 45]);
    let square = Stroke { cap: Cap::Square, ..solid.clone() };
    is_red(&picture(vec![stroked(line.clone(), square)]), [15, 35, 65, 45]);
    let round = picture(vec![stroked(line.clone(), Stroke { cap: Cap::Round, ..solid.clone() })]);
    assert_eq!((at(&round, 17, 39), at(&round, 15, 35)), ([255, 0, 0], [255; 3]));
    let dashed = Stroke { dashes: vec![10.0, 5.0], offset: 5.0, ..solid.clone() };
    let dashed = picture(vec![stroked(line, dashed)]);
    let colours = [22, 27, 32, 38, 42, 47, 57].map(|x| at(&dashed, x, 40)[1]);
    assert_eq!(colours, [0, 255, 0, 0, 255, 0, 255]);
    let corner = vec![Segment::Move(20.0, 60.0), Segment::Line(40.0, 20.0), Segment::Line(60.0, 60.0)];
    let tip = |join, miter| {
        at(&picture(vec![stroked(corner.clone(), Stroke { join, miter, ..solid.clone() })]), 39, 11)[1]
    };
    assert_eq!(
        (tip(Join::Miter, 10.0), tip(Join::Miter, 1.0), tip(Join::Bevel, 10.0), tip(Join::Round, 10.0)),
        (0, 255, 255, 255)
    );
    let hair =
        picture(vec![stroked(rectangle(10.5, 10.5, 20.0, 20.0), Stroke::solid(Paint::Solid(RED), 0.0))]);
    assert!(!blank(&hair));
}

#[test]
fn clips_hide_what_is_outside_of_any() {
    let clip = |x: f64, y: f64, transform| Clip {
        transform,
        path: rectangle(x, y, 30.0, 30.0),
        rule: Rule::NonZero,
    };
    let two = vec![clip(10.0, 10.0, Matrix::IDENTITY), clip(0.0, 0.0, Matrix::translate(20.0, 25.0))];
    let clipped = Item { clips: two, ..filled(rectangle(0.0, 0.0, 100.0, 80.0)) };
    is_red(&picture(vec![clipped.clone()]), [20, 25, 40, 40]);
    // The next one is not clipped.
    let image = picture(vec![clipped.clone(), filled(rectangle(60.0, 60.0, 10.0, 10.0))]);
    assert_eq!(
        (at(&image, 65, 65), at(&image, 30, 30), at(&image, 12, 12)),
        ([255, 0, 0], [255, 0, 0], [255; 3])
    );
    let nothing = Clip { transform: Matrix::IDENTITY, path: vec![], rule: Rule::NonZero };
    assert!(blank(&picture(vec![Item { clips: vec![nothing], ..clipped }])));
}

#[test]
fn opacity_and_gradients_mix_colours() {
    let half = Item { opacity: 0.5, ..filled(rectangle(10.0, 10.0, 30.0, 30.0)) };
    let [red, green, blue] = at(&picture(vec![half]), 20, 20);
    assert!(red == 255 && (127..=128).contains(&green) && green == blue);
    let stops = vec![(0.0, Color([0, 0, 0, 255])), (1.0, Color([200, 200, 200, 255]))];
    let paints = [
        Paint::Linear { from: (10.0, 0.0), to: (90.0, 0.0), stops: stops.clone() },
        Paint::Radial { from: ((10.0, 40.0), 0.0), to: ((10.0, 40.0), 80.0), stops },
    ];
    for paint in paints {
        let path = Path {
            segments: rectangle(0.0, 0.0, 100.0, 80.0),
            fill: Some((paint.clone(), Rule::NonZero)),
            stroke: None,
        };
        let image = picture(vec![item(Content::Path(path))]);
        let greys = [5, 50, 95].map(|x| i32::from(at(&image, x, 40)[0]));
        assert!((greys[0] - if matches!(paint, Paint::Linear { .. }) { 0 } else { 12 }).abs() < 3);
        assert!((greys[1] - 100).abs() < 4 && greys[2] == 200, "{greys:?}");
        // A glyph is painted with the colours of its place.
        let Content::Text(text) =
            text(None, vec![Glyph { x: 60.0, y: 50.0, id: None, character: Some('甲') }]).content
        else {
            unreachable!()
        };
        let text = item(Content::Text(Text { fill: Some(paint), ..text }));
        let font = Fallback::font(squares(&['甲'])).unwrap();
        let image = decode(&render(vec![text], &font).unwrap());
        assert!((i32::from(at(&image, 70, 40)[0]) - 150).abs() < 4);
    }
}

#[test]
fn pictures_lie_in_their_square() {
    let (red, blue, clear) = ([255, 0, 0, 255], [0, 0, 255, 255], [0, 255, 0, 0]);
    let pixels = [red, clear, blue, red].concat();
    let place =
        |transform| Item { transform, ..item(Content::Picture(Picture::new(2, 2, pixels.clone()).unwrap())) };
    let image = picture(vec![place(Matrix::scale(40.0, 40.0).then(Matrix::translate(10.0, 20.0)))]);
    let quarters = [(15, 25), (45, 25), (15, 55), (45, 55)].map(|(x, y)| at(&image, x, y));
    assert_eq!(quarters, [[255, 0, 0], [255; 3], [0, 0, 255], [255, 0, 0]]);
    assert_eq!((at(&image, 8, 30), at(&image, 52, 30)), ([255; 3], [255; 3]));
    // Stripes finer than the pixels are their mean.
    let stripes: Vec<u8> = (0..256 * 64).flat_map(|at| if at % 2 == 0 { red } else { blue }).collect();
    let fine = item(Content::Picture(Picture::new(256, 64, stripes).unwrap()));
    let image = picture(vec![Item { transform: Matrix::scale(32.0, 8.0), ..fine }]);
    assert_eq!(at(&image, 16, 4), [128, 0, 128]);
    assert!(matches!(Picture::new(2, 2, [0; 15]), Err(Error::Malformed(_))));
    assert!(matches!(Picture::new(0, 2, []), Err(Error::Malformed(_))));
    assert!(matches!(Picture::new(1 << 20, 1 << 20, []), Err(Error::TooLarge(_))));
}

#[test]
fn glyphs_are_found_by_number_by_character_or_in_another_font() {
    let glyph = |id, character| vec![Glyph { x: 30.0, y: 50.0, id, character }];
    let own = || Some(squares(&['甲']));
    let standing_in = Fallback::font(squares(&['乙'])).unwrap();
    let drawn = |font, glyph| decode(&render(vec![text(font, glyph)], &standing_in).unwrap());
    for (font, glyph) in [
        (own(), glyph(Some(1), None)),
        (own(), glyph(None, Some('甲'))),
        (own(), glyph(Some(7), Some('甲'))),
        (own(), glyph(None, Some('乙'))),
        (own(), glyph(Some(7), Some('乙'))),
        (None, glyph(None, Some('乙'))),
        (None, glyph(Some(1), Some('乙'))),
        (Some(b"no font".to_vec()), glyph(Some(1), Some('乙'))),
    ] {
        is_red(&drawn(font, glyph), [30, 30, 50, 50]);
    }
    for (font, glyph) in [
        (own(), glyph(None, Some('丙'))),
        (own(), glyph(None, None)),
        (None, glyph(None, Some('甲'))),
        (None, glyph(Some(1), None)),
    ] {
        assert!(blank(&drawn(font, glyph)));
    }
}

#[test]
fn glyphs_are_stretched_and_stroked() {
    let Content::Text(one) =
        text(Some(squares(&['甲'])), vec![Glyph { x: 30.0, y: 50.0, id: Some(1), character: None }]).content
    else {
        unreachable!()
    };
    let wide = Text { stretch: 2.0, ..one.clone() };
    is_red(&picture(vec![item(Content::Text(wide))]), [30, 30, 70, 50]);
    let outlined = Text { stroke: Some(Stroke::solid(Paint::Solid(RED), 4.0)), ..one.clone() };
    is_red(&picture(vec![item(Content::Text(outlined))]), [28, 28, 52, 52]);
    let hollow = Text { fill: None, stroke: Some(Stroke::solid(Paint::Solid(RED), 4.0)), ..one };
    let image = picture(vec![item(Content::Text(hollow))]);
    assert_eq!((at(&image, 40, 40), at(&image, 31, 40)), ([255; 3], [255, 0, 0]));
}

#[test]
fn areas_reach_far_beyond_the_page() {
    for far in [1e3, 1e5, 1e8, 1e20] {
        is_red(&picture(vec![filled(rectangle(10.0, -far, 30.0, 2.0 * far))]), [10, 0, 40, 80]);
        let clip = Clip {
            transform: Matrix::IDENTITY,
            path: rectangle(-far, 20.0, 2.0 * far, 30.0),
            rule: Rule::NonZero,
        };
        is_red(
            &picture(vec![Item { clips: vec![clip], ..filled(rectangle(0.0, 0.0, 50.0, 80.0)) }]),
            [0, 20, 50, 50],
        );
    }
}

#[test]
fn a_scene_is_bounded() {
    let all = || filled(rectangle(0.0, 0.0, 1.0, 1.0));
    assert_eq!(
        render(vec![all(); MAX_ITEMS + 1], &Fallback::none()),
        Err(Error::TooLarge("items on a page"))
    );
    let clip = Clip { transform: Matrix::IDENTITY, path: rectangle(0.0, 0.0, 1.0, 1.0), rule: Rule::NonZero };
    let clipped = |count| vec![Item { clips: vec![clip.clone(); count], ..all() }];
    assert!(render(clipped(MAX_CLIPS), &Fallback::none()).is_ok());
    assert_eq!(
        render(clipped(MAX_CLIPS + 1), &Fallback::none()),
        Err(Error::TooLarge("clips of an item on a page"))
    );
    let dashed = |dash: f64| {
        let stroke = Stroke { dashes: vec![dash, dash], ..Stroke::solid(Paint::Solid(RED), 1.0) };
        render(
            vec![stroked(vec![Segment::Move(0.0, 0.0), Segment::Line(90.0, 0.0)], stroke)],
            &Fallback::none(),
        )
    };
    assert!(dashed(0.01).is_ok());
    assert_eq!(dashed(0.0001), Err(Error::TooLarge("dashes of a line on a page")));
    let size = Size { width: 1_000.0, height: 1_000.0 };
    // Clips that change with every item are masks of the whole page.
    let masks = (0..2_000).map(|at| {
        let clip = Clip { path: rectangle(f64::from(at), 0.0, 1.0, 1.0), ..clip.clone() };
        Item { clips: vec![clip; 32], opacity: 0.0, ..all() }
    });
    let scene = Scene { size: Size { width: 1.0, height: 1.0 }, items: masks.collect() };
    assert!(draw(&scene, RESOLUTION, &Fallback::none()).is_ok());
    let paints =
        vec![filled(vec![Segment::Move(0.0, 0.0), Segment::Line(1e9, 0.0), Segment::Line(0.0, 1e9)]); 3];
    assert!(draw(&Scene { size, items: paints }, RESOLUTION, &Fallback::none()).is_ok());
}

#[test]
fn fonts_of_endless_glyphs_are_refused() {
    let of = |font: Vec<u8>, id| {
        let glyph = Glyph { x: 30.0, y: 50.0, id: Some(id), character: None };
        render(vec![text(Some(font), vec![glyph])], &Fallback::none())
    };
    is_red(&decode(&of(font(&['甲'], &[vec![1, 1]]), 2).unwrap()), [30, 30, 50, 50]);
    // Each of the glyphs is made of the one before it three times.
    let powers: Vec<Vec<u16>> = (1..=12).map(|before| vec![before; 3]).collect();
    let refused = Err(Error::TooLarge("glyphs of which one glyph is made"));
    assert_eq!(of(font(&['甲'], &powers), 1), refused);
    assert_eq!(of(font(&['甲'], &[vec![3], vec![2]]), 1), refused);
    assert_eq!(Fallback::font(font(&['甲'], &powers)).map(|_| ()), refused.clone().map(|_| ()));
}

#[test]
fn numbers_beyond_all_measure_do_no_harm() {
    let numbers = [f64::NAN, f64::INFINITY, -f64::INFINITY, f64::MAX, 1e38, 1e-300, 0.0];
    let mut items = Vec::new();
    for number in numbers {
        let square = rectangle(number, 1.0, number, 5.0);
        items.push(filled(square.clone()));
        items.push(stroked(square.clone(), Stroke::solid(Paint::Solid(RED), 1.0)));
        items.push(stroked(rectangle(1.0, 1.0, 5.0, 5.0), Stroke::solid(Paint::Solid(RED), number)));
        items.push(Item { transform: Matrix([number; 6]), ..filled(rectangle(1.0, 1.0, 5.0, 5.0)) });
        items.push(Item { opacity: number, ..filled(rectangle(1.0, 1.0, 5.0, 5.0)) });
        let arc = Segment::Arc {
            radii: (number, 1.0),
            rotation: number,
            large: true,
            clockwise: false,
            to: (3.0, number),
        };
        items.push(filled(vec![Segment::Move(1.0, 1.0), arc]));
        items.push(text(
            Some(squares(&['甲'])),
            vec![Glyph { x: number, y: 3.0, id: Some(1), character: None }],
        ));
        let picture = Picture::new(1, 1, [9; 4]).unwrap();
        items.push(Item { transform: Matrix::scale(number, 2.0), ..item(Content::Picture(picture)) });
        let clip = Clip { transform: Matrix::scale(1.0, number), path: square, rule: Rule::EvenOdd };
        items.push(Item { clips: vec![clip], ..filled(rectangle(1.0, 1.0, 5.0, 5.0)) });
    }
    for item in &items {
        assert_eq!(render(vec![item.clone()], &Fallback::none()).unwrap().width, 100);
    }
    assert!(render(items, &Fallback::none()).is_ok());
}
