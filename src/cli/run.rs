use std::path::PathBuf;

use super::args::Selection;
use super::measuring::Setting;
use crate::document;
use crate::error::Error;
use crate::model::{Measurement, Metric, Sample};
use crate::report;

/// Measures only.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Write the measurement as JSON, to be compared later.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let setting = Setting::find(&args.selection).await?;
    setting.announce();
    let measurement = setting
        .measure(args.selection.seed(), args.selection.quiet)
        .await?;
    show(&measurement);
    if let Some(path) = &args.json {
        let text = serde_json::to_string(&measurement).expect("a measurement has a JSON form");
        document::write(path, &text)?;
    }
    Ok(0)
}

fn show(measurement: &Measurement) {
    for sample in &measurement.samples {
        println!("{}", line(sample));
    }
}

fn line(sample: &Sample) -> String {
    let value = |metric: Metric, show: fn(f64) -> String| {
        metric.of_sample(sample).map_or_else(|| "–".into(), show)
    };
    format!(
        "{} {}: {}, p50 {}, p99 {}, CPU/request {}, memory {}, start-up {}, {} rounds",
        sample.key.server,
        sample.key.endpoint,
        value(Metric::Throughput, report::rate),
        value(Metric::LatencyP50, report::micros),
        value(Metric::LatencyP99, report::micros),
        value(Metric::CpuPerRequest, report::micros),
        value(Metric::MemoryPeak, report::bytes),
        value(Metric::StartupTime, |seconds| report::micros(seconds * 1e6)),
        sample.rounds.len(),
    )
}
