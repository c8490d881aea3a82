//! Affine maps.

/// `x' = a·x + c·y + e`, `y' = b·x + d·y + f`. Source: GB/T 33190-2016, clause 8.5 (CTM).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix {
    /// The six numbers `a b c d e f`.
    pub numbers: [f64; 6],
}

impl Matrix {
    /// Leaves everything where it is.
    pub const IDENTITY: Self = Self { numbers: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0] };

    /// Moves.
    #[must_use]
    pub const fn translation(x: f64, y: f64) -> Self {
        Self { numbers: [1.0, 0.0, 0.0, 1.0, x, y] }
    }

    /// Where a point goes.
    #[must_use]
    pub fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.numbers;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// This one first, `next` after it.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let [a, b, c, d, e, f] = self.numbers;
        let [na, nb, nc, nd, ne, nf] = next.numbers;
        Self {
            numbers: [
                a * na + b * nc,
                a * nb + b * nd,
                c * na + d * nc,
                c * nb + d * nd,
                e * na + f * nc + ne,
                e * nb + f * nd + nf,
            ],
        }
    }

    /// The six numbers of a `CTM`; `None` if they are not six.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers = numbers(text, 6)?;
        Some(Self { numbers: numbers.try_into().ok()? })
    }
}

/// Exactly so many finite numbers.
pub(crate) fn numbers(text: &str, count: usize) -> Option<Vec<f64>> {
    let numbers: Vec<f64> = text.split_whitespace().take(count + 1).map(number).collect::<Option<_>>()?;
    (numbers.len() == count).then_some(numbers)
}

/// A finite number of at most 15 digits before the point, so that sums of them stay finite.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.abs() < 1e15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_follow_each_other() {
        let scale = Matrix::parse("2 0 0 3 1 1").expect("six numbers");
        let turn = Matrix::parse("0 1 -1 0 10 0").expect("six numbers");
        let (x, y) = scale.apply(5.0, 7.0);
        assert_eq!(scale.then(&turn).apply(5.0, 7.0), turn.apply(x, y));
        assert_eq!(turn.apply(x, y), (-12.0, 11.0));
        assert_eq!(Matrix::translation(1.0, 2.0).then(&Matrix::IDENTITY).apply(0.0, 0.0), (1.0, 2.0));
        for text in [
            "",
            "1 2 3 4 5",
            "1 2 3 4 5 6 7",
            "1 2 3 4 5 x",
            "1 2 3 4 5 inf",
            "1 2 3 4 5 NaN",
            "1 2 3 4 5 1e15",
        ] {
            assert_eq!(Matrix::parse(text), None, "{text}");
        }
    }
}
