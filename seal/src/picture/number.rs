//! Conversions between numbers that cannot fail.

/// The whole part, at least 0 and at most `u32::MAX`; 0 for what is no number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast of a float to an integer saturates, which is wanted"
)]
pub(super) const fn whole(x: f64) -> u32 {
    x as u32
}

/// The nearest number of half the length.
#[expect(clippy::cast_possible_truncation, reason = "fewer digits are wanted")]
pub(super) const fn single(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_saturate() {
        assert_eq!((whole(-1.0), whole(2.9), whole(1e12), whole(f64::NAN)), (0, 2, u32::MAX, 0));
        assert_eq!(single(0.5), 0.5);
    }
}
