//! A HAR file (HTTP Archive 1.2) → its requests to the origin that most of them go to, without anything
//! that may be a secret: what is recorded of a person's browser would end up in the repository otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use url::{Position, Url};

use super::endpoint::{Endpoint, Found, LeftOut, name_of};
use crate::model::Placeholder;

/// Bytes of a body that is written into perfgate.toml.
const LARGEST_BODY: usize = 4096;
/// Header fields that say what is asked for, and not who asks.
const HEADERS: [&str; 4] = [
    "accept",
    "accept-language",
    "content-type",
    "x-requested-with",
];
/// Parts of names that secrets have, in small letters.
const SECRETS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "authorization",
    "oauth",
    "credential",
    "session",
    "signature",
    "csrf",
];
/// Names of secrets in a query that are part of many other words.
const SECRETS_OF_QUERIES: [&str; 6] = ["key", "sig", "code", "auth", "sid", "otp"];
/// Letters and digits in a row that may have been drawn by lot. Those of a UUID are twelve at most.
const RANDOM: usize = 24;

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    /// 0 where nothing was answered; some recorders write less.
    status: i64,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    mime_type: String,
}

/// The origin, and its requests.
pub(super) fn found(text: &str) -> Result<(String, Found), String> {
    let har: Har = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let http = |entry: &Entry| {
        let url = Url::parse(&entry.request.url).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(url)
    };
    let entries = har.log.entries.iter();
    let entries: Vec<(Url, &Entry)> = entries
        .filter(|it| !is_static(&it.response.content.mime_type))
        .filter_map(|it| Some((http(it)?, it)))
        .collect();
    let origin = most_frequent(
        entries
            .iter()
            .map(|(url, _)| url.origin().ascii_serialization()),
    );
    let origin = origin.ok_or("it has no request of HTTP but for files that never change")?;
    let mut found = Found::default();
    let mut known = BTreeSet::new();
    for (url, entry) in &entries {
        if url.origin().ascii_serialization() != origin {
            continue;
        }
        let body = entry
            .request
            .post_data
            .as_ref()
            .and_then(|it| it.text.as_ref());
        if !known.insert((&entry.request.method, target(url), body)) {
            continue;
        }
        match endpoint(url, entry) {
            Ok(endpoint) => found.endpoints.push(endpoint),
            Err(why) => found.leave_out(why),
        }
    }
    Ok((origin, found))
}

/// Of equally frequent ones the first.
fn most_frequent(origins: impl Iterator<Item = String>) -> Option<String> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (position, origin) in origins.enumerate() {
        counts.entry(origin).or_insert((0, usize::MAX - position)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(origin, _)| origin)
}

/// What a server gives as it lies on its disk, and what never ends.
fn is_static(mime_type: &str) -> bool {
    let lower = mime_type.to_lowercase();
    let begins = [
        "image/",
        "font/",
        "audio/",
        "video/",
        "text/css",
        "text/event-stream",
    ];
    let holds = ["javascript", "ecmascript", "font", "application/wasm"];
    begins.iter().any(|it| lower.starts_with(it)) || holds.iter().any(|it| lower.contains(it))
}

fn endpoint(url: &Url, entry: &Entry) -> Result<Endpoint, LeftOut> {
    let request = &entry.request;
    let (method, ending) = match request.method.as_str() {
        "GET" => ("GET", ""),
        "POST" => ("POST", "-post"),
        _ => return Err(LeftOut::Method),
    };
    let status = match entry.response.status {
        // Without the header fields that ask whether something is new, it answers the whole.
        304 => 200,
        status => u16::try_from(status).unwrap_or_default(),
    };
    if !(200..400).contains(&status) {
        return Err(LeftOut::Failed);
    }
    let target = target(url);
    let body = if method == "POST" {
        body(request)?
    } else {
        None
    };
    let texts = [Some(target.as_str()), body];
    if has_secret_in_query(url) || texts.into_iter().flatten().any(may_hold_secret) {
        return Err(LeftOut::Secret);
    }
    Ok(Endpoint {
        method,
        headers: headers(request, body.is_some()),
        body: body.map(str::to_owned),
        status,
        ..Endpoint::get(&(name_of(url.path()) + ending), &target)
    })
}

/// Path and query; braces would be placeholders.
fn target(url: &Url) -> String {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    target.replace('{', "%7B").replace('}', "%7D")
}

/// The body of a POST, where it has one.
fn body(request: &Request) -> Result<Option<&str>, LeftOut> {
    let Some(data) = &request.post_data else {
        return Ok(None);
    };
    let text = data.text.as_deref().ok_or(LeftOut::Body)?;
    // What perfgate would put something in place of cannot be sent as recorded.
    let is_filled = [Placeholder::COUNTER, Placeholder::UUID, "{random:"]
        .iter()
        .any(|it| text.contains(it));
    let spaces = [Placeholder::ENV, Placeholder::LOGIN, Placeholder::DATA];
    let is_named = Placeholder::fields_in(text).any(|(space, _)| spaces.contains(&space));
    let is_text = !text.contains('\u{fffd}') && !text.contains('\0');
    if text.len() > LARGEST_BODY || is_filled || is_named || !is_text {
        return Err(LeftOut::Body);
    }
    Ok(Some(text))
}

fn headers(request: &Request, has_body: bool) -> Vec<(String, String)> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let is_plain = |text: &str| text.bytes().all(|it| (b' '..=b'~').contains(&it));
    for header in &request.headers {
        let name = header.name.to_lowercase();
        let is_taken = HEADERS.contains(&name.as_str())
            && (has_body || name != "content-type")
            && is_plain(&header.value)
            && !header.value.contains('{');
        if is_taken {
            headers.insert(name, header.value.clone());
        }
    }
    let mime_type = request.post_data.as_ref().map(|it| it.mime_type.as_str());
    if let Some(mime_type) = mime_type.filter(|it| has_body && !it.is_empty() && is_plain(it)) {
        let mime_type = || mime_type.to_owned();
        headers
            .entry("content-type".into())
            .or_insert_with(mime_type);
    }
    headers.into_iter().collect()
}

fn has_secret_in_query(url: &Url) -> bool {
    url.query_pairs()
        .any(|(name, _)| SECRETS_OF_QUERIES.contains(&name.to_lowercase().as_str()))
}

/// Whether a text names a secret, or holds what looks like one.
fn may_hold_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    let is_random = |word: &str| {
        let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
        word.len() >= RANDOM && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    };
    let mut words = text.split(|it: char| !it.is_ascii_alphanumeric());
    SECRETS.iter().any(|it| lower.contains(it)) || words.any(is_random)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(method: &str, url: &str) -> Value {
        json!({
            "request": { "method": method, "url": url, "headers": [] },
            "response": { "status": 200, "content": { "mimeType": "application/json" } },
        })
    }

    fn with(mut entry: Value, pointer: &str, value: Value) -> Value {
        let (above, name) = pointer.rsplit_once('/').expect("a pointer");
        entry.pointer_mut(above).expect("it is there")[name] = value;
        entry
    }

    fn found_in(entries: &[Value]) -> (String, Found) {
        found(&json!({ "log": { "entries": entries } }).to_string()).expect("it is read")
    }

    fn posted(text: &str) -> Value {
        let data = json!({ "mimeType": "application/json", "text": text });
        with(entry("POST", "https://a.test/x"), "/request/postData", data)
    }

    #[test]
    fn requests_to_the_most_frequent_origin_are_taken_once_each() {
        let image = json!("image/png");
        let (origin, found) = found_in(&[
            entry("GET", "https://other.test/"),
            entry("GET", "https://a.test/x?y={z}#there"),
            entry("GET", "https://a.test/x?y={z}"),
            with(
                entry("GET", "https://b.test/1"),
                "/response/content/mimeType",
                image.clone(),
            ),
            with(
                entry("GET", "https://b.test/2"),
                "/response/content/mimeType",
                image,
            ),
            entry("GET", "wss://b.test/"),
            entry("PUT", "https://a.test/x"),
            with(
                entry("GET", "https://a.test/new"),
                "/response/status",
                json!(304),
            ),
            with(
                entry("GET", "https://a.test/gone"),
                "/response/status",
                json!(404),
            ),
            with(
                entry("GET", "https://a.test/never"),
                "/response/status",
                json!(-1),
            ),
        ]);
        assert_eq!(origin, "https://a.test");
        let paths: Vec<_> = found
            .endpoints
            .iter()
            .map(|it| (it.path.as_str(), it.status))
            .collect();
        assert_eq!(paths, [("/x?y=%7Bz%7D", 200), ("/new", 200)]);
        let left_out = LeftOut::list(&found.left_out);
        assert_eq!(left_out, "2 answered by a failure, 1 of other methods");
    }

    #[test]
    fn a_post_has_its_body_and_only_harmless_header_fields() {
        let headers = json!([
            { "name": ":authority", "value": "a.test" },
            { "name": "Cookie", "value": "sid=hidden" },
            { "name": "Authorization", "value": "Bearer hidden" },
            { "name": "X-Api-Key", "value": "hidden" },
            { "name": "Connection", "value": "keep-alive" },
            { "name": "Content-Length", "value": "7" },
            { "name": "Accept", "value": "application/json" },
        ]);
        let (_, found) = found_in(&[with(posted("{\"a\":1}"), "/request/headers", headers)]);
        let [endpoint] = found.endpoints.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(endpoint.name, "x-post");
        assert_eq!(endpoint.body.as_deref(), Some("{\"a\":1}"));
        let expected = [
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(endpoint.headers, expected);
    }

    #[test]
    fn what_may_be_a_secret_is_left_out() {
        for entry in [
            posted("{\"user\":\"a\",\"Password\":\"b\"}"),
            posted("grant_type=x&refresh_token=y"),
            posted("{\"x\":\"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\"}"),
            entry("GET", "https://a.test/x?key=abc"),
            entry("GET", "https://a.test/x?access_token=abc"),
            entry(
                "GET",
                "https://a.test/invitations/9f86d081884c7d659a2feaa0c55ad015",
            ),
        ] {
            let (_, found) = found_in(std::slice::from_ref(&entry));
            assert!(found.endpoints.is_empty(), "{entry}");
            assert!(found.left_out.contains_key(&LeftOut::Secret), "{entry}");
        }
        let id = "https://a.test/x/123e4567-e89b-12d3-a456-426614174000?author=keyboard";
        let (_, found) = found_in(&[entry("GET", id)]);
        assert_eq!(found.endpoints.len(), 1);
    }

    #[test]
    fn bodies_that_cannot_be_sent_as_recorded_are_left_out() {
        for text in [
            "{counter}",
            "{random:1..2}",
            "{env.HOME}",
            "{login.x}",
            "a\0",
            "\u{fffd}",
        ] {
            let (_, found) = found_in(&[posted(text)]);
            assert!(found.left_out.contains_key(&LeftOut::Body), "{text}");
        }
        let (_, found) = found_in(&[posted(&"x ".repeat(LARGEST_BODY))]);
        assert!(found.left_out.contains_key(&LeftOut::Body));
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let why = |text: &str| found(text).map(|_| ()).expect_err("refused");
        assert!(why("{").contains("EOF"));
        assert!(why("{}").contains("log"));
        assert!(why(r#"{ "log": { "entries": [] } }"#).contains("no request of HTTP"));
    }
}
