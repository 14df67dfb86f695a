use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::stored_runs::StoredRuns;
use super::ui::print_notice;
use crate::app::USUAL_METRICS;
use crate::document;
use crate::error::Error;
use crate::gate::trend;
use crate::model::{Metric, exit_code};
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    runs: StoredRuns,
    /// Metrics to show [default: `throughput`, `latency_p50`, `cpu_per_request`,
    /// `memory_peak`, `sql_per_request`].
    #[arg(long, value_name = "NAME", num_args = 1.., value_parser = metric(), hide_possible_values = true)]
    metric: Vec<Metric>,
    /// Write the series and their steps as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let stored = args.runs.plain();
    let (plan, _, found) = stored.find(&print_notice)?;
    let mut runs = found.baselines;
    let empty = if runs.is_empty() {
        "nothing is stored; `perfgate baseline refresh` measures and stores"
    } else {
        "no stored runs of these servers, endpoints and metrics"
    };
    runs.retain(|run| stored.include(&run.key));
    let metrics = match args.metric.as_slice() {
        [] => &USUAL_METRICS,
        wanted => wanted,
    };
    let trend = trend(&runs, metrics, &|key, metric| plan.margin(key, metric));
    if let Some(path) = &args.json {
        document::write(path, &document::text(&trend))?;
    }
    if trend.cells.is_empty() {
        println!("{empty}");
    }
    print!("{}", report::trend(&trend));
    Ok(exit_code::PASSED)
}

/// Takes the name of a metric.
pub(super) fn metric() -> impl TypedValueParser<Value = Metric> {
    let names = PossibleValuesParser::new(Metric::ALL.map(Metric::name));
    names.map(|name| {
        let mut all = Metric::ALL.into_iter();
        let found = all.find(|metric| metric.name() == name);
        found.expect("every possible value is the name of a metric")
    })
}
