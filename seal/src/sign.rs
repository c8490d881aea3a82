//! The values of signatures in documents, in two phases: what is signed gives a digest, and takes the signature.
//!
//! ```text
//! Order::start -> update ... -> finish -> UnsignedValue::digest -> signature -> UnsignedValue::complete
//! ```

use envelope::cms::{self, Dialect};
use pki::validate::Purpose;
use pki::{Certificate, Time};
use sm_primitives::sm2::Signature;
use sm_primitives::sm3::Sm3;

use crate::error::Error;
use crate::ses::{ElectronicSeal, UnsignedData, unsigned_data};

/// What a signature is made as.
#[derive(Clone, Copy, Debug)]
pub enum Form<'a> {
    /// Sealed data of GB/T 38540.
    Seal(&'a ElectronicSeal),
    /// A message without its content, with attributes.
    Message {
        /// Certificates that come along beside the signer's, DER.
        chain: &'a [Vec<u8>],
        /// Whose identifiers it has: [`Dialect::Rfc`] in PDF, [`Dialect::Standard`] in OFD.
        dialect: Dialect,
        /// Whether the attributes say when it was made. PAdES says that elsewhere.
        timed: bool,
    },
}

/// Who signs, as what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// As what.
    pub form: Form<'a>,
    /// The certificate of who signs.
    pub signer: &'a Certificate,
    /// When.
    pub time: Time,
    /// Most bytes of a time-stamp token over the signature, if there is to be one.
    pub time_stamp: Option<usize>,
}

impl Order<'_> {
    /// Most bytes of the value: known before anything is hashed.
    ///
    /// # Errors
    /// As [`Order::start`] and [`Hasher::finish`], so that nothing is prepared that cannot be signed.
    pub fn max_len(&self, property_info: &str) -> Result<usize, Error> {
        let hasher = self.start(0)?;
        if let State::Message(signing) = &hasher.state {
            return signing.max_detached_len(self.time_stamp.unwrap_or_default()).map_err(unusable);
        }
        match &hasher.finish(property_info)?.0 {
            Value::Data(data) => Ok(data.max_len(self.time_stamp)),
            Value::Message(_) => Err(Error::Unusable("another form")),
        }
    }

    /// Begins the content, of `content_len` bytes.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the certificate cannot sign, or not at this time.
    pub fn start(&self, content_len: u64) -> Result<Hasher<'_>, Error> {
        let Form::Message { chain, dialect, timed } = self.form else {
            return Ok(Hasher { order: self, state: State::Data(Sm3::new()) });
        };
        Purpose::DocumentSigning.permits(self.signer).map_err(Error::Unusable)?;
        let validity = self.signer.validity();
        if self.time < validity.not_before || self.time > validity.not_after {
            return Err(Error::Unusable("the certificate is not valid at this time"));
        }
        let mut signer = cms::Signer::new(self.signer.as_der()).map_err(unusable)?;
        if timed {
            signer = signer.at(self.time);
        }
        let signing = cms::Signing::start(Vec::from([signer]), dialect, content_len).map_err(unusable)?;
        let signing = chain.iter().fold(signing, |signing, der| signing.with_certificate(der));
        Ok(Hasher { order: self, state: State::Message(Box::new(signing)) })
    }
}

/// Hashes the content.
pub struct Hasher<'a> {
    order: &'a Order<'a>,
    state: State,
}

enum State {
    Data(Sm3),
    Message(Box<cms::Signing>),
}

impl Hasher<'_> {
    /// The next piece of the content.
    ///
    /// # Errors
    /// [`Error::Unusable`]: more than was announced.
    pub fn update(&mut self, content: &[u8]) -> Result<(), Error> {
        match &mut self.state {
            State::Data(hasher) => {
                hasher.update(content);
                Ok(())
            }
            State::Message(signing) => signing.update(content).map_err(unusable),
        }
    }

    /// The value without its signature. `property_info`: what the content is; it goes into sealed data.
    ///
    /// # Errors
    /// As [`unsigned_data`]; [`Error::Unusable`]: less content than was announced.
    pub fn finish(self, property_info: &str) -> Result<UnsignedValue, Error> {
        let Order { form, signer, time, .. } = *self.order;
        Ok(UnsignedValue(match (self.state, form) {
            (State::Data(hasher), Form::Seal(seal)) => {
                Value::Data(unsigned_data(seal, signer, time, &hasher.finalize(), property_info)?)
            }
            (State::Message(signing), _) => Value::Message(signing.finish().map_err(unusable)?),
            (State::Data(_), Form::Message { .. }) => return Err(Error::Unusable("another form")),
        }))
    }
}

/// The value of a signature without the signature.
pub struct UnsignedValue(Value);

enum Value {
    Data(UnsignedData),
    Message(cms::Unsigned),
}

impl UnsignedValue {
    /// What is signed: `e` of GB/T 32918.2.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        match &self.0 {
            Value::Data(data) => data.digest(),
            // There is one signer, so there is one digest.
            Value::Message(message) => message.digests().first().unwrap_or(&[0; 32]),
        }
    }

    /// The value with its signature, and with a time-stamp token over the signature (its DER) if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`]: of another key or another digest.
    pub fn complete(self, signature: &Signature, time_stamp: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        match self.0 {
            Value::Data(data) => data.to_der(signature, time_stamp),
            Value::Message(message) => {
                let signed = message.complete(&[*signature]).map_err(|_| Error::InvalidSignature)?;
                let signed = match time_stamp {
                    Some(token) => signed.with_time_stamp(0, token).map_err(unusable)?,
                    None => signed,
                };
                signed.detached().map_err(unusable)
            }
        }
    }
}

/// What an envelope says that cannot be done, for people.
fn unusable(error: envelope::Error) -> Error {
    match error {
        envelope::Error::InvalidCertificate(_) => Error::Unusable("a certificate that cannot sign messages"),
        _ => Error::Unusable("a message that cannot be signed"),
    }
}
