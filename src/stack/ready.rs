//! Readiness by a real request: a log line says nothing about the mapped port.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderValue;
use hyper::http::response;
use hyper::{Request, Response, Uri, header};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::Error;
use super::answer::Answer;
use crate::coding::{Coding, LONGEST};
use crate::dial::Dialer;
use crate::model::{Origin, Ready};
use crate::unique::Unique;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// Most bytes of an answer.
const LARGEST: usize = 256 << 20;
/// Header fields of an answer, as of those under load.
const MOST_FIELDS: usize = 256;
/// Bytes of it that are kept in any case, to be shown.
const SHOWN: usize = 1 << 10;
/// Pause between two looks at whether it has ended: an engine that is asked takes time from what starts.
const LOOK: Duration = Duration::from_millis(200);
/// Longest wait for one answer of a service; beyond the end of the wait, for any answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
/// Times that the same answer must come before it is believed to stay.
const TIMES: u32 = 10;

/// What is waited for.
pub(super) struct Wait<'a> {
    pub(super) name: &'a str,
    pub(super) what: String,
    /// Longest wait for one answer.
    pub(super) timeout: Duration,
    pub(super) within: Duration,
}

/// The last result of a question that got no good answer.
pub(super) enum Last {
    /// No whole answer, and why.
    None(String),
    Wrong(Box<Answer>),
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(why) => f.write_str(why),
            Self::Wrong(answer) => answer.fmt(f),
        }
    }
}

/// The same wrong answer, again and again.
struct Streak {
    answer: Box<Answer>,
    since: Instant,
    times: u32,
}

impl Wait<'_> {
    /// Asks until the answer is good; gives up when `ended` has an error to report, with a wrong
    /// answer that keeps coming, or with the last one when the time is up.
    pub(super) async fn until(
        &self,
        mut ask: impl AsyncFnMut() -> Result<(), Last>,
        mut ended: impl AsyncFnMut() -> Result<Option<Error>, Error>,
        output: impl AsyncFnOnce() -> String,
    ) -> Result<(), Error> {
        let start = Instant::now();
        let mut streak = None;
        let mut next_look = start;
        loop {
            let Err(last) = self.once(&mut ask, start).await else {
                return Ok(());
            };
            if Instant::now() >= next_look {
                if let Some(error) = ended().await? {
                    return Err(error);
                }
                next_look = Instant::now() + LOOK;
            }
            streak = Streak::after(streak, &last);
            let stays = streak.as_ref().is_some_and(|it| it.stays(self.within));
            if stays || start.elapsed() >= self.within {
                return Err(self.error(last, start.elapsed(), output().await));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One question; near the end of the wait it is given less time.
    async fn once(
        &self,
        ask: &mut impl AsyncFnMut() -> Result<(), Last>,
        start: Instant,
    ) -> Result<(), Last> {
        let left = self.within.saturating_sub(start.elapsed());
        let timeout = self.timeout.min(left.max(ANSWER));
        let overdue = |_| Err(Last::None(format!("no answer within {timeout:?}")));
        let answer = tokio::time::timeout(timeout, ask()).await;
        answer.unwrap_or_else(overdue)
    }

    fn error(&self, last: Last, waited: Duration, output: String) -> Error {
        let (name, what) = (self.name.to_owned(), self.what.clone());
        match last {
            Last::None(last) => Error::NotReady {
                name,
                what,
                within: self.within,
                last,
                output,
            },
            Last::Wrong(answer) => Error::WrongAnswer {
                name,
                what,
                waited: Duration::from_millis(waited.as_secs() * 1000 + tenths(waited) * 100),
                answer,
                output,
            },
        }
    }
}

fn tenths(time: Duration) -> u64 {
    u64::from(time.subsec_millis() / 100)
}

impl Streak {
    /// The streak after one more answer.
    fn after(before: Option<Self>, last: &Last) -> Option<Self> {
        let Last::Wrong(answer) = last else {
            return None;
        };
        let same = before.filter(|it| it.answer.repeats(answer));
        Some(same.map_or_else(|| Self::begin(answer), Self::longer))
    }

    fn begin(answer: &Answer) -> Self {
        Self {
            answer: Box::new(answer.clone()),
            since: Instant::now(),
            times: 1,
        }
    }

    fn longer(self) -> Self {
        Self {
            times: self.times + 1,
            ..self
        }
    }

    fn stays(&self, within: Duration) -> bool {
        self.times >= TIMES && self.since.elapsed() >= self.answer.patience(within)
    }
}

/// The request of readiness, sent once over a connection of its own.
pub(super) async fn ask(ready: &Ready, origin: &Origin, dialer: &Dialer) -> Result<(), Last> {
    let kept = if ready.reads_bodies() { LONGEST } else { SHOWN };
    let (head, body) = answer(ready, origin, dialer, kept)
        .await
        .map_err(|error| Last::None(in_full(&*error)))?;
    match Answer::wrong(ready, &head, &body) {
        None => Ok(()),
        Some(wrong) => Err(Last::Wrong(Box::new(wrong))),
    }
}

pub(super) type Problem = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Whole = (response::Parts, Vec<u8>);

/// A response with so many bytes of its body, decoded where there is a decoder.
pub(super) async fn answer(
    ready: &Ready,
    origin: &Origin,
    dialer: &Dialer,
    kept: usize,
) -> Result<Whole, Problem> {
    let request = request(ready, origin)?;
    let stream = TokioIo::new(dialer.open().await?);
    let coded = if origin.transport.http2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
        read_to_end(connection, sender.send_request(request), kept).await
    } else {
        let (mut sender, connection) = lenient().handshake(stream).await?;
        read_to_end(connection, sender.send_request(request), kept).await
    };
    coded.map(|it| decoded(it, kept))
}

/// The same without its coding; unchanged where nobody can tell what the body stands for.
fn decoded((mut head, body): Whole, kept: usize) -> Whole {
    let fields = head.headers.get_all(header::CONTENT_ENCODING);
    let coding = Coding::of_fields(fields.iter().map(HeaderValue::as_bytes));
    let Ok(plain) = coding.decode(&body, body.len() == kept) else {
        return (head, body);
    };
    let plain = plain.into_owned();
    head.headers.remove(header::CONTENT_ENCODING);
    (head, plain)
}

/// What some servers send beside the standard is no reason to wait for them.
fn lenient() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .title_case_headers(true)
        .max_headers(MOST_FIELDS)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    builder
}

/// The request as load sends it.
fn request(ready: &Ready, origin: &Origin) -> Result<Request<Full<Bytes>>, Problem> {
    let is_host = |name: &str| name.eq_ignore_ascii_case(header::HOST.as_str());
    let (hosts, fields): (Vec<_>, Vec<_>) =
        ready.headers.iter().partition(|(name, _)| is_host(name));
    let host = hosts.first().map_or(&origin.authority, |(_, host)| host);
    let unique = Unique::next();
    let path = unique.replaced(&ready.path);
    let body = match std::str::from_utf8(&ready.body) {
        Ok(text) => unique.replaced(text).into_bytes(),
        Err(_) => ready.body.clone(),
    };
    let mut request = Request::builder().method(&*ready.method);
    request = if origin.transport.http2 {
        let uri = Uri::builder().scheme(origin.scheme()).authority(&**host);
        request.uri(uri.path_and_query(path).build()?)
    } else {
        request.uri(path).header(header::HOST, host)
    };
    for (name, value) in fields {
        request = request.header(name, unique.replaced(value));
    }
    let may_lack_body = matches!(&*ready.method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    if !body.is_empty() || !may_lack_body {
        request = request.header(header::CONTENT_LENGTH, body.len());
    }
    Ok(request.body(Full::new(body.into()))?)
}

/// Reads a response to its end while the connection is driven.
async fn read_to_end(
    connection: impl Future<Output = hyper::Result<()>> + Send + 'static,
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
    kept: usize,
) -> Result<Whole, Problem> {
    let connection = tokio::spawn(connection);
    let (head, body) = response.await?.into_parts();
    let body = beginning(body, kept).await?;
    connection.abort();
    Ok((head, body))
}

/// So many bytes of a body, which is read to its end.
async fn beginning(body: Incoming, kept: usize) -> Result<Vec<u8>, Problem> {
    let mut body = Limited::new(body, LARGEST);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(content) = frame?.into_data() {
            let room = kept - bytes.len();
            bytes.extend_from_slice(&content[..content.len().min(room)]);
        }
    }
    Ok(bytes)
}

/// An error with its causes.
pub(super) fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn coded(coding: &str, body: Vec<u8>) -> Whole {
        let response = Response::builder().header(header::CONTENT_ENCODING, coding);
        let (head, ()) = response.body(()).expect("a response").into_parts();
        (head, body)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn a_compressed_answer_is_a_good_one_for_what_is_in_it() {
        let ready = Ready {
            contains: Some("up".into()),
            ..Ready::get("/")
        };
        let is_good = |text: &str| {
            let (head, body) = decoded(coded("gzip", gzip(text)), LONGEST);
            Answer::wrong(&ready, &head, &body).is_none()
        };
        assert!(is_good("it is up"));
        assert!(!is_good("not yet"));
    }

    #[test]
    fn a_coding_without_a_decoder_is_left_as_it_is() {
        let (head, body) = decoded(coded("br", b"X".to_vec()), LONGEST);
        assert!(head.headers.contains_key(header::CONTENT_ENCODING));
        assert_eq!(body, b"X");
    }

    #[test]
    fn of_a_body_that_was_cut_the_start_is_decoded() {
        let text: String = (0..5000).map(|number| number.to_string()).collect();
        let mut body = gzip(&text);
        body.truncate(body.len() / 2);
        let kept = body.len();
        let (_, start) = decoded(coded("gzip", body), kept);
        assert!(!start.is_empty() && text.as_bytes().starts_with(&start));
    }
}
