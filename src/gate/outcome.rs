use crate::model::{Coverage, Finding, Measurement, Outcome, Partial, Reason, Verdict};

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
