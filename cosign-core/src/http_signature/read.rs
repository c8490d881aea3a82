//! Reading `Signature-Input` and `Signature`: the one form of them that is written, of all that RFC 8941 allows.

use base64ct::{Base64, Encoding};

use super::{ACTS, ALGORITHM, Fault, MAX_INPUT, MAX_TEXT, READS};

/// Longest label in bytes.
const MAX_LABEL: usize = 32;
/// Base64 of 64 bytes.
const SIGNATURE_TEXT: usize = 88;

/// A signature as its headers tell it; not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    parameters: &'a str,
    acts: bool,
    created_s: u64,
    expires_s: u64,
    nonce: Option<&'a str>,
    key_id: &'a str,
    signature: [u8; 64],
}

impl<'a> Claim<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`Fault`]; the time is looked at when it is verified.
    pub fn read(signature_input: &'a str, signature: &str) -> Result<Self, Fault> {
        if signature_input.len() > MAX_INPUT {
            return Err(Fault::Malformed);
        }
        let (label, parameters) = signature_input.split_once('=').ok_or(Fault::Malformed)?;
        let (other_label, value) = signature.split_once('=').ok_or(Fault::Malformed)?;
        if !is_label(label) || !is_label(other_label) {
            return Err(Fault::Malformed);
        }
        if label != other_label {
            return Err(Fault::Labels);
        }
        let signature = read_signature(value)?;
        let (list, rest) = parameters.split_once(')').ok_or(Fault::Malformed)?;
        // What an inner list may hold are strings: none of ours has a parenthesis in it.
        let acts = match parameters.get(..=list.len()) {
            Some(READS) => false,
            Some(ACTS) => true,
            Some(list) if list.starts_with('(') => return Err(Fault::Components),
            _ => return Err(Fault::Malformed),
        };
        let mut read = Parameters::default();
        let mut rest = rest;
        while !rest.is_empty() {
            rest = read.next(rest)?;
        }
        let Parameters { created, expires, nonce, key_id, algorithm } = read;
        if algorithm.is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(Fault::Algorithm);
        }
        match (created, expires, key_id, algorithm) {
            (Some(created_s), Some(expires_s), Some(key_id), Some(_)) => {
                Ok(Self { parameters, acts, created_s, expires_s, nonce, key_id, signature })
            }
            _ => Err(Fault::Parameters),
        }
    }

    /// Name of the key that is said to have signed.
    #[must_use]
    pub const fn key_id(&self) -> &'a str {
        self.key_id
    }

    /// When it is said to have been made, unix seconds.
    #[must_use]
    pub const fn created_s(&self) -> u64 {
        self.created_s
    }

    /// Until when it is said to be good, unix seconds.
    #[must_use]
    pub const fn expires_s(&self) -> u64 {
        self.expires_s
    }

    /// Its nonce, if it has one.
    #[must_use]
    pub const fn nonce(&self) -> Option<&'a str> {
        self.nonce
    }

    pub(super) const fn acts(&self) -> bool {
        self.acts
    }

    pub(super) const fn parameters(&self) -> &'a str {
        self.parameters
    }

    pub(super) const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }
}

/// `:BASE64:` of 64 bytes. What follows it would be another signature.
fn read_signature(value: &str) -> Result<[u8; 64], Fault> {
    let text = value.strip_prefix(':').ok_or(Fault::Malformed)?;
    let (text, rest) = text.split_once(':').ok_or(Fault::Malformed)?;
    if rest.starts_with(',') {
        return Err(Fault::Labels);
    }
    if !rest.is_empty() || text.len() != SIGNATURE_TEXT {
        return Err(Fault::Malformed);
    }
    let mut signature = [0; 64];
    let read = Base64::decode(text, &mut signature).map_err(|_| Fault::Malformed)?;
    if read.len() == signature.len() { Ok(signature) } else { Err(Fault::Malformed) }
}

#[derive(Default)]
struct Parameters<'a> {
    created: Option<u64>,
    expires: Option<u64>,
    nonce: Option<&'a str>,
    key_id: Option<&'a str>,
    algorithm: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// Reads one parameter; what is left after it.
    fn next(&mut self, text: &'a str) -> Result<&'a str, Fault> {
        let text = match text.as_bytes().first() {
            Some(b';') => text.get(1..).unwrap_or_default(),
            // Another signature beside the first.
            Some(b',') => return Err(Fault::Labels),
            _ => return Err(Fault::Malformed),
        };
        let (name, value) = text.split_once('=').ok_or(Fault::Malformed)?;
        match name {
            "created" => number(&mut self.created, value),
            "expires" => number(&mut self.expires, value),
            "nonce" => string(&mut self.nonce, value),
            "keyid" => string(&mut self.key_id, value),
            "alg" => string(&mut self.algorithm, value),
            name if is_label(name) => Err(Fault::Parameters),
            _ => Err(Fault::Malformed),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Fault::Parameters),
    }
}

/// Whole seconds without leading zeros, 12 digits at most.
fn number<'a>(place: &mut Option<u64>, text: &'a str) -> Result<&'a str, Fault> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).ok_or(Fault::Malformed)?;
    if digits.is_empty() || digits.len() > 12 || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(Fault::Malformed);
    }
    once(place, digits.parse().map_err(|_| Fault::Malformed)?)?;
    Ok(rest)
}

/// A string without escapes.
fn string<'a>(place: &mut Option<&'a str>, text: &'a str) -> Result<&'a str, Fault> {
    let text = text.strip_prefix('"').ok_or(Fault::Malformed)?;
    let (value, rest) = text.split_once('"').ok_or(Fault::Malformed)?;
    if !is_text(value) {
        return Err(Fault::Malformed);
    }
    once(place, value)?;
    Ok(rest)
}

/// What a key id and a nonce may be: 1 to 128 printable ASCII characters, neither `"` nor `\`.
pub(super) fn is_text(text: &str) -> bool {
    let plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'"' | b'\\');
    !text.is_empty() && text.len() <= MAX_TEXT && text.bytes().all(plain)
}

/// A key of RFC 8941.
fn is_label(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*');
    let known = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
    };
    first && text.len() <= MAX_LABEL && text.bytes().all(known)
}
