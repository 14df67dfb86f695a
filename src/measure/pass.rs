//! The pass of single requests: batches of them, one request at a time, and what the services
//! counted around each. It comes before any load, which would drive a service that leaks
//! connections to its limits, where it opens no more.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Counted;
use super::Error;
use super::live::loaded;
use crate::load::{Crew, Job};
use crate::model::{Counters, Metric, Tally, Workload};
use crate::stack::{Count, Stack, Tenancy};

/// An odd number, so that the median is one of them.
const BATCHES: usize = 5;
/// Fewest requests of a batch.
const FEWEST: usize = 5;
/// Requests before the first batch, over so many connections: what a process does once, such as
/// filling its pools, is not what a request costs.
const FIRST: usize = 20;
const FIRST_CONNECTIONS: usize = 4;
/// Most requests of a batch, where requests take turns by large weights.
const MOST: usize = 1000;
/// Longest time for the requests of a batch.
const WITHIN: Duration = Duration::from_secs(30);
/// Longest time for the whole pass.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * (BATCHES as u64 + 1));
/// Pause between two looks at the counts.
const PAUSE: Duration = Duration::from_millis(50);
/// Looks after which counts are taken as they are.
const LOOKS: u32 = 20;

/// Makes the pass with the job's requests.
pub(super) async fn count(
    stack: &Stack,
    tenancy: &Tenancy,
    mut job: Job,
) -> Result<Counted, Error> {
    closed_loop(&mut job.workload, FIRST_CONNECTIONS);
    requests(&job, FIRST.max(batch(&job.workload))).await?;
    closed_loop(&mut job.workload, 1);
    let of_batch = batch(&job.workload);
    let mut missing = Vec::new();
    let first = quiet(stack, tenancy, &mut missing).await;
    let mut counters = Counters::default();
    let mut before = first.clone();
    for _ in 0..BATCHES {
        let tally = requests(&job, of_batch).await?;
        if tally.started == 0 || tally.responses() == 0 {
            missing.push("no response to single requests: nothing was counted".into());
            return Ok(Counted {
                counters: None,
                missing,
            });
        }
        let after = settled(stack, tenancy, before.open()).await;
        let bytes = tally.body_bytes as f64 / tally.responses() as f64;
        let values = after.since(&before, tally.started);
        for (metric, value) in values
            .into_iter()
            .chain([(Metric::BytesPerResponse, bytes)])
        {
            counters.batches.entry(metric).or_default().push(value);
        }
        counters.requests += tally.started;
        before = after;
    }
    let statements = before.statements_since(&first, counters.requests);
    Ok(Counted {
        counters: Some(counters.with_statements(statements)),
        missing,
    })
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
    loaded(move || Crew::connect(&job)?.run_requests(most, WITHIN)).await
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
