use std::time::{Duration, Instant};

use super::window::{INTERVAL, Open, loaded, measured, resources, with_log};
use super::{Error, Event, Observer};
use crate::load::{Job, WorkerPool};
use crate::model::Round;
use crate::stack::Server;
use crate::stack::machine::Watch;

/// Load on one of the servers that are measured at the same time.
pub(super) struct Loaded<'a> {
    pub(super) server: &'a Server,
    pub(super) job: Job,
    /// By how much later than the others' its first request is due.
    pub(super) delay: Duration,
}

/// From the connections being open to the first request.
const LEAD: Duration = Duration::from_millis(20);

/// A round of each server, all over the same stretch of time, from one clock tick on. CPU time is
/// read while no request is in flight.
pub(super) async fn concurrent_rounds(
    loads: Vec<Loaded<'_>>,
    window: Duration,
    observe: Observer<'_>,
) -> Result<Vec<Round>, Error> {
    let jobs: Vec<_> = loads.iter().map(|it| it.job.clone()).collect();
    let pools = loaded(move || {
        jobs.iter()
            .map(WorkerPool::connect)
            .collect::<Result<Vec<_>, _>>()
    });
    let pools = pools.await?;
    let mut before = Vec::new();
    for load in &loads {
        before.push(resources(load.server).await?);
    }
    let servers: Vec<_> = loads.iter().map(|it| it.server).collect();
    let mut watch = Watch::begin(&servers, INTERVAL).await;
    let opens = Instant::now() + LEAD;
    let open = |(pool, load): (WorkerPool, &Loaded<'_>)| Open::at(pool, opens + load.delay, window);
    let mut running: Vec<_> = pools.into_iter().zip(&loads).map(open).collect();
    let mut highest = vec![0; loads.len()];
    while let Some(rate) = running[0].next_rate().await {
        watch.sample();
        observe(Event::Rate(rate));
        for (highest, load) in highest.iter_mut().zip(&loads) {
            let seen = load.server.working_set().await;
            *highest = seen.unwrap_or_default().max(*highest);
        }
    }
    let mut tallies = Vec::new();
    for load in running {
        tallies.push(load.close().await?);
    }
    let seen = watch.end();
    let mut rounds = Vec::new();
    let ended = loads.iter().zip(tallies).zip(before).zip(highest);
    for (number, (((load, tally), before), highest)) in ended.enumerate() {
        let tally = with_log(tally, load.server).await;
        load.server.check().await?;
        let used = before.zip(resources(load.server).await?);
        rounds.push(measured(tally, used.as_ref(), highest, |throttled| {
            seen.machine(number, throttled)
        }));
    }
    Ok(rounds)
}
