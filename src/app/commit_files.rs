//! Compose files as a commit has them.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::compose::{Files, Folder};
use crate::git::Git;
use crate::model::chain;

/// Files of a commit; those that it lacks are the head's, as git ignores them.
pub(super) struct CommitFiles<'a> {
    git: &'a Git,
    commit: &'a str,
    head: Folder,
    /// Every path that it holds, from the folder on.
    held: OnceCell<BTreeSet<String>>,
}

impl<'a> CommitFiles<'a> {
    pub(super) fn at_commit(git: &'a Git, commit: &'a str, root: &Path) -> Self {
        Self {
            git,
            commit,
            head: Folder::at(root),
            held: OnceCell::new(),
        }
    }

    fn held(&self) -> &BTreeSet<String> {
        self.held.get_or_init(|| {
            let words = ["ls-tree", "-r", "-z", "--name-only", self.commit];
            let listed = self.git.ask(&words).unwrap_or_default();
            let names = listed.split('\0').filter(|it| !it.is_empty());
            names.map(str::to_owned).collect()
        })
    }

    fn name(path: &Path) -> String {
        let parts = path.components().map(|it| it.as_os_str().to_string_lossy());
        parts.filter(|it| it != ".").collect::<Vec<_>>().join("/")
    }

    /// The paths of what a folder holds, below it.
    fn below(&self, path: &Path) -> impl Iterator<Item = &str> {
        let folder = Self::name(path);
        let start = if folder.is_empty() {
            folder
        } else {
            folder + "/"
        };
        self.held()
            .iter()
            .filter_map(move |it| it.strip_prefix(&start))
    }
}

impl Files for CommitFiles<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        let name = Self::name(path);
        if !self.held().contains(&name) {
            return self.head.read(path);
        }
        let text = self
            .git
            .ask(&["show", &format!("{}:./{name}", self.commit)]);
        text.map_err(|error| io::Error::other(chain(&error)))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.held().contains(&Self::name(path)) || self.head.is_file(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.below(path).next().is_some() || self.head.is_dir(path)
    }

    fn names(&self, path: &Path) -> Vec<String> {
        let names = self.below(path).filter_map(|it| it.split('/').next());
        let names: BTreeSet<_> = names.map(str::to_owned).collect();
        if names.is_empty() {
            self.head.names(path)
        } else {
            names.into_iter().collect()
        }
    }
}
