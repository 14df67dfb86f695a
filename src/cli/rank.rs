use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::args::{Selection, code};
use super::measuring::RunContext;
use super::notes::{notes, partial_note};
use crate::document;
use crate::error::Error;
use crate::gate;
use crate::measure::Schedule;
use crate::model::{Measurement, Pacing, Plan, Ranking};
use crate::report::{self, ranking};

/// Measures the chosen servers side by side, their rounds interleaved, and puts them in order.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Use the load of a published benchmark.
    #[arg(long, value_enum)]
    profile: Option<Profile>,
    /// Write the ranking as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the ranking as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the ranking as a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// `wrk -t4 -c200 -d30s` with its time-out of 2 s: one round, which gives no intervals.
    Article,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let mut context = RunContext::find(&args.selection).await?;
    if let Some(Profile::Article) = args.profile {
        as_in_the_article(&mut context.plan);
    }
    // Ranked servers are compared with each other.
    context.plan.reference = None;
    context.announce();
    let measurement = context
        .measure_in(Schedule::Interleaved, args.selection.options())
        .await?;
    let ranking = rank(&context.plan, &measurement);
    print!("{}", ranking::terminal(&ranking));
    let files = [
        (&args.json, ranking::json as fn(&Ranking) -> String),
        (&args.markdown, ranking::markdown),
        (&args.html, report::html_ranking),
    ];
    for (path, render) in files {
        if let Some(path) = path {
            document::write(path, &render(&ranking))?;
        }
    }
    Ok(code(&measurement))
}

fn as_in_the_article(plan: &mut Plan) {
    plan.pacing.round = Duration::from_secs(30);
    plan.pacing.rounds = 1;
    for cell in plan.targets.iter_mut().flat_map(|target| &mut target.cells) {
        cell.workload.connections = 200;
        cell.workload.threads = 4;
        cell.workload.timeout = Duration::from_secs(2);
        cell.workload.rate = None;
    }
}

fn rank(plan: &Plan, measurement: &Measurement) -> Ranking {
    let (tables, footprints) = gate::rank(&measurement.samples, &plan.targets);
    let mut provenance = measurement.provenance.clone();
    provenance.notes.extend(partial_note(&provenance));
    provenance.notes.extend(notes(measurement));
    Ranking {
        schema: Ranking::SCHEMA,
        load: load(plan),
        tables,
        footprints,
        incidents: measurement.incidents.clone(),
        provenance,
    }
}

/// What the servers are loaded with, in words; endpoints may differ.
fn load(plan: &Plan) -> String {
    let mut loads = Vec::new();
    for cell in plan.targets.iter().flat_map(|target| &target.cells) {
        let workload = &cell.workload;
        let rate = workload.rate.map_or_else(
            || "each request after the one before".to_owned(),
            |rate| rate.to_string(),
        );
        let words = format!(
            "{} connections, {} generator thread{}, time-out {:?}, {rate}",
            workload.connections,
            workload.threads,
            if workload.threads == 1 { "" } else { "s" },
            workload.timeout
        );
        if !loads.contains(&words) {
            loads.push(words);
        }
    }
    let Pacing { round, rounds, .. } = plan.pacing;
    format!("{}; {rounds} rounds of {round:?}", loads.join(" or "))
}
