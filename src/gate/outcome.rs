use crate::model::{Finding, Outcome, Reason, Verdict};

/// The worst finding decides; a finding that lacks a baseline keeps the whole from being a pass.
pub fn outcome(findings: &[Finding]) -> Outcome {
    findings
        .iter()
        .map(of_finding)
        .max()
        .unwrap_or(Outcome::NoBaseline)
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
