//! `cosign-server`: see `cosign-server --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cosign_server::cli::run()
}
