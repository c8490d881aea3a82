//! Names of subjects.

use crate::csr::SubjectAttribute;
use crate::error::Error;
use crate::fields::{SEQUENCE, element};
use crate::name::Name;

/// A distinguished name in the making, its attributes in the order of the calls, each alone in its set: C first and CN last
/// is usual. C and serialNumber are PrintableString, emailAddress is IA5String, all else UTF8String. Source: GM/T 0015;
/// RFC 5280, 4.1.2.4 and A.1.
#[derive(Clone, Debug, Default)]
pub struct NameBuilder(Vec<(SubjectAttribute, String)>);

impl NameBuilder {
    /// Without attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, attribute: SubjectAttribute, value: &str) -> Self {
        self.0.push((attribute, value.to_owned()));
        self
    }

    /// The name.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no attribute, an empty or too long value, characters that its string type has not, a country
    /// that is not two capital letters or stands twice.
    pub fn build(self) -> Result<Name, Error> {
        let mut body = Vec::new();
        let mut countries = 0;
        for (attribute, value) in &self.0 {
            if *attribute == SubjectAttribute::Country {
                countries += 1;
                if countries > 1 || !value.bytes().all(|letter| letter.is_ascii_uppercase()) {
                    return Err(Error::Unusable("country of a name: two capital letters, once"));
                }
            }
            body.extend(attribute.encode(value)?);
        }
        if body.is_empty() {
            return Err(Error::Unusable("a name without attributes"));
        }
        Name::from_der(&element(SEQUENCE, &[&body]))
    }
}
