use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tally;

/// One timed window of load on one endpoint of one server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    pub tally: Tally,
    /// What the server used; nothing where its resources cannot be read (`url = …`).
    pub usage: Option<Usage>,
    /// What the machine did beside it; nothing for rounds of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Processes of the server that ended within the round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnover: Option<Turnover>,
}

/// Resources of the server, all its processes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// CPU time spent between two idle moments around the round.
    pub cpu: Duration,
    /// Highest working set seen in the round, in bytes: memory without reclaimable cache. Of
    /// processes of this host, their proportional set size at the end of the round.
    pub memory: u64,
    /// Resident memory of each process added up at the end of the round, in bytes, as `ps` shows
    /// it: what processes share is counted once for each.
    #[serde(default)]
    pub rss: Option<u64>,
}

/// What kept the machine from its work during a round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Share of all CPUs' time that the hypervisor gave to others.
    pub steal: f64,
    /// Time for which the server, or this process, was denied the CPU by its quota.
    pub throttled: Duration,
    /// Share of the TCP segments sent on this host's network that were lost and sent again.
    #[serde(default)]
    pub lost: f64,
}

/// Processes that came and went within a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turnover {
    pub ended: usize,
    pub started: usize,
    /// Processes that the kernel killed because memory ran out.
    pub out_of_memory: u64,
}

impl Machine {
    /// Share of lost segments that is worth a word: each makes its request 0.2 s later, so that one in
    /// a thousand shows in the percentiles.
    pub const NOTABLE_LOSS: f64 = 0.001;
}

impl Round {
    /// Expected responses per second.
    pub fn throughput(&self) -> f64 {
        self.tally.throughput()
    }
}
