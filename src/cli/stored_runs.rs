//! Flags of the commands that read what is stored and measure nothing.

use std::path::PathBuf;

use clap::Args;

use super::args::configuration;
use super::judging::{store, stored};
use super::names::{self, is_wanted};
use crate::baseline::{Store, Stored};
use crate::config;
use crate::error::Error;
use crate::model::Key;

/// Which stored runs, and where they are.
#[derive(Debug, Clone, Args)]
pub(super) struct StoredRuns {
    /// Configuration file [default: the nearest perfgate.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only runs of these servers.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    server: Vec<String>,
    /// Only runs of these endpoints.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    endpoint: Vec<String>,
    /// Baseline store: a folder, or `git:BRANCH` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
}

impl StoredRuns {
    /// The store, with everything in it. A name that neither the configuration nor a stored run has is
    /// a slip.
    pub(super) fn find(&self) -> Result<(Store, Stored), Error> {
        let plan = config::load(&configuration(self.config.as_deref())?)?;
        let store = store(&plan, self.baseline.as_deref())?;
        let found = stored(&store)?;
        let keys = || found.baselines.iter().map(|run| &run.key);
        let servers = plan.targets.iter().map(|it| &it.name);
        let servers = servers.chain(keys().map(|it| &it.server));
        names::check(&plan, "server", &self.server, servers)?;
        let cells = plan.targets.iter().flat_map(|it| &it.cells);
        let endpoints = cells.map(|it| &it.endpoint);
        let endpoints = endpoints.chain(keys().map(|it| &it.endpoint));
        names::check(&plan, "endpoint", &self.endpoint, endpoints)?;
        Ok((store, found))
    }

    /// Whether runs of a key are among them.
    pub(super) fn include(&self, key: &Key) -> bool {
        is_wanted(&self.server, &key.server) && is_wanted(&self.endpoint, &key.endpoint)
    }
}
