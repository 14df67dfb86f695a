use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

mod failures;
mod idle;
mod open_loop;
mod requests;

use super::{Error, Job, Meter, WorkerPool};
use crate::model::{Address, Concurrency, Failure, Origin, Request, Tally, Transport, Workload};

const WINDOW: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(60);
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A server on a free port, with what it saw.
struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicU64,
    requests: AtomicU64,
    closed: AtomicU64,
}

/// One connection as its script sees it.
struct Talk {
    stream: TcpStream,
    seen: Arc<Seen>,
}

impl Talk {
    /// Reads the head of one request; false at the end of the connection.
    fn hears(&mut self) -> bool {
        self.hears_head().is_some()
    }

    fn hears_head(&mut self) -> Option<String> {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => request.push(byte[0]),
                _ => return None,
            }
        }
        self.seen.requests.fetch_add(1, Ordering::SeqCst);
        String::from_utf8(request).ok()
    }

    fn says(&mut self, bytes: &[u8]) {
        // The generator may have given up.
        let _ = self.stream.write_all(bytes);
    }
}

impl Seen {
    fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Waits until so many connections are closed.
    fn closes(&self, connections: u64) {
        let start = Instant::now();
        while self.closed.load(Ordering::SeqCst) < connections {
            assert!(start.elapsed() < LONG, "connections stay open");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Serves each connection by a script, which gets the number of those before it.
fn serve(script: impl Fn(u64, &mut Talk) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    let server = Server {
        address,
        seen: Arc::clone(&seen),
    };
    let script = Arc::new(script);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let before = seen.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
            let stream = stream.unwrap();
            thread::spawn(move || {
                let mut talk = Talk { stream, seen };
                script(before, &mut talk);
                talk.seen.closed.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    server
}

/// Answers every request with the same bytes.
fn serve_always(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    serve(move |_, talk| {
        while talk.hears() {
            talk.says(&answer);
        }
    })
}

/// Answers one request per connection and then closes it.
fn serve_once(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    serve(move |_, talk| {
        if talk.hears() {
            talk.says(&answer);
        }
    })
}

fn job(address: SocketAddr) -> Job {
    Job {
        workload: Workload {
            requests: vec![Request::get("/")],
            rate: None,
            connections: 4,
            concurrency: Concurrency::Configured,
            threads: 2,
            timeout: Duration::from_secs(10),
        },
        origin: Origin {
            address: Address::Tcp(address.ip().to_string(), address.port()),
            authority: "app.test".into(),
            transport: Transport::default(),
        },
        cores: Vec::new(),
        opens_ahead: true,
        worker: None,
    }
}

fn run(job: &Job, window: Duration) -> Tally {
    run_with(&Arc::new(Meter::new()), job, window)
}

/// Runs until at least so many requests are completed.
fn run_until(completed: u64, job: &Job) -> Tally {
    let meter = Arc::new(Meter::new());
    let progress = Arc::clone(&meter);
    let observer = thread::spawn(move || {
        while progress.completed() < completed {
            thread::sleep(Duration::from_millis(5));
        }
        progress.stop();
    });
    let tally = run_with(&meter, job, LONG);
    observer.join().unwrap();
    tally
}

fn run_with(meter: &Arc<Meter>, job: &Job, window: Duration) -> Tally {
    let tally = WorkerPool::connect(job)
        .unwrap()
        .run(window, meter)
        .unwrap();
    assert!(tally.is_balanced());
    assert_eq!(tally.latency.len(), tally.completed());
    assert_eq!(meter.completed(), tally.completed());
    assert!(tally.succeeded_in_window <= tally.succeeded);
    tally
}

fn load(server: &Server) -> Tally {
    run(&job(server.address), WINDOW)
}

/// Asserts that requests failed, and all in one way.
fn assert_only(tally: &Tally, failure: Failure) {
    assert!(tally.failed() > 0, "{failure:?}");
    assert_eq!(
        tally.errors.get(&failure),
        Some(&tally.failed()),
        "{:?}",
        tally.errors
    );
    assert_eq!(tally.succeeded, 0);
}

#[test]
fn server_counts_the_same_responses() {
    let server = serve_always(OK);
    let mut job = job(server.address);
    job.workload.connections = 5;
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.succeeded, tally.started);
    assert_eq!(server.seen.requests(), tally.started);
    assert_eq!(server.seen.connections(), 5);
    assert_eq!(tally.connect.len(), 5);
    assert_eq!(tally.reconnects, 0);
    assert_eq!(tally.status.get(&200), Some(&tally.succeeded));
    assert_eq!(tally.body_bytes, 5 * tally.succeeded);
    assert_eq!(tally.bytes, OK.len() as u64 * tally.succeeded);
    assert_eq!(tally.window, WINDOW);
    assert!(tally.generator_cpu > Duration::ZERO);
}

#[test]
fn nothing_is_sent_before_the_window_and_all_is_closed_after_it() {
    let server = serve_always(OK);
    let pool = WorkerPool::connect(&job(server.address)).unwrap();
    assert_eq!(server.seen.requests(), 0);
    let tally = pool.run(WINDOW, &Arc::new(Meter::new())).unwrap();
    server.seen.closes(4);
    assert_eq!(server.seen.requests(), tally.started);
}

#[test]
fn crew_that_never_runs_closes_its_connections() {
    let server = serve_always(OK);
    drop(WorkerPool::connect(&job(server.address)).unwrap());
    server.seen.closes(4);
    assert_eq!(server.seen.requests(), 0);
}

#[test]
fn request_is_sent_as_serialised() {
    let server = serve(|_, talk| {
        let expected = b"GET /a?b HTTP/1.1\r\nHost: app.test\r\nX-Id: 7\r\n\r\n";
        let mut request = vec![0; expected.len()];
        while talk.stream.read_exact(&mut request).is_ok() && request == expected {
            talk.says(OK);
        }
    });
    let mut job = job(server.address);
    job.workload.requests[0].path = "/a?b".into();
    job.workload.requests[0].headers = vec![("X-Id".into(), "7".into())];
    let tally = run(&job, WINDOW);
    assert!(tally.succeeded > 0);
    assert_eq!(tally.failed(), 0);
}

#[test]
fn silence_is_a_timeout_recorded_at_the_time_waited() {
    let server = serve(|_, talk| while talk.hears() {});
    let mut job = job(server.address);
    job.workload.timeout = Duration::from_millis(100);
    let tally = run(&job, Duration::from_millis(500));
    assert_only(&tally, Failure::Timeout);
    assert!(tally.latency.min() >= 99_000_000);
    assert!(
        tally.reconnects > 0,
        "an overdue connection is not used again"
    );
}

#[test]
fn response_later_than_the_timeout_is_a_timeout() {
    let server = serve(|_, talk| {
        while talk.hears() {
            thread::sleep(Duration::from_millis(110));
            talk.says(OK);
        }
    });
    let mut job = job(server.address);
    job.workload.timeout = Duration::from_millis(100);
    assert_only(&run(&job, WINDOW), Failure::Timeout);
}

#[test]
fn body_without_end_is_a_timeout() {
    let server = serve(|_, talk| {
        while talk.hears() {
            talk.says(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
        }
    });
    let mut job = job(server.address);
    job.workload.timeout = Duration::from_millis(100);
    let tally = run(&job, WINDOW);
    assert_only(&tally, Failure::Timeout);
    assert_eq!(tally.body_bytes, 0);
    assert!(tally.bytes > 0);
}

#[test]
fn garbage_is_unparsable() {
    assert_only(
        &load(&serve_always("SSH-2.0-OpenSSH\r\n")),
        Failure::Unparsable,
    );
}

#[test]
fn bytes_after_the_response_are_unparsable() {
    assert_only(&load(&serve_always([OK, OK].concat())), Failure::Unparsable);
}

#[test]
fn end_inside_the_head_is_reported() {
    assert_only(
        &load(&serve_once("HTTP/1.1 200 OK\r\nCont")),
        Failure::ClosedInHead,
    );
}

#[test]
fn end_inside_the_body_is_reported() {
    assert_only(
        &load(&serve_once(&OK[..OK.len() - 1])),
        Failure::ClosedInBody,
    );
}

#[test]
fn end_without_a_response_is_reported_after_one_retry() {
    let server = serve_once("");
    let tally = load(&server);
    assert_only(&tally, Failure::Closed);
    assert_eq!(
        server.seen.requests(),
        tally.started + 4,
        "only the four connections opened before the window are retried"
    );
    assert_eq!(tally.reconnects, tally.started);
}

#[test]
fn reset_is_reported() {
    // Closing with unread bytes resets the connection.
    let server = serve(|_, talk| {
        let _ = talk.stream.peek(&mut [0]);
    });
    assert_only(&load(&server), Failure::Reset);
}

#[test]
fn dead_server_refuses_without_a_spin() {
    // Bound and not listening: the port refuses, and no other test is given it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let tally = run(&job(socket.local_addr().unwrap()), WINDOW);
    assert_only(&tally, Failure::ConnectRefused);
    assert!(tally.started <= 4 * 16, "{} requests", tally.started);
    assert_eq!(tally.connect.len(), 0);
    assert_eq!(tally.reconnects, 0);
}

#[test]
fn full_backlog_is_a_connect_timeout() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(1).unwrap()
    });
    let mut job = job(listener.local_addr().unwrap());
    job.workload.timeout = Duration::from_millis(100);
    let tally = run(&job, WINDOW);
    assert_eq!(tally.succeeded, 0);
    assert!(
        tally.errors.contains_key(&Failure::ConnectTimeout),
        "{:?}",
        tally.errors
    );
    drop(listener);
}

#[test]
fn other_status_is_reported_and_keeps_the_connection() {
    let server = serve_always("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    let tally = load(&server);
    assert_only(&tally, Failure::UnexpectedStatus);
    assert_eq!(tally.status.get(&503), Some(&tally.failed()));
    assert_eq!(tally.reconnects, 0);
}

#[test]
fn expected_text_is_looked_for_on_each_256th_response_and_then_on_all() {
    let server = serve(|_, talk| {
        let right = OK;
        let wrong = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsorry";
        for answer in std::iter::once(right).chain(std::iter::repeat(&wrong[..])) {
            if !talk.hears() {
                break;
            }
            talk.says(answer);
        }
    });
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests[0].expect.contains = Some("ell".into());
    let tally = run_until(600, &job);
    assert_eq!(tally.succeeded, 256);
    assert_eq!(
        tally.errors.get(&Failure::BodyMismatch),
        Some(&tally.failed())
    );
    assert_eq!(tally.reconnects, 0);
}

#[test]
fn first_response_without_the_text_is_a_mismatch() {
    let server = serve_once("HTTP/1.0 200 OK\r\n\r\nsorry");
    let mut job = job(server.address);
    job.workload.connections = 1;
    job.workload.requests[0].expect.contains = Some("hello".into());
    assert_only(&run(&job, WINDOW), Failure::BodyMismatch);
}

#[test]
fn close_after_each_response_is_a_reconnect_and_no_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let server = serve_once(answer);
        let tally = load(&server);
        assert!(tally.succeeded > 4, "{answer}");
        assert_eq!(
            tally.succeeded, tally.started,
            "{answer}: {:?}",
            tally.errors
        );
        assert_eq!(server.seen.requests(), tally.started, "{answer}");
        assert_eq!(tally.reconnects, tally.started - 4, "{answer}");
        // Nobody looks whether the last connection of a slot was closed without a word.
        assert!(tally.closed_by_server >= tally.reconnects, "{answer}");
        assert_eq!(tally.connect.len(), tally.started, "{answer}");
        assert_eq!(tally.body_bytes, 5 * tally.started, "{answer}");
    }
}

#[test]
fn request_on_a_connection_closed_meanwhile_is_retried() {
    // Every other connection is closed before its second request is answered.
    let server = serve(|before, talk| {
        let mut answers = if before % 2 == 0 { 1 } else { u64::MAX };
        while talk.hears() && answers > 0 {
            answers -= 1;
            talk.says(OK);
        }
    });
    let tally = load(&server);
    assert_eq!(tally.succeeded, tally.started, "{:?}", tally.errors);
    assert!(tally.reconnects >= 2);
    assert_eq!(server.seen.requests(), tally.started + tally.reconnects);
}

#[test]
fn request_in_flight_at_the_end_is_waited_for() {
    let server = serve(|_, talk| {
        while talk.hears() {
            thread::sleep(Duration::from_millis(300));
            talk.says(OK);
        }
    });
    let tally = run(&job(server.address), Duration::from_millis(50));
    assert_eq!((tally.started, tally.succeeded), (4, 4));
    assert_eq!(tally.succeeded_in_window, 0);
}

#[test]
fn request_in_flight_at_the_end_fails_only_once_it_outlasts_its_timeout() {
    let server = serve(|_, talk| while talk.hears() {});
    let mut job = job(server.address);
    job.workload.timeout = Duration::from_millis(200);
    let tally = run(&job, Duration::from_millis(50));
    assert_eq!((tally.started, tally.unfinished), (4, 0));
    assert_eq!(tally.errors, [(Failure::Timeout, 4)].into());
}

#[test]
fn rate_counts_up_to_the_last_success_and_not_to_the_end_of_the_window() {
    let server = serve(|_, talk| {
        while talk.hears() {
            thread::sleep(Duration::from_millis(60));
            talk.says(OK);
        }
    });
    let tally = run(&job(server.address), Duration::from_millis(200));
    let span = tally.span.expect("a closed loop has a span");
    let batches = tally.succeeded_in_window as f64 / 4.0;
    assert!(
        span >= Duration::from_millis(60).mul_f64(batches),
        "{span:?} for {batches} batches"
    );
    assert!(span < Duration::from_millis(200), "{span:?}");
}

#[test]
fn a_server_that_falls_silent_is_slow_until_the_window_closes() {
    let server = serve(|_, talk| {
        for _ in 0..10 {
            talk.hears();
            talk.says(OK);
        }
        while talk.hears() {}
    });
    let mut job = job(server.address);
    job.workload.timeout = Duration::from_millis(400);
    let tally = run(&job, Duration::from_millis(300));
    assert_eq!(tally.succeeded_in_window, 40);
    assert_eq!(tally.span, Some(tally.window));
}

/// One that stood still after its last request would have the rate of the whole window.
#[test]
fn a_turn_of_so_many_requests_ends_with_them() {
    let server = serve_always(OK);
    for threads in [1, 2] {
        let mut job = job(server.address);
        job.workload.threads = threads;
        let pool = WorkerPool::connect(&job).expect("it starts");
        let tally = pool.take_turn(LONG, Some(50), &Arc::default());
        let tally = tally.expect("it runs");
        assert_eq!(tally.started, 50);
        assert_eq!(tally.succeeded_in_window, 50);
        let span = tally.span.expect("of a closed loop");
        assert!(tally.window <= span && span < LONG / 2, "{tally:?}");
    }
}

#[test]
fn stopped_meter_ends_the_window_for_all_workers() {
    let server = serve_always(OK);
    let tally = run_until(1, &job(server.address));
    assert!(tally.window < LONG);
    assert!(tally.succeeded_in_window > 0);
    assert_eq!(tally.succeeded, tally.started);
}

#[test]
fn engine_says_what_stops_it() {
    let server = serve_always(OK);
    let with = |change: fn(&mut Job)| {
        let mut job = job(server.address);
        change(&mut job);
        WorkerPool::connect(&job).map(|_| ())
    };
    assert!(matches!(
        with(|job| job.workload.connections = 0),
        Err(Error::NoConnections)
    ));
    assert!(matches!(
        with(|job| job.workload.connections = 1 << 40),
        Err(Error::OpenFiles { needed, limit }) if needed > limit
    ));
    assert!(matches!(
        with(|job| job.cores = vec![1_000_000]),
        Err(Error::Pin {
            core: 1_000_000,
            ..
        })
    ));
    assert!(matches!(
        with(|job| job.workload.requests[0].path = "no slash".into()),
        Err(Error::Path { .. })
    ));
    assert!(with(|job| job.workload.threads = 0).is_ok());
}

#[test]
fn pinned_threads_run_the_load() {
    let server = serve_always(OK);
    let mut job = job(server.address);
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    job.cores = (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect();
    assert!(run(&job, WINDOW).succeeded > 0);
}
