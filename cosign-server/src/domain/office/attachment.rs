//! Files that users hand in: pictures of documents, letters. Encrypted where they are stored.

use super::Id;
use crate::domain::Error;

/// Longest file in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What kind of file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// PDF document.
    Pdf,
}

impl Media {
    /// The media type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Pdf => "application/pdf",
        }
    }

    /// By the first bytes of a file.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for any other kind, and for one that is too long.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::BadRequest("a file has at most 4 MiB"));
        }
        [(Self::Png, &b"\x89PNG\r\n\x1a\n"[..]), (Self::Jpeg, b"\xff\xd8\xff"), (Self::Pdf, b"%PDF-")]
            .into_iter()
            .find(|(_, magic)| bytes.starts_with(magic))
            .map(|(media, _)| media)
            .ok_or(Error::BadRequest("a file is a PNG or JPEG picture or a PDF document"))
    }
}

/// A file that its owner handed in. Only the office makes one, after it looked whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub(in crate::domain) id: Id,
}

impl Attachment {
    /// Its id.
    #[must_use]
    pub const fn id(self) -> Id {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        assert_eq!(Media::of(b"\x89PNG\r\n\x1a\nrest"), Ok(Media::Png));
        assert_eq!(Media::of(b"\xff\xd8\xff\xe0"), Ok(Media::Jpeg));
        assert_eq!(Media::of(b"%PDF-1.7"), Ok(Media::Pdf));
        for other in [&b""[..], b"GIF89a", b"<svg", b"%PDF"] {
            assert!(Media::of(other).is_err());
        }
        let mut long = b"%PDF-".to_vec();
        long.resize(MAX_BYTES, 0);
        assert!(Media::of(&long).is_ok());
        long.push(0);
        assert!(Media::of(&long).is_err());
    }
}
