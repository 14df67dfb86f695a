//! Rates that are counts of few requests, or of batches of them: whether whole numbers fail unchanged builds
//! and let slow ones pass. A table, by `cargo test --test calibration quantised -- --nocapture`.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use std::time::Duration;

use perfgate::gate::{Confirmation, LOOKS, judge_pairs};
use perfgate::model::{
    Finding, Metric, Pair, PairedSample, PairedStart, Round, Rule, RuleOrigin, Sides, Strategy,
    Tally, Threshold, Thresholds, Verdict,
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
    /// A window that begins anywhere between two batches.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of batches is positive and small"
    )]
    fn round(self, rate: f64, random: &mut StdRng) -> Round {
        let period = self.batch as f64 / rate;
        let first = if self.is_timed {
            period
        } else {
            period * random.random_range(0.0..1.0)
        };
        let batches = ((WINDOW.as_secs_f64() - first) / period).floor() + 1.0;
        let batches = batches.max(0.0);
        let last = first + (batches - 1.0) * period;
        let count = batches as u64 * self.batch;
        let mut tally = Tally::empty(WINDOW);
        (tally.started, tally.succeeded) = (count, count);
        tally.succeeded_in_window = count;
        let span = Duration::from_secs_f64(last.max(period));
        tally.span = self.is_timed.then_some(span);
        Round {
            tally,
            usage: None,
            machine: None,
            turnover: None,
            workers: None,
        }
    }

    /// Starts of a head that is slower by so much on the log scale.
    fn starts(self, count: usize, worse: f64, random: &mut StdRng) -> Vec<PairedStart> {
        let normal = Normal::new(0.0, self.start).expect("a deviation");
        let mut start = || {
            let rate = self.rate * normal.sample(random).exp();
            let pair = |random: &mut StdRng| Pair {
                closed: Sides {
                    head: self.round(rate * (-worse).exp(), random),
                    base: self.round(self.rate, random),
                },
                open: None,
            };
            PairedStart {
                startup: Sides::default(),
                startup_disturbed: false,
                pairs: (0..WINDOWS).map(|_| pair(random)).collect(),
            }
        };
        (0..count).map(|_| start()).collect()
    }
}

pub(crate) fn rules() -> Thresholds {
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

fn judged(sample: &PairedSample, rules: &Thresholds, sure: Confirmation) -> Finding {
    let mut findings = judge_pairs(sample, rules, sure).into_iter();
    let of_rate = findings.find(|it| it.metric == Metric::Throughput);
    of_rate.expect("a finding")
}

/// The verdict on starts, fresh ones and those of a control, as a run comes to it.
pub(crate) fn verdict(
    starts: &[PairedStart],
    confirmation: Vec<PairedStart>,
    control: Vec<PairedStart>,
    sure: Confirmation,
) -> Verdict {
    let rules = rules();
    let mut sample = PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: Vec::new(),
        confirmation: Vec::new(),
        control: Vec::new(),
        counters: Sides::default(),
    };
    for look in LOOKS {
        sample.starts = starts[..look].to_vec();
        match judged(&sample, &rules, sure).verdict {
            Verdict::Inconclusive => {}
            Verdict::Regression => {
                (sample.confirmation, sample.control) = (confirmation, control);
                return judged(&sample, &rules, sure).verdict;
            }
            decided => return decided,
        }
    }
    Verdict::Inconclusive
}

/// Shares of cells that regress and that pass.
fn shares(server: Server, worse: f64, cells: u32) -> [f64; 2] {
    let sure = crate::jobs::confirmation(JUDGED);
    let mut random = StdRng::seed_from_u64(23);
    let mut counts = [0_u32; 2];
    for _ in 0..cells {
        let starts = server.starts(LOOKS[LOOKS.len() - 1], worse, &mut random);
        let again = server.starts(sure.starts, worse, &mut random);
        let control = server.starts(sure.starts, 0.0, &mut random);
        match verdict(&starts, again, control, sure) {
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
        let [flagged, _] = shares(server, 0.0, 2000);
        let jobs = 1.0 - (1.0 - flagged).powf(JUDGED as f64);
        let at_margin = -(1.0 - MARGIN).ln();
        let [_, passing] = shares(server, at_margin, 1000);
        let [found, passed] = shares(server, 0.2_f64.ln_1p(), 200);
        println!(
            "| {name} | {:.1} % | {:.1} % | {:.1} % |",
            jobs * 100.0,
            passing * 100.0,
            found * 100.0
        );
        // One cell of 2000 is 4.7 % of jobs.
        assert!(jobs <= 0.05, "{name}: {jobs} of unchanged jobs fail");
        // A share of 5 % is seen at no more than 7.1 % in 999 of 1000 tries.
        assert!(passing <= 0.071, "{name}: {passing} pass at the margin");
        assert!(found >= 0.8, "{name}: {found} of 20 % found");
        assert!(passed <= 0.01, "{name}: {passed} of 20 % pass");
    }
}
