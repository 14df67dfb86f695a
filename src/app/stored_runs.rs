//! Stored runs, by name.

use std::path::PathBuf;

use super::judging::{store, stored};
use super::names::{self, is_wanted};
use super::observer::Observer;
use super::selection::configuration;
use crate::baseline::{Store, Stored};
use crate::config;
use crate::error::Error;
use crate::model::{Key, Plan};

/// Which stored runs, and where they are.
#[derive(Debug, Clone)]
pub struct StoredRuns {
    /// Nothing for the nearest configuration.
    pub config: Option<PathBuf>,
    /// Only these; all where none is named.
    pub servers: Vec<String>,
    /// Only these; all where none is named.
    pub endpoints: Vec<String>,
    /// In place of where the configuration says.
    pub baseline: Option<String>,
}

impl StoredRuns {
    /// The plan, and the store with everything in it. A name that neither the configuration nor a stored run has is
    /// a slip.
    pub fn find(&self, observe: Observer<'_>) -> Result<(Plan, Store, Stored), Error> {
        let plan = config::load(&configuration(self.config.as_deref())?)?;
        let store = store(&plan, self.baseline.as_deref())?;
        let found = stored(&store, observe)?;
        let keys = || found.baselines.iter().map(|run| &run.key);
        let servers = plan.targets.iter().map(|it| &it.name);
        let servers = servers.chain(keys().map(|it| &it.server));
        names::check(&plan, "server", &self.servers, servers)?;
        let cells = plan.targets.iter().flat_map(|it| &it.cells);
        let endpoints = cells.map(|it| &it.endpoint);
        let endpoints = endpoints.chain(keys().map(|it| &it.endpoint));
        names::check(&plan, "endpoint", &self.endpoints, endpoints)?;
        Ok((plan, store, found))
    }

    /// Whether runs of a key are among them.
    pub fn include(&self, key: &Key) -> bool {
        is_wanted(&self.servers, &key.server) && is_wanted(&self.endpoints, &key.endpoint)
    }
}
