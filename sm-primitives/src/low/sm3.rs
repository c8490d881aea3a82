//! What every implementation of SM3's compression shares.

/// Length of a message block in bytes.
pub(crate) const BLOCK: usize = 64;

/// The round constants T_j of GB/T 32905-2016, clause 4.2, already rotated left by j as the rounds use them.
pub(crate) const T: [u32; 64] = {
    let mut t = [0; 64];
    let mut j = 0_u32;
    while j < 64 {
        let base: u32 = if j < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
        t[j as usize] = base.rotate_left(j % 32);
        j += 1;
    }
    t
};
