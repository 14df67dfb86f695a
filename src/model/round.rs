use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tally;

/// One timed window of load on one endpoint of one server.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Round {
    pub tally: Tally,
    /// What the server used; absent if its resources cannot be read (`url = …`).
    pub usage: Option<Usage>,
    /// What the machine did beside it; nothing for rounds of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Processes of the server that ended within the round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnover: Option<Turnover>,
    /// What the workers of the server did; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
}

/// What the workers of a server used from before a round until they rested after it, at most 5 s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workers {
    /// By the name of the worker.
    pub usage: BTreeMap<String, Usage>,
    /// Jobs that waited in queues at the end of the round; absent if no service reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_left: Option<u64>,
}

/// Resources of the server, all its processes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// CPU time spent between two idle moments around the round.
    pub cpu: Duration,
    /// Highest memory seen in the round, in bytes, without pages of files. Of processes of this host,
    /// their proportional set size at the end of the round.
    pub memory: u64,
    /// Resident memory of each process added up at the end of the round, in bytes, as `ps` shows
    /// it: what processes share is counted once for each.
    #[serde(default)]
    pub rss: Option<u64>,
    /// Memory at the end of the round less that before it, in bytes.
    #[serde(default)]
    pub grown: Option<i64>,
}

/// What kept the machine from its work during a round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Share of all CPUs' time that the hypervisor gave to others.
    pub steal: f64,
    /// Time for which the server, or this process, was denied the CPU by its quota.
    pub throttled: Duration,
    /// The part of it that the server's own quota denied.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub own_quota: Duration,
    /// Share of the TCP segments sent on this host's network that were lost and sent again.
    #[serde(default)]
    pub lost: f64,
    /// How long threads that could run waited for a CPU; absent if the kernel does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_delay: Option<RunDelay>,
    /// What other programs took of the CPUs; absent if they cannot be distinguished from what was
    /// measured, such as a server that ran already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Others>,
    /// The longest time by which a look at the machine came late: nothing ran then.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub stood_still: Duration,
}

/// Time for which threads waited for a CPU, all threads added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunDelay {
    pub server: Duration,
    /// Of Postgres, Redis and the server's proxy.
    pub services: Duration,
    /// Of the load generator's threads.
    pub generator: Duration,
}

/// CPUs taken by programs that belong neither to the stack nor to perfgate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Others {
    /// On average over the round.
    pub mean: f64,
    /// In the busiest part of it, a quarter of a second long.
    pub peak: f64,
    /// Who took most, where that is notable and can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Taker>,
}

/// A program, all its processes together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Taker {
    /// The name of its processes.
    pub name: String,
    /// CPUs it took on average over the round.
    pub cpus: f64,
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
    /// Share of a round from which what was denied to the machine is worth a word.
    pub const NOTABLE_SHARE: f64 = 0.02;
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
