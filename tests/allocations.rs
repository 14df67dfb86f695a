//! The load engine allocates nothing per request.

#[path = "support/sample.rs"]
mod sample;

use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

use perfgate::load::{Job, Meter, WorkerPool};
use perfgate::model::{Address, Concurrency, Origin, Request, Transport, Workload};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations and completed requests of one window; the connections are open before it.
fn window(job: &Job, length: Duration) -> (usize, u64) {
    let pool = WorkerPool::connect(job).expect("the engine starts");
    let meter = Arc::new(Meter::new());
    let region = Region::new(ALLOCATOR);
    let tally = pool.run(length, &meter).expect("the window ends");
    let stats = region.change();
    assert_eq!(tally.failed() + tally.unfinished, 0);
    (stats.allocations + stats.reallocations, tally.completed())
}

#[test]
fn a_longer_window_allocates_no_more_than_a_short_one() {
    // In a process of its own, so that its allocations do not count.
    let service = sample::Service::start(&[]);
    let job = Job {
        workload: Workload {
            requests: vec![Request::get("/api/django-starter/monitoring/health")],
            rate: None,
            connections: 16,
            concurrency: Concurrency::Configured,
            threads: 1,
            timeout: Duration::from_secs(2),
        },
        origin: Origin {
            address: Address::Tcp(service.address.ip().to_string(), service.address.port()),
            authority: service.address.to_string(),
            transport: Transport::default(),
        },
        cores: Vec::new(),
        opens_ahead: true,
        worker: None,
    };
    let (short, few) = window(&job, Duration::from_millis(200));
    let (long, many) = window(&job, Duration::from_millis(1500));
    let more = many.saturating_sub(few);
    assert!(more > 1000, "{few} and {many} requests");
    // Histograms grow by a few steps when a slower request comes; requests do not count.
    let grown = long.saturating_sub(short) as u64;
    assert!(
        grown * 100 < more,
        "{grown} allocations for {more} requests"
    );
}
