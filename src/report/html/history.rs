//! A metric over the runs that are stored, the head last where it was measured as they were; the
//! step where one was found.

use super::axis::Axis;
use super::chart::{BAD, BASE, Chart, HEAD, ODD};
use super::figure::{Figure, Numbers, Row, Sheet};
use crate::model::Finding;
use crate::report::text;

/// Fewest runs that make a history.
const FEWEST: usize = 2;

pub(super) fn figure(finding: &Finding) -> Option<Figure> {
    let (runs, unit) = (&finding.history, finding.unit);
    if runs.len() < FEWEST {
        return None;
    }
    let head = text::newest(finding);
    let last = (runs.len() + usize::from(head.is_some())) as f64;
    let values = runs.iter().copied().chain(head);
    let bound = head.and(bound(finding));
    let y = Axis::around(values.clone().chain(bound), unit);
    let title = match head {
        Some(_) => "stored run, oldest first; the head is last",
        None => "stored run, oldest first",
    };
    let chart = Chart::new(Axis::numbered(values.clone().count()), y, title);
    let points: Vec<_> = values
        .zip(1..)
        .map(|(value, at)| (f64::from(at), value))
        .collect();
    let svg = chart.drawn(|canvas| {
        if let Some(bound) = bound {
            canvas.line(&[(0.5, bound), (last + 0.5, bound)], BAD);
        }
        if let Some(step) = &finding.step {
            let at = step.run as f64 + 0.5;
            canvas.upright(at, ODD);
            canvas.label(at, "step", ODD);
        }
        canvas.dotted_line(&points, BASE);
        for run in finding
            .regressed_runs
            .iter()
            .filter_map(|run| points.get(*run))
        {
            canvas.ring(*run, ODD);
        }
        if let Some(head) = head {
            canvas.ring((last, head), HEAD);
            canvas.dot((last, head), HEAD);
        }
    });
    let row = |(position, (at, value)): (usize, &(f64, f64))| Row {
        across: chart.across(*at),
        cells: vec![name(finding, position), text::value(*value, unit)],
    };
    Some(Figure {
        title: caption(finding),
        aria_label: aria_label(finding, head),
        svg: Some(svg),
        numbers: Numbers::Own(Sheet {
            columns: ["run", "value"].map(str::to_owned).into(),
            rows: points.iter().enumerate().map(row).collect(),
        }),
    })
}

/// The value at the margin from the base.
fn bound(finding: &Finding) -> Option<f64> {
    let sign = finding.metric.direction().sign_of_worse();
    Some(finding.base? * (1.0 + sign * finding.margin?))
}

fn name(finding: &Finding, position: usize) -> String {
    if position == finding.history.len() {
        "head".into()
    } else if finding.regressed_runs.contains(&position) {
        format!("{}, regressed", position + 1)
    } else {
        format!("{}", position + 1)
    }
}

fn caption(finding: &Finding) -> String {
    let mut caption = format!("{}: history", finding.metric.name());
    let step = finding.step.as_ref();
    caption.extend(step.map(|step| format!(", step {}", text::step(step, finding.unit))));
    caption
}

fn aria_label(finding: &Finding, head: Option<f64>) -> String {
    let value = |value: f64| text::value(value, finding.unit);
    let mut words = format!(
        "{} of {} stored runs",
        finding.metric.name(),
        finding.history.len()
    );
    let regressed = finding.regressed_runs.len();
    if regressed > 0 {
        words.push_str(&format!(", {regressed} of which regressed"));
    }
    if let Some(head) = head {
        words.extend(finding.base.map(|base| format!(", base {}", value(base))));
        words.push_str(&format!("; the head has {}", value(head)));
        words.extend(bound(finding).map(|bound| format!("; the margin is at {}", value(bound))));
    }
    words.extend(finding.step.as_ref().map(|step| {
        let run = step.run;
        format!(
            "; a step after run {run}: {}",
            text::step(step, finding.unit)
        )
    }));
    words + "."
}
