//! How requests go out: by TLS with the authorities of this machine, through the proxy that the
//! environment names, and without following a redirection that nobody has looked at.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::request::Builder;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde_json::Value;

use super::Provider;
use crate::dial::{Connector, with_port};

/// Largest answer that is read.
const LARGEST: usize = 32 << 20;
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends requests; with the token those alone that are for the API.
#[derive(Debug, Clone)]
pub(super) struct Client {
    provider: Provider,
    sender: Octocrab,
    /// Marked as sensitive: it is shown by nothing.
    authorization: HeaderValue,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// A client of the API that lies at `api`.
    pub(super) fn new(provider: Provider, token: &str, api: &Uri) -> Result<Self, String> {
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut authorization = header.map_err(|_| "the token is no text of a header")?;
        authorization.set_sensitive(true);
        Ok(Self {
            provider,
            sender: towards(api),
            authorization,
        })
    }

    /// Asks the API.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<Answer, String> {
        let mut request =
            request(method, with_port(url)?).header(AUTHORIZATION, self.authorization.clone());
        for (name, value) in self.provider.headers() {
            request = request.header(*name, *value);
        }
        let mut text = String::new();
        if !body.is_null() {
            request = request.header(CONTENT_TYPE, "application/json");
            text = body.to_string();
        }
        answered(&self.sender, request, text).await
    }

    /// Reads a file that lies elsewhere, where the token is nobody's business.
    pub(super) async fn read(&self, url: &str) -> Result<Answer, String> {
        let uri = with_port(url)?;
        let client = towards(&uri);
        answered(&client, request(Method::GET, uri), String::new()).await
    }
}

fn request(method: Method, uri: Uri) -> Builder {
    let request = Request::builder().method(method).uri(uri);
    request.header(USER_AGENT, "perfgate")
}

/// A client for whatever lies beside an address.
fn towards(uri: &Uri) -> Octocrab {
    let client = legacy::Client::builder(TokioExecutor::new());
    let built = match Connector::towards(uri) {
        Connector::Direct(connector) => OctocrabBuilder::new_empty()
            .with_service(client.build(connector))
            .with_auth(AuthState::None)
            .build(),
        Connector::Tunnelled(connector) => OctocrabBuilder::new_empty()
            .with_service(client.build(connector))
            .with_auth(AuthState::None)
            .build(),
    };
    built.unwrap_or_else(|never| match never {})
}

async fn answered(client: &Octocrab, request: Builder, body: String) -> Result<Answer, String> {
    let request = request.body(body).map_err(|error| error.to_string())?;
    let asked = async {
        let answer = client
            .execute(request)
            .await
            .map_err(|error| causes(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        })
    };
    let answer = tokio::time::timeout(TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
}

/// An error of the connection with its causes.
fn causes(error: &octocrab::Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    causes.join(": ")
}
