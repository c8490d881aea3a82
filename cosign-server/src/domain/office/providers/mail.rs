//! Letters by e-mail.

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::domain::Error;

/// An address in the clear. Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(Zeroizing<String>);

impl MailAddress {
    /// Reads an address: printable ASCII, one `@`, a host with a dot, 6 to 254 characters.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_plain = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte))
        };
        let is_host = |host: &str| {
            host.contains('.') && host.split('.').all(|label| !label.is_empty() && is_plain(label))
        };
        let is_address = text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && is_plain(user) && is_host(host) && !host.contains('@')
        });
        if !is_address || !(6..=254).contains(&text.len()) {
            return Err(Error::BadRequest("this is no address for e-mail"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The whole address.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for MailAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MailAddress(..)")
    }
}

/// A letter that a sandbox kept instead of sending it.
#[derive(Clone, Debug)]
pub struct KeptMail {
    /// What it is called.
    pub receipt: String,
    /// Where it would have gone.
    pub to: MailAddress,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: Zeroizing<String>,
}

/// Sends letters by e-mail.
pub trait Mail: Send + Sync {
    /// What a sandbox kept for an address, newest first; `None` of a provider that really sends.
    fn kept(&self, to: &MailAddress) -> Option<Vec<KeptMail>>;

    /// Sends a letter; gives what the provider calls it. The same `key` twice is one letter.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it may succeed later.
    fn send<'a>(
        &'a self,
        key: &'a str,
        to: &'a MailAddress,
        subject: &'a str,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, Error>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for text in ["a@b.example", "zhang.san+form@mail.example"] {
            assert_eq!(MailAddress::parse(text).unwrap().expose(), text);
        }
        for text in
            ["", "a@b", "@b.cn", "a@.cn", "a@b.", "a b@c.cn", "a@b@c.cn", "a\r\nBcc:x@y.cn", "<a@b.cn>"]
        {
            assert!(MailAddress::parse(text).is_err(), "{text}");
        }
        assert!(MailAddress::parse(&format!("{}@b.example", "a".repeat(250))).is_err());
    }
}
