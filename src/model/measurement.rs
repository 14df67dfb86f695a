use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellName, CpuProfile, Incident, PairedSample, Partial, Sample, ShardRecord};

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
    pub const SCHEMA: u32 = 2;

    /// Whether a server could not be measured.
    pub fn lacks_a_server(&self) -> bool {
        self.incidents.iter().any(|incident| incident.fatal)
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
    /// Absent in what was imported from another load generator.
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
    /// Why not everything was measured; absent if everything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
}

impl Provenance {
    /// Whether another load generator measured.
    pub const fn is_imported(&self) -> bool {
        self.seed.is_none()
    }

    /// Length of the whole run in seconds; `None` if another load generator did not record it.
    pub fn length(&self) -> Option<f64> {
        let is_known = !self.is_imported() || self.seconds > 0.0;
        is_known.then_some(self.seconds)
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
