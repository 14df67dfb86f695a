use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Confirmation, Reference, Standing, accept, judge, judge_pairs, outcome, standing};
use crate::model::{
    Acceptance, Baseline, Counters, Difference, Doubt, Finding, Key, LoadShape, Metric, OpenLoop,
    Outcome, Pair, PairedSample, PairedStart, Reason, Round, Rule, RuleOrigin, Runner, Sample,
    Sides, Statement, Strategy, Tally, Threshold, Thresholds, Verdict,
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
        time: Timestamp::from_second(1_000_000 - age).expect("a time"),
        verdict: Outcome::Pass,
        anchor: None,
        configuration: None,
        values: BTreeMap::from([(Metric::Throughput, value), (Metric::LatencyP50, value)]),
        rounds: BTreeMap::new(),
        statements: Vec::new(),
    }
}

/// Runs of these values, newest first.
fn runs(values: &[f64]) -> Vec<Baseline> {
    let ages = values.iter().zip(0..);
    ages.map(|(value, age)| run(*value, age)).collect()
}

fn history(values: &[f64]) -> Reference {
    Reference::Stored(runs(values))
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
    };
    Sample {
        key: key(),
        startup: None,
        steady: true,
        rounds: vec![round],
        counters: None,
        beside_reference: Vec::new(),
        summary: None,
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
        pairs: vec![pair],
    };
    PairedSample {
        server: "app".into(),
        endpoint: "home".into(),
        strategy: Strategy::Duet,
        threads: 1,
        starts: vec![start; 4],
        confirmation: Vec::new(),
        counters: Sides::default(),
    }
}

fn rule(value: f64) -> Rule {
    Rule {
        value,
        text: "max".into(),
        origin: RuleOrigin::Default,
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

fn judged(sample: &Sample, reference: &Reference, rules: &Thresholds, metric: Metric) -> Finding {
    let findings = judge(std::slice::from_ref(sample), reference, |_| Some(rules));
    findings
        .into_iter()
        .find(|finding| finding.metric == metric)
        .expect("a finding")
}

fn throughput(head: u64, values: &[f64]) -> Finding {
    let sample = sample(head, Duration::from_millis(1));
    judged(
        &sample,
        &history(values),
        &margin(Metric::Throughput, 0.05, None),
        Metric::Throughput,
    )
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
    let sample = sample(10, Duration::from_millis(1));
    let rules = margin(Metric::Throughput, 0.05, None);
    let finding = judged(
        &sample,
        &Reference::Stored(runs),
        &rules,
        Metric::Throughput,
    );
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
    let sample = sample(500, Duration::from_millis(1));
    let rules = margin(Metric::Throughput, 0.05, None);
    let finding = judged(
        &sample,
        &Reference::Stored(runs),
        &rules,
        Metric::Throughput,
    );
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
    let reference = history(&[100.0; 6]);
    let latency = |floor| {
        let rules = margin(Metric::LatencyP50, 0.05, floor);
        judged(&slow, &reference, &rules, Metric::LatencyP50)
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
    let rules = margin(Metric::LatencyP99, 0.2, None);
    let finding = judged(&few, &history(&FLAT), &rules, Metric::LatencyP99);
    assert_eq!(
        finding.reason,
        Some(Reason::TooFewRequests {
            requests: 999,
            needed: 1000
        })
    );
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
fn zero_has_no_ratio() {
    assert_eq!(throughput(0, &FLAT).reason, Some(Reason::NoRatio));
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
    busy.rounds[0].tally.generator_cpu = Duration::from_secs(2);
    let reference = Reference::Stored(Vec::new());
    for metric in [Metric::Throughput, Metric::LatencyP50] {
        let finding = judged(&busy, &reference, &margin(metric, 0.05, None), metric);
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
    let finding = judged(&busy, &reference, &rules, metric);
    assert_eq!(finding.verdict, Verdict::Pass);
}

#[test]
fn bounds_on_the_head_alone_need_the_machine() {
    let seconds = Duration::from_secs(2);
    let mut sample = unchanged(sample(1000, Duration::from_millis(1)).rounds.remove(0));
    for start in &mut sample.starts {
        start.startup = Sides {
            head: Some(seconds),
            base: Some(seconds),
        };
    }
    let bound = Threshold {
        ceiling: Some(rule(1.0)),
        ..Threshold::default()
    };
    let rules = Thresholds::from([(Metric::StartupTime, bound)]);
    let mut judged = |strategy| {
        sample.strategy = strategy;
        let mut findings = judge_pairs(&sample, &rules, Confirmation::of([&rules]));
        findings.retain(|it| it.metric == Metric::StartupTime);
        findings.remove(0)
    };
    let beside = judged(Strategy::Duet);
    assert_eq!(beside.verdict, Verdict::NotJudged);
    assert_eq!(beside.reason, Some(Reason::NeedsTheMachine));
    assert_eq!(judged(Strategy::Interleaved).verdict, Verdict::Regression);
}

const MOVIES: &str = "select * from movie limit $1";
const DIRECTOR: &str = "select * from director where id = $1";

/// A sample whose batches made so many executions of each statement per request.
fn counted(batches: &[f64], statements: &[(&str, f64)]) -> Sample {
    let statement = |(text, calls): &(&str, f64)| Statement {
        text: (*text).into(),
        calls: *calls,
        rows: 0.0,
    };
    let counters = Counters {
        requests: 25,
        batches: BTreeMap::from([(Metric::SqlPerRequest, batches.to_vec())]),
        statements: statements.iter().map(statement).collect(),
    };
    Sample {
        counters: Some(counters),
        beside_reference: Vec::new(),
        ..sample(1000, Duration::from_millis(1))
    }
}

fn stored(sample: &Sample) -> Reference {
    let time = Timestamp::from_second(1_000_000).expect("a time");
    let verdict = Outcome::Regression;
    Reference::Stored(vec![Baseline::of_sample(sample, None, time, verdict)])
}

fn sql(head: &Sample, base: &Sample, margin: f64) -> Finding {
    let rules = self::margin(Metric::SqlPerRequest, margin, None);
    judged(head, &stored(base), &rules, Metric::SqlPerRequest)
}

#[test]
fn one_more_statement_is_a_regression_and_is_shown() {
    let base = counted(&[1.0; 5], &[(MOVIES, 1.0)]);
    let head = counted(&[21.0; 5], &[(DIRECTOR, 20.0), (MOVIES, 1.0)]);
    let finding = sql(&head, &base, 0.0);
    assert_eq!(finding.verdict, Verdict::Regression);
    assert_eq!((finding.base, finding.head), (Some(1.0), Some(21.0)));
    let shown: Vec<_> = finding
        .statements
        .iter()
        .map(|it| (it.text.as_str(), it.base, it.head))
        .collect();
    assert_eq!(shown, [(DIRECTOR, 0.0, 20.0)]);
}

#[test]
fn counters_are_compared_across_machines_and_loads_but_not_across_requests() {
    let base = counted(&[1.0; 5], &[]);
    let mut head = counted(&[2.0; 5], &[]);
    head.key.runner.cores = 64;
    head.key.load.connections = 1;
    assert_eq!(sql(&head, &base, 0.0).verdict, Verdict::Regression);
    head.key.load.request = "other".into();
    let finding = sql(&head, &base, 0.0);
    assert_eq!(finding.verdict, Verdict::NotJudged);
    assert!(finding.reason.expect("a reason").lacks_baseline());
}

#[test]
fn a_counter_within_its_margin_the_same_or_less_passes() {
    let base = counted(&[10.0; 5], &[]);
    let verdict = |head: f64, margin| {
        let finding = sql(&counted(&[head; 5], &[]), &base, margin);
        (finding.verdict, finding.reason)
    };
    assert_eq!(verdict(10.0, 0.0), (Verdict::Pass, None));
    assert_eq!(verdict(11.0, 0.1), (Verdict::Pass, None));
    assert_eq!(verdict(11.1, 0.1), (Verdict::Regression, None));
    assert_eq!(verdict(9.0, 0.0), (Verdict::Pass, Some(Reason::Improved)));
}

#[test]
fn what_varies_from_request_to_request_must_leave_its_range() {
    let base = counted(&[1.0, 1.4, 1.2, 1.0, 1.2], &[]);
    let varies = sql(&counted(&[1.4, 1.3, 1.4, 1.4, 1.2], &[]), &base, 0.0);
    assert_eq!(
        (varies.verdict, varies.reason),
        (Verdict::Inconclusive, Some(Reason::Varies))
    );
    let beyond = sql(&counted(&[1.6, 1.5, 1.8, 1.6, 1.6], &[]), &base, 0.0);
    assert_eq!(beyond.verdict, Verdict::Regression);
    // A connection renewed in one batch of five is nobody's fault.
    let flat = counted(&[1.0; 5], &[]);
    let once = sql(&counted(&[1.0, 1.0, 1.2, 1.0, 1.0], &[]), &flat, 0.0);
    assert_eq!(once.verdict, Verdict::Pass);
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

mod pins {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Pin;

    /// A pin at the newest of the runs.
    fn pin(runs: &[Baseline]) -> Pin {
        let newest = runs.iter().max_by_key(|run| run.time).expect("runs");
        Pin {
            schema: Pin::SCHEMA,
            time: "2026-10-01T12:00:00Z".parse().expect("a time"),
            commit: Some("3f2c1ab4d2e1".into()),
            until: Some(newest.time),
            reason: None,
        }
    }

    fn since_pin() -> Reason {
        Reason::SincePin {
            day: jiff::civil::date(2026, 10, 1),
            commit: Some("3f2c1ab4d2e1".into()),
        }
    }

    fn judged_by(runs: &[Baseline], pin: Option<&Pin>, head: &Sample) -> Finding {
        let reference = Reference::new(runs.to_vec(), pin.cloned());
        let rules = margin(Metric::Throughput, 0.05, None);
        judged(head, &reference, &rules, Metric::Throughput)
    }

    /// So many runs of one value, after those before them.
    fn runs_at(value: f64, after: &[Baseline]) -> Vec<Baseline> {
        let first = i64::try_from(after.len()).expect("few");
        (0..15).map(|run| super::run(value, -first - run)).collect()
    }

    #[test]
    fn five_steps_of_two_percent_each_pass_and_add_up_to_a_regression_since_the_pin() {
        let mut runs = runs_at(1000.0, &[]);
        let pin = pin(&runs);
        let (mut rolling, mut since) = (Vec::new(), Vec::new());
        for merge in [980_u32, 960, 941, 922, 904] {
            let head = sample(u64::from(merge), Duration::from_millis(1));
            rolling.push(judged_by(&runs, None, &head));
            since.push(judged_by(&runs, Some(&pin), &head));
            // Merged all the same.
            runs.extend(runs_at(f64::from(merge), &runs));
        }
        let verdicts = |findings: &[Finding]| -> Vec<_> {
            findings.iter().map(|finding| finding.verdict).collect()
        };
        assert_eq!(verdicts(&rolling), [Verdict::Pass; 5]);
        let (pass, regression) = (Verdict::Pass, Verdict::Regression);
        let expected = [pass, pass, regression, regression, regression];
        assert_eq!(verdicts(&since), expected);
        assert_eq!(
            since[..2],
            rolling[..2],
            "what the pin lets pass it leaves alone"
        );
        let last = since.last().expect("five");
        assert_eq!(
            (&last.reason, last.base),
            (&Some(since_pin()), Some(1000.0))
        );
        assert!((last.change.expect("a change") + 0.096).abs() < 1e-9);
        assert_eq!(last.pairs, 15, "the runs up to the pin");
    }

    #[test]
    fn what_regresses_by_the_newest_runs_is_told_by_them() {
        let runs = runs_at(1000.0, &[]);
        let head = sample(500, Duration::from_millis(1));
        let since = judged_by(&runs, Some(&pin(&runs)), &head);
        assert_eq!((since.verdict, since.reason), (Verdict::Regression, None));
    }

    #[test]
    fn a_pin_with_too_few_runs_of_the_key_leaves_the_verdict_to_the_newest() {
        let early = vec![run(2000.0, 100); 4];
        let pin = pin(&early);
        let runs = [early, runs_at(1000.0, &[])].concat();
        let head = sample(1000, Duration::from_millis(1));
        let since = judged_by(&runs, Some(&pin), &head);
        assert_eq!(since, judged_by(&runs, None, &head));
        let reference = Reference::new(runs, Some(pin));
        assert_eq!(reference.not_pinned(&[head]), [&key()]);
    }

    #[test]
    fn what_is_counted_must_not_creep_either() {
        let run = |calls: f64, age| Baseline {
            values: BTreeMap::from([(Metric::SqlPerRequest, calls)]),
            rounds: BTreeMap::from([(Metric::SqlPerRequest, vec![calls; 5])]),
            ..super::run(0.0, age)
        };
        let pinned = vec![run(10.0, 2)];
        let pin = pin(&pinned);
        let runs = [pinned, vec![run(11.0, 1)]].concat();
        let head = counted(&[12.0; 5], &[]);
        let rules = margin(Metric::SqlPerRequest, 0.1, None);
        let judged_by = |pin| {
            let reference = Reference::new(runs.clone(), pin);
            judged(&head, &reference, &rules, Metric::SqlPerRequest)
        };
        assert_eq!(judged_by(None).verdict, Verdict::Pass);
        let since = judged_by(Some(pin));
        assert_eq!(
            (since.verdict, since.base),
            (Verdict::Regression, Some(10.0))
        );
        assert_eq!(since.reason, Some(since_pin()));
    }

    proptest! {
        #[test]
        fn a_pin_never_makes_a_better_verdict(
            head in 500_u64..1500,
            values in prop::collection::vec(500.0_f64..1500.0, 5..40),
            until in 0_usize..40,
        ) {
            let runs = runs(&values);
            let pin = pin(&runs[until.min(runs.len() - 1)..]);
            let head = sample(head, Duration::from_millis(1));
            let rolling = judged_by(&runs, None, &head);
            let since = judged_by(&runs, Some(&pin), &head);
            prop_assert!(since == rolling || since.reason == Some(since_pin()));
            prop_assert!(since == rolling || rolling.verdict != Verdict::Regression);
        }
    }
}

mod over_time {
    use super::*;
    use crate::gate::{chronicle, recall};
    use crate::model::{CellSeries, Fingerprint, Measurement, Provenance, Step};

    /// Runs of one day after another, with throughput and statements per request.
    fn days(values: &[(f64, f64)]) -> Vec<Baseline> {
        let run = |(day, (throughput, calls)): (usize, &(f64, f64))| Baseline {
            commit: Some(format!("commit {day}")),
            values: BTreeMap::from([
                (Metric::Throughput, *throughput),
                (Metric::SqlPerRequest, *calls),
            ]),
            ..run(0.0, -i64::try_from(day).expect("few"))
        };
        values.iter().enumerate().map(run).collect()
    }

    fn only(runs: &[Baseline]) -> CellSeries {
        let metrics = [
            Metric::Throughput,
            Metric::LatencyP50,
            Metric::SqlPerRequest,
        ];
        let mut cells = chronicle(runs, &metrics).cells;
        assert_eq!(cells.len(), 1);
        cells.remove(0)
    }

    fn shown(steps: &[Step]) -> Vec<(usize, Option<&str>, f64, f64, bool)> {
        let shown = |it: &Step| (it.run, it.before, it.after, it.worse);
        let facts = steps.iter().map(shown);
        facts
            .zip(steps)
            .map(|((run, before, after, worse), it)| {
                (run, it.commit.as_deref(), before, after, worse)
            })
            .collect()
    }

    #[test]
    fn a_step_is_found_at_its_commit_whatever_order_the_runs_are_in() {
        let wave = |day: u32| f64::from(day % 3);
        let early = (0..12).map(|day| (1000.0 + wave(day), 2.0));
        let late = (0..8).map(|day| (900.0 + wave(day), 2.0));
        let values: Vec<_> = early.chain(late).collect();
        let mut runs = days(&values);
        runs[13].verdict = Outcome::Regression;
        runs.reverse();
        let cell = only(&runs);
        let names: Vec<_> = cell.series.iter().map(|it| it.metric).collect();
        assert_eq!(names, [Metric::Throughput, Metric::SqlPerRequest]);
        let throughput = &cell.series[0];
        let expected = (12, Some("commit 12"), 1001.0, 901.0, true);
        assert_eq!(shown(&throughput.steps), [expected]);
        assert_eq!(throughput.newest.to_bits(), 901.0_f64.to_bits());
        assert_eq!(cell.runs[13].verdict, Outcome::Regression);
        assert_eq!(cell.series[1].steps, []);
    }

    #[test]
    fn what_is_counted_steps_at_any_change_and_noise_does_not() {
        let calls = [2.0, 2.0, 3.0, 3.0, 2.0];
        let noisy = [1000.0, 1040.0, 980.0, 1010.0, 990.0];
        let values: Vec<_> = noisy.into_iter().zip(calls).collect();
        let cell = only(&days(&values));
        assert_eq!(cell.series[0].steps, []);
        let (up, down) = (
            (2, Some("commit 2"), 2.0, 3.0, true),
            (4, Some("commit 4"), 3.0, 2.0, false),
        );
        assert_eq!(shown(&cell.series[1].steps), [up, down]);
    }

    /// What was measured on a machine of the stored runs' class.
    fn measurement(samples: &[Sample]) -> Measurement {
        let fingerprint = Fingerprint {
            runner: key().runner,
            kernel: String::new(),
            engine: None,
            memory: 0,
        };
        Measurement {
            schema: Measurement::SCHEMA,
            provenance: Provenance {
                perfgate: String::new(),
                head: None,
                dirty: false,
                base: None,
                fingerprint: Some(fingerprint),
                images: BTreeMap::new(),
                path: String::new(),
                seed: Some(1),
                started: Timestamp::UNIX_EPOCH,
                seconds: 0.0,
                notes: Vec::new(),
                partial: None,
            },
            samples: samples.to_vec(),
            pairs: Vec::new(),
            incidents: Vec::new(),
        }
    }

    /// Ten runs, and five that were slower from a commit on and regressed.
    fn regressed_since() -> Vec<Baseline> {
        let days_of = |count, throughput: f64| vec![(throughput, 2.0); count];
        let mut runs = days(&[days_of(10, 1000.0), days_of(5, 900.0)].concat());
        for run in &mut runs[10..] {
            run.verdict = Outcome::Regression;
        }
        runs
    }

    #[test]
    fn a_finding_shows_the_runs_of_its_key_and_where_they_stepped() {
        let runs = regressed_since();
        let mut other = days(&[(5000.0, 9.0); 8]);
        for run in &mut other {
            run.key.load.connections = 1;
        }
        let stored = [other, runs].concat();
        let heads = [sample(900, Duration::from_millis(1))];
        let reference = Reference::Stored(stored.clone());
        let rules = margin(Metric::Throughput, 0.05, None);
        let mut findings = judge(&heads, &reference, |_| Some(&rules));
        recall(&mut findings, &measurement(&heads), &stored);
        let of = |metric| findings.iter().find(|it| it.metric == metric);
        let throughput = of(Metric::Throughput).expect("a finding");
        let verdict = (throughput.verdict, throughput.base, throughput.pairs);
        assert_eq!(verdict, (Verdict::Regression, Some(1000.0), 10));
        let values = [vec![1000.0; 10], vec![900.0; 5]].concat();
        assert_eq!(throughput.history, values);
        assert_eq!(throughput.regressed_runs, [10, 11, 12, 13, 14]);
        let step = throughput.step.clone().expect("a step");
        let expected = (10, Some("commit 10"), 1000.0, 900.0, true);
        assert_eq!(shown(&[step]), [expected]);
        let latency = of(Metric::LatencyP50).expect("a finding");
        assert_eq!((latency.history.len(), &latency.step), (0, &None));
    }

    #[test]
    fn beside_a_base_the_newest_key_of_such_a_machine_is_shown() {
        let mut elsewhere = days(&[(5000.0, 9.0); 20]);
        for run in &mut elsewhere {
            run.key.runner.cores = 64;
        }
        let mut older = days(&[(700.0, 2.0); 3]);
        for run in &mut older {
            run.key.load.connections = 1;
        }
        let stored = [elsewhere, older, regressed_since()].concat();
        let rules = margin(Metric::Throughput, 0.05, None);
        let round = sample(1000, Duration::from_millis(1)).rounds.remove(0);
        let sample = unchanged(round);
        let mut findings = judge_pairs(&sample, &rules, Confirmation::of([&rules]));
        recall(&mut findings, &measurement(&[]), &stored);
        let of = |it: &&Finding| it.metric == Metric::Throughput;
        let throughput = findings.iter().find(of).expect("a finding");
        assert_eq!(throughput.verdict, Verdict::Pass);
        let step = throughput.step.as_ref().map(|step| step.run);
        assert_eq!((throughput.history.len(), step), (15, Some(10)));
    }

    #[test]
    fn runs_older_than_those_that_judge_are_not_shown() {
        let stored = days(&[vec![(500.0, 1.0); 10], vec![(1000.0, 1.0); 30]].concat());
        let heads = [sample(1000, Duration::from_millis(1))];
        let reference = Reference::Stored(stored.clone());
        let rules = margin(Metric::Throughput, 0.05, None);
        let mut findings = judge(&heads, &reference, |_| Some(&rules));
        recall(&mut findings, &measurement(&heads), &stored);
        let of = |it: &&Finding| it.metric == Metric::Throughput;
        let throughput = findings.iter().find(of).expect("a finding");
        assert_eq!(throughput.history, [1000.0; 30]);
        assert_eq!(throughput.step, None);
    }

    #[test]
    fn keys_are_kept_apart_and_those_with_few_runs_are_counted() {
        let mut runs = days(&[(1000.0, 1.0); 8]);
        for run in &mut runs[..5] {
            run.key.runner.cores = 64;
        }
        runs[5].key.load.connections = 1;
        let cells = chronicle(&runs, &[Metric::Throughput]).cells;
        let facts: Vec<_> = cells
            .iter()
            .map(|cell| (cell.runs.len(), cell.other_runs, cell.differs.as_slice()))
            .collect();
        assert_eq!(
            facts,
            [(2, 1, [].as_slice()), (5, 0, &[Difference::Runner])]
        );
    }

    #[test]
    fn the_worst_step_comes_first() {
        let of = |server: &str, calls: [f64; 2]| {
            let mut runs = days(&calls.map(|calls| (1.0, calls)));
            for run in &mut runs {
                run.key.server = server.into();
            }
            runs
        };
        let runs = [
            of("flat", [1.0, 1.0]),
            of("better", [2.0, 1.0]),
            of("twice", [1.0, 2.0]),
            of("new", [0.0, 1.0]),
        ];
        let cells = chronicle(&runs.concat(), &[Metric::SqlPerRequest]).cells;
        let order: Vec<_> = cells.iter().map(|cell| cell.server.as_str()).collect();
        assert_eq!(order, ["new", "twice", "better", "flat"]);
    }
}

#[test]
fn a_doubtful_load_makes_only_what_has_a_threshold_inconclusive() {
    let mut round = sample(1000, Duration::from_millis(1)).rounds.remove(0);
    round.tally.generator_cpu = Duration::from_secs(1);
    let sample = unchanged(round);
    let rules = margin(Metric::LatencyP50, 0.05, None);
    let findings = judge_pairs(&sample, &rules, Confirmation::of([&rules]));
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
            let mut round = sample(1000, latency).rounds.remove(0);
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
        let confirmation = Confirmation::of([&rules]);
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
