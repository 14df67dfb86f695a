//! A connection with the API of a provider: what is asked of it, again where that may help.

use http::Method;
use http::header::{HeaderMap, LINK, LOCATION};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Client;
use super::retry::{Advice, Policy, Waits, advice};
use super::{Error, Provider};

/// Pages that are read of a list.
const PAGES: usize = 100;
/// Redirections of one request: a repository may have been renamed and then moved.
const HOPS: usize = 3;

/// A connection with one API.
#[derive(Debug, Clone)]
pub struct Connection {
    client: Client,
    /// Without a slash at its end.
    api: String,
    policy: Policy,
}

/// What is done, for errors: in words, and the permission it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deed {
    pub(super) provider: Provider,
    pub(super) what: &'static str,
    pub(super) permission: &'static str,
}

/// A request that was not fulfilled.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: Error,
    pub(super) advice: Advice,
}

impl Refusal {
    /// Of an answer that was given, and is none of the API's.
    pub(super) fn not_understood(deed: Deed, error: &serde_json::Error) -> Self {
        Self {
            error: Error::Unknown {
                provider: deed.provider,
                what: deed.what,
                reason: error.to_string(),
            },
            advice: Advice::Final,
        }
    }
}

impl Connection {
    pub(super) fn new(
        provider: Provider,
        api: &str,
        token: &str,
        policy: Policy,
    ) -> Result<Self, Error> {
        let fail = |reason: String| Error::Url {
            provider,
            url: api.to_owned(),
            reason,
        };
        // A path of a server of its own (`/api/v3`) ends where the routes begin.
        let api = api.trim_end_matches('/');
        let uri: http::Uri = api.parse().map_err(|error| fail(format!("{error}")))?;
        if uri.scheme().is_none() || uri.host().is_none() {
            return Err(fail("it has no scheme and host".into()));
        }
        Ok(Self {
            client: Client::new(provider, token, &uri).map_err(fail)?,
            api: api.to_owned(),
            policy,
        })
    }

    /// Where its routes begin.
    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// What asks it, and whoever else is to be asked without the token.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn policy(&self) -> Policy {
        self.policy
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        deed: Deed,
        route: &str,
    ) -> Result<T, Error> {
        let (value, _) = self
            .patiently(deed, &Method::GET, route, &Value::Null)
            .await?;
        understood(deed, value)
    }

    /// Reads a list over all of its pages; it lies at `pointer` of each.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        deed: Deed,
        route: &str,
        pointer: &str,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut next = Some(route.to_owned());
        for _ in 0..PAGES {
            let Some(route) = next else { break };
            let (mut value, headers) = self
                .patiently(deed, &Method::GET, &route, &Value::Null)
                .await?;
            let page = value.pointer_mut(pointer).map(Value::take);
            items.extend(understood::<Vec<T>>(deed, page.unwrap_or_default())?);
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
    pub(super) async fn change(
        &self,
        deed: Deed,
        method: &Method,
        route: &str,
        body: &impl Serialize,
    ) -> Result<Value, Error> {
        let (value, _) = self.patiently(deed, method, route, &form(body)).await?;
        Ok(value)
    }

    /// Removes something; what is gone already is as good.
    pub(super) async fn delete(&self, deed: Deed, route: &str) -> Result<(), Error> {
        let removed = self
            .patiently(deed, &Method::DELETE, route, &Value::Null)
            .await;
        match removed {
            Ok(_) | Err(Error::Answer { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
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
        let body = form(body);
        let mut waits = Waits::new(self.policy);
        loop {
            let refusal = match self.once(deed, &Method::POST, route, &body).await {
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

    /// Tries what can be done twice until it succeeds or patience ends.
    pub(super) async fn patiently(
        &self,
        deed: Deed,
        method: &Method,
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

    /// Sends a request once, to where a renamed repository is now.
    pub(super) async fn once(
        &self,
        deed: Deed,
        method: &Method,
        route: &str,
        body: &Value,
    ) -> Result<(Value, HeaderMap), Refusal> {
        let lost = |reason: String| Refusal {
            error: Error::Unreachable {
                what: deed.what,
                reason,
            },
            advice: Advice::Later(None),
        };
        let mut url = if route.starts_with('/') {
            format!("{}{route}", self.api)
        } else {
            route.to_owned()
        };
        let mut hops = 0;
        let answer = loop {
            let asked = self.client.ask(method.clone(), &url, body).await;
            let answer = asked.map_err(lost)?;
            match self.moved(answer.status, &answer.headers) {
                Some(elsewhere) if hops < HOPS => url = elsewhere,
                _ => break answer,
            }
            hops += 1;
        };
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        // A file is answered by where it lies.
        if (200..300).contains(&answer.status) || answer.status == 302 {
            return Ok((value, answer.headers));
        }
        let message = value["message"].as_str().unwrap_or("no message").to_owned();
        Err(Refusal {
            advice: advice(answer.status, &answer.headers, &message),
            error: Error::Answer {
                provider: deed.provider,
                what: deed.what,
                status: answer.status,
                message,
                permission: deed.permission,
            },
        })
    }

    /// Where the same request is to be sent instead; only at the same server, since it brings the
    /// token.
    fn moved(&self, status: u16, headers: &HeaderMap) -> Option<String> {
        if !matches!(status, 301 | 307 | 308) {
            return None;
        }
        let location = headers.get(LOCATION)?.to_str().ok()?;
        let url = url::Url::parse(&self.api).ok()?.join(location).ok()?;
        let own = url::Url::parse(&self.api).ok()?;
        (url.origin() == own.origin()).then(|| url.into())
    }
}

/// A value within a query: of a branch's name, or a check's, everything may be anything.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn form(body: &impl Serialize) -> Value {
    serde_json::to_value(body).expect("our bodies have a JSON form")
}

fn understood<T: DeserializeOwned>(deed: Deed, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Unknown {
        provider: deed.provider,
        what: deed.what,
        reason: error.to_string(),
    })
}
