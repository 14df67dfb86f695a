//! Flag groups that commands share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::names::{self, is_wanted};
use crate::config;
use crate::error::Error;
use crate::model::{Measurement, Outcome, Plan, Report, exit_code};

/// What to measure, and where the configuration is.
#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// Configuration file [default: the nearest perfgate.toml].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Only these servers.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(super) server: Vec<String>,
    /// Only these endpoints.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(super) endpoint: Vec<String>,
    /// Put every server behind this proxy from perfgate.toml.
    #[arg(long, value_name = "PROXY")]
    pub(super) behind: Option<String>,
    /// Seed of the order of rounds; random by default, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Time limit for each server and endpoint; overrides `budget` in perfgate.toml.
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    budget: Option<Duration>,
    /// Time limit for the whole run, which then exits with code 4.
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    timeout: Option<Duration>,
    /// Do not show progress.
    #[arg(long, short)]
    quiet: bool,
}

impl Selection {
    /// The plan of the configuration file.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        self.plan_of(&self.file()?)
    }

    /// The plan of one file, cut down to what was asked for.
    pub(super) fn plan_of(&self, path: &Path) -> Result<Plan, Error> {
        let mut plan = config::load(path)?;
        let servers = plan.targets.iter().map(|it| &it.name);
        names::check(&plan, "server", &self.server, servers)?;
        let cells = plan.targets.iter().flat_map(|it| &it.cells);
        let endpoints = cells.map(|it| &it.endpoint);
        names::check(&plan, "endpoint", &self.endpoint, endpoints)?;
        let proxies = plan.proxies.iter().map(|it| &it.name);
        names::check(&plan, "proxy", &self.behind, proxies)?;
        self.cut(&mut plan);
        if let Some(budget) = self.budget {
            plan.pacing = plan.pacing.within(budget).map_err(|few| Error::Argument {
                argument: format!("--budget {budget:?}"),
                reason: few.to_string(),
            })?;
        }
        Ok(plan)
    }

    /// Leaves of a plan what was asked for, as far as it has it.
    pub(super) fn cut(&self, plan: &mut Plan) {
        plan.targets
            .retain(|target| is_wanted(&self.server, &target.name));
        for target in &mut plan.targets {
            if self.behind.is_some() {
                target.behind.clone_from(&self.behind);
            }
            target
                .cells
                .retain(|cell| is_wanted(&self.endpoint, &cell.endpoint));
        }
        plan.accepted.retain(|it| {
            is_wanted(&self.server, &it.server) && is_wanted(&self.endpoint, &it.endpoint)
        });
    }

    /// The plan of a base, cut down to the same.
    pub(super) fn of_base(&self, mut plan: Plan) -> Plan {
        self.cut(&mut plan);
        if let Some(Ok(pacing)) = self.budget.map(|budget| plan.pacing.within(budget)) {
            plan.pacing = pacing;
        }
        plan
    }

    pub(super) fn options(&self) -> RunOptions {
        let drawn = || u64::from(rand::random::<u32>());
        RunOptions {
            seed: self.seed.unwrap_or_else(drawn),
            quiet: self.quiet,
            timeout: self.timeout,
        }
    }

    /// The configuration file: the one that was named, or the nearest.
    pub(super) fn file(&self) -> Result<PathBuf, Error> {
        configuration(self.config.as_deref())
    }
}

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunOptions {
    /// Of the order of rounds.
    pub(super) seed: u64,
    /// Do not show progress.
    pub(super) quiet: bool,
    /// Longest time for the whole run.
    pub(super) timeout: Option<Duration>,
}

/// The configuration file: the one that was named, or the nearest.
pub(super) fn configuration(named: Option<&Path>) -> Result<PathBuf, Error> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => Ok(config::find(&current_folder()?)?),
    }
}

fn current_folder() -> Result<PathBuf, Error> {
    std::env::current_dir().map_err(|source| Error::Read {
        path: ".".into(),
        source,
    })
}

/// Where a report goes besides the terminal.
#[derive(Debug, Clone, Args)]
pub(super) struct Outputs {
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the report as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
    /// Write the report as `JUnit` XML, with one test for each metric that has a rule.
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write the report as a self-contained HTML page with charts.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// The code of a run that judges nothing.
pub(super) fn code(measurement: &Measurement) -> u8 {
    match &measurement.provenance.partial {
        Some(partial) => partial.exit_code,
        None if measurement.lacks_a_server() => exit_code::ENVIRONMENT,
        None => exit_code::PASSED,
    }
}

/// What makes a check fail.
#[derive(Debug, Clone, Args)]
pub(super) struct Strictness {
    /// Exit with code 3 when a server and endpoint have no baseline.
    #[arg(long)]
    require_baseline: bool,
    /// What makes the check fail; separate several with commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "regression")]
    fail_on: Vec<FailOn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Regression,
    /// Regressions and inconclusive results.
    Inconclusive,
    /// Never fail because of a verdict.
    Never,
    /// Regressions, and a weaker gate: servers, endpoints or rules that were removed or loosened,
    /// or that the measurement lacks. With `never`, only a weaker gate.
    GateChange,
}

impl Strictness {
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::model::{CellName, Finding, GateChange, GateChangeKind, GateComparison};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        strictness: Strictness,
    }

    fn code(fail_on: &str, report: &Report) -> u8 {
        let line = Line::try_parse_from(["check", "--fail-on", fail_on]);
        line.expect("a known list").strictness.exit_code(report)
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
        let line = Line::try_parse_from(["check", "--require-baseline"]);
        assert_eq!(line.expect("flags").strictness.exit_code(&empty), 3);
    }
}
