//! Flag groups that commands share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::shard;
use crate::app;
use crate::config;
use crate::error::Error;
use crate::import::Name;
use crate::model::{CargoBuild, Dealing, Shard};

/// Seed of shards, where none is given.
const SEED_OF_SHARDS: u64 = 1;

/// Flags that mean something only where something is measured: a command that takes a finished measurement
/// refuses them beside it.
pub(super) const OF_MEASURING: [&str; 11] = [
    "seed",
    "budget",
    "timeout",
    "shard",
    "package",
    "bin",
    "features",
    "no_default_features",
    "cargo_profile",
    "target",
    "manifest_path",
];

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
    /// Time limit for the run; when it is exceeded, the exit code is 4.
    #[arg(long, value_name = "TIME", value_parser = config::parse_duration)]
    timeout: Option<Duration>,
    /// Measure only part I of N of the plan; `perfgate merge` judges all parts. `auto` takes the job's position in
    /// GitHub's matrix or GitLab's `parallel`.
    #[arg(long, value_name = "I/N", value_parser = shard::parse)]
    shard: Option<Shard>,
    /// Do not show progress.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    cargo: CargoOptions,
}

/// How cargo builds servers that have `cargo`, in place of what perfgate.toml says.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cargo")]
struct CargoOptions {
    /// Package of the server.
    #[arg(long, short, value_name = "NAME")]
    package: Option<String>,
    /// Program of the package.
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,
    /// Features, separated by commas.
    #[arg(long, short = 'F', value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,
    /// Disable the default features.
    #[arg(long)]
    no_default_features: bool,
    /// Profile of cargo [default: `release`].
    #[arg(long, value_name = "NAME")]
    cargo_profile: Option<String>,
    /// Target triple.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Manifest of the package or workspace.
    #[arg(long, value_name = "FILE")]
    manifest_path: Option<PathBuf>,
}

impl CargoOptions {
    fn plain(&self) -> CargoBuild {
        CargoBuild {
            package: self.package.clone(),
            bin: self.bin.clone(),
            features: self.features.clone(),
            no_default_features: self.no_default_features,
            profile: self.cargo_profile.clone(),
            target: self.target.clone(),
            manifest: self.manifest_path.clone(),
            env: Vec::new(),
        }
    }
}

impl Selection {
    /// What was asked for, without its flags.
    pub(super) fn plain(&self) -> app::Selection {
        app::Selection {
            config: self.config.clone(),
            servers: self.server.clone(),
            endpoints: self.endpoint.clone(),
            behind: self.behind.clone(),
            budget: self.budget,
            shard: self.shard,
            dealing: Dealing::default(),
            baseline: None,
            cargo: self.cargo.plain(),
        }
    }

    pub(super) fn options(&self) -> app::RunOptions {
        // Shards of one run have one seed.
        let drawn = || match self.shard {
            Some(_) => SEED_OF_SHARDS,
            None => u64::from(rand::random::<u32>()),
        };
        app::RunOptions {
            seed: self.seed.unwrap_or_else(drawn),
            timeout: self.timeout,
            profiling: false,
        }
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// Where a report goes besides the terminal.
#[derive(Debug, Clone, Args)]
pub(super) struct Outputs {
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the report as `JUnit` XML, with one test for each metric that has a rule.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as a self-contained HTML page with charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write CPU profiles of regressed endpoints as collapsed stacks of both sides:
    /// PATH.head.folded and PATH.base.folded.
    #[arg(long, value_name = "PATH")]
    profile: Option<PathBuf>,
}

impl Outputs {
    /// Where JSON, Markdown and HTML go, the forms of a ranking.
    pub(super) fn of_ranking(&self) -> Result<[Option<&Path>; 3], Error> {
        match self.junit.as_ref().or(self.profile.as_ref()) {
            None => Ok([&self.json, &self.markdown, &self.html].map(Option::as_deref)),
            Some(path) => Err(Error::Argument {
                argument: path.display().to_string(),
                reason: "a ranking is written by `--json`, `--markdown` and `--html`".into(),
            }),
        }
    }

    /// Where JSON goes, which is the one form of a load.
    pub(super) fn json_alone(&self) -> Result<Option<&Path>, Error> {
        let others = [&self.markdown, &self.junit, &self.html, &self.profile];
        match others.into_iter().flatten().next() {
            None => Ok(self.json.as_deref()),
            Some(path) => Err(Error::Argument {
                argument: path.display().to_string(),
                reason: "a load is written as JSON alone: `--json`".into(),
            }),
        }
    }

    pub(super) fn plain(&self) -> app::ReportFiles {
        app::ReportFiles {
            json: self.json.clone(),
            markdown: self.markdown.clone(),
            junit: self.junit.clone(),
            html: self.html.clone(),
            profile: self.profile.clone(),
        }
    }
}

/// What makes a check fail.
#[derive(Debug, Clone, Args)]
pub(super) struct Strictness {
    /// Exit with code 3 when a server and endpoint have no baseline.
    #[arg(long)]
    require_baseline: bool,
    /// Results that make the check fail; separate several with commas.
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
    /// Regressions, and a weaker gate: removed or missing servers and endpoints, removed or looser rules. With `never`,
    /// only a weaker gate.
    GateChange,
}

impl Strictness {
    pub(super) fn plain(&self) -> app::Strictness {
        let plain = |it: &FailOn| match it {
            FailOn::Regression => app::FailOn::Regression,
            FailOn::Inconclusive => app::FailOn::Inconclusive,
            FailOn::Never => app::FailOn::Never,
            FailOn::GateChange => app::FailOn::GateChange,
        };
        app::Strictness {
            require_baseline: self.require_baseline,
            fail_on: self.fail_on.iter().map(plain).collect(),
        }
    }
}

/// What the head is compared with.
#[derive(Debug, Clone, Args)]
pub(super) struct Against {
    /// Compare with servers built from this commit [default: the merge base with the default
    /// branch, else the image of the newest stored run].
    #[arg(long = "against", value_name = "GIT_REF")]
    git_ref: Option<String>,
    /// Compare a server with this image.
    #[arg(long = "against-image", value_name = "SERVER=IMAGE", num_args = 1..)]
    #[arg(conflicts_with = "git_ref")]
    images: Vec<String>,
    /// How to compare head and base.
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    strategy: Wanted,
    /// Skip servers whose image, command, environment and setup are the same in the base.
    #[arg(long, overrides_with = "all")]
    since_change: bool,
    /// Measure every server, changed or not (default).
    #[arg(long, overrides_with = "since_change")]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Side by side if there is a base build, in turn if both cannot run at once, else against
    /// stored runs.
    Auto,
    /// Only side by side.
    Duet,
    /// Only in turn.
    Interleaved,
    /// Only against stored runs.
    Stored,
}

impl Against {
    pub(super) fn plain(&self) -> app::Against {
        app::Against {
            git_ref: self.git_ref.clone(),
            images: self.images.clone(),
            strategy: match self.strategy {
                Wanted::Auto => app::Wanted::Auto,
                Wanted::Duet => app::Wanted::Duet,
                Wanted::Interleaved => app::Wanted::Interleaved,
                Wanted::Stored => app::Wanted::Stored,
            },
            since_change: self.since_change,
            usual: None,
        }
    }
}

/// What results of other generators are called.
#[derive(Debug, Clone, Args)]
pub(super) struct Naming {
    /// Server and endpoint of an imported result.
    #[arg(long = "as", value_names = ["SERVER", "ENDPOINT"], num_args = 2, action = ArgAction::Set)]
    named: Vec<String>,
}

impl Naming {
    pub(super) fn plain(&self) -> app::Naming {
        let named = match self.named.as_slice() {
            [server, endpoint] => Some(Name {
                server: server.clone(),
                endpoint: endpoint.clone(),
            }),
            _ => None,
        };
        app::Naming { named }
    }
}
