//! Which commits changed a metric, for a terminal.

use super::text::{self, change, commit, percent, printable};
use crate::model::{
    Bisection, BisectionCheck, BisectionOutcome, BisectionSubject, ChangeInterval, CommitInfo,
    Culprit, OtherRegression, SuspectRange, Verdict,
};

/// Letters of a reason that are shown.
const LONGEST_REASON: usize = 300;

/// The outcome, the commits, and what it rests on.
pub fn bisection(bisection: &Bisection) -> String {
    let mut lines = vec![headline(bisection)];
    lines.extend(bisection.culprits.iter().flat_map(culprit));
    if !bisection.suspects.is_empty() {
        let also = if bisection.culprits.is_empty() {
            "It is one of these:"
        } else {
            "The rest of the change was not found. It is in:"
        };
        lines.push(also.into());
        lines.extend(bisection.suspects.iter().map(suspects));
        lines.push("More checks may decide: `--checks`, or a longer `budget` for each.".into());
    }
    lines.extend(others(&bisection.others));
    if !bisection.skipped.is_empty() {
        lines.push("Skipped, because they could not be measured:".into());
        lines.extend(bisection.skipped.iter().map(|it| {
            let reason: String = it.reason.chars().take(LONGEST_REASON).collect();
            format!("  {}: {}", title(&it.commit), printable(&reason))
        }));
    }
    lines.push(grounds(bisection));
    lines.join("\n") + "\n"
}

/// A line on one check: `check 3 of at most 12: 1f2e3d4c5b6a beside 3f2c1ab4d2e1: +5.8 % (…)`.
pub fn bisection_check(number: usize, most: usize, check: &BisectionCheck) -> String {
    let sides = format!("{} beside {}", commit(&check.head), commit(&check.base));
    let found = check
        .change
        .as_ref()
        .map_or_else(String::new, |it| format!(": {}", of_interval(it)));
    format!("check {number} of at most {most}: {sides}{found}")
}

fn headline(bisection: &Bisection) -> String {
    let between = format!(
        "between {} and {}",
        commit(&bisection.good.name),
        commit(&bisection.bad.name)
    );
    let subject = bisection.subject.as_ref().map(name).unwrap_or_default();
    let change = bisection
        .change
        .as_ref()
        .map(of_interval)
        .unwrap_or_default();
    match bisection.outcome {
        BisectionOutcome::NoRegression => format!("NO REGRESSION {between}"),
        BisectionOutcome::Inconclusive if subject.is_empty() => {
            format!("INCONCLUSIVE: the checks cannot decide whether anything regressed {between}")
        }
        BisectionOutcome::Inconclusive => {
            format!(
                "INCONCLUSIVE: {subject} regressed {between}, and further checks do not show it again"
            )
        }
        BisectionOutcome::RangeFound => {
            format!("NOT FOUND YET: {subject} changed {change} {between}")
        }
        BisectionOutcome::CulpritFound => match bisection.culprits.len() {
            1 => format!("FOUND: {subject} changed {change} {between}"),
            count => format!("FOUND {count} commits: {subject} changed {change} {between}"),
        },
    }
}

fn culprit(culprit: &Culprit) -> Vec<String> {
    let beside = format!(
        "{} beside {}{}",
        of_interval(&culprit.change),
        commit(&culprit.parent),
        if culprit.direct {
            ""
        } else {
            ", by all checks together"
        }
    );
    match culprit.commits.as_slice() {
        [one] => vec![format!("  {}", title(one)), format!("    {beside}")],
        several => {
            let mut lines = vec![
                "  One of these commits; nobody knows which, as only the last can be measured:"
                    .to_owned(),
            ];
            lines.extend(several.iter().map(|it| format!("    {}", title(it))));
            lines.push(format!("    {beside}"));
            lines
        }
    }
}

fn suspects(range: &SuspectRange) -> String {
    let probability = percent((range.probability * 100.0).round() / 100.0);
    match range.commits {
        1 => format!("  {} (probability {probability})", title(&range.last)),
        count => format!(
            "  {count} commits, {} to {} (probability {probability})",
            commit(&range.first.name),
            commit(&range.last.name)
        ),
    }
}

fn others(others: &[OtherRegression]) -> Vec<String> {
    let line = |it: &OtherRegression| {
        let change = it
            .change
            .map_or_else(String::new, |it| format!(" {}", change(it)));
        let follows = match it.at_culprit {
            Some(Verdict::Regression) => "the same commit",
            Some(Verdict::Pass) => {
                "not by this commit: bisect it by `--server`, `--endpoint` and `--metric`"
            }
            Some(Verdict::Inconclusive | Verdict::NotJudged) | None => "not known by which commit",
        };
        format!("  {}{change}: {follows}", name(&it.subject))
    };
    let mut lines: Vec<_> = others.iter().map(line).collect();
    if !lines.is_empty() {
        lines.insert(0, "Also regressed between the two:".into());
    }
    lines
}

fn grounds(bisection: &Bisection) -> String {
    let seconds: f64 = bisection.checks.iter().map(|it| it.seconds).sum();
    let (checks, commits) = (bisection.checks.len(), bisection.commits);
    format!(
        "{checks} {} of {commits} {} in {seconds:.0} s",
        plural(checks, "check", "checks"),
        plural(commits, "commit", "commits")
    )
}

const fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

fn name(subject: &BisectionSubject) -> String {
    let names = format!("{} {}", subject.server, subject.endpoint);
    format!("{} {}", printable(&names), subject.metric.name())
}

/// `3f2c1ab4d2e1 2026-10-02 Read the settings once`.
fn title(info: &CommitInfo) -> String {
    let day = info.date.split('T').next().unwrap_or_default();
    format!(
        "{} {} {}",
        commit(&info.name),
        printable(day),
        printable(&info.subject)
    )
}

/// `+6.1 % (interval +4.8 % to +7.4 %)`.
fn of_interval(it: &ChangeInterval) -> String {
    let [low, high] = it.interval.map(text::change);
    format!("{} (interval {low} to {high})", change(it.change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Metric, SkippedCommit};

    fn commit(digit: char, subject: &str) -> CommitInfo {
        CommitInfo {
            name: digit.to_string().repeat(40),
            date: "2026-10-02T09:30:00+02:00".into(),
            subject: subject.into(),
        }
    }

    fn change(change: f64) -> ChangeInterval {
        ChangeInterval {
            change,
            interval: [change - 0.012, change + 0.013],
        }
    }

    fn subject(metric: Metric) -> BisectionSubject {
        BisectionSubject {
            server: "gunicorn".into(),
            endpoint: "movies".into(),
            metric,
            unit: metric.unit(),
        }
    }

    fn check(base: char, head: char, it: f64) -> BisectionCheck {
        BisectionCheck {
            base: base.to_string().repeat(40),
            head: head.to_string().repeat(40),
            change: Some(change(it)),
            verdict: Some(Verdict::Regression),
            seconds: 60.4,
        }
    }

    fn found() -> Bisection {
        let other = |metric, at_culprit| OtherRegression {
            subject: subject(metric),
            change: Some(0.071),
            at_culprit,
        };
        Bisection {
            schema: Bisection::SCHEMA,
            outcome: BisectionOutcome::CulpritFound,
            exit_code: 1,
            good: commit('a', "Release 1.2"),
            bad: commit('b', "Newest"),
            commits: 64,
            subject: Some(subject(Metric::LatencyP50)),
            change: Some(change(0.098)),
            culprits: vec![
                Culprit {
                    commits: vec![commit('c', "Load the settings for every request")],
                    parent: "d".repeat(40),
                    change: change(0.061),
                    direct: true,
                    probability: 0.998,
                },
                Culprit {
                    commits: vec![
                        commit('e', "Move to the new framework"),
                        commit('f', "Fix the build"),
                    ],
                    parent: "1".repeat(40),
                    change: change(0.034),
                    direct: false,
                    probability: 0.96,
                },
            ],
            suspects: Vec::new(),
            skipped: vec![SkippedCommit {
                commit: commit('e', "Move to the new framework"),
                reason: "cannot build `app`:\nexit code 1".into(),
            }],
            checks: vec![check('a', 'b', 0.098), check('d', 'c', 0.061)],
            others: vec![
                other(Metric::CpuPerRequest, Some(Verdict::Regression)),
                other(Metric::MemoryPeak, Some(Verdict::Pass)),
                other(Metric::LatencyP99, None),
            ],
        }
    }

    #[test]
    fn culprits_stand_with_what_they_changed() {
        insta::assert_snapshot!(bisection(&found()));
    }

    #[test]
    fn what_is_not_sure_is_said_with_probabilities() {
        let suspects = |first, last, commits, probability| SuspectRange {
            first: commit(first, "First"),
            last: commit(last, "Last"),
            commits,
            probability,
        };
        insta::assert_snapshot!(bisection(&Bisection {
            outcome: BisectionOutcome::RangeFound,
            culprits: Vec::new(),
            suspects: vec![suspects('c', 'd', 7, 0.641), suspects('e', 'e', 1, 0.3)],
            skipped: Vec::new(),
            others: Vec::new(),
            ..found()
        }));
    }

    #[test]
    fn where_nothing_regressed_that_is_the_first_line() {
        let nothing = |outcome| Bisection {
            outcome,
            subject: None,
            culprits: Vec::new(),
            others: Vec::new(),
            skipped: Vec::new(),
            ..found()
        };
        let shown = |outcome| bisection(&nothing(outcome));
        let good = "aaaaaaaaaaaa and bbbbbbbbbbbb\n2 checks of 64 commits in 121 s\n";
        assert_eq!(
            shown(BisectionOutcome::NoRegression),
            format!("NO REGRESSION between {good}")
        );
        let unsure = shown(BisectionOutcome::Inconclusive);
        assert!(
            unsure.starts_with("INCONCLUSIVE: the checks cannot decide whether anything regressed")
        );
    }

    #[test]
    fn a_check_has_its_number_and_its_interval() {
        assert_eq!(
            bisection_check(3, 12, &check('a', 'b', 0.058)),
            "check 3 of at most 12: bbbbbbbbbbbb beside aaaaaaaaaaaa: +5.8 % (interval +4.6 % to +7.1 %)"
        );
    }
}
