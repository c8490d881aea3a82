//! `cosign-server`: see `cosign-server --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

// A signature takes some forty allocations on two threads, for which the system's allocator takes a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cosign_server::cli::run()
}
