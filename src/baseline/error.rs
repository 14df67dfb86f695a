use std::io;
use std::path::PathBuf;

use crate::document;

/// Why baselines cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot list `{}`", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Document(#[from] document::Error),
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Document(error) => error.hint(),
            Self::List { .. } => None,
        }
    }
}
