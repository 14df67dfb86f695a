//! A report in the few values that later steps of a workflow ask for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::summary::news;
use crate::model::{Finding, Report, Verdict};

/// How many findings there are of each verdict, as JSON: `{"inconclusive":1,"pass":21,"regression":2}`.
pub fn counts(report: &Report) -> String {
    let verdicts = [
        Verdict::Regression,
        Verdict::Inconclusive,
        Verdict::NotJudged,
        Verdict::Pass,
    ];
    let counted = verdicts.map(|it| (name(it), report.with_verdict(it).count()));
    json!(BTreeMap::from(counted)).to_string()
}

/// The worst finding as JSON, by the order of the report; `null` where everything passed. `change` is a
/// share: 0.12 is 12 % more than the base.
pub fn worst(report: &Report) -> String {
    worst_finding(report).map_or(Value::Null, found).to_string()
}

/// The worst finding by the order of the report; `None` if everything passed.
pub(super) fn worst_finding(report: &Report) -> Option<&Finding> {
    let worst = news(report).into_iter().next();
    worst.filter(|it| it.verdict != Verdict::Pass)
}

fn found(finding: &Finding) -> Value {
    json!({
        "server": finding.server,
        "endpoint": finding.endpoint,
        "metric": finding.metric.name(),
        "verdict": name(finding.verdict),
        "change": finding.change,
    })
}

const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regression => "regression",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotJudged => "not_judged",
        Verdict::Pass => "pass",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> Report {
        let path = format!(
            "{}/fixtures/reports/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(path).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn the_worst_finding_is_the_first_of_the_report() {
        let report = report("slower");
        let worst: Value = serde_json::from_str(&worst(&report)).expect("JSON");
        let first = news(&report)[0];
        assert_eq!(worst["verdict"], "regression");
        assert_eq!(worst["endpoint"], first.endpoint.as_str());
        assert_eq!(worst["metric"], first.metric.name());
        assert_eq!(worst["change"].as_f64(), first.change);
        let counts: BTreeMap<String, usize> = serde_json::from_str(&counts(&report)).expect("JSON");
        assert_eq!(counts.values().sum::<usize>(), report.findings.len());
        assert!(counts["regression"] > 0);
    }

    #[test]
    fn where_everything_passed_nothing_is_the_worst() {
        assert_eq!(worst(&report("passed")), "null");
    }
}
