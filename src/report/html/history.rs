//! A metric over the runs that are stored, the head last; the step where one was found.

use super::axis::Axis;
use super::chart::{BAD, BASE, Chart, HEAD, ODD};
use super::figure::{Figure, Numbers, Row, Sheet};
use crate::model::Finding;
use crate::report::text;

/// Fewest runs that make a history.
const FEWEST: usize = 2;

pub(super) fn figure(finding: &Finding) -> Option<Figure> {
    let head = finding.head?;
    let runs = &finding.history;
    if runs.len() < FEWEST {
        return None;
    }
    let last = runs.len() + 1;
    let values = runs.iter().copied().chain([head]);
    let bound = bound(finding);
    let y = Axis::around(values.clone().chain(bound), finding.unit);
    let chart = Chart::new(
        Axis::numbered(last),
        y,
        "stored run, oldest first; the head is last",
    );
    let points: Vec<_> = values
        .clone()
        .zip(1..)
        .map(|(value, at)| (f64::from(at), value))
        .collect();
    let svg = chart.drawn(|canvas| {
        if let Some(bound) = bound {
            canvas.line(vec![(0.5, bound), (last as f64 + 0.5, bound)], BAD);
        }
        if let Some(step) = finding.step {
            canvas.upright(step as f64 + 0.5, ODD);
            canvas.words(step as f64 + 0.5, "step", ODD);
        }
        canvas.dotted_line(points.clone(), BASE);
        canvas.ring((last as f64, head), HEAD);
        canvas.dot((last as f64, head), HEAD);
    });
    let row = |(at, value): &(f64, f64)| Row {
        across: chart.across(*at),
        cells: vec![name(*at, last), text::value(*value, finding.unit)],
    };
    Some(Figure {
        title: format!("{}: history", finding.metric.name()),
        words: words(finding, head),
        svg: Some(svg),
        numbers: Numbers::Own(Sheet {
            columns: ["run", "value"].map(str::to_owned).into(),
            rows: points.iter().map(row).collect(),
        }),
    })
}

/// The value at the margin from the history's median.
fn bound(finding: &Finding) -> Option<f64> {
    let sign = finding.metric.direction().sign_of_worse();
    Some(finding.base? * (1.0 + sign * finding.margin?))
}

fn name(at: f64, last: usize) -> String {
    if at < last as f64 {
        format!("{at}")
    } else {
        "head".into()
    }
}

fn words(finding: &Finding, head: f64) -> String {
    let value = |value: f64| text::value(value, finding.unit);
    let mut words = format!(
        "{} of {} stored runs",
        finding.metric.name(),
        finding.history.len()
    );
    words.extend(finding.base.map(|base| format!(", median {}", value(base))));
    words.push_str(&format!("; the head has {}", value(head)));
    words.extend(bound(finding).map(|bound| format!("; the margin is at {}", value(bound))));
    words.extend(
        finding
            .step
            .map(|step| format!("; a step after run {step}")),
    );
    words + "."
}
