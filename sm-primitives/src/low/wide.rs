//! Reduction of a 384-bit number modulo n - 1, for the derivation of nonces. Runs once per nonce, so one version
//! with 64-bit limbs serves all targets.

use zeroize::Zeroizing;

use super::limbs::{self, Limbs};

/// 2^256 - (n - 1) = 2^224 + 0x8dfc2094_de39fad4_ac440bf6_c62abede.
const C: [u64; 4] = [0xac44_0bf6_c62a_bede, 0x8dfc_2094_de39_fad4, 0, 1 << 32];
/// n - 1, big-endian.
const N_MINUS_1: Limbs = limbs::from_be_bytes(&[
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x72,
    0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x22,
]);

/// The big-endian number `wide` mod n - 1. Constant time.
pub(crate) fn mod_n_minus_1(wide: &[u8; 48]) -> Limbs {
    let mut t = Zeroizing::new([0_u64; 6]);
    for (limb, chunk) in t.iter_mut().rev().zip(wide.as_chunks().0) {
        *limb = u64::from_be_bytes(*chunk);
    }
    // n - 1 is even, so Montgomery's method does not apply; but 2^256 = C mod n - 1. Each step replaces
    // high * 2^256 + low by high * C + low. The bounds of the value are 2^384, 2^354, 2^324, 2^294, 2^264,
    // 2^256 + 2^234, and 2^256 after the sixth.
    for _ in 0..6 {
        let [l0, l1, l2, l3, h0, h1] = *t;
        let mut r = [l0, l1, l2, l3, 0, 0];
        for (offset, h) in [h0, h1].into_iter().enumerate() {
            let mut carry = 0;
            for (limb, c) in r[offset..].iter_mut().zip(C.iter().chain(&[0, 0])) {
                (*limb, carry) = h.carrying_mul_add(*c, *limb, carry);
            }
        }
        *t = r;
    }
    let mut low = Zeroizing::new([0; 32]);
    for (chunk, limb) in low.as_chunks_mut().0.iter_mut().rev().zip(t.iter()) {
        *chunk = limb.to_be_bytes();
    }
    limbs::reduce_once(&limbs::from_be_bytes(&low), &N_MINUS_1)
}
