//! How requests go out: by TLS with the authorities of this machine, through the proxy that the
//! environment names, and without following a redirection that nobody has looked at.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Largest answer that is read.
const LARGEST: usize = 32 << 20;
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
const FORM: &str = "application/vnd.github+json";
const VERSION: &str = "2022-11-28";

/// Sends requests; with the token those alone that are for GitHub.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: reqwest::Client,
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
    pub(super) fn new(token: &str) -> Result<Self, String> {
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut authorization = header.map_err(|_| "the token is no text of a header")?;
        authorization.set_sensitive(true);
        // The proxy is that of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, unless NO_PROXY has the host.
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .redirect(Policy::none())
            .user_agent("perfgate")
            .timeout(TIMEOUT);
        let client = builder.build().map_err(|error| causes(&error))?;
        Ok(Self {
            client,
            authorization,
        })
    }

    /// Asks GitHub.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        body: &Value,
    ) -> Result<Answer, String> {
        let mut request = self
            .client
            .request(method, url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, FORM)
            .header("x-github-api-version", VERSION);
        if !body.is_null() {
            let json = http::header::CONTENT_TYPE;
            request = request
                .header(json, "application/json")
                .body(body.to_string());
        }
        let response = request.send().await;
        answer(response.map_err(|error| causes(&error))?).await
    }

    /// Reads a file that lies elsewhere, where the token is nobody's business.
    pub(super) async fn read(&self, url: &str) -> Result<Answer, String> {
        let response = self.client.get(url).send().await;
        answer(response.map_err(|error| causes(&error))?).await
    }
}

async fn answer(mut response: Response) -> Result<Answer, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| causes(&error))? {
        if body.len() + part.len() > LARGEST {
            return Err(format!("the answer is larger than {LARGEST} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// An error of the connection with its causes, without the address, which may hold a signature.
fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    if error.is_timeout() {
        causes.push(format!("no answer within {} s", TIMEOUT.as_secs()));
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    if causes.is_empty() {
        causes.push("the request could not be made".into());
    }
    causes.dedup();
    causes.join(": ")
}
