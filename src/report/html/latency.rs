//! How long requests took, by percentile: the slowest ones are drawn out to the right.

use super::axis::Axis;
use super::chart::{BASE, Chart, HEAD};
use super::figure::{Figure, Numbers, Row, Sheet};
use crate::model::{Evidence, Trace, Unit};
use crate::report::text;

/// Shares of the requests that have a row of numbers.
const ROWS: [(f64, &str); 8] = [
    (0.5, "50 %"),
    (0.75, "75 %"),
    (0.9, "90 %"),
    (0.95, "95 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (1.0, "all"),
];

pub(super) fn figure(evidence: &Evidence) -> Option<Figure> {
    let traces: Vec<_> = traces(evidence).collect();
    let requests = traces.iter().map(|(_, trace)| trace.requests).max()?;
    let times = traces.iter().flat_map(|(_, trace)| times(trace));
    if requests == 0 {
        return None;
    }
    let y = Axis::logarithmic(times, Unit::Microseconds);
    let chart = Chart::new(Axis::shares(requests), y, "of the requests ended within");
    let svg = chart.drawn(|canvas| {
        for (name, trace) in traces.iter().rev() {
            let position = |point: &[f64; 2]| (point[0].min(chart.x.high()), point[1]);
            let points = trace.latency.iter().filter(|point| point[1] > 0.0);
            let ink = if *name == "head" { HEAD } else { BASE };
            canvas.line(&points.map(position).collect::<Vec<_>>(), ink);
        }
    });
    Some(Figure {
        title: "Latency by percentile".into(),
        aria_label: aria_label(&traces),
        svg: Some(svg),
        numbers: Numbers::Own(Sheet {
            columns: ["within"]
                .into_iter()
                .chain(traces.iter().map(|it| it.0))
                .map(str::to_owned)
                .collect(),
            rows: rows(&chart, &traces),
        }),
    })
}

fn traces(evidence: &Evidence) -> impl Iterator<Item = (&'static str, &Trace)> {
    let base = evidence.base.iter().map(|trace| ("base", trace));
    std::iter::once(("head", &evidence.head)).chain(base)
}

fn times(trace: &Trace) -> impl Iterator<Item = f64> {
    let times = trace.latency.iter().map(|point| point[1]);
    times.filter(|time| *time > 0.0)
}

fn rows(chart: &Chart, traces: &[(&str, &Trace)]) -> Vec<Row> {
    let high = chart.x.high();
    let shown = ROWS
        .iter()
        .filter(|(share, _)| *share <= high || *share >= 1.0);
    shown
        .map(|(share, name)| Row {
            across: chart.across(share.min(high)),
            cells: std::iter::once((*name).to_owned())
                .chain(traces.iter().map(|(_, trace)| time(trace, *share)))
                .collect(),
        })
        .collect()
}

fn time(trace: &Trace, share: f64) -> String {
    trace.within(share).map_or_else(|| "–".into(), text::micros)
}

fn aria_label(traces: &[(&str, &Trace)]) -> String {
    let side = |(name, trace): &(&str, &Trace)| {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|share| time(trace, share));
        let count = trace.requests;
        format!(
            "{name}: of {count} requests half ended within {half}, 99 % within {most}, all within {all}"
        )
    };
    let sides: Vec<_> = traces.iter().map(side).collect();
    format!("Latency by percentile. {}.", sides.join("; "))
}
