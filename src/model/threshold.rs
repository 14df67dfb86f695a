use std::collections::BTreeMap;
use std::fmt;

use super::Metric;

/// The rules for one metric of one cell; each says where it was set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Threshold {
    /// Largest relative change for the worse, as a share (0.05 = 5 %).
    pub margin: Option<Rule>,
    /// Absolute change, in the metric's unit, below which nothing matters.
    pub floor: Option<f64>,
    /// Bound on the head alone, in the metric's unit.
    pub ceiling: Option<Rule>,
}

/// One configured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub value: f64,
    /// The rule as written: `max_decrease 5%`.
    pub text: String,
    pub origin: RuleOrigin,
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleOrigin {
    Default,
    File { name: String, line: usize },
}

/// The thresholds of one cell.
pub type Thresholds = BTreeMap<Metric, Threshold>;

impl Threshold {
    /// Whether the user asked for the metric to be judged, rather than a default.
    pub fn is_configured(&self) -> bool {
        let mut rules = self.margin.iter().chain(&self.ceiling);
        rules.any(|rule| rule.origin != RuleOrigin::Default)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            RuleOrigin::Default => write!(f, "{} (default)", self.text),
            RuleOrigin::File { name, line } => write!(f, "{} ({name}:{line})", self.text),
        }
    }
}
