use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Evidence, Failures, Finding, Incident, Outcome, Provenance, Verdict};

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
    /// Why requests failed, for every build of a server and endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failures>,
    pub provenance: Provenance,
    /// What pictures are drawn from; nothing in reports of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Report {
    /// The version this program writes and the highest it reads.
    pub const SCHEMA: u32 = 1;

    /// What one cell's pictures are drawn from.
    pub fn evidence(&self, server: &str, endpoint: &str) -> Option<&Evidence> {
        let of_cell = |it: &&Evidence| it.server == server && it.endpoint == endpoint;
        self.evidence.iter().find(of_cell)
    }

    /// The findings with one verdict, in order.
    pub fn with_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.verdict == verdict)
    }
}
