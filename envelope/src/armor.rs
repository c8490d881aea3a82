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
    let body = match text.split_once(BEGIN) {
        Some((_, block)) => {
            let (label, rest) = block.split_once("-----")?;
            let (body, end) = rest.split_once("-----END ")?;
            end.strip_prefix(label)?.starts_with("-----").then_some(body)?
        }
        None => text,
    };
    let base64: String = body.split_ascii_whitespace().collect();
    let bytes = Base64::decode_vec(&base64).ok()?;
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
