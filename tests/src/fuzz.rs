//! One function per decoder of bytes from outside. Any input must come back: no panic, no hang, memory bounded.
//!
//! The fuzz targets are one call each, and the replay test puts the corpora through the same functions. A function
//! asserts more than the absence of panics where it can: what is accepted is encoded to the same bytes again, an
//! answer has the layout of an answer, the result does not depend on how the input is cut.

mod bid;
mod client;
mod decode;
mod fixture;
mod pki;
mod script;
mod seal;
mod sealed;
mod server;

/// The name of a target, which is also the name of its corpus, and its function, which says whether the input was
/// accepted as what it pretends to be.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: &[Target] = &[
    ("audit_export", decode::audit_export),
    ("bid_body", bid::body),
    ("bid_header", bid::header),
    ("certification_request", server::certification_request),
    ("client", client::script),
    ("client_pin", client::script_with_pin),
    ("cms_encrypted", sealed::encrypted),
    ("cms_signed", sealed::signed),
    ("envelope_certificate", sealed::certificate),
    ("envelope_key", sealed::key),
    ("envelope_text", sealed::text),
    ("http_signature", decode::http_signature),
    ("pki_certificate", pki::certificate),
    ("pki_crl", pki::crl),
    ("pki_judge", pki::script),
    ("pki_key_file", pki::key_file),
    ("pki_ocsp", pki::ocsp),
    ("pki_request", pki::request),
    ("pki_tsp", pki::tsp),
    ("records", decode::records),
    ("seal_ofd", seal::ofd),
    ("seal_pdf", seal::pdf),
    ("seal_picture", seal::picture),
    ("seal_ses", seal::ses),
    ("seal_text", seal::text),
    ("seal_xml", seal::xml),
    ("server", server::script),
    ("sm2", decode::sm2),
];

/// Runs one target by its name. Whether an input is accepted makes no difference to a fuzzer.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    target.unwrap_or_else(|| panic!("no target {name}")).1(data);
}

pub use client::{OPENED_SHARE, outcomes};
pub use fixture::{
    ARRIVALS, AT, DECRYPT_D, DECRYPT_F2, Fixture, Key, NEW_D, NEW_F2, ONWARD_D, OTHER, PENDING_D, PENDING_F2,
    RECOVERED_D, RECOVERED_F2, SECOND_F2, SIGN_D, SIGN_F2, device_of, fixture, receiver, recovered,
};
pub use pki::{JUNE, codes};
pub(crate) use pki::{cfca, ids, pkcs8};
pub(crate) use seal::{base, seal_v1, seed_script, unpack, world};
pub(crate) use sealed::{kept_key, protection_key};
pub use server::answers;
