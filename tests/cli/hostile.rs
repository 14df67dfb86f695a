//! Measurements made to be judged wrongly, as documents: values that are missing, rare, few or the
//! same. `UPDATE_DOCS=1` writes them anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use perfgate::model::{
    Failure, Measurement, Metric, OpenLoop, Pair, PairedSample, PairedStart, Provenance, Round,
    Side, Sides, Strategy, Tally, Usage,
};

use crate::support::{Sandbox, finding, repository};

const FOLDER: &str = "fixtures/measurements/hostile";
/// Every rule is configured, so that what cannot be judged is inconclusive.
const CONFIGURATION: &str = r#"
[server.app]
url = "http://127.0.0.1:9"

[endpoint.home]
path = "/"

[thresholds]
throughput      = { max_decrease = "5%" }
latency_p99     = { max = "500ms" }
cpu_per_request = { max_increase = "5%" }
error_rate      = { max = "0.1%" }
memory_growth   = { max = "1KiB" }
"#;

/// A document, and what it has to come to.
struct Case {
    file: &'static str,
    sample: PairedSample,
    metric: Metric,
    verdict: &'static str,
    exit_code: i32,
}

/// A round of a second in which so many requests were answered.
fn round(count: u64, open: bool) -> Round {
    let mut tally = Tally::empty(Duration::from_secs(1));
    tally.started = count;
    tally.succeeded = count;
    tally.succeeded_in_window = count;
    tally.status.insert(200, count);
    tally.latency.saturating_record_n(1_000_000, count);
    if open {
        tally.open = Some(OpenLoop {
            offered: count,
            sent: count,
            ..OpenLoop::empty()
        });
    } else {
        tally.span = Some(Duration::from_secs(1));
    }
    Round {
        tally,
        usage: Some(Usage {
            cpu: Duration::from_micros(1000 * count),
            memory: 64 << 20,
            rss: None,
            grown: Some(0),
        }),
        machine: None,
        turnover: None,
        workers: None,
    }
}

/// As many starts, with pairs of so many answers of head and base.
fn starts(count: usize, pairs: &[(u64, u64)]) -> Vec<PairedStart> {
    let sides = |(head, base): (u64, u64), open| Sides {
        head: round(head, open),
        base: round(base, open),
    };
    let pairs = pairs.iter().map(|answers| Pair {
        closed: sides(*answers, false),
        open: Some(sides((300, 300), true)),
    });
    let start = PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs: pairs.collect(),
    };
    vec![start; count]
}

fn measured(pairs: &[(u64, u64)]) -> PairedSample {
    PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: starts(4, pairs),
        confirmation: Vec::new(),
        control: Vec::new(),
        counters: Sides::default(),
    }
}

/// The sample with every pair of its starts changed; the number is that of the pair within its start.
fn with(mut sample: PairedSample, change: impl Fn(usize, &mut Pair)) -> PairedSample {
    for start in &mut sample.starts {
        for (number, pair) in start.pairs.iter_mut().enumerate() {
            change(number, pair);
        }
    }
    sample
}

fn fail(round: &mut Round, requests: u64) {
    let tally = &mut round.tally;
    tally.succeeded -= requests;
    tally.succeeded_in_window -= requests;
    tally.errors.insert(Failure::UnexpectedStatus, requests);
    tally.status.insert(200, tally.succeeded);
    tally.status.insert(500, requests);
}

/// As fast on both sides.
fn equal() -> PairedSample {
    measured(&[(600, 600), (601, 600), (600, 601)])
}

/// The head half as fast.
fn slow() -> PairedSample {
    measured(&[(300, 600), (301, 600), (300, 600)])
}

fn case(file: &'static str, sample: PairedSample, metric: Metric, verdict: &'static str) -> Case {
    Case {
        file,
        sample,
        metric,
        verdict,
        exit_code: i32::from(verdict == "regression"),
    }
}

/// Rates: windows without an answer, few answers, confirmations that say nothing.
fn of_rates() -> Vec<Case> {
    let mut one_silent_window = slow();
    one_silent_window.starts[1].pairs[1].closed.head = round(0, false);
    let mut not_confirmed = slow();
    not_confirmed.confirmation = starts(4, &[(0, 0), (0, 0)]);
    let mut as_base_beside_base = slow();
    as_base_beside_base.confirmation = starts(4, &[(300, 600), (301, 600)]);
    as_base_beside_base.control = starts(4, &[(300, 600), (302, 600)]);
    let few = with(measured(&[(18, 19)]), |_, pair| {
        for side in Side::BOTH {
            pair.closed.get_mut(side).tally.span = None;
        }
    });
    let silent = measured(&[(0, 600), (0, 600)]);
    let silent_base = measured(&[(600, 0), (600, 0)]);
    let one_of_nineteen = measured(&[(18, 19)]);
    let of_rate = |file, sample, verdict| case(file, sample, Metric::Throughput, verdict);
    vec![
        of_rate("silent", silent, "regression"),
        of_rate("one-silent-window", one_silent_window, "regression"),
        of_rate("not-confirmed", not_confirmed, "inconclusive"),
        of_rate("as-base-beside-base", as_base_beside_base, "inconclusive"),
        of_rate("few-answers", few, "inconclusive"),
        of_rate("one-of-nineteen", one_of_nineteen, "inconclusive"),
        of_rate("silent-base", silent_base, "inconclusive"),
    ]
}

/// Requests that fail, on one side or on both.
fn of_failures() -> Vec<Case> {
    let at_a_rate = with(equal(), |_, pair| {
        fail(&mut pair.open.as_mut().expect("at a rate").head, 300);
    });
    let at_a_rate_alone = with(measured(&[(6000, 6000); 3]), |_, pair| {
        fail(&mut pair.open.as_mut().expect("at a rate").head, 4);
    });
    let one_window = with(equal(), |number, pair| {
        if number == 1 {
            fail(&mut pair.closed.head, 601);
        }
    });
    let a_third = with(equal(), |number, pair| {
        if number == 2 {
            fail(&mut pair.closed.head, 180);
        }
    });
    let in_flight = with(equal(), |_, pair| {
        for side in Side::BOTH {
            let tally = &mut pair.closed.get_mut(side).tally;
            tally.started += 1;
            tally.unfinished = 1;
        }
    });
    let both = with(equal(), |_, pair| {
        for side in Side::BOTH {
            fail(pair.closed.get_mut(side), 30);
        }
    });
    let of_errors = |file, sample, verdict| case(file, sample, Metric::ErrorRate, verdict);
    vec![
        of_errors("failing-at-a-rate", at_a_rate, "regression"),
        of_errors("failing-at-a-rate-alone", at_a_rate_alone, "regression"),
        of_errors("one-window-fails", one_window, "regression"),
        of_errors("a-third-fails-now-and-then", a_third, "regression"),
        of_errors("in-flight", in_flight, "pass"),
        of_errors("both-fail", both, "inconclusive"),
    ]
}

/// CPU time and memory: missing, higher in one window of three, growing.
fn of_resources() -> Vec<Case> {
    let unread = with(equal(), |_, pair| pair.closed.head.usage = None);
    let usage = |pair: &mut Pair, change: &dyn Fn(&mut Usage)| {
        change(pair.closed.head.usage.as_mut().expect("read"));
    };
    let one_window = with(equal(), |number, pair| {
        if number == 1 {
            usage(pair, &|it| it.cpu = it.cpu.mul_f64(1.6));
        }
    });
    let leak = with(equal(), |_, pair| {
        usage(pair, &|it| it.grown = Some(600 * 20 * 1024));
    });
    vec![
        case("unread", unread, Metric::CpuPerRequest, "inconclusive"),
        case(
            "one-window-of-three",
            one_window,
            Metric::CpuPerRequest,
            "regression",
        ),
        case("leak", leak, Metric::MemoryGrowth, "regression"),
    ]
}

/// Latencies: of requests that never came back, of too few.
fn of_latencies() -> Vec<Case> {
    let silent = with(equal(), |_, pair| {
        pair.open.as_mut().expect("at a rate").head = round(0, true);
    });
    let slow = with(equal(), |_, pair| {
        for side in Side::BOTH {
            let open = pair.open.as_mut().expect("at a rate").get_mut(side);
            *open = round(1, true);
            open.tally.latency.reset();
            open.tally.latency.saturating_record(9_000_000_000);
        }
    });
    vec![
        case("silent-at-a-rate", silent, Metric::LatencyP50, "regression"),
        case(
            "three-slow-requests",
            slow,
            Metric::LatencyP99,
            "inconclusive",
        ),
    ]
}

fn cases() -> Vec<Case> {
    [of_rates(), of_failures(), of_resources(), of_latencies()]
        .into_iter()
        .flatten()
        .collect()
}

fn document(sample: PairedSample) -> String {
    let measurement = Measurement {
        schema: Measurement::SCHEMA,
        provenance: Provenance {
            perfgate: "0.1.0".into(),
            head: None,
            dirty: false,
            base: None,
            fingerprint: None,
            images: BTreeMap::new(),
            path: "made up".into(),
            seed: Some(1),
            started: "2026-11-01T00:00:00Z".parse().expect("a time"),
            seconds: 60.0,
            notes: Vec::new(),
            shard: None,
            partial: None,
        },
        samples: Vec::new(),
        pairs: vec![sample],
        identical: Vec::new(),
        same_build: Vec::new(),
        profiles: Vec::new(),
        incidents: Vec::new(),
    };
    serde_json::to_string(&measurement).expect("a document") + "\n"
}

#[test]
fn what_is_made_to_be_judged_wrongly_is_judged_rightly() {
    let folder = repository().join(FOLDER);
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let path = |file: &str| -> PathBuf { folder.join(file).with_extension("json") };
    let sandbox = Sandbox::new().config(CONFIGURATION);
    for case in cases() {
        let (path, made) = (path(case.file), document(case.sample));
        if update {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &made).expect("a file is written");
        }
        let stored = std::fs::read_to_string(&path).expect("a document");
        assert!(
            stored == made,
            "{}: UPDATE_DOCS=1 writes it anew",
            case.file
        );
        let path = path.display().to_string();
        let words = ["check", "--measurement", &path, "--json", "out.json"];
        sandbox.run(words).exits(case.exit_code);
        let report = sandbox.json("out.json");
        let found = finding(&report, "app", "home", case.metric.name());
        assert_eq!(found["verdict"], case.verdict, "{}: {found}", case.file);
    }
}
