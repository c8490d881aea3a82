//! How long compressed streams become.

use flate2::{Decompress, FlushDecompress, Status};
use hayro_interpret::hayro_syntax::Filter;
use hayro_interpret::hayro_syntax::object::Stream;

use super::MAX_UNMEASURED;
use crate::error::Error;

/// What is kept of a decompressed stream, to see whether it is compressed once more.
const PREFIX: usize = 64 << 10;
/// What is compressed twice may become so long and no longer: short strings of text can look compressed.
const MAX_TWICE: u64 = 1 << 20;

/// Decompresses, and forgets, everything in a file that may be taken for a stream: it has to be done before anybody reads the
/// structure of the file, for the structure itself may be in compressed streams.
pub(super) fn measure(file: &[u8], longest: u64, total: u64) -> Result<(), Error> {
    let mut left = total;
    let mut at = 0;
    while let Some(rest) = file.get(at..) {
        let Some(found) = find(rest, b"stream") else { break };
        at += found + b"stream".len();
        let Some(mut data) = file.get(at..) else { break };
        while let [b'\r' | b'\n' | b' ' | b'\t', after @ ..] = data {
            data = after;
        }
        // Reading costs as much as writing: the word can stand anywhere, many times in one stream.
        let mut first = Vec::new();
        let (read, written) = inflate(data, longest.min(left), &mut first);
        if written > longest {
            return Err(Error::TooLarge("bytes of a stream of a PDF"));
        }
        left = left.checked_sub(read + written).ok_or(Error::TooLarge("bytes of the streams of a PDF"))?;
        if inflate(&first, MAX_TWICE, &mut Vec::new()).1 > MAX_TWICE {
            return Err(Error::Unsupported("a stream that is compressed twice"));
        }
    }
    Ok(())
}

fn find(data: &[u8], word: &[u8]) -> Option<usize> {
    data.windows(word.len()).position(|at| at == word)
}

/// Bytes read, and bytes written up to one buffer more than `longest`, of data with the header of zlib or without. What is
/// no compressed data ends early.
fn inflate(data: &[u8], longest: u64, prefix: &mut Vec<u8>) -> (u64, u64) {
    let mut read = 0;
    let mut written = 0;
    for zlib in [true, false] {
        let mut state = Decompress::new(zlib);
        let mut buffer = [0; 16 << 10];
        let clean = loop {
            let (before_in, before_out) = (state.total_in(), state.total_out());
            let input = usize::try_from(before_in).ok().and_then(|at| data.get(at..)).unwrap_or_default();
            let status = state.decompress(input, &mut buffer, FlushDecompress::None);
            let new = usize::try_from(state.total_out() - before_out).unwrap_or(buffer.len());
            if prefix.len() < PREFIX {
                prefix.extend_from_slice(buffer.get(..new).unwrap_or_default());
            }
            match status {
                Ok(Status::StreamEnd) => break true,
                Err(_) => break false,
                Ok(_) if state.total_out() > longest => break true,
                Ok(_) if new == 0 && state.total_in() == before_in => break false,
                Ok(_) => {}
            }
        };
        read += state.total_in();
        written = written.max(state.total_out());
        if clean {
            break;
        }
    }
    (read, written)
}

/// Refuses a long stream whose filters [`measure`] does not see through.
pub(super) fn filters(stream: &Stream<'_>) -> Result<(), Error> {
    let filters = stream.filters();
    let compressing = |filter: &&Filter| {
        matches!(filter, Filter::FlateDecode | Filter::LzwDecode | Filter::RunLengthDecode)
    };
    match filters.as_slice() {
        [] | [Filter::FlateDecode] => Ok(()),
        [Filter::FlateDecode, rest @ ..] if !rest.iter().any(|filter| compressing(&filter)) => Ok(()),
        all if all.iter().filter(compressing).count() > 1 => {
            Err(Error::Unsupported("a stream that is compressed twice"))
        }
        all if all.iter().any(|filter| compressing(&filter)) && stream.raw_data().len() > MAX_UNMEASURED => {
            Err(Error::Unsupported("a long stream in filters of old"))
        }
        _ => Ok(()),
    }
}

/// Whether a stream begins as files of TrueType and OpenType do.
pub(super) fn is_font(stream: &Stream<'_>) -> bool {
    let raw = stream.raw_data();
    let mut first = Vec::new();
    match stream.filters().as_slice() {
        [] => first.extend(raw.iter().take(4)),
        [Filter::FlateDecode] => _ = inflate(&raw, 4, &mut first),
        // Whatever else it is, it is short.
        _ => first.extend(stream.decoded_data().iter().flat_map(|data| data.iter().take(4))),
    }
    matches!(first.get(..4), Some([0, 1, 0, 0] | b"true" | b"OTTO" | b"ttcf" | b"typ1"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};

    use super::*;

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn stream(data: &[u8]) -> Vec<u8> {
        [b"1 0 obj <<>> stream\r\n", data, b"\nendstream endobj "].concat()
    }

    #[test]
    fn streams_are_measured_alone_and_together() {
        let one = stream(&zlib(&[7; 100_000]));
        assert_eq!(measure(&one, 100_000, 200_000), Ok(()));
        assert_eq!(measure(&one, 70_000, 200_000), Err(Error::TooLarge("bytes of a stream of a PDF")));
        let file = [one.as_slice(), &one].concat();
        assert_eq!(measure(&file, 100_000, 210_000), Ok(()));
        assert_eq!(measure(&file, 100_000, 150_000), Err(Error::TooLarge("bytes of the streams of a PDF")));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&[7; 100_000]).unwrap();
        let raw = stream(&raw.finish().unwrap());
        assert_eq!(measure(&raw, 70_000, 200_000), Err(Error::TooLarge("bytes of a stream of a PDF")));
    }

    #[test]
    fn what_is_compressed_twice_is_refused() {
        let twice = stream(&zlib(&zlib(&vec![7; 3 << 20])));
        let refused = Err(Error::Unsupported("a stream that is compressed twice"));
        assert_eq!(measure(&twice, 1 << 30, 1 << 30), refused);
        assert_eq!(measure(&stream(&zlib(&[7; 3 << 20])), 1 << 30, 1 << 30), Ok(()));
    }

    #[test]
    fn words_within_streams_do_not_cost_more_than_the_limit() {
        let stored = [b"\x78\x01\x00\x00\xf0\xff\x0f".as_slice(), &[b'x'; 0xf000]].concat();
        let file: Vec<u8> =
            (0..100).flat_map(|_| b"stream\n".iter().copied().chain(stored.clone())).collect();
        assert_eq!(measure(&file, 1 << 30, 1 << 20), Err(Error::TooLarge("bytes of the streams of a PDF")));
    }
}
