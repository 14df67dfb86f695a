use super::*;
use crate::gate::attach_history::attach_history;
use crate::gate::{Confirmation, judge_pairs, new_steps, trend};
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
    let mut cells = trend(runs, &metrics, &|_, _| None).cells;
    assert_eq!(cells.len(), 1);
    cells.remove(0)
}

fn shown(steps: &[Step]) -> Vec<(usize, Option<&str>, f64, f64, bool)> {
    let shown = |it: &Step| (it.run, it.before, it.after, it.worse);
    let facts = steps.iter().map(shown);
    facts
        .zip(steps)
        .map(|((run, before, after, worse), it)| (run, it.commit.as_deref(), before, after, worse))
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
fn a_step_is_new_once_and_lies_between_two_commits() {
    let wave = |day: u32| f64::from(day % 3);
    let value = |day| (if day < 12 { 1000.0 } else { 900.0 } + wave(day), 2.0);
    let values: Vec<_> = (0..20).map(value).collect();
    let runs = days(&values);
    let metrics = [Metric::Throughput, Metric::SqlPerRequest];
    let is_new = |count: usize| {
        !new_steps(&runs[..count], &runs[count..=count], &metrics, &|_, _| None).is_empty()
    };
    let first: Vec<_> = (0..20).filter(|count| is_new(*count)).collect();
    let [count] = first.as_slice() else {
        panic!("new at {first:?}");
    };
    let found = new_steps(
        &runs[..*count],
        &runs[*count..=*count],
        &metrics,
        &|_, _| None,
    );
    let (cell, metric, step) = &found[0];
    assert_eq!(
        (cell.server.as_str(), *metric),
        (runs[0].key.server.as_str(), Metric::Throughput)
    );
    assert_eq!(step.since.as_deref(), Some("commit 11"));
    assert_eq!(step.commit.as_deref(), Some("commit 12"));
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
pub(super) fn measurement(samples: &[Sample]) -> Measurement {
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
            shard: None,
            partial: None,
        },
        samples: samples.to_vec(),
        pairs: Vec::new(),
        identical: Vec::new(),
        same_build: Vec::new(),
        profiles: Vec::new(),
        incidents: Vec::new(),
    }
}

/// Ten runs, and some that were slower from a commit on and regressed.
fn regressed_since(slower: usize) -> Vec<Baseline> {
    let days_of = |count, throughput: f64| vec![(throughput, 2.0); count];
    let mut runs = days(&[days_of(10, 1000.0), days_of(slower, 900.0)].concat());
    for run in &mut runs[10..] {
        run.verdict = Outcome::Regression;
    }
    runs
}

#[test]
fn a_finding_shows_the_runs_of_its_key_and_where_they_stepped() {
    let runs = regressed_since(4);
    let mut other = days(&[(5000.0, 9.0); 8]);
    for run in &mut other {
        run.key.load.connections = 1;
    }
    let stored = [other, runs].concat();
    let heads = [sample(900, Duration::from_millis(1))];
    let baselines = Baselines::Stored(stored.clone());
    let rules = margin(Metric::Throughput, 0.05, None);
    let mut findings = judge(&heads, &baselines, |_| Some(&rules));
    attach_history(&mut findings, &measurement(&heads), &stored);
    let of = |metric| findings.iter().find(|it| it.metric == metric);
    let throughput = of(Metric::Throughput).expect("a finding");
    let verdict = (throughput.verdict, throughput.base, throughput.pairs);
    assert_eq!(verdict, (Verdict::Regression, Some(1000.0), 10));
    let values = [vec![1000.0; 10], vec![900.0; 4]].concat();
    assert_eq!(throughput.history, values);
    assert_eq!(throughput.regressed_runs, [10, 11, 12, 13]);
    let step = throughput.step.clone().expect("a step");
    let expected = (10, Some("commit 10"), 1000.0, 900.0, true);
    assert_eq!(shown(&[step]), [expected]);
    let latency = of(Metric::LatencyP50).expect("a finding");
    assert_eq!((latency.history.len(), &latency.step), (0, &None));
}

#[test]
fn what_was_merged_is_judged_by_its_own_level_once_that_is_known() {
    let rules = margin(Metric::Throughput, 0.05, None);
    let judged = |slower: usize, throughput: u64| {
        let stored = regressed_since(slower);
        let heads = [sample(throughput, Duration::from_millis(1))];
        let baselines = Baselines::Stored(stored.clone());
        let mut findings = judge(&heads, &baselines, |_| Some(&rules));
        attach_history(&mut findings, &measurement(&heads), &stored);
        let of = |it: &&Finding| it.metric == Metric::Throughput;
        findings.iter().find(of).cloned().expect("a finding")
    };
    assert_eq!(judged(4, 900).verdict, Verdict::Regression);
    let passes = judged(5, 900);
    let facts = (passes.verdict, passes.base, passes.pairs);
    assert_eq!(facts, (Verdict::Pass, Some(900.0), 5));
    // It is said, not hidden.
    let step = passes.step.expect("a step");
    assert_eq!((step.run, step.worse), (10, true));
    assert!(passes.regressed_runs.contains(&10));
    // What is slower again is found.
    assert_eq!(judged(5, 700).verdict, Verdict::Regression);
}

#[test]
fn a_step_within_the_usual_size_counts_where_the_margin_is_finer() {
    // Off by 0.1 %, and 4 % slower after the tenth run: each run since is red.
    let wave = |day: usize| [0.0, 1.0, -1.0][day % 3];
    let value = |day: usize| if day < 10 { 1000.0 } else { 960.0 } + wave(day);
    let values: Vec<_> = (0..20).map(|day| (value(day), 2.0)).collect();
    let mut stored = days(&values);
    for run in &mut stored[10..] {
        run.verdict = Outcome::Regression;
    }
    let judged = |margin_of_rule: f64, throughput: u64| {
        let heads = [sample(throughput, Duration::from_millis(1))];
        let rules = margin(Metric::Throughput, margin_of_rule, None);
        let mut findings = judge(&heads, &Baselines::Stored(stored.clone()), |_| Some(&rules));
        attach_history(&mut findings, &measurement(&heads), &stored);
        let of = |it: &&Finding| it.metric == Metric::Throughput;
        findings.iter().find(of).cloned().expect("a finding")
    };
    let passes = judged(0.02, 960);
    let facts = (passes.verdict, passes.base, passes.pairs);
    assert_eq!(facts, (Verdict::Pass, Some(960.0), 10));
    let step = passes.step.expect("the step by which it is judged");
    assert_eq!((step.run, step.worse), (10, true));
    assert_eq!(judged(0.02, 900).verdict, Verdict::Regression);
    // A margin that forgives the step has no need of it.
    let wide = judged(0.05, 960);
    assert_eq!((wide.verdict, wide.base), (Verdict::Pass, Some(1000.0)));
    assert_eq!(wide.step, None);
    let of_margin = |share: f64| {
        let metrics = [Metric::Throughput];
        let trend = trend(&stored, &metrics, &|_, _| Some(share));
        trend.cells[0].series[0].steps.len()
    };
    assert_eq!((of_margin(0.02), of_margin(0.05)), (1, 0));
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
    let stored = [elsewhere, older, regressed_since(5)].concat();
    let rules = margin(Metric::Throughput, 0.05, None);
    let round = sample(1000, Duration::from_millis(1)).starts[0]
        .rounds
        .remove(0);
    let sample = unchanged(round);
    let mut findings = judge_pairs(&sample, &rules, Confirmation::from_thresholds([&rules]));
    attach_history(&mut findings, &measurement(&[]), &stored);
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
    let baselines = Baselines::Stored(stored.clone());
    let rules = margin(Metric::Throughput, 0.05, None);
    let mut findings = judge(&heads, &baselines, |_| Some(&rules));
    attach_history(&mut findings, &measurement(&heads), &stored);
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
    let cells = trend(&runs, &[Metric::Throughput], &|_, _| None).cells;
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
    let cells = trend(&runs.concat(), &[Metric::SqlPerRequest], &|_, _| None).cells;
    let order: Vec<_> = cells.iter().map(|cell| cell.server.as_str()).collect();
    assert_eq!(order, ["new", "twice", "better", "flat"]);
}
