//! A server that gives tokens for a name and a password, and the first user that its variables make → the
//! `[login.token]` of perfgate.toml.

use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::environment::Environment;
use super::requests::{TokenKind, token_route};
use super::syntax::quoted;
use crate::compose::Stack;

/// Variables with the name and the password of a first user.
const USERS: [(&str, &str); 8] = [
    ("FIRST_SUPERUSER", "FIRST_SUPERUSER_PASSWORD"),
    ("FIRST_SUPERUSER_EMAIL", "FIRST_SUPERUSER_PASSWORD"),
    ("FIRST_USER", "FIRST_USER_PASSWORD"),
    ("DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD"),
    ("DJANGO_SUPERUSER_EMAIL", "DJANGO_SUPERUSER_PASSWORD"),
    ("SUPERUSER_USERNAME", "SUPERUSER_PASSWORD"),
    ("SUPERUSER_EMAIL", "SUPERUSER_PASSWORD"),
    ("ADMIN_EMAIL", "ADMIN_PASSWORD"),
];
/// What a variable is set to that only the environment of whoever runs a compose file knows.
const MADE_UP: &str = "perfgate";

/// A request for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    path: String,
    kind: TokenKind,
    /// Name and password, and the variable that has the name.
    user: Option<(String, String, &'static str)>,
}

impl Login {
    pub(super) fn find(
        root: &Path,
        source: &Path,
        environment: &Environment,
        stack: &Stack,
    ) -> Option<Self> {
        let route = token_route(root, source)?;
        let value = |name: &str| {
            let value = environment.value(root, stack, name)?;
            let is_unknown = value == format!("{{env.{name}}}");
            let value = if is_unknown {
                MADE_UP.to_owned()
            } else {
                value
            };
            // An address of a service is the name of no user.
            (!value.is_empty() && !value.contains('{')).then_some(value)
        };
        let user = USERS
            .into_iter()
            .find_map(|(name, password)| Some((value(name)?, value(password)?, name)));
        Some(Self {
            path: route.path,
            kind: route.kind,
            user,
        })
    }

    /// The variable that names the user; nothing where none is known.
    pub(super) fn variable(&self) -> Option<&'static str> {
        self.user.as_ref().map(|(.., variable)| *variable)
    }

    /// What endpoints send then.
    pub(super) fn header(&self) -> (String, String) {
        let scheme = match self.kind {
            TokenKind::OAuth2 | TokenKind::SimpleJwt => "Bearer",
            TokenKind::RestFramework => "Token",
        };
        ("Authorization".into(), format!("{scheme} {{login.token}}"))
    }

    /// Its table; with a name and a password to change where none is known.
    pub(super) fn table(&self, headers: &[(String, String)]) -> String {
        let user = self.user.as_ref();
        let (name, password) =
            user.map_or(("NAME", "PASSWORD"), |(name, password, _)| (name, password));
        let (media_type, body) = match self.kind {
            TokenKind::OAuth2 => {
                let encoded = |it: &str| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string();
                let body = format!("username={}&password={}", encoded(name), encoded(password));
                ("application/x-www-form-urlencoded", body)
            }
            TokenKind::SimpleJwt | TokenKind::RestFramework => {
                let body = json!({ "username": name, "password": password });
                ("application/json", body.to_string())
            }
        };
        let pointer = match self.kind {
            TokenKind::OAuth2 => "/access_token",
            TokenKind::SimpleJwt => "/access",
            TokenKind::RestFramework => "/token",
        };
        let mut fields = vec![("Content-Type".to_owned(), media_type.to_owned())];
        fields.extend_from_slice(headers);
        let fields = super::syntax::pairs(&fields);
        format!(
            "[login.token]\npath    = {}\nmethod  = \"POST\"\nheaders = {fields}\nbody    = {}\n\
             capture = {{ token = {{ json = {} }} }}\n",
            quoted(&self.path),
            quoted(&body),
            quoted(pointer)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(kind: TokenKind, user: Option<(&str, &str)>) -> Login {
        Login {
            path: "/token".into(),
            kind,
            user: user.map(|(name, password)| (name.into(), password.into(), "ADMIN_EMAIL")),
        }
    }

    #[test]
    fn what_is_sent_is_encoded() {
        let form = login(TokenKind::OAuth2, Some(("a@b.test", "x&y"))).table(&[]);
        assert!(
            form.contains("body    = \"username=a%40b%2Etest&password=x%26y\"\n"),
            "{form}"
        );
        let host = [("Host".to_owned(), "shop.test".to_owned())];
        let json = login(TokenKind::SimpleJwt, Some(("a\"b", "c"))).table(&host);
        assert!(
            json.contains(r#"a\"b"#) && json.contains("Host = \"shop.test\""),
            "{json}"
        );
        assert!(json.contains("json = \"/access\""), "{json}");
        let open = login(TokenKind::RestFramework, None);
        assert!(open.table(&[]).contains("PASSWORD") && open.variable().is_none());
        assert_eq!(open.header().1, "Token {login.token}");
    }
}
