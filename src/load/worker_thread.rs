//! One thread of the generator. Takes a config, opens its connections, and gives a tally for every
//! window that it is started for; promises that outside of them nothing is sent, and that the thread
//! ends with whoever holds it.

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
use super::meter::{Meter, Window};
use super::recorder::Recorder;
use super::slot::Line;
use super::supervision;
use super::worker::{ThreadConfig, Worker};
use crate::model::Tally;

/// A thread with its connections, waiting to be started. Dropped, it is waited for, and its
/// connections are closed.
#[derive(Debug)]
pub(super) struct WorkerThread {
    placement: Placement,
    /// Nothing once the thread is to end.
    start: Option<Sender<(Window, Arc<Meter>)>>,
    tallies: Receiver<Tally>,
    thread: Option<JoinHandle<()>>,
}

/// Which thread this is, and where it runs; unpinned without a core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    pub(super) thread: usize,
    pub(super) core: Option<usize>,
}

impl WorkerThread {
    /// Starts the thread, which signals `ready` when its connections are open.
    pub(super) fn spawn(
        placement: Placement,
        config: ThreadConfig,
        ready: Sender<Result<(), Error>>,
    ) -> Result<Self, Error> {
        let (start, started) = mpsc::channel();
        let (done, tallies) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(format!("load-{}", placement.thread))
            .spawn(move || work(placement, &config, &ready, &started, &done))
            .map_err(|source| placement.cannot_start(source))?;
        Ok(Self {
            placement,
            start: Some(start),
            tallies,
            thread: Some(thread),
        })
    }

    pub(super) fn start(&self, window: Window, meter: Arc<Meter>) {
        // A thread that is gone has panicked, which `finish` reports.
        let _ = self.start.as_ref().map(|start| start.send((window, meter)));
    }

    /// Waits for the end of the window that it was started for.
    pub(super) fn finish(&self) -> Result<Tally, Error> {
        self.tallies.recv().map_err(|_| Error::Panicked {
            thread: self.placement.thread,
        })
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.start = None;
        // Whoever waited for the tally knows of a panic.
        let _ = self.thread.take().map(JoinHandle::join);
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
    config: &ThreadConfig,
    ready: &Sender<Result<(), Error>>,
    started: &Receiver<(Window, Arc<Meter>)>,
    done: &Sender<Tally>,
) {
    let mut recorder = Recorder::new();
    let prepared = prepare(placement, config, &mut recorder);
    let (answer, prepared) = match prepared {
        Ok(prepared) => (Ok(()), Some(prepared)),
        Err(error) => (Err(error), None),
    };
    // Nobody listens once another thread failed; then no start comes either.
    let _ = ready.send(answer);
    let Some((runtime, mut lines)) = prepared else {
        return;
    };
    for (window, meter) in started {
        thread::sleep(window.opens.saturating_duration_since(Instant::now()));
        let recorder = std::mem::replace(&mut recorder, Recorder::new());
        let worker = Worker::new(config.clone(), recorder, window, meter);
        let before = thread_cpu();
        lines = runtime.block_on(supervision::serve(Rc::clone(&worker), lines));
        let used = thread_cpu().saturating_sub(before);
        // Whoever no longer waits for the tally drops the thread next.
        let _ = done.send(worker.take_recorder().finish(used));
    }
}

fn prepare(
    placement: Placement,
    config: &ThreadConfig,
    recorder: &mut Recorder,
) -> Result<(LocalRuntime, Vec<Line>), Error> {
    placement.pin()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|source| placement.cannot_start(source))?;
    let lines = runtime.block_on(open_all(config, recorder));
    Ok((runtime, lines))
}

/// Opens the connections one by one, where they are to be open before the window. After one that fails
/// the rest are left to the window, where they are requests that fail.
async fn open_all(config: &ThreadConfig, recorder: &mut Recorder) -> Vec<Line> {
    let mut lines = Vec::with_capacity(config.connections);
    while config.opens_ahead && lines.len() < config.connections {
        let start = Instant::now();
        let opened = timeout(config.timeout, config.connect()).await;
        let Ok(Ok(connection)) = opened else {
            break;
        };
        recorder.connected(start.elapsed());
        lines.push(Line {
            connection: Some(connection),
            is_new: false,
        });
    }
    lines.resize_with(config.connections, || Line {
        connection: None,
        is_new: true,
    });
    lines
}

/// CPU time of this thread so far.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("CPU time is not negative")
}
