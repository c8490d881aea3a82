//! What is encrypted to the holder of a certificate.

use cosign_tests::people::{Certified, User};
use envelope::{ContentKey, Sm2Recipient, cms::Header, simple};
use getrandom::SysRng;

/// A message, and its content key as it was wrapped.
pub(super) struct Sealed {
    pub(super) message: Vec<u8>,
    /// DER in hexadecimal.
    pub(super) wrapped: String,
}

const PLAIN: &[u8] = "密封的内容".as_bytes();

impl Sealed {
    /// A message to the key for decryption beside a certificate.
    pub(super) fn to(holder: &Certified) -> Self {
        Self::with(&Sm2Recipient::from_public_key(holder.opener.as_ref().unwrap().public_key()), PLAIN)
    }

    /// A message with this content.
    pub(super) fn with(recipient: &Sm2Recipient, content: &[u8]) -> Self {
        let message = simple::seal(&[recipient], content, &mut SysRng).unwrap();
        let (header, _) = Header::from_bytes(&message).unwrap();
        let wrapped = header.recipients()[0].ciphertext().unwrap().to_der().unwrap();
        let wrapped = hex::encode(wrapped);
        Self { message, wrapped }
    }

    /// The phone and the server open it together.
    pub(super) fn opens(&self, user: &User, with: &Certified) {
        let key = user.phone().open(with.opener.as_ref().unwrap(), &self.wrapped).unwrap();
        let key = ContentKey::from_bytes(key).unwrap();
        assert_eq!(*simple::open_by(&self.message, |_| Ok(key)).unwrap().0, PLAIN);
    }
}
