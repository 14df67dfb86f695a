//! Whether the interval that a finding shows holds the true change, wherever the looks ended. A table,
//! by `cargo test --test calibration shown -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use perfgate::gate::{Changes, Inference, LOOKS, Margin};
use perfgate::model::Verdict;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};

use crate::jobs::confirmation;

const RUNS: u32 = 4000;
const CHANGES: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 0.10];

/// The share of runs whose interval holds the change, and by how much the estimate is off on average.
fn shown(change: f64, deviation: f64, margin: f64) -> (f64, f64) {
    let mut random = StdRng::seed_from_u64(5);
    let sure = confirmation(24);
    let normal = Normal::new(change, deviation).expect("a deviation");
    let mut starts = |count: usize| {
        let values = (0..count).map(|_| normal.sample(&mut random));
        Changes::exact(values.collect())
    };
    let (mut held, mut off) = (0, 0.0);
    for _ in 0..RUNS {
        let (search, again) = (starts(LOOKS[LOOKS.len() - 1]), starts(sure.starts));
        let (found, decided) = Inference::search(&search, Margin::from_size(margin));
        let seen = match decided {
            Some(Verdict::Regression) => found.confirmed(&again, None, margin, sure).again,
            _ => found.shown(&search),
        };
        held += u32::from(seen.lower <= change && change <= seen.upper);
        off += seen.estimate - change;
    }
    let runs = f64::from(RUNS);
    (f64::from(held) / runs, off / runs)
}

#[test]
fn intervals_hold_the_true_change_in_95_of_100_runs() {
    println!(
        "| deviation, margin | {} |",
        CHANGES
            .map(|it| format!("+{:.0} %", it * 100.0))
            .join(" | ")
    );
    println!("| --- |{}", " ---: |".repeat(CHANGES.len()));
    for (deviation, margin) in [(0.01, 0.02), (0.02, 0.05), (0.04, 0.05)] {
        let all = CHANGES.map(|it| shown(it.ln_1p(), deviation, f64::ln_1p(margin)));
        let row = all.map(|(held, off)| format!("{:.1} % ({:+.2})", held * 100.0, off * 100.0));
        println!("| {deviation}, {margin} | {} |", row.join(" | "));
        for ((held, _), change) in all.iter().zip(CHANGES) {
            assert!(
                *held >= 0.94,
                "{held} hold {change}, starts off by {deviation}, margin {margin}"
            );
        }
    }
}
