//! `cargo run -p cosign-tests --bin bid-kit -- DIR`: writes the bids of the kit, right ones and broken ones, and the keys that
//! open them.
#![expect(clippy::unwrap_used, reason = "a kit that is not whole is none")]

use std::{fs, path::PathBuf};

use cosign_tests::bid_kit;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "bid-kit".into()));
    fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in bid_kit::whole().into_iter().chain(bid_kit::broken()) {
        fs::write(folder.join(format!("{name}.bid")), bytes).unwrap();
    }
    for name in ["platform", "bidder", "opening", "signer"] {
        let pem = bid_kit::key(name).to_pkcs8_pem();
        fs::write(folder.join(format!("{name}.pem")), pem.as_bytes()).unwrap();
    }
}
