//! A whole response that is not the one which a server is waited for with: what is said of it, and
//! how long it may be that of a server which is still starting.

use std::fmt;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{StatusCode, http};
use memchr::memmem;
use serde_json::Value;

use crate::model::Ready;

/// A response that is no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub missed: Missed,
    /// Where it redirects to.
    pub location: Option<String>,
    /// The methods that it says the path takes.
    pub allow: Option<String>,
    /// The beginning of its body, where that is plain text or JSON.
    pub text: String,
    /// Whether it asks for TLS.
    pub wants_tls: bool,
}

/// What it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// The status; `None` if any below 400 would do.
    Status(Option<u16>),
    /// A text in the body.
    Text(String),
    /// The value at a JSON pointer.
    Value(String),
}

/// How long a server that is starting may refuse a request that it takes later on.
const REFUSED: Duration = Duration::from_secs(5);
/// Letters of a body that are shown.
const SHOWN: usize = 200;
/// What servers of TLS say to who speaks plain text: nginx, Go's, Apache.
const WANT_TLS: [&str; 3] = [
    "plain HTTP request was sent to HTTPS port",
    "HTTP request to an HTTPS server",
    "plain HTTP to an SSL-enabled server port",
];

impl Answer {
    /// What is wrong with a response; `None` if it is a good answer. A body in a coding
    /// without a decoder is not looked into here: load says so.
    pub(super) fn wrong(ready: &Ready, head: &http::response::Parts, body: &[u8]) -> Option<Self> {
        let (status, fields) = (head.status.as_u16(), &head.headers);
        let is_coded = fields.contains_key(header::CONTENT_ENCODING);
        let missed = if !ready.takes(status) {
            Missed::Status(ready.status)
        } else if is_coded {
            return None;
        } else {
            missed_in(ready, body)?
        };
        Some(Self {
            status,
            missed,
            location: field(fields, &header::LOCATION),
            allow: field(fields, &header::ALLOW),
            text: if is_coded {
                String::new()
            } else {
                shown(fields, body)
            },
            wants_tls: status == 400 && WANT_TLS.iter().any(|text| holds(body, text)),
        })
    }

    /// Whether another one says the same.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        (self.status, &self.missed) == (other.status, &other.missed)
    }

    /// How long this may be the answer of a server that is still starting, of all the time that
    /// it is waited for. Overload, gateways without their server and requests that came too early
    /// pass; paths are there only when all is loaded; a request that is refused as such stays so.
    pub(super) fn patience(&self, within: Duration) -> Duration {
        match self.status {
            408 | 425 | 429 | 502..=504 => within,
            ..300 | 404 | 500.. => (within / 2).max(REFUSED),
            300..500 => REFUSED,
        }
    }

    /// What the user can do next.
    pub(super) fn hint(&self) -> String {
        let request = "set them for the first endpoint, or in `ready`";
        match self.status {
            _ if self.wants_tls => {
                "the server speaks TLS: give it `tls`, such as `tls = { insecure = true }`, or a `url` \
                 of https"
                    .into()
            }
            ..300 => "check `expect` of the first endpoint, or what `ready` expects".into(),
            300..400 => "name the path that it leads to, send the header fields that keep it from \
                         redirecting, or expect its status"
                .into(),
            400 | 421 => format!(
                "a server that checks its name wants it as the field `Host` (a Django server wants \
                 that in ALLOWED_HOSTS): `headers`, `method` and `body` may be at fault; {request}"
            ),
            401 | 403 | 407 => {
                "the endpoint wants a login: set its `headers`, or `ready.headers`".into()
            }
            404 | 410 => "there is no such path: check that of the first endpoint, or set \
                          `ready.path`; give a server that loads its paths late longer with \
                          `ready.within`"
                .into(),
            405 | 501 => {
                "the endpoint takes another method: set its `method`, or `ready.method`".into()
            }
            400..500 => format!("`headers`, `method` and `body` may be at fault: {request}"),
            502..=504 => {
                "it, or what it stands before, is not up: its last lines say why; or give \
                          it longer with `ready.within`"
                    .into()
            }
            500.. => "its own log says why it fails".into(),
        }
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    memmem::find(body, text.as_bytes()).is_some()
}

/// What a body lacks.
fn missed_in(ready: &Ready, body: &[u8]) -> Option<Missed> {
    let lacks = |text: &&String| !holds(body, text);
    if let Some(text) = ready.contains.as_ref().filter(lacks) {
        return Some(Missed::Text(text.clone()));
    }
    if ready.json.is_empty() {
        return None;
    }
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut json = ready.json.iter();
    let other = json.find(|(pointer, value)| document.pointer(pointer) != Some(value));
    other.map(|(pointer, _)| Missed::Value(pointer.clone()))
}

fn field(fields: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = fields.get(name)?;
    Some(one_line(&String::from_utf8_lossy(value.as_bytes())))
}

/// Pages are for browsers: of them nothing is shown.
fn shown(fields: &HeaderMap, body: &[u8]) -> String {
    let kind = field(fields, &header::CONTENT_TYPE).unwrap_or_default();
    let is_readable = ["text/plain", "json"].iter().any(|it| kind.contains(it));
    if is_readable {
        one_line(&String::from_utf8_lossy(body))
    } else {
        String::new()
    }
}

/// The beginning of a text that others wrote, without what a terminal obeys.
fn one_line(text: &str) -> String {
    let blank = |letter: char| {
        if letter.is_control() { ' ' } else { letter }
    };
    let line: String = text.chars().map(blank).take(SHOWN).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match StatusCode::from_u16(self.status) {
            Ok(status) => write!(f, "status {status}")?,
            Err(_) => write!(f, "status {}", self.status)?,
        }
        match &self.missed {
            Missed::Status(Some(wanted)) => write!(f, " instead of {wanted}")?,
            Missed::Status(None) => {}
            Missed::Text(text) => write!(f, " without `{}` in its body", one_line(text))?,
            Missed::Value(pointer) => write!(f, " with another value at `{pointer}`")?,
        }
        if let Some(location) = &self.location {
            write!(f, ", which redirects to `{location}`")?;
        }
        if let Some(allow) = &self.allow {
            write!(f, ", the methods being `{allow}`")?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(60);

    fn patience(status: u16, within: Duration) -> Duration {
        let answer = Answer {
            status,
            missed: Missed::Status(Some(200)),
            location: None,
            allow: None,
            text: String::new(),
            wants_tls: false,
        };
        answer.patience(within)
    }

    #[test]
    fn what_a_starting_server_says_is_waited_out() {
        for status in [408, 425, 429, 502, 503, 504] {
            assert_eq!(patience(status, WITHIN), WITHIN, "{status}");
        }
    }

    #[test]
    fn what_may_still_be_loaded_is_given_half_of_the_time() {
        for status in [200, 204, 404, 500, 505, 599] {
            assert_eq!(patience(status, WITHIN), WITHIN / 2, "{status}");
            assert_eq!(patience(status, REFUSED), REFUSED, "{status}");
        }
    }

    #[test]
    fn a_request_that_is_refused_as_such_is_not_repeated_for_long() {
        for status in [301, 302, 400, 401, 403, 405, 410, 421, 422] {
            assert_eq!(patience(status, WITHIN), REFUSED, "{status}");
        }
    }
}
