//! OpenSSL 3 through its high-level interface, as most programs use it.

use std::{
    ffi::{c_char, c_int, c_uint, c_void},
    ptr,
    sync::OnceLock,
};

use super::library;

type Pointer = *mut c_void;

library! { #[expect(non_snake_case, reason = "the names of the header")] "libcrypto.so.3" {
    EVP_sm3: unsafe extern "C" fn() -> Pointer,
    EVP_Digest: unsafe extern "C" fn(*const u8, usize, *mut u8, *mut c_uint, Pointer, Pointer) -> c_int,
    EVP_sm4_ctr: unsafe extern "C" fn() -> Pointer,
    EVP_sm4_cbc: unsafe extern "C" fn() -> Pointer,
    EVP_CIPHER_CTX_new: unsafe extern "C" fn() -> Pointer,
    EVP_CIPHER_CTX_free: unsafe extern "C" fn(Pointer),
    EVP_EncryptInit_ex: unsafe extern "C" fn(Pointer, Pointer, Pointer, *const u8, *const u8) -> c_int,
    EVP_EncryptUpdate: unsafe extern "C" fn(Pointer, *mut u8, *mut c_int, *const u8, c_int) -> c_int,
    EVP_PKEY_Q_keygen: unsafe extern "C" fn(Pointer, *const c_char, *const c_char, ...) -> Pointer,
    EVP_PKEY_free: unsafe extern "C" fn(Pointer),
    EVP_PKEY_CTX_new: unsafe extern "C" fn(Pointer, Pointer) -> Pointer,
    EVP_PKEY_CTX_free: unsafe extern "C" fn(Pointer),
    EVP_PKEY_sign_init: unsafe extern "C" fn(Pointer) -> c_int,
    EVP_PKEY_sign: unsafe extern "C" fn(Pointer, *mut u8, *mut usize, *const u8, usize) -> c_int,
    EVP_PKEY_verify_init: unsafe extern "C" fn(Pointer) -> c_int,
    EVP_PKEY_verify: unsafe extern "C" fn(Pointer, *const u8, usize, *const u8, usize) -> c_int,
}}

/// The library; `None` if this machine does not have it.
fn functions() -> Option<&'static Functions> {
    static LOADED: OnceLock<Option<Functions>> = OnceLock::new();
    LOADED.get_or_init(Functions::load).as_ref()
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
        // SAFETY: `data` is readable for its length and `out` writable for the 32 bytes of a digest; nobody asks for the
        // length or chooses an engine.
        let status = unsafe {
            let kind = (self.0.EVP_sm3)();
            (self.0.EVP_Digest)(
                data.as_ptr(),
                data.len(),
                out.as_mut_ptr(),
                ptr::null_mut(),
                kind,
                ptr::null_mut(),
            )
        };
        assert_eq!(status, 1);
        out
    }
}

/// SM4 with a key.
pub struct Sm4 {
    functions: &'static Functions,
    context: Pointer,
}

impl Sm4 {
    /// Counter mode, or cipher block chaining. `None` if the library is absent.
    #[must_use]
    pub fn new(counter: bool, key: &[u8; 16], iv: &[u8; 16]) -> Option<Self> {
        let functions = functions()?;
        // SAFETY: key and iv have the lengths that SM4 wants; the context is new.
        unsafe {
            let kind = if counter { (functions.EVP_sm4_ctr)() } else { (functions.EVP_sm4_cbc)() };
            let context = (functions.EVP_CIPHER_CTX_new)();
            let made = Self { functions, context };
            let init = functions.EVP_EncryptInit_ex;
            (init(context, kind, ptr::null_mut(), key.as_ptr(), iv.as_ptr()) == 1).then_some(made)
        }
    }

    /// Encrypts whole blocks in place, from a fresh `iv`.
    pub fn encrypt(&mut self, iv: &[u8; 16], data: &mut [u8]) {
        let (len, mut written) = (c_int::try_from(data.len()).unwrap(), 0);
        let (init, update) = (self.functions.EVP_EncryptInit_ex, self.functions.EVP_EncryptUpdate);
        // SAFETY: the context is alive and keyed, `iv` has 16 bytes, and `data` is readable and writable for its length:
        // whole blocks make as many bytes as they are.
        unsafe {
            let none = ptr::null_mut();
            assert_eq!(init(self.context, none, none, ptr::null(), iv.as_ptr()), 1);
            assert_eq!(update(self.context, data.as_mut_ptr(), &raw mut written, data.as_ptr(), len), 1);
        }
        assert_eq!(written, len);
    }
}

impl Drop for Sm4 {
    fn drop(&mut self) {
        // SAFETY: the context is alive and not used again.
        unsafe { (self.functions.EVP_CIPHER_CTX_free)(self.context) };
    }
}

/// An SM2 key pair, ready to sign and to verify.
pub struct Sm2 {
    functions: &'static Functions,
    key: Pointer,
    signer: Pointer,
    verifier: Pointer,
}

impl Sm2 {
    /// A new key. `None` if the library is absent.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let functions = functions()?;
        // SAFETY: the name ends in a zero; each context is new, and freed with the key on drop.
        unsafe {
            let key = (functions.EVP_PKEY_Q_keygen)(ptr::null_mut(), ptr::null(), c"SM2".as_ptr());
            let signer = (functions.EVP_PKEY_CTX_new)(key, ptr::null_mut());
            let verifier = (functions.EVP_PKEY_CTX_new)(key, ptr::null_mut());
            let made = Self { functions, key, signer, verifier };
            let ready = !key.is_null()
                && (functions.EVP_PKEY_sign_init)(signer) == 1
                && (functions.EVP_PKEY_verify_init)(verifier) == 1;
            ready.then_some(made)
        }
    }

    /// Signs a digest: DER.
    pub fn sign(&mut self, digest: &[u8; 32]) -> Vec<u8> {
        let (mut out, mut len) = (vec![0; 80], 80);
        // SAFETY: the context is alive; `out` is writable for `len` bytes, more than a signature has.
        let status = unsafe {
            (self.functions.EVP_PKEY_sign)(self.signer, out.as_mut_ptr(), &raw mut len, digest.as_ptr(), 32)
        };
        assert_eq!(status, 1);
        out.truncate(len);
        out
    }

    /// Whether a signature is right.
    pub fn verify(&mut self, digest: &[u8; 32], signature: &[u8]) -> bool {
        // SAFETY: the context is alive; both inputs are readable for their lengths.
        let status = unsafe {
            let (data, len) = (signature.as_ptr(), signature.len());
            (self.functions.EVP_PKEY_verify)(self.verifier, data, len, digest.as_ptr(), 32)
        };
        status == 1
    }
}

impl Drop for Sm2 {
    fn drop(&mut self) {
        // SAFETY: all three are alive or null, and not used again.
        unsafe {
            (self.functions.EVP_PKEY_CTX_free)(self.signer);
            (self.functions.EVP_PKEY_CTX_free)(self.verifier);
            (self.functions.EVP_PKEY_free)(self.key);
        }
    }
}
