use crate::model::{Coverage, Finding, Measurement, Metric, Outcome, Partial, Reason, Verdict};

/// The worst finding decides; a finding that lacks a baseline keeps the whole from being a pass.
/// Where nothing was judged nothing has passed.
pub fn outcome(findings: &[Finding]) -> Outcome {
    let worst = findings.iter().map(of_finding).max();
    let is_judged = |it: &Finding| it.verdict != Verdict::NotJudged;
    match worst {
        None => Outcome::NoBaseline,
        Some(Outcome::Pass) if !findings.iter().any(is_judged) => Outcome::Inconclusive,
        Some(worst) => worst,
    }
}

/// What a run of one cell is stored with. Only a run that passed is part of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storing {
    /// Too many requests failed, beyond this rule: what their answers cost is no value of the server.
    WithoutAnswers { rule: String },
    With {
        outcome: Outcome,
        /// Whether nothing regressed but for what creeps since the pin.
        only_since_pin: bool,
    },
}

/// How the run with these findings, all of one cell, is stored. A counter is compared with the newest run alone:
/// one that was meant to change is no reason to leave the timed values out of the history.
pub fn storing(findings: &[Finding]) -> Storing {
    if let Some(rule) = too_many_errors(findings) {
        return Storing::WithoutAnswers { rule };
    }
    let timed = findings.iter().filter(|it| !it.metric.is_counter());
    let timed: Vec<_> = timed.cloned().collect();
    let mut regressed = timed.iter().filter(|it| it.verdict == Verdict::Regression);
    let only_since_pin = regressed.all(|it| matches!(it.reason, Some(Reason::SincePin { .. })));
    Storing::With {
        outcome: outcome(&timed),
        only_since_pin,
    }
}

/// The rule that errors broke, whether or not something else may be the cause.
fn too_many_errors(findings: &[Finding]) -> Option<String> {
    let errors = findings.iter().find(|finding| {
        let beyond = [Reason::Ceiling, Reason::MachineBusy, Reason::NotReproduced];
        let reason = finding.reason.as_ref();
        finding.metric == Metric::ErrorRate && reason.is_some_and(|it| beyond.contains(it))
    })?;
    errors.rule.clone()
}

/// The outcome of a run: what was left out, or was not another build, is no pass.
pub(super) fn outcome_of_run(
    findings: &[Finding],
    measurement: &Measurement,
    coverage: &Coverage,
) -> Outcome {
    match outcome(findings) {
        // Nobody knows what the rest would have been.
        Outcome::Pass | Outcome::NoBaseline if lacks_a_part(measurement, coverage) => {
            Outcome::Inconclusive
        }
        // One build that is compared with itself says nothing of a change.
        Outcome::Pass if !coverage.same_build.is_empty() => Outcome::Inconclusive,
        Outcome::NoBaseline if findings.is_empty() && !coverage.identical.is_empty() => {
            Outcome::Pass
        }
        outcome => outcome,
    }
}

/// Whether something that should have been measured was not.
fn lacks_a_part(measurement: &Measurement, coverage: &Coverage) -> bool {
    let partial = measurement.provenance.partial.as_ref();
    partial.is_some_and(Partial::is_cut)
        || measurement.lacks_a_server()
        || !coverage.missing.is_empty()
}

fn of_finding(finding: &Finding) -> Outcome {
    match finding.verdict {
        Verdict::Regression => Outcome::Regression,
        Verdict::Inconclusive => Outcome::Inconclusive,
        Verdict::NotJudged if finding.reason.as_ref().is_some_and(Reason::lacks_baseline) => {
            Outcome::NoBaseline
        }
        Verdict::NotJudged | Verdict::Pass => Outcome::Pass,
    }
}
