//! What a gate detects on a machine, for a terminal, and its tables for other formats.

use super::ranking::{Entry, Sheet};
use super::terminal::filled;
use super::text::{self, percent, printable};
use crate::model::{
    CalibratedMetric, Calibration, CalibrationResult, CalibrationWarning, Direction, FailedChecks,
    InjectedChange,
};

/// Shown in a column without a value.
const NONE: &str = "–";

pub(super) const HOW_TO_READ: &str = "Spread: standard deviation of the change that one start shows. Passes: share of \
    simulated checks of the unchanged build that pass. Promised: the change that four of five checks find, as \
    the checks themselves say. Found: the same by simulation from the starts. Smallest margin: the smallest of \
    the usual ones by which at least 95 % of unchanged checks pass.";
pub(super) const HOW_IT_IS_MADE: &str = "CPU time is added by a thread on the server's CPUs that uses a fixed share of what \
    the server uses, and counts as the server's. It makes a request cost more CPU time, and at full load fewer \
    of them fit; it cannot imitate waiting, memory or statements.";

/// The false alarms, the tables and what does not hold.
pub fn calibration(calibration: &Calibration) -> String {
    let result = &calibration.result;
    let mut parts = vec![false_alarms(result)];
    parts.extend(duration(result));
    parts.extend(warnings(result).map(|it| filled(&format!("note: {it}"), 2)));
    for sheet in sheets(result) {
        parts.push(format!("\n{}\n{}", sheet.title, sheet.aligned()));
    }
    parts.push(format!("\n{}", filled(HOW_TO_READ, 0)));
    if result.metrics.iter().any(|it| !it.injected.is_empty()) {
        parts.push(filled(HOW_IT_IS_MADE, 0));
    }
    parts.join("\n") + "\n"
}

/// One line on a calibration that was made before.
pub fn calibration_in_short(calibration: &Calibration) -> String {
    let FailedChecks { checks, failed, .. } = calibration.result.unchanged;
    let day = calibration.ended.strftime("%Y-%m-%d");
    let smallest = smallest(&calibration.result);
    let finds = smallest.map_or_else(String::new, |it| {
        format!(
            "; finds {} more CPU time or less in 4 of 5 checks",
            percent(it)
        )
    });
    format!("{day}: {failed} of {checks} unchanged checks failed{finds}")
}

/// The same as shields.io's endpoint badge reads it.
pub fn calibration_badge(calibration: &Calibration) -> String {
    let FailedChecks { failed, .. } = calibration.result.unchanged;
    let badge = serde_json::json!({
        "schemaVersion": 1,
        "label": "perfgate calibration",
        "message": calibration_in_short(calibration),
        "color": if failed == 0 { "brightgreen" } else { "red" },
    });
    format!("{badge:#}\n")
}

/// The change of CPU time per request that is found at every endpoint.
fn smallest(result: &CalibrationResult) -> Option<f64> {
    let by_cpu = result
        .metrics
        .iter()
        .filter(|it| it.metric == crate::model::Metric::CpuPerRequest);
    by_cpu.filter_map(|it| it.found).max_by(f64::total_cmp)
}

pub(super) fn false_alarms(result: &CalibrationResult) -> String {
    let FailedChecks {
        checks,
        failed,
        at_most,
    } = result.unchanged;
    let measured = format!(
        "{failed} of {checks} checks of an unchanged build failed: at most {} do (95 % confidence)",
        percent(at_most)
    );
    let Some(it) = &result.simulated else {
        return measured;
    };
    format!(
        "{measured}.\nOf {} checks simulated from their starts, {} fail: at most {}",
        it.checks,
        it.failed,
        percent(it.at_most)
    )
}

pub(super) fn duration(result: &CalibrationResult) -> Option<String> {
    let seconds = result.seconds?;
    Some(format!("a check takes {seconds:.0} s (median)"))
}

pub(super) fn warnings(result: &CalibrationResult) -> impl Iterator<Item = String> {
    result.warnings.iter().map(warning)
}

fn warning(warning: &CalibrationWarning) -> String {
    match warning {
        CalibrationWarning::Leans {
            server,
            endpoint,
            metric,
            change,
        } => format!(
            "{} {} {}: the head looks {} different from itself on average, so that the promise of few false \
             alarms rests on the control starts alone",
            printable(server),
            printable(endpoint),
            metric.name(),
            text::change(*change)
        ),
        CalibrationWarning::Serial {
            coefficient,
            chance,
        } => format!(
            "starts resemble the ones before (serial correlation {coefficient:.2}, chance {chance:.3}): the \
             machine changes over minutes, and intervals are too narrow"
        ),
        CalibrationWarning::Differs {
            server,
            endpoint,
            metric,
            deviation,
            chance,
        } => format!(
            "{} {} {}: checks differ by {} more than their starts explain (chance {chance:.3}), so that \
             intervals are too narrow",
            printable(server),
            printable(endpoint),
            metric.name(),
            percent(*deviation)
        ),
        CalibrationWarning::Budget {
            server,
            endpoint,
            checks,
            ended,
            times,
        } => format!(
            "{} {}: in {ended} of {checks} unchanged checks the budget ended before everything was decided: \
             `budget` must be {times:.1} times as long for all starts that there may be",
            printable(server),
            printable(endpoint)
        ),
        CalibrationWarning::Outliers {
            server,
            endpoint,
            metric,
            outliers,
            starts,
        } => format!(
            "{} {} {}: {outliers} of {starts} starts are far from the others: something happens in some starts \
             alone",
            printable(server),
            printable(endpoint),
            metric.name()
        ),
    }
}

pub(super) fn sheets(result: &CalibrationResult) -> Vec<Sheet> {
    let mut sheets = vec![of_metrics(&result.metrics)];
    let injected: Vec<_> = result
        .metrics
        .iter()
        .flat_map(|metric| metric.injected.iter().map(move |it| (metric, it)))
        .collect();
    if !injected.is_empty() {
        sheets.push(of_injected(&injected));
    }
    sheets
}

fn of_metrics(metrics: &[CalibratedMetric]) -> Sheet {
    Sheet {
        title: "What the gate detects".into(),
        columns: vec![
            "server",
            "endpoint",
            "metric",
            "starts",
            "spread",
            "margin",
            "passes",
            "promised",
            "found",
            "smallest margin",
        ],
        words: 3,
        rows: metrics.iter().map(of_metric).collect(),
    }
}

fn of_metric(it: &CalibratedMetric) -> Vec<Entry> {
    let change = |size: Option<f64>| signed(it, size);
    let mut row = names(it);
    row.extend([
        number(it.starts as f64, it.starts.to_string()),
        share(Some(it.deviation)),
        share(Some(it.margin)),
        share(Some(it.passes)),
        change(it.promised),
        change(it.found),
        share(it.smallest_margin),
    ]);
    row
}

fn of_injected(injected: &[(&CalibratedMetric, &InjectedChange)]) -> Sheet {
    let row = |(metric, it): &(&CalibratedMetric, &InjectedChange)| {
        let mut row = names(metric);
        let interval = it.interval.map_or_else(
            || NONE.to_owned(),
            |[low, high]| format!("{} to {}", text::change(low), text::change(high)),
        );
        row.extend([
            share(Some(it.share)),
            it.change
                .map_or_else(|| word(NONE), |change| number(change, text::change(change))),
            word(&interval),
            number(it.found as f64, format!("{} of {}", it.found, it.checks)),
        ]);
        row
    };
    Sheet {
        title: "Checks with added CPU time".into(),
        columns: vec![
            "server",
            "endpoint",
            "metric",
            "CPU time added",
            "change",
            "95 % interval",
            "found",
        ],
        words: 3,
        rows: injected.iter().map(row).collect(),
    }
}

fn names(it: &CalibratedMetric) -> Vec<Entry> {
    [it.server.as_str(), &it.endpoint, it.metric.name()]
        .map(word)
        .into()
}

/// A size as the change for the worse that it is.
fn signed(it: &CalibratedMetric, size: Option<f64>) -> Entry {
    let sign = match it.metric.direction() {
        Direction::LowerIsBetter => 1.0,
        Direction::HigherIsBetter => -1.0,
    };
    size.map_or_else(
        || word(NONE),
        |size| number(size, text::change(sign * size)),
    )
}

fn share(share: Option<f64>) -> Entry {
    share.map_or_else(|| word(NONE), |share| number(share, percent(share)))
}

fn word(text: &str) -> Entry {
    Entry {
        text: text.to_owned(),
        key: None,
    }
}

const fn number(key: f64, text: String) -> Entry {
    Entry {
        text,
        key: Some(key),
    }
}
