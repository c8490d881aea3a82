//! Libraries in C as yardsticks, loaded at run time: where one is absent, its operations are left out and nothing else
//! changes.
#![expect(unsafe_code, reason = "calls into C; nothing shipped uses this package")]

pub mod libgcrypt;
pub mod openssl;

/// Functions of a shared library, found when it is loaded.
macro_rules! library {
    ($(#[$attribute:meta])* $file:literal { $($function:ident: $kind:ty,)+ }) => {
        $(#[$attribute])*
        struct Functions {
            $($function: $kind,)+
            /// Keeps the code of the functions in memory.
            _library: libloading::Library,
        }

        impl Functions {
            fn load() -> Option<Self> {
                // SAFETY: a system library that does nothing but set itself up when it is loaded, and functions whose
                // types are those of its published header. They are called only as long as the library is held.
                unsafe {
                    let library = libloading::Library::new($file).ok()?;
                    Some(Self {
                        $($function: *library.get::<$kind>(concat!(stringify!($function), "\0").as_bytes()).ok()?,)+
                        _library: library,
                    })
                }
            }
        }
    };
}
use library;
