//! Sides that take turns: what the machine does meanwhile falls on one of them alone.

#![expect(
    clippy::print_stdout,
    reason = "the table is what docs/verdicts.md shows"
)]

use std::time::Duration;

use perfgate::measure::Noise;
use perfgate::model::{Strategy, Verdict};

use super::{JOBS, TYPICAL, jobs_by};

#[tokio::test]
async fn an_unchanged_build_in_turn_is_not_flagged() {
    for noise in [TYPICAL, Noise::QUIET] {
        let jobs = jobs_by(Strategy::Interleaved, Duration::ZERO, 0.0, noise, JOBS).await;
        let flagged = jobs.share(Verdict::Regression);
        println!(
            "in turn, unchanged: {flagged} flagged, {} passed, {} starts",
            jobs.share(Verdict::Pass),
            jobs.mean_starts()
        );
        assert!(flagged <= 0.01, "{flagged} flagged");
    }
}

#[tokio::test]
async fn a_large_change_in_turn_is_found_and_never_passes() {
    for (noise, change, least) in [(Noise::QUIET, 0.10, 0.9), (TYPICAL, 0.30, 0.8)] {
        let jobs = jobs_by(Strategy::Interleaved, Duration::ZERO, change, noise, JOBS).await;
        let flagged = jobs.share(Verdict::Regression);
        println!(
            "in turn, +{change}: {flagged} flagged, {} starts",
            jobs.mean_starts()
        );
        assert!(flagged >= least, "{flagged} of +{change} flagged");
        assert!(jobs.share(Verdict::Pass) <= 0.01);
    }
}
