//! The order in which people read.

use super::Character;

/// Characters whose baselines differ by less than this part of the size are on the same line.
const SAME_LINE: f64 = 0.4;

/// The indices of characters line by line, from the top, and in each line along it; text of other directions follows.
///
/// Made from the places alone: a document may draw its characters in any order.
pub(super) fn reading_order(characters: &[Character]) -> Vec<usize> {
    let mut order: Vec<(usize, Spot)> = characters.iter().map(Spot::of).enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.direction.cmp(&b.direction).then(a.down.total_cmp(&b.down)));
    let mut rest = order.as_mut_slice();
    while let Some((_, first)) = rest.first() {
        let (direction, mut down, mut size) = (first.direction, first.down, first.size);
        // The line goes on while the steps between baselines are small, but never further than one line.
        let start = down;
        let same = rest.iter().take_while(|(_, spot)| {
            let near = spot.down - down <= SAME_LINE * spot.size.min(size) && spot.down - start <= size / 2.0;
            (down, size) = (spot.down, spot.size.min(size));
            near && spot.direction == direction
        });
        let (line, others) = rest.split_at_mut(same.count().max(1));
        line.sort_by(|(_, a), (_, b)| a.forward.total_cmp(&b.forward));
        rest = others;
    }
    order.into_iter().map(|(index, _)| index).collect()
}

/// A place in the frame of the direction of writing.
struct Spot {
    /// In degrees.
    direction: i32,
    /// Across the lines.
    down: f64,
    /// Along the line.
    forward: f64,
    size: f64,
}

impl Spot {
    fn of(character: &Character) -> Self {
        let (forward, down) = character.turn(character.base);
        let (cos, sin) = character.along;
        #[expect(clippy::cast_possible_truncation, reason = "an angle in degrees")]
        let direction = sin.atan2(cos).to_degrees().round() as i32;
        // Half a turn to the left and to the right are the same direction.
        let direction = if direction == -180 { 180 } else { direction };
        // Upright text first.
        Self { direction: direction.rem_euclid(360), down, forward, size: character.size }
    }
}
