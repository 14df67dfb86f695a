//! Rates that are counts of few requests, or of batches of them: whether whole numbers fail unchanged builds
//! and let slow ones pass. A table, by `cargo test --test calibration quantised -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use std::time::Duration;

use perfgate::gate::{Confirmation, LOOKS, Standing, judge_pairs, standing};
use perfgate::model::{
    Metric, Pair, PairedSample, PairedStart, Round, Rule, RuleOrigin, Sides, Strategy, Tally,
    Threshold, Thresholds, Verdict,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Normal};

const WINDOW: Duration = Duration::from_secs(1);
const MARGIN: f64 = 0.05;
/// Windows of a start.
const WINDOWS: usize = 2;
/// Metrics of a job.
const JUDGED: usize = 96;

/// How a server answers.
#[derive(Debug, Clone, Copy)]
struct Server {
    /// Requests a second.
    rate: f64,
    /// Requests that are answered at once.
    batch: u64,
    /// Whether the time of the last answer is known, or the count within the window alone.
    is_timed: bool,
    /// Standard deviation of a start.
    start: f64,
}

impl Server {
    /// Counts a window that begins anywhere between two batches.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of batches is positive and small"
    )]
    fn draw_round(self, round: &mut Round, rate: f64, random: &mut StdRng) {
        let period = self.batch as f64 / rate;
        let first = if self.is_timed {
            period
        } else {
            period * random.random_range(0.0..1.0)
        };
        let batches = ((WINDOW.as_secs_f64() - first) / period).floor() + 1.0;
        let batches = batches.max(0.0);
        let last = first + (batches - 1.0) * period;
        complete(round, batches as u64 * self.batch);
        let span = Duration::from_secs_f64(last.max(period));
        round.tally.span = self.is_timed.then_some(span);
    }

    /// Draws starts of a head that is slower by so much on the log scale.
    fn draw(self, starts: &mut [PairedStart], worse: f64, random: &mut StdRng) {
        let normal = Normal::new(0.0, self.start).expect("a deviation");
        for start in starts {
            let head = self.rate * normal.sample(random).exp() * (-worse).exp();
            for pair in &mut start.pairs {
                self.draw_round(&mut pair.closed.head, head, random);
                self.draw_round(&mut pair.closed.base, self.rate, random);
            }
        }
    }
}

/// Lets a round have so many answers.
pub(crate) fn complete(round: &mut Round, count: u64) {
    let tally = &mut round.tally;
    (tally.started, tally.succeeded) = (count, count);
    tally.succeeded_in_window = count;
}

/// A cell with as many starts as there may be, and as many fresh ones; what they count is drawn anew for
/// each job, since making rounds takes longer than judging them.
pub(crate) fn cell(confirming: usize) -> PairedSample {
    let round = || Round {
        tally: Tally::empty(WINDOW),
        usage: None,
        machine: None,
        turnover: None,
        workers: None,
    };
    let pair = || Pair {
        closed: Sides::from_fn(|_| round()),
        open: None,
    };
    let start = || PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs: (0..WINDOWS).map(|_| pair()).collect(),
    };
    let starts = |count| (0..count).map(|_| start()).collect();
    PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: starts(LOOKS[LOOKS.len() - 1]),
        confirmation: starts(confirming),
        control: starts(confirming),
        counters: Sides::default(),
    }
}

fn rules() -> Thresholds {
    let rule = Rule {
        value: MARGIN,
        text: "max_decrease 5%".into(),
        origin: RuleOrigin::Default,
    };
    let threshold = Threshold {
        margin: Some(rule),
        ..Threshold::default()
    };
    [(Metric::Throughput, threshold)].into_iter().collect()
}

/// The verdict on a cell whose counts were drawn, as a run comes to it.
pub(crate) fn verdict(cell: &mut PairedSample, sure: Confirmation) -> Verdict {
    let rules = rules();
    let confirmation = std::mem::take(&mut cell.confirmation);
    let control = std::mem::take(&mut cell.control);
    let all = std::mem::take(&mut cell.starts);
    let mut left = all.into_iter();
    for look in LOOKS {
        cell.starts
            .extend(left.by_ref().take(look - cell.starts.len()));
        if standing(cell, &rules, sure) != Standing::Open {
            break;
        }
    }
    let is_suspect = standing(cell, &rules, sure) == Standing::Suspect;
    (cell.confirmation, cell.control) = (confirmation, control);
    let found = if is_suspect {
        standing(cell, &rules, sure)
    } else {
        Standing::Settled
    };
    let verdict = match found {
        Standing::Suspect => Verdict::Regression,
        _ if is_suspect => Verdict::Inconclusive,
        _ => {
            let again = std::mem::take(&mut cell.confirmation);
            let mut findings = judge_pairs(cell, &rules, sure).into_iter();
            let of_rate = findings.find(|it| it.metric == Metric::Throughput);
            cell.confirmation = again;
            of_rate.expect("a finding").verdict
        }
    };
    cell.starts.extend(left);
    verdict
}

/// Shares of cells that regress and that pass.
fn shares(server: Server, worse: f64, cells: u32) -> [f64; 2] {
    let sure = crate::jobs::confirmation(JUDGED);
    let mut cell = cell(sure.starts);
    let mut random = StdRng::seed_from_u64(23);
    let mut counts = [0_u32; 2];
    for _ in 0..cells {
        server.draw(&mut cell.starts, worse, &mut random);
        server.draw(&mut cell.confirmation, worse, &mut random);
        server.draw(&mut cell.control, 0.0, &mut random);
        match verdict(&mut cell, sure) {
            Verdict::Regression => counts[0] += 1,
            Verdict::Pass => counts[1] += 1,
            _ => {}
        }
    }
    counts.map(|count| f64::from(count) / f64::from(cells))
}

#[test]
fn whole_requests_fail_no_build_and_let_none_pass() {
    let counted = Server {
        rate: 50.0,
        batch: 1,
        is_timed: false,
        start: 0.0,
    };
    let servers = [
        ("50 in a window, equal starts", counted),
        (
            "50, starts off by 1 %",
            Server {
                start: 0.01,
                ..counted
            },
        ),
        (
            "200, equal starts",
            Server {
                rate: 200.3,
                ..counted
            },
        ),
        (
            "batches of 10, timed",
            Server {
                rate: 100.0,
                batch: 10,
                is_timed: true,
                ..counted
            },
        ),
    ];
    println!("| requests | unchanged jobs that fail | pass at the margin | found at 20 % |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, server) in servers {
        let [flagged, _] = shares(server, 0.0, 1000);
        let jobs = 1.0 - (1.0 - flagged).powf(JUDGED as f64);
        let at_margin = -(1.0 - MARGIN).ln();
        let [_, passing] = shares(server, at_margin, 500);
        let [found, passed] = shares(server, 0.2_f64.ln_1p(), 100);
        println!(
            "| {name} | {:.1} % | {:.1} % | {:.1} % |",
            jobs * 100.0,
            passing * 100.0,
            found * 100.0
        );
        // One cell of 1000 is 9.2 % of jobs.
        assert!(jobs <= 0.1, "{name}: {jobs} of unchanged jobs fail");
        // A share of 5 % is seen at no more than 8.2 % in 999 of 1000 tries.
        assert!(passing <= 0.082, "{name}: {passing} pass at the margin");
        assert!(found >= 0.8, "{name}: {found} of 20 % found");
        assert!(passed <= 0.01, "{name}: {passed} of 20 % pass");
    }
}
