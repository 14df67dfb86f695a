//! Stored runs → series over time, with the steps in them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::baselines::{FEWEST_RUNS, measured_steps};
use super::counters::EQUAL;
use super::scale::Scale;
use crate::model::{
    Baseline, CellName, CellSeries, Key, Metric, RunMark, Series, Step, Trend, history,
};
use crate::stats;

/// The relative margin of a metric, where there is a rule for one: steps count from it on, where it is
/// finer than what counts as a step otherwise.
pub type Margins<'a> = &'a dyn Fn(&Key, Metric) -> Option<f64>;

/// The series of these metrics, of every key with enough runs and of the newest run's.
pub fn trend<'a>(
    runs: impl IntoIterator<Item = &'a Baseline>,
    metrics: &[Metric],
    margins: Margins<'_>,
) -> Trend {
    let mut by_cell: BTreeMap<(&str, &str), Vec<&Baseline>> = BTreeMap::new();
    for run in runs {
        let cell = (run.key.server.as_str(), run.key.endpoint.as_str());
        by_cell.entry(cell).or_default().push(run);
    }
    let cells = by_cell.into_values();
    let mut cells: Vec<_> = cells
        .flat_map(|runs| of_cell(&runs, metrics, margins))
        .collect();
    // Among equals the order of the names stays.
    cells.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
    Trend {
        schema: Trend::SCHEMA,
        cells,
    }
}

fn of_cell(runs: &[&Baseline], metrics: &[Metric], margins: Margins<'_>) -> Vec<CellSeries> {
    let mut by_key: BTreeMap<&Key, Vec<&Baseline>> = BTreeMap::new();
    for run in runs {
        by_key.entry(&run.key).or_default().push(run);
    }
    let mut keys: Vec<_> = by_key.into_iter().collect();
    for (_, runs) in &mut keys {
        runs.sort_by_key(|run| run.time);
    }
    keys.sort_by_key(|(_, runs)| Reverse(runs.last().map(|run| run.time)));
    let Some((newest, _)) = keys.first().cloned() else {
        return Vec::new();
    };
    let (shown, others): (Vec<_>, Vec<_>) = keys
        .into_iter()
        .partition(|(key, runs)| *key == newest || runs.len() >= FEWEST_RUNS);
    let other_runs: usize = others.iter().map(|(_, runs)| runs.len()).sum();
    let of_metric =
        |key: &Key, runs: &[&Baseline], metric: Metric| series(runs, metric, margins(key, metric));
    let of_key = |(key, runs): &(&Key, Vec<&Baseline>)| CellSeries {
        server: key.server.clone(),
        endpoint: key.endpoint.clone(),
        differs: newest.differences(key),
        runs: runs.iter().map(|run| mark(run)).collect(),
        other_runs: if *key == newest { other_runs } else { 0 },
        series: metrics
            .iter()
            .filter_map(|it| of_metric(key, runs, *it))
            .collect(),
    };
    shown.iter().map(of_key).collect()
}

fn mark(run: &Baseline) -> RunMark {
    RunMark {
        commit: run.commit.clone(),
        time: run.time,
        verdict: run.verdict,
    }
}

/// The series of a metric that at least one of the runs has a value of.
fn series(runs: &[&Baseline], metric: Metric, margin: Option<f64>) -> Option<Series> {
    let value = |run: &&Baseline| run.values.get(&metric).copied();
    let values: Vec<_> = runs.iter().map(value).collect();
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let good = history(runs.iter().copied());
    let good: Vec<f64> = good.iter().filter_map(value).collect();
    Some(Series {
        metric,
        unit: metric.unit(),
        newest: *known.last()?,
        median: stats::median(&good).or_else(|| stats::median(&known))?,
        steps: steps(runs, &values, metric, margin),
        values,
    })
}

/// Where the values of runs, oldest first, step from one level to another: by a relative margin, where
/// that is finer than what counts as a step otherwise.
pub(super) fn steps(
    runs: &[&Baseline],
    values: &[Option<f64>],
    metric: Metric,
    margin: Option<f64>,
) -> Vec<Step> {
    let known = values.iter().enumerate();
    let known = known.filter_map(|(run, value)| Some((run, (*value)?)));
    // What is measured is compared as ratios, which zero has none of.
    let known = known.filter(|(_, value)| metric.is_counter() || *value > 0.0);
    let (positions, values): (Vec<_>, Vec<_>) = known.unzip();
    let at = if metric.is_counter() {
        counted_steps(&values)
    } else {
        let scale = Scale::from_metric(metric);
        measured_steps(&values, margin.map(|it| scale.margin(it, None, 1.0)))
    };
    let levels = stats::levels(&values, &at);
    let medians: Vec<f64> = levels.into_iter().filter_map(stats::median).collect();
    let step = |(at, levels): (&usize, &[f64])| {
        let run = runs[positions[*at]];
        Step {
            run: positions[*at],
            commit: run.commit.clone(),
            since: before(&runs[..positions[*at]], run),
            time: run.time,
            before: levels[0],
            after: levels[1],
            change: (levels[0] > 0.0).then(|| levels[1] / levels[0] - 1.0),
            worse: Scale::from_metric(metric).worse(levels[1], levels[0]) > 0.0,
        }
    };
    at.iter().zip(medians.windows(2)).map(step).collect()
}

/// The last commit of earlier runs that is not the run's own.
fn before(earlier: &[&Baseline], run: &Baseline) -> Option<String> {
    let commits = earlier.iter().rev().filter_map(|it| it.commit.clone());
    let own = run.commit.as_ref()?;
    commits.into_iter().find(|it| it != own)
}

/// Stored runs in which a new step is looked for: as many as a store keeps at hand. The search takes
/// time with the square of their number.
const NEWEST: usize = 60;

/// Steps that are seen for the first time once runs are added, by server, endpoint and metric: the last one
/// of each series, where it is for the worse.
pub fn new_steps(
    stored: &[Baseline],
    added: &[Baseline],
    metrics: &[Metric],
    margins: Margins<'_>,
) -> Vec<(CellName, Metric, Step)> {
    let mut found = Vec::new();
    for newest in added {
        let of_key = |it: &&Baseline| it.key == newest.key;
        let mut runs: Vec<_> = stored.iter().filter(of_key).collect();
        runs.sort_by_key(|run| run.time);
        runs.drain(..runs.len().saturating_sub(NEWEST));
        let known = runs.len();
        runs.push(newest);
        let cell = CellName::new(&newest.key.server, &newest.key.endpoint);
        for metric in metrics {
            let steps_of = |runs: &[&Baseline]| {
                let values = runs.iter().map(|run| run.values.get(metric).copied());
                let values: Vec<_> = values.collect();
                steps(runs, &values, *metric, margins(&newest.key, *metric)).pop()
            };
            let Some(step) = steps_of(&runs).filter(|step| step.worse) else {
                continue;
            };
            // Another run may move a step that was known by one or two.
            let is_known = |it: Step| it.worse && it.run.abs_diff(step.run) < FEWEST_RUNS;
            if !steps_of(&runs[..known]).is_some_and(is_known) {
                found.push((cell.clone(), *metric, step));
            }
        }
    }
    found
}

/// Noise does not touch what is counted: whatever differs from the run before is a step.
fn counted_steps(values: &[f64]) -> Vec<usize> {
    let pairs = values.windows(2).enumerate();
    let steps = pairs.filter(|(_, pair)| (pair[1] - pair[0]).abs() > EQUAL);
    steps.map(|(before, _)| before + 1).collect()
}

/// The largest step for the worse of any metric, on the log scale; below all others where none is.
fn worst(cell: &CellSeries) -> f64 {
    let of_series = |series: &Series| {
        let worse = series.steps.iter().filter(|step| step.worse);
        let scale = Scale::from_metric(series.metric);
        let sizes = worse.map(|step| scale.worse(step.after, step.before));
        sizes.reduce(f64::max)
    };
    let sizes = cell.series.iter().filter_map(of_series);
    sizes.reduce(f64::max).unwrap_or(f64::NEG_INFINITY)
}
