//! One change of the gate, before it is known which other servers and endpoints have it alike.

use crate::model::{GateChangeKind, GateValue, Metric};

/// A change of one cell, or of the whole file.
pub(super) struct Change {
    pub(super) kind: GateChangeKind,
    pub(super) metric: Option<Metric>,
    pub(super) base: Option<GateValue>,
    pub(super) head: Option<GateValue>,
}

impl Change {
    pub(super) const fn from_kind(kind: GateChangeKind) -> Self {
        Self {
            kind,
            metric: None,
            base: None,
            head: None,
        }
    }

    pub(super) fn with_texts(
        kind: GateChangeKind,
        base: Option<String>,
        head: Option<String>,
    ) -> Self {
        Self {
            base: base.map(GateValue::Words),
            head: head.map(GateValue::Words),
            ..Self::from_kind(kind)
        }
    }
}
