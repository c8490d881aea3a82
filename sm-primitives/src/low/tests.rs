//! Both limb modules against each other and against bit-serial arithmetic on bytes.

extern crate std;

use std::{vec, vec::Vec};

use proptest::prelude::*;
use subtle::Choice;

use super::{mod_n_minus_1, portable32, portable64};

/// A 256-bit number, big-endian.
type Bytes = [u8; 32];

fn number(hex_digits: &str) -> Bytes {
    hex::decode(hex_digits).unwrap().try_into().unwrap()
}

fn p() -> Bytes {
    number("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff")
}

fn n() -> Bytes {
    number("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")
}

fn small(v: u8) -> Bytes {
    let mut out = [0; 32];
    out[31] = v;
    out
}

/// a + b as (sum mod 2^256, carry).
fn add(a: &Bytes, b: &Bytes) -> (Bytes, bool) {
    let mut out = [0; 32];
    let mut carry = 0;
    for i in (0..32).rev() {
        let sum = u16::from(a[i]) + u16::from(b[i]) + carry;
        out[i] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    (out, carry != 0)
}

/// a - b mod 2^256.
fn sub(a: &Bytes, b: &Bytes) -> Bytes {
    add(&add(a, &b.map(|byte| !byte)).0, &small(1)).0
}

/// a + b mod m for a, b < m.
fn add_mod(a: &Bytes, b: &Bytes, m: &Bytes) -> Bytes {
    let (sum, carry) = add(a, b);
    if carry || sum >= *m { sub(&sum, m) } else { sum }
}

/// a * b mod m for b < m and a big-endian `a` of any length, bit by bit.
fn mul_mod(a: &[u8], b: &Bytes, m: &Bytes) -> Bytes {
    let mut r = [0; 32];
    for byte in a {
        for i in (0..8).rev() {
            r = add_mod(&r, &r, m);
            if byte >> i & 1 == 1 {
                r = add_mod(&r, b, m);
            }
        }
    }
    r
}

/// 2^256 mod m.
fn r(m: &Bytes) -> Bytes {
    sub(&[0; 32], m)
}

/// Numbers where carries, borrows and final subtractions are decided.
fn edges() -> Vec<Bytes> {
    let mut all = vec![
        [0; 32],
        [0xff; 32],
        r(&p()),
        r(&n()),
        number("8000000000000000000000000000000000000000000000000000000000000000"),
        number("00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff"),
        number("ffffffff00000000ffffffff00000000ffffffff00000000ffffffff00000000"),
        number("0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff"),
        number("fffffffefffffffffffffffffffffffffffffffefffffffffffffffffffffffe"),
    ];
    for v in 1..4 {
        all.extend([small(v), sub(&p(), &small(v)), sub(&n(), &small(v)), sub(&[0; 32], &small(v))]);
        all.extend([add(&p(), &small(v - 1)).0, add(&n(), &small(v - 1)).0]);
    }
    all
}

/// Any number, with a taste for limbs of all zeros and all ones.
fn any_number() -> impl Strategy<Value = Bytes> {
    let limb = prop_oneof![Just([0; 4]), Just([0xff; 4]), Just([0xff, 0xff, 0xff, 0xfe]), any::<[u8; 4]>()];
    prop::collection::vec(limb, 8).prop_map(|limbs| limbs.concat().try_into().unwrap())
}

macro_rules! check_module {
    ($module:ident, $a:expr, $b:expr) => {{
        use super::$module::{self as limbs, N, P};
        let (a, b): (&Bytes, &Bytes) = ($a, $b);
        assert_eq!(limbs::to_be_bytes(&limbs::from_be_bytes(a)), *a);
        assert_eq!(bool::from(limbs::is_zero(&limbs::from_be_bytes(a))), *a == [0; 32]);
        assert_eq!(bool::from(limbs::less_than(&limbs::from_be_bytes(a), &limbs::from_be_bytes(b))), a < b);
        for (choice, chosen) in [(0, a), (1, b)] {
            let out = limbs::select(&limbs::from_be_bytes(a), &limbs::from_be_bytes(b), Choice::from(choice));
            assert_eq!(limbs::to_be_bytes(&out), *chosen);
        }
        for (m, modulus) in [(p(), P), (n(), N)] {
            assert_eq!(limbs::to_be_bytes(&modulus), m);
            // The inputs mod m; 2^256 < 2m.
            let [a, b] = [a, b].map(|v| if *v >= m { sub(v, &m) } else { *v });
            assert_eq!(limbs::to_be_bytes(&limbs::reduce_once(&limbs::from_be_bytes($a), &modulus)), a);
            let [la, lb] = [limbs::from_be_bytes(&a), limbs::from_be_bytes(&b)];
            assert_eq!(limbs::to_be_bytes(&limbs::add_mod(&la, &lb, &modulus)), add_mod(&a, &b, &m));
            assert_eq!(
                limbs::to_be_bytes(&limbs::sub_mod(&la, &lb, &modulus)),
                add_mod(&a, &sub(&m, &b), &m)
            );
            assert_eq!(
                limbs::to_be_bytes(&limbs::to_montgomery_const(&la, &modulus)),
                mul_mod(&a, &r(&m), &m)
            );

            if modulus == P {
                let half = limbs::to_be_bytes(&limbs::halve_p(&la));
                assert!(half < m);
                assert_eq!(add_mod(&half, &half, &m), a);
            }

            // Montgomery's product times 2^256 is the product.
            let (product, square) = if modulus == P {
                (limbs::mul_p(&la, &lb), limbs::sqr_p(&la))
            } else {
                (limbs::mul_n(&la, &lb), limbs::mul_n(&la, &la))
            };
            for (factor, out) in [(&b, limbs::to_be_bytes(&product)), (&a, limbs::to_be_bytes(&square))] {
                assert!(out < m);
                assert_eq!(mul_mod(&out, &r(&m), &m), mul_mod(&a, factor, &m));
            }
        }
    }};
}

fn check(a: &Bytes, b: &Bytes) {
    check_module!(portable64, a, b);
    check_module!(portable32, a, b);
}

#[test]
fn edge_numbers() {
    for a in edges() {
        for b in edges() {
            check(&a, &b);
        }
    }
}

#[test]
fn table_scan_finds_each_entry() {
    let table: Vec<[u64; 4]> = (1..17).map(|i| [i, i << 60, u64::MAX, i * 0x0101_0101_0101_0101]).collect();
    for wanted in 0..16 {
        let mut wide = [0; 4];
        let mut narrow = [0; 8];
        for (i, entry) in (0..).zip(&table) {
            portable64::scan_step(&mut wide, entry, i, wanted);
            let mut bytes = [0; 32];
            bytes.copy_from_slice(&portable64::to_be_bytes(entry));
            portable32::scan_step(&mut narrow, &portable32::from_be_bytes(&bytes), i, wanted);
        }
        assert_eq!(wide, table[usize::from(wanted)]);
        assert_eq!(portable32::to_be_bytes(&narrow), portable64::to_be_bytes(&wide));
    }
}

fn check_wide(high: &[u8; 16], low: &Bytes) {
    let m = sub(&n(), &small(1));
    let mut wide = [0; 48];
    wide[..16].copy_from_slice(high);
    wide[16..].copy_from_slice(low);
    assert_eq!(super::limbs::to_be_bytes(&mod_n_minus_1(&wide)), mul_mod(&wide, &small(1), &m));
}

#[test]
fn wide_edges() {
    for high in [[0; 16], [0xff; 16], [0x80; 16], (1_u128).to_be_bytes(), (1_u128 << 31).to_be_bytes()] {
        for low in edges() {
            check_wide(&high, &low);
        }
    }
}

/// A number for which the sixth step still has something to do: random ones need five.
#[test]
fn wide_that_needs_all_steps() {
    let high = 0xffff_ffff_ffff_ffff_ffff_ffff_7203_df6b_u128.to_be_bytes();
    check_wide(&high, &number("ffffffff93c9e495e785d89f701acdf5e8197cfd30e5d60eb0ffadbcd744d735"));
    let high = 0xffff_fffe_ffff_ffff_ffff_ffff_7203_df6c_u128.to_be_bytes();
    check_wide(&high, &number("ffffffff21c6052b53bbf4098894f555aac62211c51aa60ecae660a4111a1858"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_numbers(a in any_number(), b in any_number()) {
        check(&a, &b);
    }

    #[test]
    fn any_wide_number(high: [u8; 16], low in any_number()) {
        check_wide(&high, &low);
    }
}
