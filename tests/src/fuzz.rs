//! One function per decoder of bytes from outside. Any input must come back: no panic, no hang, memory bounded.
//!
//! The fuzz targets are one call each, and the replay test puts the corpora through the same functions. A function
//! asserts more than the absence of panics where it can: what is accepted is encoded to the same bytes again, an
//! answer has the layout of an answer, the result does not depend on how the input is cut.

mod client;
mod decode;
mod fixture;
mod sealed;
mod server;

/// The name of a target, which is also the name of its corpus, and its function, which says whether the input was
/// accepted as what it pretends to be.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: &[Target] = &[
    ("audit_export", decode::audit_export),
    ("certification_request", server::certification_request),
    ("ciphertext", decode::ciphertext),
    ("client_decrypt", client::decrypt),
    ("client_keygen", client::keygen),
    ("client_refresh", client::refresh),
    ("client_sign", client::sign),
    ("envelope_certificate", sealed::certificate),
    ("envelope_header", sealed::header),
    ("envelope_message", sealed::message),
    ("envelope_text", sealed::text),
    ("framing", decode::framing),
    ("identifiers", decode::identifiers),
    ("local_record", decode::local_record),
    ("point", decode::point),
    ("private_key", decode::private_key),
    ("public_key", decode::public_key),
    ("server_frame", server::frame),
    ("server_opening", server::opening),
    ("server_request", server::request),
    ("server_share", decode::server_share),
    ("signature", decode::signature),
];

/// Runs one target by its name. Whether an input is accepted makes no difference to a fuzzer.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    target.unwrap_or_else(|| panic!("no target {name}")).1(data);
}

pub use client::{decrypt_ciphertexts, sign_digests};
pub use fixture::{AT, Fixture, KEYGEN_SID, OPENING_KEY, PENDING_KEY, fixture};
