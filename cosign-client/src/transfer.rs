//! What goes from one device to another, as text that can be shown as a QR code, copied or sent.
//!
//! ```text
//! cosign-invitation:BASE64URL        an invitation, 129 bytes; public
//! cosign-share:BASE64URL             a share sealed to it, 244 or 245 bytes
//! ```
//! Base64 is that of RFC 4648, clause 5, without padding. White space, which mail programs put in, is ignored.

use base64ct::{Base64UrlUnpadded, Encoding};
use cosign_core::split::Invitation;

use crate::error::Error;

const INVITATION: Form = Form { prefix: "cosign-invitation:", name: "an invitation" };
const SHARE: Form = Form { prefix: "cosign-share:", name: "a share for another device" };

/// Longer than either, with room for line ends.
const MAX_LEN: usize = 4096;

struct Form {
    prefix: &'static str,
    name: &'static str,
}

/// An invitation as text.
#[must_use]
pub fn invitation_text(invitation: &Invitation) -> String {
    INVITATION.encode(&invitation.to_bytes())
}

/// Reads what [`invitation_text`] gives.
///
/// # Errors
/// [`Error::BadText`].
pub fn parse_invitation(text: &str) -> Result<Invitation, Error> {
    Invitation::from_bytes(&INVITATION.decode(text)?).map_err(|_| INVITATION.bad("it was changed or cut off"))
}

/// A sealed share as text.
#[must_use]
pub fn share_text(sealed: &[u8]) -> String {
    SHARE.encode(sealed)
}

/// Reads what [`share_text`] gives. Whether it is one shows when it is opened.
///
/// # Errors
/// [`Error::BadText`].
pub fn parse_share(text: &str) -> Result<Vec<u8>, Error> {
    SHARE.decode(text)
}

impl Form {
    fn encode(&self, bytes: &[u8]) -> String {
        format!("{}{}", self.prefix, Base64UrlUnpadded::encode_string(bytes))
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, Error> {
        if text.len() > MAX_LEN {
            return Err(self.bad("it is too long"));
        }
        let text: String = text.split_ascii_whitespace().collect();
        let encoded = text.strip_prefix(self.prefix).ok_or_else(|| self.bad("it begins otherwise"))?;
        Base64UrlUnpadded::decode_vec(encoded).map_err(|_| self.bad("it was changed or cut off"))
    }

    const fn bad(&self, what: &'static str) -> Error {
        Error::BadText { expected: self.name, what }
    }
}

#[cfg(test)]
mod tests {
    use cosign_core::{DeviceId, KeyId, split::Receiver};
    use getrandom::SysRng;
    use proptest::prelude::*;

    use super::*;

    fn invitation() -> Invitation {
        let [of, key_id] = [1, 2].map(|byte| KeyId::from_bytes([byte; 16]));
        let receiver = Receiver::new(of, key_id, DeviceId::from_bytes([3; 32]), &mut SysRng).unwrap();
        receiver.invitation().clone()
    }

    #[test]
    fn texts_are_read_back_whatever_white_space_came_in() {
        let invitation = invitation();
        let text = invitation_text(&invitation);
        assert!(text.starts_with("cosign-invitation:AQEB") && !text.contains('='), "{text}");
        assert_eq!(parse_invitation(&text).unwrap(), invitation);
        let (head, tail) = text.split_at(76);
        assert_eq!(parse_invitation(&format!("  {head}\r\n {tail}\n")).unwrap(), invitation);

        let sealed: Vec<u8> = (0..244).collect();
        let text = share_text(&sealed);
        assert!(text.starts_with("cosign-share:") && text.contains(['-', '_']), "{text}");
        assert_eq!(parse_share(&text).unwrap(), sealed);
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        let text = invitation_text(&invitation());
        let share = share_text(&[7; 244]);
        for (text, expected) in [
            (&text[..text.len() - 4], "not an invitation: it was changed or cut off"),
            (&format!("{text}AA"), "not an invitation: it was changed or cut off"),
            (&text.replacen("AQEB", "AgEB", 1), "not an invitation: it was changed or cut off"),
            (&text.replacen("AQEB", "A+EB", 1), "not an invitation: it was changed or cut off"),
            (&share, "not an invitation: it begins otherwise"),
            ("", "not an invitation: it begins otherwise"),
            (&text["cosign-".len()..], "not an invitation: it begins otherwise"),
            (&" ".repeat(MAX_LEN + 1), "not an invitation: it is too long"),
        ] {
            assert_eq!(parse_invitation(text).unwrap_err().to_string(), expected);
        }
        assert!(parse_share(&text).is_err());
        assert!(parse_share(&share.replace(':', ":=")).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(cosign-share:|cosign-invitation:)?\\PC{0,300}") {
            let _ = parse_invitation(&text);
            let _ = parse_share(&text);
        }
    }
}
