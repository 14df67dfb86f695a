//! The load engine: one timed window of HTTP requests. Takes a workload and the address of a
//! server, gives a tally, and promises that every request started in the window is in the tally
//! exactly once, that nothing is in flight before the window or after it, and that the
//! generator does as little as it can besides sending and receiving.
//!
//! - [`Crew`]: threads up and connections open, then one window;
//! - `hand`: one thread, `worker`: what its connections share, `slot`: one of them at work,
//!   `watch`: waiting without a timer;
//! - `pacer`, `arrivals`, `alarm`: when requests of the open loop are due, who sends them, and
//!   sleeping until then; `turn`: one request and since when its time counts;
//! - `connection`: one request and its response, by `http1` (our own) or `http2` (hyper);
//! - `request`, `response`, `coding`, `check`: what is sent, what comes back and stands for, whether
//!   it is a success;
//! - `recorder`, `first_failure`, `limits`: what is counted, how the first failure is told, what the
//!   process may open;
//! - [`Meter`]: progress for an observer, and its way to end the window early.

mod alarm;
mod arrivals;
mod check;
mod coding;
mod connection;
mod error;
mod first_failure;
mod hand;
mod http1;
mod http2;
mod limits;
mod meter;
mod pacer;
mod recorder;
mod request;
mod response;
mod slot;
#[cfg(test)]
mod tests;
mod turn;
mod watch;
mod worker;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

pub use error::Error;
pub use meter::Meter;

use crate::dial::Dialer;
use crate::model::{Address, Origin, Tally, Workload, chain};
use hand::{Hand, Post};
use meter::Window;
use request::Script;
use worker::Order;

/// Reads bytes as a response: what fuzzing does.
pub fn read_response(bytes: &[u8]) {
    http1::is_the_same_however_it_comes(bytes);
}

/// Time between the call of [`Crew::run`] and the start, for all threads to wake up in.
const LEAD: Duration = Duration::from_millis(10);

/// A workload and where it goes.
#[derive(Debug, Clone)]
pub struct Job {
    pub workload: Workload,
    pub origin: Origin,
    /// Cores the threads are pinned to in turn; none are pinned when it is empty.
    pub cores: Vec<usize>,
}

/// Threads that are up, with their connections open and no request in flight.
#[derive(Debug)]
pub struct Crew {
    hands: Vec<Hand>,
}

impl Crew {
    /// Starts the threads and opens the connections. A server that does not answer is no error:
    /// its requests will fail.
    pub fn connect(job: &Job) -> Result<Self, Error> {
        let connections = job.workload.connections;
        if connections == 0 {
            return Err(Error::NoConnections);
        }
        let threads = job.workload.threads.clamp(1, connections);
        let order = job.order(threads)?;
        limits::make_room(connections, threads)?;
        if matches!(job.origin.address, Address::Tcp(..)) {
            limits::check_ports(connections)?;
        }
        let (ready, readiness) = mpsc::channel();
        let hands = (0..threads)
            .map(|thread| {
                let order = order.share(thread);
                Hand::hire(job.post(thread), order, ready.clone())
            })
            .collect::<Result<_, _>>()?;
        drop(ready);
        Self { hands }.once_ready(&readiness)
    }

    /// Sends requests until the window ends or the meter is stopped, and then waits for
    /// requests in flight until they come back or outlast the timeout. All connections are closed afterwards.
    pub fn run(self, window: Duration, meter: &Arc<Meter>) -> Result<Tally, Error> {
        self.run_at(Instant::now(), window, meter)
    }

    /// The same from a moment on, at the earliest from now on, so that two loads can begin together.
    pub fn run_at(
        self,
        opens: Instant,
        window: Duration,
        meter: &Arc<Meter>,
    ) -> Result<Tally, Error> {
        let opens = opens.max(Instant::now() + LEAD);
        self.run_within(opens, window, None, meter)
    }

    /// Sends so many requests on every thread of a closed loop, or as many as there is time for.
    pub fn run_requests(self, most: usize, within: Duration) -> Result<Tally, Error> {
        let opens = Instant::now() + LEAD;
        self.run_within(opens, within, Some(most), &Arc::default())
    }

    fn run_within(
        self,
        opens: Instant,
        window: Duration,
        most: Option<usize>,
        meter: &Arc<Meter>,
    ) -> Result<Tally, Error> {
        let window = Window {
            opens,
            closes: opens + window,
            most,
        };
        for hand in &self.hands {
            hand.start(window, Arc::clone(meter));
        }
        let ends: Vec<_> = self.hands.into_iter().map(Hand::finish).collect();
        let mut tally = Tally::empty(meter.closing(window) - opens);
        for end in ends {
            tally.merge(&end?);
        }
        assert!(
            tally.is_balanced(),
            "every request started has succeeded, failed or is unfinished"
        );
        Ok(tally)
    }

    fn once_ready(self, readiness: &Receiver<Result<(), Error>>) -> Result<Self, Error> {
        for thread in 0..self.hands.len() {
            readiness
                .recv()
                .unwrap_or(Err(Error::Panicked { thread }))?;
        }
        Ok(self)
    }
}

impl Job {
    /// Why no connection can be opened; nothing where one is.
    pub async fn refusal(&self) -> Option<String> {
        match Dialer::new(&self.origin) {
            Ok(dialer) => dialer.open().await.err().map(|error| chain(&error)),
            Err(error) => Some(chain(&error)),
        }
    }

    /// What all threads are to do together.
    fn order(&self, threads: usize) -> Result<Order, Error> {
        let workload = &self.workload;
        Ok(Order {
            connections: workload.connections,
            thread: 0,
            threads,
            dialer: Arc::new(Dialer::new(&self.origin)?),
            http2: self.origin.transport.http2,
            script: Arc::new(Script::new(&workload.requests, &self.origin)?),
            rate: workload.rate,
            timeout: workload.timeout,
        })
    }

    fn post(&self, thread: usize) -> Post {
        let core = self.cores.get(thread % self.cores.len().max(1));
        Post {
            thread,
            core: core.copied(),
        }
    }
}
