//! What is recorded of the first request that failed.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{LONG, OK, WINDOW, job, load, run, run_until, serve, serve_always, serve_once};
use crate::load::Job;
use crate::model::{Failure, FirstFailure, Lenience, Tally};

fn first(tally: Tally) -> FirstFailure {
    tally.first_failure.expect("a request that failed")
}

fn gzipped(text: &str, fields: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    let body = encoder.finish().expect("memory");
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n");
    [head.into_bytes(), body].concat()
}

/// A job of one connection.
fn single(server: &super::Server) -> Job {
    let mut job = job(server.address);
    job.workload.connections = 1;
    job
}

#[test]
fn a_load_without_failures_tells_of_none() {
    let tally = load(&serve_always(OK));
    assert_eq!(tally.first_failure, None);
    assert!(tally.leniences.is_empty());
}

#[test]
fn first_response_of_another_status_is_reported() {
    let body = format!("<h1>Invalid HTTP_HOST\u{1b}[0m</h1>\n{}", "x".repeat(400));
    let length = body.len();
    let wrong = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {length}\r\n\r\n{body}");
    let server = serve(move |_, talk| {
        for number in 0.. {
            if !talk.hears() {
                break;
            }
            talk.says(if number < 3 { OK } else { wrong.as_bytes() });
        }
    });
    let mut job = single(&server);
    job.workload.requests[0].path = "/a?b".into();
    let tally = run_until(6, &job);
    assert_eq!(tally.succeeded, 3);
    let first = first(tally);
    assert_eq!(first.kind, Failure::UnexpectedStatus);
    assert_eq!(first.request, "GET /a?b");
    assert_eq!(
        first.status_line.as_deref(),
        Some("HTTP/1.1 400 Bad Request")
    );
    assert_eq!(first.expected.as_deref(), Some("status 200"));
    assert_eq!(first.found.as_deref(), Some("status 400"));
    let start = "<h1>Invalid HTTP_HOST\\u{1b}[0m</h1>\\nxxx";
    assert!(first.body.starts_with(start), "{}", first.body);
    let escapes = "\\u{1b}\\n".len() - 2;
    assert_eq!(first.body.len(), 300 + escapes);
    assert!(first.after < LONG);
}

#[test]
fn expectation_that_a_body_missed_is_reported() {
    let server = serve_always(OK);
    let mut job = single(&server);
    job.workload.requests[0].expect.contains = Some("low".into());
    let failure = first(run(&job, WINDOW));
    assert_eq!(failure.kind, Failure::BodyMismatch);
    assert_eq!(
        failure.expected.as_deref(),
        Some("a body that contains `low`")
    );
    assert_eq!(failure.found.as_deref(), Some("5 bytes without it"));
    assert_eq!(failure.body, "hello");
}

#[test]
fn length_that_drifted_is_reported_with_the_body() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello!!";
    let server = serve(move |_, talk| {
        for answer in std::iter::once(OK).chain(std::iter::repeat(long.as_bytes())) {
            if !talk.hears() {
                break;
            }
            talk.says(answer);
        }
    });
    let mut job = single(&server);
    job.workload.requests[0].expect.max_size_drift = Some(0.1);
    let failure = first(run(&job, WINDOW));
    assert_eq!(failure.kind, Failure::LengthDrift);
    let expected = "at most 10 % more or less than the 5 bytes of the first body";
    assert_eq!(failure.expected.as_deref(), Some(expected));
    assert_eq!(failure.found.as_deref(), Some("7 bytes"));
    assert_eq!(failure.body, "hello!!");
}

#[test]
fn response_that_is_none_or_breaks_off_is_reported() {
    let garbage = first(load(&serve_always("SSH-2.0-OpenSSH\r\n")));
    assert_eq!(garbage.body, "SSH-2.0-OpenSSH\\r\\n");
    let found = garbage.found.expect("what is wrong");
    assert!(found.contains("does not begin with HTTP/1.1"), "{found}");
    let cut = first(load(&serve_once(&OK[..OK.len() - 1])));
    assert_eq!(cut.kind, Failure::ClosedInBody);
    assert_eq!(cut.status_line.as_deref(), Some("HTTP/1.1 200 OK"));
    assert_eq!(
        (&*cut.body, cut.found.as_deref()),
        ("hell", Some("the end after 4 bytes of the body"))
    );
}

#[test]
fn silence_is_reported_with_the_timeout() {
    let server = serve(|_, talk| while talk.hears() {});
    let mut job = single(&server);
    job.workload.timeout = Duration::from_millis(100);
    let failure = first(run(&job, Duration::from_millis(300)));
    assert_eq!(
        failure.expected.as_deref(),
        Some("a complete response within 100ms")
    );
    assert_eq!(failure.found.as_deref(), Some("nothing"));
}

#[test]
fn refused_connection_is_reported_with_its_cause() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let failure = first(run(&job(socket.local_addr().unwrap()), WINDOW));
    assert_eq!(failure.kind, Failure::ConnectRefused);
    let found = failure.found.expect("a cause");
    assert!(found.contains("refused"), "{found}");
}

#[test]
fn compressed_bodies_are_decoded_before_they_are_looked_into() {
    let text = r#"{"items": [{"id": 7}]}"#;
    let server = serve_always(gzipped(text, "Content-Encoding: gzip\r\n"));
    let mut job = single(&server);
    job.workload.requests[0].expect.contains = Some("items".into());
    job.workload.requests[0].expect.json = vec![("/items/0/id".into(), json!(7))];
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.failed(), 0, "{:?}", tally.first_failure);
    job.workload.requests[0].expect.json = vec![("/items/0/id".into(), json!(8))];
    let failure = first(run(&job, WINDOW));
    assert_eq!(failure.expected.as_deref(), Some("8 at `/items/0/id`"));
    assert_eq!(failure.found.as_deref(), Some("7"));
    assert_eq!(failure.body, text);
}

#[test]
fn coding_without_a_decoder_is_named_with_its_remedy() {
    let server =
        serve_always("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello");
    let mut job = single(&server);
    assert_eq!(run(&job, WINDOW).failed(), 0, "nobody looks into it");
    job.workload.requests[0].expect.contains = Some("hello".into());
    let found = first(run(&job, WINDOW)).found.expect("why");
    assert!(
        found.contains("br") && found.contains("`Accept-Encoding: identity`"),
        "{found}"
    );
}

#[test]
fn lenience_is_noted_once() {
    let server =
        serve_always("HTTP/1.1 200 OK\r\nA : b\r\n c\r\nContent-Length: 5\r\n\r\nhello\r\n");
    let tally = load(&server);
    assert!(tally.succeeded > 4);
    assert_eq!(tally.failed(), 0, "{:?}", tally.first_failure);
    let leniences: Vec<_> = tally.leniences.into_iter().collect();
    assert_eq!(
        leniences,
        [
            Lenience::FoldedLine,
            Lenience::BlankBeforeColon,
            Lenience::LineEndAfterBody
        ]
    );
}
