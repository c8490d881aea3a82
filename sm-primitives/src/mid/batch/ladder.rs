//! Multiples of points that are met once: doubling and adding odd digits of 5 bits, from 16 odd multiples in each lane.
//!
//! While digits of one scalar are added, the sum is v Q with |v| >= 31 odd, and the digit is below: no exception can occur
//! before the last digit, and there only for a scalar close to 0 or n. Sums of several points may meet exceptions
//! wherever their senders planted them. Either way z is 0 from there on, and the item is done again.

use alloc::vec::Vec;

use subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::{add_up, elements, even, even_chunks, fill_two, fixed, invert_all, load, points, splat};
use crate::{
    low::lanes::{Affine as Points, Buffer, Jacobian as Sums, Lanes, Work},
    mid::{
        comb::{Comb, ROWS},
        field::FieldElement,
        jacobian::Jacobian,
        mul_vartime::x_is_mod_n,
        ops::{Claim, NonceSum},
        point::Affine,
        recode::SignedDigits,
        scalar::ScalarElement,
    },
};

/// Bits of a digit.
const WINDOW: usize = 5;
/// Odd multiples that a digit chooses from.
const ENTRIES: usize = 1 << (WINDOW - 1);
/// Digits of a scalar, and of a number of 128 bits.
const LONG: usize = 52;
const SHORT: usize = 26;
type LongDigits = SignedDigits<WINDOW, LONG>;
type ShortDigits = SignedDigits<WINDOW, SHORT>;
/// Vectors whose tables share their inversions, and lie in the caches together.
const VECTORS: usize = 8;

/// 1, 3, .. 31 times every point: a run of entries for each pair of vectors. The points are public, and so is what this
/// takes.
fn odd_multiples<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    qs: &[[Points<L, N>; 2]],
) -> Buffer<[Points<L, N>; 2]> {
    // 2^m Q for m = 1 to 4
    let z = splat(&FieldElement::ONE);
    let mut work = Work::default();
    let mut powers = Vec::with_capacity(2 * qs.len() * (WINDOW - 1));
    for q in qs {
        let mut power = q.map(|Points { x, y }| Sums { x, y, z });
        for _ in 1..WINDOW {
            cpu.double(&mut power, &mut work);
            powers.extend(power);
        }
    }
    let mut inverses: Vec<_> = powers.iter().map(|power| power.z).collect();
    // None is zero: no point has an order of two.
    invert_all(cpu, &mut inverses);
    let powers: Vec<_> = powers.iter().zip(&inverses).map(|(power, z)| cpu.scale(power, z)).collect();

    let mut table = Buffer::<[Points<L, N>; 2]>::new(qs.len() * ENTRIES);
    for (entries, q) in table.chunks_mut(ENTRIES).zip(qs) {
        entries[0] = *q;
    }
    let mut rows = Vec::new();
    for m in 0..WINDOW - 1 {
        // Entry j + 2^m is entry j plus 2^(m + 1) Q: an odd multiple below that, so the two differ in x.
        let known = 1 << m;
        rows.clear();
        rows.extend(table.chunks(ENTRIES).flat_map(|entries| entries[..known].iter().flatten()));
        for powers in powers.chunks(2 * (WINDOW - 1)) {
            (0..known).for_each(|_| rows.extend(&powers[2 * m..2 * m + 2]));
        }
        let vectors = rows.len() / 2;
        add_up(cpu, &mut rows, vectors);
        let sums = rows.as_chunks::<2>().0;
        for (entries, sums) in table.chunks_mut(ENTRIES).zip(sums.chunks(known)) {
            entries[known..2 * known].copy_from_slice(sums);
        }
    }
    table
}

/// Digits of `L` lanes: the index of each among the odd multiples, and 0xff if it is negative.
type Chosen<const L: usize> = [(u8, u8); L];

/// Reads for each lane of vector `v` the entry of its digit. Variable time.
fn pick<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    entries: &[[Points<L, N>; 2]],
    v: usize,
    digits: Chosen<L>,
    out: &mut Points<L, N>,
) {
    for (lane, (index, _)) in digits.into_iter().enumerate() {
        let entry = &entries[usize::from(index) % ENTRIES][v];
        for k in 0..N {
            out.x.0[k][lane] = entry.x.0[k][lane];
            out.y.0[k][lane] = entry.y.0[k][lane];
        }
    }
    cpu.negate(&mut out.y, &masks(digits));
}

/// All ones for the lanes whose digit is negative.
fn masks<const L: usize>(digits: Chosen<L>) -> [i64; L] {
    digits.map(|(_, negative)| i64::from(negative.cast_signed()))
}

/// The same, reading all entries. Constant time.
fn select<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    entries: &[[Points<L, N>; 2]],
    v: usize,
    digits: Chosen<L>,
    out: &mut Points<L, N>,
) {
    let index = digits.map(|(index, _)| i64::from(index));
    cpu.select(entries, v, &index, &masks(digits), out);
}

/// Computes the sums of multiples of two vectors: `choose(t, i, v, out)` writes what digit i of term t adds to vector v.
fn ladder<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    terms: usize,
    digits: usize,
    sum: &mut [Sums<L, N>; 2],
    mut choose: impl FnMut(usize, usize, usize, &mut Points<L, N>),
) {
    let z = splat(&FieldElement::ONE);
    let mut work = Zeroizing::new(Work::default());
    let mut chosen = Zeroizing::new([Points::default(); 2]);
    for i in (0..digits).rev() {
        let first = i + 1 == digits;
        if !first {
            (0..WINDOW).for_each(|_| cpu.double(sum, &mut work));
        }
        for term in 0..terms {
            for (v, chosen) in chosen.iter_mut().enumerate() {
                choose(term, i, v, chosen);
            }
            if first && term == 0 {
                *sum = chosen.map(|Points { x, y }| Sums { x, y, z });
            } else {
                cpu.add_affine(sum, &chosen, &mut work);
            }
        }
    }
}

/// Affine forms of the first `count` sums, `None` where z is 0.
fn to_affine<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    sums: &[Sums<L, N>],
    count: usize,
) -> Vec<Option<Affine>> {
    let mut inverses = Buffer::new(sums.len());
    inverses.iter_mut().zip(sums).for_each(|(inverse, sum)| *inverse = sum.z);
    let failed = invert_all(cpu, &mut inverses);
    let mut out = Vec::with_capacity(sums.len() * L);
    for ((sum, inverse), failed) in sums.iter().zip(inverses.iter()).zip(failed) {
        let scaled = Zeroizing::new(cpu.scale(sum, inverse));
        let points = points(cpu, &scaled);
        out.extend(points.iter().zip(failed).map(|(point, failed)| (!failed).then_some(*point)));
    }
    out.truncate(count);
    out
}

/// [k_i]Q_i for k_i != 0; `None` where the caller has to do it again. Constant time in the scalars.
pub(in crate::mid) fn mul_points<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    items: &[(&ScalarElement, &Affine)],
) -> Vec<Option<Affine>> {
    let mut out = Vec::with_capacity(items.len());
    for items in even_chunks(items, VECTORS * L) {
        let qs: Vec<_> = items
            .chunks(2 * L)
            .map(|items| fill_two(items).map(|items| load(cpu, items.map(|(_, q)| *q), [false; L])))
            .collect();
        let table = odd_multiples(cpu, &qs);
        let digits: Vec<_> = items.iter().map(|(k, _)| LongDigits::new(k)).collect();
        let mut sums = Buffer::new(2 * qs.len());
        for ((digits, entries), sums) in
            digits.chunks(2 * L).zip(table.chunks(ENTRIES)).zip(sums.as_chunks_mut().0)
        {
            let digits = fill_two::<_, L>(digits);
            ladder(cpu, 1, LONG, sums, |_, i, v, out| {
                select(cpu, entries, v, digits[v].map(|digits| digits.masked_digit(i)), out);
            });
        }
        let points = to_affine(cpu, &sums, items.len()).into_iter().zip(&digits);
        out.extend(points.map(|(point, digits)| {
            let point = point?;
            let y = FieldElement::conditional_select(&point.y, &-point.y, digits.negated);
            Some(Affine { x: point.x, y })
        }));
    }
    out
}

/// Whether each claim, with g and k not 0, holds; `None` where the caller has to see for itself. Variable time.
pub(in crate::mid) fn verify<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    claims: &[Claim],
) -> Vec<Option<bool>> {
    let mut out = Vec::with_capacity(claims.len());
    for claims in even_chunks(claims, VECTORS * L) {
        let vectors = even(claims.len().div_ceil(L));
        let mut of_g = Buffer::new(ROWS * vectors);
        let gs: Vec<_> = claims.iter().map(|claim| &claim.g).collect();
        fixed::entries(cpu, Comb::base(), &gs, &mut of_g);
        let failed = add_up(cpu, &mut of_g, vectors);
        let qs: Vec<_> = claims
            .chunks(2 * L)
            .map(|claims| fill_two(claims).map(|claims| load(cpu, claims.map(|claim| &claim.q), [false; L])))
            .collect();
        let table = odd_multiples(cpu, &qs);
        let of_g = of_g.as_chunks::<2>().0;
        let mut work = Work::default();
        for ((claims, entries), of_g) in claims.chunks(2 * L).zip(table.chunks(ENTRIES)).zip(of_g) {
            let digits = fill_two::<_, L>(claims).map(|claims| claims.map(|claim| LongDigits::new(&claim.k)));
            let digit = |digits: &LongDigits, i| {
                let (index, negative) = digits.masked_digit(i);
                (index, if bool::from(digits.negated) { !negative } else { negative })
            };
            let mut sums = [Sums::default(); 2];
            ladder(cpu, 1, LONG, &mut sums, |_, i, v, out| {
                pick(cpu, entries, v, digits[v].each_ref().map(|digits| digit(digits, i)), out);
            });
            cpu.add_affine(&mut sums, of_g, &mut work);
            for (claims, sum) in claims.chunks(L).zip(&sums) {
                let (x, z) = (elements(cpu, &sum.x), elements(cpu, &sum.z));
                for (lane, claim) in claims.iter().enumerate() {
                    let point = Jacobian { x: x[lane], y: FieldElement::ZERO, z: z[lane] };
                    let known = !failed[lane] && !point.is_identity_vartime();
                    out.push(known.then(|| x_is_mod_n(&point, &claim.v)));
                }
            }
        }
    }
    out
}

/// The sums; `None` where the caller has to do it again. Variable time.
pub(in crate::mid) fn nonce_sums<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    items: &[NonceSum],
) -> Vec<Option<Affine>> {
    let mut out = Vec::with_capacity(items.len());
    for items in even_chunks(items, VECTORS * L) {
        // For two vectors of items, QA and then QB.
        let qs: Vec<_> = items
            .chunks(2 * L)
            .flat_map(|items| {
                let items = fill_two(items);
                [0, 1].map(|term| items.map(|items| load(cpu, items.map(|item| &item.q[term]), [false; L])))
            })
            .collect();
        let table = odd_multiples(cpu, &qs);
        let mut work = Work::default();
        let mut sums = Vec::with_capacity(qs.len());
        for (items, entries) in items.chunks(2 * L).zip(table.chunks(2 * ENTRIES)) {
            let items = fill_two::<_, L>(items);
            let entries = [0, ENTRIES].map(|first| &entries[first..first + ENTRIES]);
            let digits =
                [0, 1].map(|term| items.map(|items| items.map(|item| ShortDigits::of_u128(item.b[term]))));
            let mut sum = [Sums::default(); 2];
            ladder(cpu, 2, SHORT, &mut sum, |term, i, v, out| {
                pick(
                    cpu,
                    entries[term],
                    v,
                    digits[term][v].each_ref().map(|digits| digits.masked_digit(i)),
                    out,
                );
            });
            let k2 = items.map(|items| load(cpu, items.map(|item| &item.k2), [false; L]));
            cpu.add_affine(&mut sum, &k2, &mut work);
            for (term, entries) in entries.iter().enumerate() {
                // Digits are of odd numbers only: take the point off again where b is even.
                let mut less = sum;
                let mut minus = [Points::default(); 2];
                for (v, minus) in minus.iter_mut().enumerate() {
                    pick(cpu, entries, v, [(0, 0xff); L], minus);
                }
                cpu.add_affine(&mut less, &minus, &mut work);
                for (items, (sum, less)) in items.iter().zip(sum.iter_mut().zip(&less)) {
                    for lane in (0..L).filter(|lane| items[*lane].b[term] % 2 == 0) {
                        copy_lane(sum, less, lane);
                    }
                }
            }
            sums.extend(sum);
        }
        out.extend(to_affine(cpu, &sums, items.len()));
    }
    out
}

fn copy_lane<const L: usize, const N: usize>(to: &mut Sums<L, N>, from: &Sums<L, N>, lane: usize) {
    for (to, from) in [(&mut to.x, &from.x), (&mut to.y, &from.y), (&mut to.z, &from.z)] {
        for (to, from) in to.0.iter_mut().zip(&from.0) {
            to[lane] = from[lane];
        }
    }
}
