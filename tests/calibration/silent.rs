//! Servers that answer nothing in a window now and then: whether zeros fail unchanged builds or hide slow
//! ones. A table, by `cargo test --test calibration silent -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use std::time::Duration;

use perfgate::gate::LOOKS;
use perfgate::model::{Pair, PairedStart, Round, Sides, Tally, Verdict};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

use crate::jobs::confirmation;
use crate::quantised::verdict;

/// Windows of a start.
const WINDOWS: usize = 2;
/// Requests of a window that is not silent, and the deviation of their logarithm.
const REQUESTS: f64 = 600.0;
const DEVIATION: f64 = 0.01;
/// Metrics of a job.
const JUDGED: usize = 96;

/// Chances of a silent window, of each side.
type Silent = Sides<f64>;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests is positive and small"
)]
fn round(silent: f64, slower: f64, random: &mut StdRng) -> Round {
    let normal = Normal::new(-slower, DEVIATION).expect("a deviation");
    let count = REQUESTS * normal.sample(random).exp();
    let count = if random.random_bool(silent) {
        0
    } else {
        count as u64
    };
    let mut tally = Tally::empty(Duration::from_secs(1));
    (tally.started, tally.succeeded) = (count, count);
    tally.succeeded_in_window = count;
    tally.span = Some(Duration::from_secs(1));
    Round {
        tally,
        usage: None,
        machine: None,
        turnover: None,
        workers: None,
    }
}

fn starts(count: usize, silent: Silent, slower: f64, random: &mut StdRng) -> Vec<PairedStart> {
    let pair = |random: &mut StdRng| Pair {
        closed: Sides {
            head: round(silent.head, slower, random),
            base: round(silent.base, 0.0, random),
        },
        open: None,
    };
    let mut start = || PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs: (0..WINDOWS).map(|_| pair(random)).collect(),
    };
    (0..count).map(|_| start()).collect()
}

/// Shares of cells that regress and that pass.
fn shares(silent: Silent, slower: f64, cells: u32) -> [f64; 2] {
    let sure = confirmation(JUDGED);
    let mut random = StdRng::seed_from_u64(29);
    let mut counts = [0_u32; 2];
    let of_base = Sides {
        head: silent.base,
        base: silent.base,
    };
    for _ in 0..cells {
        let search = starts(LOOKS[LOOKS.len() - 1], silent, slower, &mut random);
        let again = starts(sure.starts, silent, slower, &mut random);
        let control = starts(sure.starts, of_base, 0.0, &mut random);
        match verdict(&search, again, control, sure) {
            Verdict::Regression => counts[0] += 1,
            Verdict::Pass => counts[1] += 1,
            _ => {}
        }
    }
    counts.map(|count| f64::from(count) / f64::from(cells))
}

#[test]
fn silent_windows_fail_no_unchanged_build_and_hide_no_slow_one() {
    println!("| silent windows | head | regressed | passed |");
    println!("| --- | --- | ---: | ---: |");
    let shown = |name: &str, silent, slower: f64, cells| {
        let [regressed, passed] = shares(silent, slower, cells);
        println!(
            "| {name} | +{:.0} % | {:.2} % | {:.1} % |",
            slower.exp_m1() * 100.0,
            regressed * 100.0,
            passed * 100.0
        );
        [regressed, passed]
    };
    let both = |share| Sides {
        head: share,
        base: share,
    };
    for share in [0.02, 0.1, 0.3, 0.5] {
        let name = format!("{:.0} % on both sides", share * 100.0);
        let [regressed, _] = shown(&name, both(share), 0.0, 2000);
        let jobs = 1.0 - (1.0 - regressed).powf(JUDGED as f64);
        // One cell of 2000 is 4.7 % of jobs.
        assert!(jobs <= 0.05, "{share}: {jobs} of unchanged jobs fail");
    }
    for share in [0.02, 0.1] {
        let name = format!("{:.0} % on both sides", share * 100.0);
        let [_, passed] = shown(&name, both(share), 2_f64.ln(), 500);
        assert!(passed <= 0.01, "{share}: {passed} of half as fast pass");
    }
    let head = |share| Sides {
        head: share,
        base: 0.0,
    };
    let [regressed, passed] = shown("every one of the head's", head(1.0), 0.0, 100);
    assert!(regressed >= 0.99 && passed <= 0.0, "{regressed} {passed}");
    let [_, passed] = shown("half of the head's", head(0.5), 0.0, 500);
    // That none of the windows of four starts is silent has a chance of 2⁻⁸.
    assert!(passed <= 0.02, "{passed} of half silent pass");
    let silent_base = Sides {
        head: 0.0,
        base: 1.0,
    };
    let [regressed, passed] = shown("every one of the base's", silent_base, 0.0, 100);
    assert!(regressed <= 0.0 && passed <= 0.0, "{regressed} {passed}");
}
