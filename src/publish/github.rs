use std::time::Duration;

use http::header::{HeaderMap, LINK, LOCATION};
use http_body_util::{BodyExt, Limited};
use octocrab::Octocrab;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::retry::{Advice, Policy, Waits, advice};
use super::{Error, Job};

/// Largest answer that is read.
const LARGEST: usize = 32 << 20;
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Pages that are read of a list.
const PAGES: usize = 100;

/// A connection with GitHub on behalf of one repository.
#[derive(Debug, Clone)]
pub struct GitHub {
    client: Octocrab,
    /// Without a slash at its end.
    api: String,
    repository: String,
    policy: Policy,
}

/// What is done, for errors: in words, and the permission it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deed {
    pub(super) what: &'static str,
    pub(super) permission: &'static str,
}

/// A request that GitHub did not fulfil.
#[derive(Debug)]
struct Refusal {
    error: Error,
    advice: Advice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
    Patch,
}

impl GitHub {
    pub fn new(job: &Job, token: &str, policy: Policy) -> Result<Self, Error> {
        let fail = |reason: String| Error::Url {
            url: job.api.clone(),
            reason,
        };
        // A path of an enterprise server (`/api/v3`) ends where the routes begin.
        let base = job.api.trim_end_matches('/');
        let uri: http::Uri = base.parse().map_err(|error| fail(format!("{error}")))?;
        if uri.scheme().is_none() || uri.host().is_none() {
            return Err(fail("it has no scheme and host".into()));
        }
        // Without the feature `retry` octocrab sends every request once.
        let said = |error: octocrab::Error| fail(said(&error));
        let builder = Octocrab::builder().personal_token(token.to_owned());
        let client = builder.base_uri(uri).map_err(said)?.build().map_err(said)?;
        Ok(Self {
            client,
            api: base.to_owned(),
            repository: job.repository.clone(),
            policy,
        })
    }

    /// The route of something of the repository.
    pub(super) fn route(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        deed: Deed,
        route: &str,
    ) -> Result<T, Error> {
        let (value, _) = self
            .patiently(deed, Method::Get, route, &Value::Null)
            .await?;
        understood(deed, value)
    }

    /// Reads a list over all of its pages.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        deed: Deed,
        route: &str,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut next = Some(route.to_owned());
        for _ in 0..PAGES {
            let Some(route) = next else { break };
            let (value, headers) = self
                .patiently(deed, Method::Get, &route, &Value::Null)
                .await?;
            items.extend(understood::<Vec<T>>(deed, value)?);
            next = self.next_page(&headers);
        }
        Ok(items)
    }

    /// The route of the next page of a list, from `Link: <URL>; rel="next"` (RFC 8288).
    fn next_page(&self, headers: &HeaderMap) -> Option<String> {
        let mut links = headers.get(LINK)?.to_str().ok()?.split(',');
        let next = links.find(|link| link.contains("rel=\"next\""))?;
        let (url, _) = next.split_once('<')?.1.split_once('>')?;
        url.strip_prefix(&self.api).map(str::to_owned)
    }

    /// Changes something: the same request twice changes it once.
    pub(super) async fn patch(
        &self,
        deed: Deed,
        route: &str,
        body: &impl Serialize,
    ) -> Result<Value, Error> {
        let body = serde_json::to_value(body).expect("our bodies have a JSON form");
        let (value, _) = self.patiently(deed, Method::Patch, route, &body).await?;
        Ok(value)
    }

    /// Makes something that is not to be made twice: after an answer that leaves open whether it
    /// was, `find` looks for it.
    pub(super) async fn post<T>(
        &self,
        deed: Deed,
        route: &str,
        body: &impl Serialize,
        find: impl AsyncFn() -> Result<Option<T>, Error>,
    ) -> Result<T, Error>
    where
        T: DeserializeOwned,
    {
        let body = serde_json::to_value(body).expect("our bodies have a JSON form");
        let mut waits = Waits::new(self.policy);
        loop {
            let refusal = match self.once(deed, Method::Post, route, &body).await {
                Ok((value, _)) => return understood(deed, value),
                Err(refusal) => refusal,
            };
            if !waits.wait(refusal.advice).await {
                return Err(refusal.error);
            }
            // A refusal for the rate alone is certain.
            if matches!(refusal.advice, Advice::Later(_))
                && let Some(found) = find().await?
            {
                return Ok(found);
            }
        }
    }

    /// Reads a file. GitHub answers with an address elsewhere, which must not get the token.
    pub(super) async fn download(&self, deed: Deed, route: &str) -> Result<Vec<u8>, Error> {
        let failed = |reason: String| Error::Unreachable {
            what: deed.what,
            reason,
        };
        let (_, headers) = self
            .patiently(deed, Method::Get, route, &Value::Null)
            .await?;
        let location = headers.get(LOCATION).and_then(|it| it.to_str().ok());
        let location = location.ok_or_else(|| failed("GitHub names no address".into()))?;
        let uri: http::Uri = location.parse().map_err(|_| failed("no address".into()))?;
        let misfit = |error: octocrab::Error| failed(said(&error));
        let store = Octocrab::builder().base_uri(root(&uri)).map_err(misfit)?;
        let store = store.build().map_err(misfit)?;
        let asked = async {
            let answer = store._get(uri).await.map_err(|error| said(&error))?;
            if !answer.status().is_success() {
                return Err(format!("the store answered {}", answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            Ok(body.map_err(|error| error.to_string())?.to_bytes().to_vec())
        };
        let answer = tokio::time::timeout(TIMEOUT, asked).await;
        answer
            .map_err(|_| failed("the store gave no answer".into()))?
            .map_err(failed)
    }

    /// Tries what can be done twice until it succeeds or patience ends.
    async fn patiently(
        &self,
        deed: Deed,
        method: Method,
        route: &str,
        body: &Value,
    ) -> Result<(Value, HeaderMap), Error> {
        let mut waits = Waits::new(self.policy);
        loop {
            let refusal = match self.once(deed, method, route, body).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            if !waits.wait(refusal.advice).await {
                return Err(refusal.error);
            }
        }
    }

    async fn once(
        &self,
        deed: Deed,
        method: Method,
        route: &str,
        body: &Value,
    ) -> Result<(Value, HeaderMap), Refusal> {
        let asked = tokio::time::timeout(TIMEOUT, self.ask(method, route, body));
        let lost = |reason: String| Refusal {
            error: Error::Unreachable {
                what: deed.what,
                reason,
            },
            advice: Advice::Later(None),
        };
        let (status, headers, text) = asked
            .await
            .map_err(|_| lost(format!("no answer within {} s", TIMEOUT.as_secs())))?
            .map_err(lost)?;
        let value: Value = serde_json::from_slice(&text).unwrap_or(Value::Null);
        // A file is answered by where it lies.
        if (200..300).contains(&status) || status == 302 {
            return Ok((value, headers));
        }
        let message = value["message"].as_str().unwrap_or("no message").to_owned();
        Err(Refusal {
            advice: advice(status, &headers, &message),
            error: Error::Answer {
                what: deed.what,
                status,
                message,
                permission: deed.permission,
            },
        })
    }

    async fn ask(
        &self,
        method: Method,
        route: &str,
        body: &Value,
    ) -> Result<(u16, HeaderMap, Vec<u8>), String> {
        let asked = match method {
            Method::Get => self.client._get(route).await,
            Method::Post => self.client._post(route, Some(body)).await,
            Method::Patch => self.client._patch(route, Some(body)).await,
        };
        let response = asked.map_err(|error| said(&error))?;
        let (parts, body) = response.into_parts();
        let text = Limited::new(body, LARGEST).collect().await;
        let text = text.map_err(|error| error.to_string())?;
        Ok((
            parts.status.as_u16(),
            parts.headers,
            text.to_bytes().to_vec(),
        ))
    }
}

/// Scheme and host of an address.
fn root(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    format!("{scheme}://{authority}")
}

fn understood<T: DeserializeOwned>(deed: Deed, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Unknown {
        what: deed.what,
        reason: error.to_string(),
    })
}

/// An error of the connection with its causes.
fn said(error: &octocrab::Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    causes.join(": ")
}
