//! Whether the change that a finding calls detectable is detected in four of five runs.

use perfgate::gate::{Changes, Confirmation, Inference, LOOKS, Margin, Reproduction};
use perfgate::model::Verdict;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};

use crate::jobs::confirmation;

const RUNS: u32 = 4000;

/// The share of runs with starts of this deviation that call this change a regression.
fn flagged(change: f64, deviation: f64, margin: f64, starts: usize, sure: Confirmation) -> f64 {
    let mut random = StdRng::seed_from_u64(7);
    let noise = Normal::new(0.0, deviation).expect("a deviation");
    let mut changes = |change: f64, count: usize| {
        let values = (0..count).map(|_| change + noise.sample(&mut random));
        Changes::exact(values.collect())
    };
    let mut is_flagged = || {
        let all = changes(change, starts);
        let again = changes(change, sure.starts);
        let control = changes(0.0, sure.starts);
        // Its looks are those of a run that ends where one decides.
        let (inference, decided) = Inference::search(&all, Margin::from_size(margin));
        let confirmed = inference.confirmed(&again, Some(&control), margin, sure);
        decided == Some(Verdict::Regression) && confirmed.reproduction == Reproduction::Seen
    };
    let count = (0..RUNS).filter(|_| is_flagged()).count();
    count as f64 / f64::from(RUNS)
}

#[test]
fn four_of_five_runs_detect_what_is_detectable() {
    for margin in [0.02_f64, 0.05].map(f64::ln_1p) {
        for deviation in [0.002, 0.01, 0.03, 0.1] {
            for judged in [1, 24, 120] {
                for starts in [LOOKS[1], LOOKS[3]] {
                    let sure = confirmation(judged);
                    let seen = Inference {
                        starts,
                        estimate: 0.0,
                        lower: 0.0,
                        upper: 0.0,
                        deviation,
                    };
                    let change = seen.detectable(margin, starts, sure);
                    let share = flagged(change, deviation, margin, starts, sure);
                    assert!(
                        (0.75..=0.85).contains(&share),
                        "{share} of {change} with starts off by {deviation}, margin {margin}, \
                         {judged} judged, {starts} starts"
                    );
                }
            }
        }
    }
}
