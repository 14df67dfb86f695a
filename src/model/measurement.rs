use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CellName, Counters, CpuProfile, Incident, Key, Metric, PairedSample, Partial, Round,
    ShardRecord, Sides,
};

/// Everything one run measured: the rounds of every cell and where they were taken.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// Version of this document's form.
    pub schema: u32,
    pub provenance: Provenance,
    pub samples: Vec<Sample>,
    /// Cells that were measured in pairs with a base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<PairedSample>,
    /// What befell the servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// Servers and endpoints that were not measured, because the build is identical to the base's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identical: Vec<CellName>,
    /// Servers whose program or image is the same on both sides although their files differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_build: Vec<String>,
    /// Where the CPU time of cells that regressed went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<CpuProfile>,
}

impl Measurement {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;

    /// Whether a server could not be measured.
    pub fn lacks_a_server(&self) -> bool {
        self.incidents.iter().any(|incident| incident.fatal)
    }
}

/// The rounds of one server and endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// What the sample may be compared with.
    pub key: Key,
    /// Time the server took to its first expected response; nothing for a server that ran already.
    pub startup: Option<Duration>,
    /// Whether other programs took the CPUs meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup_disturbed: bool,
    /// Whether throughput became flat during the warm-up.
    pub steady: bool,
    pub rounds: Vec<Round>,
    /// Nothing where no pass of single requests was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Rounds of the server (head) and of the reference program (base) at the same time on the same
    /// CPUs; none where the plan names no reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside_reference: Vec<Sides<Round>>,
    /// Why it was measured without the base that its neighbours have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<NoBase>,
    /// A fresh start of the server, made because the first broke a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// What another load generator reported, in place of rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

/// Why a server and endpoint has no base, although there is another build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoBase {
    /// The other build does not have it.
    New,
    /// The other build could not be measured.
    Failed,
}

/// What a fresh start measured of the same server and endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Again {
    pub startup: Option<Duration>,
    /// Whether other programs took the CPUs meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup_disturbed: bool,
    pub rounds: Vec<Round>,
}

/// The result of another load generator: the values that it gave and no others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Its name.
    pub generator: String,
    /// Responses that the times are of.
    pub requests: u64,
    pub values: BTreeMap<Metric, f64>,
}

impl Sample {
    /// The same cell as its fresh start measured it, where there was one.
    pub fn repeated(&self) -> Option<Self> {
        let Again {
            startup,
            startup_disturbed,
            rounds,
        } = self.again.clone()?;
        Some(Self {
            startup,
            startup_disturbed,
            rounds,
            again: None,
            ..self.clone()
        })
    }

    /// CPU time per request as a multiple of the reference's, by pair of rounds; nothing where there
    /// are none, or one tells no CPU time.
    pub fn relative_cpu(&self) -> Option<Vec<f64>> {
        let ratio = |sides: &Sides<Round>| {
            let cpu = sides.as_ref().map(|it| Metric::CpuPerRequest.of_round(it));
            let Sides { head, base } = cpu.both().filter(|it| it.base > 0.0)?;
            Some(head / base)
        };
        let ratios = self.beside_reference.iter().map(ratio);
        let ratios: Vec<_> = ratios.collect::<Option<_>>()?;
        (!ratios.is_empty()).then_some(ratios)
    }

    /// Completed requests of the middle round; of half the rounds there are no more.
    pub fn typical_requests(&self) -> u64 {
        if let Some(summary) = &self.summary {
            return summary.requests;
        }
        let rounds = self.rounds.iter();
        let mut counts: Vec<_> = rounds.map(|round| round.tally.completed()).collect();
        counts.sort_unstable();
        counts
            .get(counts.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(0)
    }
}

/// Where a measurement comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// Version of perfgate.
    pub perfgate: String,
    /// Commit of the measured tree; nothing outside a git repository.
    pub head: Option<String>,
    /// Whether the tree had changes that the commit does not hold.
    pub dirty: bool,
    /// What the head was compared with; filled in by the gate.
    pub base: Option<String>,
    /// Nothing where a result of another load generator was read, which does not tell.
    pub fingerprint: Option<Fingerprint>,
    /// Image identifier by server or service.
    pub images: BTreeMap<String, String>,
    /// How requests reached the servers.
    pub path: String,
    /// Seed of the order of rounds; nothing for the result of another load generator.
    pub seed: Option<u64>,
    pub started: Timestamp,
    /// Length of the whole run.
    pub seconds: f64,
    /// What a reader must know beside the numbers, such as a run without Docker.
    pub notes: Vec<String>,
    /// Which part of the plan this is; nothing for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRecord>,
    /// Why not everything was measured; nothing for a run that came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

impl Provenance {
    /// Whether another load generator measured.
    pub const fn is_imported(&self) -> bool {
        self.seed.is_none()
    }

    /// Length of the whole run in seconds; nothing where another load generator did not tell it.
    pub fn length(&self) -> Option<f64> {
        let is_told = !self.is_imported() || self.seconds > 0.0;
        is_told.then_some(self.seconds)
    }
}

/// The machine of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    pub runner: Runner,
    /// Full kernel release.
    pub kernel: String,
    /// Full version of the container engine, where one was used.
    pub engine: Option<String>,
    /// Memory of the machine in bytes.
    pub memory: u64,
}

/// The class of machines whose numbers may be compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Runner {
    pub architecture: String,
    pub cpu_model: String,
    /// CPUs this process may use.
    pub cores: usize,
    /// First number of the kernel's release.
    pub kernel_major: String,
    /// First number of the engine's version, where one was used.
    pub engine_major: Option<String>,
}
