//! What the reader can do next, from why the outcome is what it is: one rule for every format.

use crate::model::{Doubt, Finding, Outcome, Reason, Report, Verdict};

/// Remedies that are given at once.
const MOST: usize = 2;

/// The next step; `None` if there is none but to look at the change.
pub(super) fn next_step(report: &Report) -> Option<String> {
    match report.outcome {
        Outcome::Pass => None,
        Outcome::Inconclusive if report.provenance.partial.is_some() => {
            Some("fix what ended the run, and run it again".into())
        }
        Outcome::Regression => of_regression(report).map(str::to_owned),
        // What does not run is compared with nothing, however many runs are stored.
        _ if report.not_measured().next().is_some() => Some(
            "the report has the last lines of the server's output; `perfgate check --dry-run` shows how it is started"
                .into(),
        ),
        _ if !report.coverage.missing.is_empty() => Some(
            "measure and judge with the same perfgate.toml".into(),
        ),
        Outcome::NoBaseline => Some(of_missing_baseline(report).into()),
        Outcome::Inconclusive => of_undecided(report),
    }
}

/// What is certain is not made more so by another run.
fn of_regression(report: &Report) -> Option<&'static str> {
    let regressed = || report.with_verdict(Verdict::Regression);
    if regressed().all(|it| matches!(it.reason, Some(Reason::SincePin { .. }))) {
        return Some(
            "small regressions added up since the pin: `perfgate baseline history` shows where; if they are intended, run `perfgate baseline unpin`",
        );
    }
    regressed()
        .all(|it| !is_certain(it))
        .then_some("one run was compared with stored runs: run the check again to confirm it")
}

/// Pairs were confirmed in fresh starts, what is counted has no noise, and a bound is crossed or not.
fn is_certain(finding: &Finding) -> bool {
    finding.strategy.is_paired()
        || finding.metric.is_counter()
        || finding.reason == Some(Reason::Ceiling)
}

fn of_missing_baseline(report: &Report) -> &'static str {
    if report.provenance.is_imported() {
        "at least five results are needed: pass them all to `perfgate compare`, or store them with `perfgate baseline refresh --measurement`"
    } else {
        "run `perfgate baseline refresh --runs 10` to store baselines"
    }
}

/// The remedies of what is undecided; where that has none, of what was not judged.
fn of_undecided(report: &Report) -> Option<String> {
    let of_verdict = |verdict| {
        let mut found = Vec::new();
        let reasons = report.with_verdict(verdict);
        let reasons = reasons.filter_map(|it| it.reason.as_ref());
        for remedy in reasons.filter_map(of_reason) {
            if !found.contains(&remedy) {
                found.push(remedy);
            }
        }
        found.truncate(MOST);
        (!found.is_empty()).then(|| found.join("; "))
    };
    of_verdict(Verdict::Inconclusive).or_else(|| of_verdict(Verdict::NotJudged))
}

/// What helps against a reason; `None` if nothing does, or nothing has to.
pub(super) const fn of_reason(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Undecided => "raise `budget` in [load] to measure more pairs, or widen the margin",
        Reason::TooNoisy => {
            "raise `round` in [load], or widen the margin; a longer `budget` does not help"
        }
        Reason::TooFewRequests { .. } => {
            "longer rounds hold more requests: raise `round` and `budget` in [load], or judge a lower \
             percentile, or a rate by a wider margin"
        }
        Reason::WithinNoise => {
            "stored runs vary too much: use a quieter machine, or widen the margin"
        }
        Reason::NotReproduced => {
            "fresh starts did not reproduce it: treat it as noise until another check finds it"
        }
        Reason::SeenInControl => {
            "the machine favours one of two equal servers: use CPUs of equal speed, or \
             `--strategy interleaved`"
        }
        Reason::Varies => {
            "the count differs between requests: give the metric a `floor`, or widen the margin"
        }
        Reason::NeedsTheMachine => {
            "use `--strategy interleaved`, which gives the head the whole machine"
        }
        Reason::InvalidLoad { doubt } => of_doubt(*doubt),
        Reason::NoBaseline | Reason::Incomparable { .. } | Reason::ShortHistory { .. } => {
            "run `perfgate baseline refresh --runs 10` to store baselines"
        }
        Reason::CutShort => "fix what ended the run, and run it again",
        Reason::SilentBase => "see the base's log",
        Reason::Failing { .. } => "see the failing requests and the server's log",
        Reason::MachineBusy => "end the other programs, or use a dedicated machine",
        Reason::NoThreshold
        | Reason::New
        | Reason::Unavailable
        | Reason::NoRatio
        | Reason::Improved
        | Reason::BesideReference
        | Reason::Ceiling
        | Reason::SincePin { .. }
        | Reason::Accepted { .. }
        | Reason::AcceptanceEnded { .. } => return None,
    })
}

const fn of_doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::GeneratorBusy => "the load generator ran out of CPU: raise `threads` in [load]",
        Doubt::GeneratorLate => "the load generator was delayed: give it a core of its own",
        Doubt::ShortOfRate => {
            "the server cannot keep up with the rate: lower `rate` or raise `connections` in [load]"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Incident, Strategy};

    fn report(name: &str) -> Report {
        let text = match name {
            "regressed" => include_str!("../../fixtures/reports/regressed.json"),
            "inconclusive" => include_str!("../../fixtures/reports/inconclusive.json"),
            _ => include_str!("../../fixtures/reports/no_baseline.json"),
        };
        serde_json::from_str(text).expect("a report")
    }

    /// Of which every inconclusive finding has one reason.
    fn undecided(reason: &Reason) -> String {
        let mut report = report("inconclusive");
        for finding in &mut report.findings {
            finding.verdict = Verdict::Inconclusive;
            finding.reason = Some(reason.clone());
        }
        next_step(&report).unwrap_or_default()
    }

    #[test]
    fn the_remedy_is_that_of_the_reason() {
        assert!(undecided(&Reason::Undecided).contains("`budget`"));
        let noisy = undecided(&Reason::TooNoisy);
        assert!(noisy.contains("does not help"), "{noisy}");
        let few = Reason::TooFewRequests {
            requests: 8,
            needed: 1000,
        };
        let said = undecided(&few);
        assert!(
            said.contains("`round`") && said.contains("`budget`"),
            "{said}"
        );
        let late = Reason::InvalidLoad {
            doubt: Doubt::GeneratorLate,
        };
        assert!(undecided(&late).contains("a core of its own"));
        assert_eq!(undecided(&Reason::NoRatio), "");
    }

    #[test]
    fn nothing_certain_is_to_be_run_again() {
        let mut regressed = report("regressed");
        for finding in &mut regressed.findings {
            finding.strategy = Strategy::Stored;
            finding.reason = None;
        }
        regressed.findings.retain(|it| !it.metric.is_counter());
        let said = next_step(&regressed).expect("a step");
        assert!(said.contains("run the check again"), "{said}");
        let mut of_bound = regressed.clone();
        for finding in &mut of_bound.findings {
            finding.reason = Some(Reason::Ceiling);
        }
        assert_eq!(next_step(&of_bound), None);
        for finding in &mut regressed.findings {
            finding.strategy = Strategy::Duet;
        }
        assert_eq!(next_step(&regressed), None);
    }

    #[test]
    fn a_server_that_does_not_start_needs_no_baseline() {
        let mut lacking = report("no_baseline");
        assert!(
            next_step(&lacking)
                .expect("a step")
                .contains("baseline refresh")
        );
        lacking.incidents.push(Incident {
            server: "app".into(),
            during: "start".into(),
            what: "cannot start `app`".into(),
            output: String::new(),
            fatal: true,
        });
        let said = next_step(&lacking).expect("a step");
        assert!(
            !said.contains("baseline") && said.contains("last lines"),
            "{said}"
        );
    }
}
