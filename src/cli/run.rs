use std::path::PathBuf;

use super::args::Selection;
use super::ui::Progress;
use crate::app::{self, notes, partial_note};
use crate::document;
use crate::error::Error;
use crate::model::{Measurement, Metric, Sample};
use crate::report;

/// Measures only.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Write the measurement as JSON, for `perfgate compare`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let progress = Progress::new(args.selection.is_quiet());
    let (selection, options) = (args.selection.plain(), args.selection.options());
    let measurement = app::run(&selection, options, &|notice| progress.show(notice)).await?;
    if let Some(path) = &args.json {
        document::write(path, &document::text(&measurement))?;
    }
    show(&measurement);
    Ok(app::exit_code_of(&measurement))
}

fn show(measurement: &Measurement) {
    for sample in &measurement.samples {
        println!("{}", line(sample));
        let counters = counters(sample);
        if !counters.is_empty() {
            println!("  {}", counters.join(", "));
        }
    }
    for note in measurement
        .provenance
        .notes
        .iter()
        .cloned()
        .chain(partial_note(&measurement.provenance))
        .chain(notes(measurement))
    {
        println!("note: {note}");
    }
}

/// What the services counted for one request.
fn counters(sample: &Sample) -> Vec<String> {
    let counters = Metric::ALL.iter().filter(|metric| metric.is_counter());
    let shown = counters.filter_map(|metric| {
        let value = report::value(metric.of_sample(sample)?, metric.unit());
        Some(format!("{} {value}", metric.name()))
    });
    shown.collect()
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
        sample.rounds().len(),
    )
}
