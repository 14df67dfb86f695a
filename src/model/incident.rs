use std::error::Error;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that befell a server while it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    pub server: String,
    /// What was done with the server: `start`, `warm-up of movies`, `movies, round 3`.
    pub during: String,
    /// What happened, with exit status and reason.
    pub what: String,
    /// The last lines of the server's output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// Whether the server could not be measured to the end, and none of its numbers are kept.
    pub fatal: bool,
}

/// A base that could not be measured, so that the head is compared with something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaseFailure {
    /// The server that it is the base of.
    pub server: String,
    /// The one endpoint that it concerns; nothing for the whole server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What was done with the base: `prepare`, `build`, `set-up`, `start`, `single requests`.
    pub during: String,
    /// What happened, with exit status and reason.
    pub what: String,
    /// The last lines of its output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

impl Incident {
    /// Whether the server itself never came up. Those of pairs do not say what was being done, so
    /// that the error is asked.
    pub fn is_of_start(&self) -> bool {
        let cannot_start = format!("cannot start `{}`", self.server);
        self.during == "start" || self.what.starts_with(&cannot_start)
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
