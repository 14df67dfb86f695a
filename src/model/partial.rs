use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a run ended before everything was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Partial {
    pub reason: String,
    /// The code the run exits with, whatever was found until then.
    pub exit_code: u8,
    /// What was not measured to its end, or not at all.
    pub unfinished: Vec<Unfinished>,
}

/// A cell by its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unfinished {
    pub server: String,
    pub endpoint: String,
}

impl Partial {
    /// Whether anything was left out; a run that measured everything may still have failed to
    /// clean up.
    pub fn is_cut(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// Whether a cell was not measured to its end.
    pub fn lacks(&self, server: &str, endpoint: &str) -> bool {
        let mut cells = self.unfinished.iter();
        cells.any(|cell| cell.server == server && cell.endpoint == endpoint)
    }
}
