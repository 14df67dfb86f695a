//! Measurement × baselines × rules × acceptances → findings and outcome: the one way to a verdict,
//! whichever command asks for it.

use jiff::tz::TimeZone;

use super::accept::accept;
use super::attach_history::attach_history;
use super::invalidate_partial::invalidate_partial;
use super::outcome::outcome_of_run;
use super::{Baselines, Confirmation, judge, judge_pairs};
use crate::model::{
    Acceptance, Coverage, Finding, Measurement, Outcome, PairedSample, Sample, Thresholds,
};

/// What a measurement is judged by.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The thresholds of a server's endpoint; `None` if it has none.
    pub of_cell: &'a dyn Fn(&str, &str) -> Option<&'a Thresholds>,
    pub accepted: &'a [Acceptance],
}

/// The findings on a measurement, and what follows from all of them.
#[derive(Debug)]
pub struct Judgement {
    pub findings: Vec<Finding>,
    pub outcome: Outcome,
}

/// Judges every cell, and the run by all cells and by what of the plan it covers.
pub fn verdict(
    measurement: &Measurement,
    baselines: &Baselines,
    rules: Rules<'_>,
    coverage: &Coverage,
) -> Judgement {
    let findings = findings(measurement, baselines, rules);
    let outcome = outcome_of_run(&findings, measurement, coverage);
    Judgement { findings, outcome }
}

/// Judges every cell against what it was compared with: stored runs or the base beside it. What is
/// accepted on the day of the measurement passes; what was not measured to its end is not decided.
pub fn findings(
    measurement: &Measurement,
    baselines: &Baselines,
    rules: Rules<'_>,
) -> Vec<Finding> {
    let none = Thresholds::new();
    let of_sample = |it: &Sample| (rules.of_cell)(&it.key.server, &it.key.endpoint);
    let mut findings = judge(&measurement.samples, baselines, of_sample);
    let of_pairs = |it: &PairedSample| (rules.of_cell)(&it.server, &it.endpoint).unwrap_or(&none);
    let confirmation = Confirmation::from_thresholds(measurement.pairs.iter().map(of_pairs));
    for sample in &measurement.pairs {
        findings.extend(judge_pairs(sample, of_pairs(sample), confirmation));
    }
    let today = TimeZone::UTC.to_datetime(measurement.provenance.started);
    accept(&mut findings, rules.accepted, today.date());
    attach_history(&mut findings, measurement, baselines.runs());
    if let Some(partial) = &measurement.provenance.partial {
        invalidate_partial(&mut findings, partial);
    }
    findings
}
