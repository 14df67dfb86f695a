//! The address of a server that is already running.

use std::path::PathBuf;

use hyper::Uri;

use crate::model::Address;

/// A URL of HTTP, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub address: Address,
    /// Host, and port where it is named.
    pub authority: String,
    pub is_https: bool,
    /// Path and query.
    pub target: String,
}

/// What a host that is not named is called, as by curl.
const LOCAL: &str = "localhost";

impl Url {
    /// Reads `http://HOST:PORT/PATH`, the same with `https`, or `unix:/SOCKET:/PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(rest) => Self::unix(rest),
            None => Self::tcp(text),
        }
        .ok_or_else(|| "write http://HOST:PORT/PATH, https://… or unix:/SOCKET:/PATH".into())
    }

    fn unix(rest: &str) -> Option<Self> {
        let (socket, target) = rest.split_once(':').unwrap_or((rest, "/"));
        let is_path = socket.starts_with('/') && socket.len() > 1 && target.starts_with('/');
        is_path.then(|| Self {
            address: Address::Unix(PathBuf::from(socket)),
            authority: LOCAL.into(),
            is_https: false,
            target: target.into(),
        })
    }

    fn tcp(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_https = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority().filter(|it| !it.as_str().contains('@'))?;
        let host = authority.host().trim_matches(['[', ']']);
        let names_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if names_port => return None,
            None if is_https => 443,
            None => 80,
        };
        (!host.is_empty()).then(|| Self {
            address: Address::Tcp(host.into(), port),
            authority: authority.to_string(),
            is_https,
            target: uri.path_and_query().map_or("/".into(), ToString::to_string),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, bool, String) {
        let url = Url::parse(text).expect(text);
        (
            url.address.to_string(),
            url.authority,
            url.is_https,
            url.target,
        )
    }

    #[test]
    fn urls_have_address_authority_and_target() {
        for (text, address, authority, is_https, target) in [
            ("http://a.test", "a.test:80", "a.test", false, "/"),
            ("https://a.test/x?y", "a.test:443", "a.test", true, "/x?y"),
            ("http://[::1]:8000/", "[::1]:8000", "[::1]:8000", false, "/"),
            (
                "unix:/run/a.sock",
                "unix:/run/a.sock",
                "localhost",
                false,
                "/",
            ),
            ("unix:/a:/x?y", "unix:/a", "localhost", false, "/x?y"),
        ] {
            let expected = (address.into(), authority.into(), is_https, target.into());
            assert_eq!(parts(text), expected);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "a",
            "/a",
            "a.test:80",
            "ftp://a.test",
            "http://",
            "http://:80",
            "http://a b",
            "http://user@a.test",
            "http://user@a.test:80",
            "http://a.test:x",
            "http://a.test:99999",
            "unix:",
            "unix:a",
            "unix:/a:b",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
