//! The address of a server that is already running.

use std::path::PathBuf;

use url::Host;

use crate::model::Address;

/// A URL of HTTP, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub address: Address,
    /// Host, and port where it is not the scheme's own.
    pub authority: String,
    pub is_https: bool,
    /// Path and query.
    pub target: String,
}

/// What a host that is not named is called, as by curl.
const LOCAL: &str = "localhost";
const FORMS: &str = "write http://HOST:PORT/PATH, https://… or unix:/SOCKET:/PATH";

impl Url {
    /// Reads `http://HOST:PORT/PATH`, the same with `https`, or `unix:/SOCKET:/PATH`; what to write
    /// instead, otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('#') {
            return Err("leave out `#` and what follows: a server is never sent it".into());
        }
        match text.strip_prefix("unix:") {
            Some(rest) => Self::unix(rest),
            None => Self::tcp(text),
        }
    }

    fn unix(rest: &str) -> Result<Self, String> {
        let (socket, target) = rest.split_once(':').unwrap_or((rest, "/"));
        let socket = absolute(socket)?;
        let is_target = target.starts_with('/') && target.bytes().all(|it| it.is_ascii_graphic());
        if !is_target {
            return Err(FORMS.into());
        }
        Ok(Self {
            address: Address::Unix(PathBuf::from(socket)),
            authority: LOCAL.into(),
            is_https: false,
            target: target.into(),
        })
    }

    fn tcp(text: &str) -> Result<Self, String> {
        let url = plain(text).ok_or(FORMS)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave the login out: it is a header field, `Authorization`".into());
        }
        let (host, port) = url.host().zip(url.port_or_known_default()).ok_or(FORMS)?;
        let target = &url[url::Position::BeforePath..];
        Ok(Self {
            address: Address::Tcp(without_brackets(&host), port),
            authority: match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_string(),
            },
            is_https: url.scheme() == "https",
            target: target.into(),
        })
    }
}

/// The path of a socket, which may stand behind the slashes of an empty host.
fn absolute(socket: &str) -> Result<&str, String> {
    let path = socket.strip_prefix("//").unwrap_or(socket);
    match path.strip_prefix('/') {
        Some(name) if !name.trim_start_matches('/').is_empty() => Ok(path),
        None if !path.is_empty() => Err(format!(
            "a slash is missing: the path of a socket begins with one, unix:/{path}"
        )),
        _ => Err(FORMS.into()),
    }
}

/// A URL of HTTP as it is meant here: browsers take more, such as blanks and other slashes, for
/// one.
fn plain(text: &str) -> Option<url::Url> {
    let (scheme, rest) = text.split_once("://")?;
    let mut schemes = ["http", "https"].into_iter();
    schemes.find(|it| it.eq_ignore_ascii_case(scheme))?;
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\';
    let is_plain = !rest.starts_with('/') && !text.contains(is_odd);
    is_plain.then(|| url::Url::parse(text).ok()).flatten()
}

fn without_brackets(host: &Host<&str>) -> String {
    match host {
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
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
            ("HTTP://a.test", "a.test:80", "a.test", false, "/"),
            ("https://a.test/x?y", "a.test:443", "a.test", true, "/x?y"),
            ("http://[::1]:8000/", "[::1]:8000", "[::1]:8000", false, "/"),
            ("http://a.test:80?x", "a.test:80", "a.test", false, "/?x"),
            ("http://A.test/ü", "a.test:80", "a.test", false, "/%C3%BC"),
            (
                "https://bücher.test",
                "xn--bcher-kva.test:443",
                "xn--bcher-kva.test",
                true,
                "/",
            ),
            ("unix:///a:/x", "unix:/a", "localhost", false, "/x"),
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
            "unix:/",
            "unix://",
            "unix:/a:/x y",
            "http:a.test",
            "http:///a.test",
            "http:\\\\a.test",
            "http://a.test/x y",
            "http://a.\ntest/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_says_what_a_text_lacks_to_be_a_url() {
        for (text, reason) in [
            (
                "unix://run/a.sock:/x",
                "a slash is missing: the path of a socket begins with one, unix:/run/a.sock",
            ),
            (
                "unix:run/a.sock",
                "a slash is missing: the path of a socket begins with one, unix:/run/a.sock",
            ),
            ("http://a.test/#b", "leave out `#`"),
            ("http://a.test/#", "leave out `#`"),
            ("unix:/a:/x#b", "leave out `#`"),
            ("http://me:secret@a.test/", "`Authorization`"),
            ("gopher://a.test", "write http://HOST:PORT/PATH"),
        ] {
            let refused = Url::parse(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("secret"));
        }
    }
}
