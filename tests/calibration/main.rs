//! Whether verdicts on pairs keep what is promised of them, against a truth that is known: the
//! gate's own procedure on a simulated machine.

mod bimodal;
mod dependence;
mod detectable;
mod failures;
mod in_turn;
mod jobs;
mod machine;
mod peers;
mod quantised;
mod shards;
mod shown;
mod silent;
mod stored;

use std::time::Duration;

use perfgate::config;
use perfgate::gate::{Confirmation, judge_pairs};
use perfgate::measure::{Noise, PairPacing, Pairing, Simulated};
use perfgate::model::{Finding, Metric, Pacing, Sides, Strategy, Target, Verdict};

const PACING: Pacing = Pacing {
    warmup: Duration::from_secs(1),
    round: Duration::from_secs(2),
    rounds: 10,
    budget: Duration::from_secs(150),
};

/// Jobs of each case. A share that is truly 5 % is seen within 2.5 points of it.
const JOBS: u64 = 200;

const TYPICAL: Noise = Noise {
    start: 0.01,
    ..Noise::TYPICAL
};

/// One cell, with a margin of 5 %.
fn target() -> Target {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join(config::FILE_NAME);
    let text = r#"
[server.app]
url = "http://127.0.0.1:9"

[endpoint.health]
path = "/health"

[thresholds]
cpu_per_request = { max_increase = "5%" }
"#;
    std::fs::write(&file, text).expect("a file is written");
    let plan = config::load(&file).expect("a configuration");
    let mut target = plan.targets.into_iter().next().expect("a server");
    let thresholds = &mut target.cells[0].thresholds;
    thresholds.retain(|metric, _| *metric == Metric::CpuPerRequest);
    target
}

/// The verdicts of all jobs of one case.
struct Jobs {
    findings: Vec<Finding>,
    starts: Vec<usize>,
}

impl Jobs {
    fn share(&self, verdict: Verdict) -> f64 {
        let so = self.findings.iter().filter(|it| it.verdict == verdict);
        so.count() as f64 / self.findings.len() as f64
    }

    fn mean_starts(&self) -> f64 {
        self.starts.iter().sum::<usize>() as f64 / self.starts.len() as f64
    }
}

async fn jobs(change: f64, noise: Noise) -> Jobs {
    jobs_by(Strategy::Duet, Duration::ZERO, change, noise, JOBS).await
}

/// With time that others left, which makes rounds longer after a look.
async fn jobs_by(
    strategy: Strategy,
    spare: Duration,
    change: f64,
    noise: Noise,
    count: u64,
) -> Jobs {
    let target = target();
    let sides = Sides {
        head: target.clone(),
        base: target,
    };
    let thresholds = &sides.head.cells[0].thresholds;
    let mut jobs = Jobs {
        findings: Vec::new(),
        starts: Vec::new(),
    };
    let confirmation = Confirmation::from_thresholds([thresholds]);
    for seed in 0..count {
        let pairing = Pairing {
            pacing: PairPacing::from_pacing(PACING, strategy),
            spare,
            strategy,
            confirmation,
            counting: false,
            seed,
            observe: &|_| (),
        };
        let mut driver = Simulated::new(change, noise, seed);
        let compared = pairing.run(&sides, &mut driver).await;
        let sample = compared.expect("nothing fails").samples.remove(0);
        let findings = judge_pairs(&sample, thresholds, confirmation);
        let judged = |it: &Finding| it.metric == Metric::CpuPerRequest;
        jobs.findings.extend(findings.into_iter().find(judged));
        jobs.starts
            .push(sample.starts.len() + sample.confirmation.len() + sample.control.len());
    }
    assert_eq!(jobs.findings.len(), jobs.starts.len());
    jobs
}

#[tokio::test]
async fn an_unchanged_build_passes_and_is_not_flagged() {
    for noise in [TYPICAL, Noise::QUIET] {
        let jobs = jobs(0.0, noise).await;
        assert!(jobs.share(Verdict::Regression) <= 0.01);
        let passed = jobs.share(Verdict::Pass);
        assert!(passed >= 0.9, "{passed} passed");
    }
}

#[tokio::test]
async fn rounds_that_become_longer_after_a_look_keep_the_promise() {
    let noise = Noise {
        start: 0.02,
        ..TYPICAL
    };
    let spare = Duration::from_secs(1000);
    let unchanged = jobs_by(Strategy::Duet, spare, 0.0, noise, JOBS).await;
    // Of a share of a twentieth, 200 jobs show more than the bound in one case of twenty.
    let on_margin = jobs_by(Strategy::Duet, spare, 0.05, noise, 3 * JOBS).await;
    let flagged = unchanged.share(Verdict::Regression);
    let passed = on_margin.share(Verdict::Pass);
    assert!(flagged <= 0.01, "{flagged} flagged");
    assert!(passed <= 0.075, "{passed} passed");
}

#[tokio::test]
async fn a_change_within_the_margin_is_seldom_flagged() {
    let jobs = jobs(0.02, TYPICAL).await;
    let flagged = jobs.share(Verdict::Regression);
    assert!(flagged <= 0.05, "{flagged} flagged");
}

#[tokio::test]
async fn a_change_as_large_as_the_margin_is_flagged_about_half_of_the_time() {
    let jobs = jobs(0.05, Noise::QUIET).await;
    let flagged = jobs.share(Verdict::Regression);
    assert!((0.2..=0.6).contains(&flagged), "{flagged} flagged");
}

#[tokio::test]
async fn twice_the_margin_is_flagged() {
    for change in [0.10, 0.20] {
        let jobs = jobs(change, TYPICAL).await;
        let flagged = jobs.share(Verdict::Regression);
        assert!(flagged >= 0.9, "{flagged} of +{change} flagged");
        assert!(jobs.share(Verdict::Pass) <= 0.01);
    }
}

#[tokio::test]
async fn what_is_plain_takes_few_starts() {
    let unchanged = jobs(0.0, Noise::QUIET).await;
    let plain = jobs(0.20, Noise::QUIET).await;
    assert!(unchanged.mean_starts() < 4.5);
    // Four to find it, four to confirm it, four beside these.
    assert!(plain.mean_starts() < 12.5);
}
