use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Difference, Doubt, Metric, Side, SizeChange, StatementChange, Step, Unit};

/// The judgement of one metric of one server and endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub server: String,
    pub endpoint: String,
    pub metric: Metric,
    pub unit: Unit,
    /// Reference value: the median of the history, or of the base's rounds.
    pub base: Option<f64>,
    /// Value of the head; of pairs what their change makes of the base's.
    pub head: Option<f64>,
    /// `head / base - 1`, in the metric's own direction.
    pub change: Option<f64>,
    /// Interval of the change at `level`, smaller end first.
    pub interval: Option<[f64; 2]>,
    /// Two-sided level of the interval.
    pub level: Option<f64>,
    /// Runs of the history, or pairs of rounds, behind the interval.
    pub pairs: usize,
    pub strategy: Strategy,
    /// Relative margin in force; the absolute floor can make it larger than the configured one.
    pub margin: Option<f64>,
    /// Absolute floor in the metric's unit.
    pub floor: Option<f64>,
    /// The rule that decided, with where it was set.
    pub rule: Option<String>,
    pub verdict: Verdict,
    /// Why, where the numbers alone do not say it.
    pub reason: Option<Reason>,
    /// Smallest change this finding could have called a regression.
    pub detectable: Option<f64>,
    /// For a counter of statements that rose beyond its margin: those that it rose in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementChange>,
    /// For an order of growth: the counter at each size of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<SizeChange>,
    /// Values of stored runs of one key, oldest first: the head's own, or beside a base that of the
    /// newest run on such a machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<f64>,
    /// Positions in the history of runs that regressed, which nothing is judged by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressed_runs: Vec<usize>,
    /// Where the history of what is judged last stepped from one level to another, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// The two values that stored runs lie around, where they fall into two groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<[f64; 2]>,
}

impl Finding {
    /// Whether the head alone breaks a bound, with nothing beside it that it could be worse than.
    pub fn is_broken_bound(&self) -> bool {
        let is_bound = self.reason == Some(Reason::Ceiling) && self.base.is_none();
        is_bound && self.verdict == Verdict::Regression
    }

    /// Whether a rule that the user wrote could not be applied to what was measured. That requests fail
    /// is what a bound on failures is about.
    pub fn is_unjudged_rule(&self) -> bool {
        let lacks_values = self.reason.as_ref().is_some_and(Reason::lacks_values);
        let is_about_failures =
            self.metric == Metric::ErrorRate && matches!(self.reason, Some(Reason::Failing { .. }));
        lacks_values && !is_about_failures && self.verdict == Verdict::Inconclusive
    }
}

/// How head and base were brought together.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The head alone against the stored history of the same key.
    Stored,
    /// Head and base in turn, each with the machine for itself, in an order that is drawn.
    Interleaved,
    /// Head and base at the same time on the same CPUs.
    Duet,
}

impl Strategy {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Interleaved => "interleaved",
            Self::Duet => "duet",
        }
    }

    /// Whether head and base were both measured, in pairs of rounds.
    pub const fn is_paired(self) -> bool {
        !matches!(self, Self::Stored)
    }
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Regression,
    Inconclusive,
    NotJudged,
    Pass,
}

/// What stands behind a verdict that the numbers alone do not explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Reason {
    /// No stored run of this server and endpoint.
    NoBaseline,
    /// Stored runs exist, all of another key.
    Incomparable { differs: Vec<Difference> },
    /// Fewer good runs than a verdict needs.
    ShortHistory { runs: usize, needed: usize },
    /// The percentile needs more requests in a round.
    TooFewRequests { requests: u64, needed: u64 },
    /// No threshold is set for the metric.
    NoThreshold,
    /// The metric could not be read, such as CPU of a server perfgate did not start.
    Unavailable,
    /// A value of zero cannot be compared as a ratio.
    NoRatio,
    /// The base completes nothing where the head does.
    SilentBase,
    /// So many requests of a side failed that what its answers cost is not compared.
    Failing { side: Side },
    /// The base does not have this server or endpoint.
    New,
    /// Beyond a bound only while other programs used the CPUs.
    MachineBusy,
    /// Beyond the margin, within what the history varies by.
    WithinNoise,
    /// Better by more than the margin and the noise.
    Improved,
    /// The load itself was not what it should have been.
    InvalidLoad { doubt: Doubt },
    /// A counter that is not the same for every request rose by less than it varies.
    Varies,
    /// Not enough pairs within the budget to decide.
    Undecided,
    /// It varies too much to decide by as many starts as there may be.
    TooNoisy,
    /// Fresh containers did not show it again.
    NotReproduced,
    /// The base beside itself shows as much.
    SeenInControl,
    /// CPU time was compared beside the reference program, as `relative_cpu`.
    BesideReference,
    /// A bound on what the head does when it has the machine for itself, which it had not.
    NeedsTheMachine,
    /// A absolute limit was crossed.
    Ceiling,
    /// Compared with the newest runs it would do; it is worse than those up to the pin.
    SincePin {
        /// When the pin was set.
        day: Date,
        commit: Option<String>,
    },
    /// The run ended before the cell was measured to its end.
    CutShort,
    /// Worse, and the configuration says that it may be.
    Accepted { reason: String, until: Date },
    /// Worse, and no longer accepted.
    AcceptanceEnded { until: Date },
}

impl Reason {
    /// Whether the reason is that there was nothing to compare with.
    pub const fn lacks_baseline(&self) -> bool {
        matches!(
            self,
            Self::NoBaseline | Self::Incomparable { .. } | Self::ShortHistory { .. }
        )
    }

    /// Whether the reason is that what was measured holds no value that could be judged.
    pub const fn lacks_values(&self) -> bool {
        matches!(
            self,
            Self::TooFewRequests { .. }
                | Self::Unavailable
                | Self::NoRatio
                | Self::SilentBase
                | Self::Failing { .. }
                | Self::NeedsTheMachine
        )
    }
}

/// The outcome of a whole run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    /// At least one cell had nothing to be compared with.
    NoBaseline,
    Inconclusive,
    Regression,
}
