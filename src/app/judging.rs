//! What `check`, `compare` and `baseline refresh` share: from a measurement to a report.

use std::path::Path;

use super::notes::notes;
use super::observer::{Notice, Observer};
use super::secrets::report_without_secrets;
use super::strictness::Strictness;
use crate::baseline::{Store, Stored};
use crate::config;
use crate::error::Error;
use crate::gate::{self, Baselines, Judgement, Rules};
use crate::model::{
    self, Coverage, Evidence, Failures, Finding, GateComparison, Measurement, Plan, Report, chain,
};
use crate::report;

/// The store that was asked for, else the configured one.
pub fn store(plan: &Plan, wanted: Option<&str>) -> Result<Store, Error> {
    match wanted {
        None => Ok(Store::open(&plan.baselines)),
        Some(text) => Ok(Store::open(&parse_store(text)?)),
    }
}

/// Where a store lies that was asked for.
pub(super) fn parse_store(text: &str) -> Result<model::Store, Error> {
    config::parse_store(text, Path::new("."), "--baseline").map_err(|why| Error::Argument {
        argument: format!("--baseline {text}"),
        reason: why.into(),
    })
}

/// The stored runs that are judged by; what cannot be read of them is reported.
pub fn read_baselines(store: &Store, observe: Observer<'_>) -> Result<Baselines, Error> {
    let found = store.recent()?;
    report_damaged(&found, observe);
    Ok(Baselines::new(found.baselines, found.pin))
}

/// Everything stored; what cannot be read of it is reported.
pub fn stored(store: &Store, observe: Observer<'_>) -> Result<Stored, Error> {
    let found = store.all()?;
    report_damaged(&found, observe);
    Ok(found)
}

fn report_damaged(found: &Stored, observe: Observer<'_>) {
    for error in &found.damaged {
        let note = format!("warning: left out: {}", chain(error));
        observe(&Notice::Note(&note));
    }
}

/// Notes which cells the pin has no runs for.
pub(super) fn note_not_pinned(measurement: &mut Measurement, baselines: &Baselines) {
    let keys = baselines.not_pinned(&measurement.samples).into_iter();
    let cells: Vec<_> = keys
        .map(|it| format!("{} {}", it.server, it.endpoint))
        .collect();
    if !cells.is_empty() {
        let note = format!(
            "fewer than {} comparable runs up to the pin, so compared with the newest runs alone: {}",
            gate::FEWEST_RUNS,
            cells.join(", ")
        );
        measurement.provenance.notes.push(note);
    }
}

/// Judges what a run measured, each cell against what it was compared with.
pub(super) fn judge(plan: &Plan, measurement: &Measurement, baselines: &Baselines) -> Vec<Finding> {
    with_rules(plan, |rules| gate::findings(measurement, baselines, rules))
}

/// The report on what a run measured.
pub(super) fn report_on(
    plan: &Plan,
    measurement: &Measurement,
    baselines: &Baselines,
    scope: Scope,
    strictness: &Strictness,
) -> Report {
    let judgement = with_rules(plan, |rules| {
        gate::verdict(measurement, baselines, rules, &scope.coverage)
    });
    assemble(measurement, judgement, scope, strictness)
}

/// Judges by the rules of a plan.
fn with_rules<T>(plan: &Plan, judge: impl FnOnce(Rules<'_>) -> T) -> T {
    judge(Rules {
        of_cell: &|server, endpoint| plan.thresholds(server, endpoint),
        accepted: &plan.accepted,
    })
}

/// What a report says of the gate and of what it was given, beside the findings.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) coverage: Coverage,
    pub(super) gate: Option<GateComparison>,
}

/// The metrics whose stored runs fall into two groups.
fn two_groups(findings: &[Finding]) -> Option<String> {
    let of_finding = |it: &Finding| {
        let [lower, upper] = it.groups?.map(|value| report::value(value, it.unit));
        let metric = it.metric.name();
        Some(format!(
            "{} {} {metric} around {lower} and {upper}",
            it.server, it.endpoint
        ))
    };
    let found: Vec<_> = findings.iter().filter_map(of_finding).collect();
    (!found.is_empty()).then(|| {
        format!(
            "stored runs fall into two groups, as on machines of two types: the worse one bounds new \
             runs (`check --against` needs no stored runs): {}",
            found.join(", ")
        )
    })
}

/// Makes of a judgement the report that every format is a view of.
pub(super) fn assemble(
    measurement: &Measurement,
    judgement: Judgement,
    scope: Scope,
    strictness: &Strictness,
) -> Report {
    let Judgement { findings, outcome } = judgement;
    let mut provenance = measurement.provenance.clone();
    provenance.notes.extend(notes(measurement));
    provenance.notes.extend(two_groups(&findings));
    let Scope { coverage, gate } = scope;
    let mut report = Report {
        schema: Report::SCHEMA,
        outcome,
        exit_code: 0,
        findings,
        incidents: measurement.incidents.clone(),
        coverage,
        gate,
        failures: Failures::from_measurement(measurement),
        provenance,
        evidence: Evidence::from_measurement(measurement),
        profiles: measurement.profiles.clone(),
    };
    let partial = measurement.provenance.partial.as_ref();
    report.exit_code = partial.map_or_else(
        || strictness.exit_code(&report),
        |partial| partial.exit_code,
    );
    report_without_secrets(report)
}
