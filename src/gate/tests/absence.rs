//! Values that are not there, or too few to be what they are called.

use super::hostile::{found, measured, pair, rules_of};
use super::*;
use crate::gate::{Confirmation, Standing, judge_pairs, standing};

/// A bound that the user wrote, or not.
fn bound(metric: Metric, rule: Rule) -> Thresholds {
    let threshold = Threshold {
        ceiling: Some(rule),
        ..Threshold::default()
    };
    Thresholds::from([(metric, threshold)])
}

const fn few(requests: u64, needed: u64) -> Reason {
    Reason::TooFewRequests { requests, needed }
}

fn alone(sample: &Sample, baselines: &Baselines, rules: &Thresholds) -> (Verdict, Option<Reason>) {
    let metric = *rules.keys().next().expect("a rule");
    let finding = judged(sample, baselines, rules, metric);
    (finding.verdict, finding.reason)
}

#[test]
fn a_percentile_of_three_requests_breaks_no_bound_and_keeps_none() {
    let millis = Duration::from_millis;
    for latency in [millis(900), millis(1)] {
        let three = sample(3, latency);
        for baselines in [history(&[]), history(&FLAT)] {
            let judged = |rule| alone(&three, &baselines, &bound(Metric::LatencyP99, rule));
            let unknown = (Verdict::NotJudged, Some(few(3, 1000)));
            assert_eq!(judged(rule(5000.0)), unknown);
            let asked = (Verdict::Inconclusive, Some(few(3, 1000)));
            assert_eq!(judged(configured(5000.0)), asked);
            let median = bound(Metric::LatencyP50, configured(5000.0));
            let asked = (Verdict::Inconclusive, Some(few(3, 30)));
            assert_eq!(alone(&three, &baselines, &median), asked);
        }
        let mut paired = unchanged(three.starts[0].rounds[0].clone());
        paired.confirmation.clone_from(&paired.starts);
        let rules = bound(Metric::LatencyP99, configured(5000.0));
        let asked = (Verdict::Inconclusive, Some(few(3, 1000)));
        assert_eq!(found(&paired, &rules, Metric::LatencyP99), asked);
    }
}

#[test]
fn all_rounds_together_have_the_requests_of_a_bound() {
    let mut slow = sample(300, Duration::from_millis(9));
    let rules = bound(Metric::LatencyP99, configured(5000.0));
    assert_eq!(alone(&slow, &history(&[]), &rules).1, Some(few(300, 1000)));
    slow.starts[0].rounds = vec![slow.starts[0].rounds[0].clone(); 4];
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(alone(&slow, &history(&[]), &rules), broken);
}

#[test]
fn the_slowest_of_few_requests_breaks_a_bound_and_does_not_keep_it() {
    let rules = bound(Metric::LatencyMax, configured(5000.0));
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    let slow = sample(3, Duration::from_millis(9));
    assert_eq!(alone(&slow, &history(&[]), &rules), broken);
    let quick = sample(3, Duration::from_millis(1));
    let asked = (Verdict::Inconclusive, Some(few(3, 10_000)));
    assert_eq!(alone(&quick, &history(&[]), &rules), asked);
    let slow = unchanged(slow.starts[0].rounds[0].clone());
    assert_eq!(found(&slow, &rules, Metric::LatencyMax), broken);
    let quick = unchanged(quick.starts[0].rounds[0].clone());
    assert_eq!(found(&quick, &rules, Metric::LatencyMax), asked);
}

/// Four starts whose requests took so many milliseconds on the head's side.
fn slow(requests: u64, millis: u64) -> PairedSample {
    let round = |millis| {
        sample(requests, Duration::from_millis(millis)).starts[0]
            .rounds
            .remove(0)
    };
    let mut slow = unchanged(round(1));
    for pair in slow.starts.iter_mut().flat_map(|it| &mut it.pairs) {
        pair.open.as_mut().expect("of both kinds").head = round(millis);
    }
    slow
}

#[test]
fn fresh_starts_of_three_requests_confirm_no_percentile() {
    let by_margin = rules_of(Metric::LatencyP99);
    let by_bound = bound(Metric::LatencyP99, configured(5000.0));
    let mut slower = slow(2000, 9);
    for rules in [&by_margin, &by_bound] {
        let (verdict, _) = found(&slower, rules, Metric::LatencyP99);
        assert_eq!(verdict, Verdict::Regression);
    }
    slower.confirmation = slow(3, 9).starts;
    for rules in [&by_margin, &by_bound] {
        let asked = (Verdict::Inconclusive, Some(few(3, 1000)));
        assert_eq!(found(&slower, rules, Metric::LatencyP99), asked);
    }
}

#[test]
fn fresh_starts_of_a_generator_without_time_confirm_nothing() {
    let by_margin = rules_of(Metric::LatencyP50);
    let by_bound = bound(Metric::LatencyP50, configured(5000.0));
    let mut slower = slow(2000, 9);
    slower.confirmation = slow(2000, 9).starts;
    for rules in [&by_margin, &by_bound] {
        let (verdict, _) = found(&slower, rules, Metric::LatencyP50);
        assert_eq!(verdict, Verdict::Regression);
    }
    for pair in slower.confirmation.iter_mut().flat_map(|it| &mut it.pairs) {
        let open = pair.open.as_mut().expect("of both kinds");
        open.head.tally.generator_cpu = Duration::from_secs(1);
    }
    let doubt = Doubt::GeneratorBusy;
    for rules in [&by_margin, &by_bound] {
        let doubted = (Verdict::Inconclusive, Some(Reason::InvalidLoad { doubt }));
        assert_eq!(found(&slower, rules, Metric::LatencyP50), doubted);
    }
}

/// Requests of a pair at the fixed rate, by side; at full load both answer six hundred.
fn at_a_rate(head: u64, base: u64, starts: usize) -> PairedSample {
    let mut sample = measured(&[(600, 600)], starts);
    for it in sample.starts.iter_mut().flat_map(|it| &mut it.pairs) {
        it.open = Some(pair(head, base).closed);
    }
    sample
}

#[test]
fn a_head_that_is_silent_at_the_fixed_rate_alone_is_a_suspect() {
    for rules in [
        margin(Metric::LatencyP50, 0.05, Some(50.0)),
        bound(Metric::LatencyP50, configured(5000.0)),
    ] {
        let mut silent = at_a_rate(0, 600, 4);
        let (verdict, _) = found(&silent, &rules, Metric::LatencyP50);
        assert_eq!(verdict, Verdict::Regression);
        let confirmation = Confirmation::from_thresholds([&rules]);
        let standing = standing(&silent, &rules, confirmation);
        assert_eq!(standing, Standing::Suspect);
        // As silent in fresh starts, and once not.
        silent.confirmation = at_a_rate(0, 600, 4).starts;
        let (verdict, _) = found(&silent, &rules, Metric::LatencyP50);
        assert_eq!(verdict, Verdict::Regression);
        silent.confirmation = at_a_rate(600, 600, 4).starts;
        let (verdict, _) = found(&silent, &rules, Metric::LatencyP50);
        assert_ne!(verdict, Verdict::Regression);
    }
}

#[test]
fn a_head_that_is_next_to_silent_at_the_fixed_rate_does_not_pass() {
    let rules = rules_of(Metric::LatencyP50);
    let sparse = found(&at_a_rate(3, 600, 4), &rules, Metric::LatencyP50);
    assert_eq!(sparse, (Verdict::Inconclusive, Some(few(3, 30))));
    // Few on both sides are few.
    let both = found(&at_a_rate(3, 4, 4), &rules, Metric::LatencyP50);
    assert_eq!(both, (Verdict::NotJudged, Some(few(3, 30))));
    let neither = found(&at_a_rate(0, 0, 4), &rules, Metric::LatencyP50);
    assert_eq!(neither, (Verdict::NotJudged, Some(Reason::Unavailable)));
}

#[test]
fn a_base_that_completes_nothing_is_nothing_to_compare_with() {
    let by_default = rules_of(Metric::Throughput);
    let mut by_user = by_default.clone();
    let rule = by_user.get_mut(&Metric::Throughput).expect("a rule");
    rule.margin = Some(configured(0.05));
    let silent = Some(Reason::SilentBase);
    let all = measured(&[(600, 0), (601, 0)], 4);
    let judged = |sample: &PairedSample, rules| found(sample, rules, Metric::Throughput);
    assert_eq!(
        judged(&all, &by_default),
        (Verdict::NotJudged, silent.clone())
    );
    assert_eq!(
        judged(&all, &by_user),
        (Verdict::Inconclusive, silent.clone())
    );
    // Nor is it where it answered in one start of three.
    let mut most = measured(&[(600, 0)], 12);
    for start in most.starts.iter_mut().step_by(3) {
        start.pairs = vec![pair(600, 600)];
    }
    assert_eq!(
        judged(&most, &by_default),
        (Verdict::NotJudged, silent.clone())
    );
    let latency = rules_of(Metric::LatencyP50);
    let at_a_rate = at_a_rate(600, 0, 4);
    let judged = found(&at_a_rate, &latency, Metric::LatencyP50);
    assert_eq!(judged, (Verdict::NotJudged, silent));
}

#[test]
fn beside_a_silent_base_a_bound_on_the_head_holds_or_does_not() {
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    let held = (Verdict::Pass, None);
    let silent = at_a_rate(600, 0, 4);
    let latency = |micros| {
        let rules = bound(Metric::LatencyP50, configured(micros));
        found(&silent, &rules, Metric::LatencyP50)
    };
    assert_eq!(latency(500.0), broken);
    assert_eq!(latency(5000.0), held);
    let silent = measured(&[(600, 0)], 4);
    let rate = |least| {
        let rules = bound(Metric::Throughput, configured(least));
        found(&silent, &rules, Metric::Throughput)
    };
    assert_eq!(rate(800.0), broken);
    assert_eq!(rate(400.0), held);
}

#[test]
fn one_request_of_nineteen_is_no_regression_however_exactly_it_is_timed() {
    let few_answers = measured(&[(18, 19), (18, 19)], 4);
    let rules = rules_of(Metric::Throughput);
    // 38 in a start are fewer than twice as many as make one of them 5 %.
    let unknown = (Verdict::NotJudged, Some(few(38, 40)));
    assert_eq!(found(&few_answers, &rules, Metric::Throughput), unknown);
    let wider = margin(Metric::Throughput, 0.12, None);
    let passed = (Verdict::Pass, None);
    assert_eq!(found(&few_answers, &wider, Metric::Throughput), passed);
}

#[test]
fn the_interval_of_an_exact_rate_holds_a_request_more_or_less() {
    let rules = rules_of(Metric::Throughput);
    let interval = |count: u64| {
        let sample = measured(&[(count, count)], 4);
        let findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
        let of_rate = |it: &&Finding| it.metric == Metric::Throughput;
        let finding = findings.iter().find(of_rate).expect("a finding");
        finding.interval.expect("an interval")
    };
    let [low, high] = interval(60);
    assert!(low < -0.003 && high > 0.003, "{low} to {high}");
    let [low, high] = interval(60_000);
    assert!(low > -1e-4 && high < 1e-4, "{low} to {high}");
}

#[test]
fn one_request_of_a_round_is_no_regression_against_stored_runs() {
    let rules = margin(Metric::Throughput, 0.05, None);
    let verdict = |count: u64, base: f64| {
        let head = sample(count, Duration::from_millis(1));
        let finding = judged(&head, &history(&[base; 30]), &rules, Metric::Throughput);
        (finding.verdict, finding.reason)
    };
    assert_eq!(verdict(18, 19.0), (Verdict::NotJudged, Some(few(19, 40))));
    assert_eq!(verdict(180, 190.0), (Verdict::Regression, None));
    // What answers three where there were hundreds is slow for certain.
    assert_eq!(verdict(3, 600.0), (Verdict::Regression, None));
}

#[test]
fn a_head_that_answers_nothing_where_stored_runs_did_does_not_pass() {
    let mut silent = sample(0, Duration::from_millis(1));
    let round = &mut silent.starts[0].rounds[0];
    (round.tally.started, round.tally.unfinished) = (50, 50);
    round.usage = Some(Usage {
        cpu: Duration::from_millis(1),
        memory: 64 << 20,
        rss: None,
        grown: None,
    });
    let rules = margin(Metric::Throughput, 0.05, None);
    let slow = (Verdict::Regression, None);
    assert_eq!(alone(&silent, &history(&FLAT), &rules), slow);
    // With nothing to compare with it was not measured.
    let unknown = (Verdict::NotJudged, Some(Reason::Unavailable));
    assert_eq!(alone(&silent, &history(&[]), &rules), unknown);
}
