use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Finding, Incident, Outcome, Provenance, Verdict};

/// All findings of a run. Its JSON form is a public contract; every other format is a view of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this document's form.
    pub schema: u32,
    pub outcome: Outcome,
    /// The code the run exits with.
    pub exit_code: u8,
    pub findings: Vec<Finding>,
    /// What befell the servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    pub provenance: Provenance,
}

impl Report {
    /// The version this program writes and the highest it reads.
    pub const SCHEMA: u32 = 1;

    /// The findings with one verdict, in order.
    pub fn with_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.verdict == verdict)
    }
}
