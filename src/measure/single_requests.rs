//! Counting of single requests: batches of them, one request at a time, and what the services
//! counted around each. It comes before any load, which would drive a service that leaks
//! connections to its limits, where it opens no more.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::window::loaded;
use super::{Counted, Counting, Error};
use crate::load::{Job, WorkerPool};
use crate::model::{Counters, Metric, Tally, Workload};
use crate::stack::{Count, Server, Stack, Tenancy};

/// Odd numbers, so that the median is one of them, of which something else may disturb two, or one where other
/// sizes of the data bear it out.
const BATCHES: usize = 5;
const BATCHES_OF_BRIEF: usize = 3;
/// How often counting may begin anew because a request failed: that makes the server and its services do
/// something else than what is counted.
const SPARE_BATCHES: usize = 5;
/// Fewest requests of a batch.
const FEWEST: usize = 5;
/// Requests before the first batch, over so many connections: what a process does once, such as
/// filling its pools, is not what a request costs.
const FIRST: usize = 20;
const FIRST_CONNECTIONS: usize = 4;
/// Most requests of a batch, where requests take turns by large weights.
const MOST: usize = 100;
/// Longest time for the requests of a batch: three times what the fewest take that all but time out.
const WITHIN: Duration = Duration::from_secs(30);
/// Longest time for all batches.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * (BATCHES + SPARE_BATCHES + 1) as u64);
/// Pause between two looks at the counts, which services write with a delay; the looks take a second in all.
const PAUSE: Duration = Duration::from_millis(50);
/// Looks after which counts are taken as they are.
const LOOKS: u32 = 20;

/// Counts of all logical databases together, in which workers that wait for jobs are seen.
const OF_REDIS: [Metric; 3] = [
    Metric::RedisCommandsPerRequest,
    Metric::RedisConnectionsPerRequest,
    Metric::RedisConnectionsLeaked,
];

/// What is requested, and of whom.
pub(super) struct SingleRequests<'a> {
    pub(super) server: &'a Server,
    pub(super) endpoint: &'a str,
    pub(super) job: Job,
    pub(super) counting: Counting,
}

/// Counts the job's requests. Ends at the first batch without one answer as expected:
/// there is nothing to load then.
pub(super) async fn count(
    stack: &Stack,
    tenancy: &Tenancy,
    single: SingleRequests<'_>,
) -> Result<Counted, Error> {
    let server = single.server;
    server.start_counting_allocations();
    let counted = counted(stack, tenancy, single).await;
    server.stop_counting_allocations();
    counted
}

async fn counted(
    stack: &Stack,
    tenancy: &Tenancy,
    single: SingleRequests<'_>,
) -> Result<Counted, Error> {
    let mut job = single.job.clone();
    closed_loop(&mut job.workload, FIRST_CONNECTIONS);
    let warm = single
        .requests(&job, FIRST.max(batch(&job.workload)))
        .await?;
    closed_loop(&mut job.workload, 1);
    let of_batch = batch(&job.workload);
    let batches = single.counting.batches();
    if let Some(failing) = single.failing(&warm).await {
        return Ok(Counted {
            failing: Some(failing),
            ..Counted::default()
        });
    }
    let mut missing = Vec::new();
    let has_workers = single.server.has_workers();
    if has_workers {
        missing.push(format!(
            "commands to Redis are not counted for {}: its workers ask for jobs all the time",
            single.server.name()
        ));
    }
    let mut first = quiet(stack, tenancy, &mut missing).await;
    let mut counters = Counters::default();
    let mut idle = Vec::new();
    let mut before = first.clone();
    let mut spare = SPARE_BATCHES;
    let readable = single.server.kernel_counts().await;
    missing.extend(readable.missing(single.server.name()));
    while idle.len() < batches {
        let kernel = single.server.kernel_counts().await;
        let allocated = single.server.allocated();
        let tally = single.requests(&job, of_batch).await?;
        let allocated = allocated.zip(single.server.allocated());
        let kernel_after = single.server.kernel_counts().await;
        if let Some(failing) = single.failing(&tally).await {
            return Ok(Counted {
                failing: Some(failing),
                ..Counted::default()
            });
        }
        if tally.failed() + tally.unfinished > 0 {
            if spare == 0 {
                missing.push(format!(
                    "single requests of {} {} failed now and then: nothing was counted",
                    single.server.name(),
                    single.endpoint
                ));
                return Ok(Counted {
                    missing,
                    ..Counted::default()
                });
            }
            spare -= 1;
            first = settled(stack, tenancy, before.open()).await;
            before = first.clone();
            counters = Counters::default();
            idle.clear();
            continue;
        }
        idle.push(Duration::from_nanos(tally.latency.value_at_quantile(0.5)));
        let after = settled(stack, tenancy, before.open()).await;
        let bytes = tally.body_bytes as f64 / tally.responses() as f64;
        let values = after.since(&before, tally.started);
        let allocations = allocated.map(|(before, after)| after.since(before, tally.started));
        let is_exact = |(metric, _): &(Metric, f64)| !has_workers || !OF_REDIS.contains(metric);
        for (metric, value) in values
            .into_iter()
            .filter(is_exact)
            .chain([(Metric::BytesPerResponse, bytes)])
            .chain(kernel_after.since(&kernel, tally.started))
            .chain(allocations.into_iter().flatten())
        {
            counters.batches.entry(metric).or_default().push(value);
        }
        counters.requests += tally.started;
        before = after;
    }
    if let Some(size) = single.server.program_size() {
        let sizes = vec![size as f64; batches];
        counters.batches.insert(Metric::BinarySize, sizes);
    }
    let made = before.statements_since(&first, counters.requests);
    let explained = stack.explained(tenancy, made, |reason| missing.push(reason));
    let statements = explained.await;
    idle.sort_unstable();
    Ok(Counted {
        counters: Some(counters.with_statements(statements)),
        idle: idle[batches / 2],
        failing: None,
        missing,
    })
}

impl SingleRequests<'_> {
    /// Some requests, and the jobs that they made.
    async fn requests(&self, job: &Job, count: usize) -> Result<Tally, Error> {
        let tally = requests(job, count).await?;
        self.server.finish_jobs().await?;
        Ok(tally)
    }

    /// Why none of some requests succeeded, where that is so.
    async fn failing(&self, tally: &Tally) -> Option<Error> {
        if tally.succeeded > 0 {
            return None;
        }
        Some(Error::Failing {
            server: self.server.name().into(),
            endpoint: self.endpoint.into(),
            requests: tally.started,
            answers: tally.failures_in_words(),
            output: self.server.output().await,
        })
    }
}

impl Counting {
    const fn batches(self) -> usize {
        match self {
            Self::Full => BATCHES,
            Self::Brief => BATCHES_OF_BRIEF,
        }
    }
}

const fn closed_loop(workload: &mut Workload, connections: usize) {
    workload.connections = connections;
    workload.threads = 1;
    workload.rate = None;
}

/// Requests of a batch: each comes as often as it weighs, so that all batches are alike.
fn batch(workload: &Workload) -> usize {
    let weights = workload.requests.iter().map(|it| it.weight as usize);
    let cycle = weights.sum::<usize>().clamp(1, MOST);
    cycle * FEWEST.div_ceil(cycle)
}

async fn requests(job: &Job, most: usize) -> Result<Tally, Error> {
    let job = job.clone();
    loaded(move || WorkerPool::connect(&job)?.run_requests(most, WITHIN)).await
}

/// The counts, once nothing moves them any more.
async fn quiet(stack: &Stack, tenancy: &Tenancy, missing: &mut Vec<String>) -> Count {
    let mut newest = stack.count(tenancy, |reason| missing.push(reason)).await;
    for _ in 0..LOOKS {
        sleep(PAUSE).await;
        let next = stack.count(tenancy, |_| ()).await;
        if next == newest {
            break;
        }
        newest = next;
    }
    newest
}

/// The counts, once no more connections are open than were: a connection may close a moment
/// after the response.
async fn settled(stack: &Stack, tenancy: &Tenancy, open: u64) -> Count {
    let end = Instant::now() + PAUSE * LOOKS;
    loop {
        let count = stack.count(tenancy, |_| ()).await;
        if count.open() <= open || Instant::now() >= end {
            return count;
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Concurrency, Request};

    fn workload(weights: &[u32]) -> Workload {
        let request = |weight: &u32| Request {
            weight: *weight,
            ..Request::get("/")
        };
        Workload {
            requests: weights.iter().map(request).collect(),
            rate: None,
            connections: 50,
            concurrency: Concurrency::Configured,
            threads: 2,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_batch_holds_every_request_as_often_as_it_weighs() {
        assert_eq!(batch(&workload(&[1])), 5);
        assert_eq!(batch(&workload(&[2, 1])), 6);
        assert_eq!(batch(&workload(&[9, 1])), 10);
        assert_eq!(batch(&workload(&[50_000, 1])), MOST);
    }
}
