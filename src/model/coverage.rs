use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the plan and what was measured do not name the same servers and endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// In the plan and not measured, without a server that failed or a run that ended early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<CellName>,
    /// Measured and not in the plan: no rule is known for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<CellName>,
    /// In the plan and not measured, because the build is identical to the base's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identical: Vec<CellName>,
    /// Servers whose program or image is the same on both sides although their files differ: that nothing
    /// regressed says nothing of the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_build: Vec<String>,
}

/// A server and one of its endpoints.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct CellName {
    pub server: String,
    pub endpoint: String,
}

impl Coverage {
    /// Whether everything that had to be measured was, and nothing else.
    pub const fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }

    /// Whether the measurement has exactly the plan's servers and endpoints.
    pub const fn is_exact(&self) -> bool {
        self.is_whole() && self.identical.is_empty() && self.same_build.is_empty()
    }
}

impl CellName {
    pub fn new(server: &str, endpoint: &str) -> Self {
        Self {
            server: server.to_owned(),
            endpoint: endpoint.to_owned(),
        }
    }
}
