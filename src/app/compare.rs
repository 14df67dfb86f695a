//! Judges one stored measurement by others.

use std::path::PathBuf;

use super::judging::{Scope, assemble};
use super::results::Naming;
use super::strictness::Strictness;
use crate::config;
use crate::error::Error;
use crate::gate::{self, Baselines, Rules};
use crate::import;
use crate::model::{Baseline, Coverage, Measurement, Outcome, Report, Sample};

/// What is compared, and by which rules.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// The old ones, then the new one: two or more.
    pub measurements: Vec<PathBuf>,
    pub naming: Naming,
    /// The file with the thresholds; nothing for the built-in ones.
    pub config: Option<PathBuf>,
    pub strictness: Strictness,
}

/// Judges the last of some measurements by those before it. These files alone count: no store is
/// read, and no pin holds.
pub fn compare(options: &CompareOptions) -> Result<Report, Error> {
    let plan = options.config.as_deref().map(config::load).transpose()?;
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
    let all = options.measurements.iter();
    let all = all.map(|path| options.naming.read(path));
    let mut measurements: Vec<Measurement> = all.collect::<Result<_, _>>()?;
    let new = measurements.pop().ok_or_else(|| Error::Argument {
        argument: "compare".into(),
        reason: "no measurement is named".into(),
    })?;
    of_one_request(&options.measurements, &measurements, &new)?;
    let baselines = Baselines::Stored(measurements.iter().flat_map(kept).collect());
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
    let judgement = gate::verdict(&new, &baselines, rules, &scope.coverage);
    Ok(assemble(&new, judgement, scope, &options.strictness))
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
