use std::path::PathBuf;

use super::args::{Outputs, Strictness};
use super::judging::{Scope, assemble};
use super::output::deliver;
use super::results::Naming;
use crate::config;
use crate::error::Error;
use crate::gate::{self, Reference, Rules};
use crate::import;
use crate::model::{Baseline, Coverage, Measurement, Outcome, Sample};

/// Judges one stored measurement by others. Five or more old ones make a history that a verdict
/// can rest on; with fewer the changes are shown and only bounds on the head alone are judged. These
/// files alone count: no store is read, and no pin holds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Measurements made by `perfgate run --json`, or results of wrk, oha, k6, vegeta or hey: the
    /// old ones, then the new one.
    #[arg(value_name = "OLD… NEW", required = true, num_args = 2..)]
    measurements: Vec<PathBuf>,
    #[command(flatten)]
    naming: Naming,
    /// Configuration file with the thresholds [default: built-in thresholds].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    strictness: Strictness,
}

pub(super) fn run(args: &Args) -> Result<u8, Error> {
    let plan = args.config.as_deref().map(config::load).transpose()?;
    let defaults = config::default_thresholds();
    let rules = Rules {
        of_cell: &|server, endpoint| match &plan {
            Some(plan) => plan.thresholds(server, endpoint),
            None => Some(&defaults),
        },
        accepted: plan
            .as_ref()
            .map(|it| it.accepted.as_slice())
            .unwrap_or_default(),
    };
    let all = args.measurements.iter().map(|path| args.naming.read(path));
    let mut measurements: Vec<Measurement> = all.collect::<Result<_, _>>()?;
    let new = measurements
        .pop()
        .expect("the command line asks for two or more");
    of_one_request(&args.measurements, &measurements, &new)?;
    let reference = Reference::Stored(measurements.iter().flat_map(kept).collect());
    let findings = gate::findings(&new, &reference, rules);
    let coverage = match measurements.last() {
        Some(old) if is_own(old) && is_own(&new) => Coverage {
            missing: gate::missing(gate::measured(old), &new),
            ..Coverage::default()
        },
        _ => Coverage::default(),
    };
    let scope = Scope {
        coverage,
        gate: None,
    };
    let report = assemble(&new, findings, scope, &args.strictness);
    deliver(&report, &args.outputs)?;
    Ok(report.exit_code)
}

/// Whether it is of all that a configuration names: a result of another generator is of one load.
const fn is_own(measurement: &Measurement) -> bool {
    !measurement.provenance.is_imported()
}

/// Refuses results of other generators that are not all of one request.
fn of_one_request(paths: &[PathBuf], old: &[Measurement], new: &Measurement) -> Result<(), Error> {
    let Some(path) = paths.last() else {
        return Ok(());
    };
    for (old_path, old) in paths.iter().zip(old) {
        import::comparable((path, new), (old_path, old))?;
    }
    Ok(())
}

/// A measurement as the baselines it would have been stored as: of cells measured to their end.
fn kept(measurement: &Measurement) -> Vec<Baseline> {
    let provenance = &measurement.provenance;
    let keep = |sample: &Sample| {
        let commit = provenance.head.clone();
        Baseline::of_sample(sample, commit, provenance.started, Outcome::Pass)
    };
    let partial = provenance.partial.as_ref();
    let whole = |it: &&Sample| {
        !partial.is_some_and(|partial| partial.lacks(&it.key.server, &it.key.endpoint))
    };
    measurement.samples.iter().filter(whole).map(keep).collect()
}
