//! Requests and key files through the public API: made here, by OpenSSL during the test, and by other tools.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code says aloud what it skips"
)]

mod arbitrary;
mod by_openssl;
mod cfca;
mod damaged;
mod negative;
mod pkcs12;
mod pkcs8;
mod request;
mod response;
mod samples;
mod support;
