//! Files and pipes: the pure core of [`cms`](crate::cms) between [`Read`] and [`Write`].
//!
//! ```no_run
//! use std::fs::File;
//! use std::path::Path;
//!
//! use envelope::cms::Header;
//! use envelope::{Sm2Identity, Sm2Recipient, io};
//! use sm_primitives::sm2::{PrivateKey, PublicKey};
//!
//! fn seal(path: &Path, to: &PublicKey) -> Result<(), io::Error> {
//!     let input = File::open(path)?;
//!     let len = input.metadata()?.len();
//!     let mut output = io::PartFile::create(&path.with_extension("p7"))?;
//!     io::seal(&[&Sm2Recipient::from_public_key(to)], len, input, &mut output, &mut getrandom::SysRng)?;
//!     Ok(output.keep()?)
//! }
//!
//! fn open(path: &Path, key: &PrivateKey) -> Result<(), io::Error> {
//!     let mut input = io::Input::new(File::open(path)?)?;
//!     let header = Header::read(&mut input)?;
//!     let content_key = header.unlock(&[&Sm2Identity::new(key)])?; // or by two-party decryption
//!     let mut output = io::PartFile::create_private(&path.with_extension("plain"))?;
//!     io::open(header.open(content_key), input, &mut output)?;
//!     Ok(output.keep()?)
//! }
//! ```
//! Progress is best shown by a reader that counts, given as `input`.

pub mod bid;
mod input;
mod part_file;
mod signed;

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::mem;

use sm_primitives::rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::cms::{Compat, Decoded, Header, HeaderDecoder, Opener, Quirks, Sealer, Sealing};
use crate::error::InvalidMessage;
use crate::recipient::Recipient;

pub use input::Input;
pub use part_file::PartFile;
pub use signed::{Outcome, hash, open_signed, scan, verify, verify_detached, write_signed};

/// Bytes moved at a time: 128 KiB. Sealing and opening hold two buffers of this size.
pub const BUFFER_LEN: usize = 128 * 1024;

/// What went wrong: outside, or in the envelope.
#[derive(Debug)]
pub enum Error {
    /// Reading or writing failed.
    Io(io::Error),
    /// Sealing or opening failed.
    Envelope(crate::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Envelope(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    /// An error of this crate that went through [`Read`] or [`Write`] comes out as itself.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<crate::Error>()) {
            Some(&inner) => Self::Envelope(inner),
            None => Self::Io(error),
        }
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Self {
        Self::Envelope(error)
    }
}

fn to_io(error: crate::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Seals everything that `input` delivers, which must be exactly `plaintext_len` bytes, into `output`.
///
/// # Errors
/// [`Error::Io`]; as [`Sealer::start`];
/// [`ApiMisuse::PlaintextLength`](crate::error::ApiMisuse::PlaintextLength) if `input` is shorter or longer.
/// On any error the output is worthless.
pub fn seal(
    recipients: &[&dyn Recipient],
    plaintext_len: u64,
    input: impl Read,
    output: impl Write,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(), Error> {
    seal_with(&Sealing::default(), recipients, plaintext_len, input, output, rng)
}

/// As [`seal`], with a choice of cipher and dialect.
///
/// # Errors
/// As [`seal`] and [`Sealer::start_with`].
pub fn seal_with(
    sealing: &Sealing,
    recipients: &[&dyn Recipient],
    plaintext_len: u64,
    mut input: impl Read,
    output: impl Write,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(), Error> {
    let mut writer = SealWriter::with(sealing, recipients, plaintext_len, output, rng)?;
    let mut buffer = Zeroizing::new(vec![0; BUFFER_LEN]);
    loop {
        let len = read_some(&mut input, &mut buffer)?;
        if len == 0 {
            writer.finish()?.flush()?;
            return Ok(());
        }
        writer.write_all(buffer.get(..len).unwrap_or_default())?;
    }
}

/// Opens the content that `input` delivers after the header, to the end of `input`, into `output`, and says what was
/// tolerated in the whole message.
///
/// # Errors
/// [`Error::Io`]; [`crate::Error::InvalidMessage`]; [`crate::Error::DecryptionFailed`]. On any error what has been
/// written is to be discarded, see [`PartFile`].
pub fn open(opener: Opener, input: impl Read, mut output: impl Write) -> Result<Quirks, Error> {
    let mut reader = OpenReader::new(opener, input);
    loop {
        let plaintext = reader.fill_buf()?;
        if plaintext.is_empty() {
            break;
        }
        let len = plaintext.len();
        output.write_all(plaintext)?;
        reader.consume(len);
    }
    output.flush()?;
    Ok(reader.quirks().unwrap_or_default())
}

impl Header {
    /// Reads the header of a message in DER or BER and nothing beyond it. For messages that may be text, wrap the
    /// reader in [`Input`].
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Envelope`].
    pub fn read(reader: &mut impl Read) -> Result<Self, Error> {
        Self::read_with(Compat::STRICT, reader)
    }

    /// As [`Header::read`], with compatibility switches.
    ///
    /// # Errors
    /// As [`Header::read`].
    pub fn read_with(compat: Compat, reader: &mut impl Read) -> Result<Self, Error> {
        match read_header(compat, reader)? {
            Decoded::Header(header) => Ok(header),
            _ => Err(crate::Error::from(InvalidMessage::NotEnvelopedData).into()),
        }
    }
}

/// Reads the header of a message of any type and nothing beyond it: gives [`Decoded::Header`] or [`Decoded::Plain`].
///
/// # Errors
/// [`Error::Io`], [`Error::Envelope`].
pub fn read_header(compat: Compat, reader: &mut impl Read) -> Result<Decoded, Error> {
    let mut decoder = HeaderDecoder::new(compat);
    let mut buffer = [0; 4096];
    loop {
        let wanted = decoder.wants().min(buffer.len());
        let len = read_some(reader, buffer.get_mut(..wanted).unwrap_or_default())?;
        if len == 0 {
            return Err(crate::Error::from(InvalidMessage::Truncated).into());
        }
        decoder = match decoder.push(&mut buffer.get(..len).unwrap_or_default())? {
            Decoded::NeedsMore(decoder) => decoder,
            complete => return Ok(complete),
        };
    }
}

/// Seals what is written to it. [`SealWriter::finish`] completes the message; dropped before, it leaves a message that
/// is cut short and that no reader accepts.
#[derive(Debug)]
pub struct SealWriter<W: Write> {
    sealer: Sealer,
    output: W,
    buffer: Vec<u8>,
}

impl<W: Write> SealWriter<W> {
    /// Writes the header of a message for `plaintext_len` bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Sealer::start`].
    pub fn new(
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        output: W,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        Self::with(&Sealing::default(), recipients, plaintext_len, output, rng)
    }

    /// As [`SealWriter::new`], with a choice of cipher and dialect.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Sealer::start_with`].
    pub fn with(
        sealing: &Sealing,
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        mut output: W,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let mut buffer = Vec::new();
        let sealer = Sealer::start_with(sealing, recipients, plaintext_len, rng, &mut buffer)?;
        output.write_all(&buffer)?;
        Ok(Self { sealer, output, buffer })
    }

    /// Writes the last block and gives back the output, which is not flushed.
    ///
    /// # Errors
    /// [`Error::Io`];
    /// [`ApiMisuse::PlaintextLength`](crate::error::ApiMisuse::PlaintextLength) if fewer bytes were written than
    /// announced.
    pub fn finish(mut self) -> Result<W, Error> {
        self.buffer.clear();
        self.sealer.finish(&mut self.buffer)?;
        self.output.write_all(&self.buffer)?;
        Ok(self.output)
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        let part = plaintext.get(..BUFFER_LEN).unwrap_or(plaintext);
        self.buffer.clear();
        self.sealer.push(part, &mut self.buffer).map_err(to_io)?;
        self.output.write_all(&self.buffer)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Reads the plaintext of a message.
///
/// The warning at [`Opener`] applies: bytes come out before the message is known to be whole, and only a clean end
/// (`Ok(0)`) says that it was. After an error every further call fails.
pub struct OpenReader<R> {
    state: State,
    input: R,
    ciphertext: Vec<u8>,
    plaintext: Zeroizing<Vec<u8>>,
    /// How much of `plaintext` has been read.
    at: usize,
}

enum State {
    Open(Box<Opener>),
    Ended(Quirks),
    Failed,
}

impl<R: Read> OpenReader<R> {
    /// `input` stands at the first byte after the header.
    #[must_use]
    pub fn new(opener: Opener, input: R) -> Self {
        Self {
            state: State::Open(Box::new(opener)),
            input,
            ciphertext: vec![0; BUFFER_LEN],
            plaintext: Zeroizing::new(Vec::with_capacity(BUFFER_LEN + 16)),
            at: 0,
        }
    }

    /// What was tolerated in the whole message, once its end has been read.
    #[must_use]
    pub const fn quirks(&self) -> Option<Quirks> {
        match self.state {
            State::Ended(quirks) => Some(quirks),
            State::Open(_) | State::Failed => None,
        }
    }

    /// Refills the plaintext buffer, which has been read; leaves it empty at the end of the message.
    fn refill(&mut self) -> io::Result<()> {
        self.plaintext.clear();
        self.at = 0;
        while self.plaintext.is_empty() {
            // Failed until the step has succeeded: an error can never look like the end.
            self.state = match mem::replace(&mut self.state, State::Failed) {
                State::Open(mut opener) => match read_some(&mut self.input, &mut self.ciphertext)? {
                    0 => State::Ended(opener.finish(&mut self.plaintext).map_err(to_io)?),
                    len => {
                        let ciphertext = self.ciphertext.get(..len).unwrap_or_default();
                        opener.push(ciphertext, &mut self.plaintext).map_err(to_io)?;
                        State::Open(opener)
                    }
                },
                State::Ended(quirks) => {
                    self.state = State::Ended(quirks);
                    break;
                }
                State::Failed => return Err(io::Error::other("an earlier read of this message failed")),
            };
        }
        Ok(())
    }
}

impl<R: Read> BufRead for OpenReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.plaintext.len() {
            self.refill()?;
        }
        Ok(self.plaintext.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount).min(self.plaintext.len());
    }
}

impl<R: Read> Read for OpenReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(out)?;
        self.consume(len);
        Ok(len)
    }
}

impl<R> fmt::Debug for OpenReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenReader(..)")
    }
}

/// One read that a signal does not interrupt. `Ok(0)`: the end.
fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A reader that claims more than it was given is wrong, and would make us believe in bytes that are not.
            Ok(len) if len > buffer.len() => return Err(ErrorKind::InvalidData.into()),
            result => return result,
        }
    }
}
