//! Large files in little memory.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use cosign_tests::{
    process::{ServerFolder, Signer, is_quick, peak_memory, run_watched, succeeded},
    random::Seeded,
    seeds::{SIGNING, certificate},
};
use sm_primitives::sm2::PublicKey;

const MIB: u64 = 1 << 20;
const LIMIT: u64 = 64 * MIB;

fn write_large(path: &Path, mib: u64) {
    let mut block = Seeded::new(1).bytes(1 << 20);
    let mut file = File::create(path).unwrap();
    for index in 0..mib {
        block[..8].copy_from_slice(&index.to_be_bytes());
        file.write_all(&block).unwrap();
    }
}

fn assert_equal(left: &Path, right: &Path) {
    assert_eq!(left.metadata().unwrap().len(), right.metadata().unwrap().len());
    let (mut left, mut right) = (File::open(left).unwrap(), File::open(right).unwrap());
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let len = left.read(&mut a).unwrap();
        if len == 0 {
            return;
        }
        right.read_exact(&mut b[..len]).unwrap();
        assert!(a[..len] == b[..len]);
    }
}

#[test]
fn a_file_larger_than_the_memory_allowed_for_it() {
    let folder = ServerFolder::new();
    let server = folder.start();
    let signer = Signer::with_keys(&folder, "quic");
    let plain = signer.folder().join("large");
    let pem = succeeded(&signer.run(&["keys", "show", "--purpose", "sign", "--pem"]));
    let key = PublicKey::from_spki_pem(&pem).unwrap();
    // Half of it is the program itself.
    let before = peak_memory(server.pid()).unwrap();
    let _ = signer.write("signer.crt", &certificate(&key, SIGNING));
    write_large(&plain, if is_quick() { 128 } else { 512 });

    for arguments in [
        &["sign", "large"][..],
        &["verify", "large"],
        &["encrypt", "large", "--to", "default"],
        &["decrypt", "large.p7", "--out", "opened"],
        &["sign-message", "large", "--cert", "signer.crt"],
        &["verify-message", "large.p7s", "--out", "verified"],
    ] {
        let (output, peak) = run_watched(&mut signer.command(arguments));
        succeeded(&output);
        eprintln!("smsign {}: at most {} KiB resident", arguments[0], peak / 1024);
        assert!(peak > MIB, "the memory of the process was not seen");
        assert!(peak < LIMIT, "{arguments:?}: {peak} bytes resident");
    }
    assert_equal(&plain, &signer.folder().join("opened"));
    assert_equal(&plain, &signer.folder().join("verified"));
    let peak = peak_memory(server.pid()).unwrap();
    eprintln!("cosign-server: at most {} KiB resident, {} before", peak / 1024, before / 1024);
    assert!(before > MIB, "the memory of the server was not seen");
    assert!(peak - before < LIMIT / 4, "the server: {before} bytes resident, then {peak}");
}
