use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Acceptance, Build, CargoBuild, CopiedFile, Key, LoadShape, Metric, Placeholder, PlanShard,
    Service, ServiceKind, ServiceSource, Source, Target, Thresholds,
};

/// Rounds below which a median says little about a server.
const FEWEST_ROUNDS: usize = 3;

/// Everything that will be measured and by which rules, fully resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The file the plan comes from.
    pub file: PathBuf,
    /// The folder of that file; relative paths start here.
    pub root: PathBuf,
    /// Variables of this process that processes under test inherit although they look like secrets.
    pub inherit: Vec<String>,
    /// Commands run before anything else, from the root.
    pub prepare: Vec<Vec<String>>,
    /// Configuration to use instead when no container engine answers.
    pub without_docker: Option<PathBuf>,
    /// The way to contained servers; nothing for the truest one that is safe.
    pub network: Option<NetworkPath>,
    /// In the order in which they start.
    pub services: Vec<Service>,
    pub proxies: Vec<Proxy>,
    pub targets: Vec<Target>,
    /// A fixed program of the same kind of work, with one cell, that CPU time is compared with.
    pub reference: Option<Target>,
    pub pacing: Pacing,
    pub deadlines: Deadlines,
    pub accepted: Vec<Acceptance>,
    pub baselines: Store,
    /// Newest runs of each server, endpoint and machine that are kept there.
    pub keep: usize,
    /// How cargo builds, in place of what the configuration says of each server.
    pub cargo: CargoBuild,
    /// Where it is one of several parts of what is judged together.
    pub shard: Option<PlanShard>,
    /// What became of the services of compose files.
    pub notes: Vec<String>,
}

/// Where baselines are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    Folder(PathBuf),
    /// A branch of a git repository.
    Branch {
        /// The clone whose remotes and credentials are used.
        clone: PathBuf,
        /// Name or URL of the remote.
        remote: String,
        branch: String,
    },
    /// A bucket of a store that speaks the API of Amazon S3.
    Bucket {
        bucket: Bucket,
        /// Where it is named, as errors say it.
        origin: String,
    },
}

/// A bucket, and what the keys of its objects begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    /// Without a slash at its end; empty for the whole bucket.
    pub prefix: String,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)?;
        if self.prefix.is_empty() {
            return Ok(());
        }
        write!(f, "/{}", self.prefix)
    }
}

/// How requests reach a server in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPath {
    /// A network of its own; the server's port is published on 127.0.0.1.
    Published,
    /// A network of its own without a way to the outside; the host reaches containers by their
    /// addresses on it.
    #[serde(skip_deserializing)]
    Internal,
    /// The host's network; the server listens on a loopback port perfgate chose.
    Host,
}

impl NetworkPath {
    /// What a configuration says for it.
    pub const fn written(self) -> &'static str {
        match self {
            Self::Published => "network = \"published\"",
            Self::Internal => "internal = true",
            Self::Host => "network = \"host\"",
        }
    }
}

/// Rounds and warm-ups of what is compared with nothing.
const BRIEF_ROUND: Duration = Duration::from_millis(500);
const BRIEF_WARM_UP: Duration = Duration::from_millis(500);

/// How long things are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    pub round: Duration,
    /// Rounds of each cell.
    pub rounds: usize,
    /// Longest warm-up of each cell.
    pub warmup: Duration,
    /// Time for each cell until pairs of rounds have decided it.
    pub budget: Duration,
}

/// How long what comes before the load may take, so that nothing can hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Of each `prepare` command.
    pub prepare: Duration,
    /// Of each image, pulled or built.
    pub image: Duration,
    /// Of each `setup` command.
    pub setup: Duration,
}

/// A reverse proxy that servers can stand behind; it runs in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proxy {
    pub name: String,
    /// An image or a folder.
    pub source: ServiceSource,
    /// Command in the container; empty for the image's own.
    pub command: Vec<String>,
    /// Port it listens on inside its container.
    pub port: u16,
    pub env: Vec<(String, String)>,
    /// Files put into the container.
    pub files: Vec<CopiedFile>,
}

impl Plan {
    /// Whether a command of `prepare` is cargo's.
    pub fn prepares_by_cargo(&self) -> bool {
        let mut programs = self.prepare.iter().filter_map(|words| words.first());
        programs.any(|it| it == "cargo")
    }

    /// Whether anything in the plan runs in a container.
    pub fn needs_engine(&self) -> bool {
        let mut targets = self.targets.iter().chain(&self.reference);
        targets.any(|target| target.source.is_contained() || target.behind.is_some())
            || self.services.iter().any(|it| it.source.is_contained())
    }

    /// The variables of this process that `{env.NAME}` takes.
    pub fn environment(&self) -> BTreeSet<&str> {
        let mut texts: Vec<&str> = Vec::new();
        for target in self.targets.iter().chain(&self.reference) {
            texts.extend(
                target
                    .command
                    .iter()
                    .chain(target.setup.iter().flatten())
                    .map(String::as_str),
            );
            texts.extend(values(&target.env));
            texts.extend(CopiedFile::texts(&target.container.files));
            for worker in &target.workers {
                texts.extend(worker.command.iter().map(String::as_str));
                texts.extend(values(&worker.env));
            }
            match &target.source {
                Source::Run(words) => texts.extend(words.iter().map(String::as_str)),
                Source::Build(build) => texts.extend(values(&build.args)),
                Source::Image(_) | Source::Url(_) => {}
            }
        }
        for service in &self.services {
            texts.extend(service.command.iter().map(String::as_str));
            texts.extend(values(&service.env));
            texts.extend(CopiedFile::texts(&service.container.files));
            if let ServiceSource::Build(build) = &service.source {
                texts.extend(values(&build.args));
            }
            if let ServiceKind::Other(other) = &service.kind {
                let commands = other.init.iter().chain(&other.seed);
                texts.extend(commands.flatten().map(String::as_str));
            }
        }
        for proxy in &self.proxies {
            texts.extend(proxy.command.iter().map(String::as_str));
            texts.extend(values(&proxy.env));
            texts.extend(CopiedFile::texts(&proxy.files));
        }
        let builds = self.builds().flat_map(|it| it.buildkit.variables());
        let fields = texts.into_iter().flat_map(Placeholder::fields_in);
        let names = fields.filter(|(space, _)| *space == Placeholder::ENV);
        let cells = self.targets.iter().flat_map(|it| &it.cells);
        let requests = cells.flat_map(|it| &it.workload.requests);
        let of_requests = requests.flat_map(|it| it.takes(Placeholder::ENV));
        let logins = self.targets.iter().flat_map(|it| &it.logins);
        let of_logins = logins.flat_map(|it| it.takes(Placeholder::ENV));
        let of_requests = of_requests.chain(of_logins);
        let names = names.map(|(_, name)| name);
        names.chain(of_requests).chain(builds).collect()
    }

    /// The images of the plan that are built.
    pub fn builds(&self) -> impl Iterator<Item = &Build> {
        let targets = self.targets.iter().chain(&self.reference);
        let of_targets = targets.filter_map(|it| match &it.source {
            Source::Build(build) => Some(build),
            _ => None,
        });
        let services = self.services.iter().map(|it| &it.source);
        let sources = services.chain(self.proxies.iter().map(|it| &it.source));
        let of_services = sources.filter_map(|it| match it {
            ServiceSource::Build(build) => Some(build),
            _ => None,
        });
        of_targets.chain(of_services)
    }

    /// The rules for a server and endpoint, where the plan has them.
    pub fn thresholds(&self, server: &str, endpoint: &str) -> Option<&Thresholds> {
        let target = self.targets.iter().find(|it| it.name == server)?;
        let cell = target.cells.iter().find(|it| it.endpoint == endpoint)?;
        Some(&cell.thresholds)
    }

    /// The relative margin of a metric, where there is a rule for one.
    pub fn margin(&self, key: &Key, metric: Metric) -> Option<f64> {
        let rules = self.thresholds(&key.server, &key.endpoint)?;
        Some(rules.get(&metric)?.margin.as_ref()?.value)
    }

    /// The proxy of a name.
    pub fn proxy(&self, name: &str) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.name == name)
    }

    /// The proxies that a server stands behind.
    pub fn proxies_in_use(&self) -> impl Iterator<Item = &Proxy> {
        let is_used = |proxy: &&Proxy| {
            let mut targets = self.targets.iter();
            targets.any(|target| target.behind.as_ref() == Some(&proxy.name))
        };
        self.proxies.iter().filter(is_used)
    }
}

fn values(pairs: &[(String, String)]) -> impl Iterator<Item = &str> {
    pairs.iter().map(|(_, value)| value.as_str())
}

/// Fewer rounds than a verdict needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget pays for {rounds} rounds after a warm-up of {warmup:?}; {FEWEST_ROUNDS} are needed"
)]
pub struct TooFewRounds {
    rounds: usize,
    warmup: Duration,
}

impl Pacing {
    /// The same with at most as many rounds as a budget pays for.
    pub fn within(self, budget: Duration) -> Result<Self, TooFewRounds> {
        let left = budget.saturating_sub(self.warmup);
        let rounds = usize::try_from(left.as_nanos() / self.round.as_nanos());
        let rounds = rounds.unwrap_or(usize::MAX);
        if rounds < FEWEST_ROUNDS {
            let warmup = self.warmup;
            return Err(TooFewRounds { rounds, warmup });
        }
        Ok(Self {
            rounds: self.rounds.min(rounds),
            budget,
            ..self
        })
    }

    /// The same, as long as bounds need that nothing else is judged by: a few short rounds.
    #[must_use]
    pub fn brief(self) -> Self {
        Self {
            round: self.round.min(BRIEF_ROUND),
            rounds: self.rounds.min(FEWEST_ROUNDS),
            warmup: self.warmup.min(BRIEF_WARM_UP),
            ..self
        }
    }

    /// The load a workload is under at this pace, as keys keep it.
    pub fn shape(&self, workload: &super::Workload, request: String) -> LoadShape {
        LoadShape {
            request,
            connections: workload.connections,
            threads: workload.threads,
            rate: workload.rate.map(|rate| rate.to_string()),
            timeout_ms: millis(workload.timeout),
            round_ms: millis(self.round),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
