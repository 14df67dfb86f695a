use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, Metric, Outcome, Unit};

/// The stored runs of every server and endpoint over time. Its JSON form is a public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Version of this document's form.
    pub schema: u32,
    /// Those with the worst step first.
    pub cells: Vec<CellSeries>,
}

/// The runs of one key of a server and endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellSeries {
    pub server: String,
    pub endpoint: String,
    /// In what the key differs from that of the newest run of this server and endpoint.
    pub differs: Vec<Difference>,
    /// Oldest first.
    pub runs: Vec<RunMark>,
    /// Runs of further keys, too few to be shown.
    pub other_runs: usize,
    pub series: Vec<Series>,
}

/// A run of a series, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMark {
    pub commit: Option<String>,
    pub time: Timestamp,
    pub verdict: Outcome,
}

/// One metric over the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub metric: Metric,
    pub unit: Unit,
    /// One for every run; absent if it has none.
    pub values: Vec<Option<f64>>,
    pub newest: f64,
    /// Of the good runs that a new one is compared with; of all where none is good.
    pub median: f64,
    /// Oldest first.
    pub steps: Vec<Step>,
}

/// Where a series steps from one level to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Index of the first run of the new level.
    pub run: usize,
    pub commit: Option<String>,
    /// The last other commit that runs were stored of before; the step lies between both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    pub time: Timestamp,
    /// Median of the level before, in the metric's unit.
    pub before: f64,
    /// Median of the new level.
    pub after: f64,
    /// `after / before - 1`.
    pub change: Option<f64>,
    pub worse: bool,
}

impl Trend {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
}
