use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{LONG, OK, Server, job, run, run_until, serve, serve_always};
use crate::load::Job;
use crate::model::{Doubt, Failure, OpenLoop, Rate, Tally};

fn paced(server: &Server, from: f64, to: f64) -> Job {
    let mut job = job(server.address);
    job.workload.rate = Some(Rate { from, to });
    job
}

fn open(tally: &Tally) -> &OpenLoop {
    tally.open.as_ref().expect("an open loop")
}

#[test]
fn every_request_due_in_the_window_is_sent_once() {
    let server = serve_always(OK);
    let mut job = paced(&server, 1_000.0, 1_000.0);
    job.workload.connections = 3;
    let tally = run(&job, Duration::from_millis(301));
    assert_eq!(open(&tally).offered, 301);
    assert_eq!(tally.succeeded, 301);
    assert_eq!(server.seen.requests(), 301);
    assert_eq!(open(&tally).service.len(), 301);
    assert_eq!(open(&tally).send_lag.len(), 301);
    assert!(open(&tally).sent <= 301);
    assert!(tally.latency.max() >= open(&tally).service.max());
}

#[test]
fn a_ramp_offers_the_mean_of_its_ends() {
    let server = serve_always(OK);
    let tally = run(&paced(&server, 200.0, 600.0), Duration::from_millis(500));
    assert_eq!(open(&tally).offered, 200);
    assert_eq!(server.seen.requests(), 200);
}

#[test]
fn latency_counts_from_the_moment_due_and_the_generator_is_not_blamed() {
    let has_stalled = AtomicBool::new(false);
    let server = serve(move |_, talk| {
        while talk.hears() {
            if !has_stalled.swap(true, Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(400));
            }
            talk.says(OK);
        }
    });
    let mut job = paced(&server, 100.0, 100.0);
    job.workload.connections = 1;
    let tally = run(&job, Duration::from_millis(500));
    assert_eq!(tally.succeeded, 50);
    let at_least = |micros: u64| tally.latency.count_between(micros * 1_000, u64::MAX);
    // Request k was due 10k ms after the first, and the stall held back those before 400 ms.
    assert!(at_least(399_000) >= 1);
    assert!(at_least(199_000) >= 20);
    assert!(at_least(99_000) >= 30);
    let service = &open(&tally).service;
    assert!(service.count_between(399_000_000, u64::MAX) >= 1);
    assert!(service.mean() < tally.latency.mean());
    assert!(open(&tally).send_lag.mean() < tally.latency.mean());
}

#[test]
fn requests_that_no_connection_could_send_are_unfinished() {
    let server = serve(|_, talk| {
        talk.hears();
        talk.hears();
    });
    let mut job = paced(&server, 100.0, 100.0);
    job.workload.connections = 1;
    job.workload.timeout = Duration::from_millis(300);
    let tally = run(&job, Duration::from_millis(200));
    assert_eq!(open(&tally).offered, 20);
    assert_eq!((tally.started, tally.unfinished), (20, 19));
    assert_eq!(tally.errors, [(Failure::Timeout, 1)].into());
    assert_eq!(open(&tally).sent, 1);
    assert!(tally.doubts(1).contains(&Doubt::ShortOfRate));
}

#[test]
fn requests_due_before_the_end_are_sent_after_it() {
    let server = serve(|_, talk| {
        while talk.hears() {
            thread::sleep(Duration::from_millis(30));
            talk.says(OK);
        }
    });
    let mut job = paced(&server, 100.0, 100.0);
    job.workload.connections = 1;
    let tally = run(&job, Duration::from_millis(200));
    assert_eq!(tally.succeeded, 20);
    assert!(open(&tally).sent < 10, "one at a time takes 600 ms");
    assert!(tally.succeeded_in_window < 10);
}

#[test]
fn a_stopped_meter_ends_the_schedule() {
    let server = serve_always(OK);
    let tally = run_until(50, &paced(&server, 200.0, 200.0));
    assert!(tally.window < LONG);
    let offered = 200.0 * tally.window.as_secs_f64();
    let count = open(&tally).offered as f64;
    assert!((count - offered).abs() <= 1.0, "{count} of {offered}");
    assert_eq!(tally.started, open(&tally).offered);
}

#[test]
fn a_rate_below_one_a_second_is_no_reason_to_wait() {
    let server = serve_always(OK);
    let tally = run(&paced(&server, 0.01, 0.01), Duration::from_millis(100));
    assert_eq!(tally.succeeded, 1, "the first is due at once");
    assert_eq!(open(&tally).offered, 1);
}

#[test]
fn a_dead_server_fails_each_request_that_is_due() {
    let server = serve(|_, _| {});
    let mut job = paced(&server, 200.0, 200.0);
    job.workload.connections = 2;
    let tally = run(&job, Duration::from_millis(200));
    assert_eq!(tally.started, 40);
    assert_eq!(tally.failed(), 40);
}
