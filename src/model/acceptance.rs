use jiff::civil::Date;

use super::{Finding, Metric};

/// A change for the worse that somebody decided to live with, until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    pub server: String,
    pub endpoint: String,
    pub metric: Metric,
    /// Why, for the readers of every report it holds in.
    pub reason: String,
    /// The last day it holds.
    pub until: Date,
}

impl Acceptance {
    /// Whether it speaks of the finding, on whatever day.
    pub fn is_of(&self, finding: &Finding) -> bool {
        self.server == finding.server
            && self.endpoint == finding.endpoint
            && self.metric == finding.metric
    }
}
