use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::{OK, Server, WINDOW, assert_only, job, run, run_until, serve, serve_always};
use crate::load::Error;
use crate::model::{Address, Failure, Request};

fn post(path: &str, body: &[u8]) -> Request {
    Request {
        method: "POST".into(),
        body: body.to_vec(),
        ..Request::get(path)
    }
}

/// Answers and keeps the first lines of the requests.
fn recorded() -> (Server, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&lines);
    let server = serve(move |_, talk| {
        while let Some(head) = talk.hears_head() {
            let line = head.lines().next().unwrap_or_default().to_owned();
            shared.lock().unwrap().push(line);
            talk.says(OK);
        }
    });
    (server, lines)
}

#[test]
fn body_is_sent_with_its_length() {
    let server = serve(|_, talk| {
        while let Some(head) = talk.hears_head() {
            let mut body = [0; 7];
            let is_right = head.starts_with("POST /items HTTP/1.1\r\n")
                && head.contains("Content-Length: 7\r\n")
                && talk.stream.read_exact(&mut body).is_ok()
                && &body == b"{\"a\":1}";
            talk.says(if is_right { OK } else { b"wrong" });
        }
    });
    let mut job = job(server.address);
    job.workload.requests = vec![post("/items", b"{\"a\":1}")];
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.failed(), 0, "{:?}", tally.errors);
}

#[test]
fn no_two_requests_have_the_same_counter() {
    let (server, lines) = recorded();
    let mut job = job(server.address);
    job.workload.requests = vec![Request::get("/{counter}/{uuid}")];
    let tally = run(&job, WINDOW);
    let lines = lines.lock().unwrap();
    assert!(tally.succeeded > 1 && lines.len() > 1);
    let different: std::collections::BTreeSet<_> = lines.iter().collect();
    assert_eq!(different.len(), lines.len());
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
}

#[test]
fn requests_take_turns_by_weight() {
    let (server, lines) = recorded();
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests = vec![
        Request {
            weight: 2,
            ..Request::get("/a")
        },
        post("/b", b""),
    ];
    let tally = run_until(30, &job);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len() as u64, tally.started);
    let turn = ["GET /a HTTP/1.1", "POST /b HTTP/1.1", "GET /a HTTP/1.1"];
    for (line, expected) in lines.iter().zip(turn.iter().cycle()) {
        assert_eq!(line, expected);
    }
}

#[test]
fn each_request_has_its_own_expectation() {
    let server = serve_always(OK);
    let mut job = job(server.address);
    let mut other = Request::get("/b");
    other.expect.status = 404;
    job.workload.requests.push(other);
    let tally = run(&job, WINDOW);
    let failed = tally.errors[&Failure::UnexpectedStatus];
    assert_eq!(failed, tally.failed());
    assert!(failed.abs_diff(tally.succeeded) <= 2);
}

#[test]
fn head_has_no_body_whatever_its_length_says() {
    let server = serve_always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let mut job = job(server.address);
    job.workload.requests[0].method = "HEAD".into();
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!((tally.failed(), tally.body_bytes), (0, 0));
}

#[test]
fn json_is_compared_by_pointer() {
    let body = r#"{"items": [{"id": 7}]}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = serve_always(head + body);
    let mut job = job(server.address);
    job.workload.connections = 1;
    let mut expect = |value| {
        job.workload.requests[0].expect.json = vec![("/items/0/id".into(), value)];
        run(&job, WINDOW)
    };
    assert_eq!(expect(json!(7)).failed(), 0);
    assert_only(&expect(json!(8)), Failure::BodyMismatch);
}

#[test]
fn length_may_drift_so_far_from_the_first() {
    let server = serve(|_, talk| {
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello!!";
        for answer in [OK, long.as_bytes()].iter().cycle() {
            if !talk.hears() {
                break;
            }
            talk.says(answer);
        }
    });
    let mut job = job(server.address);
    job.workload.connections = 1;
    let mut drift = |share| {
        job.workload.requests[0].expect.max_size_drift = Some(share);
        run(&job, WINDOW)
    };
    assert_eq!(drift(0.4).failed(), 0);
    let tally = drift(0.3);
    assert_eq!(
        tally.errors.get(&Failure::LengthDrift),
        Some(&tally.failed())
    );
    assert!(tally.failed().abs_diff(tally.succeeded) <= 1);
}

#[test]
fn request_that_might_be_carried_out_twice_is_not_sent_again() {
    let server = serve(|_, talk| {
        // Closed under the second request, not before it.
        if talk.hears() {
            talk.says(OK);
            talk.hears();
        }
    });
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests = vec![post("/", b"")];
    let tally = run(&job, WINDOW);
    assert!(tally.failed() > 0);
    assert_eq!(tally.failed(), tally.started / 2, "each second one");
}

/// Larger than what the sockets' buffers hold.
fn huge() -> Vec<u8> {
    vec![b'x'; 32 * 1024 * 1024]
}

#[test]
fn request_that_cannot_be_sent_whole_is_reported() {
    let server = serve(|_, talk| {
        talk.hears_head();
    });
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests = vec![post("/", &huge())];
    assert_only(&run(&job, WINDOW), Failure::Write);
}

#[test]
fn answer_before_the_end_of_the_request_counts() {
    let server = serve(|_, talk| {
        talk.hears_head();
        talk.says(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n");
        let _ = talk.stream.flush();
        std::thread::sleep(Duration::from_millis(20));
    });
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests = vec![post("/", &huge())];
    job.workload.requests[0].expect.status = 413;
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.failed(), 0, "{:?}", tally.errors);
    assert_eq!(tally.reconnects + 1, tally.started);
}

#[test]
fn name_without_an_address_is_reported() {
    let mut job = job(serve_always(OK).address);
    job.origin.address = Address::Tcp("nowhere.invalid".into(), 80);
    assert_only(&run(&job, WINDOW), Failure::Dns);
}

#[test]
fn name_with_several_addresses_is_tried_until_one_answers() {
    let server = serve_always(OK);
    let mut job = job(server.address);
    job.origin.address = Address::Tcp("localhost".into(), server.address.port());
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.failed(), 0);
}

#[test]
fn plain_server_has_no_tls() {
    let mut job = job(serve_always(OK).address);
    job.origin.transport.tls = Some(crate::model::Tls {
        name: Some("app.test".into()),
        trust: crate::model::Trust::Anyone,
    });
    job.workload.timeout = Duration::from_millis(100);
    let tally = run(&job, WINDOW);
    assert!(tally.failed() > 0);
    assert_eq!(tally.succeeded, 0);
}

#[test]
fn requests_that_cannot_be_sent_stop_the_engine() {
    let mut job = job(serve_always(OK).address);
    job.workload.requests[0].weight = 0;
    let error = crate::load::WorkerPool::connect(&job).unwrap_err();
    assert!(matches!(error, Error::Weights { total: 0 }));
    assert!(error.hint().is_some());
}
