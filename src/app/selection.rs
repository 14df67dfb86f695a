//! What to measure, and where the configuration is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::judging::store;
use super::names::{self, is_wanted};
use super::{cargo_options, secrets, shards};
use crate::config;
use crate::document;
use crate::error::Error;
use crate::model::{CargoBuild, Dealing, Plan, Shard, ShardRecord, digest};

/// What to measure, and where the configuration is.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Nothing for the nearest.
    pub config: Option<PathBuf>,
    /// Only these; all where none is named.
    pub servers: Vec<String>,
    /// Only these; all where none is named.
    pub endpoints: Vec<String>,
    /// The proxy that every server is put behind.
    pub behind: Option<String>,
    /// Time limit for each server and endpoint.
    pub budget: Option<Duration>,
    /// The part that this job measures; nothing for all.
    pub shard: Option<Shard>,
    /// What of the plan a part holds together.
    pub dealing: Dealing,
    /// Where stored runs are, in place of where the configuration says: shards are dealt by what these took.
    pub baseline: Option<String>,
    /// How cargo builds, in place of what the configuration says; of what is not set that holds.
    pub cargo: CargoBuild,
}

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// Of the order of rounds.
    pub seed: u64,
    /// Longest time for the whole run.
    pub timeout: Option<Duration>,
    /// Whether it is sampled where the CPU time of regressed cells goes.
    pub profiling: bool,
}

impl Selection {
    /// The plan of the configuration file.
    pub fn plan(&self) -> Result<Plan, Error> {
        self.plan_of(&self.file()?)
    }

    /// The plan of one file, cut down to what was asked for.
    pub(super) fn plan_of(&self, path: &Path) -> Result<Plan, Error> {
        let mut plan = config::load(path)?;
        secrets::know(&plan);
        let servers = plan.targets.iter().map(|it| &it.name);
        names::check(&plan, "server", &self.servers, servers)?;
        let cells = plan.targets.iter().flat_map(|it| &it.cells);
        let endpoints = cells.map(|it| &it.endpoint);
        names::check(&plan, "endpoint", &self.endpoints, endpoints)?;
        let proxies = plan.proxies.iter().map(|it| &it.name);
        names::check(&plan, "proxy", &self.behind, proxies)?;
        self.cut(&mut plan);
        cargo_options::apply(&self.cargo, &mut plan)?;
        if let Some(budget) = self.budget {
            plan.pacing = plan.pacing.within(budget).map_err(|few| Error::Argument {
                argument: format!("--budget {budget:?}"),
                reason: few.to_string(),
            })?;
        }
        if let Some(shard) = self.shard {
            let digest = self.digest(path)?;
            // Where no stored run can be read, endpoints are dealt by their number, and the check says why.
            let stored = store(&plan, self.baseline.as_deref())?.recent();
            let runs = stored.map_or_else(|_| Vec::new(), |it| it.baselines);
            let record = ShardRecord {
                shard,
                plan: digest,
                dealing: self.dealing,
                times: shards::times(&plan, &runs),
            };
            shards::cut_to(&mut plan, record).map_err(|reason| Error::Argument {
                argument: format!("--shard {shard}"),
                reason,
            })?;
        }
        Ok(plan)
    }

    /// Digest of a configuration file and of what was selected of it: shards of one run have the same.
    pub(super) fn digest(&self, path: &Path) -> Result<String, Error> {
        let mut bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let behind = self.behind.iter().cloned().collect();
        for names in [&self.servers, &self.endpoints, &behind] {
            // What cannot be in a file keeps names apart.
            bytes.push(0xff);
            for name in names {
                bytes.extend(name.bytes());
                bytes.push(0xfe);
            }
        }
        if self.cargo != CargoBuild::default() {
            bytes.extend(document::text(&self.cargo).bytes());
        }
        Ok(digest(&bytes))
    }

    /// Leaves of a plan what was asked for, as far as it has it.
    fn cut(&self, plan: &mut Plan) {
        plan.targets
            .retain(|target| is_wanted(&self.servers, &target.name));
        for target in &mut plan.targets {
            if self.behind.is_some() {
                target.behind.clone_from(&self.behind);
            }
            target
                .cells
                .retain(|cell| is_wanted(&self.endpoints, &cell.endpoint));
        }
        plan.accepted.retain(|it| {
            is_wanted(&self.servers, &it.server) && is_wanted(&self.endpoints, &it.endpoint)
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

    /// The configuration file: the one that was named, or the nearest.
    pub fn file(&self) -> Result<PathBuf, Error> {
        configuration(self.config.as_deref())
    }
}

/// The configuration file: the one that was named, or the nearest.
pub fn configuration(named: Option<&Path>) -> Result<PathBuf, Error> {
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
