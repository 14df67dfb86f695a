//! The server under load: HTTP/1.1 on one thread. Answers `/bytes/N` with a body of so many bytes,
//! `/sleep/…` after the time of a [`Service`], `/count` with the number of those responses so far
//! and `/times` with the quantiles of its service times as JSON; promises to print its address
//! first and to end when its standard input does.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream::{self, Iter};
use hdrhistogram::Histogram;
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;

use crate::child;
use crate::service::Service;

const CORE: usize = 0;
static CONTENT: [u8; 1 << 20] = [b'x'; 1 << 20];
/// Longest service time that is distinguished, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// Content of one chunk.
const CHUNK: usize = 4096;

/// A running server, seen by the benchmark; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        let own = std::env::current_exe().expect("this binary has a path");
        let mut command = child::pinned(CORE, &own);
        command
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("taskset is installed");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the server prints its address");
        let address = line.trim().parse().expect("the server prints its address");
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Responses so far.
    pub(crate) fn count(&self) -> u64 {
        self.get("/count").parse().expect("a count is a number")
    }

    /// Quantiles of the service times so far, in microseconds.
    pub(crate) fn times(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/times")).expect("times are JSON")
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server accepts");
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .expect("the server answers");
        let (_, body) = response
            .split_once("\r\n\r\n")
            .expect("a response has a body");
        body.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Waiting closes the standard input first, which ends the server.
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.expect("the runtime starts").block_on(async {
        tokio::select! {
            () = serve() => {}
            () = input_end() => {}
        }
    });
}

async fn input_end() {
    let (sender, receiver) = oneshot::channel::<Infallible>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(sender);
    });
    let _ = receiver.await;
}

async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    println!(
        "{}",
        listener
            .local_addr()
            .expect("a bound socket has an address")
    );
    let desk = Arc::new(Desk::new());
    loop {
        let (stream, _) = listener
            .accept()
            .await
            .expect("connections can be accepted");
        stream.set_nodelay(true).expect("TCP has this option");
        let desk = Arc::clone(&desk);
        let answer = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.answer(&request).await) }
        });
        // A generator that hangs up in the middle of a response is no error here.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

type Chunks = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;
type Body = Either<Full<Bytes>, Chunks>;

/// What answers, and remembers how often and after which times.
struct Desk {
    start: Instant,
    count: AtomicU64,
    times: Mutex<Histogram<u64>>,
}

impl Desk {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            count: AtomicU64::new(0),
            times: Mutex::new(
                Histogram::new_with_bounds(1, LONGEST, 3).expect("these bounds are possible"),
            ),
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if let Some(length) = path.strip_prefix("/bytes/") {
            self.count.fetch_add(1, Ordering::Relaxed);
            let length = length.parse().expect("a length is a number");
            return Response::new(content(length, request.uri().query() == Some("chunked")));
        }
        if let Some(service) = Service::of_path(path) {
            self.serve(service).await;
            return Response::new(content(50, false));
        }
        let text = match path {
            "/count" => self.count.load(Ordering::Relaxed).to_string(),
            "/times" => self.times().to_string(),
            _ => "unknown path".into(),
        };
        Response::new(Either::Left(Full::from(text)))
    }

    async fn serve(&self, service: Service) {
        let arrival = Instant::now();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        sleep(service.time(number, arrival - self.start)).await;
        let nanoseconds = u64::try_from(arrival.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.times
            .lock()
            .expect("nobody panics with it")
            .saturating_record(nanoseconds);
    }

    fn times(&self) -> serde_json::Value {
        let times = self.times.lock().expect("nobody panics with it");
        let micros = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        json!({"p50": micros(0.5), "p90": micros(0.9), "p99": micros(0.99), "p999": micros(0.999)})
    }
}

fn content(length: usize, chunked: bool) -> Body {
    let content = &CONTENT[..length];
    if chunked {
        let frames = content
            .chunks(CHUNK)
            .map(|chunk| Ok(Frame::data(Bytes::from_static(chunk))));
        Either::Right(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
    } else {
        Either::Left(Full::new(Bytes::from_static(content)))
    }
}

/// Sleeps by a timer of the kernel's, because tokio's own counts in milliseconds.
async fn sleep(duration: Duration) {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)
        .expect("a timer can be made");
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: duration.try_into().expect("sleeps are short"),
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once).expect("a timer can be set");
    // A timer becomes readable as a pipe does, and waiting for a pipe needs no unsafe code.
    let timer = Receiver::from_owned_fd_unchecked(timer).expect("a timer can be polled");
    timer.readable().await.expect("a timer can be polled");
}
