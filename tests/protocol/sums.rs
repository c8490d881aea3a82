//! P11: `b1*QA + b2*QB + K2`, whose points a client chooses, against the same sum of logarithms.

use proptest::{prelude::*, test_runner::TestRunner};
use sm_primitives::{PublicPoint, Scalar, SecretScalar, batch};

use crate::cases;

/// An item by the logarithms of its points over G.
#[derive(Clone, Copy, Debug)]
struct Logs {
    b1: u128,
    b2: u128,
    qa: Scalar,
    qb: Scalar,
    k2: Scalar,
}

fn times_g(k: Scalar) -> Option<PublicPoint> {
    SecretScalar::from_public(k).map(|k| PublicPoint::mul_base(&k))
}

impl Logs {
    fn item(&self) -> Option<batch::NonceSum> {
        let [qa, qb, k2] = [self.qa, self.qb, self.k2].map(times_g);
        Some(batch::NonceSum { b1: self.b1, qa: qa?, b2: self.b2, qb: qb?, k2: k2? })
    }

    fn sum(&self) -> Option<PublicPoint> {
        times_g(Scalar::from_u128(self.b1) * self.qa + Scalar::from_u128(self.b2) * self.qb + self.k2)
    }
}

fn scalar() -> impl Strategy<Value = Scalar> {
    any::<[u8; 32]>().prop_map(|bytes| Scalar::reduce(&bytes)).prop_filter("zero", |value| !value.is_zero())
}

fn factor() -> impl Strategy<Value = u128> {
    let edges = vec![1, 2, 3, 1 << 127, u128::MAX, u128::MAX - 1, 1 << 64, u128::from(u64::MAX)];
    prop_oneof![1 => prop::sample::select(edges), 1 => any::<u128>().prop_map(|b| b.max(1))]
}

/// How the points of a hostile request are related.
fn related() -> impl Strategy<Value = Logs> {
    (factor(), factor(), scalar(), scalar(), scalar(), 0..12).prop_map(|(b1, b2, qa, free, k2, relation)| {
        let small = |k: u128| Scalar::from_u128(k);
        let quotient = SecretScalar::from_public(small(b1))
            .unwrap()
            .mul(&SecretScalar::from_public(small(b2)).unwrap().invert());
        let quotient = quotient.declassify();
        let half = SecretScalar::from_public(small(2)).unwrap().invert().declassify();
        let (qb, k2) = match relation {
            0 => (qa, k2),
            1 => (-qa, k2),
            2 => (qa + qa, k2),
            3 => (small(3) * qa, k2),
            4 => (-(qa + qa), k2),
            5 => (half * qa, k2),
            // The two products cancel, or are the same, which doubles.
            6 => (-(quotient * qa), k2),
            7 => (quotient * qa, k2),
            // With K2 everything cancels, or K2 is the sum of the rest.
            8 => (free, -(small(b1) * qa + small(b2) * free)),
            9 => (free, small(b1) * qa + small(b2) * free),
            10 => (qa, -(small(b1) * qa)),
            _ => (free, k2),
        };
        let b2 = if relation == 10 { b1 } else { b2 };
        Logs { b1, b2, qa, qb, k2 }
    })
}

#[test]
fn sums_of_related_points_are_exact_and_leave_the_others_alone() {
    let strategy = prop::collection::vec(related(), 1..128);
    let identities = std::cell::Cell::new(0);
    TestRunner::new(cases(160))
        .run(&strategy, |logs| {
            let all: Vec<_> = logs.iter().filter_map(|logs| Some((logs.item()?, logs.sum()))).collect();
            let items: Vec<_> = all.iter().map(|(item, _)| *item).collect();
            let together = batch::nonce_sums_vartime(&items);
            for (((item, expected), sum), logs) in all.iter().zip(&together).zip(&logs) {
                prop_assert_eq!(sum, expected, "{:?}", logs);
                // Alone, as in a batch with whatever others asked for.
                prop_assert_eq!(&batch::nonce_sums_vartime(&[*item])[0], expected);
                identities.set(identities.get() + usize::from(expected.is_none()));
            }
            Ok(())
        })
        .unwrap();
    assert!(identities.get() > 100, "sums that are the identity: {}", identities.get());
}
