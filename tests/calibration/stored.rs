//! Whether a stored history keeps what it promises of unchanged runs. Tables, by
//! `cargo test --test calibration stored -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the tables are what docs/verdicts.md shows"
)]

use perfgate::stats;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

const RUNS: u32 = 20_000;

#[test]
fn one_unchanged_run_of_a_hundred_is_beyond_its_bound_however_long_the_history() {
    let mut random = StdRng::seed_from_u64(9);
    // Larger than what a history is trusted with at the least, so that the quantile alone decides.
    let normal = Normal::new(0.0, 1.0).expect("a deviation");
    for length in [5, 6, 7, 10, 15, 20, 30] {
        let mut beyond = 0;
        for _ in 0..RUNS {
            let history: Vec<f64> = (0..length).map(|_| normal.sample(&mut random)).collect();
            let predicted = stats::predict(&history).expect("five values or more");
            let new = normal.sample(&mut random);
            beyond += u32::from(new > predicted.centre + predicted.reach);
        }
        let share = f64::from(beyond) / f64::from(RUNS);
        // Three standard errors of 1 % of so many.
        assert!(
            (share - 0.01).abs() <= 0.0022,
            "{share} beyond after {length} runs"
        );
    }
}

/// Runs on two types of machine under one name: one in five is on the slower one.
fn beyond_in_mixture(length: usize, apart: f64, deviation: f64) -> f64 {
    let mut random = StdRng::seed_from_u64(11);
    let normal = Normal::new(0.0, deviation).expect("a deviation");
    let mut run = || {
        let slower = random.random_bool(0.2);
        f64::from(u8::from(slower)) * apart + normal.sample(&mut random)
    };
    let mut beyond = 0;
    for _ in 0..RUNS {
        let history: Vec<f64> = (0..length).map(|_| run()).collect();
        let predicted = stats::predict(&history).expect("five values or more");
        beyond += u32::from(run() > predicted.centre + predicted.reach);
    }
    f64::from(beyond) / f64::from(RUNS)
}

#[test]
fn runs_on_two_types_of_machine_are_bounded_by_the_slower_type() {
    println!("| runs | deviation 1 % | 2 % | 4 % |");
    println!("| ---: | ---: | ---: | ---: |");
    for length in [10, 20, 30] {
        let shares = [0.01, 0.02, 0.04].map(|it| beyond_in_mixture(length, 0.2, it));
        let cells = shares.map(|it| format!("{:.1} %", it * 100.0));
        println!("| {length} | {} |", cells.join(" | "));
        // Groups that overlap are not distinguished, and few runs may hold none of the slower type.
        if length == 30 {
            assert!(shares[..2].iter().all(|it| *it <= 0.025), "{shares:?}");
        }
    }
}

/// Of histories of so many runs that step by `size` before the last `since` ones: the share in which a
/// step is seen.
fn seen(length: usize, size: f64, since: usize, deviation: f64) -> f64 {
    const HISTORIES: u32 = 100;
    let mut random = StdRng::seed_from_u64(13);
    let normal = Normal::new(0.0, deviation).expect("a deviation");
    let mut is_seen = || {
        let run = |position: usize| {
            if position >= length - since {
                size
            } else {
                0.0
            }
        };
        let values: Vec<f64> = (0..length)
            .map(|position| run(position) + normal.sample(&mut random))
            .collect();
        !stats::change_points(&values, 0.05_f64.ln_1p()).is_empty()
    };
    let count = (0..HISTORIES).filter(|_| is_seen()).count();
    count as f64 / f64::from(HISTORIES)
}

#[test]
fn a_step_is_seen_after_a_few_runs_and_none_is_seen_where_there_is_none() {
    println!("| runs since, step, deviation | seen |");
    println!("| --- | ---: |");
    for deviation in [0.01, 0.02, 0.04] {
        let flat = seen(30, 0.0, 0, deviation);
        println!("| none, {deviation} | {:.1} % |", flat * 100.0);
        // A share of 1 % is seen at no more than 4 % in 99 of 100 tries of so many.
        assert!(flat <= 0.04, "{flat} of flat histories step");
        for size in [0.1, 0.2] {
            for since in [3, 5] {
                let share = seen(30, size, since, deviation);
                println!("| {since}, {size}, {deviation} | {:.0} % |", share * 100.0);
                if size > 4.0 * deviation && since >= 5 {
                    assert!(share >= 0.8, "{share} of {size} seen after {since} runs");
                }
            }
        }
    }
}
