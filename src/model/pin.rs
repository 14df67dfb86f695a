use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Baseline;

/// A mark in the stored history. New runs are held against the runs up to it as well as against
/// the newest, so that small changes for the worse do not add up unseen. Marks are added and never
/// changed; the newest one holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Version of this document's form.
    pub schema: u32,
    /// When it was set.
    pub time: Timestamp,
    /// Commit of the newest run up to it.
    pub commit: Option<String>,
    /// When the newest run up to it was made; absent if the earlier pin was given up.
    pub until: Option<Timestamp>,
    /// Why it was set, or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Pin {
    /// The version this program writes.
    pub const SCHEMA: u32 = 1;
    /// What errors call such a document.
    pub const KIND: &str = "pin";

    /// The pin that holds, of all that were ever set.
    pub fn in_force(pins: impl IntoIterator<Item = Self>) -> Option<Self> {
        let newest = pins.into_iter().max_by_key(|pin| pin.time);
        newest.filter(|pin| pin.until.is_some())
    }

    /// Whether the run was made up to it.
    pub fn covers(&self, run: &Baseline) -> bool {
        self.until.is_some_and(|until| run.time <= until)
    }
}
