//! Signed messages through readers and writers, and what a fuzzer would do to them.

use std::io::{Cursor, Read, Seek, SeekFrom};

use envelope::cms::{Cipher, Compat, Dialect, Header, Rule, Sealer, SignedContent, Signer, Signing, Switch};
use envelope::error::{ApiMisuse, InvalidMessage, InvalidSignature};
use envelope::io::{self, Error, Input};
use envelope::{ContentKey, Sm2Identity};
use proptest::prelude::*;
use sm_primitives::sm2::dsa;
use zeroize::Zeroizing;

use crate::signed::certificate;
use crate::support::{TestRng, key, pem, recipient};

const STRICT: Compat = Compat::STRICT;

fn content(len: usize) -> Vec<u8> {
    (0u32..).flat_map(u32::to_be_bytes).take(len).collect()
}

fn sign(dialect: Dialect, content: &[u8]) -> SignedContent {
    let signer = Signer::new(&certificate("bob")).unwrap();
    let signing = Signing::start(vec![signer], dialect, content.len() as u64).unwrap();
    let unsigned = io::hash(signing, content).unwrap();
    let signature = dsa::sign_digest(&key("bob"), &unsigned.digests()[0], &mut TestRng::new("s")).unwrap();
    unsigned.complete(&[signature]).unwrap()
}

fn attached(dialect: Dialect, content: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    io::write_signed(sign(dialect, content), content, &mut message).unwrap();
    message
}

/// Counts the bytes that are read.
struct Counting<R> {
    inner: R,
    read: usize,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = self.inner.read(out)?;
        self.read += len;
        Ok(len)
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn long_contents_are_leapt_over_and_read_once() {
    for dialect in [Dialect::Cfca, Dialect::Standard] {
        for len in [0, 1, 100, io::BUFFER_LEN - 1, io::BUFFER_LEN, 3 * io::BUFFER_LEN, 3_000_000] {
            let content = content(len);
            let message = attached(dialect, &content);
            let mut input = Counting { inner: Cursor::new(&message), read: 0 };
            let mut output = Vec::new();
            let outcome = io::verify(STRICT, &mut input, &mut output, &[]).unwrap();
            assert!(outcome.verdicts[0].result.unwrap().is_by_the_book(), "{len}");
            assert!(output == content);
            assert!(input.read <= message.len() + 3 * io::BUFFER_LEN, "{} of {len}", input.read);
        }
    }
}

#[test]
fn text_can_be_read_twice_too() {
    let message = attached(Dialect::Cfca, b"content");
    for bytes in [message.clone(), pem("PKCS7", &message).into_bytes()] {
        let mut input = Input::seekable(Cursor::new(&bytes)).unwrap();
        assert_eq!(input.is_text(), bytes != message);
        let mut output = Vec::new();
        let outcome = io::verify(STRICT, &mut input, &mut output, &[]).unwrap();
        assert_eq!(outcome.verdicts[0].result, Ok(Rule::Content));
        assert_eq!(output, b"content");
    }
    // An input that was not made for it says so.
    let mut input = Input::new(Cursor::new(&message)).unwrap();
    let error = io::verify(STRICT, &mut input, Vec::new(), &[]).err();
    assert!(matches!(error, Some(Error::Io(error)) if error.kind() == std::io::ErrorKind::Unsupported));
}

fn invalid(result: Result<io::Outcome, Error>) -> envelope::Error {
    match result {
        Err(Error::Envelope(error)) => error,
        other => panic!("{other:?} instead of an error"),
    }
}

#[test]
fn files_that_are_too_short() {
    let content = content(1_000_000);
    let message = attached(Dialect::Cfca, &content);
    for end in [0, 1, 100, 200_000, 999_999, message.len() - 1] {
        let cut = io::verify(STRICT, &mut Cursor::new(&message[..end]), Vec::new(), &[]);
        assert_eq!(invalid(cut), InvalidMessage::Truncated.into(), "{end}");
    }
    let long = [&message[..], &[0]].concat();
    let longer = io::verify(STRICT, &mut Cursor::new(&long), Vec::new(), &[]);
    assert_eq!(invalid(longer), InvalidMessage::TrailingData.into());
}

#[test]
fn detached_signatures_of_files() {
    let content = content(1_000_000);
    let signature = sign(Dialect::Cfca, &content).detached().unwrap();
    let verdict =
        |content: &[u8]| io::verify_detached(STRICT, &signature, content, &[]).unwrap().verdicts[0].result;
    assert_eq!(verdict(&content), Ok(Rule::Content));
    assert_eq!(verdict(&content[1..]), Err(InvalidSignature::Wrong));
    let attached = attached(Dialect::Cfca, b"x");
    let twice = io::verify_detached(STRICT, &attached, &b"x"[..], &[]);
    assert_eq!(invalid(twice), ApiMisuse::ContentTwice.into());
    let alone = io::verify(STRICT, &mut Cursor::new(&signature), Vec::new(), &[]);
    assert_eq!(invalid(alone), InvalidMessage::NoContent.into());
}

#[test]
fn a_file_that_changes_while_it_is_signed() {
    let changed = io::write_signed(sign(Dialect::Standard, b"content"), &b"c0ntent"[..], Vec::new());
    assert!(matches!(changed, Err(Error::Envelope(error)) if error == ApiMisuse::ContentChanged.into()));
    let signer = Signer::new(&certificate("bob")).unwrap();
    let signing = Signing::start(vec![signer], Dialect::Standard, 7).unwrap();
    let grown = io::hash(signing, &b"content and more"[..]);
    assert!(matches!(grown, Err(Error::Envelope(error)) if error == ApiMisuse::PlaintextLength.into()));
}

fn sealed(cipher: Cipher, content: &[u8]) -> Vec<u8> {
    let (mut out, signed) = (Vec::new(), sign(Dialect::Cfca, content));
    let mut sealer =
        Sealer::start_signed(cipher, &[&recipient("alice")], &signed, &mut TestRng::new("x"), &mut out)
            .unwrap();
    sealer.push(content, &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    out
}

#[test]
fn signed_and_enveloped_files() {
    for (cipher, len) in [(Cipher::Cbc, 1_000_000), (Cipher::Gcm, 1_000_000), (Cipher::Cbc, 0)] {
        let content = content(len);
        let mut input = Cursor::new(sealed(cipher, &content));
        let signatures = io::scan(Header::read(&mut input).unwrap().scan(), &mut input).unwrap();
        input.rewind().unwrap();
        let header = Header::read(&mut input).unwrap();
        let alice = key("alice");
        let content_key = header.unlock(&[&Sm2Identity::new(&alice)]).unwrap();
        let mut output = Vec::new();
        let hasher = signatures.hasher(&[], STRICT);
        let outcome =
            io::open_signed(header.open(content_key), &mut input, &mut output, hasher, &[]).unwrap();
        assert_eq!(outcome.verdicts[0].result, Ok(Rule::Content));
        assert!(output == content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Messages of every kind with some bytes changed, left out or doubled: whatever they are, reading ends, and does not
    /// depend on how they are cut.
    #[test]
    fn broken_messages_come_back(
        kind in 0_usize..6,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
    ) {
        let mut message = match kind {
            0 => attached(Dialect::Cfca, b"content"),
            1 => attached(Dialect::Standard, b"content"),
            2 => sign(Dialect::Rfc, b"content").detached().unwrap(),
            3 => sealed(Cipher::Gcm, b"content"),
            4 => sealed(Cipher::Cbc, b"content"),
            _ => {
                let (mut out, zeros) = (Vec::new(), Zeroizing::new(vec![0; 16]));
                let key = ContentKey::from_bytes(zeros).unwrap();
                let rng = &mut TestRng::new("e");
                let mut sealer = Sealer::start_encrypted(&Default::default(), &key, 7, rng, &mut out).unwrap();
                sealer.push(b"content", &mut out).unwrap();
                sealer.finish(&mut out).unwrap();
                out
            }
        };
        for (index, byte, edit) in edits {
            let at = index.index(message.len().max(1)).min(message.len().saturating_sub(1));
            match edit {
                _ if message.is_empty() => {}
                0 => message[at] = byte,
                1 => message[at] ^= 1 << (byte % 8),
                2 => drop(message.remove(at)),
                _ => message.insert(at, byte),
            }
        }
        envelope::fuzzing::signed(&message);
        envelope::fuzzing::encrypted(&message);
        envelope::fuzzing::header(&message);
        let all: Compat = Switch::ALL.into_iter().collect();
        let _ = io::verify(all, &mut Cursor::new(&message), Vec::new(), &[]);
    }
}
