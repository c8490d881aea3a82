//! The kernels, for any vector. They work on two vectors step by step, so that while the carries of one product ripple,
//! the processor has the next one to work on, which does not wait for it.

use core::mem;

use super::{
    Affine, Columns, Element, Jacobian, LIMB_BYTES, LIMBS, Work,
    vector::{
        self, Factor, Limbs, Vector, add, copy, each, load, mul_sub, negate, shl, sqr_sub, store, sub, tidy,
    },
};

/// Multiplications out of line: each is some 270 instructions, and a formula with a dozen of them inlined does not fit
/// into a processor's cache of decoded instructions.
pub(crate) trait Products<const L: usize>: Vector<L> {
    /// a b
    fn mul(out: &mut Element<L>, a: &Element<L>, b: &Element<L>);
    /// a b - c
    fn mul_sub(out: &mut Element<L>, a: &Element<L>, b: &Element<L>, c: &Element<L>);
    /// (a - b) c
    fn sub_mul(out: &mut Element<L>, a: &Element<L>, b: &Element<L>, c: &Element<L>);
    /// (a - b) c - d
    fn sub_mul_sub(out: &mut Element<L>, a: &Element<L>, b: &Element<L>, c: &Element<L>, d: &Element<L>);
    /// a^2
    fn sqr(out: &mut Element<L>, a: &Element<L>);
    /// a^2 - b - c
    fn sqr_sub(out: &mut Element<L>, a: &Element<L>, b: &Element<L>, c: &Element<L>);
}

/// Defines the functions of [`Products`] for a vector, each compiled with the instructions it needs.
macro_rules! products {
    ($vector:ty, $lanes:literal, [$($attribute:meta),*]) => {
        impl crate::low::lanes::formulas::Products<$lanes> for $vector {
            products!(@ $vector, $lanes, [$($attribute),*], mul(a, b), product);
            products!(@ $vector, $lanes, [$($attribute),*], mul_sub(a, b, c), product_sub);
            products!(@ $vector, $lanes, [$($attribute),*], sub_mul(a, b, c), difference_product);
            products!(@ $vector, $lanes, [$($attribute),*], sub_mul_sub(a, b, c, d), difference_product_sub);
            products!(@ $vector, $lanes, [$($attribute),*], sqr(a), square);
            products!(@ $vector, $lanes, [$($attribute),*], sqr_sub(a, b, c), square_sub);
        }
    };
    (@ $vector:ty, $lanes:literal, [$($attribute:meta),*], $name:ident($($a:ident),+), $body:ident) => {
        #[inline(always)]
        fn $name(out: &mut crate::low::lanes::Element<$lanes>, $($a: &crate::low::lanes::Element<$lanes>),+) {
            #[inline(never)]
            $(#[$attribute])*
            unsafe fn kernel(
                out: &mut crate::low::lanes::Element<$lanes>,
                $($a: &crate::low::lanes::Element<$lanes>),+
            ) {
                crate::low::lanes::formulas::$body::<$vector, $lanes>(out, $($a),+);
            }
            // SAFETY: a vector of this type is only used in kernels that were given the token of its processor.
            unsafe { kernel(out, $($a),+) }
        }
    };
}
pub(in crate::low) use products;

#[inline(always)]
pub(in crate::low) fn product<V: Vector<L>, const L: usize>(
    out: &mut Element<L>,
    a: &Element<L>,
    b: &Element<L>,
) {
    store(out, mul_sub::<V, L>(Factor::Element(a), b, None));
}

#[inline(always)]
pub(in crate::low) fn product_sub<V: Vector<L>, const L: usize>(
    out: &mut Element<L>,
    a: &Element<L>,
    b: &Element<L>,
    c: &Element<L>,
) {
    store(out, mul_sub::<V, L>(Factor::Element(a), b, Some(load(c))));
}

#[inline(always)]
pub(in crate::low) fn difference_product<V: Vector<L>, const L: usize>(
    out: &mut Element<L>,
    a: &Element<L>,
    b: &Element<L>,
    c: &Element<L>,
) {
    store(out, mul_sub::<V, L>(Factor::Difference(a, b), c, None));
}

#[inline(always)]
pub(in crate::low) fn difference_product_sub<V: Vector<L>, const L: usize>(
    out: &mut Element<L>,
    a: &Element<L>,
    b: &Element<L>,
    c: &Element<L>,
    d: &Element<L>,
) {
    store(out, mul_sub::<V, L>(Factor::Difference(a, b), c, Some(load(d))));
}

#[inline(always)]
pub(in crate::low) fn square<V: Vector<L>, const L: usize>(out: &mut Element<L>, a: &Element<L>) {
    store(out, sqr_sub::<V, L>(a, None));
}

#[inline(always)]
pub(in crate::low) fn square_sub<V: Vector<L>, const L: usize>(
    out: &mut Element<L>,
    a: &Element<L>,
    b: &Element<L>,
    c: &Element<L>,
) {
    store(out, sqr_sub::<V, L>(a, Some(add(&load(b), &load(c)))));
}

/// See [`Lanes::open_sums`](super::Lanes::open_sums).
#[inline(always)]
pub(in crate::low) fn open_sums<V: Products<L>, const L: usize>(
    points: &[Affine<L>],
    width: usize,
    step: usize,
    products: &mut [[Element<L>; 2]],
) {
    let mut i = 0;
    for block in points.chunks_exact(2 * step) {
        let (p, q) = (&block[..width], &block[step..step + width]);
        for (p, q) in p.as_chunks::<2>().0.iter().zip(q.as_chunks::<2>().0) {
            let Some([before, after]) = products.get_mut(i..i + 2) else { return };
            each!(I in [0 1] { V::sub_mul(&mut after[I], &q[I].x, &p[I].x, &before[I]); });
            i += 1;
        }
    }
}

/// See [`Lanes::close_sums`](super::Lanes::close_sums).
#[inline(always)]
pub(in crate::low) fn close_sums<V: Products<L>, const L: usize>(
    points: &mut [Affine<L>],
    width: usize,
    step: usize,
    products: &[[Element<L>; 2]],
    inverses: &mut [Element<L>; 2],
) {
    let [mut own, mut slope, mut x, mut y, mut other] = [[Element::default(); 2]; 5];
    let (mut inverse, mut rest) = (inverses, &mut other);
    let mut products = products.iter().rev().skip(1);
    for block in points.chunks_exact_mut(2 * step).rev() {
        let (p, q) = block.split_at_mut(step);
        let pairs = p[..width].as_chunks_mut::<2>().0.iter_mut().zip(q[..width].as_chunks::<2>().0);
        for ((p, q), before) in pairs.rev().zip(&mut products) {
            each!(I in [0 1] { V::mul(&mut own[I], &before[I], &inverse[I]); });
            each!(I in [0 1] { V::sub_mul(&mut rest[I], &q[I].x, &p[I].x, &inverse[I]); });
            mem::swap(&mut inverse, &mut rest);
            each!(I in [0 1] { V::sub_mul(&mut slope[I], &q[I].y, &p[I].y, &own[I]); });
            each!(I in [0 1] { V::sqr_sub(&mut x[I], &slope[I], &p[I].x, &q[I].x); });
            each!(I in [0 1] { V::sub_mul_sub(&mut y[I], &p[I].x, &x[I], &slope[I], &p[I].y); });
            each!(I in [0 1] {
                copy::<V, L>(&mut p[I].x, &x[I]);
                copy::<V, L>(&mut p[I].y, &y[I]);
            });
        }
    }
}

/// See [`Lanes::double`](super::Lanes::double).
///
/// 3 x^2 - 3 z^4 = 3 (x - z^2) (x + z^2), as a = -3: 4 multiplications, 4 squarings.
#[inline(always)]
pub(in crate::low) fn double<V: Products<L>, const L: usize>(p: &mut [Jacobian<L>; 2], work: &mut Work<L>) {
    let [zz, yy, s, slope, t, u, ..] = &mut work.0;
    each!(I in [0 1] { V::sqr(&mut zz[I], &p[I].z); });
    each!(I in [0 1] { V::sqr(&mut yy[I], &p[I].y); });
    // z' = 2 y z
    each!(I in [0 1] {
        store(&mut t[I], shl::<V, L, 1>(&load(&p[I].y)));
        copy::<V, L>(&mut u[I], &p[I].z);
        V::mul(&mut p[I].z, &t[I], &u[I]);
    });
    // s = 4 x y^2
    each!(I in [0 1] { V::mul(&mut t[I], &p[I].x, &yy[I]); });
    each!(I in [0 1] { store(&mut s[I], tidy::<V, L>(&shl::<V, L, 2>(&load(&t[I])))); });
    each!(I in [0 1] {
        let (x, square): (Limbs<V>, Limbs<V>) = (load(&p[I].x), load(&zz[I]));
        let minus = sub(&x, &square);
        store(&mut t[I], add(&minus, &shl::<V, L, 1>(&minus)));
        store(&mut u[I], tidy::<V, L>(&add(&x, &square)));
    });
    each!(I in [0 1] { V::mul(&mut slope[I], &t[I], &u[I]); });
    each!(I in [0 1] { V::sqr_sub(&mut p[I].x, &slope[I], &s[I], &s[I]); });
    // y' = slope (s - x') - 8 y^4
    each!(I in [0 1] { V::sqr(&mut t[I], &yy[I]); });
    each!(I in [0 1] {
        store(&mut u[I], shl::<V, L, 3>(&load(&t[I])));
        V::sub_mul_sub(&mut p[I].y, &s[I], &p[I].x, &slope[I], &u[I]);
    });
}

/// See [`Lanes::add_affine`](super::Lanes::add_affine). 8 multiplications, 3 squarings.
#[inline(always)]
pub(in crate::low) fn add_affine<V: Products<L>, const L: usize>(
    p: &mut [Jacobian<L>; 2],
    q: &[Affine<L>; 2],
    work: &mut Work<L>,
) {
    let [zz, zzz, h, r, hh, hhh, v, z, t] = &mut work.0;
    each!(I in [0 1] { V::sqr(&mut zz[I], &p[I].z); });
    each!(I in [0 1] { V::mul(&mut zzz[I], &p[I].z, &zz[I]); });
    each!(I in [0 1] { V::mul_sub(&mut h[I], &q[I].x, &zz[I], &p[I].x); });
    each!(I in [0 1] { V::mul_sub(&mut r[I], &q[I].y, &zzz[I], &p[I].y); });
    each!(I in [0 1] { V::sqr(&mut hh[I], &h[I]); });
    each!(I in [0 1] { V::mul(&mut z[I], &p[I].z, &h[I]); });
    each!(I in [0 1] { V::mul(&mut hhh[I], &h[I], &hh[I]); });
    each!(I in [0 1] { V::mul(&mut v[I], &p[I].x, &hh[I]); });
    each!(I in [0 1] { copy::<V, L>(&mut p[I].z, &z[I]); });
    // x' = r^2 - h^3 - 2 v
    each!(I in [0 1] {
        store(&mut z[I], shl::<V, L, 1>(&load(&v[I])));
        V::sqr_sub(&mut p[I].x, &r[I], &hhh[I], &z[I]);
    });
    // y' = r (v - x') - y h^3
    each!(I in [0 1] { V::mul(&mut t[I], &p[I].y, &hhh[I]); });
    each!(I in [0 1] { V::sub_mul_sub(&mut p[I].y, &v[I], &p[I].x, &r[I], &t[I]); });
}

/// See [`Lanes::scale`](super::Lanes::scale).
#[inline(always)]
pub(in crate::low) fn scale<V: Products<L>, const L: usize>(
    p: &Jacobian<L>,
    inverse: &Element<L>,
) -> Affine<L> {
    let [mut square, mut cube] = [Element::default(); 2];
    let mut out = Affine::default();
    V::sqr(&mut square, inverse);
    V::mul(&mut cube, &square, inverse);
    V::mul(&mut out.x, &p.x, &square);
    V::mul(&mut out.y, &p.y, &cube);
    out
}

/// See [`Lanes::spread`](super::Lanes::spread).
#[inline(always)]
pub(in crate::low) fn spread<V: Vector<L>, const L: usize>(
    words: &[[i64; L]; 8],
    negative: &[i64; L],
) -> Affine<L> {
    let mut w = [V::splat(0); 8];
    each!(I in [0 1 2 3 4 5 6 7] { w[I] = V::load(&words[I]); });
    let [x0, x1, x2, x3, y0, y1, y2, y3] = w;
    let mut out = Affine::default();
    store(&mut out.x, vector::spread::<V, L>([x0, x1, x2, x3]));
    store(&mut out.y, negate(&vector::spread::<V, L>([y0, y1, y2, y3]), V::load(negative)));
    out
}

/// See [`Lanes::select`](super::Lanes::select).
#[inline(always)]
pub(in crate::low) fn select<V: Vector<L>, const L: usize>(
    table: &[[Affine<L>; 2]],
    v: usize,
    index: &[i64; L],
    negative: &[i64; L],
    out: &mut Affine<L>,
) {
    let index = V::load(index);
    let [mut x, mut y] = [[V::splat(0); LIMBS]; 2];
    for (i, entry) in (0..).zip(table) {
        let mask = index.equal(V::splat(i));
        let entry = &entry[v];
        for k in 0..LIMBS {
            x[k] = x[k].or(V::load(&entry.x.0[k]).and(mask));
            y[k] = y[k].or(V::load(&entry.y.0[k]).and(mask));
        }
    }
    store(&mut out.x, x);
    store(&mut out.y, negate(&y, V::load(negative)));
}

/// The first entry of each block of a table row.
const FIRSTS: [u8; 8] = [0, 16, 32, 48, 64, 80, 96, 112];

/// See [`Lanes::look_up`](super::Lanes::look_up).
#[inline(always)]
pub(in crate::low) fn look_up<V: Vector<L>, const L: usize>(
    row: &Columns,
    index: &[[u8; 8]; L],
    negative: &[[u8; 8]; L],
    out: &mut [Affine<L>; 8],
) {
    // For each block of 16 entries the index into it, with the highest bit set if it is in another block: what is below
    // wraps around to 0x90 and more.
    let index = V::load_bytes(index);
    let mut within = [index; 8];
    each!(I in [0 1 2 3 4 5 6 7] {
        let first = V::splat_block(&[FIRSTS[I]; 16]);
        within[I] = index.sub_bytes(first).add_bytes_saturating(V::splat_block(&[0x70; 16]));
    });
    let sign = V::load_bytes(negative);
    let signs = join([sign; 4]);
    let low = V::splat(0xffff_ffff);
    for k in 0..LIMBS {
        let x = limb(&row.0[4 * k..4 * k + 4], &within);
        let y = limb(&row.0[LIMB_BYTES + 4 * k..LIMB_BYTES + 4 * k + 4], &within);
        each!(PAIR in [0 1 2 3] {
            let signs = signs[PAIR].double_halves();
            let x = [x[PAIR].and(low), x[PAIR].shr::<32>()];
            let y = [y[PAIR].and(low), y[PAIR].shr::<32>()];
            each!(ODD in [0 1] {
                let point = &mut out[2 * PAIR + ODD];
                x[ODD].store(&mut point.x.0[k]);
                y[ODD].xor(signs[ODD]).sub(signs[ODD]).store(&mut point.y.0[k]);
            });
        });
    }
}

/// Looks up one limb: its four bytes, in pairs of neighbouring lanes.
#[inline(always)]
fn limb<V: Vector<L>, const L: usize>(columns: &[[[u8; 16]; 8]], within: &[V; 8]) -> [V; 4] {
    let mut bytes = [within[0]; 4];
    each!(I in [0 1 2 3] { bytes[I] = byte::<V, L>(&columns[I], within); });
    join(bytes)
}

/// Looks up one byte in each block and takes the one that was found.
#[inline(always)]
fn byte<V: Vector<L>, const L: usize>(column: &[[u8; 16]; 8], within: &[V; 8]) -> V {
    let mut hit = V::splat_block(&column[0]).look_up(within[0]);
    each!(I in [1 2 3 4 5 6 7] { hit = hit.or(V::splat_block(&column[I]).look_up(within[I])); });
    hit
}

/// Brings four bytes, given as four registers of bytes, together: four registers of two of them in each lane.
#[inline(always)]
fn join<V: Vector<L>, const L: usize>([b0, b1, b2, b3]: [V; 4]) -> [V; 4] {
    let [low01, high01] = b0.interleave_bytes(b1);
    let [low23, high23] = b2.interleave_bytes(b3);
    let [first, second] = low01.interleave_pairs(low23);
    let [third, fourth] = high01.interleave_pairs(high23);
    [first, second, third, fourth]
}

/// Implements [`Lanes`](super::Lanes) for a token with the kernels of a vector.
macro_rules! kernels {
    ($token:ty, $vector:ty, $lanes:literal, [$($attribute:meta),*]) => {
        impl crate::low::lanes::Lanes<$lanes> for $token {
            kernels!(@ $vector, $lanes, [$($attribute),*],
                fn mul(out: &mut Element<$lanes>, a: &Element<$lanes>, b: &Element<$lanes>) = product);
            kernels!(@ $vector, $lanes, [$($attribute),*], fn open_sums(
                points: &[Affine<$lanes>],
                width: usize,
                step: usize,
                products: &mut [[Element<$lanes>; 2]]
            ) = open_sums);
            kernels!(@ $vector, $lanes, [$($attribute),*], fn close_sums(
                points: &mut [Affine<$lanes>],
                width: usize,
                step: usize,
                products: &[[Element<$lanes>; 2]],
                inverses: &mut [Element<$lanes>; 2]
            ) = close_sums);
            kernels!(@ $vector, $lanes, [$($attribute),*], fn double(p: &mut [Jacobian<$lanes>; 2], work: &mut Work<$lanes>) = double);
            kernels!(@ $vector, $lanes, [$($attribute),*],
                fn add_affine(
                p: &mut [Jacobian<$lanes>; 2],
                q: &[Affine<$lanes>; 2],
                work: &mut Work<$lanes>
            ) = add_affine);
            kernels!(@ $vector, $lanes, [$($attribute),*],
                fn scale(p: &Jacobian<$lanes>, inverse: &Element<$lanes>) -> Affine<$lanes> = scale);
            kernels!(@ $vector, $lanes, [$($attribute),*],
                fn spread(words: &[[i64; $lanes]; 8], negative: &[i64; $lanes]) -> Affine<$lanes> = spread);
            kernels!(@ $vector, $lanes, [$($attribute),*], fn select(
                table: &[[Affine<$lanes>; 2]],
                v: usize,
                index: &[i64; $lanes],
                negative: &[i64; $lanes],
                out: &mut Affine<$lanes>
            ) = select);
            kernels!(@ $vector, $lanes, [$($attribute),*], fn look_up(
                row: &Columns,
                index: &[[u8; 8]; $lanes],
                negative: &[[u8; 8]; $lanes],
                out: &mut [Affine<$lanes>; 8]
            ) = look_up);
        }
    };
    (@ $vector:ty, $lanes:literal, [$($attribute:meta),*],
        fn $name:ident($($a:ident: $type:ty),+) $(-> $out:ty)? = $body:ident) => {
        #[inline]
        fn $name(self, $($a: $type),+) $(-> $out)? {
            $(#[$attribute])*
            unsafe fn kernel($($a: $type),+) $(-> $out)? {
                crate::low::lanes::formulas::$body::<$vector, $lanes>($($a),+)
            }
            // SAFETY: `self` is proof that the processor has the instructions.
            unsafe { kernel($($a),+) }
        }
    };
}
pub(in crate::low) use kernels;
