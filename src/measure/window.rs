//! A window of load on a server, and the round that is read off it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::{Error, turnover};
use crate::load::{self, Meter};
use crate::model::{Machine, Round, Tally, Usage, Workers};
use crate::stack::{Resources, Server};

/// Interval of the warm-up's steadiness, of the rate shown and of looks at memory and machine.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// What a server uses; of one that has ended, how it ended.
pub(super) async fn resources(server: &Server) -> Result<Option<Resources>, Error> {
    let resources = server.resources().await;
    if resources.is_err() {
        server.check().await?;
    }
    Ok(resources?)
}

/// The tally with the server's last output beside the first failure.
pub(super) async fn with_log(mut tally: Tally, server: &Server) -> Tally {
    if let Some(first) = &mut tally.first_failure {
        first.log = server.output().await;
    }
    tally
}

/// A round, with what the server used between two idle moments, and what the machine did meanwhile:
/// asked with the time for which the server's own quota denied it the CPU.
pub(super) fn measured(
    tally: Tally,
    used: Option<&(Resources, Resources)>,
    highest: u64,
    workers: Option<Workers>,
    machine: impl FnOnce(Duration) -> Machine,
) -> Round {
    let throttled = used.map_or(Duration::ZERO, |(before, after)| {
        after.throttled.saturating_sub(before.throttled)
    });
    Round {
        tally,
        usage: used.map(|(before, after)| usage(before, after, highest)),
        machine: Some(machine(throttled)),
        turnover: used.and_then(|(before, after)| turnover::between(before, after)),
        workers,
    }
}

/// What was used between two moments; memory was as high as `highest` between them.
pub(super) fn usage(before: &Resources, after: &Resources, highest: u64) -> Usage {
    Usage {
        cpu: after.cpu.saturating_sub(before.cpu),
        memory: after.memory.max(highest),
        rss: after.rss,
        grown: signed(after.memory)
            .zip(signed(before.memory))
            .and_then(|(after, before)| after.checked_sub(before)),
    }
}

fn signed(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok()
}

/// Does what blocks a thread aside from those that wait for input and output.
pub(super) async fn loaded<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, load::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(joined(spawn_blocking(work).await)?)
}

/// A load under way, watched from outside. Dropping it ends the load early.
pub(super) struct Open<T> {
    task: JoinHandle<Result<T, load::Error>>,
    /// The result of the task, once it has been seen to end.
    result: Option<Result<Result<T, load::Error>, JoinError>>,
    meter: Arc<Meter>,
    counted: u64,
    next: Instant,
}

impl<T: Send + 'static> Open<T> {
    /// Begins a load that reports to a meter, in a thread that it may block.
    pub(super) fn start(
        load: impl FnOnce(&Arc<Meter>) -> Result<T, load::Error> + Send + 'static,
    ) -> Self {
        let meter = Arc::new(Meter::new());
        let shared = Arc::clone(&meter);
        let task = spawn_blocking(move || load(&shared));
        Self {
            task,
            result: None,
            meter,
            counted: 0,
            next: Instant::now(),
        }
    }

    /// Requests completed in the interval that now ends; nothing once the window has closed.
    pub(super) async fn next_count(&mut self) -> Option<f64> {
        self.next += INTERVAL;
        tokio::select! {
            result = &mut self.task => {
                self.result = Some(result);
                return None;
            }
            () = tokio::time::sleep_until(self.next.into()) => (),
        }
        let completed = self.meter.completed();
        let count = completed - self.counted;
        self.counted = completed;
        u32::try_from(count).ok().map(f64::from)
    }

    /// The same per second.
    pub(super) async fn next_rate(&mut self) -> Option<f64> {
        let count = self.next_count().await?;
        Some(count / INTERVAL.as_secs_f64())
    }

    /// Ends the load before its time.
    pub(super) fn end_early(&self) {
        self.meter.stop();
    }

    pub(super) async fn close(mut self) -> Result<T, Error> {
        let result = match self.result.take() {
            Some(result) => result,
            None => (&mut self.task).await,
        };
        Ok(joined(result)?)
    }
}

impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.meter.stop();
    }
}

fn joined<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
