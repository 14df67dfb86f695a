//! The flags of a load from several machines, and what a worker writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::shard;
use crate::app;
use crate::config::parse_duration;
use crate::document;
use crate::error::Error;
use crate::load::machines::{Clock, Coordinator, Entry, join};
use crate::load::{self, Job, Meter, WorkerPool};
use crate::model::{ClockOffset, LoadPart, Shard, Tally, digest};
use crate::secrets;

/// What says where the result goes.
const OUT: &str = "--out";

/// How this machine takes part in a load from several.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Several machines")]
pub(super) struct Options {
    /// Run as worker I of N: each sends every N-th request of `--rate`, and `perfgate merge` combines the results.
    /// `auto` takes the number of the pod in an indexed Job of Kubernetes.
    #[arg(long, value_name = "I/N", value_parser = shard::parse_worker, requires = "out")]
    worker: Option<Shard>,
    /// Address of the first worker. It listens there; the others connect and synchronise their clocks with it. The load
    /// begins when all are connected.
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires = "worker",
        conflicts_with = "start_at"
    )]
    coordinator: Option<String>,
    /// Longest wait for the other workers.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    wait: Duration,
    /// Start time of the load, such as 2026-03-01T12:00:00Z, for machines with synchronised clocks.
    #[arg(long, value_name = "TIME", requires_all = ["worker", "clock_error"])]
    start_at: Option<Timestamp>,
    /// Clock offset of this machine, such as 3ms (ahead) or -500us (behind).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = signed, requires = "start_at")]
    clock_offset: Option<i64>,
    /// Uncertainty of the clock offset, such as 2ms; `chronyc tracking` prints it.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "start_at")]
    clock_error: Option<Duration>,
    /// Write this worker's result for `perfgate merge`: a file, or `s3://BUCKET/PREFIX/load.json`.
    #[arg(long, value_name = "FILE", requires = "worker")]
    out: Option<PathBuf>,
}

/// One of several workers, with all that it was given.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    shard: Shard,
    begins: Begins,
    wait: Duration,
    out: PathBuf,
}

/// How the workers come to one start.
#[derive(Debug, Clone)]
enum Begins {
    WhenAllAreThere { coordinator: String },
    At { time: Timestamp, clock: ClockOffset },
}

/// When a window opened, and by which clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    start: Timestamp,
    clock: ClockOffset,
}

impl Options {
    pub(super) const fn are_set(&self) -> bool {
        self.worker.is_some() || self.coordinator.is_some() || self.start_at.is_some()
    }

    /// The worker that was asked for; nothing for a load of this machine alone.
    pub(super) fn worker(&self) -> Result<Option<Worker>, Error> {
        let Some((shard, out)) = self.worker.zip(self.out.clone()) else {
            return Ok(None);
        };
        let begins = match (&self.coordinator, self.start_at) {
            (Some(coordinator), _) => Begins::WhenAllAreThere {
                coordinator: coordinator.clone(),
            },
            (None, Some(time)) => Begins::At {
                time,
                clock: ClockOffset {
                    ahead_ns: self.clock_offset.unwrap_or(0),
                    error_ns: self.clock_error.map_or(u64::MAX, nanos),
                },
            },
            (None, None) => {
                return Err(Error::Argument {
                    argument: format!("--worker {shard}"),
                    reason: "the workers need one start: name `--coordinator` or `--start-at`"
                        .into(),
                });
            }
        };
        app::try_writing_result(&out, OUT)?;
        Ok(Some(Worker {
            shard,
            begins,
            wait: self.wait,
            out,
        }))
    }
}

impl Worker {
    pub(super) const fn shard(&self) -> Shard {
        self.shard
    }

    /// Opens the connections, waits for the start and sends this worker's part.
    pub(super) fn load(
        &self,
        job: &Job,
        window: Duration,
        meter: &Arc<Meter>,
    ) -> Result<(Tally, Begun), load::Error> {
        let clock = Clock::new();
        let same = same(job, window);
        let entry = Entry {
            worker: self.shard,
            job: &same,
            within: self.wait,
        };
        let meeting = match &self.begins {
            Begins::WhenAllAreThere { coordinator } if self.shard.index.get() == 1 => {
                Some(Coordinator::listen(coordinator, self.wait, meter)?)
            }
            _ => None,
        };
        let pool = WorkerPool::connect(job)?;
        let start = match (&self.begins, meeting) {
            (_, Some(meeting)) => (meeting.gather(entry, &clock, meter)?, ClockOffset::NONE),
            (Begins::WhenAllAreThere { coordinator }, None) => {
                join(coordinator, entry, &clock, meter)?
            }
            (Begins::At { time, clock }, None) => {
                let nanos = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
                (nanos, *clock)
            }
        };
        opened(pool, window, meter, &clock, start)
    }

    /// Writes what came of it.
    pub(super) fn write(
        &self,
        job: &Job,
        url: &str,
        window: Duration,
        (tally, begun): (&Tally, Begun),
    ) -> Result<(), Error> {
        let steps = tally.open.as_ref().map(|it| it.steps.clone());
        let part = LoadPart {
            schema: LoadPart::SCHEMA,
            perfgate: env!("CARGO_PKG_VERSION").into(),
            worker: self.shard,
            job: same(job, window),
            url: url.to_owned(),
            threads: job.workload.threads,
            connections: job.workload.connections,
            rate: job.workload.rate,
            start: begun.start,
            clock: begun.clock,
            window,
            tally: tally.clone(),
            steps: steps.unwrap_or_default(),
        };
        app::write_result(&self.out, OUT, &secrets::masked(&document::text(&part)))
    }

    pub(super) fn out(&self) -> &Path {
        &self.out
    }
}

/// Runs a window that opens at a time by the clock that all go by.
fn opened(
    pool: WorkerPool,
    window: Duration,
    meter: &Arc<Meter>,
    clock: &Clock,
    (start, offset): (i64, ClockOffset),
) -> Result<(Tally, Begun), load::Error> {
    let opens = clock.instant(start, offset);
    let passed = clock
        .now()
        .saturating_sub(offset.ahead_ns)
        .saturating_sub(start);
    let late = load::Error::Late {
        by: Duration::from_nanos(u64::try_from(passed).unwrap_or(0)),
    };
    let tally = pool.run_at(opens.ok_or(late)?, window, meter)?;
    let start = Timestamp::from_nanosecond(start.into()).unwrap_or(Timestamp::MAX);
    Ok((
        tally,
        Begun {
            start,
            clock: offset,
        },
    ))
}

/// Digest of what all workers do alike.
fn same(job: &Job, window: Duration) -> String {
    digest(format!("{:?} {:?} {window:?}", job.workload, job.origin).as_bytes())
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A length of time that may lie on either side.
fn signed(text: &str) -> Result<i64, String> {
    let (is_negative, length) = match text.strip_prefix('-') {
        Some(length) => (true, length),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // A clock that is right is worth saying, too.
    let time = if length == "0" {
        Duration::ZERO
    } else {
        parse_duration(length)?
    };
    let nanos = i64::try_from(time.as_nanos()).map_err(|_| format!("`{text}` is too long"))?;
    Ok(if is_negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_lies_on_either_side() {
        assert_eq!(signed("3ms"), Ok(3_000_000));
        assert_eq!(signed("+3ms"), Ok(3_000_000));
        assert_eq!(signed("-500us"), Ok(-500_000));
        assert_eq!(signed("0"), Ok(0));
        assert!(signed("soon").is_err());
        assert!(signed("--1ms").is_err());
    }
}
