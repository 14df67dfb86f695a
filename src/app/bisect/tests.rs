use super::*;
use crate::model::{BisectionOutcome, CellName, CommitInfo, Metric, Verdict};

/// Half the width of a check's interval of 95 %.
const REACH: f64 = 0.02;

fn range(commits: usize) -> Range {
    let commit = |number: usize| CommitInfo {
        name: format!("{number:040}"),
        date: "2026-10-02T09:30:00+02:00".into(),
        subject: format!("Commit {number}"),
    };
    Range {
        good: commit(0),
        after: (1..=commits).map(commit).collect(),
    }
}

/// A report whose median latency changed by so much, and CPU time as well.
fn report(change: f64) -> Report {
    let text = include_bytes!("../../../fixtures/reports/paired.json");
    let mut report: Report = serde_json::from_slice(text).expect("a report");
    let first = report.findings[0].clone();
    report
        .findings
        .retain(|it| it.server == first.server && it.endpoint == first.endpoint);
    for finding in &mut report.findings {
        let is_moved = matches!(finding.metric, Metric::LatencyP50 | Metric::CpuPerRequest);
        if !is_moved {
            finding.verdict = Verdict::Pass;
            continue;
        }
        let wider = if finding.metric == Metric::LatencyP50 {
            1.0
        } else {
            2.0
        };
        finding.change = Some(change);
        finding.interval = Some([change - wider * REACH, change + wider * REACH]);
        finding.level = Some(0.95);
        finding.margin = Some(0.05);
        finding.verdict = if change > 0.05 {
            Verdict::Regression
        } else {
            Verdict::Pass
        };
    }
    report
}

/// A search for one culprit of 8 %, commits that do not build left out; what came of it.
fn searched(commits: usize, most: usize, culprit: usize, broken: &[usize]) -> Bisected {
    let measured = |question: Question| {
        let is_within = question.from < culprit && culprit <= question.to;
        report(if is_within { 0.08 } else { 0.0 })
    };
    let mut course = Course::new(range(commits), most);
    let ends = Question {
        from: 0,
        to: commits,
    };
    let first = measured(ends);
    let wanted = Wanted::default();
    course.begin(wanted.clearest(&first), first, false);
    while let Some(question) = course.next() {
        if broken.contains(&question.to) {
            course.skip(question.to, "cannot build `app`");
        } else {
            course.add(question, measured(question));
        }
    }
    course.end(true)
}

#[test]
fn the_clearest_of_what_regressed_is_searched_for_and_the_others_are_followed() {
    let Bisected { bisection, report } = searched(40, 12, 23, &[20, 21]);
    assert_eq!(bisection.outcome, BisectionOutcome::CulpritFound);
    assert_eq!(bisection.exit_code, 1);
    let subject = bisection.subject.expect("a subject");
    assert_eq!(subject.metric, Metric::LatencyP50);
    let [culprit] = bisection.culprits.as_slice() else {
        panic!("{:?}", bisection.culprits);
    };
    assert_eq!(culprit.commits[0].subject, "Commit 23");
    assert!(culprit.direct && culprit.parent.ends_with("22"));
    assert!((culprit.change.change - 0.08).abs() < 1e-9);
    assert!(bisection.checks.len() <= 8, "{:?}", bisection.checks);
    assert!(
        bisection
            .skipped
            .iter()
            .all(|it| it.reason == "cannot build `app`")
    );
    let other = &bisection.others[0];
    assert_eq!(other.subject.metric, Metric::CpuPerRequest);
    assert_eq!(other.at_culprit, Some(Verdict::Regression));
    assert_eq!(
        report.findings[0].pairs,
        self::report(0.08).findings[0].pairs
    );
}

#[test]
fn what_hides_among_commits_that_do_not_build_is_named_with_them() {
    let Bisected { bisection, .. } = searched(10, 12, 5, &[4, 5, 6]);
    let [culprit] = bisection.culprits.as_slice() else {
        panic!("{bisection:?}");
    };
    let named = culprit.commits.iter().map(|it| it.subject.as_str());
    let named: Vec<_> = named.collect();
    assert_eq!(named, ["Commit 4", "Commit 5", "Commit 6", "Commit 7"]);
}

#[test]
fn where_the_checks_do_not_decide_the_range_is_named() {
    let Bisected { bisection, .. } = searched(64, 3, 50, &[]);
    assert_eq!(bisection.outcome, BisectionOutcome::RangeFound);
    assert_eq!((bisection.exit_code, bisection.checks.len()), (1, 3));
    let likely = &bisection.suspects[0];
    assert_eq!(likely.first.subject, "Commit 49");
    assert!(
        likely.probability > 0.9 && likely.commits < 20,
        "{likely:?}"
    );
}

#[test]
fn one_commit_is_compared_once() {
    let Bisected { bisection, .. } = searched(1, 12, 1, &[]);
    assert_eq!(bisection.culprits[0].commits[0].subject, "Commit 1");
    assert!(bisection.culprits[0].direct);
    assert_eq!(bisection.checks.len(), 1);
}

#[test]
fn a_commit_that_fails_again_and_again_uses_the_checks_up() {
    let mut course = Course::new(range(1), 4);
    course.begin(
        Wanted::default().clearest(&report(0.08)),
        report(0.08),
        false,
    );
    for _ in 0..3 {
        course.skip(1, "it ended");
    }
    assert_eq!(course.checks_left(), 0);
    assert_eq!(course.next(), None);
}

#[test]
fn nobody_is_blamed_where_nothing_regressed_or_nobody_knows() {
    let ended = |is_undecided| {
        let mut course = Course::new(range(8), 12);
        course.begin(None, report(0.01), is_undecided);
        let Bisected { bisection, .. } = course.end(false);
        assert!(bisection.culprits.is_empty() && bisection.suspects.is_empty());
        (bisection.outcome, bisection.exit_code)
    };
    assert_eq!(ended(false), (BisectionOutcome::NoRegression, 0));
    assert_eq!(ended(true), (BisectionOutcome::Inconclusive, 5));
}

#[test]
fn an_identical_build_has_not_changed() {
    let subject = Wanted::default()
        .clearest(&report(0.08))
        .expect("a subject");
    let mut identical = report(0.08);
    let cell = CellName::new(&subject.server, &subject.endpoint);
    identical.findings.clear();
    identical.coverage.identical = vec![cell];
    let (change, error) = subject::observed(&identical, &subject).expect("known");
    assert!(change.abs() < 1e-9 && error < 0.005);
    identical.coverage.identical.clear();
    assert_eq!(subject::observed(&identical, &subject), None);
}

#[test]
fn names_choose_what_is_searched_for() {
    let report = report(0.08);
    let of = |metric| Wanted {
        metric: Some(metric),
        ..Wanted::default()
    };
    let found = of(Metric::CpuPerRequest).clearest(&report);
    assert_eq!(found.expect("found").metric, Metric::CpuPerRequest);
    assert_eq!(of(Metric::Throughput).clearest(&report), None);
    let elsewhere = Wanted {
        servers: vec!["another".into()],
        ..Wanted::default()
    };
    assert_eq!(elsewhere.clearest(&report), None);
}
