//! One thread of the generator. Takes an config, opens its connections, waits for the start, and
//! gives the thread's tally; promises that before the start nothing is sent, and that without
//! one the thread ends by itself.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::time::timeout;

use super::Error;
use super::connection::Connection;
use super::meter::{Meter, Window};
use super::recorder::Recorder;
use super::supervision;
use super::worker::{ThreadConfig, Worker};
use crate::model::Tally;

/// A thread with its connections, waiting to be started.
#[derive(Debug)]
pub(super) struct WorkerThread {
    placement: Placement,
    start: Sender<(Window, Arc<Meter>)>,
    thread: JoinHandle<Tally>,
}

/// Which thread this is, and where it runs; unpinned without a core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    pub(super) thread: usize,
    pub(super) core: Option<usize>,
}

impl WorkerThread {
    /// Starts the thread, which tells `ready` when its connections are open.
    pub(super) fn spawn(
        placement: Placement,
        config: ThreadConfig,
        ready: Sender<Result<(), Error>>,
    ) -> Result<Self, Error> {
        let (start, started) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(format!("load-{}", placement.thread))
            .spawn(move || work(placement, config, &ready, &started))
            .map_err(|source| placement.cannot_start(source))?;
        Ok(Self {
            placement,
            start,
            thread,
        })
    }

    pub(super) fn start(&self, window: Window, meter: Arc<Meter>) {
        // A thread that is gone has panicked, which `finish` tells.
        let _ = self.start.send((window, meter));
    }

    /// Waits for the end of the thread.
    pub(super) fn finish(self) -> Result<Tally, Error> {
        self.thread.join().map_err(|_| Error::Panicked {
            thread: self.placement.thread,
        })
    }
}

impl Placement {
    fn cannot_start(self, source: std::io::Error) -> Error {
        Error::Start {
            thread: self.thread,
            source,
        }
    }

    fn pin(self) -> Result<(), Error> {
        let Some(core) = self.core else {
            return Ok(());
        };
        let mut cores = CpuSet::new();
        if core < CpuSet::MAX_CPU {
            cores.set(core);
        }
        sched_setaffinity(None, &cores).map_err(|source| Error::Pin {
            thread: self.thread,
            core,
            source: source.into(),
        })
    }
}

fn work(
    placement: Placement,
    config: ThreadConfig,
    ready: &Sender<Result<(), Error>>,
    started: &Receiver<(Window, Arc<Meter>)>,
) -> Tally {
    let mut recorder = Recorder::new();
    let prepared = prepare(placement, &config, &mut recorder);
    let (answer, prepared) = match prepared {
        Ok(prepared) => (Ok(()), Some(prepared)),
        Err(error) => (Err(error), None),
    };
    // Nobody listens once another thread failed; then no start comes either.
    let _ = ready.send(answer);
    match (prepared, started.recv()) {
        (Some((runtime, connections)), Ok((window, meter))) => {
            thread::sleep(window.opens.saturating_duration_since(Instant::now()));
            let worker = Worker::new(config, recorder, window, meter);
            perform(&runtime, &worker, connections)
        }
        _ => Tally::empty(Duration::ZERO),
    }
}

type Connections = Vec<Option<Connection>>;

fn prepare(
    placement: Placement,
    config: &ThreadConfig,
    recorder: &mut Recorder,
) -> Result<(LocalRuntime, Connections), Error> {
    placement.pin()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|source| placement.cannot_start(source))?;
    let connections = runtime.block_on(open_all(config, recorder));
    Ok((runtime, connections))
}

/// Opens the connections one by one. After one that fails the rest are left to the window, where
/// they are requests that fail.
async fn open_all(config: &ThreadConfig, recorder: &mut Recorder) -> Connections {
    let mut connections = Vec::with_capacity(config.connections);
    while connections.len() < config.connections {
        let start = Instant::now();
        let opened = timeout(config.timeout, config.connect()).await;
        let Ok(Ok(connection)) = opened else {
            break;
        };
        recorder.connected(start.elapsed());
        connections.push(Some(connection));
    }
    connections.resize_with(config.connections, || None);
    connections
}

fn perform(runtime: &LocalRuntime, worker: &Rc<Worker>, connections: Connections) -> Tally {
    let before = thread_cpu();
    runtime.block_on(supervision::serve(Rc::clone(worker), connections));
    worker
        .take_recorder()
        .finish(thread_cpu().saturating_sub(before))
}

/// CPU time of this thread so far.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("CPU time is not negative")
}
