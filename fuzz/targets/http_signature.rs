//! See `cosign_tests::fuzz`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cosign_tests::fuzz::run("http_signature", data));
