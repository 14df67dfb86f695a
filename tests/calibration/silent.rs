//! Servers that answer nothing in a window now and then: whether zeros fail unchanged builds or hide slow
//! ones. A table, by `cargo test --test calibration silent -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use perfgate::model::{PairedStart, Round, Sides, Verdict};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

use crate::jobs::confirmation;
use crate::quantised::{cell, complete, verdict};

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
fn draw_round(round: &mut Round, silent: f64, slower: f64, random: &mut StdRng) {
    let normal = Normal::new(-slower, DEVIATION).expect("a deviation");
    let count = REQUESTS * normal.sample(random).exp();
    let is_silent = random.random_bool(silent);
    complete(round, if is_silent { 0 } else { count as u64 });
    round.tally.span = Some(round.tally.window);
}

fn draw(starts: &mut [PairedStart], silent: Silent, slower: f64, random: &mut StdRng) {
    for pair in starts.iter_mut().flat_map(|start| &mut start.pairs) {
        draw_round(&mut pair.closed.head, silent.head, slower, random);
        draw_round(&mut pair.closed.base, silent.base, 0.0, random);
    }
}

/// Shares of cells that regress and that pass.
fn shares(silent: Silent, slower: f64, cells: u32) -> [f64; 2] {
    let sure = confirmation(JUDGED);
    let mut cell = cell(sure.starts);
    let mut random = StdRng::seed_from_u64(29);
    let mut counts = [0_u32; 2];
    let of_base = Sides {
        head: silent.base,
        base: silent.base,
    };
    for _ in 0..cells {
        draw(&mut cell.starts, silent, slower, &mut random);
        draw(&mut cell.confirmation, silent, slower, &mut random);
        draw(&mut cell.control, of_base, 0.0, &mut random);
        match verdict(&mut cell, sure) {
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
        let [regressed, _] = shown(&name, both(share), 0.0, 1000);
        let jobs = 1.0 - (1.0 - regressed).powf(JUDGED as f64);
        // One cell of 1000 is 9.2 % of jobs.
        assert!(jobs <= 0.1, "{share}: {jobs} of unchanged jobs fail");
    }
    for share in [0.02, 0.1] {
        let name = format!("{:.0} % on both sides", share * 100.0);
        let [_, passed] = shown(&name, both(share), 2_f64.ln(), 200);
        assert!(passed <= 0.01, "{share}: {passed} of half as fast pass");
    }
    let head = |share| Sides {
        head: share,
        base: 0.0,
    };
    let [regressed, passed] = shown("every one of the head's", head(1.0), 0.0, 100);
    assert!(regressed >= 0.99 && passed <= 0.0, "{regressed} {passed}");
    let [_, passed] = shown("half of the head's", head(0.5), 0.0, 200);
    // That none of the windows of four starts is silent has a chance of 2⁻⁸.
    assert!(passed <= 0.02, "{passed} of half silent pass");
    let silent_base = Sides {
        head: 0.0,
        base: 1.0,
    };
    let [regressed, passed] = shown("every one of the base's", silent_base, 0.0, 100);
    assert!(regressed <= 0.0 && passed <= 0.0, "{regressed} {passed}");
}
