//! The rules that other tools judge by, beside ours, on the same simulated machines: a table, by
//! `cargo test --test calibration peers -- --nocapture`.

#![expect(clippy::print_stdout, reason = "the table is what the test is for")]

use perfgate::model::Verdict;
use perfgate::stats;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::jobs::{confirmation, verdict};
use crate::machine::{Machine, Noise, TYPICAL};

const JOBS: u64 = 1_000;
/// Rounds of each side.
const ROUNDS: usize = 10;
/// Stored runs.
const HISTORY: usize = 30;
const MARGIN: f64 = 0.05;
const CHANGES: [f64; 5] = [0.0, 0.02, 0.05, 0.10, 0.20];

/// Machines whose starts differ, as they do.
const NOISE: Noise = Noise {
    start: 0.01,
    ..TYPICAL
};

type Rule = fn(&mut Machine, u64, f64) -> bool;

const RULES: [(&str, Rule); 5] = [
    ("newest stored run, 10 %", newest),
    ("30 stored runs, Student's t, 0.99", prediction),
    (
        "a block of base, a block of head, Mann-Whitney 0.05",
        blocks,
    ),
    ("a block of each, medians differ by 10 %", medians),
    ("perfgate, side by side", ours),
];

/// A job's value: the median of its rounds, one after the other on a machine of its day.
fn run(machine: &mut Machine, change: f64) -> f64 {
    stats::median(&rounds(machine, change)).expect("rounds")
}

fn rounds(machine: &mut Machine, change: f64) -> Vec<f64> {
    let start = machine.start();
    (0..ROUNDS)
        .map(|_| change + start + machine.slot() + machine.round())
        .collect()
}

/// A stored run of another day.
fn stored(seed: u64, number: usize) -> f64 {
    let day = seed.wrapping_mul(1_000) + number as u64 + 1_000_000;
    run(&mut Machine::new(NOISE, day), 0.0)
}

fn newest(machine: &mut Machine, seed: u64, change: f64) -> bool {
    run(machine, change) - stored(seed, 0) > 0.10_f64.ln_1p()
}

fn prediction(machine: &mut Machine, seed: u64, change: f64) -> bool {
    let history: Vec<_> = (0..HISTORY).map(|number| stored(seed, number)).collect();
    run(machine, change) > bound(&history)
}

/// The one-sided 99 % prediction bound of mean and standard deviation (Student's t).
fn bound(history: &[f64]) -> f64 {
    let count = history.len() as f64;
    let t = StudentsT::new(0.0, 1.0, count - 1.0).expect("two values or more");
    let (mean, deviation) = stats::mean_and_deviation(history);
    mean + t.inverse_cdf(0.99) * deviation * (1.0 + 1.0 / count).sqrt()
}

fn blocks(machine: &mut Machine, _: u64, change: f64) -> bool {
    let base = rounds(machine, 0.0);
    let head = rounds(machine, change);
    let slower = head
        .iter()
        .flat_map(|head| base.iter().map(move |base| base < head));
    let wins = slower.filter(|it| *it).count();
    // Two-sided 0.05 for ten and ten: U of the other side at most 23.
    ROUNDS * ROUNDS - wins <= 23
}

fn medians(machine: &mut Machine, _: u64, change: f64) -> bool {
    let base = run(machine, 0.0);
    run(machine, change) - base > 0.10_f64.ln_1p()
}

fn ours(machine: &mut Machine, _: u64, change: f64) -> bool {
    let found = verdict(machine, change, MARGIN.ln_1p(), confirmation(1));
    found == Some(Verdict::Regression)
}

/// How often a rule flags each change.
fn flagged(rule: Rule) -> [f64; CHANGES.len()] {
    CHANGES.map(|change| {
        let flags = |seed: &u64| rule(&mut Machine::new(NOISE, *seed), *seed, change.ln_1p());
        (0..JOBS).filter(flags).count() as f64 / JOBS as f64
    })
}

#[test]
fn peers_raise_more_false_alarms_and_find_less() {
    let table = RULES.map(|(name, rule)| (name, flagged(rule)));
    let heads = CHANGES.map(|change| format!("+{:.0} %", change * 100.0));
    println!("| rule | {} |", heads.join(" | "));
    println!("| --- |{}", " ---: |".repeat(CHANGES.len()));
    for (name, shares) in &table {
        let shares = shares.map(|share| format!("{:.1} %", share * 100.0));
        println!("| {name} | {} |", shares.join(" | "));
    }
    let (_, ours) = table[table.len() - 1];
    for (name, theirs) in &table[..table.len() - 1] {
        assert!(ours[0] < theirs[0], "false alarms: {name}");
        assert!(ours[3] > theirs[3], "+10 %: {name}");
    }
}
