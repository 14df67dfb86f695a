//! What is slow only now and then: what of it passes. A table, by
//! `cargo test --test calibration bimodal -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use perfgate::gate::{Changes, Inference, LOOKS, Margin};
use perfgate::model::Verdict;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

const RUNS: u32 = 2000;
const MARGIN: f64 = 0.05;
/// Standard deviations of a start and of a window.
const START: f64 = 0.01;
const WINDOW: f64 = 0.02;
/// Windows of a start.
const WINDOWS: usize = 2;
/// How much more a slow start or window costs.
const SLOW: [f64; 3] = [0.2, 0.5, 1.0];

/// What is slow in one case of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rare {
    Start(u32),
    Window(u32),
}

/// The change that the totals of a start show.
fn change(rare: Rare, slow: f64, random: &mut StdRng) -> f64 {
    let noise = |deviation: f64, random: &mut StdRng| {
        let normal = Normal::new(0.0, deviation).expect("a deviation");
        normal.sample(random)
    };
    let so = |one_in: u32, random: &mut StdRng| random.random_ratio(1, one_in);
    let slow_start = matches!(rare, Rare::Start(one_in) if so(one_in, random));
    let (mut head, mut base) = (0.0, 0.0);
    for _ in 0..WINDOWS {
        let slow_window = matches!(rare, Rare::Window(one_in) if so(one_in, random));
        let cost = if slow_start || slow_window {
            1.0 + slow
        } else {
            1.0
        };
        head += cost * noise(WINDOW, random).exp();
        base += noise(WINDOW, random).exp();
    }
    (head / base).ln() + noise(START, random)
}

/// The share of runs that pass.
fn passing(rare: Rare, slow: f64) -> f64 {
    let mut random = StdRng::seed_from_u64(3);
    let mut passes = || {
        let starts = (0..LOOKS[LOOKS.len() - 1]).map(|_| change(rare, slow, &mut random));
        let changes = Changes::exact(starts.collect());
        let (_, decided) = Inference::search(&changes, Margin::from_size(MARGIN.ln_1p()));
        decided == Some(Verdict::Pass)
    };
    let count = (0..RUNS).filter(|_| passes()).count();
    count as f64 / f64::from(RUNS)
}

#[test]
fn what_is_slow_now_and_then_passes_only_where_no_slow_start_was_drawn() {
    println!(
        "| slow | {} |",
        SLOW.map(|it| format!("+{:.0} %", it * 100.0)).join(" | ")
    );
    println!("| --- |{}", " ---: |".repeat(SLOW.len()));
    for rare in [
        Rare::Start(2),
        Rare::Start(3),
        Rare::Start(5),
        Rare::Start(7),
        Rare::Window(3),
        Rare::Window(5),
    ] {
        let shares = SLOW.map(|slow| passing(rare, slow));
        println!(
            "| {rare:?} | {} |",
            shares.map(|it| format!("{:.0} %", it * 100.0)).join(" | ")
        );
        let draws = |one_in: u32, count: f64| (1.0 - 1.0 / f64::from(one_in)).powf(count);
        let unseen = match rare {
            Rare::Start(one_in) => draws(one_in, LOOKS[0] as f64),
            Rare::Window(one_in) => draws(one_in, (LOOKS[0] * WINDOWS) as f64),
        };
        // What is slow enough to be beyond the margin on average passes where it was never drawn, and
        // a little more often: ranks of eight starts and more overlook one.
        for share in &shares[1..] {
            assert!(
                *share <= unseen + 0.1,
                "{rare:?}: {share} pass, {unseen} unseen"
            );
        }
    }
}
