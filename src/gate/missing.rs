//! Plan × measurement → what one of them has and the other has not.

use crate::model::{CellName, Coverage, Measurement, PairedSample, Plan, Sample};

/// Compares the servers and endpoints of a plan with those that were measured.
pub fn coverage(plan: &Plan, measurement: &Measurement) -> Coverage {
    let planned: Vec<_> = planned(plan).collect();
    let mut unknown: Vec<_> = named(measurement).collect();
    unknown.retain(|cell| !planned.contains(cell));
    let measured: Vec<_> = measured(measurement).collect();
    let is_identical =
        |cell: &&CellName| measurement.identical.contains(cell) && !measured.contains(cell);
    let identical = planned.iter().filter(is_identical).cloned().collect();
    Coverage {
        missing: missing(planned, measurement),
        unknown,
        identical,
        same_build: measurement.same_build.clone(),
    }
}

/// Those of the expected ones that have not a single round or value, and of which neither an identical
/// build, a server that failed nor an early end of the run says why.
pub fn missing(
    expected: impl IntoIterator<Item = CellName>,
    measurement: &Measurement,
) -> Vec<CellName> {
    let measured: Vec<_> = measured(measurement).collect();
    let lacks = |cell: &CellName| !measured.contains(cell) && !is_explained(cell, measurement);
    expected.into_iter().filter(lacks).collect()
}

/// The cells that a measurement has rounds or values of.
pub fn measured(measurement: &Measurement) -> impl Iterator<Item = CellName> {
    let alone = measurement.samples.iter().filter(|it| has_values(it));
    let paired = measurement.pairs.iter().filter(|it| has_pairs(it));
    alone.map(of_sample).chain(paired.map(of_pairs))
}

fn planned(plan: &Plan) -> impl Iterator<Item = CellName> {
    plan.targets.iter().flat_map(|target| {
        let cells = target.cells.iter();
        cells.map(|cell| CellName::new(&target.name, &cell.endpoint))
    })
}

fn named(measurement: &Measurement) -> impl Iterator<Item = CellName> {
    let alone = measurement.samples.iter().map(of_sample);
    alone.chain(measurement.pairs.iter().map(of_pairs))
}

fn of_sample(sample: &Sample) -> CellName {
    CellName::new(&sample.key.server, &sample.key.endpoint)
}

fn of_pairs(sample: &PairedSample) -> CellName {
    CellName::new(&sample.server, &sample.endpoint)
}

fn has_values(sample: &Sample) -> bool {
    let imported = sample.summary.as_ref();
    !sample.rounds().is_empty() || imported.is_some_and(|it| !it.values.is_empty())
}

fn has_pairs(sample: &PairedSample) -> bool {
    sample.starts.iter().any(|start| !start.pairs.is_empty())
}

fn is_explained(cell: &CellName, measurement: &Measurement) -> bool {
    let failed = |server: &str| {
        let mut incidents = measurement.incidents.iter();
        incidents.any(|it| it.fatal && it.server == server)
    };
    let partial = measurement.provenance.partial.as_ref();
    measurement.identical.contains(cell)
        || failed(&cell.server)
        || partial.is_some_and(|it| it.lacks(&cell.server, &cell.endpoint))
}
