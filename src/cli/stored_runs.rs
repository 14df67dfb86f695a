//! Flags of the commands that read what is stored and measure nothing.

use std::path::PathBuf;

use clap::Args;

use crate::app;

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
    /// Baseline store: a folder, `git:BRANCH`, or `s3://BUCKET/PREFIX` [default: `[baseline] store` in perfgate.toml].
    #[arg(long, visible_alias = "store", value_name = "STORE")]
    baseline: Option<String>,
}

impl StoredRuns {
    pub(super) fn plain(&self) -> app::StoredRuns {
        app::StoredRuns {
            config: self.config.clone(),
            servers: self.server.clone(),
            endpoints: self.endpoint.clone(),
            baseline: self.baseline.clone(),
        }
    }
}
