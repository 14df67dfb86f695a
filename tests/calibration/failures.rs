//! How many jobs fail because some requests do: both builds alike, or the head alone. A table, by
//! `cargo test --test calibration failures -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use std::time::Duration;

use perfgate::gate::{Confirmation, LOOKS, judge_pairs};
use perfgate::model::{
    Failure, Metric, Pair, PairedSample, PairedStart, Round, Rule, RuleOrigin, Side, Sides,
    Strategy, Tally, Threshold, Thresholds, Verdict,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};

/// Cells of a job, which fails where one of them does.
const CELLS: usize = 24;
/// Requests of a round.
const REQUESTS: u64 = 1000;
/// Bound on the share of failed requests.
const MOST: f64 = 0.001;

/// Under which load requests fail; those of the other kind of rounds do not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At full load, and there are no other rounds.
    FullLoadAlone,
    FullLoad,
    FixedRate,
}

/// How requests of a build fail.
#[derive(Clone, Copy)]
struct Failing {
    /// Chance of a request.
    alone: f64,
    /// Chance of a round in which a tenth of the requests fails.
    burst: f64,
}

fn round() -> Round {
    Round {
        tally: Tally::empty(Duration::from_secs(1)),
        usage: None,
        machine: None,
        turnover: None,
        workers: None,
    }
}

/// A cell with so many starts of two pairs, with rounds of both kinds or of one.
fn cell(confirming: usize, at: At) -> PairedSample {
    let sides = || Sides::from_fn(|_| round());
    let pair = || Pair {
        closed: sides(),
        open: (at != At::FullLoadAlone).then(sides),
    };
    let start = || PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs: vec![pair(), pair()],
    };
    let starts = |count| (0..count).map(|_| start()).collect();
    PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: starts(LOOKS[LOOKS.len() - 1]),
        confirmation: starts(confirming),
        control: Vec::new(),
        counters: Sides::default(),
    }
}

/// Draws which requests of some starts fail.
fn draw(starts: &mut [PairedStart], at: At, failing: Sides<Failing>, random: &mut StdRng) {
    for pair in starts.iter_mut().flat_map(|start| &mut start.pairs) {
        for side in Side::BOTH {
            let Failing { alone, burst } = *failing.get(side);
            let drawn = Binomial::new(REQUESTS, alone).expect("a share");
            let mut failed = drawn.sample(random);
            if random.random_bool(burst) {
                failed = failed.max(REQUESTS / 10);
            }
            let is_open = at == At::FixedRate;
            count(pair.closed.get_mut(side), if is_open { 0 } else { failed });
            if let Some(open) = &mut pair.open {
                count(open.get_mut(side), if is_open { failed } else { 0 });
            }
        }
    }
}

fn count(round: &mut Round, failed: u64) {
    round.tally.started = REQUESTS;
    round.tally.succeeded = REQUESTS - failed;
    let errors = &mut round.tally.errors;
    errors.insert(Failure::UnexpectedStatus, failed);
}

/// Whether so many of the head's requests fail, in rounds of some kind, that a bound may be broken.
fn may_be_broken<'a>(rounds: impl Iterator<Item = &'a Sides<Round>>) -> bool {
    let failed: Vec<u64> = rounds.map(|sides| sides.head.tally.failed()).collect();
    let possible = MOST * (failed.len() as u64 * REQUESTS) as f64;
    failed.iter().sum::<u64>() as f64 > possible
}

/// The verdict on the failures of a cell. A bound that so few do not reach is held for certain.
fn judged(sample: &PairedSample, rules: &Thresholds, sure: Confirmation) -> Verdict {
    let pairs = || sample.starts.iter().flat_map(|start| &start.pairs);
    let broken = may_be_broken(pairs().map(|it| &it.closed))
        || may_be_broken(pairs().filter_map(|it| it.open.as_ref()));
    if sample.confirmation.is_empty() && !broken {
        return Verdict::Pass;
    }
    let mut findings = judge_pairs(sample, rules, sure).into_iter();
    let of_errors = findings.find(|it| it.metric == Metric::ErrorRate);
    of_errors.expect("a finding").verdict
}

/// The verdict on a cell whose failures were drawn, as a run comes to it.
fn verdict(cell: &mut PairedSample, rules: &Thresholds, sure: Confirmation) -> Verdict {
    let confirmation = std::mem::take(&mut cell.confirmation);
    let mut found = Verdict::Pass;
    for look in LOOKS {
        let later = cell.starts.split_off(look);
        found = judged(cell, rules, sure);
        let suspected = found == Verdict::Regression;
        if suspected {
            cell.confirmation.clone_from(&confirmation);
            found = judged(cell, rules, sure);
        }
        cell.starts.extend(later);
        if suspected {
            break;
        }
    }
    cell.confirmation = confirmation;
    found
}

/// Shares of jobs in which a cell is a regression, and in which one is inconclusive, by so many cells.
fn jobs(drawn: u32, at: At, failing: Sides<Failing>) -> [f64; 2] {
    let rule = Rule {
        value: MOST,
        text: "max 0.1%".into(),
        origin: RuleOrigin::Default,
    };
    let threshold = Threshold {
        ceiling: Some(rule),
        ..Threshold::default()
    };
    let rules: Thresholds = [(Metric::ErrorRate, threshold)].into_iter().collect();
    let sure = crate::jobs::confirmation(4 * CELLS);
    let mut cell = cell(sure.starts, at);
    let mut count = [0_u32; 2];
    let mut random = StdRng::seed_from_u64(17);
    for _ in 0..drawn {
        draw(&mut cell.starts, at, failing, &mut random);
        draw(&mut cell.confirmation, at, failing, &mut random);
        match verdict(&mut cell, &rules, sure) {
            Verdict::Regression => count[0] += 1,
            Verdict::Inconclusive => count[1] += 1,
            _ => (),
        }
    }
    count.map(|it| {
        let of_cell = f64::from(it) / f64::from(drawn);
        1.0 - (1.0 - of_cell).powf(CELLS as f64)
    })
}

#[test]
fn requests_that_fail_on_both_sides_fail_no_job() {
    let alone = |alone| Failing { alone, burst: 0.0 };
    let burst = |burst| Failing { alone: 0.0, burst };
    let both = |failing| Sides {
        head: failing,
        base: failing,
    };
    let head = |head| Sides {
        head,
        base: alone(0.0),
    };
    println!("| requests that fail | red | inconclusive |");
    println!("| --- | ---: | ---: |");
    let share = |name: &str, drawn, at, failing| {
        let [red, inconclusive] = jobs(drawn, at, failing);
        println!(
            "| {name} | {:.1} % | {:.1} % |",
            red * 100.0,
            inconclusive * 100.0
        );
        red
    };
    let equal = [
        ("none", 1200, both(alone(0.0))),
        ("0.05 % on both sides", 1200, both(alone(0.0005))),
        ("0.1 % on both sides, the bound", 1200, both(alone(0.001))),
        ("0.5 % on both sides", 100, both(alone(0.005))),
        (
            "one round in 100 with a tenth, both",
            100,
            both(burst(0.01)),
        ),
        ("one round in 10 with a tenth, both", 100, both(burst(0.1))),
        ("0.05 % of the head alone", 1200, head(alone(0.0005))),
    ];
    for (name, drawn, failing) in equal {
        let red = share(name, drawn, At::FullLoadAlone, failing);
        // One cell of 1200 is 2 % of jobs.
        assert!(red <= 0.02, "{name}: {red} of jobs are red");
    }
    for (name, failing) in [
        ("0.5 % of the head alone", head(alone(0.005))),
        ("2 % of the head alone", head(alone(0.02))),
        ("one round in 3 with a tenth, the head", head(burst(0.33))),
    ] {
        let red = share(name, 20, At::FullLoadAlone, failing);
        assert!(red >= 0.9, "{name}: seen in {red} of jobs");
    }
}

#[test]
fn requests_that_fail_under_one_kind_of_load_fail_no_job_on_both_sides_and_one_on_the_head_s() {
    let alone = |alone| Failing { alone, burst: 0.0 };
    let burst = |burst| Failing { alone: 0.0, burst };
    let both = |failing| Sides {
        head: failing,
        base: failing,
    };
    let head = |head| Sides {
        head,
        base: alone(0.0),
    };
    let share = |name: &str, drawn, at, failing| {
        let [red, inconclusive] = jobs(drawn, at, failing);
        println!(
            "| {name} | {:.1} % | {:.1} % |",
            red * 100.0,
            inconclusive * 100.0
        );
        red
    };
    // Rounds of both kinds, one of which fails.
    for (kind, at) in [
        ("full load", At::FullLoad),
        ("the fixed rate", At::FixedRate),
    ] {
        for (name, drawn, failing) in [
            ("0.1 %, both", 200, both(alone(0.001))),
            ("0.5 %, both", 100, both(alone(0.005))),
            (
                "one round in 100 with a tenth, both",
                100,
                both(burst(0.01)),
            ),
            ("one round in 10 with a tenth, both", 100, both(burst(0.1))),
            ("0.05 %, the head", 200, head(alone(0.0005))),
        ] {
            let red = share(&format!("at {kind} alone: {name}"), drawn, at, failing);
            // One cell of 200 is 11 % of jobs, and of 100 21 %: none is red.
            assert!(red <= 0.0, "{name}: {red} of jobs are red");
        }
        let failing = head(alone(0.01));
        let red = share(&format!("at {kind} alone: 1 %, the head"), 20, at, failing);
        assert!(red >= 0.9, "1 % at {kind}: seen in {red} of jobs");
    }
}
