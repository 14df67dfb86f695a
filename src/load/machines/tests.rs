use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::clock::{Clock, offset};
use super::{Coordinator, Entry, join};
use crate::load::pacer::Pacer;
use crate::load::recorder::Recorder;
use crate::load::scheduled_request::ScheduledRequest;
use crate::load::{Error, Meter};
use crate::model::{ClockOffset, Failure, JoinedLoad, LoadPart, OpenLoop, Rate, Shard, Tally};

const JOB: &str = "0123456789abcdef";
const WORKERS: usize = 4;
const WINDOW: Duration = Duration::from_secs(10);
/// For what is there at once; nothing waits so long but a test that fails.
const LONG: Duration = Duration::from_secs(60);

fn worker(index: usize, total: usize) -> Shard {
    let number = |it| NonZeroUsize::new(it).expect("from 1");
    Shard {
        index: number(index),
        total: number(total),
    }
}

fn entry(index: usize, within: Duration) -> Entry<'static> {
    Entry {
        worker: worker(index, WORKERS),
        job: JOB,
        within,
    }
}

fn listening() -> (Coordinator, String) {
    let listening = Coordinator::listen("127.0.0.1:0", LONG, &Meter::new());
    let coordinator = listening.expect("a port");
    let address = coordinator.address();
    (coordinator, address)
}

#[test]
fn workers_whose_clocks_differ_begin_together() {
    const SHIFTS: [i64; WORKERS] = [0, 50_000_000, -50_000_000, 49_000_000];
    let (coordinator, address) = listening();
    let (clock, meter) = (Clock::new(), Meter::new());
    let (start, others) = thread::scope(|scope| {
        let join = |index: usize| {
            let clock = clock.ahead_by(SHIFTS[index - 1]);
            let (address, meter) = (&address, &meter);
            scope.spawn(move || join(address, entry(index, LONG), &clock, meter))
        };
        let others: Vec<_> = (2..=WORKERS).map(join).collect();
        let start = coordinator.gather(entry(1, LONG), &clock, &meter);
        let others = others.into_iter().map(|it| it.join().expect("no panic"));
        let others: Vec<_> = others.map(|it| it.expect("a start")).collect();
        (start.expect("a start"), others)
    });
    let own = clock.instant(start, ClockOffset::NONE).expect("to come");
    let mut opens = vec![(own, 0)];
    for ((said, found), shift) in others.iter().zip(&SHIFTS[1..]) {
        assert_eq!(*said, start, "all go by the same moment");
        let wrong = found.ahead_ns.abs_diff(*shift);
        assert!(wrong <= found.error_ns, "{found:?} for {shift}");
        let clock = clock.ahead_by(*shift);
        let instant = clock.instant(start, *found).expect("to come");
        opens.push((instant, found.error_ns));
    }
    for (a, error) in &opens {
        for (b, other) in &opens {
            let apart = a.max(b).duration_since(*a.min(b));
            assert!(apart <= Duration::from_nanos(error + other), "{opens:?}");
        }
    }
}

#[test]
fn a_start_by_clocks_that_are_known_is_one_moment() {
    let clock = Clock::new();
    let start = clock.now() + 1_000_000_000;
    let opens = |ahead_ns| {
        let offset = ClockOffset {
            ahead_ns,
            error_ns: 1,
        };
        clock.ahead_by(ahead_ns).instant(start, offset)
    };
    let first = opens(0).expect("to come");
    for shift in [-50_000_000, 50_000_000, 3_600_000_000_000] {
        assert_eq!(opens(shift), Some(first));
    }
    assert_eq!(clock.instant(i64::MIN, ClockOffset::NONE), None, "long ago");
    assert_eq!(
        clock.instant(clock.now() - 60_000_000_000, ClockOffset::NONE),
        None
    );
}

#[test]
fn who_does_not_come_is_named() {
    let (coordinator, address) = listening();
    let (clock, meter) = (Clock::new(), Meter::new());
    let missing = thread::scope(|scope| {
        scope.spawn(|| join(&address, entry(3, LONG), &clock, &meter));
        let within = Duration::from_millis(300);
        coordinator.gather(entry(1, within), &clock, &meter)
    });
    let missing = missing.expect_err("two do not come");
    assert!(
        matches!(&missing, Error::WorkersMissing { missing, .. }
        if missing.starts_with("2/4") && missing.ends_with("4/4")),
        "{missing}"
    );
}

#[test]
fn who_does_not_belong_to_the_load_is_refused() {
    let (coordinator, address) = listening();
    let (clock, meter) = (Clock::new(), Meter::new());
    thread::scope(|scope| {
        let gathering = scope.spawn(|| {
            let within = Duration::from_secs(3);
            coordinator.gather(entry(1, within), &clock, &meter)
        });
        // One that says nothing of the kind, and one that says nothing at all.
        let mut foreign = TcpStream::connect(&address).expect("a port");
        std::io::Write::write_all(&mut foreign, b"GET / HTTP/1.1\r\n\r\n").expect("sent");
        drop(TcpStream::connect(&address).expect("a port"));
        let refused = |entry| match join(&address, entry, &clock, &meter) {
            Err(Error::WorkerRefused { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        let other = Entry {
            job: "another",
            ..entry(2, LONG)
        };
        assert_eq!(refused(other), "it is to send another load");
        let of_five = Entry {
            worker: worker(2, 5),
            ..entry(2, LONG)
        };
        assert_eq!(refused(of_five), "it is one of 5 workers, not of 4");
        assert_eq!(refused(entry(1, LONG)), "there is a worker 1/4 already");
        assert!(
            gathering.join().expect("no panic").is_err(),
            "three are missing"
        );
    });
}

#[test]
fn a_load_that_is_to_end_does_not_wait_for_others() {
    let (coordinator, _) = listening();
    let meter = Meter::new();
    meter.stop();
    let stopped = coordinator.gather(entry(1, LONG), &Clock::new(), &meter);
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
}

proptest! {
    #[test]
    fn an_exchange_is_off_by_no_more_than_it_says(
        shift in -1_000_000_000_i64..1_000_000_000,
        sent in 0_i64..1_000_000_000,
        there in 0_i64..100_000_000,
        back in 0_i64..100_000_000,
    ) {
        // By the own clock, which is ahead of the other by the shift.
        let said = sent + there - shift;
        let found = offset(sent, said, sent + there + back);
        prop_assert!(found.ahead_ns.abs_diff(shift) <= found.error_ns);
    }

    #[test]
    fn workers_share_the_requests_of_one(
        from in 1.0..2_000.0_f64,
        to in 1.0..2_000.0_f64,
        workers in 1_usize..5,
        threads in 1_usize..4,
    ) {
        let rate = Rate { from, to };
        let one = Pacer::new(rate, WINDOW, 0, 1);
        let mut all = schedule(rate, workers, threads, |_| 0.0);
        all.sort_by(f64::total_cmp);
        let single: Vec<f64> = (0..one.due_before(WINDOW)).map(|it| one.due(it).as_secs_f64()).collect();
        prop_assert_eq!(all, single);
    }
}

/// When the requests of all workers are due, in seconds; each begins late by something of its own.
fn schedule(rate: Rate, workers: usize, threads: usize, late: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut all = Vec::new();
    for worker in 0..workers {
        for thread in 0..threads {
            // As `ThreadConfig::place` has it.
            let pacer = Pacer::new(rate, WINDOW, worker + workers * thread, workers * threads);
            let due = (0..pacer.due_before(WINDOW)).map(|it| pacer.due(it).as_secs_f64());
            all.extend(due.map(|it| it + late(worker)));
        }
    }
    all
}

/// The largest distance between the shares of two samples that lie below a value (Smirnov, 1939).
fn distance(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below = |sorted: &[f64], value: f64| {
        sorted.partition_point(|it| *it <= value) as f64 / sorted.len() as f64
    };
    let apart = a
        .iter()
        .chain(&b)
        .map(|it| (below(&a, *it) - below(&b, *it)).abs());
    apart.fold(0.0, f64::max)
}

#[test]
fn arrivals_of_four_workers_are_those_of_one() {
    let mut random = StdRng::seed_from_u64(29);
    for rate in [(1_000.0, 1_000.0), (100.0, 900.0), (900.0, 100.0)] {
        let rate = Rate {
            from: rate.0,
            to: rate.1,
        };
        let one = schedule(rate, 1, 1, |_| 0.0);
        assert!(distance(one.clone(), schedule(rate, WORKERS, 2, |_| 0.0)) < 1e-12);
        // Windows that open up to a millisecond apart.
        let late: Vec<f64> = (0..WORKERS)
            .map(|_| random.random_range(0.0..1e-3))
            .collect();
        let apart = distance(one.clone(), schedule(rate, WORKERS, 2, |it| late[it]));
        // Beyond it samples of one distribution are in one case of twenty.
        let critical = 1.358 * (2.0 / one.len() as f64).sqrt();
        assert!(apart < critical / 10.0, "{apart} of {critical}");
    }
}

/// Requests that are due, sent and answered, some of them late or badly, as a worker's threads record them.
fn record(recorder: &mut Recorder, number: u64, begun: Instant) {
    let mut random = StdRng::seed_from_u64(number);
    let due = begun + Duration::from_micros(number * 100);
    let lag = Duration::from_nanos(random.random_range(0..200_000));
    let scheduled = ScheduledRequest::scheduled(0, due, begun, due + lag);
    recorder.started(&scheduled, true);
    let service = Duration::from_nanos(random.random_range(100_000..50_000_000));
    let verdict = if number.is_multiple_of(50) {
        Err(Failure::UnexpectedStatus)
    } else {
        Ok(())
    };
    recorder.served(service);
    recorder.stepped(random.random_range(0.0..1.0), lag + service);
    recorder.completed(verdict, lag + service, Some(due - begun));
    recorder.received(500);
}

fn part(index: usize, tally: Tally) -> LoadPart {
    let steps = tally.open.as_ref().map(|it| it.steps.clone());
    LoadPart {
        schema: LoadPart::SCHEMA,
        perfgate: "0.1.0".into(),
        worker: worker(index, WORKERS),
        job: JOB.into(),
        url: "http://10.0.0.5:8000/".into(),
        threads: 1,
        connections: 50,
        rate: Some(Rate {
            from: 1_000.0,
            to: 2_000.0,
        }),
        start: jiff::Timestamp::UNIX_EPOCH,
        clock: ClockOffset::NONE,
        window: WINDOW,
        tally,
        steps: steps.unwrap_or_default(),
    }
}

#[test]
fn what_workers_recorded_is_what_one_would_have() {
    let begun = Instant::now();
    let finished = |recorder: Recorder| {
        let mut tally = recorder.finish(Duration::from_millis(10));
        tally.window = WINDOW;
        tally
    };
    let mut one = Recorder::new();
    let mut several: Vec<_> = (0..WORKERS).map(|_| Recorder::new()).collect();
    for number in 0..10_000 {
        record(&mut one, number, begun);
        let worker = usize::try_from(number).expect("a small number") % WORKERS;
        record(&mut several[worker], number, begun);
    }
    let one = finished(one);
    // By the way of their documents.
    let parts = several.into_iter().zip(1..).map(|(recorder, index)| {
        let text = serde_json::to_string(&part(index, finished(recorder))).expect("JSON");
        let read: LoadPart = serde_json::from_str(&text).expect("our own JSON");
        (format!("{index}/load.json"), Ok(read))
    });
    let joined = JoinedLoad::of(parts.collect())
        .expect("all are there")
        .tally;
    assert_eq!(joined.latency, one.latency);
    assert_eq!(joined.latency.len(), 10_000);
    let open = |tally: &Tally| tally.open.clone().expect("an open loop");
    let (of_all, of_one): (OpenLoop, OpenLoop) = (open(&joined), open(&one));
    assert_eq!(of_all.service, of_one.service);
    assert_eq!(of_all.send_lag, of_one.send_lag);
    assert_eq!(of_all.steps, of_one.steps);
    assert_eq!(of_all.steps.len(), OpenLoop::STEPS);
    assert_eq!((of_all.sent, of_all.offered), (of_one.sent, of_one.offered));
    let counts = |it: &Tally| (it.started, it.succeeded, it.succeeded_in_window, it.bytes);
    assert_eq!(counts(&joined), counts(&one));
    assert_eq!(joined.errors, one.errors);
    assert!((joined.throughput() - one.throughput()).abs() < 1e-9);
}
