//! Every set of kernels against the arithmetic of single elements.

extern crate std;

use std::{println, vec, vec::Vec};

use super::{Element, Lanes, TO_WORDS, plain::Plain};
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
        $check::<2, _>(Plain, $($argument),*);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use crate::low::x86_64::cpu::{Avx2, Avx512};
            match Avx2::get() {
                Some(cpu) => $check::<4, _>(cpu, $($argument),*),
                None => println!("skipped: no AVX2"),
            }
            match Avx512::get() {
                Some(cpu) => $check::<8, _>(cpu, $($argument),*),
                None => println!("skipped: no AVX-512"),
            }
        }
    };
}

/// What is in `lane`, in the form that went in.
fn words<const L: usize>(cpu: impl Lanes<L>, a: &Element<L>, lane: usize) -> Limbs {
    let mut out = Element::default();
    cpu.mul(&mut out, a, &Element(TO_WORDS.map(|limb| [limb; L])));
    out.get(lane)
}

/// `L` elements of the list, beginning at `first`, one in each lane.
fn take<const L: usize>(all: &[Limbs], first: usize) -> ([Limbs; L], Element<L>) {
    let values = core::array::from_fn(|lane| all[(first + lane) % all.len()]);
    let mut element = Element::default();
    for (lane, value) in values.iter().enumerate() {
        element.set(lane, value);
    }
    (values, element)
}

fn check_products<const L: usize, K: Lanes<L>>(cpu: K) {
    let all = elements();
    for i in 0..all.len() {
        for j in 0..all.len() {
            let ((a, va), (b, vb)) = (take::<L>(&all, i), take::<L>(&all, j));
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
