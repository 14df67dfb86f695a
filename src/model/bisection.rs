use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Metric, Unit, Verdict};

/// Which commits of a history changed a metric. Its JSON form is a public contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bisection {
    /// Version of this document's form.
    pub schema: u32,
    pub outcome: BisectionOutcome,
    /// The code the run exits with.
    pub exit_code: u8,
    /// The commit that every other one is compared with.
    pub good: CommitInfo,
    pub bad: CommitInfo,
    /// Commits after the good one, up to the bad one.
    pub commits: usize,
    /// What was searched for; absent if nothing regressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<BisectionSubject>,
    /// The change from the good commit to the bad one, by all checks together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeInterval>,
    /// The commits that changed it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub culprits: Vec<Culprit>,
    /// Where else a change may be that was not found, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<SuspectRange>,
    /// Commits that could not be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedCommit>,
    /// In the order in which they were made.
    pub checks: Vec<BisectionCheck>,
    /// What regressed as well between the good commit and the bad one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherRegression>,
}

impl Bisection {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
}

/// The result of a bisection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BisectionOutcome {
    /// At least one commit is named.
    CulpritFound,
    /// It regressed, and the checks do not single out one commit.
    RangeFound,
    /// The bad commit is no worse than the good one.
    NoRegression,
    /// Nobody knows whether the bad commit is worse than the good one.
    Inconclusive,
}

/// A commit, for readers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommitInfo {
    /// Its full name.
    pub name: String,
    /// When its author wrote it (ISO 8601).
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}

/// One metric of one server and endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BisectionSubject {
    pub server: String,
    pub endpoint: String,
    pub metric: Metric,
    pub unit: Unit,
}

/// A relative change with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeInterval {
    /// `head / base - 1`, in the metric's own direction.
    pub change: f64,
    /// Interval of the change at a level of 95 %, smaller end first.
    pub interval: [f64; 2],
}

/// Commits that changed a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Culprit {
    /// One; several where those before the last cannot be measured, so that nobody knows which.
    pub commits: Vec<CommitInfo>,
    /// The commit that they were compared with.
    pub parent: String,
    #[serde(flatten)]
    pub change: ChangeInterval,
    /// Whether the change was measured beside that commit; else it follows from other checks.
    pub direct: bool,
    /// How probable it is that the change is theirs, by all checks.
    pub probability: f64,
}

/// Neighbouring commits among which a change may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuspectRange {
    pub first: CommitInfo,
    pub last: CommitInfo,
    pub commits: usize,
    pub probability: f64,
}

/// A commit that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkippedCommit {
    pub commit: CommitInfo,
    /// Why.
    pub reason: String,
}

/// One comparison of two commits side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BisectionCheck {
    pub base: String,
    pub head: String,
    /// Of what is searched for; absent if the check said nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeInterval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Length of the check.
    pub seconds: f64,
}

/// Something else that regressed between the good commit and the bad one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OtherRegression {
    #[serde(flatten)]
    pub subject: BisectionSubject,
    /// From the good commit to the bad one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<f64>,
    /// The verdict on it at the first culprit; absent if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_culprit: Option<Verdict>,
}
