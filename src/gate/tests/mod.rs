mod absence;
mod busy;
mod counters;
mod failing;
mod hostile;
mod missing;
mod over_time;
mod paired;
mod pins;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::accept::accept;
use super::{Baselines, judge, outcome};
use crate::model::{
    Acceptance, Baseline, Counters, Difference, Doubt, Failure, Finding, Key, LoadShape, Machine,
    Metric, Others, Outcome, Pair, PairedSample, PairedStart, PlanChange, QueryPlan, Reason, Round,
    Rule, RuleOrigin, RunDelay, Runner, Sample, Side, Sides, SingleStart, Statement, Strategy,
    Tally, Threshold, Thresholds, Usage, Verdict,
};

fn key() -> Key {
    Key {
        server: "app".into(),
        endpoint: "home".into(),
        load: LoadShape {
            request: "r".into(),
            connections: 50,
            threads: 1,
            rate: None,
            timeout_ms: 2000,
            round_ms: 1000,
        },
        settings: "s".into(),
        runner: Runner {
            architecture: "x86_64".into(),
            cpu_model: "cpu".into(),
            cores: 2,
            kernel_major: "6".into(),
            engine_major: None,
        },
    }
}

/// A stored run in which every metric of interest had the value `value`.
fn run(value: f64, age: i64) -> Baseline {
    Baseline {
        schema: 1,
        key: key(),
        commit: None,
        dirty: false,
        time: Timestamp::from_second(1_000_000 - age).expect("a time"),
        verdict: Outcome::Pass,
        anchor: None,
        configuration: None,
        values: BTreeMap::from([(Metric::Throughput, value), (Metric::LatencyP50, value)]),
        rounds: BTreeMap::new(),
        statements: Vec::new(),
        took: None,
    }
}

/// Runs of these values, newest first.
fn runs(values: &[f64]) -> Vec<Baseline> {
    let ages = values.iter().zip(0..);
    ages.map(|(value, age)| run(*value, age)).collect()
}

fn history(values: &[f64]) -> Baselines {
    Baselines::Stored(runs(values))
}

/// A sample with so many responses a second, each of them `latency` long.
fn sample(throughput: u64, latency: Duration) -> Sample {
    let mut tally = Tally::empty(Duration::from_secs(1));
    tally.started = throughput;
    tally.succeeded = throughput;
    tally.succeeded_in_window = throughput;
    tally.status.insert(200, throughput);
    let nanoseconds = u64::try_from(latency.as_nanos()).expect("short");
    tally.latency.saturating_record_n(nanoseconds, throughput);
    let round = Round {
        tally,
        usage: None,
        machine: None,
        turnover: None,
        workers: None,
    };
    Sample {
        key: key(),
        starts: vec![started(vec![round])],
        counters: None,
        beside_reference: Vec::new(),
        base: None,
        summary: None,
        took: None,
    }
}

fn started(rounds: Vec<Round>) -> SingleStart {
    SingleStart {
        steady: true,
        rounds,
        ..SingleStart::default()
    }
}

/// Four starts in which a round of either side was this one.
fn unchanged(round: Round) -> PairedSample {
    let sides = Sides {
        head: round.clone(),
        base: round,
    };
    let pair = Pair {
        closed: sides.clone(),
        open: Some(sides),
    };
    let start = PairedStart {
        startup: Sides::default(),
        startup_disturbed: false,
        pairs: vec![pair],
    };
    PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: vec![start; 4],
        confirmation: Vec::new(),
        control: Vec::new(),
        counters: Sides::default(),
    }
}

/// A sample whose batches made so many executions of each statement per request.
fn counted(batches: &[f64], statements: &[(&str, f64)]) -> Sample {
    let statement = |(text, calls): &(&str, f64)| Statement {
        text: (*text).into(),
        calls: *calls,
        ..Statement::default()
    };
    let counters = Counters {
        requests: 25,
        batches: BTreeMap::from([(Metric::SqlPerRequest, batches.to_vec())]),
        statements: statements.iter().map(statement).collect(),
        sizes: Vec::new(),
    };
    Sample {
        counters: Some(counters),
        beside_reference: Vec::new(),
        base: None,
        ..sample(1000, Duration::from_millis(1))
    }
}

fn rule(value: f64) -> Rule {
    Rule {
        value,
        text: "max".into(),
        origin: RuleOrigin::Default,
    }
}

/// The same as if the user had written it.
fn configured(value: f64) -> Rule {
    let origin = RuleOrigin::File {
        name: "perfgate.toml".into(),
        line: 1,
    };
    Rule {
        origin,
        ..rule(value)
    }
}

fn margin(metric: Metric, value: f64, floor: Option<f64>) -> Thresholds {
    Thresholds::from([(
        metric,
        Threshold {
            margin: Some(rule(value)),
            floor,
            ceiling: None,
        },
    )])
}

fn judged(sample: &Sample, baselines: &Baselines, rules: &Thresholds, metric: Metric) -> Finding {
    let findings = judge(std::slice::from_ref(sample), baselines, |_| Some(rules));
    findings
        .into_iter()
        .find(|finding| finding.metric == metric)
        .expect("a finding")
}

fn throughput(head: u64, values: &[f64]) -> Finding {
    throughput_by(head, runs(values))
}

fn throughput_by(head: u64, runs: Vec<Baseline>) -> Finding {
    let metric = Metric::Throughput;
    let sample = sample(head, Duration::from_millis(1));
    let rules = margin(metric, 0.05, None);
    judged(&sample, &Baselines::Stored(runs), &rules, metric)
}

const FLAT: [f64; 6] = [1000.0, 1005.0, 995.0, 1002.0, 998.0, 1000.0];
const WILD: [f64; 6] = [1000.0, 1300.0, 700.0, 1150.0, 850.0, 1000.0];

#[test]
fn regression_needs_both_margin_and_interval() {
    assert_eq!(throughput(880, &FLAT).verdict, Verdict::Regression);
    // Beyond the margin, and no more than the history varies by.
    let noisy = throughput(880, &WILD);
    assert_eq!(
        (noisy.verdict, noisy.reason),
        (Verdict::Inconclusive, Some(Reason::WithinNoise))
    );
    // Outside the interval, and within the margin.
    assert_eq!(throughput(955, &[1000.0; 30]).verdict, Verdict::Pass);
}

#[test]
fn a_gain_is_a_pass_that_says_improved() {
    let finding = throughput(1200, &FLAT);
    assert_eq!(
        (finding.verdict, finding.reason),
        (Verdict::Pass, Some(Reason::Improved))
    );
    assert!(finding.change.expect("a change") > 0.19);
}

#[test]
fn a_finding_shows_change_interval_and_what_it_could_have_seen() {
    let finding = throughput(880, &FLAT);
    assert!((finding.change.expect("a change") + 0.12).abs() < 1e-9);
    let [low, high] = finding.interval.expect("an interval");
    assert!(low < -0.12 && -0.12 < high, "{low} {high}");
    assert!(finding.detectable.expect("a size") >= 0.05);
    assert_eq!((finding.base, finding.pairs), (Some(1000.0), 6));
}

#[test]
fn fewer_than_five_runs_judge_nothing() {
    let finding = throughput(10, &FLAT[..4]);
    let short = Reason::ShortHistory { runs: 4, needed: 5 };
    assert_eq!(
        (finding.verdict, finding.reason),
        (Verdict::NotJudged, Some(short))
    );
    assert!(finding.change.is_some(), "the change is shown all the same");
}

#[test]
fn no_run_at_all_is_no_baseline_and_never_a_plain_pass() {
    let finding = throughput(1000, &[]);
    assert_eq!(finding.reason, Some(Reason::NoBaseline));
    assert_eq!(outcome(&[finding]), Outcome::NoBaseline);
    assert_eq!(outcome(&[]), Outcome::NoBaseline);
}

#[test]
fn runs_of_another_key_are_incomparable_and_say_why() {
    let mut runs = runs(&FLAT);
    for run in &mut runs {
        run.key.load.connections = 10;
        run.key.runner.cores = 64;
    }
    let finding = throughput_by(10, runs);
    let differs = vec![Difference::Connections, Difference::Runner];
    assert_eq!(finding.reason, Some(Reason::Incomparable { differs }));
    assert_eq!(
        (finding.base, finding.change),
        (None, None),
        "never compared"
    );
}

#[test]
fn regressed_runs_stay_out_of_the_history() {
    let mut runs = runs(&FLAT);
    runs.extend((0..20).map(|age| Baseline {
        verdict: Outcome::Regression,
        ..run(500.0, age)
    }));
    let finding = throughput_by(500, runs);
    assert_eq!(
        (finding.verdict, finding.base),
        (Verdict::Regression, Some(1000.0))
    );
}

#[test]
fn only_the_newest_thirty_runs_count() {
    let values: Vec<f64> = [1000.0; 30].into_iter().chain([9000.0; 30]).collect();
    let finding = throughput(1000, &values);
    assert_eq!((finding.base, finding.pairs), (Some(1000.0), 30));
}

#[test]
fn a_change_below_the_floor_does_not_matter() {
    let slow = sample(1000, Duration::from_micros(150));
    let baselines = history(&[100.0; 6]);
    let latency = |floor| {
        let rules = margin(Metric::LatencyP50, 0.05, floor);
        judged(&slow, &baselines, &rules, Metric::LatencyP50)
    };
    assert_eq!(latency(None).verdict, Verdict::Regression);
    let forgiven = latency(Some(200.0));
    assert_eq!(forgiven.verdict, Verdict::Pass);
    assert!(
        (forgiven.margin.expect("in force") - 2.0).abs() < 1e-9,
        "200 µs on 100 µs"
    );
}

#[test]
fn a_ceiling_is_judged_without_a_baseline_and_names_its_rule() {
    let slow = sample(1000, Duration::from_millis(9));
    let ceiling = Threshold {
        ceiling: Some(rule(5000.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::LatencyP50, ceiling)]);
    let finding = judged(&slow, &history(&[]), &rules, Metric::LatencyP50);
    assert_eq!(finding.rule.as_deref(), Some("max (default)"));
    assert_eq!(outcome(std::slice::from_ref(&finding)), Outcome::Regression);
    assert_eq!(
        (finding.verdict, finding.reason),
        (Verdict::Regression, Some(Reason::Ceiling))
    );
}

#[test]
fn tails_need_enough_requests_in_a_round() {
    let few = sample(999, Duration::from_millis(1));
    let mut rules = margin(Metric::LatencyP99, 0.2, None);
    let finding = judged(&few, &history(&FLAT), &rules, Metric::LatencyP99);
    let reason = Some(Reason::TooFewRequests {
        requests: 999,
        needed: 1000,
    });
    let decided = (finding.verdict, finding.reason);
    assert_eq!(decided, (Verdict::NotJudged, reason.clone()));
    // What the user asked for and did not get is no pass.
    let rule = rules.get_mut(&Metric::LatencyP99).expect("the rule");
    rule.margin = Some(configured(0.2));
    let finding = judged(&few, &history(&FLAT), &rules, Metric::LatencyP99);
    let decided = (finding.verdict, finding.reason);
    assert_eq!(decided, (Verdict::Inconclusive, reason));
}

#[test]
fn what_cannot_be_read_is_not_judged_where_a_rule_asks_for_it() {
    let sample = sample(1000, Duration::from_millis(1));
    let rules = margin(Metric::CpuPerRequest, 0.05, None);
    let finding = judged(&sample, &history(&FLAT), &rules, Metric::CpuPerRequest);
    assert_eq!(finding.reason, Some(Reason::Unavailable));
    let findings = judge(std::slice::from_ref(&sample), &history(&FLAT), |_| None);
    assert!(
        findings
            .iter()
            .all(|finding| finding.metric != Metric::CpuPerRequest)
    );
}

#[test]
fn a_rate_of_zero_is_slower_than_any_history() {
    let mut silent = sample(0, Duration::from_millis(1));
    silent.starts[0].rounds[0].tally.started = 5;
    silent.starts[0].rounds[0]
        .tally
        .errors
        .insert(Failure::Timeout, 5);
    let rules = margin(Metric::Throughput, 0.05, None);
    let finding = judged(&silent, &history(&FLAT), &rules, Metric::Throughput);
    assert_eq!(finding.reason, Some(Reason::Failing { side: Side::Head }));
    silent.starts[0].rounds[0].tally.errors.clear();
    silent.starts[0].rounds[0].tally.succeeded = 5;
    let finding = judged(&silent, &history(&FLAT), &rules, Metric::Throughput);
    assert_eq!(finding.verdict, Verdict::Regression);
}

#[test]
fn a_zero_in_the_history_switches_no_rule_off() {
    let mut runs = FLAT.to_vec();
    runs[0] = 0.0;
    runs.push(FLAT[1]);
    assert_eq!(throughput(500, &runs).verdict, Verdict::Regression);
}

#[test]
fn a_rule_that_the_user_wrote_and_that_cannot_be_applied_is_no_pass() {
    let without_usage = sample(999, Duration::from_millis(1));
    let metric = Metric::CpuPerRequest;
    let mut rules = margin(metric, 0.2, None);
    let by_default = judged(&without_usage, &history(&FLAT), &rules, metric);
    assert_eq!(by_default.verdict, Verdict::NotJudged);
    let of_cpu = rules.get_mut(&metric).expect("just set");
    of_cpu.margin = Some(configured(0.2));
    let finding = judged(&without_usage, &history(&FLAT), &rules, metric);
    assert_eq!(outcome(&[finding]), Outcome::Inconclusive);
}

#[test]
fn only_what_timed_out_may_be_the_fault_of_a_busy_machine() {
    let failing = |kind: Failure| {
        let mut failing = sample(1000, Duration::from_millis(1));
        let round = &mut failing.starts[0].rounds[0];
        round.machine = Some(disturbed());
        round.tally.errors.insert(kind, 200);
        let threshold = Threshold {
            ceiling: Some(rule(0.001)),
            ..Threshold::default()
        };
        let rules = Thresholds::from([(Metric::ErrorRate, threshold)]);
        let found = judged(&failing, &history(&FLAT), &rules, Metric::ErrorRate);
        (found.verdict, found.reason)
    };
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(failing(Failure::Timeout), busy);
    let failed = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(failing(Failure::UnexpectedStatus), failed);
}

/// A machine of which the hypervisor takes half.
fn disturbed() -> Machine {
    Machine {
        steal: 0.5,
        ..Machine::default()
    }
}

#[test]
fn rounds_that_others_disturbed_do_not_show_a_regression() {
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    let rules = margin(Metric::Throughput, 0.05, None);
    let verdict = |disturbed_rounds: usize| {
        let mut slow = sample(500, Duration::from_millis(2));
        slow.starts[0].rounds = vec![slow.starts[0].rounds[0].clone(); 4];
        for round in &mut slow.starts[0].rounds[..disturbed_rounds] {
            round.machine = Some(disturbed());
        }
        let finding = judged(&slow, &history(&FLAT), &rules, Metric::Throughput);
        (finding.verdict, finding.reason)
    };
    assert_eq!(verdict(0), (Verdict::Regression, None));
    // The calm half shows it too.
    assert_eq!(verdict(2), (Verdict::Regression, None));
    assert_eq!(verdict(3), busy);
}

#[test]
fn who_takes_the_cpus_takes_no_memory() {
    let mut larger = sample(1000, Duration::from_millis(1));
    larger.starts[0].rounds[0].machine = Some(disturbed());
    larger.starts[0].rounds[0].usage = Some(Usage {
        cpu: Duration::from_millis(1),
        memory: 600 << 20,
        rss: None,
        grown: None,
    });
    let mut runs = runs(&FLAT);
    for run in &mut runs {
        run.values.insert(Metric::MemoryPeak, f64::from(64 << 20));
    }
    let rules = margin(Metric::MemoryPeak, 0.1, None);
    let finding = judged(
        &larger,
        &Baselines::Stored(runs),
        &rules,
        Metric::MemoryPeak,
    );
    assert_eq!(
        (finding.verdict, finding.reason),
        (Verdict::Regression, None)
    );
}

#[test]
fn a_busy_machine_excuses_no_more_than_the_time_that_threads_waited() {
    let rules = margin(Metric::Throughput, 0.05, None);
    let verdict = |throughput: u64| {
        let mut slow = sample(throughput, Duration::from_millis(2));
        let round = &mut slow.starts[0].rounds[0];
        round.usage = Some(Usage {
            cpu: Duration::from_millis(500),
            memory: 1,
            rss: None,
            grown: None,
        });
        round.tally.generator_cpu = Duration::from_millis(100);
        // The server waited for half as long as it ran.
        round.machine = Some(Machine {
            run_delay: Some(RunDelay {
                server: Duration::from_millis(250),
                ..RunDelay::default()
            }),
            others: Some(Others {
                mean: 1.0,
                peak: 1.0,
                most: None,
            }),
            ..Machine::default()
        });
        let finding = judged(&slow, &history(&FLAT), &rules, Metric::Throughput);
        (finding.verdict, finding.reason)
    };
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(verdict(700), busy);
    assert_eq!(verdict(500), (Verdict::Regression, None));
}

#[test]
fn a_start_that_others_disturbed_does_not_break_a_bound() {
    let bound = Threshold {
        ceiling: Some(configured(1.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::StartupTime, bound)]);
    let verdict = |startup_disturbed| {
        let mut slow = sample(500, Duration::from_millis(2));
        slow.starts[0].startup = Some(Duration::from_secs(2));
        slow.starts[0].startup_disturbed = startup_disturbed;
        let finding = judged(&slow, &history(&FLAT), &rules, Metric::StartupTime);
        (finding.verdict, finding.reason)
    };
    let broken = (Verdict::Regression, Some(Reason::Ceiling));
    assert_eq!(verdict(false), broken);
    let busy = (Verdict::Inconclusive, Some(Reason::MachineBusy));
    assert_eq!(verdict(true), busy);
}

#[test]
fn what_a_fresh_start_does_not_repeat_is_no_regression() {
    let once = sample(500, Duration::from_millis(2));
    let rules = margin(Metric::Throughput, 0.05, None);
    let verdict = |sample: &Sample| {
        let finding = judged(sample, &history(&FLAT), &rules, Metric::Throughput);
        (finding.verdict, finding.reason)
    };
    let then = |throughput| {
        let mut twice = once.clone();
        let second = sample(throughput, Duration::from_millis(2));
        twice.starts.extend(second.starts);
        twice
    };
    assert_eq!(verdict(&then(500)), (Verdict::Regression, None));
    assert_eq!(
        verdict(&then(1000)),
        (Verdict::Inconclusive, Some(Reason::NotReproduced))
    );
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    fn rank(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Pass => 0,
            Verdict::Inconclusive => 1,
            Verdict::Regression => 2,
            Verdict::NotJudged => 3,
        }
    }

    proptest! {
        #[test]
        fn a_worse_head_never_gets_a_better_verdict(
            heads in (1_u64..3000, 1_u64..3000),
            values in prop::collection::vec(200.0_f64..2000.0, 5..12),
        ) {
            let (worse, better) = (heads.0.min(heads.1), heads.0.max(heads.1));
            let worse = throughput(worse, &values).verdict;
            let better = throughput(better, &values).verdict;
            prop_assert!(rank(worse) >= rank(better), "{worse:?} {better:?}");
        }

        #[test]
        fn a_wider_margin_never_makes_a_worse_verdict(
            head in 1_u64..3000,
            margins in (0.0_f64..0.9, 0.0_f64..0.9),
            values in prop::collection::vec(200.0_f64..2000.0, 5..12),
        ) {
            let sample = sample(head, Duration::from_millis(1));
            let verdict = |share| {
                let rules = margin(Metric::Throughput, share, None);
                judged(&sample, &history(&values), &rules, Metric::Throughput).verdict
            };
            let (narrow, wide) = (margins.0.min(margins.1), margins.0.max(margins.1));
            prop_assert!(rank(verdict(wide)) <= rank(verdict(narrow)));
        }
    }
}

#[test]
fn an_invalid_load_is_inconclusive_where_its_times_count() {
    let mut busy = sample(100, Duration::from_millis(1));
    busy.starts[0].rounds[0].tally.generator_cpu = Duration::from_secs(2);
    let baselines = Baselines::none();
    for metric in [Metric::Throughput, Metric::LatencyP50] {
        let finding = judged(&busy, &baselines, &margin(metric, 0.05, None), metric);
        assert_eq!(finding.verdict, Verdict::Inconclusive);
        let doubt = Doubt::GeneratorBusy;
        assert_eq!(finding.reason, Some(Reason::InvalidLoad { doubt }));
    }
    let metric = Metric::ErrorRate;
    let bound = Threshold {
        ceiling: Some(rule(0.5)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(metric, bound)]);
    let finding = judged(&busy, &baselines, &rules, metric);
    assert_eq!(finding.verdict, Verdict::Pass);
}

#[test]
fn what_is_accepted_passes_until_its_day() {
    let acceptance = |until: &str| Acceptance {
        server: "app".into(),
        endpoint: "home".into(),
        metric: Metric::Throughput,
        reason: "the new index".into(),
        until: until.parse().expect("a day"),
    };
    let judged = |accepted: &[Acceptance]| {
        let head = sample(500, Duration::from_millis(1));
        let mut findings = judge(&[head], &history(&[1000.0; 5]), |_| None);
        findings.retain(|finding| finding.metric == Metric::Throughput);
        findings[0].verdict = Verdict::Regression;
        accept(&mut findings, accepted, jiff::civil::date(2026, 5, 1));
        findings.remove(0)
    };
    let passed = judged(&[acceptance("2026-04-30"), acceptance("2026-05-01")]);
    assert_eq!(passed.verdict, Verdict::Pass);
    assert!(matches!(passed.reason, Some(Reason::Accepted { .. })));
    let ended = judged(&[acceptance("2026-04-30")]);
    assert_eq!(ended.verdict, Verdict::Regression);
    assert!(matches!(ended.reason, Some(Reason::AcceptanceEnded { .. })));
    let other = Acceptance {
        endpoint: "other".into(),
        ..acceptance("2030-01-01")
    };
    assert_eq!(judged(&[other]).verdict, Verdict::Regression);
}
