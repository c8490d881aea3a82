//! What the code on a page holds, in two forms: this installation's own, and that of mutual recognition, which every
//! application of that kind scans.
//!
//! Own: `cosign:1:ISSUER:KIND:TOKEN`. Mutual recognition: `PAGE?BASE64`, where the base64 holds `QRCodeType=06;TId=TID;`; a TID
//! is the code of the platform (11 characters) and the id of the scan, which nobody knows before it is shown.

use base64ct::{Base64, Encoding as _};

use super::Plea;
use crate::domain::{
    Error,
    office::{
        Id, Named as _,
        rules::{Environment, Network},
    },
};

/// Longest text of a code.
const MAX: usize = 2048;
/// Characters of a token: 32 hexadecimal digits.
const TOKEN: usize = 32;
/// Characters of a code of a platform.
const PLATFORM: usize = 11;
/// The kind of a code that leads to an environment.
const ENVIRONMENT: &str = "environment";
const NONE: Error = Error::BadRequest("this code is none of this kind");

/// The own form.
#[must_use]
pub fn own(issuer: &str, plea: Plea, token: &str) -> String {
    format!("cosign:1:{issuer}:{}:{token}", plea.as_str())
}

/// The code that brings a client into the environment of an installation: its name, from where it is reached, and its address.
#[must_use]
pub fn environment(issuer: &str, of: &Environment) -> String {
    let content = format!("{}\n{}\n{}", of.network.as_str(), of.address, of.name);
    format!("cosign:1:{issuer}:{ENVIRONMENT}:{}", Base64::encode_string(content.as_bytes()))
}

/// What such a code says.
///
/// # Errors
/// [`Error::BadRequest`] for any other text, and for an address without `https:`.
pub fn read_environment(text: &str) -> Result<Environment, Error> {
    let rest = Some(text).filter(|text| text.len() <= MAX).and_then(|text| text.strip_prefix("cosign:1:"));
    let (_, rest) = rest.and_then(|rest| rest.split_once(':')).ok_or(NONE)?;
    let content = rest.strip_prefix(ENVIRONMENT).and_then(|rest| rest.strip_prefix(':')).ok_or(NONE)?;
    let content = Base64::decode_vec(content).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let content = content.ok_or(NONE)?;
    let mut lines = content.splitn(3, '\n');
    let (Some(network), Some(address), Some(name)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(NONE);
    };
    let network = Network::from_name(network).ok_or(NONE)?;
    if !address.starts_with("https://") || name.is_empty() || name.chars().any(char::is_control) {
        return Err(NONE);
    }
    Ok(Environment { name: name.to_owned(), network, address: address.to_owned() })
}

/// The form of mutual recognition. `platform`: the code of the platform there.
#[must_use]
pub fn mutual(page: &str, platform: &str, plea: Plea, id: Id) -> String {
    let kind = mutual_type(plea);
    let content = format!("QRCodeType={kind};TId={platform}{id};UserType=03;");
    format!("{page}?{}", Base64::encode_string(content.as_bytes()))
}

/// Whether this is a code of a platform there: a capital letter and ten digits.
#[must_use]
pub fn is_platform(code: &str) -> bool {
    let mut rest = code.chars();
    let has_letter = rest.next().is_some_and(|first| first.is_ascii_uppercase());
    has_letter && code.len() == PLATFORM && rest.all(|digit| digit.is_ascii_digit())
}

/// The number of a kind in mutual recognition.
#[must_use]
pub const fn mutual_type(plea: Plea) -> &'static str {
    match plea {
        Plea::Bind | Plea::Register => "01",
        Plea::Seal | Plea::SignMessage | Plea::SignHash => "03",
        Plea::Encrypt | Plea::GenerateFile => "04",
        Plea::Decrypt => "05",
        Plea::Login | Plea::RemoveSeal | Plea::Apply | Plea::OpenTask => "06",
    }
}

/// The token in a code of the own form, or the id in one of mutual recognition.
///
/// # Errors
/// [`Error::BadRequest`] for any other text, [`Error::Conflict`] for another installation's.
pub fn token(text: &str, issuer: &str) -> Result<String, Error> {
    if text.len() > MAX {
        return Err(NONE);
    }
    let token = if let Some(rest) = text.strip_prefix("cosign:1:") {
        let mut parts = rest.split(':');
        let (Some(named), Some(kind), Some(token), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NONE);
        };
        if named != issuer {
            return Err(Error::Conflict("the code belongs to another installation"));
        }
        Plea::from_name(kind).ok_or(NONE)?;
        token.to_owned()
    } else {
        let (_, content) = text.split_once("app.html?").ok_or(NONE)?;
        let content = Base64::decode_vec(content).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let content = content.ok_or(NONE)?;
        // Others write a space in front of the sign.
        let pair = |part: &str| {
            part.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        };
        let id = content.split(';').filter_map(pair).find(|(key, _)| key == "TId").ok_or(NONE)?.1;
        id.get(PLATFORM..).ok_or(NONE)?.to_owned()
    };
    let is_one = token.len() == TOKEN && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_one { Ok(token) } else { Err(NONE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_it_was_written() {
        let of = Environment {
            name: "示例内网".to_owned(),
            network: Network::Intranet,
            address: "https://sign.example:8443".to_owned(),
        };
        let code = environment("city", &of);
        assert_eq!(read_environment(&code), Ok(of.clone()));
        // It is no code of a page.
        assert_eq!(token(&code, "city"), Err(NONE));
        let plain = environment("city", &Environment { address: "http://sign.example".to_owned(), ..of });
        for other in ["", "cosign:1:city", "cosign:1:city:environment:", "cosign:1:city:login:eA==", &plain] {
            assert_eq!(read_environment(other), Err(NONE), "{other}");
        }
    }

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let made = "0123456789abcdef0123456789abcdef";
        for plea in Plea::ALL {
            assert_eq!(token(&own("city", *plea, made), "city").unwrap(), made);
            let id = made.parse().unwrap();
            let text = mutual("https://example.com/app/app.html", "M1100000001", *plea, id);
            assert_eq!(token(&text, "city").unwrap(), made);
        }
        let spaced = Base64::encode_string(format!("QRCodeType =06;TId =M1100000001{made};").as_bytes());
        assert_eq!(token(&format!("http://example.com/app/app.html?{spaced}"), "city").unwrap(), made);
        assert!(matches!(token(&own("town", Plea::Login, made), "city"), Err(Error::Conflict(_))));
        for other in [
            "",
            "cosign:1:city:login",
            "cosign:1:city:dance:0123456789abcdef0123456789abcdef",
            "cosign:1:city:login:0123456789ABCDEF0123456789abcdef",
            "cosign:1:city:login:0123456789abcdef0123456789abcdef:",
            "https://example.com/app/app.html?%%%",
            "https://example.com/app/app.html?VElkPXNob3J0Ow==",
        ] {
            assert_eq!(token(other, "city"), Err(NONE), "{other}");
        }
    }
}
