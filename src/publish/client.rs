//! How requests go out: by TLS with the authorities of this machine, through the proxy that the
//! environment names, and without following a redirection that nobody has looked at.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::request::Builder;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::Provider;

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

/// An address with its port: a tunnel is made to 443 where none is named, whatever the scheme.
fn with_port(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "it is no address")?;
    if uri.scheme_str() != Some("http") || uri.port().is_some() {
        return Ok(uri);
    }
    let authority = format!("{}:80", uri.host().unwrap_or_default());
    let mut parts = uri.into_parts();
    parts.authority = authority.parse().ok();
    Uri::from_parts(parts).map_err(|error| error.to_string())
}

/// A client for whatever lies beside an address, by a tunnel through the proxy of `HTTP_PROXY`,
/// `HTTPS_PROXY` or `ALL_PROXY`, unless `NO_PROXY` has the host.
fn towards(uri: &Uri) -> Octocrab {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls());
    let tls = tls.https_or_http().enable_http1();
    let client = legacy::Client::builder(TokioExecutor::new());
    let built = match Matcher::from_env().intercept(uri) {
        None => OctocrabBuilder::new_empty()
            .with_service(client.build(tls.wrap_connector(http)))
            .with_auth(AuthState::None)
            .build(),
        Some(proxy) => {
            let tunnel = Tunnel::new(proxy.uri().clone(), http);
            let tunnel = match proxy.basic_auth() {
                Some(password) => tunnel.with_auth(password.clone()),
                None => tunnel,
            };
            OctocrabBuilder::new_empty()
                .with_service(client.build(tls.wrap_connector(tunnel)))
                .with_auth(AuthState::None)
                .build()
        }
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

fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_goes_to_the_port_of_the_scheme() {
        for (url, expected) in [
            ("http://api.test/a?b", "http://api.test:80/a?b"),
            ("http://[::1]/a", "http://[::1]:80/a"),
            ("http://api.test:8080/", "http://api.test:8080/"),
            ("https://api.test/a", "https://api.test/a"),
        ] {
            assert_eq!(with_port(url).expect("an address").to_string(), expected);
        }
        with_port("no address").expect_err("it has a blank");
    }
}
