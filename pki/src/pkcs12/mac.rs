//! The MAC of a PKCS#12 file.

use envelope::der::{INTEGER, SEQUENCE};

use crate::{
    Error,
    asn1::Reader,
    password::{Effort, Hash, Password, Purpose, derive},
};

/// MacData: HMAC with a key that is derived from the password.
pub(super) struct Mac {
    hash: Hash,
    tag: Vec<u8>,
    salt: Vec<u8>,
    iterations: u32,
}

impl Mac {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut data = reader.enter(SEQUENCE)?;
        let mut info = data.enter(SEQUENCE)?;
        let (hash, tag) = (Hash::read_digest(&mut info)?, info.octets()?.to_vec());
        info.finish()?;
        let salt = data.octets()?.to_vec();
        let iterations = if data.peek() == Some(INTEGER) { data.number()? } else { 1 };
        if iterations == 0 {
            return Err(data.malformed());
        }
        data.finish()?;
        Ok(Self { hash, tag, salt, iterations })
    }

    /// Source: RFC 7292, 5.1 and B.4.
    ///
    /// # Errors
    /// [`Error::Password`], [`Error::TooMuchWork`].
    pub(super) fn check(
        &self,
        password: Password<'_>,
        content: &[u8],
        effort: &mut Effort,
    ) -> Result<(), Error> {
        let Self { hash, tag, salt, iterations } = self;
        let key = derive(*hash, Purpose::Mac, &password.bmp(), salt, *iterations, hash.output_len(), effort)?;
        if hash.hmac_is(&key, content, tag) { Ok(()) } else { Err(Error::Password) }
    }
}
