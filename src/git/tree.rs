use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::clone::clone;
use super::kept::Kept;
use super::scratch::Scratch;
use super::source::Source;
use super::{Error, Git};
use crate::model::Side;

/// How cargo calls the folder that it builds into.
const TARGET: &str = "target";

/// The files of a commit in a folder of their own: a clone with history and tags, submodules and
/// large files, so that whatever builds in a clone builds there too. The repository that it comes
/// from is only read.
#[derive(Debug)]
pub struct Tree {
    storage: Storage,
    path: PathBuf,
    /// What a clone would have and this one has not.
    pub lacks: Vec<String>,
}

/// Where a tree lies.
#[derive(Debug)]
enum Storage {
    Scratch { _folder: Scratch },
    Kept(Kept),
}

impl Tree {
    /// The files of a commit of the repository that `git` lies in.
    pub fn at(git: &Git, commit: &str) -> Result<Self, Error> {
        let folder = Scratch::new().map_err(|source| Error::Scratch { source })?;
        let path = folder.path().to_owned();
        Self::in_folder(git, commit, &path, Storage::Scratch { _folder: folder })
    }

    /// The same where builds of this side find what the one before has left, unless another run is there.
    pub fn reusable(git: &Git, commit: &str, side: Side) -> Result<Self, Error> {
        match Kept::for_side(&git.top()?, side) {
            Some(kept) => Self::in_folder(git, commit, &kept.tree(), Storage::Kept(kept)),
            None => Self::at(git, commit),
        }
    }

    fn in_folder(git: &Git, commit: &str, folder: &Path, storage: Storage) -> Result<Self, Error> {
        let top = git.top()?;
        // Some builds go by the folder's name.
        let name = top.file_name().unwrap_or("repository".as_ref());
        let path = folder.join(name);
        fs::create_dir_all(folder).map_err(|source| Error::Scratch { source })?;
        let lacks = clone(&Source::from_repository(git)?, commit, &path)?;
        Ok(Self {
            storage,
            path,
            lacks,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets cargo build a workspace of the tree into the folder that is kept. git takes no note of it.
    pub fn keep_target(&self, workspace: &Path) -> io::Result<()> {
        let Storage::Kept(kept) = &self.storage else {
            return Ok(());
        };
        let target = workspace.join(TARGET);
        let (Ok(below), Err(_)) = (
            workspace.strip_prefix(&self.path),
            target.symlink_metadata(),
        ) else {
            return Ok(());
        };
        let kept = kept.target(below);
        fs::create_dir_all(&kept)?;
        symlink(&kept, target)?;
        let info = self.path.join(".git/info");
        fs::create_dir_all(&info)?;
        let mut exclude = OpenOptions::new()
            .create(true)
            .append(true)
            .open(info.join("exclude"))?;
        writeln!(exclude, "{TARGET}")
    }
}
