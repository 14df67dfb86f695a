use std::fmt;
use std::path::{Path, PathBuf};

use super::backend::{Backend, Changes, Content, Entry, Over, Written};
use super::git::Git;
use super::remote::{self, Pushed};
use super::{Error, Shared};
use crate::git::credentials::without_credentials;

/// Baselines on a branch of its own that has no work tree: a version is a commit.
pub type Branch = Shared<BranchFiles>;

impl Branch {
    pub fn new(clone: &Path, remote: &str, name: &str) -> Self {
        Self::over(BranchFiles {
            git: Git::new(clone, remote),
            remote: remote.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The files of a branch.
#[derive(Debug, Clone)]
pub struct BranchFiles {
    git: Git,
    remote: String,
    name: String,
}

impl fmt::Display for BranchFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = without_credentials(&self.remote);
        write!(f, "branch `{}` of `{remote}`", self.name)
    }
}

impl BranchFiles {
    fn refused(&self, reason: String) -> Error {
        Error::Refused {
            branch: self.name.clone(),
            remote: without_credentials(&self.remote),
            reason,
        }
    }
}

impl Backend for BranchFiles {
    const HAS_BADGES: bool = true;

    fn shown(&self, path: &str) -> PathBuf {
        format!("{}:{path}", self.name).into()
    }

    fn newest(&self) -> Result<Option<String>, Error> {
        self.git.tip(&self.name)
    }

    fn files(&self, version: &str) -> Result<Vec<Entry>, Error> {
        self.git.files(version)
    }

    fn contents(
        &self,
        files: &[Entry],
        most: impl Fn(&str) -> usize,
    ) -> Result<Vec<Content>, Error> {
        self.git.contents(files, most)
    }

    fn store(&self, text: Vec<u8>) -> Result<String, Error> {
        self.git.store(text)
    }

    fn write(
        &self,
        base: Option<&str>,
        changes: &Changes,
        message: &str,
        over: Over,
    ) -> Result<Written, Error> {
        let (parent, over) = match (over, base) {
            (Over::Everything, Some(base)) => (None, remote::Over::Exactly(base)),
            _ => (base, remote::Over::Ancestors),
        };
        let commit = self.git.commit(base, parent, changes, message)?;
        match self.git.push(&self.name, &commit, over)? {
            Pushed::Done => Ok(Written::Done),
            Pushed::Behind => Ok(Written::Behind),
            Pushed::Refused(reason) => Err(self.refused(reason)),
        }
    }

    fn try_writing(&self) -> Result<(), Error> {
        let base = self.git.tip(&self.name)?;
        let base = base.as_deref();
        let commit = self
            .git
            .commit(base, base, &Changes::default(), "Nothing")?;
        match self.git.try_push(&self.name, &commit)? {
            // Somebody else adds to it right now.
            Pushed::Done | Pushed::Behind => Ok(()),
            Pushed::Refused(reason) => Err(self.refused(reason)),
        }
    }

    fn is_rewritten(&self, error: &Error) -> bool {
        remote::is_rewritten(error)
    }
}
