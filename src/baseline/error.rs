use std::io;
use std::path::PathBuf;

/// Why baselines cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read the baseline `{}`", path.display())]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("cannot read `{}`: its schema is {found} and this version reads up to {highest}", path.display())]
    Schema {
        path: PathBuf,
        found: u32,
        highest: u32,
    },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Parse { .. } => {
                Some("the file is damaged: remove it, or restore it from where it is kept".into())
            }
            Self::Schema { .. } => Some("update perfgate".into()),
            Self::Read { .. } | Self::Write { .. } => None,
        }
    }
}
