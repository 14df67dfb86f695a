//! Flag groups that commands share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::measuring::Manner;
use crate::config;
use crate::error::Error;
use crate::model::{Measurement, Outcome, Plan};

/// What to measure, and where the configuration is.
#[derive(Debug, Clone, Args)]
pub(super) struct Selection {
    /// Configuration file instead of the nearest perfgate.toml.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Only these servers.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(super) server: Vec<String>,
    /// Only these endpoints.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(super) endpoint: Vec<String>,
    /// Put every server behind this proxy of the configuration.
    #[arg(long, value_name = "PROXY")]
    pub(super) behind: Option<String>,
    /// Seed of the order of rounds; drawn and printed when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Most time that a server and endpoint may take, instead of the configured one.
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    budget: Option<Duration>,
    /// Most time that the whole run may take; then it ends with code 4.
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    timeout: Option<Duration>,
    /// No progress.
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
        let servers: Vec<_> = plan
            .targets
            .iter()
            .map(|target| target.name.clone())
            .collect();
        let cells = plan.targets.iter().flat_map(|target| &target.cells);
        let mut endpoints: Vec<_> = cells.map(|cell| cell.endpoint.clone()).collect();
        endpoints.dedup();
        let proxies: Vec<_> = plan.proxies.iter().map(|it| it.name.clone()).collect();
        known(&plan, "server", &self.server, &servers)?;
        known(&plan, "endpoint", &self.endpoint, &endpoints)?;
        known(&plan, "proxy", self.behind.as_slice(), &proxies)?;
        plan.targets
            .retain(|target| wanted(&self.server, &target.name));
        for target in &mut plan.targets {
            if self.behind.is_some() {
                target.behind.clone_from(&self.behind);
            }
            target
                .cells
                .retain(|cell| wanted(&self.endpoint, &cell.endpoint));
        }
        if let Some(budget) = self.budget {
            plan.pacing = plan.pacing.within(budget).map_err(|few| Error::Argument {
                argument: format!("--budget {budget:?}"),
                reason: few.to_string(),
            })?;
        }
        Ok(plan)
    }

    pub(super) fn manner(&self) -> Manner {
        let drawn = || u64::from(rand::random::<u32>());
        Manner {
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

fn wanted(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|wanted| wanted == name)
}

fn known(plan: &Plan, what: &'static str, names: &[String], known: &[String]) -> Result<(), Error> {
    match names.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::Config(config::Error::UnknownName {
            path: plan.file.clone(),
            what,
            name: name.clone(),
            known: known.to_vec(),
        })),
    }
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
    /// Write the report as `JUnit` XML, a test for every metric that has a rule.
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// Write the report as a page that stands for itself, with its pictures.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// The code to exit with when a server could not be measured.
pub(super) const LACKS_A_SERVER: u8 = 4;

/// The code of a run that judges nothing.
pub(super) fn code(measurement: &Measurement) -> u8 {
    match &measurement.provenance.partial {
        Some(partial) => partial.exit_code,
        None if measurement.lacks_a_server() => LACKS_A_SERVER,
        None => 0,
    }
}

/// What makes a check fail.
#[derive(Debug, Clone, Args)]
pub(super) struct Strictness {
    /// Exit 3 when a cell has nothing to be compared with.
    #[arg(long)]
    require_baseline: bool,
    /// Which outcome fails.
    #[arg(long, value_enum, default_value_t = FailOn::Regression)]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Regression,
    /// Regressions too.
    Inconclusive,
    Never,
}

impl Strictness {
    /// The code an outcome exits with.
    pub(super) fn exit_code(
        &self,
        outcome: Outcome,
        lacks_baseline: bool,
        lacks_a_server: bool,
    ) -> u8 {
        match outcome {
            Outcome::Regression if self.fail_on != FailOn::Never => 1,
            _ if lacks_a_server => LACKS_A_SERVER,
            _ if self.require_baseline && lacks_baseline => 3,
            Outcome::Inconclusive if self.fail_on == FailOn::Inconclusive => 5,
            _ => 0,
        }
    }
}
