use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Tally;

/// One timed window of load on one endpoint of one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Round {
    pub tally: Tally,
    /// What the server used; nothing where its resources cannot be read (`url = …`).
    pub usage: Option<Usage>,
}

/// Resources of the server, all its processes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time spent between two idle moments around the round.
    pub cpu: Duration,
    /// Working set at the end of the round, in bytes: resident memory without reclaimable cache.
    pub memory: u64,
}

impl Round {
    /// Expected responses per second of the window.
    pub fn throughput(&self) -> f64 {
        self.tally.succeeded_in_window as f64 / self.tally.window.as_secs_f64()
    }

    /// Complete responses of any status.
    pub fn responses(&self) -> u64 {
        self.tally.status.values().sum()
    }

    pub fn failed_or_unfinished(&self) -> u64 {
        self.tally.failed() + self.tally.unfinished
    }
}
