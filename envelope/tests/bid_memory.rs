//! Memory does not grow with the bid.
//!
//! A test binary of its own, because it looks at the resident memory of the process.
#![expect(clippy::print_stdout, reason = "test code says aloud what it skips")]

use std::io::{self, Read};

use envelope::{
    Sm2Recipient,
    bid::{BodyKey, Draft, Policy, Terms},
    io::bid::{Bid, seal},
};
use getrandom::SysRng;
use sm_primitives::sm2::PrivateKey;

/// So many zeros, from nowhere.
struct Zeros(u64);

impl Read for Zeros {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.0).unwrap_or(usize::MAX).min(out.len());
        out[..len].fill(0);
        self.0 -= len as u64;
        Ok(len)
    }
}

/// Largest resident memory so far in KiB, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[test]
fn a_quarter_of_a_gibibyte() {
    const LEN: u64 = 256 << 20;
    let key = PrivateKey::generate(&mut SysRng).unwrap();
    let draft = Draft {
        terms: Terms::default(),
        policy: Policy::platform(),
        holders: vec![(1, Sm2Recipient::from_public_key(key.public_key()))],
        opening: None,
        signer: None,
    };
    let before = peak_kib();
    let file = tempfile::tempfile().unwrap();
    let files = [Ok(("zeros".to_owned(), Zeros(LEN)))];
    let file = seal(draft, files.into_iter(), file, &mut SysRng).unwrap().finish(&[]).unwrap();

    let bid = Bid::open(file).unwrap();
    let share = bid.header().slots().slots()[0].unwrap(bid.header().manifest(), &key).unwrap();
    let key = BodyKey::derive(bid.header().manifest(), &[share], None).unwrap();
    let mut open = bid.unlock(key).unwrap();
    let mut read = 0;
    open.copy(0..LEN, |_, piece| {
        assert!(piece.iter().all(|&byte| byte == 0));
        read += piece.len() as u64;
        Ok(())
    })
    .unwrap();
    assert_eq!(read, LEN);
    match (before, peak_kib()) {
        (Some(before), Some(after)) => {
            println!("{} MiB sealed and opened, {} KiB more resident memory", LEN >> 20, after - before);
            assert!(after - before < 48 * 1024, "{} KiB", after - before);
        }
        _ => println!("skipped: this system does not tell the resident memory"),
    }
}
