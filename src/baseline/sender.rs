//! How requests to a bucket go out, and what became of the one that failed: the library's errors keep that as text.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

use crate::dial::{Connector, with_port};
use crate::model::chain;

/// Largest answer that is read: an archive of many runs.
const LARGEST: usize = 256 << 20;
/// Longest wait for one answer with its body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests.
#[derive(Clone, Default)]
pub(super) struct Sender(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// By scheme and host: a proxy may be for some alone.
    clients: Mutex<BTreeMap<String, Client>>,
    trouble: Mutex<Option<Trouble>>,
}

/// Why the last request failed that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    Answer {
        status: u16,
        code: String,
        message: String,
        region: Option<String>,
    },
    /// There was no answer.
    Lost(String),
}

#[derive(Clone)]
enum Client {
    Direct(legacy::Client<HttpsConnector<Tcp>, Full<Bytes>>),
    Tunnelled(legacy::Client<HttpsConnector<Tunnel<Tcp>>, Full<Bytes>>),
}

impl Client {
    fn towards(uri: &Uri) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new());
        match Connector::towards(uri) {
            Connector::Direct(connector) => Self::Direct(client.build(connector)),
            Connector::Tunnelled(connector) => Self::Tunnelled(client.build(connector)),
        }
    }

    async fn answered(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let answer = match self {
            Self::Direct(client) => client.request(request).await,
            Self::Tunnelled(client) => client.request(request).await,
        };
        let (parts, body) = answer.map_err(unanswered)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|error| {
            let kind = if error.is::<LengthLimitError>() {
                HttpErrorKind::Decode
            } else {
                HttpErrorKind::Interrupted
            };
            HttpError::new_boxed(kind, error)
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

fn unanswered(error: legacy::Error) -> HttpError {
    let source = error.source().and_then(|it| it.downcast_ref());
    let is_closed =
        source.is_some_and(|it: &hyper::Error| it.is_incomplete_message() || it.is_closed());
    let kind = if error.is_connect() {
        HttpErrorKind::Connect
    } else if is_closed {
        // Of a connection that was open before, the server may close its end at any time.
        HttpErrorKind::Request
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error)
}

impl Sender {
    /// Why the last request failed that did.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, trouble: Trouble) {
        *self
            .0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    fn client(&self, uri: &Uri) -> Client {
        let name = format!("{:?} {:?}", uri.scheme(), uri.authority());
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        clients
            .entry(name)
            .or_insert_with(|| Client::towards(uri))
            .clone()
    }

    async fn ask(&self, request: HttpRequest) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let uri = with_port(&parts.uri.to_string());
        parts.uri = uri.map_err(|why| HttpError::new_boxed(HttpErrorKind::Unknown, why.into()))?;
        let client = self.client(&parts.uri);
        let request = Request::from_parts(parts, Full::new(body));
        let answer = tokio::time::timeout(TIMEOUT, client.answered(request)).await;
        answer.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", TIMEOUT.as_secs());
            Err(HttpError::new_boxed(HttpErrorKind::Timeout, why.into()))
        })
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl HttpConnector for Sender {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Sender {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = self.ask(request).await;
        let answer = asked.inspect_err(|error| {
            let cause = error.source().map_or_else(|| error.to_string(), chain);
            self.note(Trouble::Lost(cause));
        })?;
        if !answer.status().is_success() {
            let body = String::from_utf8_lossy(answer.body());
            self.note(refusal(answer.status().as_u16(), answer.headers(), &body));
        }
        Ok(answer.map(Into::into))
    }
}

/// What an answer with an error says.
fn refusal(status: u16, headers: &HeaderMap, body: &str) -> Trouble {
    let region = headers.get("x-amz-bucket-region");
    let region = region.and_then(|it| it.to_str().ok()).map(str::to_owned);
    Trouble::Answer {
        status,
        code: element(body, "Code").unwrap_or("no code").to_owned(),
        // As errors end: the chain goes on behind it.
        message: element(body, "Message")
            .unwrap_or("no message")
            .trim_end_matches('.')
            .to_owned(),
        region: region.or_else(|| element(body, "Region").map(str::to_owned)),
    }
}

/// The text of the first element of a name, in a document that has no need to be one.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_s3_is_read_as_far_as_it_goes() {
        let body = "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code>\
                    <Message>expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>";
        let read = refusal(400, &HeaderMap::new(), body);
        let expected = Trouble::Answer {
            status: 400,
            code: "AuthorizationHeaderMalformed".into(),
            message: "expecting 'eu-west-1'".into(),
            region: Some("eu-west-1".into()),
        };
        assert_eq!(read, expected);
        let headers = [("x-amz-bucket-region", "eu-north-1")];
        let headers = headers.map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, http::HeaderValue::from_static(value))
        });
        let read = refusal(301, &HeaderMap::from_iter(headers), "<html>");
        let expected = Trouble::Answer {
            status: 301,
            code: "no code".into(),
            message: "no message".into(),
            region: Some("eu-north-1".into()),
        };
        assert_eq!(read, expected);
    }
}
