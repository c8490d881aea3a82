//! Digits, drawn.

/// Digits of a picture.
pub const DIGITS: usize = 4;
const WIDTH: usize = 128;
const HEIGHT: usize = 40;
/// Bytes of a row: eight points each.
const ROW: usize = WIDTH / 8;
/// Bytes before the points.
const HEAD: usize = 62;
/// Points of a picture for each point of a digit.
const SCALE: usize = 4;

/// The digits, five points wide and seven high, a byte for each row.
const SHAPES: [[u8; 7]; 10] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/// A BMP picture in black and white. `chance` moves the digits and puts points between them.
#[must_use]
pub fn draw(digits: &str, chance: &[u8; 32]) -> Vec<u8> {
    let mut points = vec![0_u8; ROW * HEIGHT];
    let mut set = |x: usize, y: usize| {
        // Rows go upwards.
        let place = (x < WIDTH && y < HEIGHT).then(|| (HEIGHT - 1 - y) * ROW + x / 8);
        if let Some(byte) = place.and_then(|place| points.get_mut(place)) {
            *byte ^= 0x80 >> (x % 8);
        }
    };
    let drawn = |place: usize| usize::from(chance.get(place % chance.len()).copied().unwrap_or_default());
    for (place, digit) in digits.chars().take(DIGITS).enumerate() {
        let shape = digit.to_digit(10).and_then(|digit| SHAPES.get(usize::try_from(digit).ok()?));
        let (left, top) = (4 + place * 31 + drawn(place) % 7, drawn(place + DIGITS) % 12);
        for (row, bits) in shape.into_iter().flatten().enumerate() {
            for point in 0..5 * SCALE {
                let is_set = bits >> (4 - point / SCALE) & 1 == 1;
                for line in (0..SCALE).filter(|_| is_set) {
                    // Each row leans a little further.
                    set(left + point + row * (drawn(place + 8) % 3) / 2, top + row * SCALE + line);
                }
            }
        }
    }
    for (place, byte) in chance.iter().enumerate() {
        let (x, y) = (usize::from(*byte) % WIDTH, drawn(place + 13) % HEIGHT);
        for step in 0..6 {
            set(x + step, y + step * (place % 3) / 2);
        }
    }
    let mut file = b"BM".to_vec();
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    for value in [HEAD + ROW * HEIGHT, 0, HEAD, 40, WIDTH, HEIGHT] {
        file.extend(word(value));
    }
    // One plane of one bit, not compressed, two colours: white and black.
    file.extend([1, 0, 1, 0]);
    for value in [0, ROW * HEIGHT, 2835, 2835, 2, 2, 0x00ff_ffff, 0] {
        file.extend(word(value));
    }
    file.extend(points);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_its_head_says() {
        let picture = draw("0123", &[7; 32]);
        assert_eq!(picture.len(), HEAD + ROW * HEIGHT);
        assert_eq!((&picture[..2], &picture[10..14]), (&b"BM"[..], &62_u32.to_le_bytes()[..]));
        assert_ne!(picture, draw("0124", &[7; 32]));
        assert_ne!(picture, draw("0123", &[8; 32]));
        // Nothing outside is drawn, whatever chance says.
        for chance in [[0; 32], [255; 32]] {
            assert_eq!(draw("8888", &chance).len(), picture.len());
        }
    }
}
