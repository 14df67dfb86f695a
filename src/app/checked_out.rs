//! Whether what is checked out is what a stored run will be said to be of.

use crate::error::Error;
use crate::git::{self, Git};
use crate::model::{Plan, Store};
use crate::report;

/// Most names of files that an error shows.
const SHOWN: usize = 3;

/// What may be measured and stored.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Whether files may differ from the commit; the stored run is marked as dirty.
    pub allow_dirty: bool,
    /// The commit that is to be measured and stored; any where nobody says.
    pub commit: Option<String>,
}

impl Allowed {
    /// Refuses to measure another commit than the expected one, and files that differ from it.
    pub(super) fn check(&self, plan: &Plan, store: &Store) -> Result<(), Error> {
        let git = Git::at(&plan.root);
        let head = match git.head() {
            // Nothing is said of a commit, then.
            Err(error) if !git::Error::is_refusal(&error) => return Ok(()),
            found => found?,
        };
        let Some(head) = head else { return Ok(()) };
        self.check_commit(&head)?;
        if self.allow_dirty {
            return Ok(());
        }
        // What earlier runs have stored there is no change of the service.
        let folder = match store {
            Store::Folder(folder) => Some(folder.as_path()),
            Store::Branch { .. } | Store::Bucket { .. } => None,
        };
        is_clean(&head, &git.changed(folder)?)
    }

    /// Refuses another commit than the expected one.
    pub(super) fn check_commit(&self, head: &str) -> Result<(), Error> {
        match &self.commit {
            Some(expected) if expected != head => Err(Error::OtherCommit {
                head: head.to_owned(),
                expected: expected.clone(),
            }),
            _ => Ok(()),
        }
    }
}

fn is_clean(head: &str, changed: &[String]) -> Result<(), Error> {
    let mut shown: Vec<_> = changed
        .iter()
        .take(SHOWN)
        .map(|it| report::printable(it))
        .collect();
    if shown.is_empty() {
        return Ok(());
    }
    if changed.len() > SHOWN {
        shown.push(format!("and {} more", changed.len() - SHOWN));
    }
    Err(Error::Dirty {
        head: report::commit(head),
        files: shown.join(", "),
    })
}
