//! Stored runs over time, for a terminal: a sparkline for every metric, and below it where it
//! steps.

use super::sparkline::sparkline;
use super::text;
use crate::model::{CellSeries, Outcome, RunMark, Series, Trend};

/// Columns that a line may take.
const COLUMNS: usize = 100;
/// Bars of a sparkline, at the most.
const MOST_BARS: usize = 40;
/// Columns for the newest value and the median behind the bars.
const NUMBERS: usize = 29;
/// Steps shown of one series, the newest.
const MOST_STEPS: usize = 5;

/// A block for every cell.
pub fn trend(trend: &Trend) -> String {
    let blocks: Vec<_> = trend.cells.iter().map(block).collect();
    blocks.join("\n")
}

/// Where the columns of a block lie.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Width of the metrics' names.
    names: usize,
    bars: usize,
    runs: usize,
}

impl Layout {
    fn from_cell(cell: &CellSeries) -> Self {
        let names = cell.series.iter().map(|it| it.metric.name().len());
        let names = names.max().unwrap_or(0).max("regressed".len());
        let runs = cell.runs.len();
        let room = COLUMNS - NUMBERS - names - 4;
        Self {
            names,
            bars: runs.min(MOST_BARS).min(room),
            runs,
        }
    }

    /// The bar that shows a run.
    const fn bar(self, run: usize) -> usize {
        run * self.bars / self.runs
    }

    /// The runs that each bar shows.
    fn bars<T: Copy>(self, runs: &[T]) -> Vec<Vec<T>> {
        let mut bars = vec![Vec::new(); self.bars];
        for (run, it) in runs.iter().enumerate() {
            bars[self.bar(run)].push(*it);
        }
        bars
    }

    /// A line whose bars begin in the same column as those of all others.
    fn line(self, name: &str, bars: &str) -> String {
        format!("  {name:<names$}  {bars}", names = self.names)
    }
}

fn block(cell: &CellSeries) -> String {
    let layout = Layout::from_cell(cell);
    let mut lines = vec![title(cell), extent(cell)];
    lines.extend(regressed(cell, layout));
    for series in &cell.series {
        lines.push(values(series, layout));
        lines.extend(steps(series, layout));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn title(cell: &CellSeries) -> String {
    let names = text::printable(&format!("{} {}", cell.server, cell.endpoint));
    if cell.differs.is_empty() {
        return names;
    }
    let differs: Vec<_> = cell.differs.iter().map(ToString::to_string).collect();
    format!("{names} (other {})", differs.join(", "))
}

/// How many runs there are, from when to when.
fn extent(cell: &CellSeries) -> String {
    let [first, last] = [cell.runs.first(), cell.runs.last()].map(|it| it.map(day));
    let regressed = cell.runs.iter().filter(|run| is_regressed(run)).count();
    let mut extent = format!(
        "  {} runs, {} to {}",
        cell.runs.len(),
        first.unwrap_or_default(),
        last.unwrap_or_default()
    );
    if regressed > 0 {
        extent.push_str(&format!(", {regressed} regressed"));
    }
    if cell.other_runs > 0 {
        extent.push_str(&format!(", {} of other keys left out", cell.other_runs));
    }
    extent
}

fn day(run: &RunMark) -> String {
    run.time.strftime("%Y-%m-%d").to_string()
}

fn is_regressed(run: &RunMark) -> bool {
    run.verdict == Outcome::Regression
}

/// A line that marks the runs that regressed, if any did.
fn regressed(cell: &CellSeries, layout: Layout) -> Option<String> {
    let marks: Vec<_> = cell.runs.iter().map(is_regressed).collect();
    let bars = layout.bars(&marks).into_iter();
    let bars = bars.map(|runs| if runs.contains(&true) { '×' } else { ' ' });
    let bars: String = bars.collect();
    let any = marks.contains(&true);
    any.then(|| layout.line("regressed", bars.trim_end()))
}

fn values(series: &Series, layout: Layout) -> String {
    let bars = layout.bars(&series.values).into_iter();
    let mean = |runs: Vec<Option<f64>>| {
        let known: Vec<f64> = runs.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let bars = layout.line(series.metric.name(), &sparkline(bars.map(mean)));
    let shown = |value| text::value(value, series.unit);
    format!(
        "{bars}  {:>8}, median {:>8}",
        shown(series.newest),
        shown(series.median)
    )
}

/// A line for every step, that points at the bar where it is.
fn steps(series: &Series, layout: Layout) -> Vec<String> {
    let earlier = series.steps.len().saturating_sub(MOST_STEPS);
    let shown = series.steps[earlier..].iter();
    let mut lines: Vec<_> = shown
        .map(|step| pointed(layout, layout.bar(step.run), &text::step(step, series.unit)))
        .collect();
    if earlier > 0 {
        let text = format!("and {earlier} earlier steps");
        lines.push(layout.line("", &text));
    }
    lines
}

/// A text beside a pointer at a bar.
fn pointed(layout: Layout, bar: usize, text: &str) -> String {
    let start = layout.line("", "").chars().count();
    let fits = start + bar + 2 + text.chars().count() <= COLUMNS;
    if fits {
        layout.line("", &format!("{:bar$}^ {text}", ""))
    } else {
        let column = start + bar;
        format!("{:>column$}^", format!("{text} "))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Difference, Metric, Step};

    pub(in crate::report) fn marks(count: usize) -> Vec<RunMark> {
        let day = |run: usize| {
            let noon = "2026-09-01T12:00:00Z"
                .parse::<jiff::Timestamp>()
                .expect("a time");
            noon + jiff::SignedDuration::from_hours(24 * i64::try_from(run).expect("few"))
        };
        let mark = |run| RunMark {
            commit: Some(format!("{run:02x}c1ab4d2e1908f7a6b5")),
            time: day(run),
            verdict: if run % 20 == 12 {
                Outcome::Regression
            } else {
                Outcome::Pass
            },
        };
        (0..count).map(mark).collect()
    }

    pub(in crate::report) fn series(
        metric: Metric,
        runs: &[RunMark],
        values: &[f64],
        steps: &[usize],
    ) -> Series {
        let step = |run: &usize| Step {
            run: *run,
            commit: runs[*run].commit.clone(),
            since: None,
            time: runs[*run].time,
            before: values[*run - 1],
            after: values[*run],
            change: (values[*run - 1] > 0.0).then(|| values[*run] / values[*run - 1] - 1.0),
            worse: values[*run] > values[*run - 1],
        };
        Series {
            metric,
            unit: metric.unit(),
            values: values.iter().copied().map(Some).collect(),
            newest: values[values.len() - 1],
            median: values[0],
            steps: steps.iter().map(step).collect(),
        }
    }

    pub(in crate::report) fn cell(runs: Vec<RunMark>, series: Vec<Series>) -> CellSeries {
        CellSeries {
            server: "gunicorn".into(),
            endpoint: "movies".into(),
            differs: Vec::new(),
            runs,
            other_runs: 0,
            series,
        }
    }

    fn levels(levels: &[(usize, f64)]) -> Vec<f64> {
        let level = |(count, value): &(usize, f64)| vec![*value; *count];
        levels.iter().flat_map(level).collect()
    }

    /// Two cells: one with steps in all its metrics, one longer than the bars there is room for.
    fn example() -> Trend {
        let runs = marks(34);
        let latency = levels(&[(12, 4210.0), (22, 4620.0)]);
        let mut memory = series(Metric::MemoryPeak, &runs, &[60e6; 34], &[]);
        memory.values[3] = None;
        let sql = levels(&[(10, 0.0), (2, 1.0), (20, 2.0), (2, 1.0)]);
        let first = vec![
            series(Metric::LatencyP50, &runs, &latency, &[12]),
            memory,
            series(Metric::SqlPerRequest, &runs, &sql, &[10, 12, 32]),
        ];
        let first = CellSeries {
            other_runs: 3,
            ..cell(runs, first)
        };
        let runs = marks(90);
        let metric = Metric::PostgresConnectionsPerRequest;
        let turns: Vec<f64> = (0..90).map(|run| f64::from(run / 10 % 2)).collect();
        let steps: Vec<usize> = (1..9).map(|ten| 10 * ten).collect();
        let second = vec![series(metric, &runs, &turns, &steps)];
        let second = CellSeries {
            differs: vec![Difference::Connections, Difference::Runner],
            ..cell(runs, second)
        };
        Trend {
            schema: Trend::SCHEMA,
            cells: vec![first, second],
        }
    }

    #[test]
    fn bars_steps_and_marks_stand_below_each_other() {
        insta::assert_snapshot!(trend(&example()));
    }

    #[test]
    fn a_hundred_columns_are_enough() {
        for line in trend(&example()).lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn one_run_is_one_bar() {
        let runs = marks(1);
        let one = vec![series(Metric::Throughput, &runs, &[800.0], &[])];
        let shown = block(&cell(runs, one));
        let line = shown.lines().nth(2).expect("a line");
        assert!(line.starts_with("  throughput  ▁  "), "{line}");
    }
}
