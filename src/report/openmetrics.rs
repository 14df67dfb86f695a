use crate::model::{Finding, Metric, Outcome, Report, Unit, Verdict};

use super::text;

const VERDICTS: [(Verdict, &str); 4] = [
    (Verdict::Regression, "regression"),
    (Verdict::Inconclusive, "inconclusive"),
    (Verdict::NotJudged, "not_judged"),
    (Verdict::Pass, "pass"),
];
const OUTCOMES: [Outcome; 4] = [
    Outcome::Pass,
    Outcome::NoBaseline,
    Outcome::Inconclusive,
    Outcome::Regression,
];

/// Labels and value of one sample.
type Sample = (Vec<(&'static str, String)>, f64);

/// The report as `OpenMetrics` text, in base units: seconds, bytes, ratios.
pub fn openmetrics(report: &Report) -> String {
    let mut text = run(report);
    for metric in Metric::ALL {
        text.push_str(&values(report, metric));
    }
    let findings = &report.findings;
    text.push_str(&family(
        "perfgate_change_ratio",
        "gauge",
        "Change of the head against the base, 0.05 for 5 % more.",
        &each(findings, |it| vec![(Vec::new(), it.change)]),
    ));
    text.push_str(&family(
        "perfgate_change_interval_ratio",
        "gauge",
        "Ends of the interval of the change.",
        &each(findings, |it| {
            let end = |name, at: usize| (vec![("end", name)], it.interval.map(|ends| ends[at]));
            vec![end("lower", 0), end("upper", 1)]
        }),
    ));
    text.push_str(&family(
        "perfgate_margin_ratio",
        "gauge",
        "Largest change for the worse that passes.",
        &each(findings, |it| vec![(Vec::new(), it.margin)]),
    ));
    text.push_str(&family(
        "perfgate_verdict",
        "stateset",
        "The verdict on each metric.",
        &each(findings, |it| {
            let state = |(verdict, name)| {
                (
                    vec![("perfgate_verdict", name)],
                    Some(flag(it.verdict == verdict)),
                )
            };
            VERDICTS.map(state).to_vec()
        }),
    ));
    text.push_str("# EOF\n");
    text
}

/// The outcome of the run, and where its numbers come from.
fn run(report: &Report) -> String {
    let provenance = &report.provenance;
    let mut about = vec![("version", provenance.perfgate.clone())];
    about.extend(provenance.head.clone().map(|it| ("head", it)));
    about.extend(provenance.base.clone().map(|it| ("base", it)));
    let outcome = OUTCOMES.map(|outcome| {
        let name = text::outcome_name(outcome).to_owned();
        let labels = vec![("perfgate_outcome", name)];
        (labels, flag(report.outcome == outcome))
    });
    let started = provenance.started.as_millisecond() as f64 / 1e3;
    let length: Vec<_> = provenance
        .length()
        .map(|it| (Vec::new(), it))
        .into_iter()
        .collect();
    [
        family(
            "perfgate_run",
            "info",
            "What was measured, and by what.",
            &[(about, 1.0)],
        ),
        family(
            "perfgate_outcome",
            "stateset",
            "Outcome of the run.",
            &outcome,
        ),
        family(
            "perfgate_exit_code",
            "gauge",
            "The code the run exited with.",
            &[(Vec::new(), f64::from(report.exit_code))],
        ),
        family(
            "perfgate_run_started_timestamp_seconds",
            "gauge",
            "When the run started.",
            &[(Vec::new(), started)],
        ),
        family(
            "perfgate_run_duration_seconds",
            "gauge",
            "How long the run took.",
            &length,
        ),
    ]
    .concat()
}

/// The values of one metric, of both sides.
fn values(report: &Report, metric: Metric) -> String {
    let (suffix, factor) = base_unit(metric.unit());
    let samples: Vec<Sample> = report
        .findings
        .iter()
        .filter(|finding| finding.metric == metric)
        .flat_map(|finding| {
            let side = |name: &str, value: Option<f64>| {
                let mut labels = cell(finding);
                labels.push(("side", name.to_owned()));
                Some((labels, value? * factor))
            };
            [side("head", finding.head), side("base", finding.base)]
        })
        .flatten()
        .collect();
    let name = format!("perfgate_{}{suffix}", metric.name());
    let help = format!("The metric {} of perfgate.", metric.name());
    family(&name, "gauge", &help, &samples)
}

/// What a name ends with, and the factor to the unit that `OpenMetrics` asks for.
const fn base_unit(unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::PerSecond => ("_requests_per_second", 1.0),
        Unit::Microseconds => ("_seconds", 1e-6),
        Unit::Seconds => ("_seconds", 1.0),
        Unit::Bytes => ("_bytes", 1.0),
        Unit::Share => ("_ratio", 1.0),
        Unit::Count | Unit::Multiple => ("", 1.0),
    }
}

/// Samples of every finding, with its server, endpoint and metric before the labels given.
fn each<'a>(
    findings: &'a [Finding],
    of: impl Fn(&'a Finding) -> Vec<(Vec<(&'static str, &'static str)>, Option<f64>)>,
) -> Vec<Sample> {
    let samples = findings.iter().flat_map(|finding| {
        let sample = move |(more, value): (Vec<(&'static str, &str)>, Option<f64>)| {
            let mut labels = cell(finding);
            labels.push(("metric", finding.metric.name().to_owned()));
            labels.extend(more.into_iter().map(|(name, text)| (name, text.to_owned())));
            Some((labels, value?))
        };
        of(finding).into_iter().filter_map(sample)
    });
    samples.collect()
}

fn cell(finding: &Finding) -> Vec<(&'static str, String)> {
    vec![
        ("server", finding.server.clone()),
        ("endpoint", finding.endpoint.clone()),
    ]
}

/// A family with its samples; empty if there are none.
fn family(name: &str, kind: &str, help: &str, samples: &[Sample]) -> String {
    let suffix = if kind == "info" { "_info" } else { "" };
    let lines: String = samples
        .iter()
        .map(|(labels, value)| format!("{name}{suffix}{} {value}\n", braced(labels)))
        .collect();
    if lines.is_empty() {
        return lines;
    }
    format!("# TYPE {name} {kind}\n# HELP {name} {help}\n{lines}")
}

fn braced(labels: &[(&'static str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    format!("{{{}}}", labels.join(","))
}

/// A label's value, which may hold any letter but these three as they are.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

const fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}
