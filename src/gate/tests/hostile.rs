//! Measurements made to be judged wrongly: values that are missing, rare, few or the same.

use super::*;
use crate::gate::{Confirmation, Standing, judge_pairs, standing};

/// Rounds of the sides of one pair, by how many requests each completed in a second.
pub(super) fn pair(head: u64, base: u64) -> Pair {
    let round = |count: u64| {
        let mut round = sample(count, Duration::from_millis(1)).starts[0]
            .rounds
            .remove(0);
        round.tally.span = Some(Duration::from_secs(1));
        round
    };
    let sides = Sides {
        head: round(head),
        base: round(base),
    };
    Pair {
        closed: sides.clone(),
        open: Some(sides),
    }
}

/// Starts with these pairs, every fourth start begun anew.
pub(super) fn measured(pairs: &[(u64, u64)], starts: usize) -> PairedSample {
    let mut sample = unchanged(pair(1, 1).closed.head);
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(head, base)| pair(*head, *base))
        .collect();
    let start = PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs,
    };
    sample.starts = vec![start; starts];
    sample
}

pub(super) fn rules_of(metric: Metric) -> Thresholds {
    margin(metric, 0.05, None)
}

pub(super) fn errors(max: f64) -> Thresholds {
    let threshold = Threshold {
        ceiling: Some(rule(max)),
        ..Threshold::default()
    };
    Thresholds::from([(Metric::ErrorRate, threshold)])
}

pub(super) fn found(
    sample: &PairedSample,
    rules: &Thresholds,
    metric: Metric,
) -> (Verdict, Option<Reason>) {
    let findings = judge_pairs(sample, rules, Confirmation::from_thresholds([rules]));
    let finding = findings.into_iter().find(|it| it.metric == metric);
    let finding = finding.expect("a finding");
    (finding.verdict, finding.reason)
}

fn throughput_of(sample: &PairedSample) -> Verdict {
    found(sample, &rules_of(Metric::Throughput), Metric::Throughput).0
}

#[test]
fn a_head_that_answers_nothing_where_the_base_does_is_a_suspect() {
    let sample = measured(&[(0, 600), (0, 600)], 4);
    assert_eq!(throughput_of(&sample), Verdict::Regression);
    let rules = rules_of(Metric::Throughput);
    let standing = standing(&sample, &rules, Confirmation::from_thresholds([&rules]));
    assert_eq!(standing, Standing::Suspect);
}

#[test]
fn one_silent_window_does_not_hide_a_head_half_as_fast() {
    let slow = measured(&[(300, 600), (301, 600), (300, 600)], 4);
    assert_eq!(throughput_of(&slow), Verdict::Regression);
    let mut with_a_gap = slow;
    with_a_gap.starts[1].pairs[1] = pair(0, 600);
    assert_eq!(throughput_of(&with_a_gap), Verdict::Regression);
}

#[test]
fn a_confirmation_without_values_confirms_nothing() {
    let mut sample = measured(&[(300, 600), (301, 600)], 4);
    sample.confirmation = vec![sample.starts[0].clone(); 4];
    assert_eq!(throughput_of(&sample), Verdict::Regression);
    for start in &mut sample.confirmation {
        start.pairs.clear();
    }
    let rules = rules_of(Metric::Throughput);
    let not_reproduced = (Verdict::Inconclusive, Some(Reason::NotReproduced));
    assert_eq!(found(&sample, &rules, Metric::Throughput), not_reproduced);
}

#[test]
fn what_fresh_starts_exclude_passes_and_what_they_do_not_stays_open() {
    let rules = rules_of(Metric::Throughput);
    let mut sample = measured(&[(500, 600), (501, 600)], 4);
    let mut verdict = |again: &[(u64, u64)]| {
        let starts = again.iter().flat_map(|it| measured(&[*it], 1).starts);
        sample.confirmation = starts.collect();
        found(&sample, &rules, Metric::Throughput)
    };
    let reason = Some(Reason::NotReproduced);
    let alike = [(600, 600), (601, 600), (600, 601)].repeat(2);
    assert_eq!(verdict(&alike), (Verdict::Pass, reason.clone()));
    let apart = [(600, 600), (640, 600), (560, 600)].repeat(2);
    assert_eq!(verdict(&apart), (Verdict::Inconclusive, reason));
}

#[test]
fn what_the_base_shows_beside_itself_is_no_regression() {
    let mut sample = measured(&[(500, 600), (501, 600)], 4);
    sample.confirmation = measured(&[(500, 600), (502, 600)], 6).starts;
    sample.control = measured(&[(600, 600), (601, 600)], 6).starts;
    assert_eq!(throughput_of(&sample), Verdict::Regression);
    let rules = rules_of(Metric::Throughput);
    sample.control = measured(&[(510, 600), (503, 600)], 6).starts;
    let in_control = (Verdict::Inconclusive, Some(Reason::SeenInControl));
    assert_eq!(found(&sample, &rules, Metric::Throughput), in_control);
    // A side that looks better there proves nothing.
    sample.control = measured(&[(700, 600), (703, 600)], 6).starts;
    assert_eq!(throughput_of(&sample), Verdict::Regression);
}

#[test]
fn counts_of_a_few_requests_do_not_decide_five_percent() {
    let mut sample = measured(&[(18, 19)], 4);
    for start in &mut sample.starts {
        start.pairs[0].closed.head.tally.span = None;
        start.pairs[0].closed.base.tally.span = None;
    }
    let rules = rules_of(Metric::Throughput);
    let too_few = Reason::TooFewRequests {
        requests: 19,
        needed: 40,
    };
    let (verdict, reason) = found(&sample, &rules, Metric::Throughput);
    assert_eq!((verdict, reason), (Verdict::NotJudged, Some(too_few)));
}

#[test]
fn equal_counts_have_an_interval_all_the_same() {
    let mut sample = measured(&[(60, 60)], 4);
    for start in &mut sample.starts {
        start.pairs[0].closed.head.tally.span = None;
        start.pairs[0].closed.base.tally.span = None;
    }
    let rules = rules_of(Metric::Throughput);
    let findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
    let throughput = findings.iter().find(|it| it.metric == Metric::Throughput);
    let [low, high] = throughput.and_then(|it| it.interval).expect("an interval");
    assert!(low < -0.003 && high > 0.003, "{low} to {high}");
}

#[test]
fn noise_that_all_starts_leave_is_not_a_matter_of_the_budget() {
    let rules = rules_of(Metric::Throughput);
    let reason = |starts: usize| {
        let mut noisy = measured(&[(700, 600)], starts);
        for start in noisy.starts.iter_mut().step_by(2) {
            start.pairs = vec![pair(500, 600)];
        }
        found(&noisy, &rules, Metric::Throughput)
    };
    let undecided = |reason| (Verdict::Inconclusive, Some(reason));
    assert_eq!(reason(4), undecided(Reason::Undecided));
    // Twelve would not decide either: it is given up.
    assert_eq!(reason(6), undecided(Reason::TooNoisy));
    assert_eq!(reason(12), undecided(Reason::TooNoisy));
}

#[test]
fn a_tail_that_no_check_detects_is_news_only_where_somebody_asked() {
    let noisy = |start: usize, pair: &mut Pair| {
        let open = pair.open.as_mut().expect("at a rate");
        for (side, slow) in [
            (&mut open.head, start.is_multiple_of(2)),
            (&mut open.base, start.is_multiple_of(3)),
        ] {
            let latency = &mut side.tally.latency;
            latency.clear();
            let nanoseconds = if slow { 9_000_000 } else { 3_000_000 };
            latency.saturating_record_n(nanoseconds, 1000);
        }
    };
    let mut sample = measured(&[(1000, 1000), (1000, 1000)], 12);
    for (number, start) in sample.starts.iter_mut().enumerate() {
        for pair in &mut start.pairs {
            noisy(number, pair);
        }
    }
    let by = |margin: Rule| {
        let threshold = Threshold {
            margin: Some(margin),
            ..Threshold::default()
        };
        let rules = Thresholds::from([(Metric::LatencyP99, threshold)]);
        found(&sample, &rules, Metric::LatencyP99)
    };
    let too_noisy = Some(Reason::TooNoisy);
    assert_eq!(by(rule(0.2)), (Verdict::NotJudged, too_noisy.clone()));
    assert_eq!(by(configured(0.2)), (Verdict::Inconclusive, too_noisy));
}

/// Starts in which each request of the head leaves so many bytes, and those of the base none; both
/// give memory back and take it again.
fn leaking(bytes: i64, starts: usize) -> PairedSample {
    let mut sample = measured(&[(600, 600), (600, 600)], starts);
    for (number, start) in (0..).zip(&mut sample.starts) {
        for pair in &mut start.pairs {
            let usage = |leaked: i64, drift: i64| Usage {
                cpu: Duration::from_millis(1),
                memory: 64 << 20,
                rss: None,
                grown: Some(600 * leaked + drift),
            };
            pair.closed.head.usage = Some(usage(bytes, [-40_000, 60_000, 10_000][number % 3]));
            pair.closed.base.usage = Some(usage(0, [50_000, -20_000][number % 2]));
            pair.open = None;
        }
    }
    sample
}

#[test]
fn a_leak_of_a_few_kibibytes_a_request_is_seen() {
    let rules = |max: f64| {
        let threshold = Threshold {
            ceiling: Some(rule(max)),
            ..Threshold::default()
        };
        Thresholds::from([(Metric::MemoryGrowth, threshold)])
    };
    let verdict = |sample: &PairedSample| found(sample, &rules(1024.0), Metric::MemoryGrowth);
    let mut leaks = leaking(4096, 4);
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(verdict(&leaks), broken);
    leaks.confirmation = leaking(4096, 6).starts;
    assert_eq!(verdict(&leaks), broken);
    leaks.confirmation = leaking(0, 6).starts;
    let excluded = (Verdict::Pass, Some(Reason::NotReproduced));
    assert_eq!(verdict(&leaks), excluded);
    leaks.confirmation = leaking(4096, 6).starts;
    leaks.control = leaking(4000, 6).starts;
    let in_control = (Verdict::Inconclusive, Some(Reason::SeenInControl));
    assert_eq!(verdict(&leaks), in_control);
    assert_eq!(verdict(&leaking(0, 4)), (Verdict::Pass, None));
    // A base that leaks as much is no fault of the head's.
    let mut both = leaking(4096, 4);
    for pair in both.starts.iter_mut().flat_map(|start| &mut start.pairs) {
        pair.closed.base.usage = pair.closed.head.usage;
    }
    assert_eq!(verdict(&both), (Verdict::Pass, None));
}

#[test]
fn memory_that_is_taken_once_is_no_leak() {
    let grown = |per_round: [i64; 4]| {
        let mut alone = sample(1000, Duration::from_millis(1));
        alone.starts[0].rounds = vec![alone.starts[0].rounds[0].clone(); 4];
        for (round, grown) in alone.starts[0].rounds.iter_mut().zip(per_round) {
            round.usage = Some(Usage {
                cpu: Duration::from_millis(1),
                memory: 64 << 20,
                rss: None,
                grown: Some(grown),
            });
        }
        alone
    };
    let verdict = |sample: &Sample, baselines: &Baselines, rule: Rule| {
        let threshold = Threshold {
            ceiling: Some(rule),
            ..Threshold::default()
        };
        let rules = Thresholds::from([(Metric::MemoryGrowth, threshold)]);
        judged(sample, baselines, &rules, Metric::MemoryGrowth).verdict
    };
    let alone = |per_round| verdict(&grown(per_round), &history(&[]), configured(1024.0));
    let leak = [4_100_000, 4_000_000, 4_200_000, 4_100_000];
    assert_eq!(alone(leak), Verdict::Regression);
    assert_eq!(alone([50_000_000, 0, 0, 0]), Verdict::Pass);
    // Certain as a mean, but levelling off.
    assert_eq!(alone([5_000_000, 5_000_000, 1_000_000, 0]), Verdict::Pass);
    assert_eq!(
        alone([5_000_000, 5_000_000, 1_000_000, 900_000]),
        Verdict::Pass
    );

    // By default it is held against what the service did before, once there is that.
    let by_default = |baselines: &Baselines| verdict(&grown(leak), baselines, rule(1024.0));
    assert_eq!(by_default(&history(&[])), Verdict::NotJudged);
    let stored = |bytes: f64| {
        let mut runs = runs(&FLAT);
        for run in &mut runs {
            run.values.insert(Metric::MemoryGrowth, bytes);
        }
        Baselines::Stored(runs)
    };
    assert_eq!(by_default(&stored(0.0)), Verdict::Regression);
    assert_eq!(by_default(&stored(4000.0)), Verdict::Pass);
}

#[test]
fn one_slow_window_of_three_is_seen() {
    let mut sample = measured(&[(600, 600), (600, 600), (600, 600)], 4);
    for start in &mut sample.starts {
        for (number, pair) in start.pairs.iter_mut().enumerate() {
            let usage = |micros: u64| Usage {
                cpu: Duration::from_micros(600 * micros),
                memory: 1,
                rss: None,
                grown: None,
            };
            pair.closed.base.usage = Some(usage(100));
            pair.closed.head.usage = Some(usage(if number == 1 { 160 } else { 100 }));
        }
    }
    let rules = rules_of(Metric::CpuPerRequest);
    let (verdict, _) = found(&sample, &rules, Metric::CpuPerRequest);
    assert_eq!(verdict, Verdict::Regression);
}

/// Lets so many of a round's requests fail.
pub(super) fn fail(round: &mut Round, requests: u64) {
    round
        .tally
        .errors
        .insert(Failure::UnexpectedStatus, requests);
    round.tally.succeeded -= requests;
}

#[test]
fn equal_failure_is_no_regression_and_no_pass() {
    let mut sample = measured(&[(600, 600)], 4);
    for start in &mut sample.starts {
        fail(&mut start.pairs[0].closed.head, 600);
        fail(&mut start.pairs[0].closed.base, 600);
    }
    let base = Some(Reason::Failing { side: Side::Base });
    let rules = errors(0.001);
    let rate = found(&sample, &rules, Metric::ErrorRate);
    assert_eq!(rate, (Verdict::Inconclusive, base.clone()));
    let throughput = found(&sample, &rules_of(Metric::Throughput), Metric::Throughput);
    assert_eq!(throughput, (Verdict::NotJudged, base));
}

#[test]
fn failures_in_one_window_of_three_are_counted() {
    let mut sample = measured(&[(600, 600), (600, 600), (600, 600)], 4);
    for start in &mut sample.starts {
        fail(&mut start.pairs[2].closed.head, 180);
    }
    sample.confirmation = sample.starts.clone();
    let failed = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(found(&sample, &errors(0.001), Metric::ErrorRate), failed);
}

#[test]
fn failures_at_the_fixed_rate_are_counted_too() {
    let mut sample = measured(&[(600, 600)], 4);
    for start in &mut sample.starts {
        let open = start.pairs[0].open.as_mut().expect("of both kinds");
        fail(&mut open.head, 600);
    }
    let failed = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(found(&sample, &errors(0.001), Metric::ErrorRate), failed);
}

#[test]
fn one_stall_of_a_busy_machine_fails_no_build() {
    let mut sample = measured(&[(600, 600)], 4);
    fail(&mut sample.starts[2].pairs[0].closed.head, 50);
    let rules = errors(0.001);
    let standing =
        |sample: &PairedSample| standing(sample, &rules, Confirmation::from_thresholds([&rules]));
    assert_eq!(standing(&sample), Standing::Open);
    let too_noisy = (Verdict::Inconclusive, Some(Reason::TooNoisy));
    let mut longer = sample.clone();
    longer.starts.extend(measured(&[(600, 600)], 8).starts);
    assert_eq!(found(&longer, &rules, Metric::ErrorRate), too_noisy);
    // Stalls in every start of the head are more than that.
    for start in &mut sample.starts {
        fail(&mut start.pairs[0].closed.head, 40);
    }
    assert_eq!(standing(&sample), Standing::Suspect);
    sample.confirmation = measured(&[(600, 600)], 4).starts;
    // A second stall comes in the confirmation: still an accident.
    fail(&mut sample.confirmation[0].pairs[0].closed.head, 50);
    let (verdict, reason) = found(&sample, &rules, Metric::ErrorRate);
    let not_reproduced = (Verdict::Inconclusive, Some(Reason::NotReproduced));
    assert_eq!((verdict, reason), not_reproduced);
}

#[test]
fn a_failure_or_two_are_no_rate() {
    let mut sample = measured(&[(600, 600)], 4);
    // 2 of 4800 requests: 0.04 %, below the bound; and 6: above it, but perhaps by chance.
    fail(&mut sample.starts[0].pairs[0].closed.head, 2);
    assert_eq!(
        found(&sample, &errors(0.001), Metric::ErrorRate).0,
        Verdict::Pass
    );
    fail(&mut sample.starts[1].pairs[0].closed.head, 4);
    assert_eq!(
        found(&sample, &errors(0.001), Metric::ErrorRate).0,
        Verdict::Pass
    );
}

#[test]
fn requests_cut_off_before_their_timeout_have_not_failed() {
    let mut sample = measured(&[(600, 600)], 4);
    for start in &mut sample.starts {
        let tally = &mut start.pairs[0].closed.head.tally;
        tally.started += 50;
        tally.unfinished = 50;
    }
    let (verdict, _) = found(&sample, &errors(0.001), Metric::ErrorRate);
    assert_eq!(verdict, Verdict::Pass);
}

#[test]
fn nothing_completed_is_nothing_judged() {
    let sample = measured(&[(0, 0)], 4);
    let mut rules = rules_of(Metric::Throughput);
    rules.extend(errors(0.001));
    let findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
    for metric in [Metric::Throughput, Metric::ErrorRate] {
        let finding = findings.iter().find(|it| it.metric == metric);
        let finding = finding.expect("a finding");
        assert_eq!(finding.verdict, Verdict::NotJudged);
        assert_eq!((finding.head, finding.base), (None, None));
    }
    let latency = findings.iter().find(|it| it.metric == Metric::LatencyP50);
    assert!(latency.is_none(), "0.00 µs was not measured");
}

/// Starts in which the requests of each side cost so many microseconds, and so many fail.
fn costing(head: (u64, u64), base: (u64, u64), starts: usize) -> Vec<PairedStart> {
    let mut sample = measured(&[(600, 600), (600, 600)], starts);
    let rounds = sample.starts.iter_mut().flat_map(|it| &mut it.pairs);
    for pair in rounds {
        pair.open = None;
        let sides = [(&mut pair.closed.head, head), (&mut pair.closed.base, base)];
        for (round, (micros, failing)) in sides {
            round.usage = Some(Usage {
                cpu: Duration::from_micros(600 * micros),
                memory: 1,
                rss: None,
                grown: Some(0),
            });
            if failing > 0 {
                fail(round, failing);
            }
        }
    }
    sample.starts
}

#[test]
fn fresh_starts_that_fail_neither_confirm_nor_exclude() {
    let mut sample = measured(&[(600, 600)], 4);
    sample.starts = costing((150, 0), (100, 0), 4);
    let mut rules = rules_of(Metric::CpuPerRequest);
    rules.extend(errors(0.001));
    let cpu = |sample: &PairedSample| found(sample, &rules, Metric::CpuPerRequest);
    let failing = |side| (Verdict::Inconclusive, Some(Reason::Failing { side }));
    // A head that answers 500 is cheap, and red for another reason if at all.
    sample.confirmation = costing((50, 600), (100, 0), 4);
    assert_eq!(cpu(&sample), failing(Side::Head));
    let rate = found(&sample, &rules, Metric::ErrorRate);
    assert_eq!(rate, failing(Side::Head));
    // So is a base.
    sample.confirmation = costing((150, 0), (10, 600), 4);
    assert_eq!(cpu(&sample), failing(Side::Base));
    sample.confirmation = costing((150, 0), (100, 0), 4);
    assert_eq!(cpu(&sample), (Verdict::Regression, None));
    sample.control = costing((100, 600), (100, 600), 4);
    assert_eq!(cpu(&sample), failing(Side::Base));
    // A control of which nothing was read is none.
    sample.control = costing((100, 0), (100, 0), 4);
    for pair in sample.control.iter_mut().flat_map(|it| &mut it.pairs) {
        pair.closed.head.usage = None;
    }
    let unread = (Verdict::Inconclusive, Some(Reason::Unavailable));
    assert_eq!(cpu(&sample), unread);
}

#[test]
fn a_base_that_answers_nothing_in_fresh_starts_makes_no_head_fast() {
    let rules = rules_of(Metric::Throughput);
    let mut sample = measured(&[(300, 600)], 4);
    sample.confirmation = measured(&[(300, 0)], 4).starts;
    let not_reproduced = (Verdict::Inconclusive, Some(Reason::NotReproduced));
    assert_eq!(found(&sample, &rules, Metric::Throughput), not_reproduced);
    sample.confirmation = measured(&[(300, 600)], 4).starts;
    sample.control = measured(&[(600, 0)], 4).starts;
    let unread = (Verdict::Inconclusive, Some(Reason::Unavailable));
    assert_eq!(found(&sample, &rules, Metric::Throughput), unread);
}

#[test]
fn cpu_time_of_zero_is_not_read() {
    let mut sample = measured(&[(600, 600)], 4);
    sample.starts = costing((140, 0), (100, 0), 4);
    for start in &mut sample.starts {
        start.pairs[1].closed.head.usage = Some(Usage {
            cpu: Duration::ZERO,
            memory: 1,
            rss: None,
            grown: None,
        });
    }
    let mut rules = rules_of(Metric::CpuPerRequest);
    let cpu = rules.get_mut(&Metric::CpuPerRequest).expect("a rule");
    cpu.margin = Some(configured(0.05));
    let unread = (Verdict::Inconclusive, Some(Reason::Unavailable));
    assert_eq!(found(&sample, &rules, Metric::CpuPerRequest), unread);
}

#[test]
fn what_later_starts_contradict_does_not_pass() {
    let mut sample = measured(&[(600, 600)], 4);
    sample.starts = costing((100, 0), (100, 0), 4);
    sample.starts.extend(costing((150, 0), (100, 0), 8));
    let rules = rules_of(Metric::CpuPerRequest);
    let too_noisy = (Verdict::Inconclusive, Some(Reason::TooNoisy));
    assert_eq!(found(&sample, &rules, Metric::CpuPerRequest), too_noisy);
}

#[test]
fn a_base_that_does_not_fail_is_not_said_to() {
    let mut sample = measured(&[(1200, 1200)], 4);
    for start in &mut sample.starts {
        start.pairs[0].open = None;
        fail(&mut start.pairs[0].closed.head, 4);
        fail(&mut start.pairs[0].closed.base, 1);
    }
    let undecided = (Verdict::Inconclusive, Some(Reason::Undecided));
    let rules = errors(0.001);
    assert_eq!(found(&sample, &rules, Metric::ErrorRate), undecided);
}

#[test]
fn a_base_that_fails_says_nothing_of_a_leak() {
    let mut sample = leaking(4096, 4);
    for pair in sample.starts.iter_mut().flat_map(|it| &mut it.pairs) {
        fail(&mut pair.closed.base, 600);
    }
    let threshold = Threshold {
        ceiling: Some(configured(1024.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::MemoryGrowth, threshold)]);
    let failing = Some(Reason::Failing { side: Side::Base });
    let found = found(&sample, &rules, Metric::MemoryGrowth);
    assert_eq!(found, (Verdict::Inconclusive, failing));
}

#[test]
fn times_beyond_all_measure_are_added_up() {
    let mut sample = measured(&[(600, 600), (600, 600)], 4);
    sample.starts = costing((100, 0), (100, 0), 4);
    for round in sample.starts.iter_mut().flat_map(|it| &mut it.pairs) {
        round.closed.head.tally.span = Some(Duration::MAX);
        round.closed.head.usage.as_mut().expect("read").cpu = Duration::MAX;
    }
    assert_eq!(throughput_of(&sample), Verdict::Regression);
    let rules = rules_of(Metric::CpuPerRequest);
    let (cpu, _) = found(&sample, &rules, Metric::CpuPerRequest);
    assert_eq!(cpu, Verdict::Regression);
}
