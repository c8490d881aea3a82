//! The whole operations that the public modules call, one function each.
//!
//! This is the seam for other implementations: a faster one of a whole operation is chosen here, once per call.
//!
//! | operation | scalars | here |
//! |---|---|---|
//! | [`mul_base`], [`mul_base_all`] | secret | signed comb without doublings, 5 bits (52 KB), in lanes or not, or 8 bits (256 KB) |
//! | [`mul`], [`mul_secret`], [`mul_each`], [`mul_same`] | secret | signed 5-bit windows |
//! | [`mul_vartime`], [`mul_base_add_vartime`], [`verify_vartime`] | public | interleaved non-adjacent forms |
//! | [`verify_with_comb_vartime`] | public | two signed 8-bit combs |
//! | [`nonce_sums_vartime`] | public, 128 bits | likewise |
//!
//! Many items at once go to the batch engine where the processor has vectors for it.

use alloc::vec::Vec;

use subtle::Choice;
use zeroize::Zeroizing;

#[cfg(all(target_arch = "x86_64", not(miri)))]
use super::batch::{self, Base, Table, Tables};
use super::{
    comb::Comb,
    field::FieldElement,
    inverse::{self, to_affine, to_affine_all},
    jacobian::Jacobian,
    mul::{self, Digits, Multiples},
    mul_vartime::{self, Term},
    point::{Affine, Projective},
    scalar::ScalarElement,
    sswu, table,
};
use crate::low::{Arithmetic, Portable, with_best_arithmetic};

/// Returns `$result`, with `$cpu` standing for the kernels of the processor's best vectors, if it has any and there are
/// at least as many items as `$least` says of them; else goes on.
macro_rules! with_lanes {
    ($cpu:ident, $items:expr, $least:expr => $result:expr) => {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use $crate::low::x86_64::cpu::{Avx2, Avx512, Ifma};
            if let Some($cpu) = Ifma::get() {
                if $items >= $least.ifma {
                    return $result;
                }
            } else if let Some($cpu) = Avx512::get() {
                if $items >= $least.avx512 {
                    return $result;
                }
            } else if let Some($cpu) = Avx2::get() {
                if $items >= $least.avx2 {
                    return $result;
                }
            }
        }
    };
}

/// Fewer items than these are done one at a time sooner: measured on a Zen 4, see BENCHMARKS.md.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[derive(Clone, Copy)]
struct Least {
    ifma: usize,
    avx512: usize,
    avx2: usize,
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
impl Least {
    const MUL_BASE: Self = Self { ifma: 20, avx512: 15, avx2: 9 };
    const MUL_POINTS: Self = Self { ifma: 5, avx512: 7, avx2: 5 };
    /// From here on a table for the one point pays.
    const MUL_TABLE: Self = Self { ifma: 64, avx512: 64, avx2: 64 };
    const VERIFY: Self = Self { ifma: 5, avx512: 8, avx2: 5 };
    const VERIFY_PREPARED: Self = Self { ifma: 5, avx512: 7, avx2: 5 };
    const NONCE_SUMS: Self = Self { ifma: 5, avx512: 8, avx2: 5 };
}

/// What multiplies G by a secret scalar: the 52 KB that are there anyway, which lanes add up for one scalar too where
/// they multiply 52 bits; or, where only a table scan is cheap, the comb of 256 KB that is made on first use.
trait BaseTable: Arithmetic {
    fn mul_base(self, k: &ScalarElement) -> Zeroizing<Projective<Self>>;
}

impl BaseTable for Portable {
    fn mul_base(self, k: &ScalarElement) -> Zeroizing<Projective> {
        mul::mul_base::<_, { table::WINDOW }, _, _>(k, &table::BASE, self)
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
impl BaseTable for crate::low::x86_64::Native {
    fn mul_base(self, k: &ScalarElement) -> Zeroizing<Projective<Self>> {
        if let Some(cpu) = crate::low::x86_64::cpu::Ifma::get() {
            return mul::mul_base_in_lanes(cpu, k, self)
                .unwrap_or_else(|| mul::mul_base::<_, { table::WINDOW }, _, _>(k, &table::BASE, self));
        }
        mul::mul_base::<_, { super::comb::WINDOW }, _, _>(k, Comb::base().rows(), self)
    }
}

/// [k]G for k != 0. Constant time.
pub(crate) fn mul_base(k: &ScalarElement) -> Affine {
    with_best_arithmetic!(a => to_affine(&*a.mul_base(k)).on(Portable))
}

/// [k_i]G for k_i != 0. Constant time.
pub(crate) fn mul_base_all(ks: &[&ScalarElement]) -> Vec<Affine> {
    with_lanes!(cpu, ks.len(), Least::MUL_BASE => {
        complete(batch::mul_table(cpu, Table::base(), ks), |i| mul_base(ks[i]))
    });
    with_best_arithmetic!(a => collect_affine(ks.len(), ks.iter().map(|k| a.mul_base(k))))
}

/// [k]Q for k != 0. Constant time.
pub(crate) fn mul(k: &ScalarElement, q: &Affine) -> Affine {
    with_best_arithmetic!(a => {
        to_affine(&*mul::mul(&Digits::new(k), &Multiples::new(&q.on(a)), a)).on(Portable)
    })
}

/// [k]Q for k != 0. Constant time, in Q too.
pub(crate) fn mul_secret(k: &ScalarElement, q: &Affine) -> Affine {
    with_best_arithmetic!(a => {
        to_affine(&*mul::mul(&Digits::new(k), &Multiples::of_secret(&q.on(a)), a)).on(Portable)
    })
}

/// The sum of the points that two field elements stand for, and whether that is the identity, which gives (0, 0).
/// Constant time.
pub(crate) fn map_to_curve(u: &[FieldElement; 2]) -> (Affine, Choice) {
    with_best_arithmetic!(a => {
        let [first, second] = [&u[0], &u[1]].map(|u| Zeroizing::new(sswu::map(&u.on(a))));
        let sum = Zeroizing::new(first.add(&second));
        (to_affine(&sum).on(Portable), sum.is_identity())
    })
}

/// [k_i]Q for k_i != 0, with one table for Q. Constant time.
pub(crate) fn mul_each(ks: &[&ScalarElement], q: &Affine) -> Vec<Affine> {
    with_lanes!(cpu, ks.len(), Least::MUL_TABLE => {
        complete(batch::mul_table(cpu, &Table::new(&Comb::new(q)), ks), |i| mul(ks[i], q))
    });
    with_lanes!(cpu, ks.len(), Least::MUL_POINTS => {
        let items: Vec<_> = ks.iter().map(|k| (*k, q)).collect();
        complete(batch::mul_points(cpu, &items), |i| mul(ks[i], q))
    });
    with_best_arithmetic!(a => {
        let multiples = Multiples::new(&q.on(a));
        collect_affine(ks.len(), ks.iter().map(|k| mul::mul(&Digits::new(k), &multiples, a)))
    })
}

/// A point of which many multiples are wanted, at many times. Its tables are made at the first use.
pub(crate) struct Multiplier {
    q: Affine,
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    tables: Tables,
}

impl Multiplier {
    pub(crate) const fn new(q: Affine) -> Self {
        Self {
            q,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            tables: Tables::new(),
        }
    }

    /// [k_i]Q for k_i != 0. Constant time.
    pub(crate) fn mul_each(&self, ks: &[&ScalarElement]) -> Vec<Affine> {
        with_lanes!(cpu, ks.len(), Least::MUL_TABLE => {
            complete(batch::mul_table(cpu, Base::of(&self.tables, &self.q), ks), |i| mul(ks[i], &self.q))
        });
        mul_each(ks, &self.q)
    }
}

/// [k]Q_i for k != 0. Constant time.
pub(crate) fn mul_same(k: &ScalarElement, qs: &[&Affine]) -> Vec<Affine> {
    with_lanes!(cpu, qs.len(), Least::MUL_POINTS => {
        let items: Vec<_> = qs.iter().map(|q| (k, *q)).collect();
        complete(batch::mul_points(cpu, &items), |i| mul(k, qs[i]))
    });
    let digits = Digits::new(k);
    with_best_arithmetic!(a => {
        collect_affine(qs.len(), qs.iter().map(|q| mul::mul(&digits, &Multiples::new(&q.on(a)), a)))
    })
}

/// Brings points, none of them the identity, into affine form with one inversion.
fn collect_affine<A: Arithmetic>(
    len: usize,
    points: impl Iterator<Item = Zeroizing<Projective<A>>>,
) -> Vec<Affine> {
    let mut all = Zeroizing::new(Vec::with_capacity(len));
    all.extend(points.map(|p| *p));
    to_affine_all(&all).iter().map(|p| p.on(Portable)).collect()
}

/// [k]Q, `None` if that is the identity. Variable time.
pub(crate) fn mul_vartime(k: &ScalarElement, q: &Affine) -> Option<Affine> {
    with_best_arithmetic!(a => {
        affine_vartime(&mul_vartime::sum(None, &Term::all([(&k.to_bytes(), q)], a), a))
    })
}

/// [g]G + [k]Q, `None` if that is the identity. Variable time.
pub(crate) fn mul_base_add_vartime(g: &ScalarElement, k: &ScalarElement, q: &Affine) -> Option<Affine> {
    with_best_arithmetic!(a => affine_vartime(&base_and_term(g, k, q, a)))
}

/// Whether the x of [g]G + [k]Q, reduced mod n, is `v`; false for the identity. Variable time.
pub(crate) fn verify_vartime(g: &ScalarElement, k: &ScalarElement, q: &Affine, v: &ScalarElement) -> bool {
    with_best_arithmetic!(a => mul_vartime::x_is_mod_n(&base_and_term(g, k, q, a), v))
}

/// As [`verify_vartime`] for the comb of Q, g != 0 and k != 0. Variable time.
pub(crate) fn verify_with_comb_vartime(
    g: &ScalarElement,
    k: &ScalarElement,
    q: &Comb,
    v: &ScalarElement,
) -> bool {
    let items = [(g, Comb::base()), (k, q)];
    with_best_arithmetic!(a => mul_vartime::x_is_mod_n(&mul_vartime::sum_combs(items, a), v))
}

fn base_and_term<A: Arithmetic>(g: &ScalarElement, k: &ScalarElement, q: &Affine, a: A) -> Jacobian<A> {
    mul_vartime::sum(Some(&g.to_bytes()), &Term::all([(&k.to_bytes(), q)], a), a)
}

fn affine_vartime<A: Arithmetic>(point: &Jacobian<A>) -> Option<Affine> {
    inverse::jacobian_to_affine_vartime(point).map(|p| p.on(Portable))
}

/// Puts in what the batch engine left to do again.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn complete<T>(found: Vec<Option<T>>, again: impl Fn(usize) -> T) -> Vec<T> {
    found.into_iter().enumerate().map(|(i, found)| found.unwrap_or_else(|| again(i))).collect()
}

/// The claim that the x of [g]G + [k]Q, reduced mod n, is v; g != 0, k != 0.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) g: ScalarElement,
    pub(crate) k: ScalarElement,
    pub(crate) q: Affine,
    pub(crate) v: ScalarElement,
}

impl Claim {
    /// Variable time.
    fn holds(&self) -> bool {
        verify_vartime(&self.g, &self.k, &self.q, &self.v)
    }
}

/// Whether each claim holds. Variable time.
pub(crate) fn verify_all_vartime(claims: &[Claim]) -> Vec<bool> {
    with_lanes!(cpu, claims.len(), Least::VERIFY => {
        complete(batch::verify(cpu, claims), |i| claims[i].holds())
    });
    claims.iter().map(Claim::holds).collect()
}

/// Whether each claim, all about the Q of `comb`, holds. Variable time.
pub(crate) fn verify_all_with_comb_vartime(claims: &[Claim], comb: &Comb) -> Vec<bool> {
    let one = |claim: &Claim| verify_with_comb_vartime(&claim.g, &claim.k, comb, &claim.v);
    with_lanes!(cpu, claims.len(), Least::VERIFY_PREPARED => {
        complete(batch::verify_prepared(cpu, comb, claims), |i| one(&claims[i]))
    });
    claims.iter().map(one).collect()
}

/// The sum [b1]QA + [b2]QB + K2 of suite D. The points may be related in any way.
#[derive(Clone, Copy)]
pub(crate) struct NonceSum {
    pub(crate) b: [u128; 2],
    pub(crate) q: [Affine; 2],
    pub(crate) k2: Affine,
}

/// The sums, `None` where one is the identity. Variable time.
pub(crate) fn nonce_sums_vartime(items: &[NonceSum]) -> Vec<Option<Affine>> {
    with_lanes!(cpu, items.len(), Least::NONCE_SUMS => {
        let found = batch::nonce_sums(cpu, items).into_iter().map(|sum| sum.map(Some)).collect();
        complete(found, |i| nonce_sums_one_by_one(&items[i..=i]).pop().flatten())
    });
    nonce_sums_one_by_one(items)
}

pub(super) fn nonce_sums_one_by_one(items: &[NonceSum]) -> Vec<Option<Affine>> {
    with_best_arithmetic!(a => {
        let sums: Vec<_> = items
            .iter()
            .map(|NonceSum { b, q, k2 }| {
                let terms = Term::all([(&widen(b[0]), &q[0]), (&widen(b[1]), &q[1])], a);
                let mut sum = mul_vartime::sum(None, &terms, a);
                sum.add_affine_vartime(&k2.on(a));
                sum
            })
            .collect();
        let sums = inverse::jacobian_to_affine_all_vartime(&sums).into_iter();
        sums.map(|sum| sum.map(|p| p.on(Portable))).collect()
    })
}

/// 32 big-endian bytes of a 128-bit number.
fn widen(b: u128) -> [u8; 32] {
    let mut out = [0; 32];
    out[16..].copy_from_slice(&b.to_be_bytes());
    out
}

/// p + q and whether that is the identity, which gives (0, 0). Constant time.
pub(crate) fn add(p: &Affine, q: &Affine) -> (Affine, Choice) {
    let sum = Zeroizing::new(Projective::from(*p).add_affine(q));
    (to_affine(&sum), sum.is_identity())
}

/// The sums p + q, `None` where one is the identity, with one inversion. Variable time.
pub(crate) fn add_each_vartime<'p>(
    pairs: impl Iterator<Item = (&'p Affine, &'p Affine)>,
) -> Vec<Option<Affine>> {
    with_best_arithmetic!(a => {
        let sum = |(p, q): (&Affine, &Affine)| {
            let mut sum = Jacobian::from(p.on(a));
            sum.add_affine_vartime(&q.on(a));
            sum
        };
        let sums: Vec<_> = pairs.map(sum).collect();
        let sums = inverse::jacobian_to_affine_all_vartime(&sums).into_iter();
        sums.map(|sum| sum.map(|p| p.on(Portable))).collect()
    })
}

/// p + q, `None` if that is the identity. Variable time.
pub(crate) fn add_vartime(p: &Affine, q: &Affine) -> Option<Affine> {
    let mut sum = Jacobian::from(*p);
    sum.add_affine_vartime(q);
    inverse::jacobian_to_affine_vartime(&sum)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;

    use super::*;

    fn bytes(p: &Affine) -> ([u8; 32], [u8; 32]) {
        (p.x.to_bytes(), p.y.to_bytes())
    }

    /// The ends of the range, where the last addition of a multiplication doubles or cancels: all methods against
    /// repeated addition.
    #[test]
    fn small_and_large_scalars() {
        let q = mul_base(&ScalarElement::from_wide(&[0x5a; 48]));
        let mut k = ScalarElement::ONE;
        let (mut kg, mut kq) = (Affine::GENERATOR, q);
        for _ in 1..80 {
            let (ks, gs, qs) = ([k, -k], [kg, kg.neg()], [kq, kq.neg()]);
            for ((k, g), expected) in ks.iter().zip(gs).zip(qs) {
                assert_eq!(bytes(&mul_base(k)), bytes(&g));
                assert_eq!(bytes(&mul(k, &q)), bytes(&expected));
                assert_eq!(bytes(&mul_secret(k, &q)), bytes(&expected));
                assert_eq!(bytes(&mul_vartime(k, &q).unwrap()), bytes(&expected));
                assert_eq!(bytes(&mul_base_add_vartime(k, &ScalarElement::ZERO, &q).unwrap()), bytes(&g));
            }
            k = k + ScalarElement::ONE;
            (kg, kq) = (add_vartime(&kg, &Affine::GENERATOR).unwrap(), add_vartime(&kq, &q).unwrap());
        }
    }

    /// Scalars whose last addition would double, k = 2 T mod n for a last digit T of either comb, and those next to
    /// powers of two and to n / 2.
    #[test]
    fn scalars_between_the_ends() {
        let (one, two) = (ScalarElement::ONE, ScalarElement::ONE + ScalarElement::ONE);
        let power = |exponent: usize| (0..exponent).fold(one, |power, _| power + power);
        let mut ks = vec![two.invert(), -two.invert()];
        for exponent in [120, 247, 248, 250, 254, 255] {
            ks.extend([power(exponent), power(exponent) + one, power(exponent) - one]);
        }
        for (place, digits) in [(248, 128), (255, 16)] {
            let mut last = power(place);
            for _ in 0..digits {
                ks.push(last + last);
                last = last + power(place) + power(place);
            }
        }
        for k in ks.iter().flat_map(|k| [*k, -*k]) {
            let expected = mul_vartime(&k, &Affine::GENERATOR).unwrap();
            assert_eq!(bytes(&mul_base(&k)), bytes(&expected));
            assert_eq!(bytes(&to_affine(&Portable.mul_base(&k))), bytes(&expected));
            assert_eq!(bytes(&mul(&k, &Affine::GENERATOR)), bytes(&expected));
            assert_eq!(bytes(&mul_secret(&k, &Affine::GENERATOR)), bytes(&expected));
        }
    }

    #[test]
    fn identities() {
        let (zero, one) = (ScalarElement::ZERO, ScalarElement::ONE);
        let g = Affine::GENERATOR;
        assert!(mul_vartime(&zero, &g).is_none());
        assert!(mul_base_add_vartime(&one, &-one, &g).is_none());
        assert!(mul_base_add_vartime(&zero, &zero, &g).is_none());
        assert!(!verify_vartime(&one, &-one, &g, &zero));
        assert!(add_vartime(&g, &g.neg()).is_none());
        assert!(bool::from(add(&g, &g.neg()).1));
        let (double, is_identity) = add(&g, &g);
        assert!(!bool::from(is_identity));
        assert_eq!(bytes(&double), bytes(&add_vartime(&g, &g).unwrap()));
    }

    #[test]
    fn empty_batches() {
        assert!(mul_base_all(&[]).is_empty());
        assert!(mul_each(&[], &Affine::GENERATOR).is_empty());
        assert!(mul_same(&ScalarElement::ONE, &[]).is_empty());
        assert!(nonce_sums_vartime(&[]).is_empty());
        assert!(verify_all_vartime(&[]).is_empty());
    }
}
