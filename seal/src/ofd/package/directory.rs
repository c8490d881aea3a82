//! The directory of a ZIP file and the headers of its entries.

use std::io::{Read, Seek, SeekFrom};

use super::{Entry, FREE_LEN, MAX_ENTRIES, MAX_FILE, MAX_NAME, MAX_PACKAGE, MAX_RATIO, MAX_TOTAL};
use crate::error::Error;

const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const RECORD: u32 = 0x0201_4b50;
const RECORD_LEN: usize = 46;
const HEADER: u32 = 0x0403_4b50;
const HEADER_LEN: usize = 30;
const DESCRIPTOR: u32 = 0x0807_4b50;

/// Lengths and checksum stand behind the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// The name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Encrypted, encrypted strongly, headers masked.
const FLAGS_ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// The lengths are in an extra field of 64 bits.
const EXTRA_ZIP64: u16 = 1;
/// Another name for the file.
const EXTRA_NAME: u16 = 0x7075;

/// Little-endian numbers one after the other; `None` at the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// What a record of the directory and the header of an entry both say.
#[derive(Clone, Copy)]
struct Common<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    len: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

/// All entries, in the order of the directory.
pub(super) fn read<R: Read + Seek>(source: &mut R) -> Result<Vec<Entry>, Error> {
    let (start, end, count) = find(source)?;
    source.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    source.take(end - start).read_to_end(&mut bytes)?;
    let mut rest = bytes.as_slice();
    let mut entries = Vec::with_capacity(count);
    let mut total = 0_u64;
    for _ in 0..count {
        let (entry, after) = record(rest)?;
        rest = after;
        total = total.saturating_add(entry.len);
        if total > MAX_TOTAL {
            return Err(Error::TooLarge("package: the length of all files"));
        }
        entries.push(entry);
    }
    if !rest.is_empty() {
        return Err(Error::Malformed("package: more in its directory than it says"));
    }
    fit(source, &mut entries, start)?;
    Ok(entries)
}

/// Where the directory begins and ends, and of how many entries.
fn find<R: Read + Seek>(source: &mut R) -> Result<(u64, u64, usize), Error> {
    let len = source.seek(SeekFrom::End(0))?;
    if len > MAX_PACKAGE {
        return Err(Error::TooLarge("package: its length"));
    }
    let tail_len = len.min(END_LEN as u64 + u64::from(u16::MAX));
    source.seek(SeekFrom::Start(len - tail_len))?;
    let mut tail = Vec::new();
    source.take(tail_len).read_to_end(&mut tail)?;
    // A comment may look like an end, so that one program takes the first and another one the last.
    let mut ends = tail.windows(END_LEN).enumerate().filter(|(at, window)| {
        let comment = window.last_chunk().map_or(0, |len| usize::from(u16::from_le_bytes(*len)));
        window.starts_with(&END.to_le_bytes()) && at + END_LEN + comment == tail.len()
    });
    let (at, window) =
        ends.next().ok_or(Error::Malformed("package: no ZIP file, or something behind its end"))?;
    if ends.next().is_some() {
        return Err(Error::Malformed("package: two ends"));
    }
    let end = len - tail_len + at as u64;
    let mut fields = Fields(window.get(4..).unwrap_or_default());
    let short = Error::Malformed("package: it ends early");
    let (disk, first_disk) = (fields.u16().ok_or(short)?, fields.u16().ok_or(short)?);
    let (here, count) = (fields.u16().ok_or(short)?, fields.u16().ok_or(short)?);
    let (directory_len, start) = (fields.u32().ok_or(short)?, fields.u32().ok_or(short)?);
    if count == u16::MAX || start == u32::MAX || directory_len == u32::MAX {
        return Err(Error::Unsupported("package: ZIP64"));
    }
    if disk != 0 || first_disk != 0 || here != count {
        return Err(Error::Unsupported("package: in several parts"));
    }
    let count = usize::from(count);
    if count > MAX_ENTRIES {
        return Err(Error::TooLarge("package: entries"));
    }
    if u64::from(start) + u64::from(directory_len) != end {
        return Err(Error::Malformed("package: the directory is not where it should be"));
    }
    Ok((u64::from(start), end, count))
}

/// A record of the directory, and what follows it. Where the data are is not known yet.
fn record(bytes: &[u8]) -> Result<(Entry, &[u8]), Error> {
    let (common, start, whole) = parse_record(bytes).ok_or(Error::Malformed("package: its directory"))?;
    if common.flags & FLAGS_ENCRYPTED != 0 {
        return Err(Error::Unsupported("package: an encrypted file"));
    }
    let deflated = match common.method {
        0 => false,
        8 => true,
        _ => return Err(Error::Unsupported("package: a file that is not packed with deflate")),
    };
    let (packed, len) = lengths(&common)?;
    if len > MAX_FILE {
        return Err(Error::TooLarge("package: the length of a file"));
    }
    if len > FREE_LEN && len / MAX_RATIO > packed {
        return Err(Error::TooLarge("package: a file that is packed too well"));
    }
    let (path, foreign_name) = path(&common)?;
    if path.ends_with('/') && len > 0 || !deflated && packed != len {
        return Err(Error::Malformed("package: the length of an entry"));
    }
    let (record, rest) = bytes.split_at_checked(whole).ok_or(Error::Malformed("package: its directory"))?;
    let record = record.to_vec();
    let start = u64::from(start);
    let crc = common.crc;
    Ok((Entry { path, foreign_name, record, deflated, crc, packed, len, start, data: 0, end: 0 }, rest))
}

fn parse_record(bytes: &[u8]) -> Option<(Common<'_>, u32, usize)> {
    let mut fields = Fields(bytes);
    if fields.u32()? != RECORD {
        return None;
    }
    fields.bytes(4)?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.bytes(4)?;
    let (crc, packed, len) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
    let comment_len = usize::from(fields.u16()?);
    let disk = fields.u16()?;
    fields.bytes(6)?;
    let start = fields.u32()?;
    if disk != 0 {
        return None;
    }
    let (name, extra) = (fields.bytes(name_len)?, fields.bytes(extra_len)?);
    fields.bytes(comment_len)?;
    let whole = RECORD_LEN + name_len + extra_len + comment_len;
    Some((Common { flags, method, crc, packed, len, name, extra }, start, whole))
}

/// An extra field.
fn extra(fields: &[u8], id: u16) -> Option<&[u8]> {
    let mut fields = Fields(fields);
    loop {
        let (this, len) = (fields.u16()?, fields.u16()?);
        let body = fields.bytes(usize::from(len))?;
        if this == id {
            return Some(body);
        }
    }
}

/// Packed and unpacked, from the extra field where the record says so.
fn lengths(common: &Common<'_>) -> Result<(u64, u64), Error> {
    let mut wide = Fields(extra(common.extra, EXTRA_ZIP64).unwrap_or_default());
    let mut widen = |len: u32| {
        if len == u32::MAX { wide.u64() } else { Some(u64::from(len)) }
    };
    // The field has the unpacked one first.
    let (len, packed) = (widen(common.len), widen(common.packed));
    let fits = |(_, packed): &(u64, u64)| *packed <= MAX_PACKAGE;
    let both = len.zip(packed).filter(fits).map(|(len, packed)| (packed, len));
    both.ok_or(Error::Malformed("package: lengths in 64 bits"))
}

/// The path, and whether bytes of the name had to be escaped because they are not UTF-8.
fn path(common: &Common<'_>) -> Result<(String, bool), Error> {
    let malformed = Err(Error::Malformed("package: the name of a file"));
    if common.name.len() > MAX_NAME {
        return Err(Error::TooLarge("package: the name of a file"));
    }
    let (name, foreign) = match str::from_utf8(common.name) {
        Ok(name) => (name.to_owned(), false),
        Err(_) if common.flags & FLAG_UTF8 != 0 => return malformed,
        Err(_) => {
            let escape = |byte: &u8| {
                if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
            };
            (common.name.iter().map(escape).collect(), true)
        }
    };
    if let Some(other) = extra(common.extra, EXTRA_NAME)
        && other.get(5..) != Some(common.name)
    {
        return Err(Error::Malformed("package: a file with two names"));
    }
    let parts = name.strip_suffix('/').unwrap_or(&name);
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !parts.split('/').all(plain) || name.contains(|char: char| char == '\\' || char.is_control()) {
        return malformed;
    }
    Ok((format!("/{name}"), foreign))
}

/// Finds the data of each entry, and checks that the entries fill the package up to its directory.
fn fit<R: Read + Seek>(source: &mut R, entries: &mut [Entry], directory: u64) -> Result<(), Error> {
    let mut order: Vec<&mut Entry> = entries.iter_mut().collect();
    order.sort_by_key(|entry| entry.start);
    let ends: Vec<u64> = order.iter().skip(1).map(|entry| entry.start).chain([directory]).collect();
    if order.first().is_none_or(|entry| entry.start != 0) {
        return Err(Error::Malformed("package: something before its first file, or no file"));
    }
    for (entry, end) in order.into_iter().zip(ends) {
        entry.end = end;
        header(source, entry)?;
    }
    Ok(())
}

/// Reads the header of an entry, which must say what the directory says.
fn header<R: Read + Seek>(source: &mut R, entry: &mut Entry) -> Result<(), Error> {
    let differs = Error::Malformed("package: a file and the directory disagree");
    let (listed, ..) = parse_record(&entry.record).ok_or(differs)?;
    source.seek(SeekFrom::Start(entry.start))?;
    // Enough for the header, the name and, mostly, the extra fields.
    let room = entry.end.saturating_sub(entry.start);
    let mut bytes = Vec::new();
    source.by_ref().take(room.min((HEADER_LEN + listed.name.len() + 64) as u64)).read_to_end(&mut bytes)?;
    let mut fields = Fields(&bytes);
    let lens = |fields: &mut Fields<'_>| {
        if fields.u32()? != HEADER {
            return None;
        }
        fields.bytes(22)?;
        Some((usize::from(fields.u16()?), usize::from(fields.u16()?)))
    };
    let (name_len, extra_len) = lens(&mut fields).ok_or(differs)?;
    let header_len = HEADER_LEN + name_len + extra_len;
    if header_len > bytes.len() {
        let more = (header_len - bytes.len()) as u64;
        source.by_ref().take(more.min(room.saturating_sub(bytes.len() as u64))).read_to_end(&mut bytes)?;
    }
    let found = parse_header(&bytes, name_len, extra_len).ok_or(differs)?;
    let agree = |flag: u16| found.flags & flag == listed.flags & flag;
    if found.name != listed.name
        || found.method != listed.method
        || !(agree(FLAGS_ENCRYPTED) && agree(FLAG_DESCRIPTOR) && (listed.name.is_ascii() || agree(FLAG_UTF8)))
    {
        return Err(differs);
    }
    if extra(found.extra, EXTRA_NAME).is_some_and(|other| other.get(5..) != Some(found.name)) {
        return Err(Error::Malformed("package: a file with two names"));
    }
    let same = (found.crc, lengths(&found)?) == (entry.crc, (entry.packed, entry.len));
    let later = listed.flags & FLAG_DESCRIPTOR != 0;
    let unsaid = later && found.crc == 0 && lengths(&found)? == (0, 0);
    if !(same || unsaid) {
        return Err(differs);
    }
    entry.data = entry.start + header_len as u64;
    let data_end = entry.data + entry.packed;
    let behind = entry.end.checked_sub(data_end).ok_or(Error::Malformed("package: files overlap"))?;
    if behind == 0 && !later {
        return Ok(());
    }
    if !later || behind > 24 {
        return Err(Error::Malformed("package: something between two files"));
    }
    source.seek(SeekFrom::Start(data_end))?;
    let mut bytes = Vec::new();
    source.by_ref().take(behind).read_to_end(&mut bytes)?;
    if is_descriptor(&bytes, entry) { Ok(()) } else { Err(differs) }
}

fn parse_header(bytes: &[u8], name_len: usize, extra_len: usize) -> Option<Common<'_>> {
    let mut fields = Fields(bytes);
    fields.bytes(6)?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.bytes(4)?;
    let (crc, packed, len) = (fields.u32()?, fields.u32()?, fields.u32()?);
    fields.bytes(4)?;
    let (name, extra) = (fields.bytes(name_len)?, fields.bytes(extra_len)?);
    Some(Common { flags, method, crc, packed, len, name, extra })
}

/// Whether bytes are the checksum and the lengths of an entry, in 32 or 64 bits, with or without a mark in front.
fn is_descriptor(bytes: &[u8], entry: &Entry) -> bool {
    let bytes = match bytes.len() {
        16 | 24 if bytes.starts_with(&DESCRIPTOR.to_le_bytes()) => bytes.get(4..).unwrap_or_default(),
        _ => bytes,
    };
    let mut fields = Fields(bytes);
    let crc = fields.u32();
    let (packed, len) = match bytes.len() {
        12 => (fields.u32().map(u64::from), fields.u32().map(u64::from)),
        20 => (fields.u64(), fields.u64()),
        _ => return false,
    };
    (crc, packed, len) == (Some(entry.crc), Some(entry.packed), Some(entry.len))
}
