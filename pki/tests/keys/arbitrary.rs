//! Arbitrary bytes never panic and never cost more than was permitted.

use pki::{
    cfca,
    csr::{Request, Response},
    key_file::KeyFile,
    password::Effort,
    pkcs8::EncryptedKey,
    pkcs12::Pkcs12,
};
use proptest::prelude::*;

use crate::{
    pkcs8::Parts,
    support::{key, tlv},
};

fn read_everything(bytes: &[u8], password: &str) {
    let effort = || Effort::new(50);
    let _ = Request::read(bytes).map(|request| request.verify());
    let _ = Response::read(bytes).map(|response| response.to_der());
    let _ = EncryptedKey::read(bytes).map(|file| file.open_within(password, &mut effort()));
    let _ = Pkcs12::read(bytes).map(|file| file.open_within(password, &mut effort()));
    let _ = cfca::KeyFile::read(bytes).map(|file| file.open(password));
    if let Ok(KeyFile::Locked(file)) = KeyFile::read(bytes) {
        let _ = file.open_within(password, &mut effort());
    }
}

proptest! {
    #[test]
    fn bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), password in "\\PC{0,5}") {
        read_everything(&bytes, &password);
        read_everything(&tlv(0x30, &[&bytes]), &password);
        read_everything(&tlv(0x30, &[&[2, 1, 3], &bytes]), &password);
    }

    #[test]
    fn text(text in "(-----BEGIN [A-Z ]{0,12}-----)?[A-Za-z0-9+/=\\n]{0,80}(-----END [A-Z ]{0,12}-----)?") {
        read_everything(text.as_bytes(), "");
    }

    /// A good file with some bytes overwritten.
    #[test]
    fn nearly_good(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = Parts::new(&key("nearly").to_pkcs8_der(), "1234").der();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_everything(&bytes, "1234");
    }
}
