//! Where a webhook is.

use std::fmt;

use crate::domain::Error;

/// Longest URL in bytes.
const MAX_URL: usize = 1024;

/// `https://HOST[:PORT]/PATH[?QUERY]`, or `http://`, which only a configuration for tests lets through. The host is a name, an
/// IPv4 address, or an IPv6 address in brackets. There is no user, no fragment, and nothing but printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    /// Where the authority ends.
    end: usize,
    port: u16,
}

impl WebhookUrl {
    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.text.starts_with("https:")
    }

    /// Host and port as a request names them: without the port if it is that of the scheme.
    #[must_use]
    pub fn authority(&self) -> &str {
        let authority = self.text.get(self.start()..self.end).unwrap_or_default();
        let suffix = if self.is_secure() { ":443" } else { ":80" };
        authority.strip_suffix(suffix).unwrap_or(authority)
    }

    /// The host without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.text.get(self.start()..self.end).unwrap_or_default();
        let (host, _) = split_port(authority).unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, with a slash first.
    #[must_use]
    pub fn target(&self) -> &str {
        match self.text.get(self.end..) {
            Some("") | None => "/",
            Some(target) => target,
        }
    }

    fn start(&self) -> usize {
        if self.is_secure() { "https://".len() } else { "http://".len() }
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        read(text).ok_or(Error::BadRequest(
            "a webhook is https://HOST[:PORT]/PATH of at most 1024 printable characters, small letters in HOST, \
             without a user and a fragment",
        ))
    }
}

fn read(text: String) -> Option<WebhookUrl> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>');
    if text.len() > MAX_URL || !text.bytes().all(plain) {
        return None;
    }
    let (rest, port) = match text.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (text.strip_prefix("http://")?, 80),
    };
    let length = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(length)?;
    if target.starts_with('?') {
        return None;
    }
    let (host, given) = split_port(authority)?;
    let port = match given {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0)?
        }
        Some(_) => return None,
        None => port,
    };
    if !is_host(host) {
        return None;
    }
    let end = text.len() - target.len();
    Some(WebhookUrl { end, port, text })
}

/// Host and what follows the colon behind it.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let after = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(after)?;
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None if rest.is_empty() => Some((host, None)),
        None => None,
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let known =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= 253 && host.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<WebhookUrl, Error> {
        WebhookUrl::try_from(text.to_owned())
    }

    #[test]
    fn a_url_is_cut_into_its_parts() {
        for (text, authority, host, port, target) in [
            ("https://a.example/hook?x=1", "a.example", "a.example", 443, "/hook?x=1"),
            ("https://a.example:443", "a.example", "a.example", 443, "/"),
            ("https://a.example:8443/", "a.example:8443", "a.example", 8443, "/"),
            ("http://127.0.0.1:80/a:b@c", "127.0.0.1", "127.0.0.1", 80, "/a:b@c"),
            ("https://[2001:db8::1]:9/x", "[2001:db8::1]:9", "2001:db8::1", 9, "/x"),
            ("https://[2001:db8::1]", "[2001:db8::1]", "2001:db8::1", 443, "/"),
        ] {
            let url = url(text).unwrap();
            let parts = (url.authority(), url.host(), url.port(), url.target());
            assert_eq!(parts, (authority, host, port, target), "{text}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for text in [
            "",
            "ftp://a.example/",
            "https:/a.example",
            "https://",
            "https:///hook",
            "https://user@a.example/",
            "https://user:secret@a.example/",
            "https://a.example/#x",
            "https://a.example\\@b.example/",
            "https://A.example/",
            "https://a.example:0/",
            "https://a.example:70000/",
            "https://a.example:+1/",
            "https://a.example:/",
            "https://a.example?x",
            "https://a .example/",
            "https://a.example/\u{e9}",
            "https://[::1/",
            "https://[::1]x/",
            "https://[a.example]/",
            "https://a.example/\r\nX: y",
            &format!("https://a.example/{}", "x".repeat(1024)),
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
