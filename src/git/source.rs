use std::path::{Path, PathBuf};

use super::{Error, Git};

/// A repository that is cloned from.
pub(super) struct Source {
    git: Git,
    /// Where its objects are.
    pub(super) common: PathBuf,
    /// Where what belongs to the work tree is; the same but for a linked one.
    pub(super) own: PathBuf,
}

impl Source {
    pub(super) fn from_repository(git: &Git) -> Result<Self, Error> {
        let folder = |which| Ok(git.folder().join(git.ask(&["rev-parse", which])?));
        Ok(Self {
            common: folder("--git-common-dir")?,
            own: folder("--git-dir")?,
            git: git.clone(),
        })
    }

    /// The repository that lies in a folder of git's own.
    pub(super) fn in_store(store: &Path) -> Self {
        Self {
            git: Git::at(store),
            common: store.to_owned(),
            own: store.to_owned(),
        }
    }

    pub(super) const fn git(&self) -> &Git {
        &self.git
    }

    /// What the repository's own settings say of remotes: headers with rights, helpers, other
    /// addresses.
    pub(super) fn settings_of_remotes(&self) -> Result<Vec<(String, String)>, Error> {
        let words = ["config", "--local", "-z", "--get-regexp"];
        let pattern = "^(http|credential|url|lfs)\\.";
        let found = self.git.look(&[words.as_slice(), &[pattern]].concat())?;
        Ok(pairs(&found.unwrap_or_default()))
    }

    /// Whether objects are fetched when they are needed.
    pub(super) fn is_partial(&self) -> Result<bool, Error> {
        let words = ["config", "--get-regexp", "^remote\\..*\\.promisor$"];
        Ok(self.git.look(&words)?.is_some())
    }
}

/// The settings of `config -z`: a key, a new line, a value.
pub(super) fn pairs(listed: &str) -> Vec<(String, String)> {
    let settings = listed.split('\0').filter_map(|it| it.split_once('\n'));
    let owned = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
    owned.collect()
}
