//! Endpoints and the load on them → workloads.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

use super::resolve::Resolver;
use super::spanned::Spanned;
use super::units::Time;
use super::{Error, LARGEST, file};
use crate::bounded;
use crate::model::{Concurrency, Expect, Request, Workload};

const CONNECTIONS: usize = 50;
const TIMEOUT: Duration = Duration::from_secs(2);

impl Resolver<'_> {
    pub(super) fn workloads(
        &self,
        endpoints: &IndexMap<String, Spanned<file::Endpoint>>,
        load: &file::Load,
    ) -> Result<Vec<(String, Workload)>, Error> {
        if endpoints.is_empty() {
            return Err(self.spans.invalid(
                &(0..0),
                "no endpoint is named",
                Some("add one: [endpoint.health] with path = \"/health\"".into()),
            ));
        }
        endpoints
            .iter()
            .map(|(name, endpoint)| Ok((name.clone(), self.workload(endpoint, load)?)))
            .collect()
    }

    fn workload(
        &self,
        endpoint: &Spanned<file::Endpoint>,
        load: &file::Load,
    ) -> Result<Workload, Error> {
        let own = endpoint.get_ref();
        let connections = own.connections.as_ref().or(load.connections.as_ref());
        let concurrency = match connections {
            Some(_) => Concurrency::Configured,
            None => Concurrency::Adaptive,
        };
        let connections = self.at_least_one(connections, "connections", CONNECTIONS)?;
        let threads = self.at_least_one(load.threads.as_ref(), "threads", 1)?;
        let rate = own.rate.as_ref().or(load.rate.as_ref());
        let timeout = own.timeout.or(load.timeout);
        let requests = self.with_data(self.requests(endpoint)?, endpoint)?;
        let has_rows = own.data.is_some();
        Ok(Workload {
            requests: self.with_random(requests, has_rows, &endpoint.span())?,
            rate: rate.map(|rate| rate.get_ref().0),
            connections,
            concurrency,
            threads: threads.min(connections),
            timeout: timeout.map_or(TIMEOUT, |Time(time)| time),
        })
    }

    /// The endpoint itself, or the requests it lists, which inherit from it.
    fn requests(&self, endpoint: &Spanned<file::Endpoint>) -> Result<Vec<Request>, Error> {
        let own = endpoint.get_ref();
        if own.requests.is_empty() {
            return Ok(vec![
                self.request(&Parts::from_endpoint(own), &endpoint.span())?,
            ]);
        }
        let request = |request: &Spanned<file::Request>| {
            self.request(
                &Parts::from_endpoint(own).with(request.get_ref()),
                &request.span(),
            )
        };
        let requests: Vec<_> = own.requests.iter().map(request).collect::<Result<_, _>>()?;
        if requests.iter().all(|request| request.weight == 0) {
            return Err(self.spans.invalid(
                &endpoint.span(),
                "all requests weigh 0",
                Some("give at least one a weight of 1 or more".into()),
            ));
        }
        Ok(requests)
    }

    pub(super) fn request(&self, parts: &Parts<'_>, span: &Span) -> Result<Request, Error> {
        let path = parts.path.ok_or_else(|| {
            self.spans.invalid(
                span,
                "the request has no path",
                Some("add path = \"/…\"".into()),
            )
        })?;
        let request = Request {
            method: self.method(parts.method)?,
            path: self.target(path)?,
            headers: self.headers(&parts.headers)?,
            body: self.body(parts)?,
            expect: self.expect(&parts.expect)?,
            weight: parts.weight,
        };
        self.takes_what_is_there(&request, span)?;
        Ok(request)
    }

    pub(super) fn method(&self, method: Option<&Spanned<String>>) -> Result<String, Error> {
        let Some(method) = method else {
            return Ok("GET".into());
        };
        let text = method.get_ref();
        if !text.is_empty() && text.bytes().all(is_token) && text != "CONNECT" {
            return Ok(text.clone());
        }
        Err(self.spans.invalid(
            &method.span(),
            format!("`{}` is not a method to measure", text.escape_debug()),
            Some("write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS".into()),
        ))
    }

    fn body(&self, parts: &Parts<'_>) -> Result<Vec<u8>, Error> {
        match (parts.body, parts.body_file) {
            (None, None) => Ok(Vec::new()),
            (Some(text), None) => Ok(text.get_ref().clone().into_bytes()),
            (None, Some(file)) => {
                let path = self.inside(file)?;
                bounded::read(&path, LARGEST).map_err(|error| {
                    self.spans.invalid(
                        &file.span(),
                        format!("`{}` cannot be read: {error}", path.display()),
                        Some("paths start at the folder of this file".into()),
                    )
                })
            }
            (Some(_), Some(file)) => Err(self.spans.invalid(
                &file.span(),
                "the request has both `body` and `body_file`",
                Some("leave one of them out".into()),
            )),
        }
    }

    /// A request target: it becomes part of the request line as it stands.
    pub(super) fn target(&self, path: &Spanned<String>) -> Result<String, Error> {
        let text = path.get_ref();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.starts_with('/') && printable && !text.contains('#') {
            return Ok(text.clone());
        }
        Err(self.spans.invalid(
            &path.span(),
            format!("`{}` is not a request target", text.escape_debug()),
            Some(
                "write a path that begins with / and has blanks and other letters percent-encoded"
                    .into(),
            ),
        ))
    }

    pub(super) fn headers(
        &self,
        headers: &IndexMap<&String, &Spanned<String>>,
    ) -> Result<Vec<(String, String)>, Error> {
        let value_byte = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        let check = |(name, value): (&&String, &&Spanned<String>)| {
            let is_field = !name.is_empty()
                && name.bytes().all(is_token)
                && value.get_ref().bytes().all(value_byte);
            let decides_length = ["content-length", "transfer-encoding"]
                .iter()
                .any(|field| name.eq_ignore_ascii_case(field));
            let invalid = |what: &str, hint: &str| {
                let name = name.escape_debug();
                let message = format!("`{name}` {what}");
                Err(self
                    .spans
                    .invalid(&value.span(), message, Some(hint.into())))
            };
            match (is_field, decides_length) {
                (false, _) => invalid(
                    "is not a header field",
                    "names are tokens, values are printable ASCII",
                ),
                (true, true) => invalid("follows from the body", "leave the field out"),
                (true, false) => Ok(((*name).clone(), value.get_ref().clone())),
            }
        };
        headers.iter().map(check).collect()
    }

    fn expect(&self, expect: &file::Expect) -> Result<Expect, Error> {
        let json = expect.json.iter();
        Ok(Expect {
            status: self.status(expect.status.as_ref())?,
            contains: expect.contains.clone().filter(|text| !text.is_empty()),
            json: json
                .map(|(pointer, value)| self.json(pointer, value))
                .collect::<Result<_, _>>()?,
            max_size_drift: expect.max_size_drift.as_ref().map(|it| it.get_ref().share),
        })
    }

    pub(super) fn status(&self, status: Option<&Spanned<u16>>) -> Result<u16, Error> {
        match status {
            None => Ok(Expect::default().status),
            Some(status) if (200..600).contains(status.get_ref()) => Ok(*status.get_ref()),
            Some(status) => Err(self.spans.invalid(
                &status.span(),
                format!(
                    "`{}` is not the status of a final response",
                    status.get_ref()
                ),
                Some("write a status from 200 to 599".into()),
            )),
        }
    }

    fn json(
        &self,
        pointer: &Spanned<String>,
        value: &Spanned<toml::Value>,
    ) -> Result<(String, Value), Error> {
        let text = pointer.get_ref();
        if !text.is_empty() && !text.starts_with('/') {
            return Err(self.spans.invalid(
                &pointer.span(),
                format!("`{text}` is not a JSON pointer"),
                Some("write \"/items/0/id\"; \"\" is the whole document".into()),
            ));
        }
        json_value(value.get_ref())
            .map(|value| (text.clone(), value))
            .ok_or_else(|| {
                self.spans.invalid(
                    &value.span(),
                    "JSON has no such value",
                    Some("write a text, a number, true or false, a list or a table".into()),
                )
            })
    }
}

type Span = std::ops::Range<usize>;

/// A request as written, with what it inherits.
#[derive(Clone)]
pub(super) struct Parts<'a> {
    path: Option<&'a Spanned<String>>,
    method: Option<&'a Spanned<String>>,
    headers: IndexMap<&'a String, &'a Spanned<String>>,
    body: Option<&'a Spanned<String>>,
    body_file: Option<&'a Spanned<PathBuf>>,
    expect: file::Expect,
    weight: u32,
}

impl<'a> Parts<'a> {
    fn from_endpoint(endpoint: &'a file::Endpoint) -> Self {
        Self {
            path: endpoint.path.as_ref(),
            method: endpoint.method.as_ref(),
            headers: endpoint.headers.iter().collect(),
            body: endpoint.body.as_ref(),
            body_file: endpoint.body_file.as_ref(),
            expect: endpoint.expect.clone(),
            weight: 1,
        }
    }

    pub(super) fn of_login(login: &'a file::Login) -> Self {
        Self {
            path: login.path.as_ref(),
            method: login.method.as_ref(),
            headers: login.headers.iter().collect(),
            body: login.body.as_ref(),
            body_file: login.body_file.as_ref(),
            expect: login.expect.clone(),
            weight: 1,
        }
    }

    /// The same with what a request of its own says.
    fn with(self, request: &'a file::Request) -> Self {
        let own_body = request.body.is_some() || request.body_file.is_some();
        let inherited = (!own_body).then_some((self.body, self.body_file));
        let (body, body_file) = inherited.unwrap_or_default();
        let mut headers = self.headers;
        // Names of header fields are the same in every case, RFC 9110, section 5.1.
        let is_own = |name: &str| {
            let mut own = request.headers.keys();
            own.any(|it| it.eq_ignore_ascii_case(name))
        };
        headers.retain(|name, _| !is_own(name));
        headers.extend(&request.headers);
        Self {
            path: request.path.as_ref().or(self.path),
            method: request.method.as_ref().or(self.method),
            headers,
            body: request.body.as_ref().or(body),
            body_file: request.body_file.as_ref().or(body_file),
            expect: inherit(self.expect, &request.expect),
            weight: request.weight.as_ref().map_or(1, |it| *it.get_ref()),
        }
    }
}

fn inherit(expect: file::Expect, own: &file::Expect) -> file::Expect {
    let own = own.clone();
    let mut json = expect.json;
    json.extend(own.json);
    file::Expect {
        status: own.status.or(expect.status),
        contains: own.contains.or(expect.contains),
        json,
        max_size_drift: own.max_size_drift.or(expect.max_size_drift),
    }
}

/// The letters of a token, RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The JSON of a TOML value; nothing for times and for numbers that are none.
fn json_value(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(Value::from(text.as_str())),
        toml::Value::Integer(number) => Some(Value::from(*number)),
        toml::Value::Float(number) => serde_json::Number::from_f64(*number).map(Value::Number),
        toml::Value::Boolean(value) => Some(Value::from(*value)),
        toml::Value::Datetime(_) => None,
        toml::Value::Array(values) => values.iter().map(json_value).collect(),
        toml::Value::Table(table) => {
            let member =
                |(name, value): (&String, &toml::Value)| Some((name.clone(), json_value(value)?));
            let members: Option<serde_json::Map<_, _>> = table.iter().map(member).collect();
            members.map(Value::Object)
        }
    }
}
