//! The floor: what it costs to send and receive and nothing else. Takes a URL's parts, the number
//! of connections and a time, prints the number of responses as JSON, and promises one send and
//! one receive per response as long as it comes in one piece, and one wait per batch of them.
//! It parses nothing: a response is complete when it is as long as the first one was.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// After so long a silence the first response is complete.
const SILENCE: Duration = Duration::from_millis(100);
const BUFFER: usize = 256 * 1024;
const EVENTS: usize = 1024;
/// Longest wait for events, so that the end of the time is seen.
const WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    address: SocketAddr,
    path: String,
    connections: usize,
    seconds: u64,
}

pub(crate) fn run(args: &Args) {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
        args.path, args.address
    )
    .into_bytes();
    let length = first_response(args.address, &request);
    let mut floor = Floor::open(args, request, length);
    let responses = floor.perform(Duration::from_secs(args.seconds));
    println!("{}", serde_json::json!({"responses": responses}));
}

/// Length of a response in bytes, its head included.
fn first_response(address: SocketAddr, request: &[u8]) -> usize {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream
        .set_read_timeout(Some(SILENCE))
        .expect("a socket has timeouts");
    stream.write_all(request).expect("the server reads");
    let mut buffer = vec![0; BUFFER];
    let mut length = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        length += count;
    }
    length
}

struct Floor {
    epoll: OwnedFd,
    links: Vec<Link>,
    request: Vec<u8>,
    length: usize,
    buffer: Vec<u8>,
}

struct Link {
    stream: TcpStream,
    /// Bytes of the response still to come.
    missing: usize,
}

impl Floor {
    fn open(args: &Args, request: Vec<u8>, length: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll is there");
        let links: Vec<_> = (0..args.connections)
            .map(|_| Link::open(args.address, length))
            .collect();
        for (index, link) in (0..).zip(&links) {
            epoll::add(
                &epoll,
                &link.stream,
                epoll::EventData::new_u64(index),
                epoll::EventFlags::IN,
            )
            .expect("a socket can be polled");
        }
        Self {
            epoll,
            links,
            request,
            length,
            buffer: vec![0; BUFFER],
        }
    }

    /// Keeps one request in flight per connection; gives the number of responses.
    fn perform(&mut self, time: Duration) -> u64 {
        let end = Instant::now() + time;
        for link in &mut self.links {
            link.send(&self.request);
        }
        let mut responses = 0;
        let mut events = Vec::with_capacity(EVENTS);
        while Instant::now() < end {
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&WAIT))
                .expect("epoll waits");
            for event in events.drain(..) {
                let index = usize::try_from(event.data.u64()).expect("it is an index");
                responses += u64::from(self.receive(index));
            }
        }
        responses
    }

    /// Receives what is there; sends the next request once the response is complete.
    fn receive(&mut self, index: usize) -> bool {
        let link = &mut self.links[index];
        let count = link
            .stream
            .read(&mut self.buffer)
            .expect("a ready socket can be read");
        assert!(
            (1..=link.missing).contains(&count),
            "all responses are equally long"
        );
        link.missing -= count;
        let is_complete = link.missing == 0;
        if is_complete {
            link.missing = self.length;
            link.send(&self.request);
        }
        is_complete
    }
}

impl Link {
    fn open(address: SocketAddr, length: usize) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP has this option");
        stream
            .set_nonblocking(true)
            .expect("a socket has this option");
        Self {
            stream,
            missing: length,
        }
    }

    fn send(&mut self, request: &[u8]) {
        self.stream
            .write_all(request)
            .expect("the request fits into the socket");
    }
}
