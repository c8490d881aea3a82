//! Who asks for a certificate. Source: RFC 2986; GM/T 0092.

use sm_primitives::sm2::PublicKey;

use crate::csr::Request;
use crate::error::Error;
use crate::extension::GeneralName;
use crate::key::SubjectKey;
use crate::name::Name;
use crate::oid;

/// Who has proven that the key of a request is its own. Of the request only the keys are taken; subject, validity and
/// extensions of a certificate are those of the order. What else the request asks for is given out by functions whose names
/// say that it is only asked for.
#[derive(Clone, Debug)]
pub struct Applicant {
    key: PublicKey,
    temporary_key: Option<PublicKey>,
    subject: Name,
    alt_names: Vec<GeneralName>,
}

impl Applicant {
    /// Verifies a request.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`]; [`Error::UnsupportedAlgorithm`]: another key than SM2, also to seal to;
    /// [`Error::Malformed`]: names that are none.
    pub fn new(request: &Request) -> Result<Self, Error> {
        request.verify()?;
        let sm2 = |key: &SubjectKey, what| match key {
            SubjectKey::Sm2(key) => Ok(*key),
            _ => Err(Error::UnsupportedAlgorithm(what)),
        };
        let attributes = request.attributes();
        let temporary_key = attributes.temporary_key.as_ref();
        let alt_names = attributes.extensions.iter();
        let mut alt_names = alt_names.filter(|extension| extension.id == oid::SUBJECT_ALT_NAME.as_bytes());
        let alt_names = alt_names.next().map(|extension| GeneralName::read_list(&extension.value));
        Ok(Self {
            key: sm2(request.key(), "key of a certification request")?,
            temporary_key: temporary_key
                .map(|key| sm2(key, "temporary key of a certification request"))
                .transpose()?,
            subject: Name::from_der(request.subject())?,
            alt_names: alt_names.transpose()?.unwrap_or_default(),
        })
    }

    /// The key that is to be certified, of which possession is proven.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The key that an encryption key is to be sealed to. Possession is not proven: who does not have it cannot open it.
    #[must_use]
    pub const fn temporary_key(&self) -> Option<&PublicKey> {
        self.temporary_key.as_ref()
    }

    /// The name that is asked for. **Nobody has checked it.**
    #[must_use]
    pub const fn requested_subject(&self) -> &Name {
        &self.subject
    }

    /// The alternative names that are asked for. **Nobody has checked them.**
    #[must_use]
    pub fn requested_alt_names(&self) -> &[GeneralName] {
        &self.alt_names
    }
}
