//! Whether a stored history keeps what it promises of unchanged runs.

use perfgate::stats;
use rand::SeedableRng;
use rand::rngs::StdRng;
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
