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
    let baselines = Baselines::new(runs.to_vec(), pin.cloned());
    let rules = margin(Metric::Throughput, 0.05, None);
    judged(head, &baselines, &rules, Metric::Throughput)
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
fn what_regresses_by_the_newest_runs_is_judged_by_them() {
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
    let baselines = Baselines::new(runs, Some(pin));
    assert_eq!(baselines.not_pinned(&[head]), [&key()]);
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
        let baselines = Baselines::new(runs.clone(), pin);
        judged(&head, &baselines, &rules, Metric::SqlPerRequest)
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
