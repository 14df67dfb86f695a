//! GitHub's API on behalf of one repository.

use std::ops::Deref;

use http::Method;
use http::header::LOCATION;
use serde_json::{Value, json};

use super::connection::{Connection, Deed};
use super::retry::Policy;
use super::{Error, Job, Provider};

/// A connection with GitHub on behalf of one repository.
#[derive(Debug, Clone)]
pub struct GitHub {
    connection: Connection,
    repository: String,
}

impl Deref for GitHub {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl GitHub {
    pub fn new(job: &Job, token: &str, policy: Policy) -> Result<Self, Error> {
        Ok(Self {
            connection: Connection::new(Provider::GitHub, &job.api, token, policy)?,
            repository: job.repository.clone(),
        })
    }

    /// The route of something of the repository.
    pub(super) fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }

    /// Asks GraphQL, which lies beside the API's routes: `/api/graphql` beside `/api/v3`.
    pub(super) async fn graphql(&self, deed: Deed, query: &str) -> Result<Value, Error> {
        let beside = self.api().strip_suffix("/v3").unwrap_or(self.api());
        let url = format!("{beside}/graphql");
        let (mut answer, _) = self
            .patiently(deed, &Method::POST, &url, &json!({ "query": query }))
            .await?;
        Ok(answer["data"].take())
    }

    /// Reads a file. GitHub answers with an address elsewhere, which must not get the token.
    pub(super) async fn download(&self, deed: Deed, route: &str) -> Result<Vec<u8>, Error> {
        let failed = |reason: String| Error::Unreachable {
            what: deed.what,
            reason,
        };
        let (_, headers) = self
            .patiently(deed, &Method::GET, route, &Value::Null)
            .await?;
        let location = headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let location = location.ok_or_else(|| failed("GitHub names no address".into()))?;
        let answer = self.client().read(location).await.map_err(failed)?;
        if answer.status != 200 {
            return Err(failed(format!("the store answered {}", answer.status)));
        }
        Ok(answer.body)
    }
}
