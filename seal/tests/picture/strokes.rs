//! Signatures written by hand.

use seal::Error;
use seal::geometry::Size;
use seal::picture::strokes::{MAX_COORDINATE, MAX_SAMPLES, MAX_STROKES, Pen, Sample, draw};
use seal::picture::{Colour, Picture};

const PEN: Pen =
    Pen { width: 1.0, colour: Colour::BLACK, fit: Size { width: 40.0, height: 20.0 }, margin: 1.0 };

/// Ten pixels to a millimetre.
fn render(strokes: &[Vec<Sample>]) -> Picture {
    draw(strokes, &PEN).unwrap().render(254.0).unwrap()
}

fn ink(picture: &Picture, x: f64, y: f64) -> bool {
    let (x, y) = ((x * 10.0) as usize, (y * 10.0) as usize);
    picture.rgba()[(y * picture.width() as usize + x) * 4 + 3] > 127
}

fn line(from: (f64, f64), to: (f64, f64)) -> Vec<Sample> {
    let at = |n: i32| f64::from(n) / 20.0;
    (0..=20).map(|n| Sample::at(from.0 + (to.0 - from.0) * at(n), from.1 + (to.1 - from.1) * at(n))).collect()
}

#[test]
fn a_cross_fills_its_room_and_leaves_the_margin() {
    // In another unit, somewhere else.
    let cross = [line((1000.0, 500.0), (1370.0, 670.0)), line((1370.0, 500.0), (1000.0, 670.0))];
    let picture = render(&cross);
    assert_eq!((picture.width(), picture.height()), (400, 200));
    assert!(ink(&picture, 20.0, 10.0) && ink(&picture, 10.7, 5.7) && ink(&picture, 29.3, 5.7));
    assert!(!ink(&picture, 20.0, 7.0) && !ink(&picture, 10.0, 10.0));
    for (at, pixel) in picture.rgba().chunks(4).enumerate() {
        let (x, y) = (at % 400, at / 400);
        let inside = (9..391).contains(&x) && (9..191).contains(&y);
        assert!(inside || pixel[3] == 0, "{x} {y}");
        assert_eq!(pixel[..3], [0; 3]);
    }
    // Ink where strokes cross is not taken away.
    let area = picture.rgba().chunks(4).filter(|pixel| pixel[3] > 127).count() as f64 / 100.0;
    let length = 2.0 * 37f64.hypot(17.0);
    assert!(area > 0.6 * length && area < length, "{area} {length}");
}

#[test]
fn room_is_used_to_its_narrower_side() {
    let tall = draw(&[line((0.0, 0.0), (1.0, 10.0))], &PEN).unwrap();
    assert!((tall.size().height - 20.0).abs() < 1e-9 && tall.size().width < 5.0);
    let flat = draw(&[line((0.0, 3.0), (10.0, 3.0))], &PEN).unwrap();
    assert!((flat.size().width - 40.0).abs() < 1e-9 && (flat.size().height - 3.0).abs() < 1e-9);
}

#[test]
fn a_touch_is_a_dot() {
    let picture = render(&[vec![Sample::at(5.0, 5.0)]]);
    assert_eq!((picture.width(), picture.height()), (30, 30));
    assert!(ink(&picture, 1.5, 1.5) && !ink(&picture, 0.8, 0.8));
}

#[test]
fn a_sharp_turn_has_no_hole_and_no_spike() {
    let mut turn = line((0.0, 0.0), (30.0, 0.0));
    turn.extend(line((30.0, 0.0), (0.0, 1.0)).into_iter().skip(1));
    let picture = render(&[turn]);
    let size = picture.size();
    assert!((size.width - 40.0).abs() < 1e-9 && size.height < 5.0);
    assert!(ink(&picture, 38.4, 1.5) && ink(&picture, 38.6, 1.7));
    let right = (0..picture.rgba().len() / 4).filter(|at| picture.rgba()[at * 4 + 3] > 0);
    assert!(right.map(|at| at % picture.width() as usize).max().unwrap() <= 395);
}

#[test]
fn curves_between_samples_are_smooth() {
    let circle = |n: i32| {
        let (sin, cos) = (f64::from(n) * std::f64::consts::TAU / 12.0).sin_cos();
        Sample { pressure: Some(1.0), ..Sample::at(cos, sin) }
    };
    let picture = render(&[(0..=12).map(circle).collect()]);
    let middle = (picture.size().width / 2.0, picture.size().height / 2.0);
    for n in 0..120 {
        let (sin, cos) = (f64::from(n) * std::f64::consts::TAU / 120.0).sin_cos();
        // A polygon of twelve corners would be 0.3 mm further in.
        assert!(ink(&picture, middle.0 + 8.6 * cos, middle.1 + 8.6 * sin), "{n}");
        assert!(!ink(&picture, middle.0 + 7.6 * cos, middle.1 + 7.6 * sin), "{n}");
    }
}

#[test]
fn what_is_no_signature_is_refused() {
    let good = || vec![line((0.0, 0.0), (1.0, 1.0))];
    assert!(draw(&good(), &PEN).is_ok());
    let unusable = |strokes: &[Vec<Sample>], pen: &Pen| matches!(draw(strokes, pen), Err(Error::Unusable(_)));
    let too_large = |strokes: &[Vec<Sample>]| matches!(draw(strokes, &PEN), Err(Error::TooLarge(_)));
    assert!(unusable(&[], &PEN) && unusable(&[vec![], vec![]], &PEN));
    assert!(too_large(&vec![vec![Sample::at(0.0, 0.0)]; MAX_STROKES + 1]));
    assert!(too_large(&[vec![Sample::at(0.0, 0.0); MAX_SAMPLES + 1]]));
    assert!(too_large(&[vec![Sample::at(0.0, 0.0), Sample::at(0.0, -1.1 * MAX_COORDINATE)]]));
    // All samples, each as far from the last as the room allows.
    let zigzag = (0..MAX_SAMPLES).map(|n| Sample::at((n % 2) as f64, (n % 3) as f64)).collect();
    assert!(too_large(&[zigzag]));
    for bad in [f64::NAN, f64::INFINITY] {
        for sample in [
            Sample::at(bad, 0.0),
            Sample::at(0.0, bad),
            Sample { pressure: Some(bad), ..Sample::at(0.0, 0.0) },
            Sample { time: Some(bad), ..Sample::at(0.0, 0.0) },
        ] {
            assert!(unusable(&[vec![sample]], &PEN), "{sample:?}");
        }
    }
    for bad in [0.0, -1.0, f64::NAN, 1e9] {
        assert!(unusable(&good(), &Pen { width: bad, ..PEN }), "{bad}");
        assert!(unusable(&good(), &Pen { fit: Size { width: bad, height: 20.0 }, ..PEN }), "{bad}");
        assert!(unusable(&good(), &Pen { fit: Size { width: 40.0, height: bad }, ..PEN }), "{bad}");
    }
    for bad in [-1.0, 9.6, f64::NAN] {
        assert!(unusable(&good(), &Pen { margin: bad, ..PEN }), "{bad}");
    }
}
