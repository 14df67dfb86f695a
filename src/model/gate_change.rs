use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellName, Metric};

/// The gate itself beside that of the base: what the head's configuration measures less, or judges
/// more loosely.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateComparison {
    /// Commit whose configuration the head's was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Why there was no configuration to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    pub changes: Vec<GateChange>,
}

/// One change of the configuration, of all servers and endpoints that have it alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateChange {
    pub kind: GateChangeKind,
    /// What it is of; none for what holds for the whole file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<CellName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What the base's configuration says; absent if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<GateValue>,
    /// What the head's says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<GateValue>,
}

/// A value of a configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GateValue {
    /// In the metric's unit.
    Amount(f64),
    /// As it is written, with where that is known.
    Words(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateChangeKind {
    /// A server that is no longer measured.
    ServerRemoved,
    /// An endpoint that is no longer measured.
    EndpointRemoved,
    /// Stored runs exist of what is no longer measured; no configuration of a base is known.
    StoredUnmeasured,
    /// A server that perfgate no longer starts: its resources cannot be read, and it has no base.
    NoLongerStarted,
    /// The program of a server, or what it is compared with, comes from elsewhere.
    SourceChanged,
    /// A server may use more of the machine than the base.
    LimitRaised,
    /// What a worker or a service does is no longer read, or CPU time no longer beside the same reference
    /// program.
    NoLongerCounted,
    /// The endpoint of this name is another request.
    RequestChanged,
    /// More responses count as a success.
    ExpectationLoosened,
    /// A metric that is no longer judged, by a change or by a bound.
    RuleRemoved,
    MarginLooser,
    CeilingLooser,
    FloorRaised,
    /// Another load, or less time for it.
    LoadChanged,
    /// A regression that passes, or passes for longer.
    AcceptanceAdded,
    /// Other stored runs are compared with.
    BaselineChanged,
    ServerAdded,
    EndpointAdded,
}

impl GateComparison {
    /// One that could not be made.
    pub fn unknown(base: Option<String>, why: impl Into<String>) -> Self {
        Self {
            base,
            unknown: Some(why.into()),
            changes: Vec::new(),
        }
    }

    /// Whether somebody should look at the gate before it is trusted. What is new takes nothing
    /// away.
    pub fn is_weaker(&self) -> bool {
        self.changes.iter().any(|it| !it.is_addition())
    }
}

impl GateChange {
    pub const fn is_addition(&self) -> bool {
        matches!(
            self.kind,
            GateChangeKind::ServerAdded | GateChangeKind::EndpointAdded
        )
    }
}

impl GateValue {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Words(text.into())
    }
}
