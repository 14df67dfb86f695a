use crate::model::{Finding, Outcome, Reason, Verdict};

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
