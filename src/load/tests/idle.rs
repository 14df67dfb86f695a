//! Connections that a server closes while no request is in flight.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{OK, Server, Talk, job, run, serve};
use crate::load::{Job, WorkerPool};
use crate::model::{Rate, Request, Tally};

/// Each connection rests for 400 ms between two requests that must not be sent twice.
fn rested(server: &Server) -> Job {
    let mut job = job(server.address);
    job.workload.requests = vec![Request {
        method: "POST".into(),
        ..Request::get("/")
    }];
    job.workload.rate = Some(Rate {
        from: 10.0,
        to: 10.0,
    });
    job
}

/// A server that answers one request of each connection and then does something.
fn serve_and(then: impl Fn(&mut Talk) + Send + Sync + 'static) -> Server {
    serve(move |_, talk| {
        if talk.hears() {
            talk.says(OK);
            then(talk);
        }
    })
}

/// Asserts that every connection had one request, and none was lost or sent twice.
fn assert_replaced(server: &Server, tally: &Tally) {
    assert_eq!(tally.started, 10);
    assert_eq!(tally.succeeded, 10, "{:?}", tally.errors);
    assert_eq!(server.seen.requests(), 10);
    assert_eq!(server.seen.connections(), 10);
    assert_eq!(tally.reconnects, 6, "four connections were open before");
    assert_eq!(tally.closed_by_server, 6);
}

#[test]
fn connection_closed_while_idle_is_replaced_before_a_request_is_written() {
    let server = serve_and(|_| {});
    let tally = run(&rested(&server), Duration::from_secs(1));
    assert_replaced(&server, &tally);
    assert_eq!(tally.first_failure, None);
}

#[test]
fn a_word_before_the_end_of_an_idle_connection_is_no_response() {
    let server = serve_and(|talk| {
        // At once it would be bytes behind the end of the response.
        thread::sleep(Duration::from_millis(50));
        talk.says(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    });
    let tally = run(&rested(&server), Duration::from_secs(1));
    assert_replaced(&server, &tally);
    assert_eq!(tally.status.get(&408), None);
}

#[test]
fn connection_reset_while_idle_is_replaced() {
    let server = serve(|_, talk| {
        // What comes behind the body is not read, and so resets the connection.
        if talk.hears() {
            talk.says(OK);
        }
    });
    let mut job = rested(&server);
    job.workload.requests[0].body = b"{}".to_vec();
    let tally = run(&job, Duration::from_secs(1));
    assert_replaced(&server, &tally);
}

#[test]
fn end_of_a_line_on_an_idle_connection_leaves_it_usable() {
    let server = serve(|_, talk| {
        while talk.hears() {
            talk.says(OK);
            talk.says(b"\r\n");
        }
    });
    let tally = run(&rested(&server), Duration::from_secs(1));
    assert_eq!(tally.succeeded, 10, "{:?}", tally.errors);
    assert_eq!((tally.reconnects, server.seen.connections()), (0, 4));
    assert!(
        tally
            .leniences
            .contains(&crate::model::Lenience::LineEndAfterBody)
    );
}

/// A server of one thread: it answers one request of each connection in the order that they were opened in.
fn one_at_a_time() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            if stream.read(&mut request).is_ok_and(|read| read > 0) {
                let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
                // Whoever has given up reads no more.
                let _ = stream.write_all(close.as_bytes());
            }
        }
    });
    address
}

/// Requests that failed in three turns, each of fewer requests than there are connections.
fn failed_in_turns(opens_ahead: bool) -> u64 {
    let mut job = job(one_at_a_time());
    job.opens_ahead = opens_ahead;
    job.workload.timeout = Duration::from_millis(500);
    job.workload.connections = 16;
    job.workload.rate = Some(Rate {
        from: 60.0,
        to: 60.0,
    });
    let pool = WorkerPool::connect(&job).expect("it starts");
    let turn = |_| {
        pool.take_turn(Duration::from_millis(100), None, &Arc::default())
            .expect("it runs")
    };
    (0..3)
        .map(turn)
        .map(|tally| tally.started - tally.succeeded)
        .sum()
}

const TRIES: usize = 40;

#[test]
fn connections_that_are_not_opened_ahead_block_no_server_that_serves_one_at_a_time() {
    assert_eq!(failed_in_turns(false), 0);
    // On a busy machine a turn may end before the server comes to one that is idle.
    let waits = (0..TRIES).any(|_| failed_in_turns(true) > 0);
    assert!(waits, "the server waits on those that are idle");
}
