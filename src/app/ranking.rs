//! Measures servers side by side, their rounds interleaved, and puts them in order.

use std::path::Path;
use std::time::Duration;

use super::check::SAVE;
use super::notes::{notes, partial_note};
use super::observer::Observer;
use super::part_files::{try_writing_result, write_result};
use super::run_context::RunContext;
use super::selection::{RunOptions, Selection};
use super::strictness::exit_code_of;
use crate::document;
use crate::error::Error;
use crate::gate;
use crate::measure::Schedule;
use crate::model::{Dealing, Measurement, Pacing, Plan, Ranking};

/// The load of a published benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `wrk -t4 -c200 -d30s` with its time-out of 2 s: one round, which gives no intervals.
    Article,
}

/// Servers in order, and the code that the run exits with.
#[derive(Debug)]
pub struct Ranked {
    pub ranking: Ranking,
    pub exit_code: u8,
}

/// Measures the chosen servers side by side and ranks them; `save` is where the measurement goes.
pub async fn rank(
    selection: &Selection,
    profile: Option<Profile>,
    options: RunOptions,
    save: Option<&Path>,
    observe: Observer<'_>,
) -> Result<Ranked, Error> {
    // Servers that are ranked are measured side by side: a shard has some endpoints of all of them.
    let selection = Selection {
        dealing: Dealing::ByEndpoint,
        ..selection.clone()
    };
    if let Some(path) = save {
        try_writing_result(path, SAVE)?;
    }
    let mut context = RunContext::find(&selection, observe).await?;
    if let Some(Profile::Article) = profile {
        as_in_the_article(&mut context.plan);
    }
    // Ranked servers are compared with each other.
    context.plan.reference = None;
    let measurement = context.measure_in(Schedule::Interleaved, options).await?;
    if let Some(path) = save {
        write_result(path, SAVE, &document::text(&measurement))?;
    }
    Ok(ranked(&context.plan, &measurement))
}

/// The servers of a measurement in order.
pub(super) fn ranked(plan: &Plan, measurement: &Measurement) -> Ranked {
    Ranked {
        ranking: ranking(plan, measurement),
        exit_code: exit_code_of(measurement),
    }
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

fn ranking(plan: &Plan, measurement: &Measurement) -> Ranking {
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
