use std::io;
use std::path::PathBuf;

use super::Fault;
use crate::{document, git};

/// Why baselines cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot list `{}`", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("cannot use `{}` as a baseline: it is a symbolic link", path.display())]
    Link { path: PathBuf },
    #[error("cannot remove `{}`", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Document(#[from] document::Error),
    /// There is no good run that a pin could be set at.
    #[error("cannot pin: no good run is stored")]
    NothingToPin,
    #[error(transparent)]
    Git(#[from] git::Error),
    #[error("cannot keep baselines on branch `{branch}` of `{remote}`: {reason}")]
    Refused {
        branch: String,
        remote: String,
        reason: String,
    },
    /// Where a store lies is said by its kind.
    #[error("cannot keep baselines on {store}: others wrote there at each of {tries} tries")]
    Contended { store: String, tries: usize },
    #[error("cannot use `{store}` ({origin}): {fault}")]
    Bucket {
        store: String,
        /// Where it is named.
        origin: String,
        fault: Box<Fault>,
    },
}

impl Error {
    /// What the user can do next.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Document(error) => return error.hint(),
            Self::NothingToPin => "`perfgate baseline refresh --runs 10` measures and stores",
            Self::Link { .. } => "remove it: a store holds its own documents alone",
            Self::List { .. } | Self::Remove { .. } => {
                "let perfgate read and write there, or keep baselines elsewhere: \"dir:FOLDER\""
            }
            Self::Git(error @ git::Error::NotInstalled { .. }) => {
                let hint = error.hint().unwrap_or_default();
                return Some(format!(
                    "{hint}, or keep baselines in a folder: \"dir:FOLDER\""
                ));
            }
            Self::Git(error) => {
                let usual = "the configuration must lie in a clone that has the remote";
                return error.hint().or_else(|| Some(usual.into()));
            }
            Self::Refused { .. } => {
                "allow pushes to the branch; in a workflow: `permissions: { contents: write }`"
            }
            Self::Contended { .. } => "run it again; nothing was lost",
            Self::Bucket { fault, .. } => return Some(fault.hint()),
        };
        Some(hint.into())
    }
}
