//! Values for programs that keep histories of benchmarks and judge them by rules of their own.

use serde_json::{Map, Value, json};

use super::text;
use crate::model::{Direction, Finding, Report};

/// Letters that Bencher takes for the name of a benchmark.
const LONGEST_NAME: usize = 1024;

/// The head's values as github-action-benchmark takes them. Its tool `customSmallerIsBetter` is
/// for metrics of one direction and `customBiggerIsBetter` for those of the other.
pub fn github_action_benchmark(report: &Report, direction: Direction) -> String {
    let findings = report.findings.iter();
    let of_direction = findings.filter(|it| it.metric.direction() == direction);
    let entries: Vec<_> = of_direction.filter_map(entry).collect();
    pretty(&Value::Array(entries))
}

fn entry(finding: &Finding) -> Option<Value> {
    let head = finding.head.filter(|head| head.is_finite())?;
    let mut entry = json!({
        "name": format!("{} {} {}", finding.server, finding.endpoint, finding.metric.name()),
        "unit": finding.unit.name(),
        "value": head,
        "extra": text::sentence(finding),
    });
    if let Some([lower, upper]) = bounds(finding) {
        entry["range"] = format!("{lower} to {upper}").into();
    }
    Some(entry)
}

/// The head's values as Bencher takes them, in its Metric Format: one benchmark for every server
/// and endpoint, one measure for every metric, in the unit the report gives it in.
pub fn bencher(report: &Report) -> String {
    let mut benchmarks = Map::new();
    for finding in &report.findings {
        let Some(head) = finding.head.filter(|head| head.is_finite()) else {
            continue;
        };
        let mut value = json!({ "value": head });
        if let Some([lower, upper]) = bounds(finding) {
            value["lower_value"] = lower.into();
            value["upper_value"] = upper.into();
        }
        let name: String = format!("{}/{}", finding.server, finding.endpoint)
            .chars()
            .take(LONGEST_NAME)
            .collect();
        let measures = benchmarks.entry(name).or_insert_with(|| json!({}));
        measures[finding.metric.name().replace('_', "-")] = value;
    }
    pretty(&Value::Object(benchmarks))
}

/// The interval of the change as one of the head's value, the base taken as it is.
fn bounds(finding: &Finding) -> Option<[f64; 2]> {
    let (head, change) = (finding.head?, finding.change?);
    let ends = finding
        .interval?
        .map(|end| head * (1.0 + end) / (1.0 + change));
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
