//! The load engine: timed windows of HTTP requests. Takes a workload and the address of a
//! server, gives a tally for each window, and promises that every request started in the window is in
//! the tally exactly once, that nothing is in flight before the window or after it, and that the
//! generator does as little as it can besides sending and receiving.
//!
//! - [`WorkerPool`]: threads up and connections open, then one window, or several in turn with others';
//! - `worker_thread`: one thread, `supervision`: its slots from the first request to the last, `worker`: what
//!   they share, `slot`: one connection at work, `watch`: waiting without a timer;
//! - `pacer`, `arrivals`, `alarm`: when requests of the open loop are due, who sends them, and
//!   sleeping until then; `scheduled_request`: one request and since when its time counts;
//! - `connection`: one request and its response, by `http1` (our own) or `http2` (hyper); `unopened`:
//!   why there is none;
//! - `request`, `response`, `coding`, `check`: what is sent, what comes back and stands for, whether
//!   it is a success;
//! - `recorder`, `first_failure`, `limits`: what is counted, how the first failure is described, what the
//!   process may open;
//! - `machines`: where several workers of one load meet, and when their windows open;
//! - [`Meter`]: progress for an observer, and its way to end the window early.

mod alarm;
mod arrivals;
mod check;
mod connection;
mod error;
mod first_failure;
mod http1;
mod http2;
mod limits;
pub mod machines;
mod meter;
mod pacer;
mod recorder;
mod request;
mod response;
mod scheduled_request;
mod slot;
mod supervision;
#[cfg(test)]
mod tests;
mod unopened;
mod watch;
mod worker;
mod worker_thread;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

pub use error::Error;
pub use meter::Meter;

use crate::dial::Dialer;
use crate::model::{Address, Origin, Shard, Tally, Workload, chain};
use meter::Window;
use request::Script;
use worker::ThreadConfig;
use worker_thread::{Placement, WorkerThread};

/// Reads bytes as a response: what fuzzing does.
pub fn read_response(bytes: &[u8]) {
    http1::is_the_same_however_it_comes(bytes);
}

/// Time between the call of [`WorkerPool::run`] and the start, for all threads to wake up in.
const LEAD: Duration = Duration::from_millis(10);
/// The same between two turns, when the threads have just run: what is idle meanwhile is lost.
const LEAD_OF_TURN: Duration = Duration::from_micros(500);

/// Longest sleep before a window that opens at a given moment, after which it looks whether the load is to end.
const NAP: Duration = Duration::from_millis(50);

/// A workload and where it goes.
#[derive(Debug, Clone)]
pub struct Job {
    pub workload: Workload,
    pub origin: Origin,
    /// Cores the threads are pinned to in turn; none are pinned when it is empty.
    pub cores: Vec<usize>,
    /// Whether connections are open before the window, so that requests don't wait for them. A server that
    /// serves one connection at a time, and ends each after one response, waits for a request on each.
    pub opens_ahead: bool,
    /// Which of several workers of one load this is: of n, each sends every n-th request of a given rate.
    /// Nothing where it is the only one.
    pub worker: Option<Shard>,
}

/// Threads that are up, with their connections open and no request in flight.
#[derive(Debug)]
pub struct WorkerPool {
    workers: Vec<WorkerThread>,
}

impl WorkerPool {
    /// Starts the threads and opens the connections. A server that does not answer is no error:
    /// its requests will fail.
    pub fn connect(job: &Job) -> Result<Self, Error> {
        let connections = job.workload.connections;
        if connections == 0 {
            return Err(Error::NoConnections);
        }
        let threads = job.workload.threads.clamp(1, connections);
        let config = job.thread_config(threads)?;
        limits::make_room(connections, threads)?;
        if matches!(job.origin.address, Address::Tcp(..)) {
            limits::check_ports(connections)?;
        }
        let (ready, readiness) = mpsc::channel();
        let workers = (0..threads)
            .map(|thread| {
                let config = config.share(thread);
                WorkerThread::spawn(job.placement(thread), config, ready.clone())
            })
            .collect::<Result<_, _>>()?;
        drop(ready);
        Self { workers }.once_ready(&readiness)
    }

    /// Sends requests until the window ends or the meter is stopped, and then waits for
    /// requests in flight until they come back or outlast the timeout. All connections are closed afterwards.
    pub fn run(self, window: Duration, meter: &Arc<Meter>) -> Result<Tally, Error> {
        let window = Window::after(LEAD, window);
        self.begin(window, meter);
        self.end()
    }

    /// The same in a window that opens at a given moment; one that is over was missed.
    pub fn run_at(
        self,
        opens: Instant,
        window: Duration,
        meter: &Arc<Meter>,
    ) -> Result<Tally, Error> {
        while let Some(left) = opens.checked_duration_since(Instant::now() + LEAD) {
            if meter.is_stopped() {
                return Err(Error::Stopped);
            }
            std::thread::sleep(left.min(NAP));
        }
        let window = Window::at(opens, window);
        self.begin(window, meter);
        let late = Instant::now().saturating_duration_since(opens);
        if late.is_zero() {
            return self.end();
        }
        meter.stop();
        self.end()?;
        Err(Error::Late { by: late })
    }

    /// Sends so many requests on every thread of a closed loop, or as many as there is time for.
    pub fn run_requests(self, most: usize, within: Duration) -> Result<Tally, Error> {
        let window = Window {
            most: Some(most),
            ..Window::after(LEAD, within)
        };
        let meter = Arc::default();
        self.begin(window, &meter);
        self.end()
    }

    /// One window of several loads at the same time.
    pub fn run_together(
        pools: &[Self],
        window: Duration,
        meter: &Arc<Meter>,
    ) -> Result<Vec<Tally>, Error> {
        let window = Window::after(LEAD, window);
        for pool in pools {
            pool.begin(window, meter);
        }
        let ends: Vec<_> = pools.iter().map(Self::end).collect();
        ends.into_iter().collect()
    }

    /// One window among others that nothing else is measured in. Its throughput counts all that it
    /// started, up to the last answer, so that no work of the server is left over or left out. The
    /// connections stay open. `most` are sent, where there is time for them.
    pub fn take_turn(
        &self,
        window: Duration,
        most: Option<usize>,
        meter: &Arc<Meter>,
    ) -> Result<Tally, Error> {
        let window = Window {
            until_drained: true,
            most: most.map(|most| most.div_ceil(self.workers.len())),
            ..Window::after(LEAD_OF_TURN, window)
        };
        self.begin(window, meter);
        self.end()
    }

    fn begin(&self, window: Window, meter: &Arc<Meter>) {
        for worker in &self.workers {
            worker.start(window, Arc::clone(meter));
        }
    }

    fn end(&self) -> Result<Tally, Error> {
        // All are waited for, so that nothing is in flight where one has failed.
        let ends: Vec<_> = self.workers.iter().map(WorkerThread::finish).collect();
        let mut tally = Tally::empty(Duration::ZERO);
        for end in ends {
            let end = end?;
            tally.window = tally.window.max(end.window);
            tally.merge(&end);
        }
        assert!(
            tally.is_balanced(),
            "every request started has succeeded, failed or is unfinished"
        );
        Ok(tally)
    }

    fn once_ready(self, readiness: &Receiver<Result<(), Error>>) -> Result<Self, Error> {
        for thread in 0..self.workers.len() {
            readiness
                .recv()
                .unwrap_or(Err(Error::Panicked { thread }))?;
        }
        Ok(self)
    }
}

impl Job {
    /// Why no connection can be opened; `None` if one is.
    pub async fn refusal(&self) -> Option<String> {
        match Dialer::new(&self.origin) {
            Ok(dialer) => dialer.open().await.err().map(|error| chain(&error)),
            Err(error) => Some(chain(&error)),
        }
    }

    /// What all threads are to do together.
    fn thread_config(&self, threads: usize) -> Result<ThreadConfig, Error> {
        let workload = &self.workload;
        Ok(ThreadConfig {
            connections: workload.connections,
            thread: 0,
            threads,
            worker: self.worker,
            dialer: Arc::new(Dialer::new(&self.origin)?),
            http2: self.origin.transport.http2,
            script: Arc::new(Script::new(&workload.requests, &self.origin)?),
            rate: workload.rate,
            timeout: workload.timeout,
            opens_ahead: self.opens_ahead,
        })
    }

    fn placement(&self, thread: usize) -> Placement {
        let core = self.cores.get(thread % self.cores.len().max(1));
        Placement {
            thread,
            core: core.copied(),
        }
    }
}
