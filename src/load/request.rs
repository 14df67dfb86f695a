//! The requests of a workload. Takes them and the origin, gives what connections send again and
//! again, in the order in which the requests take turns, and promises that each is one
//! well-formed request.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Uri};

use super::Error;
use crate::model::{Expect, Origin, Request};
use crate::unique::{self, Slots, Unique};

/// The requests of a workload, ready to be sent.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) requests: Vec<Prepared>,
    /// Indices of the requests in the order of their turns.
    turns: Vec<usize>,
}

/// One request in the form that is sent.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) http1: Vec<u8>,
    /// Where values belong that differ each time.
    pub(super) unique: Slots,
    /// `None` if HTTP/1 is spoken.
    http2: Option<hyper::Request<Bytes>>,
    /// Whether its response has no body, whatever the header fields say.
    pub(super) is_head: bool,
    /// Whether sending it twice is the same as once, RFC 9110, section 9.2.2.
    pub(super) is_idempotent: bool,
    pub(super) expect: Expect,
}

/// Turns after which the order begins again; heavier weights would not be met exactly.
const MOST_TURNS: u64 = 100_000;

impl Script {
    pub(super) fn new(requests: &[Request], origin: &Origin) -> Result<Self, Error> {
        let weights: Vec<_> = requests.iter().map(|request| request.weight).collect();
        let turns = turns(&weights)?;
        let prepare = |request| Prepared::new(request, origin);
        Ok(Self {
            requests: requests.iter().map(prepare).collect::<Result<_, _>>()?,
            turns,
        })
    }

    /// The index of the request whose turn it is.
    pub(super) fn turn(&self, number: usize) -> usize {
        self.turns[number % self.turns.len()]
    }
}

/// The smoothest order in which each request comes as often as it weighs: in each turn all gain
/// their weight, and the one that has most goes and pays the sum (smooth weighted round-robin,
/// as in nginx). Equal weights give plain round-robin.
fn turns(weights: &[u32]) -> Result<Vec<usize>, Error> {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if total == 0 || total > MOST_TURNS {
        return Err(Error::Weights { total });
    }
    if weights.iter().all(|weight| *weight == weights[0]) {
        return Ok((0..weights.len()).collect());
    }
    let mut credit = vec![0_i64; weights.len()];
    let turn = |_| {
        for (credit, weight) in credit.iter_mut().zip(weights) {
            *credit += i64::from(*weight);
        }
        let most = credit.iter().copied().max().unwrap_or_default();
        let next = credit.iter().position(|credit| *credit == most);
        let next = next.unwrap_or_default();
        credit[next] -= total.cast_signed();
        next
    };
    Ok((0..total).map(turn).collect())
}

impl Prepared {
    fn new(request: &Request, origin: &Origin) -> Result<Self, Error> {
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT)
            .ok_or_else(|| Error::Method {
                method: request.method.clone(),
            })?;
        let request = &unique::with_stand_ins(request);
        let fields = fields(request, origin)?;
        check_path(&request.path)?;
        let http2 = || http2(request, &method, &fields, origin);
        let http1 = http1(request, &fields);
        Ok(Self {
            unique: Slots::from_request(&http1),
            http1,
            http2: origin.transport.http2.then(http2).transpose()?,
            is_head: method == Method::HEAD,
            is_idempotent: method.is_idempotent(),
            expect: request.expect.clone(),
        })
    }

    /// Method and path.
    pub(super) fn name(&self) -> String {
        let line = self.http1.split(|byte| *byte == b'\r').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        unique::with_placeholders(line.trim_end_matches(" HTTP/1.1"))
    }

    /// What is sent over HTTP/2.
    pub(super) fn http2(&self) -> hyper::Request<Full<Bytes>> {
        let mut request = self.http2.clone().expect("prepared for HTTP/2");
        if !self.unique.is_empty() {
            fill(&mut request, Unique::next());
        }
        request.map(Full::new)
    }
}

/// Writes a value over stand-ins, which leaves every part as well-formed as it was.
fn fill(request: &mut hyper::Request<Bytes>, value: Unique) {
    let uri = request.uri().to_string();
    let uri = Uri::try_from(value.filled(uri.as_bytes()));
    *request.uri_mut() = uri.expect("digits and hyphens in place of others");
    for field in request.headers_mut().values_mut() {
        let filled = HeaderValue::from_bytes(&value.filled(field.as_bytes()));
        *field = filled.expect("digits and hyphens in place of others");
    }
    *request.body_mut() = value.filled(request.body()).into();
}

type Fields = Vec<(HeaderName, HeaderValue)>;

/// The header fields: `Host` first, then the request's own, then the length of a body.
fn fields(request: &Request, origin: &Origin) -> Result<Fields, Error> {
    let mut fields = Fields::new();
    for (name, value) in &request.headers {
        let invalid = || Error::Header { name: name.clone() };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        match name.as_str() {
            "content-length" | "transfer-encoding" => {
                return Err(Error::Framing {
                    name: name.to_string(),
                });
            }
            "host" => fields.insert(0, (name, value)),
            _ => fields.push((name, value)),
        }
    }
    if fields.first().is_none_or(|(name, _)| name != "host") {
        let host = HeaderValue::from_str(&origin.authority).map_err(|_| Error::Header {
            name: "host".into(),
        })?;
        fields.insert(0, (hyper::header::HOST, host));
    }
    let may_lack_body = matches!(
        request.method.as_str(),
        "GET" | "HEAD" | "DELETE" | "OPTIONS"
    );
    if !request.body.is_empty() || !may_lack_body {
        let length = HeaderValue::from(request.body.len());
        fields.push((hyper::header::CONTENT_LENGTH, length));
    }
    Ok(fields)
}

fn check_path(path: &str) -> Result<(), Error> {
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::Path { path: path.into() })
}

fn http1(request: &Request, fields: &Fields) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    for (name, value) in fields {
        bytes.extend([title_case(name.as_str()).as_bytes(), b": "].concat());
        bytes.extend(value.as_bytes());
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"\r\n");
    bytes.extend(&request.body);
    bytes
}

/// The customary spelling of a field's name, which some HTTP/1 servers insist on.
fn title_case(name: &str) -> String {
    let mut starts = true;
    let letter = |letter: char| {
        let is_first = std::mem::replace(&mut starts, letter == '-');
        if is_first {
            letter.to_ascii_uppercase()
        } else {
            letter
        }
    };
    name.chars().map(letter).collect()
}

fn http2(
    request: &Request,
    method: &Method,
    fields: &Fields,
    origin: &Origin,
) -> Result<hyper::Request<Bytes>, Error> {
    let (host, rest) = fields.split_first().expect("the host is always there");
    let unusable = || Error::Path {
        path: request.path.clone(),
    };
    let authority = Authority::try_from(host.1.as_bytes()).map_err(|_| Error::Header {
        name: "host".into(),
    })?;
    let uri = Uri::builder()
        .scheme(origin.scheme())
        .authority(authority)
        .path_and_query(&*request.path)
        .build()
        .map_err(|_| unusable())?;
    let mut prepared = hyper::Request::new(Bytes::from(request.body.clone()));
    *prepared.method_mut() = method.clone();
    *prepared.uri_mut() = uri;
    *prepared.version_mut() = hyper::Version::HTTP_2;
    prepared.headers_mut().extend(
        rest.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Ok(prepared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Transport};

    fn prepare(request: &Request) -> Result<Prepared, Error> {
        let origin = Origin {
            address: Address::Tcp("127.0.0.1".into(), 1),
            authority: "app.test".into(),
            transport: Transport {
                http2: true,
                tls: None,
            },
        };
        Prepared::new(request, &origin)
    }

    fn text(request: &Request) -> String {
        let prepared = prepare(request).expect("a request");
        String::from_utf8(prepared.http1).expect("requests are text")
    }

    fn with_headers(headers: &[(&str, &str)]) -> Request {
        let owned = headers.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        Request {
            headers: owned.collect(),
            ..Request::get("/")
        }
    }

    #[test]
    fn request_has_host_and_fields_in_order() {
        let request = Request {
            path: "/a?b=c".into(),
            ..with_headers(&[("Accept", "*/*"), ("X-Id", "7")])
        };
        assert_eq!(
            text(&request),
            "GET /a?b=c HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\nX-Id: 7\r\n\r\n"
        );
    }

    #[test]
    fn own_host_replaces_the_default() {
        let request = with_headers(&[("A", "b"), ("host", "other")]);
        assert_eq!(
            text(&request),
            "GET / HTTP/1.1\r\nHost: other\r\nA: b\r\n\r\n"
        );
        let http2 = prepare(&request).expect("a request").http2();
        assert_eq!(http2.uri(), "http://other/");
        assert!(!http2.headers().contains_key("host"));
    }

    #[test]
    fn what_is_unique_differs_in_every_part_and_keeps_its_length() {
        let request = Request {
            path: "/{counter}".into(),
            body: b"{uuid}".to_vec(),
            ..with_headers(&[("X-Id", "{counter}")])
        };
        let prepared = prepare(&request).expect("a request");
        let [first, second] = [prepared.http2(), prepared.http2()];
        assert_ne!(first.uri(), second.uri());
        let number = first.uri().path().trim_start_matches('/').to_owned();
        assert_eq!(number.len(), 16);
        assert_eq!(first.headers()["x-id"], number.as_str());
        assert_eq!(first.headers()["content-length"], "36");
        assert_eq!(prepared.name(), "GET /{counter}");
    }

    #[test]
    fn body_has_its_length() {
        let mut request = Request {
            method: "POST".into(),
            body: b"{}".to_vec(),
            ..Request::get("/")
        };
        let head = "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: ";
        assert_eq!(text(&request), format!("{head}2\r\n\r\n{{}}"));
        request.body.clear();
        assert_eq!(text(&request), format!("{head}0\r\n\r\n"));
    }

    #[test]
    fn request_cannot_be_split_by_its_parts() {
        for path in ["", "a", "/a b", "/a\r\nX: y", "/ü"] {
            let result = prepare(&Request::get(path));
            assert!(matches!(result, Err(Error::Path { .. })), "{path:?}");
        }
        for field in [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\ny: z")] {
            let result = prepare(&with_headers(&[field]));
            assert!(matches!(result, Err(Error::Header { .. })), "{field:?}");
        }
        let result = prepare(&with_headers(&[("Host", "a b")]));
        assert!(matches!(result, Err(Error::Header { .. })));
        let result = prepare(&with_headers(&[("Content-Length", "1")]));
        assert!(matches!(result, Err(Error::Framing { .. })));
        for method in ["", "GET /", "CONNECT"] {
            let result = prepare(&Request {
                method: method.into(),
                ..Request::get("/")
            });
            assert!(matches!(result, Err(Error::Method { .. })), "{method:?}");
        }
    }

    #[test]
    fn turns_follow_the_weights_smoothly() {
        assert_eq!(turns(&[1, 1, 1]).unwrap(), [0, 1, 2]);
        assert_eq!(turns(&[5, 1, 1]).unwrap(), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&[2, 0]).unwrap(), [0, 0]);
        assert!(turns(&[0, 0]).is_err());
        assert!(turns(&[u32::MAX, 1]).is_err());
    }
}
