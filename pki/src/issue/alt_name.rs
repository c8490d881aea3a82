//! Writing names of any kind. Source: RFC 5280, 4.2.1.6.

use super::encode::seq;
use crate::error::Error;
use crate::extension::GeneralName;
use crate::fields::element;

/// One name.
pub(super) fn general_name(name: &GeneralName) -> Result<Vec<u8>, Error> {
    let (tag, body): (u8, &[u8]) = match name {
        GeneralName::Email(text) if is_email(text) => (0x81, text.as_bytes()),
        GeneralName::Dns(text) if is_host(text) => (0x82, text.as_bytes()),
        GeneralName::Uri(text) if is_uri(text) => (0x86, text.as_bytes()),
        GeneralName::Directory(name) if !name.is_empty() => (0xa4, name.as_der()),
        GeneralName::Ip(octets) if [4, 16].contains(&octets.len()) => (0x87, octets),
        _ => return Err(Error::Unusable("general name: its kind, its characters or its length")),
    };
    Ok(element(tag, &[body]))
}

/// GeneralNames, each once.
pub(super) fn general_names(names: &[GeneralName]) -> Result<Vec<u8>, Error> {
    let written = names.iter().map(general_name).collect::<Result<Vec<_>, _>>()?;
    let mut sorted: Vec<&[u8]> = written.iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(Error::Unusable("a general name stands twice"));
    }
    Ok(seq(&[&written.concat()]))
}

/// A location as URI.
pub(super) fn uri(text: &str) -> Result<Vec<u8>, Error> {
    general_name(&GeneralName::Uri(text.to_owned()))
}

fn is_uri(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && !rest.is_empty()
        })
}

fn is_email(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && is_host(host))
}

/// Labels of letters, digits and hyphens; the first may be `*`. Source: RFC 1034, 3.5; RFC 6125, 6.4.3.
fn is_host(text: &str) -> bool {
    let plain = text.strip_prefix("*.").unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && plain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_may_be() {
        for good in ["a", "a.b", "*.example.com", "xn--fiq228c.cn", "1.2"] {
            assert!(is_host(good), "{good}");
        }
        let long = "a.".repeat(127);
        for bad in ["", ".", "a.", "*", "a.*", "-a", "a-", "a_b", "中文.cn", "a b", &"a".repeat(64), &long]
        {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(
            is_email("a@b.c") && !is_email("@b.c") && !is_email("a@") && !is_email("a") && !is_email("a b@c")
        );
        assert!(is_uri("http://a/b") && is_uri("ldap:x"));
        assert!(!is_uri("a") && !is_uri(":a") && !is_uri("http:") && !is_uri("http://a b") && !is_uri("1:a"));
    }

    #[test]
    fn names_are_written_once_and_whole() {
        assert_eq!(general_name(&GeneralName::Dns("a".into())), Ok(vec![0x82, 1, b'a']));
        assert_eq!(general_name(&GeneralName::Ip(vec![1; 4])), Ok(vec![0x87, 4, 1, 1, 1, 1]));
        let empty = crate::Name::from_der(&[0x30, 0]).unwrap();
        for bad in [
            GeneralName::Ip(vec![1; 8]),
            GeneralName::Directory(empty),
            GeneralName::Other { kind: 0, der: vec![0xa0, 0] },
        ] {
            assert!(general_name(&bad).is_err(), "{bad:?}");
        }
        let twice =
            [GeneralName::Dns("a".into()), GeneralName::Dns("b".into()), GeneralName::Dns("a".into())];
        assert!(general_names(&twice).is_err() && general_names(&twice[..2]).is_ok());
    }
}
