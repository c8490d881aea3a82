//! Where a server is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// `HOST:PORT`, where the host is a name, an IPv4 address or an IPv6 address in brackets.
///
/// The host is also the name that the server's certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Name or address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, the same for UDP and TCP. Never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddress {
    type Err = Error;

    /// Reads `HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Address(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(malformed)?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => {
                let inner = bracketed.strip_suffix(']').ok_or_else(malformed)?;
                inner.parse::<std::net::Ipv6Addr>().map_err(|_| malformed())?;
                inner
            }
            None if host.contains(':') => return Err(malformed()),
            None => host,
        };
        rustls_pki_types::ServerName::try_from(host).map_err(|_| malformed())?;
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ServerAddress> for String {
    fn from(address: ServerAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses() {
        for (text, host, port) in [
            ("localhost:8443", "localhost", 8443),
            ("10.0.0.7:1", "10.0.0.7", 1),
            ("[::1]:65535", "::1", 65535),
        ] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            ":443",
            "[::1]",
            "::1:443",
            "[::1:443",
            "[local]:1",
            "a b:1",
        ] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }
}
