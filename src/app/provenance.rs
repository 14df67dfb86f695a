//! Which commit is measured, asked of git.

use std::path::Path;

use crate::git::{self, Git};
use crate::model::chain;

/// The commit that is checked out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Commit {
    /// Nothing outside a git repository, and before the first commit.
    pub(super) name: Option<String>,
    /// Whether there are changes beside it, new files included.
    pub(super) is_dirty: bool,
}

/// The commit of the tree at `folder`; a note where there is one and git does not say which.
pub(super) fn head(folder: &Path) -> (Commit, Option<String>) {
    let git = Git::at(folder);
    let read = || {
        Ok(Commit {
            name: git.head()?,
            is_dirty: git.has_changes()?,
        })
    };
    match read() {
        Ok(commit) => (commit, None),
        Err(error) if git::Error::is_refusal(&error) => {
            let note = format!("the measured commit is unknown: {}", why(&error));
            (Commit::default(), Some(note))
        }
        Err(_) => (Commit::default(), None),
    }
}

/// Why git cannot say something, with what helps; for lines that go on.
pub(super) fn why(error: &git::Error) -> String {
    match error {
        git::Error::NoRepository { .. } => "there is no git repository".into(),
        git::Error::NotInstalled { .. } => "git is not installed".into(),
        refused => {
            let hint = refused.hint().map(|hint| format!("; {hint}"));
            format!(
                "git refused: {}{}",
                chain(refused),
                hint.unwrap_or_default()
            )
        }
    }
}
