//! Tells Valgrind's memcheck which values are secret, so that it finds branches and addresses that depend on them.
//!
//! Memcheck tracks every bit that is "undefined" and reports a jump or an address made of such bits. Secrets marked
//! as undefined are tracked the same way. Outside Valgrind a request is a handful of instructions without effect;
//! without the feature `ctgrind`, or on other targets, this module does nothing at all.

/// Marks `value` as undefined for memcheck. The value itself stays as it is.
#[inline(always)]
pub(crate) fn poison<T: ?Sized>(value: &mut T) {
    request(MAKE_MEM_UNDEFINED, value);
}

/// Marks `value` as defined for memcheck.
#[inline(always)]
pub(crate) fn unpoison<T: ?Sized>(value: &mut T) {
    request(MAKE_MEM_DEFINED, value);
}

/// The numbers of memcheck's requests: its two letters and a number of the list in `memcheck.h`.
const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;
const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

#[cfg(all(feature = "ctgrind", target_arch = "x86_64", target_os = "linux", not(miri)))]
#[expect(unsafe_code, reason = "a client request is a sequence of instructions that Valgrind recognises")]
fn request<T: ?Sized>(code: u64, value: &mut T) {
    let bytes = size_of_val(value) as u64;
    let arguments = [code, core::ptr::from_mut(value).cast::<u8>() as u64, bytes, 0, 0, 0];
    // SAFETY: the rotations add up to 128 bits and leave rdi as it was, the exchange does nothing. Outside Valgrind
    // that is all. Inside, the request reads `arguments` and changes what memcheck knows, no memory of ours. The
    // compiler has to assume that `value` is read and written, which `&mut` allows.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0_u64 => _,
            options(nostack),
        );
    }
}

#[cfg(not(all(feature = "ctgrind", target_arch = "x86_64", target_os = "linux", not(miri))))]
#[inline(always)]
fn request<T: ?Sized>(_code: u64, _value: &mut T) {}
