//! What makes a check fail, and the code that it exits with.

use crate::model::{Measurement, Outcome, Plan, Report, exit_code};

/// What makes a check fail.
#[derive(Debug, Clone, Default)]
pub struct Strictness {
    /// Whether a server and endpoint without a baseline does.
    pub require_baseline: bool,
    pub fail_on: Vec<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    Regression,
    /// Regressions and inconclusive results.
    Inconclusive,
    /// No verdict does.
    Never,
    /// Regressions, and a weaker gate; beside `Never` a weaker gate alone.
    GateChange,
}

impl Strictness {
    /// The same for a job that measures a shard: its verdict counts where all shards are merged.
    pub(super) fn of_part(&self, plan: &Plan) -> Self {
        match plan.shard {
            Some(_) => Self {
                require_baseline: false,
                fail_on: vec![FailOn::Never],
            },
            None => self.clone(),
        }
    }

    /// The code a report exits with.
    pub(super) fn exit_code(&self, report: &Report) -> u8 {
        let verdicts_fail = !self.fails_on(FailOn::Never);
        match report.outcome {
            Outcome::Regression if verdicts_fail => exit_code::REGRESSED,
            _ if report.not_measured().next().is_some() => exit_code::ENVIRONMENT,
            _ if self.require_baseline && report.lacks_baseline() => exit_code::NO_BASELINE,
            Outcome::Inconclusive if verdicts_fail && self.fails_on(FailOn::Inconclusive) => {
                exit_code::INCONCLUSIVE
            }
            _ if self.fails_on(FailOn::GateChange) && has_gate_change(report) => {
                exit_code::WEAKER_GATE
            }
            _ => exit_code::PASSED,
        }
    }

    fn fails_on(&self, what: FailOn) -> bool {
        self.fail_on.contains(&what)
    }
}

/// A measurement that lacks what the plan has comes of another configuration.
fn has_gate_change(report: &Report) -> bool {
    report.has_weaker_gate() || !report.coverage.missing.is_empty()
}

/// The code of a run that judges nothing.
pub fn exit_code_of(measurement: &Measurement) -> u8 {
    match &measurement.provenance.partial {
        Some(partial) => partial.exit_code,
        None if measurement.lacks_a_server() => exit_code::ENVIRONMENT,
        None => exit_code::PASSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CellName, Finding, GateChange, GateChangeKind, GateComparison};

    fn code(fail_on: &str, report: &Report) -> u8 {
        let named = |name: &str| match name {
            "regression" => FailOn::Regression,
            "inconclusive" => FailOn::Inconclusive,
            "never" => FailOn::Never,
            _ => FailOn::GateChange,
        };
        let strictness = Strictness {
            require_baseline: false,
            fail_on: fail_on.split(',').map(named).collect(),
        };
        strictness.exit_code(report)
    }

    fn report(outcome: Outcome) -> Report {
        let text = include_bytes!("../../fixtures/reports/passed.json");
        let report: Report = serde_json::from_slice(text).expect("a report");
        Report { outcome, ..report }
    }

    fn weaker(outcome: Outcome) -> Report {
        let change = GateChange {
            kind: GateChangeKind::EndpointRemoved,
            cells: vec![CellName::new("app", "movies")],
            metric: None,
            base: None,
            head: None,
        };
        let gate = GateComparison {
            changes: vec![change],
            ..GateComparison::default()
        };
        Report {
            gate: Some(gate),
            ..report(outcome)
        }
    }

    #[test]
    fn a_weaker_gate_fails_where_it_is_asked_to() {
        let passed = weaker(Outcome::Pass);
        assert_eq!(code("regression", &passed), 0);
        assert_eq!(code("gate-change", &passed), 6);
        assert_eq!(code("gate-change", &report(Outcome::Pass)), 0);
        assert_eq!(code("never,gate-change", &passed), 6);
        let regressed = weaker(Outcome::Regression);
        assert_eq!(code("gate-change", &regressed), 1);
        assert_eq!(code("never,gate-change", &regressed), 6);
        assert_eq!(code("never", &regressed), 0);
        let undecided = weaker(Outcome::Inconclusive);
        assert_eq!(code("inconclusive,gate-change", &undecided), 5);
        assert_eq!(code("gate-change", &undecided), 6);
    }

    #[test]
    fn what_is_new_takes_nothing_away() {
        let mut added = weaker(Outcome::Pass);
        let gate = added.gate.as_mut().expect("a comparison");
        gate.changes[0].kind = GateChangeKind::EndpointAdded;
        assert_eq!(code("gate-change", &added), 0);
    }

    #[test]
    fn what_the_measurement_lacks_is_a_change_of_the_gate() {
        let mut lacking = report(Outcome::Inconclusive);
        lacking.coverage.missing = vec![CellName::new("app", "movies")];
        assert_eq!(code("regression", &lacking), 0);
        assert_eq!(code("inconclusive", &lacking), 5);
        assert_eq!(code("gate-change", &lacking), 6);
    }

    #[test]
    fn without_findings_a_required_baseline_is_missing() {
        let empty = Report {
            findings: Vec::<Finding>::new(),
            ..report(Outcome::NoBaseline)
        };
        let strictness = Strictness {
            require_baseline: true,
            fail_on: vec![FailOn::Regression],
        };
        assert_eq!(strictness.exit_code(&empty), 3);
    }
}
