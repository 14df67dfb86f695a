//! How the change of a metric is spread: the share of rounds that lie at or below each change, the
//! change that was judged with its interval, and the margin.

use super::axis::Axis;
use super::chart::{BAD, BASE, Chart, HEAD};
use super::figure::{Figure, Numbers, Row, Sheet};
use crate::model::{Evidence, Finding, Strategy};
use crate::report::text;

/// Fewest changes of which a spread can be seen.
const FEWEST: usize = 3;
/// Rows of numbers.
const MOST_ROWS: usize = 10;

pub(super) fn figure(finding: &Finding, evidence: Option<&Evidence>) -> Option<Figure> {
    let mut changes = match finding.strategy {
        Strategy::Interleaved | Strategy::Duet => evidence?.changes(finding.metric)?,
        Strategy::Stored => stored(finding)?,
    };
    if changes.len() < FEWEST {
        return None;
    }
    changes.sort_by(f64::total_cmp);
    let judged = finding.change?;
    let margin = margin(finding);
    let shown = changes.iter().copied().chain([judged]);
    let shown = shown
        .chain(finding.interval.into_iter().flatten())
        .chain(margin);
    let chart = Chart::new(
        Axis::changes(shown),
        Axis::parts(),
        "change from base to head",
    );
    let svg = chart.drawn(|canvas| {
        if let Some(interval) = finding.interval {
            canvas.band(interval, HEAD);
        }
        canvas.upright(0.0, BASE);
        if let Some(margin) = margin {
            canvas.upright(margin, BAD);
            canvas.label(margin, "margin", BAD);
        }
        canvas.upright(judged, HEAD);
        let spread = match finding.strategy {
            Strategy::Interleaved | Strategy::Duet => HEAD,
            Strategy::Stored => BASE,
        };
        canvas.line(&stairs(&changes, [chart.x.low(), chart.x.high()]), spread);
    });
    Some(Figure {
        title: format!("{}: {}", finding.metric.name(), subject(finding)),
        aria_label: aria_label(finding, &changes),
        svg: Some(svg),
        numbers: Numbers::Own(Sheet {
            columns: ["at most", "share"].map(str::to_owned).into(),
            rows: rows(&chart, &changes),
        }),
    })
}

const fn subject(finding: &Finding) -> &'static str {
    match finding.strategy {
        Strategy::Interleaved | Strategy::Duet => "change in each round",
        Strategy::Stored => "stored runs and the head",
    }
}

/// The stored runs that the head was judged by as changes from the base; what is counted is judged
/// by one.
fn stored(finding: &Finding) -> Option<Vec<f64>> {
    if finding.metric.is_counter() {
        return None;
    }
    let base = finding.base.filter(|base| *base > 0.0)?;
    let runs = finding.history.iter().enumerate();
    let good = runs.filter(|(run, _)| !finding.regressed_runs.contains(run));
    Some(good.map(|(_, value)| value / base - 1.0).collect())
}

/// The margin on the side that is worse.
fn margin(finding: &Finding) -> Option<f64> {
    let sign = finding.metric.direction().sign_of_worse();
    finding.margin.map(|margin| sign * margin)
}

/// The empirical distribution function of sorted changes between two ends.
fn stairs(changes: &[f64], [low, high]: [f64; 2]) -> Vec<(f64, f64)> {
    let count = changes.len() as f64;
    let mut share = 0.0;
    let mut points = vec![(low, share)];
    for change in changes {
        points.push((*change, share));
        share += 1.0 / count;
        points.push((*change, share));
    }
    points.push((high, share));
    points
}

/// A row of numbers for some of the changes, evenly thinned.
fn rows(chart: &Chart, changes: &[f64]) -> Vec<Row> {
    let count = changes.len();
    let row = |position: usize| {
        let share = (position + 1) as f64 / count as f64;
        Row {
            across: chart.across(changes[position]),
            cells: vec![text::change(changes[position]), text::percent(share)],
        }
    };
    let mut positions: Vec<_> = (1..=MOST_ROWS)
        .map(|part| part * count / MOST_ROWS)
        .collect();
    positions.retain(|number| *number > 0);
    positions.dedup();
    positions
        .into_iter()
        .map(|number| row(number - 1))
        .collect()
}

fn aria_label(finding: &Finding, changes: &[f64]) -> String {
    let [least, most] = [changes[0], changes[changes.len() - 1]].map(text::change);
    let mut words = format!(
        "Distribution of {} changes of {}, from {least} to {most}",
        changes.len(),
        finding.metric.name()
    );
    words.extend(
        finding
            .change
            .map(|it| format!("; judged {}", text::change(it))),
    );
    words.extend(
        finding.interval.map(|[low, high]| {
            format!(", interval {} to {}", text::change(low), text::change(high))
        }),
    );
    words.extend(margin(finding).map(|it| format!("; margin {}", text::change(it))));
    words + "."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_climbs_from_none_to_all() {
        let stairs = stairs(&[-0.1, 0.0, 0.0, 0.3], [-0.2, 0.4]);
        assert_eq!(stairs.first(), Some(&(-0.2, 0.0)));
        assert_eq!(stairs.last(), Some(&(0.4, 1.0)));
        assert!(
            stairs
                .windows(2)
                .all(|two| two[0].0 <= two[1].0 && two[0].1 <= two[1].1)
        );
        let at_zero = stairs.iter().filter(|point| point.0 == 0.0);
        let highest = at_zero.map(|point| point.1).reduce(f64::max);
        assert_eq!(highest, Some(0.75));
    }
}
