//! A report on whatever was read.

use perfgate::config;
use perfgate::gate::{self, Baselines, Rules};
use perfgate::model::{Baseline, Coverage, Evidence, Failures, Measurement, Report};

/// Runs of a history that something is judged by.
const RUNS: usize = gate::FEWEST_RUNS;

/// Judges by runs that are repeated until they are a history.
pub(super) fn judged(measurement: &Measurement, runs: Vec<Baseline>) -> Report {
    let count = runs.len() * RUNS;
    let reference = Baselines::Stored(runs.into_iter().cycle().take(count).collect());
    let rules = config::default_thresholds();
    let by_default = Rules {
        of_cell: &|_, _| Some(&rules),
        accepted: &[],
    };
    let findings = gate::findings(measurement, &reference, by_default);
    Report {
        schema: Report::SCHEMA,
        outcome: gate::outcome(&findings),
        exit_code: 0,
        findings,
        incidents: measurement.incidents.clone(),
        coverage: Coverage::default(),
        gate: None,
        failures: Failures::from_measurement(measurement),
        provenance: measurement.provenance.clone(),
        evidence: Evidence::from_measurement(measurement),
        profiles: measurement.profiles.clone(),
    }
}
