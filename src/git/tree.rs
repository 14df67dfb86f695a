use std::path::{Path, PathBuf};

use super::clone::clone;
use super::scratch::Scratch;
use super::source::Source;
use super::{Error, Git};

/// The files of a commit in a folder of their own: a clone with history and tags, submodules and
/// large files, so that whatever builds in a clone builds there too. The repository that it comes
/// from is only read.
#[derive(Debug)]
pub struct Tree {
    _scratch: Scratch,
    path: PathBuf,
    /// What a clone would have and this one has not.
    pub lacks: Vec<String>,
}

impl Tree {
    /// The files of a commit of the repository that `git` lies in.
    pub fn of(git: &Git, commit: &str) -> Result<Self, Error> {
        let scratch = Scratch::new().map_err(|source| Error::Scratch { source })?;
        let top = git.top()?;
        // Some builds go by the folder's name.
        let name = top.file_name().unwrap_or("repository".as_ref());
        let path = scratch.path().join(name);
        let lacks = clone(&Source::of(git)?, commit, &path)?;
        Ok(Self {
            _scratch: scratch,
            path,
            lacks,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
