//! Tokens: a value of one of these types is proof that the processor, and the operating system, support a set of
//! instructions. Asking costs one relaxed load after the first time.
//!
//! With the feature `cpu-switch`, which no shipped program has, the environment variables `SM_CPU_OFF` and `SM_CPU_ON`
//! (names of tokens, separated by commas; `all`) take tokens away or hand them out. The first tests every fallback on
//! one machine; the second is for emulators that run instructions they do not report, as Valgrind does with ADX.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Defines a token: its name in the environment, the features that `cpufeatures` checks, and bits of CPUID leaf 7 ECX
/// that it cannot check (it wants 512-bit registers for them, which their 256-bit forms do without).
macro_rules! token {
    ($(#[$doc:meta])* $token:ident, $module:ident, $name:literal, [$($feature:tt),+] $(, leaf 7 ecx $bits:expr)?) => {
        cpufeatures::new!($module, $($feature),+);

        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $token(());

        impl $token {
            /// The proof, `None` if the processor does not have the instructions.
            #[inline]
            pub(crate) fn get() -> Option<Self> {
                let has = switched($name).unwrap_or_else(|| $module::get() $(&& has_leaf_7_ecx($bits))?);
                has.then_some(Self(()))
            }
        }
    };
}

token!(
    /// MULX and the two carry chains of ADCX and ADOX.
    Adx, adx, "adx", ["bmi2", "adx"]
);
token!(
    /// 256-bit integer vectors.
    Avx2, avx2, "avx2", ["avx2", "bmi1", "bmi2"]
);
token!(
    /// 512-bit integer vectors, as in every server processor since Skylake-SP.
    Avx512, avx512, "avx512", ["avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "bmi1", "bmi2"]
);
token!(
    /// Products of 52 bits and lookups in 128 bytes, beside 512-bit vectors; in server processors since Ice Lake and Zen 4.
    Ifma, ifma, "ifma",
    ["avx512ifma", "avx512vbmi", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "bmi1", "bmi2"]
);
token!(
    /// AES rounds and carry-less products of 128 bits, beside 256-bit vectors.
    Aes, aes, "aes", ["aes", "pclmulqdq", "ssse3", "sse4.1", "avx2"]
);
token!(
    /// AES rounds and carry-less products on 256-bit vectors.
    Vaes, vaes, "vaes", ["aes", "pclmulqdq", "ssse3", "sse4.1", "avx2"], leaf 7 ecx 1 << 9 | 1 << 10
);
token!(
    /// Affine maps and inversions in GF(2^8), beside 256-bit vectors.
    Gfni, gfni, "gfni", ["avx2"], leaf 7 ecx 1 << 8
);

/// Whether CPUID leaf 7 reports all of `bits` in ECX. The caller has checked that vectors of 256 bits are usable.
fn has_leaf_7_ecx(bits: u32) -> bool {
    const UNKNOWN: u8 = 0xff;
    /// Bits 8 to 10: GFNI, VAES, VPCLMULQDQ.
    static SEEN: AtomicU8 = AtomicU8::new(UNKNOWN);
    let mut seen = SEEN.load(Relaxed);
    if seen == UNKNOWN {
        let leaf = core::arch::x86_64::__cpuid_count(7, 0);
        seen = (leaf.ecx >> 8 & 7) as u8;
        SEEN.store(seen, Relaxed);
    }
    u32::from(seen) << 8 & bits == bits
}

/// What the environment says of the token `name`.
#[cfg(feature = "cpu-switch")]
fn switched(name: &str) -> Option<bool> {
    extern crate std;
    use std::{env, string::String, sync::OnceLock};

    static VARIABLES: OnceLock<[String; 2]> = OnceLock::new();
    let [off, on] = VARIABLES
        .get_or_init(|| ["SM_CPU_OFF", "SM_CPU_ON"].map(|variable| env::var(variable).unwrap_or_default()));
    let lists = |list: &str| list.split(',').any(|item| item == name || item == "all");
    if lists(off) { Some(false) } else { lists(on).then_some(true) }
}

/// Nothing says anything of tokens.
#[cfg(not(feature = "cpu-switch"))]
#[inline(always)]
fn switched(_name: &str) -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{env, eprintln};

    use super::*;

    /// The names in `list` whose token is missing, and those that are no token's.
    fn missing(list: &str) -> alloc::vec::Vec<&str> {
        let has = |name: &str| match name {
            "adx" => Adx::get().is_some(),
            "avx2" => Avx2::get().is_some(),
            "avx512" => Avx512::get().is_some(),
            "ifma" => Ifma::get().is_some(),
            "aes" => Aes::get().is_some(),
            "vaes" => Vaes::get().is_some(),
            "gfni" => Gfni::get().is_some(),
            _ => false,
        };
        list.split(',').filter(|name| !name.is_empty() && !has(name)).collect()
    }

    /// A run that is there to test certain kernels names their tokens in `SM_EXPECT_CPU`: without this test it would
    /// pass on a processor that skips them all.
    #[test]
    fn expected_tokens_are_there() {
        let expected = env::var("SM_EXPECT_CPU").unwrap_or_default();
        eprintln!("expected tokens: {expected:?}");
        assert_eq!(missing(&expected), alloc::vec::Vec::<&str>::new(), "SM_EXPECT_CPU={expected}");
        assert_eq!(missing("no-such-token,"), ["no-such-token"]);
    }
}
