//! Seals cut out of photos.

use seal::Error;
use seal::geometry::Size;
use seal::picture::cut::{Cut, Ink, QualityReason, Wanted, cut};
use seal::picture::{Centre, Colour, Font, MAX_PIXELS, Picture, Template};

use crate::read::sample;
use crate::scene::{DPI, Scene};

const NAME: &str = "云海市青松科技有限公司";

fn render(template: &Template) -> Picture {
    template.draw(&Font::bundled()).unwrap().render(DPI).unwrap()
}

fn wanted(picture: &Picture) -> Wanted {
    Wanted { ink: Ink::Red, size: picture.size(), dpi: DPI }
}

fn company() -> Picture {
    render(&Template::round(NAME).line("合同专用章"))
}

/// Pixels with ink in both, in parts of those with ink in one.
fn common(one: &Picture, other: &Picture) -> f64 {
    assert_eq!((one.width(), one.height()), (other.width(), other.height()));
    let pairs = || one.rgba().chunks(4).zip(other.rgba().chunks(4)).map(|(a, b)| (a[3] > 127, b[3] > 127));
    pairs().filter(|(a, b)| *a && *b).count() as f64 / pairs().filter(|(a, b)| *a || *b).count() as f64
}

fn cut_out(scene: &Scene, stamp: &Picture) -> Cut {
    cut(&scene.file(), &wanted(stamp)).unwrap()
}

const SIDE: usize = 340;
const MIDDLE: (f64, f64) = (165.0, 175.0);

fn oval() -> Picture {
    render(&Template::oval(NAME).centre(Centre::Text("91110108MA01ABCD2X".into())).line("发票专用章"))
}

fn square() -> Picture {
    render(&Template::square("王小明").size(Size { width: 30.0, height: 30.0 }).line_width(1.5))
}

fn strip() -> Picture {
    render(&Template::strip("欧阳小明").size(Size { width: 40.0, height: 18.0 }).line_width(1.5))
}

#[test]
fn seals_are_cut_out_whole_and_upright() {
    for (name, stamp, angle, least) in [
        ("round", company(), 0.0, 0.93),
        ("oval", oval(), -0.2, 0.8),
        ("square", square(), 0.35, 0.9),
        ("strip", strip(), -0.3, 0.88),
    ] {
        let cut = cut_out(&Scene::paper(SIDE).stamp(&stamp, MIDDLE, angle, 0.9).noise(0.03), &stamp);
        let common = common(&cut.picture, &stamp);
        assert!(common > least, "{name}: {common}");
        assert_eq!((cut.quality.score, cut.quality.reasons), (100, vec![]), "{name}");
        let Colour { red, green, blue } = Colour::RED;
        assert!(cut.picture.rgba().chunks(4).all(|pixel| pixel[..3] == [red, green, blue]), "pure ink");
        assert_eq!(cut.picture.size(), stamp.size());
    }
}

#[test]
fn print_is_taken_away_and_ink_below_it_is_not() {
    for (name, stamp, angle, least) in
        [("round", company(), 0.0, 0.82), ("oval", oval(), -0.2, 0.68), ("square", square(), 0.35, 0.84)]
    {
        let scene = Scene::paper(SIDE).print(75.0).stamp(&stamp, MIDDLE, angle, 0.9).noise(0.02);
        let cut = cut_out(&scene, &stamp);
        let common = common(&cut.picture, &stamp);
        assert!(common > least, "{name}: {common}");
        assert!(cut.quality.score >= 85, "{name}: {:?}", cut.quality);
    }
}

#[test]
fn photos_may_be_compressed_and_the_same_photo_gives_the_same_seal() {
    let stamp = company();
    let photo =
        Scene::paper(SIDE).stamp(&stamp, MIDDLE, 0.0, 0.9).noise(0.02).encoded(image::ImageFormat::Jpeg);
    let first = cut(&photo, &wanted(&stamp)).unwrap();
    let common = common(&first.picture, &stamp);
    assert!(common > 0.88, "{common}");
    assert_eq!(first, cut(&photo, &wanted(&stamp)).unwrap());
}

#[test]
fn a_photo_may_show_little_beside_the_seal() {
    let stamp = company();
    let side = stamp.width() as usize + 8;
    let middle = side as f64 / 2.0;
    let cut = cut_out(&Scene::paper(side).stamp(&stamp, (middle, middle), 0.0, 0.9).noise(0.02), &stamp);
    assert!(common(&cut.picture, &stamp) > 0.93);
    assert_eq!(cut.quality.reasons, vec![]);
}

#[test]
fn ink_of_another_colour_is_no_seal() {
    for (colour, ink, other) in [
        (Colour::BLUE, Ink::Blue, Ink::Red),
        (Colour::PURPLE, Ink::Purple, Ink::Red),
        (Colour::RED, Ink::Red, Ink::Blue),
    ] {
        let stamp =
            render(&Template::square("王小明").size(Size { width: 30.0, height: 30.0 }).colour(colour));
        let photo = Scene::paper(SIDE).stamp(&stamp, MIDDLE, 0.0, 0.95).noise(0.02).file();
        let cut_with = |ink| cut(&photo, &Wanted { ink, ..wanted(&stamp) });
        let found = cut_with(ink).unwrap();
        let common = common(&found.picture, &stamp);
        assert!(common > 0.9, "{ink:?}: {common}");
        assert_eq!(found.picture.rgba()[..3], [colour.red, colour.green, colour.blue]);
        if ink != Ink::Purple {
            assert!(matches!(cut_with(other), Err(Error::Unusable(_))), "{other:?}");
        }
    }
}

#[test]
fn every_fault_has_its_reason() {
    use QualityReason as Q;
    let stamp = company();
    let side = f64::from(stamp.width());
    let pressed = |ink: f64| Scene::paper(SIDE).stamp(&stamp, MIDDLE, 0.0, ink);
    let small = Template::square("王小明").draw(&Font::bundled()).unwrap().render(100.0).unwrap();
    let stain =
        |alpha: u8| Picture::new(stamp.size(), 150, 150, [230, 26, 26, alpha].repeat(150 * 150)).unwrap();
    let dot = Template::square("王小明").draw(&Font::bundled()).unwrap().render(35.0).unwrap();
    let two = |other: &Picture| {
        Scene::paper(240).stamp(&small, (60.0, 60.0), 0.0, 0.9).stamp(other, (170.0, 170.0), 0.0, 0.9)
    };
    // Places on the line, 45 degrees from the axes.
    let on_line = |dx: f64, dy: f64| (MIDDLE.0 + dx * 0.35 * side, MIDDLE.1 + dy * 0.35 * side);
    let worn = pressed(0.9).worn(on_line(1.0, 1.0), 30.0).worn(on_line(-1.0, 1.0), 30.0);
    let half = pressed(0.9).worn((MIDDLE.0 + side / 2.0, MIDDLE.1 + side / 2.0), side * 0.6);
    for (reason, scene, is) in [
        (Q::TooSmall, Scene::paper(200).stamp(&small, (100.0, 100.0), 0.0, 0.9), true),
        (Q::Blurred, pressed(0.9).blur(3), true),
        (Q::Blurred, pressed(0.9).blur(1), false),
        (Q::Faint, pressed(0.25), true),
        (Q::Faint, pressed(0.6), false),
        (Q::CutOff, Scene::paper(SIDE).stamp(&stamp, (side / 2.0 - 10.0, 175.0), 0.0, 0.9), true),
        (Q::CutOff, Scene::paper(SIDE).stamp(&stamp, (side / 2.0 + 3.0, 175.0), 0.0, 0.9), false),
        (Q::SeveralSeals, two(&small), true),
        (Q::SeveralSeals, two(&dot), false),
        (Q::Unclean, pressed(0.9).stamp(&stain(70), MIDDLE, 0.2, 1.0), true),
        (Q::Covered, Scene::paper(SIDE).print(26.0).stamp(&stamp, MIDDLE, 0.0, 0.9), true),
        (Q::Incomplete, worn, true),
        (Q::Irregular, half, true),
    ] {
        let cut = cut_out(&scene, &stamp);
        assert_eq!(cut.quality.reasons.contains(&reason), is, "{}: {:?}", reason.name(), cut.quality);
        assert_eq!(cut.quality.score == 100, cut.quality.reasons.is_empty());
    }
    let size = Size { width: 42.0, height: 30.0 };
    let flat = cut(&pressed(0.9).file(), &Wanted { size, ..wanted(&stamp) }).unwrap();
    assert_eq!((flat.quality.score, flat.quality.reasons), (85, vec![Q::Distorted]));
}

#[test]
fn where_no_seal_is_none_is_found() {
    let stamp = company();
    for (what, scene) in
        [("paper", Scene::paper(SIDE).noise(0.04)), ("print", Scene::paper(SIDE).print(40.0).noise(0.04))]
    {
        let error = cut(&scene.file(), &wanted(&stamp)).err();
        assert!(matches!(error, Some(Error::Unusable(_))), "{what}: {error:?}");
    }
    // Red, and of no shape that a seal has.
    let bar = Picture::new(stamp.size(), 300, 12, [230, 26, 26, 255].repeat(300 * 12)).unwrap();
    let scene = Scene::paper(SIDE).stamp(&bar, (170.0, 100.0), 0.0, 0.9);
    assert!(matches!(cut(&scene.file(), &wanted(&stamp)), Err(Error::Unusable(_))));
    // Nothing but ink.
    let ink = Picture::new(stamp.size(), 300, 300, [230, 26, 26, 255].repeat(300 * 300)).unwrap();
    assert!(matches!(cut(&ink.to_png().unwrap(), &wanted(&stamp)), Err(Error::Unusable(_))));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let stamp = square();
    let photo = stamp.to_png().unwrap();
    let wanted = wanted(&stamp);
    assert!(cut(&photo, &wanted).is_ok());
    for dpi in [0.0, -1.0, f64::NAN] {
        assert!(matches!(cut(&photo, &Wanted { dpi, ..wanted }), Err(Error::Unusable(_))), "{dpi}");
    }
    let dpi = 25.4 * (MAX_PIXELS as f64).sqrt() / 30.0 + 5.0;
    assert!(matches!(cut(&photo, &Wanted { dpi, ..wanted }), Err(Error::TooLarge(_))));
    assert!(matches!(cut(&photo, &Wanted { dpi: f64::INFINITY, ..wanted }), Err(Error::TooLarge(_))));
    let size = Size { width: 0.0, height: 42.0 };
    assert!(matches!(cut(&photo, &Wanted { size, ..wanted }), Err(Error::Unusable(_))));
    assert!(matches!(cut(&photo[..photo.len() / 2], &wanted), Err(Error::Malformed(_))));
    assert!(matches!(cut(b"%PDF", &wanted), Err(Error::Unsupported(_))));
}

#[test]
fn pictures_of_seals_of_other_makers_are_seals() {
    use QualityReason as Q;
    let wanted = Wanted { ink: Ink::Red, size: Size { width: 40.0, height: 40.0 }, dpi: 100.0 };
    for (name, reasons) in [("StampImg.png", vec![]), ("seal_test_dms360.png", vec![Q::TooSmall, Q::CutOff])]
    {
        let Some(file) = sample(name) else { return };
        assert_eq!(cut(&file, &wanted).unwrap().quality.reasons, reasons, "{name}");
    }
}

#[test]
fn any_pixels_do_no_harm() {
    let wanted = Wanted { ink: Ink::Red, size: Size { width: 20.0, height: 20.0 }, dpi: 50.0 };
    let mut random = 7u32;
    for (width, height) in [(1, 1), (1, 700), (700, 1), (13, 40), (64, 64), (90, 30)] {
        for solid in [1, 6, 1000] {
            let mut rgba = Vec::new();
            while rgba.len() < width * height * 4 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                rgba.extend(random.to_be_bytes().repeat(solid));
            }
            rgba.truncate(width * height * 4);
            let (width, height) = (width as u32, height as u32);
            let picture = Picture::new(wanted.size, width, height, rgba).unwrap();
            match cut(&picture.to_png().unwrap(), &wanted) {
                Ok(cut) => assert!(cut.quality.score < 100, "{width} {height} {solid}: {:?}", cut.quality),
                Err(error) => assert!(matches!(error, Error::Unusable(_)), "{error}"),
            }
        }
    }
}

#[test]
fn reasons_have_names_of_their_own() {
    use QualityReason as Q;
    let all = [
        Q::TooSmall,
        Q::Blurred,
        Q::Faint,
        Q::CutOff,
        Q::SeveralSeals,
        Q::Unclean,
        Q::Covered,
        Q::Incomplete,
        Q::Irregular,
        Q::Distorted,
    ];
    let mut names = all.map(Q::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}
