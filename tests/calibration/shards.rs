//! Jobs whose cells are measured by several machines, which are not alike: whether they keep the promise of
//! one that measures all, and find as much. `cargo test --test calibration shards -- --nocapture` shows the shares.

#![expect(
    clippy::print_stdout,
    reason = "the shares are what docs/recipes/shards.md says"
)]

use perfgate::gate::Confirmation;
use perfgate::model::Verdict;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::jobs::{confirmation, verdict};
use crate::machine::{Machine, Noise, TYPICAL};

const CELLS: usize = 120;
const SHARDS: usize = 8;
const JOBS: u64 = 300;
/// Jobs with a change.
const TRIES: u64 = 1000;
/// A share of 1 % of 300 jobs is seen at no more than 2.7 % in 99 of 100 tries.
const SEEN: f64 = 0.027;
const MARGIN: f64 = 0.02;

/// A machine of one shard: some are twice as fast as others, and some have neighbours.
fn machine(random: &mut StdRng, start: f64) -> Machine {
    let louder = random.random_range(0.5..2.0);
    let noise = Noise {
        machine: 0.35,
        drift: TYPICAL.drift * louder,
        round: TYPICAL.round * louder,
        throttle: random.random_range(0.0..0.05),
        spike: random.random_range(0.0..0.06),
        start,
    };
    Machine::new(noise, random.random())
}

/// Whether a cell of an unchanged build fails, of all that are dealt to the shards.
fn fails(seed: u64, start: f64, sure: Confirmation) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    (0..SHARDS).any(|_| {
        let mut machine = machine(&mut random, start);
        let mut verdicts =
            (0..CELLS / SHARDS).map(|_| verdict(&mut machine, 0.0, MARGIN.ln_1p(), sure));
        verdicts.any(|it| it == Some(Verdict::Regression))
    })
}

#[test]
fn shards_on_unlike_machines_fail_an_unchanged_build_as_seldom_as_one_job() {
    let sure = confirmation(CELLS);
    for start in [0.0, 0.01, 0.02] {
        let failed = (0..JOBS).filter(|seed| fails(*seed, start, sure)).count();
        println!("unchanged, starts {start}: {failed} of {JOBS} jobs fail");
        let share = failed as f64 / JOBS as f64;
        assert!(share <= SEEN, "{share} of jobs, starts {start}");
    }
}

#[test]
fn shards_that_counted_their_own_cells_alone_would_confirm_less() {
    let own = confirmation(CELLS / SHARDS);
    assert_ne!(own, confirmation(CELLS), "surer where more is judged");
    assert!(own.starts <= confirmation(CELLS).starts);
}

/// The share of jobs that find the change of one cell, wherever it lies in one of so many shards. The other cells
/// only pass the time of its machine.
fn found(shards: usize, change: f64, start: f64) -> f64 {
    let sure = confirmation(CELLS);
    let is_found = |seed: &u64| {
        let mut random = StdRng::seed_from_u64(seed * 100 + shards as u64);
        let mut machine = machine(&mut random, start);
        for _ in 0..random.random_range(0..CELLS / shards) {
            machine.slot();
        }
        let found = verdict(&mut machine, change.ln_1p(), MARGIN.ln_1p(), sure);
        found == Some(Verdict::Regression)
    };
    (0..TRIES).filter(is_found).count() as f64 / TRIES as f64
}

#[test]
fn shards_find_a_change_as_often_as_one_job() {
    for (change, start) in [(0.05, 0.0), (0.05, 0.01), (0.10, 0.01)] {
        let (sharded, whole) = (found(SHARDS, change, start), found(1, change, start));
        println!("+{change}, starts {start}: {sharded} in shards, {whole} in one job");
        // Of one share both are within two and a half deviations of their difference.
        let mean = f64::midpoint(sharded, whole);
        let deviation = (2.0 * mean * (1.0 - mean) / TRIES as f64).sqrt();
        assert!(
            mean > 0.1 && (sharded - whole).abs() <= 2.5 * deviation,
            "{sharded} and {whole} of +{change}, starts {start}"
        );
    }
}
