use super::*;
use crate::gate::{Confirmation, Standing, judge_pairs, standing};
use crate::model::OpenLoop;

#[test]
fn bounds_on_the_head_alone_need_the_machine() {
    let seconds = Duration::from_secs(2);
    let mut sample = unchanged(
        sample(1000, Duration::from_millis(1)).starts[0]
            .rounds
            .remove(0),
    );
    for start in &mut sample.starts {
        start.startup = Sides {
            head: Some(seconds),
            base: Some(seconds),
        };
    }
    let bound = |value| Threshold {
        ceiling: Some(configured(value)),
        ..Threshold::default()
    };
    let mut judged_while = |disturbed, strategy, threshold| {
        let rules = Thresholds::from([(Metric::StartupTime, threshold)]);
        sample.strategy = strategy;
        for start in &mut sample.starts {
            start.startup_disturbed = disturbed;
        }
        let mut findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
        findings.retain(|it| it.metric == Metric::StartupTime);
        let finding = findings.remove(0);
        (finding.verdict, finding.reason)
    };
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(judged_while(true, Strategy::Interleaved, bound(1.0)), busy);
    let mut judged = |strategy, threshold| judged_while(false, strategy, threshold);
    let unjudged = (Verdict::Inconclusive, Some(Reason::NeedsTheMachine));
    assert_eq!(judged(Strategy::Duet, bound(1.0)), unjudged);
    // What holds with half of the cores holds with all of them.
    assert_eq!(judged(Strategy::Duet, bound(3.0)), (Verdict::Pass, None));
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(judged(Strategy::Interleaved, bound(1.0)), broken);
    // A margin that is kept does not make up for a bound.
    let both = Threshold {
        margin: Some(configured(0.1)),
        ..bound(1.0)
    };
    assert_eq!(judged(Strategy::Duet, both), unjudged);
}

#[test]
fn a_doubtful_load_makes_only_what_has_a_threshold_inconclusive() {
    let mut round = sample(1000, Duration::from_millis(1)).starts[0]
        .rounds
        .remove(0);
    round.tally.generator_cpu = Duration::from_secs(1);
    let sample = unchanged(round);
    let rules = margin(Metric::LatencyP50, 0.05, None);
    let findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
    let reason = |metric: Metric| {
        let found = findings.iter().find(|it| it.metric == metric);
        let found = found.expect("a finding");
        (found.verdict, found.reason.clone())
    };
    let doubt = Doubt::GeneratorBusy;
    assert_eq!(
        reason(Metric::LatencyP50),
        (Verdict::Inconclusive, Some(Reason::InvalidLoad { doubt }))
    );
    assert_eq!(
        reason(Metric::LatencyP75),
        (Verdict::NotJudged, Some(Reason::NoThreshold))
    );
}

#[test]
fn a_late_generator_hides_a_change_side_by_side_and_makes_none() {
    let found = |head: u64, base: u64, lag: u64, strategy| {
        let round = |micros| {
            let latency = Duration::from_micros(micros);
            let mut round = sample(1000, latency).starts[0].rounds.remove(0);
            let mut open = OpenLoop::empty();
            open.send_lag.saturating_record(1000 * lag);
            open.service.saturating_record(1000 * (micros - lag));
            (open.offered, open.sent) = (1000, 1000);
            round.tally.open = Some(open);
            round
        };
        let mut sample = unchanged(round(base));
        sample.strategy = strategy;
        for start in &mut sample.starts {
            for pair in &mut start.pairs {
                let open = pair.open.as_mut().expect("of both kinds");
                open.head = round(head);
            }
        }
        let rules = margin(Metric::LatencyP50, 0.05, None);
        let confirmation = Confirmation::from_thresholds([&rules]);
        let findings = judge_pairs(&sample, &rules, confirmation);
        let of = |it: &&Finding| it.metric == Metric::LatencyP50;
        let finding = findings.iter().find(of).expect("a finding");
        let standing = standing(&sample, &rules, confirmation);
        (finding.verdict, finding.reason.clone(), standing)
    };
    let late = Some(Reason::InvalidLoad {
        doubt: Doubt::GeneratorLate,
    });
    let (verdict, _, standing) = found(3000, 2000, 1900, Strategy::Duet);
    assert_eq!(
        (verdict, standing),
        (Verdict::Regression, Standing::Suspect)
    );
    let open = (Verdict::Inconclusive, late, Standing::Open);
    // At 2.4 % worse: of 5 % more of the server's half of a latency 2.5 % show, of its twentieth less.
    assert_eq!(found(2048, 2000, 1900, Strategy::Duet), open);
    let passed = (Verdict::Pass, None, Standing::Settled);
    assert_eq!(found(2048, 2000, 1000, Strategy::Duet), passed);
    assert_eq!(found(2000, 2000, 1900, Strategy::Duet), passed);
    assert_eq!(found(3000, 2000, 1900, Strategy::Interleaved), open);
}
