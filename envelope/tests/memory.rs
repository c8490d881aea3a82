//! Memory does not grow with the message.
//!
//! A test binary of its own, because it looks at the resident memory of the process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code says aloud what it skips"
)]

use std::io::{self, Read, Write};

use envelope::cms::{Cipher, Compat, Decoded, HeaderDecoder, Opener, Sealing};
use envelope::{Sm2Identity, Sm2Recipient};
use sm_primitives::sm2::PrivateKey;

/// Byte `i` of the plaintext.
fn pattern(i: u64) -> u8 {
    (i ^ i >> 8 ^ i >> 16 ^ i >> 24).to_le_bytes()[0]
}

/// Delivers the pattern and keeps nothing.
struct Generator {
    at: u64,
    len: u64,
}

impl Read for Generator {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.len - self.at).unwrap_or(usize::MAX).min(out.len());
        for byte in &mut out[..len] {
            *byte = pattern(self.at);
            self.at += 1;
        }
        Ok(len)
    }
}

/// Opens what is written to it, compares the plaintext with the pattern and keeps nothing.
struct Check<'a> {
    key: &'a PrivateKey,
    decoder: Option<HeaderDecoder>,
    opener: Option<Opener>,
    plaintext: Vec<u8>,
    at: u64,
}

impl Check<'_> {
    fn compare(&mut self) {
        for &byte in &self.plaintext {
            assert_eq!(byte, pattern(self.at), "byte {}", self.at);
            self.at += 1;
        }
        self.plaintext.clear();
    }
}

impl Write for Check<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if let Some(decoder) = self.decoder.take() {
            match decoder.push(&mut rest).unwrap() {
                Decoded::NeedsMore(decoder) => self.decoder = Some(decoder),
                Decoded::Plain(_) => panic!("an enveloped message"),
                Decoded::Header(header) => {
                    let content_key = header.unlock(&[&Sm2Identity::new(self.key)]).unwrap();
                    self.opener = Some(header.open(content_key));
                }
            }
        }
        if let Some(opener) = &mut self.opener {
            opener.push(rest, &mut self.plaintext).unwrap();
        }
        self.compare();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Largest resident memory so far in KiB, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn stream(cipher: Cipher, len: u64) {
    let key = PrivateKey::generate(&mut getrandom::SysRng).unwrap();
    let recipient = Sm2Recipient::from_public_key(key.public_key());
    let mut check = Check {
        key: &key,
        decoder: Some(HeaderDecoder::new(Compat::STRICT)),
        opener: None,
        plaintext: Vec::new(),
        at: 0,
    };
    let before = peak_kib();
    let sealing = Sealing { cipher, ..Sealing::default() };
    let input = Generator { at: 0, len };
    envelope::io::seal_with(&sealing, &[&recipient], len, input, &mut check, &mut getrandom::SysRng).unwrap();
    check.opener.take().expect("the header has been read").finish(&mut check.plaintext).unwrap();
    check.compare();
    assert_eq!(check.at, len);
    match (before, peak_kib()) {
        (Some(before), Some(after)) => {
            println!("{} MiB sealed and opened, {} KiB more resident memory", len >> 20, after - before);
            assert!(after - before < 4096, "{} KiB", after - before);
        }
        _ => println!("skipped: this system does not tell the resident memory"),
    }
}

#[test]
fn sixty_four_mebibytes() {
    stream(Cipher::Cbc, 64 << 20);
    stream(Cipher::Gcm, 64 << 20);
}

#[test]
#[ignore = "takes a while: cargo test -p envelope --release --test memory -- --ignored --nocapture"]
fn one_gibibyte() {
    stream(Cipher::Gcm, 1 << 30);
}
