use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Failure, Incident, Provenance};

/// Servers measured beside each other, in order. Its JSON form is a public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranking {
    /// Version of this document's form.
    pub schema: u32,
    /// What all servers were loaded with, in words.
    pub load: String,
    /// One per endpoint, in the order of the configuration.
    pub tables: Vec<Table>,
    /// One per server, the smallest working set first.
    pub footprints: Vec<Footprint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    pub provenance: Provenance,
}

/// The servers on one endpoint, the most requests per second first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Table {
    pub endpoint: String,
    pub standings: Vec<Standing>,
}

/// One server on one endpoint. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// One more than the servers that are certainly faster: servers whose intervals overlap may
    /// share a rank. Absent if too few rounds give an interval.
    pub rank: Option<usize>,
    #[serde(flatten)]
    pub competitor: Competitor,
    /// Median of the rounds, in successful responses per second; absent if no request of a round
    /// ended within it.
    pub throughput: Option<f64>,
    /// Interval of the median at `level`.
    pub interval: Option<[f64; 2]>,
    pub level: f64,
    pub rounds: usize,
    pub latency_p50: Option<f64>,
    pub latency_p99: Option<f64>,
    /// The longest wait seen; no longer than the time-out.
    pub latency_max: Option<f64>,
    pub cpu_per_request: Option<f64>,
    pub requests: u64,
    /// Failed requests by kind, all rounds together.
    pub errors: BTreeMap<Failure, u64>,
    pub unfinished: u64,
    /// Connections that the server closed after a complete response.
    pub closed_by_server: u64,
}

/// Who is ranked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Competitor {
    pub server: String,
    /// How its application is called, such as `WSGI`.
    pub interface: Option<String>,
    /// The proxy that requests went through.
    pub behind: Option<String>,
}

/// What one server takes, whatever it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Footprint {
    #[serde(flatten)]
    pub competitor: Competitor,
    /// Highest working set, in bytes.
    pub memory_peak: Option<f64>,
    /// Resident memory of its processes added up, in bytes.
    pub memory_rss: Option<f64>,
    /// Seconds to the first expected response.
    pub startup_time: Option<f64>,
}

impl Ranking {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
}
