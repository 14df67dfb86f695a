//! Rounds of servers that are up at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::window::{INTERVAL, Open, loaded, measured, resources, usage, with_log};
use super::{Error, Event, Observer};
use crate::load::{self, Job, Meter, WorkerPool};
use crate::model::{Round, Tally, Workers};
use crate::stack::machine::Watch;
use crate::stack::{Resources, Server, Stack, Tenancy};

/// Load on one of the servers that are measured.
pub(super) struct Loaded<'a> {
    pub(super) server: &'a Server,
    pub(super) job: Job,
    /// What the server works with.
    pub(super) stack: &'a Stack,
    pub(super) tenancy: &'a Tenancy,
}

/// How loads share the time of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// All over the same stretch of time.
    AtOnce(Duration),
    /// One at a time.
    InTurns(Turns),
}

/// Turns of each load, so short that the machine is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    pub count: usize,
    /// For how long requests are sent.
    pub length: Duration,
    /// How long the last of them are waited for, as planned.
    pub drain: Duration,
}

/// By how many times turns may take longer than they should. Where every one waits for a response that
/// does not come, fewer turns say the same.
const LONGEST: u32 = 2;

/// A round of each server. CPU time is read while no request is in flight.
pub(super) async fn concurrent_rounds(
    loads: &[Loaded<'_>],
    sharing: Sharing,
    observe: Observer<'_>,
) -> Result<Vec<Round>, Error> {
    let jobs: Vec<_> = loads.iter().map(|it| it.job.clone()).collect();
    let pools = loaded(move || {
        jobs.iter()
            .map(WorkerPool::connect)
            .collect::<Result<Vec<_>, _>>()
    });
    let pools = pools.await?;
    let (mut before, mut workers_before) = (Vec::new(), Vec::new());
    for load in loads {
        before.push(resources(load.server).await?);
        workers_before.push(load.server.workers().await?);
    }
    let servers: Vec<_> = loads.iter().map(|it| it.server).collect();
    let mut watch = Watch::begin(&servers, INTERVAL).await;
    let mut open = Open::start(move |meter| sharing.run(&pools, meter));
    let mut highest = vec![0; loads.len()];
    while let Some(rate) = open.next_rate().await {
        watch.sample();
        observe(Event::Rate(rate));
        for (highest, load) in highest.iter_mut().zip(loads) {
            let seen = load.server.working_set().await;
            *highest = seen.unwrap_or_default().max(*highest);
        }
    }
    let tallies = open.close().await?;
    let seen = watch.end();
    let mut rounds = Vec::new();
    let before = before.into_iter().zip(workers_before);
    let ended = loads.iter().zip(tallies).zip(before).zip(highest);
    for (number, (((load, tally), (before, workers)), highest)) in ended.enumerate() {
        let tally = with_log(tally, load.server).await;
        load.server.check().await?;
        let used = before.zip(resources(load.server).await?);
        let workers = load.workers_since(&workers).await?;
        let machine = |throttled| seen.machine(number, throttled);
        rounds.push(measured(tally, used.as_ref(), highest, workers, machine));
    }
    Ok(rounds)
}

impl Loaded<'_> {
    /// What the server's workers have done since, once they rest: jobs that are left would disturb the
    /// next round.
    async fn workers_since(
        &self,
        before: &BTreeMap<String, Resources>,
    ) -> Result<Option<Workers>, Error> {
        if before.is_empty() {
            return Ok(None);
        }
        let jobs_left = self.stack.jobs_left(self.tenancy).await;
        self.server.finish_jobs().await?;
        let after = self.server.workers().await?;
        let both = before.iter().filter_map(|(name, before)| {
            let after = after.get(name)?;
            Some((name.clone(), usage(before, after, 0)))
        });
        Ok(Some(Workers {
            usage: both.collect(),
            jobs_left,
        }))
    }
}

impl Sharing {
    /// For how long each load is on.
    pub fn window(self) -> Duration {
        match self {
            Self::AtOnce(window) => window,
            Self::InTurns(turns) => turns.time(1),
        }
    }

    /// How long a round takes at the most. Where no response comes each load waits for it in its first
    /// turn, and then as long again.
    pub(super) fn longest(self, loads: usize, timeout: Duration) -> Duration {
        let each = self.window() + timeout;
        match self {
            Self::AtOnce(_) => each,
            Self::InTurns(_) => each * LONGEST * u32::try_from(loads).unwrap_or(u32::MAX),
        }
    }

    fn run(self, pools: &[WorkerPool], meter: &Arc<Meter>) -> Result<Vec<Tally>, load::Error> {
        match self {
            Self::AtOnce(window) => WorkerPool::run_together(pools, window, meter),
            Self::InTurns(turns) => turns.run(pools, meter),
        }
    }
}

impl Turns {
    /// One alone, whose end nobody waits for.
    pub(super) const fn one(length: Duration) -> Self {
        Self {
            count: 1,
            length,
            drain: Duration::ZERO,
        }
    }

    /// From the first turn of the first load to the end of the last one's, as planned.
    pub(super) fn time(self, loads: usize) -> Duration {
        let turns = u32::try_from(self.count * loads).unwrap_or(u32::MAX);
        (self.length + self.drain) * turns
    }

    fn run(self, pools: &[WorkerPool], meter: &Arc<Meter>) -> Result<Vec<Tally>, load::Error> {
        let begun = Instant::now();
        let mut tallies: Vec<Option<Tally>> = vec![None; pools.len()];
        for block in 0..self.count {
            if block > 0 && begun.elapsed() > self.time(pools.len()) * LONGEST {
                break;
            }
            // The first in a block is loaded for a time, the others with as many requests: what a server does
            // once in many of them, such as collecting garbage, then comes to all alike.
            let mut most = None;
            for load in order(block, pools.len()) {
                let length = most.map_or(self.length, |_| self.length * LONGEST);
                let turn = pools[load].take_turn(length, most, meter)?;
                if turn.open.is_none() {
                    most.get_or_insert(usize::try_from(turn.started).unwrap_or(usize::MAX));
                }
                match &mut tallies[load] {
                    Some(tally) => tally.append(&turn),
                    first => *first = Some(turn),
                }
            }
        }
        let empty = || Tally::empty(Duration::ZERO);
        let all = tallies.into_iter().map(|it| it.unwrap_or_else(empty));
        Ok(all.collect())
    }
}

/// Every other block is in the opposite order (ABBA): what drifts steadily adds the same to both loads.
fn order(block: usize, loads: usize) -> Vec<usize> {
    let order = 0..loads;
    match block % 2 {
        0 => order.collect(),
        _ => order.rev().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_adds_the_same_to_both() {
        let order: Vec<usize> = (0..4).flat_map(|block| order(block, 2)).collect();
        assert_eq!(order, [0, 1, 1, 0, 0, 1, 1, 0]);
        let times = |load| order.iter().zip(0..).filter(move |(it, _)| **it == load);
        let sum = |load| times(load).map(|(_, time)| time).sum::<usize>();
        assert_eq!(sum(0), sum(1));
    }
}
