//! The kernels, for any vector. They work on two vectors step by step, so that while the carries of one product ripple,
//! the processor has the next one to work on, which does not wait for it.

use core::mem;

use super::{
    Affine, Columns, Element, Jacobian, Work,
    vector::{Factor, Field, add, copy, each, load, shl, store, sub},
};

/// Multiplications out of line: each is some 270 instructions, and a formula with a dozen of them inlined does not fit
/// into a processor's cache of decoded instructions.
pub(crate) trait Products<const L: usize, const N: usize>: Field<L, N> {
    /// a b
    fn mul(out: &mut Element<L, N>, a: &Element<L, N>, b: &Element<L, N>);
    /// a b - c
    fn mul_sub(out: &mut Element<L, N>, a: &Element<L, N>, b: &Element<L, N>, c: &Element<L, N>);
    /// (a - b) c
    fn sub_mul(out: &mut Element<L, N>, a: &Element<L, N>, b: &Element<L, N>, c: &Element<L, N>);
    /// (a - b) c - d
    fn sub_mul_sub(
        out: &mut Element<L, N>,
        a: &Element<L, N>,
        b: &Element<L, N>,
        c: &Element<L, N>,
        d: &Element<L, N>,
    );
    /// a^2
    fn sqr(out: &mut Element<L, N>, a: &Element<L, N>);
    /// a^2 - b - c
    fn sqr_sub(out: &mut Element<L, N>, a: &Element<L, N>, b: &Element<L, N>, c: &Element<L, N>);
}

/// Defines the functions of [`Products`] for a vector, each compiled with the instructions it needs.
macro_rules! products {
    ($vector:ty, $lanes:literal, $limbs:literal, [$($attribute:meta),*]) => {
        impl crate::low::lanes::formulas::Products<$lanes, $limbs> for $vector {
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], mul(a, b), product);
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], mul_sub(a, b, c), product_sub);
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], sub_mul(a, b, c), difference_product);
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], sub_mul_sub(a, b, c, d), difference_product_sub);
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], sqr(a), square);
            products!(@ $vector, $lanes, $limbs, [$($attribute),*], sqr_sub(a, b, c), square_sub);
        }
    };
    (@ $vector:ty, $lanes:literal, $limbs:literal, [$($attribute:meta),*], $name:ident($($a:ident),+), $body:ident) => {
        #[inline(always)]
        fn $name(out: &mut crate::low::lanes::Element<$lanes, $limbs>, $($a: &crate::low::lanes::Element<$lanes, $limbs>),+) {
            #[inline(never)]
            $(#[$attribute])*
            unsafe fn kernel(
                out: &mut crate::low::lanes::Element<$lanes, $limbs>,
                $($a: &crate::low::lanes::Element<$lanes, $limbs>),+
            ) {
                crate::low::lanes::formulas::$body::<$vector, $lanes, $limbs>(out, $($a),+);
            }
            // SAFETY: a vector of this type is only used in kernels that were given the token of its processor.
            unsafe { kernel(out, $($a),+) }
        }
    };
}
pub(in crate::low) use products;

#[inline(always)]
pub(in crate::low) fn product<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
    b: &Element<L, N>,
) {
    store(out, V::multiply(Factor::Element(a), b, None));
}

#[inline(always)]
pub(in crate::low) fn product_sub<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
    b: &Element<L, N>,
    c: &Element<L, N>,
) {
    store(out, V::multiply(Factor::Element(a), b, Some(load(c))));
}

#[inline(always)]
pub(in crate::low) fn difference_product<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
    b: &Element<L, N>,
    c: &Element<L, N>,
) {
    store(out, V::multiply(Factor::Difference(a, b), c, None));
}

#[inline(always)]
pub(in crate::low) fn difference_product_sub<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
    b: &Element<L, N>,
    c: &Element<L, N>,
    d: &Element<L, N>,
) {
    store(out, V::multiply(Factor::Difference(a, b), c, Some(load(d))));
}

#[inline(always)]
pub(in crate::low) fn square<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
) {
    store(out, V::square(a, None));
}

#[inline(always)]
pub(in crate::low) fn square_sub<V: Field<L, N>, const L: usize, const N: usize>(
    out: &mut Element<L, N>,
    a: &Element<L, N>,
    b: &Element<L, N>,
    c: &Element<L, N>,
) {
    store(out, V::square(a, Some(add(load(b), load(c)))));
}

/// See [`Lanes::open_sums`](super::Lanes::open_sums).
#[inline(always)]
pub(in crate::low) fn open_sums<V: Products<L, N>, const L: usize, const N: usize>(
    points: &[Affine<L, N>],
    width: usize,
    step: usize,
    products: &mut [[Element<L, N>; 2]],
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
pub(in crate::low) fn close_sums<V: Products<L, N>, const L: usize, const N: usize>(
    points: &mut [Affine<L, N>],
    width: usize,
    step: usize,
    products: &[[Element<L, N>; 2]],
    inverses: &mut [Element<L, N>; 2],
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
                copy::<V, L, N>(&mut p[I].x, &x[I]);
                copy::<V, L, N>(&mut p[I].y, &y[I]);
            });
        }
    }
}

/// See [`Lanes::double`](super::Lanes::double).
///
/// 3 x^2 - 3 z^4 = 3 (x - z^2) (x + z^2), as a = -3: 4 multiplications, 4 squarings.
#[inline(always)]
pub(in crate::low) fn double<V: Products<L, N>, const L: usize, const N: usize>(
    p: &mut [Jacobian<L, N>; 2],
    work: &mut Work<L, N>,
) {
    let [zz, yy, s, slope, t, u, ..] = &mut work.0;
    each!(I in [0 1] { V::sqr(&mut zz[I], &p[I].z); });
    each!(I in [0 1] { V::sqr(&mut yy[I], &p[I].y); });
    // z' = 2 y z
    each!(I in [0 1] {
        store(&mut t[I], V::factor(shl::<V, N, 1>(load(&p[I].y))));
        copy::<V, L, N>(&mut u[I], &p[I].z);
        V::mul(&mut p[I].z, &t[I], &u[I]);
    });
    // s = 4 x y^2
    each!(I in [0 1] { V::mul(&mut t[I], &p[I].x, &yy[I]); });
    each!(I in [0 1] { store(&mut s[I], V::tidy(shl::<V, N, 2>(load(&t[I])))); });
    each!(I in [0 1] {
        let (x, square): ([V; N], [V; N]) = (load(&p[I].x), load(&zz[I]));
        let minus = sub(x, square);
        store(&mut t[I], V::factor(add(x, square)));
        store(&mut u[I], V::tidy(add(minus, shl::<V, N, 1>(minus))));
    });
    each!(I in [0 1] { V::mul(&mut slope[I], &t[I], &u[I]); });
    each!(I in [0 1] { V::sqr_sub(&mut p[I].x, &slope[I], &s[I], &s[I]); });
    // y' = slope (s - x') - 8 y^4
    each!(I in [0 1] { V::sqr(&mut t[I], &yy[I]); });
    each!(I in [0 1] {
        store(&mut u[I], shl::<V, N, 3>(load(&t[I])));
        V::sub_mul_sub(&mut p[I].y, &s[I], &p[I].x, &slope[I], &u[I]);
    });
}

/// See [`Lanes::add_affine`](super::Lanes::add_affine). 8 multiplications, 3 squarings.
#[inline(always)]
pub(in crate::low) fn add_affine<V: Products<L, N>, const L: usize, const N: usize>(
    p: &mut [Jacobian<L, N>; 2],
    q: &[Affine<L, N>; 2],
    work: &mut Work<L, N>,
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
    each!(I in [0 1] { copy::<V, L, N>(&mut p[I].z, &z[I]); });
    // x' = r^2 - h^3 - 2 v
    each!(I in [0 1] {
        store(&mut z[I], shl::<V, N, 1>(load(&v[I])));
        V::sqr_sub(&mut p[I].x, &r[I], &hhh[I], &z[I]);
    });
    // y' = r (v - x') - y h^3
    each!(I in [0 1] { V::mul(&mut t[I], &p[I].y, &hhh[I]); });
    each!(I in [0 1] { V::sub_mul_sub(&mut p[I].y, &v[I], &p[I].x, &r[I], &t[I]); });
}

/// See [`Lanes::scale`](super::Lanes::scale).
#[inline(always)]
pub(in crate::low) fn scale<V: Products<L, N>, const L: usize, const N: usize>(
    p: &Jacobian<L, N>,
    inverse: &Element<L, N>,
) -> Affine<L, N> {
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
pub(in crate::low) fn spread<V: Field<L, N>, const L: usize, const N: usize>(
    words: &[[i64; L]; 8],
    negative: &[i64; L],
) -> Affine<L, N> {
    let mut w = [V::splat(0); 8];
    each!(I in [0 1 2 3 4 5 6 7] { w[I] = V::load(&words[I]); });
    let [x0, x1, x2, x3, y0, y1, y2, y3] = w;
    let mut out = Affine::default();
    store(&mut out.x, V::spread([x0, x1, x2, x3]));
    store(&mut out.y, V::negate(V::spread([y0, y1, y2, y3]), V::load(negative)));
    out
}

/// See [`Lanes::select`](super::Lanes::select).
#[inline(always)]
pub(in crate::low) fn select<V: Field<L, N>, const L: usize, const N: usize>(
    table: &[[Affine<L, N>; 2]],
    v: usize,
    index: &[i64; L],
    negative: &[i64; L],
    out: &mut Affine<L, N>,
) {
    let index = V::load(index);
    let [mut x, mut y] = [[V::splat(0); N]; 2];
    for (i, entry) in (0..).zip(table) {
        let mask = index.equal(V::splat(i));
        let entry = &entry[v];
        for k in 0..N {
            x[k] = x[k].or(V::load(&entry.x.0[k]).and(mask));
            y[k] = y[k].or(V::load(&entry.y.0[k]).and(mask));
        }
    }
    store(&mut out.x, x);
    store(&mut out.y, V::negate(y, V::load(negative)));
}

/// See [`Lanes::negate`](super::Lanes::negate).
#[inline(always)]
pub(in crate::low) fn negate<V: Products<L, N>, const L: usize, const N: usize>(
    a: &mut Element<L, N>,
    negative: &[i64; L],
) {
    store(a, V::negate(load(a), V::load(negative)));
}

/// See [`Lanes::look_up`](super::Lanes::look_up).
#[inline(always)]
pub(in crate::low) fn look_up<V: Products<L, N>, const L: usize, const N: usize>(
    row: &Columns,
    index: &[[u8; 8]; L],
    negative: &[[u8; 8]; L],
    out: &mut [Affine<L, N>; 8],
) {
    V::look_up_points(row, V::load_bytes(index), V::load_bytes(negative), out);
}

/// Implements [`Lanes`](super::Lanes) for a token with the kernels of a vector.
macro_rules! kernels {
    ($token:ty, $vector:ty, $lanes:literal, $limbs:literal, [$($attribute:meta),*]) => {
        impl crate::low::lanes::Lanes<$lanes, $limbs> for $token {
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*],
                fn mul(out: &mut Element<$lanes, $limbs>, a: &Element<$lanes, $limbs>, b: &Element<$lanes, $limbs>) = product);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*], fn open_sums(
                points: &[Affine<$lanes, $limbs>],
                width: usize,
                step: usize,
                products: &mut [[Element<$lanes, $limbs>; 2]]
            ) = open_sums);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*], fn close_sums(
                points: &mut [Affine<$lanes, $limbs>],
                width: usize,
                step: usize,
                products: &[[Element<$lanes, $limbs>; 2]],
                inverses: &mut [Element<$lanes, $limbs>; 2]
            ) = close_sums);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*], fn double(p: &mut [Jacobian<$lanes, $limbs>; 2], work: &mut Work<$lanes, $limbs>) = double);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*],
                fn add_affine(
                p: &mut [Jacobian<$lanes, $limbs>; 2],
                q: &[Affine<$lanes, $limbs>; 2],
                work: &mut Work<$lanes, $limbs>
            ) = add_affine);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*],
                fn scale(p: &Jacobian<$lanes, $limbs>, inverse: &Element<$lanes, $limbs>) -> Affine<$lanes, $limbs> = scale);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*],
                fn negate(a: &mut Element<$lanes, $limbs>, negative: &[i64; $lanes]) = negate);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*],
                fn spread(words: &[[i64; $lanes]; 8], negative: &[i64; $lanes]) -> Affine<$lanes, $limbs> = spread);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*], fn select(
                table: &[[Affine<$lanes, $limbs>; 2]],
                v: usize,
                index: &[i64; $lanes],
                negative: &[i64; $lanes],
                out: &mut Affine<$lanes, $limbs>
            ) = select);
            kernels!(@ $vector, $lanes, $limbs, [$($attribute),*], fn look_up(
                row: &Columns,
                index: &[[u8; 8]; $lanes],
                negative: &[[u8; 8]; $lanes],
                out: &mut [Affine<$lanes, $limbs>; 8]
            ) = look_up);
        }
    };
    (@ $vector:ty, $lanes:literal, $limbs:literal, [$($attribute:meta),*],
        fn $name:ident($($a:ident: $type:ty),+) $(-> $out:ty)? = $body:ident) => {
        #[inline]
        fn $name(self, $($a: $type),+) $(-> $out)? {
            $(#[$attribute])*
            unsafe fn kernel($($a: $type),+) $(-> $out)? {
                crate::low::lanes::formulas::$body::<$vector, $lanes, $limbs>($($a),+)
            }
            // SAFETY: `self` is proof that the processor has the instructions.
            unsafe { kernel($($a),+) }
        }
    };
}
pub(in crate::low) use kernels;
