//! Requests that fail under one kind of load alone.

use super::hostile::{errors, fail, found, measured, pair};
use super::*;
use crate::gate::{Confirmation, Standing, judge_pairs, standing};

/// Starts in which so many requests fail in a pair, of 6000 at full load and 300 at the fixed rate.
fn failing(full_load: Sides<u64>, fixed_rate: Sides<u64>, starts: usize) -> PairedSample {
    let mut sample = measured(&[(6000, 6000)], starts);
    for it in sample.starts.iter_mut().flat_map(|it| &mut it.pairs) {
        let mut open = pair(300, 300).closed;
        for side in Side::BOTH {
            fail(it.closed.get_mut(side), *full_load.get(side));
            fail(open.get_mut(side), *fixed_rate.get(side));
        }
        it.open = Some(open);
    }
    sample
}

const fn sides(head: u64, base: u64) -> Sides<u64> {
    Sides { head, base }
}

fn error_rate(sample: &PairedSample) -> Finding {
    let rules = errors(0.001);
    let findings = judge_pairs(sample, &rules, Confirmation::from_thresholds([&rules]));
    let of_errors = |it: &Finding| it.metric == Metric::ErrorRate;
    findings.into_iter().find(of_errors).expect("a finding")
}

#[test]
fn failures_at_the_fixed_rate_alone_are_not_lost_among_the_others() {
    // 2 % at the fixed rate, 0.095 % of all.
    let mut sample = failing(sides(0, 0), sides(6, 0), 4);
    let rules = errors(0.001);
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(found(&sample, &rules, Metric::ErrorRate), broken);
    let standing = standing(&sample, &rules, Confirmation::from_thresholds([&rules]));
    assert_eq!(standing, Standing::Suspect);
    sample.confirmation = failing(sides(0, 0), sides(6, 0), 4).starts;
    let finding = error_rate(&sample);
    assert_eq!(finding.verdict, Verdict::Regression);
    // What is shown is beyond the bound, and says where.
    assert!((finding.head.expect("a share") - 0.02).abs() < 1e-9);
    let rule = finding.rule.expect("a rule");
    assert_eq!(rule, "max (default), at the fixed rate");
    sample.confirmation = failing(sides(0, 0), sides(0, 0), 4).starts;
    let gone = (Verdict::Inconclusive, Some(Reason::NotReproduced));
    assert_eq!(found(&sample, &rules, Metric::ErrorRate), gone);
}

#[test]
fn failures_at_the_fixed_rate_on_both_sides_are_no_regression() {
    let sample = failing(sides(0, 0), sides(6, 6), 4);
    let base = (
        Verdict::Inconclusive,
        Some(Reason::Failing { side: Side::Base }),
    );
    assert_eq!(found(&sample, &errors(0.001), Metric::ErrorRate), base);
}

#[test]
fn that_one_kind_of_load_fails_more_makes_no_bursts() {
    // Every request at the fixed rate fails, none at full load: evenly, in each kind.
    let sample = failing(sides(0, 0), sides(300, 0), 4);
    let finding = error_rate(&sample);
    assert_eq!(finding.verdict, Verdict::Regression);
    let rule = finding.rule.expect("a rule");
    assert_eq!(rule, "max (default)", "all rounds together show it");
}

#[test]
fn a_burst_in_one_round_at_the_fixed_rate_is_an_accident() {
    let mut sample = failing(sides(0, 0), sides(0, 0), 4);
    let open = sample.starts[1].pairs[0]
        .open
        .as_mut()
        .expect("of both kinds");
    fail(&mut open.head, 30);
    let undecided = (Verdict::Inconclusive, Some(Reason::Undecided));
    assert_eq!(found(&sample, &errors(0.001), Metric::ErrorRate), undecided);
}

#[test]
fn fresh_starts_that_fail_at_the_fixed_rate_alone_do_not_pass() {
    let mut sample = failing(sides(0, 0), sides(0, 0), 4);
    sample.confirmation = failing(sides(0, 0), sides(6, 0), 4).starts;
    let failing = (
        Verdict::Inconclusive,
        Some(Reason::Failing { side: Side::Head }),
    );
    assert_eq!(found(&sample, &errors(0.001), Metric::ErrorRate), failing);
}

#[test]
fn latencies_of_failing_requests_are_not_compared_however_many_others_there_are() {
    // A tenth of those that latency is of, 0.5 % of all.
    let sample = failing(sides(0, 0), sides(30, 0), 4);
    let rules = margin(Metric::LatencyP50, 0.05, None);
    let failing = Some(Reason::Failing { side: Side::Head });
    let judged = found(&sample, &rules, Metric::LatencyP50);
    assert_eq!(judged, (Verdict::NotJudged, failing));
    let rates = margin(Metric::Throughput, 0.05, None);
    let judged = found(&sample, &rates, Metric::Throughput);
    assert_eq!(judged, (Verdict::Pass, None));
}
