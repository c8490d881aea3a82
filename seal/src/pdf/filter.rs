//! Decoding streams. Source: ISO 32000-2:2020, 7.4.4.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::error::Error;

use super::object::{Dictionary, Object};

/// Longest row of a predictor, in bytes.
const MAX_ROW: i64 = 1 << 20;

/// How a stream is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Raw,
    /// With the bytes of a pixel and of a row if a PNG predictor was used.
    Flate(Option<(usize, usize)>),
}

impl Filter {
    /// From `/Filter` and `/DecodeParms`, both of which are resolved.
    pub(super) fn new(filter: &Object, parameters: &Object) -> Result<Self, Error> {
        let unsupported = Err(Error::Unsupported("filter of a stream"));
        let (filter, parameters) = match (filter, parameters) {
            (Object::Null, _) => return Ok(Self::Raw),
            (Object::Array(filters), parameters) => match filters.as_slice() {
                [] => return Ok(Self::Raw),
                [filter] => (filter, parameters.as_array().and_then(|all| all.first()).unwrap_or(parameters)),
                _ => return unsupported,
            },
            both => both,
        };
        if !matches!(filter.as_name(), Some(b"FlateDecode" | b"Fl")) {
            return unsupported;
        }
        match parameters {
            Object::Null => Ok(Self::Flate(None)),
            Object::Dictionary(parameters) => Self::predicted(parameters),
            _ => Err(Error::Malformed("parameters of a filter")),
        }
    }

    fn predicted(parameters: &Dictionary) -> Result<Self, Error> {
        let value = |key, default| match parameters.get(key) {
            None => Ok(default),
            Some(Object::Integer(value)) if (1..=MAX_ROW).contains(value) => Ok(*value),
            Some(_) => Err(Error::Malformed("parameters of a filter")),
        };
        match value("Predictor", 1)? {
            1 => return Ok(Self::Flate(None)),
            10..=15 => {}
            _ => return Err(Error::Unsupported("predictor of a stream")),
        }
        let bits = value("Colors", 1)?.checked_mul(value("BitsPerComponent", 8)?);
        let row = bits.and_then(|bits| bits.checked_mul(value("Columns", 1).ok()?));
        let (Some(bits), Some(row)) = (bits, row.filter(|row| *row <= MAX_ROW * 8)) else {
            return Err(Error::Malformed("parameters of a filter"));
        };
        value("Columns", 1)?;
        let bytes = |bits: i64| usize::try_from(bits.unsigned_abs().div_ceil(8)).unwrap_or(usize::MAX);
        Ok(Self::Flate(Some((bytes(bits), bytes(row)))))
    }

    /// What the bytes of a stream say, at most so much.
    pub(super) fn decode(self, input: impl Read, limit: usize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Raw => read(input, limit),
            Self::Flate(None) => inflate(input, limit),
            Self::Flate(Some((pixel, row))) => {
                // Each row has a byte before it, so that rows of one byte double.
                let mut data = inflate(input, limit.saturating_mul(2))?;
                unpredict(&mut data, pixel, row)?;
                if data.len() > limit { Err(TOO_LONG) } else { Ok(data) }
            }
        }
    }
}

const TOO_LONG: Error = Error::TooLarge("length of a stream");

fn read(input: impl Read, limit: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    input.take((limit as u64).saturating_add(1)).read_to_end(&mut out)?;
    if out.len() > limit { Err(TOO_LONG) } else { Ok(out) }
}

fn inflate(input: impl Read, limit: usize) -> Result<Vec<u8>, Error> {
    read(ZlibDecoder::new(input), limit).map_err(|error| match error {
        Error::Io(_) => Error::Malformed("a compressed stream"),
        other => other,
    })
}

/// Undoes the prediction of rows in place. The last row may be short.
fn unpredict(data: &mut Vec<u8>, pixel: usize, row: usize) -> Result<(), Error> {
    let mut previous = vec![0_u8; row];
    let mut current = vec![0_u8; row];
    let (mut from, mut to) = (0, 0);
    while let Some(&kind) = data.get(from) {
        from += 1;
        let len = row.min(data.len() - from);
        current.truncate(len);
        for index in 0..len {
            let left = index.checked_sub(pixel);
            let a = left.and_then(|left| current.get(left)).copied().unwrap_or(0);
            let b = previous.get(index).copied().unwrap_or(0);
            let c = left.and_then(|left| previous.get(left)).copied().unwrap_or(0);
            let predicted = match kind {
                0 => 0,
                1 => a,
                2 => b,
                3 => a.midpoint(b),
                4 => paeth(a, b, c),
                _ => return Err(Error::Malformed("a predictor of a stream")),
            };
            let byte = data.get(from + index).copied().unwrap_or(0).wrapping_add(predicted);
            if let Some(out) = current.get_mut(index) {
                *out = byte;
            }
        }
        if let Some(out) = data.get_mut(to..to + len) {
            out.copy_from_slice(&current);
        }
        (from, to) = (from + len, to + len);
        core::mem::swap(&mut previous, &mut current);
    }
    data.truncate(to);
    Ok(())
}

fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (wide_a, wide_b, wide_c) = (i16::from(a), i16::from(b), i16::from(c));
    let guess = wide_a + wide_b - wide_c;
    let (to_a, to_b, to_c) = ((guess - wide_a).abs(), (guess - wide_b).abs(), (guess - wide_c).abs());
    if to_a <= to_b && to_a <= to_c {
        a
    } else if to_b <= to_c {
        b
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn deflate(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn parameters(entries: &[(&str, i64)]) -> Object {
        let mut dictionary = Dictionary::new();
        for (key, value) in entries {
            dictionary.set(key, Object::Integer(*value));
        }
        dictionary.into()
    }

    #[test]
    fn rows_of_every_predictor_are_restored() {
        let rows = [0, 10, 20, 30, 1, 1, 1, 1, 2, 1, 1, 1, 3, 1, 1, 1, 4, 1, 1, 1];
        let filter =
            Filter::new(&Object::from_name("FlateDecode"), &parameters(&[("Predictor", 12), ("Columns", 3)]));
        let filter = filter.unwrap();
        assert_eq!(filter, Filter::Flate(Some((1, 3))));
        let expected = [10, 20, 30, 1, 2, 3, 2, 3, 4, 2, 3, 4, 3, 4, 5];
        assert_eq!(filter.decode(deflate(&rows).as_slice(), 15).unwrap(), expected);
        assert_eq!(filter.decode(deflate(&rows).as_slice(), 14), Err(TOO_LONG));
        assert!(filter.decode(deflate(&[5, 1, 2, 3]).as_slice(), 99).is_err());
        let two = Filter::Flate(Some((2, 4)));
        assert_eq!(two.decode(deflate(&[1, 1, 2, 3, 4, 1, 9]).as_slice(), 99).unwrap(), [1, 2, 4, 6, 9]);
    }

    #[test]
    fn a_bomb_is_noticed_before_it_is_in_memory() {
        let bomb = deflate(&vec![0; 2 << 20]);
        assert_eq!(Filter::Flate(None).decode(bomb.as_slice(), 1 << 20), Err(TOO_LONG));
        assert_eq!(Filter::Raw.decode(bomb.as_slice(), 10), Err(TOO_LONG));
        assert_eq!(Filter::Flate(None).decode(bomb.as_slice(), 2 << 20).unwrap().len(), 2 << 20);
    }

    #[test]
    fn a_compressed_stream_that_is_none_is_refused() {
        let mut data = deflate(b"some text, some more text");
        data.truncate(data.len() - 6);
        for data in [data.as_slice(), b"", b"plain"] {
            assert_eq!(Filter::Flate(None).decode(data, 99), Err(Error::Malformed("a compressed stream")));
        }
    }

    #[test]
    fn filters_are_known_or_refused() {
        let flate = Object::from_name("FlateDecode");
        let none = Object::Null;
        assert_eq!(Filter::new(&none, &none), Ok(Filter::Raw));
        assert_eq!(Filter::new(&vec![].into(), &none), Ok(Filter::Raw));
        assert_eq!(
            Filter::new(&vec![flate.clone()].into(), &vec![none.clone()].into()),
            Ok(Filter::Flate(None))
        );
        assert_eq!(Filter::new(&flate, &parameters(&[("Predictor", 1)])), Ok(Filter::Flate(None)));
        let unsupported = [
            (Object::from_name("LZWDecode"), none.clone()),
            (vec![flate.clone(), flate.clone()].into(), none.clone()),
            (flate.clone(), parameters(&[("Predictor", 2)])),
        ];
        for (filter, parameters) in unsupported {
            assert!(matches!(Filter::new(&filter, &parameters), Err(Error::Unsupported(_))), "{filter:?}");
        }
        for wrong in [[("Predictor", 12), ("Columns", 0)], [("Predictor", 12), ("Columns", i64::MAX)]] {
            assert!(
                matches!(Filter::new(&flate, &parameters(&wrong)), Err(Error::Malformed(_))),
                "{wrong:?}"
            );
        }
        let wide =
            [("Predictor", 12), ("Columns", 1 << 20), ("Colors", 1 << 20), ("BitsPerComponent", 1 << 20)];
        assert!(matches!(Filter::new(&flate, &parameters(&wide)), Err(Error::Malformed(_))));
    }
}
