//! Writes a package from the entries of another one and new files.

use std::io::{Read, Seek, Write};

use flate2::{Compression, Crc, write::DeflateEncoder};
use pki::Time;

use super::{Entry, MAX_ENTRIES, MAX_PACKAGE, Package};
use crate::error::Error;

/// Where the start of the entry stands in a record of the directory.
const RECORD_START: usize = 42;
/// Version 2.0 of the format, made by no system in particular.
const VERSION: u16 = 20;
const FLAG_UTF8: u16 = 1 << 11;

/// A package under construction: entries in the order in which they come. The same calls give the same bytes.
pub(crate) struct Writer<W> {
    out: W,
    written: u64,
    directory: Vec<u8>,
    count: u16,
    /// Date and time as ZIP has them, for new files.
    moment: u32,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W, time: Time) -> Self {
        Self { out, written: 0, directory: Vec::new(), count: 0, moment: moment(time) }
    }

    /// An entry of another package, byte for byte.
    pub(crate) fn keep<R: Read + Seek>(
        &mut self,
        package: &mut Package<R>,
        index: usize,
    ) -> Result<(), Error> {
        let Some(Entry { record, start, end, .. }) = package.entries.get(index) else {
            return Err(Error::Malformed("package: a file is not there"));
        };
        let (mut record, len) = (record.clone(), end - start);
        let at = self.place(len)?.to_le_bytes();
        if let Some(slot) = record.get_mut(RECORD_START..RECORD_START + at.len()) {
            slot.copy_from_slice(&at);
        }
        self.directory.extend_from_slice(&record);
        package.copy_raw(index, &mut self.out)
    }

    /// A new file.
    pub(crate) fn add(&mut self, path: &str, content: &[u8]) -> Result<(), Error> {
        let name = path.trim_start_matches('/');
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let (method, data) = if packed.len() < content.len() { (8_u16, &*packed) } else { (0, content) };
        let mut crc = Crc::new();
        crc.update(content);
        let flags = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        let narrow =
            |len: usize| u32::try_from(len).map_err(|_| Error::TooLarge("package: the length of a file"));
        let name_len =
            u16::try_from(name.len()).map_err(|_| Error::TooLarge("package: the name of a file"))?;
        let mut common = Vec::new();
        for field in [VERSION, flags, method] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.moment, crc.sum(), narrow(data.len())?, narrow(content.len())?] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&name_len.to_le_bytes());
        common.extend_from_slice(&[0; 2]);
        let mut header = [b"PK\x03\x04".as_slice(), &common].concat();
        header.extend_from_slice(name.as_bytes());
        let at = self.place(header.len() as u64 + data.len() as u64)?;
        self.out.write_all(&header)?;
        self.out.write_all(data)?;
        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&VERSION.to_le_bytes());
        self.directory.extend_from_slice(&common);
        // no comment, on the first disk, no attributes
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&at.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        Ok(())
    }

    /// Writes the directory.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let too_large = |_| Error::TooLarge("package: its length");
        let start = u32::try_from(self.written).map_err(too_large)?;
        let len = u32::try_from(self.directory.len()).map_err(too_large)?;
        if self.written.saturating_add(self.directory.len() as u64) > MAX_PACKAGE {
            return Err(Error::TooLarge("package: its length"));
        }
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend_from_slice(&self.count.to_le_bytes());
        end.extend_from_slice(&self.count.to_le_bytes());
        end.extend_from_slice(&len.to_le_bytes());
        end.extend_from_slice(&start.to_le_bytes());
        end.extend_from_slice(&[0; 2]);
        self.out.write_all(&self.directory)?;
        self.out.write_all(&end)?;
        self.out.flush()?;
        Ok(())
    }

    /// Counts an entry of so many bytes, and says where it begins.
    fn place(&mut self, len: u64) -> Result<u32, Error> {
        let at = u32::try_from(self.written).map_err(|_| Error::TooLarge("package: its length"))?;
        self.written = self.written.saturating_add(len);
        if self.written > MAX_PACKAGE {
            return Err(Error::TooLarge("package: its length"));
        }
        self.count = self.count.saturating_add(1);
        if usize::from(self.count) > MAX_ENTRIES {
            return Err(Error::TooLarge("package: entries"));
        }
        Ok(at)
    }
}

/// Time and date in universal time, from 1980 to 2107, to two seconds.
fn moment(time: Time) -> u32 {
    let text = time.to_string();
    let number = |at: usize, len: usize| {
        text.get(at..at + len).and_then(|digits| digits.parse().ok()).unwrap_or(0_u32)
    };
    let year = number(0, 4).clamp(1980, 2107) - 1980;
    let date = year << 9 | number(5, 2) << 5 | number(8, 2);
    date << 16 | number(11, 2) << 11 | number(14, 2) << 5 | (number(17, 2) / 2)
}
