//! Whom our comments are written by. A workflow's own token is that of an app, and so may a token
//! of the user be; another's is that of a person.

use serde::Deserialize;
use serde_json::Value;

use super::Provider;
use super::connection::Deed;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "find out whom the token writes as",
    permission: "pull-requests: write",
};
/// What the logins of apps end with.
const APP: &str = "[bot]";

/// Who writes with our token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// `None` if GitHub does not say: then whatever app wrote our marker is taken for us.
    login: Option<String>,
}

/// Who wrote a comment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Author {
    /// `app` is the slug of the app whose check we have opened.
    pub async fn find(github: &GitHub, app: Option<&str>) -> Self {
        let mut login = viewer(github).await;
        if login.is_none() {
            login = app.map(|slug| format!("{slug}{APP}"));
        }
        if login.is_none() {
            login = person(github).await;
        }
        Self { login }
    }

    pub(super) fn wrote(&self, user: &User) -> bool {
        match &self.login {
            // GraphQL leaves out here and there what the logins of apps end with.
            Some(login) if user.is_app() => {
                user.login.trim_end_matches(APP) == login.trim_end_matches(APP)
            }
            Some(login) => user.login == *login,
            None => user.is_app(),
        }
    }
}

impl User {
    fn is_app(&self) -> bool {
        self.kind == "Bot" || self.login.ends_with(APP)
    }
}

/// Whom GraphQL takes us for; it answers apps too.
async fn viewer(github: &GitHub) -> Option<String> {
    let asked = github.graphql(DEED, "query { viewer { login } }").await;
    let login = asked.ok()?.pointer("/viewer/login").cloned();
    login.as_ref().and_then(Value::as_str).map(str::to_owned)
}

/// A person, where there is no GraphQL; apps may not ask.
async fn person(github: &GitHub) -> Option<String> {
    let user: Result<User, Error> = github.get(DEED, "/user").await;
    user.ok().map(|it| it.login)
}
