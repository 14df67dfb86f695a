//! What a server uses.

use std::collections::BTreeSet;
use std::time::Duration;

/// A moment's resources, all processes of the server together. A proxy is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU time since the server's start.
    pub cpu: Duration,
    /// Working set in bytes.
    pub memory: u64,
    /// Resident memory of the processes added up, in bytes.
    pub rss: Option<u64>,
    /// Processes killed because memory ran out, since the server's start.
    pub out_of_memory: u64,
    /// Time for which a quota denied the server the CPU, since its start.
    pub throttled: Duration,
    /// Identifiers of the processes, where they are known.
    pub processes: BTreeSet<i32>,
}
