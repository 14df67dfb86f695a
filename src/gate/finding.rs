//! Findings before and after a verdict on them.

use crate::model::{Finding, Metric, Reason, Rule, Strategy, Threshold, Verdict};

/// A finding on which nothing is said yet.
pub(super) fn blank(
    server: &str,
    endpoint: &str,
    metric: Metric,
    threshold: &Threshold,
) -> Finding {
    Finding {
        server: server.to_owned(),
        endpoint: endpoint.to_owned(),
        metric,
        unit: metric.unit(),
        base: None,
        head: None,
        change: None,
        interval: None,
        level: None,
        pairs: 0,
        strategy: Strategy::Stored,
        margin: threshold.margin.as_ref().map(|rule| rule.value),
        floor: threshold.floor,
        rule: threshold.margin.as_ref().map(Rule::to_string),
        verdict: Verdict::NotJudged,
        reason: None,
        detectable: None,
        statements: Vec::new(),
        sizes: Vec::new(),
        history: Vec::new(),
        regressed_runs: Vec::new(),
        step: None,
        groups: None,
    }
}

pub(super) fn by_ceiling_alone(mut finding: Finding, threshold: &Threshold) -> Finding {
    finding.rule = threshold.ceiling.as_ref().map(Rule::to_string);
    match threshold.ceiling {
        Some(_) => finding.with(Verdict::Pass, None),
        None => finding.not_judged(Reason::NoThreshold),
    }
}

/// A finding that cannot be judged. A rule that the user wrote and that could not be applied keeps
/// the whole from being a pass.
pub(super) fn unjudged(finding: Finding, threshold: &Threshold, reason: Reason) -> Finding {
    if threshold.is_configured() {
        finding.with(Verdict::Inconclusive, Some(reason))
    } else {
        finding.not_judged(reason)
    }
}

impl Finding {
    pub(super) fn with(mut self, verdict: Verdict, reason: Option<Reason>) -> Self {
        self.verdict = verdict;
        self.reason = reason;
        self
    }

    pub(super) fn not_judged(self, reason: Reason) -> Self {
        self.with(Verdict::NotJudged, Some(reason))
    }
}
