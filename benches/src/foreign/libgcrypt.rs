//! libgcrypt: the fastest SM3 and SM4 in C that a distribution ships.

use std::{
    ffi::{c_char, c_int, c_uint, c_void},
    ptr,
    sync::OnceLock,
};

use super::library;

const INITIALIZATION_FINISHED: c_int = 38;
const SM3: c_int = 326;
const SM4: c_int = 318;

type Handle = *mut c_void;

library! { "libgcrypt.so.20" {
    gcry_check_version: unsafe extern "C" fn(*const c_char) -> *const c_char,
    gcry_control: unsafe extern "C" fn(c_int, ...) -> c_uint,
    gcry_md_hash_buffer: unsafe extern "C" fn(c_int, *mut u8, *const u8, usize),
    gcry_cipher_open: unsafe extern "C" fn(*mut Handle, c_int, c_int, c_uint) -> c_uint,
    gcry_cipher_close: unsafe extern "C" fn(Handle),
    gcry_cipher_setkey: unsafe extern "C" fn(Handle, *const u8, usize) -> c_uint,
    gcry_cipher_setiv: unsafe extern "C" fn(Handle, *const u8, usize) -> c_uint,
    gcry_cipher_setctr: unsafe extern "C" fn(Handle, *const u8, usize) -> c_uint,
    gcry_cipher_encrypt: unsafe extern "C" fn(Handle, *mut u8, usize, *const u8, usize) -> c_uint,
    gcry_cipher_gettag: unsafe extern "C" fn(Handle, *mut u8, usize) -> c_uint,
}}

/// The library; `None` if this machine does not have it.
fn functions() -> Option<&'static Functions> {
    static LOADED: OnceLock<Option<Functions>> = OnceLock::new();
    let load = || {
        let functions = Functions::load()?;
        // SAFETY: the order that the manual asks for, before any other call, in one thread. The version is not asked.
        unsafe {
            (functions.gcry_check_version)(ptr::null());
            (functions.gcry_control)(INITIALIZATION_FINISHED, 0 as c_int);
        }
        Some(functions)
    };
    LOADED.get_or_init(load).as_ref()
}

/// Hashes with SM3.
#[derive(Clone, Copy)]
pub struct Sm3(&'static Functions);

impl Sm3 {
    /// `None` if the library is absent.
    #[must_use]
    pub fn new() -> Option<Self> {
        functions().map(Self)
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        // SAFETY: `data` is readable for its length and `out` writable for the 32 bytes of a digest.
        unsafe { (self.0.gcry_md_hash_buffer)(SM3, out.as_mut_ptr(), data.as_ptr(), data.len()) };
        out
    }
}

/// A mode of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Cipher block chaining, without padding.
    Cbc,
    /// Counter mode.
    Ctr,
    /// Galois/counter mode.
    Gcm,
}

/// SM4 with a key.
pub struct Sm4 {
    functions: &'static Functions,
    mode: Mode,
    handle: Handle,
}

impl Sm4 {
    /// `None` if the library is absent, or has no SM4.
    #[must_use]
    pub fn new(mode: Mode, key: &[u8; 16]) -> Option<Self> {
        let functions = functions()?;
        let number = match mode {
            Mode::Cbc => 3,
            Mode::Ctr => 6,
            Mode::Gcm => 9,
        };
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` is written by the call; `key` is readable for its length.
        unsafe {
            if (functions.gcry_cipher_open)(&raw mut handle, SM4, number, 0) != 0 {
                return None;
            }
            let opened = Self { functions, mode, handle };
            ((functions.gcry_cipher_setkey)(handle, key.as_ptr(), key.len()) == 0).then_some(opened)
        }
    }

    /// Encrypts `data` in place, from a fresh `iv`.
    pub fn encrypt(&mut self, iv: &[u8], data: &mut [u8]) {
        // SAFETY: the handle is open; `iv` is readable and `data` writable for their lengths. No input means in place.
        unsafe {
            let set = if self.mode == Mode::Ctr {
                self.functions.gcry_cipher_setctr
            } else {
                self.functions.gcry_cipher_setiv
            };
            assert_eq!(set(self.handle, iv.as_ptr(), iv.len()), 0);
            let encrypt = self.functions.gcry_cipher_encrypt;
            assert_eq!(encrypt(self.handle, data.as_mut_ptr(), data.len(), ptr::null(), 0), 0);
        }
    }

    /// The tag of what was encrypted last, in [`Mode::Gcm`].
    pub fn tag(&mut self) -> [u8; 16] {
        let mut tag = [0; 16];
        // SAFETY: the handle is open, `tag` writable for its length.
        let status = unsafe { (self.functions.gcry_cipher_gettag)(self.handle, tag.as_mut_ptr(), tag.len()) };
        assert_eq!(status, 0);
        tag
    }
}

impl Drop for Sm4 {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used again.
        unsafe { (self.functions.gcry_cipher_close)(self.handle) };
    }
}
