//! Making requests. The signature comes from elsewhere: a file, a security module, two parties.

use der::asn1::ObjectIdentifier;
use envelope::der::{BIT_STRING, CONSTRUCTED, NULL, OCTET_STRING, OID, SEQUENCE, SET, context, element};
use sm_primitives::sm2::{DistId, PublicKey, Signature, dsa};

use super::{
    Extension, SubjectAttribute,
    attributes::{CHALLENGE, COORDINATE, EXTENSION_REQUEST, TEMPORARY_KEY, TEMPORARY_KEY_HEAD},
    subject::{PRINTABLE_STRING, is_printable},
};
use crate::{Error, asn1, oid, pkcs8};

const BOOLEAN: u8 = 0x01;

/// How attributes, and the parameters of the signature's algorithm, are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttributeForm {
    /// With the SET around the value, and without parameters: PKCS#10 and GM/T 0092.
    #[default]
    Standard,
    /// Without the SET, and with NULL: as CFCA's tools write it.
    Cfca,
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Builder {
    key: PublicKey,
    subject: Vec<(SubjectAttribute, String)>,
    extensions: Vec<Extension>,
    challenge: Option<String>,
    temporary_key: Option<PublicKey>,
    form: AttributeForm,
}

impl Builder {
    /// A request for a certificate of `key`.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self {
            key,
            subject: Vec::new(),
            extensions: Vec::new(),
            challenge: None,
            temporary_key: None,
            form: AttributeForm::Standard,
        }
    }

    /// Adds an attribute to the subject's name, in the order of the calls.
    #[must_use]
    pub fn subject(mut self, attribute: SubjectAttribute, value: &str) -> Self {
        self.subject.push((attribute, value.to_owned()));
        self
    }

    /// Asks for an extension.
    #[must_use]
    pub fn extension(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// What the certification authority told the subject.
    #[must_use]
    pub fn challenge(mut self, challenge: &str) -> Self {
        self.challenge = Some(challenge.to_owned());
        self
    }

    /// Asks for an encryption key from the key centre, sealed to this key.
    #[must_use]
    pub const fn temporary_key(mut self, key: PublicKey) -> Self {
        self.temporary_key = Some(key);
        self
    }

    /// How attributes are written.
    #[must_use]
    pub const fn form(mut self, form: AttributeForm) -> Self {
        self.form = form;
        self
    }

    /// The request without its signature.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a subject without attributes or with a value that its attribute does not take, an empty
    /// challenge or one that is not printable, an extension twice, or extensions in the form of CFCA.
    pub fn build(self) -> Result<Unsigned, Error> {
        if self.subject.is_empty() {
            return Err(Error::Unusable("a request without a subject"));
        }
        let parts = self.subject.iter().map(|(attribute, value)| attribute.encode(value));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let subject = element(SEQUENCE, &slices(&parts));
        let mut attributes = Vec::new();
        if let Some(challenge) = &self.challenge {
            if challenge.is_empty() || !challenge.chars().all(is_printable) {
                return Err(Error::Unusable("challenge: characters of PrintableString are needed"));
            }
            let value = element(PRINTABLE_STRING, &[challenge.as_bytes()]);
            attributes.push(self.attribute(CHALLENGE, &value));
        }
        if let Some(key) = &self.temporary_key {
            attributes.push(self.attribute(TEMPORARY_KEY, &temporary_key(key)));
        }
        if !self.extensions.is_empty() {
            if self.form == AttributeForm::Cfca {
                return Err(Error::Unusable("extensions in a request of CFCA's form"));
            }
            attributes.push(self.attribute(EXTENSION_REQUEST, &extensions(&self.extensions)?));
        }
        // SET OF in DER is in the order of the encodings; CFCA's tools keep the order of writing.
        if self.form == AttributeForm::Standard {
            attributes.sort_unstable();
        }
        let attributes = element(context(0) | CONSTRUCTED, &slices(&attributes));
        let version = asn1::number(0);
        let info = element(SEQUENCE, &[&version, &subject, &self.key.to_spki_der(), &attributes]);
        Ok(Unsigned { info, key: self.key, form: self.form })
    }

    fn attribute(&self, id: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
        let id = asn1::oid(id);
        match self.form {
            AttributeForm::Standard => element(SEQUENCE, &[&id, &element(SET, &[value])]),
            AttributeForm::Cfca => element(SEQUENCE, &[&id, value]),
        }
    }
}

fn slices(parts: &[Vec<u8>]) -> Vec<&[u8]> {
    parts.iter().map(Vec::as_slice).collect()
}

/// `OCTET STRING { SEQUENCE { INTEGER 1, OCTET STRING } }` with the head, x and y, zeros behind each.
fn temporary_key(key: &PublicKey) -> Vec<u8> {
    let zeros = [0; COORDINATE / 2];
    let point = key.as_point().to_sec1();
    let (x, y) = point.split_at(1).1.split_at(COORDINATE / 2);
    let blob = element(OCTET_STRING, &[&TEMPORARY_KEY_HEAD, x, &zeros, y, &zeros]);
    element(OCTET_STRING, &[&element(SEQUENCE, &[&asn1::number(1), &blob])])
}

fn extensions(extensions: &[Extension]) -> Result<Vec<u8>, Error> {
    let mut written = Vec::new();
    for (i, extension) in extensions.iter().enumerate() {
        let earlier = extensions.iter().take(i);
        if extension.id.is_empty() || earlier.clone().any(|other| other.id == extension.id) {
            return Err(Error::Unusable("an extension without an identifier, or twice"));
        }
        let critical = if extension.critical { element(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
        let (id, value) = (element(OID, &[&extension.id]), element(OCTET_STRING, &[&extension.value]));
        written.push(element(SEQUENCE, &[&id, &critical, &value]));
    }
    Ok(element(SEQUENCE, &slices(&written)))
}

/// A request that only its signature is missing from.
#[derive(Clone, Debug)]
pub struct Unsigned {
    info: Vec<u8>,
    key: PublicKey,
    form: AttributeForm,
}

impl Unsigned {
    /// The bytes that are signed: CertificationRequestInfo.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The digest that is signed: SM3(Z || info), Z with the default distinguishing identifier.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        DistId::default().digest(&self.key, &self.info)
    }

    /// The request in DER, with its signature.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if it is not one of this request's key over this request.
    pub fn assemble(self, signature: &Signature) -> Result<Vec<u8>, Error> {
        dsa::verify_digest(&self.key, &self.digest(), signature).map_err(|_| Error::InvalidSignature)?;
        // GM/T 0092 has the algorithm without parameters, CFCA's tools with NULL.
        let parameters: &[u8] = match self.form {
            AttributeForm::Standard => &[],
            AttributeForm::Cfca => &[NULL, 0],
        };
        let algorithm = asn1::algorithm(oid::SM2_WITH_SM3, parameters);
        let signature = element(BIT_STRING, &[&[0], &signature.to_der()]);
        Ok(element(SEQUENCE, &[&self.info, &algorithm, &signature]))
    }

    /// The same as PEM `CERTIFICATE REQUEST`.
    ///
    /// # Errors
    /// As [`Unsigned::assemble`].
    pub fn assemble_pem(self, signature: &Signature) -> Result<String, Error> {
        Ok(pkcs8::pem("CERTIFICATE REQUEST", &self.assemble(signature)?))
    }
}
