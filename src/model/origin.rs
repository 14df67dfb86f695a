use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where a server listens and how HTTP is spoken with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub address: Address,
    /// The `Host` field, or `:authority`: host, and port where it is not the scheme's own.
    pub authority: String,
    pub transport: Transport,
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Address {
    /// A name or an IP address without brackets, and a port.
    Tcp(String, u16),
    /// A Unix domain socket.
    Unix(PathBuf),
}

/// How HTTP is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// HTTP/2: negotiated within TLS, by prior knowledge without it.
    pub http2: bool,
    /// Nothing for plain text.
    pub tls: Option<Tls>,
}

/// Whom TLS trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The name the certificate must have; nothing for the authority's host.
    pub name: Option<String>,
    pub trust: Trust,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub enum Trust {
    /// The certificate authorities of the machine.
    #[default]
    System,
    /// The certificates of a PEM file alone.
    File(PathBuf),
    /// Any certificate at all.
    Anyone,
}

impl Origin {
    /// The authority without its port and brackets.
    pub fn host(&self) -> &str {
        let has_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if has_port(port) => host,
            _ => &self.authority,
        };
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub const fn scheme(&self) -> &'static str {
        match self.transport.tls {
            Some(_) => "https",
            None => "http",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_the_authority_without_port_and_brackets() {
        for (authority, host) in [
            ("app.test", "app.test"),
            ("app.test:80", "app.test"),
            ("127.0.0.1:8000", "127.0.0.1"),
            ("[::1]", "::1"),
            ("[::1]:8000", "::1"),
        ] {
            let origin = Origin {
                address: Address::Tcp("unused".into(), 1),
                authority: authority.into(),
                transport: Transport::default(),
            };
            assert_eq!(origin.host(), host);
        }
    }
}
