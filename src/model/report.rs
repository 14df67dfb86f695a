use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Coverage, CpuProfile, Evidence, Failures, Finding, GateComparison, Incident, Outcome,
    Provenance, Reason, Verdict,
};

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
    /// What the plan has and was not measured, and the other way round.
    #[serde(default, skip_serializing_if = "Coverage::is_exact")]
    pub coverage: Coverage,
    /// What became of the gate itself; absent if there is no base that it could be compared
    /// with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateComparison>,
    /// Why requests failed, for every build of a server and endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failures>,
    pub provenance: Provenance,
    /// What pictures are drawn from; nothing in reports of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Where the CPU time of cells that regressed went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<CpuProfile>,
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

    /// How many findings have a verdict.
    pub fn judged(&self) -> usize {
        let judged = |it: &&Finding| it.verdict != Verdict::NotJudged;
        self.findings.iter().filter(judged).count()
    }

    /// The servers that could not be measured, each with what befell it.
    pub fn not_measured(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|it| it.fatal)
    }

    /// Whether anything had nothing to be compared with.
    pub fn lacks_baseline(&self) -> bool {
        let lacks = |it: &Finding| it.reason.as_ref().is_some_and(Reason::lacks_baseline);
        let has_nothing = self.findings.is_empty() && self.coverage.identical.is_empty();
        has_nothing || self.findings.iter().any(lacks)
    }

    /// Whether the gate measures less than the base's, or judges more loosely.
    pub fn has_weaker_gate(&self) -> bool {
        self.gate.as_ref().is_some_and(GateComparison::is_weaker)
    }
}
