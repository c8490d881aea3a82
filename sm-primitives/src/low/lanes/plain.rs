//! A vector made of ordinary integers. It panics where one of 64 bits, or a factor of 32, does not hold a value.
#![expect(unsafe_code, reason = "kernels of other vectors need it, and the macros are the same")]

use super::{
    Affine, Columns, Element, Jacobian, Work,
    formulas::{kernels, products},
    vector::{Multiplier, Register, Shuffle, Vector},
};

/// The token of no processor: there are always ordinary integers.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

#[derive(Clone, Copy)]
struct V2([i64; 2]);

impl V2 {
    fn zip(self, b: Self, f: impl Fn(i64, i64) -> Option<i64>) -> Self {
        Self([0, 1].map(|i| f(self.0[i], b.0[i]).expect("a lane overflows")))
    }
}

/// The bytes of a register, and back.
impl V2 {
    fn bytes(self) -> [u8; 16] {
        let [low, high] = self.0.map(i64::to_le_bytes);
        core::array::from_fn(|i| if i < 8 { low[i] } else { high[i - 8] })
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        let (halves, _) = bytes.as_chunks();
        Self([i64::from_le_bytes(halves[0]), i64::from_le_bytes(halves[1])])
    }

    fn zip_bytes(self, b: Self, f: impl Fn(u8, u8) -> u8) -> Self {
        let (a, b) = (self.bytes(), b.bytes());
        Self::from_bytes(core::array::from_fn(|i| f(a[i], b[i])))
    }

    /// Pieces of `N` bytes of `self` and `b` in turn.
    fn interleave<const N: usize>(self, b: Self) -> [Self; 2] {
        let (a, b) = (self.bytes(), b.bytes());
        [0, 8].map(|half| {
            Self::from_bytes(core::array::from_fn(|i| {
                let from = if (i / N).is_multiple_of(2) { a } else { b };
                from[half + i / (2 * N) * N + i % N]
            }))
        })
    }
}

impl Register for V2 {
    const LOGICAL: bool = false;

    fn splat(v: i64) -> Self {
        Self([v; 2])
    }

    fn add(self, b: Self) -> Self {
        self.zip(b, i64::checked_add)
    }

    fn sub(self, b: Self) -> Self {
        self.zip(b, i64::checked_sub)
    }

    fn and(self, b: Self) -> Self {
        self.zip(b, |a, b| Some(a & b))
    }

    fn or(self, b: Self) -> Self {
        self.zip(b, |a, b| Some(a | b))
    }

    fn xor(self, b: Self) -> Self {
        self.zip(b, |a, b| Some(a ^ b))
    }

    fn shl<const N: i32>(self) -> Self {
        Self(self.0.map(|a| a << N))
    }

    fn shr<const N: i32>(self) -> Self {
        Self(self.0.map(|a| (a.cast_unsigned() >> N).cast_signed()))
    }

    fn sar<const N: i32>(self) -> Self {
        Self(self.0.map(|a| a >> N))
    }
}

impl Vector<2> for V2 {
    fn load(from: &[i64; 2]) -> Self {
        Self(*from)
    }

    fn store(self, to: &mut [i64; 2]) {
        *to = self.0;
    }

    fn equal(self, b: Self) -> Self {
        self.zip(b, |a, b| Some(-i64::from(a == b)))
    }

    fn mul32(self, b: Self) -> Self {
        self.zip(b, |a, b| i64::from(i32::try_from(a).ok()?).checked_mul(i32::try_from(b).ok()?.into()))
    }

    fn shift_top(self) -> Self {
        Self(self.0.map(|a| i64::from(i32::try_from(a).expect("the top limb overflows")) >> 24))
    }

    fn load_bytes(from: &[[u8; 8]; 2]) -> Self {
        Self(from.map(i64::from_le_bytes))
    }

    fn splat_block(block: &[u8; 16]) -> Self {
        Self::from_bytes(*block)
    }

    fn look_up(self, index: Self) -> Self {
        let table = self.bytes();
        Self::from_bytes(index.bytes().map(|i| if i < 0x80 { table[usize::from(i & 15)] } else { 0 }))
    }

    fn sub_bytes(self, b: Self) -> Self {
        self.zip_bytes(b, u8::wrapping_sub)
    }

    fn add_bytes_saturating(self, b: Self) -> Self {
        self.zip_bytes(b, u8::saturating_add)
    }

    fn interleave_bytes(self, b: Self) -> [Self; 2] {
        self.interleave::<1>(b)
    }

    fn interleave_pairs(self, b: Self) -> [Self; 2] {
        self.interleave::<2>(b)
    }

    fn interleave_words(self, b: Self) -> [Self; 2] {
        self.interleave::<4>(b)
    }
}

impl V2 {
    /// The halves of 52 bits of the products of factors of 52 bits.
    fn halves(self, b: Self) -> [Self; 2] {
        let factor = |a: i64| u128::from(u64::try_from(a).ok().filter(|a| *a < 1 << 52).expect("no factor"));
        let products = [0, 1].map(|i| factor(self.0[i]) * factor(b.0[i]));
        let bits = |product: u128| i64::try_from(product & ((1 << 52) - 1)).expect("52 bits");
        [0, 52].map(|shift| Self(products.map(|product| bits(product >> shift))))
    }
}

impl Multiplier for V2 {
    fn add_low(self, a: Self, b: Self) -> Self {
        self.add(a.halves(b)[0])
    }

    fn add_high(self, a: Self, b: Self) -> Self {
        self.add(a.halves(b)[1])
    }
}

impl Shuffle<2> for V2 {
    fn look_up_all(self, table: &[[u8; 16]; 8]) -> Self {
        Self::from_bytes(self.bytes().map(|i| table.as_flattened()[usize::from(i & 0x7f)]))
    }
}

products!(V2, 2, 9, []);
kernels!(Plain, V2, 2, 9, []);
products!(V2, 2, 5, []);
kernels!(Plain, V2, 2, 5, []);
