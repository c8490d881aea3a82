//! See `cosign_tests::fuzz`.
#![no_main]
libfuzzer_sys::fuzz_target!(
    // `seal` catches the panics of the interpreter of PDF, which comes from a registry; so they must not end the process at once.
    init: std::panic::set_hook(Box::new(|info| {
        if !info.location().is_some_and(|place| place.file().contains("/registry/")) {
            eprintln!("{info}");
            std::process::abort();
        }
    })),
    |data: &[u8]| cosign_tests::fuzz::run("seal_text", data)
);
