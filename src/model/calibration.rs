use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, Runner, Verdict};

/// What checks of one build with itself showed, unchanged and with a change of known size. Its JSON form is
/// a public contract.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// Version of this document's form.
    pub schema: u32,
    /// Version of perfgate that made the last check.
    pub perfgate: String,
    /// When the last check ended.
    pub ended: Timestamp,
    /// Digest of what was measured: the configuration file and what was selected of it.
    pub plan: String,
    /// The machine; nothing before the first check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// In the order in which they were made.
    pub checks: Vec<CalibrationCheck>,
    /// What the checks come to.
    pub result: CalibrationResult,
}

impl Calibration {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
}

/// A check of a build beside itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationCheck {
    /// CPU time that was used beside each head, as a share of its own; 0 for an unchanged build.
    pub injected: f64,
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
    /// What was judged.
    pub metrics: Vec<CheckedMetric>,
}

/// What a check said of a metric of a server and endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedMetric {
    pub server: String,
    pub endpoint: String,
    pub metric: Metric,
    pub verdict: Verdict,
    /// Whether the budget ended before it was decided.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_time: bool,
    /// The change that the check showed, relative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// Relative margin in force, its floor included; absent if only a bound is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// The change that four of five checks would find, as the check promised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised: Option<f64>,
    /// Changes of single starts in the order in which they were made, on the log scale, positive for
    /// worse; empty for what is counted exactly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<f64>,
    /// The same of a confirmation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<f64>,
    /// The same of the base beside itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control: Vec<f64>,
}

/// What all checks come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationResult {
    /// Checks of the unchanged build.
    pub unchanged: FailedChecks,
    /// Checks that were simulated from the starts of the unchanged build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<FailedChecks>,
    /// Seconds of a check of the unchanged build, in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// By server, endpoint and metric.
    pub metrics: Vec<CalibratedMetric>,
    /// What of the promises does not hold on this machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<CalibrationWarning>,
}

/// How many checks failed that should have passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailedChecks {
    pub checks: u64,
    pub failed: u64,
    /// Upper bound of the true share at a confidence of 95 %, one-sided (Clopper and Pearson).
    pub at_most: f64,
}

/// What a gate on a metric detects on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibratedMetric {
    pub server: String,
    pub endpoint: String,
    pub metric: Metric,
    /// Relative margin in force.
    pub margin: f64,
    /// Starts of the unchanged build.
    pub starts: usize,
    /// Standard deviation of a start's change, on the log scale.
    pub deviation: f64,
    /// Share of simulated checks of the unchanged build that pass.
    pub passes: f64,
    /// The smallest of the usual margins by which at least 95 % of them pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_margin: Option<f64>,
    /// The relative change that four of five checks find, as the checks promised it: the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised: Option<f64>,
    /// The same by simulation from the starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<f64>,
    /// Checks with a change of known size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub injected: Vec<InjectedChange>,
}

/// What checks with a change of one size showed of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InjectedChange {
    /// CPU time that was used beside each head, as a share of its own.
    pub share: f64,
    /// Checks, and those that called it a regression.
    pub checks: usize,
    pub found: usize,
    /// The relative change that their starts showed on average, with a two-sided 95 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// What of the assumptions behind a promise does not hold on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CalibrationWarning {
    /// One side looks worse though both are the same.
    Leans {
        server: String,
        endpoint: String,
        metric: Metric,
        /// Relative, by as much as the head looks larger on average.
        change: f64,
    },
    /// Starts resemble the ones before.
    Serial { coefficient: f64, chance: f64 },
    /// Checks differ by more than their starts explain.
    Differs {
        server: String,
        endpoint: String,
        metric: Metric,
        /// Standard deviation between checks, on the log scale.
        deviation: f64,
        chance: f64,
    },
    /// The budget ended before all was decided.
    Budget {
        server: String,
        endpoint: String,
        /// Unchanged checks, and those whose budget ended too early.
        checks: usize,
        ended: usize,
        /// How many times as long a budget must be for as many starts as there may be.
        times: f64,
    },
    /// Starts that are far from the others.
    Outliers {
        server: String,
        endpoint: String,
        metric: Metric,
        outliers: usize,
        starts: usize,
    },
}
