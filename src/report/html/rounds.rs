//! Metrics over the run, round after round. Rounds that something came between are ringed, and
//! lines break where both builds were started anew.

use super::axis::Axis;
use super::chart::{BASE, Canvas, Chart, GRID, HEAD, Ink, ODD};
use super::figure::{Figure, Numbers, Row, Sheet};
use crate::model::{Disturbance, Evidence, Metric, Trace};
use crate::report::text;

/// What is shown over the run.
const SHOWN: [(Metric, &str); 5] = [
    (Metric::Throughput, "Requests per second"),
    (Metric::LatencyP50, "Median latency"),
    (Metric::CpuPerRequest, "CPU time per request"),
    (Metric::MemoryPeak, "Memory"),
    (Metric::ErrorRate, "Errors"),
];

/// One build: its name, its colour, its rounds.
struct Side<'a> {
    name: &'static str,
    ink: Ink,
    trace: &'a Trace,
}

/// A picture for each metric, and the table that holds the numbers of all of them.
pub(super) fn figures(evidence: &Evidence) -> (Vec<Figure>, Sheet) {
    let sides = sides(evidence);
    let shown = SHOWN.iter().filter(|(metric, _)| {
        let has_it = |side: &Side<'_>| side.trace.rounds.contains_key(metric);
        sides.iter().all(has_it)
    });
    let shown: Vec<_> = shown.collect();
    let figures = shown.iter().enumerate().map(|(position, (metric, title))| {
        let first = 1 + position * sides.len();
        let columns = (first..first + sides.len()).chain([1 + shown.len() * sides.len()]);
        figure(evidence, &sides, *metric, title, columns.collect())
    });
    let metrics: Vec<_> = shown.iter().map(|(metric, _)| *metric).collect();
    (figures.collect(), sheet(evidence, &sides, &metrics))
}

fn sides(evidence: &Evidence) -> Vec<Side<'_>> {
    let of = |name, ink| move |trace| Side { name, ink, trace };
    let head = of("head", HEAD)(&evidence.head);
    let base = evidence.base.as_ref().map(of("base", BASE));
    std::iter::once(head).chain(base).collect()
}

fn figure(
    evidence: &Evidence,
    sides: &[Side<'_>],
    metric: Metric,
    title: &str,
    columns: Vec<usize>,
) -> Figure {
    let values = || {
        sides
            .iter()
            .flat_map(|side| &side.trace.rounds[&metric])
            .copied()
    };
    let count = evidence.starts.len();
    if metric == Metric::ErrorRate && values().all(|share| share == 0.0) {
        let words = format!("No request failed or stayed unfinished in any of {count} rounds.");
        return Figure::in_words(title, words);
    }
    let y = match metric {
        Metric::ErrorRate | Metric::MemoryPeak => Axis::from_zero(values(), metric.unit()),
        _ => Axis::around(values(), metric.unit()),
    };
    let chart = Chart::new(Axis::numbered(count), y, "round");
    let svg = chart.drawn(|canvas| {
        starts(canvas, evidence);
        for side in sides.iter().rev() {
            draw(canvas, evidence, side, &side.trace.rounds[&metric]);
        }
    });
    Figure {
        title: title.into(),
        aria_label: aria_label(title, metric, evidence, sides),
        svg: Some(svg),
        numbers: Numbers::Common(columns),
    }
}

/// An upright where both builds were started anew; before a confirmation it says so.
fn starts(canvas: &mut Canvas<'_>, evidence: &Evidence) {
    for (position, two) in evidence.starts.windows(2).enumerate() {
        let between = position as f64 + 1.5;
        if evidence.confirmation == Some(position + 1) {
            canvas.upright(between, ODD);
            canvas.label(between, "confirmation", ODD);
        } else if two[0] != two[1] {
            canvas.upright(between, GRID);
        }
    }
}

fn draw(canvas: &mut Canvas<'_>, evidence: &Evidence, side: &Side<'_>, values: &[f64]) {
    let points = values
        .iter()
        .zip(1..)
        .map(|(value, at)| (f64::from(at), *value));
    let points: Vec<_> = evidence.starts.iter().zip(points).collect();
    for run in points.chunk_by(|a, b| a.0 == b.0) {
        let points: Vec<_> = run.iter().map(|(_, point)| *point).collect();
        canvas.dotted_line(&points, side.ink);
    }
    for round in ringed(evidence, side.trace) {
        if let Some((_, point)) = points.get(round) {
            canvas.ring(*point, ODD);
        }
    }
}

/// The rounds that stand out because of what disturbed them: what disturbed most of them does not
/// set them apart.
fn ringed(evidence: &Evidence, trace: &Trace) -> impl Iterator<Item = usize> {
    let count = |by: Disturbance| trace.disturbed.iter().filter(|it| it.by == by).count();
    let most = evidence.starts.len() / 2;
    let rare = trace
        .disturbed
        .iter()
        .filter(move |it| count(it.by) <= most);
    rare.map(|it| it.round)
}

fn sheet(evidence: &Evidence, sides: &[Side<'_>], metrics: &[Metric]) -> Sheet {
    // The places across are the same for all metrics: every picture has the same horizontal axis.
    let count = evidence.starts.len();
    let chart = Chart::new(Axis::numbered(count), Axis::parts(), "round");
    let names = metrics.iter().flat_map(|metric| {
        let name = move |side: &Side<'_>| format!("{}, {}", metric.name(), side.name);
        sides.iter().map(name)
    });
    let row = |round: usize| {
        let values = metrics.iter().flat_map(|metric| {
            let value = move |side: &Side<'_>| {
                let value = side.trace.rounds[metric].get(round);
                value.map_or_else(|| "–".into(), |it| text::value(*it, metric.unit()))
            };
            sides.iter().map(value)
        });
        let number = std::iter::once((round + 1).to_string());
        let cells = number.chain(values).chain([disturbed(sides, round)]);
        Row {
            across: chart.across(round as f64 + 1.0),
            cells: cells.collect(),
        }
    };
    let round = std::iter::once("round".to_owned());
    Sheet {
        columns: round.chain(names).chain(["disturbed by".into()]).collect(),
        rows: (0..count).map(row).collect(),
    }
}

/// What came between a round and either build.
fn disturbed(sides: &[Side<'_>], round: usize) -> String {
    let all = sides.iter().flat_map(|side| &side.trace.disturbed);
    let of_round = all.filter(|it| it.round == round);
    let mut names: Vec<_> = of_round.map(|it| name(it.by)).collect();
    names.dedup();
    names.join(", ")
}

const fn name(by: Disturbance) -> &'static str {
    match by {
        Disturbance::Turnover => "processes that ended",
        Disturbance::Steal => "CPU time given to others",
        Disturbance::StoodStill => "a machine that stood still",
        Disturbance::Others => "other programs",
        Disturbance::Throttled => "a CPU quota",
        Disturbance::Loss => "lost packets",
        Disturbance::Load => "the load itself",
    }
}

fn aria_label(title: &str, metric: Metric, evidence: &Evidence, sides: &[Side<'_>]) -> String {
    let value = |value: f64| text::value(value, metric.unit());
    let side = |side: &Side<'_>| {
        let values = side.trace.rounds[&metric].iter().copied();
        let (low, high) = values
            .clone()
            .zip(values)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let disturbed = match side.trace.disturbed.len() {
            0 => String::new(),
            count => format!(", {count} of them disturbed"),
        };
        Some(format!(
            "{} from {} to {}{disturbed}",
            side.name,
            value(low),
            value(high)
        ))
    };
    let labels: Vec<_> = sides.iter().filter_map(side).collect();
    format!(
        "{title}, {} rounds: {}.",
        evidence.starts.len(),
        labels.join("; ")
    )
}
