//! Every set of kernels against the arithmetic of single elements.

extern crate std;

use std::{println, vec, vec::Vec};

use super::{
    Affine, COORDINATE, Columns, Element, Jacobian, Lanes, Work, limb_bytes, place, plain::Plain, to_lane,
    to_words,
};
use crate::low::portable64::{self as limbs, Limbs};

/// 2^256 mod p: one, in the form that [`Element::set`] takes.
const ONE: Limbs = limbs::to_montgomery_const(&[1, 0, 0, 0], &limbs::P);

/// Deterministic elements: the ends of the range, numbers of long runs, and numbers without structure.
fn elements() -> Vec<Limbs> {
    let mut all = vec![[0; 4], ONE, [1, 0, 0, 0], [u64::MAX, 0, 0, 0], [0, 0, 0, 0xffff_fffe_ffff_ffff]];
    for v in 1..4_u64 {
        all.push(limbs::sub_mod(&[0; 4], &[v, 0, 0, 0], &limbs::P));
    }
    for shift in (0..256).step_by(29) {
        let mut power = [0; 4];
        power[shift / 64] = 1 << (shift % 64);
        all.push(power);
        all.push(limbs::sub_mod(&power, &[1, 0, 0, 0], &limbs::P));
    }
    let mut state = [0x0123_4567_89ab_cdef, 2, 3, 4];
    for _ in 0..16 {
        state = limbs::add_mod(&limbs::sqr_p(&state), &[7, 11, 13, 17], &limbs::P);
        all.push(state);
    }
    all
}

/// Runs a check with every set of kernels that this processor has.
macro_rules! with_each_backend {
    ($check:ident($($argument:expr),*)) => {
        $check::<2, 9, _>(Plain, $($argument),*);
        $check::<2, 5, _>(Plain, $($argument),*);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use crate::low::x86_64::cpu::{Avx2, Avx512, Ifma};
            match Avx2::get() {
                Some(cpu) => $check::<4, 9, _>(cpu, $($argument),*),
                None => println!("skipped: no AVX2"),
            }
            match Avx512::get() {
                Some(cpu) => $check::<8, 9, _>(cpu, $($argument),*),
                None => println!("skipped: no AVX-512"),
            }
            match Ifma::get() {
                Some(cpu) => $check::<8, 5, _>(cpu, $($argument),*),
                None => println!("skipped: no products of 52 bits"),
            }
        }
    };
}

/// What is in `lane`, in the form that went in.
fn words<const L: usize, const N: usize>(cpu: impl Lanes<L, N>, a: &Element<L, N>, lane: usize) -> Limbs {
    let mut out = Element::default();
    cpu.mul(&mut out, a, &Element(to_words::<N>().map(|limb| [limb; L])));
    out.get(lane)
}

/// `L` elements of the list, beginning at `first`, one in each lane.
fn take<const L: usize, const N: usize>(all: &[Limbs], first: usize) -> ([Limbs; L], Element<L, N>) {
    let values = core::array::from_fn(|lane| all[(first + lane) % all.len()]);
    let mut element = Element::default();
    for (lane, value) in values.iter().enumerate() {
        element.set(lane, value);
    }
    (values, element)
}

fn check_products<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let all = elements();
    for i in 0..all.len() {
        for j in 0..all.len() {
            let ((a, va), (b, vb)) = (take::<L, N>(&all, i), take::<L, N>(&all, j));
            let mut out = Element::default();
            cpu.mul(&mut out, &va, &vb);
            for lane in 0..L {
                assert_eq!(words(cpu, &va, lane), a[lane]);
                assert_eq!(words(cpu, &out, lane), limbs::mul_p(&a[lane], &b[lane]), "{i} {j} {lane}");
            }
        }
    }
}

#[test]
fn products() {
    with_each_backend!(check_products());
}

/// What is in `lane` of a vector, in all lanes of one of the specification.
fn lane_of<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    a: &Element<L, N>,
    lane: usize,
) -> Element<2, 9> {
    take(&[words(cpu, a, lane)], 0).1
}

/// Points of elements without structure; the formulas do not ask whether they are on the curve.
fn jacobian<const L: usize, const N: usize>(all: &[Limbs], first: usize) -> [Jacobian<L, N>; 2] {
    [0, 7].map(|i| Jacobian {
        x: take(all, first + i).1,
        y: take(all, first + i + 1).1,
        z: take(all, first + i + 2).1,
    })
}

fn affine<const L: usize, const N: usize>(all: &[Limbs], first: usize) -> Affine<L, N> {
    Affine { x: take(all, first).1, y: take(all, first + 5).1 }
}

fn same<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    a: &Element<L, N>,
    lane: usize,
    b: &Element<2, 9>,
) {
    assert_eq!(words(cpu, a, lane), words(Plain, b, 0), "lane {lane}");
}

/// Each formula against the specification, lane by lane.
fn check_formulas<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let all = elements();
    for first in 0..all.len() {
        let (p, q) =
            (jacobian::<L, N>(&all, first), [affine::<L, N>(&all, first + 3), affine(&all, first + 4)]);
        let (mut doubled, mut sum) = (p, p);
        cpu.double(&mut doubled, &mut Work::default());
        cpu.add_affine(&mut sum, &q, &mut Work::default());
        let scaled = cpu.scale(&p[0], &p[1].z);
        for (v, lane) in (0..2 * L).map(|i| (i / L, i % L)) {
            let plain = p.map(|p| Jacobian {
                x: lane_of(cpu, &p.x, lane),
                y: lane_of(cpu, &p.y, lane),
                z: lane_of(cpu, &p.z, lane),
            });
            let plain_q = q.map(|q| Affine { x: lane_of(cpu, &q.x, lane), y: lane_of(cpu, &q.y, lane) });
            let (mut plain_doubled, mut plain_sum) = (plain, plain);
            Plain.double(&mut plain_doubled, &mut Work::default());
            Plain.add_affine(&mut plain_sum, &plain_q, &mut Work::default());
            for (found, expected) in [(&doubled, &plain_doubled), (&sum, &plain_sum)] {
                same(cpu, &found[v].x, lane, &expected[v].x);
                same(cpu, &found[v].y, lane, &expected[v].y);
                same(cpu, &found[v].z, lane, &expected[v].z);
            }
            let expected = Plain.scale(&plain[0], &plain[1].z);
            same(cpu, &scaled.x, lane, &expected.x);
            same(cpu, &scaled.y, lane, &expected.y);
        }
    }
}

#[test]
fn formulas() {
    with_each_backend!(check_formulas());
}

/// Both halves of additions against the slope formulas on single elements.
fn check_sums<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let all = elements();
    let mut points: Vec<_> = (0..16).map(|i| affine::<L, N>(&all, 2 * i + 9)).collect();
    let before = points.clone();
    let one = Element(to_lane(&ONE).map(|limb| [limb; L]));
    let mut products = vec![[one; 2]; 5];
    cpu.open_sums(&points, 4, 4, &mut products);
    // What the inverse is does not matter to the second half: with 1 in place of it, the slopes are off by a factor.
    let mut inverses = [one; 2];
    cpu.close_sums(&mut points, 4, 4, &products, &mut inverses);
    for lane in 0..L {
        let word = |a: &Element<L, N>| words(cpu, a, lane);
        for parity in 0..2 {
            let pairs = [0, 2, 8, 10].map(|i| (i + parity, i + parity + 4));
            let difference =
                |(p, q): (usize, usize)| limbs::sub_mod(&word(&before[q].x), &word(&before[p].x), &limbs::P);
            let mut product = ONE;
            for (pair, found) in pairs.into_iter().zip(&products[1..]) {
                product = limbs::mul_p(&product, &difference(pair));
                assert_eq!(word(&found[parity]), product);
            }
            let mut inverse = ONE;
            for ((p, q), products) in pairs.into_iter().zip(&products).rev() {
                let (x1, y1) = (word(&before[p].x), word(&before[p].y));
                let (x2, y2) = (word(&before[q].x), word(&before[q].y));
                let own = limbs::mul_p(&word(&products[parity]), &inverse);
                let slope = limbs::mul_p(&limbs::sub_mod(&y2, &y1, &limbs::P), &own);
                let x = limbs::sub_mod(&limbs::sqr_p(&slope), &x1, &limbs::P);
                let x = limbs::sub_mod(&x, &x2, &limbs::P);
                let y = limbs::mul_p(&slope, &limbs::sub_mod(&x1, &x, &limbs::P));
                assert_eq!(word(&points[p].x), x);
                assert_eq!(word(&points[p].y), limbs::sub_mod(&y, &y1, &limbs::P));
                inverse = limbs::mul_p(&inverse, &difference((p, q)));
            }
        }
    }
}

#[test]
fn sums() {
    with_each_backend!(check_sums());
}

fn negated_if(negative: bool, a: &Limbs) -> Limbs {
    if negative { limbs::sub_mod(&[0; 4], a, &limbs::P) } else { *a }
}

/// Every way to bring points into lanes.
fn check_loads<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let all = elements();
    let (x, y) = (|i: usize| all[i % all.len()], |i: usize| all[(3 * i + 1) % all.len()]);
    // Words.
    let words_of = core::array::from_fn(|w| {
        core::array::from_fn(|lane| if w < 4 { x(lane)[w] } else { y(lane)[w - 4] }.cast_signed())
    });
    let negative = |i: usize| i % 3 == 1;
    let signs = core::array::from_fn(|lane| -i64::from(negative(lane)));
    let loaded = cpu.spread(&words_of, &signs);
    for lane in 0..L {
        assert_eq!(words(cpu, &loaded.x, lane), x(lane));
        assert_eq!(words(cpu, &loaded.y, lane), negated_if(negative(lane), &y(lane)));
    }
    // A table in lanes: 16 entries, the second vector of each pair.
    let table: Vec<_> = (0..16).map(|i| [affine::<L, N>(&all, 1), affine(&all, i)]).collect();
    for first in 0..16 {
        let index = core::array::from_fn(|lane| ((first + 5 * lane) % 16) as i64);
        let mut out = Affine::default();
        cpu.select(&table, 1, &index, &signs, &mut out);
        for lane in 0..L {
            let entry = &table[(first + 5 * lane) % 16][1];
            assert_eq!(words(cpu, &out.x, lane), words(cpu, &entry.x, lane));
            assert_eq!(words(cpu, &out.y, lane), negated_if(negative(lane), &words(cpu, &entry.y, lane)));
        }
    }
    // A table in columns: every entry, in every place.
    let mut row = Columns([[[0; 16]; 8]; 2 * COORDINATE]);
    for entry in 0..128 {
        for (first, coordinate) in [(0, x(entry)), (COORDINATE, y(entry))] {
            let bytes = to_lane::<N>(&coordinate).map(i64::to_le_bytes);
            for (i, column) in row.0[first..first + N * limb_bytes(N)].iter_mut().enumerate() {
                column[entry / 16][entry % 16] = bytes[i / limb_bytes(N)][i % limb_bytes(N)];
            }
        }
    }
    for shift in 0..128 {
        let entry = |v: usize, lane: usize| (shift + 37 * (L * v + lane)) % 128;
        let [mut index, mut signs] = [[[0_u8; 8]; L]; 2];
        for (v, lane) in (0..8 * L).map(|i| (i / L, i % L)) {
            index.as_flattened_mut()[place(v, lane)] = u8::try_from(entry(v, lane)).unwrap();
            signs.as_flattened_mut()[place(v, lane)] = if negative(v + lane) { 0xff } else { 0 };
        }
        let mut out = [Affine::default(); 8];
        cpu.look_up(&row, &index, &signs, &mut out);
        for (v, lane) in (0..8 * L).map(|i| (i / L, i % L)) {
            let entry = entry(v, lane);
            assert_eq!(words(cpu, &out[v].x, lane), x(entry), "{shift} {v} {lane}");
            assert_eq!(words(cpu, &out[v].y, lane), negated_if(negative(v + lane), &y(entry)));
        }
    }
}

#[test]
fn loads() {
    with_each_backend!(check_loads());
}
