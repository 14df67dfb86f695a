//! The load engine: one timed window of HTTP requests. Takes a workload and the address of a
//! server, gives a tally, and promises that every request started in the window is in the tally
//! exactly once, that nothing is in flight before the window or after it, and that the
//! generator does as little as it can besides sending and receiving.
//!
//! - [`Crew`]: threads up and connections open, then one window;
//! - `hand`: one thread, `worker`: what its connections share, `slot`: the closed loop of one
//!   connection, `watch`: waiting without a timer;
//! - `http1`: one request and its response on a connection;
//! - `request`, `recorder`, `limits`: what is sent, what is counted, what the process may open;
//! - [`Meter`]: progress for an observer, and its way to end the window early.

mod error;
mod hand;
mod http1;
mod limits;
mod meter;
mod recorder;
mod request;
mod slot;
#[cfg(test)]
mod tests;
mod watch;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

pub use error::Error;
pub use meter::Meter;

use crate::model::{Tally, Workload};
use hand::{Hand, Post};
use http1::Needle;
use meter::Window;
use worker::Order;

/// Time between the call of [`Crew::run`] and the start, for all threads to wake up in.
const LEAD: Duration = Duration::from_millis(10);

/// A workload and where it goes.
#[derive(Debug, Clone)]
pub struct Job {
    pub workload: Workload,
    pub address: SocketAddr,
    /// The `Host` field of the requests.
    pub host: String,
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
        let request: Arc<[u8]> = request::serialise(&job.workload, &job.host)?.into();
        let threads = job.workload.threads.clamp(1, connections);
        limits::make_room(connections, threads)?;
        let (ready, readiness) = mpsc::channel();
        let hands = (0..threads)
            .map(|thread| {
                let order = job.order(Arc::clone(&request), thread, threads);
                Hand::hire(job.post(thread), order, ready.clone())
            })
            .collect::<Result<_, _>>()?;
        drop(ready);
        Self { hands }.once_ready(&readiness)
    }

    /// Runs the closed loop until the window ends or the meter is stopped, and then waits for
    /// requests in flight, at most a second or the timeout. All connections are closed afterwards.
    pub fn run(self, window: Duration, meter: &Arc<Meter>) -> Result<Tally, Error> {
        let opens = Instant::now() + LEAD;
        let closes = opens + window;
        let window = Window { opens, closes };
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
    /// The share of one thread; the connections are dealt out evenly.
    fn order(&self, request: Arc<[u8]>, thread: usize, threads: usize) -> Order {
        let workload = &self.workload;
        let spare = usize::from(thread < workload.connections % threads);
        Order {
            connections: workload.connections / threads + spare,
            address: self.address,
            request,
            status: workload.expect.status,
            needle: workload.expect.contains.as_deref().map(Needle::new),
            timeout: workload.timeout,
        }
    }

    fn post(&self, thread: usize) -> Post {
        let core = self.cores.get(thread % self.cores.len().max(1));
        Post {
            thread,
            core: core.copied(),
        }
    }
}
