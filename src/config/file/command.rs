//! Commands of the file.

use schemars::JsonSchema;
use serde::Deserialize;

/// A command as one word (a program) or as a list of words.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a program or a list of words")]
pub(in super::super) enum Command {
    Program(String),
    Words(Vec<String>),
}

impl Command {
    pub(in super::super) fn arguments(self) -> Vec<String> {
        match self {
            Self::Program(program) => vec![program],
            Self::Words(words) => words,
        }
    }
}
