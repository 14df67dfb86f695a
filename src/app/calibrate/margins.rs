//! Margins that hold on this machine, written into the configuration as it is.

use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use crate::bounded;
use crate::config;
use crate::document;
use crate::error::Error;
use crate::gate::PASSING_SHARE;
use crate::model::{CalibratedMetric, CalibrationResult, Direction};
use crate::report;

/// Bytes of a configuration.
const LARGEST: u64 = 1 << 20;

/// Which margins are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margins {
    /// Those by which too few checks of an unchanged build pass.
    Raised,
    /// All: those that could be smaller too.
    All,
}

/// Writes the smallest margins that hold into a configuration file, and says of each what it was; comments
/// and order stay as they are.
pub fn write_margins(
    path: &Path,
    result: &CalibrationResult,
    which: Margins,
) -> Result<Vec<String>, Error> {
    let unread = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let text = bounded::read_text(path, LARGEST).map_err(unread)?;
    let (text, lines) = with_margins(&text, result, which)?;
    if lines.is_empty() {
        return Ok(lines);
    }
    // What cannot be read back is not written.
    config::parse(path, &text)?;
    document::write(path, &text)?;
    Ok(lines)
}

fn with_margins(
    text: &str,
    result: &CalibrationResult,
    which: Margins,
) -> Result<(String, Vec<String>), Error> {
    let mut document: DocumentMut = text.parse().map_err(|error| Error::Argument {
        argument: "perfgate.toml".into(),
        reason: format!("it is no TOML: {error}"),
    })?;
    let mut lines = Vec::new();
    for metric in &result.metrics {
        let Some(margin) = metric.smallest_margin.filter(|_| which.includes(metric)) else {
            continue;
        };
        let root = document.as_table_mut() as &mut dyn toml_edit::TableLike;
        let path = ["server", &metric.server, "endpoint", &metric.endpoint];
        let cell = path
            .into_iter()
            .try_fold(root, |table, key| inner(table, key));
        let rules = cell.and_then(|it| inner(it, "thresholds"));
        let Some(rules) = rules else {
            continue;
        };
        let key = match metric.metric.direction() {
            Direction::LowerIsBetter => "max_increase",
            Direction::HigherIsBetter => "max_decrease",
        };
        let name = metric.metric.name();
        let written = format!("{}%", (margin * 1000.0).round() / 10.0);
        if let Some(rule) = rules.get_mut(name).and_then(Item::as_table_like_mut) {
            rule.insert(key, value(&written));
        } else {
            let rule = InlineTable::from_iter([(key, Value::from(&written))]);
            rules.insert(name, value(rule));
        }
        lines.push(format!(
            "{} {} {name}: {key} {written} (was {})",
            metric.server,
            metric.endpoint,
            report::percent(metric.margin)
        ));
    }
    Ok((document.to_string(), lines))
}

impl Margins {
    fn includes(self, metric: &CalibratedMetric) -> bool {
        let Some(smallest) = metric.smallest_margin else {
            return false;
        };
        match self {
            Self::Raised => metric.passes < PASSING_SHARE && smallest > metric.margin,
            Self::All => (smallest - metric.margin).abs() > f64::EPSILON,
        }
    }
}

/// The table of a name within another, made if there is none; `None` if it is no table.
fn inner<'a>(
    table: &'a mut dyn toml_edit::TableLike,
    key: &str,
) -> Option<&'a mut dyn toml_edit::TableLike> {
    let made = || {
        let mut table = Table::new();
        // Without a line of its own while it holds nothing but tables.
        table.set_implicit(true);
        Item::Table(table)
    };
    table.entry(key).or_insert_with(made).as_table_like_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metric;

    fn metric(metric: Metric, margin: f64, passes: f64, smallest: Option<f64>) -> CalibratedMetric {
        CalibratedMetric {
            server: "app".into(),
            endpoint: "movies".into(),
            metric,
            margin,
            starts: 40,
            deviation: 0.01,
            passes,
            smallest_margin: smallest,
            promised: None,
            found: None,
            injected: Vec::new(),
        }
    }

    fn result(metrics: Vec<CalibratedMetric>) -> CalibrationResult {
        CalibrationResult {
            metrics,
            ..CalibrationResult::default()
        }
    }

    const FILE: &str = "# ours\n[server.app]\nrun = [\"app\"] # as it is\n\n\
                        [endpoint.movies]\npath = \"/\"\n";

    #[test]
    fn margins_that_do_not_hold_are_raised_and_the_rest_stays() {
        let result = result(vec![
            metric(Metric::LatencyP50, 0.05, 0.4, Some(0.075)),
            metric(Metric::Throughput, 0.05, 0.4, Some(0.15)),
            metric(Metric::CpuPerRequest, 0.05, 1.0, Some(0.02)),
            metric(Metric::MemoryPeak, 0.1, 0.2, None),
        ]);
        let (text, lines) = with_margins(FILE, &result, Margins::Raised).expect("TOML");
        let added = "[server.app.endpoint.movies.thresholds]\n\
                     latency_p50 = { max_increase = \"7.5%\" }\n\
                     throughput = { max_decrease = \"15%\" }\n";
        assert!(text.contains(added), "{text}");
        assert_eq!(text.replacen(&format!("{added}\n"), "", 1), FILE);
        assert_eq!(
            lines,
            [
                "app movies latency_p50: max_increase 7.5% (was 5 %)",
                "app movies throughput: max_decrease 15% (was 5 %)"
            ]
        );
        config::parse(Path::new("perfgate.toml"), &text).expect("a configuration");
    }

    #[test]
    fn what_stands_there_is_changed_where_it_stands() {
        let file = format!(
            "{FILE}[server.app.endpoint.movies.thresholds]\n\
             cpu_per_request = {{ max_increase = \"5%\", max = \"9ms\" }} # hot\n"
        );
        let result = result(vec![metric(Metric::CpuPerRequest, 0.05, 1.0, Some(0.02))]);
        let (text, lines) = with_margins(&file, &result, Margins::All).expect("TOML");
        let line = "cpu_per_request = { max_increase = \"2%\", max = \"9ms\" } # hot\n";
        assert!(text.ends_with(line), "{text}");
        assert_eq!(lines.len(), 1);
        let (text, lines) = with_margins(&file, &result, Margins::Raised).expect("TOML");
        assert_eq!((text, lines.len()), (file, 0));
    }
}
