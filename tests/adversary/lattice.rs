//! Lattice reduction, for nonces that are shorter than they should be.

use num_bigint::BigInt;

/// Reduces a basis of independent rows (Lenstra, Lenstra, Lovász; in integers: Cohen, "A Course in Computational
/// Algebraic Number Theory", algorithm 2.6.7).
pub(crate) fn reduce(basis: &mut [Vec<BigInt>]) {
    let mut gram = Gram::new(basis);
    let mut k = 1;
    while k < basis.len() {
        gram.size_reduce(basis, k, k - 1);
        let (l, d) = (&gram.lambda[k][k - 1], &gram.d);
        // d is shifted by one: d[i + 1] belongs to row i.
        if (&d[k + 1] * &d[k - 1] + l * l) * 4 < &d[k] * &d[k] * 3 {
            gram.swap(basis, k);
            k = (k - 1).max(1);
        } else {
            (0..k - 1).rev().for_each(|j| gram.size_reduce(basis, k, j));
            k += 1;
        }
    }
}

/// The Gram-Schmidt process without fractions.
struct Gram {
    d: Vec<BigInt>,
    lambda: Vec<Vec<BigInt>>,
}

impl Gram {
    fn new(basis: &[Vec<BigInt>]) -> Self {
        let rows = basis.len();
        let (mut d, mut lambda) = (vec![BigInt::from(1); rows + 1], vec![vec![BigInt::ZERO; rows]; rows]);
        for i in 0..rows {
            for j in 0..=i {
                let mut u: BigInt = basis[i].iter().zip(&basis[j]).map(|(a, b)| a * b).sum();
                for k in 0..j {
                    u = (&d[k + 1] * u - &lambda[i][k] * &lambda[j][k]) / &d[k];
                }
                if i == j { d[i + 1] = u } else { lambda[i][j] = u }
            }
        }
        Self { d, lambda }
    }

    fn size_reduce(&mut self, basis: &mut [Vec<BigInt>], k: usize, l: usize) {
        let d = &self.d[l + 1];
        // Rounded to the nearest: the floor of x + 1/2, where division truncates.
        let doubled: BigInt = &self.lambda[k][l] * 2 + d;
        let twice: BigInt = d * 2;
        let q = ((&doubled % &twice + &twice) % &twice - &doubled) / -&twice;
        if q == BigInt::ZERO {
            return;
        }
        for column in 0..basis[k].len() {
            let change = &q * &basis[l][column];
            basis[k][column] -= change;
        }
        self.lambda[k][l] -= &q * d;
        for i in 0..l {
            let change = &q * &self.lambda[l][i];
            self.lambda[k][i] -= change;
        }
    }

    fn swap(&mut self, basis: &mut [Vec<BigInt>], k: usize) {
        basis.swap(k, k - 1);
        for j in 0..k - 1 {
            let upper = self.lambda[k][j].clone();
            self.lambda[k][j] = std::mem::replace(&mut self.lambda[k - 1][j], upper);
        }
        let l = self.lambda[k][k - 1].clone();
        let d = &mut self.d;
        let b = (&d[k - 1] * &d[k + 1] + &l * &l) / &d[k];
        for row in self.lambda.iter_mut().skip(k + 1) {
            let t = row[k].clone();
            row[k] = (&d[k + 1] * &row[k - 1] - &l * &t) / &d[k];
            row[k - 1] = (&b * t + &l * &row[k]) / &d[k + 1];
        }
        d[k] = b;
    }
}

#[test]
fn a_short_vector_is_found() {
    let rows =
        [[1, 0, 0, 123_456_789], [0, 1, 0, 987_654_321], [0, 0, 1, 555_555_555], [0, 0, 0, 1_000_000_007]];
    let mut basis: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|&v| BigInt::from(v)).collect()).collect();
    reduce(&mut basis);
    // The determinant is 10^9, so that the shortest vector is of length about 178.
    let square: BigInt = basis[0].iter().map(|v| v * v).sum();
    assert!(square > BigInt::ZERO && square < BigInt::from(400 * 400), "{:?}", basis[0]);
}
