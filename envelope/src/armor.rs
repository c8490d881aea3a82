//! Text forms of small messages and certificates: PEM with any label, or bare base64.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use crate::error::{Error, InvalidMessage};

/// Longest text that is decoded: 1 MiB of message in base64, with line breaks and labels.
pub const MAX_TEXT_LEN: usize = 3 << 19;

/// Decodes the first PEM block of `text` whatever its label ("PKCS7", "CMS", "CERTIFICATE", ...), or, if there is no
/// label line, the whole text as base64. Line lengths and line ends are free.
///
/// # Errors
/// [`InvalidMessage::Armor`]: a PEM block that is broken, or more than [`MAX_TEXT_LEN`] bytes.
/// [`InvalidMessage::NotEnvelopedData`]: no PEM block, and not base64.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Error> {
    decode_text(text).ok_or_else(|| {
        let is_pem = text.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes());
        if is_pem { InvalidMessage::Armor } else { InvalidMessage::NotEnvelopedData }.into()
    })
}

const BEGIN: &str = "-----BEGIN ";

fn decode_text(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_TEXT_LEN {
        return None;
    }
    let text = core::str::from_utf8(text).ok()?;
    match text.split_once(BEGIN) {
        Some((_, block)) => Some(next_block(block)?.0.bytes),
        None => base64(text),
    }
}

/// One PEM block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Between `BEGIN` and the dashes, such as `CERTIFICATE`.
    pub label: String,
    /// What is encoded.
    pub bytes: Vec<u8>,
}

/// Longest text of several blocks: 16 MiB.
pub const MAX_BLOCKS_LEN: usize = 16 << 20;

/// Decodes every PEM block of `text`, whatever stands between them. Blocks with headers (encrypted keys of old) are left
/// out.
///
/// # Errors
/// [`InvalidMessage::Armor`]: a block that is broken, or more than [`MAX_BLOCKS_LEN`] bytes.
pub fn blocks(text: &[u8]) -> Result<Vec<Block>, Error> {
    if text.len() > MAX_BLOCKS_LEN {
        return Err(InvalidMessage::Armor.into());
    }
    // Comments between blocks may be in any character set.
    let text = String::from_utf8_lossy(text);
    let (mut rest, mut blocks) = (&*text, Vec::new());
    while let Some((_, block)) = rest.split_once(BEGIN) {
        if let Some((_, after)) = encrypted(block) {
            rest = after;
            continue;
        }
        let (block, after) = next_block(block).ok_or(InvalidMessage::Armor)?;
        blocks.push(block);
        rest = after;
    }
    Ok(blocks)
}

/// A block with headers, and what follows it.
fn encrypted(block: &str) -> Option<(&str, &str)> {
    let (body, after) = block.split_once("-----END ")?;
    body.contains(':').then_some((body, after))
}

/// A block after its first `BEGIN`, and what follows it.
fn next_block(block: &str) -> Option<(Block, &str)> {
    let (label, rest) = block.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    let after = end.strip_prefix(label)?.strip_prefix("-----")?;
    Some((Block { label: label.into(), bytes: base64(body)? }, after))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = Base64::decode_vec(&text).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_line_lengths_and_preambles_are_free() {
        for text in [
            "-----BEGIN PKCS7-----\nAQID\nBA==\n-----END PKCS7-----\n",
            "subject=x\r\n-----BEGIN CMS-----\r\nAQIDBA==\r\n-----END CMS-----\r\n",
            "-----BEGIN A B-----AQIDBA==-----END A B-----",
            " AQ\nID BA==\n",
        ] {
            assert_eq!(decode(text.as_bytes()), Ok(alloc::vec![1, 2, 3, 4]), "{text}");
        }
    }

    #[test]
    fn all_blocks_of_a_text() {
        let text = b"\xe9\n-----BEGIN A-----\nAQ==\n-----END A-----\nnote\n-----BEGIN K-----\nProc-Type: 4,ENCRYPTED\n\n\
            AQ==\n-----END K-----\n-----BEGIN B-----AgM=-----END B-----";
        let block = |label: &str, bytes: &[u8]| Block { label: label.into(), bytes: bytes.into() };
        assert_eq!(blocks(text), Ok(alloc::vec![block("A", &[1]), block("B", &[2, 3])]));
        assert_eq!(blocks(b"AQID"), Ok(alloc::vec![]));
        for text in ["-----BEGIN A-----\nAQ==\n-----END B-----\n", "-----BEGIN A-----\nAQ==", "-----BEGIN "] {
            assert_eq!(blocks(text.as_bytes()), Err(InvalidMessage::Armor.into()), "{text}");
        }
        assert!(blocks(&alloc::vec![b'A'; MAX_BLOCKS_LEN]).is_ok());
        assert!(blocks(&alloc::vec![b'A'; MAX_BLOCKS_LEN + 1]).is_err());
    }

    #[test]
    fn broken_text_is_refused() {
        for text in [
            "-----BEGIN PKCS7-----\nAQIDBA==\n",
            "-----BEGIN PKCS7-----\nAQIDBA==\n-----END CMS-----\n",
            "-----BEGIN PKCS7-----\nAQIDBA==\n-----END PKCS7\n",
            "-----BEGIN PKCS7-----\nAQIDBA\n-----END PKCS7-----\n",
            "-----BEGIN PKCS7-----\nAQ*DBA==\n-----END PKCS7-----\n",
            "-----BEGIN ",
        ] {
            assert_eq!(decode(text.as_bytes()), Err(InvalidMessage::Armor.into()), "{text}");
        }
        for text in ["", "  \n", "AQIDBB==", "AQIDBA", "\u{feff}AQIDBA==", "%PDF-1.7"] {
            assert_eq!(decode(text.as_bytes()), Err(InvalidMessage::NotEnvelopedData.into()), "{text}");
        }
        assert!(decode(&alloc::vec![b'A'; MAX_TEXT_LEN]).is_ok());
        assert!(decode(&alloc::vec![b'A'; MAX_TEXT_LEN + 4]).is_err());
    }
}
