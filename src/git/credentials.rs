//! Passwords in addresses: they are kept out of arguments, which every process can read, and out
//! of messages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use percent_encoding::percent_decode_str;

/// How a remote is reached.
#[derive(Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its name, or its address without a password.
    pub address: String,
    /// What its password is sent in.
    pub header: Option<String>,
}

impl Remote {
    pub fn from_address(remote: &str) -> Self {
        Self {
            address: remote.to_owned(),
            header: None,
        }
    }

    /// An address of HTTP that has a password in it.
    pub fn with_password(address: &str) -> Option<Self> {
        let (scheme, rest) = address.split_once("://")?;
        let (credentials, _) = rest.split('/').next()?.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let basic = BASE64.encode(format!("{}:{}", decoded(user), decoded(password)));
        ["http", "https"].contains(&scheme).then(|| Self {
            address: format!("{scheme}://{}", &rest[credentials.len() + 1..]),
            header: Some(format!("Authorization: Basic {basic}")),
        })
    }
}

/// A text with the user and the password of every URL in it left out.
pub fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let ends = |letter: char| letter.is_whitespace() || "/'\"".contains(letter);
        let end = after.find(ends).unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[host..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_from_the_address_into_a_header() {
        let remote_address =
            Remote::with_password("https://a%40b:c%3Ad@git.example.org:8443/x/y.git");
        let remote_address = remote_address.expect("it has one");
        assert_eq!(
            remote_address.address,
            "https://git.example.org:8443/x/y.git"
        );
        let header = remote_address.header.expect("it has one");
        let sent = header
            .strip_prefix("Authorization: Basic ")
            .expect("its form");
        assert_eq!(BASE64.decode(sent).expect("its form"), b"a@b:c:d");
    }

    #[test]
    fn other_addresses_stay_as_they_are() {
        let others = [
            "origin",
            "/srv/a:b@c/x.git",
            "git@example.org:x/y.git",
            "ssh://git:x@example.org/y.git",
            "https://user@example.org/y.git",
            "https://example.org/a:b@c.git",
        ];
        for other in others {
            assert_eq!(Remote::with_password(other), None, "{other}");
        }
    }
}
