//! Readers, writers and files.

use std::fs;
use std::io::{self, Cursor, Read, Write};

use envelope::cms::Header;
use envelope::error::{ApiMisuse, InvalidMessage};
use envelope::io::{Error, Input, OpenReader, PartFile, SealWriter};
use envelope::{Sm2Identity, simple};

use crate::support::{PLAINTEXT, Parts, TestRng, indefinite, key, pem, recipient};

/// Reads at most `0` bytes at a time, and is interrupted before each.
struct Trickle<'a> {
    bytes: &'a [u8],
    most: usize,
    interrupted: bool,
}

impl<'a> Trickle<'a> {
    fn new(bytes: &'a [u8], most: usize) -> Self {
        Self { bytes, most, interrupted: false }
    }
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = out.len().min(self.most);
        self.bytes.read(&mut out[..most])
    }
}

fn open(input: impl Read) -> Result<Vec<u8>, Error> {
    let alice = key("alice");
    let mut input = Input::new(input)?;
    let header = Header::read(&mut input)?;
    let key = header.unlock(&[&Sm2Identity::new(&alice)])?;
    let mut plaintext = Vec::new();
    envelope::io::open(header.open(key), input, &mut plaintext)?;
    Ok(plaintext)
}

fn defect(result: Result<Vec<u8>, Error>) -> InvalidMessage {
    match result {
        Err(Error::Envelope(envelope::Error::InvalidMessage(defect))) => defect,
        other => panic!("{other:?} instead of a defect"),
    }
}

#[test]
fn slow_readers() {
    let plaintext: Vec<u8> = (0u32..).flat_map(u32::to_be_bytes).take(300_001).collect();
    let mut message = Vec::new();
    let len = plaintext.len() as u64;
    let input = Trickle::new(&plaintext, 4099);
    envelope::io::seal(&[&recipient("alice")], len, input, &mut message, &mut TestRng::new("slow")).unwrap();
    for most in [1, 7, 4096, usize::MAX] {
        assert!(open(Trickle::new(&message, most)).unwrap() == plaintext, "{most} at a time");
    }
}

#[test]
fn the_header_is_read_and_nothing_beyond_it() {
    for wrap in [crate::support::tlv, indefinite] {
        let message = Parts { wrap, ..Parts::new() }.build();
        let mut reader = Cursor::new(&message);
        let header = Header::read(&mut reader).unwrap();
        let (_, rest) = Header::from_bytes(&message).unwrap();
        assert_eq!(reader.position(), (message.len() - rest.len()) as u64);
        assert_eq!(header.recipients().len(), 1);
    }
}

#[test]
fn an_input_of_another_length() {
    let seal = |announced| {
        let mut out = Vec::new();
        let result = envelope::io::seal(
            &[&recipient("alice")],
            announced,
            PLAINTEXT,
            &mut out,
            &mut TestRng::new("n"),
        );
        result.map(|()| out)
    };
    let exact = PLAINTEXT.len() as u64;
    for announced in [0, exact - 1, exact + 1, u64::from(u32::MAX) + 2] {
        assert!(matches!(
            seal(announced),
            Err(Error::Envelope(envelope::Error::ApiMisuse(ApiMisuse::PlaintextLength)))
        ));
    }
    assert_eq!(open(&seal(exact).unwrap()[..]).unwrap(), PLAINTEXT);
}

#[test]
fn defects_come_through_readers() {
    let message = Parts::new().build();
    assert_eq!(open(&message[..]).unwrap(), PLAINTEXT);
    for end in 0..message.len() {
        assert_eq!(defect(open(&message[..end])), InvalidMessage::Truncated, "cut at {end}");
    }
    assert_eq!(defect(open(&[&message[..], &[0]].concat()[..])), InvalidMessage::TrailingData);
}

/// An error in the middle can never be taken for the end of the plaintext.
#[test]
fn a_reader_that_failed_does_not_end_well() {
    let alice = key("alice");
    let message = Parts::new().build();
    let reader = |bytes: &[u8]| {
        let (header, rest) = Header::from_bytes(bytes).unwrap();
        let key = header.unlock(&[&Sm2Identity::new(&alice)]).unwrap();
        OpenReader::new(header.open(key), Cursor::new(rest.to_vec()))
    };
    let mut cut = reader(&message[..message.len() - 1]);
    let mut plaintext = Vec::new();
    let error = cut.read_to_end(&mut plaintext).expect_err("the message is cut short");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    cut.read(&mut [0; 8]).expect_err("and it stays so");
    assert!(cut.quirks().is_none());

    let mut whole = reader(&message);
    let mut plaintext = Vec::new();
    assert!(whole.quirks().is_none(), "not known before the end");
    whole.read_to_end(&mut plaintext).unwrap();
    assert_eq!(plaintext, PLAINTEXT);
    assert_eq!(whole.read(&mut [0; 8]).unwrap(), 0);
    assert!(whole.quirks().unwrap().is_empty());
}

#[test]
fn text_forms() {
    let message = Parts::new().build();
    for label in ["PKCS7", "CMS", "ENVELOPE"] {
        let text = pem(label, &message);
        assert_eq!(open(text.as_bytes()).unwrap(), PLAINTEXT);
        assert_eq!(open(Trickle::new(format!("\r\n{text}").as_bytes(), 5)).unwrap(), PLAINTEXT);
        let alice = key("alice");
        assert_eq!(*simple::open(&[&Sm2Identity::new(&alice)], text.as_bytes()).unwrap(), PLAINTEXT);
    }
    let bare: String = pem("X", &message).lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(open(bare.as_bytes()).unwrap(), PLAINTEXT);

    assert_eq!(defect(open(&b"-----BEGIN PKCS7-----\nMIIB\n"[..])), InvalidMessage::Armor);
    assert_eq!(defect(open(io::repeat(b'A'))), InvalidMessage::NotEnvelopedData, "endless text");
    let endless = b"-----BEGIN PKCS7-----\n".chain(io::repeat(b'A'));
    assert_eq!(defect(open(endless)), InvalidMessage::Armor);
    assert_eq!(defect(open(io::empty())), InvalidMessage::Truncated);
}

#[test]
fn a_writer_dropped_early_leaves_no_readable_message() {
    let mut out = Vec::new();
    let mut writer =
        SealWriter::new(&[&recipient("alice")], PLAINTEXT.len() as u64, &mut out, &mut TestRng::new("w"))
            .unwrap();
    writer.write_all(PLAINTEXT).unwrap();
    drop(writer);
    assert_eq!(defect(open(&out[..])), InvalidMessage::Truncated);
}

/// Fails at the given call of `write`.
struct FailAt(usize);

impl Write for FailAt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn outside_errors_stay_outside_errors() {
    for calls in 0..3 {
        let result = envelope::io::seal(
            &[&recipient("alice")],
            PLAINTEXT.len() as u64,
            PLAINTEXT,
            FailAt(calls),
            &mut TestRng::new("full"),
        );
        let Err(Error::Io(error)) = result else { panic!("{result:?} after {calls} calls") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_file_appears_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("bid.pdf");
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };

    let mut file = PartFile::create_private(&target).unwrap();
    file.write_all(b"half of it").unwrap();
    assert!(!target.exists());
    assert_eq!(names().len(), 1);
    drop(file);
    assert!(names().is_empty(), "given up, and gone");

    fs::write(&target, b"the earlier file").unwrap();
    let (mut one, mut two) = (PartFile::create(&target).unwrap(), PartFile::create_private(&target).unwrap());
    one.write_all(b"one").unwrap();
    two.write_all(b"two").unwrap();
    drop(one);
    assert_eq!(fs::read(&target).unwrap(), b"the earlier file");
    two.keep().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"two");
    assert_eq!(names(), ["bid.pdf"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }

    assert!(PartFile::create(&folder.path().join("no/such/folder")).is_err());
    assert!(PartFile::create("/".as_ref()).is_err(), "no file name");
    let long_name = folder.path().join("标".repeat(85));
    PartFile::create(&long_name).unwrap().keep().unwrap();
    assert!(long_name.exists(), "255 bytes, the longest that file systems take");
}

/// The failure that the part file is for.
#[test]
fn a_failed_decryption_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("plain");
    let message = Parts::new().build();
    let alice = key("alice");
    for (bytes, whole) in [(&message[..message.len() - 1], false), (&message[..], true)] {
        let result = (|| {
            let mut input = bytes;
            let header = Header::read(&mut input)?;
            let key = header.unlock(&[&Sm2Identity::new(&alice)])?;
            let mut output = PartFile::create_private(&target)?;
            envelope::io::open(header.open(key), input, &mut output)?;
            output.keep()?;
            Ok::<(), Error>(())
        })();
        assert_eq!(result.is_ok(), whole);
        assert_eq!(target.exists(), whole);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), usize::from(whole));
    }
    assert_eq!(fs::read(&target).unwrap(), PLAINTEXT);
}
